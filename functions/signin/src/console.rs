//! Sign-ins to the console, as their records tell them.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html>

use snapback::control::Watch;
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const LOGIN: Watch = Watch { service: "signin.amazonaws.com", name: "ConsoleLogin" };

/// What stands for a name that no user has: people type their passwords into the wrong field.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// Whether it may have succeeded: a record that does not tell counts as both.
pub(crate) fn may_have_succeeded(event: &Event) -> bool {
    json::text(&event.response, "ConsoleLogin") != Some("Failure")
}

/// Whether it may have failed.
pub(crate) fn may_have_failed(event: &Event) -> bool {
    json::text(&event.response, "ConsoleLogin") != Some("Success")
}

pub(crate) fn with_mfa(event: &Event) -> bool {
    json::text(&event.request, "MFAUsed") == Some("Yes")
}

/// The IAM user who signs in. The record of a failure has no ARN, so the user goes by its name whether it succeeds or not.
pub(crate) fn user(event: &Event) -> Option<Subject> {
    let name = event.actor.name.as_deref().filter(|name| *name != HIDDEN)?;
    (event.actor.kind == "IAMUser").then(|| Subject::user(event, name))
}

/// From where, as AWS has seen it.
pub(crate) fn from(event: &Event) -> &str {
    event.actor.source_address.as_deref().unwrap_or("an unknown address")
}
