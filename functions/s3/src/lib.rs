//! Amazon S3: the list of its controls.

mod aws;
mod controls;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "S3Function",
    controls: &[AnyControl::of::<controls::PublicBucketPolicy>()],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &["s3:GetBucketTagging"] },
};
