//! One file each: what is done to Snapback itself.

mod changed_alarm;
mod changed_function;
mod changed_log_group;
mod changed_queue;
mod changed_role;
mod disabled_key;
mod muted_topic;
mod opened_event_bus;
mod silenced_rule;
mod stopped_reverts;
mod unlisted_members;
mod unprotected_journal;

pub(crate) use changed_alarm::ChangedAlarm;
pub(crate) use changed_function::ChangedFunction;
pub(crate) use changed_log_group::ChangedLogGroup;
pub(crate) use changed_queue::ChangedQueue;
pub(crate) use changed_role::ChangedRole;
pub(crate) use disabled_key::DisabledKey;
pub(crate) use muted_topic::MutedTopic;
pub(crate) use opened_event_bus::OpenedEventBus;
pub(crate) use silenced_rule::SilencedRule;
pub use silenced_rule::{OLDEST_SECONDS, RETRIES, function_of};
pub(crate) use stopped_reverts::StoppedReverts;
pub(crate) use unlisted_members::UnlistedMembers;
pub(crate) use unprotected_journal::UnprotectedJournal;

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};
    use snapback::event::{Event, SCHEDULED};

    /// Somebody's call, past CloudFormation.
    pub(crate) fn call(service: &str, name: &str, request: Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    pub(crate) fn look() -> Event {
        let scheduled = json!({
            "source": "aws.events", "detail-type": SCHEDULED, "account": "111122223333", "region": "eu-central-1",
            "id": "e-2", "time": "2026-01-31T12:00:00Z", "resources": [], "detail": {},
        });
        Event::from_envelope(scheduled).expect("an event")
    }
}
