//! # A partner was given access by delegation
//!
//! **Watches** `AcceptDelegationRequest`.
//!
//! **Why** A product provider sends a link, and who accepts it gives the provider some of the account's rights for a while.
//! A link can also come from somebody who only pretends to be one.
//!
//! **Does** Alerts, and names the request. `aws iam get-delegation-request` shows whose it is and what it gives.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct AcceptedDelegation;

impl Noticed for AcceptedDelegation {
    const ABOUT: &'static About = &About {
        id: "signin-accepted-delegation",
        title: "A partner was given access by delegation",
        happened: "has given a partner access for a while",
        watches: &[Watch { service: "iam.amazonaws.com", name: "AcceptDelegationRequest" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1199"],
        caveat: "If the access is not wanted, look in CloudTrail for what was done with it.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let id = json::text(&event.request, "delegationRequestId").map(|id| format!(" `{id}`"));
        let why = format!("{} accepted the delegation request{}", event.actor, id.unwrap_or_default());
        (!event.actor.is_aws()).then(|| Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}
