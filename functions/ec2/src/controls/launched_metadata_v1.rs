//! # An instance was launched with version 1 of the metadata service
//!
//! **Watches** `RunInstances`.
//!
//! **Why** Version 1 of the metadata service answers a plain request. Whoever can make a program on the instance fetch
//! a URL can read the credentials of its role.
//!
//! **Does** Alerts and touches nothing: what was launched may know only version 1. It is opt-in, since older images and
//! launch templates start many such instances.
//!
//! **Leaves alone**
//! - instances that require version 2, or whose metadata service is off

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{answer, field, text};

#[derive(Debug)]
pub(crate) struct LaunchedMetadataV1;

impl Noticed for LaunchedMetadataV1 {
    const ABOUT: &'static About = &About {
        id: "ec2-launched-metadata-v1",
        title: "An instance was launched with version 1 of the metadata service",
        happened: "was launched with IMDSv1",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "RunInstances" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP EC2.8", "CIS AWS Foundations 5.6", "ATT&CK T1552.005"],
        caveat: "Credentials that were read in the meantime stay valid until they expire, up to six hours.",
        source: file!(),
    };

    const OPT_IN: bool = true;

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let instances = json::list(field(answer(event), "instancesSet"));
        let risky: Vec<&str> =
            instances.iter().filter(|one| allows_v1(one)).filter_map(|one| text(one, "instanceId")).collect();
        let (subject, which) = match risky.first() {
            Some(first) => (Subject::instance(event, first), risky.join(", ")),
            None if !instances.is_empty() => return None,
            None => (Subject::account(event), "perhaps what was launched, which the event does not say,".to_owned()),
        };
        let why = format!(
            "{which} answers version 1 of the metadata service. To require version 2, run `aws ec2 \
             modify-instance-metadata-options --http-tokens required --instance-id {}`",
            risky.first().unwrap_or(&"INSTANCE_ID")
        );
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}

/// An answer of before 2019 has no options, and instances of then had version 1.
fn allows_v1(instance: &Value) -> bool {
    let options = field(instance, "metadataOptions");
    text(options, "httpEndpoint") != Some("disabled") && text(options, "httpTokens") != Some("required")
}
