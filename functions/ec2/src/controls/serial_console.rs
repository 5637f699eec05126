//! # The serial consoles of all instances can be reached
//!
//! **Watches** `EnableSerialConsoleAccess`.
//!
//! **Why** The serial console reaches an instance past security groups and network ACLs, also one without a network
//! (Stratus Red Team: `ec2-serial-console-send-ssh-public-key`).
//!
//! **Does** Turns access to serial consoles off again, for this account in this Region.
//!
//! **Leaves alone**
//! - access that is off again
//! - access that an operator has put back with `snapback undo`
//!
//! The event does not tell whether access was on before. Whoever needs it says so with `snapback undo`, or with the
//! mode `notify` for this control.

use anyhow::Result;
use snapback::change::{Ec2, Switch};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::aws;
use crate::rights;
use crate::switch::{self, Position, State};

#[derive(Debug)]
pub(crate) struct SerialConsole;

/// What it is turned from, and what to.
const POSITION: Position =
    Position { of: Switch::SerialConsoleAccess, risky: "enabled", safe: "disabled", severity: Severity::High };

impl Control for SerialConsole {
    const ABOUT: &'static About = &About {
        id: "ec2-serial-console",
        title: "The serial consoles of all instances can be reached",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "EnableSerialConsoleAccess" }],
        reads: &[rights::GET_SERIAL_CONSOLE_ACCESS_STATUS],
        writes: &[rights::DISABLE_SERIAL_CONSOLE_ACCESS],
        undoes: &[rights::GET_SERIAL_CONSOLE_ACCESS_STATUS, rights::ENABLE_SERIAL_CONSOLE_ACCESS],
        severity: Severity::High,
        frameworks: &["ATT&CK T1021", "Stratus aws.lateral-movement.ec2-serial-console-send-ssh-public-key"],
        caveat: "Look for SendSerialConsoleSSHPublicKey in CloudTrail: it tells which instances were reached.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(Survey { list: |_, event| POSITION.listed(event), needs: &[] });

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        vec![POSITION.suspicion(event)]
    }

    async fn observe(look: &Look<'_>, _: &Event, _: &Suspicion) -> Result<State> {
        Ok(State { is: Box::pin(aws::switch(look.place, POSITION.of)).await? })
    }

    fn decide(_: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        POSITION.decide(state, given, vec![])
    }

    fn after(state: &State, change: &Ec2) -> State {
        switch::after(state, change)
    }
}
