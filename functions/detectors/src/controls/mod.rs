//! One file each: how a detector is blinded, how that is recognised, judged and reverted.

mod config_deleted_recorder;
mod config_lost_delivery;
mod config_narrowed_recorder;
mod config_stopped_recorder;

pub(crate) use config_deleted_recorder::ConfigDeletedRecorder;
pub(crate) use config_lost_delivery::ConfigLostDelivery;
pub(crate) use config_narrowed_recorder::ConfigNarrowedRecorder;
pub(crate) use config_stopped_recorder::ConfigStoppedRecorder;
