//! How exposed a policy is, and whom the operator trusts.

use std::collections::BTreeSet;
use std::fmt;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::known;

/// Who gets in, widest last. A policy is as exposed as its widest grant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Nobody.
    #[default]
    None,
    /// The owner's own account, or accounts that the operator trusts.
    Account,
    /// Anyone in an organization that the operator trusts.
    Organization,
    /// An AWS service that may act for anyone: the confused deputy. Log delivery is written this way.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
    Service,
    /// Somebody in particular whom the operator does not trust.
    Foreign,
    /// Anyone on the internet, anyone with any AWS account, or anyone signed in with a public web identity.
    Public,
}

impl Exposure {
    /// Whether strangers get in. A service is worth an alert at most.
    #[must_use]
    pub fn is_untrusted(self) -> bool {
        self >= Self::Foreign
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Account => "account",
            Self::Organization => "organization",
            Self::Service => "service",
            Self::Foreign => "foreign",
            Self::Public => "public",
        })
    }
}

/// Whom the operator trusts, with what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The account that owns the resource.
    pub account: Option<String>,
    /// The ARN of the resource, where it is known.
    pub resource: Option<String>,
    /// Other accounts, by id.
    pub accounts: BTreeSet<String>,
    /// Organizations, by id (`o-…`).
    pub organizations: BTreeSet<String>,
    /// VPCs and VPC endpoints, by id.
    pub networks: BTreeSet<String>,
    /// Ranges of addresses.
    pub ranges: Vec<IpNet>,
    /// Canonical user ids, the owner's own among them.
    pub canonical_users: BTreeSet<String>,
    /// When it is judged: what had to happen before then lets nobody in. Without it no date has passed.
    pub at: Option<Timestamp>,
    /// Whether a unique id in place of a principal may be somebody who was just named, and not somebody who is no more.
    pub shows_new_ids: bool,
    /// Whether everyone is only whom S3 takes for everyone: [`Policy::judge_as_s3`](super::Policy::judge_as_s3).
    pub as_s3: bool,
}

impl Trust {
    /// The same, at the time of an event.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        Self { at: Some(time), ..self }
    }

    /// The same, of a policy that is attached to this.
    #[must_use]
    pub fn on(self, arn: &str) -> Self {
        Self { resource: Some(arn.to_owned()), ..self }
    }

    /// Whom a canonical user id means. It does not tell an account, so who is not listed is a stranger.
    #[must_use]
    pub fn of_canonical_user(&self, id: &str) -> Exposure {
        if self.canonical_users.contains(id) {
            Exposure::Account
        } else if known::is_canonical_of_aws(id) {
            Exposure::Service
        } else {
            Exposure::Foreign
        }
    }

    pub(super) fn of_account(&self, id: &str) -> Exposure {
        if self.account.as_deref() == Some(id) || self.accounts.contains(id) {
            Exposure::Account
        } else {
            Exposure::Foreign
        }
    }

    pub(super) fn of_organization(&self, id: &str) -> Exposure {
        if self.organizations.contains(id) { Exposure::Organization } else { Exposure::Foreign }
    }

    /// Whoever calls from a network that the operator has listed is one of the operator's, of whatever account.
    pub(super) fn of_network(&self, id: &str) -> Exposure {
        if self.networks.contains(id) { Exposure::Organization } else { Exposure::Foreign }
    }

    pub(super) fn of_range(&self, range: &IpNet) -> Exposure {
        let is_trusted = self.ranges.iter().any(|trusted| trusted.contains(range));
        if is_trusted { Exposure::Organization } else { Exposure::Foreign }
    }
}
