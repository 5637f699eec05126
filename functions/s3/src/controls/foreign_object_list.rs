//! # Lists of a bucket's objects go to a stranger
//!
//! **Watches** `PutBucketInventoryConfiguration`, `PutBucketAnalyticsConfiguration`.
//!
//! **Why** An inventory names every object of a bucket, day by day. In a stranger's bucket it is a map of what there is to
//! take.
//!
//! **Does** Alerts and touches nothing: the event does not say what a configuration of that name was before. The notice
//! has the command that deletes it.
//!
//! **Leaves alone**
//! - lists that go to the bucket itself, or whose bucket has to be of its own account or of one that the operator trusts
//! - analytics that are not exported
//!
//! A destination without an account may be anybody's: then the severity is `low`.

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;

use crate::told::subject;

const SERVICE: &str = "s3.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ForeignObjectList;

impl Noticed for ForeignObjectList {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-object-list",
        title: "Lists of a bucket's objects go to a stranger",
        happened: "was set to list its objects elsewhere",
        watches: &[
            Watch { service: SERVICE, name: "PutBucketInventoryConfiguration" },
            Watch { service: SERVICE, name: "PutBucketAnalyticsConfiguration" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537"],
        caveat: "Lists that were delivered in the meantime are known to the owner of the destination.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let of = subject(event);
        let destination = destination(&event.request);
        let account = ["AccountId", "BucketAccountId"].iter().find_map(|name| json::text(destination, name));
        let (severity, whither) = match (json::text(destination, "Bucket"), account) {
            (_, Some(account)) if account == event.account || settings.trusted_accounts.contains(account) => {
                return None;
            }
            (Some(bucket), _) if bucket == of.arn => return None,
            (Some(bucket), Some(account)) => (Severity::High, format!("`{bucket}` of account {account}")),
            (Some(bucket), None) => (Severity::Low, format!("`{bucket}`, and the event does not say whose that is")),
            (None, _) if exports_nothing(event) => return None,
            (None, _) => (Severity::Medium, "a bucket that the event does not say".to_owned()),
        };
        let what = if event.name.contains("Inventory") { "inventory" } else { "analytics" };
        let bucket = if of.kind == "bucket" { &of.name } else { "BUCKET" };
        let id = json::text(&event.request, "id").unwrap_or("ID");
        let why = format!(
            "lists of its objects go to {whither}. If it should not be so, run `aws s3api delete-bucket-{what}-configuration \
             --bucket {bucket} --id {id}`"
        );
        Some(Risk { subject: of, severity, why })
    }
}

fn destination(request: &Value) -> &Value {
    let inventory = &request["InventoryConfiguration"]["Destination"];
    let analytics = &request["AnalyticsConfiguration"]["StorageClassAnalysis"]["DataExport"]["Destination"];
    let destination = if inventory.is_null() { analytics } else { inventory };
    &destination["S3BucketDestination"]
}

fn exports_nothing(event: &Event) -> bool {
    event.request["AnalyticsConfiguration"].is_object()
}
