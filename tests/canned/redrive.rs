//! Dead letters against canned answers: in which order the calls are made, and what a failing one leaves.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use redrive::{CALLS, Settings, Tally, redrive};
use serde_json::{Value, json};

use super::scene::event;
use super::wire::{Answer, Aws, ok};

const S3: &str = "arn:aws:lambda:eu-central-1:111122223333:function:s3";

/// One call of each kind, in which a message is redriven.
const REDRIVEN: [&str; 5] =
    ["SQS.ReceiveMessage", "DynamoDB.GetItem", "DynamoDB.UpdateItem", "Lambda.Invoke", "SQS.DeleteMessage"];

fn settings() -> Settings {
    let queue = |name: &str| format!("https://sqs.eu-central-1.amazonaws.com/111122223333/{name}");
    Settings {
        journal: "journal".to_owned(),
        rule_dead_letters: queue("rules"),
        function_dead_letters: queue("functions"),
        delayed: queue("delayed"),
        log_file_events: Some(queue("log-file-events")),
        given_up: queue("given-up"),
        functions: BTreeSet::from([S3.to_owned()]),
    }
}

fn none() -> Answer {
    ok("{}")
}

/// What a queue gives: messages with this body, sent this long ago, for this function.
fn messages(number: usize, body: &str, minutes: i64, function: &str) -> Answer {
    let sent = Timestamp::now() - SignedDuration::from_mins(minutes);
    let message = |number| {
        json!({"MessageId": format!("m-{number}"), "ReceiptHandle": format!("r-{number}"), "Body": body,
        "Attributes": {"SentTimestamp": sent.as_millisecond().to_string()},
        "MessageAttributes": {
            "TARGET_ARN": {"DataType": "String", "StringValue": function},
            "ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"},
        }})
    };
    ok(&json!({"Messages": (0..number).map(message).collect::<Vec<_>>()}).to_string())
}

fn tried(times: usize) -> Answer {
    ok(&json!({"Item": {"times": {"N": times.to_string()}, "last": {"S": "2026-01-31T12:00:00Z"}}}).to_string())
}

fn letter() -> String {
    event("s3", "PutBucketPolicy", json!({"bucketName": "b"}), json!(null)).to_string()
}

/// A rule's queue with messages, and nothing in the functions' queue.
fn aws(messages: Answer) -> Aws {
    Aws::default()
        .answers("SQS.ReceiveMessage", [none(), messages, none()])
        .answers("DynamoDB.UpdateItem", [none()])
        .answers("Lambda.Invoke", [(202, String::new())])
        .answers("SQS.DeleteMessage", [none()])
        .answers("SQS.SendMessage", [ok(r#"{"MessageId":"1","MD5OfMessageBody":"1"}"#)])
        .answers("SQS.ChangeMessageVisibility", [none()])
}

async fn run(aws: &Aws) -> Result<Tally> {
    redrive(&aws.config(), &settings(), &json!({"time": Timestamp::now()})).await
}

fn but_receiving(aws: &Aws) -> Vec<String> {
    aws.calls().into_iter().filter(|call| call != "SQS.ReceiveMessage").collect()
}

#[tokio::test]
async fn it_counts_then_hands_over_then_deletes() -> Result<()> {
    let aws = aws(messages(1, &letter(), 6, S3));
    assert_eq!(run(&aws).await?, Tally { redriven: 1, ..Tally::default() });
    assert_eq!(but_receiving(&aws), REDRIVEN[1..]);
    let handed: Value = serde_json::from_str(&aws.bodies("Lambda.Invoke")[0])?;
    let sent: Value = serde_json::from_str(&letter())?;
    assert_eq!(handed["detail"]["requestParameters"], sent["detail"]["requestParameters"]);
    Ok(())
}

#[tokio::test]
async fn after_the_third_time_it_is_put_where_people_look_and_then_deleted() -> Result<()> {
    let aws = aws(messages(1, &letter(), 600, S3)).answers("DynamoDB.GetItem", [tried(3)]);
    assert_eq!(run(&aws).await?, Tally { given_up: 1, ..Tally::default() });
    assert_eq!(but_receiving(&aws), ["DynamoDB.GetItem", "SQS.SendMessage", "SQS.DeleteMessage"]);
    let kept: Value = serde_json::from_str(&aws.bodies("SQS.SendMessage")[0])?;
    assert!(kept["QueueUrl"].as_str().is_some_and(|queue| queue.ends_with("/given-up")));
    assert_eq!(kept["MessageAttributes"]["ERROR_CODE"]["StringValue"], "NO_PERMISSIONS", "{kept}");
    Ok(())
}

/// It may be much, and what waits for its time is not to wait for it.
#[tokio::test]
async fn what_log_files_tell_of_comes_last() -> Result<()> {
    let aws = aws(none());
    assert_eq!(run(&aws).await?, Tally::default());
    let asked = aws.bodies("SQS.ReceiveMessage");
    assert!(asked.len() == 4 && asked[3].contains("/log-file-events"), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_fresh_costs_no_look_into_the_journal_and_can_be_received_again() -> Result<()> {
    let aws = aws(messages(3, &letter(), 4, S3));
    assert_eq!(run(&aws).await?, Tally { waiting: 3, ..Tally::default() });
    assert_eq!(but_receiving(&aws), ["SQS.ChangeMessageVisibility"; 3]);
    Ok(())
}

#[tokio::test]
async fn of_two_runs_at_once_one_hands_the_event_over() -> Result<()> {
    let taken = (400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#.to_owned());
    let aws = aws(messages(1, &letter(), 6, S3)).answers("DynamoDB.UpdateItem", [taken]);
    assert_eq!(run(&aws).await?, Tally { waiting: 1, ..Tally::default() });
    assert!(!aws.calls().contains(&"Lambda.Invoke".to_owned()));
    let condition = &serde_json::from_str::<Value>(&aws.bodies("DynamoDB.UpdateItem")[0])?["ConditionExpression"];
    assert_eq!(condition, "attribute_not_exists(pk)");
    Ok(())
}

/// Whatever fails, no message is deleted that is not elsewhere, and the run says that it failed.
#[tokio::test]
async fn whatever_call_fails_no_message_is_lost() -> Result<()> {
    let refused = || (400, r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned());
    for failing in REDRIVEN {
        let aws = aws(messages(1, &letter(), 6, S3));
        aws.set(failing, [refused()]);
        assert!(run(&aws).await.is_err(), "{failing}");
        let calls = aws.calls();
        let was = |call: &str| calls.contains(&call.to_owned());
        assert!(
            !was("SQS.DeleteMessage") || was("Lambda.Invoke") && failing != "Lambda.Invoke",
            "{failing}: {calls:?}"
        );
    }
    let unreadable = aws(messages(1, "no JSON", 6, S3)).answers("SQS.SendMessage", [refused()]);
    assert!(run(&unreadable).await.is_err());
    assert!(!unreadable.calls().contains(&"SQS.DeleteMessage".to_owned()));
    Ok(())
}

#[tokio::test]
async fn one_message_that_fails_does_not_hold_up_the_others() -> Result<()> {
    let throttled = (429, r#"{"Type":"User","Message":"Rate Exceeded."}"#.to_owned());
    let aws = aws(messages(3, &letter(), 6, S3)).answers("Lambda.Invoke", [throttled, (202, String::new())]);
    assert!(run(&aws).await.is_err_and(|error| error.to_string().starts_with("1 calls failed")));
    assert_eq!(aws.bodies("Lambda.Invoke").len(), 3);
    assert_eq!(aws.bodies("SQS.DeleteMessage").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_queue_that_cannot_be_read_does_not_hold_up_the_other() {
    let refused = (400, r#"{"__type":"AccessDenied","message":"no"}"#.to_owned());
    let body = json!({"requestContext": {"functionArn": format!("{S3}:$LATEST")}, "requestPayload": {"detail": {}}});
    let aws = aws(none());
    aws.set("SQS.ReceiveMessage", [none(), refused, messages(1, &body.to_string(), 6, ""), none()]);
    assert!(run(&aws).await.is_err());
    assert_eq!(aws.bodies("Lambda.Invoke"), [r#"{"detail":{},"snapback-from-a-queue":true}"#]);
}

#[tokio::test]
async fn what_wakes_it_and_is_no_schedule_leads_to_nothing() {
    for tick in [json!({}), json!({"time": "soon"}), json!([]), json!({"detail": {"eventName": "PutBucketPolicy"}})] {
        let aws = Aws::default();
        assert!(redrive(&aws.config(), &settings(), &tick).await.is_err(), "{tick}");
        assert_eq!(aws.calls(), [""; 0], "{tick}");
    }
}

#[tokio::test]
async fn it_calls_what_its_role_may_and_nothing_else() -> Result<()> {
    let mut called = BTreeSet::new();
    for messages in [messages(1, &letter(), 6, S3), messages(1, &letter(), 1, S3), messages(1, "no JSON", 6, S3)] {
        let aws = aws(messages);
        run(&aws).await?;
        called.extend(aws.calls().into_iter().map(|call| match call.as_str() {
            "Lambda.Invoke" => "lambda:InvokeFunction".to_owned(),
            call => {
                let (service, name) = call.split_once('.').unwrap_or_default();
                format!("{}:{name}", service.to_lowercase())
            }
        }));
    }
    assert_eq!(called, CALLS.iter().map(|call| (*call).to_owned()).collect());
    Ok(())
}
