//! Keys of AWS KMS: the list of their controls.

mod aws;
mod controls;
mod rights;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;
use snapback::policed::Open;

pub const FUNCTION: Function = Function {
    name: "KmsFunction",
    service: "KMS",
    controls: &[
        AnyControl::of::<Open<controls::OpenKeyPolicy>>(),
        AnyControl::of::<controls::ForeignGrant>(),
        AnyControl::remembering::<controls::UnusableKey>(),
        AnyControl::remembering::<controls::StoppedRotation>(),
        AnyControl::of::<Notices<controls::UndelegatedKey>>(),
        AnyControl::of::<Notices<controls::MovedAlias>>(),
        AnyControl::of::<Notices<controls::LostKeyMaterial>>(),
        AnyControl::of::<Notices<controls::ForeignReplica>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &[rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
