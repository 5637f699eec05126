//! Addresses and ports: what is open to the world, and on which ports that is meant to be so.
//!
//! Ranges are judged by the public addresses that they cover together, so host bits, split ranges and private
//! ranges do not mislead. The threshold is Amazon S3's own: a policy is public if it lets in a range wider than /8
//! (IPv4) or /32 (IPv6).
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A security group holds at most this many rules for each direction and address family (the product of the quotas
/// for rules and for groups on an interface). So a world made of narrow ranges needs at least one of a thousandth.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
const MOST_RULES: u128 = 1000;

/// The addresses in a /8, and in a /32 of IPv6: what covers more is the world.
const WORLD_V4: u128 = 1 << (32 - 8);
const WORLD_V6: u128 = 1 << (128 - 32);

/// Ranges that the internet does not route: RFC 1918, RFC 6598, loopback, link-local; RFC 4193 and RFC 4291.
const PRIVATE: [&str; 8] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicPorts(Vec<Traffic>);

/// What a rule lets in, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub traffic: Traffic,
    pub ranges: Vec<IpNet>,
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
        let (v4, v6) = public_addresses(&self.ranges);
        (v4 > WORLD_V4 / MOST_RULES || v6 > WORLD_V6 / MOST_RULES) && !public.allow_all_of(&self.traffic)
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
            self.traffic.covers(protocol, port) && !public.allow(protocol, port) && is_world(&ranges)
        })
    }
}

/// Whether ranges cover more public addresses together than anyone's own networks do.
#[must_use]
pub fn is_world(ranges: &[IpNet]) -> bool {
    let (v4, v6) = public_addresses(ranges);
    v4 > WORLD_V4 || v6 > WORLD_V6
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

/// How many addresses of the internet the ranges cover together: IPv4, IPv6.
fn public_addresses(ranges: &[IpNet]) -> (u128, u128) {
    let private: Vec<IpNet> = PRIVATE.iter().filter_map(|text| text.parse().ok()).collect();
    let (mut v4, mut v6) = (0_u128, 0_u128);
    for net in IpNet::aggregate(&ranges.to_vec()) {
        let unrouted = private.iter().map(|private| match (net.contains(private), private.contains(&net)) {
            (true, _) => size(private),
            (false, true) => size(&net),
            (false, false) => 0,
        });
        let family = if matches!(net, IpNet::V4(_)) { &mut v4 } else { &mut v6 };
        *family = family.saturating_add(size(&net).saturating_sub(unrouted.sum()));
    }
    (v4, v6)
}

fn size(net: &IpNet) -> u128 {
    // All of IPv6 is one more than fits; it is the world either way.
    1_u128.checked_shl(u32::from(net.max_prefix_len() - net.prefix_len())).unwrap_or(u128::MAX)
}

impl FromStr for PublicPorts {
    type Err = ();

    /// `tcp/80,tcp/8000-8100,udp/53,icmp,icmpv6`; an empty text is no port at all.
    fn from_str(text: &str) -> Result<Self, ()> {
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
            Protocol::Icmp if whole => write!(f, "icmp"),
            Protocol::Icmp => write!(f, "icmp type {from}"),
            Protocol::Icmpv6 if whole => write!(f, "icmpv6"),
            Protocol::Icmpv6 => write!(f, "icmpv6 type {from}"),
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
            ["0.0.0.0/0", "208.236.235.254/0", "::/0", "2000::/3", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/7", "2600::/31"]
        {
            assert!(is_the_world(&[world]), "{world}");
        }
        assert!(is_the_world(&["8.0.0.0/8", "9.0.0.0/8"]));
    }

    #[test]
    fn ones_own_networks_are_not_the_world() {
        for own in ["203.0.113.7", "203.0.113.0/24", "8.0.0.0/8", "10.0.0.0/8", "10.0.0.0/7", "fc00::/7", "2600::/32"] {
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
        let everything = opening("-1", (-1, -1), &["11.0.0.0/8"]);
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
    }

    #[test]
    fn a_wrong_list_of_ports_is_refused() {
        for wrong in ["http", "tcp", "tcp/", "tcp/70000", "tcp/90-80", "sctp/1"] {
            assert_eq!(wrong.parse::<PublicPorts>(), Err(()), "{wrong}");
        }
        assert!("".parse::<PublicPorts>().is_ok_and(|ports| !ports.allow(Protocol::Tcp, 80)));
    }

    fn ranges() -> impl Strategy<Value = Vec<IpNet>> {
        let range = (any::<u32>(), 0_u8..=32).prop_map(|(address, length)| {
            IpNet::new(std::net::Ipv4Addr::from(address).into(), length).expect("a length up to 32").trunc()
        });
        prop::collection::vec(range, 0..6)
    }

    proptest! {
        /// Counts the /8s whose first address is covered: exact, and slow, and by another way.
        #[test]
        fn covered_addresses_are_counted_like_a_naive_sweep_does(ranges in ranges()) {
            let coarse: Vec<IpNet> = ranges.into_iter().filter(|net| net.prefix_len() <= 8).collect();
            let routed = (0..=255_u8).filter(|first| ![10, 127].contains(first));
            let covered = routed.map(|first| IpNet::from(IpAddr::from([first, 0, 0, 0])))
                .filter(|address| coarse.iter().any(|net| net.contains(address)))
                .map(|address| match address.addr().to_string().as_str() {
                    "100.0.0.0" => WORLD_V4 - (1 << 22),
                    "169.0.0.0" | "192.0.0.0" => WORLD_V4 - (1 << 16),
                    "172.0.0.0" => WORLD_V4 - (1 << 20),
                    _ => WORLD_V4,
                }).sum::<u128>();
            prop_assert_eq!(public_addresses(&coarse).0, covered);
        }

        #[test]
        fn splitting_a_range_changes_nothing(ranges in ranges()) {
            let split: Vec<IpNet> = ranges.iter().flat_map(|net| match net.subnets((net.prefix_len() + 1).min(32)) {
                Ok(halves) => halves.collect(),
                Err(_) => vec![*net],
            }).collect();
            prop_assert_eq!(public_addresses(&ranges), public_addresses(&split));
        }
    }
}
