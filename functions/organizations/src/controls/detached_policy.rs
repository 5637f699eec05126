//! # A policy of the organization was detached
//!
//! **Watches** of AWS Organizations `DetachPolicy`.
//!
//! **Why** Service control policies and resource control policies are what no administrator of an account can get around: they
//! keep accounts in the organization, trails on and strangers out. Whoever detaches one from a unit lifts it in all accounts
//! below. Declarative policies, and those for tags, backups and AI services, end the same way.
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id. The plan attaches
//! the event's policy to the event's target again, and nothing else.
//!
//! **Leaves alone**
//! - policies that are attached again by the time Snapback looks
//! - targets that are gone
//! - what an operator has detached again with `snapback undo`
//! - what an AWS service does by itself, with nobody's credentials
//!
//! It alerts, with the command, and touches nothing: for a policy of AWS itself, such as `FullAWSAccess`, and for one that
//! contains an `Allow`, since attaching either would also allow something; for other types of policies; where the policy is
//! deleted; and where the event does not say which policy or target it is.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{AttachedPolicy, Organizations, PolicyTarget, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::Policy;
use crate::told::{self, SERVICE, policy_id, target};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct DetachedPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is deleted.
    policy: Option<Policy>,
    /// Whether it is attached to what it was detached from; nothing if that is gone.
    is_attached: Option<bool>,
}

impl Control for DetachedPolicy {
    const ABOUT: &'static About = &About {
        id: "organizations-detached-policy",
        title: "A policy of the organization was detached",
        happened: "was detached",
        watches: &[Watch { service: SERVICE, name: "DetachPolicy" }],
        reads: &[rights::DESCRIBE_POLICY, rights::LIST_POLICIES_FOR_TARGET],
        writes: &[rights::ATTACH_POLICY],
        undoes: &[rights::LIST_POLICIES_FOR_TARGET, rights::DETACH_POLICY],
        severity: Severity::High,
        frameworks: &["ATT&CK T1484", "ATT&CK T1562"],
        caveat: "Look in CloudTrail for what was done in the accounts while the policy was not in force. Somebody may have detached \
                 it for an emergency: what it denies is denied again once it is attached.",
        source: file!(),
    };

    const ASKS_UNLESS_NAMED: bool = true;

    type State = State;
    type Change = Organizations;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        if event.actor.is_aws() {
            return vec![];
        }
        let subject = policy_id(event).map_or_else(|| Subject::account(event), |id| told::policy(event, id));
        let of = |id: Option<&str>, word: &str| {
            id.map_or_else(|| format!("a {word} that the event does not name"), |id| format!("`{id}`"))
        };
        let (policy, from) = (of(policy_id(event), "policy"), of(target(event), "root, unit or account"));
        vec![Suspicion { why: format!("{} detached {policy} from {from}", event.actor), subject }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let (Some(id), Some(target)) = (policy_id(event), target(event)) else { return Ok(State::default()) };
        let Some(policy) = aws::policy(look.place, id).await? else { return Ok(State::default()) };
        let attached = aws::attached(look.place, target, &policy.kind).await?;
        let is_attached = attached.map(|attached| attached.iter().any(|one| one.id == id));
        Ok(State { policy: Some(policy), is_attached })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Organizations> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::High, why };
        let why = &suspicion.why;
        let (Some(id), Some(target)) = (policy_id(event), target(event)) else { return alert(why.clone()) };
        let Some(policy) = &state.policy else { return alert(format!("{why}, and it is deleted since")) };
        match state.is_attached {
            None => return allow("what it was attached to is gone"),
            Some(true) => return allow("it is attached"),
            Some(false) => {}
        }
        let back =
            format!("To attach it again: `aws organizations attach-policy --policy-id {id} --target-id {target}`");
        let why = format!("{why}: {} `{}`", worded(&policy.kind), policy.name);
        if policy.is_of_aws {
            return alert(format!(
                "{why}, which is AWS's own. What other policies there do not allow is denied now. {back}, which allows all of it"
            ));
        }
        if !rights::WRITTEN.contains(&policy.kind.as_str()) {
            return alert(format!("{why}. {back}"));
        }
        if may_allow(policy) {
            return alert(format!(
                "{why}, which also allows something, so that attaching it may open what is shut now. {back}"
            ));
        }
        let grant = format!("policy `{id}` is not attached to `{target}`");
        if given.holds.contains(&grant) {
            return allow("an operator has detached it again");
        }
        let attached = AttachedPolicy { id: id.to_owned(), name: policy.name.clone(), kind: policy.kind.clone() };
        Decision::Revert {
            severity: if is_about_rights(&policy.kind) { Severity::High } else { Severity::Medium },
            why,
            grants: vec![grant],
            plan: vec![Organizations::Policies(Swap {
                of: PolicyTarget(target.to_owned()),
                from: vec![],
                to: vec![attached],
            })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &Organizations) -> State {
        let Organizations::Policies(change) = change else { return state.clone() };
        State { is_attached: state.is_attached.map(|_| !change.to.is_empty()), ..state.clone() }
    }
}

/// `SERVICE_CONTROL_POLICY` as people say it.
fn worded(kind: &str) -> String {
    kind.to_ascii_lowercase().replace('_', " ")
}

/// Whether policies of a type deny, or switch something off that lets people in.
fn is_about_rights(kind: &str) -> bool {
    !["AISERVICES_OPT_OUT_POLICY", "BACKUP_POLICY", "TAG_POLICY"].contains(&kind)
}

/// Whether it may allow something beside what it denies: where several are attached, what one of them allows is allowed.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html>
fn may_allow(policy: &Policy) -> bool {
    if !["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"].contains(&policy.kind.as_str()) {
        return false;
    }
    let Ok(content) = serde_json::from_str::<Value>(&policy.content) else { return true };
    let statements = json::list(&content["Statement"]);
    statements.is_empty() || statements.iter().any(|statement| statement["Effect"] != "Deny")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(kind: &str, content: &Value) -> Policy {
        let content = content.to_string().into();
        Policy { name: "x".to_owned(), kind: kind.to_owned(), is_of_aws: false, content }
    }

    #[test]
    fn only_what_certainly_denies_and_nothing_else_opens_nothing() {
        let deny = json!({"Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*"});
        let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        let (scp, rcp) = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY");
        for (kind, content, expected) in [
            (scp, json!({"Statement": [deny]}), false),
            (rcp, json!({"Statement": deny}), false),
            (scp, json!({"Statement": [deny, allow]}), true),
            (scp, json!({"Statement": allow}), true),
            (scp, json!({"Statement": []}), true),
            (scp, json!({}), true),
            (scp, json!("no policy"), true),
            ("TAG_POLICY", json!({"tags": {}}), false),
        ] {
            assert_eq!(may_allow(&policy(kind, &content)), expected, "{kind} {content}");
        }
    }
}
