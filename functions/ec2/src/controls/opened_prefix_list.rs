//! # A prefix list that security groups let in contains the world
//!
//! **Watches** `ModifyManagedPrefixList`, `RestoreManagedPrefixListVersion`.
//!
//! **Why** A rule of a security group can name a prefix list instead of a range. Whoever adds the world to the list
//! opens every such rule at once, and no call to a security group shows it.
//!
//! **Does** Removes the entries that this event added and that contain the world, if an inbound rule of a security
//! group in this account and Region names the list for a port that is not in the operator's list of public ports. The
//! world is what no organization and no group of partners has ([in numbers](adr/0059-what-the-world-is.md)), in one entry
//! or in several together.
//!
//! **Leaves alone**
//! - entries that this event did not add, even open ones: the notice names them
//! - ranges of your own: private ones, and those up to a /8 or a /16
//! - lists that no security group lets in, or on public ports only
//! - entries that are gone
//! - entries that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which entries it added, as when it restores an older
//! version. It cannot see security groups of
//! other accounts that the list is shared with. While AWS is still working on a list it accepts no other change: then
//! the revert fails, and the next delivery of the event, a minute later, makes it.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Direction, Ec2, PrefixEntry, PrefixList, Source, Swap};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::network::{self, Opening, PublicPorts, Traffic};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::told::{field, id_of, parameters, text};

#[derive(Debug)]
pub(crate) struct OpenedPrefixList;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What the list holds; nothing if it is gone, or if the event does not say which it is.
    entries: Option<Vec<PrefixEntry>>,
    /// What the inbound rules let in that name it.
    lets_in: Vec<Traffic>,
}

/// It brings back what an older version held, which it does not tell.
const RESTORE: &str = "RestoreManagedPrefixListVersion";

impl Control for OpenedPrefixList {
    const ABOUT: &'static About = &About {
        id: "ec2-opened-prefix-list",
        title: "A prefix list that security groups let in contains the world",
        happened: "was widened to the whole internet",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "ModifyManagedPrefixList" },
            Watch { service: "ec2.amazonaws.com", name: RESTORE },
        ],
        reads: &[
            rights::DESCRIBE_MANAGED_PREFIX_LISTS,
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::GET_MANAGED_PREFIX_LIST_ENTRIES,
        ],
        writes: &[rights::MODIFY_MANAGED_PREFIX_LIST],
        undoes: &[
            rights::DESCRIBE_MANAGED_PREFIX_LISTS,
            rights::GET_MANAGED_PREFIX_LIST_ENTRIES,
            rights::MODIFY_MANAGED_PREFIX_LIST,
        ],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP EC2.18", "ATT&CK T1562.007"],
        caveat: "Connections that were made in the meantime stay open: look for them on the instances of its groups.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::PREFIX_LISTS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let why = match added(event) {
            None => "the event does not contain the entries".to_owned(),
            Some(added) => {
                let may_be = |cidr: &&String| {
                    opening(cidr).is_none_or(|opening| opening.may_be_part_of_a_world(&settings.public_ports))
                };
                let wide: Vec<&str> = added.iter().filter(may_be).map(String::as_str).collect();
                if wide.is_empty() {
                    return vec![];
                }
                format!("the event adds {}", wide.join(", "))
            }
        };
        let subject = list(event).map_or_else(|| Subject::account(event), |id| Subject::prefix_list(event, id));
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let named = Source::PrefixList(id.to_owned());
        let (list, rules) = futures::try_join!(
            Box::pin(aws::prefix_lists::entries(look.place, id)),
            Box::pin(aws::rules::read(look.place, Direction::Ingress, None)),
        )?;
        let of_list = rules.iter().filter(|rule| rule.source == named);
        let mut lets_in: Vec<Traffic> = of_list.map(snapback::change::Rule::traffic).collect();
        lets_in.sort();
        lets_in.dedup();
        Ok(State { entries: list.map(|(_, entries)| entries), lets_in })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let public = &given.settings.public_ports;
        let Some(list) = id_of(&suspicion.subject) else {
            return alert(Severity::Medium, "a prefix list was changed, and the event does not say which".to_owned());
        };
        let Some(entries) = &state.entries else { return allow("the prefix list is gone") };
        let beyond: Vec<String> =
            state.lets_in.iter().filter(|traffic| !public.allow_all_of(traffic)).map(ToString::to_string).collect();
        if beyond.is_empty() {
            return allow("no security group lets it in beyond the public ports");
        }
        let is_held = |entry: &PrefixEntry| given.holds.contains(&entry.cidr);
        let said =
            |entries: &[PrefixEntry]| entries.iter().map(|entry| entry.cidr.as_str()).collect::<Vec<_>>().join(", ");
        let open = open(entries, public);
        let Some(added) = added(event) else {
            let free: Vec<PrefixEntry> = open.into_iter().filter(|entry| !is_held(entry)).collect();
            if free.is_empty() {
                return allow("the prefix list does not hold the world");
            }
            let untold = match event.name.as_str() {
                _ if event.is_look() => "",
                RESTORE => "an older version was restored; ",
                _ => "the event does not say which entries it added; ",
            };
            let why = format!("{untold}prefix list `{list}` holds {}", said(&free));
            return alert(Severity::High, why);
        };
        let is_own = |entry: &PrefixEntry| added.iter().any(|cidr| network::range(cidr) == network::range(&entry.cidr));
        let (held, own): (Vec<_>, Vec<_>) = open.into_iter().filter(is_own).partition(is_held);
        if own.is_empty() {
            return allow(if held.is_empty() {
                "none of the event's entries is in the list and part of the world"
            } else {
                "an operator has restored it"
            });
        }
        let others: Vec<PrefixEntry> = entries.iter().filter(|entry| !own.contains(entry)).cloned().collect();
        let left = self::open(&others, public).into_iter().filter(|entry| !is_held(entry));
        Decision::Revert {
            severity: Severity::Critical,
            why: format!(
                "prefix list `{list}` holds {}, and security groups let it in by {}",
                said(&own),
                beyond.join(", ")
            ),
            grants: own.iter().map(|entry| entry.cidr.clone()).collect(),
            left: left.map(|entry| format!("{}, which this event did not add", entry.cidr)).collect(),
            plan: vec![Ec2::PrefixListEntries(Swap { of: PrefixList(list.to_owned()), from: own, to: vec![] })],
        }
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let mut entries = state.entries.clone()?;
        let is_there = |cidr: &str| state.entries.iter().flatten().any(|entry| entry.cidr == cidr);
        let gone = added(event)?.into_iter().filter(|cidr| !is_there(cidr));
        entries.extend(gone.map(|cidr| PrefixEntry { cidr, description: None }));
        Some((State { entries: Some(entries), lets_in: state.lets_in.clone() }, true))
    }

    fn after(state: &State, change: &Ec2) -> State {
        let (Ec2::PrefixListEntries(change), Some(entries)) = (change, &state.entries) else { return state.clone() };
        State { entries: Some(change.after(entries)), ..state.clone() }
    }
}

fn list(event: &Event) -> Option<&str> {
    text(parameters(event), "prefixListId")
}

/// The ranges that the event added; nothing if it does not say, or tells in a form that is not known.
fn added(event: &Event) -> Option<Vec<String>> {
    let request = parameters(event);
    if json::is_left_out(request) || event.name == RESTORE {
        return None;
    }
    let lists = ["addEntry", "addEntries", "addEntrySet"];
    let entries = lists.iter().flat_map(|name| json::list(field(request, name)));
    entries.map(|entry| text(entry, "cidr").map(str::to_owned)).collect()
}

/// What would be let in if a rule let in everything from this range; nothing if it cannot be read.
fn opening(cidr: &str) -> Option<Opening> {
    Some(Opening { traffic: Traffic::of_api("-1", None, None), ranges: vec![network::range(cidr)?] })
}

/// The entries that hold the world, by themselves or together.
fn open(entries: &[PrefixEntry], public: &PublicPorts) -> Vec<PrefixEntry> {
    let all: Vec<Opening> = entries.iter().filter_map(|entry| opening(&entry.cidr)).collect();
    let is_open = |entry: &&PrefixEntry| {
        opening(&entry.cidr).is_some_and(|one| one.is_open(public) || one.is_part_of_a_world(&all, public))
    };
    entries.iter().filter(is_open).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "ModifyManagedPrefixList", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn adding(cidrs: &[&str]) -> Event {
        let entries: Vec<Value> = cidrs.iter().zip(1..).map(|(cidr, tag)| json!({"Cidr": cidr, "tag": tag})).collect();
        event(
            &json!({"ModifyManagedPrefixListRequest": {"PrefixListId": "pl-1", "CurrentVersion": 1, "AddEntry": entries}}),
        )
    }

    fn state(cidrs: &[&str]) -> State {
        let entry = |cidr: &&str| PrefixEntry { cidr: (*cidr).to_owned(), description: None };
        let ssh = Traffic::of_api("tcp", Some(22), Some(22));
        State { entries: Some(cidrs.iter().map(entry).collect()), lets_in: vec![ssh] }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Option<Decision<Ec2>> {
        let settings = Settings::default();
        let suspicion = OpenedPrefixList::suspect(event, &settings).pop()?;
        Some(OpenedPrefixList::decide(event, &suspicion, state, &Given { settings: &settings, holds }))
    }

    #[test]
    fn every_form_is_read() {
        for (request, expected) in [
            (
                json!({"ModifyManagedPrefixListRequest": {"AddEntry": {"Cidr": "0.0.0.0/0", "tag": 1}}}),
                Some(vec!["0.0.0.0/0"]),
            ),
            (
                json!({"addEntries": {"items": [{"cidr": "::/0"}, {"cidr": "10.0.0.0/8"}]}}),
                Some(vec!["::/0", "10.0.0.0/8"]),
            ),
            (
                json!({"ModifyManagedPrefixListRequest": {"PrefixListId": "pl-1", "PrefixListName": "office"}}),
                Some(vec![]),
            ),
            (json!({"ModifyManagedPrefixListRequest": {"AddEntry": {"Range": "0.0.0.0/0"}}}), None),
            (json!({"omitted": true}), None),
        ] {
            let added = added(&event(&request));
            let added = added.as_ref().map(|added| added.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(added, expected, "{request}");
        }
    }

    #[test]
    fn it_matters_who_lets_the_list_in() {
        let (event, open) = (adding(&["0.0.0.0/0"]), state(&["203.0.113.0/24", "0.0.0.0/0"]));
        let said = |state: &State| decide(&event, state, &BTreeSet::new()).map(|it| it.to_string()).unwrap_or_default();
        insta::assert_snapshot!(said(&open), @r"
        revert (critical): prefix list `pl-1` holds 0.0.0.0/0, and security groups let it in by tcp/22
          - remove 0.0.0.0/0 from prefix list `pl-1`
        ");
        let https = Traffic::of_api("tcp", Some(443), Some(443));
        for lets_in in [vec![], vec![https]] {
            assert!(said(&State { lets_in, ..open.clone() }).starts_with("allow"));
        }
        assert!(decide(&adding(&["203.0.113.0/24"]), &open, &BTreeSet::new()).is_none());
    }

    proptest! {
        #[test]
        fn a_revert_takes_only_the_event_s_entries_leaves_nothing_to_revert_and_can_be_undone(
            cidrs in prop::sample::subsequence(vec!["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/8", "9.0.0.0/8", "::/0", "10.0.0.0/8", "203.0.113.0/24"], 1..=8),
            own in 0_usize..8,
        ) {
            let (before, added) = cidrs.split_at(own.min(cidrs.len()));
            let (event, state, holds) = (adding(added), state(&cidrs), BTreeSet::new());
            let settings = Settings::default();
            let suspicion = Suspicion { subject: Subject::prefix_list(&event, "pl-1"), why: String::new() };
            let decision = OpenedPrefixList::decide(&event, &suspicion, &state, &Given { settings: &settings, holds: &holds });
            prop_assert!(decision.is_allow() || !OpenedPrefixList::suspect(&event, &settings).is_empty(), "{}", decision);
            if let Decision::Revert { plan, left, grants, .. } = decision {
                let after = plan.iter().fold(state.clone(), |state, change| OpenedPrefixList::after(&state, change));
                let stays: Vec<&str> = after.entries.iter().flatten().map(|entry| entry.cidr.as_str()).collect();
                prop_assert!(before.iter().all(|cidr| stays.contains(cidr)), "{:?}", stays);
                let again = decide(&event, &after, &holds);
                let is_over = again.as_ref().is_some_and(|it| it.is_allow() || !left.is_empty() && it.plan().is_empty());
                prop_assert!(is_over, "{:?}", again);
                let undone = plan.iter().rev().fold(after, |state, change| OpenedPrefixList::after(&state, &change.undo()));
                let sorted = |state: &State| state.entries.iter().flatten().map(|entry| entry.cidr.clone()).collect::<BTreeSet<_>>();
                prop_assert_eq!(sorted(&undone), sorted(&state));
                prop_assert!(decide(&event, &state, &grants.into_iter().collect()).is_some_and(|held| held.is_allow()));
            }
        }
    }
}
