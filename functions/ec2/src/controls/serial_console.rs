//! # Serial console access was turned on
//!
//! **Watches** `EnableSerialConsoleAccess`.
//!
//! **Why** The serial console reaches an instance past security groups and network ACLs, even one without a network
//! (Stratus Red Team: `ec2-serial-console-send-ssh-public-key`).
//!
//! **Does** Turns access to serial consoles off again, for this account in this Region.
//!
//! **Leaves alone**
//! - access that is off again
//! - access that an operator has restored with `snapback undo`
//!
//! The event does not say whether access was on before. If you need it, use `snapback undo`, or mode `notify` for this
//! control.

use snapback::change::Switch;
use snapback::control::{About, Watch};
use snapback::decision::Severity;

use crate::rights;
use crate::switch::{Position, Switched};

#[derive(Debug)]
pub(crate) struct SerialConsole;

impl Switched for SerialConsole {
    const ABOUT: &'static About = &About {
        id: "ec2-serial-console",
        title: "Serial console access was turned on",
        happened: "was turned on",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "EnableSerialConsoleAccess" }],
        reads: &[rights::GET_SERIAL_CONSOLE_ACCESS_STATUS],
        writes: &[rights::DISABLE_SERIAL_CONSOLE_ACCESS],
        undoes: &[rights::GET_SERIAL_CONSOLE_ACCESS_STATUS, rights::ENABLE_SERIAL_CONSOLE_ACCESS],
        severity: Severity::High,
        frameworks: &["ATT&CK T1021", "Stratus aws.lateral-movement.ec2-serial-console-send-ssh-public-key"],
        caveat: "Look for SendSerialConsoleSSHPublicKey in CloudTrail: it shows which instances were reached.",
        source: file!(),
    };

    const POSITION: Position =
        Position { of: Switch::SerialConsoleAccess, risky: "enabled", safe: "disabled", severity: Severity::High };
}
