//! # A sign-in succeeded after many had failed
//!
//! **Watches** `ConsoleLogin`.
//!
//! **Why** Whoever guesses a password fails until it is right.
//!
//! **Does** Alerts if five or more sign-ins as the same IAM user have failed and the last of them was less than a day ago.
//! `signin-failed-logins` counts those, and has to be on. Each sign-in of an IAM user costs one look at the journal.
//!
//! **Leaves alone**
//! - sign-ins before which fewer than five failed
//! - sign-ins that failed
//! - sign-ins of anybody but IAM users

use anyhow::Result;
use snapback::change::Nothing;
use snapback::control::{About, Control, Given, Look, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, Kind};
use snapback::noticed::Noticed;
use snapback::settings::Settings;

use super::FailedLogins;
use crate::console::{LOGIN, from, may_have_succeeded, user, with_mfa};

/// More than people need to remember which password it was.
const MANY: u64 = 5;

#[derive(Debug)]
pub(crate) struct GuessedPassword;

impl Control for GuessedPassword {
    const ABOUT: &'static About = &About {
        id: "signin-guessed-password",
        title: "A sign-in succeeded after many had failed",
        happened: "signed in after many attempts had failed",
        watches: &[LOGIN],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1110", "ATT&CK T1078.004"],
        caveat: "Ask the user. If it was somebody else, delete the login profile and deactivate the user's keys.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::SignIn;

    /// Most people sign in without having failed, and a later look costs as much as this one.
    const IS_SETTLED: Option<fn(&u64) -> bool> = Some(|failures| *failures < MANY);

    /// How many have failed.
    type State = u64;
    type Change = Nothing;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let user = user(event).filter(|_| may_have_succeeded(event));
        let why = || format!("{} signed in to the console from {}", event.actor, from(event));
        user.map(|subject| Suspicion { subject, why: why() }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<u64> {
        look.counted(FailedLogins::ABOUT.id, &event.name, &suspicion.subject).await
    }

    fn decide(event: &Event, suspicion: &Suspicion, failures: &u64, _: &Given<'_>) -> Decision<Nothing> {
        if *failures < MANY {
            return Decision::Allow { why: format!("{failures} sign-ins had failed before") };
        }
        let mfa = if with_mfa(event) { "with MFA" } else { "without MFA" };
        let why = format!("{}, {mfa}, after {failures} attempts that failed", suspicion.why);
        Decision::Alert { severity: Severity::High, why }
    }

    fn after(_: &u64, change: &Nothing) -> u64 {
        match *change {}
    }
}
