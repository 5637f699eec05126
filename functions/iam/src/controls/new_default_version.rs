//! # A managed policy got a default version that makes administrators or denies less
//!
//! **Watches** `CreatePolicyVersion`, `SetDefaultPolicyVersion`.
//!
//! **Why** A new default version takes effect for everyone who holds the policy, without a call upon any of them. An older
//! version that allowed more is as good: it only has to be made the default again (Pacu: `iam__privesc_scan`). And whoever is
//! kept from something by a `Deny` of the policy is no longer, where the new version lacks it.
//!
//! **Does** Reads the default version that the policy has now, and the one of the baseline, which a daily scheduled check
//! keeps and which must be less than two days old. If the version of now makes whoever holds the policy administrator, or
//! lets the holder grant itself what it lacks by one of the published ways, and the one before did not, or if it lacks what
//! that denied, it asks an operator to make the one before the default again. No version is ever deleted. Snapback itself has
//! no right to set default versions, since whoever has it can become administrator: `snapback apply` does it with the
//! operator's own rights, in mode `revert` too. Only a stack with `IamWriter` has a function with that right, which reverts
//! once `ModeOverrides` names this control in full. It still asks about what CloudFormation did, where the version before also
//! allows something that would come back with what it denies, and unless the version is the next after that of the baseline:
//! another may have been the default in between.
//!
//! **Leaves alone**
//! - new versions of a policy that are not its default
//! - default versions that add no way to become administrator to those of the one before, and deny all that it denied
//! - a version that was the default before
//! - policies that are gone
//! - versions that an operator has restored with `snapback undo`
//!
//! It alerts, with the command, without a baseline about what makes administrators: which version was the default before is
//! never guessed. What a version denied of which there is no baseline is not known, and nothing is said of it. It also alerts if
//! somebody has deleted that version, if the one of now denies something else instead, if it cannot read what a version
//! allows, and if a scheduled check came between the call and the look and has overwritten the baseline.

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
use crate::denied::{Denied, allow, may_deny, missing};
use crate::permissions::DefaultVersion;
use crate::told::{SERVICE, through_cloudformation, word};
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
    before: Option<Remembered<DefaultVersion>>,
}

/// What is to be made of a default version.
#[derive(Debug, PartialEq)]
enum Judged {
    Harmless,
    /// Whoever holds the policy is administrator by it, or can become one: by which way.
    Administrator(Severity, String),
    /// It lacks something that the one before denied.
    DeniesLess,
    Unclear(Severity, String),
}

const MAKES_ADMINISTRATORS: &str = "got a default version that makes administrators";

const DENIES_LESS: &str = "it no longer denies what the one before denied";

impl Control for NewDefaultVersion {
    const ABOUT: &'static About = &About {
        id: "iam-new-default-version",
        title: "A managed policy got a default version that makes administrators or denies less",
        happened: MAKES_ADMINISTRATORS,
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
                 made. A revert does not delete the version: do so, as whoever may set versions can make it the default \
                 again.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const APPLIED_BY: Applier = Applier::IamWriter;
    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));
    const SURVEY: Option<Survey> = Some(authorization_details::POLICIES);

    fn happened(event: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        let denies_less = is_certain && state.judged("", event) == Judged::DeniesLess;
        is_certain.then_some(if denies_less { "got a default version that denies less" } else { MAKES_ADMINISTRATORS })
    }

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let told = [&event.request["setAsDefault"], &event.response["policyVersion"]["isDefaultVersion"]];
        let is_told_not_to_be = told.iter().any(|told| **told == false || **told == "false");
        if event.name == "CreatePolicyVersion" && is_told_not_to_be {
            return vec![];
        }
        let (subject, why) = match json::text(&event.request, "policyArn") {
            Some(arn) => {
                (Subject::managed_policy(event, arn), format!("managed policy `{arn}` got another default version"))
            }
            None => (Subject::account(event), format!("{} was called, and the event does not say on what", event.name)),
        };
        vec![Suspicion { subject, why }]
    }

    /// IAM is asked only if something can be said then.
    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Subject { kind, arn, .. } = &suspicion.subject;
        if kind == "account" {
            return Ok(State::default());
        }
        let read = aws::versions::default(look.place, arn);
        let before = Box::pin(look.remembered::<Self>(&suspicion.subject)).await?;
        let mut state = State { before, ..State::default() };
        if state.is_harmless_as_told(event) {
            return Ok(state);
        }
        let Some((default, text)) = Box::pin(read).await? else { return Ok(state) };
        state.default = Some(default.clone());
        state.versions.insert(default.clone(), text);
        let old = state.before.as_ref().and_then(|before| before.good.clone()).map(|good| good.version.0);
        if let Some(old) = old.filter(|old| *old != default) {
            let text = Box::pin(aws::versions::text(look.place, arn, &old)).await?;
            state.versions.extend(text.map(|text| (old, text)));
        }
        Ok(state)
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
        if state.is_harmless_as_told(event) {
            return allow("it makes nobody administrator, and nothing is known that the one before denied");
        }
        let Some(default) = &state.default else { return allow("the policy is gone") };
        let before = state.known_before(event);
        if before.as_ref().is_some_and(|(old, _)| old.version.0 == *default) {
            return allow("it was the default before already");
        }
        let judged = state.judged(arn, event);
        let (severity, what) = match &judged {
            Judged::Harmless => return allow("it makes nobody administrator who was none, and denies as much"),
            Judged::Administrator(..) | Judged::DeniesLess if given.holds.contains(&held_as(default)) => {
                return allow("an operator has restored it");
            }
            Judged::Administrator(severity, way) => (*severity, way.clone()),
            Judged::DeniesLess => (Severity::Medium, DENIES_LESS.to_owned()),
            Judged::Unclear(severity, what) => (*severity, what.clone()),
        };
        let why = format!("{}: {} set it; {what}", suspicion.why, event.actor);
        let alert = |more: String| Decision::Alert { severity, why: format!("{why}; {more}") };
        let of = word(arn);
        let back =
            |to: &str| format!("to go back: `aws iam set-default-policy-version --policy-arn {of} --version-id {to}`");
        match before {
            None => alert(format!("which one it was before is not known; {}", back("<the one before>"))),
            Some((old, age)) if !state.versions.contains_key(&old.version.0) => {
                let said = old.denying.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
                let old = &old.version.0;
                alert(format!(
                    "{age} before it was `{old}`, which has been deleted: put what it said as a new version{said}"
                ))
            }
            Some((old, _)) if matches!(judged, Judged::Unclear(..)) => alert(back(&old.version.0)),
            Some((old, _)) => Decision::Revert {
                severity,
                why,
                grants: vec![held_as(default)],
                plan: vec![Iam::DefaultVersion(Swap {
                    of: ManagedPolicy(arn.clone()),
                    from: PolicyVersion(default.clone()),
                    to: old.version.clone(),
                })],
                left: vec![],
            },
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event)
            .or_else(|| may_have_changed_since(event, state))
            .or_else(|| comes_back_with_more(event, state))
    }

    fn after(state: &State, change: &Iam) -> State {
        let Iam::DefaultVersion(change) = change else { return state.clone() };
        State { default: Some(change.to.0.clone()), ..state.clone() }
    }
}

impl Remembers for NewDefaultVersion {
    const ALL: Option<ReadAll<DefaultVersion>> = Some(authorization_details::default_versions);

    type Good = DefaultVersion;

    fn good(state: &State) -> Option<DefaultVersion> {
        let default = state.default.as_ref()?;
        let denying = state.versions.get(default).filter(|text| may_deny(text)).cloned();
        Some(DefaultVersion { version: PolicyVersion(default.clone()), denying })
    }
}

impl State {
    fn known_before(&self, event: &Event) -> Option<(&DefaultVersion, String)> {
        self.before.as_ref()?.good_before(event)
    }

    /// Whether a scheduled check has overwritten what there was before the call.
    fn is_overtaken(&self, event: &Event) -> bool {
        self.before.as_ref().is_some_and(|before| before.seen >= event.time)
    }

    /// Whether the event tells that the version makes nobody administrator, and nothing is known that the one before denied.
    fn is_harmless_as_told(&self, event: &Event) -> bool {
        let text = json::text(&event.request, "policyDocument").map(PolicyText::from);
        let denied = self.known_before(event).and_then(|(old, _)| old.denying.as_ref());
        denied.is_none()
            && !self.is_overtaken(event)
            && text.is_some_and(|text| matches!(adds("", &text, None, event), Ok(None)))
    }

    /// What is to be made of the version of now, beside the one before.
    fn judged(&self, arn: &str, event: &Event) -> Judged {
        let text = self.default.as_ref().and_then(|id| self.versions.get(id));
        let Some(text) = text else { return Judged::Harmless };
        let before = self.known_before(event).map(|(old, _)| old);
        let old = before.and_then(|old| self.versions.get(&old.version.0));
        match adds(arn, text, old, event) {
            Ok(Some((severity, way))) => return Judged::Administrator(severity, way),
            Err(error) => return Judged::Unclear(Severity::High, unread(&error)),
            Ok(None) => {}
        }
        let denied = before.and_then(|old| old.denying.as_ref());
        match denied.map(|denied| missing(denied, Some(text), |_| false)) {
            None if self.is_overtaken(event) => Judged::Unclear(
                Severity::Medium,
                "a scheduled check came between the call and this look, so what the one before denied is not known"
                    .to_owned(),
            ),
            None | Some(Ok(Denied::Still { .. })) => Judged::Harmless,
            Some(Ok(Denied::Missing { .. } | Denied::NotAlone)) => Judged::DeniesLess,
            Some(Ok(Denied::Otherwise)) => {
                Judged::Unclear(Severity::Medium, format!("{DENIES_LESS}, and denies something else instead"))
            }
            Some(Err(error)) => {
                Judged::Unclear(Severity::Medium, format!("what the one before denied cannot be told: {error}"))
            }
        }
    }
}

/// The baseline may be older than the version that was the default before the call. If that made the version which follows
/// upon the baseline's, none was made in between.
fn may_have_changed_since(event: &Event, state: &State) -> Option<String> {
    let number = |id: &str| id.strip_prefix('v').and_then(|number| number.parse::<u64>().ok());
    let PolicyVersion(old) = &state.before.as_ref()?.good.as_ref()?.version;
    let is_next = number(old).zip(number(state.default.as_deref()?)).is_some_and(|(old, new)| new == old + 1);
    let is_sure = is_next && event.name == "CreatePolicyVersion";
    (!is_sure).then(|| format!("`{old}` was the default at the daily check, and may not have been until the call"))
}

/// With what the version before denied comes back what it allowed, of which somebody may just have been relieved.
fn comes_back_with_more(event: &Event, state: &State) -> Option<String> {
    let (old, _) = state.known_before(event)?;
    let is_more = state.judged("", event) == Judged::DeniesLess && allow(&old.denying).unwrap_or(true);
    is_more.then(|| format!("`{}` also allows something, which would come back with what it denies", old.version.0))
}

/// By what a hold knows the version. The number of a version is given once.
fn held_as(version: &str) -> String {
    format!("default version {version}")
}
