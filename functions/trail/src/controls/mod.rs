//! One file each: how a trail is blinded, how that is recognised, judged and reverted.

mod deleted;
mod narrowed_selectors;
mod stopped_logging;
mod weakened;

pub(crate) use deleted::Deleted;
pub(crate) use narrowed_selectors::NarrowedSelectors;
pub(crate) use stopped_logging::StoppedLogging;
pub(crate) use weakened::Weakened;
