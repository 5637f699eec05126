//! # A user or a group was renamed
//!
//! **Watches** `UpdateUser`, `UpdateGroup`.
//!
//! **Why** A user or a group keeps its keys, its password, its policies and its members under another name, and Snapback looks for
//! what was granted by the name that the event had: whoever renames a user right after making it administrator is not found by
//! the look. A name or a path may also be one that a guardrail spares, or one that people trust.
//!
//! **Does** Alerts, and names both names. It looks at what is held under the new name, and says so if that makes an administrator.
//! Baselines are known by the unique id, so that nobody's grants are taken for those of another who had the name before.
//!
//! **Leaves alone**
//! - calls that change neither name nor path
//! - what an AWS service does by itself, with nobody's credentials

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Nothing;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::administrator::{found, unread};
use crate::permissions::{IamIdentity, IdentityKind, Permissions};
use crate::told::{SERVICE, subject, word};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct RenamedIdentity;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What is held under the new name; nothing if there is no such identity any more.
    identity: Option<Permissions>,
}

/// What a call has renamed, and to what.
struct Renamed {
    from: String,
    to: IamIdentity,
    path: Option<String>,
}

impl Control for RenamedIdentity {
    const ABOUT: &'static About = &About {
        id: "iam-renamed-identity",
        title: "A user or a group was renamed",
        happened: "was renamed",
        watches: &[Watch { service: SERVICE, name: "UpdateUser" }, Watch { service: SERVICE, name: "UpdateGroup" }],
        reads: &[
            rights::GET_USER,
            rights::LIST_GROUPS_FOR_USER,
            rights::LIST_ATTACHED_USER_POLICIES,
            rights::LIST_USER_POLICIES,
            rights::GET_USER_POLICY,
            rights::GET_GROUP,
            rights::LIST_ATTACHED_GROUP_POLICIES,
            rights::LIST_GROUP_POLICIES,
            rights::GET_GROUP_POLICY,
            rights::GET_POLICY,
            rights::GET_POLICY_VERSION,
        ],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1036"],
        caveat: "Look in CloudTrail for what was granted under the old name shortly before.",
        source: file!(),
    };

    type State = State;
    type Change = Nothing;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let has = |name: &str| json::text(&event.request, name).is_some();
        let is_known = !json::is_left_out(&event.request);
        let changes = ["newUserName", "newGroupName", "newPath"].into_iter().any(has);
        if event.actor.is_aws() || is_known && !changes {
            return vec![];
        }
        let Some(Renamed { from, to, path }) = renamed(event) else {
            let why = format!("{} was called, and the event does not say upon what", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let path = path.map(|path| format!(" to the path `{path}`")).unwrap_or_default();
        let why = if from == to.name {
            format!("{} moved {to}{path}", event.actor)
        } else {
            format!("{} renamed `{from}` to {to}{path}", event.actor)
        };
        vec![Suspicion { subject: subject(event, &to), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(Renamed { to, .. }) = renamed(event) else { return Ok(State::default()) };
        Ok(State { identity: aws::identities::read(look.place, &to).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Nothing> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let why = &suspicion.why;
        let Some(held) = &state.identity else {
            return alert(Severity::Medium, format!("{why}; there is none of that name any more"));
        };
        let look = format!("to see what it can do: `snapback explain identity --principal {}`", word(&held.arn));
        match held.judge(Some(event.time)).map(|judged| found(&judged, &BTreeSet::new(), false)) {
            Ok(None) => alert(Severity::Medium, format!("{why}; {look}")),
            Ok(Some((_, way))) => alert(Severity::High, format!("{why}, which is an administrator: {way}; {look}")),
            Err(error) => alert(Severity::Medium, format!("{why}; {}; {look}", unread(&error))),
        }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.identity.as_ref().map(|held| held.arn.as_str()))
    }

    fn after(_: &State, change: &Nothing) -> State {
        match *change {}
    }
}

fn renamed(event: &Event) -> Option<Renamed> {
    let text = |name: &str| json::text(&event.request, name).map(str::to_owned);
    let (kind, old, new) = match event.name.as_str() {
        "UpdateGroup" => (IdentityKind::Group, "groupName", "newGroupName"),
        _ => (IdentityKind::User, "userName", "newUserName"),
    };
    let from = text(old)?;
    Some(Renamed {
        to: IamIdentity::named(kind, text(new).unwrap_or_else(|| from.clone())),
        from,
        path: text("newPath"),
    })
}
