//! # Policies of the organization are in force no more
//!
//! **Watches** of AWS Organizations `DisablePolicyType`, `DeletePolicy`.
//!
//! **Why** To disable a type of policies detaches all policies of that type from everything at once, and to enable it again
//! attaches none of them. A policy can be deleted only once it is detached: then nobody can attach it again.
//!
//! **Does** Alerts, with the command that enables the type again, and touches nothing: no call gives back what was attached to
//! what, and none gives back the content of a deleted policy. CloudTrail has both, in the records of `AttachPolicy`, `CreatePolicy`
//! and `UpdatePolicy`.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, named, policy_id};

const DISABLE: &str = "DisablePolicyType";

#[derive(Debug)]
pub(crate) struct DisabledPolicies;

impl Noticed for DisabledPolicies {
    const ABOUT: &'static About = &About {
        id: "organizations-disabled-policies",
        title: "Policies of the organization are in force no more",
        happened: "was deleted",
        watches: &[Watch { service: SERVICE, name: DISABLE }, Watch { service: SERVICE, name: "DeletePolicy" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1484", "ATT&CK T1562"],
        caveat: "Look in CloudTrail for what was done in the accounts since.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if event.name == DISABLE { "has disabled a type of the organization's policies" } else { Self::ABOUT.happened }
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
