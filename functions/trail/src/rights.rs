//! What IAM has to allow for the controls of CloudTrail, and on what.

pub(crate) use snapback::buckets::GET_BUCKET_LOCATION;
use snapback::right::{On, Right};

const TRAILS: On = On::new("Trails", &["arn:${AWS::Partition}:cloudtrail:${AWS::Region}:${AWS::AccountId}:trail/*"])
    .why("A trail for all Regions is changed in its home Region, and only there.");
pub(crate) const GET_EVENT_SELECTORS: Right = TRAILS.right("cloudtrail:GetEventSelectors");
pub(crate) const GET_INSIGHT_SELECTORS: Right = TRAILS.right("cloudtrail:GetInsightSelectors");
pub(crate) const GET_TRAIL: Right = TRAILS.right("cloudtrail:GetTrail");
pub(crate) const GET_TRAIL_STATUS: Right = TRAILS.right("cloudtrail:GetTrailStatus");
pub(crate) const LIST_TAGS: Right = TRAILS.right("cloudtrail:ListTags");
pub(crate) const ADD_TAGS: Right = TRAILS.right("cloudtrail:AddTags");
pub(crate) const CREATE_TRAIL: Right = TRAILS.right("cloudtrail:CreateTrail");
pub(crate) const DELETE_TRAIL: Right = TRAILS.right("cloudtrail:DeleteTrail");
pub(crate) const PUT_EVENT_SELECTORS: Right = TRAILS.right("cloudtrail:PutEventSelectors");
pub(crate) const PUT_INSIGHT_SELECTORS: Right = TRAILS.right("cloudtrail:PutInsightSelectors");
pub(crate) const START_LOGGING: Right = TRAILS.right("cloudtrail:StartLogging");
pub(crate) const STOP_LOGGING: Right = TRAILS.right("cloudtrail:StopLogging");
pub(crate) const UPDATE_TRAIL: Right = TRAILS.right("cloudtrail:UpdateTrail");

const ALL: On = On::new("All", &["*"]);
pub(crate) const DESCRIBE_TRAILS: Right = ALL.right("cloudtrail:DescribeTrails");

/// What reads all that there is of a trail, and whose its bucket is.
pub(crate) const READ_ALL: &[Right] =
    &[GET_TRAIL, GET_TRAIL_STATUS, GET_EVENT_SELECTORS, GET_INSIGHT_SELECTORS, LIST_TAGS, GET_BUCKET_LOCATION];
