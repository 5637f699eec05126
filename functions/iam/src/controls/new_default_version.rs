//! # A managed policy got a default version that makes administrators
//!
//! **Watches** `CreatePolicyVersion`, `SetDefaultPolicyVersion`.
//!
//! **Why** A new default version takes effect for everyone who holds the policy, without a call upon any of them. An older
//! version that allowed more is as good: it only has to be made the default again (Pacu: `iam__privesc_scan`).
//!
//! **Does** Reads the default version that the policy has now, and the one of the baseline, which a daily scheduled check
//! keeps and which must be less than two days old. If the version of now makes whoever holds the policy administrator, or
//! lets the holder grant itself what it lacks by one of the published ways, and the one before did not, it asks an operator
//! to make the one before the default again. No version is ever deleted. Snapback itself has no right to set default
//! versions, since whoever has it can become administrator: `snapback apply` does it with the operator's own rights, in mode
//! `revert` too. Only a stack with `IamWriter` has a function with that right, which reverts once `ModeOverrides` names this
//! control in full. It still asks about what CloudFormation did, and unless the version is the next after that of the
//! baseline: another may have been the default in between.
//!
//! **Leaves alone**
//! - new versions of a policy that are not its default
//! - default versions that add no way to become administrator to those of the one before
//! - a version that was the default before
//! - policies that are gone
//! - versions that an operator has restored with `snapback undo`
//!
//! It alerts, with the command, without a baseline: which version was the default before is never guessed. It also alerts if
//! somebody has deleted that version, or if it cannot read what a version allows.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Iam, ManagedPolicy, PolicyVersion, Swap};
use snapback::control::{
    About, Applier, Baseline, Control, Given, Look, ReadAll, Remembered, Remembers, Survey, Suspicion, Watch, journaled,
};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::PolicyText;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::administrator::{adds, unread};
use crate::aws::authorization_details;
use crate::told::{SERVICE, through_cloudformation};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct NewDefaultVersion;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The default version; nothing if the policy is gone.
    default: Option<String>,
    /// What it says, and what the version of the baseline says, if that is still there.
    versions: BTreeMap<String, PolicyText>,
    /// Which version was the default when that was last looked at.
    before: Option<Remembered<PolicyVersion>>,
}

impl Control for NewDefaultVersion {
    const ABOUT: &'static About = &About {
        id: "iam-new-default-version",
        title: "A managed policy got a default version that makes administrators",
        happened: "got a default version that makes administrators",
        watches: &[
            Watch { service: SERVICE, name: "CreatePolicyVersion" },
            Watch { service: SERVICE, name: "SetDefaultPolicyVersion" },
        ],
        reads: &[rights::GET_POLICY, rights::GET_POLICY_VERSION],
        writes: &[rights::SET_DEFAULT_POLICY_VERSION],
        undoes: &[rights::GET_POLICY, rights::SET_DEFAULT_POLICY_VERSION],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1098.003", "Pacu iam__privesc_scan"],
        caveat: "What holders of the policy did meanwhile stays done: look in CloudTrail for keys, users and roles that they \
                 made. The version that was reverted is still there: delete it, as whoever may set versions can make it the \
                 default again.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const APPLIED_BY: Applier = Applier::IamWriter;
    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));
    const SURVEY: Option<Survey> = Some(authorization_details::POLICIES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let is_default = &event.request["setAsDefault"];
        if event.name == "CreatePolicyVersion" && (is_default == false || is_default == "false") {
            return vec![];
        }
        let arn = json::text(&event.request, "policyArn");
        let text = json::text(&event.request, "policyDocument").map(PolicyText::from);
        if text.is_some_and(|text| matches!(adds(arn.unwrap_or_default(), &text, None, event), Ok(None))) {
            return vec![];
        }
        let (subject, why) = match arn {
            Some(arn) => {
                (Subject::managed_policy(event, arn), format!("managed policy `{arn}` got another default version"))
            }
            None => (Subject::account(event), format!("{} was called, and the event does not say on what", event.name)),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Subject { kind, arn, .. } = &suspicion.subject;
        if kind == "account" {
            return Ok(State::default());
        }
        let before = Box::pin(look.remembered::<Self>(&suspicion.subject));
        let (now, before) = futures::try_join!(Box::pin(aws::versions::default(look.place, arn)), before)?;
        let Some((default, text)) = now else { return Ok(State { before, ..State::default() }) };
        let mut versions = BTreeMap::from([(default.clone(), text)]);
        let old = before.as_ref().and_then(|before| before.good.clone()).map(|PolicyVersion(id)| id);
        if let Some(old) = old.filter(|old| *old != default) {
            let text = Box::pin(aws::versions::text(look.place, arn, &old)).await?;
            versions.extend(text.map(|text| (old, text)));
        }
        Ok(State { default: Some(default), versions, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let arn = &suspicion.subject.arn;
        if event.is_look() {
            return allow("only a change of it is judged");
        }
        if suspicion.subject.kind == "account" {
            return Decision::Alert { severity: Severity::High, why: suspicion.why.clone() };
        }
        let Some((default, text)) = state.default.as_ref().and_then(|id| state.versions.get_key_value(id)) else {
            return allow("the policy is gone");
        };
        let before = state.before.as_ref().and_then(|before| before.known_before(event));
        let before = before.map(|(PolicyVersion(id), age)| (id, age));
        if before.as_ref().is_some_and(|(old, _)| *old == default) {
            return allow("it was the default before already");
        }
        let old = before.as_ref().and_then(|(old, _)| state.versions.get(*old));
        let found = adds(arn, text, old, event);
        let (severity, way) = match &found {
            Ok(None) => return allow("it makes nobody administrator who was none"),
            Ok(Some(_)) if given.holds.contains(&held_as(default)) => return allow("an operator has restored it"),
            Ok(Some((severity, way))) => (*severity, way.clone()),
            Err(error) => (Severity::High, unread(error)),
        };
        let why = format!("{}: {} set it; {way}", suspicion.why, event.actor);
        let alert = |more: String| Decision::Alert { severity, why: format!("{why}; {more}") };
        let back =
            |to: &str| format!("to go back: `aws iam set-default-policy-version --policy-arn {arn} --version-id {to}`");
        match (before, old) {
            (None, _) => alert(format!("which one it was before is not known; {}", back("<the one before>"))),
            (Some((old, _)), Some(_)) if found.is_err() => alert(back(old)),
            (Some((old, age)), None) => alert(format!(
                "{age} before it was `{old}`, which has been deleted: put what it allowed as a new version"
            )),
            (Some((old, _)), Some(_)) => Decision::Revert {
                severity,
                why,
                grants: vec![held_as(default)],
                plan: vec![Iam::DefaultVersion(Swap {
                    of: ManagedPolicy(arn.clone()),
                    from: PolicyVersion(default.clone()),
                    to: PolicyVersion(old.clone()),
                })],
                left: vec![],
            },
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event).or_else(|| may_have_changed_since(event, state))
    }

    fn after(state: &State, change: &Iam) -> State {
        let Iam::DefaultVersion(change) = change else { return state.clone() };
        State { default: Some(change.to.0.clone()), ..state.clone() }
    }
}

impl Remembers for NewDefaultVersion {
    const ALL: Option<ReadAll<PolicyVersion>> = Some(authorization_details::default_versions);

    type Good = PolicyVersion;

    fn good(state: &State) -> Option<PolicyVersion> {
        state.default.clone().map(PolicyVersion)
    }
}

/// The baseline may be older than the version that was the default before the call. If that made the version which follows
/// upon the baseline's, none was made in between.
fn may_have_changed_since(event: &Event, state: &State) -> Option<String> {
    let number = |id: &str| id.strip_prefix('v').and_then(|number| number.parse::<u64>().ok());
    let PolicyVersion(old) = state.before.as_ref()?.good.as_ref()?;
    let is_next = number(old).zip(number(state.default.as_deref()?)).is_some_and(|(old, new)| new == old + 1);
    let is_sure = is_next && event.name == "CreatePolicyVersion";
    (!is_sure).then(|| format!("`{old}` was the default at the daily check, and may not have been until the call"))
}

/// By what a hold knows the version. The number of a version is given once.
fn held_as(version: &str) -> String {
    format!("default version {version}")
}
