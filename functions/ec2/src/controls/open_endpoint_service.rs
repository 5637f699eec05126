//! # An endpoint service lets strangers connect
//!
//! **Watches** `ModifyVpcEndpointServicePermissions`.
//!
//! **Why** Permitted principals may create an endpoint for the service in a VPC of their own, and reach what is behind
//! it past every internet gateway and most network rules.
//!
//! **Does** Removes the principals that this event permitted and that are still there: everyone, and those of untrusted
//! accounts. All others stay, and the notice names the strangers among them.
//!
//! **Leaves alone**
//! - principals of its own account, and of accounts that the operator trusts
//! - principals that are no longer permitted
//! - principals that were permitted before
//! - principals that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which principals it permitted, and where it permitted one
//! whose account is unknown.

use snapback::change::Shared;
use snapback::control::{About, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::sharing::{Shareable, Told};
use snapback::subject::Subject;

use crate::aws::surveys;
use crate::rights;
use crate::sharing::{OfEc2, told_by_principals};
use crate::told::id_of;

#[derive(Debug)]
pub(crate) struct OpenEndpointService;

impl Shareable for OpenEndpointService {
    const ABOUT: &'static About = &About {
        id: "ec2-open-endpoint-service",
        title: "An endpoint service lets strangers connect",
        happened: "was opened to strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpointServicePermissions" }],
        reads: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        writes: &[rights::MODIFY_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        undoes: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_PERMISSIONS, rights::MODIFY_VPC_ENDPOINT_SERVICE_PERMISSIONS],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1133"],
        caveat: "Endpoints that were connected in the meantime stay connected: check the connections of the service.",
        source: file!(),
    };

    const SURVEY: Survey = surveys::ENDPOINT_SERVICES;

    type Of = OfEc2;

    fn subject(event: &Event, id: &str) -> Subject {
        Subject::endpoint_service(event, id)
    }

    fn of(subject: &Subject) -> Option<Shared> {
        id_of(subject).map(|id| Shared::EndpointService(id.to_owned()))
    }

    fn told(event: &Event) -> Told {
        told_by_principals(event)
    }
}
