//! What a control is: one risky change, how it is recognised, judged and taken back. One file each.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;
use tracing::warn;

use crate::change::{Applied, Change};
use crate::decision::{Decision, Severity};
use crate::event::{Event, Kind};
use crate::journal::{AGAIN, Baselines, Entry, Forged, Journal, Members, Memory, Stop, Wanted};
use crate::json;
use crate::mode::{Mode, Modes};
use crate::place::Place;
use crate::policy::pattern;
use crate::right::Right;
use crate::settings::{Own, Problem, Settings};
use crate::subject::Subject;

pub trait Control: 'static {
    const ABOUT: &'static About;

    /// What happened to the subject, to be read as [`About::happened`] is, if that is certain. A control that several calls
    /// wake says what this one did; one that a scheduled check wakes, what it has found.
    #[must_use]
    fn happened(_event: &Event, _state: &Self::State, is_certain: bool) -> Option<&'static str> {
        is_certain.then_some(Self::ABOUT.happened)
    }

    /// What it watches are API calls, unless it says otherwise.
    const WATCHES: Kind = Kind::ApiCall;

    /// Whether it only asks in mode `revert` until an operator names it: what it takes away is what people work with.
    const ASKS_UNLESS_NAMED: bool = false;

    /// Who applies what it plans in mode `revert`.
    const APPLIED_BY: Applier = Applier::Function;

    /// After how long an operator decides what is still to be reverted, also in mode `revert`: by then somebody may depend on it.
    const ASKS_AFTER: Option<SignedDuration> = None;

    /// Whether what it finds has kept other events from waking anybody, so that they have to be read up; and for how long it
    /// goes on doing so once it is put right.
    const MISSES_EVENTS: Option<SignedDuration> = None;

    /// Why AWS goes on showing the old state for longer than anybody can wait, if it does.
    const SHOWS_LATE: Option<&'static str> = None;

    /// How long AWS may go on showing an old state, after which it is looked at a second time. Two minutes are what others
    /// had to wait for S3, SQS and IAM.
    const SETTLES: Duration = Duration::from_mins(2);

    /// Whether it is off until an operator names it: what it takes for a risk is the rule in many accounts.
    const OPT_IN: bool = false;

    /// For what comes in crowds, such as failed sign-ins: it is counted for each subject, and people are told when there
    /// have been so many within a day, and then more and more seldom. What is decided by the event alone is counted before
    /// anything else; of what is looked at, only what is found to be a risk.
    const TELLS_FROM: Option<u64> = None;

    /// What of a crowd is counted together, of one subject.
    #[must_use]
    fn counted_as(event: &Event) -> String {
        event.name.clone()
    }

    /// The controls to which undoing its reverts looks like what they guard, and who call it by the same grants. What an
    /// operator undoes is held for them as well.
    const HELD_FOR: &'static [&'static str] = &[];

    /// Where a state has its baseline: for a control whose baseline is recorded as it is, risky or not, so that the next check
    /// overwrites what an operator is still asked about. What an operator applies goes by the one in the entry.
    const BASELINE: Option<Baseline<Self::State>> = None;

    /// Whether a harmless state is believed at once, as no later look could show another. A control that can tell looks
    /// before the journal is asked, as most of what it suspects ends there.
    const IS_SETTLED: Option<fn(&Self::State) -> bool> = None;

    /// The same state where AWS has shown it twice with its own time in between, if that makes a difference: only then is whom
    /// a policy names by a unique id certainly no more.
    #[must_use]
    fn twice(_state: &Self::State) -> Option<Self::State> {
        None
    }

    /// What `decide` must see; absence is a state too. It is journaled, so that any decision can be replayed. Two states
    /// are equal if they mean the same, however AWS has spelled them.
    type State: Serialize + DeserializeOwned + PartialEq + Send + Sync;

    /// What its plans may do. An S3 control cannot plan a change to EC2: it would not compile.
    type Change: Into<Change> + TryFrom<Change> + Clone;

    /// What there is of its kind, for a look without an event. Where it judges nothing but what happens: none.
    const SURVEY: Option<Survey> = None;

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

    /// Why an operator decides about a revert, also in mode `revert`, where that is so.
    #[must_use]
    fn asks(_: &Event, _: &Suspicion, _: &Self::State, _: &Given<'_>) -> Option<String> {
        None
    }

    /// The subject as the look has shown it: an event may call a resource by another name than its id.
    #[must_use]
    fn found(_: &Event, suspicion: &Suspicion, _: &Self::State) -> Subject {
        suspicion.subject.clone()
    }

    /// The state that the event by itself proves, with nothing beside it that keeps people out, and whether there was
    /// nothing: for what opens something, so that it counts even if it is over when we look.
    #[must_use]
    fn as_told(_: &Event, _: &Self::State, _: &Settings) -> Option<(Self::State, bool)> {
        None
    }

    /// What the state is once the change has taken effect. With it, "a revert is judged allow" is proven without AWS.
    fn after(state: &Self::State, change: &Self::Change) -> Self::State;
}

/// Who applies what a control plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applier {
    Function,
    /// An operator, as its function has no right to it, so that the control asks in mode `revert` too.
    Operator,
    /// The same, as whoever has that right can become administrator; but where the stack has `IamWriter`, the function has it,
    /// and applies what a control plans that an operator names.
    IamWriter,
}

/// A control that has to know how things were before. What it remembers it gets by `Look::remembered`, and keeps in its
/// state.
pub trait Remembers: Control {
    /// Whether what is new should be in the baseline within the hour, as far as there are not too many to look at.
    const SOON: bool = false;

    /// How everything is, read at once, for what would take too many calls one by one. It is remembered as it is, risky or
    /// not: for a control that takes from its baseline whether something is new, and judges itself what it puts back.
    const ALL: Option<ReadAll<Self::Good>> = None;

    /// Equal if it means the same, so that another spelling is no news.
    type Good: Serialize + DeserializeOwned + PartialEq;

    /// What is worth remembering of a state that was judged harmless; nothing where there is nothing to guard.
    fn good(state: &Self::State) -> Option<Self::Good>;
}

/// What was remembered, as a state has it: [`Remembered`] of [`Remembers::Good`], or null, in its journaled form.
pub type Baseline<S> = fn(&S) -> Result<Value>;

/// A baseline in its journaled form.
///
/// # Errors
/// When it has none.
pub fn journaled<T: Serialize>(baseline: Option<&Remembered<T>>) -> Result<Value> {
    Ok(serde_json::to_value(baseline)?)
}

/// What there is that a control may be asked about.
#[derive(Debug, Clone, Copy)]
pub struct Survey {
    pub list: List,
    pub needs: &'static [Right],
}

/// Reads all that there is of its kind in the account and Region of a look.
pub type ReadAll<T> = for<'a> fn(&'a Look<'a>, &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, T)>>>;

/// Lists the subjects in the account and Region of a look, which the event stands for.
pub type List = for<'a> fn(&'a Look<'a>, &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>>;

/// What every reader of a control wants to know, and what the deployment is held to.
#[derive(Debug, Serialize)]
pub struct About {
    /// Heading in the docs, folder in `events/`.
    pub id: &'static str,
    pub title: &'static str,
    /// What happened to the resource, in the past tense, to be read after its kind and name: "was shared with strangers".
    /// Short, as the subject of a mail has to hold it.
    pub happened: &'static str,
    #[serde(rename = "events")]
    pub watches: &'static [Watch],
    /// What `observe` needs, and what looks again just before a change.
    pub reads: &'static [Right],
    /// What its plans need.
    pub writes: &'static [Right],
    /// What undoing them needs: the operator's, never a function's.
    pub undoes: &'static [Right],
    /// The most severe that it can say.
    pub severity: Severity,
    pub frameworks: &'static [&'static str],
    /// A revert takes back the change, not what was done through it: what people must know and do about that. An alert
    /// says it too, so it must be true where nothing was reverted.
    pub caveat: &'static str,
    /// The file whose header is its page.
    #[serde(skip)]
    pub source: &'static str,
}

impl Watch {
    /// Every call that the account's root user makes by itself, to whichever service. Nobody else is so rare that a rule
    /// could listen for all that they do.
    pub const BY_ROOT: Self = Self { service: "any service", name: "any call by root" };

    /// Whether it is this what an event tells of.
    #[must_use]
    pub fn is_of(&self, event: &Event) -> bool {
        if self.is_by_root() {
            return event.actor.is_root();
        }
        self.service == event.service && self.name == event.name
    }

    #[must_use]
    pub fn is_by_root(&self) -> bool {
        self.name == Self::BY_ROOT.name
    }
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

/// What an event proves to have been open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WasOpen {
    pub severity: Severity,
    pub why: String,
    /// Whether nothing beside it can have kept people out.
    pub certain: bool,
}

/// What judging depends on besides the event and the state.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub settings: &'a Settings,
    /// The grants on this subject that an operator has put back: they stay.
    pub holds: &'a BTreeSet<String>,
}

/// The eyes of a control: the place of the event, what is remembered of it, and the stack that Snapback is of.
#[derive(Debug)]
pub struct Look<'a> {
    pub place: &'a Place,
    pub memory: Remembering<'a>,
    /// Nothing where nobody has deployed it, as in a scan.
    pub stack: Option<&'a Stack>,
}

/// Snapback's own stack, whose parts are listed once for all that is looked at because of one event.
#[derive(Debug)]
pub struct Stack {
    pub name: String,
    /// The name, the ARN or the address of each, by its logical id.
    pub parts: OnceCell<BTreeMap<String, String>>,
}

impl Stack {
    /// Nothing is listed yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { name: settings.own.stack.clone(), parts: OnceCell::new() }
    }
}

/// Where a control finds how things were.
#[derive(Debug, Clone, Copy)]
pub enum Remembering<'a> {
    /// Nothing is remembered.
    Nothing,
    /// Wherever it asks, in the journal.
    Journal(&'a Journal),
    /// In the journal, which is asked once for each subject.
    Once(&'a Baselines<'a>),
    /// In an entry, as it was when that was decided.
    Then(&'a Value),
}

/// How something was when it was last seen to be harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered<T> {
    /// Nothing if there was nothing to guard.
    pub good: Option<T>,
    /// When it was last seen to be so.
    pub seen: Timestamp,
}

/// It is looked at once a day. What was not seen for two days may have been changed with good reason since.
const FRESH: SignedDuration = SignedDuration::from_hours(48);

impl<T> Remembered<T> {
    /// Whether an event may be taken for what has changed it.
    #[must_use]
    pub fn is_fresh(&self, event: &Event) -> bool {
        self.is_of_before(event) && event.time.duration_since(self.seen) <= FRESH
    }

    /// Whether it says anything of what was before: that nothing was there is believed only while it is fresh.
    #[must_use]
    pub fn counts(&self, event: &Event) -> bool {
        self.good.is_some() && self.is_of_before(event) || self.is_fresh(event)
    }

    /// Whether it was seen before the event, which may have changed it since. CloudTrail tells whole seconds.
    fn is_of_before(&self, event: &Event) -> bool {
        self.seen < event.time
    }

    /// What was good, and how long before the event that was seen, if it is fresh and there was anything.
    #[must_use]
    pub fn good_before(&self, event: &Event) -> Option<(&T, String)> {
        let good = self.good.as_ref().filter(|_| self.is_fresh(event))?;
        Some((good, self.age(event)))
    }

    /// How long before the event it was seen, as people say it.
    #[must_use]
    pub fn age(&self, event: &Event) -> String {
        let minutes = event.time.duration_since(self.seen).as_mins().max(0);
        if minutes < 120 { format!("{minutes} minutes") } else { format!("{} hours", minutes / 60) }
    }
}

/// The most entries that are read to judge one event.
const MOST_EARLIER: usize = 50;

/// For how long the end of a stop is news.
const NEWS: SignedDuration = SignedDuration::from_hours(1);

impl<'a> Look<'a> {
    /// How often another control has counted a call about a subject within a day. It is one that counts.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn counted(&self, control: &str, call: &str, subject: &Subject) -> Result<u64> {
        let journal = match self.memory {
            Remembering::Nothing | Remembering::Then(_) => return Ok(0),
            Remembering::Journal(journal) => journal,
            Remembering::Once(baselines) => baselines.journal(),
        };
        let tally = journal.tally(control, call, &subject.arn, Timestamp::now()).await?;
        Ok(tally.map_or(0, |tally| tally.repeat.times))
    }

    /// The entries of a control about a resource since a time, newest first, but for that of the event itself. An operator's
    /// command goes by what the entry has that it is about, so there are none.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn earlier<C: Control>(&self, event: &Event, arn: &str, since: Timestamp) -> Result<Vec<Entry>> {
        let Remembering::Once(baselines) = self.memory else { return Ok(vec![]) };
        let (resource, control) = (Some(arn.to_owned()), Some(C::ABOUT.id.to_owned()));
        let wanted = Wanted { since: Some(since), resource, control, ..Wanted::default() };
        let (found, _) = baselines.journal().history(&wanted, MOST_EARLIER).await?;
        let own = event.id.trim_end_matches(AGAIN);
        let read = found.into_iter().filter_map(|(id, entry)| {
            entry.inspect_err(|failure| warn!(id, "an earlier entry counts as none: {failure:#}")).ok()
        });
        Ok(read.filter(|entry| entry.event_id() != own).collect())
    }

    /// Whether it is of now, and by who has the journal: of an entry only what it has is looked at.
    #[must_use]
    pub fn has_journal(&self) -> bool {
        matches!(self.memory, Remembering::Journal(_) | Remembering::Once(_))
    }

    /// A look without memory.
    #[must_use]
    pub fn new(place: &'a Place) -> Self {
        Self { place, memory: Remembering::Nothing, stack: None }
    }

    /// What a control remembers of a subject.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn remembered<C: Remembers>(&self, subject: &Subject) -> Result<Option<Remembered<C::Good>>> {
        let memory = match self.memory {
            Remembering::Nothing => None,
            Remembering::Then(baseline) => {
                return Deserialize::deserialize(baseline).context("the baseline of an entry");
            }
            Remembering::Journal(journal) => journal.remembered(C::ABOUT.id, &subject.arn, Timestamp::now()).await?,
            Remembering::Once(baselines) => baselines.of(C::ABOUT.id, &subject.arn).await?,
        };
        let Some(Memory { good, seen, .. }) = memory else { return Ok(None) };
        let good = serde_json::from_value(good).with_context(|| format!("what is remembered of {}", subject.arn))?;
        Ok(Some(Remembered { good, seen }))
    }

    /// What is good of a subject by what another control remembers. Asked only because of an event: in an entry there is one's
    /// own baseline alone.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn known_by<C: Remembers>(&self, subject: &Subject) -> Result<Option<C::Good>> {
        if !matches!(self.memory, Remembering::Once(_)) {
            return Ok(None);
        }
        Ok(self.remembered::<C>(subject).await?.and_then(|known| known.good))
    }

    /// What is read, and what a control remembers of the subject, both at once.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub async fn with_remembered<C: Remembers, T: Send>(
        &self,
        subject: &Subject,
        read: impl Future<Output = Result<T>> + Send,
    ) -> Result<(T, Option<Remembered<C::Good>>)> {
        futures::try_join!(Box::pin(read), Box::pin(self.remembered::<C>(subject)))
    }

    /// The emergency stop, or one that ended not long ago, and whether it is over.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn last_stop(&self) -> Result<Option<(Stop, bool)>> {
        let Some(journal) = self.journal() else { return Ok(None) };
        let now = Timestamp::now();
        let (stop, _) = journal.last_stop(now).await?;
        let is_news = |stop: &Stop| now.duration_since(stop.until) <= NEWS;
        Ok(stop.filter(is_news).map(|stop| (stop.clone(), stop.until <= now)))
    }

    /// What is known of the members of the organization, whom the operator trusts.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn members(&self) -> Result<Result<Members, Forged>> {
        match self.journal() {
            None => Ok(Ok(Members::default())),
            Some(journal) => journal.members().await,
        }
    }

    fn journal(&self) -> Option<&Journal> {
        match self.memory {
            Remembering::Nothing | Remembering::Then(_) => None,
            Remembering::Journal(journal) => Some(journal),
            Remembering::Once(baselines) => Some(baselines.journal()),
        }
    }
}

/// One Lambda function: the controls of one AWS service, and how their changes are applied.
#[derive(Debug)]
pub struct Function {
    /// Its logical id in `template.yaml`.
    pub name: &'static str,
    /// What people call what it watches: `S3`. It follows `changes to`.
    pub service: &'static str,
    pub controls: &'static [AnyControl],
    /// Those of other functions whose ids begin alike: what the operator says of them is no mistake.
    pub beside: &'static [&'static [AnyControl]],
    pub apply: Apply,
    pub tags: Tags,
    /// Whether it works in the other accounts and Regions of a hub as well, and takes a role there.
    pub is_in_members: bool,
    /// How long to wait before each further look at whether a revert shows, as far as the delivery still has time to wait.
    pub patience: &'static [Duration],
}

impl Function {
    /// The role that it takes in other accounts and Regions, if Snapback's stack is a hub for them.
    #[must_use]
    pub fn member_role(&self, stack: &str) -> Option<String> {
        let folder = self.name.trim_end_matches("Function").to_lowercase();
        self.is_in_members.then(|| format!("{stack}-member-{folder}"))
    }

    /// Whether it guards nothing but IAM, which each account has once, for all Regions. STS gives out credentials of what is in
    /// IAM.
    #[must_use]
    pub fn is_of_iam_alone(&self) -> bool {
        self.is_of(&["iam.amazonaws.com", "sts.amazonaws.com"])
    }

    /// Whether it guards nothing but AWS Organizations, which nobody but the management account can do.
    #[must_use]
    pub fn is_of_organizations_alone(&self) -> bool {
        self.is_of(&["organizations.amazonaws.com"])
    }

    fn is_of(&self, services: &[&str]) -> bool {
        let mut watches = self.controls.iter().flat_map(|control| control.about.watches);
        watches.all(|watch| services.contains(&watch.service))
    }

    /// Whether the stack has it, as it was deployed.
    #[must_use]
    pub fn is_deployed(&self, own: &Own) -> bool {
        (own.has_iam || !self.is_of_iam_alone()) && (own.has_organizations || !self.is_of_organizations_alone())
    }

    /// Whether what it remembers is of IAM alone, wherever the events are from.
    #[must_use]
    pub fn remembers_iam_alone(&self) -> bool {
        let remembering = self.controls.iter().filter(|control| control.good.is_some());
        let mut needs = remembering.filter_map(|control| control.survey).flat_map(|survey| survey.needs);
        needs.all(|right| right.action.starts_with("iam:"))
    }

    /// Whether the settings make sense for it.
    ///
    /// # Errors
    /// When an override names a control that there is not.
    pub fn check(&self, settings: &Settings) -> Result<(), Problem> {
        let ids = |opt_in: bool| {
            let all = self.controls.iter().chain(self.beside.iter().copied().flatten());
            let these = all.filter(move |control| control.opt_in == opt_in);
            these.map(|control| control.about.id).collect::<Vec<&str>>()
        };
        match settings.modes.meaning_nothing(&ids(false), &ids(true)) {
            None => Ok(()),
            Some(pattern) => Err(Problem {
                variable: "SNAPBACK_MODE_OVERRIDES",
                expected: "patterns that mean a control there is, and whole ids of those that are opt-in",
                found: pattern.to_owned(),
            }),
        }
    }
}

/// How the tags of a subject are read, for guardrails that ask for them.
#[derive(Debug)]
pub struct Tags {
    pub read: ReadTags,
    pub needs: &'static [Right],
}

impl Tags {
    /// For what is never reverted, of which guardrails are not asked.
    pub const NONE: Self = Self { read: |_, _| async { Ok(BTreeMap::new()) }.boxed(), needs: &[] };
}

/// Reads the tags of a subject; one that is gone or cannot have any has none.
pub type ReadTags = for<'a> fn(&'a Look<'a>, &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>>;

/// Applies a change if the resource is as the change says it was.
pub type Apply = for<'a> fn(&'a Place, &'a Change) -> BoxFuture<'a, Result<Applied>>;

type Observe = for<'a> fn(&'a Look<'a>, &'a Event, &'a Suspicion) -> BoxFuture<'a, Result<Value>>;

/// Any control: its state and its changes in their journaled form, so that all fit in one list.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says something else of a control, and no two hang together")]
pub struct AnyControl {
    pub about: &'static About,
    pub survey: Option<Survey>,
    /// For a control that remembers.
    pub good: Option<Good>,
    pub kind: Kind,
    pub misses_events: Option<SignedDuration>,
    pub shows_late: Option<&'static str>,
    pub settles: Duration,
    pub opt_in: bool,
    pub asks_unless_named: bool,
    pub applied_by: Applier,
    pub asks_after: Option<SignedDuration>,
    pub tells_from: Option<u64>,
    pub counted_as: fn(&Event) -> String,
    /// Whether there is nothing to look at: it decides by the event alone.
    pub looks_at_nothing: bool,
    pub suspect: fn(&Event, &Settings) -> Vec<Suspicion>,
    pub observe: Observe,
    pub decide: fn(&Event, &Suspicion, &Value, &Given<'_>) -> Result<Decision<Change>>,
    pub asks: fn(&Event, &Suspicion, &Value, &Given<'_>) -> Result<Option<String>>,
    pub found: fn(&Event, &Suspicion, &Value) -> Result<Subject>,
    /// See [`AnyControl::happened`].
    happened: fn(&Event, &Value, bool) -> Result<Option<&'static str>>,
    pub was_open: fn(&Event, &Suspicion, &Value, &Settings) -> Result<Option<WasOpen>>,
    pub held_for: &'static [&'static str],
    pub baseline: Option<Baseline<Value>>,
    pub is_settled: Option<fn(&Value) -> Result<bool>>,
    pub twice: fn(&Value) -> Result<Option<Value>>,
    pub after: fn(&Value, &Change) -> Result<Value>,
    /// Whether a state that somebody wrote has all the fields that this control's have, and no others.
    pub check: fn(&Value) -> Result<()>,
    /// Whether two states mean the same.
    pub same: fn(&Value, &Value) -> Result<bool>,
}

/// What a control remembers, in its journaled form; null is nothing.
#[derive(Debug)]
pub struct Good {
    /// What is worth remembering of a state.
    pub of: fn(&Value) -> Result<Value>,
    /// Whether two of them mean the same.
    pub same: fn(&Value, &Value) -> Result<bool>,
    /// See [`Remembers::SOON`].
    pub soon: bool,
    /// See [`Remembers::ALL`].
    pub all: Option<ReadAll<Value>>,
}

impl AnyControl {
    #[must_use]
    pub const fn of<C: Control>() -> Self {
        Self {
            about: C::ABOUT,
            survey: C::SURVEY,
            good: None,
            kind: C::WATCHES,
            misses_events: C::MISSES_EVENTS,
            shows_late: C::SHOWS_LATE,
            settles: C::SETTLES,
            opt_in: C::OPT_IN,
            asks_unless_named: C::ASKS_UNLESS_NAMED,
            applied_by: C::APPLIED_BY,
            asks_after: C::ASKS_AFTER,
            tells_from: C::TELLS_FROM,
            counted_as: C::counted_as,
            looks_at_nothing: size_of::<C::State>() == 0,
            suspect: C::suspect,
            observe: observe::<C>,
            decide: decide::<C>,
            asks: asks::<C>,
            found: found::<C>,
            happened: happened::<C>,
            was_open: was_open::<C>,
            held_for: C::HELD_FOR,
            baseline: if C::BASELINE.is_some() { Some(baseline::<C>) } else { None },
            is_settled: if C::IS_SETTLED.is_some() { Some(is_settled::<C>) } else { None },
            twice: twice::<C>,
            after: after::<C>,
            check: check::<C::State>,
            same: same::<C::State>,
        }
    }

    /// A control that remembers.
    ///
    /// # Panics
    /// While it is compiled, for a control that has nothing to look through.
    #[must_use]
    pub const fn remembering<C: Remembers>() -> Self {
        assert!(C::SURVEY.is_some(), "what is remembered is learnt by looking through what there is");
        assert!(
            C::ALL.is_none() || C::BASELINE.is_some(),
            "what overwrites its baseline has to keep it in its entries"
        );
        let all: Option<ReadAll<Value>> = if C::ALL.is_some() { Some(all::<C>) } else { None };
        let good = Good { of: good::<C>, same: same::<Option<C::Good>>, soon: C::SOON, all };
        Self { good: Some(good), ..Self::of::<C>() }
    }

    /// What happened to the subject, if that is certain. Where nothing could be looked at, it is what it mostly is.
    #[must_use]
    pub fn happened(&self, event: &Event, state: &Value, is_certain: bool) -> Option<&'static str> {
        (self.happened)(event, state, is_certain).unwrap_or_else(|_| is_certain.then_some(self.about.happened))
    }

    /// The same, if this is decided. A control that reverts only alerts where it cannot tell.
    #[must_use]
    pub fn happened_by<C>(&self, event: &Event, state: &Value, decision: &Decision<C>) -> Option<&'static str> {
        let is_certain = self.about.writes.is_empty() || !matches!(decision, Decision::Alert { .. });
        self.happened(event, state, is_certain)
    }

    /// The most that its function may do: nothing, if always an operator applies what it plans.
    #[must_use]
    pub fn writes(&self) -> &'static [Right] {
        if self.applied_by == Applier::Operator { &[] } else { self.about.writes }
    }

    /// Whether it asks in every mode, at least without `IamWriter`.
    #[must_use]
    pub fn operator_applies(&self) -> bool {
        self.applied_by != Applier::Function
    }

    /// How far it may go, if it is not known in which account.
    #[must_use]
    pub fn mode(&self, settings: &Settings) -> Mode {
        self.mode_by(&settings.modes, settings)
    }

    /// How far it may go by these modes, which are those of an account.
    #[must_use]
    pub fn mode_by(&self, modes: &Modes, settings: &Settings) -> Mode {
        match self {
            Self { opt_in: true, about, .. } => modes.of_opt_in(about.id),
            Self { applied_by: Applier::IamWriter, about, .. } if settings.iam_writer => modes.of_asking(about.id),
            Self { applied_by: Applier::Operator | Applier::IamWriter, about, .. } => modes.of(about.id).min(Mode::Ask),
            Self { asks_unless_named: true, about, .. } => modes.of_asking(about.id),
            Self { about, .. } => modes.of(about.id),
        }
    }

    /// The state that it has of everything, if there is nothing to look at.
    #[must_use]
    pub fn state_without_a_look(&self) -> Option<Value> {
        let empty = [Value::Null, Value::Object(serde_json::Map::new())];
        empty.into_iter().find(|state| self.looks_at_nothing && (self.check)(state).is_ok())
    }

    /// Whether a pattern means it. One that is opt-in is meant by nothing but its id.
    #[must_use]
    pub fn is_meant_by(&self, pattern: &str) -> bool {
        if self.opt_in { pattern == self.about.id } else { pattern::matches(pattern, self.about.id) }
    }

    #[must_use]
    pub fn watches(&self, event: &Event) -> bool {
        (self.kind == event.kind || event.is_look()) && self.about.watches.iter().any(|watch| watch.is_of(event))
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

fn asks<C: Control>(event: &Event, suspicion: &Suspicion, state: &Value, given: &Given<'_>) -> Result<Option<String>> {
    Ok(C::asks(event, suspicion, &C::State::deserialize(state)?, given))
}

fn all<'a, C: Remembers>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Value)>>> {
    async move {
        let read = C::ALL.context("a control that reads one by one was asked for all at once")?;
        let found = read(look, event).await?.into_iter();
        found.map(|(subject, good)| Ok((subject, serde_json::to_value(good)?))).collect()
    }
    .boxed()
}

fn good<C: Remembers>(state: &Value) -> Result<Value> {
    Ok(serde_json::to_value(C::good(&C::State::deserialize(state)?))?)
}

fn found<C: Control>(event: &Event, suspicion: &Suspicion, state: &Value) -> Result<Subject> {
    Ok(C::found(event, suspicion, &C::State::deserialize(state)?))
}

fn happened<C: Control>(event: &Event, state: &Value, is_certain: bool) -> Result<Option<&'static str>> {
    Ok(C::happened(event, &C::State::deserialize(state)?, is_certain))
}

fn was_open<C: Control>(
    event: &Event,
    suspicion: &Suspicion,
    state: &Value,
    settings: &Settings,
) -> Result<Option<WasOpen>> {
    let state = C::State::deserialize(state)?;
    let Some((told, certain)) = C::as_told(event, &state, settings).filter(|(told, _)| *told != state) else {
        return Ok(None);
    };
    let given = Given { settings, holds: &BTreeSet::new() };
    // What it would have said of the state speaks of a revert, and of what is there now.
    let why = suspicion.why.clone();
    Ok(match C::decide(event, suspicion, &told, &given) {
        Decision::Revert { severity, .. } => Some(WasOpen { severity, why, certain }),
        Decision::Alert { severity, .. } if severity >= Severity::High => {
            Some(WasOpen { severity, why, certain: false })
        }
        Decision::Alert { .. } | Decision::Allow { .. } => None,
    })
}

fn baseline<C: Control>(state: &Value) -> Result<Value> {
    C::BASELINE.context("its states have no baseline")?(&C::State::deserialize(state)?)
}

fn is_settled<C: Control>(state: &Value) -> Result<bool> {
    let state = C::State::deserialize(state)?;
    Ok(C::IS_SETTLED.is_some_and(|is_settled| is_settled(&state)))
}

fn twice<C: Control>(state: &Value) -> Result<Option<Value>> {
    Ok(C::twice(&C::State::deserialize(state)?).map(serde_json::to_value).transpose()?)
}

fn after<C: Control>(state: &Value, change: &Change) -> Result<Value> {
    let change = C::Change::try_from(change.clone()).map_err(|_| anyhow::anyhow!("a change of another service"))?;
    Ok(serde_json::to_value(C::after(&C::State::deserialize(state)?, &change))?)
}

/// What is left out, or is of no field, is not in what a state is written as again. `deny_unknown_fields` of serde does not
/// see through what is flattened, and takes what is left out for nothing.
fn check<T: Serialize + DeserializeOwned>(state: &Value) -> Result<()> {
    let error = match T::deserialize(state) {
        Ok(read) => return same_fields(state, &serde_json::to_value(read)?, ""),
        Err(error) => json::said(&error),
    };
    // Without the field that is wrong something else is said, or nothing.
    let is_wrong = |name: &&String| {
        let mut others = state.clone();
        others.as_object_mut().map(|fields| fields.remove(*name));
        T::deserialize(&others).err().is_none_or(|other| json::said(&other) != error)
    };
    match state.as_object().and_then(|fields| fields.keys().find(is_wrong)) {
        Some(name) => bail!("field `{name}`: {error}"),
        None => bail!(error),
    }
}

fn same_fields(given: &Value, expected: &Value, place: &str) -> Result<()> {
    match (given, expected) {
        (Value::Object(given), Value::Object(expected)) => {
            let at = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
            let names: Vec<&str> = expected.keys().map(String::as_str).collect();
            if let Some(unknown) = given.keys().find(|name| !expected.contains_key(*name)) {
                bail!("field `{}` is not known: expected `{}`", at(unknown), names.join("`, `"));
            }
            for (name, expected) in expected {
                let Some(given) = given.get(name) else {
                    // What may be nothing may be left out; all of it together says nothing at all.
                    if json::is_nothing(expected) && !given.is_empty() {
                        continue;
                    }
                    bail!("field `{}` is missing: expected `{}`", at(name), names.join("`, `"));
                };
                same_fields(given, expected, &at(name))?;
            }
            Ok(())
        }
        (Value::Array(given), Value::Array(expected)) => {
            let elements = given.iter().zip(expected).enumerate();
            elements
                .into_iter()
                .try_for_each(|(index, (given, expected))| same_fields(given, expected, &format!("{place}[{index}]")))
        }
        (_, Value::Object(_)) if place.is_empty() => bail!("expected an object, found {}", json::kind(given)),
        (_, Value::Object(_)) => bail!("field `{place}`: expected an object, found {}", json::kind(given)),
        _ => Ok(()),
    }
}

/// Compares by the type's own equality: the same policy in other words is another JSON value.
fn same<T: DeserializeOwned + PartialEq>(one: &Value, other: &Value) -> Result<bool> {
    Ok(T::deserialize(one)? == T::deserialize(other)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A text whose letters mean the same in either case.
    #[derive(Debug, Serialize, Deserialize)]
    struct AnyCase(String);

    impl PartialEq for AnyCase {
        fn eq(&self, other: &Self) -> bool {
            self.0.eq_ignore_ascii_case(&other.0)
        }
    }

    #[test]
    fn only_what_was_seen_in_the_two_days_before_an_event_tells_how_it_was() -> Result<()> {
        let event = Event::of_a_look("111122223333", "us-east-1", "2026-02-11T12:00:00Z".parse()?);
        for (seen, is_fresh, counts) in [
            ("2026-02-11T11:59:59.9Z", true, true),
            ("2026-02-09T12:00:00Z", true, true),
            ("2026-02-09T11:59:59Z", false, true),
            ("2026-02-11T12:00:00Z", false, false),
            ("2026-02-11T12:00:01Z", false, false),
        ] {
            let remembered = Remembered { good: Some(()), seen: seen.parse()? };
            let nothing = Remembered::<()> { good: None, ..remembered };
            assert_eq!((remembered.is_fresh(&event), remembered.counts(&event)), (is_fresh, counts), "{seen}");
            assert_eq!(remembered.good_before(&event).is_some(), is_fresh, "{seen}");
            assert_eq!(nothing.counts(&event), is_fresh, "{seen}");
        }
        Ok(())
    }

    #[test]
    fn what_means_the_same_is_the_same_in_any_spelling() -> Result<()> {
        let same = same::<Option<AnyCase>>;
        for (one, other, expected) in [
            (json!("a"), json!("A"), true),
            (json!("a"), json!("b"), false),
            (json!(null), json!(null), true),
            (json!("a"), json!(null), false),
        ] {
            assert_eq!(same(&one, &other)?, expected, "{one} {other}");
        }
        assert!(same(&json!(1), &json!(1)).is_err(), "what is no state is equal to nothing");
        Ok(())
    }
}
