//! # Network traffic is copied to a stranger
//!
//! **Watches** `CreateTrafficMirrorSession`, `ModifyTrafficMirrorSession`.
//!
//! **Why** A mirror session copies every packet of a network interface to its target. A target can be shared between
//! accounts, so a stranger can get everything that an instance sends and receives.
//!
//! **Does** Looks up who owns the target. Alerts and touches nothing.
//!
//! **Leaves alone**
//! - targets of its own account, and of accounts that the operator trusts
//! - changes of a session that leave its target as it is
//!
//! It also alerts if it cannot see the target. It does not check where a target of your own forwards the packets.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Ec2;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::sharing::is_trusted;
use crate::told::{answer, field, parameters, text};

#[derive(Debug)]
pub(crate) struct ForeignTrafficMirror;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The account whose the target is; nothing if it is not there for us to see.
    owner: Option<String>,
}

impl Control for ForeignTrafficMirror {
    const ABOUT: &'static About = &About {
        id: "ec2-foreign-traffic-mirror",
        title: "Network traffic is copied to a stranger",
        happened: "was set up to copy network traffic",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "CreateTrafficMirrorSession" },
            Watch { service: "ec2.amazonaws.com", name: "ModifyTrafficMirrorSession" },
        ],
        reads: &[rights::DESCRIBE_TRAFFIC_MIRROR_TARGETS],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1020.001"],
        caveat: "Treat everything sent unencrypted since the session began as known to the target's owner.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let keeps_target = text(request, "trafficMirrorTargetId").is_none() && !json::is_left_out(request);
        if event.name == "ModifyTrafficMirrorSession" && keeps_target {
            return vec![];
        }
        let id = text(field(answer(event), "trafficMirrorSession"), "trafficMirrorSessionId")
            .or_else(|| text(request, "trafficMirrorSessionId"));
        let subject = id.map_or_else(|| Subject::account(event), |id| Subject::traffic_mirror_session(event, id));
        let target = target(event).map_or("a target that it does not say".to_owned(), |id| format!("target `{id}`"));
        vec![Suspicion { subject, why: format!("the event copies traffic to {target}") }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        Ok(match target(event) {
            Some(id) => State { owner: Box::pin(aws::traffic_mirrors::owner_of_target(look.place, id)).await? },
            None => State::default(),
        })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let target =
            target(event).map_or_else(|| "a target that is not told".to_owned(), |id| format!("target `{id}`"));
        match &state.owner {
            Some(owner) if is_trusted(owner, event, given.settings) => {
                Decision::Allow { why: format!("{target} is of account {owner}") }
            }
            Some(owner) => {
                let why = format!("network traffic is copied to {target} of account {owner}");
                Decision::Alert { severity: Severity::High, why }
            }
            None => {
                let why = format!("network traffic is copied to {target}, and its owner cannot be seen");
                Decision::Alert { severity: Severity::Medium, why }
            }
        }
    }

    fn after(state: &State, _: &Ec2) -> State {
        state.clone()
    }
}

fn target(event: &Event) -> Option<&str> {
    let made = field(answer(event), "trafficMirrorSession");
    text(parameters(event), "trafficMirrorTargetId").or_else(|| text(made, "trafficMirrorTargetId"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn it_matters_whose_the_target_is() {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "CreateTrafficMirrorSession", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"CreateTrafficMirrorSessionRequest": {"TrafficMirrorTargetId": "tmt-1"}},
        });
        let event = Event::from_record(record).expect("an event");
        let settings = Settings { trusted_accounts: ["222233334444".to_owned()].into(), ..Settings::default() };
        let suspicion = ForeignTrafficMirror::suspect(&event, &settings).pop().expect("it has to be looked at");
        for (owner, expected) in [
            (Some("111122223333"), "allow"),
            (Some("222233334444"), "allow"),
            (Some("444455556666"), "alert (high): network traffic is copied to target `tmt-1` of account 444455556666"),
            (None, "alert (medium)"),
        ] {
            let state = State { owner: owner.map(str::to_owned) };
            let given = Given { settings: &settings, holds: &BTreeSet::new() };
            let said = ForeignTrafficMirror::decide(&event, &suspicion, &state, &given).to_string();
            assert!(said.starts_with(expected), "{said}");
        }
    }
}
