//! # AWS Config delivers elsewhere, or nowhere
//!
//! **Watches** `DeleteDeliveryChannel`, `PutDeliveryChannel`.
//!
//! **Why** Without a delivery channel, AWS Config's recorder does not start (Pacu: `detection__disruption`). One that
//! delivers to another bucket keeps the history of all resources from whoever looks for it in the old one, and shows it to
//! others. Neither event says where AWS Config delivered before.
//!
//! **Does** Reads the delivery channel, and how it was in the baseline, which `config-narrowed-recorder` keeps and which
//! must be less than two days old. It puts the channel back if it is gone. If it was weakened, it restores what was, and
//! nothing else: the bucket and prefix, the KMS key that was cleared or is another account's now, the topic, the snapshots.
//! Both only if the bucket of before is this account's: where that cannot be proven it asks an operator.
//!
//! **Leaves alone**
//! - channels that deliver as before, such as with another key of this account
//! - what an operator has restored with `snapback undo`
//!
//! It alerts, with what it knows, without a baseline, if the bucket of before is gone, and if there is no recorder by now,
//! with which `config-deleted-recorder` puts the channel back as well. AWS deletes no channel while the recorder records:
//! an undo needs the recorder to be stopped first.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::buckets::{Owner, owner};
use snapback::change::{AwsConfig, DeliveryChannel, Setting, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::ConfigNarrowedRecorder;
use crate::aws::delivery::{self, Channel};
use crate::aws::recorders::{self, WholeRecorder};
use crate::delivered::{place, weaknesses};
use crate::rights;
use crate::told::{NO_CHANNEL, SERVICE, suspicion};

const DELETE: &str = "DeleteDeliveryChannel";

#[derive(Debug)]
pub(crate) struct ConfigLostDelivery;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The channel of the Region; nothing if there is none.
    channel: Option<Channel>,
    /// Whether there is a recorder, without which there can be no channel.
    recorder: bool,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeRecorder>>,
    /// Whose the bucket of before is, if nothing is delivered there now.
    owner: Option<Owner>,
}

impl Control for ConfigLostDelivery {
    const ABOUT: &'static About = &About {
        id: "config-lost-delivery",
        title: "AWS Config delivers elsewhere, or nowhere",
        happened: "delivers elsewhere",
        watches: &[Watch { service: SERVICE, name: DELETE }, Watch { service: SERVICE, name: "PutDeliveryChannel" }],
        reads: &[rights::DESCRIBE_CHANNELS, rights::DESCRIBE_RECORDERS, rights::GET_BUCKET_LOCATION],
        writes: &[rights::PUT_CHANNEL],
        undoes: &[rights::DESCRIBE_CHANNELS, rights::PUT_CHANNEL, rights::DELETE_CHANNEL],
        severity: Severity::High,
        frameworks: &["AWS FSBP Config.1", "CIS AWS Foundations 3.3", "ATT&CK T1562.008"],
        caveat: "What was delivered meanwhile stays where it is.",
        source: file!(),
    };

    type State = State;
    type Change = AwsConfig;

    fn happened(_: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        let happened = if state.channel.is_none() { "lost its delivery channel" } else { Self::ABOUT.happened };
        is_certain.then_some(happened)
    }

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let (of, field, done) = if event.name == DELETE {
            (&event.request, "deliveryChannelName", "was deleted")
        } else {
            (&event.request["deliveryChannel"], "name", "was put")
        };
        vec![suspicion(event, "delivery channel", (of, field), done)]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let read =
            async { futures::try_join!(Box::pin(delivery::find(look.place)), Box::pin(recorders::find(look.place))) };
        let ((channel, recorder), before) =
            look.with_remembered::<ConfigNarrowedRecorder, _>(&suspicion.subject, read).await?;
        let mut state = State { channel, recorder: recorder.is_some(), before, owner: None };
        let bucket =
            state.before.as_ref().and_then(|before| Some(&before.good.as_ref()?.channel.as_ref()?.delivery.bucket));
        let is_now = |bucket: &&String| state.channel.as_ref().is_some_and(|now| now.delivery.bucket == **bucket);
        if let Some(bucket) = bucket.filter(|bucket| !is_now(bucket)) {
            state.owner = Some(Box::pin(owner(look.place, bucket)).await?);
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<AwsConfig> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        let Some((Channel { name, delivery: before }, age)) =
            before.and_then(|(before, age)| Some((before.channel.as_ref()?, age)))
        else {
            return without_a_baseline(state, &why);
        };
        if let Some(other) = state.channel.as_ref().filter(|now| now.name != *name) {
            return alert(Severity::High, format!("{why}; there is `{}` instead of `{name}`", other.name));
        }
        let of = || DeliveryChannel(name.clone());
        let gone = |was: &str| {
            format!(
                "it delivered to {was}, which is gone, so that whoever makes one of that name would get what is delivered: make \
                 it again, and then `aws configservice put-delivery-channel`"
            )
        };
        let Some(now) = state.channel.as_ref().map(|now| &now.delivery) else {
            if given.holds.contains(NO_CHANNEL) {
                return allow("an operator has deleted it again");
            }
            let why = format!("{why}; {age} before, it had {}", Some(before.clone()).shown());
            if !state.recorder {
                return alert(
                    Severity::High,
                    format!("{why}; there is no recorder either, without which there is none"),
                );
            }
            if state.owner == Some(Owner::Nobody) {
                return alert(Severity::High, format!("{why}; {}", gone(&place(before))));
            }
            let to = Some(before.clone());
            return Decision::Revert {
                severity: Severity::High,
                why,
                grants: vec![NO_CHANNEL.to_owned()],
                plan: vec![AwsConfig::Delivery(Swap { of: of(), from: None, to })],
                left: vec![],
            };
        };
        let mut weaknesses = weaknesses(now, before);
        if weaknesses.is_empty() {
            return allow("it delivers as before");
        }
        weaknesses.retain(|weakness| !given.holds.contains(&weakness.grant));
        let Some(severity) = weaknesses.iter().map(|weakness| weakness.severity).max() else {
            return allow("an operator has restored it");
        };
        let grants: Vec<String> = weaknesses.iter().map(|weakness| weakness.grant.clone()).collect();
        let why = format!("{why}; unlike {age} before, it is {}", grants.join(", "));
        if state.owner == Some(Owner::Nobody) {
            return alert(severity, format!("{why}; {}", gone(&place(before))));
        }
        let mut to = now.clone();
        for weakness in &weaknesses {
            (weakness.restore)(&mut to, before);
        }
        let change = AwsConfig::Delivery(Swap { of: of(), from: Some(now.clone()), to: Some(to) });
        Decision::Revert { severity, why, grants, plan: vec![change], left: vec![] }
    }

    fn asks(_: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let before = state.before.as_ref().filter(|_| state.owner == Some(Owner::Another))?.good.as_ref()?;
        let before = &before.channel.as_ref()?.delivery;
        Some(format!(
            "it delivered to bucket `{}`, which is not this account's: see that it is yours before you have it deliver there again",
            before.bucket
        ))
    }

    fn after(state: &State, change: &AwsConfig) -> State {
        let mut state = state.clone();
        if let AwsConfig::Delivery(Swap { of, to, .. }) = change {
            state.channel = to.clone().map(|delivery| Channel { name: of.0.clone(), delivery });
        }
        state
    }
}

fn without_a_baseline(state: &State, why: &str) -> Decision<AwsConfig> {
    let (severity, now) = match &state.channel {
        Some(now) => (Severity::Medium, format!("it has {} now", Some(now.delivery.clone()).shown())),
        None => (Severity::High, "it is gone: `aws configservice put-delivery-channel`".to_owned()),
    };
    Decision::Alert { severity, why: format!("{why}; how it was before is not known; {now}") }
}
