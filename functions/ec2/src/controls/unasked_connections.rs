//! # An endpoint service accepts every connection
//!
//! **Watches** `ModifyVpcEndpointServiceConfiguration`.
//!
//! **Why** An endpoint service leads into the VPC. Where nobody has to accept connections, whoever is permitted to
//! connect is in at once, and a later permission opens it without anybody being asked.
//!
//! **Does** Alerts and touches nothing: the event does not say whether connections had to be accepted before. The notice
//! has the command that requires it.
//!
//! **Leaves alone**
//! - changes that leave it as it is whether connections have to be accepted, or require it

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{field, parameters, text};

#[derive(Debug)]
pub(crate) struct UnaskedConnections;

impl Noticed for UnaskedConnections {
    const ABOUT: &'static About = &About {
        id: "ec2-unasked-connections",
        title: "An endpoint service accepts every connection",
        happened: "was set to accept every connection",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpointServiceConfiguration" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1599"],
        caveat: "Connections that were made in the meantime stay: reject those that you do not know.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let request = parameters(event);
        let accepts = field(request, "acceptanceRequired");
        let is_harmless = accepts.is_null() && !json::is_left_out(request) || json::is_true(accepts);
        if is_harmless {
            return None;
        }
        let id = text(request, "serviceId");
        let (accepts, doubt) =
            if accepts.is_null() { ("may accept", " (the event does not say)") } else { ("accepts", "") };
        let why = format!(
            "it {accepts} connections without asking{doubt}. To require acceptance, run `aws ec2 \
             modify-vpc-endpoint-service-configuration --service-id {} --acceptance-required`",
            id.unwrap_or("SERVICE_ID")
        );
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::endpoint_service(event, id));
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}
