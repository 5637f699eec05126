//! The last good state of what a control guards. Only the scheduled look writes it, and only what was judged harmless.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Item, Journal, Key, Known};

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
    read: Mutex<BTreeMap<Key, Read>>,
}

/// What was read of one.
#[derive(Debug, Clone)]
enum Read {
    /// Whether it is genuine is not asked before somebody wants to know it.
    Item(Option<Item>),
    Memory(Option<Memory>),
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
        let (key, now) = (key(control, resource), Timestamp::now());
        let read = self.read.lock().await.get(&key).cloned();
        let memory = match read {
            Some(Read::Memory(memory)) => return Ok(memory),
            Some(Read::Item(item)) => self.journal.memory_in(item.as_ref(), resource, now).await?,
            None => self.journal.remembered(control, resource, now).await?,
        };
        self.read.lock().await.insert(key, Read::Memory(memory.clone()));
        Ok(memory)
    }

    /// What is known of an event, and what its control remembers of the resource, if it remembers any: with one read, for
    /// which whoever wants to know that waits.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn known(
        &self,
        id: &str,
        (control, remembers): (&str, bool),
        resource: &str,
        now: Timestamp,
    ) -> Result<Known> {
        let (key, mut read) = (key(control, resource), self.read.lock().await);
        let wanted = remembers && !read.contains_key(&key);
        let found = self.journal.read_known(id, (control, resource), wanted.then_some(&key)).await?;
        if wanted {
            read.insert(key, Read::Item(found.memory.clone()));
        }
        drop(read);
        Ok(Box::pin(self.journal.known(id, found, now)).await)
    }
}

impl Journal {
    /// What a control remembers of a resource. What is forged is not believed.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn remembered(&self, control: &str, resource: &str, now: Timestamp) -> Result<Option<Memory>> {
        let item = self.item(key(control, resource)).await.with_context(|| reading(resource))?;
        self.memory_in(item.as_ref(), resource, now).await
    }

    async fn memory_in(&self, item: Option<&Item>, resource: &str, now: Timestamp) -> Result<Option<Memory>> {
        let Some(item) = item else { return Ok(None) };
        Ok(self.said::<Memory>(item, now).await.with_context(|| reading(resource))?.ok().flatten())
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

fn reading(resource: &str) -> String {
    format!("reading what is remembered of {resource}")
}

fn key(control: &str, resource: &str) -> Key {
    (format!("memory#{resource}"), control.to_owned())
}
