//! The logical ids of Snapback's parts in `template.yaml`. `UPDATE=1 cargo test -p workspace-tests` writes this file.

pub(super) const RULES: &[&str] = &[
    "S3Rule",
    "S3ControlRule",
    "S3Schedule",
    "Ec2Rule",
    "Ec2ServiceRule",
    "Ec2Schedule",
    "IamRule",
    "PoliciesSnsRule",
    "PoliciesSqsRule",
    "OwnDynamodbRule",
    "OwnEventsRule",
    "OwnIamRule",
    "OwnKmsRule",
    "OwnLambdaRule",
    "OwnSnsRule",
    "OwnSqsRule",
    "OwnSchedule",
    "RedriveSchedule",
];

pub(super) const FUNCTIONS: &[&str] = &[
    "S3Function",
    "Ec2Function",
    "IamFunction",
    "PoliciesFunction",
    "OwnFunction",
    "RedriveFunction",
];

pub(super) const ROLES: &[&str] = &["S3Role", "Ec2Role", "IamRole", "PoliciesRole", "OwnRole", "RedriveRole"];

pub(super) const TOPICS: &[&str] = &["Topic"];

pub(super) const TABLES: &[&str] = &["Journal"];

pub(super) const QUEUES: &[&str] = &["RuleDeadLetters", "FunctionDeadLetters", "GivenUpEvents"];

/// The functions for which the stack reserves no concurrency, whatever its parameter says.
pub(crate) const UNRESERVED: &[&str] = &["RedriveFunction"];
