//! Addresses and ports: what is open to the world, and on which ports that is meant to be so.
//!
//! Ranges are judged by the public addresses that they cover together, so host bits, split ranges and private
//! ranges do not mislead. The world is what no organization and no group of partners has, by what the registries hand
//! out: a block wider than the largest that one organization has, or parts of the internet in more places than partners
//! are. `docs/adr/0059-what-the-world-is.md` has the reasons.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};

/// What of the addresses of a family is whose, as the bits that are left for hosts.
struct Family {
    /// The widest block that a registry gives to one organization.
    largest: u8,
    /// A sixteenth of that: where more than [`MOST_PARTS`] of these are let in, it is not by partners any more.
    part: u8,
    /// What is narrower makes no world, as it would take more rules than a group can have.
    least: u8,
}

/// A /8 is the most that one organization has of IPv4. A security group holds at most a thousand rules for each direction
/// and address family, and a thousand ranges that are narrower than a /18 make no /8.
/// - <https://www.iana.org/assignments/ipv4-address-space/>
/// - <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
const V4: Family = Family { largest: 32 - 8, part: 32 - 12, least: 32 - 18 };

/// ARIN gives at most a /16 of IPv6 to begin with, and nobody has been given more at once by another registry. The least
/// that a provider gets is a /32.
/// - <https://www.arin.net/participate/policy/nrpm/#6-5-2-1-size>
/// - <https://www.ripe.net/publications/docs/ripe-738/#51-initial-allocation>
const V6: Family = Family { largest: 128 - 16, part: 128 - 20, least: 128 - 32 };

/// As many as four of the largest blocks have. Whoever lets in more lets in the world, in pieces.
const MOST_PARTS: usize = 64;

/// Ranges that the internet does not route: RFC 1918, RFC 6598, loopback, link-local; RFC 4193 and RFC 4291.
static PRIVATE: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let ranges = [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        // Multicast, and what is reserved beyond it.
        "224.0.0.0/3",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    ];
    ranges.iter().filter_map(|text| text.parse().ok()).collect()
});

/// Two blocks that belong to no one organization, though they are no wider than one may have. All registries hand out addresses
/// of the first, and whoever has an address of IPv4 has a /48 of the second.
/// - <https://www.iana.org/assignments/ipv6-unicast-address-assignments/>
/// - <https://www.rfc-editor.org/rfc/rfc3056>
static EVERYBODYS: LazyLock<Vec<IpNet>> =
    LazyLock::new(|| ["2001::/16", "2002::/16"].iter().filter_map(|text| text.parse().ok()).collect());

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Protocol {
    /// Every protocol; the API's `-1`.
    All,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Number(u8),
}

/// A range of ports of a protocol. Protocols without ports have the whole range; ICMP has its types in place of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Traffic {
    pub protocol: Protocol,
    pub from: u16,
    pub to: u16,
}

/// The traffic that may come from anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicPorts(Vec<Traffic>);

/// What a rule lets in, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub traffic: Traffic,
    pub ranges: Vec<IpNet>,
}

/// A range of addresses of the world, and what it reaches that is not meant to be public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    pub traffic: Traffic,
    pub cidr: IpNet,
}

impl Traffic {
    /// Reads protocol and ports as the EC2 API and CloudTrail write them.
    #[must_use]
    pub fn of_api(protocol: &str, from: Option<i64>, to: Option<i64>) -> Self {
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" | "6" => Protocol::Tcp,
            "udp" | "17" => Protocol::Udp,
            "icmp" | "1" => Protocol::Icmp,
            "icmpv6" | "58" => Protocol::Icmpv6,
            number => number.parse().map_or(Protocol::All, Protocol::Number),
        };
        let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
        let (from, to) = match (protocol, port(from), port(to)) {
            (Protocol::Tcp | Protocol::Udp, Some(from), Some(to)) => (from, to),
            // The API has the ICMP type where other protocols have the first port, and the code where they have the last.
            (Protocol::Icmp | Protocol::Icmpv6, Some(kind), _) => (kind, kind),
            _ => (0, u16::MAX),
        };
        Self { protocol, from, to }
    }

    fn covers(&self, protocol: Protocol, port: u16) -> bool {
        (self.protocol == Protocol::All || self.protocol == protocol) && (self.from..=self.to).contains(&port)
    }
}

impl PublicPorts {
    fn allow(&self, protocol: Protocol, port: u16) -> bool {
        self.0.iter().any(|traffic| traffic.covers(protocol, port))
    }

    /// Whether all of this traffic may come from anywhere.
    #[must_use]
    pub fn allow_all_of(&self, traffic: &Traffic) -> bool {
        samples(&[*traffic], self)
            .into_iter()
            .all(|(protocol, port)| !traffic.covers(protocol, port) || self.allow(protocol, port))
    }
}

/// AWS FSBP EC2.18 takes these two for ports that anyone may reach.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-18>
impl Default for PublicPorts {
    fn default() -> Self {
        let tcp = |port| Traffic { protocol: Protocol::Tcp, from: port, to: port };
        Self(vec![tcp(80), tcp(443)])
    }
}

impl Opening {
    /// Whether this alone lets the world in where it should not.
    #[must_use]
    pub fn is_open(&self, public: &PublicPorts) -> bool {
        is_world(&self.ranges) && !public.allow_all_of(&self.traffic)
    }

    /// Whether this is wide enough to be part of a world that several rules make together.
    #[must_use]
    pub fn may_be_part_of_a_world(&self, public: &PublicPorts) -> bool {
        self.ranges.iter().any(is_wide_enough) && !public.allow_all_of(&self.traffic)
    }

    /// Whether this is part of a world that narrower rules make together, none of which is open by itself.
    #[must_use]
    pub fn is_part_of_a_world(&self, all: &[Self], public: &PublicPorts) -> bool {
        if !self.may_be_part_of_a_world(public) {
            return false;
        }
        let narrow: Vec<&Self> = all.iter().filter(|opening| !is_world(&opening.ranges)).collect();
        let traffic: Vec<Traffic> = narrow.iter().map(|opening| opening.traffic).collect();
        samples(&traffic, public).into_iter().any(|(protocol, port)| {
            let here = narrow.iter().filter(|opening| opening.traffic.covers(protocol, port));
            let ranges: Vec<IpNet> = here.flat_map(|opening| opening.ranges.iter().copied()).collect();
            self.traffic.covers(protocol, port) && !public.allow(protocol, port) && self.is_in(&world(&ranges))
        })
    }
}

impl Opening {
    /// Whether a range of this that is wide enough is part of what is the world.
    fn is_in(&self, world: &[IpNet]) -> bool {
        let is_in = |range: &IpNet| is_wide_enough(range) && world.iter().any(|part| part.contains(range));
        self.ranges.iter().any(is_in)
    }
}

/// What the openings let the world reach beyond the public ports: in no two places the same, in a stable order, and in
/// as few ranges as there can be. Where every protocol is open it is said once, though a public port is part of it.
#[must_use]
pub fn open(openings: &[Opening], public: &PublicPorts) -> Vec<Open> {
    let rules: Vec<(Traffic, IpNet)> = openings
        .iter()
        .flat_map(|opening| opening.ranges.iter().map(|range| (opening.traffic, range.trunc())))
        .collect();
    let from = |protocol, port| -> Vec<IpNet> {
        let here = rules.iter().filter(|(traffic, _)| traffic.covers(protocol, port));
        world(&here.map(|(_, range)| *range).collect::<Vec<_>>())
    };
    let of_all = |(traffic, _): &&(Traffic, IpNet)| traffic.protocol == Protocol::All;
    let everything = world(&rules.iter().filter(of_all).map(|(_, range)| *range).collect::<Vec<_>>());
    let all = Traffic { protocol: Protocol::All, from: 0, to: u16::MAX };
    let mut open: Vec<Open> = everything.iter().map(|cidr| Open { traffic: all, cidr: *cidr }).collect();
    let protocols: BTreeSet<Protocol> = rules.iter().map(|(traffic, _)| traffic.protocol).collect();
    for protocol in protocols.into_iter().filter(|protocol| *protocol != Protocol::All) {
        let traffic: Vec<Traffic> = rules.iter().map(|(traffic, _)| *traffic).collect();
        let mut beside = vec![];
        for (from_port, to_port) in stretches(protocol, &traffic, public) {
            let beyond = from(protocol, from_port).into_iter().flat_map(|range| rest(range, &everything));
            let traffic = Traffic { protocol, from: from_port, to: to_port };
            beside.extend(beyond.map(|cidr| Open { traffic, cidr }));
        }
        open.extend(joined(beside));
    }
    open.sort();
    open
}

/// Whether ranges together are more than anyone's own networks and those of their partners are.
#[must_use]
pub fn is_world(ranges: &[IpNet]) -> bool {
    !world(ranges).is_empty()
}

/// Whether ranges together are more of the internet than anybody can know: over a sixteenth of its addresses, which are as
/// many as sixteen of the largest organizations have in IPv4. Only `2000::/3` of IPv6 is handed out.
#[must_use]
pub fn is_much_of_the_internet(ranges: &[IpNet]) -> bool {
    let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = ranges.iter().map(IpNet::trunc).partition(|range| range.addr().is_ipv4());
    let covered =
        |ranges: Vec<IpNet>| IpNet::aggregate(&ranges).iter().map(public_addresses).fold(0, u128::saturating_add);
    covered(v4) > 1 << (32 - 4) || covered(v6) > 1 << (125 - 4)
}

/// How many addresses of the internet a range covers.
#[must_use]
pub fn public_addresses(range: &IpNet) -> u128 {
    let unrouted = PRIVATE.iter().map(|private| match (range.contains(private), private.contains(range)) {
        (true, _) => size(private),
        (false, true) => size(range),
        (false, false) => 0,
    });
    size(range).saturating_sub(unrouted.sum())
}

/// Reads a range as AWS does: host bits do not matter, and a lone address is a range of one.
#[must_use]
pub fn range(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc())
}

/// One port of every stretch within which nothing changes: enough to judge all ports.
fn samples(traffic: &[Traffic], public: &PublicPorts) -> Vec<(Protocol, u16)> {
    let all: Vec<&Traffic> = traffic.iter().chain(&public.0).collect();
    let named: BTreeSet<Protocol> = all.iter().map(|one| one.protocol).collect();
    // A protocol that nobody names stands for all those that only a rule for every protocol lets in.
    let unnamed = (0..=u8::MAX).map(Protocol::Number).find(|protocol| !named.contains(protocol));
    let mut samples: Vec<_> = unnamed.into_iter().map(|protocol| (protocol, 0)).collect();
    for protocol in named.into_iter().filter(|protocol| *protocol != Protocol::All) {
        let here = all.iter().filter(|one| one.protocol == protocol || one.protocol == Protocol::All);
        let starts = here.flat_map(|one| [Some(one.from), one.to.checked_add(1)]).flatten();
        samples.extend(starts.map(|port| (protocol, port)));
    }
    samples
}

/// The ports of a protocol in stretches within which nothing changes, without those that are public.
fn stretches(protocol: Protocol, traffic: &[Traffic], public: &PublicPorts) -> Vec<(u16, u16)> {
    let mut starts: Vec<u16> = samples(traffic, public)
        .into_iter()
        .filter_map(|(sampled, port)| (sampled == protocol).then_some(port))
        .chain([0])
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
    starts.iter().copied().zip(ends).filter(|(from, _)| !public.allow(protocol, *from)).collect()
}

/// Of ranges that reach the same port: those that are the world, each by itself, as neighbours that make a block
/// together, or in so many places. What is too narrow to be part of a world is nobody's doing.
fn world(ranges: &[IpNet]) -> Vec<IpNet> {
    let mut world = vec![];
    for is_v4 in [true, false] {
        let family = ranges.iter().filter(|range| matches!(range, IpNet::V4(_)) == is_v4);
        let (wide, narrow): (Vec<IpNet>, Vec<IpNet>) =
            family.map(IpNet::trunc).filter(is_wide_enough).partition(is_more_than_one_has);
        world.extend(wide);
        let (blocks, rest): (Vec<IpNet>, Vec<IpNet>) =
            IpNet::aggregate(&narrow).into_iter().partition(is_more_than_one_has);
        world.extend(blocks);
        if rest.iter().flat_map(parts).collect::<BTreeSet<_>>().len() > MOST_PARTS {
            world.extend(rest);
        }
    }
    IpNet::aggregate(&world)
}

fn is_more_than_one_has(range: &IpNet) -> bool {
    public_addresses(range) > 1 << family(range).largest || EVERYBODYS.iter().any(|all| range.contains(all))
}

/// Whether a range is wide enough to be part of a world that as many rules as there can be make together.
fn is_wide_enough(range: &IpNet) -> bool {
    public_addresses(range) >= 1 << family(range).least
}

/// The parts of the internet in which a range lies.
fn parts(range: &IpNet) -> Vec<IpNet> {
    let length = range.max_prefix_len() - family(range).part;
    let parts = match range.subnets(length) {
        Ok(parts) => parts.collect(),
        Err(_) => IpNet::new(range.addr(), length).map(|part| part.trunc()).into_iter().collect::<Vec<_>>(),
    };
    parts.into_iter().filter(|part| public_addresses(part) > 0).collect()
}

const fn family(range: &IpNet) -> &'static Family {
    match range {
        IpNet::V4(_) => &V4,
        IpNet::V6(_) => &V6,
    }
}

/// What is left of a range without the taken ones.
fn rest(range: IpNet, taken: &[IpNet]) -> Vec<IpNet> {
    if taken.iter().any(|taken| taken.contains(&range)) {
        return vec![];
    }
    let inside: Vec<IpNet> = taken.iter().copied().filter(|taken| range.contains(taken)).collect();
    match range.subnets(range.prefix_len() + 1) {
        Ok(halves) if !inside.is_empty() => halves.flat_map(|half| rest(half, &inside)).collect(),
        _ => vec![range],
    }
}

/// Stretches that follow upon each other and are open to the same range are one.
fn joined(mut open: Vec<Open>) -> Vec<Open> {
    open.sort_by_key(|open| (open.cidr, open.traffic));
    let mut joined: Vec<Open> = vec![];
    for open in open {
        match joined.last_mut() {
            Some(last) if last.cidr == open.cidr && last.traffic.to.checked_add(1) == Some(open.traffic.from) => {
                last.traffic.to = open.traffic.to;
            }
            _ => joined.push(open),
        }
    }
    joined
}

/// Whether the internet routes to this address. A private one is whosever says it is.
#[must_use]
pub fn is_of_the_internet(address: IpAddr) -> bool {
    !PRIVATE.iter().any(|private| private.contains(&address.to_canonical()))
}

fn size(net: &IpNet) -> u128 {
    // All of IPv6 is one more than fits; it is the world either way.
    1_u128.checked_shl(u32::from(net.max_prefix_len() - net.prefix_len())).unwrap_or(u128::MAX)
}

impl FromStr for PublicPorts {
    type Err = ();

    /// `tcp/80,tcp/8000-8100,udp/53,icmp,icmpv6`; `none` or an empty text is no port at all.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.trim() == "none" {
            return Ok(Self(vec![]));
        }
        let ports = text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(|item| {
            let whole = |protocol| Ok(Traffic { protocol, from: 0, to: u16::MAX });
            let (protocol, ports) = match item.split_once('/') {
                None if item == "icmp" => return whole(Protocol::Icmp),
                None if item == "icmpv6" => return whole(Protocol::Icmpv6),
                Some(("tcp", ports)) => (Protocol::Tcp, ports),
                Some(("udp", ports)) => (Protocol::Udp, ports),
                _ => return Err(()),
            };
            let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
            let (from, to) = (from.parse().map_err(drop)?, to.parse().map_err(drop)?);
            if from <= to { Ok(Traffic { protocol, from, to }) } else { Err(()) }
        });
        ports.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for PublicPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&ports.join(","))
    }
}

/// Protocol and ports as fields of their own: a number where the protocol has no name, `all` where it has no ports.
impl Serialize for Open {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Traffic { protocol, from, to } = self.traffic;
        let mut open = serializer.serialize_struct("Open", 3)?;
        open.serialize_field("protocol", &protocol.to_string())?;
        let ports = match protocol {
            _ if from == to => from.to_string(),
            Protocol::Tcp | Protocol::Udp => format!("{from}-{to}"),
            _ if (from, to) == (0, u16::MAX) => "all".to_owned(),
            _ => format!("{from}-{to}"),
        };
        open.serialize_field("ports", &ports)?;
        open.serialize_field("cidr", &self.cidr)?;
        open.end()
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.traffic, self.cidr)
    }
}

/// As the API writes it.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("-1"),
            Self::Tcp => f.write_str("tcp"),
            Self::Udp => f.write_str("udp"),
            Self::Icmp => f.write_str("icmp"),
            Self::Icmpv6 => f.write_str("icmpv6"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from, self.to);
        let whole = (from, to) == (0, u16::MAX);
        match self.protocol {
            Protocol::All => write!(f, "all traffic"),
            Protocol::Tcp if from == to => write!(f, "tcp/{from}"),
            Protocol::Tcp => write!(f, "tcp/{from}-{to}"),
            Protocol::Udp if from == to => write!(f, "udp/{from}"),
            Protocol::Udp => write!(f, "udp/{from}-{to}"),
            Protocol::Icmp | Protocol::Icmpv6 if whole => write!(f, "{}", self.protocol),
            Protocol::Icmp | Protocol::Icmpv6 if from == to => write!(f, "{} type {from}", self.protocol),
            Protocol::Icmp | Protocol::Icmpv6 => write!(f, "{} types {from}-{to}", self.protocol),
            Protocol::Number(number) => write!(f, "protocol {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn opening(protocol: &str, ports: (i64, i64), ranges: &[&str]) -> Opening {
        let ranges = ranges.iter().map(|text| range(text).expect("a range")).collect();
        Opening { traffic: Traffic::of_api(protocol, Some(ports.0), Some(ports.1)), ranges }
    }

    fn is_the_world(ranges: &[&str]) -> bool {
        opening("tcp", (22, 22), ranges).is_open(&PublicPorts::default())
    }

    #[test]
    fn the_world_is_recognised_in_every_spelling() {
        for world in
            ["0.0.0.0/0", "208.236.235.254/0", "::/0", "2000::/3", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7", "2a00::/12"]
        {
            assert!(is_the_world(&[world]), "{world}");
        }
        assert!(is_the_world(&["8.0.0.0/8", "9.0.0.0/8"]));
        assert!(is_the_world(&["2400::/16", "2401::/16"]));
        assert!(
            is_the_world(&["2001::/16"]) && is_the_world(&["2002::/17", "2002:8000::/17"]),
            "nobody has them alone"
        );
    }

    fn of_each(form: impl Fn(usize) -> String, numbers: impl Iterator<Item = usize>) -> Vec<IpNet> {
        numbers.map(|number| range(&form(number)).expect("a range")).collect()
    }

    #[test]
    fn a_world_in_hundreds_of_pieces_is_the_world() {
        assert!(is_world(&of_each(|number| format!("{number}.0.0.0/8"), (1..224).step_by(2))));
        assert!(is_world(&of_each(|number| format!("{number}.77.0.0/16"), (1..224).filter(|first| *first != 10))));
        assert!(is_world(&of_each(|number| format!("{}.{}.0.0/12", 11 + number / 2, number % 2 * 128), 0..200)));
        assert!(is_world(&of_each(|number| format!("24{number:02x}::/20"), 0..200)));
        assert!(is_world(&of_each(|number| format!("2a0{:x}:{:x}000::/32", number % 16, number / 16), 0..250)));
    }

    #[test]
    fn the_ranges_of_several_organizations_are_not_the_world() {
        // A provider's smallest and largest allocation, several at once, and a content network with all it has.
        assert!(!is_the_world(&["2a0c:9a40::/29"]));
        assert!(!is_the_world(&["2001:678::/29", "2a05:d000::/25", "2600:1f00::/24", "2003::/19"]));
        assert!(!is_the_world(&["2620:149::/32", "2a04:4e40::/32"]));
        assert!(!is_world(&of_each(|number| format!("2a0{number:x}:1400::/28"), 0..16)));
        // Two of the largest organizations there are, and an office beside one.
        assert!(!is_the_world(&["17.0.0.0/8", "203.0.113.0/24"]));
        assert!(!is_the_world(&["17.0.0.0/8", "53.0.0.0/8", "198.51.100.0/24"]));
        assert!(!is_the_world(&["34.64.0.0/10", "34.128.0.0/10", "35.184.0.0/13", "35.192.0.0/12", "142.250.0.0/15"]));
    }

    #[test]
    fn ones_own_networks_are_not_the_world() {
        for own in [
            "203.0.113.7",
            "203.0.113.0/24",
            "8.0.0.0/8",
            "10.0.0.0/8",
            "10.0.0.0/7",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "fc00::/7",
            "ff00::/8",
            "2600::/16",
        ] {
            assert!(!is_the_world(&[own]), "{own}");
        }
        assert!(!is_the_world(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]));
        assert!(!is_the_world(&["8.0.0.0/8", "8.1.0.0/16", "8.0.0.0/8"]));
    }

    #[test]
    fn only_ports_beyond_the_public_ones_matter() {
        let public = PublicPorts::default();
        for (protocol, ports, open) in [
            ("tcp", (443, 443), false),
            ("tcp", (80, 443), true),
            ("udp", (443, 443), true),
            ("-1", (-1, -1), true),
            ("icmp", (8, -1), true),
            ("50", (-1, -1), true),
        ] {
            assert_eq!(opening(protocol, ports, &["0.0.0.0/0"]).is_open(&public), open, "{protocol} {ports:?}");
        }
        let public: PublicPorts = "icmp,icmpv6,tcp/1-1023,udp/1-1023".parse().expect("ports");
        assert!(!opening("icmp", (8, 0), &["0.0.0.0/0"]).is_open(&public));
        assert!(!opening("tcp", (22, 25), &["0.0.0.0/0"]).is_open(&public));
        assert!(opening("tcp", (22, 1024), &["0.0.0.0/0"]).is_open(&public));
    }

    #[test]
    fn several_rules_make_a_world_only_on_the_ports_that_they_share() {
        let public = PublicPorts::default();
        let ssh = opening("tcp", (22, 22), &["8.0.0.0/8"]);
        let other = opening("tcp", (20, 30), &["9.0.0.0/8"]);
        let everything = opening("-1", (-1, -1), &["9.0.0.0/8"]);
        let web = opening("tcp", (443, 443), &["9.0.0.0/8"]);
        assert!(ssh.is_part_of_a_world(&[ssh.clone(), other.clone()], &public));
        assert!(other.is_part_of_a_world(&[ssh.clone(), other.clone()], &public));
        assert!(everything.is_part_of_a_world(&[ssh.clone(), everything.clone()], &public));
        assert!(!ssh.is_part_of_a_world(&[ssh.clone(), web], &public));
    }

    #[test]
    fn a_narrow_rule_is_never_blamed_for_a_world() {
        let public = PublicPorts::default();
        let office = opening("tcp", (22, 22), &["203.0.113.7/32"]);
        let wide = [opening("tcp", (22, 22), &["8.0.0.0/8"]), opening("tcp", (22, 22), &["9.0.0.0/8"]), office.clone()];
        assert!(!office.is_part_of_a_world(&wide, &public));
        let partner = opening("tcp", (22, 22), &["17.0.0.0/8"]);
        let beside: Vec<Opening> = wide.iter().chain([&partner]).cloned().collect();
        assert!(wide[0].is_part_of_a_world(&beside, &public));
        assert!(!partner.is_part_of_a_world(&beside, &public), "it is no neighbour of what makes the block");
    }

    fn opened(openings: &[Opening], public: &str) -> Vec<String> {
        let public = public.parse().expect("ports");
        open(openings, &public).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_open_is_told_as_exact_ranges_beyond_the_public_ports() {
        let world = |protocol, from, to| opening(protocol, (from, to), &["0.0.0.0/0"]);
        for (openings, expected) in [
            (vec![world("tcp", 22, 22)], vec!["tcp/22 from 0.0.0.0/0"]),
            (vec![world("tcp", 443, 443)], vec![]),
            (
                vec![world("tcp", 0, 65535)],
                vec!["tcp/0-79 from 0.0.0.0/0", "tcp/81-442 from 0.0.0.0/0", "tcp/444-65535 from 0.0.0.0/0"],
            ),
            (vec![world("tcp", 20, 22), world("tcp", 23, 25)], vec!["tcp/20-25 from 0.0.0.0/0"]),
            (
                vec![world("udp", 53, 53), world("icmp", 8, -1)],
                vec!["udp/53 from 0.0.0.0/0", "icmp type 8 from 0.0.0.0/0"],
            ),
            (vec![world("-1", -1, -1), world("tcp", 22, 22)], vec!["all traffic from 0.0.0.0/0"]),
            (vec![world("50", -1, -1)], vec!["protocol 50 from 0.0.0.0/0"]),
        ] {
            assert_eq!(opened(&openings, "tcp/80,tcp/443"), expected, "{openings:?}");
        }
        assert_eq!(opened(&[world("tcp", 80, 80)], ""), ["tcp/80 from 0.0.0.0/0"]);
    }

    #[test]
    fn ranges_that_are_the_world_together_are_told_as_one_and_narrow_ones_beside_them_are_not_told() {
        let ssh = |ranges: &[&str]| opening("tcp", (22, 22), ranges);
        for (openings, expected) in [
            (vec![ssh(&["0.0.0.0/1"]), ssh(&["128.0.0.0/1"])], vec!["tcp/22 from 0.0.0.0/0"]),
            (vec![ssh(&["8.0.0.0/8", "9.0.0.0/8", "203.0.113.7/32"])], vec!["tcp/22 from 8.0.0.0/7"]),
            (vec![ssh(&["0.0.0.0/1", "203.0.113.0/24"])], vec!["tcp/22 from 0.0.0.0/1"]),
            (vec![ssh(&["208.236.235.254/0", "2600::/32"])], vec!["tcp/22 from 0.0.0.0/0"]),
            (vec![ssh(&["10.0.0.0/8", "8.0.0.0/8"])], vec![]),
            (vec![ssh(&["8.0.0.0/8", "9.0.0.0/8", "17.0.0.0/8"])], vec!["tcp/22 from 8.0.0.0/7"]),
            (vec![ssh(&["2a00::/12", "2c0f:f000::/29"])], vec!["tcp/22 from 2a00::/12"]),
            (
                vec![opening("-1", (-1, -1), &["0.0.0.0/1"]), ssh(&["128.0.0.0/1", "::/0"])],
                vec!["all traffic from 0.0.0.0/1", "tcp/22 from 128.0.0.0/1", "tcp/22 from ::/0"],
            ),
            (vec![opening("-1", (-1, -1), &["8.0.0.0/8"]), ssh(&["9.0.0.0/8"])], vec!["tcp/22 from 8.0.0.0/7"]),
        ] {
            assert_eq!(opened(&openings, "tcp/80,tcp/443"), expected, "{openings:?}");
        }
    }

    #[test]
    fn an_open_range_is_written_with_protocol_ports_and_cidr() {
        let openings = [opening("tcp", (8000, 8100), &["::/0"]), opening("-1", (-1, -1), &["0.0.0.0/0"])];
        insta::assert_snapshot!(
            serde_json::to_string(&open(&openings, &PublicPorts::default())).expect("JSON"),
            @r#"[{"protocol":"-1","ports":"all","cidr":"0.0.0.0/0"},{"protocol":"tcp","ports":"8000-8100","cidr":"::/0"}]"#
        );
    }

    #[test]
    fn a_wrong_list_of_ports_is_refused() {
        for wrong in ["http", "tcp", "tcp/", "tcp/70000", "tcp/90-80", "sctp/1"] {
            assert_eq!(wrong.parse::<PublicPorts>(), Err(()), "{wrong}");
        }
        for none in ["", "none"] {
            assert!(none.parse::<PublicPorts>().is_ok_and(|ports| !ports.allow(Protocol::Tcp, 80)), "{none:?}");
        }
    }

    fn ranges() -> impl Strategy<Value = Vec<IpNet>> {
        let range = (any::<u32>(), prop_oneof![3_u8..=18, 0_u8..=32]).prop_map(|(address, length)| {
            IpNet::new(std::net::Ipv4Addr::from(address).into(), length).expect("a length up to 32").trunc()
        });
        prop::collection::vec(range, 0..9)
    }

    fn openings() -> impl Strategy<Value = Vec<Opening>> {
        let protocol = prop::sample::select(vec!["tcp", "udp", "icmp", "-1", "50"]);
        let port = prop::sample::select(vec![0_i64, 22, 79, 80, 81, 443, 65535]);
        let cidr = prop::sample::select(vec![
            "0.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "8.0.0.0/8",
            "9.0.0.0/8",
            "203.0.113.0/24",
            "10.0.0.0/8",
            "::/0",
            "2600::/32",
            "2601::/32",
        ]);
        let opening = (protocol, port.clone(), port, prop::collection::vec(cidr, 1..3))
            .prop_map(|(protocol, one, other, cidrs)| opening(protocol, (one.min(other), one.max(other)), &cidrs));
        prop::collection::vec(opening, 0..6)
    }

    proptest! {
        /// Asks of every port near a boundary, and of one address in each range, what the list of open ranges says.
        #[test]
        fn what_is_told_as_open_is_what_is_open(openings in openings()) {
            let public = PublicPorts::default();
            let open = open(&openings, &public);
            for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Number(50), Protocol::Number(77)] {
                for port in [0_u16, 21, 22, 23, 79, 80, 81, 443, 444, 65535] {
                    let here: Vec<IpNet> = openings.iter().filter(|opening| opening.traffic.covers(protocol, port))
                        .flat_map(|opening| opening.ranges.clone()).collect();
                    for address in ["1.1.1.1", "8.8.8.8", "9.9.9.9", "203.0.113.7", "2600::1", "2601::1", "2a00::1"] {
                        let address = IpNet::from(address.parse::<IpAddr>().expect("an address"));
                        let told = open.iter().filter(|open| open.traffic.covers(protocol, port) && open.cidr.contains(&address)).count();
                        let expected = world(&here).iter().any(|range| range.contains(&address));
                        prop_assert!(told <= 1, "{} {} {}: {:?}", protocol, port, address, open);
                        if !public.allow(protocol, port) {
                            prop_assert_eq!(told == 1, expected, "{} {} {}: {:?}", protocol, port, address, open);
                        }
                    }
                }
            }
            prop_assert_eq!(open.is_empty(), !openings.iter().any(|one| one.is_open(&public) || one.is_part_of_a_world(&openings, &public)));
        }

        /// Looks at every /12 by itself: exact, and slow, and by another way.
        #[test]
        fn the_world_is_found_like_a_naive_sweep_does(ranges in ranges()) {
            const HERE: u128 = 1 << 20;
            let ranges: Vec<IpNet> = ranges.into_iter().filter(|net| net.prefix_len() <= 12).collect();
            let address = |part: u32| IpNet::from(IpAddr::from((part << 20).to_be_bytes()));
            let routed: Vec<u128> = (0..1 << 12).map(|part| match address(part).addr().to_string().as_str() {
                "172.16.0.0" | "100.64.0.0" | "100.80.0.0" | "100.96.0.0" | "100.112.0.0" => 0,
                "169.240.0.0" | "192.160.0.0" => HERE - (1 << 16),
                first if first.starts_with("10.") || first.starts_with("127.") => 0,
                _ if part >= 224 << 4 => 0,
                _ => HERE,
            }).collect();
            let is_in: Vec<bool> = (0..1 << 12).map(|part| ranges.iter().any(|net| net.contains(&address(part)))).collect();
            let is_block = |length: u32| is_in.chunks(1 << (12 - length)).zip(routed.chunks(1 << (12 - length)))
                .any(|(is_in, routed)| is_in.iter().all(|is_in| *is_in) && routed.iter().sum::<u128>() > 1 << 24);
            let parts = is_in.iter().zip(&routed).filter(|(is_in, routed)| **is_in && **routed > 0).count();
            let is_naive = (0..=12).any(is_block) || parts > MOST_PARTS;
            prop_assert_eq!(is_world(&ranges), is_naive, "{:?}", ranges);
        }

        #[test]
        fn splitting_a_range_changes_nothing(ranges in ranges()) {
            let ranges: Vec<IpNet> = ranges.into_iter().filter(|net| net.prefix_len() <= 17).collect();
            let split: Vec<IpNet> = ranges.iter().flat_map(|net| match net.subnets(net.prefix_len() + 1) {
                Ok(halves) => halves.collect(),
                Err(_) => vec![*net],
            }).collect();
            prop_assert_eq!(is_world(&ranges), is_world(&split));
        }

        #[test]
        fn more_ranges_are_never_less_of_a_world(ranges in ranges(), more in ranges()) {
            prop_assert!(!is_world(&ranges) || is_world(&[ranges, more].concat()));
        }
    }
}
