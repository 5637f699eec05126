//! What is read up from CloudTrail's event history after Snapback heard nothing.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::journal::{Gap, Journal, Swept};
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::Settings;
use workspace_tests::workspace;

use super::injected::notices;
use super::own::{upon, well};
use super::scene::{PUBLIC, bucket_policy_was_put, deliver, deployment, policy, put, settings};
use super::wire::{Answer, Aws, ok};

const RULE: &str = "snapback-S3Rule-1A2B3C";

fn minutes_ago(minutes: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_mins(minutes)
}

/// A page of the history: the records of these events, and whether there is more.
fn page(events: &[Value], next: Option<&str>) -> Answer {
    let events = events.iter().map(|event| json!({"CloudTrailEvent": event["detail"].to_string()}));
    ok(&json!({"Events": events.collect::<Vec<_>>(), "NextToken": next}).to_string())
}

fn no_page() -> Answer {
    page(&[], None)
}

/// An AWS whose journal knows a gap, and how far it was read up.
async fn knowing(gap: Gap, swept: Option<Swept>) -> Result<Aws> {
    let aws = Aws::default();
    let journal = Journal::new(&aws.config(), "journal");
    journal.widen_gap(gap, Timestamp::now()).await?;
    if let Some(swept) = &swept {
        journal.keep_swept(swept, Timestamp::now()).await?;
    }
    let mut items: Vec<Answer> =
        put(&aws, "DynamoDB.PutItem(gap)").into_iter().map(|item| ok(&json!({"Item": item}).to_string())).collect();
    items.resize(2, ok("{}"));
    Ok(Aws::default().answers("DynamoDB.GetItem(gap)", items).answers("SQS.SendMessage", [ok(r#"{"MessageId":"1"}"#)]))
}

async fn sweep(aws: &Aws) -> Result<()> {
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    own::sweep(&Responder::new(&settings, &deployment, aws.config()), Duration::from_secs(30)).await
}

/// What was sent to the delayed queue: for which function, and which event.
fn sent(aws: &Aws) -> Result<Vec<(String, Value)>> {
    let bodies = aws.bodies("SQS.SendMessage").into_iter();
    bodies
        .map(|body| {
            let call: Value = serde_json::from_str(&body)?;
            let said: Value = serde_json::from_str(call["MessageBody"].as_str().context("a body")?)?;
            Ok((said["function"].as_str().unwrap_or_default().to_owned(), said["event"].clone()))
        })
        .collect()
}

fn with_id(mut event: Value, id: &str) -> Value {
    event["detail"]["eventID"] = json!(id);
    event
}

#[tokio::test]
async fn what_happened_while_a_rule_was_disabled_goes_to_the_functions_that_watch_it() -> Result<()> {
    let opened = with_id(bucket_policy_was_put(&policy(&[PUBLIC])), "e-opened");
    let ordinary = with_id(upon("s3", "PutBucketTagging", json!({"bucketName": "b"})), "e-ordinary");
    let mut failed = with_id(bucket_policy_was_put(&policy(&[PUBLIC])), "e-failed");
    failed["detail"]["errorCode"] = json!("AccessDenied");
    let on_topic = with_id(upon("sns", "SetTopicAttributes", json!({})), "e-topic");
    let aws = knowing(Gap { since: minutes_ago(6), until: minutes_ago(1) }, None).await?.answers(
        "CloudTrail.LookupEvents",
        [no_page(), no_page(), page(&[opened.clone(), ordinary, failed], Some("more")), page(&[on_topic], None)],
    );
    sweep(&aws).await?;
    let sent = sent(&aws)?;
    let ids: Vec<_> =
        sent.iter().map(|(function, event)| (function.as_str(), event["detail"]["eventID"].clone())).collect();
    let expected = [("S3Function", "e-opened"), ("OwnFunction", "e-topic"), ("PoliciesFunction", "e-topic")];
    assert_eq!(ids, expected.map(|(function, id)| (function, json!(id))));
    // The function takes it for what it is, under the same id.
    let (event, suspected) =
        s3::FUNCTION.suspect(sent[0].1.clone(), &Settings::default())?.context("it is admitted and suspicious")?;
    assert_eq!((event.id.as_str(), suspected.is_empty()), ("e-opened", false));
    Ok(())
}

#[tokio::test]
async fn a_sweep_goes_on_where_it_ended_and_ends_fifteen_minutes_after_the_gap() -> Result<()> {
    let gap = Gap { since: minutes_ago(60), until: minutes_ago(30) };
    let calls = |aws: &Aws| aws.bodies("CloudTrail.LookupEvents").split_off(2);
    let history = || [no_page(), no_page(), page(&[], None)];
    let half = Swept { from: gap.since, to: gap.until + SignedDuration::from_mins(15), page: Some("half".to_owned()) };
    let aws = knowing(gap, Some(half.clone())).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    assert!(calls(&aws)[0].contains(r#""NextToken":"half""#), "{:?}", calls(&aws));
    // Read to the end, too early: it is read again.
    let early = Swept { to: gap.until + SignedDuration::from_mins(5), page: None, ..half.clone() };
    let aws = knowing(gap, Some(early)).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    assert_eq!(calls(&aws).len(), 1);
    let aws = knowing(gap, Some(Swept { page: None, ..half })).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    assert!(calls(&aws).is_empty(), "{:?}", calls(&aws));
    Ok(())
}

#[tokio::test]
async fn a_rule_that_somebody_enables_is_said_and_begins_a_gap() -> Result<()> {
    let aws = well();
    deliver(&own::FUNCTION, &aws, Mode::Revert, upon("events", "EnableRule", json!({"name": RULE}))).await?;
    assert_eq!((&notices(&aws)[0]["outcome"], &notices(&aws)[0]["severity"]), (&json!("alerted"), &json!("critical")));
    let gap = put(&aws, "DynamoDB.PutItem(gap)");
    let gap: Gap = serde_json::from_str(gap[0]["body"]["S"].as_str().context("it is kept")?)?;
    assert!(gap.since <= minutes_ago(15) && gap.until >= minutes_ago(1), "{gap:?}");
    Ok(())
}

#[tokio::test]
async fn a_rule_that_was_disabled_unheard_is_found_in_the_history() -> Result<()> {
    for (rule, is_noticed) in [(RULE, true), ("nightly", false)] {
        let disabled = upon("events", "DisableRule", json!({"name": rule}));
        let aws = Aws::default()
            .answers("DynamoDB.GetItem(gap)", [ok("{}")])
            .answers("CloudTrail.LookupEvents", [page(&[disabled], None), no_page()]);
        sweep(&aws).await?;
        assert_eq!(put(&aws, "DynamoDB.PutItem(gap)").len(), usize::from(is_noticed), "{rule}");
    }
    Ok(())
}
