//! # A security group lets the world in
//!
//! **Watches** `AuthorizeSecurityGroupIngress`, `ModifySecurityGroupRules`.
//!
//! **Why** Scanners find a rule that opens a port to the world within minutes, unless the port is meant to be public
//! (Stratus Red Team: `ec2-security-group-open-port-22-ingress`).
//!
//! **Does** Revokes, by their ids, the rules that this event added or changed and that let the world in on a port that
//! is not in the operator's list of public ports. The world is what no organization and no group of partners has: a
//! block with more public addresses than a /8 of IPv4 or a /16 of IPv6, in one rule or in neighbouring ones, or ranges
//! in more than 64 parts of the internet (a /12 or a /20 each, of which a /18 or a /32 is let in)
//! ([why](adr/0059-what-the-world-is.md)); prefix lists are read. A prefix list of an untrusted account counts as open:
//! its owner can fill it at will. A changed rule is set back to its baseline under its id and with its tags. A scheduled check
//! keeps the baseline: each hour for up to 100 groups, less often for more, at least daily. The rule is revoked where there
//! is no baseline, where that is older than two days, or where anything else about the group's inbound rules has changed
//! since. The notice then says that the rule is lost as it was, and what to do.
//!
//! **Leaves alone**
//! - rules that this event did not make, even open ones: the notice names them
//! - public ports (by default TCP 80 and 443), from anywhere
//! - sources of your own or a partner's: private ranges, other security groups, ranges up to a /8 or a /16
//! - rules that have been narrowed or removed in the meantime
//! - rules that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which rules it made, and where it cannot read a prefix
//! list.

use snapback::change::Direction;
use snapback::control::{About, Watch};
use snapback::decision::Severity;

use crate::rights;
use crate::rules::OneWay;

#[derive(Debug)]
pub(crate) struct OpenSecurityGroup;

impl OneWay for OpenSecurityGroup {
    const ABOUT: &'static About = &About {
        id: "ec2-open-security-group",
        title: "A security group lets the world in",
        happened: "let anyone in",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "AuthorizeSecurityGroupIngress" },
            Watch { service: "ec2.amazonaws.com", name: "ModifySecurityGroupRules" },
        ],
        reads: &[
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::DESCRIBE_SECURITY_GROUPS,
            rights::DESCRIBE_MANAGED_PREFIX_LISTS,
            rights::GET_MANAGED_PREFIX_LIST_ENTRIES,
        ],
        writes: &[rights::REVOKE_SECURITY_GROUP_INGRESS, rights::MODIFY_SECURITY_GROUP_RULES],
        undoes: &[
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::AUTHORIZE_SECURITY_GROUP_INGRESS,
            rights::TAG_RULES,
            rights::MODIFY_SECURITY_GROUP_RULES,
        ],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP EC2.18",
            "AWS FSBP EC2.19",
            "CIS AWS Foundations 5.2",
            "CIS AWS Foundations 5.3",
            "ATT&CK T1562.007",
            "Stratus aws.exfiltration.ec2-security-group-open-port-22-ingress",
        ],
        caveat: "Connections that were made in the meantime stay open: look for them on the group's instances.",
        source: file!(),
    };

    const DIRECTION: Direction = Direction::Ingress;
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;
    use snapback::change::{Ec2, Rule, SecurityGroup, Source, Swap};
    use snapback::control::{Control, Given};
    use snapback::decision::Decision;
    use snapback::event::Event;
    use snapback::settings::Settings;

    use crate::controls::OpenSecurityGroup;
    use crate::rules::State;
    use crate::rules::tests::{authorized, changed, event, group, ipv4, list, rule};

    /// What is decided, as people read it; nothing if the event alone raises no suspicion.
    fn said(event: &Event, state: &State) -> String {
        decide(event, state, &BTreeSet::new())
            .map_or_else(|| "no suspicion".to_owned(), |decision| decision.to_string())
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Option<Decision<Ec2>> {
        let settings = Settings::default();
        let suspicion = OpenSecurityGroup::suspect(event, &settings).pop()?;
        Some(OpenSecurityGroup::decide(event, &suspicion, state, &Given { settings: &settings, holds }))
    }

    fn change(from: Vec<Rule>, to: Vec<Rule>) -> Ec2 {
        Ec2::Rules(Swap { of: SecurityGroup("sg-1".to_owned()), from, to })
    }

    #[test]
    fn leaves_alone_rules_that_the_event_did_not_make() {
        let (old, new) = (ipv4("sgr-1", 3389, "0.0.0.0/0"), ipv4("sgr-2", 22, "0.0.0.0/0"));
        insta::assert_snapshot!(said(&authorized([&new]), &group(&[old, new])), @r"
        revert (critical): security group `sg-1` lets in tcp/22 from 0.0.0.0/0
          - revoke tcp/22 from 0.0.0.0/0 from security group `sg-1`
          stays open: tcp/3389 from 0.0.0.0/0 (sgr-1), which this event did not make
        ");
    }

    #[test]
    fn leaves_alone_public_ports() {
        let web = ipv4("sgr-1", 443, "0.0.0.0/0");
        assert_eq!(said(&authorized([&web]), &group(&[web])), "no suspicion");
    }

    #[test]
    fn leaves_alone_sources_that_are_ones_own() {
        for source in ["203.0.113.7/32", "10.0.0.0/8", "203.0.113.0/24"] {
            let own = ipv4("sgr-1", 22, source);
            assert_eq!(said(&authorized([&own]), &group(&[own])), "no suspicion");
        }
        let other_group = rule("sgr-1", "-1", -1, Source::SecurityGroup("sg-2".to_owned()));
        assert_eq!(said(&authorized([&other_group]), &group(&[other_group])), "no suspicion");
    }

    #[test]
    fn leaves_alone_what_has_been_narrowed_or_removed_in_the_meantime() {
        let event = authorized([&ipv4("sgr-1", 22, "0.0.0.0/0")]);
        insta::assert_snapshot!(said(&event, &group(&[ipv4("sgr-1", 22, "203.0.113.0/24")])), @"allow: the event's rules do not let the world in");
        insta::assert_snapshot!(said(&event, &group(&[])), @"allow: none of the event's rules is among the group's ingress rules");
    }

    #[test]
    fn leaves_alone_what_an_operator_has_put_back() {
        let open = ipv4("sgr-9", 22, "0.0.0.0/0");
        let holds = BTreeSet::from([open.to_string()]);
        let decision = decide(&authorized([&open]), &group(&[open]), &holds);
        assert_eq!(
            decision.map(|decision| decision.to_string()).as_deref(),
            Some("allow: an operator has restored it")
        );
    }

    #[test]
    fn halves_of_the_world_go_and_of_a_union_only_the_event_s_part() {
        let halves = [ipv4("sgr-1", 22, "0.0.0.0/1"), ipv4("sgr-2", 22, "128.0.0.0/1")];
        insta::assert_snapshot!(said(&authorized(&halves[1..]), &group(&halves)), @r"
        revert (critical): security group `sg-1` lets in tcp/22 from 128.0.0.0/1
          - revoke tcp/22 from 128.0.0.0/1 from security group `sg-1`
          stays open: tcp/22 from 0.0.0.0/1 (sgr-1), which this event did not make
        ");
        let eighths = [ipv4("sgr-1", 22, "8.0.0.0/8"), ipv4("sgr-2", 22, "9.0.0.0/8")];
        insta::assert_snapshot!(said(&authorized(&eighths[1..]), &group(&eighths)), @r"
        revert (critical): security group `sg-1` lets in tcp/22 from 9.0.0.0/8
          - revoke tcp/22 from 9.0.0.0/8 from security group `sg-1`
        ");
    }

    #[test]
    fn prefix_lists_are_looked_into() {
        let by_list = rule("sgr-1", "tcp", 22, Source::PrefixList("pl-1".to_owned()));
        let (event, state) = (authorized([&by_list]), group(&[by_list]));
        for (list, expected) in [
            (Some(list("111122223333", "0.0.0.0/0")), "revert (critical)"),
            (Some(list("111122223333", "203.0.113.0/24")), "allow: the event's rules do not let the world in"),
            (Some(list("AWS", "203.0.113.0/24")), "allow"),
            (Some(list("444455556666", "203.0.113.0/24")), "revert (medium)"),
            (None, "alert (medium): a prefix list cannot be read"),
        ] {
            let state = State { prefix_lists: BTreeMap::from([("pl-1".to_owned(), list)]), ..state.clone() };
            let said = said(&event, &state);
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn without_ids_the_event_s_rules_are_known_by_what_they_let_in() {
        let request =
            json!({"groupId": "sg-1", "cidrIp": "203.0.113.7/0", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22});
        let state = group(&[ipv4("sgr-1", 22, "0.0.0.0/0"), ipv4("sgr-2", 23, "0.0.0.0/0")]);
        let decision = decide(&event(&request, &json!({"_return": true})), &state, &BTreeSet::new());
        let Some(Decision::Revert { plan, .. }) = decision else { panic!("it is open") };
        assert_eq!(plan, [change(vec![state.rules[0].clone()], vec![])]);
    }

    #[test]
    fn what_the_event_does_not_tell_is_an_alert_if_something_is_open() {
        let left_out = event(&json!({"omitted": true}), &json!(null));
        let open = State { group: None, ..group(&[ipv4("sgr-1", 22, "0.0.0.0/0")]) };
        insta::assert_snapshot!(said(&left_out, &open), @"alert (high): the event does not say which rules it made; open to the world, or may be: tcp/22 from 0.0.0.0/0 (sgr-1)");
        insta::assert_snapshot!(said(&left_out, &State::default()), @"allow: no rule lets the world in");
    }

    #[test]
    fn a_changed_rule_becomes_what_it_was_if_nothing_else_has_changed() {
        let (other, was) = (ipv4("sgr-1", 22, "203.0.113.0/24"), ipv4("sgr-2", 22, "198.51.100.0/24"));
        let was = Rule { description: Some("office".to_owned()), ..was };
        let tagged = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
        let now = Rule { tags: tagged.clone(), ..ipv4("sgr-2", 22, "0.0.0.0/0") };
        let plan = |rules: &[Rule], before: &[Rule], seen: &str| {
            let (event, state) = changed(std::slice::from_ref(&now), group(rules), before, seen);
            let decision = decide(&event, &state, &BTreeSet::new());
            decision.map_or_else(Vec::new, |decision| decision.plan().to_vec())
        };
        let (both, before, yesterday) =
            ([other.clone(), now.clone()], [other.clone(), was.clone()], "2026-01-31T03:00:00Z");
        let back = change(vec![now.clone()], vec![Rule { tags: tagged, ..was.clone() }]);
        assert_eq!(plan(&both, &before, yesterday), [back]);
        let revoked = [change(vec![now.clone()], vec![])];
        let third = ipv4("sgr-3", 23, "203.0.113.0/24");
        for (rules, before, seen) in [
            (&both[..], &before[..], "2026-01-28T03:00:00Z"),
            (&[other.clone(), now.clone(), third.clone()], &before, yesterday),
            (&both, &[other.clone(), was.clone(), third], yesterday),
            (&both, &[ipv4("sgr-1", 23, "203.0.113.0/24"), was.clone()], yesterday),
            (&both, std::slice::from_ref(&other), yesterday),
            (&both, &[other.clone(), ipv4("sgr-2", 3389, "::/0")], yesterday),
        ] {
            assert_eq!(plan(rules, before, seen), revoked, "{before:?}");
        }
    }
}
