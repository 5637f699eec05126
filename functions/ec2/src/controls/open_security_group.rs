//! # A security group lets the world in
//!
//! **Watches** `AuthorizeSecurityGroupIngress`, `ModifySecurityGroupRules`.
//!
//! **Why** A rule that lets the world reach a port other than those meant to be public is found by scanners within
//! minutes (Stratus Red Team: `ec2-security-group-open-port-22-ingress`).
//!
//! **Does** Revokes, by their ids, the rules that this event added or changed and that let the world in on a port that
//! is not in the operator's list of public ports. The world is more public addresses than a /8 of IPv4 or a /32 of
//! IPv6 has, in one rule or in several together; prefix lists are looked into. A prefix list of an account that is not
//! trusted counts as well: its owner can fill it at will. A changed rule is revoked too: what it was before is not known.
//!
//! **Leaves alone**
//! - rules that were there before, even open ones: the alert names them
//! - public ports (by default TCP 80 and 443), from anywhere
//! - sources that are one's own: private ranges, other security groups, ranges up to a /8 or a /32
//! - rules that have been narrowed or removed in the meantime
//! - rules that an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where the event does not tell which rules it made, and where a prefix list cannot be
//! looked into.

use std::collections::BTreeMap;

use anyhow::Result;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, Rule, Source};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::network::{self, Opening, Protocol};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::told::{Group, Told, ToldRule};

#[derive(Debug)]
pub(crate) struct OpenSecurityGroup;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The id of the group; nothing if the event does not tell it, or if it is gone.
    pub(crate) group: Option<String>,
    /// Its ingress rules; those of all groups if the event does not tell which.
    pub(crate) rules: Vec<Rule>,
    /// What the prefix lists hold that the rules name; nothing if we cannot see them.
    pub(crate) prefix_lists: BTreeMap<String, Option<PrefixList>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrefixList {
    /// An account id, or `AWS`.
    pub(crate) owner: String,
    pub(crate) ranges: Vec<IpNet>,
}

/// Ports for which AWS calls unrestricted access critical.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-19>
const HIGH_RISK_PORTS: [u16; 24] = [
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088,
    8888, 9200, 9300,
];

impl Control for OpenSecurityGroup {
    const ABOUT: &'static About = &About {
        id: "ec2-open-security-group",
        title: "A security group lets the world in",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "AuthorizeSecurityGroupIngress" },
            Watch { service: "ec2.amazonaws.com", name: "ModifySecurityGroupRules" },
        ],
        reads: &[
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeManagedPrefixLists",
            "ec2:GetManagedPrefixListEntries",
        ],
        writes: &["ec2:RevokeSecurityGroupIngress"],
        undoes: &["ec2:DescribeSecurityGroupRules", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags"],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP EC2.18",
            "AWS FSBP EC2.19",
            "CIS AWS Foundations 5.2",
            "CIS AWS Foundations 5.3",
            "ATT&CK T1562.007",
            "Stratus aws.exfiltration.ec2-security-group-open-port-22-ingress",
        ],
        caveat: "Connections that were made before the revert live on: look for them on the group's instances.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let told = Told::of(event);
        let why = match &told.rules {
            None => "the event does not tell the rules".to_owned(),
            Some(rules) => {
                let wide: Vec<String> = rules
                    .iter()
                    .filter(|rule| may_be_open(rule, settings))
                    .map(|rule| format!("{} from {}", rule.traffic, rule.source))
                    .collect();
                if wide.is_empty() {
                    return vec![];
                }
                format!("the event lets in {}", wide.join(", "))
            }
        };
        let subject = match &told.group {
            Some(Group::Id(group) | Group::Name(group)) => Subject::security_group(event, group),
            None => Subject::account(event),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let group = match Told::of(event).group {
            Some(Group::Name(name)) => match aws::group_called(look, &name).await? {
                None => return Ok(State::default()),
                found => found,
            },
            Some(Group::Id(id)) => Some(id),
            None => None,
        };
        let rules = aws::ingress_rules(look.config, group.as_deref()).await?;
        let mut prefix_lists = BTreeMap::new();
        for rule in &rules {
            if let Source::PrefixList(id) = &rule.source
                && !prefix_lists.contains_key(id)
            {
                prefix_lists.insert(id.clone(), aws::prefix_list(look.config, id).await?);
            }
        }
        Ok(State { group, rules, prefix_lists })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let judge = Judge { state, event, settings: given.settings };
        let (Some(told), Some(group)) = (Told::of(event).rules, &state.group) else {
            let open: Vec<String> =
                state.rules.iter().filter(|rule| judge.is_open(rule)).map(Rule::to_string).collect();
            if open.is_empty() {
                return allow("no rule lets the world in");
            }
            return alert(
                Severity::High,
                format!("the event does not tell which rules it made; open to the world now: {}", open.join(", ")),
            );
        };
        let (held, own): (Vec<&Rule>, Vec<&Rule>) = state
            .rules
            .iter()
            .filter(|rule| told.iter().any(|told| is_it(rule, told)))
            .partition(|rule| given.holds.contains(&rule.to_string()));
        let open: Vec<&Rule> = own.iter().copied().filter(|rule| judge.is_open(rule)).collect();
        if open.is_empty() {
            let unseen: Vec<String> =
                own.iter().filter(|rule| judge.is_unseen(rule)).map(ToString::to_string).collect();
            return if !unseen.is_empty() {
                alert(Severity::Medium, format!("a prefix list cannot be looked into: {}", unseen.join(", ")))
            } else if !held.is_empty() {
                allow("an operator has put it back")
            } else if own.is_empty() {
                allow("the event's rules are gone")
            } else {
                allow("the event's rules do not let the world in")
            };
        }
        let said: Vec<String> = open.iter().map(ToString::to_string).collect();
        let others =
            State { rules: state.rules.iter().filter(|rule| !open.contains(rule)).cloned().collect(), ..state.clone() };
        let judge_others = Judge { state: &others, ..judge };
        let left = others.rules.iter().filter(|rule| judge_others.is_open(rule) && !held.contains(rule));
        Decision::Revert {
            severity: open.iter().map(|rule| judge.severity(rule)).max().unwrap_or(Severity::High),
            why: format!("security group `{group}` lets in {}", said.join(", ")),
            grants: said,
            left: left.map(|rule| format!("{rule} ({}), which was there before", rule.id)).collect(),
            plan: vec![Ec2::RevokeIngress { group: group.clone(), rules: open.into_iter().cloned().collect() }],
        }
    }

    fn after(state: &State, change: &Ec2) -> State {
        let mut after = state.clone();
        match change {
            Ec2::RevokeIngress { rules, .. } => after.rules.retain(|rule| rules.iter().all(|gone| gone.id != rule.id)),
            Ec2::AuthorizeIngress { rules, .. } => after.rules.extend(rules.iter().cloned()),
        }
        after
    }
}

/// Judges the rules of a group together.
#[derive(Clone, Copy)]
struct Judge<'a> {
    state: &'a State,
    event: &'a Event,
    settings: &'a Settings,
}

impl Judge<'_> {
    /// Whether a rule lets in the world, by itself or with others, or an account that is not trusted.
    fn is_open(&self, rule: &Rule) -> bool {
        let public = &self.settings.public_ports;
        let Some(opening) = self.opening(rule) else { return false };
        opening.is_open(public)
            || (self.is_foreign(rule) && !public.allow_all_of(&opening.traffic))
            || (opening.may_be_part_of_a_world(public) && {
                let all: Vec<Opening> = self.state.rules.iter().filter_map(|rule| self.opening(rule)).collect();
                opening.is_part_of_a_world(&all, public)
            })
    }

    fn severity(&self, rule: &Rule) -> Severity {
        let traffic = rule.traffic();
        let high_risk = HIGH_RISK_PORTS.iter().any(|port| (traffic.from..=traffic.to).contains(port));
        match traffic.protocol {
            _ if self.is_foreign(rule) => Severity::Medium,
            Protocol::Icmp | Protocol::Icmpv6 => Severity::Low,
            Protocol::All => Severity::Critical,
            Protocol::Tcp if high_risk => Severity::Critical,
            _ => Severity::High,
        }
    }

    /// Whether a rule names a prefix list that somebody fills who is not trusted.
    fn is_foreign(&self, rule: &Rule) -> bool {
        self.list(rule).is_some_and(|list| {
            list.owner != "AWS"
                && list.owner != self.event.account
                && !self.settings.trusted_accounts.contains(&list.owner)
        })
    }

    fn is_unseen(&self, rule: &Rule) -> bool {
        matches!(rule.source, Source::PrefixList(_))
            && self.list(rule).is_none()
            && !self.settings.public_ports.allow_all_of(&rule.traffic())
    }

    fn opening(&self, rule: &Rule) -> Option<Opening> {
        let ranges = match &rule.source {
            Source::Ipv4(range) | Source::Ipv6(range) => vec![network::range(range)?],
            Source::PrefixList(_) => self.list(rule)?.ranges.clone(),
            Source::SecurityGroup(_) => return None,
        };
        Some(Opening { traffic: rule.traffic(), ranges })
    }

    fn list(&self, rule: &Rule) -> Option<&PrefixList> {
        match &rule.source {
            Source::PrefixList(id) => self.state.prefix_lists.get(id)?.as_ref(),
            _ => None,
        }
    }
}

/// Whether a look could show that what the event tells is open.
fn may_be_open(told: &ToldRule, settings: &Settings) -> bool {
    let public = &settings.public_ports;
    match &told.source {
        Source::Ipv4(range) | Source::Ipv6(range) => match network::range(range) {
            Some(range) => {
                let opening = Opening { traffic: told.traffic, ranges: vec![range] };
                opening.is_open(public) || opening.may_be_part_of_a_world(public)
            }
            None => true,
        },
        Source::PrefixList(_) => !public.allow_all_of(&told.traffic),
        Source::SecurityGroup(_) => false,
    }
}

/// Whether a rule of the group is one that the event made: by its id, or else by what it lets in.
fn is_it(rule: &Rule, told: &ToldRule) -> bool {
    match &told.id {
        Some(id) => rule.id == *id,
        None => rule.traffic() == told.traffic && rule.source == told.source,
    }
}
