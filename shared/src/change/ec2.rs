//! What can be done to Amazon EC2.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Change;
use crate::network::Traffic;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ec2 {
    /// `RevokeSecurityGroupIngress` or `RevokeSecurityGroupEgress`, by rule id.
    RevokeRules { group: String, rules: Vec<Rule> },
    /// `AuthorizeSecurityGroupIngress` or `AuthorizeSecurityGroupEgress`; only ever to undo. The rules get new ids.
    AuthorizeRules { group: String, rules: Vec<Rule> },
    /// `ModifySecurityGroupRules`: these rules before and after, each by its id, which stays, as do its tags.
    ModifyRules { group: String, from: Vec<Rule>, to: Vec<Rule> },
    /// `ModifySnapshotAttribute`, `ModifyImageAttribute` or `ModifyVpcEndpointServicePermissions`: of those with whom
    /// it is shared, these before and those after. All others stay.
    Sharing { of: Shared, from: Vec<SharedWith>, to: Vec<SharedWith> },
    /// A switch of the account in its Region, in the words of its API.
    Switch { of: Switch, from: String, to: String },
    /// `ModifyInstanceMetadataOptions`: whether version 2 of the metadata service is `required` or `optional`. All
    /// other options stay.
    MetadataTokens { instance: String, from: String, to: String },
    /// `CreateNetworkAclEntry` and `DeleteNetworkAclEntry`.
    NetworkAclEntry { acl: String, from: Option<AclEntry>, to: Option<AclEntry> },
    /// `ModifyManagedPrefixList`: of the entries of a prefix list, these before and those after. All others stay.
    PrefixListEntries { list: String, from: Vec<PrefixEntry>, to: Vec<PrefixEntry> },
    /// `CreateFlowLogs` and `DeleteFlowLogs`. A flow log that is made again gets a new id, and is known by what it records.
    FlowLog { from: Option<Box<FlowLog>>, to: Option<Box<FlowLog>> },
    /// `CreateVpcBlockPublicAccessExclusion`, `ModifyVpcBlockPublicAccessExclusion` and
    /// `DeleteVpcBlockPublicAccessExclusion`. One that is made again gets a new id, and is known by what it excludes.
    VpcExclusion { from: Option<VpcExclusion>, to: Option<VpcExclusion> },
}

/// What can be shared with other accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shared {
    Snapshot(String),
    Image(String),
    EndpointService(String),
}

/// With whom something is shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedWith {
    Everyone,
    Account(String),
    /// By its ARN, as an organizational unit.
    Organization(String),
    OrganizationalUnit(String),
    /// The ARN of an account's root, a role or a user.
    Principal(String),
}

/// What is on or off for a whole account in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// `block-all-sharing`, `block-new-sharing`, `unblocked`
    SnapshotBlockPublicAccess,
    /// `block-new-sharing`, `unblocked`
    ImageBlockPublicAccess,
    /// `enabled`, `disabled`
    EbsEncryptionByDefault,
    /// `enabled`, `disabled`
    SerialConsoleAccess,
    /// `block-bidirectional`, `block-ingress`, `off`
    VpcBlockPublicAccess,
}

/// One rule of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclEntry {
    pub number: i32,
    pub egress: bool,
    pub allow: bool,
    /// `-1`, or a protocol's number.
    pub protocol: String,
    pub cidr: String,
    /// First and last; of ICMP, type and code.
    pub ports: Option<(i32, i32)>,
}

/// Which way the traffic goes that a rule of a security group lets through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    #[default]
    Ingress,
    Egress,
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
    /// Of egress, where it lets out to.
    pub source: Source,
    #[serde(default, skip_serializing_if = "Direction::is_ingress")]
    pub direction: Direction,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Whom a rule lets in, or where to it lets out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Ipv4(String),
    Ipv6(String),
    PrefixList(String),
    SecurityGroup(String),
}

/// One range of a prefix list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixEntry {
    pub cidr: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a flow log records of what, and where to: all that making it again needs. Nothing of it but its tags can be
/// changed. <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html#flow-logs-limitations>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLog {
    /// `fl-…`
    pub id: String,
    /// The id of a VPC, a subnet, a network interface, …
    pub resource: String,
    /// `ACCEPT`, `REJECT`, `ALL`
    pub traffic: Option<String>,
    /// `cloud-watch-logs`, `s3`, `kinesis-data-firehose`
    pub destination_type: String,
    /// ARN
    pub destination: Option<String>,
    pub log_group: Option<String>,
    /// The ARN of the role that writes it.
    pub role: Option<String>,
    pub format: Option<String>,
    /// In seconds.
    pub interval: Option<i32>,
    /// How it lies in a bucket.
    pub files: Option<FlowLogFiles>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether this is all there is of it. A role of another account and fields that are filled from tags are not kept.
    pub is_all_told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogFiles {
    /// `plain-text`, `parquet`
    pub format: String,
    pub hive_partitions: bool,
    pub hourly: bool,
}

/// What an exclusion from Block Public Access of VPCs opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcExclusion {
    /// `vpcbpa-exclude-…`
    pub id: String,
    /// The id of a VPC or a subnet.
    pub resource: String,
    /// `allow-bidirectional`, `allow-egress`
    pub mode: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl FlowLog {
    /// Whether both record the same and to the same place, whatever their ids and tags. AWS takes no two of them.
    #[must_use]
    pub fn records_the_same(&self, other: &Self) -> bool {
        let bare = |log: &Self| Self { id: String::new(), tags: BTreeMap::new(), ..log.clone() };
        bare(self) == bare(other)
    }
}

impl Direction {
    /// As in the names of the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// What stands between the traffic and the range of a rule.
    #[must_use]
    pub fn preposition(self) -> &'static str {
        match self {
            Self::Ingress => "from",
            Self::Egress => "to",
        }
    }

    fn is_ingress(&self) -> bool {
        *self == Self::Ingress
    }
}

impl Rule {
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic::of_api(&self.protocol, self.from_port, self.to_port)
    }

    /// Whether both let the same traffic through, whatever their ids, descriptions and tags.
    #[must_use]
    pub fn lets_through_the_same(&self, other: &Self) -> bool {
        (self.direction, self.traffic(), &self.source) == (other.direction, other.traffic(), &other.source)
    }
}

impl Ec2 {
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::RevokeRules { group, rules } => Self::AuthorizeRules { group, rules },
            Self::AuthorizeRules { group, rules } => Self::RevokeRules { group, rules },
            Self::ModifyRules { group, from, to } => Self::ModifyRules { group, from: to, to: from },
            Self::Sharing { of, from, to } => Self::Sharing { of, from: to, to: from },
            Self::Switch { of, from, to } => Self::Switch { of, from: to, to: from },
            Self::MetadataTokens { instance, from, to } => Self::MetadataTokens { instance, from: to, to: from },
            Self::NetworkAclEntry { acl, from, to } => Self::NetworkAclEntry { acl, from: to, to: from },
            Self::PrefixListEntries { list, from, to } => Self::PrefixListEntries { list, from: to, to: from },
            Self::FlowLog { from, to } => Self::FlowLog { from: to, to: from },
            Self::VpcExclusion { from, to } => Self::VpcExclusion { from: to, to: from },
        }
    }

    #[must_use]
    pub fn sides(&self) -> (String, String) {
        let detailed = |rules: &[Rule]| rules.iter().map(detailed).collect::<Vec<_>>().join("\n");
        let without = || "(without these rules; all others stay)".to_owned();
        let shared = |with: &[SharedWith]| match with {
            [] => "(not shared with these; all others stay)".to_owned(),
            some => format!("shared with {}", listed(some)),
        };
        let entry = |entry: &Option<AclEntry>| entry.as_ref().map_or("(no such rule)".to_owned(), ToString::to_string);
        let log = |log: &Option<Box<FlowLog>>| log.as_deref().map_or("(no such flow log)".to_owned(), all_of);
        let exclusion = |exclusion: &Option<VpcExclusion>| {
            exclusion
                .as_ref()
                .map_or("(no such exclusion)".to_owned(), |of| format!("{of} ({}){}", of.mode, tagged(&of.tags)))
        };
        let ranges = |entries: &[PrefixEntry]| match entries {
            [] => "(without these entries; all others stay)".to_owned(),
            some => listed(some),
        };
        match self {
            Self::RevokeRules { rules, .. } => (detailed(rules), without()),
            Self::AuthorizeRules { rules, .. } => (without(), detailed(rules)),
            Self::ModifyRules { from, to, .. } => (detailed(from), detailed(to)),
            Self::Sharing { from, to, .. } => (shared(from), shared(to)),
            Self::Switch { from, to, .. } => (from.clone(), to.clone()),
            Self::MetadataTokens { from, to, .. } => (format!("HttpTokens: {from}"), format!("HttpTokens: {to}")),
            Self::NetworkAclEntry { from, to, .. } => (entry(from), entry(to)),
            Self::PrefixListEntries { from, to, .. } => (ranges(from), ranges(to)),
            Self::FlowLog { from, to } => (log(from), log(to)),
            Self::VpcExclusion { from, to } => (exclusion(from), exclusion(to)),
        }
    }
}

impl Switch {
    /// As in the names of the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SnapshotBlockPublicAccess => "snapshot-block-public-access",
            Self::ImageBlockPublicAccess => "image-block-public-access",
            Self::EbsEncryptionByDefault => "ebs-encryption-by-default",
            Self::SerialConsoleAccess => "serial-console-access",
            Self::VpcBlockPublicAccess => "vpc-block-public-access",
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
        match self {
            Self::RevokeRules { group, rules } => write!(f, "revoke {} from security group `{group}`", listed(rules)),
            Self::AuthorizeRules { group, rules } => {
                write!(f, "authorise {} in security group `{group}`", listed(rules))
            }
            Self::ModifyRules { group, from, to } => {
                write!(f, "change {} into {} in security group `{group}`", listed(from), listed(to))
            }
            Self::Sharing { of, from, to } if to.is_empty() => write!(f, "stop sharing {of} with {}", listed(from)),
            Self::Sharing { of, to, .. } => write!(f, "share {of} with {}", listed(to)),
            Self::Switch { of, to, .. } => write!(f, "set {of} to `{to}`"),
            Self::MetadataTokens { instance, to, .. } => {
                write!(f, "make version 2 of the metadata service {to} on instance `{instance}`")
            }
            Self::NetworkAclEntry { acl, from: Some(entry), to: None } => {
                write!(f, "delete {entry} from network ACL `{acl}`")
            }
            Self::NetworkAclEntry { acl, from: None, to: Some(entry) } => {
                write!(f, "create {entry} in network ACL `{acl}`")
            }
            Self::PrefixListEntries { list, from, to } if to.is_empty() => {
                write!(f, "take {} out of prefix list `{list}`", listed(from))
            }
            Self::PrefixListEntries { list, to, .. } => write!(f, "put {} into prefix list `{list}`", listed(to)),
            Self::FlowLog { to: Some(log), .. } => write!(f, "create the {log}"),
            Self::FlowLog { from: Some(log), .. } => write!(f, "delete the {log}"),
            Self::FlowLog { .. } => f.write_str("change no flow log"),
            Self::VpcExclusion { from: None, to: Some(to) } => write!(f, "make the {to} ({})", to.mode),
            Self::VpcExclusion { from: Some(from), to: None } => write!(f, "delete the {from} ({})", from.mode),
            Self::VpcExclusion { to: Some(to), .. } => write!(f, "change the {to} to `{}`", to.mode),
            Self::VpcExclusion { .. } => f.write_str("change no exclusion"),
            Self::NetworkAclEntry { acl, .. } => write!(f, "change a rule of network ACL `{acl}`"),
        }
    }
}

impl fmt::Display for PrefixEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cidr)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(id) => write!(f, "snapshot `{id}`"),
            Self::Image(id) => write!(f, "AMI `{id}`"),
            Self::EndpointService(id) => write!(f, "endpoint service `{id}`"),
        }
    }
}

impl fmt::Display for SharedWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::Account(id) => write!(f, "account {id}"),
            Self::Organization(arn) => write!(f, "organization {arn}"),
            Self::OrganizationalUnit(arn) => write!(f, "organizational unit {arn}"),
            Self::Principal(arn) => f.write_str(arn),
        }
    }
}

/// As in a sentence.
impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SnapshotBlockPublicAccess => "Block Public Access of snapshots",
            Self::ImageBlockPublicAccess => "Block Public Access of AMIs",
            Self::EbsEncryptionByDefault => "the encryption of new EBS volumes by default",
            Self::SerialConsoleAccess => "access to serial consoles",
            Self::VpcBlockPublicAccess => "Block Public Access of VPCs",
        })
    }
}

impl AclEntry {
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let (from, to) = self.ports.map_or((None, None), |(from, to)| (Some(from.into()), Some(to.into())));
        Traffic::of_api(&self.protocol, from, to)
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.allow { "allow" } else { "deny" };
        let direction = if self.egress { "to" } else { "from" };
        write!(f, "rule {} ({verb} {} {direction} {})", self.number, self.traffic(), self.cidr)
    }
}

/// As in "the exclusion of …".
impl fmt::Display for VpcExclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exclusion of `{}` from Block Public Access", self.resource)
    }
}

/// As in "the flow log of …".
impl fmt::Display for FlowLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.destination.as_deref().or(self.log_group.as_deref()).unwrap_or(&self.destination_type);
        write!(f, "flow log of `{}` ({} to {to})", self.resource, self.traffic.as_deref().unwrap_or("ALL"))
    }
}

/// As in "lets in", "lets out".
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "in",
            Self::Egress => "out",
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.traffic(), self.direction.preposition(), self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Ipv4(source) | Self::Ipv6(source) | Self::PrefixList(source) | Self::SecurityGroup(source)) = self;
        f.write_str(source)
    }
}

fn listed<T: ToString>(things: &[T]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn all_of(log: &FlowLog) -> String {
    let role = log.role.as_ref().map(|role| format!(" by {role}")).unwrap_or_default();
    let interval = log.interval.map(|seconds| format!(" each {seconds} s")).unwrap_or_default();
    let format = log.format.as_ref().map(|format| format!(" \"{format}\"")).unwrap_or_default();
    let files = log.files.as_ref().map(|files| format!(" as {}", files.format)).unwrap_or_default();
    format!("{log}{role}{interval}{format}{files}{}", tagged(&log.tags))
}

fn detailed(rule: &Rule) -> String {
    let description = rule.description.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
    format!("{} {rule}{description}{}", rule.id, tagged(&rule.tags))
}

fn tagged(tags: &BTreeMap<String, String>) -> String {
    tags.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}
