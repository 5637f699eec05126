//! # An MFA device was taken from a user, or given to one by somebody else
//!
//! **Watches** `DeactivateMFADevice`, `EnableMFADevice`.
//!
//! **Why** Without the device a stolen password is enough to sign in. With a device of the attacker's, the user is locked out
//! and the attacker meets policies that ask for MFA.
//!
//! **Does** Alerts, and names the device. Nobody can give a device back: its secret is known to the user alone.
//!
//! **Leaves alone**
//! - devices that users enable for themselves

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{SERVICE, Whose, whose};

#[derive(Debug)]
pub(crate) struct ChangedMfa;

impl Noticed for ChangedMfa {
    const ABOUT: &'static About = &About {
        id: "iam-changed-mfa",
        title: "An MFA device was taken from a user, or given to one by somebody else",
        happened: "lost an MFA device",
        watches: &[
            Watch { service: SERVICE, name: "DeactivateMFADevice" },
            Watch { service: SERVICE, name: "EnableMFADevice" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1556.006", "ATT&CK T1098.005"],
        caveat: "Let the user enable a device again, and look in CloudTrail for what was done in the user's name meanwhile.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if is_given(event) { "got an MFA device" } else { Self::ABOUT.happened }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let is_given = is_given(event);
        let is_told = json::text(&event.request, "userName").is_some();
        let (subject, severity) = match whose(event, "") {
            Whose::Callers(_) if is_given && is_told => return None,
            Whose::Callers(user) => (Subject::user(event, user), Severity::Medium),
            Whose::Anothers(user) => (Subject::user(event, user), Severity::High),
            Whose::Roots | Whose::Untold => (Subject::account(event), Severity::High),
        };
        let device =
            json::text(&event.request, "serialNumber").map(|serial| format!(" `{serial}`")).unwrap_or_default();
        let did = if is_given { "enabled" } else { "deactivated" };
        Some(Risk { subject, severity, why: format!("{} {did} the MFA device{device}", event.actor) })
    }
}

fn is_given(event: &Event) -> bool {
    event.name == "EnableMFADevice"
}
