//! # AWS Config records less
//!
//! **Watches** `PutConfigurationRecorder`.
//!
//! **Why** A recorder that records one type of resources, or each once a day, is still said to be recording. Rules of AWS
//! Config do not hear of what is not recorded. In a role that may read nothing, a recorder records nothing.
//!
//! **Does** Reads the recorder, and how it was in the baseline, which a daily scheduled check keeps and which must be less
//! than two days old. Types of resources that are recorded no more are recorded again beside those of now. What is recorded
//! more seldom than before is recorded as often as it was. The role of before is put back unless the recorder has AWS
//! Config's service-linked role now. Snapback may pass AWS Config that role and no other: where a recorder has one of the
//! account's own, it asks an operator, who needs `iam:PassRole` on it.
//!
//! **Leaves alone**
//! - recorders that record all that they recorded before, in whichever form
//! - recorders that are gone by the time Snapback looks
//! - settings that an operator has restored with `snapback undo`
//! - without a baseline, recorders that record all types of resources, but perhaps those of IAM, at each change
//! - recorders that are put to record everything at each change, in AWS Config's service-linked role
//!
//! Without a baseline it alerts where not everything is recorded. The scheduled check also alerts if the recorder no longer
//! records, or its delivery channel is gone or was weakened: then its baseline stays as it was. How often each type is recorded is put
//! back as a whole.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{AwsConfig, RecordedTypes, Recorder, RecorderSettings, Recording, RecordingMode, Setting, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::aws::recorders::{self, WholeRecorder};
use crate::recorded::{is_own_role, lost, rarer, restored};
use crate::told::{NO_CHANNEL, SERVICE, STOPPED, suspicion};
use crate::{delivered, rights};

#[derive(Debug)]
pub(crate) struct ConfigNarrowedRecorder;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is gone.
    recorder: Option<WholeRecorder>,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeRecorder>>,
}

/// How a recorder is weaker than before.
struct Weakness {
    grant: String,
    severity: Severity,
    /// Restores it; or what an operator has to do, where another control does so when it happens.
    restored: Result<fn(&mut RecorderSettings, &RecorderSettings), String>,
}

impl Control for ConfigNarrowedRecorder {
    const ABOUT: &'static About = &About {
        id: "config-narrowed-recorder",
        title: "AWS Config records less",
        happened: "records less",
        watches: &[Watch { service: SERVICE, name: "PutConfigurationRecorder" }],
        reads: &[
            rights::DESCRIBE_RECORDERS,
            rights::DESCRIBE_RECORDER_STATUS,
            rights::DESCRIBE_CHANNELS,
            rights::LIST_TAGS,
        ],
        writes: &[rights::PUT_RECORDER, rights::PASS_CONFIG_ROLE],
        undoes: &[rights::DESCRIBE_RECORDERS, rights::PUT_RECORDER, rights::PASS_CONFIG_ROLE],
        severity: Severity::High,
        frameworks: &["AWS FSBP Config.1", "CIS AWS Foundations 3.3", "ATT&CK T1562.008"],
        caveat: "What was changed meanwhile and not recorded is not in AWS Config's history: see CloudTrail for it.",
        source: file!(),
    };

    type State = State;
    type Change = AwsConfig;

    const SURVEY: Option<Survey> = Some(recorders::RECORDERS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let asked = &event.request["configurationRecorder"];
        if records_everything(asked) {
            return vec![];
        }
        vec![suspicion(event, "configuration recorder", (asked, "name"), "was put")]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let read = recorders::read(look.place);
        let (recorder, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { recorder, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<AwsConfig> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let by = || format!("{} by {}", suspicion.why, event.actor);
        let why = if event.is_look() { "the recorder records less than it did".to_owned() } else { by() };
        let Some(recorder) = &state.recorder else { return allow("the recorder is gone") };
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        let Some((before, age)) = before.filter(|(before, _)| before.name == recorder.name) else {
            if event.is_look() {
                return allow("it was never seen to record more");
            }
            return without_a_baseline(recorder, &why);
        };
        let mut weaknesses = weaknesses(&recorder.settings, &before.settings);
        if event.is_look() {
            weaknesses.extend(silenced(recorder, before));
        }
        if weaknesses.is_empty() {
            return allow("it records all that it recorded before");
        }
        weaknesses.retain(|weakness| !given.holds.contains(&weakness.grant));
        let Some(severity) = weaknesses.iter().map(|weakness| weakness.severity).max() else {
            return allow("an operator has restored it");
        };
        let said = weaknesses.iter().map(|weakness| weakness.grant.as_str()).collect::<Vec<_>>().join("; ");
        let why = format!("{why}; unlike {age} before, it is {said}");
        let (mut to, mut grants, mut left) = (recorder.settings.clone(), vec![], vec![]);
        for Weakness { grant, restored, .. } in weaknesses {
            match restored {
                Ok(restore) => {
                    restore(&mut to, &before.settings);
                    grants.push(grant);
                }
                Err(how) => left.push(how),
            }
        }
        if grants.is_empty() {
            return Decision::Alert { severity, why: format!("{why}; {}", left.join("; ")) };
        }
        let (of, from) = (Recorder(recorder.name.clone()), recorder.settings.clone());
        Decision::Revert { severity, why, grants, plan: vec![AwsConfig::Settings(Swap { of, from, to })], left }
    }

    fn asks(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Option<String> {
        let Decision::Revert { plan, .. } = Self::decide(event, suspicion, state, given) else { return None };
        plan.iter().find_map(|change| match change {
            AwsConfig::Settings(change) => role_to_pass(&change.to),
            _ => None,
        })
    }

    fn after(state: &State, change: &AwsConfig) -> State {
        let mut state = state.clone();
        if let (Some(recorder), AwsConfig::Settings(change)) = (&mut state.recorder, change) {
            recorder.settings = change.to.clone();
        }
        state
    }
}

impl Remembers for ConfigNarrowedRecorder {
    type Good = WholeRecorder;

    fn good(state: &State) -> Option<WholeRecorder> {
        state.recorder.clone()
    }
}

/// Whether a call has everything recorded, so that no recorder can have recorded more.
fn records_everything(asked: &Value) -> bool {
    let (group, mode) = (&asked["recordingGroup"], &asked["recordingMode"]);
    let all = json::is_true(&group["allSupported"]) && json::is_true(&group["includeGlobalResourceTypes"]);
    let is_continuous = mode.is_null() || json::text(mode, "recordingFrequency") == Some(RecordingMode::CONTINUOUS);
    let is_own = json::text(asked, "roleARN").is_some_and(is_own_role);
    all && is_continuous && json::is_nothing(&mode["recordingModeOverrides"]) && is_own
}

/// In which ways a recorder that was made again is weaker than before.
pub(super) fn weaker(now: &WholeRecorder, before: &WholeRecorder) -> Vec<String> {
    let ways = weaknesses(&now.settings, &before.settings).into_iter().chain(silenced(now, before));
    ways.map(|weakness| weakness.grant).collect()
}

/// Why an operator applies what puts a recorder with these settings, if so.
pub(super) fn role_to_pass(settings: &RecorderSettings) -> Option<String> {
    let role = &settings.role;
    (!is_own_role(role)).then(|| {
        format!(
            "Snapback may pass AWS Config only its service-linked role: who applies this needs iam:PassRole on `{role}`"
        )
    })
}

fn weaknesses(now: &RecorderSettings, before: &RecorderSettings) -> Vec<Weakness> {
    let mut all = vec![];
    let mut weak = |grant: String, severity, restore| all.push(Weakness { grant, severity, restored: Ok(restore) });
    let lost = lost(now, before);
    if !lost.is_empty() {
        let restore: fn(&mut RecorderSettings, &RecorderSettings) = |to, before| to.types = restored(to, before);
        weak(format!("without {lost}"), Severity::High, restore);
    }
    let rarer = rarer(now, before);
    if !rarer.is_empty() {
        let grant = format!("with {rarer} not at each change");
        weak(grant, Severity::Medium, |to, before| to.mode.clone_from(&before.mode));
    }
    if now.role != before.role && !is_own_role(&now.role) {
        weak(format!("in role {}", now.role), Severity::High, |to, before| to.role.clone_from(&before.role));
    }
    all
}

/// What a scheduled check finds of a recorder that other controls revert when it happens: it is said, and does not become a
/// baseline.
fn silenced(now: &WholeRecorder, before: &WholeRecorder) -> Vec<Weakness> {
    let mut all = vec![];
    let mut weak =
        |grant: &str, severity, how| all.push(Weakness { grant: grant.to_owned(), severity, restored: Err(how) });
    if before.recording == Recording::On && now.recording == Recording::Off {
        let start =
            format!("aws configservice start-configuration-recorder --configuration-recorder-name {}", now.name);
        weak(STOPPED, Severity::High, format!("it was recording: `{start}`"));
    }
    let Some(channel) = &before.channel else { return all };
    let was = Some(channel.delivery.clone()).shown();
    let put = format!("it delivered with {was}: `aws configservice put-delivery-channel`");
    match &now.channel {
        None => weak(NO_CHANNEL, Severity::High, put),
        Some(now) => {
            for lost in delivered::weaknesses(&now.delivery, &channel.delivery) {
                weak(&lost.grant, lost.severity, put.clone());
            }
        }
    }
    all
}

fn without_a_baseline(recorder: &WholeRecorder, why: &str) -> Decision<AwsConfig> {
    let (name, now) = (&recorder.name, &recorder.settings);
    let all = RecorderSettings { types: RecordedTypes::AllButIam, mode: RecordingMode::default(), ..now.clone() };
    let missing: BTreeSet<String> =
        [lost(now, &all), rarer(now, &all)].iter().filter(|types| !types.is_empty()).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Decision::Allow { why: "it records all types of resources at each change".to_owned() };
    }
    let why = format!(
        "{why}, and it does not record {} at each change; what it recorded before is not known; to have it record them: `aws \
         configservice put-configuration-recorder --configuration-recorder name={name},roleARN={} --recording-group \
         allSupported=true,includeGlobalResourceTypes=true`",
        missing.into_iter().collect::<Vec<_>>().join("; "),
        now.role
    );
    Decision::Alert { severity: Severity::Medium, why }
}
