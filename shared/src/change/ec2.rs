//! What can be done to Amazon EC2.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Member, Setting, changes};
use crate::network::Traffic;

changes! {
    /// What can be done to Amazon EC2.
    Ec2 {
        /// `RevokeSecurityGroupIngress` or `RevokeSecurityGroupEgress`, by rule id; the same with `Authorize…` only ever to
        /// undo, which gives the rules new ids. `ModifySecurityGroupRules` for those that are there before and after, each
        /// by its id, which stays, as do its tags. All rules go one way.
        Rules(SecurityGroup => Vec<Rule>),
        /// `ModifySnapshotAttribute`, `ModifyImageAttribute` or `ModifyVpcEndpointServicePermissions`
        Sharing(Shared => Vec<SharedWith>),
        /// A switch of the account in its Region.
        Switch(Switch => SwitchMode),
        /// `ModifyInstanceMetadataOptions`. All other options stay.
        MetadataTokens(Instance => HttpTokens),
        /// The same call, for how far the answers go.
        MetadataHopLimit(Instance => HopLimit),
        /// `ModifyVpcEndpointServiceConfiguration`. All else of the service stays.
        EndpointAcceptance(EndpointService => Acceptance),
        /// `DeleteNetworkAclEntry`; `CreateNetworkAclEntry` only ever to undo.
        NetworkAclEntries(NetworkAcl => Vec<AclEntry>),
        /// `ModifyManagedPrefixList`
        PrefixListEntries(PrefixList => Vec<PrefixEntry>),
        /// `CreateFlowLogs`; `DeleteFlowLogs` only ever to undo. A flow log that is made again gets a new id, and is known
        /// by what it records.
        FlowLogs(Network => Vec<FlowLog>),
        /// `DeleteVpcBlockPublicAccessExclusion` and `ModifyVpcBlockPublicAccessExclusion`;
        /// `CreateVpcBlockPublicAccessExclusion` only ever to undo. One that is made again gets a new id, and is known by
        /// what it excludes.
        VpcExclusions(Network => Vec<VpcExclusion>),
    }
}

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityGroup(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointService(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAcl(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixList(pub String);

/// A VPC, a subnet or a network interface, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network(pub String);

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
    /// `enabled`, `audit-mode`, `disabled`
    AllowedImages,
}

/// How a switch is, in the words of its API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SwitchMode(pub String);

/// Whether version 2 of the metadata service is `required` or `optional`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HttpTokens(pub String);

/// How many hops the answers of the metadata service may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HopLimit(pub i32);

/// Whether connections to an endpoint service have to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceptance {
    Required,
    NotRequired,
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
            Self::AllowedImages => "allowed-images",
        }
    }
}

impl Member for Rule {
    const NONE: &'static str = "(without these rules; all others stay)";

    fn shown(&self) -> String {
        let description = self.description.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
        format!("{} {self}{description}{}", self.id, tagged(&self.tags))
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        match (from, to) {
            (from, []) => format!("revoke {} from {of}", listed(from)),
            ([], to) => format!("authorise {} in {of}", listed(to)),
            (from, to) => format!("change {} into {} in {of}", listed(from), listed(to)),
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        self.id == other.id
    }

    /// A rule keeps its id when it is changed, and has another one once it is authorised again.
    fn same(&self, other: &Self) -> bool {
        self.lets_through_the_same(other)
    }
}

impl Member for SharedWith {
    const NONE: &'static str = "(not shared with these; all others stay)";

    fn shown(&self) -> String {
        format!("shared with {self}")
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        if to.is_empty() {
            format!("stop sharing {of} with {}", listed(from))
        } else {
            format!("share {of} with {}", listed(to))
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        self == other
    }
}

impl Setting for SwitchMode {
    fn shown(&self) -> String {
        self.0.clone()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("set {of} to `{}`", to.0)
    }
}

impl Setting for HttpTokens {
    fn shown(&self) -> String {
        format!("HttpTokens: {}", self.0)
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("make version 2 of the metadata service {} on {of}", to.0)
    }
}

impl Setting for HopLimit {
    fn shown(&self) -> String {
        format!("HttpPutResponseHopLimit: {self}")
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("set the hop limit of the metadata service on {of} to {to}")
    }
}

impl Setting for Acceptance {
    fn shown(&self) -> String {
        match self {
            Self::Required => "acceptance required",
            Self::NotRequired => "acceptance not required",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::Required => format!("require that connections to {of} are accepted"),
            Self::NotRequired => format!("let connections to {of} in without acceptance"),
        }
    }
}

impl Member for AclEntry {
    const NONE: &'static str = "(no such rule)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        match (from, to) {
            (from, []) => format!("delete {} from {of}", listed(from)),
            ([], to) => format!("create {} in {of}", listed(to)),
            (from, to) => format!("change {} into {} in {of}", listed(from), listed(to)),
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        (self.number, self.egress) == (other.number, other.egress)
    }
}

impl Member for PrefixEntry {
    const NONE: &'static str = "(without these entries; all others stay)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        if to.is_empty() { format!("remove {} from {of}", listed(from)) } else { format!("add {} to {of}", listed(to)) }
    }

    fn is_at(&self, other: &Self) -> bool {
        self.cidr == other.cidr
    }

    /// Whatever stands beside it as its description.
    fn same(&self, other: &Self) -> bool {
        self.is_at(other)
    }
}

impl Member for FlowLog {
    const NONE: &'static str = "(no such flow log)";

    fn shown(&self) -> String {
        let role = self.role.as_ref().map(|role| format!(" by {role}")).unwrap_or_default();
        let interval = self.interval.map(|seconds| format!(" each {seconds} s")).unwrap_or_default();
        let format = self.format.as_ref().map(|format| format!(" \"{format}\"")).unwrap_or_default();
        let files = self.files.as_ref().map(|files| format!(" as {}", files.format)).unwrap_or_default();
        format!("{self}{role}{interval}{format}{files}{}", tagged(&self.tags))
    }

    fn said(_: &str, from: &[Self], to: &[Self]) -> String {
        if to.is_empty() { format!("delete the {}", listed(from)) } else { format!("create the {}", listed(to)) }
    }

    fn is_at(&self, other: &Self) -> bool {
        self.records_the_same(other)
    }

    fn same(&self, other: &Self) -> bool {
        self.records_the_same(other)
    }
}

impl Member for VpcExclusion {
    const NONE: &'static str = "(no such exclusion)";

    fn shown(&self) -> String {
        format!("{self} ({}){}", self.mode, tagged(&self.tags))
    }

    fn said(_: &str, from: &[Self], to: &[Self]) -> String {
        match (from, to) {
            ([], [to, ..]) => format!("make the {to} ({})", to.mode),
            ([from, ..], []) => format!("delete the {from} ({})", from.mode),
            (_, [to, ..]) => format!("change the {to} to `{}`", to.mode),
            ([], []) => "change no exclusion".to_owned(),
        }
    }

    /// AWS takes one for each VPC or subnet.
    fn is_at(&self, other: &Self) -> bool {
        self.resource == other.resource
    }

    fn same(&self, other: &Self) -> bool {
        (&self.resource, &self.mode) == (&other.resource, &other.mode)
    }
}

impl fmt::Display for SecurityGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "security group `{}`", self.0)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance `{}`", self.0)
    }
}

impl fmt::Display for HopLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for EndpointService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint service `{}`", self.0)
    }
}

impl fmt::Display for NetworkAcl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "network ACL `{}`", self.0)
    }
}

impl fmt::Display for PrefixList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prefix list `{}`", self.0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
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
            Self::AllowedImages => "the setting of allowed images",
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

fn tagged(tags: &BTreeMap<String, String>) -> String {
    tags.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;
    use crate::change::swap::tests::apply;
    use crate::change::{Applied, Swap};

    /// A revert takes what it names and nothing beside it, a second time changes nothing, and its undo restores all.
    fn goes_and_comes_back<M: Member + Debug>(members: &[M], taken: usize) -> Result<(), TestCaseError> {
        let (taken, others) = members.split_at(taken.min(members.len()));
        let revert = Swap { of: "it", from: taken.to_vec(), to: vec![] };
        let mut live = members.to_vec();
        let expected = if taken.is_empty() { Applied::Already } else { Applied::done() };
        prop_assert_eq!(apply(&revert, &mut live), expected);
        prop_assert_eq!(&live, others);
        prop_assert_eq!(apply(&revert, &mut live), Applied::Already);
        apply(&revert.undo(), &mut live);
        prop_assert!(members.iter().all(|one| live.contains(one)) && live.len() == members.len(), "{:?}", live);
        prop_assert_eq!(apply(&revert.undo(), &mut live), Applied::Already);
        Ok(())
    }

    fn rule(id: u8, cidr: &str) -> Rule {
        Rule {
            id: format!("sgr-{id}"),
            protocol: "tcp".to_owned(),
            from_port: Some(22),
            to_port: Some(22),
            source: Source::Ipv4(cidr.to_owned()),
            direction: Direction::Ingress,
            description: None,
            tags: BTreeMap::new(),
        }
    }

    fn log(traffic: &str) -> FlowLog {
        FlowLog {
            id: format!("fl-{traffic}"),
            resource: "vpc-1".to_owned(),
            traffic: Some(traffic.to_owned()),
            destination_type: "s3".to_owned(),
            destination: None,
            log_group: None,
            role: None,
            format: None,
            interval: None,
            files: None,
            tags: BTreeMap::new(),
            is_all_told: true,
        }
    }

    fn exclusion(resource: &str, mode: &str) -> VpcExclusion {
        let (resource, mode) = (resource.to_owned(), mode.to_owned());
        VpcExclusion { id: format!("x-{resource}"), resource, mode, tags: BTreeMap::new() }
    }

    const CIDRS: [&str; 4] = ["0.0.0.0/0", "::/0", "8.0.0.0/8", "203.0.113.0/24"];

    proptest! {
        #[test]
        fn what_a_revert_takes_comes_back(cidrs in subsequence(CIDRS.to_vec(), 0..=4), taken in 0_usize..5) {
            let numbered = || (1_u8..).zip(&cidrs);
            goes_and_comes_back(&numbered().map(|(id, cidr)| rule(id, cidr)).collect::<Vec<_>>(), taken)?;
            let entry = |(number, cidr): (u8, &&str)| AclEntry {
                number: number.into(),
                egress: false,
                allow: true,
                protocol: "6".to_owned(),
                cidr: (*cidr).to_owned(),
                ports: None,
            };
            goes_and_comes_back(&numbered().map(entry).collect::<Vec<_>>(), taken)?;
            let entry = |cidr: &&str| PrefixEntry { cidr: (*cidr).to_owned(), description: None };
            goes_and_comes_back(&cidrs.iter().map(entry).collect::<Vec<_>>(), taken)?;
            let account = |cidr: &&str| SharedWith::Account((*cidr).to_owned());
            goes_and_comes_back(&cidrs.iter().map(account).collect::<Vec<_>>(), taken)?;
            goes_and_comes_back(&cidrs.iter().map(|traffic| log(traffic)).collect::<Vec<_>>(), taken)?;
            let excluded = |resource: &&str| exclusion(resource, "allow-egress");
            goes_and_comes_back(&cidrs.iter().map(excluded).collect::<Vec<_>>(), taken)?;
        }

        /// What stands under an id is read again: a rule that lets through something else by now is left to whoever made it
        /// so, and one that is there again under another id is not authorised twice.
        #[test]
        fn a_rule_is_known_by_its_id_and_judged_by_what_it_lets_through(was in select(&CIDRS), is in select(&CIDRS)) {
            let revoke = Swap { of: "sg-1", from: vec![rule(1, was)], to: vec![] };
            let mut live = vec![rule(1, is)];
            let is_revoked = apply(&revoke, &mut live) == Applied::done();
            prop_assert_eq!((is_revoked, live.is_empty()), (was == is, was == is));
            let mut live = vec![rule(2, is)];
            let is_there = apply(&revoke.undo(), &mut live) == Applied::Already;
            prop_assert_eq!((is_there, live.len()), if was == is { (true, 1) } else { (false, 2) });
        }

        /// Whatever AWS calls them anew: by what a flow log records, and by what an exclusion excludes, and how.
        #[test]
        fn what_has_another_id_by_now_is_still_known(traffic in select(&["ACCEPT", "ALL"]), mode in select(&["allow-egress", "allow-bidirectional"])) {
            let mut live = vec![FlowLog { id: "fl-2".to_owned(), ..log("ALL") }];
            let create = Swap { of: "vpc-1", from: vec![], to: vec![log(traffic)] };
            prop_assert_eq!(apply(&create, &mut live) == Applied::Already, traffic == "ALL");
            let mut live = vec![VpcExclusion { id: "x-2".to_owned(), ..exclusion("vpc-1", "allow-egress") }];
            let make = Swap { of: "vpc-1", from: vec![], to: vec![exclusion("vpc-1", mode)] };
            let applied = apply(&make, &mut live);
            let is_other = matches!(applied, Applied::Changed { .. });
            prop_assert_eq!((applied == Applied::Already, is_other), (mode == "allow-egress", mode != "allow-egress"));
        }
    }
}
