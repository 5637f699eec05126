//! # A network ACL lets the world in
//!
//! **Watches** `CreateNetworkAclEntry`, `ReplaceNetworkAclEntry`, `ReplaceNetworkAclAssociation`.
//!
//! **Why** A network ACL is the second line behind the security groups, for every instance of a subnet at once. Opening
//! it is what makes an open security group reachable.
//!
//! **Does** Deletes the rule that this event created, if it lets the world in on a port that is not in the operator's
//! list of public ports, and if no other rule lets the same traffic in. The world is what no organization and no group
//! of partners has ([in numbers](adr/0059-what-the-world-is.md)).
//!
//! **Leaves alone**
//! - outbound rules, and rules that deny
//! - public ports (by default TCP 80 and 443), from anywhere
//! - all ports above 1023: an ACL is stateless, and replies come in through them
//! - rules whose traffic an earlier rule denies
//! - rules whose traffic another rule lets in as well
//! - rules that are gone, or have been replaced by others
//! - rules that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where a rule was replaced or a subnet was put under another ACL, since what was before is
//! not known, and where the event does not say which rule it made. `snapback scan` skips the ACL that AWS creates with each VPC, which lets everything
//! in.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{AclEntry, Ec2, NetworkAcl, Swap};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::network::{self, Opening, Protocol, Traffic};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::told::{field, id_of, parameters, text};

#[derive(Debug)]
pub(crate) struct OpenNetworkAcl;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The rules of the ACL; nothing if it is gone, or if the event does not say which it is.
    pub(crate) entries: Option<Vec<AclEntry>>,
}

/// Systems choose the port at which they wait for an answer from some part of these.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/custom-network-acl.html#nacl-ephemeral-ports>
const FIRST_EPHEMERAL: u16 = 1024;

/// It puts a subnet under another ACL.
const ASSOCIATE: &str = "ReplaceNetworkAclAssociation";

impl Control for OpenNetworkAcl {
    const ABOUT: &'static About = &About {
        id: "ec2-open-network-acl",
        title: "A network ACL lets the world in",
        happened: "let anyone in",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "CreateNetworkAclEntry" },
            Watch { service: "ec2.amazonaws.com", name: "ReplaceNetworkAclEntry" },
            Watch { service: "ec2.amazonaws.com", name: ASSOCIATE },
        ],
        reads: &[rights::DESCRIBE_NETWORK_ACLS],
        writes: &[rights::DELETE_NETWORK_ACL_ENTRY],
        undoes: &[rights::DESCRIBE_NETWORK_ACLS, rights::CREATE_NETWORK_ACL_ENTRY],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.21", "CIS AWS Foundations 5.1", "ATT&CK T1562.007"],
        caveat: "Check the flow logs of its subnets for what came in meanwhile.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::NETWORK_ACLS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let why = match told(event) {
            _ if event.name == ASSOCIATE => "the event puts a subnet under another network ACL".to_owned(),
            None => "the event does not contain the rule".to_owned(),
            Some(entry) if is_open(&entry, settings) => format!("the event makes {entry}"),
            Some(_) => return vec![],
        };
        let subject = acl(event).map_or_else(|| Subject::account(event), |id| Subject::network_acl(event, id));
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        Ok(match id_of(&suspicion.subject) {
            Some(id) => State { entries: Box::pin(aws::network_acls::read(look.place, id)).await? },
            None => State::default(),
        })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let Some(acl) = id_of(&suspicion.subject) else {
            let why = "a rule of a network ACL was made, and the event does not say in which".to_owned();
            return alert(Severity::Medium, why);
        };
        let Some(entries) = &state.entries else { return allow("the network ACL is gone") };
        let risky = |entry: &&AclEntry| is_open(entry, given.settings) && counts(entry, entries);
        let is_held = |entry: &AclEntry| given.holds.contains(&entry.to_string());
        let Some(told) = told(event) else {
            let open: Vec<String> =
                entries.iter().filter(risky).filter(|entry| !is_held(entry)).map(ToString::to_string).collect();
            if open.is_empty() {
                return allow("no rule lets the world in");
            }
            let untold = match event.name.as_str() {
                _ if event.is_look() => "",
                ASSOCIATE => {
                    "a subnet was associated with it, and which network ACL the subnet had before is not known; "
                }
                _ => "the event does not say which rule it made; ",
            };
            return alert(Severity::Medium, format!("{untold}open: {}", open.join(", ")));
        };
        let Some(live) = entries.iter().find(|entry| is_it(entry, &told)) else {
            return allow("the event's rule is not among those of the network ACL");
        };
        if !risky(&live) {
            return allow("the event's rule lets nothing in that others deny, or do not let in as well");
        }
        if is_held(live) {
            return allow("an operator has restored it");
        }
        let why = format!("network ACL `{acl}` lets the world in by {live}");
        if event.name == "ReplaceNetworkAclEntry" {
            return alert(Severity::High, format!("{why}, in place of a rule that is not known"));
        }
        Decision::Revert {
            severity: Severity::High,
            why,
            grants: vec![live.to_string()],
            plan: vec![Ec2::NetworkAclEntries(Swap {
                of: NetworkAcl(acl.to_owned()),
                from: vec![live.clone()],
                to: vec![],
            })],
            left: vec![],
        }
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let told = told(event)?;
        let mut entries = state.entries.clone().unwrap_or_default();
        if entries.iter().any(|entry| is_it(entry, &told)) {
            return None;
        }
        // There is one rule of each number.
        entries.retain(|entry| (entry.number, entry.egress) != (told.number, told.egress));
        entries.push(told);
        Some((State { entries: Some(entries) }, true))
    }

    fn after(state: &State, change: &Ec2) -> State {
        let (Ec2::NetworkAclEntries(change), Some(entries)) = (change, &state.entries) else { return state.clone() };
        State { entries: Some(change.after(entries)) }
    }
}

fn acl(event: &Event) -> Option<&str> {
    text(parameters(event), "networkAclId")
}

/// The rule that the parameters make; nothing if a part of it is not told, or has a form that is not known.
fn told(event: &Event) -> Option<AclEntry> {
    let request = parameters(event);
    let number = |value: &Value, name: &str| {
        let field = field(value, name);
        field.as_i64().or_else(|| field.as_str()?.parse().ok()).and_then(|number| i32::try_from(number).ok())
    };
    let cidr = text(request, "cidrBlock").or_else(|| text(request, "ipv6CidrBlock"))?;
    let pair = |name: &str, from: &str, to: &str| {
        let pair = field(request, name);
        Some((number(pair, from)?, number(pair, to)?))
    };
    let ports = pair("portRange", "from", "to")
        .or_else(|| pair("icmpTypeCode", "type", "code"))
        .or_else(|| pair("icmp", "type", "code"));
    Some(AclEntry {
        number: number(request, "ruleNumber")?,
        egress: json::is_true(field(request, "egress")),
        allow: match text(request, "ruleAction")? {
            "allow" => true,
            "deny" => false,
            _ => return None,
        },
        // Names are taken as well as numbers, and kept as numbers.
        protocol: match text(request, "aclProtocol").or_else(|| text(request, "protocol")) {
            Some("tcp") => "6".to_owned(),
            Some("udp") => "17".to_owned(),
            Some("icmp") => "1".to_owned(),
            Some("icmpv6") => "58".to_owned(),
            Some("all") => "-1".to_owned(),
            Some(number) => number.to_owned(),
            None => number(request, "aclProtocol").or_else(|| number(request, "protocol"))?.to_string(),
        },
        cidr: network::range(cidr).map_or_else(|| cidr.to_owned(), |range| range.to_string()),
        ports,
    })
}

/// Whether a rule is the one that an event tells, in whatever spelling: of all protocols, ports are not kept.
fn is_it(entry: &AclEntry, told: &AclEntry) -> bool {
    let place = |entry: &AclEntry| (entry.number, entry.egress, entry.allow, entry.traffic());
    place(entry) == place(told) && network::range(&entry.cidr) == network::range(&told.cidr)
}

/// Whether a rule by itself lets the world in where it should not. One whose range cannot be read may.
fn is_open(entry: &AclEntry, settings: &Settings) -> bool {
    let Some(range) = network::range(&entry.cidr) else { return entry.allow && !entry.egress };
    let traffic = entry.traffic();
    let has_ports = matches!(traffic.protocol, Protocol::Tcp | Protocol::Udp);
    let is_for_answers = has_ports && traffic.from >= FIRST_EPHEMERAL && traffic.to == u16::MAX;
    let opening = Opening { traffic, ranges: vec![range] };
    entry.allow && !entry.egress && !is_for_answers && opening.is_open(&settings.public_ports)
}

/// Whether it makes a difference: rules are read in the order of their numbers, and the first that fits decides.
fn counts(entry: &AclEntry, entries: &[AclEntry]) -> bool {
    let others = entries.iter().filter(|other| *other != entry && !other.egress && covers(other, entry));
    let mut others: Vec<&AclEntry> = others.collect();
    others.sort_by_key(|other| other.number);
    // One before it decides in its place; of those behind it, one that allows would let in the same without it.
    others.first().is_none_or(|first| first.number > entry.number && !first.allow)
}

/// Whether a rule decides about everything that another decides about.
fn covers(one: &AclEntry, other: &AclEntry) -> bool {
    let (Some(wide), Some(narrow)) = (network::range(&one.cidr), network::range(&other.cidr)) else { return false };
    let (wide_traffic, narrow_traffic): (Traffic, Traffic) = (one.traffic(), other.traffic());
    let has_protocol = wide_traffic.protocol == Protocol::All || wide_traffic.protocol == narrow_traffic.protocol;
    wide.contains(&narrow)
        && has_protocol
        && wide_traffic.from <= narrow_traffic.from
        && wide_traffic.to >= narrow_traffic.to
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(name: &str, entry: &AclEntry) -> Event {
        let mut request = json!({
            "networkAclId": "acl-1", "ruleNumber": entry.number, "egress": entry.egress,
            "ruleAction": if entry.allow { "allow" } else { "deny" }, "aclProtocol": entry.protocol,
            "icmpTypeCode": {}, "portRange": {},
        });
        let cidr = if entry.cidr.contains(':') { "ipv6CidrBlock" } else { "cidrBlock" };
        request[cidr] = json!(entry.cidr);
        if let Some((from, to)) = entry.ports {
            request["portRange"] = json!({"from": from, "to": to});
        }
        of(name, &request)
    }

    fn of(name: &str, request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn entry(number: i32, allow: bool, protocol: &str, cidr: &str, ports: Option<(i32, i32)>) -> AclEntry {
        AclEntry { number, egress: false, allow, protocol: protocol.to_owned(), cidr: cidr.to_owned(), ports }
    }

    fn decide(event: &Event, entries: &[AclEntry], holds: &BTreeSet<String>) -> Option<Decision<Ec2>> {
        let settings = Settings::default();
        let suspicion = OpenNetworkAcl::suspect(event, &settings).pop()?;
        let state = State { entries: Some(entries.to_vec()) };
        Some(OpenNetworkAcl::decide(event, &suspicion, &state, &Given { settings: &settings, holds }))
    }

    fn said(own: &AclEntry, others: &[AclEntry]) -> String {
        let entries: Vec<AclEntry> = others.iter().chain([own]).cloned().collect();
        let decision = decide(&event("CreateNetworkAclEntry", own), &entries, &BTreeSet::new());
        decision.map_or_else(|| "no suspicion".to_owned(), |decision| decision.to_string())
    }

    #[test]
    fn what_is_ordinary_is_no_suspicion() {
        for own in [
            entry(100, true, "6", "0.0.0.0/0", Some((443, 443))),
            entry(100, true, "6", "0.0.0.0/0", Some((1024, 65535))),
            entry(100, true, "17", "::/0", Some((32768, 65535))),
            entry(100, true, "-1", "10.0.0.0/8", None),
            entry(100, false, "-1", "0.0.0.0/0", None),
            AclEntry { egress: true, ..entry(100, true, "-1", "0.0.0.0/0", None) },
        ] {
            assert_eq!(said(&own, &[]), "no suspicion", "{own}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let ssh = entry(100, true, "6", "0.0.0.0/0", Some((22, 22)));
        assert!(said(&ssh, &[]).starts_with("revert (high): network ACL `acl-1` lets the world in by rule 100"));
        let default = entry(32767, false, "-1", "0.0.0.0/0", None);
        assert!(said(&ssh, &[default]).starts_with("revert"));
        for (other, expected) in [
            (entry(90, false, "6", "0.0.0.0/0", Some((22, 22))), "allow"),
            (entry(90, false, "-1", "0.0.0.0/0", None), "allow"),
            (entry(110, false, "-1", "0.0.0.0/0", None), "revert"),
            (entry(90, true, "-1", "0.0.0.0/0", None), "allow"),
            (entry(110, true, "-1", "0.0.0.0/0", None), "allow"),
            (entry(90, false, "6", "203.0.113.0/24", Some((22, 22))), "revert"),
            (entry(90, false, "6", "0.0.0.0/0", Some((3389, 3389))), "revert"),
            (entry(90, false, "17", "0.0.0.0/0", Some((22, 22))), "revert"),
            (entry(90, false, "-1", "::/0", None), "revert"),
        ] {
            assert!(said(&ssh, std::slice::from_ref(&other)).starts_with(expected), "{other}");
        }
        // Behind one that denies, one that allows makes no difference.
        let denied = [entry(110, false, "-1", "0.0.0.0/0", None), entry(120, true, "-1", "0.0.0.0/0", None)];
        assert!(said(&ssh, &denied).starts_with("revert"));
    }

    #[test]
    fn a_rule_that_was_replaced_is_announced_only() {
        let all = entry(100, true, "-1", "0.0.0.0/0", None);
        let decision = decide(&event("ReplaceNetworkAclEntry", &all), &[all], &BTreeSet::new());
        insta::assert_snapshot!(decision.map(|it| it.to_string()).unwrap_or_default(), @"alert (high): network ACL `acl-1` lets the world in by rule 100 (allow all traffic from 0.0.0.0/0), in place of a rule that is not known");
    }

    #[test]
    fn a_rule_of_an_unknown_form_is_looked_for() {
        let ssh = entry(100, true, "6", "0.0.0.0/0", Some((22, 22)));
        for request in [
            json!({"networkAclId": "acl-1"}),
            json!({"networkAclId": "acl-1", "ruleNumber": 100, "cidrBlock": "0.0.0.0/0"}),
        ] {
            let decision = decide(&of("CreateNetworkAclEntry", &request), std::slice::from_ref(&ssh), &BTreeSet::new());
            assert!(matches!(decision, Some(Decision::Alert { .. })), "{decision:?}");
        }
        let every = entry(100, true, "-1", "0.0.0.0/0", None);
        let with_ports = AclEntry { ports: Some((0, 65535)), ..every.clone() };
        let decision = decide(&event("CreateNetworkAclEntry", &with_ports), &[every], &BTreeSet::new());
        assert!(matches!(decision, Some(Decision::Revert { .. })), "{decision:?}");
        let decision = decide(&of("CreateNetworkAclEntry", &json!({"omitted": true})), &[ssh], &BTreeSet::new());
        assert!(matches!(decision, Some(Decision::Alert { .. })), "{decision:?}");
    }

    fn entries() -> impl Strategy<Value = Vec<AclEntry>> {
        let cidr = prop::sample::select(vec!["0.0.0.0/0", "::/0", "8.0.0.0/6", "203.0.113.0/24", "10.0.0.0/8"]);
        let ports = prop::sample::select(vec![(22, 22), (443, 443), (0, 65535), (1024, 65535)]);
        let protocol = prop::sample::select(vec!["6", "17", "-1"]);
        let one =
            (any::<bool>(), any::<bool>(), protocol, cidr, ports).prop_map(|(egress, allow, protocol, cidr, ports)| {
                let ports = (protocol != "-1").then_some(ports);
                AclEntry { egress, ..entry(0, allow, protocol, cidr, ports) }
            });
        prop::collection::vec(one, 1..6).prop_map(|entries| {
            (100..).step_by(10).zip(entries).map(|(number, entry)| AclEntry { number, ..entry }).collect()
        })
    }

    proptest! {
        #[test]
        fn a_revert_takes_only_the_event_s_rule_leaves_nothing_to_revert_and_can_be_undone(entries in entries(), own in 0_usize..6) {
            let own = &entries[own.min(entries.len() - 1)];
            let event = event("CreateNetworkAclEntry", own);
            let (settings, holds) = (Settings::default(), BTreeSet::new());
            let state = State { entries: Some(entries.clone()) };
            let suspicion = Suspicion { subject: Subject::network_acl(&event, "acl-1"), why: String::new() };
            let given = Given { settings: &settings, holds: &holds };
            let decision = OpenNetworkAcl::decide(&event, &suspicion, &state, &given);
            prop_assert!(decision.is_allow() || !OpenNetworkAcl::suspect(&event, &settings).is_empty(), "{}", decision);
            if let Decision::Revert { plan, grants, .. } = decision {
                let after = plan.iter().fold(state.clone(), |state, change| OpenNetworkAcl::after(&state, change));
                let others: Vec<&AclEntry> = entries.iter().filter(|entry| *entry != own).collect();
                prop_assert_eq!(after.entries.iter().flatten().collect::<Vec<_>>(), others);
                prop_assert!(OpenNetworkAcl::decide(&event, &suspicion, &after, &given).is_allow());
                let mut undone = plan.iter().rev().fold(after, |state, change| OpenNetworkAcl::after(&state, &change.undo()));
                undone.entries.iter_mut().for_each(|entries| entries.sort_by_key(|entry| entry.number));
                prop_assert_eq!(&undone, &state);
                let held = grants.into_iter().collect();
                let given = Given { settings: &settings, holds: &held };
                prop_assert!(OpenNetworkAcl::decide(&event, &suspicion, &state, &given).is_allow());
            }
        }
    }
}
