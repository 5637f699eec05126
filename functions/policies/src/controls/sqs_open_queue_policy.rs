//! # A queue policy lets strangers in
//!
//! **Watches** `SetQueueAttributes`, `AddPermission`, `CreateQueue`.
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

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_sqs::types::QueueAttributeName::Policy;
use futures::{FutureExt, TryFutureExt};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Holder, Live, PolicyChange};
use snapback::control::{About, Look, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::partition::Partition;
use snapback::place::Place;
use snapback::policed::{Nothing, Policed, State, Told, ToldPolicy};
use snapback::policy::{Exposure, PolicyText, is_account};
use snapback::right::{On, Right};
use snapback::subject::Subject;

const SERVICE: &str = "sqs.amazonaws.com";

const QUEUES: On = On::new("Queues", &["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"]);
const GET_POLICY: Right = QUEUES.right("sqs:GetQueueAttributes");
const SET_POLICY: Right = QUEUES.right("sqs:SetQueueAttributes");
const LIST: Right = On::new("AllQueues", &["*"])
    .why("Queues are listed all or none. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html")
    .right("sqs:ListQueues");
pub(crate) const LIST_TAGS: Right = QUEUES.right("sqs:ListQueueTags");

/// With which SQS says that there is no such queue.
const GONE: [&str; 2] = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];

#[derive(Debug)]
pub(crate) struct SqsOpenQueuePolicy;

impl Policed for SqsOpenQueuePolicy {
    const ABOUT: &'static About = &About {
        id: "sqs-open-queue-policy",
        title: "A queue policy lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[
            Watch { service: SERVICE, name: "SetQueueAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "CreateQueue" },
        ],
        reads: &[GET_POLICY],
        writes: &[SET_POLICY],
        undoes: &[GET_POLICY, SET_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP SQS.3", "ATT&CK T1537"],
        caveat: "Messages received before the revert are known to whoever received them, and messages sent are in the \
                 queue: CloudTrail's data events tell, where a trail records them.",
        source: file!(),
    };
    const WORD: &'static str = "queue";
    const KEEPS_OUT: &'static [Exposure] = &[Exposure::Public, Exposure::Foreign];
    const SURVEY: Option<Survey> = Some(Survey { list: |look, event| queues(look, event).boxed(), needs: &[LIST] });

    type Beside = Nothing;

    fn told(event: &Event) -> Told {
        let (request, response) = (&event.request, &event.response);
        let url = json::text(request, "queueUrl").or_else(|| json::text(response, "queueUrl"));
        let named = url.or_else(|| json::text(request, "queueName")).map(Path::of).unwrap_or_default();
        let sets_nothing = ["attributes", "attribute"].iter().all(|name| request.get(*name).is_none());
        let policy = match event.name.as_str() {
            _ if named.is_of_another_account(event) => ToldPolicy::None,
            "AddPermission" => ToldPolicy::of_permission(request),
            "SetQueueAttributes" if sets_nothing => ToldPolicy::Untold,
            _ => ToldPolicy::of_attributes(request),
        };
        let queue = named.queue().map(|name| Subject::queue(event, name));
        Told { subject: queue.unwrap_or_else(|| Subject::account(event)), policy }
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        (subject.kind == Self::WORD).then(|| Holder::Queue(url(subject)))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Nothing>> {
        let Holder::Queue(url) = holder else { return Ok(State::default()) };
        Ok(State { policy: policy(look.place, url).await?, beside: Nothing {} })
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html>
fn url(queue: &Subject) -> String {
    let suffix = Partition::of_region(&queue.region).dns_suffix();
    format!("https://sqs.{}.{suffix}/{}/{}", queue.region, queue.account, queue.name)
}

/// The parts of the path of a queue's URL, which is the account and the name, however a caller has written it.
#[derive(Debug, Default)]
struct Path<'u>(Vec<&'u str>);

impl<'u> Path<'u> {
    fn of(url: &'u str) -> Self {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        Self(path.split(['/', ':']).filter(|part| !part.is_empty()).collect())
    }

    fn is_of_another_account(&self, event: &Event) -> bool {
        let before = self.0.split_last().map_or(&[][..], |(_, before)| before);
        before.iter().any(|part| is_account(part)) && !before.contains(&event.account.as_str())
    }

    /// Its name, if it can be one.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
    fn queue(&self) -> Option<&'u str> {
        let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let name = self.0.last()?;
        name.strip_suffix(".fifo").unwrap_or(name).bytes().all(is_of_a_name).then_some(*name)
    }
}

/// The policy of a queue; nothing if it has none, or if it is gone.
async fn policy(place: &Place, url: &str) -> Result<Option<PolicyText>> {
    let call =
        snapback::client!(aws_sdk_sqs, &place.config).get_queue_attributes().queue_url(url).attribute_names(Policy);
    let doing = || format!("reading the policy of queue `{url}`");
    let attributes = unless_gone(call.send().await, &GONE, doing)?.and_then(|found| found.attributes);
    Ok(attributes.and_then(|mut all| all.remove(&Policy)).map(PolicyText::from))
}

pub(crate) async fn put(place: &Place, url: &str, change: &PolicyChange) -> Result<Applied> {
    let write = async |to: &Option<PolicyText>| {
        // An empty text deletes the policy.
        let to = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        let written = snapback::client!(aws_sdk_sqs, &place.config)
            .set_queue_attributes()
            .queue_url(url)
            .attributes(Policy, to)
            .send();
        let written = written.await.map(drop);
        written.map_err(|error| failure(error).context(format!("writing the policy of queue `{url}`")))
    };
    change.put(policy(place, url).map_ok(Live::Is), write).await
}

async fn queues(look: &Look<'_>, event: &Event) -> Result<Vec<Subject>> {
    let found = snapback::client!(aws_sdk_sqs, &look.place.config)
        .list_queues()
        .max_results(1000)
        .into_paginator()
        .items()
        .send();
    let found = found.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| failure(error).context("listing the queues"))?;
    Ok(found.iter().filter_map(|url| Some(Subject::queue(event, Path::of(url).queue()?))).collect())
}

pub(crate) async fn tags(look: &Look<'_>, queue: &Subject) -> Result<BTreeMap<String, String>> {
    let url = url(queue);
    let answer = snapback::client!(aws_sdk_sqs, &look.place.config).list_queue_tags().queue_url(&url).send().await;
    let tags =
        unless_gone(answer, &GONE, || format!("reading the tags of queue `{url}`"))?.and_then(|found| found.tags);
    Ok(tags.unwrap_or_default().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use snapback::control::Control;
    use snapback::policed::Open;
    use snapback::settings::Settings;

    use super::*;

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
        let suspicion = Open::<SqsOpenQueuePolicy>::suspect(&event, &Settings::default()).pop()?;
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
            let suspicion = Open::<SqsOpenQueuePolicy>::suspect(&event, &Settings::default()).pop();
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
            assert_eq!(url(&queue), format!("https://{host}/111122223333/orders"));
        }
    }
}
