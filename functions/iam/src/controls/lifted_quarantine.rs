//! # A policy that locks an identity was detached
//!
//! **Watches** `DetachUserPolicy`, `DetachRolePolicy`, `DetachGroupPolicy`.
//!
//! **Why** AWS attaches `AWSCompromisedKeyQuarantine` and its later versions to users whose keys were found in public, and
//! people attach `AWSDenyAll` to what was taken over. Whoever detaches them lets the attacker back in.
//!
//! **Does** Alerts, and names the command that attaches the policy again. Attaching policies is a right that no function has.
//!
//! **Leaves alone**
//! - all other managed policies

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, option_of};

/// What the names of policies begin with that lock whoever holds them.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>
const LOCKS: [&str; 2] = [":iam::aws:policy/AWSDenyAll", ":iam::aws:policy/AWSCompromisedKeyQuarantine"];

#[derive(Debug)]
pub(crate) struct LiftedQuarantine;

impl Noticed for LiftedQuarantine {
    const ABOUT: &'static About = &About {
        id: "iam-lifted-quarantine",
        title: "A policy that locks an identity was detached",
        happened: "is no longer locked",
        watches: &[
            Watch { service: SERVICE, name: "DetachUserPolicy" },
            Watch { service: SERVICE, name: "DetachRolePolicy" },
            Watch { service: SERVICE, name: "DetachGroupPolicy" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "See that the credentials for which it was locked are inactive before you leave it so.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let policy = json::text(&event.request, "policyArn");
        if policy.is_some_and(|arn| !LOCKS.iter().any(|lock| arn.contains(lock))) {
            return None;
        }
        let (Some(of), Some(policy)) = (told::identity(event), policy) else {
            let why =
                format!("{} was called by {}, and the event does not say for whom or what", event.name, event.actor);
            return Some(Risk { subject: Subject::account(event), severity: Severity::Medium, why });
        };
        let (kind, who) = option_of(&of);
        let why = format!(
            "{} detached `{policy}`; to attach it again: `aws iam attach-{kind}-policy {who} --policy-arn {policy}`",
            event.actor
        );
        Some(Risk { subject: told::subject(event, &of), severity: Self::ABOUT.severity, why })
    }
}
