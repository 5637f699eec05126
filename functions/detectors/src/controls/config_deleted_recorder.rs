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
//! - recorders that are there again, under whichever name, and record no less than before
//! - recorders that an operator has deleted again with `snapback undo`
//!
//! It alerts, with what it knows, without a baseline, if the bucket is gone, and if somebody has made a recorder since that
//! records less: AWS allows one in each Region. Where `config-narrowed-recorder` is off, there is no baseline.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::buckets::{Owner, owner};
use snapback::change::{AwsConfig, DeliveryChannel, NewRecorder, Recorder, Recording, Setting, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::config_narrowed_recorder::{role_to_pass, weaker};
use super::{ConfigLostDelivery, ConfigNarrowedRecorder, ConfigStoppedRecorder};
use crate::aws::delivery::{self, Channel};
use crate::aws::recorders::{self, WholeRecorder};
use crate::rights;
use crate::told::{NO_CHANNEL, SERVICE, STOPPED, suspicion};

/// In these words an undo holds on to it.
const DELETED: &str = "without a recorder";

#[derive(Debug)]
pub(crate) struct ConfigDeletedRecorder;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The recorder of the Region; nothing if there is none.
    recorder: Option<Named>,
    /// What is gone records nothing.
    recording: Recording,
    channel: Option<Channel>,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeRecorder>>,
    /// Whose the bucket is to which it would deliver, if the recorder is gone.
    owner: Option<Owner>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    recorder: NewRecorder,
}

impl Control for ConfigDeletedRecorder {
    const ABOUT: &'static About = &About {
        id: "config-deleted-recorder",
        title: "AWS Config's recorder was deleted",
        happened: "lost its recorder",
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

    /// Undone, it stops what it has started, and deletes the channel that it has put back.
    const HELD_FOR: &'static [&'static str] = &[ConfigStoppedRecorder::ABOUT.id, ConfigLostDelivery::ABOUT.id];

    type State = State;
    type Change = AwsConfig;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let named = (&event.request, "configurationRecorderName");
        vec![suspicion(event, "configuration recorder", named, "was deleted")]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let read = recorders::read(look.place);
        let (recorder, before) = look.with_remembered::<ConfigNarrowedRecorder, _>(&suspicion.subject, read).await?;
        if let Some(WholeRecorder { name, settings, recording, channel, tags }) = recorder {
            let recorder = Some(Named { name, recorder: NewRecorder { settings, tags } });
            return Ok(State { recorder, recording, channel, before, owner: None });
        }
        let channel = delivery::find(look.place).await?;
        let mut state = State { recorder: None, recording: Recording::Off, channel, before, owner: None };
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
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        if let Some(recorder) = state.whole() {
            let mut weaker = before.map(|(before, _)| weaker(&recorder, before)).unwrap_or_default();
            weaker.retain(|way| !given.holds.contains(way));
            return match &weaker[..] {
                [] => allow("there is a recorder, and it records no less than is known of before"),
                ways => alert(format!(
                    "{why}; recorder `{}` was made since, and unlike before it is {}",
                    recorder.name,
                    ways.join("; ")
                )),
            };
        }
        if given.holds.contains(DELETED) {
            return allow("an operator has deleted it again");
        }
        let Some((before, age)) = before else {
            return alert(format!("{why}; how it was set up is not known, so that Snapback cannot make it again"));
        };
        let why = format!("{why}; {age} before, it recorded {}", before.settings.shown());
        let channel = state.channel.as_ref().or(before.channel.as_ref());
        if let Some(channel) = channel.filter(|_| state.owner == Some(Owner::Nobody)) {
            return alert(format!(
                "{why}; its bucket `{}` is gone too, and whoever makes one of that name would get what it delivers: make it \
                 again, and then the recorder",
                channel.delivery.bucket
            ));
        }
        let plan = state.plan(before, given.holds);
        let grants = plan.iter().map(|change| match change {
            AwsConfig::Delivery(_) => NO_CHANNEL.to_owned(),
            AwsConfig::Recording(_) => STOPPED.to_owned(),
            AwsConfig::Existence(_) | AwsConfig::Settings(_) => DELETED.to_owned(),
        });
        let is_started = plan.iter().any(|change| matches!(change, AwsConfig::Recording(_)));
        let stays_off = before.recording == Recording::On && !is_started && !given.holds.contains(STOPPED);
        let left = stays_off.then(|| "without a delivery channel it does not start".to_owned()).into_iter().collect();
        let grants = grants.collect();
        Decision::Revert { severity: Severity::High, why, grants, plan, left }
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
            AwsConfig::Existence(Swap { of, to, .. }) => {
                state.recorder = to.clone().map(|recorder| Named { name: of.0.clone(), recorder });
            }
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
    fn whole(&self) -> Option<WholeRecorder> {
        let Named { name, recorder: NewRecorder { settings, tags } } = self.recorder.clone()?;
        Some(WholeRecorder { name, settings, tags, recording: self.recording, channel: self.channel.clone() })
    }

    /// What makes it again, without what an operator has undone of it. Without a delivery channel none can be started.
    fn plan(&self, before: &WholeRecorder, holds: &BTreeSet<String>) -> Vec<AwsConfig> {
        let of = || Recorder(before.name.clone());
        let tags: BTreeMap<_, _> =
            before.tags.clone().into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
        let to = Some(NewRecorder { settings: before.settings.clone(), tags });
        let mut plan = vec![AwsConfig::Existence(Swap { of: of(), from: None, to })];
        let known = before.channel.as_ref().filter(|_| !holds.contains(NO_CHANNEL));
        if let (None, Some(channel)) = (&self.channel, known) {
            let (of, to) = (DeliveryChannel(channel.name.clone()), Some(channel.delivery.clone()));
            plan.push(AwsConfig::Delivery(Swap { of, from: None, to }));
        }
        let delivers = self.channel.is_some() || known.is_some();
        if delivers && self.recording != before.recording && !holds.contains(STOPPED) {
            plan.push(AwsConfig::Recording(Swap { of: of(), from: self.recording, to: before.recording }));
        }
        plan
    }
}
