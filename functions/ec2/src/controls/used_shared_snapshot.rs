//! # A stranger has used a shared snapshot
//!
//! **Watches** `SharedSnapshotCopyInitiated`, `SharedSnapshotVolumeCreated`.
//!
//! **Why** AWS notifies the owner when another account copies a snapshot that is shared with it, or creates a volume
//! from it. From then on that account has the data.
//!
//! **Does** Alerts with the highest severity and names the account. Nothing can revoke a copy.
//!
//! **Leaves alone**
//! - accounts that the operator trusts
//! - the account in which GuardDuty scans for malware

use anyhow::Result;
use snapback::change::Ec2;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, Kind};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::sharing::is_trusted;
use crate::told::text;

#[derive(Debug)]
pub(crate) struct UsedSharedSnapshot;

impl Control for UsedSharedSnapshot {
    const ABOUT: &'static About = &About {
        id: "ec2-used-shared-snapshot",
        title: "A stranger has used a shared snapshot",
        happened: "was used by a stranger",
        watches: &[
            Watch { service: "ec2.amazonaws.com", name: "SharedSnapshotCopyInitiated" },
            Watch { service: "ec2.amazonaws.com", name: "SharedSnapshotVolumeCreated" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1537", "Stratus aws.exfiltration.ec2-share-ebs-snapshot"],
        caveat: "Treat everything on the disk as known to that account: change every secret on it.",
        source: file!(),
    };

    /// Who shared it with whom is told by other events.
    /// <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-modifying-snapshot-permissions.html#shared-snapshot-cloudtrail-logging>
    const WATCHES: Kind = Kind::ServiceEvent;

    /// There is nothing to look at: it has happened.
    type State = ();
    type Change = Ec2;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        if event.actor.account.as_ref().is_some_and(|account| is_trusted(account, event, settings)) {
            return vec![];
        }
        let subject = text(&event.request, "snapshotId")
            .map_or_else(|| Subject::account(event), |id| Subject::snapshot(event, id));
        vec![Suspicion { subject, why: why(event) }]
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, _: &Suspicion, (): &(), _: &Given<'_>) -> Decision<Ec2> {
        Decision::Alert { severity: Severity::Critical, why: why(event) }
    }

    fn after((): &(), _: &Ec2) {}
}

/// Of a service event the actor is the account that used it.
fn why(event: &Event) -> String {
    let account =
        event.actor.account.as_deref().map_or_else(|| "an account not told".to_owned(), |id| format!("account {id}"));
    let snapshot =
        text(&event.request, "snapshotId").map_or_else(|| "a snapshot".to_owned(), |id| format!("snapshot `{id}`"));
    match event.name.as_str() {
        "SharedSnapshotCopyInitiated" => format!("{account} copies {snapshot}"),
        _ => format!("{account} has made a volume of {snapshot}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used_by(account: &str) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "SharedSnapshotCopyInitiated", "eventType": "AwsServiceEvent", "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "serviceEventDetails": {"snapshotId": "snap-1"},
            "userIdentity": {"type": "AWSAccount", "accountId": account, "invokedBy": "ec2.amazonaws.com"},
        });
        Event::from_record(record).expect("an event")
    }

    #[test]
    fn a_stranger_is_named_and_nobody_else() {
        let trusting = Settings { trusted_accounts: ["222233334444".to_owned()].into(), ..Settings::default() };
        let said = |account| UsedSharedSnapshot::suspect(&used_by(account), &trusting).pop().map(|found| found.why);
        assert_eq!(said("444455556666").as_deref(), Some("account 444455556666 copies snapshot `snap-1`"));
        for known in ["111122223333", "222233334444", "002294850712"] {
            assert_eq!(said(known), None, "{known}");
        }
        assert!(said("").is_some_and(|why| why.starts_with("an account not told")));
    }

    #[test]
    fn an_api_call_of_the_same_name_is_none_of_it() {
        let control = snapback::control::AnyControl::of::<UsedSharedSnapshot>();
        let mut event = used_by("444455556666");
        assert!(control.watches(&event));
        event.kind = Kind::ApiCall;
        assert!(!control.watches(&event));
    }
}
