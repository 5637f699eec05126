//! What detects and records beside CloudTrail, AWS Config: the list of its controls.

mod aws;
mod controls;
mod delivered;
mod recorded;
mod rights;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};

pub const FUNCTION: Function = Function {
    name: "DetectorsFunction",
    service: "AWS Config",
    controls: &[
        AnyControl::of::<controls::ConfigStoppedRecorder>(),
        AnyControl::remembering::<controls::ConfigNarrowedRecorder>(),
        AnyControl::of::<controls::ConfigDeletedRecorder>(),
        AnyControl::of::<controls::ConfigLostDelivery>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::DESCRIBE_RECORDERS, rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
