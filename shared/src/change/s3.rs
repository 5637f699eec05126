//! What can be done to Amazon S3.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Change;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum S3 {
    /// `PutBucketPolicy`, or `DeleteBucketPolicy` where nothing is left.
    BucketPolicy { bucket: String, from: Option<String>, to: Option<String> },
}

impl S3 {
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::BucketPolicy { bucket, from, to } => Self::BucketPolicy { bucket, from: to, to: from },
        }
    }

    #[must_use]
    pub fn sides(&self) -> (String, String) {
        let shown = |policy: &Option<String>| policy.clone().unwrap_or_else(|| "(no policy)".to_owned());
        match self {
            Self::BucketPolicy { from, to, .. } => (shown(from), shown(to)),
        }
    }
}

impl From<S3> for Change {
    fn from(change: S3) -> Self {
        Self::S3(change)
    }
}

impl TryFrom<Change> for S3 {
    type Error = Change;
    fn try_from(change: Change) -> Result<Self, Change> {
        match change {
            Change::S3(change) => Ok(change),
            other => Err(other),
        }
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BucketPolicy { bucket, to: None, .. } => write!(f, "delete the policy of bucket `{bucket}`"),
            Self::BucketPolicy { bucket, from: None, .. } => {
                write!(f, "put a policy on bucket `{bucket}`, which has none")
            }
            Self::BucketPolicy { bucket, .. } => write!(f, "change the policy of bucket `{bucket}`"),
        }
    }
}
