//! # GuardDuty finds less, or nobody sees what it finds
//!
//! **Watches** of GuardDuty `DeleteDetector`, `UpdateDetector`, `UpdateMemberDetectors`, `CreateFilter`, `UpdateFilter`,
//! `CreateIPSet`, `UpdateIPSet`, `CreateTrustedEntitySet`, `UpdateTrustedEntitySet`, `DeletePublishingDestination`,
//! `DisassociateFromAdministratorAccount`, `DisassociateFromMasterAccount`, `DisassociateMembers`, `DeleteMembers`,
//! `StopMonitoringMembers`, `DisableOrganizationAdminAccount`.
//!
//! **Why** GuardDuty finds what no single call tells. Whoever wants to stay turns it off, trusts the addresses that they come
//! from (Pacu: `guardduty__whitelist_ip`), has findings archived before anybody sees them, or takes the account from its
//! administrator.
//!
//! **Does** Alerts, and says with which command it is put back, as far as there is one. It reverts nothing: the event does not
//! say whether a detector, a feature or a member was on before, and a detector that was deleted is gone with its findings,
//! filters and lists; another one has another id.
//!
//! **Leaves alone**
//! - updates of a detector that turn nothing off
//! - filters that archive nothing
//! - lists of trusted addresses or entities that are not activated
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, accounts, is_by_aws, named, option};

#[derive(Debug)]
pub(crate) struct GuarddutyFindsLess;

impl Noticed for GuarddutyFindsLess {
    const ABOUT: &'static About = &About {
        id: "guardduty-finds-less",
        title: "GuardDuty finds less, or nobody sees what it finds",
        happened: "finds less",
        watches: &[
            of("DeleteDetector"),
            of("UpdateDetector"),
            of("UpdateMemberDetectors"),
            of("CreateFilter"),
            of("UpdateFilter"),
            of("CreateIPSet"),
            of("UpdateIPSet"),
            of("CreateTrustedEntitySet"),
            of("UpdateTrustedEntitySet"),
            of("DeletePublishingDestination"),
            of("DisassociateFromAdministratorAccount"),
            of("DisassociateFromMasterAccount"),
            of("DisassociateMembers"),
            of("DeleteMembers"),
            of("StopMonitoringMembers"),
            of("DisableOrganizationAdminAccount"),
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &[
            "AWS FSBP GuardDuty.1",
            "ATT&CK T1562.001",
            "ATT&CK T1562.008",
            "Pacu detection__disruption: delete_detector",
            "Pacu detection__disruption: update_detector",
            "Pacu guardduty__whitelist_ip",
        ],
        caveat: "What GuardDuty did not look at meanwhile it does not find later: see in CloudTrail what else the same principal \
                 has done.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if event.request["detectorId"].is_string() { Self::ABOUT.happened } else { "has lost what GuardDuty finds" }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        let subject = named(&event.request, "detectorId").map_or_else(
            || Subject::account(event),
            |id| {
                let page = format!("guardduty/home?region={}", event.region);
                Subject::part(event, "detector", id, "guardduty", "detector/", &page)
            },
        );
        Some(done(event)?.risk(event, subject))
    }
}

const fn of(name: &'static str) -> Watch {
    Watch { service: "guardduty.amazonaws.com", name }
}

/// Nothing if it is harmless.
fn done(event: &Event) -> Option<Done> {
    let request = &event.request;
    let is_told = !json::is_left_out(request);
    let back = |call: &str, rest: &str| {
        format!("aws guardduty {call} {}{rest}", option("--detector-id", request, "detectorId"))
    };
    let (members, ids) = accounts(&request["accountIds"]);
    Some(match event.name.as_str() {
        "DeleteDetector" => Done::new(
            Severity::High,
            "deleted the detector, with its findings, filters and lists. The next one has another id, and an administrator's \
             account has to add it again",
            "aws guardduty create-detector --enable",
        ),
        "UpdateDetector" | "UpdateMemberDetectors" => {
            let off = turned_off(request);
            if is_told && off.is_empty() {
                return None;
            }
            let of_members = event.name == "UpdateMemberDetectors";
            let is_all = request["enable"] == false;
            let what = if is_told { off.join(", ") } else { "something that the event does not tell".to_owned() };
            let whose = if of_members { format!(" of members{members}") } else { String::new() };
            let call = if of_members { "update-member-detectors" } else { "update-detector" };
            let rest = if of_members { format!(" --account-ids {ids}") } else { String::new() };
            let rest = format!("{rest}{}", if is_all { " --enable" } else { " --features …" });
            let severity = if is_all || !is_told { Severity::High } else { Severity::Medium };
            Done::new(severity, format!("turned off {what}{whose}"), &back(call, &rest))
        }
        "CreateFilter" | "UpdateFilter" => {
            let action = json::text(request, "action");
            let is_unknown = !is_told || action.is_none() && event.name == "UpdateFilter";
            if action != Some("ARCHIVE") && !is_unknown {
                return None;
            }
            let name = named(request, "filterName").or_else(|| named(request, "name")).unwrap_or("…");
            let did = match action {
                Some(_) => format!("has findings archived unseen by filter `{name}`"),
                None => format!("changed filter `{name}`, by which findings may be archived unseen"),
            };
            Done::new(Severity::Medium, did, &back("delete-filter", &format!(" --filter-name {name}")))
        }
        "CreateIPSet" | "UpdateIPSet" | "CreateTrustedEntitySet" | "UpdateTrustedEntitySet" => {
            if request["activate"] == false {
                return None;
            }
            let (what, field, call, flag) = if event.name.ends_with("IPSet") {
                ("addresses", "ipSetId", "delete-ip-set", "--ip-set-id")
            } else {
                ("entities", "trustedEntitySetId", "delete-trusted-entity-set", "--trusted-entity-set-id")
            };
            let id = named(request, field).or_else(|| named(&event.response, field)).unwrap_or("…");
            let from = json::text(request, "location").map(|from| format!(" from `{from}`")).unwrap_or_default();
            let did = format!("put a list of {what}{from} of which GuardDuty finds nothing");
            Done::new(Severity::High, did, &back(call, &format!(" {flag} {id}")))
        }
        "DeletePublishingDestination" => Done::new(
            Severity::Medium,
            "deleted a destination, to which findings are not exported any more",
            &back("create-publishing-destination", " --destination-type S3 --destination-properties …"),
        ),
        "StopMonitoringMembers" => {
            let rest = format!(" --account-ids {ids}");
            Done::new(
                Severity::High,
                format!("stopped monitoring members{members}"),
                &back("start-monitoring-members", &rest),
            )
        }
        "DeleteMembers" | "DisassociateMembers" => Done::new(
            Severity::High,
            format!("took members{members} from their administrator in GuardDuty"),
            &back("create-members", " --account-details …"),
        ),
        "DisableOrganizationAdminAccount" => {
            let admin = named(request, "adminAccountId").map(|id| format!(" {id}")).unwrap_or_default();
            let back = option("--admin-account-id", request, "adminAccountId");
            Done::new(
                Severity::High,
                format!("took from account{admin} the administration of GuardDuty for the organization"),
                &format!("aws guardduty enable-organization-admin-account {back}"),
            )
        }
        _ => Done::for_good(
            Severity::High,
            "took this account from its administrator in GuardDuty, who adds it again with `aws guardduty create-members`",
        ),
    })
}

/// What an update of a detector turns off: all of it, data sources, features and what is optional in these.
fn turned_off(request: &Value) -> Vec<String> {
    let all = (request["enable"] == false).then(|| "the detector".to_owned());
    let features = json::list(&request["features"]).into_iter().flat_map(|feature| {
        let parts = json::list(&feature["additionalConfiguration"]);
        let these = [feature].into_iter().chain(parts).filter(|one| one["status"] == "DISABLED");
        these.map(|one| json::text(one, "name").unwrap_or("a feature").to_owned()).collect::<Vec<_>>()
    });
    let sources = off_in(&request["dataSources"], "");
    all.into_iter().chain(features).chain(sources).collect()
}

/// The data sources that are off: `{"s3Logs": {"enable": false}}`.
fn off_in(value: &Value, name: &str) -> Vec<String> {
    let Value::Object(fields) = value else { return vec![] };
    let of = |(field, value): (&String, &Value)| {
        let is_off = ["enable", "ebsVolumes"].contains(&field.as_str()) && *value == Value::Bool(false);
        if is_off { vec![name.to_owned()] } else { off_in(value, field) }
    };
    fields.iter().flat_map(of).collect()
}
