//! # An identity was made administrator
//!
//! **Watches** `AttachUserPolicy`, `AttachRolePolicy`, `AttachGroupPolicy`, `PutUserPolicy`, `PutRolePolicy`,
//! `PutGroupPolicy`, `AddUserToGroup`.
//!
//! **Why** Whoever has come in gives themselves, or a user or role that nobody looks at, all permissions (Stratus Red
//! Team: `iam-create-admin-user`). It is often disguised: a permission to put policies, to attach them or to make new
//! versions the default is as good as `AdministratorAccess`.
//!
//! **Does** Reads all that the user, role or group holds now, with its groups and its permissions boundary, and judges it
//! with and without what the call has granted. If that makes an administrator, or lets the identity grant itself what it
//! lacks by one of the published ways, it detaches or deletes the policy or removes the user from the group, and names the
//! way and the statement. It only asks, also in mode `revert`, until `ModeOverrides` names it in full.
//!
//! It alerts where a grant lets the identity assume a role that the grant names in full, if scheduled checks have found that this
//! role is an administrator, or can become one, and trusts the identity, its account or everyone.
//!
//! These calls succeed even when nothing changes, so an attacker could re-attach what an operator's role has had for years
//! and get Snapback to remove it. That is why it reverts only what a baseline of the last 48 hours lacks, or what was
//! granted to an identity of the last 24 hours that no scheduled check has seen. Identities and groups are known by their unique
//! ids, so that a new name is no new grant. It asks otherwise, and also where the same was granted since and left, as the journal
//! or CloudTrail's event history tells, where neither can tell, and where the grant takes no effect now because of a policy that
//! denies it and that was put since: whoever takes that away makes the administrator. An inline policy that
//! replaced another raises an alert with the command that restores what the baseline has: writing it needs a right that no
//! function has.
//!
//! **Leaves alone**
//! - grants that add no way to become administrator to those that the identity had without them
//! - policies of AWS that are no part of such a way, such as `ReadOnlyAccess` and `AmazonSSMManagedInstanceCore`
//! - inline policies that are no part of one by what the event says of them
//! - what a permissions boundary keeps from taking effect
//! - what a policy denies that the identity had before
//! - ways that lead through another service, such as `iam:PassRole` with a Lambda function that has a privileged role, or the
//!   permission sets of IAM Identity Center
//! - ways through roles that no policy names in full, such as `sts:AssumeRole` on `*`
//! - grants that are gone by the time Snapback looks
//! - identities that were made after the event, and so are others than it was upon
//! - grants that an operator has restored with `snapback undo`
//!
//! It also alerts where it cannot tell: a policy that it cannot read, an event that does not say for whom or what, an inline
//! policy of which it does not know whether it replaced another. Nobody but AWS can change roles under `/aws-reserved/` and
//! `/aws-service-role/`, so it only alerts for these.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Iam, IamGroup, InlinePolicy, ManagedPolicy, Swap};
use snapback::control::{
    About, Baseline, Control, Given, Look, ReadAll, Remembered, Remembers, Survey, Suspicion, Watch, journaled,
};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::journal::{Entry, Outcome};
use snapback::json;
use snapback::policy::identity::is_harmless;
use snapback::policy::{NotUnderstood, PolicyText};
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::{NewDefaultVersion, PassedAdministrator};
use crate::administrator::{added, found, is_no_part_of_a_way, unread};
use crate::aws::{authorization_details, event_history};
use crate::permissions::{Granted, IamIdentity, IdentityKind, Permissions, Policies, named};
use crate::told::{self, SERVICE, is_of_aws, option_of, policy_of_aws, spelled, subject, through_cloudformation, word};
use crate::{assumed, aws, rights};

#[derive(Debug)]
pub(crate) struct NewAdministrator;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// What the identity holds; nothing if it is gone.
    identity: Option<Permissions>,
    /// What the identity had been granted when that was last looked at.
    before: Option<Remembered<Granted>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier: Option<Earlier>,
    /// Groups and managed policies that the identity had before, and of which the journal tells since.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    renewed: BTreeSet<String>,
    /// Why it may become an administrator by assuming a role that the grant names, if it may not without the grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by_assuming: Option<String>,
    /// The identity as it was before changes that were applied to this state: they do not tell all of what they take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Box<Permissions>>,
}

/// Two are equal if the same is there, whatever has been taken.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let is = |state: &Self| (state.identity.clone(), state.before.clone());
        is(self) == is(other)
    }
}

/// Whether the same was granted before, after the baseline, and was not taken away by Snapback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Earlier {
    At(Timestamp),
    /// An inline policy of that name, which said something else.
    Another(Timestamp),
    /// Why that is not known.
    Untold(String),
}

impl Earlier {
    /// Why that is no reason to revert.
    fn why(&self) -> String {
        match self {
            Self::At(at) => {
                format!("the same was granted at {at} already, and left, so the call may have changed nothing")
            }
            Self::Another(at) => {
                format!("an inline policy of that name was put at {at} already, which would not come back")
            }
            Self::Untold(why) => format!("whether the same was granted since the baseline is not known: {why}"),
        }
    }
}

const DENIED_NOW: &str =
    "it takes no effect as long as the identity has a policy that denies it, which the baseline does not have";

/// What the baseline says of a grant.
enum Before {
    /// The identity did not have it.
    Lacked,
    /// It had it so long before the event.
    Had(String),
    /// It had another inline policy of that name.
    Another(String, PolicyText),
    /// There is no baseline that is new enough.
    Unknown,
}

/// As long as it takes until each identity has had its turn in the scheduled checks.
const A_ROUND: SignedDuration = SignedDuration::from_hours(24);

/// Of roles that a policy names, so many are asked about.
const MOST_ROLES: usize = 10;

/// What a call has granted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Grant {
    Managed(IamIdentity, String),
    Inline(IamIdentity, String),
    Group(IamIdentity, String),
}

impl Control for NewAdministrator {
    const ABOUT: &'static About = &About {
        id: "iam-new-administrator",
        title: "An identity was made administrator",
        happened: "was made administrator",
        watches: &[
            Watch { service: SERVICE, name: "AttachUserPolicy" },
            Watch { service: SERVICE, name: "AttachRolePolicy" },
            Watch { service: SERVICE, name: "AttachGroupPolicy" },
            Watch { service: SERVICE, name: "PutUserPolicy" },
            Watch { service: SERVICE, name: "PutRolePolicy" },
            Watch { service: SERVICE, name: "PutGroupPolicy" },
            Watch { service: SERVICE, name: "AddUserToGroup" },
        ],
        reads: &rights::READ_GRANTS,
        writes: &[
            rights::DETACH_USER_POLICY,
            rights::DETACH_ROLE_POLICY,
            rights::DETACH_GROUP_POLICY,
            rights::DELETE_USER_POLICY,
            rights::DELETE_ROLE_POLICY,
            rights::DELETE_GROUP_POLICY,
            rights::REMOVE_USER_FROM_GROUP,
        ],
        undoes: &[
            rights::GET_USER,
            rights::GET_USER_POLICY,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::LIST_GROUPS_FOR_USER,
            rights::GET_ROLE,
            rights::GET_ROLE_POLICY,
            rights::LIST_ATTACHED_ROLE_POLICIES,
            rights::GET_GROUP,
            rights::GET_GROUP_POLICY,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::ATTACH_USER_POLICY,
            rights::ATTACH_ROLE_POLICY,
            rights::ATTACH_GROUP_POLICY,
            rights::PUT_USER_POLICY,
            rights::PUT_ROLE_POLICY,
            rights::PUT_GROUP_POLICY,
            rights::ADD_USER_TO_GROUP,
        ],
        severity: Severity::Critical,
        frameworks: &[
            "ATT&CK T1098.003",
            "Stratus aws.persistence.iam-create-admin-user",
            "Stratus aws.persistence.iam-create-backdoor-role",
            "Pacu iam__privesc_scan",
        ],
        caveat: "What the identity did meanwhile stays done: look in CloudTrail for keys, users and roles that it made.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const ASKS_UNLESS_NAMED: bool = true;
    /// What is there may have been granted anew since, with good reason.
    const ASKS_AFTER: Option<SignedDuration> = Some(SignedDuration::from_hours(1));
    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));
    const SURVEY: Option<Survey> = Some(authorization_details::IDENTITIES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let Some(grant) = grant(event) else {
            let why = format!("{} was called, and the event does not say for whom or what", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let (subject, why) = match &grant {
            Grant::Managed(_, policy) if is_harmless(policy) => return vec![],
            Grant::Inline(..) if json::text(&event.request, "policyDocument").is_some_and(is_no_part_of_a_way) => {
                return vec![];
            }
            Grant::Managed(of, policy) => {
                (subject(event, of), format!("managed policy `{policy}` was attached to {of}"))
            }
            Grant::Inline(of, policy) => (subject(event, of), format!("inline policy `{policy}` was put on {of}")),
            Grant::Group(of, group) => (subject(event, of), format!("{of} was added to group `{group}`")),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(of) = identity(&suspicion.subject) else { return Ok(State::default()) };
        let read = aws::identities::read(look.place, &of);
        let (identity, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        let mut state = State { identity, before, ..State::default() };
        let Some(grant) = grant_in(event, &state) else { return Ok(state) };
        let mut adds = worst(&grant, &state, event);
        if matches!(adds, Some(Ok(None))) {
            state.renewed = renewed(look, event, &grant, &state).await?;
            if !state.renewed.is_empty() {
                adds = worst(&grant, &state, event);
            }
        }
        match adds {
            Some(Ok(Some(_))) => state.earlier = granted_since(look, event, &grant, &state).await?,
            Some(Ok(None)) => state.by_assuming = by_assuming(look, event, &grant, &state).await?,
            Some(Err(_)) | None => {}
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        if event.is_look() {
            let Some(held) = &state.identity else { return allow("it is gone") };
            return match held.judge(Some(event.time)).map(|judged| found(&judged, &BTreeSet::new(), false)) {
                Ok(Some((severity, why))) => alert(severity, format!("{}: {why}", held.of)),
                Ok(None) => allow("it can neither do nor grant itself everything"),
                Err(error) => alert(Severity::Medium, unread(&error)),
            };
        }
        let Some(grant) = grant_in(event, state) else { return alert(Severity::High, suspicion.why.clone()) };
        if state.identity.as_ref().is_some_and(|held| held.is_made_after(event)) {
            return allow("it was made since: the call was upon another that had the name before");
        }
        match worst(&grant, state, event) {
            None => allow("it is not there, or not any more"),
            Some(Ok(None)) => match &state.by_assuming {
                Some(why) => alert(Severity::High, format!("{} by {}; {why}", suspicion.why, event.actor)),
                None => allow("it makes nobody administrator who was none"),
            },
            Some(Ok(Some(_))) if given.holds.contains(&held_as(&grant, state)) => allow("an operator has restored it"),
            Some(Ok(Some(Worst { way, doubt: Some(Doubt::Had), .. }))) => alert(
                Severity::Medium,
                format!(
                    "{} by {}; {way}; it holds more that does as much, and since when is not known",
                    suspicion.why, event.actor
                ),
            ),
            Some(Ok(Some(Worst { severity, way, .. }))) => {
                let why = format!("{} by {}; {way}", suspicion.why, event.actor);
                reverting(&grant, state, event, severity, why)
            }
            Some(Err(error)) => alert(Severity::High, format!("{}; {}", suspicion.why, unread(&error))),
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let grant = grant_in(event, state)?;
        match before(&grant, state, event) {
            Before::Had(age) => Some(format!("it had this {age} before already, so the call has changed nothing")),
            Before::Unknown => {
                Some("whether it had this before is not known: there is no baseline of the 48 hours before".to_owned())
            }
            Before::Lacked | Before::Another(..) => {
                through_cloudformation(event).or_else(|| state.earlier.as_ref().map(Earlier::why)).or_else(|| {
                    let is_denied =
                        matches!(worst(&grant, state, event), Some(Ok(Some(Worst { doubt: Some(Doubt::Denied), .. }))));
                    is_denied.then(|| DENIED_NOW.to_owned())
                })
            }
        }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.identity.as_ref().map(|held| held.arn.as_str()))
    }

    fn after(state: &State, change: &Iam) -> State {
        let Some(identity) = &state.identity else { return state.clone() };
        let whole = state.whole.as_deref().unwrap_or(identity);
        let mut is = identity.clone();
        match change {
            Iam::ManagedPolicies(Swap { from, to, .. }) => {
                is.own.managed.retain(|arn, _| !from.iter().any(|policy| policy.0 == *arn));
                let known = to.iter().filter_map(|policy| whole.own.managed.get_key_value(&policy.0));
                is.own.managed.extend(known.map(|(arn, text)| (arn.clone(), text.clone())));
            }
            Iam::InlinePolicies(Swap { from, to, .. }) => {
                is.own.inline.retain(|name, _| !from.iter().any(|policy| policy.name == *name));
                is.own.inline.extend(to.iter().map(|policy| (policy.name.clone(), policy.text.clone())));
            }
            Iam::Groups(Swap { from, to, .. }) => {
                is.groups.retain(|name, _| !from.iter().any(|group| group.0 == *name));
                let known = to.iter().filter_map(|group| whole.groups.get_key_value(&group.0));
                is.groups.extend(known.map(|(name, policies)| (name.clone(), policies.clone())));
            }
            _ => {}
        }
        let whole = (is != *whole).then(|| Box::new(whole.clone()));
        State { identity: Some(is), whole, ..state.clone() }
    }
}

impl Remembers for NewAdministrator {
    const ALL: Option<ReadAll<Granted>> = Some(authorization_details::granted);

    type Good = Granted;

    fn good(state: &State) -> Option<Granted> {
        state.before.as_ref().and_then(|before| before.good.clone())
    }
}

/// The same as IAM spells it, which takes names in any case.
fn grant_in(event: &Event, state: &State) -> Option<Grant> {
    let grant = grant(event)?;
    let Some(held) = &state.identity else { return Some(grant) };
    let whom = |of: IamIdentity| match named(&held.arn) {
        Some(is) if is.kind == of.kind && is.name.eq_ignore_ascii_case(&of.name) => is,
        _ => of,
    };
    Some(match grant {
        Grant::Managed(of, policy) => Grant::Managed(whom(of), policy),
        Grant::Inline(of, policy) => Grant::Inline(whom(of), spelled(&policy, held.own.inline.keys())),
        Grant::Group(of, group) => Grant::Group(whom(of), spelled(&group, held.groups.keys())),
    })
}

/// What the call has granted, or taken, if the event tells it.
fn grant(event: &Event) -> Option<Grant> {
    let request = &event.request;
    let text = |name: &str| json::text(request, name).map(str::to_owned);
    let of = || told::identity(event);
    match event.name.as_str() {
        "AddUserToGroup" | "RemoveUserFromGroup" => Some(Grant::Group(of()?, text("groupName")?)),
        name if name.starts_with("Attach") || name.starts_with("Detach") => {
            Some(Grant::Managed(of()?, text("policyArn")?))
        }
        name if name.starts_with("Put") || name.starts_with("Delete") => {
            Some(Grant::Inline(of()?, text("policyName")?))
        }
        _ => None,
    }
}

fn identity(subject: &Subject) -> Option<IamIdentity> {
    let kind = match subject.kind.as_str() {
        "user" => IdentityKind::User,
        "role" => IdentityKind::Role,
        "group" => IdentityKind::Group,
        _ => return None,
    };
    Some(IamIdentity::named(kind, subject.name.clone()))
}

/// What a grant adds.
struct Worst {
    severity: Severity,
    way: String,
    doubt: Option<Doubt>,
}

/// Why it may add nothing.
#[derive(PartialEq)]
enum Doubt {
    /// The identity has a policy that denies it, which was put on it since.
    Denied,
    /// All else that the identity holds makes as much of it, and whether it had that before is not known.
    Had,
}

/// What the grant adds at worst; nothing at all if it is not there. To what the identity holds now, so that several grants
/// count together, and to what it held before, so that of two that each do it neither hides behind the other. A policy that
/// denies it counts if the identity had that before: what was put on it since may go again as it came.
fn worst(grant: &Grant, state: &State, event: &Event) -> Option<Result<Option<Worst>, NotUnderstood>> {
    let held = state.identity.clone()?;
    let without = without(grant, &held)?;
    let worst = || {
        let judged = |permissions: &Permissions| permissions.judge(Some(event.time));
        let now = judged(&held)?;
        let old = old(&held, state, event);
        let (by_itself, before) = (judged(&with(grant, &held, old.clone()))?, judged(&old)?);
        let to_old = added(&by_itself.clone().within(&now), &before);
        let is_known = baseline(state, event).is_some() || is_new(state, event);
        let (sure, perhaps) = if is_known {
            let unchanged = without_all(old, &state.renewed);
            let beside = judged(&with(grant, &held, unchanged.clone()))?.within(&now);
            (to_old, added(&beside, &judged(&unchanged)?))
        } else {
            (None, to_old)
        };
        let sure = [added(&now, &judged(&without)?), sure].into_iter().flatten().max_by_key(|(severity, _)| *severity);
        let found = sure.map(|found| (found, None)).or_else(|| Some((perhaps?, Some(Doubt::Had))));
        let found = found.or_else(|| Some((added(&by_itself, &before)?, Some(Doubt::Denied))));
        Ok(found.map(|((severity, way), doubt)| Worst { severity, way, doubt }))
    };
    Some(worst())
}

/// What an identity holds without the grant. Nothing at all if the grant is not there.
fn without(grant: &Grant, held: &Permissions) -> Option<Permissions> {
    let mut held = held.clone();
    let is_there = match grant {
        Grant::Managed(_, policy) => held.own.managed.remove(policy).is_some(),
        Grant::Inline(_, policy) => held.own.inline.remove(policy).is_some(),
        Grant::Group(_, group) => held.groups.remove(group).is_some(),
    };
    is_there.then_some(held)
}

/// What an identity holds of what it held before: nothing where that is not known, or two grants could hide each other.
fn old(held: &Permissions, state: &State, event: &Event) -> Permissions {
    let none = Granted::default();
    let granted = baseline(state, event).map_or(&none, |(granted, _)| granted);
    let mut held = held.clone();
    held.own.managed.retain(|arn, _| granted.managed.contains(arn));
    held.own.inline.retain(|name, text| granted.inline.get(name) == Some(text));
    held.groups.retain(|name, _| granted.has_group(name, group_id(name, state)));
    held
}

/// What an identity holds without these groups and managed policies.
fn without_all(mut held: Permissions, names: &BTreeSet<String>) -> Permissions {
    held.groups.retain(|name, _| !names.contains(name));
    for policies in held.groups.values_mut().chain([&mut held.own]) {
        policies.managed.retain(|arn, _| !names.contains(arn));
    }
    held
}

fn with(grant: &Grant, held: &Permissions, mut old: Permissions) -> Permissions {
    match grant {
        Grant::Managed(_, policy) => {
            old.own
                .managed
                .extend(held.own.managed.get_key_value(policy).map(|(arn, text)| (arn.clone(), text.clone())));
        }
        Grant::Inline(_, policy) => {
            old.own
                .inline
                .extend(held.own.inline.get_key_value(policy).map(|(name, text)| (name.clone(), text.clone())));
        }
        Grant::Group(_, group) => {
            old.groups.extend(held.groups.get_key_value(group).map(|(name, all)| (name.clone(), all.clone())));
        }
    }
    old
}

/// What it had been granted and how long before the event, if that was seen of this identity and not of another that had its
/// name before.
fn baseline<'a>(state: &'a State, event: &Event) -> Option<(&'a Granted, String)> {
    let before = state.before.as_ref()?;
    let is_of_this = |granted: &Granted| {
        state.identity.as_ref().is_none_or(|held| granted.is_of(held.id.as_deref(), held.created, before.seen))
    };
    before.good_before(event).filter(|(granted, _)| is_of_this(granted))
}

/// Whether the identity is so new that no scheduled check has had its turn to look at it.
fn is_new(state: &State, event: &Event) -> bool {
    let created = state.identity.as_ref().and_then(|identity| identity.created);
    created.is_some_and(|created| {
        let is_seen = state.before.as_ref().is_some_and(|before| before.seen >= created);
        !is_seen && event.time.duration_since(created) < A_ROUND
    })
}

fn before(grant: &Grant, state: &State, event: &Event) -> Before {
    let Some((granted, age)) = baseline(state, event) else {
        return if is_new(state, event) { Before::Lacked } else { Before::Unknown };
    };
    let had = match grant {
        Grant::Managed(_, policy) => granted.managed.contains(policy),
        Grant::Group(_, group) => granted.has_group(group, group_id(group, state)),
        Grant::Inline(_, policy) => match (granted.inline.get(policy), inline_text(policy, state)) {
            (Some(old), Some(text)) if old != text => return Before::Another(age, old.clone()),
            (old, _) => old.is_some(),
        },
    };
    if had { Before::Had(age) } else { Before::Lacked }
}

/// Whether the same was granted before the event, which the baseline does not tell of. Asked only about what is to be reverted:
/// the journal tells what Snapback did with it, CloudTrail's history also what was harmless then, or what nobody heard.
async fn granted_since(look: &Look<'_>, event: &Event, grant: &Grant, state: &State) -> Result<Option<Earlier>> {
    let Some(identity) = &state.identity else { return Ok(None) };
    if !look.has_journal() || !matches!(before(grant, state, event), Before::Lacked) {
        return Ok(None);
    }
    let seen = baseline(state, event).and(state.before.as_ref()).map(|before| before.seen);
    let since = seen.or(identity.created).unwrap_or_else(|| event.time.saturating_sub(A_ROUND).unwrap_or(event.time));
    let is_same = |earlier: &Event| earlier.time <= event.time && grant_in(earlier, state).as_ref() == Some(grant);
    let entries = look.earlier::<NewAdministrator>(event, &identity.arn, since).await?;
    let newest = entries.iter().find(|entry| is_same(&entry.event()));
    let is_taken = |entry: &&Entry| matches!(entry.outcome, Outcome::Reverted | Outcome::Closed);
    if let Some(entry) = newest.filter(|entry| !is_taken(entry)) {
        return Ok(Some(Earlier::At(entry.event.time)));
    }
    let since = newest.map_or(since, |entry| entry.event.time.max(since));
    let told: Vec<&str> = entries.iter().map(Entry::event_id).chain([event.id.as_str()]).collect();
    let is_untold = |earlier: &Event| !told.contains(&earlier.id.as_str()) && is_same(earlier);
    let earlier = async {
        let Some(earlier) = newest_call(look, &event.name, (since, event.time), is_untold).await? else {
            return anyhow::Ok(None);
        };
        let is_removal = |call: &Event| call.time > earlier.time && grant_in(call, state).as_ref() == Some(grant);
        let removals = newest_call(look, removal_of(grant, event), (earlier.time, event.time), is_removal).await?;
        Ok(match (removals, grant) {
            (Some(_), _) => None,
            (None, Grant::Inline(..)) if document(&earlier) != document(event) => Some(Earlier::Another(earlier.time)),
            (None, _) => Some(Earlier::At(earlier.time)),
        })
    };
    Ok(earlier.await.unwrap_or_else(|failure| Some(Earlier::Untold(format!("{failure:#}")))))
}

/// What it had before, by name, and may not have given it as much then: of which the journal tells since the baseline. Asked only
/// about a grant that makes an administrator by itself of somebody who is one already.
async fn renewed(look: &Look<'_>, event: &Event, grant: &Grant, state: &State) -> Result<BTreeSet<String>> {
    let mut renewed = BTreeSet::new();
    let Some(held) = &state.identity else { return Ok(renewed) };
    let Some(before) = state.before.as_ref().filter(|_| baseline(state, event).is_some()) else { return Ok(renewed) };
    let nothing = Permissions { own: Policies::default(), groups: BTreeMap::new(), ..held.clone() };
    let alone = with(grant, held, nothing).judge(Some(event.time));
    if !alone.is_ok_and(|alone| found(&alone, &BTreeSet::new(), false).is_some()) {
        return Ok(renewed);
    }
    for (group, arn) in &held.group_arns {
        if !look.earlier::<NewAdministrator>(event, arn, before.seen).await?.is_empty() {
            renewed.insert(group.clone());
        }
    }
    let policies = held.groups.values().chain([&held.own]).flat_map(|policies| policies.managed.keys());
    for arn in policies.filter(|arn| policy_of_aws(arn).is_none()).collect::<BTreeSet<_>>() {
        if !look.earlier::<NewDefaultVersion>(event, arn, before.seen).await?.is_empty() {
            renewed.insert(arn.clone());
        }
    }
    Ok(renewed)
}

/// Why the identity may become an administrator by assuming a role that the grant names: which roles are administrators, and
/// whom they trust, scheduled checks have found.
async fn by_assuming(look: &Look<'_>, event: &Event, grant: &Grant, state: &State) -> Result<Option<String>> {
    let Some(held) = &state.identity else { return Ok(None) };
    let Some(without) = without(grant, held) else { return Ok(None) };
    let mut targets = vec![];
    for arn in
        granted_texts(grant, held).into_iter().flat_map(|text| roles_in(text.as_str(), &event.account)).take(MOST_ROLES)
    {
        let Some(name) = arn.rsplit('/').next() else { continue };
        let role = Subject::role(event, name);
        let passable = look.known_by::<PassedAdministrator>(&role).await?;
        if !passable.is_some_and(|passable| passable.is_risky()) {
            continue;
        }
        let trusts = look.known_by::<NewAdministrator>(&role).await?.and_then(|known| known.trusts);
        targets.extend(trusts.map(|trusts| (arn, trusts)));
    }
    let targets: Vec<_> = targets.iter().map(|(arn, trusts)| (arn.as_str(), trusts)).collect();
    let may = |permissions: &Permissions| assumed::here(permissions, &targets, event.time);
    Ok(may(held).filter(|_| may(&without).is_none()))
}

/// What the policies say that it has by the grant.
fn granted_texts<'a>(grant: &Grant, held: &'a Permissions) -> Vec<&'a PolicyText> {
    match grant {
        Grant::Managed(_, policy) => held.own.managed.get(policy).into_iter().collect(),
        Grant::Inline(_, policy) => held.own.inline.get(policy).into_iter().collect(),
        Grant::Group(_, group) => held.groups.get(group).into_iter().flat_map(Policies::texts).collect(),
    }
}

/// The roles of an account that a policy names in full.
fn roles_in(policy: &str, account: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let is_role = |arn: &String| {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        matches!(parts[..], ["arn", _, "iam", "", of, role] if of == account && role.starts_with("role/"))
            && !arn.contains(['*', '?', '$'])
    };
    let arns = told::statements(&policy).into_iter().flat_map(|statement| told::texts(&statement["Resource"]));
    arns.filter(is_role).collect()
}

/// The newest call of this name between two times that is such a one.
async fn newest_call(
    look: &Look<'_>,
    name: &str,
    (from, to): (Timestamp, Timestamp),
    is_one: impl Fn(&Event) -> bool,
) -> Result<Option<Event>> {
    let calls = event_history::calls(look.place, name, from, to).await?;
    let calls = calls.with_context(|| format!("there were more calls of {name} than are looked through"))?;
    Ok(calls.into_iter().find(is_one))
}

/// What the event says that was put.
fn document(event: &Event) -> Option<PolicyText> {
    json::text(&event.request, "policyDocument").map(PolicyText::from)
}

/// The call that takes such a grant away.
fn removal_of(grant: &Grant, event: &Event) -> &'static str {
    match (grant, event.name.as_str()) {
        (Grant::Group(..), _) => "RemoveUserFromGroup",
        (_, "AttachUserPolicy") => "DetachUserPolicy",
        (_, "AttachRolePolicy") => "DetachRolePolicy",
        (_, "AttachGroupPolicy") => "DetachGroupPolicy",
        (_, "PutUserPolicy") => "DeleteUserPolicy",
        (_, "PutRolePolicy") => "DeleteRolePolicy",
        _ => "DeleteGroupPolicy",
    }
}

/// By which IAM knows a group that the identity is in.
fn group_id<'a>(group: &str, state: &'a State) -> Option<&'a str> {
    state.identity.as_ref()?.group_ids.get(group).map(String::as_str)
}

fn inline_text<'a>(policy: &str, state: &'a State) -> Option<&'a PolicyText> {
    state.identity.as_ref()?.own.inline.get(policy)
}

/// A revert of the grant where that loses nothing else, and else the command for it.
fn reverting(grant: &Grant, state: &State, event: &Event, severity: Severity, why: String) -> Decision<Iam> {
    let alert = |more: String| Decision::Alert { severity, why: format!("{why}{more}") };
    if state.identity.as_ref().is_some_and(|identity| is_of_aws(&identity.arn)) {
        return alert(
            "; nobody but AWS can change this role: look at who assigned it in IAM Identity Center".to_owned(),
        );
    }
    let id = state.identity.as_ref().and_then(|held| held.id.as_ref());
    let plan = match (grant, before(grant, state, event)) {
        (Grant::Inline(of, name), Before::Another(age, old)) => {
            let (kind, who) = option_of(of);
            return alert(format!(
                "; {age} before it was another: restore that by `aws iam put-{kind}-policy {who} --policy-name {} \
                 --policy-document {}`",
                word(name),
                word(old.as_str())
            ));
        }
        (Grant::Inline(..), Before::Unknown) => {
            return alert(format!("; what it replaced is not known{}", removed_by(grant)));
        }
        (Grant::Inline(of, name), _) => {
            let Some(text) = inline_text(name, state).cloned() else { return alert(removed_by(grant)) };
            Iam::InlinePolicies(Swap {
                of: of.with_id(id),
                from: vec![InlinePolicy { name: name.clone(), text }],
                to: vec![],
            })
        }
        (Grant::Managed(of, policy), _) => {
            Iam::ManagedPolicies(Swap { of: of.with_id(id), from: vec![ManagedPolicy(policy.clone())], to: vec![] })
        }
        (Grant::Group(of, group), _) => {
            Iam::Groups(Swap { of: of.with_id(id), from: vec![IamGroup(group.clone())], to: vec![] })
        }
    };
    Decision::Revert { severity, why, grants: vec![held_as(grant, state)], plan: vec![plan], left: vec![] }
}

/// By what a hold knows the grant. Whoever puts another text under the name of an inline policy is not held by it.
fn held_as(grant: &Grant, state: &State) -> String {
    match grant {
        Grant::Managed(_, policy) => format!("managed policy {policy}"),
        Grant::Inline(_, policy) => {
            let text = inline_text(policy, state).map(PolicyText::digest).unwrap_or_default();
            format!("inline policy {policy} {text}")
        }
        Grant::Group(_, group) => format!("group {group}"),
    }
}

/// The command that removes the grant.
fn removed_by(grant: &Grant) -> String {
    let command = match grant {
        Grant::Managed(of, policy) => {
            let (kind, who) = option_of(of);
            format!("detach-{kind}-policy {who} --policy-arn {}", word(policy))
        }
        Grant::Inline(of, policy) => {
            let (kind, who) = option_of(of);
            format!("delete-{kind}-policy {who} --policy-name {}", word(policy))
        }
        Grant::Group(user, group) => {
            format!("remove-user-from-group --user-name {} --group-name {}", word(&user.name), word(group))
        }
    };
    format!("; to remove it: `aws iam {command}`")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::permissions::Policies;

    const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

    fn attached() -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-02-11T12:00:00Z", "eventSource": "iam.amazonaws.com",
            "eventName": "AttachUserPolicy", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "requestParameters": {"userName": "bob", "policyArn": ADMINISTRATOR},
        });
        Event::from_record(record).expect("an event")
    }

    fn state(created: &str, before: Option<(&[&str], &str)>) -> State {
        let text = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
        let own = Policies { managed: [(ADMINISTRATOR.to_owned(), text.into())].into(), ..Policies::default() };
        let bob = IamIdentity::named(IdentityKind::User, "bob");
        let identity = Permissions {
            created: Some(created.parse().expect("a time")),
            own,
            ..Permissions::of(bob, "arn:aws:iam::111122223333:user/bob")
        };
        let before = before.map(|(managed, seen)| Remembered {
            good: Some(Granted {
                managed: managed.iter().map(|arn| (*arn).to_owned()).collect(),
                ..Granted::default()
            }),
            seen: seen.parse().expect("a time"),
        });
        State { identity: Some(identity), before, ..State::default() }
    }

    #[test]
    fn it_reverts_only_what_a_fresh_baseline_lacks_or_a_new_user_got_and_else_asks() {
        let (event, settings, holds) = (attached(), Settings::default(), BTreeSet::new());
        let suspicion = NewAdministrator::suspect(&event, &settings).pop().expect("a suspicion");
        let given = Given { settings: &settings, holds: &holds };
        for (created, before, asks) in [
            ("2025-01-01T00:00:00Z", Some((&[][..], "2026-02-10T12:00:00Z")), None),
            ("2025-01-01T00:00:00Z", Some((&[ADMINISTRATOR][..], "2026-02-10T12:00:00Z")), Some("changed nothing")),
            ("2025-01-01T00:00:00Z", Some((&[][..], "2026-02-09T11:59:00Z")), Some("not known")),
            ("2025-01-01T00:00:00Z", None, Some("not known")),
            ("2026-02-11T11:00:00Z", None, None),
            ("2026-02-10T11:00:00Z", None, Some("not known")),
            // Somebody else had the name when it was looked at.
            ("2026-02-11T11:00:00Z", Some((&[ADMINISTRATOR][..], "2026-02-11T10:00:00Z")), None),
        ] {
            let state = state(created, before);
            let decision = NewAdministrator::decide(&event, &suspicion, &state, &given);
            assert!(matches!(decision, Decision::Revert { .. }), "{decision}");
            let said = NewAdministrator::asks(&event, &suspicion, &state, &given);
            match asks {
                None => assert_eq!(said, None, "{created} {before:?}"),
                Some(asks) => assert!(said.is_some_and(|said| said.contains(asks)), "{created} {before:?}"),
            }
        }
        let lacked = state("2025-01-01T00:00:00Z", Some((&[], "2026-02-10T12:00:00Z")));
        let earlier = Some(Earlier::At("2026-02-10T18:00:00Z".parse().expect("a time")));
        let said = NewAdministrator::asks(&event, &suspicion, &State { earlier, ..lacked }, &given);
        assert!(said.is_some_and(|said| said.contains("granted at 2026-02-10T18:00:00Z already")));
    }
}
