//! # An endpoint service lets strangers connect
//!
//! **Watches** `ModifyVpcEndpointServicePermissions`.
//!
//! **Why** Whoever is permitted may make an endpoint for the service in a VPC of their own, and reaches what is behind
//! it past every internet gateway and most network rules.
//!
//! **Does** Takes out the principals that this event permitted and that are still there: everyone, and those of
//! accounts that are not trusted. All others stay, and the alert names the strangers among them.
//!
//! **Leaves alone**
//! - principals of its own account, and of accounts that the operator trusts
//! - principals that are no longer permitted
//! - principals that were permitted before
//! - principals that an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where the event does not tell which principals it permitted, and where it permitted
//! one whose account cannot be told.

use anyhow::Result;
use snapback::change::{Ec2, Shared};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::sharing::{self, State, Told};
use crate::told::id_of;

#[derive(Debug)]
pub(crate) struct OpenEndpointService;

impl Control for OpenEndpointService {
    const ABOUT: &'static About = &About {
        id: "ec2-open-endpoint-service",
        title: "An endpoint service lets strangers connect",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpointServicePermissions" }],
        reads: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        writes: &[rights::MODIFY_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        undoes: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_PERMISSIONS, rights::MODIFY_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1133"],
        caveat: "Endpoints that were connected before the revert stay connected: look at the connections of the service.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::ENDPOINT_SERVICES);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        told(event).suspect(event, settings, Subject::endpoint_service)
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let of = Shared::EndpointService(id.to_owned());
        Ok(State { shared_with: Box::pin(aws::shared_with(look.place, &of)).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        told(event).decide(event, suspicion, Shared::EndpointService, state, given)
    }

    fn after(state: &State, change: &Ec2) -> State {
        sharing::after(state, change)
    }
}

fn told(event: &Event) -> Told {
    Told::of_principals(event)
}
