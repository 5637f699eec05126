//! # A security group that lets the world in was assigned
//!
//! **Watches** `ModifyInstanceAttribute`, `ModifyNetworkInterfaceAttribute`.
//!
//! **Why** A rule that lets the world in is harmless while nothing has its group. Whoever assigns such a group to an
//! instance opens it, and no call to the group shows that.
//!
//! **Does** Reads the rules of the groups and alerts if one of them lets the world in on a port that is not in the
//! operator's list of public ports. It touches nothing: the event does not say which groups there were before.
//!
//! **Leaves alone**
//! - groups that let the world in on public ports only
//! - changes of other attributes

use anyhow::Result;
use snapback::change::{Direction, Ec2};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::rights;
use crate::rules::{State, read, worlds};
use crate::told::{field, parameters, text, texts};

const SERVICE: &str = "ec2.amazonaws.com";

#[derive(Debug)]
pub(crate) struct AssignedOpenGroup;

impl Control for AssignedOpenGroup {
    const ABOUT: &'static About = &About {
        id: "ec2-assigned-open-group",
        title: "A security group that lets the world in was assigned",
        happened: "got a security group that lets anyone in",
        watches: &[
            Watch { service: SERVICE, name: "ModifyInstanceAttribute" },
            Watch { service: SERVICE, name: "ModifyNetworkInterfaceAttribute" },
        ],
        reads: &[
            rights::DESCRIBE_SECURITY_GROUP_RULES,
            rights::DESCRIBE_MANAGED_PREFIX_LISTS,
            rights::GET_MANAGED_PREFIX_LIST_ENTRIES,
        ],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["AWS FSBP EC2.18", "ATT&CK T1562.007"],
        caveat: "Check what listens on the open ports, and the flow logs for who came in.",
        source: file!(),
    };

    /// Of each group.
    type State = Vec<State>;
    type Change = Ec2;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let request = parameters(event);
        let groups = groups(event);
        if groups.is_empty() && !json::is_left_out(request) {
            return vec![];
        }
        let subject = match (text(request, "instanceId"), text(request, "networkInterfaceId")) {
            (Some(instance), _) => Subject::instance(event, instance),
            (_, Some(interface)) => Subject::network(event, interface).unwrap_or_else(|| Subject::account(event)),
            _ => Subject::account(event),
        };
        let which = if groups.is_empty() { "groups that it does not say".to_owned() } else { groups.join(", ") };
        vec![Suspicion { subject, why: format!("the event assigns {which}") }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<Vec<State>> {
        let mut states = vec![];
        for group in groups(event) {
            states.push(Box::pin(read(look, Direction::Ingress, Some(group.to_owned()))).await?);
        }
        Ok(states)
    }

    fn decide(event: &Event, suspicion: &Suspicion, states: &Vec<State>, given: &Given<'_>) -> Decision<Ec2> {
        if states.is_empty() {
            let why = "the event may assign security groups, and does not say which".to_owned();
            return Decision::Alert { severity: Severity::Medium, why };
        }
        let open: Vec<String> = states.iter().filter_map(|state| opened(state, event, given.settings)).collect();
        if open.is_empty() {
            return Decision::Allow { why: "none of its security groups lets the world in".to_owned() };
        }
        let Subject { kind, name, .. } = &suspicion.subject;
        let why = format!(
            "{kind} `{name}` has {}. Which groups it had before is not known: assign those that it needs",
            open.join(" and ")
        );
        Decision::Alert { severity: Severity::High, why }
    }

    fn after(states: &Vec<State>, _: &Ec2) -> Vec<State> {
        states.clone()
    }
}

/// What a group lets the world in by; nothing if it does not.
fn opened(state: &State, event: &Event, settings: &Settings) -> Option<String> {
    let open = worlds(state, event, settings);
    let group = state.group.as_deref().unwrap_or_default();
    (!open.is_empty()).then(|| format!("security group `{group}`, which lets in {}", open.join(", ")))
}

/// The ids of the groups that the event assigns.
fn groups(event: &Event) -> Vec<&str> {
    let request = parameters(event);
    let listed = ["groupSet", "groups", "securityGroupIdSet"].map(|name| texts(field(request, name))).concat();
    let named = listed.into_iter().chain(text(request, "groupId"));
    named.filter(|text| text.starts_with("sg-")).collect()
}
