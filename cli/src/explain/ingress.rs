//! `snapback explain ingress`

use std::collections::{BTreeMap, BTreeSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use snapback::json::{self, Misread};
use snapback::network::{self, Open, Opening, PublicPorts, Traffic};
use snapback::policy::NotUnderstood;

use super::{Answer, Input, Question, Unanswered};
use crate::choices::public_ports;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// Ports that may be open to the world, such as `tcp/80,tcp/8000-8100,udp/53,icmp`, or `none`
    #[arg(long, value_name = "PORTS", env = "SNAPBACK_PUBLIC_PORTS", default_value = "tcp/80,tcp/443", value_parser = public_ports)]
    public_ports: PublicPorts,
}

/// As the EC2 API has it.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
///
/// A field of another name is refused: other documents put the range elsewhere, and would seem to open nothing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Told {
    ip_protocol: String,
    from_port: Option<i64>,
    to_port: Option<i64>,
    #[serde(default)]
    ip_ranges: Vec<IpRange>,
    #[serde(default)]
    ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListId>,
    /// Security groups are one's own, or somebody's who has been asked.
    #[serde(default, rename = "UserIdGroupPairs")]
    _groups: de::IgnoredAny,
}

#[derive(Deserialize)]
#[serde(try_from = "Told")]
struct IpPermission {
    opening: Opening,
    prefix_lists: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IpRange {
    #[serde(deserialize_with = "ipv4")]
    cidr_ip: IpNet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ipv6Range {
    #[serde(deserialize_with = "ipv6")]
    cidr_ipv6: IpNet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PrefixListId {
    prefix_list_id: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    /// `unknown` if nothing is known to be open, and it cannot be told of all.
    exposure: &'a str,
    open: &'a [Open],
    /// The prefix lists of which it cannot be told whether they are the world.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unknown: &'a BTreeSet<&'a String>,
}

impl Question for Arguments {
    fn input(&self) -> Input {
        self.input.clone()
    }

    fn answer(&self, text: &str) -> Result<Answer, Unanswered> {
        let groups = read(text)?;
        let permissions = || groups.iter().flatten();
        let open_if_world = permissions().filter(|permission| permission.may_be_open(&self.public_ports));
        let unknown: BTreeSet<&String> = open_if_world.flat_map(|permission| &permission.prefix_lists).collect();
        // What two groups let in nobody reaches by one of them.
        let open: BTreeSet<Open> = groups
            .iter()
            .flat_map(|group| {
                let openings: Vec<Opening> = group.iter().map(|permission| permission.opening.clone()).collect();
                network::open(&openings, &self.public_ports)
            })
            .collect();
        let open: Vec<Open> = open.into_iter().collect();
        let exposure = match (open.is_empty(), unknown.is_empty()) {
            (false, _) => "public",
            (true, false) => "unknown",
            (true, true) => "none",
        };
        let shown = if self.input.json {
            serde_json::to_string(&Shown { exposure, open: &open, unknown: &unknown })
                .map_err(|error| Unanswered::Failed(error.into()))?
        } else {
            for_people(&open, &unknown, &self.public_ports)
        };
        Ok(Answer { shown, is_untrusted: exposure != "none", notes: vec![] })
    }
}

/// What `aws ec2 describe-security-group-rules` says of a rule, which is one for each direction.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldRule {
    #[serde(default)]
    group_id: String,
    is_egress: bool,
    ip_protocol: String,
    from_port: Option<i64>,
    to_port: Option<i64>,
    #[serde(default, deserialize_with = "ipv4_if_any")]
    cidr_ipv4: Option<IpNet>,
    #[serde(default, deserialize_with = "ipv6_if_any")]
    cidr_ipv6: Option<IpNet>,
    prefix_list_id: Option<String>,
    /// Security groups are one's own, or somebody's who has been asked.
    #[serde(default, rename = "ReferencedGroupInfo")]
    referenced: Option<de::IgnoredAny>,
}

/// What `aws ec2 describe-security-groups` says of a group, or what `authorize-security-group-ingress` is given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ToldGroup {
    ip_permissions: Vec<IpPermission>,
}

/// The answers of both, groups and rules out of them, and one `IpPermission` or a list of them: the inbound permissions
/// of each group.
///
/// Tried one after the other, the wrong one of two forms would tell what is wrong with the right one.
fn read(text: &str) -> Result<Vec<Vec<IpPermission>>, NotUnderstood> {
    #[derive(Deserialize)]
    struct Rules {
        #[serde(rename = "SecurityGroupRules")]
        rules: Vec<ToldRule>,
    }
    #[derive(Deserialize)]
    struct Groups {
        #[serde(rename = "SecurityGroups")]
        groups: Vec<ToldGroup>,
    }
    let document: Value = json::read(text).map_err(not_understood)?;
    let first = document.get(0).unwrap_or(&document);
    let has = |field: &str| document.get(field).is_some();
    if has("SecurityGroupRules") {
        let Rules { rules } = json::read(text).map_err(not_understood)?;
        return of_rules(rules);
    }
    if has("SecurityGroups") {
        let Groups { groups } = json::read(text).map_err(not_understood)?;
        return Ok(groups.into_iter().map(|group| group.ip_permissions).collect());
    }
    if !first.is_object() {
        let message =
            "expected an `IpPermission` of EC2 or a list of them, or what `aws ec2 describe-security-groups` or \
                       `describe-security-group-rules` prints"
                .to_owned();
        return if document.as_array().is_some_and(Vec::is_empty) {
            Ok(vec![])
        } else {
            Err(NotUnderstood { message, line: 1, column: 1 })
        };
    }
    if first.get("IpPermissions").is_some() {
        let groups: Vec<ToldGroup> = if document.is_array() {
            json::read(text).map_err(not_understood)?
        } else {
            vec![json::read(text).map_err(not_understood)?]
        };
        return Ok(groups.into_iter().map(|group| group.ip_permissions).collect());
    }
    match (document.is_array(), first.get("IsEgress").is_some()) {
        (true, true) => of_rules(json::read(text).map_err(not_understood)?),
        (false, true) => of_rules(vec![json::read(text).map_err(not_understood)?]),
        (true, false) => Ok(vec![json::read(text).map_err(not_understood)?]),
        (false, false) => Ok(vec![vec![json::read(text).map_err(not_understood)?]]),
    }
}

fn of_rules(rules: Vec<ToldRule>) -> Result<Vec<Vec<IpPermission>>, NotUnderstood> {
    let mut groups: BTreeMap<String, Vec<IpPermission>> = BTreeMap::new();
    for rule in rules.into_iter().filter(|rule| !rule.is_egress) {
        let group = rule.group_id.clone();
        let permission = rule.permission().map_err(|message| NotUnderstood { message, line: 1, column: 1 })?;
        groups.entry(group).or_default().push(permission);
    }
    Ok(groups.into_values().collect())
}

impl ToldRule {
    fn permission(self) -> Result<IpPermission, String> {
        let ranges: Vec<IpNet> = self.cidr_ipv4.into_iter().chain(self.cidr_ipv6).collect();
        if ranges.is_empty() && self.prefix_list_id.is_none() && self.referenced.is_none() {
            return Err("expected a rule with a range, a prefix list or a group, found none of them".to_owned());
        }
        let traffic = traffic(&self.ip_protocol, self.from_port, self.to_port)?;
        Ok(IpPermission {
            opening: Opening { traffic, ranges },
            prefix_lists: self.prefix_list_id.into_iter().collect(),
        })
    }
}

fn traffic(protocol: &str, from: Option<i64>, to: Option<i64>) -> Result<Traffic, String> {
    for (field, port) in [("FromPort", from), ("ToPort", to)] {
        // -1 stands for all.
        if let Some(port) = port.filter(|port| !(-1..=65535).contains(port)) {
            return Err(format!("expected a `{field}` from 0 to 65535, found {port}"));
        }
    }
    let is_known = ["-1", "tcp", "udp", "icmp", "icmpv6"].iter().any(|known| protocol.eq_ignore_ascii_case(known));
    if !is_known && protocol.parse::<u8>().is_err() {
        return Err(format!(
            "expected an `IpProtocol` (`tcp`, `udp`, `icmp`, `icmpv6`, a number up to 255, or `-1` for all), found \"{protocol}\""
        ));
    }
    if from.is_some() != to.is_some() {
        let missing = if from.is_some() { "ToPort" } else { "FromPort" };
        return Err(format!("expected a `{missing}` as well, found none"));
    }
    let traffic = Traffic::of_api(protocol, from, to);
    if traffic.from > traffic.to {
        return Err(format!("expected a `ToPort` from {} on, found {}", traffic.from, traffic.to));
    }
    Ok(traffic)
}

impl IpPermission {
    /// Whether it would be open if its sources were the world.
    fn may_be_open(&self, public: &PublicPorts) -> bool {
        let world = vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
        Opening { ranges: world, ..self.opening.clone() }.is_open(public)
    }
}

impl TryFrom<Told> for IpPermission {
    type Error = String;

    fn try_from(told: Told) -> Result<Self, String> {
        let traffic = traffic(&told.ip_protocol, told.from_port, told.to_port)?;
        let ranges = told.ip_ranges.iter().map(|range| range.cidr_ip);
        let ranges = ranges.chain(told.ipv6_ranges.iter().map(|range| range.cidr_ipv6)).collect();
        let prefix_lists = told.prefix_list_ids.into_iter().map(|list| list.prefix_list_id).collect();
        Ok(Self { opening: Opening { traffic, ranges }, prefix_lists })
    }
}

fn for_people(open: &[Open], unknown: &BTreeSet<&String>, public: &PublicPorts) -> String {
    let public = match public.to_string() {
        none if none.is_empty() => "and no port is meant to be public".to_owned(),
        ports => format!("beyond {ports}"),
    };
    let lists = unknown.iter().map(|list| format!("\n! what is in prefix list {list} can only be read from AWS"));
    let lists: String = lists.collect();
    if open.is_empty() {
        return if lists.is_empty() {
            format!("none: nothing is open to the world {public}")
        } else {
            format!("unknown: it cannot be told whether anything is open to the world {public}{lists}")
        };
    }
    let ranges = open.iter().map(|open| format!("\n! {open}"));
    format!("public: open to the world {public}{}{lists}", ranges.collect::<String>())
}

fn ipv4<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    range(&String::deserialize(deserializer)?, IPV4, |range| matches!(range, IpNet::V4(_)))
}

fn ipv4_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpNet>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| range(&text, IPV4, |range| matches!(range, IpNet::V4(_)))).transpose()
}

fn ipv6<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    range(&String::deserialize(deserializer)?, IPV6, |range| matches!(range, IpNet::V6(_)))
}

fn ipv6_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpNet>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| range(&text, IPV6, |range| matches!(range, IpNet::V6(_)))).transpose()
}

const IPV4: &str = "a range of IPv4 addresses with its length, such as `203.0.113.0/24`";
const IPV6: &str = "a range of IPv6 addresses with its length, such as `2001:db8::/32`";

/// EC2 takes no address without a length: who leaves it away from `0.0.0.0` means the world.
fn range<E: de::Error>(text: &str, expected: &str, fits: impl Fn(&IpNet) -> bool) -> Result<IpNet, E> {
    let range = text.parse::<IpNet>().ok().map(|range| range.trunc()).filter(fits);
    range.ok_or_else(|| E::custom(format!("expected {expected}, found `{text}`")))
}

pub(super) fn not_understood(Misread { message, line, column }: Misread) -> NotUnderstood {
    NotUnderstood { message, line, column }
}
