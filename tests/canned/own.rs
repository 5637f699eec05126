//! Snapback's own parts, as AWS tells of them, and what becomes of looks on schedule.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::mode::Mode;

use super::injected::journaled;
use super::scene::{deliver, event};
use super::wire::{Answer, Aws, ok};

const RULE: &str = "snapback-S3Rule-1A2B3C";

/// Every part that there is, each with the same random end.
fn stack() -> Answer {
    let ids = own::PARTS.iter().flat_map(|(_, ids)| *ids);
    let parts: String = ids
        .map(|id| {
            let name = match *id {
                "Topic" => "arn:aws:sns:eu-central-1:111122223333:snapback-Topic-1A2B3C".to_owned(),
                queue if queue.ends_with("DeadLetters") => {
                    format!("https://sqs.eu-central-1.amazonaws.com/111122223333/snapback-{queue}-1A2B3C")
                }
                other => format!("snapback-{other}-1A2B3C"),
            };
            format!(
                "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{name}</PhysicalResourceId>\
                 <ResourceType>AWS::Some::Type</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                 <LastUpdatedTimestamp>2026-01-31T12:00:00Z</LastUpdatedTimestamp></member>"
            )
        })
        .collect();
    ok(&format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{parts}\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
    ))
}

fn rule(state: &str) -> Answer {
    ok(&json!({"Name": RULE, "State": state}).to_string())
}

fn targets(function: &str) -> Answer {
    let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:snapback-{function}-1A2B3C");
    let letters = "arn:aws:sqs:eu-central-1:111122223333:snapback-RuleDeadLetters-1A2B3C";
    let target = json!({
        "Id": function, "Arn": arn, "DeadLetterConfig": {"Arn": letters},
        "RetryPolicy": {"MaximumRetryAttempts": own::RETRIES, "MaximumEventAgeInSeconds": own::OLDEST_SECONDS},
    });
    ok(&json!({"Targets": [target]}).to_string())
}

/// The target of each rule, in the order in which the looks ask; that of the first so many times.
fn of_all_rules(times_first: usize) -> Vec<Answer> {
    let (rules, functions) = (own::PARTS[0].1, own::PARTS[1].1);
    let wakes = |rule: &str| functions.iter().find(|function| rule.starts_with(function.trim_end_matches("Function")));
    let targets: Vec<Answer> = rules.iter().filter_map(|rule| wakes(rule)).map(|function| targets(function)).collect();
    [vec![targets[0].clone(); times_first - 1], targets].concat()
}

fn table(protected: bool, recovery: &str) -> [(&'static str, Answer); 2] {
    let recovery = json!({"ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": recovery}});
    let table = json!({"Table": {"DeletionProtectionEnabled": protected}}).to_string();
    let recovery = json!({"ContinuousBackupsDescription": recovery}).to_string();
    [("DynamoDB.DescribeTable", ok(&table)), ("DynamoDB.DescribeContinuousBackups", ok(&recovery))]
}

fn key(state: &str) -> Answer {
    ok(&json!({"KeyMetadata": {"KeyId": "1a2b3c4d-0000-4000-8000-000000000001", "KeyState": state}}).to_string())
}

fn subscriptions(confirmed: u32) -> Answer {
    ok(&format!(
        "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry>\
         <key>SubscriptionsConfirmed</key><value>{confirmed}</value></entry></Attributes>\
         </GetTopicAttributesResult></GetTopicAttributesResponse>"
    ))
}

/// A deployment in which every part is as it should be.
fn well() -> Aws {
    let mut aws = Aws::default()
        .answers("CloudFormation.ListStackResources", [stack()])
        .answers("EventBridge.DescribeRule", [rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(1))
        .answers("Lambda.GetFunctionConcurrency", [ok("{}")])
        .answers("SNS.GetTopicAttributes", [subscriptions(1)])
        .answers("SQS.GetQueueAttributes", [ok(r#"{"Attributes":{"ApproximateNumberOfMessages":"0"}}"#)])
        .answers("KMS.DescribeKey", [key("Enabled")]);
    for (call, answer) in table(true, "ENABLED") {
        aws = aws.answers(call, [answer]);
    }
    aws
}

/// Somebody's call past CloudFormation.
fn upon(service: &str, name: &str, request: Value) -> Value {
    event(service, name, request, json!(null))
}

/// What the schedule sends at this moment.
fn look(id: &str) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.events", "account": "111122223333",
        "time": Timestamp::now(), "region": "eu-central-1", "detail": {},
        "resources": ["arn:aws:events:eu-central-1:111122223333:rule/snapback-OwnSchedule-1A2B3C"],
    })
}

/// One rule that is disabled, the first that is looked at, until it is enabled.
fn disabled() -> Aws {
    well()
        .answers("EventBridge.DescribeRule", [rule("DISABLED"), rule("DISABLED"), rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(3))
}

/// The same in a mode that writes nothing: it is looked at once.
fn disabled_and_left() -> Aws {
    well()
        .answers("EventBridge.DescribeRule", [rule("DISABLED"), rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(1))
}

fn times(aws: &Aws, call: &str) -> usize {
    aws.calls().iter().filter(|one| *one == call).count()
}

#[tokio::test]
async fn a_look_that_finds_nothing_leaves_nothing() -> Result<()> {
    let aws = well();
    deliver(&own::FUNCTION, &aws, Mode::Revert, look("look-1")).await?;
    let calls = aws.calls();
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), own::PARTS[0].1.len(), "every rule is looked at");
    let touched = |call: &&String| {
        let reads = ["Get", "Describe", "List"];
        !reads.iter().any(|read| call.split('.').nth(1).is_some_and(|name| name.starts_with(read)))
    };
    assert_eq!(calls.iter().find(touched), None, "{calls:?}");
    assert_eq!(times(&aws, "DynamoDB.GetItem"), 0, "the journal is not even read");
    Ok(())
}

#[tokio::test]
async fn a_look_restores_what_it_finds_and_says_so() -> Result<()> {
    let aws = disabled();
    deliver(&own::FUNCTION, &aws, Mode::Revert, look("look-1")).await?;
    assert_eq!(times(&aws, "EventBridge.EnableRule"), 1);
    assert_eq!(times(&aws, "SNS.Publish"), 1);
    for call in ["DynamoDB.GetItem", "DynamoDB.GetItem(stop)", "DynamoDB.Query"] {
        assert_eq!(times(&aws, call), 1, "{call}");
    }
    // Each rule, and that which was disabled before and after it was enabled.
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), own::PARTS[0].1.len() + 2);
    Ok(())
}

#[tokio::test]
async fn what_each_look_finds_again_is_said_once() -> Result<()> {
    let first = disabled_and_left();
    deliver(&own::FUNCTION, &first, Mode::Notify, look("look-1")).await?;
    assert_eq!((times(&first, "SNS.Publish"), times(&first, "EventBridge.EnableRule")), (1, 0));
    let second = disabled_and_left().answers("DynamoDB.GetItem", [journaled(&first)]);
    deliver(&own::FUNCTION, &second, Mode::Notify, look("look-2")).await?;
    assert_eq!((times(&second, "SNS.Publish"), times(&second, "DynamoDB.PutItem")), (0, 0), "{:?}", second.calls());
    let keys = |aws: &Aws| -> Result<Vec<Value>> {
        let asked = aws.bodies("DynamoDB.GetItem").into_iter();
        asked.map(|body| Ok(serde_json::from_str::<Value>(&body)?["Key"]["pk"].clone())).collect()
    };
    let (keys, again) = (keys(&first)?, keys(&second)?);
    assert_eq!(keys.first().context("it was asked for")?, again.first().context("it was asked for")?);
    Ok(())
}

#[tokio::test]
async fn what_was_restored_and_is_found_again_is_restored_again() -> Result<()> {
    let first = disabled();
    deliver(&own::FUNCTION, &first, Mode::Revert, look("look-1")).await?;
    // The journal has the finding of today, and nothing yet of this look.
    let second = disabled().answers("DynamoDB.GetItem", [journaled(&first), ok("{}")]);
    deliver(&own::FUNCTION, &second, Mode::Revert, look("look-2")).await?;
    assert_eq!(times(&second, "EventBridge.EnableRule"), 1);
    let third = disabled_and_left().answers("DynamoDB.GetItem", [journaled(&first), journaled(&second)]);
    deliver(&own::FUNCTION, &third, Mode::Revert, look("look-2")).await?;
    assert_eq!(times(&third, "EventBridge.EnableRule"), 0, "another delivery of the same look");
    Ok(())
}

#[tokio::test]
async fn what_is_named_alike_and_is_no_part_of_the_stack_is_left_alone() -> Result<()> {
    let aws = well().answers("EventBridge.DescribeRule", [rule("DISABLED")]);
    let event = upon("events", "DisableRule", json!({"name": "snapback-S3Rule-copy"}));
    deliver(&own::FUNCTION, &aws, Mode::Revert, event).await?;
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), 0);
    assert_eq!((times(&aws, "EventBridge.EnableRule"), times(&aws, "SNS.Publish")), (0, 0));
    Ok(())
}
