//! # Containers can reach an instance's metadata service
//!
//! **Watches** `ModifyInstanceMetadataOptions`.
//!
//! **Why** A hop limit of 1 keeps the answers of the metadata service on the instance itself. With more, containers and
//! whatever the instance forwards for reach the credentials of its role too.
//!
//! **Does** Alerts and touches nothing: the event does not say what the limit was before, and some containers need 2.
//! The notice has the command that lowers it.
//!
//! **Leaves alone**
//! - a hop limit of 1, and changes of other options

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{field, parameters, text};

#[derive(Debug)]
pub(crate) struct RaisedHopLimit;

impl Noticed for RaisedHopLimit {
    const ABOUT: &'static About = &About {
        id: "ec2-raised-hop-limit",
        title: "Containers can reach an instance's metadata service",
        happened: "was opened to more than the instance itself",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyInstanceMetadataOptions" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Low,
        frameworks: &["ATT&CK T1552.005"],
        caveat: "Credentials that were read in the meantime stay valid until they expire, up to six hours.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let request = parameters(event);
        let field = field(request, "httpPutResponseHopLimit");
        let limit = field.as_i64().or_else(|| field.as_str()?.parse().ok());
        if limit == Some(1) || field.is_null() && !json::is_left_out(request) {
            return None;
        }
        let limit = limit.map_or("something that the event does not say".to_owned(), |limit| limit.to_string());
        let id = text(request, "instanceId");
        let why = format!(
            "the hop limit of the metadata service is {limit}. If no container needs it, run `aws ec2 \
             modify-instance-metadata-options --http-put-response-hop-limit 1 --instance-id {}`",
            id.unwrap_or("INSTANCE_ID")
        );
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::instance(event, id));
        Some(Risk { subject, severity: Severity::Low, why })
    }
}
