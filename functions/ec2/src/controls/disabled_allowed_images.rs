//! # Instances may start from any image
//!
//! **Watches** `DisableAllowedImagesSettings`, `EnableAllowedImagesSettings`.
//!
//! **Why** Allowed AMIs keep people from starting instances from images of strangers, which may carry a backdoor or
//! have a name that looks like a well-known one.
//!
//! **Does** Alerts and touches nothing: the event does not say whether the setting was enforced before, or only audited.
//! The notice has the command that enforces it.
//!
//! **Leaves alone**
//! - settings that are enforced

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{parameters, text};

const SERVICE: &str = "ec2.amazonaws.com";

#[derive(Debug)]
pub(crate) struct DisabledAllowedImages;

impl Noticed for DisabledAllowedImages {
    const ABOUT: &'static About = &About {
        id: "ec2-disabled-allowed-images",
        title: "Instances may start from any image",
        happened: "was set to allow any image",
        watches: &[
            Watch { service: SERVICE, name: "DisableAllowedImagesSettings" },
            Watch { service: SERVICE, name: "EnableAllowedImagesSettings" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1204.003"],
        caveat: "Instances that were started in the meantime go on running: check their images.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let state = match event.name.as_str() {
            "DisableAllowedImagesSettings" => "disabled",
            _ => {
                text(parameters(event), "allowedImagesSettingsState").unwrap_or("something that the event does not say")
            }
        };
        if state == "enabled" {
            return None;
        }
        let why = format!(
            "the setting of allowed images is `{state}`, so any image can be started. To enforce it again, run `aws ec2 \
             enable-allowed-images-settings --allowed-images-settings-state enabled`"
        );
        Some(Risk { subject: Subject::switch(event, "allowed-images"), severity: Severity::Medium, why })
    }
}
