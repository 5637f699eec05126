//! The second look: AWS may show an old state for minutes, so that neither a risk that is seen right after a revert nor its
//! absence right after the event that opened it is the last word.
//!
//! No function waits that long. The entry says when the second look is due, and an event of Snapback's own, which waits in
//! the delayed queue, says that it is time. Nothing in that event is believed but which entry it means: what is to be
//! checked, and whether anything is, stands in the entry, under the journal's seal. Whoever forges such an event has a
//! look that is due made now, and nothing else.

use std::borrow::Cow;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::info;

use super::case::{Case, Run, Seen};
use super::{AT_WORK, Responder};
use crate::change::Change;
use crate::control::{AnyControl, Function, Suspicion, WasOpen};
use crate::decision::Decision;
use crate::delayed;
use crate::event::Event;
use crate::journal::{AGAIN, Baselines, Begun, Earlier, Entry, Needs, Outcome, Wanted};
use crate::json;

/// What the event is called. No rule listens for it, and `Event::admit` knows no such event.
pub(crate) const SECOND_CHECK: &str = "Snapback Second Check";

/// How long before an event a revert may have been decided that was made after it: longer than a function runs.
const UNTIL_DECIDED: SignedDuration = SignedDuration::from_mins(1);

/// Clocks differ a little.
const EARLY: SignedDuration = SignedDuration::from_secs(5);

impl Responder<'_> {
    /// Asks for a second look at what an entry is about, once AWS must show how it is.
    pub(super) async fn look_again_later(&self, case: &Case<'_>, entry: &mut Entry) -> Result<()> {
        let wait = self.deployment.pace.of(case.control.settles);
        entry.due = Some(Timestamp::now() + SignedDuration::try_from(wait)?);
        let event = json!({"source": "snapback", "detail-type": SECOND_CHECK, "detail": {"entry": entry.id}});
        let (config, queue) = (&self.places.home.config, &self.deployment.delayed);
        delayed::send(config, queue, case.function.name, &event, wait).await
    }

    /// Keeps in the journal that the event proves an exposure, and that it was over when we looked.
    pub(super) async fn wait_and_see(&self, case: &mut Case<'_>, mut entry: Entry) -> Result<()> {
        if let Some(failure) = case.journal_failure.take() {
            return Err(failure.context("what the event proves to have been open could not be journaled"));
        }
        // The message first: one without an entry means nothing, and an entry without one would wait for ever.
        self.look_again_later(case, &mut entry).await?;
        let sealed = self.journal.sealed(&entry).await?;
        match self.journal.begin(&entry, sealed, &case.forged, Needs::default(), Timestamp::now()).await? {
            Begun::Begun { .. } => self.journal.complete(&entry).await,
            _ => Ok(()),
        }
    }

    /// Looks a second time at what an entry is about, if that is due.
    ///
    /// # Errors
    /// When something is left to be done by a later delivery, or by a person.
    pub async fn look_again(&self, function: &'static Function, payload: &Value) -> Result<()> {
        let id = json::text(&payload["detail"], "entry").context("a second check names no entry")?;
        // It was there when the message was sent.
        let entry = self.journal.find(id).await?.with_context(|| {
            format!("a second check of entry `{id}` is due, and the journal does not have it: somebody has deleted it")
        })?;
        let is_retry = entry.outcome == Outcome::Failed;
        if !is_retry && entry.due.is_none_or(|due| due - EARLY > Timestamp::now()) {
            info!(id, due = ?entry.due, "a second check is asked for, and none is due");
            return Ok(());
        }
        let named = function.controls.iter().find(|control| control.about.id == entry.control);
        let control = named.with_context(|| format!("{} has no control `{}`", function.name, entry.control))?;
        let (event, suspicion) = of_entry(control, &entry);
        let role = self.role_in_members(function);
        let place = self.places.of(&event.account, &event.region, role.as_deref()).await;
        let place = place.context("the entry is of another account or Region")?;
        let run = Run::new(&place, self.settings, Baselines::new(&self.journal, []));
        let mut case = self.case(&run, (function, control), &event, &suspicion);
        case.subject = entry.subject.clone();
        (case.is_retry, case.is_second_look) = (true, true);
        case.know_mode().await;
        // An undo writes its holds first: whatever it has put back is seen here together with them.
        let seen = case.look().await;
        let (held, stopped) = self.said(&case).await?;
        case.is_held_by(held);
        case.is_stopped_by(stopped);
        case.heed_members();
        if let Some(failure) = case.journal_failure.take() {
            return Err(failure);
        }
        let seen = seen?;
        if entry.keeps_a_way_back() {
            case.seen_before = entry.reverted_at.filter(|_| entry.has_written_all());
            if let Some(earlier) = self.earlier_anew(&mut case).await? {
                return Box::pin(self.go_on_anew(&mut case, entry, earlier)).await;
            }
        }
        match entry.outcome {
            // An operator has settled it since.
            Outcome::Undone | Outcome::Held | Outcome::Allowed | Outcome::Closed => Ok(()),
            _ if entry.waits_for_second_look() => Box::pin(self.judge_again(&mut case, entry, seen)).await,
            // An earlier second look has begun a revert, and may have written it before it ended.
            Outcome::Pending | Outcome::Failed if entry.reverted_at.is_none() => {
                let told = entry.announced.then_some(entry.outcome);
                Box::pin(self.revert_now(told, &mut case, entry)).await
            }
            _ => Box::pin(self.verify_again(&mut case, entry, seen)).await,
        }
    }

    /// Whether a revert shows by now.
    async fn verify_again(&self, case: &mut Case<'_>, mut entry: Entry, seen: Seen) -> Result<()> {
        let decision = case.judge(&seen)?;
        if matches!(decision, Decision::Revert { .. }) {
            let first = entry.reverted_at.map(|at| format!(" at {at:.0}")).unwrap_or_default();
            entry.problem = Some(if entry.has_written_all() {
                format!(
                    "Snapback reverted it{first}, and looked again now: it is there, because somebody opened it again or \
                     AWS did not keep the revert"
                )
            } else {
                format!(
                    "it was not there when Snapback came to revert it{first}, and it is there now, because somebody opened \
                     it again or AWS showed an old state"
                )
            });
            return Box::pin(self.do_it(case, entry, decision, seen)).await;
        }
        // People were told that they have to see to it.
        if entry.outcome == Outcome::Alerted {
            return self.settle_first(entry).await;
        }
        // What nobody could see is no good news.
        let told = entry.announced.then_some(entry.outcome).filter(|_| matches!(seen, Seen::State(_)));
        entry.due = None;
        entry.outcome = if entry.reverted_at.is_some() { Outcome::Reverted } else { Outcome::Allowed };
        entry.problem = match seen {
            Seen::State(_) => None,
            Seen::Denied(failure) => {
                Some(format!("AWS took the change; whether it shows could not be seen: {failure:#}"))
            }
        };
        if told == Some(entry.outcome) {
            info!(id = entry.id, resource = entry.subject.arn, "the second check found it reverted");
            return self.journal.complete_if_due(&entry).await;
        }
        self.finish(case, entry, told, false, Ok(())).await
    }

    /// What seemed to be over before we looked: is it, or was an old state shown?
    async fn judge_again(&self, case: &mut Case<'_>, mut entry: Entry, seen: Seen) -> Result<()> {
        let decision = case.judge(&seen)?;
        if let Some(held) = case.held(&seen)?.filter(|_| decision.is_allow()) {
            let entry = Entry { decision: held, state: seen.state(), outcome: Outcome::Held, due: None, ..entry };
            return Box::pin(self.conclude(case, entry)).await;
        }
        if !decision.is_allow() {
            return Box::pin(self.do_it(case, entry, decision, seen)).await;
        }
        entry.due = None;
        entry.state = seen.state();
        let was = match &entry.decision {
            // What Snapback's own change left open, and has ended since, was said when it was left.
            _ if self.is_own(case) => None,
            // It was seen to be open when it was to be reverted.
            Decision::Alert { severity, why } => {
                Some(WasOpen { severity: *severity, why: why.clone(), certain: entry.happened.is_some() })
            }
            _ => case.was_open(&entry.state)?,
        };
        match was {
            None => entry.outcome = Outcome::Allowed,
            Some(open) => {
                entry.outcome = Outcome::Closed;
                entry.happened = case.control.happened(&case.event, &entry.state, open.certain).map(str::to_owned);
                entry.decision = Decision::Alert { severity: open.severity, why: open.why };
                if let Some(by) = self.closed_by(&entry).await? {
                    // People were told of that revert, which ended this as well.
                    (entry.problem, entry.announced) = (Some(format!("Snapback closed it: entry {by}")), true);
                }
            }
        }
        Box::pin(self.conclude(case, entry)).await
    }

    /// Does now what the second look shows to be needed.
    async fn do_it(&self, case: &mut Case<'_>, entry: Entry, decision: Decision<Change>, seen: Seen) -> Result<()> {
        if entry.keeps_a_way_back() {
            return Box::pin(self.do_it_anew(case, entry, decision, seen)).await;
        }
        let told = entry.announced.then_some(entry.outcome);
        let state = seen.state();
        let happened = case.control.happened_by(&case.event, &state, &decision).map(str::to_owned);
        let basis = case.basis(&state);
        let entry = Entry { decision, state, happened, basis, outcome: Outcome::Pending, ..entry };
        Box::pin(self.revert_now(told, case, entry)).await
    }

    /// The same where the first look has ended with a revert: its entry keeps the way back to that, which people were told,
    /// and what is written now has an entry of its own.
    async fn do_it_anew(
        &self,
        case: &mut Case<'_>,
        first: Entry,
        decision: Decision<Change>,
        seen: Seen,
    ) -> Result<()> {
        case.event = Cow::Owned(anew(&case.event));
        let problem = first.problem.clone();
        let entry = Entry { problem, ..self.entry(case, seen.state(), decision) };
        Box::pin(self.record(case, entry)).await?;
        self.settle_first(first).await
    }

    /// What an earlier second look has left of such an entry.
    async fn earlier_anew(&self, case: &mut Case<'_>) -> Result<Option<Earlier>> {
        let id = Entry::id_of(&anew(&case.event), case.control.about.id, &case.suspicion.subject);
        Ok(match self.journal.earlier(&id, Timestamp::now()).await? {
            Earlier::None => None,
            Earlier::Forged(forged) => {
                case.forged.push(forged);
                None
            }
            earlier => Some(earlier),
        })
    }

    async fn go_on_anew(&self, case: &mut Case<'_>, first: Entry, earlier: Earlier) -> Result<()> {
        case.event = Cow::Owned(anew(&case.event));
        match earlier {
            Earlier::Unfinished(entry) => drop(Box::pin(self.take_over(case, *entry)).await?),
            Earlier::AtWork => bail!(AT_WORK),
            _ => {}
        }
        self.settle_first(first).await
    }

    /// Nothing is due any more of what the first look has written.
    async fn settle_first(&self, first: Entry) -> Result<()> {
        self.journal.complete_if_due(&Entry { due: None, problem: None, ..first }).await
    }

    /// The entry stays due until the revert has ended, so that a later delivery goes on with what ends before that.
    async fn revert_now(&self, told: Option<Outcome>, case: &mut Case<'_>, mut entry: Entry) -> Result<()> {
        Box::pin(self.begin_alone(case, &mut entry)).await?;
        Box::pin(self.conclude_after(told, case, Entry { due: None, ..entry })).await
    }

    /// The entry of the revert that ended what this one is about, if Snapback did it.
    async fn closed_by(&self, entry: &Entry) -> Result<Option<String>> {
        let wanted = Wanted {
            since: Some(entry.event.time - UNTIL_DECIDED),
            resource: Some(entry.subject.arn.clone()),
            control: Some(entry.control.clone()),
            outcome: Some(Outcome::Reverted),
            ..Wanted::default()
        };
        let (found, _) = self.journal.history(&wanted, usize::MAX).await?;
        let mut reverts = found.into_iter().filter_map(|(_, revert)| revert.ok());
        Ok(reverts.find(|revert| revert.reverted_at >= Some(entry.event.time)).map(|revert| revert.id))
    }
}

/// The event of what shows again at the second look, after a revert of it.
fn anew(event: &Event) -> Event {
    Event { id: format!("{}{AGAIN}", event.id), ..event.clone() }
}

/// What the entry was made of.
fn of_entry(control: &AnyControl, entry: &Entry) -> (Event, Suspicion) {
    let event = entry.event();
    let suspected = (control.suspect)(&event, &entry.basis.settings).into_iter();
    let its_own = |suspicion: &Suspicion| Entry::id_of(&event, control.about.id, &suspicion.subject) == entry.id;
    let plain = || Suspicion { subject: entry.subject.clone(), why: entry.suspicion.clone() };
    let suspicion = suspected.into_iter().find(its_own).unwrap_or_else(plain);
    (event, suspicion)
}
