//! What a scheduled check reads, what it makes of it, and that it reads each thing once.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::event::Event;
use snapback::learning::Learning;
use snapback::mode::{Mode, Modes};
use snapback::settings::Settings;

use super::injected::{journaled, notices};
use super::scene::{DENIED, NAMED, deployment, hold, policy, remembering};
use super::wire::{Aws, buckets, ok};
use workspace_tests::workspace;

const CONTROL: &str = "s3-lost-bucket-deny";

/// The function for S3 goes through all that there is, which is one bucket, with one control; what it calls about it.
async fn is_checked(aws: &Aws) -> Result<Vec<String>> {
    let modes = Modes::read(Mode::Revert, &format!("s3-*=off,{CONTROL}=revert")).ok().context("modes")?;
    let (settings, deployment) = (Settings { modes, ..Settings::default() }, deployment(workspace("guardrails")));
    aws.set("S3.ListBuckets", [buckets(&[("b", "eu-central-1")])]);
    // Its turn comes at one hour of the day.
    for hour in 0..24 {
        let time = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let tick = Event::of_a_look("111122223333", "eu-central-1", time);
        Box::pin(Learning::new(&tick, &settings, &deployment, &aws.config()).run(&s3::FUNCTION)).await?;
    }
    Ok(aws.calls().into_iter().filter(|call| call != "S3.ListBuckets").collect())
}

async fn denying() -> Result<Aws> {
    let before = remembering(CONTROL, "arn:aws:s3:::b", json!(policy(&[DENIED, NAMED]))).await?;
    Ok(Aws::default().answers("DynamoDB.GetItem(memory)", [before]))
}

fn kept(aws: &Aws) -> Result<Vec<Value>> {
    let items = super::scene::put(aws, "DynamoDB.PutItem(memory)");
    items.iter().map(|item| Ok(serde_json::from_str(item["body"]["S"].as_str().context("JSON")?)?)).collect()
}

#[tokio::test]
async fn what_is_harmless_becomes_the_baseline_and_the_rest_of_the_journal_is_not_read() -> Result<()> {
    let first = Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[DENIED]))]);
    let kept_by = ["KMS.GenerateMac", "DynamoDB.PutItem(memory)"];
    assert_eq!(is_checked(&first).await?, [&["DynamoDB.GetItem(memory)", "S3.GetBucketPolicy"], &kept_by[..]].concat());
    assert_eq!(kept(&first)?[0]["good"], policy(&[DENIED]));
    for (seen, is_news) in [
        (policy(&[DENIED, NAMED]), false),
        // AWS gives lists of one back as it likes.
        (policy(&[DENIED, NAMED]).replace(r#""s3:GetObject""#, r#" [ "s3:GetObject" ] "#), false),
        (policy(&[DENIED]), true),
    ] {
        let aws = denying().await?.answers("S3.GetBucketPolicy", [ok(&seen)]);
        let looked = ["DynamoDB.GetItem(memory)", "KMS.VerifyMac", "S3.GetBucketPolicy"];
        let told = if is_news { vec!["SNS.Publish"] } else { vec![] };
        assert_eq!(is_checked(&aws).await?, [&looked[..], &kept_by, &told].concat());
        let kept = &kept(&aws)?[0];
        assert_eq!(kept["good"], if is_news { seen } else { policy(&[DENIED, NAMED]) });
        assert_eq!(kept["since"] == kept["seen"], is_news, "{kept}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_lost_is_asked_about_with_each_thing_read_once() -> Result<()> {
    let aws = denying().await?.answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    let calls = is_checked(&aws).await?;
    let expected = [
        "DynamoDB.GetItem(memory)",
        "KMS.VerifyMac",
        "S3.GetBucketPolicy",
        "DynamoDB.GetItem(hold)",
        "DynamoDB.GetItem(stop)",
        "DynamoDB.GetItem",
        "KMS.GenerateMac",
        "DynamoDB.PutItem",
        "SNS.Publish",
        "DynamoDB.PutItem",
    ];
    assert_eq!(calls, expected);
    assert_eq!(notices(&aws)[0]["outcome"], "asked");

    let again = denying().await?.answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    again.set("DynamoDB.GetItem", [journaled(&aws)]);
    assert_eq!(is_checked(&again).await?, [&expected[..6], &["KMS.VerifyMac"]].concat(), "it is said once a day");
    Ok(())
}

#[tokio::test]
async fn what_an_operator_holds_becomes_the_baseline() -> Result<()> {
    let aws = denying().await?.answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    is_checked(&aws).await?;
    let entry: Value =
        serde_json::from_str(super::scene::put(&aws, "DynamoDB.PutItem")[0]["body"]["S"].as_str().context("JSON")?)?;
    let grant = entry["decision"]["grants"][0].as_str().context("a grant")?;
    let mut held = hold(grant, Timestamp::now() + SignedDuration::from_hours(1)).await?;
    held["sk"] = json!({"S": CONTROL});
    let aws = denying().await?.answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    aws.set("KMS.VerifyMac", [ok(r#"{"MacValid":true}"#)]);
    aws.set("DynamoDB.GetItem(hold)", [ok(&json!({"Item": held}).to_string())]);
    is_checked(&aws).await?;
    assert_eq!(kept(&aws)?[0]["good"], Value::Null, "there is nothing to guard any more");
    Ok(())
}

#[tokio::test]
async fn what_was_always_open_is_nobody_s_news() -> Result<()> {
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok("{ no policy }")]);
    aws.set("DynamoDB.GetItem(memory)", [remembering(CONTROL, "arn:aws:s3:::b", Value::Null).await?]);
    let calls = is_checked(&aws).await?;
    assert!(notices(&aws).is_empty() && !calls.iter().any(|call| call.contains("stop")), "{calls:?}");
    let denied = Aws::default().answers("S3.GetBucketPolicy", [super::wire::s3_error(403, "AccessDenied")]);
    let failed = is_checked(&denied).await.expect_err("it could not be looked at").to_string();
    assert!(failed.contains(CONTROL) && notices(&denied).is_empty(), "{failed}");
    Ok(())
}
