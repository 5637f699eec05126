//! # An identity was made administrator
//!
//! **Watches** `AttachUserPolicy`, `AttachRolePolicy`, `AttachGroupPolicy`, `PutUserPolicy`, `PutRolePolicy`,
//! `PutGroupPolicy`, `AddUserToGroup`, `CreatePolicyVersion`, `SetDefaultPolicyVersion`.
//!
//! **Why** Whoever has come in gives themselves, or a user or role that nobody looks at, all permissions (Stratus Red
//! Team: `iam-create-admin-user`). It is often disguised: a permission to put policies, to attach them or to pass new
//! versions off as the default is as good as `AdministratorAccess`.
//!
//! **Does** Reads all that the user, role or group holds now, with its groups and its permissions boundary, and judges it
//! with and without what the call has granted. It alerts if that makes an administrator, or lets the identity grant
//! itself what it lacks by one of the published ways, and names the way, the statement and the command that removes the
//! grant. It reverts nothing: these calls succeed even when nothing changes, so an attacker could re-attach what an
//! operator's role has had for years and get Snapback to remove it.
//!
//! **Leaves alone**
//! - grants that add no way to become administrator to those that the identity had without them
//! - what a permissions boundary keeps from taking effect
//! - ways that lead through another service that has a privileged role, such as `iam:PassRole` with a Lambda function
//! - grants that are gone by the time Snapback looks
//! - new versions of a policy that are not its default
//!
//! It also alerts where it cannot tell: a policy that it cannot read, an event that does not say for whom or what.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Iam;
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::NotUnderstood;
use snapback::policy::identity::Identity;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::permissions::{IamIdentity, IdentityKind, Permissions, Policies};
use crate::told::SERVICE;
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct NewAdministrator;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What the identity holds; nothing if it is gone, or if a managed policy was changed.
    identity: Option<Permissions>,
    /// The managed policy that was changed, as its default version has it now.
    policy: Option<Policies>,
}

/// What a call has granted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Grant {
    Managed(IamIdentity, String),
    Inline(IamIdentity, String),
    Group(IamIdentity, String),
    /// To all who hold this managed policy.
    Version(String),
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
            Watch { service: SERVICE, name: "CreatePolicyVersion" },
            Watch { service: SERVICE, name: "SetDefaultPolicyVersion" },
        ],
        reads: &rights::READ_PERMISSIONS,
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1098.003", "Stratus aws.persistence.iam-create-admin-user"],
        caveat: "The call also succeeds where nothing changes: look in CloudTrail whether the identity had this before.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const SURVEY: Option<Survey> = Some(aws::identities::ALL);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let is_default = &event.request["setAsDefault"];
        if event.name == "CreatePolicyVersion" && (is_default == false || is_default == "false") {
            return vec![];
        }
        let Some(grant) = grant(event) else {
            let why = format!("{} was called, and the event does not say for whom or what", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let (subject, why) = match &grant {
            Grant::Managed(of, policy) => {
                (subject(event, of), format!("managed policy `{policy}` was attached to {of}"))
            }
            Grant::Inline(of, policy) => (subject(event, of), format!("inline policy `{policy}` was put on {of}")),
            Grant::Group(of, group) => (subject(event, of), format!("{of} was added to group `{group}`")),
            Grant::Version(policy) => (
                Subject::managed_policy(event, policy),
                format!("managed policy `{policy}` got another default version"),
            ),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        if let Some(Grant::Version(arn)) = grant(event) {
            let policy = Box::pin(aws::identities::policy(look.place, &arn)).await?;
            return Ok(State { identity: None, policy });
        }
        let Some(of) = identity(&suspicion.subject) else { return Ok(State::default()) };
        Ok(State { identity: Box::pin(aws::identities::read(look.place, &of)).await?, policy: None })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Iam> {
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
        let Some(grant) = grant(event) else { return alert(Severity::High, suspicion.why.clone()) };
        let Some(without) = without(&grant, state) else { return allow("it is not there, or not any more") };
        let with = judged(&grant, state, event);
        let (with, before) = match (with, without.judge(Some(event.time))) {
            (Ok(with), Ok(before)) => (with, before),
            (Err(error), _) | (_, Err(error)) => {
                return alert(Severity::High, format!("{}; {}", suspicion.why, unread(&error)));
            }
        };
        match found(&with, &before.escalation.iter().cloned().collect(), before.admin) {
            Some((severity, why)) => {
                alert(severity, format!("{} by {}; {why}{}", suspicion.why, event.actor, removed_by(&grant)))
            }
            None => allow("it makes nobody administrator who was none"),
        }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.identity.as_ref().map(|held| held.arn.as_str()))
    }

    fn after(state: &State, _: &Iam) -> State {
        state.clone()
    }
}

/// What the call has granted, if the event tells it.
fn grant(event: &Event) -> Option<Grant> {
    let request = &event.request;
    let text = |name: &str| json::text(request, name).map(str::to_owned);
    let of = || {
        let (kind, name) = match event.name.as_str() {
            "AttachRolePolicy" | "PutRolePolicy" => (IdentityKind::Role, "roleName"),
            "AttachGroupPolicy" | "PutGroupPolicy" => (IdentityKind::Group, "groupName"),
            _ => (IdentityKind::User, "userName"),
        };
        Some(IamIdentity { kind, name: text(name)? })
    };
    match event.name.as_str() {
        "AddUserToGroup" => Some(Grant::Group(of()?, text("groupName")?)),
        "CreatePolicyVersion" | "SetDefaultPolicyVersion" => Some(Grant::Version(text("policyArn")?)),
        name if name.starts_with("Attach") => Some(Grant::Managed(of()?, text("policyArn")?)),
        name if name.starts_with("Put") => Some(Grant::Inline(of()?, text("policyName")?)),
        _ => None,
    }
}

fn subject(event: &Event, of: &IamIdentity) -> Subject {
    match of.kind {
        IdentityKind::User => Subject::user(event, &of.name),
        IdentityKind::Role => Subject::role(event, &of.name),
        IdentityKind::Group => Subject::group(event, &of.name),
    }
}

fn identity(subject: &Subject) -> Option<IamIdentity> {
    let kind = match subject.kind.as_str() {
        "user" => IdentityKind::User,
        "role" => IdentityKind::Role,
        "group" => IdentityKind::Group,
        _ => return None,
    };
    Some(IamIdentity { kind, name: subject.name.clone() })
}

fn judged(grant: &Grant, state: &State, event: &Event) -> Result<Identity, NotUnderstood> {
    match (grant, &state.identity, &state.policy) {
        (Grant::Version(arn), _, Some(policy)) => alone(arn, policy.clone()).judge(Some(event.time)),
        (_, Some(held), _) => held.judge(Some(event.time)),
        _ => Ok(Identity::default()),
    }
}

/// What the identity holds without the grant: of a policy that many may hold, nothing. Nothing at all if the grant is not
/// there.
fn without(grant: &Grant, state: &State) -> Option<Permissions> {
    if let Grant::Version(arn) = grant {
        return state.policy.as_ref().map(|_| alone(arn, Policies::default()));
    }
    let mut held = state.identity.clone()?;
    let is_there = match grant {
        Grant::Managed(_, policy) => held.own.managed.remove(policy).is_some(),
        Grant::Inline(_, policy) => held.own.inline.remove(policy).is_some(),
        Grant::Group(_, group) => held.groups.remove(group).is_some(),
        Grant::Version(_) => false,
    };
    is_there.then_some(held)
}

/// A managed policy as if somebody held it and nothing else.
fn alone(arn: &str, own: Policies) -> Permissions {
    let of = IamIdentity { kind: IdentityKind::Role, name: String::new() };
    Permissions { of, arn: arn.to_owned(), own, groups: [].into(), boundary: None }
}

/// Why the identity is administrator, or can make itself one, and was neither before.
fn found(judged: &Identity, before: &BTreeSet<String>, was_admin: bool) -> Option<(Severity, String)> {
    if was_admin {
        return None;
    }
    if judged.admin {
        return Some((Severity::Critical, judged.why.join("; ")));
    }
    let is_new = |path: &&String| is_by_itself(path) && !before.contains(*path);
    let new: Vec<&String> = judged.escalation.iter().filter(is_new).collect();
    let first = *new.first()?;
    let told = judged.why.iter().find(|why| why.starts_with(&format!("`{first}`"))).unwrap_or(first);
    let more = if new.len() > 1 { format!(", and {} more such ways", new.len() - 1) } else { String::new() };
    Some((Severity::High, format!("{told}{more}")))
}

/// Whether a way leads through no service but those that grant permissions.
fn is_by_itself(path: &str) -> bool {
    let grants = |action: &str| action.starts_with("iam:") && action != "iam:PassRole" || action.starts_with("sso:");
    path.split('+').all(|action| grants(action) || action == "sts:AssumeRole") && path != "sts:AssumeRole"
}

fn unread(error: &NotUnderstood) -> String {
    format!("what it allows cannot be told: {error}")
}

/// The command that removes the grant.
fn removed_by(grant: &Grant) -> String {
    let of = |of: &IamIdentity| match of.kind {
        IdentityKind::User => ("user", format!("--user-name {}", of.name)),
        IdentityKind::Role => ("role", format!("--role-name {}", of.name)),
        IdentityKind::Group => ("group", format!("--group-name {}", of.name)),
    };
    let command = match grant {
        Grant::Managed(identity, policy) => {
            let (kind, name) = of(identity);
            format!("detach-{kind}-policy {name} --policy-arn {policy}")
        }
        Grant::Inline(identity, policy) => {
            let (kind, name) = of(identity);
            format!("delete-{kind}-policy {name} --policy-name {policy}")
        }
        Grant::Group(user, group) => format!("remove-user-from-group --user-name {} --group-name {group}", user.name),
        Grant::Version(policy) => {
            format!("set-default-policy-version --policy-arn {policy} --version-id <the one before>")
        }
    };
    format!("; to remove it: `aws iam {command}`")
}
