//! # Many sign-ins to the console failed
//!
//! **Watches** `ConsoleLogin`.
//!
//! **Why** Somebody may be guessing a password, or trying passwords that were stolen elsewhere.
//!
//! **Does** Counts, for each user, and for root and for names that no user has together. Alerts at the tenth failure if less
//! than a day lies between each and the next, at the thirtieth, and then more and more seldom. What is only counted costs
//! one call to the journal.
//!
//! **Leaves alone**
//! - sign-ins that succeeded: `signin-guessed-password` looks at those

use snapback::control::About;
use snapback::decision::Severity;
use snapback::event::{Event, Kind};
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::console::{LOGIN, from, may_have_failed, user};

#[derive(Debug)]
pub(crate) struct FailedLogins;

impl Noticed for FailedLogins {
    const ABOUT: &'static About = &About {
        id: "signin-failed-logins",
        title: "Many sign-ins to the console failed",
        happened: "saw many sign-ins to the console fail",
        watches: &[LOGIN],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1110"],
        caveat: "Make sure that the user has MFA. CloudTrail has the addresses that the attempts came from.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::SignIn;
    const TELLS_FROM: Option<u64> = Some(10);

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if !may_have_failed(event) {
            return None;
        }
        let subject = user(event);
        let who = match &subject {
            Some(user) => format!("IAM user `{}`", user.name),
            None if event.actor.is_root() => "root".to_owned(),
            None => "a user that does not exist".to_owned(),
        };
        let why = format!("sign-ins as {who} fail, the last from {}", from(event));
        Some(Risk { subject: subject.unwrap_or_else(|| Subject::account(event)), severity: Self::ABOUT.severity, why })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attempts_on_one_user_are_counted_together_whatever_the_record_calls_it() {
        let failed = |identity: serde_json::Value| {
            let record = json!({
                "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "signin.amazonaws.com",
                "eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn", "awsRegion": "us-east-1",
                "recipientAccountId": "111122223333", "responseElements": {"ConsoleLogin": "Failure"},
                "userIdentity": identity,
            });
            let event = Event::from_record(record).expect("an event");
            FailedLogins::noticed(&event, &Settings::default()).expect("it failed").subject.arn
        };
        let bob = "arn:aws:iam::111122223333:user/bob";
        let account = "arn:aws:iam::111122223333:root";
        for (identity, arn) in [
            (json!({"type": "IAMUser", "userName": "bob"}), bob),
            (json!({"type": "IAMUser", "userName": "bob", "arn": "arn:aws:iam::111122223333:user/ops/bob"}), bob),
            (json!({"type": "IAMUser", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}), account),
            (json!({"type": "IAMUser"}), account),
            (json!({"type": "Root"}), account),
        ] {
            assert_eq!(failed(identity.clone()), arn, "{identity}");
        }
    }
}
