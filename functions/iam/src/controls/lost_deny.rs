//! # An identity lost a managed policy that denies
//!
//! **Watches** `DetachUserPolicy`, `DetachRolePolicy`, `DetachGroupPolicy`.
//!
//! **Why** A `Deny` keeps an identity from what its other policies allow. AWS attaches `AWSCompromisedKeyQuarantine` and its
//! later versions to users whose keys were found in public, people attach `AWSDenyAll` to what was taken over, and accounts
//! keep people from working without MFA by a policy of their own. Whoever detaches such a policy lets the attacker back in.
//!
//! **Does** Reads what the policy says and asks an operator to attach it again, if it denies something. Snapback itself has
//! no right to attach policies, since whoever has it can become administrator: `snapback apply` does it with the operator's
//! own rights, in mode `revert` too.
//!
//! **Leaves alone**
//! - managed policies that deny nothing
//! - managed policies of AWS other than `AWSDenyAll` and `AWSCompromisedKeyQuarantine`
//! - policies that are attached again by the time Snapback looks
//! - identities and policies that are gone by the time Snapback looks
//! - detachments that an operator has restored with `snapback undo`
//!
//! It alerts where it cannot tell: a policy that it cannot read, an event that does not say for whom or what. It also only
//! alerts for roles under `/aws-reserved/` and `/aws-service-role/`, which nobody but AWS can change. Inline policies that
//! are deleted, and users who are removed from a group that denies something, are not judged.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Iam, ManagedPolicy, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::{NotUnderstood, Policy, PolicyText};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::administrator::unread;
use crate::told::{self, SERVICE, is_of_aws};
use crate::{aws, rights};

/// What the ARNs of AWS's own policies have in them that lock whoever holds them.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>
const LOCKS: [&str; 2] = [":iam::aws:policy/AWSDenyAll", ":iam::aws:policy/AWSCompromisedKeyQuarantine"];

#[derive(Debug)]
pub(crate) struct LostDeny;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Under which ARN IAM has the identity; nothing if it is gone.
    arn: Option<String>,
    /// The managed policies that it has.
    attached: BTreeSet<String>,
    /// What the policy says that was detached; nothing if it is gone.
    policy: Option<PolicyText>,
}

impl Control for LostDeny {
    const ABOUT: &'static About = &About {
        id: "iam-lost-deny",
        title: "An identity lost a managed policy that denies",
        happened: "lost a policy that denies",
        watches: &[
            Watch { service: SERVICE, name: "DetachUserPolicy" },
            Watch { service: SERVICE, name: "DetachRolePolicy" },
            Watch { service: SERVICE, name: "DetachGroupPolicy" },
        ],
        reads: &[
            rights::GET_USER,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::GET_ROLE,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::GET_GROUP,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::GET_POLICY,
            rights::GET_POLICY_VERSION,
        ],
        writes: &[rights::ATTACH_USER_POLICY, rights::ATTACH_ROLE_POLICY, rights::ATTACH_GROUP_POLICY],
        undoes: &[
            rights::GET_USER,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::DETACH_USER_POLICY,
            rights::GET_ROLE,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::DETACH_ROLE_POLICY,
            rights::GET_GROUP,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::DETACH_GROUP_POLICY,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "What was done without the policy stays done. See that the credentials for which it was locked are inactive.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const OPERATOR_APPLIES: bool = true;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let policy = json::text(&event.request, "policyArn");
        if policy.is_some_and(|arn| arn.contains(":iam::aws:") && !is_lock(arn)) {
            return vec![];
        }
        let (subject, why) = match (told::identity(event), policy) {
            (Some(of), Some(policy)) => {
                (told::subject(event, &of), format!("managed policy `{policy}` was detached from {of}"))
            }
            _ => (
                Subject::account(event),
                format!("{} was called, and the event does not say for whom or what", event.name),
            ),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let (Some(of), Some(policy)) = (told::identity(event), json::text(&event.request, "policyArn")) else {
            return Ok(State::default());
        };
        let held = Box::pin(aws::identities::managed_policies(look.place, &of));
        let (held, policy) = futures::try_join!(held, Box::pin(aws::versions::default(look.place, policy)))?;
        let (arn, attached) = held.unzip();
        Ok(State { arn, attached: attached.unwrap_or_default(), policy: policy.map(|(_, text)| text) })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why: String| Decision::Alert { severity: Severity::Medium, why };
        let (Some(of), Some(policy)) = (told::identity(event), json::text(&event.request, "policyArn")) else {
            return alert(suspicion.why.clone());
        };
        let Some(arn) = &state.arn else { return allow("the identity is gone") };
        if state.attached.contains(policy) {
            return allow("it is attached again");
        }
        let Some(text) = &state.policy else { return allow("the policy is gone") };
        let grant = format!("without managed policy {policy}");
        let why = format!("{} by {}", suspicion.why, event.actor);
        match denies(text) {
            Err(error) => return alert(format!("{why}; {}", unread(&error))),
            Ok(false) => return allow("it denies nothing"),
            Ok(true) if given.holds.contains(&grant) => return allow("an operator has detached it"),
            Ok(true) => {}
        }
        if is_of_aws(arn) {
            return alert(format!("{why}; nobody but AWS can change this role"));
        }
        Decision::Revert {
            severity: if is_lock(policy) { Severity::High } else { Severity::Medium },
            why: format!("{why}; it denies something"),
            grants: vec![grant],
            plan: vec![Iam::ManagedPolicies(Swap { of, from: vec![], to: vec![ManagedPolicy(policy.to_owned())] })],
            left: vec![],
        }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.arn.as_deref())
    }

    fn after(state: &State, change: &Iam) -> State {
        let Iam::ManagedPolicies(Swap { from, to, .. }) = change else { return state.clone() };
        let mut attached = state.attached.clone();
        attached.retain(|arn| !from.iter().any(|policy| policy.0 == *arn));
        attached.extend(to.iter().map(|policy| policy.0.clone()));
        State { attached, ..state.clone() }
    }
}

fn is_lock(policy: &str) -> bool {
    LOCKS.iter().any(|lock| policy.contains(lock))
}

fn denies(text: &PolicyText) -> Result<bool, NotUnderstood> {
    Ok(!Policy::parse(text.as_str())?.denied().is_empty())
}
