//! What IAM has to allow for the controls of S3, and on what.

use snapback::right::{OWN_ACCOUNT, On, Right, When};

const BUCKETS: On = On::new("Buckets", &["arn:${AWS::Partition}:s3:::*"])
    .when(&[OWN_ACCOUNT])
    .why("A bucket's ARN does not say whose it is; the condition does.");
pub(crate) const GET_BUCKET_ACL: Right = BUCKETS.right("s3:GetBucketAcl");
pub(crate) const GET_BUCKET_LOGGING: Right = BUCKETS.right("s3:GetBucketLogging");
pub(crate) const GET_BUCKET_OWNERSHIP_CONTROLS: Right = BUCKETS.right("s3:GetBucketOwnershipControls");
pub(crate) const GET_BUCKET_POLICY: Right = BUCKETS.right("s3:GetBucketPolicy");
pub(crate) const GET_BUCKET_POLICY_STATUS: Right = BUCKETS.right("s3:GetBucketPolicyStatus");
pub(crate) const GET_BUCKET_PUBLIC_ACCESS_BLOCK: Right = BUCKETS.right("s3:GetBucketPublicAccessBlock");
pub(crate) const GET_BUCKET_TAGGING: Right = BUCKETS.right("s3:GetBucketTagging");
pub(crate) const GET_BUCKET_VERSIONING: Right = BUCKETS.right("s3:GetBucketVersioning");
pub(crate) const GET_LIFECYCLE_CONFIGURATION: Right = BUCKETS.right("s3:GetLifecycleConfiguration");
pub(crate) const GET_REPLICATION_CONFIGURATION: Right = BUCKETS.right("s3:GetReplicationConfiguration");
pub(crate) const DELETE_BUCKET_POLICY: Right = BUCKETS.right("s3:DeleteBucketPolicy");
pub(crate) const PUT_BUCKET_ACL: Right = BUCKETS.right("s3:PutBucketAcl");
pub(crate) const PUT_BUCKET_LOGGING: Right = BUCKETS.right("s3:PutBucketLogging");
pub(crate) const PUT_BUCKET_OWNERSHIP_CONTROLS: Right = BUCKETS.right("s3:PutBucketOwnershipControls");
pub(crate) const PUT_BUCKET_POLICY: Right = BUCKETS.right("s3:PutBucketPolicy");
pub(crate) const PUT_BUCKET_PUBLIC_ACCESS_BLOCK: Right = BUCKETS.right("s3:PutBucketPublicAccessBlock");
pub(crate) const PUT_BUCKET_VERSIONING: Right = BUCKETS.right("s3:PutBucketVersioning");
pub(crate) const PUT_LIFECYCLE_CONFIGURATION: Right = BUCKETS.right("s3:PutLifecycleConfiguration");
pub(crate) const PUT_REPLICATION_CONFIGURATION: Right = BUCKETS.right("s3:PutReplicationConfiguration");

const OBJECTS: On = On::new("Objects", &["arn:${AWS::Partition}:s3:::*/*"]).when(&[OWN_ACCOUNT]);
pub(crate) const GET_OBJECT_ACL: Right = OBJECTS.right("s3:GetObjectAcl");
pub(crate) const GET_OBJECT_VERSION_ACL: Right = OBJECTS.right("s3:GetObjectVersionAcl");
pub(crate) const PUT_OBJECT_ACL: Right = OBJECTS.right("s3:PutObjectAcl");
pub(crate) const PUT_OBJECT_VERSION_ACL: Right = OBJECTS.right("s3:PutObjectVersionAcl");

const ACCESS_POINTS: On =
    On::new("AccessPoints", &["arn:${AWS::Partition}:s3:${AWS::Region}:${AWS::AccountId}:accesspoint/*"]);
pub(crate) const GET_ACCESS_POINT_POLICY: Right = ACCESS_POINTS.right("s3:GetAccessPointPolicy");
pub(crate) const PUT_ACCESS_POINT_POLICY: Right = ACCESS_POINTS.right("s3:PutAccessPointPolicy");
pub(crate) const DELETE_ACCESS_POINT_POLICY: Right = ACCESS_POINTS.right("s3:DeleteAccessPointPolicy");

const ACCOUNT: On = On::new("Account", &["*"]).why("Of the caller's own account. These actions take no resource.");
pub(crate) const GET_ACCESS_POINT: Right = ACCOUNT.right("s3:GetAccessPoint");
pub(crate) const GET_ACCOUNT_PUBLIC_ACCESS_BLOCK: Right = ACCOUNT.right("s3:GetAccountPublicAccessBlock");
pub(crate) const LIST_ACCESS_POINTS: Right = ACCOUNT.right("s3:ListAccessPoints");
pub(crate) const LIST_ALL_MY_BUCKETS: Right = ACCOUNT.right("s3:ListAllMyBuckets");
pub(crate) const PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK: Right = ACCOUNT.right("s3:PutAccountPublicAccessBlock");

const REPLICATION_ROLES: On = On::new("ReplicationRoles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"])
    .when(&[When::new("StringEquals", "iam:PassedToService", &["s3.amazonaws.com"])])
    .why("S3 asks this of whoever writes a replication, which names the role in which it copies.");
pub(crate) const PASS_REPLICATION_ROLE: Right = REPLICATION_ROLES.right("iam:PassRole");
