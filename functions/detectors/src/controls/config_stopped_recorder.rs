//! # AWS Config was stopped
//!
//! **Watches** `StopConfigurationRecorder`.
//!
//! **Why** Whoever changes what AWS Config would find first stops its recorder (Pacu: `detection__disruption`). Without it
//! no change of a resource is recorded, no rule of Config is evaluated, and what Security Hub knows by such rules grows
//! old.
//!
//! **Does** Starts the recorder again, if the bucket to which it delivers is this account's: a stranger may by now own the
//! name of a bucket that was deleted. If the delivery channel was deleted meanwhile, without which no recorder starts, it
//! is put back first as in the baseline of `config-narrowed-recorder`, which must be less than two days old. Where it
//! cannot be proven whose the bucket is, as for that of a central account, it asks an operator. Whoever stops a recorder
//! and starts it again before Snapback looks is announced as well.
//!
//! **Leaves alone**
//! - recorders that were stopped before, so that the call changed nothing
//! - recorders that are gone by the time Snapback looks
//! - recorders that an operator has stopped again with `snapback undo`
//!
//! It alerts, with the command, if there is no delivery channel and none is known of, and if the bucket is gone. AWS Config
//! has one recorder in each Region, so that it is known which was stopped also where the event does not say.

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::buckets::{Owner, owner};
use snapback::change::{AwsConfig, DeliveryChannel, Recorder, Recording, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::{ConfigLostDelivery, ConfigNarrowedRecorder};
use crate::aws::delivery::{self, Channel};
use crate::aws::recorders::{self, Status, WholeRecorder};
use crate::rights;
use crate::told::{NO_CHANNEL, SERVICE, STOPPED, suspicion};

/// How much earlier it must have been stopped than the event says, for another to have stopped it.
const EARLIER: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug)]
pub(crate) struct ConfigStoppedRecorder;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the recorder is gone.
    recorder: Option<Status>,
    /// Where it delivers.
    channel: Option<Channel>,
    /// How it was when it was last looked at, if there is no channel.
    before: Option<Remembered<WholeRecorder>>,
    /// Whose the bucket of the channel is, or of that before.
    owner: Option<Owner>,
}

impl Control for ConfigStoppedRecorder {
    const ABOUT: &'static About = &About {
        id: "config-stopped-recorder",
        title: "AWS Config was stopped",
        happened: "was stopped",
        watches: &[Watch { service: SERVICE, name: "StopConfigurationRecorder" }],
        reads: &[rights::DESCRIBE_RECORDER_STATUS, rights::DESCRIBE_CHANNELS, rights::GET_BUCKET_LOCATION],
        writes: &[rights::START_RECORDER, rights::PUT_CHANNEL],
        undoes: &[
            rights::DESCRIBE_RECORDER_STATUS,
            rights::DESCRIBE_CHANNELS,
            rights::STOP_RECORDER,
            rights::DELETE_CHANNEL,
        ],
        severity: Severity::High,
        frameworks: &[
            "AWS FSBP Config.1",
            "CIS AWS Foundations 3.3",
            "ATT&CK T1562.008",
            "Pacu detection__disruption: stop_configuration_recorder",
        ],
        caveat: "Once it is started, the recorder records how each resource is then. What was changed and changed back \
                 meanwhile is not in AWS Config's history: see CloudTrail for it.",
        source: file!(),
    };

    /// Undone, it deletes the channel that it has put back.
    const HELD_FOR: &'static [&'static str] = &[ConfigLostDelivery::ABOUT.id];

    type State = State;
    type Change = AwsConfig;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let named = (&event.request, "configurationRecorderName");
        vec![suspicion(event, "configuration recorder", named, Self::ABOUT.happened)]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let (recorder, channel) =
            futures::try_join!(Box::pin(recorders::status(look.place)), Box::pin(delivery::find(look.place)))?;
        let mut state = State { recorder, channel, ..State::default() };
        if state.recorder.is_some() && state.channel.is_none() {
            state.before = look.remembered::<ConfigNarrowedRecorder>(&suspicion.subject).await?;
        }
        let known = state.before.as_ref().and_then(|before| before.good.as_ref()?.channel.as_ref());
        if let Some(channel) = state.channel.as_ref().or(known).filter(|_| state.recorder.is_some()) {
            state.owner = Some(Box::pin(owner(look.place, &channel.delivery.bucket)).await?);
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<AwsConfig> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::High, why };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let Some(recorder) = &state.recorder else { return allow("the recorder is gone") };
        if recorder.recording == Recording::On {
            return allow("the recorder is recording");
        }
        if recorder.stopped.is_some_and(|stopped| stopped < event.time - EARLIER) {
            return allow("it was stopped before");
        }
        if given.holds.contains(STOPPED) {
            return allow("an operator has stopped it again");
        }
        if state.channel.is_none() && given.holds.contains(NO_CHANNEL) {
            return alert(format!(
                "{why}; an operator has deleted its delivery channel again, without which it does not start"
            ));
        }
        let name = &recorder.name;
        let start = format!("`aws configservice start-configuration-recorder --configuration-recorder-name {name}`");
        let Some(channel) = state.channel.as_ref().or_else(|| state.channel_before(event)) else {
            return alert(format!(
                "{why}; it has no delivery channel, without which it does not start, and none is known of before: `aws \
                 configservice put-delivery-channel`, and then {start}"
            ));
        };
        if state.owner == Some(Owner::Nobody) {
            let bucket = &channel.delivery.bucket;
            return alert(format!(
                "{why}; its bucket `{bucket}` is gone, and whoever makes one of that name would get what it delivers: make it \
                 again, with the policy that lets AWS Config in, and then {start}"
            ));
        }
        let (mut plan, mut grants) = (vec![], vec![STOPPED.to_owned()]);
        if state.channel.is_none() {
            grants.push(NO_CHANNEL.to_owned());
            plan.push(AwsConfig::Delivery(Swap {
                of: DeliveryChannel(channel.name.clone()),
                from: None,
                to: Some(channel.delivery.clone()),
            }));
        }
        let (from, to) = (recorder.recording, Recording::On);
        plan.push(AwsConfig::Recording(Swap { of: Recorder(name.clone()), from, to }));
        let gone = if state.channel.is_none() { ", and its delivery channel is gone" } else { "" };
        Decision::Revert { severity: Severity::High, why: format!("{why}{gone}"), grants, plan, left: vec![] }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let channel = state.channel.as_ref().or_else(|| state.channel_before(event));
        let channel = channel.filter(|_| state.owner == Some(Owner::Another))?;
        Some(format!(
            "the recorder delivers to bucket `{}`, which is not this account's: see that it is yours before you start the \
             recorder",
            channel.delivery.bucket
        ))
    }

    /// Whoever stops and starts it is seen by no look.
    fn as_told(_: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let recorder = state.recorder.clone().filter(|recorder| recorder.recording == Recording::On)?;
        let recorder = Some(Status { recording: Recording::Off, stopped: None, ..recorder });
        Some((State { recorder, ..state.clone() }, true))
    }

    fn after(state: &State, change: &AwsConfig) -> State {
        let mut state = state.clone();
        match change {
            AwsConfig::Recording(change) => {
                if let Some(recorder) = &mut state.recorder {
                    recorder.recording = change.to;
                }
            }
            AwsConfig::Delivery(Swap { of, to, .. }) => {
                state.channel = to.clone().map(|delivery| Channel { name: of.0.clone(), delivery });
            }
            AwsConfig::Settings(_) | AwsConfig::Existence(_) => {}
        }
        state
    }
}

impl State {
    fn channel_before(&self, event: &Event) -> Option<&Channel> {
        let (before, _) = self.before.as_ref()?.good_before(event)?;
        let is_of_this = self.recorder.as_ref().is_some_and(|recorder| recorder.name == before.name);
        before.channel.as_ref().filter(|_| is_of_this)
    }
}
