//! # A topic policy lets strangers in
//!
//! **Watches** `SetTopicAttributes`, `AddPermission`, `CreateTopic`.
//!
//! **Why** Whoever may subscribe to a topic reads every message that is sent to it, and whoever may publish to it can
//! trigger whatever listens (endgame backdoors topics this way).
//!
//! **Does** Reads the policy that the topic has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. A topic always has a policy: if nothing is left of it, the
//! topic gets the policy that SNS gives to new topics, which lets in only the topic's own account.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - the policy that SNS gives to new topics: it names everyone, but a condition narrows it to the topic's own account
//! - calls that change another attribute of the topic
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which topic.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::{FutureExt, TryFutureExt};
use serde_json::{Value, json};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Holder, Live, PolicyChange};
use snapback::control::{About, Look, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::place::Place;
use snapback::policed::{Nothing, Policed, State, Told, ToldPolicy};
use snapback::policy::{Exposure, PolicyText, is_account};
use snapback::right::{On, Right};
use snapback::subject::Subject;

const SERVICE: &str = "sns.amazonaws.com";

const TOPICS: On = On::new("Topics", &["arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*"]);
const GET_POLICY: Right = TOPICS.right("sns:GetTopicAttributes");
const SET_POLICY: Right = TOPICS.right("sns:SetTopicAttributes");
pub(crate) const LIST_TAGS: Right = TOPICS.right("sns:ListTagsForResource");
const LIST: Right = On::new("AllTopics", &["*"]).right("sns:ListTopics");

#[derive(Debug)]
pub(crate) struct SnsOpenTopicPolicy;

impl Policed for SnsOpenTopicPolicy {
    const ABOUT: &'static About = &About {
        id: "sns-open-topic-policy",
        title: "A topic policy lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[
            Watch { service: SERVICE, name: "SetTopicAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "CreateTopic" },
        ],
        reads: &[GET_POLICY],
        writes: &[SET_POLICY],
        undoes: &[GET_POLICY, SET_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP SNS.4", "ATT&CK T1537", "ATT&CK T1567"],
        caveat: "Subscriptions made before the revert go on receiving messages: list them with `aws sns \
                 list-subscriptions-by-topic` and remove those that are not yours.",
        source: file!(),
    };
    const WORD: &'static str = "topic";
    const KEEPS_OUT: &'static [Exposure] = &[Exposure::Public, Exposure::Foreign];
    const SURVEY: Option<Survey> = Some(Survey { list: |look, event| topics(look, event).boxed(), needs: &[LIST] });

    type Beside = Nothing;

    fn told(event: &Event) -> Told {
        let request = &event.request;
        let arn = json::text(request, "topicArn").or_else(|| json::text(&event.response, "topicArn"));
        let is_another = |name: &str| !name.eq_ignore_ascii_case("Policy");
        let policy = match event.name.as_str() {
            "SetTopicAttributes" if json::text(request, "attributeName").is_some_and(is_another) => ToldPolicy::None,
            "SetTopicAttributes" => json::text(request, "attributeValue").map(str::to_owned).into(),
            "CreateTopic" => ToldPolicy::of_attributes(request),
            _ => ToldPolicy::of_permission(request),
        };
        // A call upon another account's topic is told to the caller's account as well.
        let account = arn.and_then(|arn| arn.split(':').nth(4)).filter(|account| is_account(account));
        let is_foreign = account.is_some_and(|account| account != event.account);
        let topic = arn.filter(|_| account.is_some()).map(|arn| Subject::topic(event, arn));
        Told {
            subject: topic.unwrap_or_else(|| Subject::account(event)),
            policy: if is_foreign { ToldPolicy::None } else { policy },
        }
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        (subject.kind == Self::WORD).then(|| Holder::Topic(subject.arn.clone()))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Nothing>> {
        let Holder::Topic(arn) = holder else { return Ok(State::default()) };
        Ok(State { policy: policy(look.place, arn).await?, beside: Nothing {} })
    }

    /// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>: a policy cannot be deleted.
    fn default_policy(subject: &Subject) -> Option<String> {
        const ACTIONS: [&str; 8] = [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ];
        let statement = json!({
            "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ACTIONS,
            "Resource": subject.arn, "Condition": {"StringEquals": {"AWS:SourceOwner": subject.account}},
        });
        let policy: Value = json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]});
        Some(policy.to_string())
    }
}

/// The policy of a topic; nothing if the topic is gone.
async fn policy(place: &Place, arn: &str) -> Result<Option<PolicyText>> {
    let answer = snapback::client!(aws_sdk_sns, &place.config).get_topic_attributes().topic_arn(arn).send().await;
    let doing = || format!("reading the policy of topic `{arn}`");
    let attributes = unless_gone(answer, &["NotFound", "NotFoundException"], doing)?.and_then(|found| found.attributes);
    Ok(attributes.and_then(|mut all| all.remove("Policy")).map(PolicyText::from))
}

pub(crate) async fn put(place: &Place, arn: &str, change: &PolicyChange) -> Result<Applied> {
    let write = async |to: &Option<PolicyText>| {
        let to = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        let call = snapback::client!(aws_sdk_sns, &place.config)
            .set_topic_attributes()
            .topic_arn(arn)
            .attribute_name("Policy");
        let written = call.attribute_value(to).send().await.map(drop);
        written.map_err(|error| failure(error).context(format!("writing the policy of topic `{arn}`")))
    };
    change.put(policy(place, arn).map_ok(Live::Is), write).await
}

async fn topics(look: &Look<'_>, event: &Event) -> Result<Vec<Subject>> {
    let found = snapback::client!(aws_sdk_sns, &look.place.config).list_topics().into_paginator().items().send();
    let found = found.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| failure(error).context("listing the topics"))?;
    Ok(found.into_iter().filter_map(|one| Some(Subject::topic(event, &one.topic_arn?))).collect())
}

pub(crate) async fn tags(look: &Look<'_>, arn: &str) -> Result<BTreeMap<String, String>> {
    let answer =
        snapback::client!(aws_sdk_sns, &look.place.config).list_tags_for_resource().resource_arn(arn).send().await;
    let doing = || format!("reading the tags of topic `{arn}`");
    let tags = unless_gone(answer, &["ResourceNotFoundException"], doing)?.and_then(|found| found.tags);
    Ok(tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
}

#[cfg(test)]
mod tests {
    use snapback::control::Control;
    use snapback::policed::Open;
    use snapback::settings::Settings;

    use super::*;

    const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"SNS:Subscribe","Resource":"*"}]}"#;

    /// What is suspected: kind and name.
    fn suspected(name: &str, request: &Value) -> Option<(String, String)> {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": SERVICE, "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        let event = Event::from_record(record).expect("an event");
        let suspicion = Open::<SnsOpenTopicPolicy>::suspect(&event, &Settings::default()).pop()?;
        Some((suspicion.subject.kind, suspicion.subject.name))
    }

    #[test]
    fn only_a_topic_of_another_account_is_none_of_ones_own() {
        for (arn, found) in [
            ("arn:aws:sns:eu-central-1:111122223333:orders", Some(("topic", "orders"))),
            ("orders", Some(("account", "111122223333"))),
            ("arn:aws:sns:eu-central-1::orders", Some(("account", "111122223333"))),
            ("arn:aws:sns:eu-central-1:777788889999:orders", None),
        ] {
            let request = json!({"topicArn": arn, "attributeName": "Policy", "attributeValue": OPEN});
            let found = found.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
            assert_eq!(suspected("SetTopicAttributes", &request), found, "{arn}");
        }
    }

    #[test]
    fn attributes_that_are_not_told_are_suspicious() {
        for attributes in [json!(null), json!("x"), json!([]), json!({"entry": []}), json!({"Policy": {}})] {
            let found = suspected("CreateTopic", &json!({"name": "orders", "attributes": attributes}));
            assert!(found.is_some(), "{attributes}");
        }
        assert_eq!(suspected("CreateTopic", &json!({"name": "orders"})), None);
    }
}
