//! # Root signed in, or its password was changed
//!
//! **Watches** `ConsoleLogin`, `PasswordRecoveryRequested`, `PasswordRecoveryCompleted`, `PasswordUpdated`.
//!
//! **Why** The root user can do everything, no policy of its account limits it, and it is needed for hardly anything. Who
//! has the mailbox of root can ask for a new password.
//!
//! **Does** Alerts, and says whether MFA was used. A sign-in and a new password are critical.
//!
//! **Leaves alone**
//! - a sign-in that failed: `signin-failed-logins` counts it
//! - sign-ins of anybody else

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::{Event, Kind};
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::console::{LOGIN, from, may_have_succeeded, with_mfa};

#[derive(Debug)]
pub(crate) struct RootSignIn;

impl Noticed for RootSignIn {
    const ABOUT: &'static About = &About {
        id: "signin-root-sign-in",
        title: "Root signed in, or its password was changed",
        happened: "saw root sign in",
        watches: &[
            LOGIN,
            Watch { service: "signin.amazonaws.com", name: REQUESTED },
            Watch { service: "signin.amazonaws.com", name: "PasswordRecoveryCompleted" },
            Watch { service: "signin.amazonaws.com", name: "PasswordUpdated" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1078.004", "Security Hub CloudWatch.1"],
        caveat: "If nobody of yours did it, change root's password and MFA device at once, and call AWS Support.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::SignIn;

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            "ConsoleLogin" => Self::ABOUT.happened,
            REQUESTED => "was asked for a new password of root",
            _ => "had root's password changed",
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if !event.actor.is_root() || !may_have_succeeded(event) {
            return None;
        }
        let mfa = if with_mfa(event) { "with MFA" } else { "without MFA" };
        let why = match event.name.as_str() {
            "ConsoleLogin" => format!("root signed in to the console from {}, {mfa}", from(event)),
            REQUESTED => format!("somebody at {} asked for a new password of root", from(event)),
            _ => format!("root's password was changed from {}", from(event)),
        };
        // Anybody who knows root's address may ask.
        let severity = if event.name == REQUESTED { Severity::High } else { Severity::Critical };
        Some(Risk { subject: Subject::account(event), severity, why })
    }
}

const REQUESTED: &str = "PasswordRecoveryRequested";
