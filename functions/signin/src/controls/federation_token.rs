//! # A long-lived key was turned into a federation token
//!
//! **Watches** `GetFederationToken`.
//!
//! **Why** Only long-lived keys can get such a token. It stays valid for up to 36 hours when the key is deactivated or
//! deleted, and opens the console as well (Stratus Red Team: `sts-federation-token`).
//!
//! **Does** Alerts, and names the user and what the token is called. To stop a token, deny its user everything: the token
//! can do no more than its user. `iam-federation-token` does so where `ModeOverrides` names it.
//!
//! **Leaves alone**
//! - a token that is given no session policy: by itself it may do nothing

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct FederationToken;

impl Noticed for FederationToken {
    const ABOUT: &'static About = &About {
        id: "signin-federation-token",
        title: "A long-lived key was turned into a federation token",
        happened: "got a federation token with a long-lived key",
        watches: &[Watch { service: "sts.amazonaws.com", name: "GetFederationToken" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1550.001", "Stratus aws.persistence.sts-federation-token"],
        caveat: "To stop the token and the user's keys: `aws iam attach-user-policy --policy-arn \
                 arn:aws:iam::aws:policy/AWSDenyAll --user-name USER`.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if !event.gives_a_session_policy() {
            return None;
        }
        let named = json::text(&event.request, "name").map(|name| format!(", called `{name}` by the caller"));
        let why = format!("{} got a federation token{}", event.actor, named.unwrap_or_default());
        Some(Risk { subject: Subject::caller(event), severity: Self::ABOUT.severity, why })
    }
}
