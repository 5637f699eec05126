//! # The event bus that Snapback listens to was opened
//!
//! **Watches** `PutPermission`.
//!
//! **Why** Snapback's rules listen to the default bus. Whoever else may put events there can send Snapback as many as they
//! like: each is refused as forged, and each costs an invocation and may crowd out genuine ones.
//!
//! **Does** Alerts, and says how to take the permission away. Organizations and security tools open this bus on purpose,
//! so Snapback leaves that to a person.
//!
//! **Leaves alone**
//! - other event buses

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::parts::{is_default_bus, is_deployment};

const SERVICE: &str = "events.amazonaws.com";

#[derive(Debug)]
pub(crate) struct OpenedEventBus;

/// The event tells all there is to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {}

impl Control for OpenedEventBus {
    const ABOUT: &'static About = &About {
        id: "own-opened-event-bus",
        title: "The event bus that Snapback listens to was opened",
        happened: "was opened to somebody",
        watches: &[Watch { service: SERVICE, name: "PutPermission" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["AWS FSBP EventBridge.3"],
        caveat: "What was put on the bus in the meantime is refused and counted as `ForgedEvents`.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        if !is_default_bus(event) {
            return vec![];
        }
        let page = format!("events/home?region={}#/eventbus/default", event.region);
        let subject = Subject::part(event, "event bus", "default", "events", "event-bus/", &page);
        vec![Suspicion { subject, why: "`PutPermission` was called upon the default event bus".to_owned() }]
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<State> {
        Ok(State {})
    }

    fn decide(event: &Event, suspicion: &Suspicion, _: &State, _: &Given<'_>) -> Decision<Own> {
        let region = &suspicion.subject.region;
        let said = |field: &str| json::text(&event.request, field);
        let whom = match (said("principal"), said("policy")) {
            (Some("*"), _) => "anyone may put events on it, under the condition of the call if it had one".to_owned(),
            (Some(account), _) => format!("account `{account}` may put events on it"),
            (None, Some(_)) => "its whole policy was replaced".to_owned(),
            (None, None) => "somebody may put events on it; the event does not say who".to_owned(),
        };
        let id = said("statementId").map_or("--remove-all-permissions".to_owned(), |id| format!("--statement-id {id}"));
        let why = format!("{whom}; to take that away: `aws events remove-permission --region {region} {id}`");
        let severity = if is_deployment(event) { Severity::Medium } else { Severity::High };
        Decision::Alert { severity, why }
    }

    fn after(state: &State, _: &Own) -> State {
        *state
    }
}
