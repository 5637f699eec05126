//! # An event data store records less, or is to be deleted
//!
//! **Watches** of CloudTrail `StopEventDataStoreIngestion`, `DeleteEventDataStore`, `UpdateEventDataStore`.
//!
//! **Why** An event data store of CloudTrail Lake keeps for years what a trail's bucket may have lost. Whoever does not want
//! to be found in it stops it, narrows what it takes, or lifts its termination protection and deletes it.
//!
//! **Does** Alerts, and says with which command it is put back. A store that was deleted can be restored for 7 days, with all
//! that it holds. Nothing is said of accounts without a store, as CloudTrail Lake takes no new customers.
//!
//! **Leaves alone**
//! - updates that leave its termination protection, its selectors, its Regions and its retention as they are

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

const STOP: &str = "StopEventDataStoreIngestion";
const DELETE: &str = "DeleteEventDataStore";

#[derive(Debug)]
pub(crate) struct LostDataStore;

impl Noticed for LostDataStore {
    const ABOUT: &'static About = &About {
        id: "trail-lost-data-store",
        title: "An event data store records less, or is to be deleted",
        happened: "was weakened",
        watches: &[
            Watch { service: SERVICE, name: STOP },
            Watch { service: SERVICE, name: DELETE },
            Watch { service: SERVICE, name: "UpdateEventDataStore" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.008"],
        caveat: "What happened while it took no events is not in it: a trail's log files have it.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            STOP => "was stopped",
            DELETE => "is to be deleted",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let id = json::text(&event.request, "eventDataStore").map(|named| named.rsplit('/').next().unwrap_or(named));
        let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        let of = id.map_or_else(|| " (the event does not say which)".to_owned(), |id| format!(" `{id}`"));
        let (severity, did, back) = match event.name.as_str() {
            STOP => (Severity::High, format!("stopped event data store{of}"), "start-event-data-store-ingestion"),
            DELETE => {
                let did = format!("deleted event data store{of}, with all that it holds after 7 days");
                (Severity::High, did, "restore-event-data-store")
            }
            _ => {
                let weaker = weakened(event)?;
                let severity = if weaker.starts_with("lifted") { Severity::High } else { Severity::Medium };
                let back = if severity == Severity::High {
                    "update-event-data-store --termination-protection-enabled"
                } else {
                    "update-event-data-store …"
                };
                (severity, format!("{weaker} of event data store{of}"), back)
            }
        };
        let why = format!(
            "{} {did}. To put it right: `aws cloudtrail {back} --event-data-store {} --region {}`",
            event.actor,
            id.unwrap_or("…"),
            event.region
        );
        let subject = id.map_or_else(
            || Subject::account(event),
            |id| {
                let page = format!("cloudtrailv2/home?region={}#/event-data-stores", event.region);
                Subject::part(event, "event data store", id, "cloudtrail", "eventdatastore/", &page)
            },
        );
        Some(Risk { subject, severity, why })
    }
}

/// What an update may have weakened: it says only what is to change, and not how that was.
fn weakened(event: &Event) -> Option<String> {
    let request = &event.request;
    if json::is_left_out(request) {
        return Some("changed something (the event does not say what)".to_owned());
    }
    if request["terminationProtectionEnabled"] == false {
        return Some("lifted the termination protection".to_owned());
    }
    let changed = [
        (!request["advancedEventSelectors"].is_null()).then_some("the selectors"),
        (request["multiRegionEnabled"] == false).then_some("that it is for all Regions"),
        (request["organizationEnabled"] == false).then_some("that it is for the organization"),
        (!request["retentionPeriod"].is_null()).then_some("the retention"),
    ];
    let changed: Vec<&str> = changed.into_iter().flatten().collect();
    (!changed.is_empty()).then(|| format!("changed {}", changed.join(" and ")))
}
