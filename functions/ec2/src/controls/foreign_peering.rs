//! # A VPC is peered with a stranger's
//!
//! **Watches** `CreateVpcPeeringConnection`, `AcceptVpcPeeringConnection`.
//!
//! **Why** A peering connection joins two networks past every internet gateway. With a stranger's network it is a way
//! in, and a way out for data, that shows no internet address.
//!
//! **Does** Alerts and touches nothing: removing a connection that somebody wants would break what uses it. Accepting
//! one is more severe than requesting one, which does nothing until the other side accepts.
//!
//! **Leaves alone**
//! - connections within its own account, and with accounts that the operator trusts

use anyhow::Result;
use snapback::change::Ec2;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::sharing::is_trusted;
use crate::told::{answer, field, parameters, text};

#[derive(Debug)]
pub(crate) struct ForeignPeering;

impl Control for ForeignPeering {
    const ABOUT: &'static About = &About {
        id: "ec2-foreign-peering",
        title: "A VPC is peered with a stranger's",
        happened: "was set up with a stranger",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "CreateVpcPeeringConnection" },
            Watch { service: "ec2.amazonaws.com", name: "AcceptVpcPeeringConnection" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1599"],
        caveat: "Nothing uses the connection without a route: check the route tables of the VPC.",
        source: file!(),
    };

    /// The event tells both sides.
    type State = ();
    type Change = Ec2;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let owners = owners(event);
        let is_told = !owners.is_empty();
        if is_told && owners.iter().all(|owner| is_trusted(owner, event, settings)) {
            return vec![];
        }
        let subject = id(event).map_or_else(|| Subject::account(event), |id| Subject::peering(event, id));
        vec![Suspicion { subject, why: why(event, settings) }]
    }

    fn happened(event: &Event, (): &(), is_certain: bool) -> Option<&'static str> {
        let is_told = id(event).is_some() && !owners(event).is_empty();
        let happened = if is_accepted(event) { Self::ABOUT.happened } else { "was requested with a stranger" };
        (is_certain && is_told).then_some(happened)
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, _: &Suspicion, (): &(), given: &Given<'_>) -> Decision<Ec2> {
        let severity = if is_accepted(event) { Severity::High } else { Severity::Medium };
        Decision::Alert { severity, why: why(event, given.settings) }
    }

    fn after((): &(), _: &Ec2) {}
}

fn is_accepted(event: &Event) -> bool {
    event.name == "AcceptVpcPeeringConnection"
}

fn id(event: &Event) -> Option<&str> {
    let told = [connection(event), parameters(event)];
    told.into_iter().find_map(|part| text(part, "vpcPeeringConnectionId"))
}

fn connection(event: &Event) -> &serde_json::Value {
    field(answer(event), "vpcPeeringConnection")
}

/// The accounts of both sides, as far as they are told. Who asks for a connection and names no other account means
/// their own.
fn owners(event: &Event) -> Vec<&str> {
    let sides = ["requesterVpcInfo", "accepterVpcInfo"];
    let mut owners: Vec<&str> =
        sides.iter().filter_map(|side| text(field(connection(event), side), "ownerId")).collect();
    if event.name == "CreateVpcPeeringConnection" {
        let is_told = text(parameters(event), "vpcId").is_some();
        owners.extend(text(parameters(event), "peerOwnerId").or(is_told.then_some(event.account.as_str())));
    }
    owners
}

fn why(event: &Event, settings: &Settings) -> String {
    let verb = if is_accepted(event) { "was accepted" } else { "was asked for" };
    let mut strangers: Vec<&str> =
        owners(event).into_iter().filter(|owner| !is_trusted(owner, event, settings)).collect();
    strangers.dedup();
    match strangers[..] {
        [] => format!("a peering connection {verb}, and the event does not say with whom"),
        _ => format!("a peering connection with account {} {verb}", strangers.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(name: &str, request: Value, response: Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            "responseElements": response,
        });
        Event::from_record(record).expect("an event")
    }

    fn said(name: &str, request: Value, response: Value) -> Option<String> {
        let event = event(name, request, response);
        ForeignPeering::suspect(&event, &Settings::default()).pop().map(|suspicion| suspicion.why)
    }

    #[test]
    fn what_is_only_requested_is_not_said_to_be_set_up() {
        let happened = |name, request, response| ForeignPeering::happened(&event(name, request, response), &(), true);
        let (create, accept) = ("CreateVpcPeeringConnection", "AcceptVpcPeeringConnection");
        let made = json!({"vpcPeeringConnection": {"vpcPeeringConnectionId": "pcx-1",
            "requesterVpcInfo": {"ownerId": "777788889999"}, "accepterVpcInfo": {"ownerId": "111122223333"}}});
        assert_eq!(happened(create, json!({}), made.clone()), Some("was requested with a stranger"));
        assert_eq!(happened(accept, json!({}), made), Some("was set up with a stranger"));
        assert_eq!(happened(accept, json!({"vpcPeeringConnectionId": "pcx-1"}), json!(null)), None, "with whom?");
    }

    #[test]
    fn the_other_side_is_named() {
        let sides = |requester: &str, accepter: &str| {
            json!({"vpcPeeringConnection": {"vpcPeeringConnectionId": "pcx-1",
                "requesterVpcInfo": {"ownerId": requester}, "accepterVpcInfo": {"ownerId": accepter}}})
        };
        let (create, accept) = ("CreateVpcPeeringConnection", "AcceptVpcPeeringConnection");
        let asked = json!({"vpcId": "vpc-1", "peerVpcId": "vpc-2"});
        let of_other = json!({"vpcId": "vpc-1", "peerVpcId": "vpc-2", "peerOwnerId": "444455556666"});
        assert_eq!(said(create, asked.clone(), json!(null)), None);
        assert_eq!(said(create, asked, sides("111122223333", "111122223333")), None);
        let other = Some("a peering connection with account 444455556666 was asked for".to_owned());
        assert_eq!(said(create, of_other.clone(), json!(null)), other);
        assert_eq!(said(create, of_other, sides("111122223333", "444455556666")), other);
        let id = json!({"vpcPeeringConnectionId": "pcx-1"});
        let accepted = said(accept, id.clone(), sides("444455556666", "111122223333"));
        assert_eq!(accepted.as_deref(), Some("a peering connection with account 444455556666 was accepted"));
        assert_eq!(said(accept, id.clone(), sides("111122223333", "111122223333")), None);
        for (name, request) in [(accept, id), (create, json!({"omitted": true}))] {
            assert!(said(name, request, json!(null)).is_some_and(|why| why.ends_with("does not say with whom")));
        }
    }
}
