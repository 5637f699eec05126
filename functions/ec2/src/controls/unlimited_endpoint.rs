//! # A VPC endpoint lets everything through
//!
//! **Watches** `ModifyVpcEndpoint`.
//!
//! **Why** The policy of an endpoint limits what can be reached from the VPC. Without a limit, whoever has credentials of
//! another account can carry data out of the VPC into that account's buckets, past every firewall.
//!
//! **Does** Restores the policy of the baseline, which a daily scheduled check keeps and which must be less than two days
//! old. All else of the endpoint stays.
//!
//! **Leaves alone**
//! - policies that limit every statement for everyone by actions, resources or conditions
//! - changes of other options of an endpoint
//! - full access that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell what the policy was before: an endpoint without a baseline, a policy
//! that is not understood, an endpoint that cannot be found, an event that does not say which endpoint.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Holder, PolicyChange};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::PolicyText;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::{endpoints, surveys};
use crate::rights;
use crate::told::{field, id_of, parameters, text, texts};

/// In these words an undo holds on to it.
const FULL_ACCESS: &str = "full access";

#[derive(Debug)]
pub(crate) struct UnlimitedEndpoint;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the endpoint cannot be found or has no policy, or if the event does not say which it is.
    pub(crate) policy: Option<PolicyText>,
    /// What it was when the endpoint was last looked at, if it limited what goes through.
    pub(crate) remembered: Option<Remembered<PolicyText>>,
}

impl Control for UnlimitedEndpoint {
    const ABOUT: &'static About = &About {
        id: "ec2-unlimited-endpoint",
        title: "A VPC endpoint lets everything through",
        happened: "was opened by its policy",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcEndpoint" }],
        reads: &[rights::DESCRIBE_VPC_ENDPOINTS],
        writes: &[rights::MODIFY_VPC_ENDPOINT],
        undoes: &[rights::DESCRIBE_VPC_ENDPOINTS, rights::MODIFY_VPC_ENDPOINT],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1567.002"],
        caveat: "Check the flow logs of the VPC and the service's data events for what went through in the meantime.",
        source: file!(),
    };

    type State = State;
    type Change = PolicyChange;

    const SURVEY: Option<Survey> = Some(surveys::VPC_ENDPOINTS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let id = text(parameters(event), "vpcEndpointId");
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::vpc_endpoint(event, id));
        told(event).map(|why| Suspicion { subject, why: why.to_owned() }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(endpoint) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = endpoints::policy(look.place, endpoint);
        let (policy, remembered) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { policy, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<PolicyChange> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let id = id_of(&suspicion.subject);
        let alert = |what: &str| Decision::Alert {
            severity: Severity::Medium,
            why: format!(
                "{what}. Put a policy that allows only your own accounts and resources: `aws ec2 modify-vpc-endpoint \
                 --vpc-endpoint-id {} --policy-document file://policy.json`",
                id.unwrap_or("ENDPOINT_ID")
            ),
        };
        let (Some(endpoint), Some(policy)) = (id, &state.policy) else {
            return if event.is_look() { allow("it has no policy") } else { alert(&suspicion.why) };
        };
        match serde_json::from_str(policy) {
            Ok(policy) if !has_full_access(&policy) => return allow("its policy limits what goes through"),
            Ok(_) => {}
            Err(_) => return alert("its policy is not understood"),
        }
        if given.holds.contains(FULL_ACCESS) {
            return allow("an operator has restored it");
        }
        match state.remembered.as_ref().and_then(|remembered| remembered.good_before(event)) {
            Some((before, age)) => Decision::Revert {
                severity: Severity::Medium,
                why: format!("its policy gives everyone full access; {age} before, it was limited"),
                grants: vec![FULL_ACCESS.to_owned()],
                plan: vec![PolicyChange {
                    of: Holder::VpcEndpoint(endpoint.to_owned()),
                    from: state.policy.clone(),
                    to: Some(before.clone()),
                }],
                left: vec![],
            },
            // AWS gives a new endpoint such a policy, unless its maker says otherwise.
            None if event.is_look() => allow("its policy gives everyone full access, as AWS makes it"),
            None => alert("its policy gives everyone full access, and what it was before is not known"),
        }
    }

    fn after(state: &State, change: &PolicyChange) -> State {
        State { policy: change.to.clone(), ..state.clone() }
    }
}

impl Remembers for UnlimitedEndpoint {
    type Good = PolicyText;

    fn good(state: &State) -> Option<PolicyText> {
        let is_limited =
            |policy: &PolicyText| serde_json::from_str(policy).is_ok_and(|policy| !has_full_access(&policy));
        state.policy.clone().filter(is_limited)
    }
}

/// What the event says of the policy, if that may be risky.
fn told(event: &Event) -> Option<&'static str> {
    let request = parameters(event);
    let (policy, is_reset) = (field(request, "policyDocument"), json::is_true(field(request, "resetPolicy")));
    match policy.as_str().map(serde_json::from_str::<Value>) {
        _ if is_reset => Some("its policy was reset to full access"),
        Some(Ok(policy)) if !has_full_access(&policy) => None,
        Some(Ok(_)) => Some("its policy gives everyone full access"),
        Some(Err(_)) => Some("its policy was replaced by one that is not understood"),
        None if policy.is_null() && !json::is_left_out(request) => None,
        None => Some("perhaps its policy was changed, which the event does not say"),
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
