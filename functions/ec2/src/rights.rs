//! What IAM has to allow for the controls of EC2, and on what.

use snapback::right::{OWN_REGION, On, Right, When};

const DESCRIPTIONS: On = On::new("Descriptions", &["*"])
    .why("Describe actions take no resource, and a prefix list may be another account's or AWS's own.");
pub(crate) const DESCRIBE_FLOW_LOGS: Right = DESCRIPTIONS.right("ec2:DescribeFlowLogs");
pub(crate) const DESCRIBE_IMAGE_ATTRIBUTE: Right = DESCRIPTIONS.right("ec2:DescribeImageAttribute");
pub(crate) const DESCRIBE_IMAGES: Right = DESCRIPTIONS.right("ec2:DescribeImages");
pub(crate) const DESCRIBE_INSTANCES: Right = DESCRIPTIONS.right("ec2:DescribeInstances");
pub(crate) const DESCRIBE_MANAGED_PREFIX_LISTS: Right = DESCRIPTIONS.right("ec2:DescribeManagedPrefixLists");
pub(crate) const DESCRIBE_NETWORK_ACLS: Right = DESCRIPTIONS.right("ec2:DescribeNetworkAcls");
pub(crate) const DESCRIBE_SECURITY_GROUP_RULES: Right = DESCRIPTIONS.right("ec2:DescribeSecurityGroupRules");
pub(crate) const DESCRIBE_SECURITY_GROUPS: Right = DESCRIPTIONS.right("ec2:DescribeSecurityGroups");
pub(crate) const DESCRIBE_SNAPSHOT_ATTRIBUTE: Right = DESCRIPTIONS.right("ec2:DescribeSnapshotAttribute");
pub(crate) const DESCRIBE_SNAPSHOTS: Right = DESCRIPTIONS.right("ec2:DescribeSnapshots");
pub(crate) const DESCRIBE_TAGS: Right = DESCRIPTIONS.right("ec2:DescribeTags");
pub(crate) const DESCRIBE_TRAFFIC_MIRROR_TARGETS: Right = DESCRIPTIONS.right("ec2:DescribeTrafficMirrorTargets");
pub(crate) const DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSIONS: Right =
    DESCRIPTIONS.right("ec2:DescribeVpcBlockPublicAccessExclusions");
pub(crate) const DESCRIBE_VPC_ENDPOINT_SERVICE_CONFIGURATIONS: Right =
    DESCRIPTIONS.right("ec2:DescribeVpcEndpointServiceConfigurations");
pub(crate) const DESCRIBE_VPC_ENDPOINT_SERVICE_PERMISSIONS: Right =
    DESCRIPTIONS.right("ec2:DescribeVpcEndpointServicePermissions");
pub(crate) const DESCRIBE_VPC_ENDPOINTS: Right = DESCRIPTIONS.right("ec2:DescribeVpcEndpoints");
pub(crate) const GET_MANAGED_PREFIX_LIST_ENTRIES: Right = DESCRIPTIONS.right("ec2:GetManagedPrefixListEntries");

const ACCOUNT: On =
    On::new("Account", &["*"]).when(&[OWN_REGION]).why("Settings of the account in this Region. They have no ARN.");
pub(crate) const DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS: Right =
    ACCOUNT.right("ec2:DescribeVpcBlockPublicAccessOptions");
pub(crate) const GET_ALLOWED_IMAGES_SETTINGS: Right = ACCOUNT.right("ec2:GetAllowedImagesSettings");
pub(crate) const GET_EBS_ENCRYPTION_BY_DEFAULT: Right = ACCOUNT.right("ec2:GetEbsEncryptionByDefault");
pub(crate) const GET_IMAGE_BLOCK_PUBLIC_ACCESS_STATE: Right = ACCOUNT.right("ec2:GetImageBlockPublicAccessState");
pub(crate) const GET_SERIAL_CONSOLE_ACCESS_STATUS: Right = ACCOUNT.right("ec2:GetSerialConsoleAccessStatus");
pub(crate) const GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE: Right = ACCOUNT.right("ec2:GetSnapshotBlockPublicAccessState");
pub(crate) const DISABLE_ALLOWED_IMAGES_SETTINGS: Right = ACCOUNT.right("ec2:DisableAllowedImagesSettings");
pub(crate) const DISABLE_EBS_ENCRYPTION_BY_DEFAULT: Right = ACCOUNT.right("ec2:DisableEbsEncryptionByDefault");
pub(crate) const DISABLE_IMAGE_BLOCK_PUBLIC_ACCESS: Right = ACCOUNT.right("ec2:DisableImageBlockPublicAccess");
pub(crate) const DISABLE_SERIAL_CONSOLE_ACCESS: Right = ACCOUNT.right("ec2:DisableSerialConsoleAccess");
pub(crate) const DISABLE_SNAPSHOT_BLOCK_PUBLIC_ACCESS: Right = ACCOUNT.right("ec2:DisableSnapshotBlockPublicAccess");
pub(crate) const ENABLE_ALLOWED_IMAGES_SETTINGS: Right = ACCOUNT.right("ec2:EnableAllowedImagesSettings");
pub(crate) const ENABLE_EBS_ENCRYPTION_BY_DEFAULT: Right = ACCOUNT.right("ec2:EnableEbsEncryptionByDefault");
pub(crate) const ENABLE_IMAGE_BLOCK_PUBLIC_ACCESS: Right = ACCOUNT.right("ec2:EnableImageBlockPublicAccess");
pub(crate) const ENABLE_SERIAL_CONSOLE_ACCESS: Right = ACCOUNT.right("ec2:EnableSerialConsoleAccess");
pub(crate) const ENABLE_SNAPSHOT_BLOCK_PUBLIC_ACCESS: Right = ACCOUNT.right("ec2:EnableSnapshotBlockPublicAccess");
/// Its modes are all set by this call, `off` as well.
pub(crate) const MODIFY_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS: Right = ACCOUNT.right("ec2:ModifyVpcBlockPublicAccessOptions");

const SECURITY_GROUPS: On = On::new(
    "SecurityGroups",
    &[
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group-rule/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:*:prefix-list/*",
    ],
)
.why(
    "AWS's authorization table names the group alone, also where a rule is revoked by its own id. The \
        rule stands here too, so that a revert does not hang on that table: granting it opens nothing more. \
        And a rule that is changed back may name a prefix list, also one of another account.",
);
pub(crate) const REVOKE_SECURITY_GROUP_INGRESS: Right = SECURITY_GROUPS.right("ec2:RevokeSecurityGroupIngress");
pub(crate) const REVOKE_SECURITY_GROUP_EGRESS: Right = SECURITY_GROUPS.right("ec2:RevokeSecurityGroupEgress");
pub(crate) const MODIFY_SECURITY_GROUP_RULES: Right = SECURITY_GROUPS.right("ec2:ModifySecurityGroupRules");
pub(crate) const AUTHORIZE_SECURITY_GROUP_INGRESS: Right = SECURITY_GROUPS.right("ec2:AuthorizeSecurityGroupIngress");
pub(crate) const AUTHORIZE_SECURITY_GROUP_EGRESS: Right = SECURITY_GROUPS.right("ec2:AuthorizeSecurityGroupEgress");

const RULE_TAGS: On =
    On::new("RuleTags", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group-rule/*"]).when(&[
        When::new(
            "StringEquals",
            "ec2:CreateAction",
            &["AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"],
        ),
    ]);
pub(crate) const TAG_RULES: Right = RULE_TAGS.right("ec2:CreateTags");

const SNAPSHOTS: On = On::new("Snapshots", &["arn:${AWS::Partition}:ec2:${AWS::Region}::snapshot/*"])
    .when(&[When::new("Null", "ec2:Add/userId", &["true"]), When::new("Null", "ec2:Add/group", &["true"])])
    .why(
        "ARNs of snapshots have no account; only the owner can change with whom one is shared. Nobody may be \
        added, a condition that IAM knows for snapshots alone.",
    );
pub(crate) const UNSHARE_SNAPSHOT: Right = SNAPSHOTS.right("ec2:ModifySnapshotAttribute");

const SHARED_SNAPSHOTS: On = On::new("SharedSnapshots", &["arn:${AWS::Partition}:ec2:${AWS::Region}::snapshot/*"]);
pub(crate) const SHARE_SNAPSHOT: Right = SHARED_SNAPSHOTS.right("ec2:ModifySnapshotAttribute");

const IMAGES: On = On::new("Images", &["arn:${AWS::Partition}:ec2:${AWS::Region}::image/*"])
    .why("ARNs of AMIs have no account; only the owner can change with whom one is shared.");
pub(crate) const MODIFY_IMAGE_ATTRIBUTE: Right = IMAGES.right("ec2:ModifyImageAttribute");

const ENDPOINT_SERVICES: On =
    On::new("EndpointServices", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-endpoint-service/*"]);
pub(crate) const MODIFY_VPC_ENDPOINT_SERVICE_CONFIGURATION: Right =
    ENDPOINT_SERVICES.right("ec2:ModifyVpcEndpointServiceConfiguration");
pub(crate) const MODIFY_VPC_ENDPOINT_SERVICE_PERMISSIONS: Right =
    ENDPOINT_SERVICES.right("ec2:ModifyVpcEndpointServicePermissions");

const VPC_ENDPOINTS: On =
    On::new("VpcEndpoints", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-endpoint/*"])
        .why("Routes, subnets and groups of an endpoint are resources of their own, and are not named here.");
pub(crate) const MODIFY_VPC_ENDPOINT: Right = VPC_ENDPOINTS.right("ec2:ModifyVpcEndpoint");

const PREFIX_LISTS: On =
    On::new("PrefixLists", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:prefix-list/*"]);
pub(crate) const MODIFY_MANAGED_PREFIX_LIST: Right = PREFIX_LISTS.right("ec2:ModifyManagedPrefixList");

const NETWORK_ACLS: On =
    On::new("NetworkAcls", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-acl/*"]);
pub(crate) const CREATE_NETWORK_ACL_ENTRY: Right = NETWORK_ACLS.right("ec2:CreateNetworkAclEntry");
pub(crate) const DELETE_NETWORK_ACL_ENTRY: Right = NETWORK_ACLS.right("ec2:DeleteNetworkAclEntry");

const EXCLUSIONS: On = On::new(
    "Exclusions",
    &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-block-public-access-exclusion/*"],
);
pub(crate) const DELETE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION: Right =
    EXCLUSIONS.right("ec2:DeleteVpcBlockPublicAccessExclusion");
pub(crate) const MODIFY_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION: Right =
    EXCLUSIONS.right("ec2:ModifyVpcBlockPublicAccessExclusion");

const EXCLUDED_NETWORKS: On = On::new(
    "ExcludedNetworks",
    &[
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-block-public-access-exclusion/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/*",
    ],
);
pub(crate) const CREATE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION: Right =
    EXCLUDED_NETWORKS.right("ec2:CreateVpcBlockPublicAccessExclusion");

const EXCLUSION_TAGS: On = On::new(
    "ExclusionTags",
    &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-block-public-access-exclusion/*"],
)
.when(&[When::new("StringEquals", "ec2:CreateAction", &["CreateVpcBlockPublicAccessExclusion"])]);
pub(crate) const TAG_EXCLUSIONS: Right = EXCLUSION_TAGS.right("ec2:CreateTags");

const FLOW_LOGS: On = On::new(
    "FlowLogs",
    &[
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/*",
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/*",
    ],
)
.why("A flow log is made of a network.");
pub(crate) const CREATE_FLOW_LOGS: Right = FLOW_LOGS.right("ec2:CreateFlowLogs");
pub(crate) const DELETE_FLOW_LOGS: Right = FLOW_LOGS.right("ec2:DeleteFlowLogs");

const FLOW_LOG_TAGS: On =
    On::new("FlowLogTags", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*"])
        .when(&[When::new("StringEquals", "ec2:CreateAction", &["CreateFlowLogs"])]);
pub(crate) const TAG_FLOW_LOGS: Right = FLOW_LOG_TAGS.right("ec2:CreateTags");

const FLOW_LOG_ROLES: On = On::new("FlowLogRoles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"])
    .when(&[When::new("StringEquals", "iam:PassedToService", &["vpc-flow-logs.amazonaws.com"])])
    .why(
        "The role of a flow log is handed to nobody but the service that writes it. \
        https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-cwl.html",
    );
pub(crate) const PASS_FLOW_LOG_ROLE: Right = FLOW_LOG_ROLES.right("iam:PassRole");

const FLOW_LOG_DELIVERY: On = On::new("FlowLogDelivery", &["*"]).when(&[OWN_REGION]).why(
    "EC2 asks this of whoever makes or deletes a flow log that goes to a bucket. The actions know no \
        resource. https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-iam.html",
);
pub(crate) const CREATE_LOG_DELIVERY: Right = FLOW_LOG_DELIVERY.right("logs:CreateLogDelivery");
pub(crate) const DELETE_LOG_DELIVERY: Right = FLOW_LOG_DELIVERY.right("logs:DeleteLogDelivery");

const INSTANCES: On = On::new("Instances", &["arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:instance/*"]);
pub(crate) const MODIFY_INSTANCE_METADATA_OPTIONS: Right = INSTANCES.right("ec2:ModifyInstanceMetadataOptions");
