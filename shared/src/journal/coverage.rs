//! What the daily look at coverage has found, account by account. Only the function that looks may write it.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{COVERAGE, Forged, Journal, Key};

/// What has not been found for a month is told anew.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Journal {
    /// What was found last of an account, or of all of them together.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn covered<T: DeserializeOwned>(&self, of: &str, now: Timestamp) -> Result<Result<Option<T>, Forged>> {
        let reading = || format!("reading in the journal what was found of {of}");
        let Some(item) = self.item(key(of)).await.with_context(reading)? else { return Ok(Ok(None)) };
        Ok(self.said(&item, now).await.with_context(reading)?.map(|said| said.map(|(found, _)| found)))
    }

    /// Says what is found from now on.
    ///
    /// # Errors
    /// When the journal cannot be written, or has no room for it: an item may have 400 KB.
    pub async fn keep_covered(&self, of: &str, found: &impl Serialize, now: Timestamp) -> Result<()> {
        self.keep(key(of), now + KEPT, found)
            .await
            .with_context(|| format!("writing to the journal what was found of {of}"))
    }
}

fn key(of: &str) -> Key {
    (format!("{COVERAGE}#{of}"), COVERAGE.to_owned())
}
