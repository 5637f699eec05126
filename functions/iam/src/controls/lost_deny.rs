//! # An identity lost a policy that denies
//!
//! **Watches** `DetachUserPolicy`, `DetachRolePolicy`, `DetachGroupPolicy`, `DeleteUserPolicy`, `DeleteRolePolicy`,
//! `DeleteGroupPolicy`, `PutUserPolicy`, `PutRolePolicy`, `PutGroupPolicy`, `RemoveUserFromGroup`.
//!
//! **Why** A `Deny` keeps an identity from what its other policies allow. AWS attaches `AWSCompromisedKeyQuarantine` and its
//! later versions to users whose keys were found in public, people attach `AWSDenyAll` to identities that were taken over,
//! and accounts keep people from working without MFA by a policy of their own, often that of a group. Whoever takes such a
//! policy away lets the attacker back in.
//!
//! **Does** Asks an operator to restore what was denied. A managed policy is attached again if it denies something, and a user
//! is added to the group again if that denies something that the user's other policies do not. Of an inline policy that was
//! deleted or replaced, the `Deny` statements of the baseline return, byte for byte, behind all that is there now, and nothing
//! that allows. The baseline is kept by a daily scheduled check, and must be less than two days old. Snapback itself
//! has no right to attach policies, since whoever has it can become administrator: `snapback apply` does it with the
//! operator's own rights, in mode `revert` too. Only a stack with `IamWriter` has a function with that right, which reverts
//! once `ModeOverrides` names this control in full. It still asks about what CloudFormation did, and where the managed policy
//! or the group also allows something: that would come back as well, and may be what somebody was just relieved of.
//!
//! **Leaves alone**
//! - managed policies that deny nothing
//! - managed policies of AWS other than `AWSDenyAll`, and `AWSCompromisedKeyQuarantine` and its later versions
//! - inline policies that still deny everything that they denied before, or of which the baseline knows nothing
//! - groups that deny nothing beyond what the user's other policies deny
//! - users to whom nothing is allowed any more
//! - what is restored by the time Snapback looks
//! - identities that are gone by the time Snapback looks, or were made after the event
//! - policies that are gone by the time Snapback looks, and of which no scheduled check knows that they denied anything
//! - what an operator has restored with `snapback undo`
//!
//! It alerts where a managed policy that denied something, as a scheduled check has seen, was detached and then deleted, and where
//! it cannot tell: a policy that it cannot read, an inline policy that denies something else instead, a
//! scheduled check that came between the call and the look and has overwritten the baseline, an event that does not say for
//! whom or what. It also only alerts for roles under `/aws-reserved/` and `/aws-service-role/`, which nobody but AWS can
//! change. The baseline is that of `iam-new-administrator`: where that is off, there is none.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::change::{Iam, IamGroup, InlinePolicy, ManagedPolicy, Swap};
use snapback::control::{About, Applier, Baseline, Control, Given, Look, Remembered, Suspicion, Watch, journaled};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::{NotUnderstood, PolicyText};
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::{NewAdministrator, NewDefaultVersion};
use crate::administrator::unread;
use crate::denied::{Denied, allow, denied, may_deny, missing};
use crate::permissions::{Granted, IamIdentity, IdentityKind, Permissions, Policies, is_made_after};
use crate::told::{self, SERVICE, is_of_aws, policy_of_aws, spelled, through_cloudformation};
use crate::{aws, rights};

/// How AWS's own policies begin that lock whoever holds them.
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>
const LOCKS: [&str; 2] = ["AWSDenyAll", "AWSCompromisedKeyQuarantine"];

#[derive(Debug)]
pub(crate) struct LostDeny;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Under which ARN IAM has the identity; nothing if it is gone.
    arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    /// The managed policies that it has, where one was detached.
    attached: BTreeSet<String>,
    /// What the managed policy says that was detached; nothing if it is gone.
    policy: Option<PolicyText>,
    /// What that policy denied when it was last looked at, if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    denied: Option<PolicyText>,
    /// What the inline policy says that was deleted or put; nothing if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inline: Option<PolicyText>,
    /// What that said when it was last looked at. All else that the identity had been granted is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Remembered<Granted>>,
    /// What the group holds that a user was removed from; nothing if it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<Policies>,
    /// What that user holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Permissions>,
}

/// What a call has taken.
#[derive(Debug)]
enum Taken {
    Managed(IamIdentity, String),
    /// Deleted, or put in the place of another.
    Inline(IamIdentity, String),
    Group(IamIdentity, String),
}

/// What is to be made of it.
enum Found {
    Allow(&'static str),
    Alert(String),
    /// What is lost, in words, by what holds know it, how it is restored, and what is not.
    Lost {
        what: &'static str,
        grants: Vec<String>,
        change: Iam,
        left: Vec<String>,
    },
}

impl Control for LostDeny {
    const ABOUT: &'static About = &About {
        id: "iam-lost-deny",
        title: "An identity lost a policy that denies",
        happened: "lost a policy that denies",
        watches: &[
            Watch { service: SERVICE, name: "DetachUserPolicy" },
            Watch { service: SERVICE, name: "DetachRolePolicy" },
            Watch { service: SERVICE, name: "DetachGroupPolicy" },
            Watch { service: SERVICE, name: "DeleteUserPolicy" },
            Watch { service: SERVICE, name: "DeleteRolePolicy" },
            Watch { service: SERVICE, name: "DeleteGroupPolicy" },
            Watch { service: SERVICE, name: "PutUserPolicy" },
            Watch { service: SERVICE, name: "PutRolePolicy" },
            Watch { service: SERVICE, name: "PutGroupPolicy" },
            Watch { service: SERVICE, name: "RemoveUserFromGroup" },
        ],
        reads: &[
            rights::GET_USER,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::LIST_USER_POLICIES,
            rights::GET_USER_POLICY,
            rights::LIST_GROUPS_FOR_USER,
            rights::GET_ROLE,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::GET_ROLE_POLICY,
            rights::GET_GROUP,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::LIST_GROUP_POLICIES,
            rights::GET_GROUP_POLICY,
            rights::GET_POLICY,
            rights::GET_POLICY_VERSION,
        ],
        writes: &[
            rights::ATTACH_USER_POLICY,
            rights::ATTACH_ROLE_POLICY,
            rights::ATTACH_GROUP_POLICY,
            rights::PUT_USER_POLICY,
            rights::PUT_ROLE_POLICY,
            rights::PUT_GROUP_POLICY,
            rights::ADD_USER_TO_GROUP,
        ],
        undoes: &[
            rights::GET_USER,
            rights::GET_USER_POLICY,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::LIST_GROUPS_FOR_USER,
            rights::DETACH_USER_POLICY,
            rights::DELETE_USER_POLICY,
            rights::PUT_USER_POLICY,
            rights::GET_ROLE,
            rights::GET_ROLE_POLICY,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::DETACH_ROLE_POLICY,
            rights::DELETE_ROLE_POLICY,
            rights::PUT_ROLE_POLICY,
            rights::GET_GROUP,
            rights::GET_GROUP_POLICY,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::DETACH_GROUP_POLICY,
            rights::DELETE_GROUP_POLICY,
            rights::PUT_GROUP_POLICY,
            rights::REMOVE_USER_FROM_GROUP,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "What was done without the policy stays done. See that the credentials for which it was locked are inactive.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const APPLIED_BY: Applier = Applier::IamWriter;
    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let Some(taken) = taken(event) else {
            let policy = json::text(&event.request, "policyArn");
            if policy.is_some_and(is_harmless) {
                return vec![];
            }
            let why = format!("{} was called, and the event does not say for whom or what", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let (of, why) = match &taken {
            Taken::Managed(_, policy) if is_harmless(policy) => return vec![],
            Taken::Managed(of, policy) => (of, format!("managed policy `{policy}` was detached from {of}")),
            Taken::Inline(of, policy) if event.name.starts_with("Put") => {
                (of, format!("inline policy `{policy}` was put on {of}"))
            }
            Taken::Inline(of, policy) => (of, format!("inline policy `{policy}` of {of} was deleted")),
            Taken::Group(of, group) => (of, format!("{of} was removed from group `{group}`")),
        };
        vec![Suspicion { subject: told::subject(event, of), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        match taken(event) {
            Some(Taken::Managed(of, policy)) => detached(look, event, &of, &policy).await,
            Some(Taken::Inline(of, policy)) => replaced(look, event, &of, &policy, suspicion).await,
            Some(Taken::Group(of, group)) => removed(look, &of, &group).await,
            None => Ok(State::default()),
        }
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let alert = |why: String| Decision::Alert { severity: Severity::Medium, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(taken) = taken(event) else { return alert(suspicion.why.clone()) };
        if is_made_after(state.created, event) {
            return allow("it was made since: the call was upon another that had the name before");
        }
        let found = match &taken {
            Taken::Managed(of, policy) => of_managed(of, policy, state),
            Taken::Inline(of, name) => of_inline(of, name, state, event, given.holds),
            Taken::Group(of, group) => of_group(of, group, state),
        };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let (what, grants, change, left) = match found {
            Err(error) => return alert(format!("{why}; {}", unread(&error))),
            Ok(Found::Allow(why)) => return allow(why),
            Ok(Found::Alert(more)) => return alert(format!("{why}; {more}")),
            Ok(Found::Lost { what, grants, change, left }) => (what, grants, change, left),
        };
        if grants.iter().all(|grant| given.holds.contains(grant)) {
            return allow("an operator has restored it");
        }
        if state.arn.as_deref().is_some_and(is_of_aws) {
            return alert(format!("{why}; nobody but AWS can change this role"));
        }
        let is_lock = matches!(&taken, Taken::Managed(_, policy) if is_lock(policy));
        Decision::Revert {
            severity: if is_lock { Severity::High } else { Severity::Medium },
            why: format!("{why}; {what}"),
            grants,
            plan: vec![change],
            left,
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event).or_else(|| comes_back_with_more(event, state))
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.arn.as_deref())
    }

    fn after(state: &State, change: &Iam) -> State {
        let mut state = state.clone();
        match change {
            Iam::ManagedPolicies(Swap { from, to, .. }) => {
                state.attached.retain(|arn| !from.iter().any(|policy| policy.0 == *arn));
                state.attached.extend(to.iter().map(|policy| policy.0.clone()));
            }
            Iam::InlinePolicies(Swap { to, .. }) => state.inline = to.first().map(|policy| policy.text.clone()),
            Iam::Groups(Swap { from, to, .. }) => {
                let group = state.group.clone().unwrap_or_default();
                if let Some(user) = &mut state.user {
                    user.groups.retain(|name, _| !from.iter().any(|group| group.0 == *name));
                    user.groups.extend(to.iter().map(|name| (name.0.clone(), group.clone())));
                }
            }
            _ => {}
        }
        state
    }
}

/// What is restored with a `Deny` beside which something is allowed may be what somebody has just been relieved of. Of an inline
/// policy only what denies is restored.
fn comes_back_with_more(event: &Event, state: &State) -> Option<String> {
    let (what, allows) = match taken(event)? {
        Taken::Managed(_, policy) => (format!("managed policy `{policy}`"), allow(state.policy.as_ref())),
        Taken::Group(_, group) => (format!("group `{group}`"), allow(state.group.iter().flat_map(Policies::texts))),
        Taken::Inline(..) => return None,
    };
    allows.unwrap_or(true).then(|| format!("{what} also allows something, which would come back with what it denies"))
}

/// What the call has taken, if the event tells it.
fn taken(event: &Event) -> Option<Taken> {
    let text = |name: &str| json::text(&event.request, name).map(str::to_owned);
    let of = told::identity(event)?;
    match event.name.as_str() {
        "RemoveUserFromGroup" => Some(Taken::Group(of, text("groupName")?)),
        name if name.starts_with("Detach") => Some(Taken::Managed(of, text("policyArn")?)),
        _ => Some(Taken::Inline(of, text("policyName")?)),
    }
}

async fn detached(look: &Look<'_>, event: &Event, of: &IamIdentity, policy: &str) -> Result<State> {
    let held = Box::pin(aws::identities::managed_policies(look.place, of));
    let (held, text) = futures::try_join!(held, Box::pin(aws::versions::default(look.place, policy)))?;
    let mut state = State { policy: text.map(|(_, text)| text), ..State::default() };
    if state.policy.is_none() && held.is_some() {
        let version = look.known_by::<NewDefaultVersion>(&Subject::managed_policy(event, policy)).await?;
        state.denied = version.and_then(|version| version.denying);
    }
    if let Some((known, attached)) = held {
        (state.arn, state.id, state.created) = (Some(known.arn), Some(known.id), known.created);
        state.attached = attached;
    }
    Ok(state)
}

/// IAM is asked only if the policy was seen to deny something, or if that was overwritten since.
async fn replaced(
    look: &Look<'_>,
    event: &Event,
    of: &IamIdentity,
    name: &str,
    suspicion: &Suspicion,
) -> Result<State> {
    let before = look.remembered::<NewAdministrator>(&suspicion.subject).await?;
    let before = before.map(|Remembered { good, seen }| {
        let only_this = |granted: Granted| Granted {
            id: granted.id,
            inline: granted.inline.into_iter().filter(|(one, _)| one.eq_ignore_ascii_case(name)).collect(),
            ..Granted::default()
        };
        Remembered { good: good.map(only_this), seen }
    });
    let old = before.as_ref().and_then(|before| before.good.as_ref()?.inline.values().next());
    if !old.is_some_and(may_deny) && before.as_ref().is_none_or(|before| before.seen < event.time) {
        return Ok(State { before, ..State::default() });
    }
    let known = Box::pin(aws::identities::by_name(look.place, of));
    let inline = Box::pin(aws::identities::inline_policy(look.place, of, name));
    let (known, inline) = futures::try_join!(known, inline)?;
    let mut state = State { inline, before, ..State::default() };
    if let Some(known) = known {
        (state.arn, state.id, state.created) = (Some(known.arn), Some(known.id), known.created);
    }
    Ok(state)
}

/// The user is looked at only if the group denies something.
async fn removed(look: &Look<'_>, of: &IamIdentity, group: &str) -> Result<State> {
    let group = IamIdentity::named(IdentityKind::Group, group);
    let group = Box::pin(aws::identities::read(look.place, &group)).await?.map(|group| group.own);
    let denies = group.as_ref().is_some_and(|group| group.texts().any(may_deny));
    let user = if denies { Box::pin(aws::identities::read(look.place, of)).await? } else { None };
    let (arn, created) = user.as_ref().map(|user| (user.arn.clone(), user.created)).unzip();
    Ok(State { arn, created: created.flatten(), group, user, ..State::default() })
}

fn of_managed(of: &IamIdentity, policy: &str, state: &State) -> Result<Found, NotUnderstood> {
    if state.arn.is_none() {
        return Ok(Found::Allow("the identity is gone"));
    }
    if state.attached.contains(policy) {
        return Ok(Found::Allow("it is attached again"));
    }
    let Some(text) = &state.policy else {
        return Ok(match &state.denied {
            Some(said) => Found::Alert(format!("it denied something, and has been deleted since; it said {said}")),
            None => Found::Allow("the policy is gone"),
        });
    };
    if denied([text])?.is_empty() {
        return Ok(Found::Allow("it denies nothing"));
    }
    let to = vec![ManagedPolicy(policy.to_owned())];
    Ok(Found::Lost {
        what: "it denies something",
        grants: vec![format!("without managed policy {policy}")],
        change: Iam::ManagedPolicies(Swap { of: of.with_id(state.id.as_ref()), from: vec![], to }),
        left: vec![],
    })
}

fn of_inline(
    of: &IamIdentity,
    name: &str,
    state: &State,
    event: &Event,
    holds: &BTreeSet<String>,
) -> Result<Found, NotUnderstood> {
    let Some(before) = before(name, state, event) else {
        let why = "a scheduled check came between the call and this look, so what it denied before is not known";
        let is_lost = is_overtaken(state, event);
        return Ok(if is_lost { Found::Alert(why.to_owned()) } else { Found::Allow("what it denied is not known") });
    };
    let had = denied([before])?;
    if had.is_empty() {
        return Ok(Found::Allow("it denied nothing before"));
    }
    if state.arn.is_none() {
        return Ok(Found::Allow("the identity is gone"));
    }
    let held_as = |statement: &str| format!("inline policy {name} without {statement}");
    let inline = |text: PolicyText| InlinePolicy { name: name.to_owned(), text };
    Ok(match missing(before, state.inline.as_ref(), |statement| holds.contains(&held_as(statement)))? {
        Denied::Still { is_held: false } => Found::Allow("it denies all that it denied"),
        Denied::Still { is_held: true } => Found::Allow("an operator has restored it"),
        Denied::Otherwise => {
            Found::Alert("it no longer denies what it denied, and denies something else instead".to_owned())
        }
        Denied::NotAlone => Found::Alert(format!(
            "it no longer denies what it denied, and what that was is not to be restored alone: {before}"
        )),
        Denied::Missing { statements, with } => Found::Lost {
            what: "it no longer denies what it denied",
            grants: statements.iter().map(|statement| held_as(statement)).collect(),
            change: Iam::InlinePolicies(Swap {
                of: of.with_id(state.id.as_ref()),
                from: state.inline.clone().map(inline).into_iter().collect(),
                to: vec![inline(with)],
            }),
            left: if state.inline.is_none() && allow([before])? {
                vec!["what the deleted policy allowed, as that opens something".to_owned()]
            } else {
                vec![]
            },
        },
    })
}

fn of_group(of: &IamIdentity, group: &str, state: &State) -> Result<Found, NotUnderstood> {
    let Some(policies) = &state.group else { return Ok(Found::Allow("the group is gone")) };
    let denied_by_it = denied(policies.texts())?;
    if denied_by_it.is_empty() {
        return Ok(Found::Allow("the group denies nothing"));
    }
    let Some(user) = &state.user else { return Ok(Found::Allow("the identity is gone")) };
    if user.groups.contains_key(&spelled(group, user.groups.keys())) {
        return Ok(Found::Allow("the user is in the group again"));
    }
    let held = || user.policies();
    if denied_by_it.is_subset(&denied(held())?) {
        return Ok(Found::Allow("the user's other policies deny as much"));
    }
    if !allow(held())? {
        return Ok(Found::Allow("the user holds nothing that allows something"));
    }
    let to = vec![IamGroup(group.to_owned())];
    Ok(Found::Lost {
        what: "the group denies something that the user's other policies do not",
        grants: vec![format!("out of group {group}")],
        change: Iam::Groups(Swap { of: of.with_id(user.id.as_ref()), from: vec![], to }),
        left: vec![],
    })
}

/// What the inline policy said, if that was seen of this identity and not of one that had its name before.
fn before<'a>(name: &str, state: &'a State, event: &Event) -> Option<&'a PolicyText> {
    let before = state.before.as_ref()?;
    let (granted, _) = before.good_before(event)?;
    let is_of_this = granted.is_of(state.id.as_deref(), state.created, before.seen);
    granted.inline.get(&spelled(name, granted.inline.keys())).filter(|_| is_of_this)
}

/// Whether a check has overwritten what there was before the call. What is younger than a day had no earlier baseline.
fn is_overtaken(state: &State, event: &Event) -> bool {
    let is_since = state.before.as_ref().is_some_and(|before| before.seen >= event.time);
    let is_old = |created| event.time.duration_since(created) > SignedDuration::from_hours(24);
    is_since && state.created.is_some_and(is_old)
}

/// Whether it is one of AWS's own that locks nobody.
fn is_harmless(policy: &str) -> bool {
    policy_of_aws(policy).is_some() && !is_lock(policy)
}

fn is_lock(policy: &str) -> bool {
    policy_of_aws(policy).is_some_and(|name| LOCKS.iter().any(|lock| name.starts_with(lock)))
}
