//! # A database was deleted without a last snapshot
//!
//! **Watches** of RDS, under whose name DocumentDB and Neptune call too, `DeleteDBInstance` and `DeleteDBCluster`.
//!
//! **Why** RDS takes a last snapshot of a database that is deleted, unless whoever deletes it says not to. Then what was
//! written since the last backup is lost, and with the automated backups mostly all of it.
//!
//! **Does** Alerts: no call gives a deleted database back. The notice has the command that lists which snapshots are left.
//!
//! **Leaves alone**
//! - databases that are deleted with a last snapshot
//! - read replicas and instances of a cluster, whose data are also elsewhere

use snapback::change::DatabaseKind;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;

use crate::told::{self, SERVICE, is_false};

#[derive(Debug)]
pub(crate) struct DeletedDatabase;

impl Noticed for DeletedDatabase {
    const ABOUT: &'static About = &About {
        id: "rds-deleted-database",
        title: "A database was deleted without a last snapshot",
        happened: "was deleted without a last snapshot",
        watches: &[
            Watch { service: SERVICE, name: "DeleteDBInstance" },
            Watch { service: SERVICE, name: "DeleteDBCluster" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1485"],
        caveat: "What was written since the last backup is lost.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let (request, answer) = (&event.request, &event.response);
        // <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html>
        let lies_elsewhere = [
            "dBClusterIdentifier",
            "readReplicaSourceDBInstanceIdentifier",
            "readReplicaSourceDBClusterIdentifier",
            "replicationSourceIdentifier",
        ];
        let is_cluster = told::kind(event) == DatabaseKind::Cluster;
        let is_copy = lies_elsewhere
            .into_iter()
            .filter(|field| !is_cluster || *field != "dBClusterIdentifier")
            .any(|field| json::text(answer, field).is_some());
        let is_told = !json::is_left_out(request);
        if is_copy || is_told && !json::is_true(&request["skipFinalSnapshot"]) {
            return None;
        }
        let of = told::database(event);
        let option = of.as_ref().map_or_else(|| "…".to_owned(), told::option);
        let (list, restore) = if is_cluster {
            ("describe-db-cluster-snapshots", "restore-db-cluster-to-point-in-time")
        } else {
            ("describe-db-snapshots", "restore-db-instance-to-point-in-time")
        };
        let what = of.map_or_else(|| "a database that the event does not name".to_owned(), |of| of.to_string());
        let did =
            if is_told { "without a last snapshot" } else { "and the event does not say whether with a last snapshot" };
        let kept = if is_false(&request["deleteAutomatedBackups"]) {
            format!("; its automated backups stay: `aws rds {restore}` makes a database of them")
        } else {
            String::new()
        };
        let why = format!(
            "{} deleted {what} {did}{kept}. Which snapshots there are: `aws rds {list} --region {} {option}`",
            event.actor, event.region
        );
        Some(Risk { subject: told::subject(event), severity: Severity::High, why })
    }
}
