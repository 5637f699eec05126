//! # Policies of the organization are in force no more
//!
//! **Watches** of AWS Organizations `DisablePolicyType`, `DeletePolicy`, `UpdatePolicy`.
//!
//! **Why** Whoever writes a policy anew lifts in all accounts at once what it denied. To disable a type of policies detaches all policies of that type from everything at once, and to enable it again
//! attaches none of them. A policy can be deleted only once it is detached: then nobody can attach it again.
//!
//! **Does** Alerts, with the command that enables the type again, and touches nothing: no call gives back what was attached to
//! what, and none tells the content that a policy had. CloudTrail has both, in the records of `AttachPolicy`, `CreatePolicy` and
//! `UpdatePolicy`. Content that denies nothing is more severe than such that still does: compare the two.
//!
//! **Leaves alone**
//! - policies that get another name or description
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::policy::Policy;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, named, policy_id};

const DISABLE: &str = "DisablePolicyType";
const DELETE: &str = "DeletePolicy";
const UPDATE: &str = "UpdatePolicy";

#[derive(Debug)]
pub(crate) struct DisabledPolicies;

impl Noticed for DisabledPolicies {
    const ABOUT: &'static About = &About {
        id: "organizations-disabled-policies",
        title: "Policies of the organization are in force no more",
        happened: "was deleted",
        watches: &[
            Watch { service: SERVICE, name: DISABLE },
            Watch { service: SERVICE, name: DELETE },
            Watch { service: SERVICE, name: UPDATE },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1484", "ATT&CK T1562"],
        caveat: "Look in CloudTrail for what was done in the accounts since.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            DISABLE => "has disabled a type of the organization's policies",
            UPDATE => "was written anew",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let actor = &event.actor;
        if event.name != DISABLE {
            let id = policy_id(event);
            let subject = id.map_or_else(|| Subject::account(event), |id| told::policy(event, id));
            let of =
                id.map_or_else(|| "a policy that the event does not name".to_owned(), |id| format!("policy `{id}`"));
            if event.name == UPDATE {
                return rewritten(event, &of, id).map(|(severity, why)| Risk { subject, severity, why });
            }
            let why = format!(
                "{actor} deleted {of}. To have it again, create it with the content of its last `CreatePolicy` or \
                 `UpdatePolicy` in CloudTrail"
            );
            return Some(Risk { subject, severity: Severity::Medium, why });
        }
        let kind = named(event, "policyType");
        let (severity, of) = match kind {
            Some("SERVICE_CONTROL_POLICY" | "RESOURCE_CONTROL_POLICY" | "DECLARATIVE_POLICY_EC2") | None => {
                (Severity::Critical, kind)
            }
            _ => (Severity::High, kind),
        };
        let (root, kind) = (named(event, "rootId").unwrap_or("ROOT"), of.unwrap_or("TYPE"));
        let of =
            of.map_or_else(|| "a type of policies that the event does not name".to_owned(), |of| format!("`{of}`"));
        let why = format!(
            "{actor} disabled {of}: all policies of that type are detached from everything. To enable it again: `aws organizations \
             enable-policy-type --root-id {root} --policy-type {kind}`, and then attach each policy with `aws organizations \
             attach-policy` to what it was attached to, as CloudTrail's records of `AttachPolicy` have it"
        );
        Some(Risk { subject: Subject::account(event), severity, why })
    }
}

/// How severe it is that a policy has other content, and why; nothing if it has the same.
fn rewritten(event: &Event, of: &str, id: Option<&str>) -> Option<(Severity, String)> {
    let content = &event.request["content"];
    if content.is_null() && !json::is_left_out(&event.request) {
        return None;
    }
    let denies = |content: &str| Policy::parse(content).is_ok_and(|policy| !policy.denied().is_empty());
    let (severity, what) = match content.as_str() {
        Some(content) if denies(content) => (Severity::Medium, "; it still denies something"),
        Some(_) => (Severity::Critical, ", and it denies nothing now"),
        None => (Severity::High, ", and the event does not say with what"),
    };
    let why = format!(
        "{} wrote {of} anew{what}. Compare it with its last `CreatePolicy` or `UpdatePolicy` in CloudTrail. To put that content \
         back: `aws organizations update-policy --policy-id {} --content file://FORMER.json`",
        event.actor,
        id.unwrap_or("POLICY_ID")
    );
    Some((severity, why))
}
