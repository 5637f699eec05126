//! Which accounts of the operator's organization are no strangers, as AWS Organizations listed them last. Only the function
//! for Snapback itself may write it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};

use super::{Journal, Key, MEMBERS};

/// How long a list is believed: an account may have left the organization since.
const BELIEVED: SignedDuration = SignedDuration::from_hours(48);

/// What was listed, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedMembers {
    pub accounts: BTreeSet<String>,
    pub listed: Timestamp,
}

impl Journal {
    /// Those that were listed last; nothing if that is too long ago, or what stands there is forged.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn members(&self, now: Timestamp) -> Result<Option<TrustedMembers>> {
        let reading = "reading in the journal which members of the organization are trusted";
        let Some(item) = self.item(key()).await.context(reading)? else { return Ok(None) };
        let said = self.said::<BTreeSet<String>>(&item, now).await.context(reading)?.ok().flatten();
        // Its age counts from when it was signed.
        let members = said.and_then(|(accounts, at)| Some(TrustedMembers { accounts, listed: at? }));
        Ok(members.filter(|members| members.listed + BELIEVED > now))
    }

    /// Says who they are from now on.
    ///
    /// # Errors
    /// When the journal cannot be written, or has no room for them: an item may have 400 KB.
    pub async fn keep_members(&self, accounts: &BTreeSet<String>, now: Timestamp) -> Result<()> {
        let context = "writing to the journal which members of the organization are trusted";
        self.keep(key(), now + BELIEVED, accounts).await.context(context)
    }
}

fn key() -> Key {
    (MEMBERS.to_owned(), MEMBERS.to_owned())
}
