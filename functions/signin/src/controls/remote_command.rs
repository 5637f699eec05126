//! # A command or a session was started on an instance
//!
//! **Watches** `SendCommand`, `StartSession`.
//!
//! **Why** Systems Manager reaches instances without a network, and what runs there has the instance's role (Stratus Red
//! Team: `ssm-send-command`, `ssm-start-session`, `ec2-steal-instance-credentials`).
//!
//! **Does** Alerts. Many accounts work like this all day, so it is off until `ModeOverrides` names it. To stop one:
//! `aws ssm cancel-command`, `aws ssm terminate-session`.
//!
//! **Leaves alone**
//! - documents of AWS that only patch, take stock or update the agent

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

/// What they run is AWS's, and no parameter of theirs is a command or a place to get one from.
const HARMLESS: [&str; 3] = ["AWS-RunPatchBaseline", "AWS-GatherSoftwareInventory", "AWS-UpdateSSMAgent"];

#[derive(Debug)]
pub(crate) struct RemoteCommand;

impl Noticed for RemoteCommand {
    const ABOUT: &'static About = &About {
        id: "signin-remote-command",
        title: "A command or a session was started on an instance",
        happened: "got a command by Systems Manager",
        watches: &[
            Watch { service: "ssm.amazonaws.com", name: "SendCommand" },
            Watch { service: "ssm.amazonaws.com", name: "StartSession" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &[
            "ATT&CK T1651",
            "Stratus aws.credential-access.ec2-steal-instance-credentials",
            "Stratus aws.execution.ssm-send-command",
            "Stratus aws.execution.ssm-start-session",
        ],
        caveat: "The credentials of the instance's role may be known to who has run it.",
        source: file!(),
    };

    const OPT_IN: bool = true;

    fn happened(event: &Event) -> &'static str {
        if is_session(event) { "got a session by Systems Manager" } else { Self::ABOUT.happened }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let document = json::text(&event.request, "documentName");
        if document.is_some_and(|document| HARMLESS.contains(&document)) {
            return None;
        }
        let with = document.map(|document| format!(" with document `{document}`")).unwrap_or_default();
        let what = if is_session(event) { "started a session" } else { "sent a command" };
        let subject = lone_instance(event).map_or_else(|| Subject::account(event), |id| Subject::instance(event, id));
        Some(Risk { subject, severity: Self::ABOUT.severity, why: format!("{} {what}{with}", event.actor) })
    }
}

fn is_session(event: &Event) -> bool {
    event.name == "StartSession"
}

/// The instance that it is on, if it is on one alone.
fn lone_instance(event: &Event) -> Option<&str> {
    let listed = json::list(&event.request["instanceIds"]);
    let lone = match listed[..] {
        [lone] => lone.as_str(),
        _ => json::text(&event.request, "target"),
    };
    lone.filter(|id| id.starts_with("i-"))
}
