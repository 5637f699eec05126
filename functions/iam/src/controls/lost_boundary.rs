//! # A permissions boundary was removed or widened
//!
//! **Watches** `DeleteUserPermissionsBoundary`, `DeleteRolePermissionsBoundary`, `PutUserPermissionsBoundary`,
//! `PutRolePermissionsBoundary`.
//!
//! **Why** Within a boundary a team may create roles and policies as it likes. Without the boundary, everything that those
//! policies allow takes effect (Pacu: `iam__privesc_scan`).
//!
//! **Does** Reads the boundary that the user or role has now, and the one of the baseline, which a daily scheduled check
//! keeps and which must be less than two days old. If the boundary is gone, or if the new one opens a way to become
//! administrator that the old one closed, it asks an operator to put the old one back, and says when it was seen: a tighter one
//! may have taken its place since. Snapback itself has no right to put
//! boundaries, since whoever has it can put one that bounds nothing: `snapback apply` does it with the operator's own
//! rights, in mode `revert` too. Only a stack with `IamWriter` has a function with that right, which reverts once
//! `ModeOverrides` names this control in full; it can put no boundaries but those that `IamWriterBoundaries` lists, and asks
//! about all others, and about what CloudFormation did.
//!
//! **Leaves alone**
//! - boundaries that let nobody become administrator, or only in ways that the old one left open too
//! - users and roles that have the boundary of before again by the time Snapback looks
//! - users and roles that are gone by the time Snapback looks
//! - changes that an operator has restored with `snapback undo`
//!
//! It alerts, with the command, without a baseline: which boundary there was is never guessed. It also alerts if somebody has
//! deleted the policy that was the boundary, if it cannot read what a boundary allows, and for roles under
//! `/aws-reserved/` and `/aws-service-role/`, which nobody but AWS can change. A boundary whose policy gets another default
//! version is for `iam-new-default-version`. The baseline is that of `iam-new-administrator`: where that is off, there is
//! none.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::change::{Iam, ManagedPolicy, PermissionsBoundary, Swap};
use snapback::control::{About, Applier, Baseline, Control, Given, Look, Remembered, Suspicion, Watch, journaled};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::PolicyText;
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::NewAdministrator;
use crate::administrator::{adds, unread};
use crate::permissions::Granted;
use crate::told::{self, SERVICE, is_of_aws, option_of, through_cloudformation, word};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct LostBoundary;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Under which ARN IAM has the identity; nothing if it is gone.
    arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    created: Option<Timestamp>,
    /// The ARN of its boundary.
    boundary: Option<String>,
    /// Which boundary it had when that was last looked at. All else that it had been granted is left out.
    before: Option<Remembered<Granted>>,
    /// What each of both says, if that policy is still there.
    policies: BTreeMap<String, PolicyText>,
}

impl Control for LostBoundary {
    const ABOUT: &'static About = &About {
        id: "iam-lost-boundary",
        title: "A permissions boundary was removed or widened",
        happened: "has lost its permissions boundary",
        watches: &[
            Watch { service: SERVICE, name: "DeleteUserPermissionsBoundary" },
            Watch { service: SERVICE, name: "DeleteRolePermissionsBoundary" },
            Watch { service: SERVICE, name: "PutUserPermissionsBoundary" },
            Watch { service: SERVICE, name: "PutRolePermissionsBoundary" },
        ],
        reads: &[rights::GET_USER, rights::GET_ROLE, rights::GET_POLICY, rights::GET_POLICY_VERSION],
        writes: &[rights::PUT_USER_PERMISSIONS_BOUNDARY, rights::PUT_ROLE_PERMISSIONS_BOUNDARY],
        undoes: &[
            rights::GET_USER,
            rights::GET_ROLE,
            rights::PUT_USER_PERMISSIONS_BOUNDARY,
            rights::PUT_ROLE_PERMISSIONS_BOUNDARY,
            rights::DELETE_USER_PERMISSIONS_BOUNDARY,
            rights::DELETE_ROLE_PERMISSIONS_BOUNDARY,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "What was done without the boundary stays done: look in CloudTrail for keys, users and roles that were made.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const APPLIED_BY: Applier = Applier::IamWriter;
    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));

    fn happened(_: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        let is_there = state.boundary.is_some();
        is_certain.then_some(if is_there { "got a wider permissions boundary" } else { Self::ABOUT.happened })
    }

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let Some(of) = told::identity(event) else {
            let why = format!("{} was called, and the event does not say for whom", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let why = match json::text(&event.request, "permissionsBoundary") {
            Some(boundary) => format!("`{boundary}` was made the permissions boundary of {of}"),
            None if event.name.starts_with("Put") => format!("{of} got another permissions boundary"),
            None => format!("the permissions boundary of {of} was deleted"),
        };
        vec![Suspicion { subject: told::subject(event, &of), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(of) = told::identity(event) else { return Ok(State::default()) };
        let read = aws::identities::by_name(look.place, &of);
        let (now, before) = look.with_remembered::<NewAdministrator, _>(&suspicion.subject, read).await?;
        let before = before.map(|Remembered { good, seen }| Remembered {
            good: good.map(|Granted { id, boundary, .. }| Granted { id, boundary, ..Granted::default() }),
            seen,
        });
        let Some(now) = now else { return Ok(State { before, ..State::default() }) };
        let (arn, id, created, boundary) = (Some(now.arn), Some(now.id), now.created, now.boundary);
        let mut state = State { arn, id, created, boundary, before, policies: BTreeMap::new() };
        let old = state.before.as_ref().and_then(|before| before.good.as_ref()?.boundary.clone());
        if old == state.boundary {
            return Ok(state);
        }
        for policy in [state.boundary.clone(), old].into_iter().flatten() {
            let found = Box::pin(aws::versions::default(look.place, &policy)).await?;
            state.policies.extend(found.map(|(_, text)| (policy, text)));
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why: String| Decision::Alert { severity: Severity::High, why };
        let Some(of) = told::identity(event) else { return alert(suspicion.why.clone()) };
        let Some(arn) = &state.arn else { return allow("it is gone") };
        let (now, before) = (state.boundary.as_deref(), before(state, event));
        let old = before.as_ref().map(|(old, _)| *old);
        if now.is_some() && now == old {
            return allow("it has the boundary that it had before");
        }
        let (kind, who) = option_of(&of);
        let back = |to: &str| {
            format!("to restore it: `aws iam put-{kind}-permissions-boundary {who} --permissions-boundary {to}`")
        };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let why = match now.map(|now| widened(now, state, old, event)) {
            None => why,
            Some(Ok(None)) => return allow("it has a boundary that lets it become administrator by no new way"),
            Some(Ok(Some(way))) => format!("{why}; within the boundary of now, {way}"),
            Some(Err(unread)) => {
                return alert(format!(
                    "{why}; {unread}; {}",
                    back(&old.map_or_else(|| "<the one before>".into(), word))
                ));
            }
        };
        let Some((old, age)) = before else {
            return alert(format!("{why}; which one it was before is not known; {}", back("<the one before>")));
        };
        if given.holds.contains(&held_as(now, old)) {
            return allow("an operator has restored it");
        }
        if is_of_aws(arn) {
            return alert(format!("{why}; nobody but AWS can change this role"));
        }
        if !state.policies.contains_key(old) {
            return alert(format!("{why}; {age} before it was `{old}`, which has been deleted"));
        }
        let boundary = |arn: &str| ManagedPolicy(arn.to_owned());
        Decision::Revert {
            severity: Severity::High,
            why: format!("{why}; {age} before it was `{old}`"),
            grants: vec![held_as(now, old)],
            plan: vec![Iam::Boundary(Swap {
                of: of.with_id(state.id.as_ref()),
                from: PermissionsBoundary(now.map(boundary)),
                to: PermissionsBoundary(Some(boundary(old))),
            })],
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, _: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event)
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.arn.as_deref())
    }

    fn after(state: &State, change: &Iam) -> State {
        let Iam::Boundary(change) = change else { return state.clone() };
        let boundary = change.to.0.as_ref().map(|policy| policy.0.clone());
        State { boundary, ..state.clone() }
    }
}

/// Which boundary it had and how long before the event, if that was seen then, and of this identity and not of one that had
/// its name before.
fn before<'a>(state: &'a State, event: &Event) -> Option<(&'a str, String)> {
    let before = state.before.as_ref()?;
    let (granted, age) = before.good_before(event)?;
    let is_of_this = granted.is_of(state.id.as_deref(), state.created, before.seen);
    let boundary = granted.boundary.as_deref().filter(|_| is_of_this)?;
    Some((boundary, age))
}

/// By which way a boundary lets its holder become administrator that the one before did not. If that is not known, only one
/// that bounds nothing certainly lets more.
fn widened(now: &str, state: &State, old: Option<&str>, event: &Event) -> Result<Option<String>, String> {
    let text = state.policies.get(now).ok_or_else(|| format!("`{now}` is gone"))?;
    let found = adds(now, text, old.and_then(|old| state.policies.get(old)), event).map_err(|error| unread(&error))?;
    let counts = |severity| old.is_some() || severity == Severity::Critical;
    Ok(found.filter(|(severity, _)| counts(*severity)).map(|(_, way)| way))
}

/// By what a hold knows what has become of a boundary.
fn held_as(now: Option<&str>, old: &str) -> String {
    match now {
        Some(now) => format!("permissions boundary {now} instead of {old}"),
        None => format!("without permissions boundary {old}"),
    }
}
