//! # A replica of a key lets strangers in
//!
//! **Watches** of AWS KMS `ReplicateKey`.
//!
//! **Why** A replica has the same material as its primary key and a policy of its own. Whoever may use the replica decrypts what
//! was encrypted with the primary key, in a Region in which perhaps nobody looks.
//!
//! **Does** Alerts and touches nothing: the replica is in another Region than the event. Where Snapback guards that Region,
//! the policy is judged there as well (`kms-open-key-policy`). The notice has the command that shows it.
//!
//! **Leaves alone**
//! - replicas whose policy lets no stranger in
//! - replicas with the policy that KMS gives to new keys

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, strangers_in};
use snapback::settings::Settings;

use crate::told::{self, SERVICE, key_of};

#[derive(Debug)]
pub(crate) struct ForeignReplica;

impl Noticed for ForeignReplica {
    const ABOUT: &'static About = &About {
        id: "kms-foreign-replica",
        title: "A replica of a key lets strangers in",
        happened: "was replicated for strangers",
        watches: &[Watch { service: SERVICE, name: "ReplicateKey" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1098", "ATT&CK T1535"],
        caveat: "What was decrypted with the replica is known to whoever did it.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let policy = json::text(&event.request, "policy");
        if policy.is_none() && !json::is_left_out(&event.request) {
            return None;
        }
        let (severity, strangers) = strangers_in(policy, event, settings)?;
        let subject = told::subject(event);
        let (key, region) = (key_of(&subject).unwrap_or("KEY"), json::text(&event.request, "replicaRegion"));
        let region = region.unwrap_or("REGION");
        let why = format!(
            "{} replicated it to {region}: {strangers}. To see the replica's policy: `aws kms get-key-policy --region {region} \
             --key-id {key} --policy-name default`",
            event.actor
        );
        Some(Risk { subject, severity, why })
    }
}
