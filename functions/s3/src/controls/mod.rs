//! One file each: what Snapback takes back on Amazon S3.

mod access_point_policy;
mod account_public_access_block_off;
mod bucket_public_access_block_off;
mod disabled_access_logging;
mod disabled_mfa_delete;
mod early_log_expiry;
mod foreign_access_grant;
mod foreign_bucket_key;
mod foreign_bucket_policy;
mod foreign_object_list;
mod foreign_replication;
mod lost_bucket_deny;
mod lost_log_delivery;
mod other_open_policy;
mod public_bucket_acl;
mod public_bucket_policy;
mod public_object_acl;
mod revived_acls;
mod suspended_log_versioning;
mod unwritable_bucket_policy;

use snapback::noticed::Notices;

pub(crate) use access_point_policy::AccessPointPolicy;
pub(crate) use account_public_access_block_off::AccountPublicAccessBlockOff;
pub(crate) use bucket_public_access_block_off::BucketPublicAccessBlockOff;
pub(crate) use disabled_access_logging::DisabledAccessLogging;
pub(crate) use early_log_expiry::EarlyLogExpiry;
pub(crate) use foreign_bucket_policy::ForeignBucketPolicy;
pub(crate) use foreign_replication::ForeignReplication;
pub(crate) use lost_bucket_deny::LostBucketDeny;
pub(crate) use lost_log_delivery::LostLogDelivery;
pub(crate) use public_bucket_acl::PublicBucketAcl;
pub(crate) use public_bucket_policy::PublicBucketPolicy;
pub(crate) use public_object_acl::PublicObjectAcl;
pub(crate) use revived_acls::RevivedAcls;
pub(crate) use suspended_log_versioning::SuspendedLogVersioning;
pub(crate) use unwritable_bucket_policy::UnwritableBucketPolicy;

pub(crate) type DisabledMfaDelete = Notices<disabled_mfa_delete::DisabledMfaDelete>;
pub(crate) type ForeignAccessGrant = Notices<foreign_access_grant::ForeignAccessGrant>;
pub(crate) type ForeignBucketKey = Notices<foreign_bucket_key::ForeignBucketKey>;
pub(crate) type ForeignObjectList = Notices<foreign_object_list::ForeignObjectList>;
pub(crate) type OtherOpenPolicy = Notices<other_open_policy::OtherOpenPolicy>;
