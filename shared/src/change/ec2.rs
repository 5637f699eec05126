//! What can be done to Amazon EC2.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Change;
use crate::network::Traffic;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ec2 {
    /// `RevokeSecurityGroupIngress`, by rule id.
    RevokeIngress { group: String, rules: Vec<Rule> },
    /// `AuthorizeSecurityGroupIngress`; only ever to undo. The rules get new ids.
    AuthorizeIngress { group: String, rules: Vec<Rule> },
}

/// One rule of a security group, with everything that authorising it again needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `sgr-…`
    pub id: String,
    /// As the API has it: `tcp`, `udp`, `icmp`, `icmpv6`, `-1`, or a protocol number.
    pub protocol: String,
    pub from_port: Option<i64>,
    pub to_port: Option<i64>,
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Whom a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    SecurityGroup(String),
}

impl Rule {
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic::of_api(&self.protocol, self.from_port, self.to_port)
    }

    /// Whether both let the same traffic in from the same source, whatever their ids, descriptions and tags.
    #[must_use]
    pub fn lets_in_the_same(&self, other: &Self) -> bool {
        self.traffic() == other.traffic() && self.source == other.source
    }
}

impl Ec2 {
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::RevokeIngress { group, rules } => Self::AuthorizeIngress { group, rules },
            Self::AuthorizeIngress { group, rules } => Self::RevokeIngress { group, rules },
        }
    }

    #[must_use]
    pub fn sides(&self) -> (String, String) {
        let (Self::RevokeIngress { rules, .. } | Self::AuthorizeIngress { rules, .. }) = self;
        let shown = rules.iter().map(detailed).collect::<Vec<_>>().join("\n");
        let without = "(without these rules; all others stay)".to_owned();
        match self {
            Self::RevokeIngress { .. } => (shown, without),
            Self::AuthorizeIngress { .. } => (without, shown),
        }
    }
}

impl From<Ec2> for Change {
    fn from(change: Ec2) -> Self {
        Self::Ec2(change)
    }
}

impl TryFrom<Change> for Ec2 {
    type Error = Change;
    fn try_from(change: Change) -> Result<Self, Change> {
        match change {
            Change::Ec2(change) => Ok(change),
            other => Err(other),
        }
    }
}

impl fmt::Display for Ec2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, preposition, group, rules) = match self {
            Self::RevokeIngress { group, rules } => ("revoke", "from", group, rules),
            Self::AuthorizeIngress { group, rules } => ("authorise", "in", group, rules),
        };
        let list = rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        write!(f, "{verb} {list} {preposition} security group `{group}`")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.traffic(), self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Ipv4(source) | Self::Ipv6(source) | Self::PrefixList(source) | Self::SecurityGroup(source)) = self;
        f.write_str(source)
    }
}

fn detailed(rule: &Rule) -> String {
    let description = rule.description.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
    let tags: String = rule.tags.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    format!("{} {rule}{description}{tags}", rule.id)
}
