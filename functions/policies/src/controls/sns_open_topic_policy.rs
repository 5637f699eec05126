//! # A topic policy lets strangers in
//!
//! **Watches** `SetTopicAttributes`, `AddPermission`, `RemovePermission`, `CreateTopic`.
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

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_sns::Client;
use serde_json::{Value, json};
use snapback::aws::{failure, if_there};
use snapback::change::Holder;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::account_in;
use snapback::place::Place;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::resource::{Live, Resource};

const SERVICE: &str = "sns.amazonaws.com";

const TOPICS: On = On::new("Topics", &["arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:*"]);
const GET_POLICY: Right = TOPICS.right("sns:GetTopicAttributes");
const SET_POLICY: Right = TOPICS.right("sns:SetTopicAttributes");

#[derive(Debug)]
pub(crate) struct SnsOpenTopicPolicy;

impl Resource for SnsOpenTopicPolicy {
    const ABOUT: &'static About = &About {
        id: "sns-open-topic-policy",
        title: "A topic policy lets strangers in",
        happened: "was opened to strangers by its policy",
        watches: &[
            Watch { service: SERVICE, name: "SetTopicAttributes" },
            Watch { service: SERVICE, name: "AddPermission" },
            Watch { service: SERVICE, name: "RemovePermission" },
            Watch { service: SERVICE, name: "CreateTopic" },
        ],
        reads: &[GET_POLICY],
        writes: &[SET_POLICY],
        undoes: &[GET_POLICY, SET_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP SNS.4", "ATT&CK T1537", "ATT&CK T1567", "endgame sns"],
        caveat: "Subscriptions that were made in the meantime go on receiving messages: list them with `aws sns \
                 list-subscriptions-by-topic` and remove those that are not yours.",
        source: file!(),
    };
    const WORD: &'static str = "topic";
    const LIST: &'static [Right] = &[On::new("AllTopics", &["*"]).right("sns:ListTopics")];
    const TAGS: Option<Right> = Some(TOPICS.right("sns:ListTagsForResource"));

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let request = &event.request;
        let arn = json::text(request, "topicArn").or_else(|| json::text(&event.response, "topicArn"));
        let is_another = |name: &str| !name.eq_ignore_ascii_case("Policy");
        let policy = match event.name.as_str() {
            "SetTopicAttributes" if json::text(request, "attributeName").is_some_and(is_another) => ToldPolicy::None,
            "SetTopicAttributes" => json::text(request, "attributeValue").map(str::to_owned).into(),
            "CreateTopic" => ToldPolicy::of_attributes(request),
            // What is removed may be a `Deny`.
            "RemovePermission" => ToldPolicy::Untold,
            _ => ToldPolicy::of_permission(request, "SNS"),
        };
        (arn, policy)
    }

    fn subject(event: &Event, arn: &str) -> Option<Subject> {
        account_in(arn).map(|_| Subject::topic(event, arn))
    }

    fn holder(topic: &Subject) -> Holder {
        Holder::Topic(topic.arn.clone())
    }

    async fn read(place: &Place, arn: &str) -> Result<Live> {
        let answer = sns(place).get_topic_attributes().topic_arn(arn).send().await;
        let attributes = if_there(answer, &["NotFound", "NotFoundException"])?.and_then(|found| found.attributes);
        Ok(attributes.and_then(|mut all| all.remove("Policy")).into())
    }

    async fn write(place: &Place, arn: &str, policy: &str) -> Result<()> {
        let call = sns(place).set_topic_attributes().topic_arn(arn).attribute_name("Policy").attribute_value(policy);
        call.send().await.map(drop).map_err(failure)
    }

    async fn list(place: &Place) -> Result<Vec<String>> {
        let topics = sns(place).list_topics().into_paginator().items().send();
        let topics = topics.collect::<Result<Vec<_>, _>>().await.map_err(failure)?;
        Ok(topics.into_iter().filter_map(|topic| topic.topic_arn).collect())
    }

    async fn tags(place: &Place, topic: &Subject) -> Result<HashMap<String, String>> {
        let answer = sns(place).list_tags_for_resource().resource_arn(&topic.arn).send().await;
        let tags = if_there(answer, &["ResourceNotFoundException"])?.and_then(|found| found.tags);
        Ok(tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
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

fn sns(place: &Place) -> Client {
    snapback::client!(aws_sdk_sns, &place.config)
}

#[cfg(test)]
mod tests {
    use snapback::control::Control;
    use snapback::policed::Open;
    use snapback::settings::Settings;

    use super::*;
    use crate::resource::ByPolicy;

    const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"SNS:Subscribe","Resource":"*"}]}"#;

    /// What is suspected: kind and name.
    fn suspected(name: &str, request: &Value) -> Option<(String, String)> {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": SERVICE, "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
        });
        let event = Event::from_record(record).expect("an event");
        let suspicion = Open::<ByPolicy<SnsOpenTopicPolicy>>::suspect(&event, &Settings::default()).pop()?;
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
