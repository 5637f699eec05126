//! The steps that touch an account: guard, apply, verify.

use std::num::NonZeroU32;
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{info, warn};

use super::Responder;
use super::case::{Case, Seen};
use crate::change::{Applied, Change};
use crate::decision::{Decision, Severity};
use crate::guardrail::{Guardrails, Question, Verdict};
use crate::journal::{Budget, Entry, Outcome};
use crate::mode::Mode;

/// How often to judge afresh when the resource changes between the look and the write.
const ROUNDS: usize = 3;

/// What is seen once there is nothing left to write.
#[derive(Debug, PartialEq)]
pub(super) enum Shows {
    /// How it should be; or whether it is could not be seen, or nothing was written.
    AsReverted,
    /// How it was before the revert, which AWS may do for a while.
    NotYet,
    /// How it should be, without a write of ours: somebody else was faster, or AWS shows for a while how it was before the
    /// event.
    Already,
    /// Now this, now that: harmless after all, or another state at each look. AWS may do that for a while. This tells how
    /// it was seen to be open.
    Unsettled(Decision<Change>),
    /// Harmless after all, also after AWS has had its time. This tells how it was seen to be open.
    Closed(Decision<Change>),
}

impl Responder<'_> {
    /// Applies the plan if that is what guardrails permit and the mode asks for, and sees whether it took effect.
    pub(super) async fn revert(&self, case: &mut Case<'_>, entry: &mut Entry) -> Result<Shows> {
        let patience = case.function.patience;
        let mut waits = patience.iter();
        // AWS may show for a while how it was before the event. What is read then is no change by anybody.
        for _ in 0..ROUNDS + patience.len() {
            let verdict = self.guard(case, entry).await;
            entry.outcome = case.intended(entry);
            if verdict != Verdict::Permitted {
                if case.is_retry && entry.outcome == Outcome::Reverted && is_done(case, entry).await? {
                    entry.applied = entry.decision.plan().iter().map(|_| Applied::Already).collect();
                    entry.reverted_at = Some(Timestamp::now());
                    return Ok(Shows::AsReverted);
                }
                entry.decision = verdict.over(entry.decision.clone());
                entry.outcome = case.intended(entry);
            }
            if let Some(most) = self.used_up(case, entry).await? {
                entry.mode = Mode::Ask;
                entry.outcome = case.intended(entry);
                entry.problem =
                    Some(format!("the same actor has caused {most} reverts in this hour, the most allowed"));
                return Ok(Shows::AsReverted);
            }
            if entry.outcome != Outcome::Reverted {
                let why = match entry.outcome {
                    Outcome::WouldRevert => case.stop.as_ref().map(|stop| format!("Snapback is {stop}")),
                    Outcome::Asked => case.asks(&entry.state),
                    _ => None,
                };
                entry.problem = why.or_else(|| entry.problem.take());
                return Ok(Shows::AsReverted);
            }
            let found = if let Some(found) = apply(case, entry).await? {
                found
            } else {
                entry.reverted_at = Some(Timestamp::now());
                let is_as_found = entry.applied.contains(&Applied::Already);
                // What was written has the whole patience for itself.
                let mut fresh = patience.iter();
                match self.verify(case, entry, if is_as_found { &mut waits } else { &mut fresh }).await? {
                    Shows::NotYet if is_as_found && waits.len() > 0 => {
                        self.wait(case, &mut waits).await;
                        "the risk again, where it seemed to be reverted already".to_owned()
                    }
                    Shows::NotYet => return not_yet(case),
                    // An earlier delivery may have written it, if this is not how it was before the event.
                    Shows::AsReverted if is_as_found && !(case.is_retry && self.shows_event(case)?) => {
                        return Ok(Shows::Already);
                    }
                    shows => return Ok(shows),
                }
            };
            warn!(id = entry.id, found, "the resource has changed since it was looked at; judging afresh");
            let (seen, decision) = self.judged_afresh(case, entry, &mut waits).await?;
            if decision.is_allow() {
                let was_open = seen_open(&entry.decision);
                return Ok(if case.is_second_look { Shows::Closed(was_open) } else { Shows::Unsettled(was_open) });
            }
            entry.decision = decision;
            entry.state = seen.state();
            entry.basis = case.basis(&entry.state);
            self.journal.rewrite(entry, Timestamp::now()).await?;
        }
        if case.is_second_look {
            bail!("the resource kept changing between the look and the write");
        }
        Ok(Shows::Unsettled(seen_open(&entry.decision)))
    }

    /// What guardrails say to a revert; whatever else was decided needs nobody's permission.
    pub(super) async fn guard(&self, case: &Case<'_>, entry: &Entry) -> Verdict {
        let Decision::Revert { severity, .. } = entry.decision else { return Verdict::Permitted };
        let (event, about, now) = (case.event.as_ref(), case.control.about, Timestamp::now());
        let look = case.eyes();
        let verdict = match self.guardrails.get_or_init(|| Guardrails::read_marked(&self.deployment.guardrails)) {
            Ok(guardrails) => {
                let is_listed = self.settings.asks_for_members() && guardrails.mention_units(now);
                let units = if is_listed { case.run.units().await } else { None };
                let (subject, units) = (&case.subject, units.as_ref());
                let question = Question { event, subject, about, severity, tags: None, units, now };
                guardrails.look_and_judge(case.function.tags.read, &look, question).await
            }
            Err(broken) => Verdict::Unsure(broken.to_string()),
        };
        info!(event = event.id, control = about.id, resource = case.subject.arn, "{verdict}");
        verdict
    }

    /// How many reverts the actor may cause in an hour. What is critical is not counted, nor what comes out of a queue:
    /// whoever may send to one would use up what others have.
    pub(super) fn budget(&self, case: &Case<'_>, entry: &Entry) -> Option<Budget> {
        let most = self.deployment.most_reverts_per_hour?;
        let counts = !case.event.is_from_a_queue;
        (entry.decision.severity() != Some(Severity::Critical)).then_some(Budget { most, counts })
    }

    /// The same, if they are used up. Mostly that was found when the entry was begun.
    async fn used_up(&self, case: &Case<'_>, entry: &Entry) -> Result<Option<NonZeroU32>> {
        let Some(budget) = self.budget(case, entry).filter(|_| entry.outcome == Outcome::Reverted) else {
            return Ok(None);
        };
        let affords = match case.is_afforded {
            Some(affords) => affords,
            None => self.journal.afford(entry, budget, Timestamp::now()).await?,
        };
        Ok((!affords).then_some(budget.most))
    }

    /// What there is instead of what the plan was made for. What needs no revert, or the same one, may be an old state, or
    /// what was found may have been one: then it is given time.
    async fn judged_afresh(
        &self,
        case: &mut Case<'_>,
        entry: &Entry,
        waits: &mut slice::Iter<'_, Duration>,
    ) -> Result<(Seen, Decision<Change>)> {
        loop {
            let (seen, decision) = self.looked_afresh(case).await?;
            if let Some(failure) = case.journal_failure.take() {
                return Err(failure);
            }
            let may_be_old = decision.is_allow() || decision.plan() == entry.decision.plan();
            if !(may_be_old && self.wait(case, waits).await && decision.is_allow()) {
                return Ok((seen, decision));
            }
        }
    }

    /// Looks and judges again, with the patience that eventual consistency needs: until it shows what was written; or,
    /// where nothing was, until it shows the risk again.
    async fn verify(&self, case: &Case<'_>, entry: &mut Entry, waits: &mut slice::Iter<'_, Duration>) -> Result<Shows> {
        let is_as_found = entry.applied.contains(&Applied::Already);
        loop {
            let shows = match case.look().await {
                Ok(Seen::State(state)) if matches!(case.judge_state(&state)?, Decision::Revert { .. }) => Shows::NotYet,
                Ok(Seen::State(_)) => Shows::AsReverted,
                Ok(Seen::Denied(failure)) | Err(failure) => {
                    entry.problem =
                        Some(format!("AWS took the change; whether it shows could not be seen: {failure:#}"));
                    return Ok(Shows::AsReverted);
                }
            };
            let is_believed = shows == if is_as_found { Shows::NotYet } else { Shows::AsReverted };
            if is_believed || !self.wait(case, waits).await {
                return Ok(shows);
            }
        }
    }

    /// Whether AWS has had its time to show what the event has changed.
    fn shows_event(&self, case: &Case<'_>) -> Result<bool> {
        let wait = SignedDuration::try_from(self.deployment.pace.of(case.control.settles))?;
        Ok(case.is_second_look || case.event.time + wait < Timestamp::now())
    }

    /// Waits once more; false if there is no patience left, or no time.
    pub(super) async fn wait(&self, case: &Case<'_>, waits: &mut slice::Iter<'_, Duration>) -> bool {
        let Some(wait) = waits.next() else { return false };
        let may_wait = case.run.may_wait(*wait);
        if may_wait {
            tokio::time::sleep(self.deployment.pace.of(*wait)).await;
        }
        may_wait
    }
}

/// What a decision to revert says of how it was seen, when nothing comes of it for now.
fn seen_open(decision: &Decision<Change>) -> Decision<Change> {
    match decision {
        Decision::Revert { severity, why, .. } => Decision::Alert { severity: *severity, why: why.clone() },
        other => other.clone(),
    }
}

/// At the first look it is looked at again later; at the second that is the last word.
fn not_yet(case: &Case<'_>) -> Result<Shows> {
    let Some(first) = case.seen_before else { return Ok(Shows::NotYet) };
    bail!(
        "AWS took the change twice, and the risk still shows: it was seen after the first revert at {first:.0}, and again \
         now. Somebody opens it again and again, or AWS does not keep the revert"
    )
}

/// Whether the resource is as the plan was to leave it. An earlier delivery may have done it all and ended before it could
/// say so: then a guardrail comes too late, and the way back must not get lost.
async fn is_done(case: &Case<'_>, entry: &Entry) -> Result<bool> {
    let after = |state: Value, change| (case.control.after)(&state, change);
    let left = entry.decision.plan().iter().try_fold(entry.state.clone(), after)?;
    match case.look().await {
        Ok(Seen::State(state)) => (case.control.same)(&state, &left),
        _ => Ok(false),
    }
}

/// Applies the plan in order; says what was found instead if the resource is not what the plan was made for.
async fn apply(case: &Case<'_>, entry: &mut Entry) -> Result<Option<String>> {
    entry.applied.clear();
    let plan = entry.decision.plan();
    for change in plan {
        if case.run.has_replaced(change) {
            return Ok(Some("what Snapback itself has just replaced, which AWS may show for a while".to_owned()));
        }
        let applied = (case.function.apply)(case.run.place, change).await;
        let done = entry.applied.len();
        match applied.with_context(|| format!("{done} of {} changes are done; {change}", plan.len()))? {
            Applied::Changed { found } => return Ok(Some(found)),
            Applied::Already => entry.applied.push(Applied::Already),
            done @ Applied::Done { .. } => {
                case.run.has_written(change);
                entry.applied.push(done);
            }
        }
    }
    Ok(None)
}
