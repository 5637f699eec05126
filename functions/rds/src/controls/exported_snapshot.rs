//! # A database is exported to a bucket
//!
//! **Watches** of RDS `StartExportTask`.
//!
//! **Why** An export writes the data of a snapshot or a cluster into a bucket, where neither the account's snapshots nor the
//! database protect them, and the event does not say whose bucket that is.
//!
//! **Does** Alerts and touches nothing: an export that is cancelled halfway leaves what it has written. The notice has the
//! command that cancels it. An export that is encrypted with a stranger's key is certainly for that stranger.
//!
//! **Leaves alone**
//! - exports that an AWS service starts by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE};

#[derive(Debug)]
pub(crate) struct ExportedSnapshot;

impl Noticed for ExportedSnapshot {
    const ABOUT: &'static About = &About {
        id: "rds-exported-snapshot",
        title: "A database is exported to a bucket",
        happened: "is exported to a bucket",
        watches: &[Watch { service: SERVICE, name: "StartExportTask" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537"],
        caveat: "Treat all its data as known to the owner of the bucket, and to whom that bucket lets in.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let told = |field: &str| json::text(&event.request, field).or_else(|| json::text(&event.response, field));
        let source = told("sourceArn");
        let bucket = told("s3BucketName").or_else(|| told("s3Bucket"));
        let bucket = bucket.map_or("a bucket that is not told".to_owned(), |name| format!("bucket `{name}`"));
        let is_known = |account: &str| account == event.account || settings.trusted_accounts.contains(account);
        let owner = told("kmsKeyId").and_then(account_in).filter(|account| !is_known(account));
        let (severity, key) = match owner {
            Some(owner) => (Severity::High, format!(", encrypted with a key of account {owner}")),
            None => (Severity::Medium, String::new()),
        };
        let task = told("exportTaskIdentifier").filter(|task| is_name(task)).unwrap_or("EXPORT_TASK_ID");
        let what = source.map_or("what the event does not name".to_owned(), |arn| format!("`{arn}`"));
        let why = format!(
            "{} exports {what} to {bucket}{key}. Check whose bucket that is; to stop it: `aws rds cancel-export-task --region {} \
             --export-task-identifier {task}`",
            event.actor, event.region
        );
        let subject = source.and_then(|arn| subject(event, arn)).unwrap_or_else(|| Subject::account(event));
        Some(Risk { subject, severity, why })
    }
}

/// A snapshot or a cluster, by its ARN.
fn subject(event: &Event, arn: &str) -> Option<Subject> {
    use snapback::change::{Database, DatabaseKind, DatabaseSnapshot};
    let id = told::id_in(arn);
    Some(match arn.split(':').nth(5)? {
        "snapshot" => told::of_snapshot(event, &DatabaseSnapshot { kind: DatabaseKind::Instance, id }),
        "cluster-snapshot" => told::of_snapshot(event, &DatabaseSnapshot { kind: DatabaseKind::Cluster, id }),
        "cluster" => told::of_database(event, &Database { kind: DatabaseKind::Cluster, id }),
        _ => return None,
    })
}

/// What stands in a command must not end it.
fn is_name(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
