//! What people are told of while the journal cannot keep it: once for each event, however often that is tried.
//!
//! Without a journal only the process knows what it has said, and Lambda's own retries, which may come to another process,
//! say nothing of the attempt before. So the event goes into the delayed queue with what it failed with, and comes back from
//! there in place of a retry. From then on everybody who gets it knows.

use std::sync::PoisonError;

use anyhow::{Context, Error, Result};
use serde_json::Value;
use tracing::warn;

use super::Responder;
use crate::control::Function;
use crate::delayed;
use crate::event::{Event, FAILED_BEFORE, SCHEDULED};
use crate::journal::{Entry, hash};

/// Stands in the failure of a delivery that has announced what the journal cannot keep.
const TOLD: &str = "announced without journal entry";

pub(super) fn told_of(entry: &Entry) -> String {
    format!("{TOLD} {}", entry.id)
}

impl Responder<'_> {
    /// Says what the journal cannot keep, if nobody has said it.
    pub(super) async fn announce_unwritten(&self, event: &Event, entry: &Entry) -> Result<()> {
        if self.has_told(event, entry) {
            return Ok(());
        }
        self.announce(entry).await?;
        self.keep_told(event, entry);
        Ok(())
    }

    /// Whether people were told of it, by this process or by an earlier delivery.
    pub(super) fn has_told(&self, event: &Event, entry: &Entry) -> bool {
        let by_another = event.failed_before.as_ref().is_some_and(|failure| failure.contains(&told_of(entry)));
        by_another || self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).contains(&what(event, entry))
    }

    pub(super) fn keep_told(&self, event: &Event, entry: &Entry) {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner).insert(what(event, entry));
    }

    /// Has an event come back that people were told of without an entry. What has come back already fails, so that alarms
    /// ring and its attempts are counted; and so does a scheduled check, which comes back by itself.
    ///
    /// # Errors
    /// Any other failure, and this one if the queue does not take the event.
    pub async fn come_back(&self, function: &Function, mut payload: Value, failure: Error) -> Result<()> {
        let said = format!("{failure:#}");
        let is_first = payload[FAILED_BEFORE].is_null() && payload["detail-type"] != SCHEDULED;
        if !is_first || !said.contains(TOLD) {
            return Err(failure);
        }
        payload[FAILED_BEFORE] = said.as_str().into();
        let (config, queue) = (&self.places.home.config, &self.deployment.delayed);
        delayed::send(config, queue, function.name, &payload, std::time::Duration::ZERO).await.context(said.clone())?;
        warn!("the event comes back later: {said}");
        Ok(())
    }
}

/// What people are told of. While the journal is out, each scheduled check finds the same anew, and says so once a day.
fn what(event: &Event, entry: &Entry) -> String {
    if !event.is_look() {
        return entry.id.clone();
    }
    let day = event.time.strftime("%F").to_string();
    hash(&[&entry.control, &entry.subject.arn, entry.decision.why(), &day])
}
