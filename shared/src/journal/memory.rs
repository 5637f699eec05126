//! The last good state of what a control guards. Only the scheduled look writes it, and only what was judged harmless.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;

use super::{Forged, Item, Journal, Key, Known, is_at};

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

/// The most that are read together with what is known of an event: DynamoDB takes 100 keys.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const MOST_TOGETHER: usize = 50;

/// What is kept of the resources of one event, each read once, however often controls look at them.
#[derive(Debug)]
pub struct Baselines<'a> {
    journal: &'a Journal,
    /// What its controls will want to know, so that the first read is for all of them.
    wanted: Vec<Key>,
    /// Whether what is forged counts as nothing, as it will be overwritten.
    overwrites: bool,
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
    /// Nothing is read yet, of what these controls will want to know of these resources.
    pub fn new<'w>(journal: &'a Journal, wanted: impl IntoIterator<Item = (&'w str, &'w str)>) -> Self {
        let wanted = wanted.into_iter().map(|(control, resource)| key(control, resource)).take(MOST_TOGETHER);
        Self { journal, wanted: wanted.collect(), overwrites: false, read: Mutex::default() }
    }

    /// For a check, which remembers anew.
    #[must_use]
    pub fn to_overwrite(journal: &'a Journal) -> Self {
        Self { overwrites: true, ..Self::new(journal, []) }
    }

    /// Where they are kept.
    #[must_use]
    pub fn journal(&self) -> &'a Journal {
        self.journal
    }

    /// What a control remembers of a resource.
    ///
    /// # Errors
    /// When the journal cannot be read, or what is there is forged. It is asked again then.
    pub async fn of(&self, control: &str, resource: &str) -> Result<Option<Memory>> {
        let (key, now) = (key(control, resource), Timestamp::now());
        let mut read = self.read.lock().await;
        if !read.contains_key(&key) {
            let others = self.unread(&read).into_iter().filter(|other| *other != key);
            let keys: Vec<Key> = std::iter::once(key.clone()).chain(others).collect();
            if keys.len() == 1 {
                let item = self.journal.item(key.clone()).await.with_context(|| reading(resource))?;
                read.insert(key.clone(), Read::Item(item));
            } else {
                let found = self.journal.items(&keys).await.with_context(|| reading(resource))?;
                insert(&mut read, keys, &found);
            }
        }
        let item = match read.get(&key) {
            Some(Read::Memory(memory)) => return Ok(memory.clone()),
            Some(Read::Item(item)) => item.clone(),
            None => None,
        };
        drop(read);
        let memory = match self.journal.memory_in(item.as_ref(), resource, now).await? {
            Ok(memory) => memory,
            Err(_) if self.overwrites => None,
            Err(forged) => return Err(forged).with_context(|| reading(resource)),
        };
        self.read.lock().await.insert(key, Read::Memory(memory.clone()));
        Ok(memory)
    }

    /// What is known of an event, and what controls remember: with one read, for which whoever wants to know that waits.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn known(&self, id: &str, about: (&str, &str), now: Timestamp) -> Result<Known> {
        let mut read = self.read.lock().await;
        let wanted = self.unread(&read);
        let found = self.journal.read_known(id, about, &wanted).await?;
        insert(&mut read, wanted, &found.memories);
        drop(read);
        Ok(Box::pin(self.journal.known(id, found, now)).await)
    }

    fn unread(&self, read: &BTreeMap<Key, Read>) -> Vec<Key> {
        self.wanted.iter().filter(|key| !read.contains_key(*key)).cloned().collect()
    }
}

/// Keeps what was found under each of these keys, which may be nothing.
fn insert(read: &mut BTreeMap<Key, Read>, keys: Vec<Key>, found: &[Item]) {
    for key in keys {
        let item = found.iter().find(|item| is_at(item, &key)).cloned();
        read.insert(key, Read::Item(item));
    }
}

impl Journal {
    /// What a control remembers of a resource.
    ///
    /// # Errors
    /// When the journal cannot be read, or what is there is forged.
    pub async fn remembered(&self, control: &str, resource: &str, now: Timestamp) -> Result<Option<Memory>> {
        let item = self.item(key(control, resource)).await.with_context(|| reading(resource))?;
        let memory = self.memory_in(item.as_ref(), resource, now).await?;
        memory.with_context(|| reading(resource))
    }

    /// Its age counts from when it was signed, whatever stands beside that.
    async fn memory_in(
        &self,
        item: Option<&Item>,
        resource: &str,
        now: Timestamp,
    ) -> Result<Result<Option<Memory>, Forged>> {
        let Some(item) = item else { return Ok(Ok(None)) };
        let said = self.genuinely_said::<Memory>(item).await.with_context(|| reading(resource))?;
        let seen = said.map(|(memory, at)| at.map(|at| Memory { seen: at, ..memory }));
        Ok(seen.map(|memory| memory.filter(|memory| memory.seen + KEPT > now)))
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
    // IAM takes names in any case, and no two differ by that alone.
    let is_of_iam = resource.split(':').nth(2) == Some("iam");
    let resource = if is_of_iam { resource.to_ascii_lowercase() } else { resource.to_owned() };
    (format!("memory#{resource}"), control.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_iam_has_is_remembered_by_its_name_in_any_case() {
        let of = |arn: &str| key("iam-new-administrator", arn);
        assert_eq!(of("arn:aws:iam::111122223333:user/BOB"), of("arn:aws:iam::111122223333:user/bob"));
        assert_ne!(of("arn:aws:sns:eu-west-1:111122223333:Topic"), of("arn:aws:sns:eu-west-1:111122223333:topic"));
    }
}
