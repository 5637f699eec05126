//! # Network traffic is no longer logged
//!
//! **Watches** `DeleteFlowLogs`.
//!
//! **Why** Flow logs show who came in and what went out. Whoever deletes them hides what they do next (Stratus Red
//! Team: `vpc-remove-flow-logs`). The event does not say what the flow log recorded, so Snapback keeps a baseline: a
//! daily scheduled check goes through all flow logs.
//!
//! **Does** Recreates the flow log as it was: for the same VPC, subnet or network interface, with the same traffic,
//! destination, role, format, interval and tags. It gets a new id. What came and went in between is not recorded.
//!
//! **Leaves alone**
//! - flow logs that are still there
//! - flow logs that another one replaces, with the same records and destination
//! - flow logs that an operator has deleted again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell, or cannot recreate the same: an event that does not say which
//! flow log, a baseline that is missing or older than two days, a flow log of a transit gateway or NAT gateway, one
//! that delivers to Firehose or through a role of another account, and one with fields that are filled from tags.

use anyhow::Result;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, FlowLog, Network, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::told::{field, id_of, parameters, texts};

#[derive(Debug)]
pub(crate) struct DeletedFlowLogs;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The flow log, if it is there.
    own: Option<FlowLog>,
    /// The others of the same resource. They are not asked for where nothing is remembered.
    others: Vec<FlowLog>,
    /// How the flow log was when it was last looked at.
    remembered: Option<Remembered<FlowLog>>,
}

impl Control for DeletedFlowLogs {
    const ABOUT: &'static About = &About {
        id: "ec2-deleted-flow-logs",
        title: "Network traffic is no longer logged",
        happened: "lost a flow log",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "DeleteFlowLogs" }],
        reads: &[rights::DESCRIBE_FLOW_LOGS],
        writes: &[
            rights::CREATE_FLOW_LOGS,
            rights::TAG_FLOW_LOGS,
            rights::PASS_FLOW_LOG_ROLE,
            rights::CREATE_LOG_DELIVERY,
            rights::DELETE_LOG_DELIVERY,
        ],
        undoes: &[rights::DESCRIBE_FLOW_LOGS, rights::DELETE_FLOW_LOGS, rights::DELETE_LOG_DELIVERY],
        severity: Severity::High,
        frameworks: &[
            "AWS FSBP EC2.6",
            "CIS AWS Foundations 3.7",
            "ATT&CK T1562.008",
            "Stratus aws.defense-evasion.vpc-remove-flow-logs",
            "Pacu detection__disruption: delete_flow_logs",
        ],
        caveat: "Traffic of the time without the flow log is recorded nowhere.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::FLOW_LOGS);

    /// The call itself is the suspicion: it does not say what was recorded.
    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let mut ids: Vec<&str> =
            ["flowLogId", "flowLogIds", "flowLogIdSet"].iter().flat_map(|name| texts(field(request, name))).collect();
        ids.retain(|id| !id.is_empty());
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            let why = "flow logs were deleted, and the event does not say which".to_owned();
            return vec![Suspicion { subject: Subject::account(event), why }];
        }
        let of = |id| Suspicion { subject: Subject::flow_log(event, id), why: format!("flow log `{id}` was deleted") };
        ids.into_iter().map(of).collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let remembered = Box::pin(look.remembered::<Self>(&suspicion.subject)).await?;
        let resource = remembered.as_ref().and_then(|remembered| Some(remembered.good.as_ref()?.resource.as_str()));
        let live = Box::pin(match resource {
            Some(resource) => aws::flow_logs::of_resource(look.place, resource).left_future(),
            None => aws::flow_logs::read(look.place, id).right_future(),
        });
        let (own, others) = live.await?.into_iter().partition::<Vec<_>, _>(|live| live.id == id);
        Ok(State { own: own.into_iter().next(), others, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let Some(id) = id_of(&suspicion.subject) else { return alert(Severity::High, suspicion.why.clone()) };
        if state.own.is_some() {
            return allow("the flow log is there");
        }
        let Some(remembered) = state.remembered.as_ref().filter(|found| found.counts(event)) else {
            return if event.is_look() {
                allow("the flow log is gone")
            } else {
                alert(Severity::Medium, format!("flow log `{id}` was deleted; what it recorded is not known"))
            };
        };
        let Some(before) = &remembered.good else { return allow("its baseline has none") };
        if state.others.iter().any(|other| other.records_the_same(before)) {
            return allow("another flow log records the same");
        }
        if given.holds.contains(&grant(before)) {
            return allow("an operator has deleted it again");
        }
        let why = format!("the {before} was deleted (`{id}`)");
        if !before.is_all_told || !is_of_a_network(&before.resource) || before.destination_type == FIREHOSE {
            return alert(Severity::High, format!("{why}; Snapback does not know enough about it to make it again"));
        }
        if !remembered.is_fresh(event) {
            let age = remembered.age(event);
            return alert(
                Severity::Medium,
                format!("{why}; it was seen {age} before, which is too long ago to be sure"),
            );
        }
        Decision::Revert {
            severity: Severity::High,
            why,
            grants: vec![grant(before)],
            plan: vec![Ec2::FlowLogs(Swap {
                of: Network(before.resource.clone()),
                from: vec![],
                to: vec![before.clone()],
            })],
            left: vec![],
        }
    }

    /// Of what is remembered, holds are on the resource: a flow log that is made again has another id.
    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good.as_ref());
        before.and_then(|log| Subject::network(event, &log.resource)).unwrap_or_else(|| suspicion.subject.clone())
    }

    fn after(state: &State, change: &Ec2) -> State {
        let Ec2::FlowLogs(change) = change else { return state.clone() };
        State { others: change.after(&state.others), ..state.clone() }
    }
}

impl Remembers for DeletedFlowLogs {
    type Good = FlowLog;

    fn good(state: &State) -> Option<FlowLog> {
        state.own.clone()
    }
}

/// Whoever makes one that goes there needs rights on the stream itself.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-firehose.html>
const FIREHOSE: &str = "kinesis-data-firehose";

fn is_of_a_network(resource: &str) -> bool {
    ["vpc-", "subnet-", "eni-"].iter().any(|kind| resource.starts_with(kind))
}

/// What the revert takes away: that it is missing.
fn grant(log: &FlowLog) -> String {
    format!("without the {log}")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "DeleteFlowLogs", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn deleted() -> Event {
        event(&json!({"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}}))
    }

    fn log(id: &str, traffic: &str) -> FlowLog {
        FlowLog {
            id: id.to_owned(),
            resource: "vpc-1".to_owned(),
            traffic: Some(traffic.to_owned()),
            destination_type: "s3".to_owned(),
            destination: Some("arn:aws:s3:::logs".to_owned()),
            log_group: None,
            role: None,
            format: Some("${srcaddr} ${dstaddr}".to_owned()),
            interval: Some(600),
            files: None,
            tags: BTreeMap::new(),
            is_all_told: true,
        }
    }

    fn seen(log: FlowLog, at: &str) -> Remembered<FlowLog> {
        Remembered { good: Some(log), seen: at.parse().expect("a time") }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<Ec2> {
        let settings = Settings::default();
        let suspicion = DeletedFlowLogs::suspect(event, &settings).remove(0);
        DeletedFlowLogs::decide(event, &suspicion, state, &Given { settings: &settings, holds })
    }

    const YESTERDAY: &str = "2026-01-31T03:00:00Z";

    #[test]
    fn every_flow_log_that_an_event_names_is_looked_at() {
        let named = |request: Value| {
            let suspicions = DeletedFlowLogs::suspect(&event(&request), &Settings::default());
            suspicions.into_iter().map(|suspicion| suspicion.subject.name).collect::<Vec<_>>()
        };
        let wrapped = |ids: Value| json!({"DeleteFlowLogsRequest": {"FlowLogId": ids}});
        assert_eq!(named(wrapped(json!({"content": "fl-1", "tag": 1}))), ["fl-1"]);
        let two = json!([{"content": "fl-2", "tag": 1}, {"content": "fl-1", "tag": 2}]);
        assert_eq!(named(wrapped(two)), ["fl-1", "fl-2"]);
        for untold in [json!(null), json!({"omitted": true}), wrapped(json!(""))] {
            assert_eq!(named(untold.clone()), ["111122223333"], "{untold}");
        }
    }

    #[test]
    fn what_cannot_be_made_again_is_announced() {
        let said = |log: FlowLog, at| {
            decide(&deleted(), &State { remembered: Some(seen(log, at)), ..State::default() }, &BTreeSet::new())
                .to_string()
        };
        assert!(said(log("fl-1", "ALL"), YESTERDAY).starts_with("revert (high)"));
        assert!(said(log("fl-1", "ALL"), "2026-01-28T03:00:00Z").starts_with("alert (medium)"));
        for beyond in [
            FlowLog { is_all_told: false, ..log("fl-1", "ALL") },
            FlowLog { destination_type: FIREHOSE.to_owned(), ..log("fl-1", "ALL") },
            FlowLog { resource: "tgw-1".to_owned(), ..log("fl-1", "ALL") },
        ] {
            assert!(said(beyond.clone(), YESTERDAY).starts_with("alert (high)"), "{beyond:?}");
        }
    }

    proptest! {
        /// It is made again as it was, once; the others stay; and it can be undone.
        #[test]
        fn a_flow_log_is_made_again_once(
            is_there in any::<bool>(),
            others in prop::sample::subsequence(vec!["ACCEPT", "REJECT", "ALL"], 0..=3),
            was in prop::sample::select(vec!["ACCEPT", "REJECT", "ALL"]),
        ) {
            let state = State {
                own: is_there.then(|| log("fl-1", was)),
                others: others.iter().map(|traffic| log(&format!("fl-{traffic}"), traffic)).collect(),
                remembered: Some(seen(log("fl-1", was), YESTERDAY)),
            };
            let decision = decide(&deleted(), &state, &BTreeSet::new());
            prop_assert_eq!(decision.is_allow(), is_there || others.contains(&was), "{}", decision);
            if let Decision::Revert { plan, grants, .. } = decision {
                let after = plan.iter().fold(state.clone(), |state, change| DeletedFlowLogs::after(&state, change));
                prop_assert_eq!(&after.others[..others.len()], &state.others[..]);
                prop_assert!(decide(&deleted(), &after, &BTreeSet::new()).is_allow());
                let undone = plan.iter().rev().fold(after, |state, change| DeletedFlowLogs::after(&state, &change.undo()));
                prop_assert_eq!(&undone, &state);
                prop_assert!(decide(&deleted(), &state, &grants.into_iter().collect()).is_allow());
            }
        }
    }
}
