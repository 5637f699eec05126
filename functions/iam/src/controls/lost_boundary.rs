//! # A permissions boundary was removed or widened
//!
//! **Watches** `DeleteUserPermissionsBoundary`, `DeleteRolePermissionsBoundary`, `PutUserPermissionsBoundary`,
//! `PutRolePermissionsBoundary`.
//!
//! **Why** Within a boundary a team may create roles and policies as it likes. Without it, whatever these allow takes effect,
//! up to everything (Pacu: `iam__privesc_scan`).
//!
//! **Does** Alerts when a boundary is deleted, or replaced by one that is no boundary at all. The event does not say what was
//! there before; CloudTrail has it in the call that put it.
//!
//! **Leaves alone**
//! - boundaries other than AWS's `AdministratorAccess` that are put

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, option_of};

/// What bounds nothing.
const EVERYTHING: &str = ":iam::aws:policy/AdministratorAccess";

#[derive(Debug)]
pub(crate) struct LostBoundary;

impl Noticed for LostBoundary {
    const ABOUT: &'static About = &About {
        id: "iam-lost-boundary",
        title: "A permissions boundary was removed or widened",
        happened: "has lost its permissions boundary",
        watches: &[
            Watch { service: SERVICE, name: "DeleteUserPermissionsBoundary" },
            Watch { service: SERVICE, name: "DeleteRolePermissionsBoundary" },
            Watch { service: SERVICE, name: "PutUserPermissionsBoundary" },
            Watch { service: SERVICE, name: "PutRolePermissionsBoundary" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "`snapback explain identity --principal` says what it can do without the boundary.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let boundary = json::text(&event.request, "permissionsBoundary");
        if event.name.starts_with("Put") && boundary.is_some_and(|arn| !arn.ends_with(EVERYTHING)) {
            return None;
        }
        let did = match boundary {
            Some(boundary) => format!("{} put `{boundary}` in the place of the boundary", event.actor),
            None if event.name.starts_with("Put") => {
                format!("{} put a boundary that the event does not tell", event.actor)
            }
            None => format!("{} deleted the boundary", event.actor),
        };
        let (subject, again) = match told::identity(event) {
            None => (Subject::account(event), "; the event does not say whose".to_owned()),
            Some(of) => {
                let (kind, who) = option_of(&of);
                let command = format!("aws iam put-{kind}-permissions-boundary {who}");
                let again = format!("; to put it back: `{command} --permissions-boundary <the one before>`");
                (told::subject(event, &of), again)
            }
        };
        Some(Risk { subject, severity: Self::ABOUT.severity, why: did + &again })
    }
}
