//! # A key is no longer rotated
//!
//! **Watches** of AWS KMS `DisableKeyRotation`.
//!
//! **Why** A key that keeps its material for ever gives whoever gets hold of it everything that was ever encrypted with it.
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id. The plan
//! rotates the key again, after as many days as in the baseline, which a daily scheduled check keeps and which must be less
//! than two days old.
//!
//! **Leaves alone**
//! - keys that are rotated by the time Snapback looks, or are gone
//! - keys of which an operator has stopped the rotation again with `snapback undo`
//! - Snapback's own keys, which `own-disabled-key` guards
//!
//! It alerts, with the command, where how often it was rotated is not known, or which key it is.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Key, Kms, Rotation, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::told::{self, SERVICE, key_of};
use crate::{aws, rights};

/// In this word an undo holds on to it.
const STOPPED: &str = "not rotated";

#[derive(Debug)]
pub(crate) struct StoppedRotation;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the key is gone, or is of a kind that is never rotated.
    rotation: Option<Rotation>,
    before: Option<Remembered<Rotation>>,
}

impl Control for StoppedRotation {
    const ABOUT: &'static About = &About {
        id: "kms-stopped-rotation",
        title: "A key is no longer rotated",
        happened: "is no longer rotated",
        watches: &[Watch { service: SERVICE, name: "DisableKeyRotation" }],
        reads: &[rights::GET_ROTATION],
        writes: &[rights::ENABLE_ROTATION],
        undoes: &[rights::GET_ROTATION, rights::DISABLE_ROTATION],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP KMS.4", "CIS AWS Foundations 3.6", "ATT&CK T1562"],
        caveat: "The next rotation counts from when it was started again.",
        source: file!(),
    };

    const ASKS_UNLESS_NAMED: bool = true;

    /// Reads of a key flap between old and new.
    const SETTLES: Duration = Duration::from_mins(10);

    type State = State;
    type Change = Kms;

    const SURVEY: Option<Survey> = Some(aws::KEYS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let subject = told::subject(event);
        if settings.own.keys.contains(&subject.arn) {
            return vec![];
        }
        let key =
            key_of(&subject).map_or("a key, and the event does not say which".to_owned(), |id| format!("key `{id}`"));
        vec![Suspicion { why: format!("{} stopped the rotation of {key}", event.actor), subject }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(key) = key_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = aws::unless_kept_from_iam(aws::rotation(look.place, key), event);
        let (rotation, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { rotation, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Kms> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::Medium, why };
        let Some(key) = key_of(&suspicion.subject) else { return alert(suspicion.why.clone()) };
        match state.rotation {
            None => return allow("the key is gone, or is never rotated"),
            Some(Rotation { days: Some(_) }) => return allow("it is rotated"),
            Some(Rotation { days: None }) if event.is_look() => return allow("nobody has changed it just now"),
            Some(Rotation { days: None }) => {}
        }
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        let Some((before, age)) = before else {
            return alert(format!(
                "{}; how often it was rotated is not known. To have it rotated every year: `aws kms enable-key-rotation \
                 --region {} --key-id {key}`",
                suspicion.why, event.region
            ));
        };
        let Some(days) = before.days else {
            return alert(format!(
                "{}; {age} before, it was not rotated, so perhaps the call changed nothing",
                suspicion.why
            ));
        };
        if given.holds.contains(STOPPED) {
            return allow("an operator has stopped it again");
        }
        Decision::Revert {
            severity: Severity::Medium,
            why: format!("{}; {age} before, it was rotated every {days} days", suspicion.why),
            grants: vec![STOPPED.to_owned()],
            plan: vec![Kms::Rotation(Swap { of: Key(key.to_owned()), from: Rotation::default(), to: *before })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &Kms) -> State {
        let Kms::Rotation(change) = change else { return state.clone() };
        State { rotation: state.rotation.map(|_| change.to), ..state.clone() }
    }
}

impl Remembers for StoppedRotation {
    type Good = Rotation;

    fn good(state: &State) -> Option<Rotation> {
        state.rotation
    }
}
