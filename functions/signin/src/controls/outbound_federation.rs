//! # Workloads may get tokens for other clouds
//!
//! **Watches** `EnableOutboundWebIdentityFederation`.
//!
//! **Why** From then on whoever has `sts:GetWebIdentityToken` gets tokens that prove to services outside of AWS to come
//! from this account. Such a service may let in whoever shows one.
//!
//! **Does** Alerts, and names who has enabled it.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct OutboundFederation;

impl Noticed for OutboundFederation {
    const ABOUT: &'static About = &About {
        id: "signin-outbound-federation",
        title: "Workloads may get tokens for other clouds",
        happened: "lets its workloads get tokens for other clouds",
        watches: &[Watch { service: "iam.amazonaws.com", name: "EnableOutboundWebIdentityFederation" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1550.001"],
        caveat: "To disable it again: `aws iam disable-outbound-web-identity-federation`.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let why = format!("{} let the account's workloads get tokens for services outside of AWS", event.actor);
        (!event.actor.is_aws()).then(|| Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}
