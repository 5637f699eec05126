//! # Snapback's notices may reach nobody
//!
//! **Watches** `DeleteTopic`, `SetTopicAttributes`, `AddPermission`, `RemovePermission`, `Unsubscribe`,
//! `SetSubscriptionAttributes`, `Subscribe`, and each `Scheduled Event`, which counts the confirmed subscriptions.
//!
//! **Why** Nobody looks into what nobody is notified of. A topic's policy says who may publish, its key who may read, a
//! subscription's filter what is left out. Whoever subscribes reads what Snapback finds and what it leaves open.
//!
//! **Does** Alerts whoever is still subscribed. If nobody is, the alert is in the log, the metrics and the journal.
//! Nothing is restored: AWS asks every subscriber to confirm, and the event does not contain the previous settings.
//!
//! **Leaves alone**
//! - topics that are named like Snapback's, but are not part of its stack
//! - a topic that somebody has subscribed to: a scheduled check does not judge who
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
use crate::parts::{Part, TOPIC, changed, gone, is_deployment, own_name, severity};
use crate::rights;

const SERVICE: &str = "sns.amazonaws.com";

#[derive(Debug)]
pub(crate) struct MutedTopic;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub part: Part,
    /// How many subscriptions are confirmed; nothing if the topic is gone.
    pub confirmed: Option<u32>,
}

impl Control for MutedTopic {
    const ABOUT: &'static About = &About {
        id: "own-muted-topic",
        title: "Snapback's notices may reach nobody",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "DeleteTopic" },
            Watch { service: SERVICE, name: "SetTopicAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "RemovePermission" },
            Watch { service: SERVICE, name: "Unsubscribe" },
            Watch { service: SERVICE, name: "SetSubscriptionAttributes" },
            Watch { service: SERVICE, name: "Subscribe" },
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::LIST_STACK_RESOURCES, rights::GET_TOPIC_ATTRIBUTES],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1562.006"],
        caveat: "What was announced in the meantime is in the journal: read `snapback history`.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        // A subscription's ARN is its topic's, a colon and an id.
        let subscription = json::text(&event.request, "subscriptionArn").and_then(|arn| arn.rsplit_once(':'));
        let arn = json::text(&event.request, "topicArn").or(subscription.map(|(topic, _)| topic));
        TOPIC.suspect(event, settings, arn.map(|arn| own_name(event, arn)))
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some((part, [])) = TOPIC.look(look, suspicion, |_| []).await? else { return Ok(State::default()) };
        if !part.is(event, &suspicion.subject) {
            return Ok(State { part, ..State::default() });
        }
        let confirmed = aws::subscriptions(look.place, &TOPIC.found(event, suspicion, &part).arn).await?;
        Ok(State { part, confirmed })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Own> {
        let State { part, confirmed } = state;
        if !part.is(event, &suspicion.subject) {
            return part.is_none(event, &suspicion.subject);
        }
        let what = match event.name.as_str() {
            _ if confirmed.is_none() => return gone(event, "the topic is deleted, and nobody is told anything"),
            _ if *confirmed == Some(0) => {
                let why = "no subscription is confirmed, so nobody is told anything; subscribe to it".to_owned();
                return Decision::Alert { severity: severity(event), why };
            }
            SCHEDULED => return Decision::Allow { why: "somebody has subscribed".to_owned() },
            "Unsubscribe" => "somebody is not told any more",
            "SetSubscriptionAttributes" => "what somebody is told, or how, was changed",
            "Subscribe" if !is_deployment(event) => return subscribed(event),
            "Subscribe" => "somebody has subscribed to it, and reads what Snapback finds",
            "AddPermission" | "RemovePermission" => "who may do what with it was changed",
            _ => "its settings were changed: its policy says who may announce, its key who may read",
        };
        changed(event, what)
    }

    fn happened(event: &Event, state: &State, is_certain: bool) -> Option<&'static str> {
        is_certain.then_some(match event.name.as_str() {
            _ if state.confirmed.is_none() => "was deleted",
            SCHEDULED => "has no subscribers",
            "Unsubscribe" => "lost a subscriber",
            "Subscribe" => "got a subscriber",
            "SetSubscriptionAttributes" => "had a subscription changed",
            "AddPermission" | "RemovePermission" => "had its policy changed",
            _ => "had its settings changed",
        })
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        TOPIC.found(event, suspicion, &state.part)
    }

    fn after(state: &State, _: &Own) -> State {
        state.clone()
    }
}

/// People subscribe themselves to be told. So do those who want to know what Snapback leaves open.
fn subscribed(event: &Event) -> Decision<Own> {
    let protocol = json::text(&event.request, "protocol").unwrap_or("an unknown protocol");
    // AWS tells it only where nobody has to confirm.
    let arn = json::text(&event.response, "subscriptionArn").filter(|arn| arn.starts_with("arn:"));
    let arn = arn.unwrap_or("<its ARN>");
    let why = format!(
        "somebody has subscribed to it by {protocol}, and reads what Snapback finds and leaves open; if that was nobody of \
         yours: `aws sns unsubscribe --region {} --subscription-arn {arn}`",
        event.region
    );
    Decision::Alert { severity: Severity::High, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controls::tests::call;

    #[test]
    fn a_subscription_is_known_by_its_topic() {
        let suspected = |account: &str, topic: &str| {
            let arn = format!("arn:aws:sns:eu-central-1:{account}:{topic}:3f2c1e0d-0000-4000-8000-000000000001");
            let event = call("sns", "Unsubscribe", json!({"subscriptionArn": arn}));
            MutedTopic::suspect(&event, &Settings::default()).pop().map(|suspicion| suspicion.subject.name)
        };
        assert_eq!(suspected("111122223333", "snapback-Topic-1A2B3C").as_deref(), Some("snapback-Topic-1A2B3C"));
        assert_eq!(suspected("444455556666", "snapback-Topic-1A2B3C"), None);
        assert_eq!(suspected("111122223333", "orders"), None);
    }
}
