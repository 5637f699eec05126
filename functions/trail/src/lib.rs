//! AWS CloudTrail: the list of its controls.

mod aws;
mod controls;
mod rights;
mod selected;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;

pub const FUNCTION: Function = Function {
    name: "TrailFunction",
    service: "CloudTrail",
    controls: &[
        AnyControl::of::<controls::StoppedLogging>(),
        AnyControl::remembering::<controls::Weakened>(),
        AnyControl::of::<controls::NarrowedSelectors>(),
        AnyControl::of::<controls::Deleted>(),
        AnyControl::of::<controls::LostLogGroup>(),
        AnyControl::of::<Notices<controls::LostDataStore>>(),
        AnyControl::of::<Notices<controls::Insight>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
