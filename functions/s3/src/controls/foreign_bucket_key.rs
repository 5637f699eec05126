//! # A bucket encrypts with a stranger's key
//!
//! **Watches** `PutBucketEncryption`.
//!
//! **Why** Whoever owns the key decides who can read what is written from now on, and can take it away from everybody by
//! disabling the key. Ransom works that way.
//!
//! **Does** Alerts and touches nothing: the event does not say what the bucket's encryption was before. The notice has the
//! command that goes back to keys of Amazon S3.
//!
//! **Leaves alone**
//! - keys of its own account and of accounts that the operator trusts, and keys of Amazon S3
//!
//! A key that is named without its account is one of the caller's: the call is judged by who made it.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in};
use snapback::settings::Settings;

use crate::told::subject;

#[derive(Debug)]
pub(crate) struct ForeignBucketKey;

impl Noticed for ForeignBucketKey {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-bucket-key",
        title: "A bucket encrypts with a stranger's key",
        happened: "was set to encrypt with a stranger's key",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketEncryption" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1486"],
        caveat: "Objects that were written in the meantime keep the key: copy them onto themselves while you still can.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let encryption = &event.request["ServerSideEncryptionConfiguration"];
        let rules = json::list(&encryption["Rule"]);
        let keys = rules.iter().map(|rule| &rule["ApplyServerSideEncryptionByDefault"]);
        let foreign = keys.filter_map(|by_default| json::text(by_default, "KMSMasterKeyID")).find(|key| {
            let owner = account_in(key).or(event.actor.account.as_deref()).unwrap_or(&event.account);
            owner != event.account && !settings.trusted_accounts.contains(owner)
        });
        let key = match foreign {
            Some(key) => format!("key `{key}`, which is not yours"),
            None if rules.is_empty() => "a key that the event does not say".to_owned(),
            None => return None,
        };
        let subject = subject(event);
        let why = format!(
            "new objects are encrypted with {key}. To go back to keys of Amazon S3, run `aws s3api delete-bucket-encryption \
             --bucket {}`",
            if subject.kind == "bucket" { &subject.name } else { "BUCKET" }
        );
        Some(Risk { subject, severity: Severity::High, why })
    }
}
