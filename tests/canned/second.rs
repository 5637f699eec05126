//! AWS may show an old state for minutes: what is seen at once is not the last word, and what an event proves is not
//! forgotten because it is over.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::event::Event;
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::Pace;
use workspace_tests::workspace;

use super::injected::{journaled, notices, ssh_was_opened};
use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver, deployment, policy, put, settings};
use super::wire::{Answer, Aws, ec2_error, ok, rules, s3_error};

/// What waits in the queue for the function, and for how many seconds.
fn delayed(aws: &Aws) -> Vec<(Value, i64)> {
    let sent = aws.bodies("SQS.SendMessage").into_iter().filter_map(|body| {
        let call: Value = serde_json::from_str(&body).ok()?;
        let letter: Value = serde_json::from_str(call["MessageBody"].as_str()?).ok()?;
        (letter["function"] == "S3Function").then_some(())?;
        Some((letter["event"].clone(), call["DelaySeconds"].as_i64()?))
    });
    sent.collect()
}

/// The function for S3 gets what has waited.
async fn look_again(aws: &Aws, event: &Value) -> Result<()> {
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    Box::pin(Responder::new(&settings, &deployment, aws.config()).look_again(&s3::FUNCTION, event)).await
}

fn entry(aws: &Aws) -> Result<Value> {
    let item = put(aws, "DynamoDB.PutItem").pop().context("it is journaled")?;
    Ok(serde_json::from_str(item["body"]["S"].as_str().context("as JSON")?)?)
}

/// A revert that AWS has taken and does not show.
async fn a_revert_that_does_not_show() -> Result<(Aws, Value)> {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let [(event, _)] = &delayed(&aws)[..] else { anyhow::bail!("one second look is asked for") };
    let event = event.clone();
    Ok((aws, event))
}

fn later(before: &Aws, policies: impl IntoIterator<Item = Answer>) -> Aws {
    Aws::default().answers("DynamoDB.GetItem", [journaled(before)]).answers("S3.GetBucketPolicy", policies)
}

fn writes(aws: &Aws) -> usize {
    aws.bodies("S3.PutBucketPolicy").len()
}

#[tokio::test]
async fn a_revert_that_aws_does_not_show_yet_has_not_failed() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let [notice] = &notices(&aws)[..] else { anyhow::bail!("people are told once") };
    assert_eq!(notice["outcome"], "reverted");
    let due: Timestamp = notice["due"].as_str().context("when it is due")?.parse()?;
    let text = aws.bodies("SNS.Publish").concat();
    let said = format!("check%20pending%20until%20{}", due.strftime("%H%%3A%M%%20UTC"));
    assert!(text.contains(&said), "{said}: {text}");
    assert_eq!(event["detail"]["entry"], entry(&aws)?["id"]);
    assert_eq!(delayed(&aws)[0].1, 2, "a hundredth of two minutes, rounded up");

    // The same event once more changes nothing: its second look is asked for.
    let public = policy(&[PUBLIC, NAMED]);
    let again = later(&aws, [ok(&public)]);
    deliver(&s3::FUNCTION, &again, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!((writes(&again), notices(&again).len(), delayed(&again).len()), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn the_second_look_says_nothing_where_the_revert_shows_by_then() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let second = later(&aws, [ok(&policy(&[NAMED]))]);
    look_again(&second, &event).await?;
    assert_eq!((writes(&second), notices(&second).len()), (0, 0));
    assert_eq!((&entry(&second)?["outcome"], &entry(&second)?["due"]), (&json!("reverted"), &Value::Null));
    let third = later(&second, [ok(&policy(&[PUBLIC]))]);
    look_again(&third, &event).await?;
    assert_eq!(third.calls(), ["DynamoDB.GetItem", "KMS.VerifyMac"], "it is looked at a second time once");
    Ok(())
}

#[tokio::test]
async fn what_shows_at_the_second_look_too_is_reverted_once_more() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let second = later(&aws, [ok(&public), ok(&public), ok(&clean)]);
    look_again(&second, &event).await?;
    assert_eq!(writes(&second), 1);
    let notice = &notices(&second)[0];
    assert_eq!(notice["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn what_shows_after_two_reverts_has_failed_and_the_notice_names_both_looks() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let second = later(&aws, [ok(&policy(&[PUBLIC, NAMED]))]);
    let failed = look_again(&second, &event).await.expect_err("a person has to look").to_string();
    assert!(
        failed.contains("it was seen after the first revert at ") && failed.contains("Somebody opens it"),
        "{failed}"
    );
    assert_eq!(notices(&second)[0]["outcome"], "failed");
    assert_eq!(delayed(&second).len(), 0, "it is not put off for ever");

    // Lambda tries the second look again, and now it shows: people who were told that it failed are told so.
    let third = later(&second, [ok(&policy(&[NAMED]))]);
    look_again(&third, &event).await?;
    assert_eq!(notices(&third)[0]["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn where_the_queue_takes_nothing_a_revert_that_does_not_show_has_failed_at_once() {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("SQS.SendMessage", [(403, r#"{"__type":"AccessDenied","message":"no"}"#.to_owned())]);
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(notices(&aws)[0]["outcome"], "failed");
}

/// Whoever may invoke the function can write such an event; it has power over nothing but when a look that is due is made.
#[tokio::test]
async fn a_forged_second_look_does_nothing_that_was_not_due() -> Result<()> {
    let forged = json!({"source": "snapback", "detail-type": "Snapback Second Check", "detail": {"entry": "0123"}});
    let aws = Aws::default();
    look_again(&aws, &forged).await?;
    assert_eq!(aws.calls(), ["DynamoDB.GetItem"]);

    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    let (settings, mut deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let Some((event, suspected)) = s3::FUNCTION.suspect(bucket_policy_was_put(&public), &settings)? else {
        anyhow::bail!("it is suspicious");
    };
    deployment.pace = Pace(100);
    tokio::time::timeout(
        std::time::Duration::from_secs(20),
        Responder::new(&settings, &deployment, aws.config()).respond(&s3::FUNCTION, &event, &suspected),
    )
    .await??;
    let (asked, wait) = delayed(&aws).remove(0);
    assert_eq!(wait, 120);
    let early = later(&aws, [ok(&public)]);
    look_again(&early, &asked).await?;
    assert_eq!(early.calls(), ["DynamoDB.GetItem", "KMS.VerifyMac"], "two minutes are not over");
    Ok(())
}

#[tokio::test]
async fn what_is_open_and_closed_before_we_look_is_told_once_after_the_second_look() -> Result<()> {
    let mut opened = bucket_policy_was_put(&policy(&[PUBLIC]));
    opened["detail"]["eventTime"] = json!(Timestamp::now() - SignedDuration::from_secs(30));
    let gone = [s3_error(404, "NoSuchBucketPolicy")];
    let aws = Aws::default().answers("S3.GetBucketPolicy", gone.clone());
    deliver(&s3::FUNCTION, &aws, Mode::Revert, opened.clone()).await?;
    assert_eq!(notices(&aws).len(), 0, "an old state may be shown");
    let (event, _) = delayed(&aws).pop().context("a second look")?;

    let duplicate = later(&aws, gone.clone());
    deliver(&s3::FUNCTION, &duplicate, Mode::Revert, opened).await?;
    assert_eq!((notices(&duplicate).len(), delayed(&duplicate).len()), (0, 0));

    let second = later(&aws, gone.clone());
    look_again(&second, &event).await?;
    let notice = &notices(&second)[0];
    assert_eq!((&notice["outcome"], &notice["severity"]), (&json!("closed"), &json!("high")), "{notice}");
    assert!(notice["secondsOpen"].as_i64().is_some_and(|seconds| seconds >= 30), "{notice}");
    let mail = second.bodies("SNS.Publish").concat();
    assert!(
        mail.contains("it%20was%20open%20from") && mail.contains("before%20Snapback%20could%20do%20that"),
        "{mail}"
    );
    let third = later(&second, gone);
    look_again(&third, &event).await?;
    assert_eq!(notices(&third).len(), 0, "once");
    Ok(())
}

#[tokio::test]
async fn what_only_seemed_to_be_closed_is_reverted() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    look_again(&second, &event).await?;
    assert_eq!((writes(&second), &notices(&second)[0]["outcome"]), (1, &json!("reverted")));
    Ok(())
}

#[tokio::test]
async fn what_block_public_access_may_have_kept_shut_may_have_been_open() -> Result<()> {
    let on = "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls>\
              <IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>\
              <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    let public = policy(&[PUBLIC]);
    // While the policy is there and the block too, nobody gets in, and nothing is over.
    let shut = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("S3.GetPublicAccessBlock", [ok(on)]);
    deliver(&s3::FUNCTION, &shut, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!((notices(&shut).len(), delayed(&shut).len()), (0, 0));

    let gone = [s3_error(404, "NoSuchBucketPolicy")];
    let aws = Aws::default().answers("S3.GetBucketPolicy", gone.clone()).answers("S3.GetPublicAccessBlock", [ok(on)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, gone).answers("S3.GetPublicAccessBlock", [ok(on)]);
    look_again(&second, &event).await?;
    assert!(second.bodies("SNS.Publish").concat().contains("it%20may%20have%20been%20open%20from"));
    Ok(())
}

/// Its own settings are gone with the bucket, so nobody can tell whether they kept people out.
#[tokio::test]
async fn a_bucket_that_is_gone_may_have_been_open() -> Result<()> {
    let gone = [s3_error(404, "NoSuchBucket")];
    let aws = Aws::default().answers("S3.GetBucketPolicy", gone.clone());
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC]))).await?;
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, gone);
    look_again(&second, &event).await?;
    let notice = &notices(&second)[0];
    assert_eq!((&notice["outcome"], &notice["severity"]), (&json!("closed"), &json!("high")), "{notice}");
    assert!(second.bodies("SNS.Publish").concat().contains("it%20may%20have%20been%20open%20from"));
    Ok(())
}

/// What people are told of an event about a group whose rules are these at both looks.
async fn told_of_rules(event: Value, left: &[(&str, &str, &str, u16, &str)]) -> Result<Vec<Value>> {
    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [rules(left)]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, event).await?;
    let Some(letter) = aws.bodies("SQS.SendMessage").pop() else { return Ok(notices(&aws)) };
    let letter: Value = serde_json::from_str(&letter)?;
    let letter: Value = serde_json::from_str(letter["MessageBody"].as_str().context("a body")?)?;
    let second = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("EC2.DescribeSecurityGroupRules", [rules(left)]);
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let responder = Responder::new(&settings, &deployment, second.config());
    Box::pin(responder.look_again(&ec2::FUNCTION, &letter["event"])).await?;
    Ok(notices(&second))
}

fn is_told_as_closed(notices: &[Value]) -> bool {
    let says = |notice: &Value| notice["why"].as_str().is_some_and(|why| why.contains("tcp/22 from 0.0.0.0/0"));
    matches!(notices, [notice] if notice["outcome"] == "closed" && says(notice))
}

#[tokio::test]
async fn a_rule_that_was_open_for_a_moment_is_told_of() -> Result<()> {
    let notices = told_of_rules(ssh_was_opened(), &[]).await?;
    assert!(is_told_as_closed(&notices), "{notices:?}");
    Ok(())
}

/// The rule keeps its id and is harmless again.
#[tokio::test]
async fn a_rule_that_was_changed_and_changed_back_is_told_of() -> Result<()> {
    let mut changed = ssh_was_opened();
    changed["detail"]["eventName"] = json!("ModifySecurityGroupRules");
    changed["detail"]["responseElements"] = Value::Null;
    let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"});
    changed["detail"]["requestParameters"] = json!({"ModifySecurityGroupRulesRequest": {
        "GroupId": "sg-1", "SecurityGroupRule": {"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": rule}}});
    let office = ("sgr-1", "sg-1", "tcp", 22, "<cidrIpv4>203.0.113.0/24</cidrIpv4>");
    let notices = told_of_rules(changed, &[office]).await?;
    assert!(is_told_as_closed(&notices), "{notices:?}");
    let why = notices[0]["why"].as_str().unwrap_or_default();
    assert!(!why.contains("the revert deletes it"), "nothing was reverted: {why}");
    Ok(())
}

/// The second look of the function for EC2 at what its first one has left.
async fn look_again_at_rules(before: &Aws, rules: Answer) -> Result<Aws> {
    let letter: Value = serde_json::from_str(&before.bodies("SQS.SendMessage").concat())?;
    let letter: Value = serde_json::from_str(letter["MessageBody"].as_str().context("a body")?)?;
    let aws = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(before)])
        .answers("EC2.DescribeSecurityGroupRules", [rules]);
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let responder = Responder::new(&settings, &deployment, aws.config());
    Box::pin(responder.look_again(&ec2::FUNCTION, &letter["event"])).await?;
    Ok(aws)
}

const WORLD: &str = "<cidrIpv4>0.0.0.0/0</cidrIpv4>";
const OFFICE: &str = "<cidrIpv4>203.0.113.0/24</cidrIpv4>";

#[tokio::test]
async fn whoever_revokes_a_rule_just_before_us_has_done_what_was_planned() -> Result<()> {
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, WORLD)]);
    let aws = Aws::default()
        .answers("EC2.DescribeSecurityGroupRules", [open.clone(), open, rules(&[])])
        .answers("EC2.RevokeSecurityGroupIngress", [ec2_error("InvalidSecurityGroupRuleId.NotFound")]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    let [notice] = &notices(&aws)[..] else { anyhow::bail!("people are told once") };
    assert_eq!((&notice["outcome"], notice["due"].is_string()), (&json!("reverted"), true), "{notice}");
    assert!(aws.bodies("SNS.Publish").concat().contains("It%20was%20so%20already"));

    let calm = look_again_at_rules(&aws, rules(&[])).await?;
    assert_eq!((notices(&calm).len(), &entry(&calm)?["outcome"]), (0, &json!("reverted")));
    Ok(())
}

#[tokio::test]
async fn what_somebody_narrows_just_before_us_is_told_as_closed_after_the_second_look() -> Result<()> {
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, WORLD)]);
    let narrowed = rules(&[("sgr-1", "sg-1", "tcp", 22, OFFICE)]);
    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [open, narrowed.clone()]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    assert_eq!((notices(&aws).len(), &entry(&aws)?["outcome"]), (0, &json!("pending")));
    let second = look_again_at_rules(&aws, narrowed).await?;
    let [notice] = &notices(&second)[..] else { anyhow::bail!("people are told once") };
    assert_eq!((&notice["outcome"], &notice["severity"]), (&json!("closed"), &json!("critical")), "{notice}");
    Ok(())
}

/// What was there before the event is what the revert leaves, so an old state looks like a revert that is done already.
#[tokio::test]
async fn an_old_state_before_the_write_does_not_pass_for_a_revert() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&clean)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(writes(&aws), 0);
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, [ok(&public), ok(&public), ok(&clean)]);
    look_again(&second, &event).await?;
    assert_eq!(writes(&second), 1, "it is reverted as soon as it shows");
    assert_eq!((&entry(&second)?["outcome"], &entry(&second)?["due"]), (&json!("reverted"), &Value::Null));
    Ok(())
}

/// Without a journal nothing remembers what people were told, except the process itself, and what it fails with.
#[tokio::test]
async fn while_the_journal_is_out_people_are_told_once_and_of_no_entry() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let outage = (500, r#"{"__type":"InternalServerError","message":"down"}"#.to_owned());
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("DynamoDB.PutItem", [outage]);
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let responder = Responder::new(&settings, &deployment, aws.config());
    let Some((event, suspected)) = s3::FUNCTION.suspect(bucket_policy_was_put(&public), &settings)? else {
        anyhow::bail!("it is suspicious");
    };
    let mut failure = String::new();
    for _ in 0..3 {
        let done = responder.respond(&s3::FUNCTION, &event, &suspected).await;
        failure = done.err().context("without a journal it fails")?.to_string();
    }
    // Another process gets it from the redrive function, with what the first one failed with.
    let again = Event { failed_before: Some(failure), ..event.clone() };
    let another = Responder::new(&settings, &deployment, aws.config());
    assert!(another.respond(&s3::FUNCTION, &again, &suspected).await.is_err());
    let [notice] = &notices(&aws)[..] else { anyhow::bail!("people are told once") };
    assert_eq!(notice["outcome"], "failed");
    assert!(!aws.bodies("SNS.Publish").concat().contains("journal%20entry"), "there is none");
    // What failed with something else has told nobody.
    let untold = Event { failed_before: Some("AWS answered AccessDenied".to_owned()), ..event };
    let third = Responder::new(&settings, &deployment, aws.config());
    assert!(third.respond(&s3::FUNCTION, &untold, &suspected).await.is_err());
    assert_eq!(notices(&aws).len(), 2);
    Ok(())
}
