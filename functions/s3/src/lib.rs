//! Amazon S3: the list of its controls.

mod aws;
mod block;
mod controls;
mod exposed;
mod told;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "S3Function",
    controls: &[
        AnyControl::of::<controls::PublicBucketPolicy>(),
        AnyControl::of::<controls::ForeignBucketPolicy>(),
        AnyControl::of::<controls::PublicBucketAcl>(),
        AnyControl::of::<controls::BucketPublicAccessBlockOff>(),
        AnyControl::of::<controls::AccountPublicAccessBlockOff>(),
        AnyControl::of::<controls::AccessPointPolicy>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &["s3:GetBucketTagging"] },
};
