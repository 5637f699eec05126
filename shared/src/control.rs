//! What a control is: one risky change, how it is recognised, judged and taken back. One file each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use anyhow::Result;
use aws_config::SdkConfig;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::{Applied, Change};
use crate::decision::Decision;
use crate::event::{Event, Kind};
use crate::settings::Settings;
use crate::subject::Subject;

pub trait Control: 'static {
    const ABOUT: &'static About;

    /// What it watches are API calls, unless it says otherwise.
    const WATCHES: Kind = Kind::ApiCall;

    /// Why AWS goes on showing the old state for longer than anybody can wait, if it does.
    const SHOWS_LATE: Option<&'static str> = None;

    /// What `decide` must see; absence is a state too. It is journaled, so that any decision can be replayed.
    type State: Serialize + DeserializeOwned + Send + Sync;

    /// What its plans may do. An S3 control cannot plan a change to EC2: it would not compile.
    type Change: Into<Change> + TryFrom<Change> + Clone;

    /// From the event alone. Empty: there is nothing to look at, and no AWS call is made.
    /// What the event does not tell (parameters left out, a shape not known) is suspicious.
    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion>;

    /// Looks, never touches.
    fn observe(
        look: &Look<'_>,
        event: &Event,
        suspicion: &Suspicion,
    ) -> impl Future<Output = Result<Self::State>> + Send;

    /// The whole judgement. It cannot fail: no network, no clock, no environment.
    fn decide(event: &Event, suspicion: &Suspicion, state: &Self::State, given: &Given<'_>) -> Decision<Self::Change>;

    /// The subject as the look has shown it: an event may call a resource by another name than its id.
    #[must_use]
    fn found(_: &Event, suspicion: &Suspicion, _: &Self::State) -> Subject {
        suspicion.subject.clone()
    }

    /// What the state is once the change has taken effect. With it, "a revert is judged allow" is proven without AWS.
    fn after(state: &Self::State, change: &Self::Change) -> Self::State;
}

/// What every reader of a control wants to know, and what the deployment is held to.
#[derive(Debug, Serialize)]
pub struct About {
    /// Heading in the docs, folder in `events/`.
    pub id: &'static str,
    pub title: &'static str,
    #[serde(rename = "events")]
    pub watches: &'static [Watch],
    /// IAM actions that `observe` needs, and that look again just before a change.
    pub reads: &'static [&'static str],
    /// IAM actions that its plans need.
    pub writes: &'static [&'static str],
    /// IAM actions that taking them back needs: the operator's, never a function's.
    pub undoes: &'static [&'static str],
    /// The most severe that it can say.
    pub severity: crate::decision::Severity,
    pub frameworks: &'static [&'static str],
    /// A revert takes back the change, not what was done through it: what people must know of that.
    pub caveat: &'static str,
    /// The file whose header is its page.
    #[serde(skip)]
    pub source: &'static str,
}

/// An API call, or an event of AWS's own, that wakes a control.
#[derive(Debug, Serialize)]
pub struct Watch {
    /// `s3.amazonaws.com`
    #[serde(rename = "eventSource")]
    pub service: &'static str,
    #[serde(rename = "eventName")]
    pub name: &'static str,
}

/// What an event alone gives reason to look at.
#[derive(Debug, Clone)]
pub struct Suspicion {
    pub subject: Subject,
    pub why: String,
}

/// What judging depends on besides the event and the state.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub settings: &'a Settings,
    /// The grants on this subject that an operator has put back: they stay.
    pub holds: &'a BTreeSet<String>,
}

/// The eyes of a control: the account and Region of the event, and the right to read there.
#[derive(Debug)]
pub struct Look<'a> {
    pub config: &'a SdkConfig,
    pub account: &'a str,
}

/// One Lambda function: the controls of one AWS service, and how their changes are applied.
#[derive(Debug)]
pub struct Function {
    /// Its logical id in `template.yaml`.
    pub name: &'static str,
    pub controls: &'static [AnyControl],
    pub apply: Apply,
    pub tags: Tags,
}

/// How the tags of a subject are read, for guardrails that ask for them.
#[derive(Debug)]
pub struct Tags {
    pub read: ReadTags,
    /// IAM actions that this needs.
    pub needs: &'static [&'static str],
}

/// Reads the tags of a subject; one that is gone or cannot have any has none.
pub type ReadTags = for<'a> fn(&'a Look<'a>, &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>>;

/// Applies a change in an account if the resource is as the change says it was.
pub type Apply = for<'a> fn(&'a SdkConfig, &'a str, &'a Change) -> BoxFuture<'a, Result<Applied>>;

type Observe = for<'a> fn(&'a Look<'a>, &'a Event, &'a Suspicion) -> BoxFuture<'a, Result<Value>>;

/// Any control: its state and its changes in their journaled form, so that all fit in one list.
#[derive(Debug)]
pub struct AnyControl {
    pub about: &'static About,
    pub kind: Kind,
    pub shows_late: Option<&'static str>,
    pub suspect: fn(&Event, &Settings) -> Vec<Suspicion>,
    pub observe: Observe,
    pub decide: fn(&Event, &Suspicion, &Value, &Given<'_>) -> Result<Decision<Change>>,
    pub found: fn(&Event, &Suspicion, &Value) -> Result<Subject>,
    pub after: fn(&Value, &Change) -> Result<Value>,
}

impl AnyControl {
    #[must_use]
    pub const fn of<C: Control>() -> Self {
        Self {
            about: C::ABOUT,
            kind: C::WATCHES,
            shows_late: C::SHOWS_LATE,
            suspect: C::suspect,
            observe: observe::<C>,
            decide: decide::<C>,
            found: found::<C>,
            after: after::<C>,
        }
    }

    #[must_use]
    pub fn watches(&self, event: &Event) -> bool {
        let is_it = |watch: &Watch| watch.service == event.service && watch.name == event.name;
        self.kind == event.kind && self.about.watches.iter().any(is_it)
    }
}

fn observe<'a, C: Control>(
    look: &'a Look<'a>,
    event: &'a Event,
    suspicion: &'a Suspicion,
) -> BoxFuture<'a, Result<Value>> {
    async move { Ok(serde_json::to_value(C::observe(look, event, suspicion).await?)?) }.boxed()
}

fn decide<C: Control>(
    event: &Event,
    suspicion: &Suspicion,
    state: &Value,
    given: &Given<'_>,
) -> Result<Decision<Change>> {
    Ok(C::decide(event, suspicion, &C::State::deserialize(state)?, given).map(Into::into))
}

fn found<C: Control>(event: &Event, suspicion: &Suspicion, state: &Value) -> Result<Subject> {
    Ok(C::found(event, suspicion, &C::State::deserialize(state)?))
}

fn after<C: Control>(state: &Value, change: &Change) -> Result<Value> {
    let change = C::Change::try_from(change.clone()).map_err(|_| anyhow::anyhow!("a change of another service"))?;
    Ok(serde_json::to_value(C::after(&C::State::deserialize(state)?, &change))?)
}
