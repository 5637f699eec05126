//! # VPCs can be reached from the internet
//!
//! **Watches** `ModifyVpcBlockPublicAccessOptions`, `CreateVpcBlockPublicAccessExclusion`.
//!
//! **Why** Block Public Access of VPCs keeps every internet gateway in the account from passing traffic, whatever
//! routes and rules say. Turned off, or with an exclusion, those that were only thought to be closed are open.
//!
//! **Does** Alerts and touches nothing. The event tells what the mode is now, and not what it was, and turning a mode
//! on cuts off what is meant to be reached.
//!
//! **Leaves alone**
//! - the modes `block-bidirectional` and `block-ingress`

use anyhow::Result;
use snapback::change::Ec2;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{parameters, text};

#[derive(Debug)]
pub(crate) struct UnblockedVpcs;

impl Control for UnblockedVpcs {
    const ABOUT: &'static About = &About {
        id: "ec2-unblocked-vpcs",
        title: "VPCs can be reached from the internet",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "ModifyVpcBlockPublicAccessOptions" },
            Watch { service: "ec2.amazonaws.com", name: "CreateVpcBlockPublicAccessExclusion" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.172", "ATT&CK T1562.007"],
        caveat: "AWS takes some minutes for it: what is put right at once may never have been open.",
        source: file!(),
    };

    /// The event tells all that there is to say.
    type State = ();
    type Change = Ec2;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let is_on = matches!(
            text(parameters(event), "internetGatewayBlockMode"),
            Some("block-bidirectional" | "block-ingress")
        );
        if event.name == "ModifyVpcBlockPublicAccessOptions" && is_on {
            return vec![];
        }
        vec![Suspicion { subject: Subject::switch(event, "vpc-block-public-access"), why: judged(event).1 }]
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, _: &Suspicion, (): &(), _: &Given<'_>) -> Decision<Ec2> {
        let (severity, why) = judged(event);
        Decision::Alert { severity, why }
    }

    fn after((): &(), _: &Ec2) {}
}

fn judged(event: &Event) -> (Severity, String) {
    let request = parameters(event);
    if event.name == "ModifyVpcBlockPublicAccessOptions" {
        let mode = text(request, "internetGatewayBlockMode").unwrap_or("something that the event does not tell");
        return (Severity::High, format!("Block Public Access of VPCs was set to `{mode}`"));
    }
    let of = text(request, "vpcId").map(|id| format!("VPC `{id}`"));
    let of = of.or_else(|| text(request, "subnetId").map(|id| format!("subnet `{id}`")));
    let of = of.unwrap_or_else(|| "something that the event does not tell".to_owned());
    match text(request, "internetGatewayExclusionMode") {
        Some("allow-egress") => {
            (Severity::Medium, format!("{of} can reach the internet in spite of Block Public Access"))
        }
        _ => (Severity::High, format!("{of} can be reached from the internet in spite of Block Public Access")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_opens_is_told_apart_from_what_closes() {
        let said = |name: &str, request: Value| {
            let record = json!({
                "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
                "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            });
            let event = Event::from_record(record).expect("an event");
            let suspicion = UnblockedVpcs::suspect(&event, &Settings::default()).pop();
            suspicion.map_or("no suspicion".to_owned(), |suspicion| suspicion.why)
        };
        let modify = |mode: &str| {
            let request = json!({"ModifyVpcBlockPublicAccessOptionsRequest": {"InternetGatewayBlockMode": mode}});
            said("ModifyVpcBlockPublicAccessOptions", request)
        };
        insta::assert_snapshot!(modify("off"), @"Block Public Access of VPCs was set to `off`");
        insta::assert_snapshot!(modify("block-ingress"), @"no suspicion");
        insta::assert_snapshot!(modify("block-bidirectional"), @"no suspicion");
        let exclude = |request: Value| {
            said("CreateVpcBlockPublicAccessExclusion", json!({"CreateVpcBlockPublicAccessExclusionRequest": request}))
        };
        insta::assert_snapshot!(exclude(json!({"SubnetId": "subnet-1", "InternetGatewayExclusionMode": "allow-bidirectional"})), @"subnet `subnet-1` can be reached from the internet in spite of Block Public Access");
        insta::assert_snapshot!(exclude(json!({"VpcId": "vpc-1", "InternetGatewayExclusionMode": "allow-egress"})), @"VPC `vpc-1` can reach the internet in spite of Block Public Access");
    }
}
