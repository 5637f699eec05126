//! # A federation token outlives its key
//!
//! **Watches** of STS `GetFederationToken`.
//!
//! **Why** Only long-lived keys can get such a token. It stays valid for up to 36 hours when the key is made inactive or
//! deleted (Stratus Red Team: `sts-federation-token`). It can do no more than its user, so what is denied to the user stops it.
//!
//! **Does** Attaches AWS's own policy `AWSDenyAll` to the user who got the token. This stops the token, and all keys and the
//! console password of the user as well, so the control is off until `ModeOverrides` names it: with `ask` an operator
//! decides, with `revert` it is done at once. An undo detaches the policy.
//!
//! **Leaves alone**
//! - a token that is given no session policy: by itself it may do nothing
//! - users to whom `AWSDenyAll` is attached already
//! - users who are gone by the time Snapback looks
//! - the root user, to whom no policy can be attached
//! - users whom an operator has released with `snapback undo`
//!
//! STS tells of a token in the Region where it was made, and this control works where IAM's own events are. Without a hub, a
//! token that was made in another Region is for `signin-federation-token` alone, which alerts about each in every Region.
//! Operators and `ProtectedPrincipals` are never locked: the function is denied that, and says so.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Iam, ManagedPolicy, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::LostDeny;
use crate::permissions::{IamIdentity, IdentityKind};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct FederationToken;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Under which ARN IAM has the user; nothing if there is none.
    arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The managed policies that are attached to the user.
    attached: BTreeSet<String>,
}

impl Control for FederationToken {
    const ABOUT: &'static About = &About {
        id: "iam-federation-token",
        title: "A federation token outlives its key",
        happened: "got a federation token, which outlives its key",
        watches: &[Watch { service: "sts.amazonaws.com", name: "GetFederationToken" }],
        reads: &[rights::GET_USER, rights::LIST_ATTACHED_USER_POLICIES],
        writes: &[rights::LOCK_USER],
        undoes: &[rights::GET_USER, rights::LIST_ATTACHED_USER_POLICIES, rights::DETACH_USER_POLICY],
        severity: Severity::High,
        frameworks: &["ATT&CK T1550.001", "Stratus aws.persistence.sts-federation-token"],
        caveat: "What was done with the token meanwhile stays done. Make the user's keys inactive, and undo a revert \
                 only when the token has expired.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const OPT_IN: bool = true;
    const HELD_FOR: &'static [&'static str] = &[LostDeny::ABOUT.id];

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let Some(user) = user(event).filter(|_| event.gives_a_session_policy()) else { return vec![] };
        let named = json::text(&event.request, "name").map(|name| format!(", called `{name}` by the caller"));
        let why = format!("{} got a federation token{}", event.actor, named.unwrap_or_default());
        vec![Suspicion { subject: Subject::user(event, user), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(of) = user(event).map(identity) else { return Ok(State::default()) };
        let held = Box::pin(aws::identities::managed_policies(look.place, &of)).await?;
        Ok(held.map_or_else(State::default, |(known, attached)| State {
            arn: Some(known.arn),
            id: Some(known.id),
            attached,
        }))
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(of) = user(event).map(identity).filter(|_| state.arn.is_some()) else { return allow("it is gone") };
        let lock = format!("arn:{}:iam::aws:policy/AWSDenyAll", event.partition());
        if state.attached.contains(&lock) {
            return allow("everything is denied to the user already");
        }
        // As `iam-lost-deny` calls it, to which an undo looks like what that guards.
        let grant = format!("without managed policy {lock}");
        if given.holds.contains(&grant) {
            return allow("an operator has released the user");
        }
        Decision::Revert {
            severity: Severity::High,
            why: format!("{}; it can do what the user can, until it expires", suspicion.why),
            grants: vec![grant],
            plan: vec![Iam::ManagedPolicies(Swap {
                of: of.with_id(state.id.as_ref()),
                from: vec![],
                to: vec![ManagedPolicy(lock)],
            })],
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

/// The IAM user who called: nobody else has a long-lived key, but root.
fn user(event: &Event) -> Option<&str> {
    event.actor.name.as_deref().filter(|_| event.actor.kind == "IAMUser")
}

fn identity(name: &str) -> IamIdentity {
    IamIdentity::named(IdentityKind::User, name)
}
