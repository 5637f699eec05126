//! # A database is no longer protected from deletion
//!
//! **Watches** of RDS, under whose name DocumentDB and Neptune call too, `ModifyDBInstance` and `ModifyDBCluster`.
//!
//! **Why** RDS deletes no database that is protected from it. Whoever destroys one switches that off first.
//!
//! **Does** Asks an operator, in every mode: whoever may modify a database may also set the password of its master user, so
//! Snapback's function may not. The plan switches the protection on. Nothing that waits for a maintenance window is applied
//! with it.
//!
//! **Leaves alone**
//! - databases that are protected again, or gone, by the time Snapback looks
//! - databases whose protection an operator has switched off again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which database it is, or what it changed, and where
//! CloudFormation updates a stack: that sends what the template says each time, also if nothing changes (low severity).

use anyhow::Result;
use snapback::change::{DeletionProtection, Rds, Swap};
use snapback::control::{About, Applier, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::Found;
use crate::rights;
use crate::state::State;
use crate::told::{self, SERVICE, is_false};

/// In this word an undo holds on to it.
const UNPROTECTED: &str = "not protected from deletion";

#[derive(Debug)]
pub(crate) struct DeletableDatabase;

impl Control for DeletableDatabase {
    const ABOUT: &'static About = &About {
        id: "rds-deletable-database",
        title: "A database is no longer protected from deletion",
        happened: "is no longer protected from deletion",
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
        severity: Severity::Medium,
        frameworks: &["AWS FSBP RDS.7", "AWS FSBP RDS.8", "ATT&CK T1485"],
        caveat: "RDS changes a database only while it is available.",
        source: file!(),
    };

    const APPLIED_BY: Applier = Applier::Operator;

    type State = State;
    type Change = Rds;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = if is_told(event) {
            format!("{} switched its deletion protection off", event.actor)
        } else if json::is_left_out(&event.request) {
            "the event does not say whether it switched the deletion protection off".to_owned()
        } else {
            return vec![];
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
        let alert = |why| Decision::Alert { severity: Severity::Medium, why };
        if told::database_of(&suspicion.subject).is_none() {
            return alert(format!("{}, nor of which database", suspicion.why));
        }
        let found = match &state.found {
            None => return allow("it is gone"),
            Some(found) if found.deletion_protection.0 => return allow("it is protected from deletion"),
            Some(_) if given.holds.contains(UNPROTECTED) => return allow("an operator has switched it off again"),
            Some(found) => found,
        };
        let back = told::modify(event, &found.of, "--deletion-protection");
        if !is_told(event) {
            return alert(format!("{}; it is off. To switch it on: `{back}`", suspicion.why));
        }
        if told::is_of_a_stack(event) {
            let why = format!(
                "{}, as the template of its stack says; it may have been off before. To switch it on: `{back}`, and in the template",
                suspicion.why
            );
            return Decision::Alert { severity: Severity::Low, why };
        }
        Decision::Revert {
            severity: Severity::Medium,
            why: suspicion.why.clone(),
            grants: vec![UNPROTECTED.to_owned()],
            plan: vec![Rds::DeletionProtection(Swap {
                of: found.of.clone(),
                from: DeletionProtection(false),
                to: DeletionProtection(true),
            })],
            left: vec![],
        }
    }

    fn asks(_: &Event, _: &Suspicion, _: &State, _: &Given<'_>) -> Option<String> {
        Some("whether it was protected before is not known: the call succeeds either way".to_owned())
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        is_told(event).then_some(())?;
        let found = Found { deletion_protection: DeletionProtection(false), ..state.found.clone()? };
        Some((State { found: Some(found) }, false))
    }

    fn after(state: &State, change: &Rds) -> State {
        let (Rds::DeletionProtection(change), Some(found)) = (change, &state.found) else { return state.clone() };
        State { found: Some(Found { deletion_protection: change.to, ..found.clone() }) }
    }
}

fn is_told(event: &Event) -> bool {
    is_false(&event.request["deletionProtection"])
}
