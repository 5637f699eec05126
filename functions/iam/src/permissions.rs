//! What gives an identity its permissions, and what it makes of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::change::PolicyVersion;
pub use snapback::change::{IamIdentity, IdentityKind};
use snapback::event::Event;
use snapback::policy::identity::{self, Attached, Held, Holder, Identity};
use snapback::policy::{NotUnderstood, PolicyText};

use crate::trusted::Trusted;

/// A user, a role or a group, and all that gives it permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Permissions {
    pub of: IamIdentity,
    pub arn: String,
    /// By which IAM knows it whatever it is called: `AIDA…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    pub own: Policies,
    /// Of a user, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Policies>,
    /// The unique ids of these groups, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub group_ids: BTreeMap<String, String>,
    /// Their ARNs, which have their paths.
    #[serde(skip)]
    pub group_arns: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
}

/// The managed policy that bounds what all others allow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    pub arn: String,
    /// As its default version has it.
    pub policy: PolicyText,
}

/// The policies of one identity.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Policies {
    /// By ARN, each as its default version has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub managed: BTreeMap<String, PolicyText>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inline: BTreeMap<String, PolicyText>,
}

/// What an identity had been granted when a scheduled check last saw it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Granted {
    /// Whose it was, by the unique id: a name may become another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) managed: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) inline: BTreeMap<String, PolicyText>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) groups: BTreeSet<String>,
    /// The unique ids of these groups, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) group_ids: BTreeMap<String, String>,
    /// The ARN of its permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boundary: Option<String>,
    /// Whom a role trusted; nothing where that was not remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trusts: Option<BTreeSet<Trusted>>,
}

/// The default version of a managed policy when a scheduled check last saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DefaultVersion {
    pub(crate) version: PolicyVersion,
    /// What it said, if it denied anything: somebody may delete the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) denying: Option<PolicyText>,
}

impl Granted {
    /// Whether this was seen of what has this id now and was created then, and not of another that had its name before.
    pub(crate) fn is_of(&self, id: Option<&str>, created: Option<Timestamp>, seen: Timestamp) -> bool {
        let is_same = self.id.as_deref().zip(id).is_none_or(|(was, is)| was == is);
        is_same && created.is_none_or(|created| created <= seen)
    }

    /// Whether one of the groups was this one, whatever it is called now.
    pub(crate) fn has_group(&self, name: &str, id: Option<&str>) -> bool {
        match id {
            Some(id) if !self.group_ids.is_empty() => self.group_ids.values().any(|was| was == id),
            _ => self.groups.contains(name),
        }
    }
}

impl Permissions {
    /// One who holds nothing.
    #[must_use]
    pub fn of(of: IamIdentity, arn: impl Into<String>) -> Self {
        Self {
            of,
            arn: arn.into(),
            id: None,
            created: None,
            own: Policies::default(),
            groups: BTreeMap::new(),
            group_ids: BTreeMap::new(),
            group_arns: BTreeMap::new(),
            boundary: None,
        }
    }

    /// What all of it together lets the identity do.
    ///
    /// # Errors
    /// Says which policy is not understood, and where.
    pub fn judge(&self, at: Option<Timestamp>) -> Result<Identity, NotUnderstood> {
        let (held, holder) = self.held(at);
        identity::judge_held(&held, &holder)
    }

    /// Whether it is another than the one that the event was upon.
    pub(crate) fn is_made_after(&self, event: &Event) -> bool {
        is_made_after(self.created, event)
    }

    /// What all its policies say, its own and those of its groups.
    pub fn policies(&self) -> impl Iterator<Item = &PolicyText> {
        self.groups.values().chain([&self.own]).flat_map(Policies::texts)
    }

    /// The first of some roles that it may assume, by their ARNs or patterns of them, and by which statements.
    pub(crate) fn assumes<'r>(
        &self,
        at: Option<Timestamp>,
        roles: impl IntoIterator<Item = &'r str>,
    ) -> Result<Option<(&'r str, String)>, NotUnderstood> {
        let (held, holder) = self.held(at);
        identity::assumes(&held, &holder, roles)
    }

    fn held(&self, at: Option<Timestamp>) -> (Held, Holder) {
        let by: [&[&str]; 2] = match self.of.kind {
            IdentityKind::User => [&["iam:DetachUserPolicy"], &["iam:DeleteUserPolicy"]],
            IdentityKind::Role => [&["iam:DetachRolePolicy"], &["iam:DeleteRolePolicy"]],
            IdentityKind::Group => [&["iam:DetachGroupPolicy"], &["iam:DeleteGroupPolicy"]],
        };
        let of_group: [&[&str]; 2] = [
            &["iam:DetachGroupPolicy", "iam:RemoveUserFromGroup"],
            &["iam:DeleteGroupPolicy", "iam:RemoveUserFromGroup"],
        ];
        let mut policies = self.own.attached("", by);
        for (group, held) in &self.groups {
            policies.extend(held.attached(&format!(" of group `{group}`"), of_group));
        }
        let boundary = self.boundary.as_ref().map(|boundary| Attached {
            name: format!("permissions boundary `{}`", name(&boundary.arn)),
            text: boundary.policy.to_string(),
            taken_off_by: &[],
        });
        let account = self.arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned);
        let arn = named(&self.arn).map(|_| self.arn.clone());
        (Held { policies, boundary }, Holder { arn, account, at })
    }
}

/// Whether something was certainly made after the call: IAM and CloudTrail have whole seconds, each by a clock of its own.
pub(crate) fn is_made_after(made: Option<Timestamp>, event: &Event) -> bool {
    made.is_some_and(|made| made.duration_since(event.time) > SignedDuration::from_mins(1))
}

impl Policies {
    /// What they say, managed and inline.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &PolicyText> {
        self.managed.values().chain(self.inline.values())
    }

    /// With the calls by which the managed ones are taken off, and the inline ones.
    fn attached(&self, of: &str, [detached, deleted]: [&'static [&'static str]; 2]) -> Vec<Attached> {
        let managed =
            self.managed.iter().map(|(arn, text)| (format!("managed policy `{}`{of}", name(arn)), text, detached));
        let inline = self.inline.iter().map(|(name, text)| (format!("inline policy `{name}`{of}"), text, deleted));
        let attached = |(name, text, taken_off_by): (String, &PolicyText, _)| Attached {
            name,
            text: text.to_string(),
            taken_off_by,
        };
        managed.chain(inline).map(attached).collect()
    }
}

/// The identity that an ARN names, if it names one.
#[must_use]
pub fn named(arn: &str) -> Option<IamIdentity> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", _, _, path] = parts[..] else { return None };
    let (kind, name) = (path.split('/').next()?, path.rsplit('/').next()?);
    let kind = match kind {
        "user" => IdentityKind::User,
        "role" => IdentityKind::Role,
        "group" => IdentityKind::Group,
        _ => return None,
    };
    (path.contains('/') && !name.is_empty()).then(|| IamIdentity::named(kind, name))
}

/// What people call a managed policy.
fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
