//! # New volumes are no longer encrypted by default
//!
//! **Watches** `DisableEbsEncryptionByDefault`.
//!
//! **Why** Without the default, whoever forgets to request encryption gets an unencrypted disk, and an unencrypted
//! snapshot of it can be shared with everyone.
//!
//! **Does** Turns the default on again. The key stays as chosen before.
//!
//! **Leaves alone**
//! - a default that is on again
//! - a default that an operator has turned off with `snapback undo`
//!
//! The event does not say whether the default was on before. If you keep it off on purpose, use `snapback undo`, or
//! mode `notify` for this control.

use snapback::change::Switch;
use snapback::control::{About, Watch};
use snapback::decision::Severity;

use crate::rights;
use crate::switch::{Position, Switched};

#[derive(Debug)]
pub(crate) struct UnencryptedVolumes;

impl Switched for UnencryptedVolumes {
    const ABOUT: &'static About = &About {
        id: "ec2-unencrypted-volumes",
        title: "New volumes are no longer encrypted by default",
        happened: "was turned off",
        watches: &[Watch { service: "ec2.amazonaws.com", name: "DisableEbsEncryptionByDefault" }],
        reads: &[rights::GET_EBS_ENCRYPTION_BY_DEFAULT],
        writes: &[rights::ENABLE_EBS_ENCRYPTION_BY_DEFAULT],
        undoes: &[rights::GET_EBS_ENCRYPTION_BY_DEFAULT, rights::DISABLE_EBS_ENCRYPTION_BY_DEFAULT],
        severity: Severity::Medium,
        frameworks: &["AWS FSBP EC2.7", "CIS AWS Foundations 2.2.1"],
        caveat: "Volumes that were created in the meantime stay as they are: look for those that are not encrypted.",
        source: file!(),
    };

    const POSITION: Position =
        Position { of: Switch::EbsEncryptionByDefault, risky: "disabled", safe: "enabled", severity: Severity::Medium };
}
