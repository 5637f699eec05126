//! # A security group lets traffic out to the world
//!
//! **Watches** `AuthorizeSecurityGroupEgress`, `ModifySecurityGroupRules`.
//!
//! **Why** Where instances are meant to reach only what they need, a rule that lets them reach the world is a way out
//! for data, and a channel to an attacker's command server.
//!
//! **Does** Nothing until it is switched on by name (`ModeOverrides=ec2-open-egress=revert`), because AWS lets each new
//! group reach everything, and most accounts leave it like that. Then it revokes, by their ids, the rules that this
//! event added or changed and that let traffic out to the world on a port that is not in the operator's list of public
//! ports. For what the world is, how prefix lists count and when a changed rule is set back to its baseline, see
//! `ec2-open-security-group`.
//!
//! **Leaves alone**
//! - rules that this event did not make, such as the one to everywhere that each new group has: the notice names those
//!   that are open
//! - public ports (by default TCP 80 and 443), to anywhere
//! - destinations of your own: private ranges, other security groups, ranges up to a /8 or a /16
//! - rules that have been narrowed or removed in the meantime
//! - rules that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which rules it made, and where it cannot read a prefix
//! list. It does not notice what is added later to a prefix list that a group may reach.

use snapback::change::Direction;
use snapback::control::{About, Watch};
use snapback::decision::Severity;

use crate::rights;
use crate::rules::OneWay;

#[derive(Debug)]
pub(crate) struct OpenEgress;

impl OneWay for OpenEgress {
    const ABOUT: &'static About = &About {
        id: "ec2-open-egress",
        title: "A security group lets traffic out to the world",
        happened: "was opened to any destination",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "AuthorizeSecurityGroupEgress" },
            Watch { service: "ec2.amazonaws.com", name: "ModifySecurityGroupRules" },
        ],
        reads: &[
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::DESCRIBE_MANAGED_PREFIX_LISTS,
            rights::GET_MANAGED_PREFIX_LIST_ENTRIES,
        ],
        writes: &[rights::REVOKE_SECURITY_GROUP_EGRESS, rights::MODIFY_SECURITY_GROUP_RULES],
        undoes: &[
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::AUTHORIZE_SECURITY_GROUP_EGRESS,
            rights::TAG_RULES,
            rights::MODIFY_SECURITY_GROUP_RULES,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.007", "ATT&CK T1048"],
        caveat: "Connections that were made in the meantime stay open: check the flow logs for what went out.",
        source: file!(),
    };

    const DIRECTION: Direction = Direction::Egress;
    const OPT_IN: bool = true;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use snapback::change::Rule;
    use snapback::control::{Control, Given};
    use snapback::event::Event;
    use snapback::settings::Settings;

    use super::*;
    use crate::controls::OpenEgress;
    use crate::rules::State;
    use crate::rules::tests::{authorized, group, ipv4};

    fn to(id: &str, port: i64, cidr: &str) -> Rule {
        Rule { direction: Direction::Egress, ..ipv4(id, port, cidr) }
    }

    /// What is decided, as people read it; nothing if the event alone raises no suspicion.
    fn said(event: &Event, state: &State) -> String {
        let (settings, holds) = (Settings::default(), BTreeSet::new());
        let given = Given { settings: &settings, holds: &holds };
        let suspicion = OpenEgress::suspect(event, &settings).pop();
        suspicion.map_or_else(
            || "no suspicion".to_owned(),
            |suspicion| OpenEgress::decide(event, &suspicion, state, &given).to_string(),
        )
    }

    #[test]
    fn what_the_event_let_out_goes_and_what_a_new_group_has_stays() {
        let everything = Rule { protocol: "-1".to_owned(), ..to("sgr-1", -1, "0.0.0.0/0") };
        let (ssh, web) = (to("sgr-2", 22, "0.0.0.0/0"), to("sgr-3", 443, "0.0.0.0/0"));
        insta::assert_snapshot!(said(&authorized([&ssh, &web]), &group(&[everything, ssh, web])), @r"
        revert (high): security group `sg-1` lets out tcp/22 to 0.0.0.0/0
          - revoke tcp/22 to 0.0.0.0/0 from security group `sg-1`
          stays open: all traffic to 0.0.0.0/0 (sgr-1), which this event did not make
        ");
    }

    #[test]
    fn where_the_group_may_go_is_left_alone() {
        for (port, own) in [(443, "0.0.0.0/0"), (5432, "10.0.0.0/8"), (22, "203.0.113.0/24")] {
            let rule = to("sgr-1", port, own);
            assert_eq!(said(&authorized([&rule]), &group(&[rule])), "no suspicion");
        }
        let narrowed = group(&[to("sgr-1", 22, "203.0.113.0/24")]);
        let event = authorized([&to("sgr-1", 22, "0.0.0.0/0")]);
        insta::assert_snapshot!(said(&event, &narrowed), @"allow: the event's rules do not let out to the world");
        insta::assert_snapshot!(said(&event, &group(&[])), @"allow: none of the event's rules is among the group's egress rules");
    }
}
