//! The replication of a bucket: rules by which S3 copies objects to other buckets. All of them are written at once, so
//! all that they say is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// The role in which S3 copies.
    pub role: String,
    pub rules: Vec<ReplicationRule>,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ReplicationRule.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationRule {
    pub id: Option<String>,
    pub priority: Option<i32>,
    /// In place of the filter, in rules of an older form.
    pub prefix: Option<String>,
    pub filter: Option<ReplicationFilter>,
    /// `Enabled` or `Disabled`, as is each status here.
    pub status: String,
    /// The status for objects that are encrypted with a key of KMS.
    pub kms_objects: Option<String>,
    /// The status for changes of copies that are objects of the bucket.
    pub replica_modifications: Option<String>,
    /// The status for objects that were there before the rule.
    pub existing_objects: Option<String>,
    /// The status for delete markers.
    pub delete_markers: Option<String>,
    pub destination: ReplicationDestination,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationFilter {
    /// Whether these stand in an `And`.
    pub is_and: bool,
    pub prefix: Option<String>,
    pub tags: Vec<(String, String)>,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Destination.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationDestination {
    /// The bucket's ARN, which does not tell an account.
    pub bucket: String,
    /// Whose the bucket is said to be.
    pub account: Option<String>,
    pub storage_class: Option<String>,
    /// `Destination` if the copies are to be the bucket owner's.
    pub owner: Option<String>,
    pub kms_key: Option<String>,
    pub time: Option<ReplicationTime>,
    pub metrics: Option<ReplicationTime>,
}

/// Within how many minutes S3 is to copy, or to tell that it has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationTime {
    pub status: String,
    pub minutes: Option<i32>,
}

impl ReplicationRule {
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.status != "Disabled"
    }

    /// The same rule, out of force.
    #[must_use]
    pub fn disabled(&self) -> Self {
        Self { status: "Disabled".to_owned(), ..self.clone() }
    }
}

impl ReplicationDestination {
    /// The bucket's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.bucket.rsplit_once(":::").map_or(&*self.bucket, |(_, name)| name)
    }
}

impl fmt::Display for ReplicationRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` to bucket `{}`", self.id.as_deref().unwrap_or("without a name"), self.destination.name())
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "as {}", self.role)?;
        let write_rule = |rule| write!(f, "\n{}", serde_json::to_string(rule).map_err(|_| fmt::Error)?);
        self.rules.iter().try_for_each(write_rule)
    }
}
