//! # An AMI is shared with strangers
//!
//! **Watches** `ModifyImageAttribute`.
//!
//! **Why** Everyone with whom an AMI is shared can start it and read its disks, with all code and keys on them (Stratus
//! Red Team: `ec2-share-ami`).
//!
//! **Does** Stops sharing with those with whom this event shared it: everyone, untrusted accounts, and untrusted
//! organizations and their units. Whoever had it before keeps it, and the notice says so.
//!
//! **Leaves alone**
//! - its own account and organization, and those that the operator trusts
//! - those with whom it is no longer shared
//! - those with whom it was shared before
//! - those with whom an operator has shared it again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say with whom the AMI was shared, and, as long as no
//! organization is trusted, where it was shared with one: Snapback does not know which is your own. It knows an
//! organization as your own only if this account manages it.

use snapback::change::Shared;
use snapback::control::{About, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::sharing::{Shareable, Told};
use snapback::subject::Subject;

use crate::aws::surveys;
use crate::rights;
use crate::sharing::{OfEc2, told_by_permission};
use crate::told::id_of;

#[derive(Debug)]
pub(crate) struct SharedImage;

impl Shareable for SharedImage {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-image",
        title: "An AMI is shared with strangers",
        happened: "was shared with strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyImageAttribute" }],
        reads: &[rights::DESCRIBE_IMAGE_ATTRIBUTE],
        writes: &[rights::MODIFY_IMAGE_ATTRIBUTE],
        undoes: &[rights::DESCRIBE_IMAGE_ATTRIBUTE, rights::MODIFY_IMAGE_ATTRIBUTE],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ami", "endgame ami"],
        caveat: "Whoever copied the AMI, or started an instance from it, keeps what they have.",
        source: file!(),
    };

    const SURVEY: Survey = surveys::IMAGES;

    type Of = OfEc2;

    fn subject(event: &Event, id: &str) -> Subject {
        Subject::image(event, id)
    }

    fn of(subject: &Subject) -> Option<Shared> {
        id_of(subject).map(|id| Shared::Image(id.to_owned()))
    }

    fn told(event: &Event) -> Told {
        told_by_permission(event, "imageId", "launchPermission")
    }
}
