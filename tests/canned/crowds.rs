//! Events that come in crowds are counted, and people are told in summaries, none of which gets lost.

use anyhow::{Context, Result};
use functions::FUNCTIONS;
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::mode::Mode;

use super::injected::notices;
use super::scene::{deliver, event, remembering};
use super::wire::{Answer, Aws, ok};

const COUNTED: &str = "DynamoDB.UpdateItem(repeat)";

/// A call that AWS has denied.
fn denied() -> Value {
    let mut denied = event("iam", "CreateAccessKey", Value::Null, Value::Null);
    denied["detail"]["errorCode"] = json!("AccessDenied");
    denied["detail"]["errorMessage"] = json!("User: x is not authorized to perform: iam:CreateAccessKey");
    denied
}

/// What counting answers: how many there were, and of how many people know.
fn counted(times: u64, told: u64) -> Answer {
    let item = json!({"times": {"N": times.to_string()}, "told": {"N": told.to_string()},
        "since": {"S": "2026-01-31T12:00:00Z"}});
    ok(&json!({"Attributes": item}).to_string())
}

fn unavailable() -> Answer {
    (500, r#"{"__type":"InternalServerError","message":"try again"}"#.to_owned())
}

#[tokio::test]
async fn what_is_only_counted_costs_one_call() -> Result<()> {
    for (times, told) in [(2, 1), (9, 1), (29, 10)] {
        let aws = Aws::default().answers(COUNTED, [counted(times, told)]);
        deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
        assert_eq!(aws.calls(), [COUNTED]);
    }
    Ok(())
}

#[tokio::test]
async fn the_first_and_the_tenth_are_told_with_their_number_and_that_is_kept_in_mind() -> Result<()> {
    for (times, told) in [(1, 0), (10, 1), (31, 10)] {
        let aws = Aws::default().answers(COUNTED, [counted(times, told)]);
        deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
        let told = notices(&aws);
        assert_eq!((told.len(), &told[0]["repeat"]["times"]), (1, &json!(times)));
        let kept = aws.bodies(COUNTED).pop().unwrap_or_default();
        assert!(kept.contains("SET told = :times") && kept.contains(&format!(r#""N":"{times}""#)), "{kept}");
    }
    Ok(())
}

#[tokio::test]
async fn what_could_not_be_told_is_told_by_a_later_delivery_though_others_were_counted_since() -> Result<()> {
    let aws = Aws::default().answers(COUNTED, [counted(1, 0)]).answers("SNS.Publish", [unavailable()]);
    assert!(deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await.is_err());
    let last = aws.bodies(COUNTED).pop().unwrap_or_default();
    assert!(last.contains("\"REMOVE telling\""), "nobody knows of it yet: {last}");
    let aws = Aws::default().answers(COUNTED, [counted(4, 0)]);
    deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
    assert_eq!(notices(&aws)[0]["repeat"]["times"], 4);
    Ok(())
}

/// Many come at once, and before the first is told the others are due as well.
#[tokio::test]
async fn while_one_is_told_the_others_of_its_crowd_are_not() -> Result<()> {
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let taken = (400, json!({"__type": kind, "message": "taken"}).to_string());
    let aws = Aws::default().answers(COUNTED, [counted(2, 0), taken]);
    deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
    assert_eq!(aws.calls(), [COUNTED, COUNTED]);
    Ok(())
}

/// What counting answers if the item is not as it demands: how many there were a moment ago, and of which events that is
/// known.
fn as_it_is(times: u64, events: &[String]) -> Answer {
    let item = json!({"times": {"N": times.to_string()}, "told": {"N": times.to_string()},
        "since": {"S": "2026-01-31T12:00:00Z"}, "latest": {"N": Timestamp::now().as_second().to_string()},
        "events": {"SS": events}});
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    (400, json!({"__type": kind, "message": "not so", "Item": item}).to_string())
}

#[tokio::test]
async fn an_event_is_counted_once_however_often_it_is_delivered() -> Result<()> {
    let aws = Aws::default().answers(COUNTED, [counted(2, 1)]);
    deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
    let asked: Value = serde_json::from_str(&aws.bodies(COUNTED)[0])?;
    let known = asked["ExpressionAttributeValues"][":events"]["SS"][0].as_str().context("its mark")?.to_owned();
    let aws = Aws::default().answers(COUNTED, [as_it_is(2, &[known])]);
    deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
    assert_eq!((aws.calls(), notices(&aws).len()), (vec![COUNTED.to_owned()], 0));
    Ok(())
}

/// An item has room for so many: whoever floods is counted all the same.
#[tokio::test]
async fn of_a_large_crowd_the_next_is_counted_and_not_remembered() -> Result<()> {
    let many: Vec<String> = (0..200).map(|number| format!("{number:012}")).collect();
    let aws = Aws::default().answers(COUNTED, [as_it_is(200, &many), counted(201, 200)]);
    deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await?;
    assert_eq!(aws.calls(), [COUNTED, COUNTED]);
    assert!(!aws.bodies(COUNTED)[1].contains("events"), "{}", aws.bodies(COUNTED)[1]);
    Ok(())
}

/// A role that somebody passes, of which a scheduled check has found this.
async fn passed(administrator: Option<&str>) -> Result<(Aws, Value)> {
    let role = "arn:aws:iam::111122223333:role/ci";
    let good = json!({"role": "ci", "administrator": administrator});
    let known = remembering("iam-passed-administrator", role, good).await?;
    let request = json!({"functionName": "reports", "role": role});
    let event = event("lambda", "CreateFunction20150331", request, Value::Null);
    Ok((Aws::default().answers("DynamoDB.GetItem(memory)", [known]), event))
}

#[tokio::test]
async fn of_what_is_looked_at_only_a_risk_is_counted() -> Result<()> {
    let function = FUNCTIONS.iter().find(|function| function.name == "PassedRolesFunction").context("it is there")?;
    let (aws, event) = passed(None).await?;
    deliver(function, &aws, Mode::Notify, event).await?;
    // A warm function knows the certificate of whoever has written it.
    assert_eq!(aws.calls(), ["DynamoDB.GetItem(memory)", "KMS.VerifyMac"]);

    for (times, before, is_told) in [(1, 0, true), (2, 1, false), (10, 1, true)] {
        let (aws, event) = passed(Some("the holder may do everything")).await?;
        let aws = aws.answers(COUNTED, [counted(times, before)]);
        deliver(function, &aws, Mode::Notify, event).await?;
        let told = notices(&aws);
        assert_eq!(told.len(), usize::from(is_told), "{times} {before}");
        let written = aws.calls().into_iter().filter(|call| call.contains("Put") || call.contains("Transact")).count();
        assert_eq!(written > 0, is_told, "what is only counted leaves no entry: {:?}", aws.calls());
        // One caller does not hide another.
        let key = aws.bodies(COUNTED).remove(0);
        assert!(key.contains("CreateFunction20150331 by arn:aws:iam::111122223333:user/mallory"), "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_counted_is_told() -> Result<()> {
    let aws = Aws::default().answers(COUNTED, [unavailable()]);
    assert!(deliver(&signin::FUNCTION, &aws, Mode::Notify, denied()).await.is_err());
    let told = notices(&aws);
    assert_eq!(told[0]["control"], "signin-denied-attempt");
    assert!(told[0]["problem"].as_str().is_some_and(|problem| problem.contains("counting in the journal")));
    Ok(())
}
