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

use snapback::change::Shared;
use snapback::control::{About, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::subject::Subject;

use crate::aws::surveys;
use crate::rights;
use crate::sharing::{Shareable, Told};

#[derive(Debug)]
pub(crate) struct SharedImage;

impl Shareable for SharedImage {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-image",
        title: "An AMI is shared with strangers",
        happened: "was shared with outsiders",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyImageAttribute" }],
        reads: &[rights::DESCRIBE_IMAGE_ATTRIBUTE],
        writes: &[rights::MODIFY_IMAGE_ATTRIBUTE],
        undoes: &[rights::DESCRIBE_IMAGE_ATTRIBUTE, rights::MODIFY_IMAGE_ATTRIBUTE],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ami"],
        caveat: "Who has copied the AMI, or started an instance of it, keeps what they have.",
        source: file!(),
    };

    const SURVEY: Survey = surveys::IMAGES;
    const SUBJECT: fn(&Event, &str) -> Subject = Subject::image;
    const OF: fn(String) -> Shared = Shared::Image;

    fn told(event: &Event) -> Told {
        Told::of_permission(event, "imageId", "launchPermission")
    }
}
