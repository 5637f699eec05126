//! # An image or an instance is exported to a bucket
//!
//! **Watches** `ExportImage`, `CreateStoreImageTask`, `CreateInstanceExportTask`.
//!
//! **Why** An export writes whole disks into a bucket, and the event does not say whose bucket that is. Once they are
//! there, neither the account's snapshots nor its Block Public Access protect them.
//!
//! **Does** Alerts and touches nothing: an export that is stopped halfway leaves what it has written. The notice has the
//! command that cancels it.
//!
//! **Leaves alone**
//! - exports by EC2 Image Builder, which writes where the distribution of its pipeline says

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{answer, field, parameters, text};

const SERVICE: &str = "ec2.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ExportedData;

impl Noticed for ExportedData {
    const ABOUT: &'static About = &About {
        id: "ec2-exported-data",
        title: "An image or an instance is exported to a bucket",
        happened: "was exported to a bucket",
        watches: &[
            Watch { service: SERVICE, name: "ExportImage" },
            Watch { service: SERVICE, name: "CreateStoreImageTask" },
            Watch { service: SERVICE, name: "CreateInstanceExportTask" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1537"],
        caveat: "Treat everything on its disks as known to the owner of the bucket, and to whom that bucket lets in.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let request = parameters(event);
        // AWS sets this, and nobody else can.
        if event.actor.invoked_by.as_deref() == Some("imagebuilder.amazonaws.com") {
            return None;
        }
        let bucket = bucket(request).map_or("a bucket that is not told".to_owned(), |name| format!("bucket `{name}`"));
        let task = text(answer(event), "exportImageTaskId")
            .or_else(|| text(field(answer(event), "exportTask"), "exportTaskId"))
            .unwrap_or("EXPORT_TASK_ID");
        let stop = match event.name.as_str() {
            "CreateStoreImageTask" => "delete the object that the task writes there".to_owned(),
            _ => format!("run `aws ec2 cancel-export-task --export-task-id {task}`"),
        };
        let (subject, what) = match (text(request, "imageId"), text(request, "instanceId")) {
            (Some(image), _) => (Subject::image(event, image), format!("image `{image}`")),
            (_, Some(instance)) => (Subject::instance(event, instance), format!("instance `{instance}`")),
            _ => (Subject::account(event), "an image or an instance that is not told".to_owned()),
        };
        let why = format!("{what} is exported to {bucket}. Check whose bucket that is; to stop it, {stop}");
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}

/// Each call has it in another place.
fn bucket(request: &Value) -> Option<&str> {
    let places = [field(request, "s3ExportLocation"), field(request, "exportToS3"), request];
    places.into_iter().find_map(|place| text(place, "s3Bucket").or_else(|| text(place, "bucket")))
}
