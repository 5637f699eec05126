//! What events of AWS Config tell, alike for all controls.

use serde_json::Value;
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "config.amazonaws.com";

const RECORDER: &str = "configuration recorder";
const CHANNEL: &str = "delivery channel";

/// A recorder by its name. AWS's ARN of it has an id besides, which no event tells.
pub(crate) fn recorder(event: &Event, name: &str) -> Subject {
    Subject::part(event, RECORDER, name, "config", "configuration-recorder/", &page(event))
}

/// A delivery channel by its name. AWS has no ARN for it; this one is in its form.
pub(crate) fn channel(event: &Event, name: &str) -> Subject {
    Subject::part(event, CHANNEL, name, "config", "delivery-channel/", &page(event))
}

/// What a call is upon by the name in this field; the account if the event does not tell it.
pub(crate) fn subject(event: &Event, of: &Value, field: &str, named: fn(&Event, &str) -> Subject) -> Subject {
    json::text(of, field).map_or_else(|| Subject::account(event), |name| named(event, name))
}

/// The name of a subject that is a recorder.
pub(crate) fn recorder_of(subject: &Subject) -> Option<&str> {
    (subject.kind == RECORDER).then_some(subject.name.as_str())
}

/// The name of a subject that is a delivery channel.
pub(crate) fn channel_of(subject: &Subject) -> Option<&str> {
    (subject.kind == CHANNEL).then_some(subject.name.as_str())
}

fn page(event: &Event) -> String {
    format!("config/home?region={}#/settings", event.region)
}
