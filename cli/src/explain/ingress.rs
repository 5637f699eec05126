//! `snapback explain ingress`

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, de};
use snapback::network::{self, Open, Opening, PublicPorts, Traffic};
use snapback::policy::{Exposure, NotUnderstood};

use super::{Answer, Input, Question};
use crate::choices::public_ports;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// Ports that may be open to the world, such as `tcp/80,tcp/8000-8100,udp/53,icmp`; `''` for none
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
    fn input(&self) -> &Input {
        &self.input
    }

    fn answer(&self, text: &str) -> Result<Answer, NotUnderstood> {
        // Tried one after the other, the wrong one of two forms would tell what is wrong with the right one.
        let permissions: Vec<IpPermission> = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(not_understood)?
        } else {
            vec![serde_json::from_str(text).map_err(not_understood)?]
        };
        let lists = permissions.iter().flat_map(|permission| &permission.prefix_lists);
        let notes = lists
            .map(|list| format!("prefix list {list} is not checked: what is in it can only be read from AWS"))
            .collect();
        let openings: Vec<Opening> = permissions.into_iter().map(|permission| permission.opening).collect();
        let open = network::open(&openings, &self.public_ports);
        let exposure = if open.is_empty() { Exposure::None } else { Exposure::Public };
        let is_untrusted = exposure.is_untrusted();
        let shown = if self.input.json {
            serde_json::to_string(&Shown { exposure, open }).map_err(not_understood)?
        } else {
            for_people(&open, &self.public_ports)
        };
        Ok(Answer { shown, is_untrusted, notes })
    }
}

impl TryFrom<Told> for IpPermission {
    type Error = String;

    fn try_from(told: Told) -> Result<Self, String> {
        let traffic = Traffic::of_api(&told.ip_protocol, told.from_port, told.to_port);
        if traffic.from > traffic.to {
            return Err(format!("expected a `ToPort` from {} on, found {}", traffic.from, traffic.to));
        }
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

/// What is wrong, apart from where, which is told before it.
pub(super) fn not_understood(error: serde_json::Error) -> NotUnderstood {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
    NotUnderstood { message, line: error.line().max(1), column: error.column().max(1) }
}
