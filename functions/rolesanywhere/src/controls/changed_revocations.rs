//! # A list of revoked certificates was changed
//!
//! **Watches** of IAM Roles Anywhere `DisableCrl`, `DeleteCrl`, `UpdateCrl`, `ImportCrl`.
//!
//! **Why** A list of revoked certificates keeps out whoever has stolen a certificate. Without it, or with an older one in its
//! place, a certificate that was revoked assumes the roles of the profiles again, until it expires. A list that names others keeps
//! those out who should come in.
//!
//! **Does** Alerts, and names the list, its trust anchor and, if it was disabled, the command that enables it again. It reverts
//! nothing: to disable a list succeeds even if it was disabled before, and to enable one that was off on purpose would keep people
//! out; what a list was before it was replaced or deleted, Snapback does not know.
//!
//! **Leaves alone**
//! - updates that only rename a list
//! - lists that are imported disabled, which keep out nobody
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::SERVICE;

const DISABLE: &str = "DisableCrl";
const DELETE: &str = "DeleteCrl";
const UPDATE: &str = "UpdateCrl";
const IMPORT: &str = "ImportCrl";

#[derive(Debug)]
pub(crate) struct ChangedRevocations;

impl Noticed for ChangedRevocations {
    const ABOUT: &'static About = &About {
        id: "rolesanywhere-changed-revocations",
        title: "A list of revoked certificates was changed",
        happened: "keeps out other certificates than before",
        watches: &[
            Watch { service: SERVICE, name: DISABLE },
            Watch { service: SERVICE, name: DELETE },
            Watch { service: SERVICE, name: UPDATE },
            Watch { service: SERVICE, name: IMPORT },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.001", "ATT&CK T1562"],
        caveat: "If nobody meant it, import the list anew, and look in CloudTrail for sessions that were opened since with a \
                 certificate that was revoked.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            DISABLE => "was disabled",
            DELETE => "was deleted",
            IMPORT => "was imported",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let (request, list) = (&event.request, &event.response["crl"]);
        let is_told = !json::is_left_out(request);
        let only_renames = event.name == UPDATE && is_told && request["crlData"].is_null();
        let is_disabled = event.name == IMPORT && (request["enabled"] == false || list["enabled"] == false);
        if event.actor.is_aws() || only_renames || is_disabled {
            return None;
        }
        let id = json::text(request, "crlId").or_else(|| json::text(list, "crlId")).filter(|id| is_id(id));
        let named = match (json::text(list, "name").or_else(|| json::text(request, "name")), id) {
            (Some(name), _) => format!("`{name}`"),
            (None, Some(id)) => format!("`{id}`"),
            (None, None) => "that the event does not name".to_owned(),
        };
        let anchor = json::text(list, "trustAnchorArn").or_else(|| json::text(request, "trustAnchorArn"));
        let anchor = anchor.map(|anchor| format!(" of trust anchor `{anchor}`")).unwrap_or_default();
        let (severity, did, more) = match event.name.as_str() {
            DISABLE => {
                let id = id.unwrap_or("<its id>");
                let back = format!("aws rolesanywhere enable-crl --crl-id {id} --region {}", event.region);
                (Severity::High, "disabled", format!("; to enable it again: `{back}`"))
            }
            DELETE => (Severity::High, "deleted", String::new()),
            IMPORT => (Severity::Medium, "imported", String::new()),
            _ => (Severity::Medium, "replaced", String::new()),
        };
        let why = format!("{} {did} the list of revoked certificates {named}{anchor}{more}", event.actor);
        let subject = id.map_or_else(|| Subject::account(event), |id| subject(event, id));
        Some(Risk { subject, severity, why })
    }
}

fn subject(event: &Event, id: &str) -> Subject {
    let page = format!("rolesanywhere/home?region={}", event.region);
    Subject::part(event, "list of revoked certificates", id, "rolesanywhere", "crl/", &page)
}

/// What stands in a command must not end it.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
