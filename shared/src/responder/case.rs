//! One event before one control: what all steps of its way need, and what has been read about it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Error, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tracing::{info, warn};

use crate::aws::is_denied;
use crate::change::Change;
use crate::control::{AnyControl, Function, Given, Look, Remembering, Stack, Suspicion, WasOpen};
use crate::decision::{Decision, Severity};
use crate::event::Event;
use crate::journal::{
    Baselines, Basis, Counted, Entry, Forged, Held, Hold, Known, Listed, Memory, Outcome, Stop, Stopped, Tally, hash,
};
use crate::mode::{Mode, Modes};
use crate::place::Place;
use crate::policy::is_account;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::trusted::named_in;

/// How long one delivery may wait in all, for what AWS does not show yet and for other deliveries: a function has 30 s, and
/// its calls take time as well.
const MOST_WAITING: Duration = Duration::from_secs(22);

/// What the cases of one delivery share.
pub(crate) struct Run<'a> {
    /// Where the resources are, and every call about them goes.
    pub(super) place: &'a Place,
    stack: Stack,
    baselines: Baselines<'a>,
    /// Which members of the organization are no strangers, if that was asked.
    members: OnceCell<Result<Option<Listed>, Forged>>,
    /// Why that could not be read.
    members_failure: Mutex<Option<Error>>,
    /// The modes in the account of the place, if they differ by accounts.
    modes: OnceLock<Modes>,
    /// The changes that were written. AWS may show for a while what they have replaced.
    written: Mutex<Vec<Change>>,
    /// For how long the delivery has waited, on purpose.
    waited: Mutex<Duration>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(place: &'a Place, settings: &Settings, baselines: Baselines<'a>) -> Self {
        let stack = Stack::new(settings);
        Self {
            place,
            stack,
            baselines,
            members: OnceCell::new(),
            members_failure: Mutex::default(),
            modes: OnceLock::new(),
            written: Mutex::default(),
            waited: Mutex::default(),
        }
    }

    /// Which units of the organization the account of the place is in, if that is known.
    pub(super) async fn units(&self) -> Option<BTreeSet<String>> {
        Box::pin(self.know_members()).await;
        self.members.get()?.as_ref().ok()?.as_ref()?.units.get(&self.place.account).cloned()
    }

    /// Has read which members of the organization are no strangers, once.
    async fn know_members(&self) {
        let read = async || {
            let members = self.baselines.journal().members().await?;
            let believed = members.map(|members| members.believed(Timestamp::now()));
            if !matches!(believed, Ok(Some(_))) {
                warn!(
                    "nothing is known of the members of the organization: no list of the last 48 hours is in the journal"
                );
            }
            anyhow::Ok(believed)
        };
        if let Err(failure) = self.members.get_or_try_init(read).await {
            *self.members_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    }

    /// Whether there is time to wait once more.
    pub(super) fn may_wait(&self, wait: Duration) -> bool {
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        let may = *waited + wait <= MOST_WAITING;
        *waited += if may { wait } else { Duration::ZERO };
        may
    }

    /// Keeps that this was written.
    pub(super) fn has_written(&self, change: &Change) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push(change.clone());
    }

    /// Whether a change was made for what this run itself has replaced, so that it would put back what went with it.
    pub(super) fn has_replaced(&self, what: &Change) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_before = |change: &Change| change.idle() == what.idle() && change != what;
        what.overwrites() && written.iter().any(is_of_before)
    }
}

pub(crate) struct Case<'a> {
    pub(super) run: &'a Run<'a>,
    settings: &'a Settings,
    pub(super) function: &'static Function,
    pub(super) control: &'static AnyControl,
    /// What has happened; a scheduled check makes an event of what it finds.
    pub(super) event: Cow<'a, Event>,
    pub(super) suspicion: &'a Suspicion,
    /// The suspicion's, or what the look has shown it to be.
    pub(super) subject: Subject,
    pub(super) holds: Vec<Hold>,
    pub(super) stop: Option<Stop>,
    /// What the journal has about it that is not genuine.
    pub(super) forged: Vec<Forged>,
    /// Why something of the journal could not be read: then nothing is touched.
    pub(super) journal_failure: Option<Error>,
    /// Whether it was found that events may have woken nobody.
    pub(super) has_missed_events: bool,
    /// How many the event is one of, if its control counts.
    pub(super) tally: Option<Tally>,
    /// What was read of how often its change was reverted.
    pub(super) counted: Option<Counted>,
    /// Whether its actor may have it reverted, if that was asked.
    pub(super) is_afforded: Option<bool>,
    /// An earlier delivery has been at work, and may have done it.
    pub(super) is_retry: bool,
    /// AWS has had its own time since the first look.
    pub(super) is_second_look: bool,
    /// When the risk was seen after a revert of it, if this is the second look at that.
    pub(super) seen_before: Option<Timestamp>,
}

/// What there was to see.
pub(super) enum Seen {
    State(Value),
    /// AWS did not let us look.
    Denied(Error),
}

impl Seen {
    /// As it is journaled: null if we were not let look.
    pub(super) fn state(self) -> Value {
        match self {
            Self::State(state) => state,
            Self::Denied(_) => Value::Null,
        }
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        settings: &'a Settings,
        (function, control): (&'static Function, &'static AnyControl),
        event: &'a Event,
        suspicion: &'a Suspicion,
    ) -> Self {
        Self {
            run,
            settings,
            function,
            control,
            event: Cow::Borrowed(event),
            suspicion,
            subject: suspicion.subject.clone(),
            holds: vec![],
            stop: None,
            forged: vec![],
            journal_failure: None,
            has_missed_events: false,
            tally: None,
            counted: None,
            is_afforded: None,
            is_retry: false,
            is_second_look: false,
            seen_before: None,
        }
    }

    /// Has it known how far its control may go in its account.
    pub(super) async fn know_mode(&self) {
        let modes = &self.settings.modes;
        if modes.name_places() {
            let units = if modes.name_units() { self.run.units().await } else { None };
            self.run.modes.get_or_init(|| modes.in_account(&self.run.place.account, units.as_ref()));
        }
    }

    fn modes(&self) -> &Modes {
        self.run.modes.get().unwrap_or(&self.settings.modes)
    }

    /// How far its control may go.
    pub(super) fn mode(&self) -> Mode {
        self.control.mode_by(self.modes(), self.settings)
    }

    /// Why that may be less than the operator means, if it may.
    pub(super) fn unsure_of_mode(&self) -> Option<String> {
        let account = &self.run.place.account;
        let why = || {
            format!(
                "the mode is the least that `ModeOverrides` may mean: no list of the last 48 hours says which units account \
                 {account} is in"
            )
        };
        (self.modes().is_unsure(self.control.about.id) && self.mode() < Mode::Revert).then(why)
    }

    /// The event that a scheduled check makes of what it finds: the same one, as long as nothing changes, for a day.
    pub(super) fn finding(&self, found: &Decision<Change>, is_held: bool) -> Event {
        let mode = if self.stop.is_some() { Mode::Notify } else { self.mode() };
        let what = hash(&[&mode.to_string(), &is_held.to_string(), &found.to_string()]);
        let event = self.event.as_ref().clone();
        Event { id: format!("{}-{what}", event.time.strftime("%F")), ..event }
    }

    /// What comes of a decision if all goes well. A mode that the operator has lowered since counts at once, and so does
    /// the emergency stop.
    pub(super) fn intended(&self, entry: &Entry) -> Outcome {
        let now = if self.stop.is_some() { Mode::Notify } else { self.mode() };
        match (&entry.decision, entry.mode.min(now)) {
            (Decision::Allow { .. }, _) => Outcome::Allowed,
            (Decision::Alert { .. }, _) => Outcome::Alerted,
            (Decision::Revert { .. }, Mode::Off | Mode::Notify) => Outcome::WouldRevert,
            (Decision::Revert { .. }, Mode::Ask) => Outcome::Asked,
            (Decision::Revert { .. }, Mode::Revert) if self.asks(&entry.state).is_some() => Outcome::Asked,
            (Decision::Revert { .. }, Mode::Revert) => Outcome::Reverted,
        }
    }

    pub(super) fn needs_resource(&self, entry: &Entry) -> bool {
        self.intended(entry) == Outcome::Reverted && entry.decision.plan().iter().any(Change::overwrites)
    }

    /// What it is counted together with, if its control counts: the control, the call and the subject.
    pub(super) fn crowd(&self) -> (&'static str, String, String) {
        (self.control.about.id, (self.control.counted_as)(&self.event), self.subject.arn.clone())
    }

    /// Under which the journal has it.
    pub(super) fn id(&self) -> String {
        Entry::id_of(&self.event, self.control.about.id, &self.suspicion.subject)
    }

    /// What is kept of its resource, if the control keeps anything.
    pub(crate) async fn baseline(&self) -> Result<Option<Memory>> {
        match self.control.good {
            Some(_) => self.run.baselines.of(self.control.about.id, &self.suspicion.subject.arn).await,
            None => Ok(None),
        }
    }

    /// What the journal knows of it, and at once what the controls of its event will ask of baselines.
    pub(super) async fn known(&self, id: &str, now: Timestamp) -> Result<Known> {
        let about = (self.control.about.id, self.suspicion.subject.arn.as_str());
        Box::pin(self.run.baselines.known(id, about, now)).await
    }

    pub(super) fn eyes(&self) -> Look<'_> {
        Look { place: self.run.place, memory: Remembering::Once(&self.run.baselines), stack: Some(&self.run.stack) }
    }

    /// Looks at the resource as it is now.
    pub(super) async fn look(&self) -> Result<Seen> {
        let look = self.eyes();
        let state = match (self.control.observe)(&look, &self.event, self.suspicion).await {
            Ok(state) if self.is_second_look => (self.control.twice)(&state)?.unwrap_or(state),
            Ok(state) => state,
            Err(failure) if is_denied(&failure) => return Ok(Seen::Denied(failure)),
            Err(failure) => return Err(failure),
        };
        if self.settings.trusts_members && !self.strangers(&state).is_empty() {
            Box::pin(self.run.know_members()).await;
        }
        Ok(Seen::State(state))
    }

    /// The accounts and organizations that are named, other than its own account and those that are trusted.
    fn strangers(&self, state: &Value) -> BTreeSet<String> {
        let Event { request, response, resources, actor, .. } = self.event.as_ref();
        let mut named = named_in(&[state, request, response, &json!(resources), &json!(actor)]);
        let Settings { trusted_accounts, trusted_organizations, .. } = self.settings;
        named.retain(|id| {
            *id != self.event.account && !trusted_accounts.contains(id) && !trusted_organizations.contains(id)
        });
        named
    }

    /// The operator's choices, in which those among the named are trusted that are on the list. The others are left out: an
    /// entry keeps the choices.
    fn settings(&self, state: &Value) -> Cow<'_, Settings> {
        let Some(Ok(Some(members))) = self.run.members.get().filter(|_| self.settings.trusts_members) else {
            return Cow::Borrowed(self.settings);
        };
        let named: Vec<String> = self.strangers(state).into_iter().filter(|id| members.has(id)).collect();
        if named.is_empty() {
            return Cow::Borrowed(self.settings);
        }
        let mut settings = self.settings.clone();
        let (accounts, organizations) = named.into_iter().partition::<Vec<_>, _>(|id| is_account(id));
        settings.trusted_accounts.extend(accounts);
        settings.trusted_organizations.extend(organizations);
        Cow::Owned(settings)
    }

    /// Whether the event was suspicious only for want of the list: had the operator named these members, nobody would have
    /// looked.
    fn is_harmless_by(&self, settings: &Settings) -> bool {
        let is_about_it = |other: &Suspicion| other.subject.arn == self.suspicion.subject.arn;
        let is_suspected = |by: &Settings| (self.control.suspect)(&self.event, by).iter().any(is_about_it);
        *settings != *self.settings && is_suspected(self.settings) && !is_suspected(settings)
    }

    /// Nothing is touched where it could not be read who is a stranger; and people are told of a list that is forged.
    pub(super) fn heed_members(&mut self) {
        let failure = self.run.members_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.journal_failure = failure.or(self.journal_failure.take());
        if let Some(Err(forged)) = self.run.members.get()
            && !self.forged.contains(forged)
        {
            self.forged.push(forged.clone());
        }
    }

    /// From here on it goes by the name that the look has shown.
    pub(super) fn is_about(&mut self, seen: &Seen) -> Result<()> {
        if let Seen::State(state) = seen {
            self.subject = (self.control.found)(&self.event, self.suspicion, state)?;
        }
        Ok(())
    }

    /// These are its holds now.
    pub(super) fn is_held_by(&mut self, holds: Result<Held>) {
        match holds {
            Ok((holds, forged)) => {
                // Without its keys the journal can tell of no hold, so they are restored whatever is held.
                let is_journals_key = self.settings.own.journals_keys().any(|arn| arn == self.subject.arn);
                self.holds = if is_journals_key { vec![] } else { holds };
                self.forged.extend(forged);
            }
            Err(failure) => self.journal_failure = Some(failure),
        }
    }

    /// This is the emergency stop now.
    pub(super) fn is_stopped_by(&mut self, stop: Result<Stopped>) {
        match stop {
            Ok((stop, forged)) => {
                self.stop = stop;
                self.forged.extend(forged);
            }
            Err(failure) => self.journal_failure = Some(failure),
        }
    }

    /// A look that is refused is a decision too: whoever made the change can lock us out with a `Deny`.
    pub(super) fn judge(&self, seen: &Seen) -> Result<Decision<Change>> {
        match seen {
            Seen::State(state) => self.judge_state(state),
            Seen::Denied(failure) => {
                let alone = &self.suspicion.why;
                let why = format!("Snapback is denied the look at it ({failure:#}); by the event alone, {alone}");
                let why = [Some(why), self.subject.left_to_root()].into_iter().flatten().collect::<Vec<_>>().join("; ");
                Ok(Decision::Alert { severity: Severity::Critical, why })
            }
        }
    }

    pub(super) fn judge_state(&self, state: &Value) -> Result<Decision<Change>> {
        self.judge_under(self.holds.iter().map(|hold| hold.grant.clone()).collect(), state)
    }

    /// Whether it will be harmless if AWS shows it just so once more, after its own time.
    pub(super) fn is_harmless_if_shown_twice(&self, seen: &Seen) -> Result<bool> {
        let Seen::State(state) = seen else { return Ok(false) };
        let Some(twice) = (self.control.twice)(state)? else { return Ok(false) };
        Ok(self.judge_state(&twice)?.is_allow())
    }

    /// What is said of a risk that is allowed for nothing but an operator's hold.
    pub(super) fn held(&self, seen: &Seen) -> Result<Option<Decision<Change>>> {
        let Seen::State(state) = seen else { return Ok(None) };
        let without = self.judge_under(BTreeSet::new(), state)?;
        Ok(without.severity().map(|severity| {
            let by = self.holds.iter().map(|hold| format!("{} holds it until {:.0}", hold.by, hold.until));
            let by = by.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
            Decision::Alert { severity, why: format!("{}; {by}", without.why()) }
        }))
    }

    /// What the event proves to have been open, if this state no longer has it.
    pub(super) fn was_open(&self, state: &Value) -> Result<Option<WasOpen>> {
        (self.control.was_open)(&self.event, self.suspicion, state, &self.settings(state))
    }

    fn judge_under(&self, holds: BTreeSet<String>, state: &Value) -> Result<Decision<Change>> {
        let settings = self.settings(state);
        if self.is_harmless_by(&settings) {
            return Ok(Decision::Allow { why: "whom it is about are members of the organization".to_owned() });
        }
        let given = Given { settings: &settings, holds: &holds };
        (self.control.decide)(&self.event, self.suspicion, state, &given)
    }

    /// Why an operator decides about the revert of a state, where that is so. What cannot be told is the operator's too.
    pub(super) fn asks(&self, state: &Value) -> Option<String> {
        let holds = self.holds.iter().map(|hold| hold.grant.clone()).collect();
        let given = Given { settings: &self.settings(state), holds: &holds };
        let asks = (self.control.asks)(&self.event, self.suspicion, state, &given);
        asks.unwrap_or_else(|failure| Some(format!("it cannot be told whether to ask: {failure:#}")))
    }

    /// What a decision of this moment is made of besides what is seen.
    pub(super) fn basis(&self, state: &Value) -> Basis {
        Basis {
            request: self.event.request.clone(),
            response: self.event.response.clone(),
            resources: self.event.resources.clone(),
            settings: self.settings(state).into_owned(),
            holds: self.holds.clone(),
        }
    }

    pub(super) fn say_allowed(&self, why: &str) {
        info!(event = self.event.id, control = self.control.about.id, resource = self.subject.arn, why, "allowed");
    }
}
