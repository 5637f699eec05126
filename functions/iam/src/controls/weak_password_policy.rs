//! # The password policy was weakened
//!
//! **Watches** `UpdateAccountPasswordPolicy`, `DeleteAccountPasswordPolicy`.
//!
//! **Why** With short passwords the users of the account can be guessed.
//!
//! **Does** Alerts when the policy is deleted, so that AWS's own counts, or when it allows passwords of fewer than 8
//! characters. What it was before the event does not say; CloudTrail has it in the call that set it.
//!
//! **Leaves alone**
//! - policies that ask for 8 characters or more, as AWS's own does

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>
const AS_LONG_AS_AWS_ASKS_FOR: u64 = 8;

/// What a call that does not name a length sets.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
const UNTOLD: u64 = 6;

#[derive(Debug)]
pub(crate) struct WeakPasswordPolicy;

impl Noticed for WeakPasswordPolicy {
    const ABOUT: &'static About = &About {
        id: "iam-weak-password-policy",
        title: "The password policy was weakened",
        happened: "has a weaker password policy",
        watches: &[
            Watch { service: SERVICE, name: "UpdateAccountPasswordPolicy" },
            Watch { service: SERVICE, name: "DeleteAccountPasswordPolicy" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1556", "CIS AWS 1.8"],
        caveat: "Passwords that were set meanwhile stay as they are.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let why = if event.name == "DeleteAccountPasswordPolicy" {
            format!("{} deleted the password policy, so that AWS's own counts", event.actor)
        } else {
            let length = event.request["minimumPasswordLength"].as_u64().unwrap_or(UNTOLD);
            if length >= AS_LONG_AS_AWS_ASKS_FOR {
                return None;
            }
            format!("{} let passwords be as short as {length} characters", event.actor)
        };
        let again = "to set it again: `aws iam update-account-password-policy --minimum-password-length 14`";
        Some(Risk {
            subject: Subject::account(event),
            severity: Self::ABOUT.severity,
            why: format!("{why}; {again}, with what else it asked for"),
        })
    }
}
