//! What can be done to Amazon S3.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Change, Lifecycle, LifecycleRule, Replication, ReplicationRule};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum S3 {
    /// `PutBucketPolicy`, or `DeleteBucketPolicy` where nothing is left.
    BucketPolicy { bucket: String, from: Option<String>, to: Option<String> },
    /// `PutAccessPointPolicy`, or `DeleteAccessPointPolicy` where nothing is left.
    AccessPointPolicy { access_point: String, from: Option<String>, to: Option<String> },
    /// `PutBucketAcl`.
    BucketAcl { bucket: String, from: Acl, to: Acl },
    /// `PutObjectAcl`, of one version or of the only one.
    ObjectAcl { bucket: String, key: String, version: Option<String>, from: Acl, to: Acl },
    /// `PutPublicAccessBlock` of a bucket; `DeletePublicAccessBlock` only ever to undo.
    BucketPublicAccessBlock { bucket: String, from: Option<Flags>, to: Option<Flags> },
    /// The same of a whole account.
    AccountPublicAccessBlock { account: String, from: Option<Flags>, to: Option<Flags> },
    /// `PutBucketVersioning`.
    BucketVersioning { bucket: String, from: Versioning, to: Versioning },
    /// `PutBucketLifecycleConfiguration`, or `DeleteBucketLifecycle` where no rule is left.
    BucketLifecycle { bucket: String, from: Option<Lifecycle>, to: Option<Lifecycle> },
    /// `PutBucketLogging`.
    BucketLogging { bucket: String, from: Option<AccessLogging>, to: Option<AccessLogging> },
    /// `PutBucketReplication`.
    BucketReplication { bucket: String, from: Replication, to: Replication },
    /// `PutBucketOwnershipControls`; `DeleteBucketOwnershipControls` only ever to undo.
    ObjectOwnership { bucket: String, from: Option<String>, to: Option<String> },
}

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

impl Acl {
    /// Whether both grant the same; in which order decides nothing.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let sorted = |acl: &Self| {
            let mut grants = acl.grants.clone();
            grants.sort();
            grants
        };
        self.owner == other.owner && sorted(self) == sorted(other)
    }
}

impl S3 {
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::BucketPolicy { bucket, from, to } => Self::BucketPolicy { bucket, from: to, to: from },
            Self::AccessPointPolicy { access_point, from, to } => {
                Self::AccessPointPolicy { access_point, from: to, to: from }
            }
            Self::BucketAcl { bucket, from, to } => Self::BucketAcl { bucket, from: to, to: from },
            Self::ObjectAcl { bucket, key, version, from, to } => {
                Self::ObjectAcl { bucket, key, version, from: to, to: from }
            }
            Self::BucketPublicAccessBlock { bucket, from, to } => {
                Self::BucketPublicAccessBlock { bucket, from: to, to: from }
            }
            Self::AccountPublicAccessBlock { account, from, to } => {
                Self::AccountPublicAccessBlock { account, from: to, to: from }
            }
            Self::BucketVersioning { bucket, from, to } => Self::BucketVersioning { bucket, from: to, to: from },
            Self::BucketLifecycle { bucket, from, to } => Self::BucketLifecycle { bucket, from: to, to: from },
            Self::BucketLogging { bucket, from, to } => Self::BucketLogging { bucket, from: to, to: from },
            Self::BucketReplication { bucket, from, to } => Self::BucketReplication { bucket, from: to, to: from },
            Self::ObjectOwnership { bucket, from, to } => Self::ObjectOwnership { bucket, from: to, to: from },
        }
    }

    #[must_use]
    pub fn sides(&self) -> (String, String) {
        let policy = |policy: &Option<String>| policy.clone().unwrap_or_else(|| "(no policy)".to_owned());
        let flags = |flags: &Option<Flags>| match flags {
            None => "(not configured: all four settings are off)".to_owned(),
            Some(on) => Flag::ALL.map(|flag| format!("{flag}: {}", on_or_off(on, flag))).join("\n"),
        };
        match self {
            Self::BucketPolicy { from, to, .. } | Self::AccessPointPolicy { from, to, .. } => {
                (policy(from), policy(to))
            }
            Self::BucketAcl { from, to, .. } | Self::ObjectAcl { from, to, .. } => (from.to_string(), to.to_string()),
            Self::BucketPublicAccessBlock { from, to, .. } | Self::AccountPublicAccessBlock { from, to, .. } => {
                (flags(from), flags(to))
            }
            Self::BucketVersioning { from, to, .. } => (from.to_string(), to.to_string()),
            Self::BucketLifecycle { from, to, .. } => {
                let rules =
                    |of: &Option<Lifecycle>| of.as_ref().map_or_else(|| "(no rules)".to_owned(), Lifecycle::to_string);
                (rules(from), rules(to))
            }
            Self::BucketLogging { from, to, .. } => {
                let logging = |of: &Option<AccessLogging>| {
                    of.as_ref().map_or_else(|| "(no access logging)".to_owned(), AccessLogging::to_string)
                };
                (logging(from), logging(to))
            }
            Self::BucketReplication { from, to, .. } => (from.to_string(), to.to_string()),
            Self::ObjectOwnership { from, to, .. } => {
                let setting = |of: &Option<String>| of.clone().unwrap_or_else(|| "(not set)".to_owned());
                (setting(from), setting(to))
            }
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
            Self::BucketPolicy { bucket, from, to } => policy_change(f, "bucket", bucket, from.as_ref(), to.as_ref()),
            Self::AccessPointPolicy { access_point, from, to } => {
                policy_change(f, "access point", access_point, from.as_ref(), to.as_ref())
            }
            Self::BucketAcl { bucket, from, to } => write!(f, "{} the ACL of bucket `{bucket}`", acl_change(from, to)),
            Self::ObjectAcl { bucket, key, version, from, to } => {
                let version = version.as_ref().map(|version| format!("version {version} of ")).unwrap_or_default();
                write!(f, "{} the ACL of {version}object `{key}` of bucket `{bucket}`", acl_change(from, to))
            }
            Self::BucketPublicAccessBlock { bucket, from, to } => {
                write!(f, "{} for bucket `{bucket}`", turned(from.as_ref(), to.as_ref()))
            }
            Self::AccountPublicAccessBlock { account, from, to } => {
                write!(f, "{} for account {account}", turned(from.as_ref(), to.as_ref()))
            }
            Self::BucketVersioning { bucket, to, .. } => {
                let verb = if *to == Versioning::Enabled { "turn on" } else { "suspend" };
                write!(f, "{verb} versioning of bucket `{bucket}`")
            }
            Self::BucketLifecycle { bucket, from, to } => {
                let rules = |of: &Option<Lifecycle>| of.clone().unwrap_or_default().rules;
                let (before, after) = (rules(from), rules(to));
                let others = |of: &[LifecycleRule], than: &[LifecycleRule]| -> Vec<String> {
                    of.iter().filter(|rule| !than.contains(rule)).map(LifecycleRule::said).collect()
                };
                let (gone, new) = (others(&before, &after), others(&after, &before));
                let gone = (!gone.is_empty()).then(|| format!("take {} out of", gone.join(", ")));
                let new = (!new.is_empty()).then(|| format!("put {} into", new.join(", ")));
                let both = [gone, new].into_iter().flatten().collect::<Vec<_>>().join(" and ");
                write!(f, "{both} the lifecycle of bucket `{bucket}`")
            }
            Self::BucketLogging { bucket, to: Some(to), .. } => {
                write!(f, "turn on access logging of bucket `{bucket}` to bucket `{}`", to.bucket)
            }
            Self::BucketLogging { bucket, to: None, .. } => write!(f, "turn off access logging of bucket `{bucket}`"),
            Self::BucketReplication { bucket, from, to } => {
                let changed = to.rules.iter().filter(|rule| !from.rules.contains(rule));
                let (on, off): (Vec<_>, Vec<_>) = changed.partition(|rule| rule.is_on());
                let list =
                    |of: Vec<&ReplicationRule>| of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let (verb, changed) = if on.is_empty() { ("disable", off) } else { ("enable", on) };
                write!(f, "{verb} {} in the replication of bucket `{bucket}`", list(changed))
            }
            Self::ObjectOwnership { bucket, to: Some(to), .. } => {
                write!(f, "set Object Ownership of bucket `{bucket}` to `{to}`")
            }
            Self::ObjectOwnership { bucket, to: None, .. } => write!(f, "remove Object Ownership of bucket `{bucket}`"),
        }
    }
}

fn policy_change(
    f: &mut fmt::Formatter<'_>,
    kind: &str,
    name: &str,
    from: Option<&String>,
    to: Option<&String>,
) -> fmt::Result {
    match (from, to) {
        (_, None) => write!(f, "delete the policy of {kind} `{name}`"),
        (None, _) => write!(f, "put a policy on {kind} `{name}`, which has none"),
        _ => write!(f, "change the policy of {kind} `{name}`"),
    }
}

fn acl_change(from: &Acl, to: &Acl) -> String {
    let others = |acl: &Acl, other: &Acl| -> Vec<String> {
        acl.grants.iter().filter(|grant| !other.grants.contains(grant)).map(ToString::to_string).collect()
    };
    let (gone, new) = (others(from, to), others(to, from));
    let gone = (!gone.is_empty()).then(|| format!("take {} out of", gone.join(", ")));
    let new = (!new.is_empty()).then(|| format!("put {} into", new.join(", ")));
    [gone, new].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn turned(from: Option<&Flags>, to: Option<&Flags>) -> String {
    let list = |flags: Vec<&Flag>| flags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let none = Flags::new();
    let (before, after) = (from.unwrap_or(&none), to.unwrap_or(&none));
    let (on, off) = (list(after.difference(before).collect()), list(before.difference(after).collect()));
    match (on.is_empty(), off.is_empty()) {
        (false, true) => format!("turn on {on}"),
        (true, false) => format!("turn off {off}"),
        _ => format!("turn on {on}, turn off {off},"),
    }
}

fn on_or_off(on: &Flags, flag: Flag) -> &'static str {
    if on.contains(&flag) { "on" } else { "off" }
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
