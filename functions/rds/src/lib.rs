//! Databases of RDS, Aurora, DocumentDB and Neptune, and their snapshots: the list of their controls.

mod aws;
mod controls;
mod rights;
mod state;
mod told;

use std::time::Duration;

use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;
use snapback::sharing::Sharing;

pub const FUNCTION: Function = Function {
    name: "RdsFunction",
    service: "RDS",
    controls: &[
        AnyControl::of::<Sharing<controls::SharedSnapshot>>(),
        AnyControl::of::<controls::PublicInstance>(),
        AnyControl::of::<controls::DeletableDatabase>(),
        AnyControl::of::<controls::FewerBackups>(),
        AnyControl::of::<Notices<controls::DeletedDatabase>>(),
        AnyControl::of::<Notices<controls::ExportedSnapshot>>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags, needs: &[rights::LIST_TAGS] },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};
