//! # A trail was stopped
//!
//! **Watches** `StopLogging`.
//!
//! **Why** Whoever wants to do something unseen first stops the trail that would record it (Stratus Red Team:
//! `cloudtrail-stop`). Without a trail that logs, EventBridge tells of no API call either, so that Snapback hears nothing.
//!
//! **Does** Starts the trail again, if the bucket in which it keeps its log files is this account's: a stranger may by now
//! own the name of a bucket that was deleted. Where that cannot be proven, as for the bucket of a central account, it asks
//! an operator. A trail that was started again tells of nothing for anything from seconds to more than fifteen minutes.
//! So Snapback reads the calls since fifteen minutes before the event, and until half an hour after it, from CloudTrail's
//! event history, which needs no trail, and handles them. Whoever stops a trail and starts it again before Snapback looks
//! is announced as well.
//!
//! **Leaves alone**
//! - trails that were stopped before, so that the call changed nothing
//! - trails that are gone by the time Snapback looks
//! - trails that an operator has stopped again with `snapback undo`
//!
//! It alerts, with the command, if the bucket is gone, and if the event does not say which trail. An organization's trail is
//! stopped and started in the account that owns it, and nowhere else. The history that is read is that of the account and
//! Region of Snapback's stack. While a trail stays stopped, as in mode `ask`, nothing more is read from it.

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::buckets::Owner;
use snapback::change::{CloudTrail, Swap, Trail, TrailLogging};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::aws::trails::Status;
use crate::told::{DEAF, SERVICE, suspicion, trail_of};
use crate::{aws, rights};

/// In these words an undo holds on to it.
const STOPPED: &str = "not logging";

/// How much earlier it must have been stopped than the event says, for another to have stopped it.
const EARLIER: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug)]
pub(crate) struct StoppedLogging;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the trail is gone.
    trail: Option<Seen>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    #[serde(flatten)]
    status: Status,
    /// Where it keeps its log files.
    bucket: String,
    owner: Owner,
}

impl Control for StoppedLogging {
    const ABOUT: &'static About = &About {
        id: "trail-stopped-logging",
        title: "A trail was stopped",
        happened: "was stopped",
        watches: &[Watch { service: SERVICE, name: "StopLogging" }],
        reads: &[rights::GET_TRAIL, rights::GET_TRAIL_STATUS, rights::GET_BUCKET_LOCATION],
        writes: &[rights::START_LOGGING],
        undoes: &[rights::GET_TRAIL_STATUS, rights::STOP_LOGGING],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP CloudTrail.1",
            "CIS AWS Foundations 3.1",
            "ATT&CK T1562.008",
            "Stratus aws.defense-evasion.cloudtrail-stop",
            "Pacu detection__disruption: stop_logging",
        ],
        caveat: "Calls of the time in which nothing was logged are read from CloudTrail's event history within half an hour. \
                 Data events of that time are recorded nowhere.",
        source: file!(),
    };

    const MISSES_EVENTS: Option<SignedDuration> = Some(DEAF);

    type State = State;
    type Change = CloudTrail;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        vec![suspicion(event, Self::ABOUT.happened)]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(arn) = trail_of(&suspicion.subject) else { return Ok(State::default()) };
        let (settings, status) =
            futures::try_join!(aws::trails::settings(look.place, arn), aws::trails::status(look.place, arn))?;
        let Some((bucket, status)) = settings.map(|settings| settings.bucket).zip(status) else {
            return Ok(State::default());
        };
        let owner = Box::pin(snapback::buckets::owner(look.place, &bucket)).await?;
        Ok(State { trail: Some(Seen { status, bucket, owner }) })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<CloudTrail> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::Critical, why };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let Some(arn) = trail_of(&suspicion.subject) else { return alert(why) };
        let Some(trail) = &state.trail else { return allow("the trail is gone") };
        if trail.status.logging == TrailLogging::On {
            return allow("the trail is logging");
        }
        if trail.was_stopped_before(event) {
            return allow("it was stopped before");
        }
        if given.holds.contains(STOPPED) {
            return allow("an operator has stopped it again");
        }
        if trail.owner == Owner::Nobody {
            let bucket = &trail.bucket;
            return alert(format!(
                "{why}; its bucket `{bucket}` is gone, and whoever makes one of that name would get the log files: make it \
                 again, with the policy that lets CloudTrail in, and then `aws cloudtrail start-logging --name {arn}`"
            ));
        }
        Decision::Revert {
            severity: Severity::Critical,
            why,
            grants: vec![STOPPED.to_owned()],
            plan: vec![CloudTrail::Logging(Swap {
                of: Trail(arn.to_owned()),
                from: trail.status.logging,
                to: TrailLogging::On,
            })],
            left: vec![],
        }
    }

    fn asks(_: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let trail = state.trail.as_ref().filter(|trail| trail.owner == Owner::Another)?;
        Some(format!(
            "the trail keeps its log files in bucket `{}`, which is not this account's: see that it is yours before you \
             start the trail",
            trail.bucket
        ))
    }

    /// Whoever stops and starts it is seen by no look.
    fn as_told(_: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let trail = state.trail.clone().filter(|trail| trail.status.logging == TrailLogging::On)?;
        let status = Status { logging: TrailLogging::Off, stopped: None };
        Some((State { trail: Some(Seen { status, ..trail }) }, true))
    }

    fn after(state: &State, change: &CloudTrail) -> State {
        let CloudTrail::Logging(change) = change else { return state.clone() };
        let with = |trail: &Seen| Seen { status: Status { logging: change.to, ..trail.status }, ..trail.clone() };
        State { trail: state.trail.as_ref().map(with) }
    }
}

impl Seen {
    /// Only a trail that logs notes when it is stopped.
    fn was_stopped_before(&self, event: &Event) -> bool {
        self.status.stopped.is_some_and(|stopped| stopped < event.time - EARLIER)
    }
}
