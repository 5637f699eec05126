//! What can be done to keys of AWS KMS. What can be done to their policies is a [`PolicyChange`](super::PolicyChange).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::own::{Key, KeyState};
use super::swap::{Member, Setting, changes};

changes! {
    /// What can be done to keys of AWS KMS.
    Kms {
        /// `CancelKeyDeletion` and `EnableKey`; `DisableKey` and `ScheduleKeyDeletion` only ever to undo.
        State(Key => KeyState),
        /// `EnableKeyRotation`; `DisableKeyRotation` only ever to undo.
        Rotation(Key => Rotation),
        /// `RevokeGrant`; `CreateGrant` only ever to undo, and then the grant has another id.
        Grants(Key => Vec<KeyGrant>),
    }
}

/// After how many days a key gets new material, if it does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    pub days: Option<i32>,
}

/// What somebody may do with a key without a policy that says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyGrant {
    pub id: String,
    pub name: Option<String>,
    pub grantee: String,
    /// Who may retire it.
    pub retiring: Option<String>,
    pub operations: BTreeSet<String>,
    /// The encryption context that a request must have exactly.
    #[serde(default)]
    pub context_equals: BTreeMap<String, String>,
    /// The encryption context that a request must have among others.
    #[serde(default)]
    pub context_subset: BTreeMap<String, String>,
    /// For which resource of a service alone it may be used.
    #[serde(default)]
    pub source: Option<String>,
}

impl Setting for Rotation {
    fn shown(&self) -> String {
        self.days.map_or_else(|| "(not rotated)".to_owned(), |days| format!("rotated every {days} days"))
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to.days {
            Some(days) => format!("rotate {of} every {days} days"),
            None => format!("stop the rotation of {of}"),
        }
    }
}

impl Member for KeyGrant {
    const NONE: &'static str = "(no such grant)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        let (verb, grants) = if to.is_empty() { ("revoke", from) } else { ("give", to) };
        let grants: Vec<String> = grants.iter().map(Self::to_string).collect();
        format!("{verb} the grant on {of} of {}", grants.join("; "))
    }

    fn is_at(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// One that was given anew has another id.
    fn same(&self, other: &Self) -> bool {
        let nameless = |grant: &Self| Self { id: String::new(), ..grant.clone() };
        nameless(self) == nameless(other)
    }
}

impl fmt::Display for KeyGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations: Vec<&str> = self.operations.iter().map(String::as_str).collect();
        write!(f, "{} to {}", operations.join(", "), self.grantee)?;
        let context = |context: &BTreeMap<String, String>| {
            context.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
        };
        if !self.context_equals.is_empty() {
            write!(f, ", where the encryption context is {}", context(&self.context_equals))?;
        }
        if !self.context_subset.is_empty() {
            write!(f, ", where the encryption context has {}", context(&self.context_subset))?;
        }
        if let Some(source) = &self.source {
            write!(f, ", for {source}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Swap;

    #[test]
    fn a_grant_that_is_given_again_is_the_same_with_another_id() {
        let grant = KeyGrant {
            id: "0c237476".to_owned(),
            grantee: "arn:aws:iam::777788889999:root".to_owned(),
            operations: ["Decrypt".to_owned()].into(),
            ..KeyGrant::default()
        };
        let change = Kms::Grants(Swap { of: Key("1a2b".to_owned()), from: vec![grant.clone()], to: vec![] });
        let to = "Decrypt to arn:aws:iam::777788889999:root";
        assert_eq!(change.to_string(), format!("revoke the grant on key `1a2b` of {to}"));
        assert_eq!(change.undo().to_string(), format!("give the grant on key `1a2b` of {to}"));
        assert!(grant.same(&KeyGrant { id: "9f8e".to_owned(), ..grant.clone() }));
        assert!(!grant.same(&KeyGrant { operations: ["Encrypt".to_owned()].into(), ..grant.clone() }));
    }
}
