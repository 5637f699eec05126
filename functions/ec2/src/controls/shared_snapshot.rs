//! # A snapshot is shared with strangers
//!
//! **Watches** `ModifySnapshotAttribute`.
//!
//! **Why** Whoever a snapshot is shared with can copy the whole disk, and keeps the copy. It is how data is carried out
//! of an account without a byte going through its network (Stratus Red Team: `ec2-share-ebs-snapshot`).
//!
//! **Does** Takes out those with whom this event shared it and who are still there: everyone, and accounts that are not
//! trusted. With whom it was shared before stays, and the alert says so.
//!
//! **Leaves alone**
//! - its own account, accounts that the operator trusts, and the account in which GuardDuty looks for malware
//! - those with whom it is no longer shared
//! - those with whom it was shared before
//! - those whom an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where the event does not tell with whom the snapshot was shared.

use snapback::change::Shared;
use snapback::control::{About, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::subject::Subject;

use crate::aws::surveys;
use crate::rights;
use crate::sharing::{Shareable, Told};

#[derive(Debug)]
pub(crate) struct SharedSnapshot;

impl Shareable for SharedSnapshot {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-snapshot",
        title: "A snapshot is shared with strangers",
        happened: "was shared with outsiders",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifySnapshotAttribute" }],
        reads: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE],
        writes: &[rights::UNSHARE_SNAPSHOT],
        undoes: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE, rights::SHARE_SNAPSHOT],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP EC2.1", "ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ebs-snapshot"],
        caveat: "Who has copied the snapshot keeps the copy: look for SharedSnapshotCopyInitiated and SharedSnapshotVolumeCreated in CloudTrail.",
        source: file!(),
    };

    const SURVEY: Survey = surveys::SNAPSHOTS;
    const SUBJECT: fn(&Event, &str) -> Subject = Subject::snapshot;
    const OF: fn(String) -> Shared = Shared::Snapshot;

    fn told(event: &Event) -> Told {
        Told::of_permission(event, "snapshotId", "createVolumePermission")
    }
}
