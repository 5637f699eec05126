//! What can be done to Amazon S3.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::swap::{Setting, changes};
use super::{Lifecycle, LifecycleRule, Replication, ReplicationRule};

changes! {
    /// What can be done to Amazon S3 beside its policies.
    S3 {
        /// `PutBucketAcl`
        BucketAcl(Bucket => Acl),
        /// `PutObjectAcl`, of one version or of the only one.
        ObjectAcl(Object => Acl),
        /// `PutPublicAccessBlock` of a bucket; `DeletePublicAccessBlock` only ever to undo.
        BucketPublicAccessBlock(Bucket => Option<Flags>),
        /// The same of a whole account.
        AccountPublicAccessBlock(Account => Option<Flags>),
        /// `PutBucketVersioning`
        BucketVersioning(Bucket => Versioning),
        /// `PutBucketLifecycleConfiguration`, or `DeleteBucketLifecycle` where no rule is left.
        BucketLifecycle(Bucket => Option<Lifecycle>),
        /// `PutBucketLogging`
        BucketLogging(Bucket => Option<AccessLogging>),
        /// `PutBucketReplication`
        BucketReplication(Bucket => Replication),
        /// `PutBucketOwnershipControls`; `DeleteBucketOwnershipControls` only ever to undo.
        ObjectOwnership(Bucket => Option<ObjectOwnership>),
    }
}

/// By its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account(pub String);

/// An object: one of its versions, or the only one that there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
}

/// Who owns the objects of a bucket, and whether ACLs count: `BucketOwnerEnforced`, `BucketOwnerPreferred`,
/// `ObjectWriter`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectOwnership(pub String);

/// Versioning of a bucket that had it on once: after that it can be suspended, but never taken away.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    Enabled,
    Suspended,
}

/// Where S3 delivers the logs of the requests to a bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LoggingEnabled.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLogging {
    pub bucket: String,
    pub prefix: String,
    /// To whom the ACLs of the logs grant something.
    pub grants: Vec<AclGrant>,
    /// How the keys of the logs are formed, where that is told.
    pub keys: Option<LogKeys>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogKeys {
    Simple,
    /// By date: that of the event or that of the delivery.
    Partitioned {
        by: Option<String>,
    },
}

/// An access control list. Names for display are left out: they decide nothing, and S3 does not ask for them.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// The owner's canonical user id.
    pub owner: String,
    pub grants: Vec<AclGrant>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AclGrant {
    pub grantee: Grantee,
    /// `READ`, `WRITE`, `READ_ACP`, `WRITE_ACP` or `FULL_CONTROL`.
    pub permission: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grantee {
    /// A canonical user, by id.
    User(String),
    /// One of S3's groups, by its URI.
    Group(String),
}

/// The settings of Block Public Access that are on.
pub type Flags = BTreeSet<Flag>;

/// A setting of Block Public Access.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-options>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Flag {
    BlockPublicAcls,
    IgnorePublicAcls,
    BlockPublicPolicy,
    RestrictPublicBuckets,
}

impl Flag {
    pub const ALL: [Self; 4] =
        [Self::BlockPublicAcls, Self::IgnorePublicAcls, Self::BlockPublicPolicy, Self::RestrictPublicBuckets];
}

impl Setting for Acl {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let others = |acl: &Self, other: &Self| -> Vec<String> {
            acl.grants.iter().filter(|grant| !other.grants.contains(grant)).map(ToString::to_string).collect()
        };
        removed_and_added(&others(from, to), &others(to, from), &format!("the ACL of {of}"))
    }

    /// In which order an ACL grants decides nothing.
    fn same(&self, other: &Self) -> bool {
        let sorted = |acl: &Self| {
            let mut grants = acl.grants.clone();
            grants.sort();
            grants
        };
        self.owner == other.owner && sorted(self) == sorted(other)
    }

    fn leaves_some(from: &Self, to: &Self, _: &Value) -> bool {
        let is_others = |grant: &&AclGrant| grant.grantee != Grantee::User(to.owner.clone());
        to.grants.iter().filter(is_others).any(|grant| from.grants.contains(grant))
    }
}

impl Setting for Option<Flags> {
    fn shown(&self) -> String {
        match self {
            None => "(not configured: all four settings are off)".to_owned(),
            Some(on) => Flag::ALL.map(|flag| format!("{flag}: {}", on_or_off(on, flag))).join("\n"),
        }
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let list = |flags: Vec<&Flag>| flags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let none = Flags::new();
        let (before, after) = (from.as_ref().unwrap_or(&none), to.as_ref().unwrap_or(&none));
        let (on, off) = (list(after.difference(before).collect()), list(before.difference(after).collect()));
        match (on.is_empty(), off.is_empty()) {
            (false, true) => format!("turn on {on} for {of}"),
            (true, false) => format!("turn off {off} for {of}"),
            _ => format!("turn on {on}, turn off {off}, for {of}"),
        }
    }
}

impl Setting for Versioning {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        let verb = if *to == Self::Enabled { "turn on" } else { "suspend" };
        format!("{verb} versioning of {of}")
    }
}

impl Setting for Option<Lifecycle> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "(no rules)".to_owned(), Lifecycle::to_string)
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let rules = |of: &Self| of.clone().unwrap_or_default().rules;
        let (before, after) = (rules(from), rules(to));
        let others = |of: &[LifecycleRule], than: &[LifecycleRule]| -> Vec<String> {
            of.iter().filter(|rule| !than.contains(rule)).map(LifecycleRule::said).collect()
        };
        removed_and_added(&others(&before, &after), &others(&after, &before), &format!("the lifecycle of {of}"))
    }

    fn leaves_some(from: &Self, to: &Self, _: &Value) -> bool {
        let rules = |of: &Self| of.clone().unwrap_or_default().rules;
        rules(to).iter().any(|rule| rules(from).contains(rule))
    }
}

impl Setting for Option<AccessLogging> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "(no access logging)".to_owned(), AccessLogging::to_string)
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Some(to) => format!("turn on access logging of {of} to bucket `{}`", to.bucket),
            None => format!("turn off access logging of {of}"),
        }
    }
}

impl Setting for Replication {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let changed = to.rules.iter().filter(|rule| !from.rules.contains(rule));
        let (on, off): (Vec<_>, Vec<_>) = changed.partition(|rule| rule.is_on());
        let list = |of: Vec<&ReplicationRule>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (verb, changed) = if on.is_empty() { ("disable", off) } else { ("enable", on) };
        format!("{verb} {} in the replication of {of}", list(changed))
    }

    fn leaves_some(from: &Self, to: &Self, _: &Value) -> bool {
        to.rules.iter().any(|rule| from.rules.contains(rule))
    }
}

impl Setting for Option<ObjectOwnership> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "(not set)".to_owned(), |setting| setting.0.clone())
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Some(to) => format!("set Object Ownership of {of} to `{}`", to.0),
            None => format!("remove Object Ownership of {of}"),
        }
    }
}

fn removed_and_added(gone: &[String], new: &[String], whole: &str) -> String {
    let gone = (!gone.is_empty()).then(|| format!("remove {} from", gone.join(", ")));
    let new = (!new.is_empty()).then(|| format!("add {} to", new.join(", ")));
    let both = [gone, new].into_iter().flatten().collect::<Vec<_>>().join(" and ");
    format!("{both} {whole}")
}

fn on_or_off(on: &Flags, flag: Flag) -> &'static str {
    if on.contains(&flag) { "on" } else { "off" }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bucket `{}`", self.0)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {}", self.0)
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = &self.version {
            write!(f, "version {version} of ")?;
        }
        write!(f, "object `{}` of bucket `{}`", self.key, self.bucket)
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "owner {}", self.owner)?;
        self.grants.iter().try_for_each(|grant| write!(f, "\n{grant}"))
    }
}

impl fmt::Display for AccessLogging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to `{}` of bucket `{}`", self.prefix, self.bucket)?;
        match &self.keys {
            None => {}
            Some(LogKeys::Simple) => f.write_str(", in one folder")?,
            Some(LogKeys::Partitioned { by }) => write!(f, ", in folders by {}", by.as_deref().unwrap_or("date"))?,
        }
        self.grants.iter().try_for_each(|grant| write!(f, "\n{grant}"))
    }
}

impl fmt::Display for AclGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Grantee::User(whom) | Grantee::Group(whom)) = &self.grantee;
        write!(f, "{} for {whom}", self.permission)
    }
}

impl fmt::Display for Versioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enabled => "versioning is on",
            Self::Suspended => "versioning is suspended",
        })
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlockPublicAcls => "BlockPublicAcls",
            Self::IgnorePublicAcls => "IgnorePublicAcls",
            Self::BlockPublicPolicy => "BlockPublicPolicy",
            Self::RestrictPublicBuckets => "RestrictPublicBuckets",
        })
    }
}
