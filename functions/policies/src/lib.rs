//! Resource policies of services of which Snapback judges nothing else: the list of their controls. What a service adds
//! is one file in `controls/`; how a policy is judged and reverted is in `snapback::policed`.

mod controls;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change, Holder};
use snapback::control::{AnyControl, Function, Look, Tags};
use snapback::place::Place;
use snapback::policed::Open;
use snapback::subject::Subject;

use crate::controls::{sns_open_topic_policy, sqs_open_queue_policy};

pub const FUNCTION: Function = Function {
    name: "PoliciesFunction",
    service: "resource policies",
    controls: &[
        AnyControl::of::<Open<controls::SnsOpenTopicPolicy>>(),
        AnyControl::of::<Open<controls::SqsOpenQueuePolicy>>(),
    ],
    apply,
    tags: Tags { read: tags, needs: &[sns_open_topic_policy::LIST_TAGS, sqs_open_queue_policy::LIST_TAGS] },
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
};

/// Applies a change if the policy is as the change says it was. None of these services has a conditional write.
fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::Policy(change) = change else { bail!("the function for resource policies was asked to {change}") };
        match &change.of {
            Holder::Topic(arn) => sns_open_topic_policy::put(place, arn, change).await,
            Holder::Queue(url) => sqs_open_queue_policy::put(place, url, change).await,
            _ => bail!("the function for resource policies was asked to {change}"),
        }
    }
    .boxed()
}

fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        match subject.kind.as_str() {
            "topic" => sns_open_topic_policy::tags(look, &subject.arn).await,
            "queue" => sqs_open_queue_policy::tags(look, subject).await,
            _ => Ok(BTreeMap::new()),
        }
    }
    .boxed()
}
