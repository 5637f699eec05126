//! What detects and records beside CloudTrail, AWS Config, GuardDuty and others: the list of their controls.

mod alerts;
mod aws;
mod controls;
mod delivered;
mod recorded;
mod rights;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;

pub const FUNCTION: Function = Function {
    name: "DetectorsFunction",
    service: "AWS Config and other detectors",
    controls: &[
        AnyControl::of::<controls::ConfigStoppedRecorder>(),
        AnyControl::remembering::<controls::ConfigNarrowedRecorder>(),
        AnyControl::of::<controls::ConfigDeletedRecorder>(),
        AnyControl::of::<controls::ConfigLostDelivery>(),
        AnyControl::of::<Notices<controls::GuarddutyFindsLess>>(),
        AnyControl::of::<Notices<controls::SecurityhubFindsLess>>(),
        AnyControl::of::<Notices<controls::AnalyzerFindsLess>>(),
        AnyControl::of::<Notices<controls::ScansTurnedOff>>(),
        AnyControl::of::<Notices<controls::ConfigDeletedRule>>(),
        AnyControl::of::<Notices<controls::ResolverLostQueryLogs>>(),
        AnyControl::of::<Notices<controls::WafLostProtection>>(),
        AnyControl::of::<Notices<controls::AlarmSilenced>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::DESCRIBE_RECORDERS, rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
