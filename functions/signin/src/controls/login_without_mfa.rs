//! # An IAM user signed in without MFA
//!
//! **Watches** `ConsoleLogin`.
//!
//! **Why** A password can be guessed, phished or reused. Without a second factor it is all that keeps strangers out (Stratus
//! Red Team: `console-login-without-mfa`).
//!
//! **Does** Alerts, and names the user and the address.
//!
//! **Leaves alone**
//! - sign-ins with MFA
//! - sign-ins through an identity provider or Identity Center: their records say that no MFA was used, whatever was asked for
//! - sign-ins that failed

use snapback::control::About;
use snapback::decision::Severity;
use snapback::event::{Event, Kind};
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::console::{LOGIN, from, may_have_succeeded, user, with_mfa};

#[derive(Debug)]
pub(crate) struct LoginWithoutMfa;

impl Noticed for LoginWithoutMfa {
    const ABOUT: &'static About = &About {
        id: "signin-login-without-mfa",
        title: "An IAM user signed in without MFA",
        happened: "signed in to the console without MFA",
        watches: &[LOGIN],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1078.004", "Stratus aws.initial-access.console-login-without-mfa", "Security Hub IAM.5"],
        caveat: "Ask the user. If it was somebody else, delete the login profile and deactivate the user's keys.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::SignIn;

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.kind != "IAMUser" || !may_have_succeeded(event) || with_mfa(event) {
            return None;
        }
        let why = format!("{} signed in to the console from {}, without MFA", event.actor, from(event));
        Some(Risk {
            subject: user(event).unwrap_or_else(|| Subject::account(event)),
            severity: Self::ABOUT.severity,
            why,
        })
    }
}
