//! # Automated backups of a database are kept for fewer days, or no longer made
//!
//! **Watches** of RDS, under whose name DocumentDB and Neptune call too, `ModifyDBInstance` and `ModifyDBCluster`.
//!
//! **Why** A database can be restored to any second of the days for which its automated backups are kept. Set to none, RDS
//! deletes them all (ransomware does so before it encrypts or deletes the data).
//!
//! **Does** Asks an operator, in every mode: whoever may modify a database may also set the password of its master user, so
//! Snapback's function may not. The plan sets as many days as before, if the answer in the event tells them. Nothing that waits
//! for a maintenance window is applied with it, and what starts or ends backups waits for one itself.
//!
//! **Leaves alone**
//! - backups that are to be kept longer than before
//! - backups that are to be kept for seven days or more, where the event does not say for how many they were
//! - updates of a stack in which nothing about backups changes: CloudFormation sends what the template says each time
//! - databases whose backups are kept for other days by the time Snapback looks, or that are gone
//! - databases of which an operator has shortened it again with `snapback undo`
//!
//! It alerts, with the command, where the event does not say for how many days they were kept before.

use anyhow::Result;
use snapback::change::{BackupDays, Rds, Setting, Swap};
use snapback::control::{About, Applier, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::Found;
use crate::rights;
use crate::state::State;
use crate::told::{self, SERVICE};

/// What AWS recommends at least: <https://docs.aws.amazon.com/securityhub/latest/userguide/rds-controls.html#rds-11>
const ENOUGH: BackupDays = BackupDays(7);

#[derive(Debug)]
pub(crate) struct FewerBackups;

impl Control for FewerBackups {
    const ABOUT: &'static About = &About {
        id: "rds-fewer-backups",
        title: "Automated backups of a database are kept for fewer days, or no longer made",
        happened: "has fewer automated backups",
        watches: &[
            Watch { service: SERVICE, name: "ModifyDBInstance" },
            Watch { service: SERVICE, name: "ModifyDBCluster" },
        ],
        reads: &[rights::DESCRIBE_INSTANCES, rights::DESCRIBE_CLUSTERS],
        writes: &[rights::MODIFY_INSTANCE, rights::MODIFY_CLUSTER],
        undoes: &[
            rights::DESCRIBE_INSTANCES,
            rights::DESCRIBE_CLUSTERS,
            rights::MODIFY_INSTANCE,
            rights::MODIFY_CLUSTER,
        ],
        severity: Severity::High,
        frameworks: &["AWS FSBP RDS.11", "ATT&CK T1490"],
        caveat: "Automated backups that RDS has deleted do not come back: take a snapshot now if the data are sound.",
        source: file!(),
    };

    fn happened(event: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        let is_none = state.found.as_ref().is_some_and(|found| found.backups == BackupDays(0));
        let happened = match (asked(event), is_none) {
            (None, _) => "was modified",
            (_, true) => "has no automated backups any more",
            (_, false) => "has fewer automated backups",
        };
        is_certain.then_some(happened)
    }

    const APPLIED_BY: Applier = Applier::Operator;

    type State = State;
    type Change = Rds;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = match (asked(event), before(event)) {
            (Some(asked), Some(before)) if before < asked => return vec![],
            (Some(asked), Some(BackupDays(before))) => {
                format!("{}; before, it was {before}", set(event, asked))
            }
            (Some(asked), None) if asked >= ENOUGH || told::is_of_a_stack(event) && is_as_before(event) => {
                return vec![];
            }
            (Some(asked), None) => set(event, asked),
            (None, _) if json::is_left_out(&event.request) => "the event does not say what it changed".to_owned(),
            (None, _) => return vec![],
        };
        vec![Suspicion { subject: told::subject(event), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        State::observe(look, event, suspicion).await
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        state.subject(event, suspicion)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Rds> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        if told::database_of(&suspicion.subject).is_none() {
            let why = format!("{}, and the event does not say of which database", suspicion.why);
            return Decision::Alert { severity: Severity::Medium, why };
        }
        let Some(found) = &state.found else { return allow("it is gone") };
        let is_as_asked = asked(event).map_or(found.backups == BackupDays(0), |asked| asked == found.backups);
        if !is_as_asked {
            return Decision::Allow { why: format!("by now {}", found.backups.shown()) };
        }
        let held = found.backups.shown();
        if given.holds.contains(&held) {
            return allow("an operator has set it so again");
        }
        let severity = if found.backups == BackupDays(0) { Severity::High } else { Severity::Medium };
        let Some(before) = before(event) else {
            let back = told::modify(event, &found.of, "--backup-retention-period DAYS");
            let why = format!(
                "{}; for how many days they were kept before, it does not say. To keep them for more: `{back}`",
                suspicion.why
            );
            return Decision::Alert { severity, why };
        };
        Decision::Revert {
            severity,
            why: suspicion.why.clone(),
            grants: vec![held],
            plan: vec![Rds::Backups(Swap { of: found.of.clone(), from: found.backups, to: before })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &Rds) -> State {
        let (Rds::Backups(change), Some(found)) = (change, &state.found) else { return state.clone() };
        State { found: Some(Found { backups: change.to, ..found.clone() }) }
    }
}

fn set(event: &Event, BackupDays(days): BackupDays) -> String {
    format!("{} set for how many days its automated backups are kept to {days}", event.actor)
}

/// For how many days they are to be kept.
fn asked(event: &Event) -> Option<BackupDays> {
    days(&event.request)
}

/// For how many days they were kept when the call was made: its answer has what is still so beside what is to come. If both are
/// the same, it has what is new.
fn before(event: &Event) -> Option<BackupDays> {
    days(&event.response).filter(|before| Some(*before) != asked(event))
}

/// Whether the answer, in which RDS tells what is still to change, tells of no such change.
fn is_as_before(event: &Event) -> bool {
    let pending = &event.response["pendingModifiedValues"];
    days(&event.response).is_some() && days(pending).is_none()
}

fn days(of: &serde_json::Value) -> Option<BackupDays> {
    json::number(of, "backupRetentionPeriod").and_then(|days| days.try_into().ok()).map(BackupDays)
}
