//! AWS Organizations, in the account that manages one: the list of its controls. They are deployed only where the operator says
//! so, as nobody else may make these calls.

mod aws;
mod controls;
mod rights;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;

pub const FUNCTION: Function = Function {
    name: "OrganizationsFunction",
    service: "AWS Organizations",
    controls: &[
        AnyControl::of::<controls::DetachedPolicy>(),
        AnyControl::of::<controls::LostServiceAccess>(),
        AnyControl::of::<Notices<controls::DisabledPolicies>>(),
        AnyControl::of::<Notices<controls::NewSay>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &[rights::LIST_TAGS] },
    beside: &[],
    is_in_members: false,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
