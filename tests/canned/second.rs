//! AWS may show an old state for minutes: what is seen at once is not the last word, and what an event proves is not
//! forgotten because it is over.

use std::num::NonZeroU32;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::event::{Event, FROM_A_QUEUE};
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::{Deployment, Pace};
use workspace_tests::workspace;

use super::injected::{holding, journaled, notices, ssh_was_opened};
use super::scene::{ANYONE_WRITES, NAMED, PUBLIC, bucket_policy_was_put, deliver, deployment, policy, put, settings};
use super::wire::{Answer, Aws, ec2_error, ok, rules, s3_error};

/// What waits in the queue for the function, and for how many seconds.
pub(crate) fn delayed(aws: &Aws) -> Vec<(Value, i64)> {
    let sent = aws.bodies("SQS.SendMessage").into_iter().filter_map(|body| {
        let call: Value = serde_json::from_str(&body).ok()?;
        let letter: Value = serde_json::from_str(call["MessageBody"].as_str()?).ok()?;
        (letter["function"] == "S3Function").then_some(())?;
        Some((letter["event"].clone(), call["DelaySeconds"].as_i64()?))
    });
    sent.collect()
}

/// The function for S3 gets what has waited.
pub(crate) async fn look_again(aws: &Aws, event: &Value) -> Result<()> {
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    Box::pin(Responder::new(&settings, &deployment, aws.config()).look_again(&s3::FUNCTION, event)).await
}

/// The same call, by the function's own role.
fn made_by_us(mut event: Value) -> Value {
    event["detail"]["userIdentity"] = json!({"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/own/f",
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/own", "userName": "own"}}});
    event
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

/// An AWS whose journal has the entry that was written last, and then this under the id of what shows again.
fn with_first(before: &Aws, again: &str) -> Aws {
    Aws::default().answers("DynamoDB.GetItem", [journaled(before), ok(again)])
}

const NOTHING: &str = "{}";

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
    let second = with_first(&aws, NOTHING).answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
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
    let second = with_first(&aws, NOTHING).answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&clean)]);
    look_again(&second, &event).await?;
    assert_eq!(writes(&second), 1);
    let notice = &notices(&second)[0];
    assert_eq!(notice["outcome"], "reverted");
    // Each of the two writes keeps its own way back.
    let [again, done, first] = &put(&second, "DynamoDB.PutItem")[..] else { anyhow::bail!("two entries") };
    assert_eq!((&again["pk"], &done["outcome"]["S"]), (&done["pk"], &json!("reverted")));
    assert_ne!(again["pk"], first["pk"]);
    let last: Value = serde_json::from_str(&second.bodies("DynamoDB.PutItem").pop().unwrap_or_default())?;
    assert_eq!(last["ConditionExpression"], "attribute_exists(due)", "an operator may have undone it meanwhile");
    let body = |item: &Value| item["body"]["S"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    let (before, after) = (entry(&aws)?, body(first).context("the first one")?);
    assert_eq!((&after["decision"], &after["applied"]), (&before["decision"], &before["applied"]));
    assert_eq!((&after["outcome"], &after["due"]), (&json!("reverted"), &Value::Null));
    let third = with_first(&second, NOTHING);
    look_again(&third, &event).await?;
    assert_eq!((writes(&third), notices(&third).len()), (0, 0), "nothing is due any more");
    Ok(())
}

#[tokio::test]
async fn what_shows_after_two_reverts_has_failed_and_the_notice_names_both_looks() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let second = with_first(&aws, NOTHING).answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC, NAMED]))]);
    let failed = look_again(&second, &event).await.expect_err("a person has to look").to_string();
    assert!(
        failed.contains("it was seen after the first revert at ") && failed.contains("Somebody opens it"),
        "{failed}"
    );
    assert_eq!(notices(&second)[0]["outcome"], "failed");
    assert_eq!(delayed(&second).len(), 0, "it is not put off for ever");

    // Lambda tries the second look again, and now it shows: people who were told that it failed are told so.
    let third = with_first(&aws, &journaled(&second).1).answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    look_again(&third, &event).await?;
    assert_eq!(notices(&third)[0]["outcome"], "reverted");
    assert_eq!(entry(&third)?["due"], Value::Null);
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
    // As it would be if somebody had deleted an entry that waits.
    let failure = look_again(&aws, &forged).await.expect_err("there is no such entry").to_string();
    assert!(failure.contains("entry `0123`") && failure.contains("somebody has deleted it"), "{failure}");
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

/// The answer of its write is lost, and AWS has made it.
#[tokio::test]
async fn what_a_second_look_has_reverted_is_reverted_whoever_tells_so() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&clean)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second =
        later(&aws, [ok(&public), ok(&public)]).answers("S3.PutBucketPolicy", [s3_error(500, "InternalError")]);
    assert!(look_again(&second, &event).await.is_err());
    assert_eq!(notices(&second)[0]["outcome"], "failed");
    let third = later(&second, [ok(&clean)]);
    look_again(&third, &event).await?;
    assert_eq!((writes(&third), &notices(&third)[0]["outcome"]), (0, &json!("reverted")));
    assert_eq!(entry(&third)?["outcome"], "reverted");
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
        .answers("DynamoDB.GetItem", [journaled(before), ok(NOTHING)])
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
    let second = with_first(&aws, NOTHING).answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&clean)]);
    look_again(&second, &event).await?;
    assert_eq!(writes(&second), 1, "it is reverted as soon as it shows");
    assert_eq!((&entry(&second)?["outcome"], &entry(&second)?["due"]), (&json!("reverted"), &Value::Null));
    Ok(())
}

/// Looks, and reads before a write, that are answered by these policies in turn: how often it was written, what people were
/// told, and how many second looks are asked for.
async fn read_in_turn(policies: &[&str]) -> Result<(usize, Vec<Value>, usize)> {
    let aws = Aws::default().answers("S3.GetBucketPolicy", policies.iter().map(|policy| ok(policy)));
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
    Ok((writes(&aws), notices(&aws), delayed(&aws).len()))
}

#[tokio::test]
async fn what_seems_to_be_reverted_already_and_then_shows_is_reverted_without_waiting_for_the_second_look() -> Result<()>
{
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let (looked, read) = (&public, &clean);
    let (writes, notices, due) = read_in_turn(&[looked, read, &clean, &public, &public, &public, &clean]).await?;
    assert_eq!((writes, &notices[0]["outcome"], due), (1, &json!("reverted"), 0));
    Ok(())
}

/// Before the event there was another policy, which AWS shows now and then.
#[tokio::test]
async fn old_states_between_the_look_and_the_write_do_not_make_a_revert_fail() -> Result<()> {
    let (public, clean, old) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]), policy(&[]));
    let flaps = [&public, &old].repeat(4);
    let reads: Vec<&str> = flaps.into_iter().chain([&public, &public, &clean]).map(String::as_str).collect();
    let (writes, notices, due) = read_in_turn(&reads).await?;
    assert_eq!((writes, &notices[0]["outcome"], due), (1, &json!("reverted"), 0));
    Ok(())
}

#[tokio::test]
async fn an_old_state_that_is_harmless_does_not_put_off_a_revert() -> Result<()> {
    let (public, clean, old) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]), policy(&[]));
    let (writes, notices, due) = read_in_turn(&[&public, &old, &old, &public, &public, &clean]).await?;
    assert_eq!((writes, &notices[0]["outcome"], due), (1, &json!("reverted"), 0));
    Ok(())
}

/// Another control has made its revert upon an old state, and put back what this one had removed; or whoever has stolen the
/// function's rights opens something. At once either may be an old state, the risk as well as its absence.
#[tokio::test]
async fn what_a_change_of_our_own_has_opened_is_reverted_if_it_shows_at_the_second_look() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    for at_once in [&public, &clean] {
        for (shows, reverts, outcomes) in [(&public, 1, vec!["reverted"]), (&clean, 0, vec![])] {
            let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(at_once)]);
            deliver(&s3::FUNCTION, &aws, Mode::Revert, made_by_us(bucket_policy_was_put(&public))).await?;
            assert_eq!((writes(&aws), notices(&aws).len()), (0, 0));
            let (event, _) = delayed(&aws).pop().context("a second look")?;
            let second = later(&aws, [ok(shows), ok(shows), ok(&clean)]);
            look_again(&second, &event).await?;
            let told: Vec<_> = notices(&second).into_iter().map(|notice| notice["outcome"].clone()).collect();
            assert_eq!((writes(&second), told), (reverts, outcomes.into_iter().map(Value::from).collect()));
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_revert_of_ours_leaves_on_purpose_is_not_said_twice() -> Result<()> {
    let unsure = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"some:Key":"x"}}}"#;
    let left = policy(&[unsure]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&left)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, made_by_us(bucket_policy_was_put(&left))).await?;
    assert_eq!((notices(&aws).len(), delayed(&aws).len()), (0, 0));
    Ok(())
}

/// An undo writes its hold before anything else, and a revert that is not done yet may find what it has put back.
#[tokio::test]
async fn what_an_operator_puts_back_while_a_revert_judges_afresh_stays() -> Result<()> {
    let (public, other) = (policy(&[PUBLIC, NAMED]), policy(&[PUBLIC]));
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&other), ok(&other)])
        .answers("DynamoDB.GetItem(hold)", [ok("{}"), holding(PUBLIC).await?]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(writes(&aws), 0);
    Ok(())
}

/// The first look reads the holds and the resource at the same time.
#[tokio::test]
async fn what_an_operator_puts_back_while_the_first_look_is_made_stays() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("DynamoDB.GetItem(hold)", [ok("{}"), holding(PUBLIC).await?]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let entry = entry(&aws)?;
    assert_eq!((writes(&aws), &entry["outcome"]), (0, &json!("held")));
    assert_eq!(entry["basis"]["holds"].as_array().map(Vec::len), Some(1), "so it can be judged again");
    assert_eq!(aws.bodies("DynamoDB.PutItem(lease)").len(), 2, "it has given the bucket back");
    Ok(())
}

/// An earlier delivery has ended before it wrote anything. What the plan leads to is also how it was before the event.
#[tokio::test]
async fn a_retry_does_not_take_an_old_state_for_its_own_revert() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let down = (500, "<Error><Code>InternalError</Code><Message>m</Message></Error>".to_owned());
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), down]);
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    for (age, due) in [(0, true), (180, false)] {
        let mut event = bucket_policy_was_put(&public);
        event["detail"]["eventTime"] = json!(Timestamp::now() - SignedDuration::from_secs(age));
        let retry = later(&aws, [ok(&clean)]);
        let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
        let (event, suspected) = s3::FUNCTION.suspect(event, &settings)?.context("it is suspicious")?;
        let responder = Responder::new(&settings, &deployment, retry.config());
        responder.respond(&s3::FUNCTION, &event, &suspected).await?;
        assert_eq!((writes(&retry), !delayed(&retry).is_empty()), (0, due), "{age} s after the event");
    }
    Ok(())
}

/// Two controls find their own part of one policy, one after the other.
#[tokio::test]
async fn what_one_control_has_removed_is_not_put_back_by_the_next_which_is_shown_the_old_policy() -> Result<()> {
    let stranger = r#"{"Effect":"Allow","Principal":{"AWS":"777788889999"},"Action":"s3:GetObject","Resource":"*"}"#;
    let (both, one) = (policy(&[PUBLIC, stranger, NAMED]), policy(&[stranger, NAMED]));
    let (clean, old) = (policy(&[NAMED]), &both);
    let (look, read, verified) = (&both, &both, &one);
    let reads = [look, read, verified, old, old, old, &one, &one, &clean];
    let aws = Aws::default().answers("S3.GetBucketPolicy", reads.map(|policy| ok(policy)));
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&both)).await?;
    let written = aws.bodies("S3.PutBucketPolicy");
    assert_eq!(written.len(), 2, "{written:?}");
    for text in &written {
        assert!(!text.contains(r#""Principal":"*""#), "{text}");
    }
    assert!(!written[1].contains("777788889999"), "{written:?}");
    Ok(())
}

#[tokio::test]
async fn a_policy_that_never_stands_still_has_failed_at_the_second_look() -> Result<()> {
    let flips = || (0..40).map(|turn| ok(&policy(&[PUBLIC, if turn % 2 == 0 { NAMED } else { ANYONE_WRITES }])));
    let aws = Aws::default().answers("S3.GetBucketPolicy", flips());
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC]))).await?;
    assert_eq!((writes(&aws), notices(&aws).len()), (0, 0), "AWS may show old states for a while");
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, flips());
    let failed = look_again(&second, &event).await.expect_err("a person has to look").to_string();
    assert!(failed.contains("kept changing"), "{failed}");
    assert_eq!((writes(&second), &notices(&second)[0]["outcome"]), (0, &json!("failed")));
    Ok(())
}

#[tokio::test]
async fn what_is_harmless_after_all_at_the_second_look_is_told_as_closed_then() -> Result<()> {
    let (public, other) = (policy(&[PUBLIC, NAMED]), policy(&[]));
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let (event, _) = delayed(&aws).pop().context("a second look")?;
    let second = later(&aws, [ok(&public), ok(&other)]);
    look_again(&second, &event).await?;
    assert_eq!((writes(&second), &notices(&second)[0]["outcome"]), (0, &json!("closed")));
    assert_eq!((delayed(&second).len(), &entry(&second)?["due"]), (0, &Value::Null), "not for ever");
    Ok(())
}

#[tokio::test]
async fn people_are_told_if_the_second_look_is_denied() -> Result<()> {
    let (aws, event) = a_revert_that_does_not_show().await?;
    let second = with_first(&aws, NOTHING).answers("S3.GetBucketPolicy", [s3_error(403, "AccessDenied")]);
    look_again(&second, &event).await?;
    let notice = &notices(&second)[0];
    assert_eq!(notice["outcome"], "reverted");
    assert!(notice["problem"].as_str().is_some_and(|problem| problem.contains("could not be seen")), "{notice}");
    Ok(())
}

#[tokio::test]
async fn what_a_revert_of_ours_has_ended_is_not_reverted_again_because_an_old_state_shows() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let mut own = bucket_policy_was_put(&clean);
    // The event is too long to tell the policy, so that it has to be looked at.
    own["detail"]["requestParameters"] = json!({"bucketName": "b"});
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&clean), ok(&public), ok(&clean)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, made_by_us(own)).await?;
    assert_eq!((writes(&aws), notices(&aws).len()), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_public_acl_that_was_ignored_all_the_time_was_never_open() -> Result<()> {
    let acl = |grants: &str| {
        ok(&format!(
            r"<AccessControlPolicy><Owner><ID>own</ID></Owner><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        ))
    };
    let everyone = r#"<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>"#;
    let ignored = ok(
        "<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>",
    );
    let put =
        super::scene::event("s3", "PutBucketAcl", json!({"bucketName": "b", "x-amz-acl": "public-read"}), json!(null));
    let aws =
        Aws::default().answers("S3.GetBucketAcl", [acl("")]).answers("S3.GetPublicAccessBlock", [ignored.clone()]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, put).await?;
    let (event, _) = delayed(&aws).pop().context("a second look, as an old ACL may have been shown")?;
    let second = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("S3.GetBucketAcl", [acl(everyone)])
        .answers("S3.GetPublicAccessBlock", [ignored]);
    look_again(&second, &event).await?;
    assert_eq!((notices(&second).len(), &entry(&second)?["outcome"]), (0, &json!("allowed")));
    Ok(())
}

/// A policy that lets somebody in by name or id.
fn letting_in(who: &str) -> String {
    policy(&[&format!(r#"{{"Effect":"Allow","Principal":{{"AWS":"{who}"}},"Action":"s3:GetObject","Resource":"*"}}"#)])
}

/// AWS shows who is no more by an id, and SNS also who is there, for a while.
#[tokio::test]
async fn whom_a_policy_names_by_an_id_is_told_of_only_if_that_is_somebody_at_the_second_look() -> Result<()> {
    let (id, stranger) = (letting_in("AROAEXAMPLEEXAMPLE001"), letting_in("arn:aws:iam::777788889999:role/x"));
    let mut untold = bucket_policy_was_put("{}");
    untold["detail"]["requestParameters"] = json!({"bucketName": "b"});
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&id)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, untold).await?;
    let delayed = delayed(&aws);
    let events: Vec<_> = delayed.iter().map(|(event, _)| event).collect();
    assert_eq!((notices(&aws).len(), writes(&aws), events.is_empty()), (0, 0, false), "it may be anybody");
    for event in &events {
        let no_more = later(&aws, [ok(&id)]);
        look_again(&no_more, event).await?;
        assert_eq!((notices(&no_more).len(), &entry(&no_more)?["outcome"]), (0, &json!("allowed")));
    }
    let there = later(&aws, [ok(&stranger), ok(&stranger), s3_error(404, "NoSuchBucketPolicy")]);
    look_again(&there, events[0]).await?;
    assert_eq!(notices(&there)[0]["outcome"], "reverted");
    Ok(())
}

/// AWS takes the id of somebody who is there, and shows the ARN from then on.
#[tokio::test]
async fn a_call_that_names_somebody_by_an_id_is_looked_at() -> Result<()> {
    let (id, stranger) = (letting_in("AIDAEXAMPLEEXAMPLE001"), letting_in("arn:aws:iam::777788889999:user/x"));
    let gone = s3_error(404, "NoSuchBucketPolicy");
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&stranger), ok(&stranger), gone]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&id)).await?;
    assert_eq!((aws.bodies("S3.DeleteBucketPolicy").len(), &notices(&aws)[0]["outcome"]), (1, &json!("reverted")));
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
    let payload = bucket_policy_was_put(&public);
    let failed =
        responder.respond(&s3::FUNCTION, &event, &suspected).await.err().context("without a journal it fails")?;
    assert!(responder.respond(&s3::FUNCTION, &event, &suspected).await.is_err(), "and so it does again");
    // Lambda does not try it again, perhaps by another process: it comes back from the queue.
    responder.come_back(&s3::FUNCTION, payload.clone(), failed).await?;
    let [(comes_back, 0)] = &delayed(&aws)[..] else { anyhow::bail!("one event comes back: {:?}", delayed(&aws)) };
    assert_eq!(comes_back["detail"], payload["detail"]);
    let (again, _) = s3::FUNCTION.suspect(comes_back.clone(), &settings)?.context("it is the same event")?;
    let another = Responder::new(&settings, &deployment, aws.config());
    let failed = another.respond(&s3::FUNCTION, &again, &suspected).await.err().context("it fails still")?;
    // From here on it fails like anything else, and every further attempt knows what was said.
    assert!(another.come_back(&s3::FUNCTION, comes_back.clone(), failed).await.is_err());
    let [notice] = &notices(&aws)[..] else { anyhow::bail!("people are told once") };
    assert_eq!(notice["outcome"], "failed");
    assert!(!aws.bodies("SNS.Publish").concat().contains("journal%20entry"), "there is none");
    // What failed with something else has told nobody.
    let untold = Event { failed_before: Some("AWS answered AccessDenied".to_owned()), ..event };
    let third = Responder::new(&settings, &deployment, aws.config());
    assert!(third.respond(&s3::FUNCTION, &untold, &suspected).await.is_err());
    assert_eq!(notices(&aws).len(), 2);
    // Whatever else fails, Lambda tries again.
    let other = anyhow::anyhow!("AWS answered AccessDenied");
    assert!(third.come_back(&s3::FUNCTION, payload, other).await.is_err());
    assert_eq!(delayed(&aws).len(), 1);
    Ok(())
}

/// Whoever may send to a queue says who made the call, and would use up what that one has.
#[tokio::test]
async fn what_comes_out_of_a_queue_uses_up_nobodys_reverts() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    for is_from_a_queue in [false, true] {
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
        let settings = settings(Mode::Revert);
        let deployment =
            Deployment { most_reverts_per_hour: NonZeroU32::new(2), ..deployment(workspace("guardrails")) };
        let mut put = bucket_policy_was_put(&public);
        if is_from_a_queue {
            put[FROM_A_QUEUE] = true.into();
        }
        let (event, suspected) = s3::FUNCTION.suspect(put, &settings)?.context("it is suspicious")?;
        assert_eq!(event.is_from_a_queue, is_from_a_queue);
        let responder = Responder::new(&settings, &deployment, aws.config());
        let _ = responder.respond(&s3::FUNCTION, &event, &suspected).await;
        let bodies = aws.bodies("DynamoDB.UpdateItem");
        let asked = bodies.iter().find(|body| body.contains("budget#")).context("it is asked whether it is used up")?;
        let asked: Value = serde_json::from_str(asked)?;
        let is_counted = asked["UpdateExpression"].as_str().is_some_and(|said| said.contains("ADD entries"));
        assert_eq!(
            (is_counted, asked["ExpressionAttributeValues"][":ids"].is_null()),
            (!is_from_a_queue, is_from_a_queue)
        );
        assert!(asked["ConditionExpression"].as_str().is_some_and(|said| said.contains("size(entries) < :most")));
    }
    Ok(())
}
