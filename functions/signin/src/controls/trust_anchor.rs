//! # Holders of certificates may assume roles
//!
//! **Watches** of IAM Roles Anywhere `CreateTrustAnchor`, `CreateProfile`.
//!
//! **Why** Whoever has the key of a trust anchor's certificate authority signs as many certificates as they like, and with
//! each assumes the roles of a profile, from anywhere and without a key that could be found (Stratus Red Team:
//! `rolesanywhere-create-trust-anchor`).
//!
//! **Does** Alerts, and names the trust anchor or the profile with the command that disables it.
//!
//! **Leaves alone**
//! - what is created disabled

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

const SERVICE: &str = "rolesanywhere.amazonaws.com";

#[derive(Debug)]
pub(crate) struct TrustAnchor;

impl Noticed for TrustAnchor {
    const ABOUT: &'static About = &About {
        id: "signin-trust-anchor",
        title: "Holders of certificates may assume roles",
        happened: "got a trust anchor for certificates",
        watches: &[
            Watch { service: SERVICE, name: "CreateTrustAnchor" },
            Watch { service: SERVICE, name: "CreateProfile" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.001", "Stratus aws.persistence.rolesanywhere-create-trust-anchor"],
        caveat: "Sessions that were opened with a certificate stay valid until they expire.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if is_profile(event) { "got a profile for holders of certificates" } else { Self::ABOUT.happened }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let request = &event.request;
        if request["enabled"] == false {
            return None;
        }
        let (word, answer, id, disable) = if is_profile(event) {
            ("profile", "profile", "profileId", "disable-profile --profile-id")
        } else {
            ("trust anchor", "trustAnchor", "trustAnchorId", "disable-trust-anchor --trust-anchor-id")
        };
        let name = json::text(request, "name").map(|name| format!(" `{name}`")).unwrap_or_default();
        let id = json::text(&event.response[answer], id).unwrap_or("<its id>");
        let why = format!("{} created {word}{name}; to disable it: `aws rolesanywhere {disable} {id}`", event.actor);
        Some(Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}

fn is_profile(event: &Event) -> bool {
    event.name == "CreateProfile"
}
