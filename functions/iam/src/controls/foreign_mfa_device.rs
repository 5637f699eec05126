//! # A virtual MFA device was created in the name of another user
//!
//! **Watches** `CreateVirtualMFADevice`.
//!
//! **Why** Whoever creates a device sees its secret. Once it is enabled for the user whose name it has, they meet policies
//! that ask for MFA; and a user who may create no device but one of their own name cannot create it any more.
//!
//! **Does** Alerts, and names the device with the command that deletes it. The call does not say for whom the device is, so
//! Snapback goes by its name, and asks IAM whether there is a user of that name: one call for each device that is not named
//! after its creator. Enabling it for another user raises an alert of its own (`iam-changed-mfa`).
//!
//! **Leaves alone**
//! - devices that users create in their own name
//! - devices with the name of nobody, such as that of a phone
//! - devices that root creates, each of whose calls is told already

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{IamIdentity, IdentityKind, Nothing};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{SERVICE, word};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct ForeignMfaDevice;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The ARN of the user of that name, if there is one.
    user: Option<String>,
}

impl Control for ForeignMfaDevice {
    const ABOUT: &'static About = &About {
        id: "iam-foreign-mfa-device",
        title: "A virtual MFA device was created in the name of another user",
        happened: "had an MFA device made in their name",
        watches: &[Watch { service: SERVICE, name: "CreateVirtualMFADevice" }],
        reads: &[rights::GET_USER],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1556.006", "ATT&CK T1098.005"],
        caveat: "Whoever created the device has its secret. Delete it, unless it was created for the user and handed over.",
        source: file!(),
    };

    /// Most names are nobody's, and no later look could show another.
    const IS_SETTLED: Option<fn(&State) -> bool> = Some(|state| state.user.is_none());

    type State = State;
    type Change = Nothing;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let caller = event.actor.name.as_deref().filter(|_| event.actor.kind == "IAMUser");
        let name = name(event);
        if event.actor.is_root() || name.is_some() && name == caller {
            return vec![];
        }
        let subject = name.map_or_else(|| Subject::account(event), |name| Subject::user(event, name));
        vec![Suspicion { subject, why: format!("{} created virtual MFA device {}", event.actor, device(event)) }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(name) = name(event) else { return Ok(State::default()) };
        let of = IamIdentity::named(IdentityKind::User, name);
        Ok(State { user: aws::identities::by_name(look.place, &of).await?.map(|known| known.arn) })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Nothing> {
        let alert = |more: &str| Decision::Alert {
            severity: Severity::Medium,
            why: format!(
                "{}{more}; to delete it: `aws iam delete-virtual-mfa-device --serial-number {}`",
                suspicion.why,
                serial(event).map_or_else(|| "<its ARN>".into(), word)
            ),
        };
        match (name(event), &state.user) {
            (None, _) => alert(", and the event does not say in whose name"),
            (Some(_), None) => Decision::Allow { why: "there is no user of that name".to_owned() },
            (Some(name), Some(_)) => alert(&format!(", which has the name of user `{name}`")),
        }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.user.as_deref())
    }

    fn after(_: &State, change: &Nothing) -> State {
        match *change {}
    }
}

fn name(event: &Event) -> Option<&str> {
    json::text(&event.request, "virtualMFADeviceName")
}

/// The ARN of the device.
fn serial(event: &Event) -> Option<&str> {
    json::text(&event.response["virtualMFADevice"], "serialNumber")
}

fn device(event: &Event) -> String {
    format!("`{}`", name(event).or_else(|| serial(event)).unwrap_or("without a name"))
}
