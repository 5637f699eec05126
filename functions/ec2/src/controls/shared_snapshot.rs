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
pub(crate) struct SharedSnapshot;

impl Control for SharedSnapshot {
    const ABOUT: &'static About = &About {
        id: "ec2-shared-snapshot",
        title: "A snapshot is shared with strangers",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifySnapshotAttribute" }],
        reads: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE],
        writes: &[rights::UNSHARE_SNAPSHOT],
        undoes: &[rights::DESCRIBE_SNAPSHOT_ATTRIBUTE, rights::SHARE_SNAPSHOT],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP EC2.1", "ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ebs-snapshot"],
        caveat: "Who has copied the snapshot keeps the copy: look for SharedSnapshotCopyInitiated and SharedSnapshotVolumeCreated in CloudTrail.",
        source: file!(),
    };

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::SNAPSHOTS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        told(event).suspect(event, settings, Subject::snapshot)
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(id) = id_of(&suspicion.subject) else { return Ok(State::default()) };
        let of = Shared::Snapshot(id.to_owned());
        Ok(State { shared_with: Box::pin(aws::shared_with(look.place, &of)).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        told(event).decide(event, suspicion, Shared::Snapshot, state, given)
    }

    fn after(state: &State, change: &Ec2) -> State {
        sharing::after(state, change)
    }
}

fn told(event: &Event) -> Told {
    Told::of_permission(event, "snapshotId", "createVolumePermission")
}
