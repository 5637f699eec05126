//! # New volumes are encrypted with a stranger's key
//!
//! **Watches** `ModifyEbsDefaultKmsKeyId`.
//!
//! **Why** Whoever owns the key decides who can read the volumes, and can take them away from everybody by disabling it.
//! Ransom works that way.
//!
//! **Does** Alerts and touches nothing: the event does not say which key was the default before. The notice has the
//! command that goes back to the key that AWS manages.
//!
//! **Leaves alone**
//! - keys of its own account, and of accounts that the operator trusts

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk, account_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::sharing::is_trusted;
use crate::told::{answer, parameters, text};

#[derive(Debug)]
pub(crate) struct ForeignDefaultKey;

impl Noticed for ForeignDefaultKey {
    const ABOUT: &'static About = &About {
        id: "ec2-foreign-default-key",
        title: "New volumes are encrypted with a stranger's key",
        happened: "was set to a key you do not own",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "ModifyEbsDefaultKmsKeyId" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1486"],
        caveat: "Volumes that were created in the meantime keep the key: copy their data to new ones.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let key = text(answer(event), "kmsKeyId").or_else(|| text(parameters(event), "kmsKeyId"));
        // An id or an alias without an account is of the account's own.
        let owner = key.map(|key| account_in(key).unwrap_or(&event.account));
        if owner.is_some_and(|owner| is_trusted(owner, event, settings)) {
            return None;
        }
        let key = key.map_or("a key that the event does not say".to_owned(), |key| format!("key `{key}`"));
        let why = format!(
            "new volumes are encrypted with {key}. To go back to the key that AWS manages, run `aws ec2 \
             reset-ebs-default-kms-key-id`"
        );
        Some(Risk { subject: Subject::switch(event, "ebs-default-kms-key"), severity: Severity::High, why })
    }
}
