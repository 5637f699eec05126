//! # A VPC is excluded from Block Public Access
//!
//! **Watches** `CreateVpcBlockPublicAccessExclusion`, `ModifyVpcBlockPublicAccessExclusion`.
//!
//! **Why** Block Public Access of VPCs keeps every internet gateway of the account from passing traffic, whatever
//! routes and rules say. An exclusion opens one VPC or subnet again, with everything in it that only seemed closed.
//!
//! **Does** Deletes the exclusion that the event made, by its id. One that was changed from `allow-egress` to
//! `allow-bidirectional` is set back to its baseline, which a daily scheduled check keeps.
//!
//! **Leaves alone**
//! - exclusions while Block Public Access is off: AWS recommends making them before it is turned on
//! - `allow-egress` where only inbound traffic is blocked: it changes nothing then
//! - exclusions that are changed to `allow-egress`
//! - exclusions whose baseline is `allow-bidirectional`
//! - exclusions that are gone
//! - exclusions that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which exclusion it made, and where one was changed whose
//! baseline is missing or older than two days. AWS takes some minutes to apply an exclusion. If it refuses to delete
//! one before that, the revert fails, and Snapback tries it again like any other.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, Network, Swap, Switch, VpcExclusion};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::told::{answer, field, id_of, parameters, text};

#[derive(Debug)]
pub(crate) struct ExcludedVpc;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The mode of the account's Block Public Access; nothing if the event does not say which exclusion it is about.
    block: Option<String>,
    /// The exclusion; nothing if it is gone, or on its way out.
    exclusion: Option<VpcExclusion>,
    /// The exclusion's mode when it was last looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remembered: Option<Remembered<String>>,
}

const BOTH_WAYS: &str = "allow-bidirectional";
const ONLY_OUT: &str = "allow-egress";

impl Control for ExcludedVpc {
    const ABOUT: &'static About = &About {
        id: "ec2-excluded-vpc",
        title: "A VPC is excluded from Block Public Access",
        happened: "was excluded from Block Public Access",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "CreateVpcBlockPublicAccessExclusion" },
            Watch { service: "ec2.amazonaws.com", name: "ModifyVpcBlockPublicAccessExclusion" },
        ],
        reads: &[rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_OPTIONS, rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSIONS],
        writes: &[rights::DELETE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION, rights::MODIFY_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION],
        undoes: &[
            rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSIONS,
            rights::CREATE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION,
            rights::TAG_EXCLUSIONS,
            rights::MODIFY_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION,
        ],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.172", "ATT&CK T1562.007"],
        caveat: "AWS takes some minutes to apply an exclusion: one that is deleted at once may never have been in \
                 effect.",
        source: file!(),
    };

    const SHOWS_LATE: Option<&'static str> = Some("AWS takes some minutes for an exclusion");
    const SETTLES: Duration = Duration::from_mins(10);

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::VPC_EXCLUSIONS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let mode = text(parameters(event), "internetGatewayExclusionMode");
        if event.name == "ModifyVpcBlockPublicAccessExclusion" && mode == Some(ONLY_OUT) {
            return vec![];
        }
        let what = if event.name == "ModifyVpcBlockPublicAccessExclusion" { "changed" } else { "made" };
        let mode = mode.map_or_else(|| "a mode that the event does not say".to_owned(), |mode| format!("`{mode}`"));
        let told = text(parameters(event), "exclusionId")
            .or_else(|| text(field(answer(event), "vpcBlockPublicAccessExclusion"), "exclusionId"));
        let subject = told.map_or_else(|| Subject::account(event), |id| Subject::vpc_exclusion(event, id));
        let why = format!("an exclusion from Block Public Access of VPCs was {what}, with {mode}");
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let is_new = event.name == "CreateVpcBlockPublicAccessExclusion";
        let (block, exclusions, remembered) = futures::try_join!(
            Box::pin(aws::switches::read(look.place, Switch::VpcBlockPublicAccess)),
            Box::pin(aws::vpc_exclusions::all(look.place)),
            Box::pin(async { if is_new { Ok(None) } else { look.remembered::<Self>(&suspicion.subject).await } }),
        )?;
        let exclusion = exclusions.into_iter().find(|exclusion| exclusion.id == id);
        Ok(State { block: Some(block), exclusion, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let Some(block) = &state.block else {
            return alert(Severity::High, format!("{}; the event does not say which", suspicion.why));
        };
        let Some(exclusion) = &state.exclusion else { return allow("the exclusion is gone") };
        if block == "off" {
            return allow("Block Public Access of VPCs is off, and the exclusion changes nothing");
        }
        if exclusion.mode == ONLY_OUT && block != "block-bidirectional" {
            return allow("only inbound traffic is blocked, and the exclusion lets in none");
        }
        if given.holds.contains(&exclusion.mode) {
            return allow("an operator has restored it");
        }
        let (severity, can) = match exclusion.mode.as_str() {
            ONLY_OUT => (Severity::Medium, "can reach"),
            _ => (Severity::High, "can be reached from"),
        };
        let why = format!("{} {can} the internet in spite of Block Public Access", exclusion.resource);
        let revert = |to| Decision::Revert {
            severity,
            why: why.clone(),
            grants: vec![exclusion.mode.clone()],
            left: vec![],
            plan: vec![Ec2::VpcExclusions(Swap {
                of: Network(exclusion.resource.clone()),
                from: vec![exclusion.clone()],
                to,
            })],
        };
        if event.name == "CreateVpcBlockPublicAccessExclusion" {
            return revert(vec![]);
        }
        if exclusion.mode == ONLY_OUT {
            return allow("the exclusion lets in nobody");
        }
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        match before.map(|(before, _)| before.as_str()) {
            Some(ONLY_OUT) => revert(vec![VpcExclusion { mode: ONLY_OUT.to_owned(), ..exclusion.clone() }]),
            Some(BOTH_WAYS) => allow("that is its baseline"),
            _ if event.is_look() => alert(Severity::Medium, why),
            _ => alert(severity, format!("{why}; what the exclusion was before is not known")),
        }
    }

    /// Holds are on what is excluded: an exclusion that is made again has another id.
    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        let excluded = state.exclusion.as_ref().and_then(|exclusion| Subject::network(event, &exclusion.resource));
        excluded.unwrap_or_else(|| suspicion.subject.clone())
    }

    fn after(state: &State, change: &Ec2) -> State {
        let Ec2::VpcExclusions(change) = change else { return state.clone() };
        State { exclusion: change.after(state.exclusion.as_slice()).pop(), ..state.clone() }
    }
}

impl Remembers for ExcludedVpc {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        state.exclusion.as_ref().map(|exclusion| exclusion.mode.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;

    fn event(name: &str, mode: &str) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {format!("{name}Request"): {"InternetGatewayExclusionMode": mode}},
            "responseElements": {format!("{name}Response"): {"vpcBlockPublicAccessExclusion": {"exclusionId": "x-1"}}},
        });
        Event::from_record(record).expect("an event")
    }

    fn state(block: &str, mode: &str, was: Option<&str>, seen: &str) -> State {
        let exclusion = VpcExclusion {
            id: "x-1".to_owned(),
            resource: "vpc-1".to_owned(),
            mode: mode.to_owned(),
            tags: BTreeMap::new(),
        };
        let seen = seen.parse().expect("a time");
        let remembered = was.map(|was| Remembered { good: Some(was.to_owned()), seen });
        State { block: Some(block.to_owned()), exclusion: Some(exclusion), remembered }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<Ec2> {
        let settings = Settings::default();
        let suspicion = ExcludedVpc::suspect(event, &settings).pop().expect("a suspicion");
        ExcludedVpc::decide(event, &suspicion, state, &Given { settings: &settings, holds })
    }

    const YESTERDAY: &str = "2026-01-30T13:00:00Z";

    #[test]
    fn what_was_made_goes_and_what_was_changed_becomes_what_it_was() {
        let said = |event: &Event, state: &State| decide(event, state, &BTreeSet::new()).to_string();
        let made = |mode| event("CreateVpcBlockPublicAccessExclusion", mode);
        let changed = event("ModifyVpcBlockPublicAccessExclusion", BOTH_WAYS);
        insta::assert_snapshot!(said(&made(BOTH_WAYS), &state("block-ingress", BOTH_WAYS, None, YESTERDAY)), @r"
        revert (high): vpc-1 can be reached from the internet in spite of Block Public Access
          - delete the exclusion of `vpc-1` from Block Public Access (allow-bidirectional)
        ");
        insta::assert_snapshot!(said(&made(ONLY_OUT), &state("block-ingress", ONLY_OUT, None, YESTERDAY)), @"allow: only inbound traffic is blocked, and the exclusion lets in none");
        insta::assert_snapshot!(said(&made(BOTH_WAYS), &state("off", BOTH_WAYS, None, YESTERDAY)), @"allow: Block Public Access of VPCs is off, and the exclusion changes nothing");
        insta::assert_snapshot!(said(&changed, &state("block-bidirectional", BOTH_WAYS, Some(ONLY_OUT), YESTERDAY)), @r"
        revert (high): vpc-1 can be reached from the internet in spite of Block Public Access
          - change the exclusion of `vpc-1` from Block Public Access to `allow-egress`
        ");
        insta::assert_snapshot!(said(&changed, &state("block-bidirectional", BOTH_WAYS, Some(BOTH_WAYS), YESTERDAY)), @"allow: that is its baseline");
        for (was, seen) in [(None, YESTERDAY), (Some(ONLY_OUT), "2026-01-29T11:00:00Z")] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(said(&changed, &state("block-bidirectional", BOTH_WAYS, was, seen)), @"alert (high): vpc-1 can be reached from the internet in spite of Block Public Access; what the exclusion was before is not known");
            }
        }
    }
}
