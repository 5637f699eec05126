//! `snapback explain ingress`

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;
use snapback::json::{self, Misread};
use snapback::network::{self, Open, Opening, PublicPorts, Traffic};
use snapback::policy::{Exposure, NotUnderstood};

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
struct Shown {
    exposure: Exposure,
    open: Vec<Open>,
}

impl Question for Arguments {
    fn input(&self) -> Input {
        self.input.clone()
    }

    fn answer(&self, text: &str) -> Result<Answer, Unanswered> {
        let groups = read(text)?;
        let permissions = || groups.iter().flatten();
        let lists: BTreeSet<&String> = permissions().flat_map(|permission| &permission.prefix_lists).collect();
        let notes = lists
            .into_iter()
            .map(|list| format!("prefix list {list} is not checked: what is in it can only be read from AWS"))
            .collect();
        // What two groups let in nobody reaches by one of them.
        let open: BTreeSet<Open> = groups
            .iter()
            .flat_map(|group| {
                let openings: Vec<Opening> = group.iter().map(|permission| permission.opening.clone()).collect();
                network::open(&openings, &self.public_ports)
            })
            .collect();
        let open: Vec<Open> = open.into_iter().collect();
        let exposure = if open.is_empty() { Exposure::None } else { Exposure::Public };
        let is_untrusted = exposure.is_untrusted();
        let shown = if self.input.json {
            serde_json::to_string(&Shown { exposure, open }).map_err(|error| Unanswered::Failed(error.into()))?
        } else {
            for_people(&open, &self.public_ports)
        };
        Ok(Answer { shown, is_untrusted, notes })
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
    #[serde(default)]
    cidr_ipv4: Option<String>,
    #[serde(default)]
    cidr_ipv6: Option<String>,
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
        let told =
            self.cidr_ipv4.iter().map(|text| (text, true)).chain(self.cidr_ipv6.iter().map(|text| (text, false)));
        let range = |(text, is_v4): (&String, bool)| {
            let range = network::range(text).filter(|range| matches!(range, IpNet::V4(_)) == is_v4);
            range.ok_or_else(|| format!("expected a range of addresses, found `{text}`"))
        };
        let ranges = told.map(range).collect::<Result<Vec<_>, _>>()?;
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
    let traffic = Traffic::of_api(protocol, from, to);
    if traffic.from > traffic.to {
        return Err(format!("expected a `ToPort` from {} on, found {}", traffic.from, traffic.to));
    }
    Ok(traffic)
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

fn for_people(open: &[Open], public: &PublicPorts) -> String {
    let public = match public.to_string() {
        none if none.is_empty() => "and no port is meant to be public".to_owned(),
        ports => format!("beyond {ports}"),
    };
    if open.is_empty() {
        return format!("none: nothing is open to the world {public}");
    }
    let ranges = open.iter().map(|open| format!("\n! {open}"));
    format!("public: open to the world {public}{}", ranges.collect::<String>())
}

fn ipv4<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    range(deserializer, "a range of IPv4 addresses, such as `203.0.113.0/24`", |range| matches!(range, IpNet::V4(_)))
}

fn ipv6<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpNet, D::Error> {
    range(deserializer, "a range of IPv6 addresses, such as `2001:db8::/32`", |range| matches!(range, IpNet::V6(_)))
}

fn range<'de, D>(deserializer: D, expected: &str, fits: impl Fn(&IpNet) -> bool) -> Result<IpNet, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let range = network::range(&text).filter(fits);
    range.ok_or_else(|| de::Error::custom(format!("expected {expected}, found `{text}`")))
}

pub(super) fn not_understood(Misread { message, line, column }: Misread) -> NotUnderstood {
    NotUnderstood { message, line, column }
}
