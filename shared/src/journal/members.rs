//! Which accounts of the operator's organization are no strangers, and in which units its accounts are, as AWS Organizations
//! listed them last. Only the function for Snapback itself may write it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Forged, Journal, Key, MEMBERS};

/// How long a list is believed: an account may have left the organization since.
const BELIEVED: SignedDuration = SignedDuration::from_hours(48);

/// How long it is told that no list could be had.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is known of the members of the organization.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// What AWS Organizations has answered last.
    pub last: Option<Listed>,
    /// Why it could not be asked since then.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The accounts that are no strangers.
    pub accounts: BTreeSet<String>,
    /// The organization, if nobody in it is a stranger.
    pub organization: Option<String>,
    /// The root and the units that each account is in, as far as it is told.
    #[serde(default)]
    pub units: BTreeMap<String, BTreeSet<String>>,
    pub at: Timestamp,
}

impl Members {
    /// The list, unless it is too old.
    #[must_use]
    pub fn believed(self, now: Timestamp) -> Option<Listed> {
        self.last.filter(|listed| listed.until() > now)
    }
}

impl Listed {
    /// Until when it is believed.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.at + BELIEVED
    }

    /// Whether an account or an organization of this id is no stranger.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.accounts.contains(id) || self.organization.as_deref() == Some(id)
    }
}

impl Journal {
    /// What stands there of them, however old.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn members(&self) -> Result<Result<Members, Forged>> {
        let reading = "reading in the journal which members of the organization are trusted";
        let Some(item) = self.item(key()).await.context(reading)? else { return Ok(Ok(Members::default())) };
        Ok(self.genuinely_said(&item).await.context(reading)?.map(|(members, _)| members))
    }

    /// Says what is known of them from now on.
    ///
    /// # Errors
    /// When the journal cannot be written, or has no room for them: an item may have 400 KB.
    pub async fn keep_members(&self, members: &Members, now: Timestamp) -> Result<()> {
        let context = "writing to the journal which members of the organization are trusted";
        self.keep(key(), now + KEPT, members).await.context(context)
    }
}

fn key() -> Key {
    (MEMBERS.to_owned(), MEMBERS.to_owned())
}
