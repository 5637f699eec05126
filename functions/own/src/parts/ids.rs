//! The logical ids of Snapback's parts in `template.yaml`. `UPDATE=1 cargo test -p workspace-tests` writes this file.

pub(super) const RULES: &[&str] = &[
    "S3Rule",
    "S3ControlRule",
    "S3ExpressRule",
    "S3TablesRule",
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
    "OwnLogsRule",
    "OwnMonitoringRule",
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

pub(super) const QUEUES: &[&str] = &["RuleDeadLetters", "FunctionDeadLetters", "DelayedEvents", "GivenUpEvents"];

pub(super) const ALARMS: &[&str] = &[
    "S3Errors",
    "S3Throttles",
    "Ec2Errors",
    "Ec2Throttles",
    "IamErrors",
    "IamThrottles",
    "PoliciesErrors",
    "PoliciesThrottles",
    "OwnErrors",
    "OwnThrottles",
    "OwnAsleep",
    "UndeliveredEvents",
    "UnhandledEvents",
    "GivenUp",
    "RedriveErrors",
];

pub(super) const LOG_GROUPS: &[&str] = &["S3Logs", "Ec2Logs", "IamLogs", "PoliciesLogs", "OwnLogs", "RedriveLogs"];

/// The functions for which the stack reserves no concurrency, whatever its parameter says.
pub(crate) const UNRESERVED: &[&str] = &["RedriveFunction"];

/// The policies of the keys, in which `${…}` is what CloudFormation knows.
pub(crate) const POLICIES: &[(&str, &str)] = &[
    ("JournalKey", r#"{"Version":"2012-10-17","Statement":[{"Sid":"AccountDecides","Effect":"Allow","Principal":{"AWS":"arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},"Action":"kms:*","Resource":"*"},{"Sid":"FunctionsSeal","Effect":"Allow","Principal":{"AWS":["${S3Role.Arn}","${Ec2Role.Arn}","${IamRole.Arn}","${PoliciesRole.Arn}","${OwnRole.Arn}"]},"Action":["kms:GenerateMac","kms:VerifyMac"],"Resource":"*"},{"Sid":"OwnFunctionRestores","Effect":"Allow","Principal":{"AWS":"${OwnRole.Arn}"},"Action":["kms:DescribeKey","kms:EnableKey","kms:CancelKeyDeletion"],"Resource":"*"},{"Sid":"NobodyElseSeals","Effect":"Deny","Principal":"*","Action":"kms:GenerateMac","Resource":"*","Condition":{"ArnNotEquals":{"aws:PrincipalArn":["${S3Role.Arn}","${Ec2Role.Arn}","${IamRole.Arn}","${PoliciesRole.Arn}","${OwnRole.Arn}","${Operators}"]}}},{"Sid":"AliasStays","Effect":"Deny","Principal":"*","Action":["kms:UpdateAlias","kms:DeleteAlias"],"Resource":"*"}]}"#),
    ("TopicKey", r#"{"Version":"2012-10-17","Statement":[{"Sid":"AccountDecides","Effect":"Allow","Principal":{"AWS":"arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},"Action":"kms:*","Resource":"*"},{"Sid":"AlarmsAnnounce","Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"${AWS::AccountId}"}}}]}"#),
];

pub(crate) const ROUTES: &[(&str, &str, &str)] = &[];
