//! What can be done to databases and their snapshots: of RDS and Aurora, and of DocumentDB and Neptune, which have the same API.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SharedWith;
use super::own::DeletionProtection;
use super::swap::{Setting, changes};

changes! {
    /// What can be done to databases and their snapshots.
    Rds {
        /// `ModifyDBSnapshotAttribute` or `ModifyDBClusterSnapshotAttribute`
        Sharing(DatabaseSnapshot => Vec<SharedWith>),
        /// `ModifyDBInstance`. Nothing that waits for a maintenance window is applied with it.
        Address(Database => DatabaseAddress),
        /// `ModifyDBInstance` or `ModifyDBCluster`, of nothing else.
        DeletionProtection(Database => DeletionProtection),
        /// The same calls. What starts or ends backups waits for a maintenance window.
        Backups(Database => BackupDays),
    }
}

/// By its id, which is unique among its kind in an account and a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub kind: DatabaseKind,
    pub id: String,
}

/// A snapshot of a database, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseSnapshot {
    pub kind: DatabaseKind,
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    Instance,
    /// Of Aurora, DocumentDB or Neptune, or of RDS in several zones.
    Cluster,
}

/// What the name of a database instance leads to from outside its VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseAddress {
    Public,
    Private,
}

/// For how many days automated backups are kept; 0: there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackupDays(pub i32);

impl Setting for DatabaseAddress {
    fn shown(&self) -> String {
        match self {
            Self::Public => "publicly accessible",
            Self::Private => "(not publicly accessible)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::Public => format!("make {of} publicly accessible"),
            Self::Private => format!("make {of} private"),
        }
    }
}

impl Setting for BackupDays {
    fn shown(&self) -> String {
        match self.0 {
            0 => "(no automated backups)".to_owned(),
            1 => "automated backups are kept for a day".to_owned(),
            days => format!("automated backups are kept for {days} days"),
        }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to.0 {
            0 => format!("switch off the automated backups of {of}"),
            1 => format!("keep the automated backups of {of} for a day"),
            days => format!("keep the automated backups of {of} for {days} days"),
        }
    }
}

impl DatabaseKind {
    /// What people call a database of this kind.
    #[must_use]
    pub fn database(self) -> &'static str {
        match self {
            Self::Instance => "DB instance",
            Self::Cluster => "DB cluster",
        }
    }

    /// What people call a snapshot of one.
    #[must_use]
    pub fn snapshot(self) -> &'static str {
        match self {
            Self::Instance => "DB snapshot",
            Self::Cluster => "DB cluster snapshot",
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.database(), self.id)
    }
}

impl fmt::Display for DatabaseSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind.snapshot(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Swap;

    #[test]
    fn a_change_and_its_undo_say_what_they_do() {
        let said = |change: Rds| [change.to_string(), change.undo().to_string()];
        let of = || Database { kind: DatabaseKind::Cluster, id: "orders".to_owned() };
        let snapshot = DatabaseSnapshot { kind: DatabaseKind::Instance, id: "monday".to_owned() };
        let shared = Rds::Sharing(Swap { of: snapshot, from: vec![SharedWith::Everyone], to: vec![] });
        assert_eq!(
            said(shared),
            ["stop sharing DB snapshot `monday` with everyone", "share DB snapshot `monday` with everyone",]
        );
        let address = Swap { of: of(), from: DatabaseAddress::Public, to: DatabaseAddress::Private };
        assert_eq!(
            said(Rds::Address(address)),
            ["make DB cluster `orders` private", "make DB cluster `orders` publicly accessible",]
        );
        let backups = Rds::Backups(Swap { of: of(), from: BackupDays(0), to: BackupDays(7) });
        assert_eq!(
            said(backups),
            [
                "keep the automated backups of DB cluster `orders` for 7 days",
                "switch off the automated backups of DB cluster `orders`",
            ]
        );
    }
}
