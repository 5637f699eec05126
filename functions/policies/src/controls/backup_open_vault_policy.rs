//! # A policy lets strangers use a backup vault
//!
//! **Watches** `PutBackupVaultAccessPolicy`.
//!
//! **Why** Whoever may copy from a backup vault has all that was backed up, and whoever may delete in it takes away what one
//! would recover from.
//!
//! **Does** Asks an operator, in every mode: whoever may write the policies of vaults may remove the `Deny` that keeps backups
//! from being deleted, so the function has no such right. It reads the policy that the vault has now and plans to remove from
//! it what lets in everyone, or accounts and organizations that are not trusted: one principal of a list, one of the values
//! that a condition allows, or else the whole statement. Everything else stays as it is. The policy is deleted only if nothing
//! is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which vault.

use serde_json::json;
use snapback::control::{About, Applier, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const VAULTS: On =
    On::new("BackupVaults", &["arn:${AWS::Partition}:backup:${AWS::Region}:${AWS::AccountId}:backup-vault:*"]);
const GET: Right = VAULTS.right("backup:GetBackupVaultAccessPolicy");
const PUT: Right = VAULTS.right("backup:PutBackupVaultAccessPolicy");
const DELETE: Right = VAULTS.right("backup:DeleteBackupVaultAccessPolicy");

#[derive(Debug)]
pub(crate) struct BackupOpenVaultPolicy;

impl Row for BackupOpenVaultPolicy {
    const ABOUT: &'static About = &About {
        id: "backup-open-vault-policy",
        title: "A policy lets strangers use a backup vault",
        watches: &[Watch { service: "backup.amazonaws.com", name: "PutBackupVaultAccessPolicy" }],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1490", "ATT&CK T1537"],
        caveat: "Backups that strangers copied in the meantime are theirs, and those that they deleted are gone: look for \
                 `StartCopyJob` and `DeleteRecoveryPoint` in CloudTrail.",
        source: file!(),
        ..OPENED
    };
    const APPLIED_BY: Applier = Applier::Operator;
    const WORD: &'static str = "backup vault";
    const SERVICE: Service = Service::rest("backup");
    const PATH: &'static str = "backup-vault:";
    const LIST: &'static [Right] = &[On::new("AllBackupVaults", &["*"]).right("backup:ListBackupVaults")];
    const TAGS: Option<Right> = Some(VAULTS.right("backup:ListTags"));
    const GONE: &'static [&'static str] = &["ResourceNotFoundException"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let policy = json::text(&event.request, "policy").map(str::to_owned);
        (json::text(&event.request, "backupVaultName"), policy.into())
    }

    fn get(name: &str) -> Call {
        Call::rest("GetBackupVaultAccessPolicy", "GET", &["backup-vaults", name, "access-policy"])
    }

    fn put(name: &str, policy: &str) -> Call {
        let call = Call::rest("PutBackupVaultAccessPolicy", "PUT", &["backup-vaults", name, "access-policy"]);
        call.with(json!({"Policy": policy}))
    }

    fn delete(name: &str) -> Option<Call> {
        Some(Call::rest("DeleteBackupVaultAccessPolicy", "DELETE", &["backup-vaults", name, "access-policy"]))
    }

    fn list() -> List {
        let call = Call::rest("ListBackupVaults", "GET", &["backup-vaults", ""]);
        List { call, all: "BackupVaultList", one: "BackupVaultName", next: ["nextToken", "NextToken"] }
    }

    fn tags(vault: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::rest("ListTags", "GET", &["tags", &vault.arn, ""]), "Tags"))
    }
}
