//! What events of AWS Config tell, alike for all controls.

use serde_json::Value;
use snapback::control::Suspicion;
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "config.amazonaws.com";

const KIND: &str = "AWS Config";

/// In these words an undo holds on to what it restores, for each control that hears of it.
pub(crate) const STOPPED: &str = "not recording";
pub(crate) const NO_CHANNEL: &str = "without its delivery channel";

/// AWS Config in the Region of an event. There it has one recorder that customers manage, and one delivery channel, so that
/// both are one subject: what an operator has undone of one is held for the other. AWS has no ARN for it; this one is in its
/// form.
pub(crate) fn config(event: &Event) -> Subject {
    let page = format!("config/home?region={}#/settings", event.region);
    Subject::part(event, KIND, &event.region, "config", "account-setting/", &page)
}

pub(crate) fn is_config(subject: &Subject) -> bool {
    subject.kind == KIND
}

/// That something was done to what a call names in this field: `configuration recorder`, `was stopped`.
pub(crate) fn suspicion(event: &Event, what: &str, named: (&Value, &str), done: &str) -> Suspicion {
    let why = match json::text(named.0, named.1) {
        Some(name) => format!("{what} `{name}` {done}"),
        None => format!("the {what} {done}"),
    };
    Suspicion { subject: config(event), why }
}
