//! # A VPC endpoint lets everything through
//!
//! **Watches** `ModifyVpcEndpoint`.
//!
//! **Why** The policy of an endpoint limits what can be reached from the VPC. Without a limit, whoever has credentials of
//! another account can carry data out of the VPC into that account's buckets, past every firewall.
//!
//! **Does** Alerts and touches nothing: the event does not say what the policy was before.
//!
//! **Leaves alone**
//! - policies that limit every statement for everyone by actions, resources or conditions
//! - changes of other options of an endpoint

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{field, parameters, text, texts};

#[derive(Debug)]
pub(crate) struct UnlimitedEndpoint;

impl Noticed for UnlimitedEndpoint {
    const ABOUT: &'static About = &About {
        id: "ec2-unlimited-endpoint",
        title: "A VPC endpoint lets everything through",
        happened: "was opened by its policy",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpoint" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1567.002"],
        caveat: "Check the flow logs of the VPC and the service's data events for what went through in the meantime.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let request = parameters(event);
        let (policy, is_reset) = (field(request, "policyDocument"), json::is_true(field(request, "resetPolicy")));
        let what = match policy.as_str().map(serde_json::from_str::<Value>) {
            _ if is_reset => "its policy was reset to full access",
            Some(Ok(policy)) if !has_full_access(&policy) => return None,
            Some(Ok(_)) => "its policy gives everyone full access",
            Some(Err(_)) => "its policy was replaced by one that is not understood",
            None if policy.is_null() && !json::is_left_out(request) => return None,
            None => "perhaps its policy was changed, which the event does not say",
        };
        let id = text(request, "vpcEndpointId");
        let why = format!(
            "{what}. Put a policy that allows only your own accounts and resources: `aws ec2 modify-vpc-endpoint \
             --vpc-endpoint-id {} --policy-document file://policy.json`",
            id.unwrap_or("ENDPOINT_ID")
        );
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::vpc_endpoint(event, id));
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}

/// Whether a statement allows everyone everything, without a condition.
fn has_full_access(policy: &Value) -> bool {
    let is_all = |value: &Value| texts(value).iter().any(|text| *text == "*" || text.ends_with(":*"));
    json::list(&policy["Statement"]).into_iter().any(|statement| {
        statement["Effect"] == "Allow"
            && texts(&statement["Principal"]).contains(&"*")
            && is_all(&statement["Action"])
            && texts(&statement["Resource"]).contains(&"*")
            && statement.get("Condition").is_none()
    })
}
