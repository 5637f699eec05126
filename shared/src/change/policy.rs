//! The policy of a resource, whichever service has it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Change;
use super::swap::{Setting, Swap};
use crate::policy::{Policy, PolicyText};

/// A policy that is put, or deleted where nothing is left.
pub type PolicyChange = Swap<Holder, Option<PolicyText>>;

/// What has a policy, by what its API knows it by. Only what a function knows by its word is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// `PutBucketPolicy`, `DeleteBucketPolicy`
    Bucket(String),
    /// `PutAccessPointPolicy`, `DeleteAccessPointPolicy`
    AccessPoint(String),
    /// By its ARN. `SetTopicAttributes`: a topic always has a policy.
    Topic(String),
    /// By its URL. `SetQueueAttributes`
    Queue(String),
    /// `UpdateAssumeRolePolicy`: a role always has a trust policy.
    Role(String),
    /// `ModifyVpcEndpoint`: a policy can only be replaced.
    VpcEndpoint(String),
    /// What the function for resource policies has a row for, by the row's word.
    Resource { word: String, id: String },
}

impl Holder {
    /// What people call it.
    #[must_use]
    pub fn word(&self) -> &str {
        self.parts().0
    }

    /// By what its API knows it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        match self {
            Self::Bucket(name) => ("bucket", name),
            Self::AccessPoint(name) => ("access point", name),
            Self::Topic(arn) => ("topic", arn),
            Self::Queue(url) => ("queue", url),
            Self::Role(name) => ("role", name),
            Self::VpcEndpoint(id) => ("VPC endpoint", id),
            Self::Resource { word, id } => (word, id),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.word(), self.id())
    }
}

impl Setting for Option<PolicyText> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "(no policy)".to_owned(), PolicyText::to_string)
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let what = match (from, to) {
            (_, None) => format!("delete the policy of {of}"),
            (None, Some(_)) => format!("put a policy on {of}, which has none"),
            (Some(_), Some(_)) => format!("change the policy of {of}"),
        };
        what + &without(to.as_ref())
    }

    fn leaves_some(_: &Self, to: &Self, _: &Value) -> bool {
        to.is_some()
    }

    fn writable(&self) -> Self {
        let policy = self.as_ref()?;
        let without_ids = Policy::parse(policy).ok().and_then(|policy| policy.without_ids());
        let text = without_ids.map_or_else(|| policy.clone(), PolicyText::from);
        let shorter = Policy::parse(&text).ok().and_then(|policy| policy.shorter());
        Some(shorter.map_or(text, PolicyText::from))
    }
}

/// Who is left out, as AWS refuses a policy that names somebody who is no more.
fn without(to: Option<&PolicyText>) -> String {
    let ids = |policy: Option<&PolicyText>| -> BTreeSet<String> {
        policy.and_then(|text| Policy::parse(text).ok().map(|policy| policy.ids())).unwrap_or_default()
    };
    let written = to.cloned().writable();
    let gone: Vec<String> = ids(to).difference(&ids(written.as_ref())).cloned().collect();
    if gone.is_empty() { String::new() } else { format!(", without {}, which no longer exists", gone.join(", ")) }
}

impl From<PolicyChange> for Change {
    fn from(change: PolicyChange) -> Self {
        Self::Policy(change)
    }
}

impl TryFrom<Change> for PolicyChange {
    type Error = Change;

    fn try_from(change: Change) -> Result<Self, Change> {
        match change {
            Change::Policy(change) => Ok(change),
            other => Err(other),
        }
    }
}
