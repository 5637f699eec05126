//! # Snapshots can be shared with everyone
//!
//! **Watches** `DisableSnapshotBlockPublicAccess`, `EnableSnapshotBlockPublicAccess`.
//!
//! **Why** Block Public Access keeps anybody in the account from sharing a snapshot with everyone, whatever their
//! rights. Turning it off is the first step to doing so, and immediately makes public those that it kept private.
//!
//! **Does** Turns it on again, in the mode of the baseline, which a daily scheduled check keeps. Without a recent
//! baseline it uses `block-new-sharing`, which keeps new snapshots from being shared, as both modes do, and removes
//! nobody's existing access. Where the weaker mode replaced the stricter one and makes snapshots public, it turns the
//! stricter one on again.
//!
//! **Leaves alone**
//! - snapshots that are shared with everyone already: the notice names them
//! - the mode `block-all-sharing`, which is the stricter one
//! - the mode `block-new-sharing` while no snapshot is shared with everyone: then both modes do the same
//! - the mode `block-new-sharing`, where that is the baseline
//! - Block Public Access that an operator has turned off with `snapback undo`
//!
//! It alerts and touches nothing where the mode `block-new-sharing` was turned on while snapshots are shared with
//! everyone, and the baseline is missing or older than two days: if the stricter mode was on before, they are public
//! again.

use anyhow::Result;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, Switch};
use snapback::control::{About, Control, Given, Look, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::aws;
use crate::rights;
use crate::switch::{self, Position};
use crate::told::{parameters, text};

#[derive(Debug)]
pub(crate) struct UnblockedSnapshots;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    #[serde(flatten)]
    switch: switch::State,
    /// The account's own snapshots that everyone may read, unless Block Public Access keeps them from it.
    shared_with_everyone: Vec<String>,
}

const POSITION: Position = Position {
    of: Switch::SnapshotBlockPublicAccess,
    risky: "unblocked",
    safe: "block-new-sharing",
    severity: Severity::High,
};

/// The weaker of the two modes, where the stricter one was on.
const WEAKER: Position = Position { risky: POSITION.safe, safe: STRICTER, ..POSITION };
const STRICTER: &str = "block-all-sharing";

impl Control for UnblockedSnapshots {
    const ABOUT: &'static About = &About {
        id: "ec2-unblocked-snapshots",
        title: "Snapshots can be shared with everyone",
        happened: "was weakened",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "DisableSnapshotBlockPublicAccess" },
            Watch { service: "ec2.amazonaws.com", name: "EnableSnapshotBlockPublicAccess" },
        ],
        reads: &[rights::GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE, rights::DESCRIBE_SNAPSHOTS],
        writes: &[rights::ENABLE_SNAPSHOT_BLOCK_PUBLIC_ACCESS],
        undoes: &[
            rights::GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE,
            rights::DISABLE_SNAPSHOT_BLOCK_PUBLIC_ACCESS,
            rights::ENABLE_SNAPSHOT_BLOCK_PUBLIC_ACCESS,
        ],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.182", "ATT&CK T1562"],
        caveat: "Look for ModifySnapshotAttribute in CloudTrail: it shows which snapshots were shared in the meantime.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> =
        Some(Survey { list: |_, event| async move { Ok(vec![POSITION.subject(event)]) }.boxed(), needs: &[] });

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        if event.name == "DisableSnapshotBlockPublicAccess" {
            return vec![POSITION.suspicion(event, Some(POSITION.risky))];
        }
        match text(parameters(event), "state") {
            Some(STRICTER) => vec![],
            mode => vec![POSITION.suspicion(event, mode.or(Some("a mode that it does not say")))],
        }
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let (is, shared_with_everyone, remembered) = futures::try_join!(
            Box::pin(aws::switches::read(look.place, POSITION.of)),
            Box::pin(aws::shares::snapshots_shared_with_everyone(look.place)),
            Box::pin(look.remembered::<Self>(&suspicion.subject)),
        )?;
        Ok(State { switch: switch::State { is, remembered }, shared_with_everyone })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let public = state.shared_with_everyone.join(", ");
        let remembered = state.switch.remembered.as_ref().filter(|remembered| remembered.is_fresh(event));
        let before = remembered.and_then(|remembered| remembered.good.as_deref());
        let is_narrowed =
            event.name == "EnableSnapshotBlockPublicAccess" || event.is_look() && before == Some(STRICTER);
        if is_narrowed && state.switch.is == WEAKER.risky && !public.is_empty() {
            if before == Some(STRICTER) {
                return WEAKER.decide(&state.switch, given, vec![]);
            }
            if remembered.is_some() {
                return Decision::Allow { why: format!("{} was no stricter in the baseline", POSITION.of) };
            }
            let why = format!("{} is `{}`, under which these are public: {public}", POSITION.of, state.switch.is);
            return Decision::Alert { severity: Severity::Medium, why };
        }
        let position = Position { safe: if before == Some(STRICTER) { STRICTER } else { POSITION.safe }, ..POSITION };
        let left = if public.is_empty() || position.safe == STRICTER {
            vec![]
        } else {
            vec![format!("these snapshots are shared with everyone: {public}")]
        };
        position.decide(&state.switch, given, left)
    }

    fn after(state: &State, change: &Ec2) -> State {
        State { switch: switch::after(&state.switch, change), ..state.clone() }
    }
}

impl Remembers for UnblockedSnapshots {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        POSITION.good(&state.switch)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use snapback::control::Remembered;

    use super::*;

    fn event(name: &str, request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn enabled(mode: &str) -> Event {
        event("EnableSnapshotBlockPublicAccess", &json!({"EnableSnapshotBlockPublicAccessRequest": {"State": mode}}))
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Option<Decision<Ec2>> {
        let settings = Settings::default();
        let suspicion = UnblockedSnapshots::suspect(event, &settings).pop()?;
        Some(UnblockedSnapshots::decide(event, &suspicion, state, &Given { settings: &settings, holds }))
    }

    impl State {
        fn remembering(self, remembered: Option<Remembered<String>>) -> Self {
            Self { switch: switch::State { remembered, ..self.switch }, ..self }
        }
    }

    fn state(is: &str, shared_with_everyone: &[&str]) -> State {
        let shared_with_everyone = shared_with_everyone.iter().map(|id| (*id).to_owned()).collect();
        State { switch: switch::State { is: is.to_owned(), remembered: None }, shared_with_everyone }
    }

    #[test]
    fn the_stricter_mode_is_no_suspicion_and_a_mode_not_told_is() {
        assert!(decide(&enabled("block-all-sharing"), &State::default(), &BTreeSet::new()).is_none());
        let not_told = event("EnableSnapshotBlockPublicAccess", &json!({"omitted": true}));
        assert!(
            decide(&not_told, &state("block-all-sharing", &["snap-1"]), &BTreeSet::new())
                .is_some_and(|it| it.is_allow())
        );
    }

    #[test]
    fn the_weaker_mode_is_an_alert_only_where_it_makes_a_difference() {
        let said =
            |state: &State| decide(&enabled("block-new-sharing"), state, &BTreeSet::new()).map(|it| it.to_string());
        insta::assert_snapshot!(said(&state("block-new-sharing", &["snap-1"])).unwrap_or_default(), @"alert (medium): Block Public Access of snapshots is `block-new-sharing`, under which these are public: snap-1");
        insta::assert_snapshot!(said(&state("block-new-sharing", &[])).unwrap_or_default(), @"allow: Block Public Access of snapshots is `block-new-sharing`");
    }

    fn seen(mode: Option<&str>, at: &str) -> Remembered<String> {
        Remembered { good: mode.map(str::to_owned), seen: at.parse().expect("a time") }
    }

    #[test]
    fn the_mode_comes_back_that_was_on() {
        let off = event("DisableSnapshotBlockPublicAccess", &json!({"DisableSnapshotBlockPublicAccessRequest": ""}));
        let plan = |event: &Event, is: &str, remembered| {
            let state = state(is, &["snap-1"]).remembering(Some(remembered));
            decide(event, &state, &BTreeSet::new()).map_or_else(Vec::new, |it| it.plan().to_vec())
        };
        let turned =
            |from: &'static str, to: &'static str| vec![Position { risky: from, safe: to, ..POSITION }.change()];
        let (yesterday, long_ago) = ("2026-01-31T03:00:00Z", "2026-01-28T03:00:00Z");
        assert_eq!(plan(&off, "unblocked", seen(Some(STRICTER), yesterday)), turned("unblocked", STRICTER));
        assert_eq!(plan(&off, "unblocked", seen(Some(STRICTER), long_ago)), turned("unblocked", "block-new-sharing"));
        assert_eq!(plan(&off, "unblocked", seen(Some(POSITION.safe), yesterday)), turned("unblocked", POSITION.safe));
        let weaker = enabled("block-new-sharing");
        assert_eq!(plan(&weaker, POSITION.safe, seen(Some(STRICTER), yesterday)), turned(POSITION.safe, STRICTER));
        for (mode, at) in [(Some(STRICTER), long_ago), (Some(POSITION.safe), yesterday), (None, yesterday)] {
            assert_eq!(plan(&weaker, POSITION.safe, seen(mode, at)), []);
        }
    }
}
