//! # New instances may allow version 1 of the metadata service
//!
//! **Watches** `ModifyInstanceMetadataDefaults`.
//!
//! **Why** The account's default applies to every new instance that sets nothing else. Where it allows version 1,
//! whoever can make a program on such an instance fetch a URL can read the credentials of its role.
//!
//! **Does** Alerts and touches nothing. The event says what the default is now, not what it was. Requiring version 2
//! where nobody did before would break software that knows only version 1.
//!
//! **Leaves alone**
//! - defaults that require version 2, and changes of other options

use anyhow::Result;
use snapback::change::Ec2;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{field, parameters, text};

#[derive(Debug)]
pub(crate) struct InstanceMetadataDefaultV1;

impl Control for InstanceMetadataDefaultV1 {
    const ABOUT: &'static About = &About {
        id: "ec2-instance-metadata-default-v1",
        title: "New instances may allow version 1 of the metadata service",
        happened: "was set to allow IMDSv1",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyInstanceMetadataDefaults" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP EC2.8", "ATT&CK T1552.005"],
        caveat: "Instances that were started in the meantime keep the options they were started with.",
        source: file!(),
    };

    /// The event tells all that there is to say.
    type State = ();
    type Change = Ec2;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let is_other = !json::is_left_out(request) && field(request, "httpTokens").is_null();
        if is_other || text(request, "httpTokens") == Some("required") {
            return vec![];
        }
        vec![Suspicion { subject: Subject::switch(event, "instance-metadata-defaults"), why: why(event) }]
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, _: &Suspicion, (): &(), _: &Given<'_>) -> Decision<Ec2> {
        Decision::Alert { severity: Severity::Medium, why: why(event) }
    }

    fn after((): &(), _: &Ec2) {}
}

fn why(event: &Event) -> String {
    match text(parameters(event), "httpTokens") {
        Some(tokens) => {
            format!("new instances do not have to use version 2 of the metadata service: its default is `{tokens}`")
        }
        None => {
            "new instances may not have to use version 2 of the metadata service: the event does not say its default"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_what_may_not_require_version_2_is_suspicious() {
        let suspected = |request: Value| {
            let record = json!({
                "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
                "eventName": "ModifyInstanceMetadataDefaults", "awsRegion": "eu-central-1",
                "recipientAccountId": "111122223333", "requestParameters": request,
            });
            let event = Event::from_record(record).expect("an event");
            !InstanceMetadataDefaultV1::suspect(&event, &Settings::default()).is_empty()
        };
        let wrapped = |options: Value| json!({"ModifyInstanceMetadataDefaultsRequest": options});
        for request in [
            wrapped(json!({"HttpTokens": "optional"})),
            wrapped(json!({"HttpTokens": "no-preference", "HttpPutResponseHopLimit": 2})),
            wrapped(json!({"HttpTokens": "new"})),
            json!({"httpTokens": "optional"}),
            json!({"omitted": true}),
            json!(null),
        ] {
            assert!(suspected(request.clone()), "{request}");
        }
        assert!(!suspected(wrapped(json!({"HttpTokens": "required"}))));
        assert!(!suspected(wrapped(json!({"HttpPutResponseHopLimit": 2}))));
    }
}
