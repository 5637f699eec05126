//! # Another resource policy lets strangers in
//!
//! **Watches** of SES `PutIdentityPolicy`, `CreateEmailIdentityPolicy` and `UpdateEmailIdentityPolicy`; of Glacier
//! `SetVaultAccessPolicy`; of AWS Backup `PutBackupVaultAccessPolicy`; of AWS Private CA `PutPolicy`; of OpenSearch
//! `CreateDomain`, `UpdateDomainConfig`, `CreateElasticsearchDomain` and `UpdateElasticsearchDomainConfig`.
//!
//! **Why** Strangers send mail in one's name, read and delete archives, copy backups out, issue certificates that one's own
//! machines trust, or read and change what is searched (endgame backdoors all but backups this way).
//!
//! **Does** Judges the policy in the event. Alerts and touches nothing: no local AWS has these policies to try a revert on,
//! and whether fine-grained access control or a VPC keeps people out of a domain was not checked. The notice has the command
//! that takes the policy away.
//!
//! **Leaves alone**
//! - policies that let in only its own account, accounts and organizations that the operator trusts, and services of AWS
//! - changes of a domain that put no policy
//! - domains in a VPC or with fine-grained access control, where the call says so

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in, strangers_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::row::OPENED;
use crate::told::quoted;

const SES: &str = "ses.amazonaws.com";
const ES: &str = "es.amazonaws.com";

#[derive(Debug)]
pub(crate) struct OtherOpenResourcePolicy;

impl Noticed for OtherOpenResourcePolicy {
    const ABOUT: &'static About = &About {
        id: "other-open-resource-policy",
        title: "Another resource policy lets strangers in",
        watches: &[
            Watch { service: SES, name: "PutIdentityPolicy" },
            Watch { service: SES, name: "CreateEmailIdentityPolicy" },
            Watch { service: SES, name: "UpdateEmailIdentityPolicy" },
            Watch { service: "glacier.amazonaws.com", name: "SetVaultAccessPolicy" },
            Watch { service: "backup.amazonaws.com", name: "PutBackupVaultAccessPolicy" },
            Watch { service: "acm-pca.amazonaws.com", name: "PutPolicy" },
            Watch { service: ES, name: "CreateDomain" },
            Watch { service: ES, name: "UpdateDomainConfig" },
            Watch { service: ES, name: "CreateElasticsearchDomain" },
            Watch { service: ES, name: "UpdateElasticsearchDomainConfig" },
        ],
        frameworks: &[
            "AWS FSBP ES.2",
            "ATT&CK T1537",
            "endgame acm-pca",
            "endgame elasticsearch",
            "endgame glacier",
            "endgame ses",
        ],
        caveat: "What strangers did in the meantime stays done: look in CloudTrail for calls upon it by other accounts.",
        source: file!(),
        ..OPENED
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let Upon { kind, service, path, id, field, delete } = upon(event);
        let is_told = !json::is_left_out(&event.request);
        let request = &event.request;
        // A domain has many settings beside its policy, and two that keep out whom its policy lets in.
        // <https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html#fgac-recommendations>
        let is_kept = !json::is_nothing(&request["vPCOptions"]["subnetIds"])
            || json::is_true(&request["advancedSecurityOptions"]["enabled"]);
        if is_told && service == "es" && (json::is_nothing(&request[field]) || is_kept) {
            return None;
        }
        // A call upon another account's resource is told to the caller's account as well.
        if id.and_then(account_in).is_some_and(|account| account != event.account) {
            return None;
        }
        let policy = &request[field];
        let policy = policy.as_str().or_else(|| json::text(policy, "policy"));
        let (severity, open) = strangers_in(policy, event, settings)?;
        // Of a domain that is there already, nobody tells.
        let is_unsure = service == "es" && event.name.starts_with("Update");
        let severity = if is_unsure { severity.min(Severity::Medium) } else { severity };
        let name = id.map(|id| id.rsplit_once(path).map_or(id, |(_, name)| name));
        let page = format!("{service}/home?region={}", event.region);
        let subject = name.map(|name| Subject::part(event, kind, name, service, path, &page));
        let why = format!("{open}. If it should not be so, put a narrower policy, or take it away with `{delete}`");
        Some(Risk { subject: subject.unwrap_or_else(|| Subject::account(event)), severity, why })
    }
}

/// What an event is about, and how its policy is taken away.
struct Upon<'a> {
    kind: &'static str,
    service: &'static str,
    path: &'static str,
    /// A name or an ARN.
    id: Option<&'a str>,
    /// Where the call has the policy.
    field: &'static str,
    delete: String,
}

fn upon(event: &Event) -> Upon<'_> {
    let request: &Value = &event.request;
    let of = |kind, service, path, field, delete: &str| {
        let id = json::text(request, field);
        (kind, service, path, id, format!("{delete} {}", id.map_or("…".into(), quoted)))
    };
    let (kind, service, path, id, delete) = match event.name.as_str() {
        "SetVaultAccessPolicy" => {
            let delete = "aws glacier delete-vault-access-policy --account-id - --vault-name";
            of("Glacier vault", "glacier", "vaults/", "vaultName", delete)
        }
        "PutBackupVaultAccessPolicy" => {
            let delete = "aws backup delete-backup-vault-access-policy --backup-vault-name";
            of("backup vault", "backup", "backup-vault:", "backupVaultName", delete)
        }
        "PutPolicy" => {
            let delete = "aws acm-pca delete-policy --resource-arn";
            of("certificate authority", "acm-pca", "certificate-authority/", "resourceArn", delete)
        }
        "PutIdentityPolicy" => of(
            "email identity",
            "ses",
            "identity/",
            "identity",
            "aws sesv2 delete-email-identity-policy --email-identity",
        ),
        "CreateEmailIdentityPolicy" | "UpdateEmailIdentityPolicy" => {
            let delete = "aws sesv2 delete-email-identity-policy --email-identity";
            of("email identity", "ses", "identity/", "emailIdentity", delete)
        }
        _ => {
            let update = "aws opensearch update-domain-config --access-policies '' --domain-name";
            of("OpenSearch domain", "es", "domain/", "domainName", update)
        }
    };
    let named = json::text(request, "policyName").map(|name| format!(" --policy-name {}", quoted(name)));
    let delete = delete + &named.unwrap_or_default();
    Upon { kind, service, path, id, field: if service == "es" { "accessPolicies" } else { "policy" }, delete }
}
