//! # An instance allows version 1 of the metadata service
//!
//! **Watches** `ModifyInstanceMetadataOptions`.
//!
//! **Why** Version 1 of the metadata service answers a plain request. Whoever can make a program on the instance fetch
//! a URL can read the credentials of its role. Version 2 requires a token first, which such a program does not fetch.
//!
//! **Does** Requires version 2 again. All other options stay.
//!
//! **Leaves alone**
//! - instances on which version 2 is required again
//! - instances whose metadata service is off
//! - instances that are gone
//! - instances on which an operator has allowed version 1 again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which instance it changed. The event does not say whether
//! version 2 was required before.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, HttpTokens, Instance, Swap};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::aws::instances::MetadataOptions;
use crate::rights;
use crate::told::{field, id_of, parameters, text};

#[derive(Debug)]
pub(crate) struct InstanceMetadataV1;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the instance is gone, or if the event does not say which it is.
    pub(crate) options: Option<MetadataOptions>,
}

const RISKY: &str = "optional";
const SAFE: &str = "required";

impl Control for InstanceMetadataV1 {
    const ABOUT: &'static About = &About {
        id: "ec2-instance-metadata-v1",
        title: "An instance allows version 1 of the metadata service",
        happened: "was set to allow IMDSv1",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyInstanceMetadataOptions" }],
        reads: &[rights::DESCRIBE_INSTANCES],
        writes: &[rights::MODIFY_INSTANCE_METADATA_OPTIONS],
        undoes: &[rights::DESCRIBE_INSTANCES, rights::MODIFY_INSTANCE_METADATA_OPTIONS],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.8", "CIS AWS Foundations 5.6", "ATT&CK T1552.005"],
        caveat: "Credentials that were read in the meantime stay valid until they expire, up to six hours.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::INSTANCES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let why = if json::is_left_out(request) {
            "the event does not contain the options"
        } else {
            match (field(request, "httpTokens"), text(request, "httpTokens")) {
                (field, _) if field.is_null() => return vec![],
                (_, Some(SAFE)) => return vec![],
                _ => "the event makes version 2 of the metadata service optional",
            }
        };
        let subject = instance(event).map_or_else(|| Subject::account(event), |id| Subject::instance(event, id));
        vec![Suspicion { subject, why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        Ok(match id_of(&suspicion.subject) {
            Some(id) => State { options: Box::pin(aws::instances::metadata_options(look.place, id)).await? },
            None => State::default(),
        })
    }

    fn decide(_: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(instance) = id_of(&suspicion.subject) else {
            let why = "metadata options were changed, and the event does not say on which instance".to_owned();
            return Decision::Alert { severity: Severity::Medium, why };
        };
        match &state.options {
            None => allow("the instance is gone"),
            Some(options) if !options.is_on => allow("the metadata service of the instance is off"),
            Some(options) if options.tokens != RISKY => allow("version 2 of the metadata service is required"),
            Some(_) if given.holds.contains(RISKY) => allow("an operator has restored it"),
            Some(_) => Decision::Revert {
                severity: Severity::High,
                why: format!("instance `{instance}` answers version 1 of the metadata service"),
                grants: vec![RISKY.to_owned()],
                plan: vec![Ec2::MetadataTokens(Swap {
                    of: Instance(instance.to_owned()),
                    from: HttpTokens(RISKY.to_owned()),
                    to: HttpTokens(SAFE.to_owned()),
                })],
                left: vec![],
            },
        }
    }

    fn after(state: &State, change: &Ec2) -> State {
        match (change, &state.options) {
            (Ec2::MetadataTokens(change), Some(options)) => {
                State { options: Some(MetadataOptions { tokens: change.to.0.clone(), ..options.clone() }) }
            }
            _ => state.clone(),
        }
    }
}

/// From the parameters, or from the answer, which has it too.
fn instance(event: &Event) -> Option<&str> {
    text(parameters(event), "instanceId").or_else(|| text(crate::told::answer(event), "instanceId"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "ModifyInstanceMetadataOptions", "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    #[test]
    fn only_what_may_make_version_2_optional_is_suspicious() {
        let suspected =
            |request: Value| !InstanceMetadataV1::suspect(&event(&request), &Settings::default()).is_empty();
        let wrapped = |options: Value| json!({"ModifyInstanceMetadataOptionsRequest": options});
        assert!(suspected(wrapped(json!({"InstanceId": "i-1", "HttpTokens": "optional"}))));
        assert!(suspected(json!({"instanceId": "i-1", "httpTokens": "optional"})));
        assert!(suspected(wrapped(json!({"InstanceId": "i-1", "HttpTokens": 1}))));
        assert!(suspected(json!({"omitted": true})));
        assert!(!suspected(wrapped(json!({"InstanceId": "i-1", "HttpTokens": "required"}))));
        assert!(!suspected(wrapped(json!({"InstanceId": "i-1", "HttpPutResponseHopLimit": 2}))));
    }
}
