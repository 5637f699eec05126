//! # VPCs can be reached from the internet
//!
//! **Watches** `ModifyVpcBlockPublicAccessOptions`.
//!
//! **Why** Block Public Access of VPCs keeps every internet gateway in the account from passing traffic, whatever
//! routes and rules say. Turning it off opens those that only seemed closed.
//!
//! **Does** Turns it on again, in the mode of the baseline, which a daily scheduled check keeps.
//!
//! **Leaves alone**
//! - the modes `block-bidirectional` and `block-ingress`
//! - Block Public Access that is on again
//! - Block Public Access that an operator has turned off with `snapback undo`
//!
//! It alerts and touches nothing where the baseline is missing or older than two days: the event does not say which
//! mode was on, and the wrong one cuts off what is meant to be reachable. AWS takes some minutes to apply a mode. If it
//! refuses another one before that, the revert fails, and Snapback tries it again like any other.

use std::time::Duration;

use snapback::change::{Ec2, Switch};
use snapback::control::{About, Given, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;

use crate::rights;
use crate::switch::{Position, State, Switched};
use crate::told::{parameters, text};

#[derive(Debug)]
pub(crate) struct UnblockedVpcs;

const MODES: [&str; 2] = ["block-bidirectional", "block-ingress"];

impl Switched for UnblockedVpcs {
    const ABOUT: &'static About = &About {
        id: "ec2-unblocked-vpcs",
        title: "VPCs can be reached from the internet",
        happened: "was weakened",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyVpcBlockPublicAccessOptions" }],
        reads: &[rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS],
        writes: &[rights::MODIFY_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS],
        undoes: &[rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS, rights::MODIFY_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.172", "ATT&CK T1562.007"],
        caveat: "AWS takes some minutes to apply a mode: one that is changed back at once may never have been in effect.",
        source: file!(),
    };
    const SHOWS_LATE: Option<&'static str> = Some("AWS takes some minutes for the mode");
    const SETTLES: Duration = Duration::from_mins(10);
    const REMEMBERS: bool = true;

    const POSITION: Position =
        Position { of: Switch::VpcBlockPublicAccess, risky: "off", safe: MODES[0], severity: Severity::High };

    fn suspect(event: &Event) -> Vec<Suspicion> {
        let mode = text(parameters(event), "internetGatewayBlockMode");
        if mode.is_some_and(|mode| MODES.contains(&mode)) {
            return vec![];
        }
        vec![Self::POSITION.suspicion(event, mode)]
    }

    fn decide(event: &Event, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        let before = before.and_then(|(before, _)| MODES.into_iter().find(|mode| mode == before));
        let position = Position { safe: before.unwrap_or(Self::POSITION.safe), ..Self::POSITION };
        match (position.decide(state, given, vec![]), before) {
            (Decision::Revert { severity, why, .. }, None) if event.is_look() => Decision::Alert { severity, why },
            (Decision::Revert { severity, why, .. }, None) => {
                Decision::Alert { severity, why: format!("{why}; which mode was on before is not known") }
            }
            (decision, _) => decision,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use snapback::control::{Control, Remembered};
    use snapback::settings::Settings;

    use super::*;
    use crate::controls::UnblockedVpcs;

    fn modified(request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "ModifyVpcBlockPublicAccessOptions", "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn set_to(mode: &str) -> Event {
        modified(&json!({"ModifyVpcBlockPublicAccessOptionsRequest": {"InternetGatewayBlockMode": mode}}))
    }

    fn state(is: &str, was: Option<&str>, seen: &str) -> State {
        let seen = seen.parse().expect("a time");
        let remembered = was.map(|was| Remembered { good: Some(was.to_owned()), seen });
        State { is: is.to_owned(), remembered }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<Ec2> {
        let settings = Settings::default();
        let suspicion = UnblockedVpcs::suspect(event, &settings).pop().expect("a suspicion");
        UnblockedVpcs::decide(event, &suspicion, state, &Given { settings: &settings, holds })
    }

    const YESTERDAY: &str = "2026-01-30T13:00:00Z";

    #[test]
    fn what_opens_is_told_apart_from_what_closes() {
        let is_suspicious = |event: &Event| !UnblockedVpcs::suspect(event, &Settings::default()).is_empty();
        assert!(is_suspicious(&set_to("off")) && is_suspicious(&modified(&json!({"omitted": true}))));
        assert!(!is_suspicious(&set_to("block-ingress")) && !is_suspicious(&set_to("block-bidirectional")));
    }

    #[test]
    fn the_mode_comes_back_that_was_on_and_no_other() {
        let said = |state: &State| decide(&set_to("off"), state, &BTreeSet::new()).to_string();
        insta::assert_snapshot!(said(&state("off", Some("block-ingress"), YESTERDAY)), @r"
        revert (high): Block Public Access of VPCs is `off`
          - set Block Public Access of VPCs to `block-ingress`
        ");
        for (was, seen) in [(None, YESTERDAY), (Some("new-mode"), YESTERDAY), (Some(MODES[0]), "2026-01-29T11:00:00Z")]
        {
            insta::allow_duplicates! {
                insta::assert_snapshot!(said(&state("off", was, seen)), @"alert (high): Block Public Access of VPCs is `off`; which mode was on before is not known");
            }
        }
    }
}
