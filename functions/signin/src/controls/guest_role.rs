//! # Guests of an identity pool got a role
//!
//! **Watches** `SetIdentityPoolRoles`.
//!
//! **Why** A guest is anybody on the internet who knows the pool's id, which every app carries with it. Whatever the role
//! may do, everybody may do.
//!
//! **Does** Alerts, and names the pool and the role.
//!
//! **Leaves alone**
//! - roles for those only who have signed in

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct GuestRole;

impl Noticed for GuestRole {
    const ABOUT: &'static About = &About {
        id: "signin-guest-role",
        title: "Guests of an identity pool got a role",
        happened: "gives a role to guests",
        watches: &[Watch { service: "cognito-identity.amazonaws.com", name: "SetIdentityPoolRoles" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1078.001"],
        caveat: "See what the role may do. If guests are not wanted, set the pool's roles again without it.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let role = json::text(&event.request["roles"], "unauthenticated");
        if role.is_none() && event.request["roles"].is_object() {
            return None;
        }
        let role =
            role.map_or_else(|| "a role that the event does not tell".to_owned(), |role| format!("role `{role}`"));
        let pool = json::text(&event.request, "identityPoolId");
        let subject = pool.map_or_else(|| Subject::account(event), |id| Subject::identity_pool(event, id));
        Some(Risk {
            subject,
            severity: Self::ABOUT.severity,
            why: format!("{} may have given guests {role}", event.actor),
        })
    }
}
