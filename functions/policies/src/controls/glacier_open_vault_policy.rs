//! # A policy lets strangers use a vault of archives
//!
//! **Watches** `SetVaultAccessPolicy`.
//!
//! **Why** Whoever may use a vault reads archives that were kept for years, or deletes them (endgame backdoors vaults this
//! way).
//!
//! **Does** Reads the access policy that the vault has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is. The policy is deleted only if nothing is left of it. The policy of a
//! vault lock is another one and is never touched.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which vault.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const VAULTS: On = On::new("Vaults", &["arn:${AWS::Partition}:glacier:${AWS::Region}:${AWS::AccountId}:vaults/*"]);
const GET: Right = VAULTS.right("glacier:GetVaultAccessPolicy");
const SET: Right = VAULTS.right("glacier:SetVaultAccessPolicy");
const DELETE: Right = VAULTS.right("glacier:DeleteVaultAccessPolicy");

#[derive(Debug)]
pub(crate) struct GlacierOpenVaultPolicy;

impl Row for GlacierOpenVaultPolicy {
    const ABOUT: &'static About = &About {
        id: "glacier-open-vault-policy",
        title: "A policy lets strangers use a vault of archives",
        watches: &[Watch { service: "glacier.amazonaws.com", name: "SetVaultAccessPolicy" }],
        reads: &[GET],
        writes: &[SET, DELETE],
        undoes: &[GET, SET],
        frameworks: &["ATT&CK T1530", "ATT&CK T1537", "endgame glacier"],
        caveat: "What strangers started to retrieve in the meantime goes on, and archives that they deleted are gone: look for \
                 `InitiateJob` and `DeleteArchive` in CloudTrail.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "Glacier vault";
    /// <https://docs.aws.amazon.com/amazonglacier/latest/dev/api-common-request-headers.html>
    const SERVICE: Service = Service::rest("glacier").with_header("x-amz-glacier-version", "2012-06-01");
    const PATH: &'static str = "vaults/";
    const LIST: &'static [Right] = &[On::new("AllVaults", &["*"]).right("glacier:ListVaults")];
    const TAGS: Option<Right> = Some(VAULTS.right("glacier:ListTagsForVault"));
    const GONE: &'static [&'static str] = &["ResourceNotFoundException"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let policy = json::text(&event.request["policy"], "policy").map(str::to_owned);
        (json::text(&event.request, "vaultName"), policy.into())
    }

    fn get(name: &str) -> Call {
        Call::rest("GetVaultAccessPolicy", "GET", &["-", "vaults", name, "access-policy"])
    }

    fn put(name: &str, policy: &str) -> Call {
        let call = Call::rest("SetVaultAccessPolicy", "PUT", &["-", "vaults", name, "access-policy"]);
        call.with(json!({"Policy": policy}))
    }

    fn delete(name: &str) -> Option<Call> {
        Some(Call::rest("DeleteVaultAccessPolicy", "DELETE", &["-", "vaults", name, "access-policy"]))
    }

    fn list() -> List {
        let call = Call::rest("ListVaults", "GET", &["-", "vaults"]);
        List { call, all: "VaultList", one: "VaultName", next: ["marker", "Marker"] }
    }

    fn tags(vault: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::rest("ListTagsForVault", "GET", &["-", "vaults", &vault.name, "tags"]), "Tags"))
    }
}
