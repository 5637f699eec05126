//! What IAM has to allow for the controls of detectors, and on what.

pub(crate) use snapback::buckets::GET_BUCKET_LOCATION;
use snapback::right::{OWN_REGION, On, Right, When};

const RECORDERS: On =
    On::new("Recorders", &["arn:${AWS::Partition}:config:${AWS::Region}:${AWS::AccountId}:configuration-recorder/*"]);
pub(crate) const LIST_TAGS: Right = RECORDERS.right("config:ListTagsForResource");
pub(crate) const DELETE_RECORDER: Right = RECORDERS.right("config:DeleteConfigurationRecorder");
pub(crate) const START_RECORDER: Right = RECORDERS.right("config:StartConfigurationRecorder");
pub(crate) const STOP_RECORDER: Right = RECORDERS.right("config:StopConfigurationRecorder");

const ALL: On = On::new("All", &["*"]);
pub(crate) const DESCRIBE_RECORDERS: Right = ALL.right("config:DescribeConfigurationRecorders");
pub(crate) const DESCRIBE_RECORDER_STATUS: Right = ALL.right("config:DescribeConfigurationRecorderStatus");
pub(crate) const DESCRIBE_CHANNELS: Right = ALL.right("config:DescribeDeliveryChannels");

const BOTH: On = On::new("RecordersAndChannels", &["*"])
    .when(&[OWN_REGION])
    .why("Config has no ARN of a recorder that is about to be made, nor of delivery channels; there is one of each in a Region.");
pub(crate) const PUT_RECORDER: Right = BOTH.right("config:PutConfigurationRecorder");
pub(crate) const TAG_RECORDER: Right = BOTH.right("config:TagResource");
pub(crate) const PUT_CHANNEL: Right = BOTH.right("config:PutDeliveryChannel");
pub(crate) const DELETE_CHANNEL: Right = BOTH.right("config:DeleteDeliveryChannel");

const OWN_ROLE: On = On::new(
    "ConfigRole",
    &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"],
)
.when(&[When::new("StringEquals", "iam:PassedToService", &["config.amazonaws.com"])])
.why("Config asks this of whoever puts a recorder. Recorders with a role of the account's own are left to an operator.");
pub(crate) const PASS_CONFIG_ROLE: Right = OWN_ROLE.right("iam:PassRole");

/// What reads all that there is of a recorder, where it delivers, and whose that bucket is.
pub(crate) const READ_ALL: &[Right] =
    &[DESCRIBE_RECORDERS, DESCRIBE_RECORDER_STATUS, DESCRIBE_CHANNELS, LIST_TAGS, GET_BUCKET_LOCATION];
