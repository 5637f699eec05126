//! # An access grant lets a stranger in
//!
//! **Watches** `CreateAccessGrant`.
//!
//! **Why** S3 Access Grants hand out credentials for a bucket or a part of it. No policy of the bucket shows who has a
//! grant.
//!
//! **Does** Alerts and touches nothing. The notice has the command that deletes the grant.
//!
//! **Leaves alone**
//! - grants to users and roles of its own account and of accounts that the operator trusts
//! - grants to users and groups of the directory that the account's instance is associated with

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct ForeignAccessGrant;

impl Noticed for ForeignAccessGrant {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-access-grant",
        title: "An access grant lets a stranger in",
        happened: "got an access grant for a stranger",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "CreateAccessGrant" },
            Watch { service: "s3-control.amazonaws.com", name: "CreateAccessGrant" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537"],
        caveat: "Credentials that were handed out in the meantime stay valid for up to twelve hours.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let request = event.request.get("CreateAccessGrantRequest").unwrap_or(&event.request);
        let grantee = &request["Grantee"];
        let whom = json::text(grantee, "GranteeIdentifier");
        let owner = whom.and_then(account_in);
        let is_own = owner.is_some_and(|owner| owner == event.account || settings.trusted_accounts.contains(owner));
        let of_directory = json::text(grantee, "GranteeType").is_some_and(|kind| kind.starts_with("DIRECTORY"));
        if is_own || of_directory {
            return None;
        }
        let made = event.response.get("CreateAccessGrantResult").unwrap_or(&event.response);
        let id =
            ["accessGrantId", "AccessGrantId"].iter().find_map(|name| json::text(made, name)).unwrap_or("GRANT_ID");
        let may = json::text(request, "Permission").unwrap_or("some").to_lowercase();
        let whom = whom.map_or("a grantee that the event does not say".to_owned(), |whom| format!("`{whom}`"));
        let why = format!(
            "an access grant gives {may} access to {whom}. To end that, run `aws s3control delete-access-grant --account-id {} \
             --access-grant-id {id}`",
            event.account
        );
        Some(Risk { subject: Subject::account(event), severity: Severity::High, why })
    }
}
