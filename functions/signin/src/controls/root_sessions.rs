//! # The management account may act as root of its members
//!
//! **Watches** `EnableOrganizationsRootSessions`.
//!
//! **Why** With `AssumeRoot`, whoever has the right in the management account acts as root of every member: deletes the
//! policies of its buckets and queues, and lets its root password be recovered.
//!
//! **Does** Alerts. To have central control of root is a good practice; that somebody has enabled it should be known.
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
pub(crate) struct RootSessions;

impl Noticed for RootSessions {
    const ABOUT: &'static About = &About {
        id: "signin-root-sessions",
        title: "The management account may act as root of its members",
        happened: "may now act as root of its member accounts",
        watches: &[Watch { service: "iam.amazonaws.com", name: "EnableOrganizationsRootSessions" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1098"],
        caveat: "To disable it again: `aws iam disable-organizations-root-sessions`.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let why = format!("{} let the management account act as root of the members of its organization", event.actor);
        (!event.actor.is_aws()).then(|| Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}
