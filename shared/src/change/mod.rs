//! Everything that Snapback can do to an account. This folder is the whole list: read it to review what is at stake.
//!
//! A change says what is there before and what after, so it carries its own condition and its own inverse: it is
//! applied only while the resource is as the change says it was, what is already so is left alone, and the undo is
//! the same change the other way round.

mod awsconfig;
mod cloudtrail;
mod ec2;
mod iam;
mod kms;
mod lifecycle;
mod organizations;
mod own;
mod policy;
mod rds;
mod replication;
mod rolesanywhere;
mod s3;
mod swap;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use awsconfig::{
    AwsConfig, Delivery, DeliveryChannel, NewRecorder, RecordedTypes, Recorder, RecorderSettings, Recording,
    RecordingMode, RecordingModeOverride,
};
pub use cloudtrail::{
    AdvancedSelector, BasicSelector, CloudTrail, EventSelectors, FieldSelector, InsightSelectors, NewTrail, Trail,
    TrailLogGroup, TrailLogging, TrailSettings,
};
pub use ec2::{
    Acceptance, AclEntry, Direction, Ec2, EndpointService, FlowLog, FlowLogFiles, HopLimit, HttpTokens, Instance,
    Network, NetworkAcl, PrefixEntry, PrefixList, Rule, SecurityGroup, Shared, SharedWith, Source, Switch, SwitchMode,
    VpcExclusion,
};
pub use iam::{
    Characters, ConsolePassword, Credential, CredentialKind, CredentialStatus, Iam, IamGroup, IamIdentity, IamUser,
    IdentityKind, InlinePolicy, ManagedPolicy, PasswordPolicy, PasswordRules, PermissionsBoundary, PolicyVersion,
};
pub use kms::{KeyGrant, Kms, Rotation};
pub use lifecycle::{
    Lifecycle, LifecycleExpiration, LifecycleFilter, LifecycleRule, LifecycleTransition, OlderVersions,
};
pub use organizations::{AttachedPolicy, Organizations, PolicyTarget, ServiceAccess, TrustedService};
pub use own::{
    Capacity, Concurrency, DeletionProtection, EventRule, Key, KeyState, LambdaFunction, Own, PointInTimeRecovery,
    RuleState, Table, Target, Throughput,
};
pub use policy::{Holder, PolicyChange};
pub use rds::{BackupDays, Database, DatabaseAddress, DatabaseKind, DatabaseSnapshot, Rds};
pub use replication::{Replication, ReplicationDestination, ReplicationFilter, ReplicationRule, ReplicationTime};
pub use rolesanywhere::{AnywhereKind, AnywhereResource, AnywhereStatus, RolesAnywhere};
pub use s3::{
    AccessLogging, Account, Acl, AclGrant, Bucket, Flag, Flags, Grantee, LogKeys, Object, ObjectOwnership, S3,
    Versioning,
};
pub use swap::{Edit, Live, Member, Setting, Swap};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Policy(PolicyChange),
    S3(S3),
    Ec2(Ec2),
    Iam(Iam),
    CloudTrail(CloudTrail),
    AwsConfig(AwsConfig),
    RolesAnywhere(RolesAnywhere),
    Kms(Kms),
    Rds(Rds),
    Organizations(Organizations),
    Own(Own),
}

/// What a control may do that only alerts: there is no value of it.
#[derive(Debug, Clone)]
pub enum Nothing {}

/// What came of applying a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// Done; `made` has the ids of what was newly made, by what they stand for.
    Done { made: BTreeMap<String, String> },
    /// It was so already: applying twice is the same as applying once.
    Already,
    /// The resource is not what the change says it was, so nothing was touched.
    Changed { found: String },
}

impl Change {
    /// The change that takes this one back.
    #[must_use]
    pub fn undo(&self) -> Self {
        match self {
            Self::Policy(change) => Self::Policy(change.undo()),
            Self::S3(change) => Self::S3(change.undo()),
            Self::Ec2(change) => Self::Ec2(change.undo()),
            Self::Iam(change) => Self::Iam(change.undo()),
            Self::CloudTrail(change) => Self::CloudTrail(change.undo()),
            Self::AwsConfig(change) => Self::AwsConfig(change.undo()),
            Self::RolesAnywhere(change) => Self::RolesAnywhere(change.undo()),
            Self::Kms(change) => Self::Kms(change.undo()),
            Self::Rds(change) => Self::Rds(change.undo()),
            Self::Organizations(change) => Self::Organizations(change.undo()),
            Self::Own(change) => Self::Own(change.undo()),
        }
    }

    /// The change that leaves what this one was made for as it is. Applied, it writes nothing, and tells whether that is
    /// what is there now.
    #[must_use]
    pub fn idle(&self) -> Self {
        match self {
            Self::Policy(change) => Self::Policy(change.idle()),
            Self::S3(change) => Self::S3(change.idle()),
            Self::Ec2(change) => Self::Ec2(change.idle()),
            Self::Iam(change) => Self::Iam(change.idle()),
            Self::CloudTrail(change) => Self::CloudTrail(change.idle()),
            Self::AwsConfig(change) => Self::AwsConfig(change.idle()),
            Self::RolesAnywhere(change) => Self::RolesAnywhere(change.idle()),
            Self::Kms(change) => Self::Kms(change.idle()),
            Self::Rds(change) => Self::Rds(change.idle()),
            Self::Organizations(change) => Self::Organizations(change.idle()),
            Self::Own(change) => Self::Own(change.idle()),
        }
    }

    /// See [`Swap::added`].
    #[must_use]
    pub fn added(&self) -> Option<Self> {
        match self {
            Self::Policy(change) => change.added().map(Self::Policy),
            Self::S3(change) => change.added().map(Self::S3),
            Self::Ec2(change) => change.added().map(Self::Ec2),
            Self::Iam(change) => change.added().map(Self::Iam),
            Self::CloudTrail(change) => change.added().map(Self::CloudTrail),
            Self::AwsConfig(change) => change.added().map(Self::AwsConfig),
            Self::RolesAnywhere(change) => change.added().map(Self::RolesAnywhere),
            Self::Kms(change) => change.added().map(Self::Kms),
            Self::Rds(change) => change.added().map(Self::Rds),
            Self::Organizations(change) => change.added().map(Self::Organizations),
            Self::Own(change) => change.added().map(Self::Own),
        }
    }

    /// Whether it writes the whole of something that another change may be writing at the same time.
    #[must_use]
    pub fn overwrites(&self) -> bool {
        match self {
            // Policies, ACLs, S3's settings, what a trail selects and what AWS Config records are taken only as a whole.
            Self::Policy(_) | Self::S3(_) => true,
            Self::CloudTrail(change) => {
                matches!(change, CloudTrail::EventSelectors(_) | CloudTrail::InsightSelectors(_))
            }
            Self::AwsConfig(change) => !matches!(change, AwsConfig::Recording(_)),
            // Rules and credentials go by their ids, whom something is shared with by their names, and a switch has nothing
            // beside it; whoever restores a part of Snapback writes the same.
            Self::Ec2(_)
            | Self::Iam(_)
            | Self::RolesAnywhere(_)
            | Self::Kms(_)
            | Self::Rds(_)
            | Self::Organizations(_)
            | Self::Own(_) => false,
        }
    }

    /// Whether the call whose request this is, which the change reverts, changed something else that stays.
    #[must_use]
    pub fn leaves_some(&self, request: &Value) -> bool {
        match self {
            Self::Policy(change) => change.leaves_some(request),
            Self::S3(change) => change.leaves_some(request),
            Self::Ec2(change) => change.leaves_some(request),
            Self::Iam(change) => change.leaves_some(request),
            Self::CloudTrail(change) => change.leaves_some(request),
            Self::AwsConfig(change) => change.leaves_some(request),
            Self::RolesAnywhere(change) => change.leaves_some(request),
            Self::Kms(change) => change.leaves_some(request),
            Self::Rds(change) => change.leaves_some(request),
            Self::Organizations(change) => change.leaves_some(request),
            Self::Own(change) => change.leaves_some(request),
        }
    }

    /// What is there before and after, as people read it.
    #[must_use]
    pub fn sides(&self) -> (String, String) {
        match self {
            Self::Policy(change) => change.sides(),
            Self::S3(change) => change.sides(),
            Self::Ec2(change) => change.sides(),
            Self::Iam(change) => change.sides(),
            Self::CloudTrail(change) => change.sides(),
            Self::AwsConfig(change) => change.sides(),
            Self::RolesAnywhere(change) => change.sides(),
            Self::Kms(change) => change.sides(),
            Self::Rds(change) => change.sides(),
            Self::Organizations(change) => change.sides(),
            Self::Own(change) => change.sides(),
        }
    }
}

impl From<Nothing> for Change {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

impl TryFrom<Change> for Nothing {
    type Error = Change;

    fn try_from(change: Change) -> Result<Self, Change> {
        Err(change)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(change) => change.fmt(f),
            Self::S3(change) => change.fmt(f),
            Self::Ec2(change) => change.fmt(f),
            Self::Iam(change) => change.fmt(f),
            Self::CloudTrail(change) => change.fmt(f),
            Self::AwsConfig(change) => change.fmt(f),
            Self::RolesAnywhere(change) => change.fmt(f),
            Self::Kms(change) => change.fmt(f),
            Self::Rds(change) => change.fmt(f),
            Self::Organizations(change) => change.fmt(f),
            Self::Own(change) => change.fmt(f),
        }
    }
}
