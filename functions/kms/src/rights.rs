//! What IAM has to allow for the controls of keys, and on what.

use snapback::right::{On, Right, When};

const KEYS: On = On::new("Keys", &["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"]);
pub(crate) const DESCRIBE_KEY: Right = KEYS.right("kms:DescribeKey");
pub(crate) const GET_KEY_POLICY: Right = KEYS.right("kms:GetKeyPolicy");
pub(crate) const GET_ROTATION: Right = KEYS.right("kms:GetKeyRotationStatus");
pub(crate) const LIST_GRANTS: Right = KEYS.right("kms:ListGrants");
pub(crate) const LIST_TAGS: Right = KEYS.right("kms:ListResourceTags");
pub(crate) const CREATE_GRANT: Right = KEYS.right("kms:CreateGrant");
pub(crate) const REVOKE_GRANT: Right = KEYS.right("kms:RevokeGrant");
pub(crate) const ENABLE_KEY: Right = KEYS.right("kms:EnableKey");
pub(crate) const DISABLE_KEY: Right = KEYS.right("kms:DisableKey");
pub(crate) const CANCEL_DELETION: Right = KEYS.right("kms:CancelKeyDeletion");
pub(crate) const SCHEDULE_DELETION: Right = KEYS.right("kms:ScheduleKeyDeletion");
pub(crate) const ENABLE_ROTATION: Right = KEYS.right("kms:EnableKeyRotation");
pub(crate) const DISABLE_ROTATION: Right = KEYS.right("kms:DisableKeyRotation");

const POLICIES: On = On::new("KeyPolicies", KEYS.arns)
    .when(&[When::new("Bool", "kms:BypassPolicyLockoutSafetyCheck", &["false"])])
    .why("KMS itself then refuses a policy after which whoever writes it could not write another.");
pub(crate) const PUT_KEY_POLICY: Right = POLICIES.right("kms:PutKeyPolicy");

const ALL: On = On::new("AllKeys", &["*"]);
pub(crate) const LIST_KEYS: Right = ALL.right("kms:ListKeys");
