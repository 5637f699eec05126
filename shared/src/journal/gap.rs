//! When events may have woken nobody, and how far that time was read up.
//!
//! Two items, each with one writer: what finds that Snapback was deaf says since when, and the sweep says how far it is.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Journal, Key};

/// How long both are kept after the last time that they are written.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A time in which events may have woken nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub since: Timestamp,
    /// When it was last seen to go on, or to have ended.
    pub until: Timestamp,
}

/// How far a gap was read up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Where to go on, as CloudTrail says; nothing if all of it was read.
    pub page: Option<String>,
}

impl Journal {
    /// The last gap that is known, if it is not long over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn gap(&self, now: Timestamp) -> Result<Option<Gap>> {
        self.told(gap_key(), now).await
    }

    /// Adds a time to the gap that is known, if they meet; else it is the one that is known from now on.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn widen_gap(&self, gap: Gap, now: Timestamp) -> Result<()> {
        let known = self.gap(now).await?.filter(|known| known.until >= gap.since);
        let since = known.map_or(gap.since, |known| known.since.min(gap.since));
        let gap = Gap { since, until: known.map_or(gap.until, |known| known.until.max(gap.until)) };
        self.keep(gap_key(), now + KEPT, &gap).await.context("writing the gap to the journal")
    }

    /// How far the last gap was read up.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn swept(&self, now: Timestamp) -> Result<Option<Swept>> {
        self.told(swept_key(), now).await
    }

    /// Says how far it was read up.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn keep_swept(&self, swept: &Swept, now: Timestamp) -> Result<()> {
        self.keep(swept_key(), now + KEPT, swept).await.context("writing to the journal how far the gap was read up")
    }

    /// What is forged counts as nothing: then all is read up again.
    async fn told<T: DeserializeOwned>(&self, key: Key, now: Timestamp) -> Result<Option<T>> {
        let reading = "reading in the journal since when Snapback heard nothing";
        let Some(item) = self.item(key).await.context(reading)? else { return Ok(None) };
        Ok(self.said(&item, now).await.context(reading)?.ok().flatten())
    }
}

fn gap_key() -> Key {
    ("gap".to_owned(), "gap".to_owned())
}

fn swept_key() -> Key {
    ("gap".to_owned(), "swept".to_owned())
}
