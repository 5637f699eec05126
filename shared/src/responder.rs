//! The way of an event: admit, suspect, observe, decide, record, guard, apply, verify, notify.
//!
//! A scheduled check goes the same way from the look on, and so does what becomes a baseline. Each reads the resource,
//! its holds, its baseline, the stop and what an earlier delivery has left once; what is read again may have changed.

mod case;
mod needed;
mod revert;
mod second;
mod unwritten;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Result, anyhow, bail, ensure};
use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{info, warn};

use crate::aws::{is_denied, is_denied_by_organization, may_pass, refuses_principals};
use crate::change::Change;
use crate::control::{AnyControl, Applier, Function, Suspicion};
use crate::decision::{Decision, Severity};
use crate::event::{Event, Malformed, Refusal};
use crate::guardrail::{Broken, Guardrails, Verdict};
use crate::journal::{
    Baselines, Begun, Cause, Count, Counted, Earlier, Entry, Gap, Journal, Known, Needs, Outcome, Said,
};
use crate::mode::Mode;
use crate::place::{Place, Places};
use crate::settings::{Deployment, Settings};
use crate::{metric, notice};

use case::Seen;
use revert::Shows;
use unwritten::told_of;

pub(crate) use case::{Case, Run};
pub(crate) use second::SECOND_CHECK;

/// EventBridge gives up on a delivery after 24 hours, so an older event comes from a dead-letter queue or an archive:
/// people may have settled it since, and it only alerts.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>
pub const OLDEST: SignedDuration = SignedDuration::from_hours(24);

/// What people read who are asked for that reason.
const UNPROVEN: &str =
    "only a log file tells of it, and nothing shows that CloudTrail has written that file, so an operator decides";

/// S3, EC2 and IAM are eventually consistent: a clean state right after a risky event may be the state before it. How
/// long to wait before each further look at one: 13 s in all, of the 30 s a function has.
const BEFORE_BELIEVING: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(9)];

/// How long a rule may have been disabled before anybody knows: the alarm `OwnAsleep` rings after three checks that did not
/// come.
const UNSEEN: SignedDuration = SignedDuration::from_mins(15);

/// How long to wait before each further try to take a resource that another event has: 10 s in all.
const BEFORE_TAKING_AGAIN: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(3),
];

const AT_WORK: &str = "another delivery is at work on this event or resource; this one is to be tried again";

/// One function's answer to events: it knows the operator's choices and has AWS's credentials.
#[derive(Debug)]
pub struct Responder<'a> {
    settings: &'a Settings,
    deployment: &'a Deployment,
    places: Places,
    journal: Journal,
    /// Read when there is the first revert to judge.
    guardrails: OnceLock<Result<Guardrails, Broken>>,
    /// What people were told of while the journal could not be written.
    unwritten: Mutex<BTreeSet<String>>,
    /// Whether it has begun an entry before.
    is_warm: AtomicBool,
}

/// A control and what it has reason to look at.
pub type Suspected = (&'static AnyControl, Suspicion);

/// Where the way of a case has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// With the look: it is harmless as it was seen, and was believed at once.
    Harmless(Value),
    /// With a scheduled check: it is risky, and nothing else was ever known of it.
    AlwaysSo,
    /// Before the look: its control is off in the account.
    Off,
    /// Later, and whatever was to be said and done is said and done.
    Handled,
}

/// What is known before anything is concluded.
struct Observed {
    seen: Result<Seen>,
    earlier: Result<Earlier>,
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
        Err(Refusal::Elsewhere(why)) => info!(event = event.id, why, "the event does not concern this account"),
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
        let journal = Journal::of(&config, deployment);
        let home = Place::new(deployment.account(), config);
        let places = Places::new(home);
        Self {
            settings,
            deployment,
            places,
            journal,
            guardrails: OnceLock::new(),
            unwritten: Mutex::default(),
            is_warm: AtomicBool::default(),
        }
    }

    /// Looks at everything that is suspicious about an event, and acts on it.
    ///
    /// # Errors
    /// When something is left to be done, by a later delivery of the same event or by a person. One control's failure
    /// does not stop the next.
    pub async fn respond(&self, function: &'static Function, event: &Event, suspected: &[Suspected]) -> Result<()> {
        // A resource of ours would otherwise be judged under the ARN of another account or Region, under which neither holds
        // nor guardrails know it.
        let role = self.role_in_members(function);
        let Some(place) = Box::pin(self.places.of(&event.account, &event.region, role.as_deref())).await else {
            refuse(event, &format!("it is of account {}, {}, and we are in another", event.account, event.region));
            return Ok(());
        };
        let remembering = suspected.iter().filter(|(control, _)| control.good.is_some());
        let wanted = remembering.map(|(control, suspicion)| (control.about.id, suspicion.subject.arn.as_str()));
        let run = Run::new(&place, self.settings, Baselines::new(&self.journal, wanted));
        let mut failures = vec![];
        for (control, suspicion) in suspected {
            let mut case = self.case(&run, (function, control), event, suspicion);
            let handled = Box::pin(self.handle(&mut case)).await.map(drop);
            let missed = self.remember_gap(&case).await;
            for failure in [handled, missed].into_iter().filter_map(Result::err) {
                failures.push(format!("{} on {}: {failure:#}", control.about.id, suspicion.subject.arn));
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(anyhow!(failures.join("; "))) }
    }

    /// The function's own account and Region.
    #[must_use]
    pub fn home(&self) -> &Place {
        &self.places.home
    }

    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.settings
    }

    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        self.deployment
    }

    /// Keeps since when events may have woken nobody, so that they are read up. That is done in the function's own account
    /// and Region, whose event history it can read.
    async fn remember_gap(&self, case: &Case<'_>) -> Result<()> {
        let Some(deaf) = case.control.misses_events.filter(|_| case.has_missed_events && self.is_at_home(case)) else {
            return Ok(());
        };
        let (now, at) = (Timestamp::now(), case.event.time);
        self.journal.widen_gap(Gap { since: at - UNSEEN, until: at.max(now) + deaf }, now).await
    }

    fn is_at_home(&self, case: &Case<'_>) -> bool {
        let (home, place) = (&self.places.home, case.run.place);
        (&home.account, &home.region) == (&place.account, &place.region)
    }

    /// A case of which nothing is read yet.
    pub(crate) fn case<'c>(
        &'c self,
        run: &'c Run<'c>,
        (function, control): (&'static Function, &'static AnyControl),
        event: &'c Event,
        suspicion: &'c Suspicion,
    ) -> Case<'c> {
        Case::new(run, self.settings, (function, control), event, suspicion)
    }

    /// The whole way of a case.
    ///
    /// # Errors
    /// When something is left to be done, or could not be looked at.
    pub(crate) async fn handle(&self, case: &mut Case<'_>) -> Result<End> {
        case.know_mode().await;
        if case.mode() == Mode::Off {
            info!(
                event = case.event.id,
                control = case.control.about.id,
                "it is off in account {}",
                case.run.place.account
            );
            return Ok(End::Off);
        }
        if case.control.looks_at_nothing && self.is_only_counted(case).await {
            return Ok(End::Handled);
        }
        let observed = if case.event.is_look() { self.check(case).await } else { Box::pin(self.observe(case)).await };
        let Observed { seen, earlier } = match observed? {
            Break(end) => return Ok(end),
            Continue(observed) => observed,
        };
        match earlier {
            Ok(Earlier::None) => {}
            Ok(Earlier::Forged(entry)) => case.forged.push(entry),
            Ok(Earlier::Handled(_)) => {
                info!(id = case.id(), "an earlier delivery has handled this");
                return Ok(End::Handled);
            }
            Ok(Earlier::AtWork) => bail!("another delivery of this event is at work; this one is to be tried again"),
            Ok(Earlier::Unfinished(entry)) => return Box::pin(self.take_over(case, *entry)).await,
            Err(failure) => case.journal_failure = Some(failure),
        }
        match Box::pin(self.decide(case, seen?)).await? {
            Some(entry) if entry.decision.is_allow() => Box::pin(self.wait_and_see(case, entry)).await?,
            Some(_) if !case.control.looks_at_nothing && self.is_only_counted(case).await => {}
            Some(entry) => Box::pin(self.record(case, entry)).await?,
            None => {}
        }
        Ok(End::Handled)
    }

    /// Counts an event of those that come in crowds, and says whether that is all: if people are not to be told of this one,
    /// nothing is left of it but the number.
    async fn is_only_counted(&self, case: &mut Case<'_>) -> bool {
        let Some(first) = case.control.tells_from else { return false };
        let (control, call, subject) = case.crowd();
        let now = Timestamp::now();
        let count = async {
            let tally = self.journal.count_call(control, &call, &subject, &case.event.id, now).await?;
            let is_due = tally.is_due(first) && self.journal.take_to_tell(control, &call, &subject, now).await?;
            Ok((tally, is_due))
        };
        match count.await {
            Ok((tally, true)) => case.tally = Some(tally),
            Ok((tally, false)) => {
                info!(event = case.event.id, control, resource = subject, times = tally.repeat.times, "counted");
                return true;
            }
            Err(failure) => case.journal_failure = Some(failure),
        }
        false
    }

    /// Looks at the resource of an event, and asks the journal about it at the same time.
    async fn observe(&self, case: &mut Case<'_>) -> Result<ControlFlow<End, Observed>> {
        let mut first = None;
        if let Some(is_settled) = case.control.is_settled {
            let seen = case.look().await;
            // Nothing can come of a harmless state that stays so, whatever the journal says.
            if let Ok(Seen::State(state)) = &seen
                && is_settled(state)?
                && let Decision::Allow { why } = case.judge_state(state)?
            {
                case.say_allowed(&why);
                return Ok(Break(End::Harmless(state.clone())));
            }
            first = Some(seen);
        }
        let look = async {
            match first {
                Some(seen) => seen,
                None => case.look().await,
            }
        };
        let (id, named, now) = (case.id(), case.subject.clone(), Timestamp::now());
        let (known, seen, ()) = futures::join!(case.known(&id, now), look, self.journal.prepare());
        if let Ok(seen) = &seen {
            case.is_about(seen)?;
        }
        let Known { earlier, mut held, stopped } = match known {
            Ok(known) => known,
            Err(failure) => return Ok(Continue(Observed { seen, earlier: Err(failure) })),
        };
        if case.subject != named {
            held = self.journal.holds(case.control.about.id, &case.subject.arn, now).await;
        }
        case.is_held_by(held);
        case.is_stopped_by(stopped);
        Ok(Continue(Observed { seen, earlier }))
    }

    /// Looks at a resource on schedule. Most are harmless, and the journal is not asked about those.
    ///
    /// What is found is one event as long as it lasts, so that people hear of it once a day and not with every look.
    /// What has been taken back and is there again is another.
    async fn check(&self, case: &mut Case<'_>) -> Result<ControlFlow<End, Observed>> {
        let (learns, before) = (case.control.good.is_some(), case.baseline().await?);
        let seen = match case.look().await? {
            // What has always been so is for a scan to say, and not every day.
            Seen::Denied(failure) if learns => return Err(failure),
            seen => seen,
        };
        case.heed_members();
        let found = case.judge(&seen)?;
        if found.is_allow() {
            return Ok(Break(End::Harmless(seen.state())));
        }
        case.is_about(&seen)?;
        let (about, now) = (case.control.about, Timestamp::now());
        case.is_held_by(self.journal.holds(about.id, &case.subject.arn, now).await);
        let is_held = case.judge(&seen)?.is_allow();
        case.has_missed_events = case.control.misses_events.is_some() && !is_held;
        if learns {
            if let Some(failure) = case.journal_failure.take() {
                return Err(failure);
            }
            if is_held {
                return Ok(Break(End::Harmless(seen.state())));
            }
            if before.is_none_or(|before| before.good.is_null()) {
                return Ok(Break(End::AlwaysSo));
            }
        }
        case.is_stopped_by(self.journal.stopped(now).await);
        let finding = Cow::Owned(case.finding(&found, is_held));
        let tick = std::mem::replace(&mut case.event, finding);
        let mut earlier = self.journal.earlier(&case.id(), now).await;
        if was_restored(&earlier) {
            case.event = tick;
            earlier = self.journal.earlier(&case.id(), now).await;
        } else if earlier.is_err() {
            // What cannot be read may have been restored before.
            case.event = tick;
        }
        Ok(Continue(Observed { seen: Ok(seen), earlier }))
    }

    /// Goes on where an earlier delivery has stopped. Its before-image and its plan are in the journal.
    async fn take_over(&self, case: &mut Case<'_>, mut entry: Entry) -> Result<End> {
        case.heed_members();
        if let Some(failure) = case.journal_failure.take() {
            return Err(failure);
        }
        case.is_retry = true;
        if case.control.tells_from.is_some() && case.tally.is_none() {
            let (control, call, subject) = case.crowd();
            case.tally = self.journal.tally(control, &call, &subject, Timestamp::now()).await?;
        }
        entry.forged.extend(case.forged.iter().map(ToString::to_string));
        if matches!(entry.outcome, Outcome::Pending | Outcome::Failed) {
            Box::pin(self.begin_alone(case, &mut entry)).await?;
        }
        Box::pin(self.conclude(case, entry)).await?;
        Ok(End::Handled)
    }

    /// What is concluded, as the journal will have it; nothing if there is nothing to do or to say.
    async fn decide(&self, case: &mut Case<'_>, seen: Seen) -> Result<Option<Entry>> {
        case.heed_members();
        let (seen, decision, outcome) = self.believed(case, seen).await?;
        if let Decision::Allow { why } = &decision {
            case.say_allowed(why);
            let state = seen.state();
            let was_open = !case.event.is_look() && case.was_open(&state)?.is_some();
            case.has_missed_events = was_open && case.control.misses_events.is_some();
            return Ok(was_open.then(|| self.entry(case, state, decision)));
        }
        case.has_missed_events = case.control.misses_events.is_some();
        // Of a change of our own, an old state shows the risk that it has just ended, and so it would be ended once more: what
        // shows at the second look counts. A revert is never skipped for who did it.
        let may_be_over = self.is_own(case) && !case.event.is_look() && matches!(decision, Decision::Revert { .. });
        if may_be_over || case.is_harmless_if_shown_twice(&seen)? {
            let why = decision.why().to_owned();
            return Ok(Some(self.entry(case, seen.state(), Decision::Allow { why })));
        }
        // What a revert of ours has left open was said when it was left.
        if self.is_own(case) && matches!((&seen, &decision), (Seen::State(_), Decision::Alert { .. })) {
            info!(event = case.event.id, control = case.control.about.id, "left by Snapback itself, as said");
            return Ok(None);
        }
        Ok(Some(Entry { outcome, ..self.entry(case, seen.state(), decision) }))
    }

    /// What is to be believed of what was seen: what seems harmless is looked at again for a while, as it may be how it was
    /// before the event. With it `Held`, if nothing but a hold allows it.
    async fn believed(&self, case: &mut Case<'_>, mut seen: Seen) -> Result<(Seen, Decision<Change>, Outcome)> {
        let (mut decision, mut waits) = (case.judge(&seen)?, BEFORE_BELIEVING.iter());
        while decision.is_allow() || case.is_harmless_if_shown_twice(&seen)? {
            if let Some(held) = case.held(&seen)?.filter(|_| decision.is_allow()) {
                return Ok((seen, held, Outcome::Held));
            }
            if case.event.is_look() || self.is_own(case) || !self.wait(case, &mut waits).await {
                break;
            }
            (seen, decision) = self.looked_afresh(case).await?;
        }
        Ok((seen, decision, Outcome::Pending))
    }

    /// What is seen and decided at another look. An operator may have put the risk back since the holds were read: an undo
    /// writes its holds first.
    async fn looked_afresh(&self, case: &mut Case<'_>) -> Result<(Seen, Decision<Change>)> {
        let seen = case.look().await?;
        case.heed_members();
        let decision = case.judge(&seen)?;
        if !matches!(decision, Decision::Revert { .. }) {
            return Ok((seen, decision));
        }
        case.is_held_by(self.journal.holds(case.control.about.id, &case.subject.arn, Timestamp::now()).await);
        let decision = case.judge(&seen)?;
        Ok((seen, decision))
    }

    /// Whether it was this function that made the change.
    fn is_own(&self, case: &Case<'_>) -> bool {
        let Some(role) = &case.event.actor.role else { return false };
        let (partition, account) = (case.event.partition(), &case.run.place.account);
        let is_in_member = |name: String| *role == format!("arn:{partition}:iam::{account}:role/{name}");
        *role == self.deployment.role || self.role_in_members(case.function).is_some_and(is_in_member)
    }

    fn role_in_members(&self, function: &Function) -> Option<String> {
        if self.deployment.is_hub { function.member_role(&self.settings.own.stack) } else { None }
    }

    fn entry(&self, case: &Case<'_>, state: Value, decision: Decision<Change>) -> Entry {
        let about = case.control.about;
        let (now, mode) = (Timestamp::now(), case.mode());
        let age = now.duration_since(case.event.time);
        let (mode, problem) = if age > OLDEST {
            (Mode::Notify, Some("the event is more than 24 hours old, so it is left to a person".to_owned()))
        } else if case.event.is_unproven && mode > Mode::Ask {
            (Mode::Ask, Some(UNPROVEN.to_owned()))
        } else if case.control.asks_after.is_some_and(|most| age > most) && mode > Mode::Ask {
            (Mode::Ask, Some(format!("the event is {} minutes old, so an operator decides", age.as_mins())))
        } else {
            (mode, case.unsure_of_mode())
        };
        Entry {
            id: case.id(),
            control: about.id.to_owned(),
            title: about.title.to_owned(),
            happened: case.control.happened_by(&case.event, &state, &decision).map(str::to_owned),
            caveat: about.caveat.to_owned(),
            subject: case.subject.clone(),
            event: Cause::from(case.event.as_ref()),
            suspicion: case.suspicion.why.clone(),
            basis: case.basis(&state),
            state,
            decision,
            mode,
            outcome: Outcome::Pending,
            decided_at: now,
            reverted_at: None,
            applied_by: None,
            repeat: case.tally.as_ref().map(|tally| tally.repeat.clone()),
            applied: vec![],
            forged: case.forged.iter().map(ToString::to_string).collect(),
            unwritten: false,
            problem,
            announced: false,
            due: None,
            undone: None,
            expires: now + SignedDuration::from_hours(24 * i64::from(self.deployment.journal_days)),
        }
    }

    /// Writes before-image and plan to the journal, and goes on only if they are there.
    async fn record(&self, case: &mut Case<'_>, mut entry: Entry) -> Result<()> {
        let begun = match case.journal_failure.take() {
            Some(failure) => Err(failure),
            None => Box::pin(self.begin(case, &mut entry)).await,
        };
        match begun {
            Ok(Earlier::None) => Box::pin(self.conclude(case, entry)).await,
            Ok(Earlier::Handled(_)) => Ok(()),
            Ok(_) => bail!(AT_WORK),
            Err(failure) if self.may_restore_first(case, &entry).await => {
                Box::pin(self.restore_first(case, entry, failure)).await
            }
            Err(failure) => {
                entry.outcome = match case.intended(&entry) {
                    _ if entry.outcome == Outcome::Held => Outcome::Held,
                    Outcome::Reverted => Outcome::Failed,
                    harmless => harmless,
                };
                entry.problem = Some(format!("the journal cannot be used, so nothing was touched: {failure:#}"));
                entry.unwritten = true;
                self.announce_unwritten(&case.event, &entry).await?;
                Err(failure.context(told_of(&entry)))
            }
        }
    }

    /// Writes the entry down, and with it takes the resource if something of it is to be overwritten. Holds and the stop are
    /// read again, before that or at the same time: those of the first look may be older than what it has seen.
    async fn begin(&self, case: &mut Case<'_>, entry: &mut Entry) -> Result<Earlier> {
        let mut needs = self.needs(case, entry).await;
        let is_to_revert = case.intended(entry) == Outcome::Reverted;
        let about = async |entry: &Entry| {
            if is_to_revert { Some(self.journal.said_about(entry, Timestamp::now()).await) } else { None }
        };
        let sealed = self.journal.sealed(entry).await?;
        // Two calls at once need two connections, and a cold function has the answer of a read sooner than another connection.
        let is_warm = self.is_warm.swap(true, Ordering::Relaxed);
        let mut said = if is_warm { None } else { about(entry).await };
        let mut waits = BEFORE_TAKING_AGAIN.iter();
        loop {
            let writing = self.journal.begin(entry, sealed.clone(), &case.forged, needs, Timestamp::now());
            let begun = if is_to_revert && said.is_none() {
                let (begun, read) = futures::join!(writing, about(entry));
                said = read;
                begun
            } else {
                writing.await
            };
            match begun? {
                Begun::Begun { regardless } => {
                    case.is_afforded = case.is_afforded.or(needs.one_of.map(|_| true));
                    entry.forged.extend(regardless);
                    return match said {
                        Some(said) => self.heed(case, entry, said).await,
                        None => Ok(Earlier::None),
                    };
                }
                Begun::Earlier(earlier) => return Ok(earlier),
                Begun::Taken if self.wait(case, &mut waits).await => said = about(entry).await,
                Begun::Taken => return Ok(Earlier::AtWork),
                Begun::UsedUp => (case.is_afforded, needs.one_of) = (Some(false), None),
            }
        }
    }

    /// What an entry cannot begin without. A revert counts for its actor where guardrails permit it.
    async fn needs(&self, case: &Case<'_>, entry: &Entry) -> Needs {
        let budget = self.budget(case, entry).filter(|_| case.intended(entry) == Outcome::Reverted);
        let is_permitted = budget.is_some() && self.guard(case, entry).await == Verdict::Permitted;
        Needs {
            resource: case.needs_resource(entry),
            one_of: budget.filter(|_| is_permitted),
            again: case.is_second_look,
        }
    }

    /// Heeds what operators have said of an entry that was begun.
    async fn heed(&self, case: &mut Case<'_>, entry: &mut Entry, said: Result<(Said, Counted)>) -> Result<Earlier> {
        let needs_resource = case.needs_resource(entry);
        let failed = said.and_then(|((held, stopped), counted)| {
            case.counted = Some(counted);
            case.is_held_by(held);
            case.is_stopped_by(stopped);
            case.journal_failure.take().map_or(Ok(()), Err)
        });
        if let Err(failure) = failed {
            if needs_resource {
                self.journal.give_back(entry).await?;
            }
            // What was written down is there for the next delivery.
            warn!(id = entry.id, "holds and the stop could not be read again: {failure:#}");
            return Ok(Earlier::AtWork);
        }
        if case.holds != entry.basis.holds {
            self.hold_back(case, entry).await?;
        }
        // Nothing is to be written any more, as somebody holds or has stopped it.
        if needs_resource && !case.needs_resource(entry) {
            self.journal.give_back(entry).await?;
        }
        Ok(Earlier::None)
    }

    /// What operators say about the resource of a case.
    async fn said(&self, case: &Case<'_>) -> Result<Said> {
        self.journal.said_of(case.control.about.id, &case.subject.arn, Timestamp::now()).await
    }

    /// What is held since it was decided is left alone. An undo writes its holds before it puts anything back, so whatever
    /// was seen of one is seen here together with them.
    async fn hold_back(&self, case: &Case<'_>, entry: &mut Entry) -> Result<()> {
        let state = if entry.state.is_null() { return Ok(()) } else { Seen::State(entry.state.clone()) };
        let decision = case.judge(&state)?;
        match case.held(&state)?.filter(|_| decision.is_allow()) {
            Some(held) => {
                // Whoever was told something else of it before is told this.
                (entry.decision, entry.outcome, entry.announced, entry.problem) = (held, Outcome::Held, false, None);
            }
            None => entry.decision = decision,
        }
        entry.basis.holds.clone_from(&case.holds);
        self.journal.rewrite(entry, Timestamp::now()).await
    }

    /// The same where an earlier delivery has begun, and none may be at work now.
    async fn begin_alone(&self, case: &mut Case<'_>, entry: &mut Entry) -> Result<()> {
        ensure!(Box::pin(self.begin(case, entry)).await? == Earlier::None, AT_WORK);
        Ok(())
    }

    /// Does what was decided, tells people, and writes down what came of it.
    async fn conclude(&self, case: &mut Case<'_>, entry: Entry) -> Result<()> {
        let told = entry.announced.then_some(entry.outcome);
        Box::pin(self.conclude_after(told, case, entry)).await
    }

    /// The same where people were told this of it before.
    async fn conclude_after(&self, told: Option<Outcome>, case: &mut Case<'_>, mut entry: Entry) -> Result<()> {
        let is_open = matches!(entry.outcome, Outcome::Pending | Outcome::Failed);
        let has_resource = is_open && case.needs_resource(&entry);
        let settled = if is_open { Box::pin(self.settle(case, &mut entry)).await } else { Ok(()) };
        self.finish(case, entry, told, has_resource, settled).await
    }

    /// Tells people what came of it, unless they were told just that, and writes it down.
    async fn finish(
        &self,
        case: &Case<'_>,
        mut entry: Entry,
        told: Option<Outcome>,
        has_resource: bool,
        settled: Result<()>,
    ) -> Result<()> {
        let (mut notified, mut count) = (Ok(()), None);
        // There is nothing to tell before it is decided.
        if entry.outcome != Outcome::Pending {
            count = self.count(case, &mut entry).await;
            measure(case, &entry);
            notified = self.notify(&mut entry, told).await;
            self.keep_in_mind(case, &entry).await;
            if entry.outcome == Outcome::Failed && entry.announced {
                let kept = self.journal.has_told_of_failure(&entry, Timestamp::now()).await;
                let _ = kept.inspect_err(|failure| warn!(id = entry.id, "not kept: {failure:#}"));
            }
        }
        Box::pin(self.journal.complete_with(&mut entry, count, has_resource)).await?;
        notified?;
        settled
    }

    /// Guards, applies and verifies; what fails is said in the entry.
    async fn settle(&self, case: &mut Case<'_>, entry: &mut Entry) -> Result<()> {
        entry.problem = entry.problem.take().filter(|_| entry.outcome == Outcome::Pending);
        let settled = match self.revert(case, entry).await {
            Ok(Shows::AsReverted) => Ok(()),
            Ok(Shows::NotYet) => {
                let late = case.control.shows_late;
                entry.problem = late.map(|why| format!("AWS took the change; it does not show yet: {why}"));
                self.look_again_later(case, entry).await
            }
            Ok(Shows::Already) => self.look_again_later(case, entry).await,
            Ok(Shows::Unsettled(was_open)) => {
                entry.decision = was_open;
                (entry.outcome, entry.announced, entry.decided_at) = (Outcome::Pending, false, Timestamp::now());
                self.look_again_later(case, entry).await
            }
            Ok(Shows::Closed(was_open)) => {
                (entry.decision, entry.outcome, entry.announced) = (was_open, Outcome::Closed, false);
                Ok(())
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &settled
            && refuses_principals(failure)
        {
            refused(entry, failure);
            // AWS knows for a while nobody of whom it has just been told.
            return if case.is_second_look { Ok(()) } else { self.look_again_later(case, entry).await };
        }
        if let Err(failure) = &settled
            && let Some(who) = self.denies_for_good(case, entry, failure)
        {
            entry.mode = Mode::Ask;
            entry.outcome = Outcome::Asked;
            entry.problem = Some(format!("{who}, so Snapback does not try again: {failure:#}"));
            return Ok(());
        }
        if let Err(failure) = &settled
            && may_pass(failure)
            && !case.is_retry
        {
            // The next delivery does it, or tells people.
            (entry.outcome, entry.problem) = (Outcome::Pending, Some(format!("{failure:#}")));
            return settled;
        }
        if let Err(failure) = &settled {
            entry.outcome = Outcome::Failed;
            let way_in = entry.subject.left_to_root().filter(|_| is_denied(failure));
            let said = [Some(format!("{failure:#}")), way_in];
            entry.problem = Some(said.into_iter().flatten().collect::<Vec<_>>().join("; "));
        }
        settled
    }

    /// Who denies the first write of a plan, if no further try would be let through. What is done in part is tried again.
    fn denies_for_good(&self, case: &Case<'_>, entry: &Entry, failure: &anyhow::Error) -> Option<String> {
        if !is_denied(failure) || !entry.applied.is_empty() {
            return None;
        }
        let Place { account, region, .. } = case.run.place;
        if is_denied_by_organization(failure) {
            return Some(format!("a policy of the organization denies it in account {account}"));
        }
        // Which of these rights it has, the operator says.
        if case.control.applied_by == Applier::IamWriter {
            return Some(format!("the function for it may not do it in account {account}"));
        }
        let Place { account: home, region: home_region, .. } = self.home();
        let role = self.role_in_members(case.function).filter(|_| (account, region) != (home, home_region))?;
        // A role with `Writes=no` is one of these.
        Some(format!("role `{role}` of account {account} may not do it"))
    }

    /// Reckons how often the same change came back, once for each revert. It is counted together with the outcome.
    async fn count(&self, case: &Case<'_>, entry: &mut Entry) -> Option<Count> {
        if entry.outcome != Outcome::Reverted || entry.repeat.is_some() {
            return None;
        }
        match self.journal.count(entry, case.counted.clone(), Timestamp::now()).await {
            Ok((repeat, count)) => {
                entry.repeat = Some(repeat);
                count
            }
            Err(failure) => {
                warn!(id = entry.id, "not counted: {failure:#}");
                None
            }
        }
    }

    /// Tells people, unless they know: of this outcome, or that it keeps coming back.
    async fn notify(&self, entry: &mut Entry, told: Option<Outcome>) -> Result<()> {
        // Whoever was told that it failed is told that it did not in the end, however often it has come back; and what
        // somebody has forged is news each time.
        let is_news = told == Some(Outcome::Failed) || entry.outcome != Outcome::Reverted || !entry.forged.is_empty();
        if !is_news && entry.repeat.as_ref().is_some_and(|repeat| !repeat.is_told()) {
            entry.announced = true;
        } else if told != Some(entry.outcome) && entry.outcome != Outcome::Allowed {
            let announced = self.announce(entry).await;
            entry.announced = announced.is_ok();
            return announced;
        }
        Ok(())
    }

    /// People know of as many as were counted, or the next delivery has to tell them. If that cannot be written, they are
    /// told again.
    async fn keep_in_mind(&self, case: &Case<'_>, entry: &Entry) {
        if let Some(tally) = &case.tally {
            let (control, call, subject) = case.crowd();
            let times = entry.announced.then_some(tally.repeat.times);
            let told = self.journal.has_told(control, &call, &subject, times).await;
            let _ = told.inspect_err(|failure| warn!(id = entry.id, "people will be told again: {failure:#}"));
        }
    }

    async fn announce(&self, entry: &Entry) -> Result<()> {
        let Place { config, region, .. } = &self.places.home;
        let table = notice::Table { name: self.journal.table(), region };
        notice::publish(config, &self.deployment.topic, entry, table).await
    }
}

/// AWS will not take this policy however often it is sent: a person has to write another.
fn refused(entry: &mut Entry, failure: &anyhow::Error) {
    let containment = entry.subject.containment().map(|way| format!(". {way}")).unwrap_or_default();
    let why = format!(
        "{}; Snapback could not revert it, because AWS refuses the policy for a principal that it names: {failure:#}. \
         Remove from it by hand what lets strangers in, and each principal that no longer exists{containment}",
        entry.decision.why()
    );
    entry.decision = Decision::Alert { severity: Severity::Critical, why };
    entry.outcome = Outcome::Alerted;
}

/// What came of it, for the log and for the metrics.
fn measure(case: &Case<'_>, entry: &Entry) {
    // A look does not know since when.
    let over_at = if entry.outcome == Outcome::Closed { Some(entry.decided_at) } else { entry.reverted_at };
    let seconds_open =
        over_at.filter(|_| !case.event.is_look()).map(|at| at.as_second() - entry.event.time.as_second());
    info!(
        id = entry.id, control = entry.control, resource = entry.subject.arn, seconds_open,
        outcome = %entry.outcome, problem = entry.problem, "{}", entry.decision.why()
    );
    metric::decision(&entry.control, &entry.outcome.to_string(), seconds_open);
}

/// Whether what is found again was away in between.
fn was_restored(earlier: &Result<Earlier>) -> bool {
    let outcome = match earlier {
        Ok(Earlier::Handled(outcome)) => Some(*outcome),
        Ok(Earlier::Unfinished(entry)) => Some(entry.outcome),
        _ => None,
    };
    matches!(outcome, Some(Outcome::Reverted | Outcome::Undone))
}
