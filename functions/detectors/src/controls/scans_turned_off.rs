//! # Macie, Inspector or Detective was turned off
//!
//! **Watches** of Macie `DisableMacie`, `UpdateMacieSession`, `DisassociateFromAdministratorAccount`, `DisassociateMember`,
//! `DeleteMember`; of Inspector `Disable`, `DisassociateMember`; of Detective `DeleteGraph`, `DeleteMembers`.
//!
//! **Why** Macie finds what personal data lies in buckets, Inspector which instances, images and functions have known holes,
//! Detective what belongs together. Whoever turns them off does not want to be found.
//!
//! **Does** Alerts, and says with which command it is put back, as far as there is one. It reverts nothing: what is turned on
//! again is without its findings, jobs and settings of before, which no event tells.
//!
//! **Leaves alone**
//! - updates of Macie that do not pause it
//! - what an AWS service does by itself, with nobody's credentials or with its service-linked role

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::alerts::{Done, accounts, called, is_by_aws, named, texts};

const MACIE: &str = "macie2.amazonaws.com";
const INSPECTOR: &str = "inspector2.amazonaws.com";
const DETECTIVE: &str = "detective.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ScansTurnedOff;

impl Noticed for ScansTurnedOff {
    const ABOUT: &'static About = &About {
        id: "scans-turned-off",
        title: "Macie, Inspector or Detective was turned off",
        happened: "has lost what a detector finds",
        watches: &[
            Watch { service: MACIE, name: "DisableMacie" },
            Watch { service: MACIE, name: "UpdateMacieSession" },
            Watch { service: MACIE, name: "DisassociateFromAdministratorAccount" },
            Watch { service: MACIE, name: "DisassociateMember" },
            Watch { service: MACIE, name: "DeleteMember" },
            Watch { service: INSPECTOR, name: "Disable" },
            Watch { service: INSPECTOR, name: "DisassociateMember" },
            Watch { service: DETECTIVE, name: "DeleteGraph" },
            Watch { service: DETECTIVE, name: "DeleteMembers" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["AWS FSBP Macie.1", "AWS FSBP Inspector.1", "ATT&CK T1562.001"],
        caveat: "What was not looked at meanwhile is not found later: see in CloudTrail what else the same principal has done.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if is_by_aws(&event.actor) {
            return None;
        }
        Some(done(event)?.risk(event, Subject::account(event)))
    }
}

/// Nothing if it is harmless.
fn done(event: &Event) -> Option<Done> {
    let request = &event.request;
    let member = |field: &str| named(request, field).map(|id| format!(" {id}")).unwrap_or_default();
    Some(match (event.service.as_str(), event.name.as_str()) {
        (MACIE, "DisableMacie") => {
            Done::new(Severity::High, "turned off Macie, and deleted its findings and jobs", "aws macie2 enable-macie")
        }
        (MACIE, "UpdateMacieSession") => {
            if !json::is_left_out(request) && json::text(request, "status") != Some("PAUSED") {
                return None;
            }
            let did = if json::is_left_out(request) { "may have paused Macie" } else { "paused Macie" };
            Done::new(Severity::High, did, "aws macie2 update-macie-session --status ENABLED")
        }
        (MACIE, "DisassociateFromAdministratorAccount") => Done::for_good(
            Severity::High,
            "took this account from its administrator in Macie, who adds it again with `aws macie2 create-member`",
        ),
        (MACIE, _) => Done::new(
            Severity::High,
            format!("took member{} from its administrator in Macie", member("id")),
            "aws macie2 create-member --account …",
        ),
        (INSPECTOR, "Disable") => {
            let (types, (of, ids)) = (texts(&request["resourceTypes"]), accounts(&request["accountIds"]));
            let (what, words) = if types.is_empty() {
                (String::new(), "…".to_owned())
            } else {
                let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                let words: Vec<&str> = types.iter().copied().filter(plain).collect();
                (format!(" for {}", types.join(", ")), words.join(" "))
            };
            let of = if of.is_empty() { of } else { format!(" in account{of}") };
            let ids = if of.is_empty() { String::new() } else { format!(" --account-ids {ids}") };
            Done::new(
                Severity::High,
                format!("turned off Inspector{what}{of}"),
                &format!("aws inspector2 enable --resource-types {words}{ids}"),
            )
        }
        (INSPECTOR, _) => Done::new(
            Severity::High,
            format!("took member{} from its administrator in Inspector", member("accountId")),
            "aws inspector2 associate-member --account-id …",
        ),
        (_, "DeleteGraph") => Done::new(
            Severity::High,
            format!("deleted the behavior graph{} of Detective, with all that it knew", called(request, "graphArn")),
            "aws detective create-graph",
        ),
        _ => Done::new(
            Severity::High,
            format!("took members{} out of the behavior graph of Detective", accounts(&request["accountIds"]).0),
            "aws detective create-members --graph-arn … --accounts …",
        ),
    })
}
