//! # A resource policy of CloudWatch Logs lets strangers in
//!
//! **Watches** `PutResourcePolicy`.
//!
//! **Why** Whom such a policy lets in writes into log groups, and may fill them with records of what never happened, or with
//! costs (endgame backdoors logs this way).
//!
//! **Does** Reads the policy of this name that there is now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which policy, and one that
//! belongs to a single log group.

use serde_json::{Value, json};
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{OWN_REGION, On, Right};

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const POLICIES: On = On::new("LogPolicies", &["*"])
    .when(&[OWN_REGION])
    .why("They belong to no resource. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html");
const GET: Right = POLICIES.right("logs:DescribeResourcePolicies");
const PUT: Right = POLICIES.right("logs:PutResourcePolicy");
const DELETE: Right = POLICIES.right("logs:DeleteResourcePolicy");

#[derive(Debug)]
pub(crate) struct LogsOpenResourcePolicy;

impl Row for LogsOpenResourcePolicy {
    const ABOUT: &'static About = &About {
        id: "logs-open-resource-policy",
        title: "A resource policy of CloudWatch Logs lets strangers in",
        watches: &[Watch { service: "logs.amazonaws.com", name: "PutResourcePolicy" }],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1565.001", "endgame cloudwatch"],
        caveat: "What was written into log groups in the meantime is still there: do not take it for evidence.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "log policy";
    const SERVICE: Service = Service::json("logs", "1.1", "Logs_20140328");
    const PATH: &'static str = "resource-policy:";
    const PAGE: &'static str = "cloudwatch";
    const LIST: &'static [Right] = &[GET];
    const GONE: &'static [&'static str] = &[];
    const POLICY: &'static str = "/policyDocument";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let name = json::text(request, "policyName").filter(|_| json::text(request, "resourceArn").is_none());
        (name, json::text(request, "policyDocument").map(str::to_owned).into())
    }

    fn get(_: &str) -> Call {
        Call::json("DescribeResourcePolicies", json!({}))
    }

    fn found<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
        json::list(&answer["resourcePolicies"])
            .into_iter()
            .find(|policy| json::text(policy, "policyName") == Some(name))
    }

    fn put(name: &str, policy: &str) -> Call {
        Call::json("PutResourcePolicy", json!({"policyName": name, "policyDocument": policy}))
    }

    fn delete(name: &str) -> Option<Call> {
        Some(Call::json("DeleteResourcePolicy", json!({"policyName": name})))
    }

    fn list() -> List {
        List { call: Self::get(""), all: "resourcePolicies", one: "policyName", next: ["nextToken"; 2] }
    }
}
