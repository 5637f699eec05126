//! # A key is taken out of the account's hands
//!
//! **Watches** of AWS KMS `PutKeyPolicy` and `CreateKey`.
//!
//! **Why** A key policy that does not leave the key to the account's IAM leaves it to those whom it names alone. If they go,
//! or are an intruder, only AWS Support gets the key back. Who skips KMS's check against locking oneself out (`BypassPolicyLockoutSafetyCheck`)
//! may mean just that.
//!
//! **Does** Alerts and touches nothing: Snapback's role gets no further than the account does. The notice has the command
//! that writes a policy.
//!
//! **Leaves alone**
//! - policies in which the account's root principal may change the policy, without a condition
//! - keys that are created with the policy that KMS gives to new keys

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;

use crate::told::{self, SERVICE, is_left_to_the_account, key_of};

#[derive(Debug)]
pub(crate) struct UndelegatedKey;

impl Noticed for UndelegatedKey {
    const ABOUT: &'static About = &About {
        id: "kms-undelegated-key",
        title: "A key is taken out of the account's hands",
        happened: "is no longer left to the account's IAM",
        watches: &[Watch { service: SERVICE, name: "PutKeyPolicy" }, Watch { service: SERVICE, name: "CreateKey" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1531", "ATT&CK T1486"],
        caveat: "Only those whom the policy names can write another one.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let subject = told::subject(event);
        let Some(policy) = json::text(&event.request, "policy") else {
            let why = format!("{} put a key policy, and the event does not contain it", event.actor);
            return json::is_left_out(&event.request).then_some(Risk { subject, severity: Severity::Medium, why });
        };
        if is_left_to_the_account(policy, &event.account) || settings.own.keys.contains(&subject.arn) {
            return None;
        }
        let bypasses = event.request["bypassPolicyLockoutSafetyCheck"] == true;
        let (severity, how) = if bypasses {
            (Severity::High, ", and has skipped KMS's check against locking oneself out")
        } else {
            (Severity::Medium, "")
        };
        let id = key_of(&subject).unwrap_or("KEY");
        let why = format!(
            "{} put a key policy that does not leave the key to the account{how}. As one whom it names, write one that names \
             the account: `aws kms put-key-policy --region {} --key-id {id} --policy-name default --policy file://policy.json`",
            event.actor, event.region
        );
        Some(Risk { subject, severity, why })
    }
}
