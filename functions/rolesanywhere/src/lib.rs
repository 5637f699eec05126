//! IAM Roles Anywhere: the list of its controls.

mod aws;
mod controls;
mod rights;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;

pub const FUNCTION: Function = Function {
    name: "RolesAnywhereFunction",
    service: "IAM Roles Anywhere",
    controls: &[
        AnyControl::of::<controls::TrustedCertificates>(),
        AnyControl::of::<Notices<controls::ChangedRevocations>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &[rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
