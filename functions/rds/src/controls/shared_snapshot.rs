//! # A snapshot of a database is shared with strangers
//!
//! **Watches** of RDS, under whose name DocumentDB and Neptune call too, `ModifyDBSnapshotAttribute` and
//! `ModifyDBClusterSnapshotAttribute`.
//!
//! **Why** Everyone with whom a snapshot is shared can make a database of it, or copy it, and keeps the copy (Stratus Red Team:
//! `rds-share-snapshot`).
//!
//! **Does** Stops sharing with those with whom this event shared it: everyone, and strangers. Whoever had it before keeps
//! it, and the notice says so.
//!
//! **Leaves alone**
//! - its own account and accounts that the operator trusts
//! - those with whom it is no longer shared
//! - those with whom it was shared before
//! - those with whom an operator has shared it again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say with whom the snapshot was shared.

use anyhow::Result;
use snapback::change::{DatabaseKind, DatabaseSnapshot, Rds, SharedWith, Swap};
use snapback::control::{About, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::place::Place;
use snapback::sharing::{Reshared, Shareable, Shares, Told};
use snapback::subject::Subject;

use crate::told::{SERVICE, id_in, kind};
use crate::{aws, rights, told};

#[derive(Debug)]
pub(crate) struct SharedSnapshot;

impl Shareable for SharedSnapshot {
    const ABOUT: &'static About = &About {
        id: "rds-shared-snapshot",
        title: "A snapshot of a database is shared with strangers",
        happened: "was shared with strangers",
        watches: &[
            Watch { service: SERVICE, name: "ModifyDBSnapshotAttribute" },
            Watch { service: SERVICE, name: "ModifyDBClusterSnapshotAttribute" },
        ],
        reads: &[rights::DESCRIBE_SNAPSHOT, rights::DESCRIBE_CLUSTER_SNAPSHOT],
        writes: &[rights::MODIFY_SNAPSHOT, rights::MODIFY_CLUSTER_SNAPSHOT],
        undoes: &[
            rights::DESCRIBE_SNAPSHOT,
            rights::DESCRIBE_CLUSTER_SNAPSHOT,
            rights::MODIFY_SNAPSHOT,
            rights::MODIFY_CLUSTER_SNAPSHOT,
        ],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP RDS.1", "ATT&CK T1537", "Stratus aws.exfiltration.rds-share-snapshot", "endgame rds"],
        caveat: "Whoever copied the snapshot, or made a database of it, keeps what they have. CloudTrail does not tell you of it: \
                 treat its data as known to them.",
        source: file!(),
    };

    const SURVEY: Survey = aws::SNAPSHOTS;

    type Of = Self;

    fn subject(event: &Event, id: &str) -> Subject {
        told::of_snapshot(event, &DatabaseSnapshot { kind: kind(event), id: id.to_owned() })
    }

    fn of(subject: &Subject) -> Option<DatabaseSnapshot> {
        told::snapshot_of(subject)
    }

    fn told(event: &Event) -> Told {
        let (request, kind) = (&event.request, kind(event));
        let id = match kind {
            DatabaseKind::Instance => "dBSnapshotIdentifier",
            DatabaseKind::Cluster => "dBClusterSnapshotIdentifier",
        };
        let is_other = json::text(request, "attributeName").is_some_and(|name| name != aws::RESTORE);
        let added: Option<Vec<SharedWith>> =
            json::list(&request["valuesToAdd"]).into_iter().map(|value| Some(aws::grantee(value.as_str()?))).collect();
        let removes = !json::list(&request["valuesToRemove"]).is_empty();
        let with = if is_other { Some(vec![]) } else { added.filter(|added| !added.is_empty() || removes) };
        Told { id: json::text(request, id).map(id_in), with }
    }
}

impl Shares for SharedSnapshot {
    type Of = DatabaseSnapshot;
    type Change = Rds;

    const CHANGE: Reshared<DatabaseSnapshot, Rds> = Rds::Sharing;

    fn swap(change: &Rds) -> Option<&Swap<DatabaseSnapshot, Vec<SharedWith>>> {
        if let Rds::Sharing(swap) = change { Some(swap) } else { None }
    }

    async fn read(place: &Place, of: &DatabaseSnapshot) -> Result<Option<Vec<SharedWith>>> {
        aws::shared_with(place, of).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(name: &str, request: Value) -> Told {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": SERVICE, "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        SharedSnapshot::told(&Event::from_record(record).expect("an event"))
    }

    #[test]
    fn what_is_added_is_told_and_nothing_else() {
        let account = |id: &str| SharedWith::Account(id.to_owned());
        for (request, expected) in [
            (
                json!({"attributeName": "restore", "valuesToAdd": ["444455556666", "all"]}),
                Some(vec![account("444455556666"), SharedWith::Everyone]),
            ),
            (json!({"attributeName": "restore", "valuesToRemove": ["all"]}), Some(vec![])),
            (
                json!({"attributeName": "restore", "valuesToAdd": ["444455556666"], "valuesToRemove": ["all"]}),
                Some(vec![account("444455556666")]),
            ),
            (json!({"attributeName": "another", "valuesToAdd": ["all"]}), Some(vec![])),
            (json!({"attributeName": "restore", "valuesToAdd": [7]}), None),
            (json!({"attributeName": "restore"}), None),
            (json!({"omitted": true}), None),
            (json!(null), None),
        ] {
            assert_eq!(told("ModifyDBSnapshotAttribute", request.clone()).with, expected, "{request}");
        }
    }

    #[test]
    fn an_id_is_read_as_rds_keeps_it() {
        let id = |name: &str, request: Value| told(name, request).id;
        let monday = Some("monday".to_owned());
        assert_eq!(id("ModifyDBSnapshotAttribute", json!({"dBSnapshotIdentifier": "Monday"})), monday);
        let arn = "arn:aws:rds:eu-central-1:111122223333:cluster-snapshot:monday";
        assert_eq!(id("ModifyDBClusterSnapshotAttribute", json!({"dBClusterSnapshotIdentifier": arn})), monday);
    }
}
