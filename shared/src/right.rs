//! What IAM has to allow: an action, and on what.
//!
//! Each service declares its rights once, and the controls name them. What a function's role may do and what an operator
//! needs is generated from that, so that no policy can grant more than some control has declared.

use serde::{Serialize, Serializer};

/// One action on one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// `s3:GetBucketPolicy`
    pub action: &'static str,
    pub on: On,
}

/// What actions are allowed on. One statement of a policy has all of a function's actions on the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct On {
    /// `Buckets`: with `Read` or `Revert` before it, the statement's `Sid`. No two of a service have the same.
    pub name: &'static str,
    /// ARNs as `!Sub` of CloudFormation reads them, as narrow as the actions take them, or `*` where they take none.
    pub arns: &'static [&'static str],
    pub when: &'static [When],
    /// Why it is as wide, or as narrow, as it is, where that is not plain. It stands in the template as a comment.
    pub why: &'static str,
}

/// A condition that has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    /// `StringEquals`
    pub operator: &'static str,
    /// `aws:ResourceAccount`
    pub key: &'static str,
    pub values: &'static [&'static str],
}

/// The resource belongs to the account, for ARNs that do not say whose they are.
pub const OWN_ACCOUNT: When = When::new("StringEquals", "aws:ResourceAccount", &["${AWS::AccountId}"]);

/// The call is made in the Region of the stack, for actions that know no ARN.
pub const OWN_REGION: When = When::new("StringEquals", "aws:RequestedRegion", &["${AWS::Region}"]);

/// The boundary is one that the operator lists. An operator puts any.
pub const LISTED_BOUNDARY: When = When::new("ArnEquals", "iam:PermissionsBoundary", &["${IamWriterBoundaries}"]);

impl On {
    /// A kind of thing, without a condition.
    #[must_use]
    pub const fn new(name: &'static str, arns: &'static [&'static str]) -> Self {
        Self { name, arns, when: &[], why: "" }
    }

    /// The same, where all of these hold.
    #[must_use]
    pub const fn when(self, when: &'static [When]) -> Self {
        Self { when, ..self }
    }

    #[must_use]
    pub const fn why(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// The right to do something on it.
    #[must_use]
    pub const fn right(self, action: &'static str) -> Right {
        Right { action, on: self }
    }
}

impl When {
    #[must_use]
    pub const fn new(operator: &'static str, key: &'static str, values: &'static [&'static str]) -> Self {
        Self { operator, key, values }
    }
}

/// Whoever asks for a control's rights gets the actions: what they are on stands in the template.
impl Serialize for Right {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.action.serialize(serializer)
    }
}

/// The actions of some rights.
#[must_use]
pub fn actions(rights: &[Right]) -> Vec<&'static str> {
    rights.iter().map(|right| right.action).collect()
}
