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

/// The longest that an event takes to get into CloudTrail's event history.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>
const LATEST: SignedDuration = SignedDuration::from_mins(15);

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
    /// Since when Snapback heard nothing in the gap that this is about.
    pub gap: Timestamp,
    /// What is read now, or was read last.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Where to go on, as CloudTrail says; nothing if all of it was read.
    pub page: Option<String>,
}

impl Gap {
    /// Until when the history has to be read, so that nothing of the gap comes later.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        self.until + LATEST
    }

    /// What to read now, if anything is left: where the last reading ended, or once more what came into the history since
    /// the last one.
    #[must_use]
    pub fn to_read(&self, swept: Option<Swept>, now: Timestamp) -> Option<Swept> {
        let to = now.min(self.last());
        match swept.filter(|swept| swept.gap == self.since) {
            Some(swept) if swept.page.is_some() => Some(swept),
            Some(swept) if swept.to >= self.last() => None,
            Some(swept) => Some(Swept { from: self.since.max(swept.to - LATEST), to, page: None, ..swept }),
            None => Some(Swept { gap: self.since, from: self.since, to, page: None }),
        }
    }
}

impl Journal {
    /// The last gap that is known, if it is not long over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn gap(&self, now: Timestamp) -> Result<Option<Gap>> {
        self.told(gap_key(), now).await
    }

    /// Adds a time to the gap that is known, if they meet or if that one is not read up to its end; else it is the one that
    /// is known from now on. Whoever makes a second gap does not have the first one forgotten by it.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn widen_gap(&self, gap: Gap, now: Timestamp) -> Result<()> {
        let known = match self.gap(now).await? {
            Some(known) if known.until >= gap.since => Some(known),
            Some(known) => known.to_read(self.swept(now).await?, now).map(|_| known),
            None => None,
        };
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
        Ok(self.said(&item, now).await.context(reading)?.ok().flatten().map(|(told, _)| told))
    }
}

fn gap_key() -> Key {
    ("gap".to_owned(), "gap".to_owned())
}

fn swept_key() -> Key {
    ("gap".to_owned(), "swept".to_owned())
}
