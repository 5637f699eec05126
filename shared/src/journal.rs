//! What was decided and done, written before it is done. It lives in one DynamoDB table.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `entry#<id>` | `entry` | one decision: its event, the state before, the plan, what came of it |
//! | `entry#<id>` | `part#<digest>#<number>` | a part of an entry that is too large for one item |
//! | `hold#<resource ARN>` | `<control>` | the grants that operators have put back |
//! | `stop` | `stop` | the emergency stop, while it lasts |
//! | `lease#<resource ARN>` | `lease` | which entry may change the resource now |
//! | `repeat#<resource ARN>` | `<control>#<hash of the grants>` | how often the same change was taken back |
//! | `repeat#<resource ARN>` | `<control>#<call>` | how often it was called, for a control whose events come in crowds, and in which events |
//! | `budget#<account>#<actor>` | the hour, counted from 1970 | the entries whose reverts the actor has caused in it in this account |
//! | `memory#<resource ARN>` | `<control>` | the last good state of what a control guards |
//! | `gap` | `gap`, `swept` | when events may have woken nobody, and how far that was read up |
//! | `members` | `members` | which accounts of the organization are no strangers |
//! | `coverage#<account>`, `coverage#all` | `coverage` | what the daily look at coverage has found, and when people were told |
//! | `redrive#<hash of function and event>` | `redrive` | how often a dead letter was handed to its function again |
//!
//! Entries, holds, the stop, gaps, members, coverage and what is remembered carry a `seal`, and are believed only with it (`seal.rs`).
//! Beside its body, an item has the attributes that queries and people need. Three indexes lead to the entries in the
//! order of time: `by-resource`, `by-account` and, for all of them, `by-time`.

mod budget;
mod coverage;
mod gap;
mod lease;
mod members;
mod memory;
mod repeats;
mod seal;
mod signature;
mod transaction;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::aws::{failure, is_refused_with};
use crate::change::{Applied, Change};
use crate::decision::{Decision, Severity};
use crate::event::{Actor, Event, Kind};
use crate::mode::Mode;
use crate::settings::{Deployment, Settings};
use crate::subject::Subject;

use lease::endless_lease;
use seal::{Content, Genuine};
use signature::{Certified, may_be_about};

pub use budget::Budget;
pub use gap::{Gap, Swept};
pub use members::{Listed, Members};
pub use memory::{Baselines, Memory};
pub use repeats::{Count, Counted, Repeat, Tally};
pub use seal::Forged;

/// How long a delivery may work on an entry before another may take over: longer than a function runs (30 s in
/// `template.yaml`) and shorter than Lambda waits before it tries again (one minute).
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const LEASE: SignedDuration = SignedDuration::from_secs(50);

/// No lease that a run has taken ends later than this, however far the clocks of two machines are apart. A longer one was
/// written by somebody else, to keep Snapback from a resource: leases carry no seal, as DynamoDB itself compares them.
const LONGEST_LEASE: SignedDuration = SignedDuration::from_secs(2 * 50);

/// When a lease keeps nobody away: it is over, or none that a run has taken.
const LEASE_IS_FREE: &str = "lease < :now OR lease > :longest OR NOT attribute_type(lease, :number)";

/// Up to this size a body is JSON that people can read in the console: three copies of the largest bucket policy fit.
const LARGEST_PLAIN: usize = 128 * 1024;

/// The most that is put into one item, which may have 400 KB, keys and attributes included.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items>
const LARGEST_PART: usize = 350 * 1024;

/// The most that a body is believed to be when it is unpacked, so that a forged one cannot fill the memory.
const LARGEST_BODY: u64 = 64 * 1024 * 1024;

/// How many entries are fetched at the same time.
const AT_ONCE: usize = 16;

/// How DynamoDB says that an item is not as a write demands.
const CONDITION: &str = "ConditionalCheckFailedException";

/// How often what DynamoDB has not answered is asked for again, and what another operator has changed is read again.
const ATTEMPTS: u32 = 5;

/// How long to wait before that, the first time; then twice as long each time.
const BEFORE_THE_REST: Duration = Duration::from_millis(20);

/// One decision that matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    pub control: String,
    pub title: String,
    /// What happened to the subject, to be read after its name; nothing if that is not certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened: Option<String>,
    pub caveat: String,
    pub subject: Subject,
    pub event: Cause,
    /// What the event alone gave reason to look at.
    pub suspicion: String,
    pub basis: Basis,
    /// What the control saw; null if it was not let look.
    pub state: Value,
    pub decision: Decision<Change>,
    pub mode: Mode,
    pub outcome: Outcome,
    pub decided_at: Timestamp,
    /// When AWS answered the last change of the plan.
    pub reverted_at: Option<Timestamp>,
    /// The ARN of the operator who had it done; nothing if Snapback did it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_by: Option<String>,
    /// How often the same change was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// What came of each change of the plan, in its order.
    pub applied: Vec<Applied>,
    /// What went wrong, or could not be seen to be right.
    pub problem: Option<String>,
    /// Whether the journal could not take it: then what people are told is all there is.
    #[serde(skip)]
    pub unwritten: bool,
    /// What stood in the journal about it that was not genuine, in words for people.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forged: BTreeSet<String>,
    /// Whether people know: they were told, or have been told that it keeps coming back.
    pub announced: bool,
    /// When it is to be looked at a second time, where AWS may have shown an old state at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    pub undone: Option<Undone>,
    /// When the journal forgets it.
    pub expires: Timestamp,
}

/// Who took a revert back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// ARN
    pub by: String,
    pub at: Timestamp,
}

/// The event, as far as people need it afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    #[serde(default, skip_serializing_if = "Kind::is_api_call")]
    pub kind: Kind,
    pub id: String,
    pub service: String,
    pub name: String,
    pub time: Timestamp,
    pub actor: Actor,
}

/// What else the decision was made of: with it, it can be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The parameters of the call and the answer to it, without credentials (`Event`).
    pub request: Value,
    pub response: Value,
    pub resources: Vec<String>,
    pub settings: Settings,
    /// The holds on this subject that were in force.
    pub holds: Vec<Hold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Written down, not yet done.
    Pending,
    Reverted,
    /// The mode is `notify`: this is what `revert` would have done.
    WouldRevert,
    /// The mode is `ask`: an operator may have it done.
    Asked,
    Alerted,
    /// An operator holds it: it was left alone.
    Held,
    Failed,
    /// The resource was changed again in the meantime, and is not risky any more.
    Allowed,
    /// The event proves that it was open, and it was over before Snapback looked.
    Closed,
    /// An operator has put it back.
    Undone,
}

/// Where an earlier delivery of the same event has left things.
#[derive(Debug, Clone, PartialEq)]
pub enum Earlier {
    /// There was none.
    None,
    /// It is done, and people know: what came of it.
    Handled(Outcome),
    /// Another delivery is at work right now.
    AtWork,
    /// It ended before the end: everything it knew is here.
    Unfinished(Box<Entry>),
    /// What stands there is not genuine. It counts as nothing, and gives way to what is.
    Forged(Forged),
}

/// What an entry cannot begin without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Its resource, for itself.
    pub resource: bool,
    /// One of the reverts that its actor may cause in an hour.
    pub one_of: Option<Budget>,
    /// At the second look it begins also where the first has ended with one that is due.
    pub again: bool,
}

/// The write of an entry, sealed. Its parts, if it is large, are written.
#[derive(Debug, Clone)]
pub struct Sealed(PutItemFluentBuilder);

/// What came of beginning an entry. Without the first, nothing was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is written down, and has what it needs. Its resource may have been kept by a lease that no run has taken: that is
    /// said in words for people.
    Begun { regardless: Option<String> },
    /// By another delivery of the same event.
    Earlier(Earlier),
    /// Another entry has the resource.
    Taken,
    /// Its actor has caused as many reverts as it may.
    UsedUp,
}

/// A grant that an operator has put back. It is not taken away again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub control: String,
    /// ARN
    pub resource: String,
    pub grant: String,
    /// The entry that was undone.
    pub entry: String,
    pub by: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// The emergency stop: until it ends Snapback says what it would do, whatever its mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub reason: String,
    /// ARN
    pub by: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// Which entries are asked for; what is left out does not matter.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub since: Option<Timestamp>,
    pub account: Option<String>,
    /// ARN
    pub resource: Option<String>,
    pub control: Option<String>,
    pub outcome: Option<Outcome>,
}

/// An entry that was asked for, by its id. One that cannot be read does not hide the others.
pub type Found = (String, Result<Entry>);

/// What the id of an event ends with in the entry of what showed again at the second look.
pub(crate) const AGAIN: &str = "-again";

/// `pk` and `sk`.
type Key = (String, String);

type Item = HashMap<String, AttributeValue>;

/// What an item says, and when it was signed; nothing of what KMS has sealed.
type Dated<T> = (T, Option<Timestamp>);

/// The holds that are in force, and what is forged in their place.
pub type Held = (Vec<Hold>, Vec<Forged>);

/// The emergency stop, and what is forged in its place.
pub type Stopped = (Option<Stop>, Option<Forged>);

/// What operators have said. Each may be unreadable by itself.
pub type Said = (Result<Held>, Result<Stopped>);

/// What the journal knows before anything is done about an event.
#[derive(Debug)]
pub struct Known {
    pub earlier: Result<Earlier>,
    pub held: Result<Held>,
    pub stopped: Result<Stopped>,
}

/// What was read of it, and may be forged.
struct Unproven {
    entry: Option<Item>,
    holds: Option<Item>,
    stop: Option<Item>,
    memories: Vec<Item>,
}

/// The key of the emergency stop, and with what those of holds begin. What stands there is said by operators alone.
const STOP: &str = "stop";
const HOLD: &str = "hold#";

/// The key of the members of the organization that are trusted.
const MEMBERS: &str = "members";

/// With what the keys of what the daily look at coverage has found begin.
const COVERAGE: &str = "coverage";

/// What was being done when an entry could not be read.
const READING: &str = "reading the journal";

#[derive(Debug, Clone)]
pub struct Journal {
    client: Client,
    table: String,
    kms: aws_sdk_kms::Client,
    /// The ARN or the alias of the key that certifies who signs.
    key: String,
    /// The same of the one that seals what operators say. Functions only verify with it.
    operators_key: String,
    /// For asking which account the table is in, where nobody has said it.
    config: SdkConfig,
    account: Arc<OnceCell<String>>,
    region: String,
    certified: Arc<Certified>,
}

impl Entry {
    /// The same event, control and subject always give the same id, which is how a second delivery is recognised.
    #[must_use]
    pub fn id_of(event: &Event, control: &str, subject: &Subject) -> String {
        hash(&[&event.account, &event.region, &event.id, control, &subject.arn])
    }

    /// Whether there was nothing to do when it was looked at, and the second look is to say whether that is so.
    #[must_use]
    pub(crate) fn waits_for_second_look(&self) -> bool {
        self.outcome == Outcome::Pending && self.due.is_some() && self.decision.plan().is_empty()
    }

    /// Whether every change of its plan was written, and none was found to be so already.
    #[must_use]
    pub(crate) fn has_written_all(&self) -> bool {
        self.applied.iter().all(|applied| matches!(applied, Applied::Done { .. }))
    }

    /// The id of the event as CloudTrail has it.
    #[must_use]
    pub fn event_id(&self) -> &str {
        self.event.id.trim_end_matches(AGAIN)
    }

    /// Whether people were told that it is reverted, or anything of its plan was written.
    #[must_use]
    pub(crate) fn keeps_a_way_back(&self) -> bool {
        self.outcome == Outcome::Reverted || self.applied.iter().any(|applied| matches!(applied, Applied::Done { .. }))
    }

    /// What people are told.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        // What should have been taken back and was not is as bad as it gets.
        let of_one = if self.outcome == Outcome::Failed { Severity::Critical } else { self.decision.severity()? };
        // A crowd of attempts is no fight: that is for what they come to.
        let fight = self.repeat.as_ref().filter(|_| matches!(self.decision, Decision::Revert { .. }));
        Some(fight.map_or(of_one, |repeat| repeat.severity(of_one)))
    }

    /// The event, as far as controls read it.
    #[must_use]
    pub fn event(&self) -> Event {
        let (Cause { kind, id, service, name, time, actor }, basis) = (self.event.clone(), self.basis.clone());
        Event {
            source: format!("aws.{}", service.trim_end_matches(".amazonaws.com")),
            detail_type: kind.detail_type().to_owned(),
            kind,
            envelope_account: self.subject.account.clone(),
            id,
            time,
            service,
            name,
            region: self.subject.region.clone(),
            account: self.subject.account.clone(),
            error_code: None,
            request: basis.request,
            response: basis.response,
            resources: basis.resources,
            elsewhere: None,
            actor,
            failed_before: None,
            is_from_a_queue: false,
            is_unproven: false,
        }
    }
}

impl Needs {
    /// Whether the entry itself is all there is to write.
    fn is_alone(self) -> bool {
        !self.resource && self.one_of.is_none()
    }
}

impl From<&Event> for Cause {
    fn from(event: &Event) -> Self {
        Self {
            kind: event.kind,
            id: event.id.clone(),
            service: event.service.clone(),
            name: event.name.clone(),
            time: event.time,
            actor: event.actor.clone(),
        }
    }
}

impl Journal {
    /// For operators, who name the table alone: its keys go by aliases with its name.
    #[must_use]
    pub fn new(config: &SdkConfig, table: &str) -> Self {
        Self {
            client: crate::retry::client!(aws_sdk_dynamodb, config),
            table: table.to_owned(),
            kms: crate::retry::client!(aws_sdk_kms, config),
            key: format!("alias/{table}"),
            operators_key: format!("alias/{table}-operators"),
            config: config.clone(),
            account: Arc::default(),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            certified: Arc::default(),
        }
    }

    /// For functions, which are told the keys themselves: whoever moves an alias moves nothing for them.
    #[must_use]
    pub fn of(config: &SdkConfig, deployment: &Deployment) -> Self {
        let keys = (deployment.journal_key.as_str(), deployment.operators_key.as_str());
        Self::with_keys(config, &deployment.journal, keys, deployment.account())
    }

    /// The same, of the table and the ARNs of both keys, in an account.
    #[must_use]
    pub fn with_keys(config: &SdkConfig, table: &str, (key, operators_key): (&str, &str), account: &str) -> Self {
        Self {
            key: key.to_owned(),
            operators_key: operators_key.to_owned(),
            account: Arc::new(OnceCell::new_with(Some(account.to_owned()))),
            ..Self::new(config, table)
        }
    }

    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    /// What an earlier delivery of the same event has left.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn earlier(&self, id: &str, now: Timestamp) -> Result<Earlier> {
        let item = self.item(entry_key(id)).await.context(READING)?;
        self.left(id, item.as_ref(), now).await
    }

    async fn left(&self, id: &str, item: Option<&Item>, now: Timestamp) -> Result<Earlier> {
        let Some(item) = item else { return Ok(Earlier::None) };
        Ok(match self.entry(id, item).await? {
            Ok(entry) => earlier(item, entry, now),
            Err(forged) => Earlier::Forged(forged),
        })
    }

    /// Reads what there is of an event, of the holds on its resource, of the emergency stop, and of baselines.
    async fn read_known(&self, id: &str, about: (&str, &str), memories: &[Key]) -> Result<Unproven> {
        let keys = [entry_key(id), hold_key(about.0, about.1), stop_key()];
        let asked: Vec<Key> = keys.iter().chain(memories).cloned().collect();
        let mut items = self.items(&asked).await.context(READING)?;
        let mut take = |key: &Key| Some(items.swap_remove(items.iter().position(|item| is_at(item, key))?));
        let [entry, holds, stop] = keys.each_ref().map(&mut take);
        Ok(Unproven { entry, holds, stop, memories: items })
    }

    /// What that says.
    async fn known(&self, id: &str, Unproven { entry, holds, stop, .. }: Unproven, now: Timestamp) -> Known {
        let said = self.said_in(holds.as_ref(), stop.as_ref(), now);
        let (earlier, (held, stopped)) = futures::join!(self.left(id, entry.as_ref(), now), said);
        Known { earlier, held, stopped }
    }

    /// The holds on a resource, for one control, and the emergency stop, with one read.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn said_of(&self, control: &str, resource: &str, now: Timestamp) -> Result<Said> {
        let keys = [hold_key(control, resource), stop_key()];
        let items = self.items(&keys).await.context(READING)?;
        let [holds, stop] = keys.each_ref().map(|key| items.iter().find(|item| is_at(item, key)));
        Ok(self.said_in(holds, stop, now).await)
    }

    /// The same about the resource of an entry, and how often its change was reverted.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn said_about(&self, entry: &Entry, now: Timestamp) -> Result<(Said, Counted)> {
        let (holds, counted) = (hold_key(&entry.control, &entry.subject.arn), repeats::change_key(entry));
        let keys = [holds, stop_key(), counted.clone()];
        let mut items = self.items(&keys).await.context(READING)?;
        let before = items.iter().position(|item| is_at(item, &counted)).map(|at| items.swap_remove(at));
        let [holds, stop, _] = keys.each_ref().map(|key| items.iter().find(|item| is_at(item, key)));
        Ok((self.said_in(holds, stop, now).await, Counted::new(counted, before)))
    }

    async fn said_in(&self, holds: Option<&Item>, stop: Option<&Item>, now: Timestamp) -> Said {
        let (held, stopped) = futures::join!(self.held(holds, now), self.stop_of(stop, now));
        (held, stopped.map(|stopped| until_it_ends(stopped, now)))
    }

    /// The entry with this id.
    ///
    /// # Errors
    /// When the journal cannot be read, or what it has under this id is not genuine.
    pub async fn find(&self, id: &str) -> Result<Option<Entry>> {
        let Some(item) = self.item(entry_key(id)).await.context(READING)? else { return Ok(None) };
        Ok(Some(self.entry(id, &item).await??))
    }

    /// The newest entries that are wanted, newest first, and whether there are more of them.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn history(&self, wanted: &Wanted, most: usize) -> Result<(Vec<Found>, bool)> {
        let (index, key, value) = match wanted {
            Wanted { resource: Some(arn), .. } => ("by-resource", "resource", arn.as_str()),
            Wanted { account: Some(account), .. } => ("by-account", "account", account.as_str()),
            _ => ("by-time", "kind", "entry"),
        };
        let since = sortable(wanted.since.unwrap_or(Timestamp::UNIX_EPOCH));
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#key = :key AND #at >= :since")
            .expression_attribute_names("#key", key)
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":key", AttributeValue::S(value.to_owned()))
            .expression_attribute_values(":since", AttributeValue::S(since))
            .scan_index_forward(false);
        let mut filters = vec![];
        let outcome = wanted.outcome.map(|outcome| outcome.to_string());
        for (name, value) in [("account", &wanted.account), ("control", &wanted.control), ("outcome", &outcome)] {
            if let Some(value) = value.as_ref().filter(|_| name != key) {
                filters.push(format!("#{name} = :{name}"));
                query = query
                    .expression_attribute_names(format!("#{name}"), name)
                    .expression_attribute_values(format!(":{name}"), AttributeValue::S(value.clone()));
            }
        }
        let query = query.set_filter_expression((!filters.is_empty()).then(|| filters.join(" AND ")));
        let (mut ids, mut items) = (vec![], query.into_paginator().items().send());
        while let Some(item) = items.next().await {
            let item = item.map_err(|error| failure(error).context("asking the journal for entries"))?;
            if ids.len() == most {
                return Ok((self.all(ids).await, true));
            }
            ids.push(text(&item, "pk")?.trim_start_matches("entry#").to_owned());
        }
        Ok((self.all(ids).await, false))
    }

    /// The entries with these ids that are still there.
    async fn all(&self, ids: Vec<String>) -> Vec<Found> {
        let find = async |id: String| self.find(&id).await.transpose().map(|found| (id, found));
        futures::stream::iter(ids.into_iter().map(find))
            .buffered(AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await
    }

    /// Seals what is about to be written down.
    ///
    /// # Errors
    /// When the journal's key cannot be used, or the journal cannot be written: then nothing may be done.
    pub async fn sealed(&self, entry: &Entry) -> Result<Sealed> {
        Box::pin(self.put(entry, None)).await.map(Sealed)
    }

    /// Writes down what is about to be done, and takes what that needs and the lease for doing it: all of it or nothing,
    /// unless another was faster. Of what is forged, that which stands in its place gives way, if it still stands there.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn begin(
        &self,
        entry: &Entry,
        Sealed(call): Sealed,
        forged: &[Forged],
        needs: Needs,
        now: Timestamp,
    ) -> Result<Begun> {
        let is_open = if needs.again {
            "(outcome IN (:pending, :failed) OR attribute_exists(due))"
        } else {
            "outcome IN (:pending, :failed)"
        };
        let free = format!("attribute_not_exists(pk) OR ({is_open} AND ({LEASE_IS_FREE}))");
        let call = call.item("lease", seconds(now + LEASE));
        // Says which attempt it was, if its answer is lost.
        let (key, attempt) = (entry_key(&entry.id), AttributeValue::N(now.as_nanosecond().to_string()));
        let call = call.item("attempt", attempt.clone());
        let call = match forged.iter().find(|forged| forged.is_at(&key)).map(Forged::seal) {
            None => call.condition_expression(&free),
            Some(None) => call.condition_expression(format!("{free} OR attribute_not_exists(seal)")),
            Some(Some(seal)) => call
                .condition_expression(format!("{free} OR seal = :forged"))
                .expression_attribute_values(":forged", seal.clone()),
        };
        let call = compared(call, now)
            .expression_attribute_values(":pending", AttributeValue::S(Outcome::Pending.to_string()))
            .expression_attribute_values(":failed", AttributeValue::S(Outcome::Failed.to_string()));
        if needs.is_alone() {
            return match call.send().await {
                Ok(_) => Ok(Begun::Begun { regardless: None }),
                Err(error) if is_condition(&error) => self.others(&entry.id, &attempt, now).await,
                Err(error) => Err(failure(error).context("writing the journal")),
            };
        }
        let (budget, mut regardless) = (1 + usize::from(needs.resource), None);
        loop {
            let mut writes = vec![transaction::put(&call)?];
            if needs.resource {
                writes.push(transaction::put(&self.taking(entry, regardless.is_some(), now))?);
            }
            if let Some(budget) = needs.one_of {
                writes.push(transaction::update(&self.affording(entry, budget, now))?);
            }
            let cancelled = match self.write_together(&writes).await.context("writing the journal")? {
                Ok(()) => return Ok(Begun::Begun { regardless }),
                Err(cancelled) => cancelled,
            };
            if cancelled.is_for(0) {
                return self.others(&entry.id, &attempt, now).await;
            }
            if needs.resource && cancelled.is_for(1) {
                let is_known = regardless.is_some();
                regardless = endless_lease(entry, cancelled.found(1), now);
                if is_known || regardless.is_none() {
                    return Ok(Begun::Taken);
                }
            } else {
                ensure!(
                    needs.one_of.is_some() && cancelled.is_for(budget),
                    "DynamoDB does not say what was in the way"
                );
                return Ok(Begun::UsedUp);
            }
        }
    }

    /// What another delivery has left. It is our own if the answer to our first attempt was lost.
    async fn others(&self, id: &str, own: &AttributeValue, now: Timestamp) -> Result<Begun> {
        let item = self.item(entry_key(id)).await.context(READING)?;
        if item.as_ref().and_then(|item| item.get("attempt")) == Some(own) {
            return Ok(Begun::Begun { regardless: None });
        }
        Ok(Begun::Earlier(match self.left(id, item.as_ref(), now).await? {
            // It ended between the two calls, or something was forged there; the next delivery will see.
            Earlier::None | Earlier::Unfinished(_) | Earlier::Forged(_) => Earlier::AtWork,
            other => other,
        }))
    }

    /// Writes down a decision that was made afresh, by the delivery that has the lease.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn rewrite(&self, entry: &Entry, now: Timestamp) -> Result<()> {
        let call = Box::pin(self.put(entry, Some(now + LEASE))).await?;
        call.send().await.map(drop).map_err(|error| failure(error).context("writing the journal"))
    }

    /// Writes down what came of it, and gives the lease back.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn complete(&self, entry: &Entry) -> Result<()> {
        let call = Box::pin(self.put(entry, None)).await?;
        call.send().await.map(drop).map_err(|error| failure(error).context("completing the journal's entry"))
    }

    /// The same, and counts it, and gives the resource back if the entry has it: all of it or nothing. Where somebody else
    /// has counted meanwhile, it is counted after that.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn complete_with(&self, entry: &mut Entry, mut count: Option<Count>, has_resource: bool) -> Result<()> {
        let mut gives_back = has_resource;
        for _ in 0..ATTEMPTS {
            if count.is_none() && !gives_back {
                return self.complete(entry).await;
            }
            let mut writes = vec![transaction::put(&Box::pin(self.put(entry, None)).await?)?];
            if let Some(count) = &count {
                writes.push(transaction::update(&self.counting(count))?);
            }
            let lease = writes.len();
            if gives_back {
                writes.push(transaction::put(&self.giving_back(entry))?);
            }
            let written = self.write_together(&writes).await.context("completing the journal's entry")?;
            let Err(cancelled) = written else { return Ok(()) };
            // Another entry has taken the resource since the lease has ended.
            gives_back &= !cancelled.is_for(lease);
            if count.is_some() && cancelled.is_for(1) {
                let (repeat, anew) = self.count(entry, None, Timestamp::now()).await?;
                (entry.repeat, count) = (Some(repeat), anew);
            }
        }
        bail!("others keep changing what goes with the journal's entry")
    }

    /// Writes down that the second look has found nothing new, unless somebody has settled the entry since it was read: an
    /// operator may have undone it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn complete_if_due(&self, entry: &Entry) -> Result<()> {
        let call = Box::pin(self.put(entry, None)).await?.condition_expression("attribute_exists(due)");
        match call.send().await {
            Err(error) if !is_condition(&error) => Err(failure(error).context("completing the journal's entry")),
            _ => Ok(()),
        }
    }

    /// The holds on a resource that are in force, for one control, and what is forged in their place.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn holds(&self, control: &str, resource: &str, now: Timestamp) -> Result<Held> {
        let item = self.item(hold_key(control, resource)).await.context("reading the holds in the journal")?;
        self.held(item.as_ref(), now).await
    }

    async fn held(&self, item: Option<&Item>, now: Timestamp) -> Result<Held> {
        let Some(item) = item else { return Ok(Held::default()) };
        let said = self.said::<Vec<Hold>>(item, now).await.context("reading a hold in the journal")?;
        Ok(match said {
            Ok(said) => {
                let holds = said.map(|(holds, _)| holds).unwrap_or_default();
                (holds.into_iter().filter(|hold| hold.until > now).collect(), vec![])
            }
            Err(forged) => (vec![], vec![forged]),
        })
    }

    /// Leaves holds on grants of a resource, for one control, beside those of other entries.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn hold(&self, control: &str, resource: &str, new: &[Hold]) -> Result<()> {
        let with_new = |mut holds: Vec<Hold>| {
            holds.retain(|hold| new.iter().all(|new| (&new.grant, &new.entry) != (&hold.grant, &hold.entry)));
            holds.extend_from_slice(new);
            holds
        };
        self.change_holds(&hold_key(control, resource), with_new).await.context("writing the hold to the journal")
    }

    /// Ends the holds that the undo of an entry has left, for one control on one resource.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn release(&self, control: &str, resource: &str, entry: &str) -> Result<()> {
        let without = |mut holds: Vec<Hold>| {
            holds.retain(|hold| hold.entry != entry);
            holds
        };
        self.change_holds(&hold_key(control, resource), without).await.context("ending the hold in the journal")
    }

    /// Writes what becomes of the holds of an item, unless another operator changes them meanwhile: then once more.
    async fn change_holds(&self, key: &Key, change: impl Fn(Vec<Hold>) -> Vec<Hold>) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let now = Timestamp::now();
            let before = self.item(key.clone()).await?;
            let (holds, _) = self.held(before.as_ref(), now).await?;
            let holds = change(holds);
            if before.is_none() && holds.is_empty() {
                return Ok(());
            }
            let seal = before.as_ref().map(|item| item.get("seal").cloned());
            let as_before = match &seal {
                None => "attribute_not_exists(pk)",
                Some(None) => "attribute_not_exists(seal)",
                Some(Some(_)) => "seal = :before",
            };
            let seal = seal.flatten().map(|seal| HashMap::from([(":before".to_owned(), seal)]));
            let written = if let Some(until) = holds.iter().map(|hold| hold.until).max() {
                let call = self.kept(key, until, &holds).await?.condition_expression(as_before);
                call.set_expression_attribute_values(seal).send().await.map(drop).map_err(failure)
            } else {
                let call = self.client.delete_item().table_name(&self.table).set_key(Some(attributes(key)));
                let call = call.condition_expression(as_before).set_expression_attribute_values(seal);
                call.send().await.map(drop).map_err(failure)
            };
            match written {
                Err(error) if is_refused_with(&error, CONDITION) => {}
                written => return written,
            }
        }
        bail!("other operators keep changing the holds on this resource")
    }

    /// The emergency stop, if there is one and it has not ended, or what is forged in its place.
    ///
    /// # Errors
    /// When the journal cannot be read: then nothing may be done.
    pub async fn stopped(&self, now: Timestamp) -> Result<Stopped> {
        Ok(until_it_ends(self.last_stop(now).await?, now))
    }

    /// The same, also a stop that is over, as long as it is there.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn last_stop(&self, now: Timestamp) -> Result<Stopped> {
        let item = self.item(stop_key()).await.context("reading the emergency stop in the journal")?;
        self.stop_of(item.as_ref(), now).await
    }

    async fn stop_of(&self, item: Option<&Item>, now: Timestamp) -> Result<Stopped> {
        let Some(item) = item else { return Ok((None, None)) };
        Ok(match self.said::<Stop>(item, now).await.context("reading the emergency stop")? {
            Ok(said) => (said.map(|(stop, _)| stop), None),
            Err(forged) => (None, Some(forged)),
        })
    }

    /// Begins the emergency stop, or changes it. It is kept for longer than it lasts, so that its end is noticed.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn stop(&self, stop: &Stop) -> Result<()> {
        self.keep(stop_key(), stop.until + SignedDuration::from_hours(24), stop)
            .await
            .context("writing the stop to the journal")
    }

    /// Deletes whatever the journal has in the place of the emergency stop.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn forget_stop(&self) -> Result<()> {
        self.end(stop_key()).await.context("ending the stop in the journal")
    }

    /// Writes what was said, by an operator or by the scheduled look.
    async fn keep(&self, key: Key, until: Timestamp, said: &impl Serialize) -> Result<()> {
        self.kept(&key, until, said).await?.send().await.map(drop).map_err(failure)
    }

    /// The write of it, sealed and ready to be sent.
    async fn kept(&self, key: &Key, until: Timestamp, said: &impl Serialize) -> Result<PutItemFluentBuilder> {
        let body = serde_json::to_string(said)?;
        let seal = self.seal(key, &Content::Plain(&body)).await?;
        let (pk, sk) = key.clone();
        Ok(self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(pk))
            .item("sk", AttributeValue::S(sk))
            .item("expires", seconds(until))
            .item("body", AttributeValue::S(body))
            .item("seal", seal))
    }

    /// Reads it, and when it was signed, if it was said by who may. DynamoDB deletes what has expired within days, not at once: until then it
    /// is not worth asking whether it is genuine.
    async fn said<T: DeserializeOwned>(&self, item: &Item, now: Timestamp) -> Result<Result<Option<Dated<T>>, Forged>> {
        if matches!(item.get("expires"), Some(AttributeValue::N(at)) if at.parse().is_ok_and(|at: i64| at < now.as_second()))
        {
            return Ok(Ok(None));
        }
        Ok(self.genuinely_said(item).await?.map(Some))
    }

    /// The same, whatever stands beside it of its end.
    async fn genuinely_said<T: DeserializeOwned>(&self, item: &Item) -> Result<Result<Dated<T>, Forged>> {
        Ok(match self.genuine(item).await? {
            Ok(Genuine { content: Content::Plain(body), at }) => Ok((serde_json::from_str(body)?, at)),
            // Only entries are compressed.
            Ok(_) => Err(Forged::of(item)),
            Err(forged) => Err(forged),
        })
    }

    /// Takes it back.
    async fn end(&self, (pk, sk): Key) -> Result<()> {
        let (pk, sk) = (AttributeValue::S(pk), AttributeValue::S(sk));
        let call = self.client.delete_item().table_name(&self.table).key("pk", pk).key("sk", sk);
        call.send().await.map(drop).map_err(failure)
    }

    /// Those of these items that are there.
    async fn items(&self, keys: &[Key]) -> Result<Vec<Item>> {
        let mut left: Vec<Item> = keys.iter().map(attributes).collect();
        let mut found = vec![];
        for attempt in 0..ATTEMPTS {
            let asked = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build()?;
            let answer =
                self.client.batch_get_item().request_items(&self.table, asked).send().await.map_err(failure)?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            left = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, rest)| rest.keys).collect();
            if left.is_empty() {
                return Ok(found);
            }
            tokio::time::sleep(BEFORE_THE_REST * 2_u32.pow(attempt)).await;
        }
        bail!("DynamoDB has answered for only some of {} items, {ATTEMPTS} times", keys.len())
    }

    async fn item(&self, (pk, sk): Key) -> Result<Option<Item>> {
        let (pk, sk) = (AttributeValue::S(pk), AttributeValue::S(sk));
        let call = self.client.get_item().table_name(&self.table).key("pk", pk).key("sk", sk).consistent_read(true);
        Ok(call.send().await.map_err(failure)?.item)
    }

    /// The write of an entry, sealed and ready to be sent. The parts of a large one are written here and now: nothing
    /// refers to them before the entry itself does, and those that nothing refers to any more expire with it.
    async fn put(&self, entry: &Entry, lease: Option<Timestamp>) -> Result<PutItemFluentBuilder> {
        let string = |text: &str| AttributeValue::S(text.to_owned());
        let (key, body) = (entry_key(&entry.id), Body::of(entry)?);
        ensure!(
            may_be_about(entry.event.time, Timestamp::now()),
            "the clock here is behind: the event happened at {:.0}",
            entry.event.time
        );
        let content = body.content();
        let (seal, ()) = futures::try_join!(self.seal(&key, &content), self.put_parts(entry, &body))?;
        let (pk, sk) = key;
        let put = self.client.put_item().table_name(&self.table);
        let put = put.item("pk", AttributeValue::S(pk)).item("sk", AttributeValue::S(sk)).item("seal", seal);
        let put = match body {
            Body::Plain(json) => put.item("body", AttributeValue::S(json)),
            Body::Packed(bytes) => put.item("packed", AttributeValue::B(Blob::new(bytes))),
            Body::Parts { digest, parts } => {
                put.item("parts", AttributeValue::N(parts.len().to_string())).item("digest", AttributeValue::S(digest))
            }
        };
        let put = match entry.due {
            Some(due) => put.item("due", seconds(due)),
            None => put,
        };
        Ok(put
            .item("kind", string("entry"))
            .item("control", string(&entry.control))
            .item("resource", string(&entry.subject.arn))
            .item("account", string(&entry.subject.account))
            .item("region", string(&entry.subject.region))
            .item("outcome", string(&entry.outcome.to_string()))
            .item("at", AttributeValue::S(sortable(entry.decided_at)))
            .item("lease", seconds(lease.unwrap_or(Timestamp::UNIX_EPOCH)))
            .item("expires", seconds(entry.expires)))
    }

    async fn put_parts(&self, entry: &Entry, body: &Body) -> Result<()> {
        let Body::Parts { digest, parts } = body else { return Ok(()) };
        for (number, part) in parts.iter().enumerate() {
            let call = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", AttributeValue::S(format!("entry#{}", entry.id)))
                .item("sk", AttributeValue::S(format!("part#{digest}#{number:04}")))
                .item("expires", seconds(entry.expires))
                .item("packed", AttributeValue::B(Blob::new(part.as_slice())));
            call.send().await.map_err(|error| failure(error).context("writing a part of a journal entry"))?;
        }
        Ok(())
    }

    /// The entry in an item, if it is genuine.
    async fn entry(&self, id: &str, item: &Item) -> Result<Result<Entry, Forged>> {
        let Genuine { content, at } = match self.genuine(item).await.context(READING)? {
            Ok(genuine) => genuine,
            Err(forged) => return Ok(Err(forged)),
        };
        let body = match content {
            Content::Plain(json) => json.to_owned(),
            Content::Packed(packed) => unpacked(packed)?,
            Content::Parts { digest, number } => self.parts(id, digest, number).await?,
        };
        let entry: Entry = serde_json::from_str(&body).context("reading the body of a journal entry")?;
        ensure!(entry.id == id, "what the journal has under `{id}` says that it is entry `{}`", entry.id);
        // Whoever has got hold of a key signs in the hour that it is for, and makes nothing older than its event.
        let is_of_its_time = at.is_some_and(|at| may_be_about(entry.event.time, at));
        Ok(if is_of_its_time { Ok(entry) } else { Err(Forged::of(item)) })
    }

    /// The body of an entry that was too large for one item.
    async fn parts(&self, id: &str, digest: &str, expected: usize) -> Result<String> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :part)")
            .expression_attribute_values(":pk", AttributeValue::S(format!("entry#{id}")))
            .expression_attribute_values(":part", AttributeValue::S(format!("part#{digest}#")))
            .consistent_read(true);
        let items = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(|error| failure(error).context("reading the parts of a journal entry"))?;
        let parts = items.iter().filter_map(|item| item.get("packed")?.as_b().ok());
        let packed: Vec<u8> = parts.flat_map(|part| part.as_ref().iter().copied()).collect();
        let found = items.len();
        ensure!(found == expected, "of entry `{id}`, the journal has {found} of {expected} parts");
        ensure!(digest_of(&packed) == digest, "the parts that the journal has of entry `{id}` are not its own");
        unpacked(&packed)
    }
}

/// An entry in the form in which it is kept.
enum Body {
    Plain(String),
    /// Compressed, in the entry's own item.
    Packed(Vec<u8>),
    /// Compressed, in items of their own.
    Parts {
        digest: String,
        parts: Vec<Vec<u8>>,
    },
}

impl Body {
    fn of(entry: &Entry) -> Result<Self> {
        let json = serde_json::to_string(entry)?;
        if json.len() <= LARGEST_PLAIN {
            return Ok(Self::Plain(json));
        }
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(json.as_bytes())?;
        let packed = encoder.finish()?;
        Ok(if packed.len() <= LARGEST_PART {
            Self::Packed(packed)
        } else {
            Self::Parts { digest: digest_of(&packed), parts: packed.chunks(LARGEST_PART).map(<[u8]>::to_vec).collect() }
        })
    }

    fn content(&self) -> Content<'_> {
        match self {
            Self::Plain(json) => Content::Plain(json),
            Self::Packed(packed) => Content::Packed(packed),
            Self::Parts { digest, parts } => Content::Parts { digest, number: parts.len() },
        }
    }
}

fn unpacked(packed: &[u8]) -> Result<String> {
    let mut body = String::new();
    GzDecoder::new(packed).take(LARGEST_BODY).read_to_string(&mut body).context("unpacking a journal entry")?;
    Ok(body)
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, by, since, until } = self;
        write!(f, "stopped by {by} since {since:.0} until {until:.0}: {reason}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Reverted => "reverted",
            Self::WouldRevert => "would-revert",
            Self::Asked => "asked",
            Self::Alerted => "alerted",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Allowed => "allowed",
            Self::Closed => "closed",
            Self::Undone => "undone",
        })
    }
}

fn earlier(item: &Item, mut entry: Entry, now: Timestamp) -> Earlier {
    // Beside the sealed content, it is what the condition of `begin` compares: another one would keep everybody away.
    if text(item, "outcome").ok() != Some(&entry.outcome.to_string()) {
        return Earlier::Forged(Forged::of(item));
    }
    let is_open = matches!(entry.outcome, Outcome::Pending | Outcome::Failed);
    let waits = entry.waits_for_second_look();
    match item.get("lease").map(|lease| Lease::read(lease, now)) {
        Some(Lease::Lasts) if is_open && !waits => return Earlier::AtWork,
        Some(Lease::Endless) if is_open => {
            entry.forged.insert(endless(&format!("entry `{}`", entry.id)));
        }
        _ => {}
    }
    match entry.outcome {
        _ if waits => Earlier::Handled(entry.outcome),
        Outcome::Allowed | Outcome::Undone => Earlier::Handled(entry.outcome),
        _ if entry.announced && !is_open => Earlier::Handled(entry.outcome),
        _ => Earlier::Unfinished(Box::new(entry)),
    }
}

/// What a lease says at a time.
#[derive(Debug, PartialEq, Eq)]
enum Lease {
    Over,
    Lasts,
    /// No run can last so long, or it is no time at all.
    Endless,
}

impl Lease {
    fn read(lease: &AttributeValue, now: Timestamp) -> Self {
        let AttributeValue::N(seconds) = lease else { return Self::Endless };
        match seconds.parse::<i64>() {
            Ok(seconds) if seconds < now.as_second() => Self::Over,
            Ok(seconds) if seconds <= (now + LONGEST_LEASE).as_second() => Self::Lasts,
            _ => Self::Endless,
        }
    }
}

/// What people are told of a lease that was not honoured.
fn endless(of_what: &str) -> String {
    format!(
        "the lease of {of_what} in the journal ends later than any run lasts, so it is not honoured: whoever wrote it can \
         write the table and wanted to keep Snapback from the resource"
    )
}

/// A write with what `LEASE_IS_FREE` compares.
fn compared(call: PutItemFluentBuilder, now: Timestamp) -> PutItemFluentBuilder {
    call.expression_attribute_values(":now", seconds(now))
        .expression_attribute_values(":longest", seconds(now + LONGEST_LEASE))
        .expression_attribute_values(":number", AttributeValue::S("N".to_owned()))
}

fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => bail!("an item of the journal has no text attribute `{name}`"),
    }
}

fn seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}

fn entry_key(id: &str) -> Key {
    (format!("entry#{id}"), "entry".to_owned())
}

fn stop_key() -> Key {
    (STOP.to_owned(), STOP.to_owned())
}

/// A time as a text that sorts like it: always with the same digits.
fn sortable(time: Timestamp) -> String {
    format!("{time:.6}")
}

fn hold_key(control: &str, resource: &str) -> Key {
    (format!("{HOLD}{resource}"), control.to_owned())
}

fn attributes((pk, sk): &Key) -> Item {
    [("pk", pk), ("sk", sk)].map(|(name, key)| (name.to_owned(), AttributeValue::S(key.clone()))).into()
}

fn is_at(item: &Item, (pk, sk): &Key) -> bool {
    text(item, "pk").is_ok_and(|own| own == pk) && text(item, "sk").is_ok_and(|own| own == sk)
}

/// A stop that is over is none.
fn until_it_ends((stop, forged): Stopped, now: Timestamp) -> Stopped {
    (stop.filter(|stop| stop.until > now), forged)
}

fn is_condition<E, R>(error: &aws_smithy_runtime_api::client::result::SdkError<E, R>) -> bool
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata,
{
    crate::aws::code(error) == Some(CONDITION)
}

/// The first 20 digits of a SHA-256: short enough to be typed, and no two events in 10^12 share them.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut digest = digest_of(parts.join("\n").as_bytes());
    digest.truncate(20);
    digest
}

/// A whole SHA-256, in hexadecimal digits.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
