//! # A snapshot is shared with strangers
//!
//! **Watches** `ModifySnapshotAttribute`.
//!
//! **Why** Everyone with whom a snapshot is shared can copy the whole disk, and keeps the copy. This is how data leaves
//! an account without a byte going through its network (Stratus Red Team: `ec2-share-ebs-snapshot`).
//!
//! **Does** Stops sharing with those with whom this event shared it: everyone, and strangers. Whoever had it
//! before keeps it, and the notice says so.
//!
//! **Leaves alone**
//! - its own account, accounts that the operator trusts, and the account in which GuardDuty scans for malware
//! - those with whom it is no longer shared
//! - those with whom it was shared before
//! - those with whom an operator has shared it again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say with whom the snapshot was shared.

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
pub(crate) struct SharedSnapshot;

impl Shareable for SharedSnapshot {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-snapshot",
        title: "A snapshot is shared with strangers",
        happened: "was shared with strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifySnapshotAttribute" }],
        reads: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE],
        writes: &[rights::UNSHARE_SNAPSHOT],
        undoes: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE, rights::SHARE_SNAPSHOT],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP EC2.1",
            "ATT&CK T1537",
            "Stratus aws.exfiltration.ec2-share-ebs-snapshot",
            "endgame ebs",
        ],
        caveat: "Whoever copied the snapshot keeps the copy: look for SharedSnapshotCopyInitiated and \
                 SharedSnapshotVolumeCreated in CloudTrail.",
        source: file!(),
    };

    const SURVEY: Survey = surveys::SNAPSHOTS;

    type Of = OfEc2;

    fn subject(event: &Event, id: &str) -> Subject {
        Subject::snapshot(event, id)
    }

    fn of(subject: &Subject) -> Option<Shared> {
        id_of(subject).map(|id| Shared::Snapshot(id.to_owned()))
    }

    fn told(event: &Event) -> Told {
        told_by_permission(event, "snapshotId", "createVolumePermission")
    }
}
