//! The lifecycle of a bucket: rules by which S3 moves and deletes objects. All of them are written at once, so all that
//! they say is kept.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    pub rules: Vec<LifecycleRule>,
    /// Which objects are too small to be moved, where a rule does not say.
    pub minimum_size: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    pub id: Option<String>,
    /// `Enabled` or `Disabled`.
    pub status: String,
    /// Beside the filter, in rules of an older form.
    pub prefix: Option<String>,
    pub filter: Option<LifecycleFilter>,
    pub expiration: Option<LifecycleExpiration>,
    pub transitions: Vec<LifecycleTransition>,
    pub older_transitions: Vec<LifecycleTransition>,
    pub older_expiration: Option<OlderVersions>,
    /// After how many days uploads that were not completed are aborted.
    pub aborts_uploads: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    /// Whether these stand in an `And`.
    pub is_and: bool,
    pub prefix: Option<String>,
    pub tags: Vec<(String, String)>,
    pub larger_than: Option<i64>,
    pub smaller_than: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleExpiration {
    pub days: Option<i32>,
    pub date: Option<String>,
    pub delete_markers: Option<bool>,
}

/// Where objects, or versions that are older than the current one, are moved to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleTransition {
    pub days: Option<i32>,
    pub date: Option<String>,
    pub storage_class: Option<String>,
    /// How many of the older versions stay.
    pub newer_versions: Option<i32>,
}

/// After how many days versions that are older than the current one are deleted, and how many of them stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OlderVersions {
    pub days: Option<i32>,
    pub newer_versions: Option<i32>,
}

impl LifecycleRule {
    /// When it deletes objects, if that is by a date or in fewer days than these.
    #[must_use]
    pub fn expires_before(&self, days: i32) -> Option<String> {
        let expiration = self.expiration.as_ref().filter(|_| self.status == "Enabled")?;
        match (expiration.days, &expiration.date) {
            (_, Some(date)) => Some(format!("on {date}")),
            (Some(1), None) => Some("after 1 day".to_owned()),
            (Some(after), None) if after < days => Some(format!("after {after} days")),
            _ => None,
        }
    }
}

impl LifecycleRule {
    /// With when it deletes, by which a rule is told from its other form.
    pub(super) fn said(&self) -> String {
        self.expires_before(i32::MAX).map_or_else(|| self.to_string(), |when| format!("{self} ({when})"))
    }
}

impl fmt::Display for LifecycleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`", self.id.as_deref().unwrap_or("without a name"))
    }
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, rule) in self.rules.iter().enumerate() {
            let line = if number == 0 { "" } else { "\n" };
            write!(f, "{line}{}", serde_json::to_string(rule).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}
