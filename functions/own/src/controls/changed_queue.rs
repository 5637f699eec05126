//! # A dead-letter queue of Snapback was changed, or is not empty
//!
//! **Watches** `DeleteQueue`, `PurgeQueue`, `SetQueueAttributes`, `AddPermission`, `RemovePermission`, and each
//! `Scheduled Event`, which counts the events that wait there.
//!
//! **Why** The queue keeps for a person what no function could handle. Each message is a risky change that may still be
//! in place. Whoever empties the queue, or shortens its retention, removes the only trace.
//!
//! **Does** Alerts. Deleted messages cannot be restored, and the event does not contain the previous settings. It
//! notifies of waiting events once a day, until the queue is empty.
//!
//! **Leaves alone**
//! - queues that are named like Snapback's, but are not part of its stack
//! - empty queues
//! - events that wait for a second look
//!
//! Changes made by a deployment are of severity `medium`.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::parts::{Part, QUEUE, changed, gone, own_name};
use crate::rights;

const SERVICE: &str = "sqs.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ChangedQueue;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub part: Part,
    /// Whether messages wait; nothing if the queue is gone.
    pub has_messages: Option<bool>,
}

impl Control for ChangedQueue {
    const ABOUT: &'static About = &About {
        id: "own-changed-queue",
        title: "A dead-letter queue of Snapback was changed, or is not empty",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "DeleteQueue" },
            Watch { service: SERVICE, name: "PurgeQueue" },
            Watch { service: SERVICE, name: "SetQueueAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "RemovePermission" },
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::LIST_STACK_RESOURCES, rights::GET_QUEUE_ATTRIBUTES],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1070"],
        caveat: "Events that were in the queue are still in CloudTrail's event history.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        QUEUE.suspect(event, settings, json::text(&event.request, "queueUrl").map(|url| own_name(event, url)))
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some((part, [address])) = QUEUE.look(look, suspicion, |id| [id.to_owned()]).await? else {
            return Ok(State::default());
        };
        if !part.is(event, &suspicion.subject) {
            return Ok(State { part, ..State::default() });
        }
        let has_messages = aws::has_messages(look.place, &address.unwrap_or_default()).await?;
        Ok(State { part, has_messages })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Own> {
        let State { part, has_messages } = state;
        if !part.is(event, &suspicion.subject) {
            return part.is_none(event, &suspicion.subject);
        }
        let what = match (event.name.as_str(), has_messages) {
            (_, None) => return gone(event, "the queue is deleted, and what cannot be handled is lost"),
            (SCHEDULED, Some(false)) => return Decision::Allow { why: "no event waits there".to_owned() },
            (SCHEDULED, Some(true)) if suspicion.subject.name.contains("-DelayedEvents-") => {
                return Decision::Allow { why: "what waits there waits for its time".to_owned() };
            }
            (SCHEDULED, Some(true)) => {
                let why = "events wait that no function could handle; look at the resources that they name".to_owned();
                return Decision::Alert { severity: Severity::High, why };
            }
            ("DeleteQueue", _) => return gone(event, "the queue is being deleted, and what it held is lost"),
            ("PurgeQueue", _) => "the events in it were thrown away",
            _ => "its settings were changed: who may send to it, and how long it keeps what it was sent",
        };
        changed(event, what)
    }

    fn happened(event: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        is_certain.then_some(match event.name.as_str() {
            _ if state.has_messages.is_none() => "was deleted",
            SCHEDULED => "holds events that nobody handled",
            "DeleteQueue" => "was deleted",
            "PurgeQueue" => "was emptied",
            "AddPermission" | "RemovePermission" => "had its policy changed",
            _ => "had its settings changed",
        })
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        QUEUE.found(event, suspicion, &state.part)
    }

    fn after(state: &State, _: &Own) -> State {
        state.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controls::tests::call;

    #[test]
    fn a_queue_is_known_by_its_address_in_the_own_account() {
        let is_suspected = |account: &str, queue: &str| {
            let url = format!("https://sqs.eu-central-1.amazonaws.com/{account}/{queue}");
            let event = call("sqs", "PurgeQueue", json!({"queueUrl": url}));
            !ChangedQueue::suspect(&event, &Settings::default()).is_empty()
        };
        assert!(is_suspected("111122223333", "snapback-RuleDeadLetters-1A2B3C"));
        assert!(!is_suspected("444455556666", "snapback-RuleDeadLetters-1A2B3C"));
        assert!(!is_suspected("111122223333", "orders"));
    }
}
