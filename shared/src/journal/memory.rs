//! The last good state of what a control guards. Only the scheduled look writes it, and only what was judged harmless.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Journal, Key};

/// What has not been seen for a month is not known any more.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What a control remembers of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    pub control: String,
    /// ARN
    pub resource: String,
    /// What is good; null where there is nothing to guard any more.
    pub good: Value,
    /// When it was first seen to be so.
    pub since: Timestamp,
    /// When it was last seen to be so.
    pub seen: Timestamp,
}

/// What is kept of the resources of one case, each read once, however often a control looks at them.
#[derive(Debug)]
pub struct Baselines<'a> {
    journal: &'a Journal,
    read: Mutex<BTreeMap<Key, Option<Memory>>>,
}

impl<'a> Baselines<'a> {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(journal: &'a Journal) -> Self {
        Self { journal, read: Mutex::default() }
    }

    /// Where they are kept.
    #[must_use]
    pub fn journal(&self) -> &'a Journal {
        self.journal
    }

    /// What a control remembers of a resource.
    ///
    /// # Errors
    /// When the journal cannot be read. It is asked again then.
    pub async fn of(&self, control: &str, resource: &str) -> Result<Option<Memory>> {
        let key = key(control, resource);
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(memory) = read {
            return Ok(memory);
        }
        let memory = self.journal.remembered(control, resource, Timestamp::now()).await?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key, memory.clone());
        Ok(memory)
    }
}

impl Journal {
    /// What a control remembers of a resource. What is forged is not believed.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn remembered(&self, control: &str, resource: &str, now: Timestamp) -> Result<Option<Memory>> {
        let context = || format!("reading what is remembered of {resource}");
        let Some(item) = self.item(key(control, resource)).await.with_context(context)? else { return Ok(None) };
        Ok(self.said::<Memory>(&item, now).await.with_context(context)?.ok().flatten())
    }

    /// Remembers it, in place of what was remembered before.
    ///
    /// # Errors
    /// When the journal cannot be written, or has no room for it: an item may have 400 KB.
    pub async fn remember(&self, memory: &Memory) -> Result<()> {
        let context = || format!("remembering {}", memory.resource);
        self.keep(key(&memory.control, &memory.resource), memory.seen + KEPT, memory).await.with_context(context)
    }
}

fn key(control: &str, resource: &str) -> Key {
    (format!("memory#{resource}"), control.to_owned())
}
