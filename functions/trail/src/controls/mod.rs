//! One file each: how a trail is blinded, how that is recognised, judged and reverted.

mod deleted;
mod insight;
mod lost_data_store;
mod lost_log_group;
mod narrowed_selectors;
mod stopped_logging;
mod weakened;

pub(crate) use deleted::Deleted;
pub(crate) use insight::Insight;
pub(crate) use lost_data_store::LostDataStore;
pub(crate) use lost_log_group::LostLogGroup;
pub(crate) use narrowed_selectors::NarrowedSelectors;
pub(crate) use stopped_logging::StoppedLogging;
pub(crate) use weakened::Weakened;
