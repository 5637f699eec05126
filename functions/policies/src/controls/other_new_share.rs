//! # Something is shared with strangers
//!
//! **Watches** of AWS RAM `CreateResourceShare` and `AssociateResourceShare`; of Systems Manager `ModifyDocumentPermission` and
//! `UpdateServiceSetting`; of Redshift `AuthorizeSnapshotAccess`, `AuthorizeDataShare` and `AuthorizeEndpointAccess`.
//!
//! **Why** AWS RAM shares subnets, transit gateways, certificate authorities, database clusters and more. A document tells how
//! one's machines are run, and a snapshot or a datashare is what is in a warehouse.
//!
//! **Does** Judges whom the event names. Alerts and touches nothing. The notice has the command that ends just this.
//!
//! **Leaves alone**
//! - shares with its own account, accounts and organizations that the operator trusts, and services of AWS
//! - calls that share nothing: a share without principals, a document that is shared no longer, another setting
//!
//! What is added to a share that strangers are in already is not seen.

use std::borrow::Cow;

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in};
use snapback::policy::is_account;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::row::OPENED;
use crate::told::quoted;

const RAM: &str = "ram.amazonaws.com";
const SSM: &str = "ssm.amazonaws.com";
const REDSHIFT: &str = "redshift.amazonaws.com";

/// Whether documents may be shared with everyone.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-ssm-sharing.html#block-public-access>
const PUBLIC_DOCUMENTS: &str = "/ssm/documents/console/public-sharing-permission";

#[derive(Debug)]
pub(crate) struct OtherNewShare;

impl Noticed for OtherNewShare {
    const ABOUT: &'static About = &About {
        id: "other-new-share",
        title: "Something is shared with strangers",
        happened: "was shared with strangers",
        watches: &[
            Watch { service: RAM, name: "CreateResourceShare" },
            Watch { service: RAM, name: "AssociateResourceShare" },
            Watch { service: SSM, name: "ModifyDocumentPermission" },
            Watch { service: SSM, name: "UpdateServiceSetting" },
            Watch { service: REDSHIFT, name: "AuthorizeSnapshotAccess" },
            Watch { service: REDSHIFT, name: "AuthorizeDataShare" },
            Watch { service: REDSHIFT, name: "AuthorizeEndpointAccess" },
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537"],
        caveat: "What strangers copied in the meantime they have: look in CloudTrail for calls upon it by other accounts.",
        source: file!(),
        ..OPENED
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            "UpdateServiceSetting" => "lets documents be shared with everyone",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        if event.name == "UpdateServiceSetting" {
            return public_documents(event);
        }
        let Share { of, with, end } = share(event);
        let strangers: Vec<&str> = with.into_iter().filter(|whom| !is_trusted(whom, event, settings)).collect();
        let is_told = !json::is_left_out(&event.request);
        let whom = match strangers[..] {
            [] if is_told => return None,
            [] => "the event does not say with whom".to_owned(),
            _ if strangers.iter().any(|whom| whom.eq_ignore_ascii_case(EVERYONE)) => {
                "it is shared with everyone".to_owned()
            }
            [one] => format!("it is shared with `{one}`, which is not trusted"),
            _ => format!("it is shared with {}, none of which is trusted", named(&strangers)),
        };
        let is_unknown = |whom: &&str| whom.contains(ORGANIZATIONS) && settings.trusted_organizations.is_empty();
        let severity = if is_told && !strangers.iter().all(is_unknown) { Severity::High } else { Severity::Medium };
        let strangers: Vec<Cow<'_, str>> = strangers.into_iter().map(quoted).collect();
        let strangers = if strangers.is_empty() { "…".to_owned() } else { strangers.join(" ") };
        let why = format!("{whom}. If it should not be so: `aws {end} {strangers} --region {}`", event.region);
        Some(Risk { subject: of, severity, why })
    }
}

/// As it is named in a document's permission.
const EVERYONE: &str = "all";

/// What is in the ARN of an organization or of a part of one.
const ORGANIZATIONS: &str = ":organizations:";

/// To whom Redshift lets a snapshot be shared beside accounts.
/// <https://docs.aws.amazon.com/redshift/latest/APIReference/API_AuthorizeSnapshotAccess.html>
const AWS_SUPPORT: &str = "amazon-redshift-support";

/// What is shared, whom a call names, and the command that ends it, which ends with whom it names.
struct Share<'a> {
    of: Subject,
    with: Vec<&'a str>,
    end: String,
}

/// Nothing if the call is about another setting, or turns this one off.
fn public_documents(event: &Event) -> Option<Risk> {
    let said = |field: &str| json::text(&event.request, field);
    let is_another = said("settingId").is_some_and(|id| !id.ends_with(PUBLIC_DOCUMENTS));
    let is_off = said("settingValue").is_some_and(|value| value.eq_ignore_ascii_case("Disable"));
    let why = format!(
        "documents of Systems Manager may be shared with everyone from now on. If it should not be so: `aws ssm \
         update-service-setting --setting-id {PUBLIC_DOCUMENTS} --setting-value Disable --region {}`",
        event.region
    );
    let risk = || Risk { subject: Subject::account(event), severity: Severity::Medium, why };
    (!is_another && !is_off).then(risk)
}

fn share(event: &Event) -> Share<'_> {
    let request = &event.request;
    let said = |field: &str| json::text(request, field);
    let part = |kind: &str, id: Option<&str>, service: &str, path: &str| {
        let name = id.map(|id| id.rsplit_once(path).map_or(id, |(_, name)| name));
        let page = format!("{service}/home?region={}", event.region);
        name.map_or_else(|| Subject::account(event), |name| Subject::part(event, kind, name, service, path, &page))
    };
    let told = |id: Option<&str>| id.map_or_else(|| "…".to_owned(), |id| quoted(id).into_owned());
    let all = |field: &str| json::list(&request[field]).into_iter().filter_map(Value::as_str).collect();
    let one = |field: &str| said(field).into_iter().collect();
    match event.name.as_str() {
        "CreateResourceShare" | "AssociateResourceShare" => {
            let arn =
                said("resourceShareArn").or_else(|| json::text(&event.response["resourceShare"], "resourceShareArn"));
            let end = format!("ram disassociate-resource-share --resource-share-arn {} --principals", told(arn));
            Share { of: part("resource share", arn, "ram", "resource-share/"), with: all("principals"), end }
        }
        "ModifyDocumentPermission" => {
            let name = said("name");
            let share = format!("ssm modify-document-permission --name {} --permission-type Share", told(name));
            let end = format!("{share} --account-ids-to-remove");
            Share { of: part("document", name, "ssm", "document/"), with: all("accountIdsToAdd"), end }
        }
        "AuthorizeSnapshotAccess" => {
            let id = said("snapshotIdentifier").or_else(|| said("snapshotArn"));
            let option = if said("snapshotIdentifier").is_some() { "identifier" } else { "arn" };
            let end = format!(
                "redshift revoke-snapshot-access --snapshot-{option} {} --account-with-restore-access",
                told(id)
            );
            Share {
                of: part("Redshift snapshot", id, "redshift", "snapshot:"),
                with: one("accountWithRestoreAccess"),
                end,
            }
        }
        "AuthorizeDataShare" => {
            let arn = said("dataShareArn");
            let end = format!("redshift deauthorize-data-share --data-share-arn {} --consumer-identifier", told(arn));
            Share { of: part("datashare", arn, "redshift", "datashare:"), with: one("consumerIdentifier"), end }
        }
        _ => {
            let id = said("clusterIdentifier");
            let end = format!("redshift revoke-endpoint-access --cluster-identifier {} --account", told(id));
            Share { of: part("Redshift cluster", id, "redshift", "cluster:"), with: one("account"), end }
        }
    }
}

/// Whether it is an account, somebody of one, an organization, or a part of one, that the operator trusts; or a service.
fn is_trusted(whom: &str, event: &Event, settings: &Settings) -> bool {
    let trusts = |account: &str| account == event.account || settings.trusted_accounts.contains(account);
    // arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5, …:ou/o-a1b2c3d4e5/ou-ab12-c3d4e5f6
    let is_of_organization = |id: &String| whom.split('/').nth(1) == Some(id.as_str());
    if whom.contains(ORGANIZATIONS) {
        // The account that it names is the organization's management account.
        return settings.trusted_organizations.iter().any(is_of_organization) || account_in(whom).is_some_and(trusts);
    }
    whom == AWS_SUPPORT
        || is_account(whom) && trusts(whom)
        || account_in(whom).is_some_and(trusts)
        || whom.ends_with(".amazonaws.com")
}

fn named(whom: &[&str]) -> String {
    whom.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")
}
