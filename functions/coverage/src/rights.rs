//! What looking at coverage needs, in the account of the hub as in its members: reads, and nothing else.

use snapback::right::{On, Right};

const REGIONS: On = On::new("Regions", &["*"]).why("AWS knows no resource for these.");

const TRAILS: On = On::new("Trails", &["arn:${AWS::Partition}:cloudtrail:*:*:trail/*"])
    .why("The organization's trail is the management account's, and is at work in every other.");

const HUB: On = On::new("Hub", &["arn:${AWS::Partition}:events:*:${AWS::AccountId}:event-bus/${AWS::StackName}-hub"]);

const RULES: On = On::new(
    "Rules",
    &[
        "arn:${AWS::Partition}:events:*:${AWS::AccountId}:rule/${AWS::StackName}-*",
        "arn:${AWS::Partition}:events:*:${AWS::AccountId}:rule/${AWS::StackName}-hub/${AWS::StackName}-*",
    ],
);

const ROLES: On = On::new("Roles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-*"]);

/// What is read, whoever looks: the function, or an operator.
pub const READS: &[Right] = &[
    REGIONS.right("cloudtrail:DescribeTrails"),
    REGIONS.right("ec2:DescribeRegions"),
    REGIONS.right("events:ListRules"),
    TRAILS.right("cloudtrail:GetEventSelectors"),
    TRAILS.right("cloudtrail:GetTrailStatus"),
    HUB.right("events:DescribeEventBus"),
    RULES.right("events:ListTargetsByRule"),
    ROLES.right("iam:GetRole"),
    ROLES.right("iam:GetRolePolicy"),
];
