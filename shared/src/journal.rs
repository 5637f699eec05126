//! What was decided and done, written before it is done. It lives in one DynamoDB table.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `entry#<id>` | `entry` | one decision: its event, the state before, the plan, what came of it |
//! | `hold#<resource ARN>` | `<control>#<hash of the grant>` | a grant that an operator has put back |
//! | `stop` | `stop` | the emergency stop, while it lasts |
//! | `lease#<resource ARN>` | `lease` | which entry may change the resource now |
//! | `repeat#<resource ARN>` | `<control>#<hash of the grants>` | how often the same change was taken back |
//!
//! Beside its `body`, an item has the attributes that queries and people need.

mod lease;
mod repeats;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::aws::failure;
use crate::change::{Applied, Change};
use crate::decision::{Decision, Severity};
use crate::event::{Actor, Event};
use crate::mode::Mode;
use crate::settings::Settings;
use crate::subject::Subject;

pub use repeats::Repeat;

/// How long a delivery may work on an entry before another may take over: longer than a function runs (30 s in
/// `template.yaml`) and shorter than Lambda waits before it tries again (one minute).
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const LEASE: SignedDuration = SignedDuration::from_secs(50);

/// One decision that matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub id: String,
    pub control: String,
    pub title: String,
    pub caveat: String,
    pub subject: Subject,
    pub event: Cause,
    /// The event and the settings by which it was judged, so that anybody can judge it again. Secrets are left out.
    pub record: Event,
    pub settings: Settings,
    /// What the event alone gave reason to look at.
    pub suspicion: String,
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
    /// Whether people know: they were told, or have been told that it keeps coming back.
    pub announced: bool,
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
    pub id: String,
    pub service: String,
    pub name: String,
    pub time: Timestamp,
    pub actor: Actor,
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
    Failed,
    /// The resource was changed again in the meantime, and is not risky any more.
    Allowed,
    /// An operator has put it back.
    Undone,
}

/// Where an earlier delivery of the same event has left things.
#[derive(Debug, Clone, PartialEq)]
pub enum Earlier {
    /// There was none.
    None,
    /// It is done, and people know.
    Handled,
    /// Another delivery is at work right now.
    AtWork,
    /// It ended before the end: everything it knew is here.
    Unfinished(Box<Entry>),
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

#[derive(Debug, Clone)]
pub struct Journal {
    client: Client,
    table: String,
}

impl Entry {
    /// The same event, control and subject always give the same id, which is how a second delivery is recognised.
    #[must_use]
    pub fn id_of(event: &Event, control: &str, subject: &Subject) -> String {
        hash(&[&event.account, &event.region, &event.id, control, &subject.arn])
    }

    /// What people are told.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        let of_one = self.decision.severity()?;
        Some(self.repeat.as_ref().map_or(of_one, |repeat| repeat.severity(of_one)))
    }
}

impl From<&Event> for Cause {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.clone(),
            service: event.service.clone(),
            name: event.name.clone(),
            time: event.time,
            actor: event.actor.clone(),
        }
    }
}

impl Journal {
    #[must_use]
    pub fn new(config: &SdkConfig, table: &str) -> Self {
        Self { client: Client::new(config), table: table.to_owned() }
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
        Ok(match self.item(id).await? {
            Some(item) => earlier(&item, now)?,
            None => Earlier::None,
        })
    }

    /// The entry with this id.
    ///
    /// # Errors
    /// When the journal cannot be read, or holds something else under this id.
    pub async fn find(&self, id: &str) -> Result<Option<Entry>> {
        self.item(id).await?.map(|item| entry(&item)).transpose()
    }

    /// Writes down what is about to be done, and takes the lease for doing it, unless another delivery was faster.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn begin(&self, entry: &Entry, now: Timestamp) -> Result<Earlier> {
        let free = "attribute_not_exists(pk) OR (outcome IN (:pending, :failed) AND lease < :now)";
        let call = self.put(entry, Some(now + LEASE))?.condition_expression(free);
        let call = call
            .expression_attribute_values(":pending", AttributeValue::S(Outcome::Pending.to_string()))
            .expression_attribute_values(":failed", AttributeValue::S(Outcome::Failed.to_string()))
            .expression_attribute_values(":now", seconds(now));
        match call.send().await {
            Ok(_) => Ok(Earlier::None),
            Err(error) if is_condition(&error) => match self.earlier(&entry.id, now).await? {
                // It ended between the two calls; the next delivery will see where.
                Earlier::None | Earlier::Unfinished(_) => Ok(Earlier::AtWork),
                other => Ok(other),
            },
            Err(error) => Err(failure(error).context("writing the journal")),
        }
    }

    /// Writes down a decision that was made afresh, by the delivery that has the lease.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn rewrite(&self, entry: &Entry, now: Timestamp) -> Result<()> {
        let call = self.put(entry, Some(now + LEASE))?;
        call.send().await.map(drop).map_err(|error| failure(error).context("writing the journal"))
    }

    /// Writes down what came of it, and gives the lease back.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn complete(&self, entry: &Entry) -> Result<()> {
        let call = self.put(entry, None)?;
        call.send().await.map(drop).map_err(|error| failure(error).context("completing the journal's entry"))
    }

    /// The grants on a resource that an operator has put back, for one control.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn holds(&self, control: &str, resource: &str, now: Timestamp) -> Result<BTreeSet<String>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :control)")
            .expression_attribute_values(":pk", AttributeValue::S(format!("hold#{resource}")))
            .expression_attribute_values(":control", AttributeValue::S(format!("{control}#")))
            .consistent_read(true);
        let items = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(|error| failure(error).context("reading the holds in the journal"))?;
        let holds = items.iter().map(|item| Ok(serde_json::from_str::<Hold>(text(item, "body")?)?));
        let holds = holds.collect::<Result<Vec<_>>>().context("reading a hold in the journal")?;
        // DynamoDB deletes what has expired within days, not at once.
        Ok(holds.into_iter().filter(|hold| hold.until > now).map(|hold| hold.grant).collect())
    }

    /// Leaves a hold on a grant.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn hold(&self, hold: &Hold) -> Result<()> {
        let (pk, sk) = hold_key(&hold.control, &hold.resource, &hold.grant);
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(pk))
            .item("sk", AttributeValue::S(sk))
            .item("expires", seconds(hold.until))
            .item("body", AttributeValue::S(serde_json::to_string(hold)?));
        call.send().await.map(drop).map_err(|error| failure(error).context("writing the hold to the journal"))
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn release(&self, control: &str, resource: &str, grant: &str) -> Result<()> {
        let (pk, sk) = hold_key(control, resource, grant);
        let call = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S(sk));
        call.send().await.map(drop).map_err(|error| failure(error).context("ending the hold in the journal"))
    }

    /// The emergency stop, if there is one and it has not ended.
    ///
    /// # Errors
    /// When the journal cannot be read: then nothing may be done.
    pub async fn stopped(&self, now: Timestamp) -> Result<Option<Stop>> {
        let call = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = call.key("pk", stop_key()).key("sk", stop_key()).send().await;
        let answer = answer.map_err(|error| failure(error).context("reading the emergency stop in the journal"))?;
        let Some(item) = answer.item else { return Ok(None) };
        let stop: Stop = serde_json::from_str(text(&item, "body")?).context("reading the emergency stop")?;
        Ok((stop.until > now).then_some(stop))
    }

    /// Begins the emergency stop, or changes it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn stop(&self, stop: &Stop) -> Result<()> {
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", stop_key())
            .item("sk", stop_key())
            .item("expires", seconds(stop.until))
            .item("body", AttributeValue::S(serde_json::to_string(stop)?));
        call.send().await.map(drop).map_err(|error| failure(error).context("writing the stop to the journal"))
    }

    /// Ends the emergency stop.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn start(&self) -> Result<()> {
        let call = self.client.delete_item().table_name(&self.table).key("pk", stop_key()).key("sk", stop_key());
        call.send().await.map(drop).map_err(|error| failure(error).context("ending the stop in the journal"))
    }

    async fn item(&self, id: &str) -> Result<Option<HashMap<String, AttributeValue>>> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("entry#{id}")))
            .key("sk", AttributeValue::S("entry".to_owned()))
            .consistent_read(true);
        let answer = call.send().await.map_err(|error| failure(error).context("reading the journal"))?;
        Ok(answer.item)
    }

    fn put(
        &self,
        entry: &Entry,
        lease: Option<Timestamp>,
    ) -> Result<aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder> {
        let string = |text: &str| AttributeValue::S(text.to_owned());
        Ok(self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(format!("entry#{}", entry.id)))
            .item("sk", string("entry"))
            .item("control", string(&entry.control))
            .item("resource", string(&entry.subject.arn))
            .item("account", string(&entry.subject.account))
            .item("region", string(&entry.subject.region))
            .item("outcome", string(&entry.outcome.to_string()))
            .item("at", string(&entry.decided_at.to_string()))
            .item("lease", seconds(lease.unwrap_or(Timestamp::UNIX_EPOCH)))
            .item("expires", seconds(entry.expires))
            .item("body", AttributeValue::S(serde_json::to_string(entry)?)))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, by, since, until } = self;
        write!(f, "stopped by {by} since {since} until {until}: {reason}")
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
            Self::Failed => "failed",
            Self::Allowed => "allowed",
            Self::Undone => "undone",
        })
    }
}

fn earlier(item: &HashMap<String, AttributeValue>, now: Timestamp) -> Result<Earlier> {
    let entry = entry(item)?;
    let lease: i64 = match item.get("lease") {
        Some(AttributeValue::N(seconds)) => seconds.parse().context("the lease of a journal entry")?,
        _ => 0,
    };
    Ok(match entry.outcome {
        Outcome::Pending | Outcome::Failed if lease >= now.as_second() => Earlier::AtWork,
        Outcome::Pending | Outcome::Failed => Earlier::Unfinished(Box::new(entry)),
        Outcome::Allowed | Outcome::Undone => Earlier::Handled,
        _ if entry.announced => Earlier::Handled,
        _ => Earlier::Unfinished(Box::new(entry)),
    })
}

fn entry(item: &HashMap<String, AttributeValue>) -> Result<Entry> {
    serde_json::from_str(text(item, "body")?).context("reading the body of a journal entry")
}

fn text<'a>(item: &'a HashMap<String, AttributeValue>, name: &str) -> Result<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => bail!("an item of the journal has no text attribute `{name}`"),
    }
}

fn seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}

fn stop_key() -> AttributeValue {
    AttributeValue::S("stop".to_owned())
}

fn hold_key(control: &str, resource: &str, grant: &str) -> (String, String) {
    (format!("hold#{resource}"), format!("{control}#{}", hash(&[grant])))
}

fn is_condition<E, R>(error: &aws_smithy_runtime_api::client::result::SdkError<E, R>) -> bool
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata,
{
    crate::aws::code(error) == Some("ConditionalCheckFailedException")
}

/// The first 20 digits of a SHA-256: short enough to be typed, and no two events in 10^12 share them.
fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}
