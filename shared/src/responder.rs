//! The way of an event: admit, suspect, observe, decide, record, guard, apply, verify, notify.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{info, warn};

use crate::aws::is_denied;
use crate::change::{Applied, Change};
use crate::control::{AnyControl, Function, Given, Look, Remembering, Suspicion};
use crate::decision::{Decision, Severity};
use crate::event::{Event, Malformed, Refusal};
use crate::guardrail::{Broken, Guardrails, Question, Verdict};
use crate::journal::{Basis, Cause, Earlier, Entry, Hold, Journal, Outcome, Planted, Stop, hash};
use crate::mode::Mode;
use crate::place::Place;
use crate::settings::{Deployment, Settings};
use crate::subject::Subject;
use crate::{metric, notice};

/// EventBridge gives up on a delivery after 24 hours, so an older event comes from a dead-letter queue or an archive:
/// people may have settled it since, and it only alerts.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>
const OLDEST: SignedDuration = SignedDuration::from_hours(24);

/// S3, EC2 and IAM are eventually consistent: a clean state right after a risky event may be the state before it. How
/// long to wait before each further look at one: 13 s in all, of the 30 s a function has.
const BEFORE_BELIEVING: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// How long to wait before each further try to take a resource that another event has: 10 s in all.
const BEFORE_TAKING_AGAIN: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(3),
];

/// How often to judge afresh when the resource changes between the look and the write.
const ROUNDS: usize = 3;

/// One function's answer to events: it knows the operator's choices and has AWS's credentials.
#[derive(Debug)]
pub struct Responder<'a> {
    settings: &'a Settings,
    deployment: &'a Deployment,
    /// The function's own account and Region, where the journal and the topic are as well.
    place: Place,
    journal: Journal,
    /// Read when there is the first revert to judge.
    guardrails: OnceLock<Result<Guardrails, Broken>>,
}

/// A control and what it has reason to look at.
pub type Suspected = (&'static AnyControl, Suspicion);

/// One event before one control: what all steps of its way need.
struct Case<'a> {
    function: &'static Function,
    control: &'static AnyControl,
    event: &'a Event,
    suspicion: &'a Suspicion,
    /// The suspicion's, or what the look has shown it to be.
    subject: Subject,
    holds: Vec<Hold>,
    stop: Option<Stop>,
    /// What the journal has about it that is not genuine.
    planted: Vec<Planted>,
    /// An earlier delivery has been at work, and may have done it.
    is_retry: bool,
}

impl Function {
    /// Admits an event and asks every control that watches it. Nothing is left of a benign event.
    ///
    /// # Errors
    /// When this is no event.
    pub fn suspect(
        &'static self,
        payload: Value,
        settings: &Settings,
    ) -> Result<Option<(Event, Vec<Suspected>)>, Malformed> {
        let event = Event::from_envelope(payload)?;
        if !is_admitted(&event) {
            return Ok(None);
        }
        let is_on = |control: &&AnyControl| control.mode(settings) > Mode::Off;
        let watching = self.controls.iter().filter(|control| control.watches(&event)).filter(is_on);
        let suspected: Vec<Suspected> = watching
            .flat_map(|control| {
                (control.suspect)(&event, settings).into_iter().map(move |suspicion| (control, suspicion))
            })
            .collect();
        Ok((!suspected.is_empty()).then_some((event, suspected)))
    }
}

/// Whether anything may come of the event; if not, the log says why.
pub(crate) fn is_admitted(event: &Event) -> bool {
    match event.admit() {
        Ok(()) => return true,
        Err(Refusal::Forged(why)) => refuse(event, &why),
        Err(Refusal::Failed(code)) => info!(event = event.id, code, "the call failed, so nothing has changed"),
    }
    false
}

fn refuse(event: &Event, why: &str) {
    warn!(event = event.id, why, "refused a forged event");
    metric::forged();
}

impl<'a> Responder<'a> {
    #[must_use]
    pub fn new(settings: &'a Settings, deployment: &'a Deployment, config: SdkConfig) -> Self {
        let journal = Journal::new(&config, &deployment.journal);
        let place = Place::new(deployment.account(), config);
        Self { settings, deployment, place, journal, guardrails: OnceLock::new() }
    }

    /// Looks at everything that is suspicious about an event, and acts on it.
    ///
    /// # Errors
    /// When something is left to be done, by a later delivery of the same event or by a person. One control's failure
    /// does not stop the next.
    pub async fn respond(&self, function: &'static Function, event: &Event, suspected: &[Suspected]) -> Result<()> {
        if let Some(why) = self.elsewhere(event) {
            refuse(event, &why);
            return Ok(());
        }
        let mut failures = vec![];
        for (control, suspicion) in suspected {
            let handled = if event.is_look() {
                Box::pin(self.look(function, control, event, suspicion)).await
            } else {
                Box::pin(self.handle(function, control, event, suspicion)).await
            };
            if let Err(failure) = handled {
                failures.push(format!("{} on {}: {failure:#}", control.about.id, suspicion.subject.arn));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(anyhow!(failures.join("; "))) }
    }

    /// Why an event is not of the account and Region in which this function looks. It would have a resource of ours judged
    /// under another ARN, under which neither holds nor guardrails know it.
    fn elsewhere(&self, event: &Event) -> Option<String> {
        let is_here = self.place.account == event.account && self.place.region == event.region;
        (!is_here).then(|| format!("it is of account {}, {}, and we are in another", event.account, event.region))
    }

    /// A look on schedule. Most find nothing, and nothing is left of those.
    ///
    /// What one finds is one event as long as it lasts, so that people hear of it once a day and not with every look.
    /// What has been taken back and is there again is another.
    ///
    /// # Errors
    /// When something is left to be done.
    pub(crate) async fn look(
        &self,
        function: &'static Function,
        control: &'static AnyControl,
        event: &Event,
        suspicion: &Suspicion,
    ) -> Result<()> {
        let (subject, holds, stop, planted) = (suspicion.subject.clone(), vec![], None, vec![]);
        let mut case = Case { function, control, event, suspicion, subject, holds, stop, planted, is_retry: false };
        let (state, decision) = self.judge(&case, self.observe(&case).await)?;
        if decision.is_allow() {
            return Ok(());
        }
        let mut is_held = false;
        if !state.is_null() {
            case.subject = (control.found)(event, suspicion, &state)?;
            // If the journal cannot be read, handling the event says so.
            let holds = self.journal.holds(control.about.id, &case.subject.arn, Timestamp::now()).await;
            (case.holds, _) = holds.unwrap_or_default();
            is_held = self.decide(&case, &state)?.is_allow();
        }
        let is_stopped = self.journal.stopped(Timestamp::now()).await.is_ok_and(|(stop, _)| stop.is_some());
        let mode = if is_stopped { Mode::Notify } else { control.mode(self.settings) };
        let day = event.time.strftime("%F").to_string();
        let what = hash(&[&mode.to_string(), &is_held.to_string(), &decision.to_string()]);
        let id = format!("{day}-{what}");
        let finding = Event { id, ..event.clone() };
        let known = self.journal.find(&Entry::id_of(&finding, control.about.id, &suspicion.subject)).await;
        let was_restored = |entry: Entry| matches!(entry.outcome, Outcome::Reverted | Outcome::Undone);
        let came_back = known.is_ok_and(|entry| entry.is_some_and(was_restored));
        Box::pin(self.handle(function, control, if came_back { event } else { &finding }, suspicion)).await
    }

    async fn handle(
        &self,
        function: &'static Function,
        control: &'static AnyControl,
        event: &Event,
        suspicion: &Suspicion,
    ) -> Result<()> {
        let (id, named) = (Entry::id_of(event, control.about.id, &suspicion.subject), &suspicion.subject);
        let (subject, holds, stop, planted) = (named.clone(), vec![], None, vec![]);
        let mut case = Case { function, control, event, suspicion, subject, holds, stop, planted, is_retry: false };
        let mut first = None;
        if let Some(is_settled) = control.is_settled {
            let seen = self.observe(&case).await;
            // Nothing can come of a harmless state that stays so, whatever the journal says.
            if let Ok(state) = &seen
                && is_settled(state)?
                && let Decision::Allow { why } = self.decide(&case, state)?
            {
                info!(event = event.id, control = control.about.id, resource = named.arn, why, "allowed");
                return Ok(());
            }
            first = Some(seen);
        }
        let look = async {
            match first {
                Some(seen) => seen,
                None => self.observe(&case).await,
            }
        };
        let (earlier, mut holds, stop, seen) = futures::join!(
            self.journal.earlier(&id, Timestamp::now()),
            self.journal.holds(control.about.id, &named.arn, Timestamp::now()),
            self.journal.stopped(Timestamp::now()),
            look,
        );
        if let Ok(state) = &seen {
            case.subject = (control.found)(event, suspicion, state)?;
        }
        if case.subject != *named {
            holds = self.journal.holds(control.about.id, &case.subject.arn, Timestamp::now()).await;
        }
        let mut journal_failure = None;
        match holds.and_then(|holds| Ok((holds, stop?))) {
            Ok(((holds, mut planted), (stop, in_its_place))) => {
                planted.extend(in_its_place);
                (case.holds, case.stop, case.planted) = (holds, stop, planted);
            }
            Err(failure) => journal_failure = Some(failure),
        }
        match earlier {
            Ok(Earlier::None) => {}
            Ok(Earlier::Planted(entry)) => case.planted.push(entry),
            Ok(Earlier::Handled) => {
                info!(id, "an earlier delivery has handled this");
                return Ok(());
            }
            Ok(Earlier::AtWork) => bail!("another delivery of this event is at work; this one is to be tried again"),
            Ok(Earlier::Unfinished(entry)) => {
                case.is_retry = true;
                return match journal_failure {
                    Some(failure) => Err(failure),
                    None => Box::pin(self.take_over(&case, *entry)).await,
                };
            }
            Err(failure) => journal_failure = Some(failure),
        }
        let (state, decision) = self.judge(&case, seen)?;
        let (state, decision, outcome, failure) = self.believed(&mut case, state, decision).await?;
        journal_failure = failure.or(journal_failure);
        if let Decision::Allow { why } = &decision {
            info!(event = event.id, control = control.about.id, resource = case.subject.arn, why, "allowed");
            return Ok(());
        }
        // What a revert of ours has left open was said when it was left. A revert is never skipped for who did it.
        let is_own = event.actor.role.as_ref() == Some(&self.deployment.role);
        if is_own && matches!(decision, Decision::Alert { .. }) && !state.is_null() {
            info!(event = event.id, control = control.about.id, "left by Snapback itself, as said");
            return Ok(());
        }
        let mut entry = Entry { outcome, ..self.entry(id, &case, state, decision) };
        let begun = match journal_failure {
            Some(failure) => Err(failure),
            None => self.begin(&case, &entry).await,
        };
        match begun {
            Ok(Earlier::None) => Box::pin(self.conclude(&case, entry)).await,
            Ok(Earlier::Handled) => Ok(()),
            Ok(_) => bail!("another delivery is at work on this event or resource; this one is to be tried again"),
            Err(failure) => {
                entry.outcome = match self.intended(&case, &entry) {
                    _ if entry.outcome == Outcome::Held => Outcome::Held,
                    Outcome::Reverted => Outcome::Failed,
                    harmless => harmless,
                };
                entry.problem = Some(format!("the journal cannot be used, so nothing was touched: {failure:#}"));
                self.announce(&entry).await?;
                Err(failure)
            }
        }
    }

    /// Goes on where an earlier delivery has stopped. Its before-image and its plan are in the journal.
    async fn take_over(&self, case: &Case<'_>, mut entry: Entry) -> Result<()> {
        entry.planted.extend(case.planted.iter().map(ToString::to_string));
        if matches!(entry.outcome, Outcome::Pending | Outcome::Failed) {
            let begun = self.begin(case, &entry).await?;
            if begun != Earlier::None {
                bail!("another delivery is at work on this event or resource; this one is to be tried again");
            }
        }
        Box::pin(self.conclude(case, entry)).await
    }

    /// Writes the entry down, and takes the resource if something of it is to be overwritten.
    async fn begin(&self, case: &Case<'_>, entry: &Entry) -> Result<Earlier> {
        let now = Timestamp::now();
        if !self.needs_resource(case, entry) {
            return self.journal.begin(entry, &case.planted, now).await;
        }
        let (begun, taken) =
            futures::join!(self.journal.begin(entry, &case.planted, now), self.journal.take(entry, now));
        let (begun, mut taken) = (begun?, taken?);
        for wait in BEFORE_TAKING_AGAIN {
            if taken || begun != Earlier::None {
                break;
            }
            tokio::time::sleep(wait).await;
            taken = self.journal.take(entry, Timestamp::now()).await?;
        }
        Ok(if taken { begun } else { Earlier::AtWork })
    }

    fn needs_resource(&self, case: &Case<'_>, entry: &Entry) -> bool {
        self.intended(case, entry) == Outcome::Reverted && entry.decision.plan().iter().any(Change::overwrites)
    }

    /// Does what was decided, tells people, and writes down what came of it.
    async fn conclude(&self, case: &Case<'_>, mut entry: Entry) -> Result<()> {
        let told = entry.announced.then_some(entry.outcome);
        let (mut failure, mut has_resource) = (None, false);
        if matches!(entry.outcome, Outcome::Pending | Outcome::Failed) {
            has_resource = self.needs_resource(case, &entry);
            entry.problem = entry.problem.take().filter(|_| entry.outcome == Outcome::Pending);
            failure = self.settle(case, &mut entry).await.err();
            if let Some(failure) = &failure {
                entry.outcome = Outcome::Failed;
                let way_in = entry.subject.left_to_root().filter(|_| is_denied(failure));
                let said = [Some(format!("{failure:#}")), way_in];
                entry.problem = Some(said.into_iter().flatten().collect::<Vec<_>>().join("; "));
            }
        }
        if entry.outcome == Outcome::Reverted && entry.repeat.is_none() {
            let counted = self.journal.count(&entry, Timestamp::now()).await;
            entry.repeat = counted.inspect_err(|failure| warn!(id = entry.id, "not counted: {failure:#}")).ok();
        }
        // A look does not know since when.
        let seconds_open =
            entry.reverted_at.filter(|_| !case.event.is_look()).map(|at| at.as_second() - entry.event.time.as_second());
        info!(
            id = entry.id, control = entry.control, resource = entry.subject.arn, seconds_open,
            outcome = %entry.outcome, problem = entry.problem, "{}", entry.decision.why()
        );
        metric::decision(&entry.control, &entry.outcome.to_string(), seconds_open);
        let mut announced = Ok(());
        if entry.repeat.as_ref().is_some_and(|repeat| !repeat.is_told()) {
            entry.announced = true;
        } else if told != Some(entry.outcome) && entry.outcome != Outcome::Allowed {
            announced = self.announce(&entry).await;
            entry.announced = announced.is_ok();
        }
        let give_back = async { if has_resource { self.journal.give_back(&entry).await } else { Ok(()) } };
        let (completed, is_free) = futures::join!(self.journal.complete(&entry), give_back);
        completed?;
        is_free?;
        announced?;
        failure.map_or(Ok(()), Err)
    }

    /// Applies the plan if that is what guardrails permit and the mode asks for, and sees whether it took effect.
    async fn settle(&self, case: &Case<'_>, entry: &mut Entry) -> Result<()> {
        for _ in 0..ROUNDS {
            let guarded = self.guard(case, entry.decision.clone()).await;
            entry.outcome = self.intended(case, entry);
            if guarded != entry.decision {
                if case.is_retry && entry.outcome == Outcome::Reverted && self.is_done(case, entry).await? {
                    entry.applied = entry.decision.plan().iter().map(|_| Applied::Already).collect();
                    entry.reverted_at = Some(Timestamp::now());
                    return Ok(());
                }
                entry.decision = guarded;
                entry.outcome = self.intended(case, entry);
            }
            if let Some(most) = self.used_up(entry).await? {
                entry.mode = Mode::Ask;
                entry.outcome = self.intended(case, entry);
                entry.problem =
                    Some(format!("the same actor has caused {most} reverts in this hour, the most allowed"));
                return Ok(());
            }
            if entry.outcome != Outcome::Reverted {
                let stop = case.stop.as_ref().filter(|_| entry.outcome == Outcome::WouldRevert);
                entry.problem = stop.map(|stop| format!("Snapback is {stop}")).or_else(|| entry.problem.take());
                return Ok(());
            }
            let Some(found) = self.apply(case, entry).await? else {
                entry.reverted_at = Some(Timestamp::now());
                return self.verify(case, entry).await;
            };
            warn!(id = entry.id, found, "the resource has changed since it was looked at; judging afresh");
            (entry.state, entry.decision) = self.judge(case, self.observe(case).await)?;
            entry.basis = self.basis(case);
            self.journal.rewrite(entry, Timestamp::now()).await?;
        }
        bail!("the resource kept changing between the look and the write")
    }

    /// Whether the resource is as the plan was to leave it. An earlier delivery may have done it all and ended before it
    /// could say so: then a guardrail comes too late, and the way back must not get lost.
    async fn is_done(&self, case: &Case<'_>, entry: &Entry) -> Result<bool> {
        let after = |state: Value, change| (case.control.after)(&state, change);
        let left = entry.decision.plan().iter().try_fold(entry.state.clone(), after)?;
        Ok(self.observe(case).await.is_ok_and(|seen| seen == left))
    }

    /// A revert that a guardrail forbids is an alert, and so is one of which it cannot be told.
    async fn guard(&self, case: &Case<'_>, decision: Decision<Change>) -> Decision<Change> {
        let Decision::Revert { severity, .. } = decision else { return decision };
        let (event, about, now) = (case.event, case.control.about, Timestamp::now());
        let question = Question { event, subject: &case.subject, about, severity, tags: None, now };
        let look = self.eyes();
        let verdict = match self.guardrails.get_or_init(|| Guardrails::read_marked(&self.deployment.guardrails)) {
            Ok(guardrails) => guardrails.look_and_judge(case.function.tags.read, &look, question).await,
            Err(broken) => Verdict::Unsure(broken.to_string()),
        };
        info!(event = event.id, control = about.id, resource = case.subject.arn, "{verdict}");
        verdict.over(decision)
    }

    /// How many reverts the actor may cause in an hour, if they are used up. What is critical is not counted.
    async fn used_up(&self, entry: &Entry) -> Result<Option<NonZeroU32>> {
        let Some(most) = self.deployment.most_reverts_per_hour else { return Ok(None) };
        if entry.outcome != Outcome::Reverted || entry.decision.severity() == Some(Severity::Critical) {
            return Ok(None);
        }
        let affords = self.journal.afford(entry, most.get(), Timestamp::now()).await?;
        Ok((!affords).then_some(most))
    }

    /// What comes of a decision if all goes well. A mode that the operator has lowered since counts at once, and so does
    /// the emergency stop.
    fn intended(&self, case: &Case<'_>, entry: &Entry) -> Outcome {
        let now = if case.stop.is_some() { Mode::Notify } else { case.control.mode(self.settings) };
        match (&entry.decision, entry.mode.min(now)) {
            (Decision::Allow { .. }, _) => Outcome::Allowed,
            (Decision::Alert { .. }, _) => Outcome::Alerted,
            (Decision::Revert { .. }, Mode::Off | Mode::Notify) => Outcome::WouldRevert,
            (Decision::Revert { .. }, Mode::Ask) => Outcome::Asked,
            (Decision::Revert { .. }, Mode::Revert) => Outcome::Reverted,
        }
    }

    /// Applies the plan in order; says what was found instead if the resource is not what the plan was made for.
    async fn apply(&self, case: &Case<'_>, entry: &mut Entry) -> Result<Option<String>> {
        entry.applied.clear();
        let plan = entry.decision.plan();
        for change in plan {
            let applied = (case.function.apply)(&self.place, change).await;
            let done = entry.applied.len();
            match applied.with_context(|| format!("{done} of {} changes are done; {change}", plan.len()))? {
                Applied::Changed { found } => return Ok(Some(found)),
                applied => entry.applied.push(applied),
            }
        }
        Ok(None)
    }

    /// Looks and judges again, with the patience that eventual consistency needs.
    async fn verify(&self, case: &Case<'_>, entry: &mut Entry) -> Result<()> {
        let mut waits = case.function.patience.iter();
        loop {
            match self.observe(case).await {
                Ok(state) => {
                    if !matches!(self.decide(case, &state)?, Decision::Revert { .. }) {
                        return Ok(());
                    }
                }
                Err(failure) => {
                    entry.problem =
                        Some(format!("AWS took the change; whether it shows could not be seen: {failure:#}"));
                    return Ok(());
                }
            }
            match waits.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => match case.control.shows_late {
                    Some(why) => {
                        entry.problem = Some(format!("AWS took the change; it does not show yet: {why}"));
                        return Ok(());
                    }
                    None => bail!("AWS took the change, and the risk still shows"),
                },
            }
        }
    }

    fn eyes(&self) -> Look<'_> {
        Look { place: &self.place, memory: Remembering::Journal(&self.journal) }
    }

    async fn observe(&self, case: &Case<'_>) -> Result<Value> {
        let look = self.eyes();
        (case.control.observe)(&look, case.event, case.suspicion).await
    }

    fn decide(&self, case: &Case<'_>, state: &Value) -> Result<Decision<Change>> {
        let holds = case.holds.iter().map(|hold| hold.grant.clone()).collect();
        let given = Given { settings: self.settings, holds: &holds };
        (case.control.decide)(case.event, case.suspicion, state, &given)
    }

    /// What is to be believed of what was seen: what seems harmless is looked at again for a while, as it may be how it was
    /// before the event. With it `Held`, if nothing but a hold allows it, and why the journal could not be read again, if
    /// it could not.
    async fn believed(
        &self,
        case: &mut Case<'_>,
        mut state: Value,
        mut decision: Decision<Change>,
    ) -> Result<(Value, Decision<Change>, Outcome, Option<anyhow::Error>)> {
        let (mut failure, mut waits) = (None, BEFORE_BELIEVING.iter());
        while decision.is_allow() {
            if let Some(held) = self.held(case, &state)? {
                return Ok((state, held, Outcome::Held, failure));
            }
            let Some(wait) = waits.next().filter(|_| !case.event.is_look()) else { break };
            tokio::time::sleep(*wait).await;
            (state, decision) = self.judge(case, self.observe(case).await)?;
            // An operator may have put it back since the holds were read. An undo writes its holds first.
            if matches!(decision, Decision::Revert { .. }) {
                match self.journal.holds(case.control.about.id, &case.subject.arn, Timestamp::now()).await {
                    Ok((holds, planted)) => {
                        case.holds = holds;
                        case.planted.extend(planted);
                    }
                    Err(found) => failure = Some(found),
                }
                decision = self.decide(case, &state)?;
            }
        }
        Ok((state, decision, Outcome::Pending, failure))
    }

    /// What is said of a risk that is allowed for nothing but an operator's hold.
    fn held(&self, case: &Case<'_>, state: &Value) -> Result<Option<Decision<Change>>> {
        let given = Given { settings: self.settings, holds: &BTreeSet::new() };
        let without = (case.control.decide)(case.event, case.suspicion, state, &given)?;
        Ok(without.severity().map(|severity| {
            let by = case.holds.iter().map(|hold| format!("{} holds it until {:.0}", hold.by, hold.until));
            let by = by.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
            Decision::Alert { severity, why: format!("{}; {by}", without.why()) }
        }))
    }

    /// A look that is refused is a decision too: whoever made the change can lock us out with a `Deny`.
    fn judge(&self, case: &Case<'_>, seen: Result<Value>) -> Result<(Value, Decision<Change>)> {
        match seen {
            Ok(state) => {
                let decision = self.decide(case, &state)?;
                Ok((state, decision))
            }
            Err(failure) if is_denied(&failure) => {
                let alone = &case.suspicion.why;
                let why = format!("Snapback is denied the look at it ({failure:#}); by the event alone, {alone}");
                let why = [Some(why), case.subject.left_to_root()].into_iter().flatten().collect::<Vec<_>>().join("; ");
                Ok((Value::Null, Decision::Alert { severity: Severity::Critical, why }))
            }
            Err(failure) => Err(failure),
        }
    }

    fn entry(&self, id: String, case: &Case<'_>, state: Value, decision: Decision<Change>) -> Entry {
        let about = case.control.about;
        let now = Timestamp::now();
        let is_old = now.duration_since(case.event.time) > OLDEST;
        Entry {
            id,
            control: about.id.to_owned(),
            title: about.title.to_owned(),
            happened: about.certainly_happened(&decision).map(str::to_owned),
            caveat: about.caveat.to_owned(),
            subject: case.subject.clone(),
            event: Cause::from(case.event),
            suspicion: case.suspicion.why.clone(),
            basis: self.basis(case),
            state,
            decision,
            mode: if is_old { Mode::Notify } else { case.control.mode(self.settings) },
            outcome: Outcome::Pending,
            decided_at: now,
            reverted_at: None,
            applied_by: None,
            repeat: None,
            applied: vec![],
            planted: case.planted.iter().map(ToString::to_string).collect(),
            problem: is_old.then(|| "the event is more than 24 hours old, so it is left to a person".to_owned()),
            announced: false,
            undone: None,
            expires: now + SignedDuration::from_hours(24 * i64::from(self.deployment.journal_days)),
        }
    }

    /// What a decision of this moment is made of besides what is seen.
    fn basis(&self, case: &Case<'_>) -> Basis {
        Basis {
            request: case.event.request.clone(),
            response: case.event.response.clone(),
            resources: case.event.resources.clone(),
            settings: self.settings.clone(),
            holds: case.holds.clone(),
        }
    }

    async fn announce(&self, entry: &Entry) -> Result<()> {
        notice::publish(&self.place.config, &self.deployment.topic, entry, self.journal.table()).await
    }
}
