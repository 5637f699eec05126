//! What can be done to AWS Organizations. What can be done to the content of its policies is a
//! [`PolicyChange`](super::PolicyChange).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Member, Setting, changes};

changes! {
    /// What can be done to AWS Organizations.
    Organizations {
        /// `AttachPolicy`; `DetachPolicy` only ever to undo.
        Policies(PolicyTarget => Vec<AttachedPolicy>),
        /// `EnableAWSServiceAccess`; `DisableAWSServiceAccess` only ever to undo.
        Access(TrustedService => ServiceAccess),
    }
}

/// What a policy is attached to: the id of a root, a unit or an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyTarget(pub String);

/// A policy of the organization that is attached to something. By its id; its name and type are for people and for lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedPolicy {
    pub id: String,
    pub name: String,
    /// `SERVICE_CONTROL_POLICY`
    #[serde(rename = "type")]
    pub kind: String,
}

/// A service of AWS that may act in all accounts of the organization, by its principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustedService(pub String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAccess {
    Enabled,
    Disabled,
}

impl Member for AttachedPolicy {
    const NONE: &'static str = "(not attached)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        let (verb, policies, to_or_from) = if to.is_empty() { ("detach", from, "from") } else { ("attach", to, "to") };
        let policies: Vec<String> = policies.iter().map(Self::to_string).collect();
        format!("{verb} {} {to_or_from} {of}", policies.join(", "))
    }

    fn is_at(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// One that was renamed is the same.
    fn same(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Setting for ServiceAccess {
    fn shown(&self) -> String {
        match self {
            Self::Enabled => "trusted in the organization",
            Self::Disabled => "(not trusted in the organization)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::Enabled => format!("let {of} act in the accounts of the organization"),
            Self::Disabled => format!("no longer let {of} act in the accounts of the organization"),
        }
    }
}

impl fmt::Display for PolicyTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.0.split('-').next() {
            Some("r") => "root",
            Some("ou") => "unit",
            _ => "account",
        };
        write!(f, "{word} `{}`", self.0)
    }
}

impl fmt::Display for AttachedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy `{}` ({})", self.id, self.name)
    }
}

impl fmt::Display for TrustedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}`", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Swap;

    #[test]
    fn a_policy_is_attached_and_detached_again_whatever_it_is_called() {
        let policy = AttachedPolicy {
            id: "p-1a2b3c4d".to_owned(),
            name: "NobodyLeaves".to_owned(),
            kind: "SERVICE_CONTROL_POLICY".to_owned(),
        };
        let of = PolicyTarget("ou-ab12-11111111".to_owned());
        let change = Organizations::Policies(Swap { of, from: vec![], to: vec![policy.clone()] });
        assert_eq!(change.to_string(), "attach policy `p-1a2b3c4d` (NobodyLeaves) to unit `ou-ab12-11111111`");
        assert_eq!(change.undo().to_string(), "detach policy `p-1a2b3c4d` (NobodyLeaves) from unit `ou-ab12-11111111`");
        assert!(policy.same(&AttachedPolicy { name: "Renamed".to_owned(), ..policy.clone() }));
        assert_eq!(PolicyTarget("r-ab12".to_owned()).to_string(), "root `r-ab12`");
        assert_eq!(PolicyTarget("222233334444".to_owned()).to_string(), "account `222233334444`");
    }
}
