//! What happens again and again: the same change, taken back each time; calls and sign-ins that come in crowds.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Entry, Item, Journal, Key, LEASE, LONGEST_LEASE, hash, is_condition, seconds, text};
use crate::aws::failure;
use crate::decision::{Decision, Severity};

/// Who comes back later than this begins anew.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Of how many events of a crowd it is known which they are. Beyond that an event that is delivered twice counts twice. Each
/// write costs what the whole item has, so they are few.
const MOST_KNOWN: usize = 200;

/// How often the same change on the same resource was taken back, or the same call was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    pub times: u64,
    pub since: Timestamp,
    /// Whether it is the first time in this hour: while something flaps, people are told at least once an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hourly: bool,
    /// Whether people were last told that a revert of it had failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_failure: bool,
}

/// How often a call was counted, and until which time people know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub repeat: Repeat,
    /// Nothing yet: 0.
    told: u64,
}

/// What was read of how often a change was reverted.
#[derive(Debug, Clone)]
pub struct Counted {
    key: Key,
    item: Option<Item>,
}

/// A revert that is to be counted.
#[derive(Debug, Clone)]
pub struct Count {
    counted: Counted,
    repeat: Repeat,
    now: Timestamp,
}

impl Counted {
    pub(super) fn new(key: Key, item: Option<Item>) -> Self {
        Self { key, item }
    }

    /// How often it is with one more at this time.
    fn once_more(&self, now: Timestamp) -> Result<Repeat> {
        let latest = self.item.as_ref().and_then(|item| item.get("latest")?.as_n().ok()?.parse::<i64>().ok());
        let after_failure = self.has_told_of_failure();
        let is_over = latest.is_some_and(|latest| latest < (now - MEMORY).as_second());
        let Some(item) = self.item.as_ref().filter(|_| !is_over) else {
            return Ok(Repeat { times: 1, since: now, hourly: false, after_failure });
        };
        let hourly = latest.is_some_and(|latest| latest.div_euclid(3600) != now.as_second().div_euclid(3600));
        Ok(Repeat { times: self.number("times") + 1, since: text(item, "since")?.parse()?, hourly, after_failure })
    }

    fn has_told_of_failure(&self) -> bool {
        self.item.as_ref().is_some_and(|item| item.contains_key("told_of_failure"))
    }

    fn number(&self, name: &str) -> u64 {
        self.item.as_ref().map(|item| number(item, name)).unwrap_or_default()
    }
}

impl Repeat {
    /// Whether people are told of this time: of the first three, of the tenth, then each time that it has tripled or so,
    /// of the first in each hour, and of the first after one that failed, or that would be the last they hear.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.hourly || self.after_failure || self.times <= 3 || milestones().any(|times| times == self.times)
    }

    /// A fight that goes on is worse than its occasion.
    #[must_use]
    pub fn severity(&self, of_one: Severity) -> Severity {
        match self.times {
            0..3 => of_one,
            3..10 => of_one.max(Severity::High),
            _ => Severity::Critical,
        }
    }
}

impl Tally {
    /// Whether people are to be told now: of this number, of the tenth, then each time that it has tripled or so. What
    /// could not be told in its time is due until it is.
    #[must_use]
    pub fn is_due(&self, first: u64) -> bool {
        let later = milestones().filter(|times| *times > first);
        let next = std::iter::once(first).chain(later).find(|times| *times > self.told);
        next.is_some_and(|times| times <= self.repeat.times)
    }
}

/// 10, 30, 100, 300 and so on.
fn milestones() -> impl Iterator<Item = u64> {
    let tens = std::iter::successors(Some(10_u64), |times| times.checked_mul(10));
    tens.flat_map(|times| [times, times.saturating_mul(3)])
}

impl Journal {
    /// Reckons how often the change of an entry was reverted, with this time, from what was read of it or what there is
    /// now; and what counts it, if it can be told from others.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn count(&self, entry: &Entry, read: Option<Counted>, now: Timestamp) -> Result<(Repeat, Option<Count>)> {
        if !matches!(entry.decision, Decision::Revert { .. }) {
            return Ok((Repeat { times: 1, since: now, hourly: false, after_failure: false }, None));
        }
        let key = change_key(entry);
        let counted = match read.filter(|read| read.key == key) {
            Some(read) => read,
            None => Counted::new(key.clone(), self.item(key).await.context("reading how often it was reverted")?),
        };
        let repeat = counted.once_more(now)?;
        Ok((repeat.clone(), Some(Count { counted, repeat, now })))
    }

    /// The write of it, if nobody else has counted since it was read.
    pub(super) fn counting(&self, Count { counted, repeat, now }: &Count) -> UpdateItemFluentBuilder {
        let (times, told) = (counted.number("times"), counted.has_told_of_failure());
        let as_read = [
            if times == 0 { "attribute_not_exists(times)" } else { "times = :before" },
            if told { "told_of_failure = :yes" } else { "attribute_not_exists(told_of_failure)" },
        ];
        let before = (times > 0).then(|| (":before".to_owned(), AttributeValue::N(times.to_string())));
        let yes = told.then(|| (":yes".to_owned(), AttributeValue::Bool(true)));
        self.update(&counted.key)
            .condition_expression(as_read.join(" AND "))
            .update_expression(
                "SET times = :times, since = :since, latest = :now, expires = :expires REMOVE told_of_failure",
            )
            .set_expression_attribute_values(Some(before.into_iter().chain(yes).collect()))
            .expression_attribute_values(":times", AttributeValue::N(repeat.times.to_string()))
            .expression_attribute_values(":since", AttributeValue::S(repeat.since.to_string()))
            .expression_attribute_values(":now", seconds(*now))
            .expression_attribute_values(":expires", seconds(*now + MEMORY))
    }

    /// Keeps in mind that people were told of a revert that failed.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn has_told_of_failure(&self, entry: &Entry, now: Timestamp) -> Result<()> {
        if !matches!(entry.decision, Decision::Revert { .. }) {
            return Ok(());
        }
        let update = self
            .update(&change_key(entry))
            .update_expression("SET told_of_failure = :yes, since = if_not_exists(since, :text), expires = :expires")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":text", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":expires", seconds(now + MEMORY));
        update
            .send()
            .await
            .map(drop)
            .map_err(|error| failure(error).context("writing down that people know of a failure"))
    }

    /// Counts a call about a subject, for a control; an event that was counted before is not counted again.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn count_call(
        &self,
        control: &str,
        call: &str,
        subject: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<Tally> {
        self.count_one(&call_key(control, call, subject), &hash(&[event])[..KNOWN_BY], now).await
    }

    /// Whether an event was counted, or may have been: of a large crowd it is not known any more.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn has_counted(
        &self,
        control: &str,
        call: &str,
        subject: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let item = self.item(call_key(control, call, subject)).await.context("reading which events were counted")?;
        let may_be = |item: &Item| is_remembered(item, now) && known(item).len() >= MOST_KNOWN;
        Ok(item.is_some_and(|item| is_known(&item, &hash(&[event])[..KNOWN_BY]) || may_be(&item)))
    }

    /// How often a call was counted, if it was in the last day.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn tally(&self, control: &str, call: &str, subject: &str, now: Timestamp) -> Result<Option<Tally>> {
        let item = self.item(call_key(control, call, subject)).await.context("reading how often it was counted")?;
        item.filter(|item| is_remembered(item, now)).as_ref().map(tally).transpose()
    }

    /// Takes it upon this delivery to tell what is due; false if another is at that right now.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn take_to_tell(&self, control: &str, call: &str, subject: &str, now: Timestamp) -> Result<bool> {
        let update = self
            .update(&call_key(control, call, subject))
            .condition_expression("attribute_not_exists(telling) OR telling < :now OR telling > :longest")
            .update_expression("SET telling = :until")
            .expression_attribute_values(":now", seconds(now))
            .expression_attribute_values(":longest", seconds(now + LONGEST_LEASE))
            .expression_attribute_values(":until", seconds(now + LEASE));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(failure(error).context("taking it upon oneself to tell of a crowd")),
        }
    }

    /// Ends that: people know of so many, or of no more than before.
    ///
    /// # Errors
    /// When the journal cannot be written. People are told again then.
    pub async fn has_told(&self, control: &str, call: &str, subject: &str, times: Option<u64>) -> Result<()> {
        let update = self.update(&call_key(control, call, subject));
        let update = match times {
            None => update.update_expression("REMOVE telling"),
            Some(times) => update
                .update_expression("SET told = :times REMOVE telling")
                .expression_attribute_values(":times", AttributeValue::N(times.to_string())),
        };
        update.send().await.map(drop).map_err(|error| failure(error).context("writing down of how many people know"))
    }

    fn update(&self, (pk, sk): &Key) -> UpdateItemFluentBuilder {
        let (pk, sk) = (AttributeValue::S(pk.clone()), AttributeValue::S(sk.clone()));
        self.client.update_item().table_name(&self.table).key("pk", pk).key("sk", sk)
    }

    async fn count_one(&self, key: &Key, event: &str, now: Timestamp) -> Result<Tally> {
        let call = |condition: &str, update: &str| {
            self.update(key)
                .condition_expression(condition)
                .update_expression(update)
                .expression_attribute_values(":now", seconds(now))
                .expression_attribute_values(":text", AttributeValue::S(now.to_string()))
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                .expression_attribute_values(":forgotten", seconds(now - MEMORY))
                // Log files are read a day later.
                .expression_attribute_values(":expires", seconds(now + MEMORY * 2))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        };
        let with_event = |call: UpdateItemFluentBuilder| {
            call.expression_attribute_values(":events", AttributeValue::Ss(vec![event.to_owned()]))
        };
        let again = call(
            "(attribute_not_exists(latest) OR latest >= :forgotten) AND NOT contains(events, :event) \
             AND (attribute_not_exists(events) OR size(events) < :most)",
            "SET latest = :now, expires = :expires, since = if_not_exists(since, :text) ADD times :one, events :events",
        )
        .expression_attribute_values(":event", AttributeValue::S(event.to_owned()))
        .expression_attribute_values(":most", AttributeValue::N(MOST_KNOWN.to_string()));
        let answer = match with_event(again).send().await {
            Err(error) if is_condition(&error) => {
                let found = found(&error).cloned().unwrap_or_default();
                if !is_remembered(&found, now) {
                    let anew = "SET latest = :now, expires = :expires, since = :text, times = :one, events = :events \
                                REMOVE told, telling";
                    with_event(call("latest < :forgotten", anew)).send().await
                } else if is_known(&found, event) {
                    return tally(&found);
                } else {
                    let more =
                        "SET latest = :now, expires = :expires, since = if_not_exists(since, :text) ADD times :one";
                    call("latest >= :forgotten", more).send().await
                }
            }
            other => other,
        };
        let answer = answer.map_err(|error| failure(error).context("counting in the journal"))?;
        tally(&answer.attributes.unwrap_or_default())
    }
}

/// How many digits of its id's digest an event of a crowd is known by.
const KNOWN_BY: usize = 12;

/// What was there instead of what a count demanded.
fn found(error: &SdkError<UpdateItemError>) -> Option<&Item> {
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(failed) => failed.item(),
        _ => None,
    }
}

fn known(item: &Item) -> &[String] {
    item.get("events").and_then(|events| events.as_ss().ok()).map(Vec::as_slice).unwrap_or_default()
}

/// Whether a call was counted in the last day.
fn is_remembered(item: &Item, now: Timestamp) -> bool {
    number(item, "latest") >= u64::try_from((now - MEMORY).as_second()).unwrap_or_default()
}

fn is_known(item: &Item, event: &str) -> bool {
    known(item).iter().any(|known| known == event)
}

/// The same grants in another order are the same.
pub(super) fn change_key(entry: &Entry) -> Key {
    let grants = if let Decision::Revert { grants, .. } = &entry.decision { grants.as_slice() } else { &[] };
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
    (format!("repeat#{}", entry.subject.arn), format!("{}#{}", entry.control, hash(&grants)))
}

fn call_key(control: &str, call: &str, subject: &str) -> Key {
    (format!("repeat#{subject}"), format!("{control}#{call}"))
}

fn tally(item: &Item) -> Result<Tally> {
    let (times, since) = (number(item, "times").max(1), text(item, "since")?.parse()?);
    let repeat = Repeat { times, since, hourly: false, after_failure: false };
    Ok(Tally { repeat, told: number(item, "told") })
}

/// A number of an item; 0 if it has none.
fn number(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_more_and_more_seldom_and_more_and_more_urgently() {
        let repeat = |times| Repeat { times, since: Timestamp::UNIX_EPOCH, hourly: false, after_failure: false };
        let told: Vec<u64> = (1..2000).filter(|times| repeat(*times).is_told()).collect();
        assert_eq!(told, [1, 2, 3, 10, 30, 100, 300, 1000]);
        let severities = [1, 3, 10].map(|times| repeat(times).severity(Severity::Low));
        assert_eq!(severities, [Severity::Low, Severity::High, Severity::Critical]);
        assert_eq!(repeat(3).severity(Severity::Critical), Severity::Critical);
        assert!(Repeat { hourly: true, ..repeat(50) }.is_told(), "a summary comes every hour");
        assert!(Repeat { after_failure: true, ..repeat(50) }.is_told(), "a failure is not the last word");
    }

    #[test]
    fn of_a_crowd_people_are_told_in_summaries_and_nothing_that_is_due_gets_lost() {
        let told = |first: u64| {
            let mut told = 0;
            let is_told = |times: &u64| {
                let tally = Tally {
                    repeat: Repeat { times: *times, since: Timestamp::UNIX_EPOCH, hourly: false, after_failure: false },
                    told,
                };
                let is_due = tally.is_due(first);
                told = if is_due { *times } else { told };
                is_due
            };
            (1..2000).filter(is_told).collect::<Vec<u64>>()
        };
        assert_eq!(told(1), [1, 10, 30, 100, 300, 1000]);
        assert_eq!(told(10), [10, 30, 100, 300, 1000]);
        let untold = Tally {
            repeat: Repeat { times: 12, since: Timestamp::UNIX_EPOCH, hourly: false, after_failure: false },
            told: 1,
        };
        assert!(untold.is_due(1), "the tenth was not told");
        assert!(!Tally { told: 12, ..untold }.is_due(1));
    }
}
