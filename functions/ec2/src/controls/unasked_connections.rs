//! # An endpoint service accepts every connection
//!
//! **Watches** `ModifyVpcEndpointServiceConfiguration`.
//!
//! **Why** An endpoint service leads into the VPC. Where nobody has to accept connections, whoever is permitted to
//! connect is in at once, and a later permission opens it without anybody being asked.
//!
//! **Does** Requires acceptance again if the baseline has it required, which a daily scheduled check keeps and which must
//! be less than two days old. All else of the service stays.
//!
//! **Leaves alone**
//! - changes that leave it as it is whether connections have to be accepted, or require it
//! - services that require acceptance again
//! - services that an operator has opened again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a service without a baseline, one that cannot be found, an event
//! that does not say which service. The notice has the command that requires acceptance.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Acceptance, Ec2, EndpointService, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::{endpoint_services, surveys};
use crate::rights;
use crate::told::{field, id_of, parameters, text};

/// In these words an undo holds on to it.
const UNASKED: &str = "acceptance not required";

#[derive(Debug)]
pub(crate) struct UnaskedConnections;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the service cannot be found, or if the event does not say which it is.
    pub(crate) acceptance: Option<Acceptance>,
    /// How it was when the service was last looked at, if connections had to be accepted.
    pub(crate) remembered: Option<Remembered<Acceptance>>,
}

impl Control for UnaskedConnections {
    const ABOUT: &'static About = &About {
        id: "ec2-unasked-connections",
        title: "An endpoint service accepts every connection",
        happened: "was set to accept every connection",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpointServiceConfiguration" }],
        reads: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_CONFIGURATIONS],
        writes: &[rights::MODIFY_VPC_ENDPOINT_SERVICE_CONFIGURATION],
        undoes: &[
            rights::DESCRIBE_VPC_ENDPOINT_SERVICE_CONFIGURATIONS,
            rights::MODIFY_VPC_ENDPOINT_SERVICE_CONFIGURATION,
        ],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1599"],
        caveat: "Connections that were made in the meantime stay: reject those that you do not know.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(surveys::ENDPOINT_SERVICES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let accepts = field(request, "acceptanceRequired");
        if accepts.is_null() && !json::is_left_out(request) || json::is_true(accepts) {
            return vec![];
        }
        let id = text(request, "serviceId");
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::endpoint_service(event, id));
        let why = if accepts.is_null() {
            "the event does not say whether connections have to be accepted"
        } else {
            "the event lets connections in without asking"
        };
        vec![Suspicion { subject, why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(service) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = endpoint_services::acceptance(look.place, service);
        let (acceptance, remembered) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { acceptance, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let id = id_of(&suspicion.subject);
        let alert = |what: String| {
            let why = format!(
                "{what}. To require acceptance, run `aws ec2 modify-vpc-endpoint-service-configuration --service-id {} \
                 --acceptance-required`",
                id.unwrap_or("SERVICE_ID")
            );
            Decision::Alert { severity: Severity::Medium, why }
        };
        let Some(service) = id else {
            return alert(
                "an endpoint service may accept every connection, and the event does not say which".to_owned(),
            );
        };
        let why = format!("endpoint service `{service}` accepts connections without asking");
        match state.acceptance {
            None => {
                return alert(format!("endpoint service `{service}` may accept every connection, and cannot be found"));
            }
            Some(Acceptance::Required) => return allow("connections have to be accepted"),
            Some(Acceptance::NotRequired) if given.holds.contains(UNASKED) => {
                return allow("an operator has opened it again");
            }
            Some(Acceptance::NotRequired) => {}
        }
        let Some((_, age)) = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event)) else {
            return alert(format!("{why}; whether acceptance was required before is not known"));
        };
        Decision::Revert {
            severity: Severity::Medium,
            why: format!("{why}; {age} before, acceptance was required"),
            grants: vec![UNASKED.to_owned()],
            plan: vec![Ec2::EndpointAcceptance(Swap {
                of: EndpointService(service.to_owned()),
                from: Acceptance::NotRequired,
                to: Acceptance::Required,
            })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &Ec2) -> State {
        match change {
            Ec2::EndpointAcceptance(change) => State { acceptance: Some(change.to), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for UnaskedConnections {
    type Good = Acceptance;

    fn good(state: &State) -> Option<Acceptance> {
        state.acceptance.filter(|acceptance| *acceptance == Acceptance::Required)
    }
}
