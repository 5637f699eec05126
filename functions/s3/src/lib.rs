//! Amazon S3: the list of its controls.

mod access_logging;
mod aws;
mod block;
mod bucket_policy;
mod controls;
mod exposed;
mod grantee;
mod lifecycle;
mod logs;
mod lost;
mod replication;
mod rights;
mod told;
mod whole;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::policed::Open;

use crate::bucket_policy::BucketPolicy;
use crate::lost::Lost;

pub const FUNCTION: Function = Function {
    name: "S3Function",
    service: "S3",
    controls: &[
        AnyControl::of::<Open<BucketPolicy<controls::PublicBucketPolicy>>>(),
        AnyControl::of::<Open<BucketPolicy<controls::ForeignBucketPolicy>>>(),
        AnyControl::of::<controls::UnwritableBucketPolicy>(),
        AnyControl::remembering::<Lost<controls::LostBucketDeny>>(),
        AnyControl::remembering::<Lost<controls::LostLogDelivery>>(),
        AnyControl::of::<controls::PublicBucketAcl>(),
        AnyControl::of::<controls::PublicObjectAcl>(),
        AnyControl::remembering::<controls::RevivedAcls>(),
        AnyControl::remembering::<controls::BucketPublicAccessBlockOff>(),
        AnyControl::remembering::<controls::AccountPublicAccessBlockOff>(),
        AnyControl::of::<Open<controls::AccessPointPolicy>>(),
        AnyControl::of::<controls::ForeignReplication>(),
        AnyControl::remembering::<controls::EarlyLogExpiry>(),
        AnyControl::remembering::<controls::SuspendedLogVersioning>(),
        AnyControl::remembering::<controls::DisabledAccessLogging>(),
        AnyControl::of::<controls::DisabledMfaDelete>(),
        AnyControl::of::<controls::ForeignAccessGrant>(),
        AnyControl::of::<controls::ForeignBucketKey>(),
        AnyControl::of::<controls::ForeignObjectList>(),
        AnyControl::of::<controls::OtherOpenPolicy>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &[rights::GET_BUCKET_TAGGING] },
    beside: &[],
    is_in_members: true,
    // The settings of a bucket are eventually consistent, mostly within a second; it takes turns, which has its time too.
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
