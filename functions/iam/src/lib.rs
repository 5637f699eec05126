//! AWS IAM: the list of its controls.

mod aws;
mod controls;
mod rights;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "IamFunction",
    service: "IAM",
    controls: &[AnyControl::of::<controls::NewCredential>()],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::LIST_USER_TAGS] },
    // A change takes some seconds to show:
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
};
