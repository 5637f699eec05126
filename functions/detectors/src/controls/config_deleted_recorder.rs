//! # AWS Config's recorder was deleted
//!
//! **Watches** `DeleteConfigurationRecorder`.
//!
//! **Why** Without a recorder, AWS Config records nothing any more (Pacu: `detection__disruption`). The event does not say
//! how the recorder was set up.
//!
//! **Does** Makes the recorder again as it was in the baseline, which `config-narrowed-recorder` keeps and which must be
//! less than two days old, with its tags. It puts the delivery channel back if that is gone too, and starts the recorder if
//! it was recording. All of that only if the bucket to which it delivers is this account's: where that cannot be proven it
//! asks an operator. It also asks where the recorder had a role other than AWS Config's service-linked one, which Snapback
//! may not pass.
//!
//! **Leaves alone**
//! - recorders that are there again, and record no less than before
//! - recorders that an operator has deleted again with `snapback undo`
//!
//! It alerts, with what it knows, without a baseline, if the bucket is gone, if there is a recorder of another name by now,
//! of which AWS allows one in each Region, and if somebody has made one of the same name that records less. Where
//! `config-narrowed-recorder` is off, there is no baseline.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::buckets::{Owner, owner};
use snapback::change::{AwsConfig, DeliveryChannel, NewRecorder, Recorder, Recording, Setting, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::ConfigNarrowedRecorder;
use super::config_narrowed_recorder::{role_to_pass, weaker};
use crate::aws::delivery::{self, Channel};
use crate::aws::recorders::{self, WholeRecorder};
use crate::rights;
use crate::told::{SERVICE, recorder, recorder_of, subject};

/// In these words an undo holds on to it.
const DELETED: &str = "deleted";

#[derive(Debug)]
pub(crate) struct ConfigDeletedRecorder;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// How the recorder is set up; nothing if it is gone.
    recorder: Option<NewRecorder>,
    /// What is gone records nothing.
    recording: Recording,
    channel: Option<Channel>,
    /// The name of the recorder that is there instead.
    instead: Option<String>,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeRecorder>>,
    /// Whose the bucket is to which it would deliver, if the recorder is gone.
    owner: Option<Owner>,
}

impl Control for ConfigDeletedRecorder {
    const ABOUT: &'static About = &About {
        id: "config-deleted-recorder",
        title: "AWS Config's recorder was deleted",
        happened: "was deleted",
        watches: &[Watch { service: SERVICE, name: "DeleteConfigurationRecorder" }],
        reads: rights::READ_ALL,
        writes: &[
            rights::PUT_RECORDER,
            rights::PASS_CONFIG_ROLE,
            rights::TAG_RECORDER,
            rights::PUT_CHANNEL,
            rights::START_RECORDER,
        ],
        undoes: &[
            rights::DESCRIBE_RECORDERS,
            rights::DESCRIBE_RECORDER_STATUS,
            rights::DESCRIBE_CHANNELS,
            rights::LIST_TAGS,
            rights::STOP_RECORDER,
            rights::DELETE_CHANNEL,
            rights::DELETE_RECORDER,
        ],
        severity: Severity::High,
        frameworks: &[
            "AWS FSBP Config.1",
            "CIS AWS Foundations 3.3",
            "ATT&CK T1562.008",
            "Pacu detection__disruption: delete_configuration_recorder",
        ],
        caveat: "AWS Config keeps what was recorded before. What was changed and changed back while there was no recorder is not \
                 in its history: see CloudTrail for it. In its ARN, the recorder has another id than before.",
        source: file!(),
    };

    type State = State;
    type Change = AwsConfig;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let subject = subject(event, &event.request, "configurationRecorderName", recorder);
        let why = match recorder_of(&subject) {
            Some(name) => format!("configuration recorder `{name}` was deleted"),
            None => "a configuration recorder was deleted, and the event does not say which".to_owned(),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(name) = recorder_of(&suspicion.subject) else { return Ok(State::gone()) };
        let read = recorders::read(look.place, name);
        let (whole, before) = look.with_remembered::<ConfigNarrowedRecorder, _>(&suspicion.subject, read).await?;
        if let Some(WholeRecorder { settings, recording, channel, tags }) = whole {
            let recorder = Some(NewRecorder { settings, tags });
            return Ok(State { recorder, recording, channel, before, ..State::gone() });
        }
        let (instead, channel) =
            futures::try_join!(Box::pin(recorders::find(look.place)), Box::pin(delivery::find(look.place)))?;
        let instead = instead.map(|found| found.name);
        let mut state = State { channel, instead, before, ..State::gone() };
        let known = state.before.as_ref().and_then(|before| before.good.as_ref()?.channel.as_ref());
        if let Some(channel) = state.channel.as_ref().or(known) {
            state.owner = Some(Box::pin(owner(look.place, &channel.delivery.bucket)).await?);
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<AwsConfig> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::High, why };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let Some(name) = recorder_of(&suspicion.subject) else { return alert(why) };
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        if let Some(recorder) = state.whole() {
            let weaker = before.map(|(before, _)| weaker(&recorder, before, name)).unwrap_or_default();
            return match &weaker[..] {
                [] => allow("the recorder is there, and records no less than is known of before"),
                ways => alert(format!("{why}; it was made again, and unlike before it is {}", ways.join("; "))),
            };
        }
        if given.holds.contains(DELETED) {
            return allow("an operator has deleted it again");
        }
        let Some((before, age)) = before else {
            return alert(format!("{why}; how it was set up is not known, so that Snapback cannot make it again"));
        };
        let why = format!("{why}; {age} before, it recorded {}", before.settings.shown());
        if let Some(other) = &state.instead {
            return alert(format!("{why}; recorder `{other}` is there instead, and AWS allows one in each Region"));
        }
        let channel = state.channel.as_ref().or(before.channel.as_ref());
        if let Some(channel) = channel.filter(|_| state.owner == Some(Owner::Nobody)) {
            return alert(format!(
                "{why}; its bucket `{}` is gone too, and whoever makes one of that name would get what it delivers: make it \
                 again, and then the recorder",
                channel.delivery.bucket
            ));
        }
        Decision::Revert {
            severity: Severity::High,
            why,
            grants: vec![DELETED.to_owned()],
            plan: state.plan(before, name),
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let (before, _) = state.before.as_ref()?.good_before(event)?;
        let channel = state.channel.as_ref().or(before.channel.as_ref());
        let foreign = channel.filter(|_| state.owner == Some(Owner::Another)).map(|channel| {
            format!(
                "it delivers to bucket `{}`, which is not this account's: see that it is yours before you make the recorder again",
                channel.delivery.bucket
            )
        });
        let all: Vec<String> = foreign.into_iter().chain(role_to_pass(&before.settings)).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn after(state: &State, change: &AwsConfig) -> State {
        let mut state = state.clone();
        match change {
            AwsConfig::Existence(change) => state.recorder.clone_from(&change.to),
            AwsConfig::Recording(change) => state.recording = change.to,
            AwsConfig::Delivery(Swap { of, to, .. }) => {
                state.channel = to.clone().map(|delivery| Channel { name: of.0.clone(), delivery });
            }
            AwsConfig::Settings(_) => {}
        }
        state
    }
}

impl State {
    fn gone() -> Self {
        Self { recorder: None, recording: Recording::Off, channel: None, instead: None, before: None, owner: None }
    }

    fn whole(&self) -> Option<WholeRecorder> {
        let NewRecorder { settings, tags } = self.recorder.clone()?;
        Some(WholeRecorder { settings, tags, recording: self.recording, channel: self.channel.clone() })
    }

    /// What makes it again. Without a delivery channel none can be started.
    fn plan(&self, before: &WholeRecorder, name: &str) -> Vec<AwsConfig> {
        let of = || Recorder(name.to_owned());
        let tags: BTreeMap<_, _> =
            before.tags.clone().into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
        let to = Some(NewRecorder { settings: before.settings.clone(), tags });
        let mut plan = vec![AwsConfig::Existence(Swap { of: of(), from: None, to })];
        if let (None, Some(channel)) = (&self.channel, &before.channel) {
            let (of, to) = (DeliveryChannel(channel.name.clone()), Some(channel.delivery.clone()));
            plan.push(AwsConfig::Delivery(Swap { of, from: None, to }));
        }
        let delivers = self.channel.is_some() || before.channel.is_some();
        if delivers && self.recording != before.recording {
            plan.push(AwsConfig::Recording(Swap { of: of(), from: self.recording, to: before.recording }));
        }
        plan
    }
}
