//! # Reverts were stopped or resumed
//!
//! **Watches** each `Scheduled Event`, which reads the emergency stop in the journal.
//!
//! **Why** While it is stopped, Snapback touches nothing. Whoever relies on it has to know that, and when it ends: also
//! those who did not run the command.
//!
//! **Does** Alerts within five minutes of `snapback stop`, of a change of the stop and of its end, and once a day as long
//! as it lasts. It touches nothing: the stop is an operator's.
//!
//! **Leaves alone**
//! - a journal without a stop, and a stop that ended more than an hour ago
//!
//! A stop that is forged is not obeyed, and every notice about it says so.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::journal::Stop;
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct StoppedReverts;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The stop that counts, or one that has just ended.
    stop: Option<Stop>,
    is_over: bool,
}

impl Control for StoppedReverts {
    const ABOUT: &'static About = &About {
        id: "own-stopped-reverts",
        title: "Reverts were stopped or resumed",
        happened: "had its reverts stopped",
        watches: &[Watch { service: "events.amazonaws.com", name: SCHEDULED }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.001"],
        caveat: "What happens during the stop is announced and stays as it is: read `snapback history`.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = "it is time for a scheduled check".to_owned();
        vec![Suspicion { subject: Subject::account(event), why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, _: &Suspicion) -> Result<State> {
        Ok(match look.last_stop().await? {
            Some((stop, is_over)) => State { stop: Some(stop), is_over },
            None => State::default(),
        })
    }

    fn decide(_: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Own> {
        match &state.stop {
            None => Decision::Allow { why: "reverts are not stopped".to_owned() },
            Some(stop) if state.is_over => {
                let why = format!("reverts go on again, as the modes say. Until now Snapback was {stop}");
                Decision::Alert { severity: Severity::Low, why }
            }
            Some(stop) => {
                let why = format!(
                    "Snapback is {stop}. Until then it touches nothing and only tells you what it would revert; `snapback \
                     start` ends the stop"
                );
                Decision::Alert { severity: Severity::High, why }
            }
        }
    }

    fn happened(_: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        is_certain.then_some(if state.is_over { "had its reverts resumed" } else { Self::ABOUT.happened })
    }

    fn after(state: &State, _: &Own) -> State {
        state.clone()
    }
}
