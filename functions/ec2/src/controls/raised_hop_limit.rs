//! # Containers can reach an instance's metadata service
//!
//! **Watches** `ModifyInstanceMetadataOptions`.
//!
//! **Why** A hop limit of 1 keeps the answers of the metadata service on the instance itself. With more, containers and
//! whatever the instance forwards for reach the credentials of its role too.
//!
//! **Does** Sets the limit of the baseline again, if that is lower, which a daily scheduled check keeps and which must be
//! less than two days old. All other options stay.
//!
//! **Leaves alone**
//! - a hop limit of 1, and changes of other options
//! - a limit that is no higher than the baseline's
//! - a limit that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell what the limit was before: an instance without a baseline, one that
//! cannot be found, an event that does not say which instance. Some containers need 2. The notice has the command that
//! lowers it.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, HopLimit, Instance, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::{instances, surveys};
use crate::rights;
use crate::told::{field, id_of, parameters, text};

/// On the instance itself, and no further.
const LOWEST: HopLimit = HopLimit(1);

#[derive(Debug)]
pub(crate) struct RaisedHopLimit;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the instance cannot be found, or if the event does not say which it is.
    pub(crate) limit: Option<HopLimit>,
    /// What it was when the instance was last looked at.
    pub(crate) remembered: Option<Remembered<HopLimit>>,
}

impl Control for RaisedHopLimit {
    const ABOUT: &'static About = &About {
        id: "ec2-raised-hop-limit",
        title: "Containers can reach an instance's metadata service",
        happened: "was opened to more than the instance itself",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyInstanceMetadataOptions" }],
        reads: &[rights::DESCRIBE_INSTANCES],
        writes: &[rights::MODIFY_INSTANCE_METADATA_OPTIONS],
        undoes: &[rights::DESCRIBE_INSTANCES, rights::MODIFY_INSTANCE_METADATA_OPTIONS],
        severity: Severity::Low,
        frameworks: &["ATT&CK T1552.005"],
        caveat: "Credentials that were read in the meantime stay valid until they expire, up to six hours.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(surveys::INSTANCES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let limit = told(event);
        if limit == Some(LOWEST.0.into()) || field(request, LIMIT).is_null() && !json::is_left_out(request) {
            return vec![];
        }
        let id = text(request, "instanceId");
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::instance(event, id));
        let limit = limit.map_or("something that it does not say".to_owned(), |limit| limit.to_string());
        vec![Suspicion { subject, why: format!("the event sets the hop limit of the metadata service to {limit}") }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(instance) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = instances::hop_limit(look.place, instance);
        let (limit, remembered) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { limit, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |limit: String, id: &str| Decision::Alert {
            severity: Severity::Low,
            why: format!(
                "the hop limit of the metadata service is {limit}, and what it was before is not known. If no container needs \
                 it, run `aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 1 --instance-id {id}`"
            ),
        };
        let (Some(instance), Some(limit)) = (id_of(&suspicion.subject), state.limit) else {
            let limit =
                told(event).map_or("something that the event does not say".to_owned(), |limit| limit.to_string());
            let id = id_of(&suspicion.subject).unwrap_or("INSTANCE_ID");
            return if event.is_look() { allow("it is gone") } else { alert(limit, id) };
        };
        if limit <= LOWEST {
            return allow("the hop limit of the metadata service is 1");
        }
        let grant = format!("hop limit {limit}");
        if given.holds.contains(&grant) {
            return allow("an operator has restored it");
        }
        match state.remembered.as_ref().and_then(|remembered| remembered.good_before(event)) {
            Some((before, age)) if *before < limit => Decision::Revert {
                severity: Severity::Low,
                why: format!("the hop limit of the metadata service is {limit}; {age} before, it was {before}"),
                grants: vec![grant],
                plan: vec![Ec2::MetadataHopLimit(Swap { of: Instance(instance.to_owned()), from: limit, to: *before })],
                left: vec![],
            },
            Some(_) => allow("the hop limit of the metadata service is no higher than before"),
            None if event.is_look() => allow("what the hop limit was before is not known"),
            None => alert(limit.to_string(), instance),
        }
    }

    fn after(state: &State, change: &Ec2) -> State {
        match change {
            Ec2::MetadataHopLimit(change) => State { limit: Some(change.to), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for RaisedHopLimit {
    type Good = HopLimit;

    fn good(state: &State) -> Option<HopLimit> {
        state.limit
    }
}

const LIMIT: &str = "httpPutResponseHopLimit";

/// The limit that the event sets.
fn told(event: &Event) -> Option<i64> {
    let field = field(parameters(event), LIMIT);
    field.as_i64().or_else(|| field.as_str()?.parse().ok())
}
