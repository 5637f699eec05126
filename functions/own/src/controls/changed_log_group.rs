//! # A log group of Snapback was changed
//!
//! **Watches** `DeleteLogGroup`, `DeleteLogStream`, `PutRetentionPolicy`.
//!
//! **Why** The log is where Snapback says what it saw and why it touched nothing, and the only place for what the journal
//! could not take.
//!
//! **Does** Alerts. What was deleted cannot be restored, and the event does not contain the previous retention.
//!
//! **Leaves alone**
//! - log groups that are named like Snapback's, but are not part of its stack
//! - log groups of other names
//!
//! Changes made by a deployment are of severity `medium`.

use anyhow::Result;
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::parts::{LOG_GROUP, Part, changed, gone};
use crate::rights;

const SERVICE: &str = "logs.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ChangedLogGroup;

impl Control for ChangedLogGroup {
    const ABOUT: &'static About = &About {
        id: "own-changed-log-group",
        title: "A log group of Snapback was changed",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "DeleteLogGroup" },
            Watch { service: SERVICE, name: "DeleteLogStream" },
            Watch { service: SERVICE, name: "PutRetentionPolicy" },
        ],
        reads: &[rights::LIST_STACK_RESOURCES],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1070"],
        caveat: "What was decided and done is in the journal: read `snapback history`.",
        source: file!(),
    };

    type State = Part;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        LOG_GROUP.suspect(event, settings, json::text(&event.request, "logGroupName"))
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<Part> {
        let seen = LOG_GROUP.look(look, suspicion, |_| []).await?;
        Ok(seen.map(|(part, [])| part).unwrap_or_default())
    }

    fn decide(event: &Event, suspicion: &Suspicion, part: &Part, _: &Given<'_>) -> Decision<Own> {
        if !part.is(event, &suspicion.subject) {
            return part.is_none(event, &suspicion.subject);
        }
        match event.name.as_str() {
            "DeleteLogGroup" => gone(event, "the log group is deleted, with all that its function had logged"),
            "DeleteLogStream" => changed(event, "a part of what its function had logged was deleted"),
            _ => changed(event, "its log retention was changed"),
        }
    }

    fn after(part: &Part, _: &Own) -> Part {
        part.clone()
    }
}
