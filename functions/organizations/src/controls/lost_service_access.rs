//! # A service that keeps watch lost its access to the organization
//!
//! **Watches** of AWS Organizations `DisableAWSServiceAccess`.
//!
//! **Why** With one call the services that keep watch over all accounts see none of them any more. Without trusted access, an
//! organization's trail becomes one of the management account alone, and every member falls silent; AWS Config, GuardDuty,
//! Security Hub and others stop gathering what members tell, and stack sets no longer reach new accounts.
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id. The plan gives
//! the event's service its access again. For CloudTrail the notice says what to do then: the trail stays one account's until
//! somebody makes it the organization's again.
//!
//! **Leaves alone**
//! - services that keep no watch
//! - services that have their access again by the time Snapback looks
//! - what an operator has disabled again with `snapback undo`
//! - what an AWS service does by itself, with nobody's credentials
//!
//! It alerts where the event does not say which service it is.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Organizations, ServiceAccess, Swap, TrustedService};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{self, SERVICE, service};
use crate::{aws, rights};

const CLOUD_TRAIL: &str = "cloudtrail.amazonaws.com";

/// In this word an undo holds on to it.
const DISABLED: &str = "no access to the organization";

#[derive(Debug)]
pub(crate) struct LostServiceAccess;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the event does not say whose.
    access: Option<ServiceAccess>,
}

impl Control for LostServiceAccess {
    const ABOUT: &'static About = &About {
        id: "organizations-lost-service-access",
        title: "A service that keeps watch lost its access to the organization",
        happened: "was disabled",
        watches: &[Watch { service: SERVICE, name: "DisableAWSServiceAccess" }],
        reads: &[rights::LIST_SERVICE_ACCESS],
        writes: &[rights::ENABLE_SERVICE_ACCESS],
        undoes: &[rights::LIST_SERVICE_ACCESS, rights::DISABLE_SERVICE_ACCESS],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1562.008"],
        caveat: "Access alone does not give a service back what it has cleaned up meanwhile: see in its console that it still \
                 covers all accounts.",
        source: file!(),
    };

    const ASKS_UNLESS_NAMED: bool = true;

    type State = State;
    type Change = Organizations;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        if event.actor.is_aws() {
            return vec![];
        }
        let (subject, of) = match service(event) {
            Some(name) if !rights::WATCHING.contains(&name) => return vec![],
            Some(name) => (told::access(event, name), format!("`{name}`")),
            None => (Subject::account(event), "a service that the event does not name".to_owned()),
        };
        let why = format!("{} disabled the access of {of} to the accounts of the organization", event.actor);
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(name) = service(event) else { return Ok(State::default()) };
        Ok(State { access: Some(aws::access(look.place, name).await?) })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Organizations> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let why = suspicion.why.clone();
        let (Some(name), Some(access)) = (service(event), state.access) else {
            return Decision::Alert { severity: Severity::High, why };
        };
        if access == ServiceAccess::Enabled {
            return allow("the service has its access");
        }
        if given.holds.contains(DISABLED) {
            return allow("an operator has disabled it again");
        }
        let is_trail = name == CLOUD_TRAIL;
        Decision::Revert {
            severity: if is_trail { Severity::Critical } else { Severity::High },
            why,
            grants: vec![DISABLED.to_owned()],
            plan: vec![Organizations::Access(Swap {
                of: TrustedService(name.to_owned()),
                from: ServiceAccess::Disabled,
                to: ServiceAccess::Enabled,
            })],
            left: is_trail.then(|| OF_ONE_ACCOUNT.to_owned()).into_iter().collect(),
        }
    }

    fn after(state: &State, change: &Organizations) -> State {
        let Organizations::Access(change) = change else { return state.clone() };
        State { access: state.access.map(|_| change.to) }
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/userguide/services-that-can-integrate-cloudtrail.html>
const OF_ONE_ACCOUNT: &str = "the organization's trail records the management account alone until it is made the organization's \
                              again: `aws cloudtrail update-trail --name TRAIL --is-organization-trail`";
