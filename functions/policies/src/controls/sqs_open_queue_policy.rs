//! # A queue policy lets strangers in
//!
//! **Watches** `SetQueueAttributes`, `AddPermission`, `RemovePermission`, `CreateQueue`.
//!
//! **Why** Whoever may receive from a queue takes its messages away, and whoever may send to it feeds what works them off
//! (endgame backdoors queues this way).
//!
//! **Does** Reads the policy that the queue has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - calls that change other attributes of the queue
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which queue.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName::Policy;
use snapback::aws::{failure, if_there};
use snapback::change::Holder;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::partition::Partition;
use snapback::place::Place;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::resource::{Live, Resource, parts};

const SERVICE: &str = "sqs.amazonaws.com";

const QUEUES: On = On::new("Queues", &["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"]);
const GET_POLICY: Right = QUEUES.right("sqs:GetQueueAttributes");
const SET_POLICY: Right = QUEUES.right("sqs:SetQueueAttributes");
const ALL_QUEUES: On = On::new("AllQueues", &["*"])
    .why("Queues are listed all or none. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html");

/// With which SQS says that there is no such queue.
const GONE: &[&str] = &["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

#[derive(Debug)]
pub(crate) struct SqsOpenQueuePolicy;

impl Resource for SqsOpenQueuePolicy {
    const ABOUT: &'static About = &About {
        id: "sqs-open-queue-policy",
        title: "A queue policy lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[
            Watch { service: SERVICE, name: "SetQueueAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "RemovePermission" },
            Watch { service: SERVICE, name: "CreateQueue" },
        ],
        reads: &[GET_POLICY],
        writes: &[SET_POLICY],
        undoes: &[GET_POLICY, SET_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP SQS.3", "ATT&CK T1537", "endgame sqs"],
        caveat: "Whoever received messages in the meantime knows them, and messages that were sent are still in the \
                 queue: check CloudTrail's data events, if a trail records them.",
        source: file!(),
    };
    const WORD: &'static str = "queue";
    const LIST: &'static [Right] = &[ALL_QUEUES.right("sqs:ListQueues")];
    const TAGS: Option<Right> = Some(QUEUES.right("sqs:ListQueueTags"));

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let url = json::text(request, "queueUrl").or_else(|| json::text(&event.response, "queueUrl"));
        let sets_nothing = ["attributes", "attribute"].iter().all(|name| request.get(*name).is_none());
        let policy = match event.name.as_str() {
            "AddPermission" => ToldPolicy::of_permission(request, "SQS"),
            "SetQueueAttributes" if sets_nothing => ToldPolicy::Untold,
            // What is removed may be a `Deny`.
            "RemovePermission" => ToldPolicy::Untold,
            _ => ToldPolicy::of_attributes(request),
        };
        (url.or_else(|| json::text(request, "queueName")), policy)
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
    fn subject(event: &Event, url: &str) -> Option<Subject> {
        let is_of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let name = *parts(url).last()?;
        let is_name = name.strip_suffix(".fifo").unwrap_or(name).chars().all(is_of_a_name);
        is_name.then(|| Subject::queue(event, name))
    }

    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
    fn holder(Subject { name, account, region, .. }: &Subject) -> Holder {
        let suffix = Partition::of_region(region).dns_suffix();
        Holder::Queue(format!("https://sqs.{region}.{suffix}/{account}/{name}"))
    }

    async fn read(place: &Place, url: &str) -> Result<Live> {
        let call = sqs(place).get_queue_attributes().queue_url(url).attribute_names(Policy);
        let attributes = if_there(call.send().await, GONE)?.and_then(|found| found.attributes);
        Ok(attributes.and_then(|mut all| all.remove(&Policy)).into())
    }

    async fn write(place: &Place, url: &str, policy: &str) -> Result<()> {
        let call = sqs(place).set_queue_attributes().queue_url(url).attributes(Policy, policy);
        call.send().await.map(drop).map_err(failure)
    }

    async fn list(place: &Place) -> Result<Vec<String>> {
        let urls = sqs(place).list_queues().max_results(1000).into_paginator().items().send();
        urls.collect::<Result<_, _>>().await.map_err(failure)
    }

    async fn tags(place: &Place, queue: &Subject) -> Result<HashMap<String, String>> {
        let call = sqs(place).list_queue_tags().queue_url(Self::holder(queue).id());
        let found = if_there(call.send().await, GONE)?;
        Ok(found.and_then(|found| found.tags).unwrap_or_default())
    }
}

fn sqs(place: &Place) -> Client {
    snapback::client!(aws_sdk_sqs, &place.config)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use snapback::control::Control;
    use snapback::policed::Open;
    use snapback::settings::Settings;

    use super::*;
    use crate::resource::ByPolicy;

    const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"SQS:*","Resource":"*"}]}"#;

    fn event(name: &str, region: &str, request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": SERVICE, "eventName": name,
            "awsRegion": region, "recipientAccountId": "111122223333", "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    /// What is suspected: kind and name.
    fn suspected(url: &str) -> Option<(String, String)> {
        let event =
            event("SetQueueAttributes", "eu-central-1", &json!({"queueUrl": url, "attributes": {"Policy": OPEN}}));
        let suspicion = Open::<ByPolicy<SqsOpenQueuePolicy>>::suspect(&event, &Settings::default()).pop()?;
        Some((suspicion.subject.kind, suspicion.subject.name))
    }

    #[test]
    fn a_queue_is_found_however_its_url_is_written() {
        let host = "https://sqs.eu-central-1.amazonaws.com";
        for path in [
            "/111122223333/orders",
            "/111122223333/orders/",
            "/111122223333//orders",
            "//orders",
            "/orders",
            "/111122223333/orders?x=1",
            "/111122223333/orders#f",
            "/1111-2222-3333/orders",
        ] {
            assert_eq!(suspected(&format!("{host}{path}")), Some(("queue".to_owned(), "orders".to_owned())), "{path}");
        }
        for url in [
            "orders",
            "/orders",
            "111122223333/orders",
            "arn:aws:sqs:eu-central-1:111122223333:orders",
            "https://eu-central-1.queue.amazonaws.com/111122223333/orders",
        ] {
            assert_eq!(suspected(url), Some(("queue".to_owned(), "orders".to_owned())), "{url}");
        }
        assert_eq!(
            suspected(&format!("{host}/111122223333/777788889999")).map(|(_, name)| name),
            Some("777788889999".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_a_queues_name_is_of_the_account() {
        for url in
            ["https://sqs.eu-central-1.amazonaws.com/111122223333/or%64ers", "https://sqs.eu-central-1.amazonaws.com"]
        {
            assert_eq!(suspected(url), Some(("account".to_owned(), "111122223333".to_owned())), "{url}");
        }
    }

    #[test]
    fn only_a_queue_of_another_account_is_none_of_ones_own() {
        assert_eq!(suspected("https://sqs.eu-central-1.amazonaws.com/777788889999/orders"), None);
        assert_eq!(suspected("arn:aws:sqs:eu-central-1:777788889999:orders"), None);
    }

    #[test]
    fn attributes_that_are_not_told_are_suspicious() {
        for (name, request) in [
            ("SetQueueAttributes", json!({"queueUrl": "orders"})),
            ("SetQueueAttributes", json!({"queueUrl": "orders", "attributes": null})),
            ("CreateQueue", json!({"queueName": "orders", "attribute": {"Policy": OPEN}})),
            ("CreateQueue", json!({"queueName": "orders", "attributes": [{"name": "Policy", "value": OPEN}]})),
        ] {
            let event = event(name, "eu-central-1", &request);
            let suspicion = Open::<ByPolicy<SqsOpenQueuePolicy>>::suspect(&event, &Settings::default()).pop();
            assert_eq!(suspicion.expect("it is suspicious").subject.name, "orders", "{request}");
        }
    }

    #[test]
    fn a_queue_is_called_at_the_address_of_its_partition() {
        for (region, host) in [
            ("eu-central-1", "sqs.eu-central-1.amazonaws.com"),
            ("cn-north-1", "sqs.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "sqs.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "sqs.eusc-de-east-1.amazonaws.eu"),
            ("us-iso-east-1", "sqs.us-iso-east-1.c2s.ic.gov"),
        ] {
            let queue = Subject::queue(&event("CreateQueue", region, &json!({"queueName": "orders"})), "orders");
            assert_eq!(SqsOpenQueuePolicy::holder(&queue).id(), format!("https://{host}/111122223333/orders"));
        }
    }
}
