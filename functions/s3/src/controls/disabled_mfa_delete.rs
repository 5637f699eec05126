//! # Objects can be deleted without MFA
//!
//! **Watches** `PutBucketVersioning`.
//!
//! **Why** With MFA Delete, nobody deletes a version of an object for good without the root user's MFA device: not even
//! whoever has stolen an administrator's credentials.
//!
//! **Does** Alerts and touches nothing: only the account's root user can enable it again, with the MFA device.
//!
//! **Leaves alone**
//! - calls of anybody but the root user: S3 accepts a change of MFA Delete from nobody else
//! - versioning that is changed without MFA Delete

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;

use crate::told::subject;

#[derive(Debug)]
pub(crate) struct DisabledMfaDelete;

impl Noticed for DisabledMfaDelete {
    const ABOUT: &'static About = &About {
        id: "s3-disabled-mfa-delete",
        title: "Objects can be deleted without MFA",
        happened: "lost MFA Delete",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketVersioning" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP S3.20", "ATT&CK T1490"],
        caveat: "Check CloudTrail's data events for versions that were deleted in the meantime.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let told = &event.request["VersioningConfiguration"];
        let is_kept = match json::text(told, "MfaDelete") {
            Some(state) => state == "Enabled",
            None => !json::is_left_out(told),
        };
        if event.actor.kind != "Root" || is_kept {
            return None;
        }
        let doubt = if json::is_left_out(told) { "perhaps (the event does not say) " } else { "" };
        let subject = subject(event);
        let why = format!(
            "{doubt}the root user disabled MFA Delete. To enable it again, the root user runs `aws s3api \
             put-bucket-versioning --bucket {} --versioning-configuration Status=Enabled,MFADelete=Enabled --mfa 'SERIAL CODE'`",
            if subject.kind == "bucket" { &subject.name } else { "BUCKET" }
        );
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}
