//! What the journal itself needs is restored first.
//!
//! Before anything is reverted, the journal has the state before. Whoever disables its key would be safe from that for
//! good: enabling the key would need a seal, and the seal the key. So what the journal needs is announced and logged with
//! its state before, restored, and then written down.

use std::time::Duration;

use anyhow::{Error, Result};
use jiff::Timestamp;
use tracing::{error, warn};

use super::case::Case;
use super::unwritten::told_of;
use super::{Responder, measure};
use crate::change::{Change, Own};
use crate::guardrail::Verdict;
use crate::journal::{Entry, Needs, Outcome};

/// KMS and DynamoDB take a while until what was restored can be used everywhere: 15 s in all, of the 30 s a function has.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html#programming-eventual-consistency>
const BEFORE_WRITING: [Duration; 5] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

impl Responder<'_> {
    /// Whether a plan that the journal cannot take is to be applied all the same: it restores only what the journal needs,
    /// and mode and guardrails let it.
    pub(super) async fn may_restore_first(&self, case: &Case<'_>, entry: &Entry) -> bool {
        let plan = entry.decision.plan();
        !plan.is_empty()
            && plan.iter().all(|change| self.is_needed(change))
            && case.intended(entry) == Outcome::Reverted
            && self.guard(case, entry).await == Verdict::Permitted
    }

    /// Whether the journal cannot be without what a change restores.
    fn is_needed(&self, change: &Change) -> bool {
        match change {
            Change::Own(Own::Key(change)) => self.settings.own.is_journals(&change.of),
            Change::Own(Own::DeletionProtection(change)) => change.of.0 == self.deployment.journal,
            Change::Own(Own::PointInTimeRecovery(change)) => change.of.0 == self.deployment.journal,
            Change::Own(Own::Capacity(change)) => change.of.0 == self.deployment.journal,
            _ => false,
        }
    }

    /// Says what is there and what will be done about it, does it, and writes it down as soon as the journal takes it.
    pub(super) async fn restore_first(&self, case: &mut Case<'_>, mut entry: Entry, failure: Error) -> Result<()> {
        entry.unwritten = true;
        entry.problem = Some(format!(
            "the journal could not be used ({failure:#}); what it needs is restored before anything is written there, \
             and neither holds nor an emergency stop could be checked"
        ));
        let before = serde_json::to_string(&entry)?;
        warn!(id = entry.id, resource = entry.subject.arn, before, "restoring what the journal needs");
        let is_known = self.has_told(&case.event, &entry);
        // The same hand may have closed the topic: the log has it.
        if !is_known && let Err(failure) = self.announce(&entry).await {
            error!(id = entry.id, "not announced: {failure:#}");
        }
        let settled = Box::pin(self.settle(case, &mut entry)).await;
        let written = if settled.is_ok() { self.write_late(&mut entry).await } else { Ok(()) };
        let count = self.count(case, &mut entry).await;
        measure(case, &entry);
        // That it fails again is no news.
        let announced = if is_known && settled.is_err() { Ok(()) } else { self.announce(&entry).await };
        entry.announced = announced.is_ok();
        if !entry.unwritten {
            self.journal.complete_with(&mut entry, count, false).await?;
        }
        if let Err(failure) = settled {
            self.keep_told(&case.event, &entry);
            announced?;
            return Err(failure.context(told_of(&entry)));
        }
        written.and(announced)
    }

    /// Writes down what was done, once the journal can be used again.
    async fn write_late(&self, entry: &mut Entry) -> Result<()> {
        let mut written = Ok(());
        for wait in BEFORE_WRITING {
            tokio::time::sleep(wait).await;
            written = match self.journal.sealed(entry).await {
                Ok(sealed) => {
                    self.journal.begin(entry, sealed, &[], Needs::default(), Timestamp::now()).await.map(drop)
                }
                Err(failure) => Err(failure),
            };
            if written.is_ok() {
                entry.unwritten = false;
                return Ok(());
            }
        }
        written.inspect_err(|failure| {
            let problem = entry.problem.take().unwrap_or_default();
            entry.problem = Some(format!("{problem}; afterwards it could not be written there either: {failure:#}"));
        })
    }
}
