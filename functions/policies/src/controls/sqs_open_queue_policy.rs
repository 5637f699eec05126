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
use snapback::place::Place;
use snapback::policed::{Nothing, Policed, State, Told, ToldPolicy};
use snapback::policy::{Exposure, PolicyText};
use snapback::right::{On, Right};
use snapback::subject::Subject;

const SERVICE: &str = "sqs.amazonaws.com";

const QUEUES: On = On::new("Queues", &["arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:*"]);
const GET_POLICY: Right = QUEUES.right("sqs:GetQueueAttributes");
const SET_POLICY: Right = QUEUES.right("sqs:SetQueueAttributes");
const LIST: Right = On::new("AllQueues", &["*"]).right("sqs:ListQueues");
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
        let own = url.and_then(|url| url.rsplit('/').nth(1)).is_none_or(|account| account == event.account);
        let policy = match (event.name.as_str(), json::text(&request["attributes"], "Policy")) {
            _ if !own => ToldPolicy::None,
            ("AddPermission", _) => ToldPolicy::of_permission(request),
            (_, Some(policy)) => policy.to_owned().into(),
            _ if json::is_left_out(request) => ToldPolicy::Untold,
            _ => ToldPolicy::None,
        };
        let named = url.map(|url| queue(event, url));
        Told { subject: named.unwrap_or_else(|| Subject::account(event)), policy }
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
    let suffix = if queue.arn.starts_with("arn:aws-cn:") { ".cn" } else { "" };
    format!("https://sqs.{}.amazonaws.com{suffix}/{}/{}", queue.region, queue.account, queue.name)
}

fn queue(event: &Event, url: &str) -> Subject {
    Subject::queue(event, url.rsplit('/').next().unwrap_or(url))
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
    Ok(found.iter().map(|url| queue(event, url)).collect())
}

pub(crate) async fn tags(look: &Look<'_>, queue: &Subject) -> Result<BTreeMap<String, String>> {
    let url = url(queue);
    let answer = snapback::client!(aws_sdk_sqs, &look.place.config).list_queue_tags().queue_url(&url).send().await;
    let tags =
        unless_gone(answer, &GONE, || format!("reading the tags of queue `{url}`"))?.and_then(|found| found.tags);
    Ok(tags.unwrap_or_default().into_iter().collect())
}
