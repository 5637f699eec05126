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

/// What the history has of each call that silences a rule.
fn nothing_silenced() -> Vec<Answer> {
    vec![no_page(); SILENCING]
}

/// How many such calls there are.
const SILENCING: usize = 5;

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

/// What was asked of the history besides what silences rules.
fn reads(aws: &Aws) -> Vec<String> {
    aws.bodies("CloudTrail.LookupEvents").split_off(SILENCING)
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
        [nothing_silenced(), vec![page(&[opened.clone(), ordinary, failed], Some("more")), page(&[on_topic], None)]]
            .concat(),
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
    let history = || [nothing_silenced(), vec![no_page()]].concat();
    let half = Swept { gap: gap.since, from: gap.since, to: gap.last(), page: Some("half".to_owned()) };
    let aws = knowing(gap, Some(half.clone())).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    assert!(reads(&aws)[0].contains(r#""NextToken":"half""#), "{:?}", reads(&aws));
    // Read to the end, too early: what came into the history since then is read, and no more.
    let early = Swept { to: gap.until + SignedDuration::from_mins(5), page: None, ..half.clone() };
    let aws = knowing(gap, Some(early.clone())).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    let [read] = &reads(&aws)[..] else { anyhow::bail!("one page: {:?}", reads(&aws)) };
    let from = early.to - SignedDuration::from_mins(15);
    assert!(read.contains(&format!(r#""StartTime":{}"#, from.as_second())), "{from}: {read}");
    let aws = knowing(gap, Some(Swept { page: None, ..half })).await?.answers("CloudTrail.LookupEvents", history());
    sweep(&aws).await?;
    assert!(reads(&aws).is_empty(), "{:?}", reads(&aws));
    Ok(())
}

#[tokio::test]
async fn a_page_that_cloudtrail_no_longer_knows_is_read_from_the_start() -> Result<()> {
    let gap = Gap { since: minutes_ago(60), until: minutes_ago(30) };
    let half = Swept { gap: gap.since, from: gap.since, to: gap.last(), page: Some("half".to_owned()) };
    let too_old = (400, r#"{"__type":"InvalidNextTokenException","message":"no longer valid"}"#.to_owned());
    let history = [nothing_silenced(), vec![too_old, no_page()]].concat();
    let aws = knowing(gap, Some(half)).await?.answers("CloudTrail.LookupEvents", history);
    sweep(&aws).await?;
    let reads = reads(&aws);
    assert_eq!(reads.iter().map(|read| read.contains("NextToken")).collect::<Vec<_>>(), [true, false]);
    Ok(())
}

/// Else whoever silences Snapback a second time has it forget what was opened the first time.
#[tokio::test]
async fn a_second_gap_does_not_end_the_reading_of_the_first() -> Result<()> {
    let first = Gap { since: minutes_ago(40), until: minutes_ago(35) };
    let second = Gap { since: minutes_ago(10), until: minutes_ago(9) };
    let read = Swept { gap: first.since, from: first.since, to: first.last(), page: None };
    for (swept, since) in [
        (None, first.since),
        (Some(Swept { page: Some("half".to_owned()), ..read.clone() }), first.since),
        (Some(Swept { to: first.until, ..read.clone() }), first.since),
        (Some(read), second.since),
    ] {
        let aws = knowing(first, swept.clone()).await?;
        Journal::new(&aws.config(), "journal").widen_gap(second, Timestamp::now()).await?;
        let kept = put(&aws, "DynamoDB.PutItem(gap)");
        let kept: Gap = serde_json::from_str(kept[0]["body"]["S"].as_str().context("it is kept")?)?;
        assert_eq!(kept, Gap { since, until: second.until }, "{swept:?}");
    }
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
async fn a_rule_that_was_silenced_unheard_is_found_in_the_history() -> Result<()> {
    let calls = ["DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"];
    for (at, call) in calls.into_iter().enumerate() {
        let named = if call.ends_with("Targets") { "rule" } else { "name" };
        for (rule, is_noticed) in [(RULE, true), ("nightly", false)] {
            let mut answers = nothing_silenced();
            // Behind whatever else is there of this kind.
            answers
                .splice(at..=at, [page(&[], Some("more")), page(&[upon("events", call, json!({named: rule}))], None)]);
            let aws =
                Aws::default().answers("DynamoDB.GetItem(gap)", [ok("{}")]).answers("CloudTrail.LookupEvents", answers);
            sweep(&aws).await?;
            assert_eq!(put(&aws, "DynamoDB.PutItem(gap)").len(), usize::from(is_noticed), "{call} {rule}");
        }
    }
    Ok(())
}
