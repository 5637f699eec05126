//! # Instances may start from any image
//!
//! **Watches** `DisableAllowedImagesSettings`, `EnableAllowedImagesSettings`.
//!
//! **Why** Allowed AMIs keep people from starting instances from images of strangers, which may carry a backdoor or
//! have a name that looks like a well-known one.
//!
//! **Does** Sets it to the mode of the baseline again, which a daily scheduled check keeps and which must be less than two
//! days old. The criteria for images stay as they are.
//!
//! **Leaves alone**
//! - settings that are enforced
//! - a mode that is the baseline's
//! - a mode that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing without a baseline: the event does not say whether the setting was enforced before, or
//! only audited. The notice has the command that enforces it. Where a declarative policy of the organization manages the
//! setting, AWS refuses both the change and its revert.

use snapback::change::{Ec2, Switch};
use snapback::control::{About, Given, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;

use crate::rights;
use crate::switch::{Position, State, Switched};
use crate::told::{parameters, text};

const SERVICE: &str = "ec2.amazonaws.com";
const ENFORCED: &str = "enabled";
const MODES: [&str; 2] = [ENFORCED, "audit-mode"];

#[derive(Debug)]
pub(crate) struct DisabledAllowedImages;

impl Switched for DisabledAllowedImages {
    const ABOUT: &'static About = &About {
        id: "ec2-disabled-allowed-images",
        title: "Instances may start from any image",
        happened: "was set to allow any image",
        watches: &[
            Watch { service: SERVICE, name: "DisableAllowedImagesSettings" },
            Watch { service: SERVICE, name: "EnableAllowedImagesSettings" },
        ],
        reads: &[rights::GET_ALLOWED_IMAGES_SETTINGS],
        writes: &[rights::ENABLE_ALLOWED_IMAGES_SETTINGS],
        undoes: &[
            rights::GET_ALLOWED_IMAGES_SETTINGS,
            rights::ENABLE_ALLOWED_IMAGES_SETTINGS,
            rights::DISABLE_ALLOWED_IMAGES_SETTINGS,
        ],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1204.003"],
        caveat: "Instances that were started in the meantime go on running: check their images.",
        source: file!(),
    };
    const REMEMBERS: bool = true;

    const POSITION: Position =
        Position { of: Switch::AllowedImages, risky: "disabled", safe: ENFORCED, severity: Severity::Medium };

    fn suspect(event: &Event) -> Vec<Suspicion> {
        let mode = match event.name.as_str() {
            "DisableAllowedImagesSettings" => Some("disabled"),
            _ => text(parameters(event), "allowedImagesSettingsState"),
        };
        if mode == Some(ENFORCED) {
            return vec![];
        }
        vec![Self::POSITION.suspicion(event, mode)]
    }

    fn decide(event: &Event, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        let before = before.and_then(|(before, _)| MODES.into_iter().find(|mode| mode == before));
        let Some(risky) = ["disabled", MODES[1]].into_iter().find(|mode| *mode == state.is) else {
            return Self::POSITION.decide(state, given, vec![]);
        };
        match before {
            Some(before) if before == risky => {
                Decision::Allow { why: format!("{} is `{risky}`, as it was before", Self::POSITION.of) }
            }
            Some(safe) => Position { risky, safe, ..Self::POSITION }.decide(state, given, vec![]),
            // AWS has it disabled until somebody sets it.
            None if event.is_look() => Decision::Allow { why: format!("{} is `{risky}`", Self::POSITION.of) },
            None => Decision::Alert {
                severity: Severity::Medium,
                why: format!(
                    "{} is `{risky}`, so any image can be started; how it was before is not known. To enforce it, run `aws ec2 \
                     enable-allowed-images-settings --allowed-images-settings-state enabled`",
                    Self::POSITION.of
                ),
            },
        }
    }
}
