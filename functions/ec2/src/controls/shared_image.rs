//! # An AMI is shared with strangers
//!
//! **Watches** `ModifyImageAttribute`.
//!
//! **Why** Whoever an AMI is shared with can start it and read its disks, with all code and keys that were left on them
//! (Stratus Red Team: `ec2-share-ami`).
//!
//! **Does** Takes out those with whom this event shared it and who are still there: everyone, accounts that are not
//! trusted, and organizations and their units that are not trusted. With whom it was shared before stays, and the alert
//! says so.
//!
//! **Leaves alone**
//! - its own account and organization, and those that the operator trusts
//! - those with whom it is no longer shared
//! - those with whom it was shared before
//! - those whom an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where the event does not tell with whom the AMI was shared, and, as long as no
//! organization is trusted, where it was shared with one: nothing here tells which is one's own. An organization is
//! known to be one's own only if this account manages it.

use anyhow::Result;
use snapback::change::{Ec2, Shared};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::rights;
use crate::sharing::{self, State, Told};
use crate::told::id_of;

#[derive(Debug)]
pub(crate) struct SharedImage;

impl Control for SharedImage {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-image",
        title: "An AMI is shared with strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyImageAttribute" }],
        reads: &[rights::DESCRIBE_IMAGE_ATTRIBUTE],
        writes: &[rights::MODIFY_IMAGE_ATTRIBUTE],
        undoes: &[rights::DESCRIBE_IMAGE_ATTRIBUTE, rights::MODIFY_IMAGE_ATTRIBUTE],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ami"],
        caveat: "Who has copied the AMI, or started an instance of it, keeps what they have.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::IMAGES);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        told(event).suspect(event, settings, Subject::image)
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let of = Shared::Image(id.to_owned());
        Ok(State { shared_with: Box::pin(aws::shared_with(look.place, &of)).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        told(event).decide(event, suspicion, Shared::Image, state, given)
    }

    fn after(state: &State, change: &Ec2) -> State {
        sharing::after(state, change)
    }
}

fn told(event: &Event) -> Told {
    Told::of_permission(event, "imageId", "launchPermission")
}
