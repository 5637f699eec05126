//! Snapback itself: the list of the controls that watch over its own parts, by event and on schedule.
//!
//! One rule wakes it for each service that has a part of Snapback. They are not narrowed to Snapback's names: a call
//! whose parameters CloudTrail leaves out would slip by.

mod aws;
mod controls;
mod members;
mod parts;
mod rights;
mod sweep;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::control::{AnyControl, Function, Look, Tags};
use snapback::responder::Responder;
use snapback::subject::Subject;
use tokio::time::Instant;

pub use controls::{OLDEST_SECONDS, RETRIES, function_of};
pub use parts::PARTS;
pub use sweep::sweep;

pub const FUNCTION: Function = Function {
    name: "OwnFunction",
    service: "Snapback itself",
    controls: &[
        // What the journal needs comes first: the others can restore nothing without it.
        AnyControl::of::<controls::DisabledKey>(),
        AnyControl::of::<controls::UnprotectedJournal>(),
        AnyControl::of::<controls::SilencedRule>(),
        AnyControl::of::<controls::ChangedFunction>(),
        AnyControl::of::<controls::ChangedRole>(),
        AnyControl::of::<controls::MutedTopic>(),
        AnyControl::of::<controls::ChangedQueue>(),
        AnyControl::of::<controls::ChangedAlarm>(),
        AnyControl::of::<controls::ChangedLogGroup>(),
        AnyControl::of::<controls::OpenedEventBus>(),
        AnyControl::of::<controls::StoppedReverts>(),
        AnyControl::of::<controls::UnlistedMembers>(),
    ],
    beside: &[],
    apply: aws::apply,
    tags: Tags { read: no_tags, needs: &[] },
    // Its own parts are nowhere else.
    is_in_members: false,
    // What is put back here shows at once, mostly.
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)],
};

/// What is done with each scheduled check besides the checks. If one fails, the other is done all the same.
///
/// # Errors
/// When something could not be done, which the next check does.
pub async fn besides(responder: &Responder<'_>, time: Duration) -> Result<()> {
    let begun = Instant::now();
    let listed = Box::pin(members::list(responder, time / 2)).await;
    let swept = Box::pin(sweep(responder, time.saturating_sub(begun.elapsed()))).await;
    listed.and(swept)
}

/// Guardrails ask for the tags of what they exempt. Nobody exempts Snapback from watching itself by a tag that whoever
/// changes it may set as well.
fn no_tags<'a>(_: &'a Look<'a>, _: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async { Ok(BTreeMap::new()) }.boxed()
}
