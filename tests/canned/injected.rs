//! What goes wrong between Snapback and AWS, injected as canned HTTP answers: no emulator does these on demand.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::event::UNPROVEN;
use snapback::mode::Mode;

use super::scene::{ANYONE_WRITES, NAMED, PUBLIC, bucket_policy_was_put, deliver, event, hold, policy, stop};
use super::wire::{Answer, Aws, ec2_error, ok, rules, s3_error};

const WORLD: &str = "<cidrIpv4>0.0.0.0/0</cidrIpv4>";
const OFFICE: &str = "<cidrIpv4>203.0.113.0/24</cidrIpv4>";
const REVOKED: &str = "<RevokeSecurityGroupIngressResponse><return>true</return></RevokeSecurityGroupIngressResponse>";

pub(crate) fn ssh_was_opened() -> Value {
    let rule = json!({"securityGroupRuleId": "sgr-1", "groupId": "sg-1", "isEgress": false, "ipProtocol": "tcp",
        "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"});
    event(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1", "ipPermissions": {"items": []}}),
        json!({"_return": true, "securityGroupRuleSet": {"items": [rule]}}),
    )
}

fn written(aws: &Aws) -> Vec<String> {
    aws.bodies("S3.PutBucketPolicy")
}

/// The JSON variant of every notice.
pub(crate) fn notices(aws: &Aws) -> Vec<Value> {
    messages(aws, "default").filter_map(|notice| serde_json::from_str(&notice).ok()).collect()
}

/// The texts of the mails.
pub(crate) fn mails(aws: &Aws) -> Vec<String> {
    messages(aws, "email").collect()
}

/// What was published, in the variant for a kind of subscriber.
fn messages(aws: &Aws, variant: &str) -> impl Iterator<Item = String> {
    let message = move |body: String| {
        let (_, message) = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "Message")?;
        let message: Value = serde_json::from_str(&message).ok()?;
        Some(message[variant].as_str()?.to_owned())
    };
    aws.bodies("SNS.Publish").into_iter().filter_map(message)
}

/// The last item that was put under the entry's key, as `GetItem` gives it back.
pub(crate) fn journaled(aws: &Aws) -> Answer {
    let put = aws.bodies("DynamoDB.PutItem").pop().unwrap_or_default();
    let put: Value = serde_json::from_str(&put).unwrap_or_default();
    ok(&json!({"Item": put["Item"]}).to_string())
}

/// What `PutItem` answers when another was faster.
fn taken() -> Answer {
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    (400, json!({"__type": kind, "message": "taken"}).to_string())
}

/// What is there when an operator holds on to a statement.
pub(crate) async fn holding(statement: &str) -> Result<Answer> {
    let grant = snapback::json::canonical(&serde_json::from_str(statement)?);
    let hold = hold(&grant, Timestamp::now() + SignedDuration::from_hours(1)).await?;
    Ok(ok(&json!({"Item": hold}).to_string()))
}

#[tokio::test]
async fn an_old_truth_is_not_believed_at_once() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let clean = policy(&[NAMED]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [s3_error(404, "NoSuchBucketPolicy"), ok(&public), ok(&public), ok(&clean)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(written(&aws), [clean]);
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    Ok(())
}

/// Its hold was written after the first look, and before it was put back.
#[tokio::test]
async fn what_an_operator_puts_back_between_two_looks_stays() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED])), ok(&public)])
        .answers("DynamoDB.GetItem(hold)", [ok("{}"), holding(PUBLIC).await?]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert!(written(&aws).is_empty());
    assert_eq!(notices(&aws)[0]["outcome"], "held");
    Ok(())
}

#[tokio::test]
async fn a_denied_look_is_an_alert_of_the_highest_severity_and_touches_nothing() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [s3_error(403, "AccessDenied")]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let notice = &notices(&aws)[0];
    assert_eq!((&notice["outcome"], &notice["severity"]), (&json!("alerted"), &json!("critical")));
    assert!(notice["why"].as_str().is_some_and(|why| why.contains("lets everyone do s3:GetObject")), "{notice}");
    assert!(written(&aws).is_empty());

    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [ec2_error("UnauthorizedOperation")]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    assert_eq!(notices(&aws)[0]["severity"], "critical");
    Ok(())
}

/// Nothing in the account can change what the organization denies.
#[tokio::test]
async fn what_a_service_control_policy_denies_is_asked_once_and_not_tried_again() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let denied = |why: &str| (403, format!("<Error><Code>AccessDenied</Code><Message>no, {why}</Message></Error>"));
    let by_the_organization = denied("with an explicit deny in a service control policy");
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.PutBucketPolicy", [by_the_organization]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(written(&aws).len(), 1);
    let notice = &notices(&aws)[0];
    assert_eq!((&notice["outcome"], &notice["mode"]), (&json!("asked"), &json!("ask")));
    assert!(notice["apply"].as_str().is_some_and(|apply| apply.starts_with("snapback apply ")), "{notice}");
    let again = Aws::default().answers("DynamoDB.GetItem", [journaled(&aws)]);
    deliver(&s3::FUNCTION, &again, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert!(written(&again).is_empty() && notices(&again).is_empty());

    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.PutBucketPolicy", [denied("because no identity-based policy allows it")]);
    let tried = deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await;
    assert!(tried.is_err(), "a right that is missing may be on its way");
    Ok(())
}

#[tokio::test]
async fn a_policy_that_changes_between_look_and_write_is_judged_afresh() -> Result<()> {
    let first = policy(&[PUBLIC, NAMED]);
    let second = policy(&[NAMED, ANYONE_WRITES]);
    let clean = policy(&[NAMED]);
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [ok(&first), ok(&second), ok(&second), ok(&second), ok(&clean)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&first)).await?;
    assert_eq!(written(&aws), [clean]);
    let before = &notices(&aws)[0]["changes"][0]["before"];
    assert_eq!(before, &json!(second), "the notice tells what was really there before the write");
    Ok(())
}

#[tokio::test]
async fn a_rule_that_is_narrowed_between_look_and_write_is_not_revoked() -> Result<()> {
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, WORLD)]);
    let narrowed = rules(&[("sgr-1", "sg-1", "tcp", 22, OFFICE)]);
    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [open, narrowed]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    assert!(aws.bodies("EC2.RevokeSecurityGroupIngress").is_empty());
    assert_eq!(notices(&aws), [] as [Value; 0], "it is told once it is certain that it is over");
    assert_eq!(aws.bodies("SQS.SendMessage").len(), 1, "which the second look says");
    Ok(())
}

/// What is refused now is refused for ever: a person has to write another policy, and no retry is asked for.
#[tokio::test]
async fn a_policy_that_aws_refuses_for_whom_it_names_ends_in_an_alert() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let refused = |why: &str| (400, format!("<Error><Code>MalformedPolicy</Code><Message>{why}</Message></Error>"));
    let refusing = |why: &str| {
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
        aws.answers("S3.PutBucketPolicy", [refused(why)])
    };
    let aws = refusing("Invalid principal in policy");
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let [notice] = &notices(&aws)[..] else { anyhow::bail!("people are told once") };
    assert_eq!((&notice["outcome"], &notice["severity"]), (&json!("alerted"), &json!("critical")), "{notice}");
    let mail = mails(&aws).concat();
    assert!(mail.contains("Invalid principal in policy") && mail.contains("by hand"), "{mail}");
    assert!(mail.contains("RestrictPublicBuckets") && mail.contains("the partners that the policy names"), "{mail}");
    assert_eq!(written(&aws).len(), 1);

    let again =
        Aws::default().answers("DynamoDB.GetItem", [journaled(&aws)]).answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &again, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!((written(&again).len(), notices(&again).len()), (0, 0));

    // What is wrong with it otherwise is a failure, which is tried again.
    let aws = refusing("Policy has invalid resource");
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(notices(&aws)[0]["outcome"], "failed");
    Ok(())
}

#[tokio::test]
async fn a_resource_that_is_gone_needs_nothing() -> Result<()> {
    let aws = Aws::default().answers("S3.GetBucketPolicy", [s3_error(404, "NoSuchBucket")]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC]))).await?;
    assert!(written(&aws).is_empty() && notices(&aws).is_empty());

    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [rules(&[])]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    assert!(aws.bodies("EC2.RevokeSecurityGroupIngress").is_empty() && notices(&aws).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_journal_outage_stops_it_before_anything_is_touched() {
    let public = policy(&[PUBLIC]);
    for operation in [
        "DynamoDB.GetItem",
        "DynamoDB.GetItem(stop)",
        "DynamoDB.GetItem(hold)",
        "DynamoDB.PutItem",
        "DynamoDB.PutItem(lease)",
        "KMS.GenerateMac",
    ] {
        let outage = (500, r#"{"__type":"InternalServerError","message":"down"}"#.to_owned());
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers(operation, [outage]);
        let failed = deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await;
        assert!(failed.is_err(), "{operation}: a later delivery tries again");
        let calls = aws.calls();
        assert!(!calls.iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")), "{calls:?}");
        assert_eq!(notices(&aws)[0]["outcome"], "failed", "{operation}: and people are told at once");
    }
}

#[tokio::test]
async fn an_outage_of_the_topic_does_not_lose_the_revert_and_the_next_delivery_tells_of_it() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let outage = (500, "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>".to_owned());
    let gone = s3_error(404, "NoSuchBucketPolicy");
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), gone.clone()])
        .answers("SNS.Publish", [outage]);
    let failed = deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await;
    assert!(failed.is_err(), "so that Lambda delivers again");
    assert!(aws.calls().contains(&"S3.DeleteBucketPolicy".to_owned()));

    let later = Aws::default().answers("DynamoDB.GetItem", [journaled(&aws)]).answers("S3.GetBucketPolicy", [gone]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&later)[0]["outcome"], "reverted");
    assert!(!later.calls().contains(&"S3.DeleteBucketPolicy".to_owned()), "it is done already");

    let third = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&later)])
        .answers("S3.GetBucketPolicy", [s3_error(404, "NoSuchBucketPolicy")]);
    deliver(&s3::FUNCTION, &third, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert!(notices(&third).is_empty(), "people are told once");
    Ok(())
}

#[tokio::test]
async fn a_later_delivery_finishes_what_a_crash_has_left() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let clean = policy(&[NAMED]);
    // The first delivery ends right after writing the journal: S3 does not take the write.
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.PutBucketPolicy", [s3_error(500, "InternalError")]);
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(notices(&aws)[0]["outcome"], "failed");

    let later = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&clean)]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(written(&later), [clean]);
    assert_eq!(notices(&later)[0]["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn two_deliveries_at_once_do_not_both_act() {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("DynamoDB.PutItem", [taken()]);
    let second = deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await;
    assert!(second.is_err_and(|error| error.to_string().contains("another delivery")));
    assert!(written(&aws).is_empty() && notices(&aws).is_empty());
}

#[tokio::test]
async fn two_events_on_one_resource_wait_for_each_other() {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("DynamoDB.PutItem(lease)", [taken()]);
    let second = deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await;
    assert!(second.is_err_and(|error| error.to_string().contains("another delivery")));
    assert!(written(&aws).is_empty() && notices(&aws).is_empty());
    assert!(!aws.calls().contains(&"S3.DeleteBucketPolicy".to_owned()));
}

#[tokio::test]
async fn what_comes_back_again_and_again_is_reverted_every_time_and_said_more_seldom() -> Result<()> {
    let public = policy(&[PUBLIC]);
    for (times, severity) in [(3, Some("high")), (4, None), (10, Some("critical")), (11, None)] {
        let counted = json!({"Item": {"pk": {"S": "repeat#arn:aws:s3:::b"}, "times": {"N": (times - 1).to_string()},
                "since": {"S": "2026-01-31T12:00:00Z"}}});
        let aws = Aws::default()
            .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucketPolicy")])
            .answers("DynamoDB.GetItem(repeat)", [ok(&counted.to_string())]);
        deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
        assert!(aws.calls().contains(&"S3.DeleteBucketPolicy".to_owned()), "{times}");
        let told: Vec<_> = notices(&aws).iter().map(|notice| notice["severity"].clone()).collect();
        assert_eq!(told, severity.into_iter().map(Value::from).collect::<Vec<_>>(), "{times}");
        let third = Aws::default()
            .answers("DynamoDB.GetItem", [journaled(&aws)])
            .answers("S3.GetBucketPolicy", [s3_error(404, "NoSuchBucketPolicy")]);
        deliver(&s3::FUNCTION, &third, Mode::Revert, bucket_policy_was_put(&public)).await?;
        assert!(notices(&third).is_empty(), "{times}: nor is it said by a later delivery");
    }
    Ok(())
}

/// Whoever was told that a revert failed is told of the next that does not, also where it would be one of too many to tell.
#[tokio::test]
async fn a_failure_is_not_the_last_word_however_often_it_has_come_back() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let failing = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.DeleteBucketPolicy", [s3_error(403, "AccessDenied")]);
    assert!(deliver(&s3::FUNCTION, &failing, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(notices(&failing)[0]["outcome"], "failed");
    let kept = failing.bodies("DynamoDB.UpdateItem(repeat)").pop().context("it is kept that people know of it")?;
    assert!(kept.contains("told_of_failure = :yes"), "{kept}");

    let counted = json!({"Item": {"pk": {"S": "repeat#arn:aws:s3:::b"}, "times": {"N": "49"},
        "since": {"S": "2026-01-31T12:00:00Z"}, "told_of_failure": {"BOOL": true}}});
    let next = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucketPolicy")])
        .answers("DynamoDB.GetItem(repeat)", [ok(&counted.to_string())]);
    deliver(&s3::FUNCTION, &next, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&next)[0]["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn an_operator_s_hold_keeps_just_that_grant() -> Result<()> {
    let (both, held) = (policy(&[PUBLIC, ANYONE_WRITES]), policy(&[PUBLIC]));
    let aws = Aws::default()
        .answers("DynamoDB.GetItem(hold)", [holding(PUBLIC).await?])
        .answers("S3.GetBucketPolicy", [ok(&both), ok(&both), ok(&held)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&both)).await?;
    assert_eq!(written(&aws), [held]);
    Ok(())
}

#[tokio::test]
async fn notify_tells_and_touches_nothing() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &aws, Mode::Notify, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "would-revert");
    assert!(!aws.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));
    Ok(())
}

#[tokio::test]
async fn ask_says_how_to_have_it_done_and_touches_nothing() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &aws, Mode::Ask, bucket_policy_was_put(&public)).await?;
    let notice = &notices(&aws)[0];
    assert_eq!(notice["outcome"], "asked");
    let apply =
        format!("snapback apply {} --journal journal --region eu-central-1", notice["id"].as_str().unwrap_or("?"));
    assert_eq!((notice["apply"].as_str(), &notice["undo"]), (Some(apply.as_str()), &Value::Null));
    assert!(!aws.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));

    let later =
        Aws::default().answers("DynamoDB.GetItem", [journaled(&aws)]).answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert!(notices(&later).is_empty(), "it is asked once, and a mode that was raised since changes nothing");
    assert!(!later.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));
    Ok(())
}

/// Whoever can write to the bucket of the log files could have anything reverted that was allowed before.
#[tokio::test]
async fn what_only_a_log_file_tells_of_that_may_not_be_cloudtrails_is_asked() -> Result<()> {
    let public = policy(&[PUBLIC]);
    for (mode, outcome) in [(Mode::Revert, "asked"), (Mode::Notify, "would-revert")] {
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
        let mut put = bucket_policy_was_put(&public);
        put[UNPROVEN] = true.into();
        deliver(&s3::FUNCTION, &aws, mode, put).await?;
        let notice = &notices(&aws)[0];
        assert_eq!(notice["outcome"], outcome);
        let is_said = notice["problem"].as_str().is_some_and(|problem| problem.contains("only a log file tells"));
        assert_eq!(is_said, mode == Mode::Revert, "{notice}");
        assert!(!aws.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));
    }
    Ok(())
}

async fn stopped_until(until: Timestamp) -> Result<Answer> {
    Ok(ok(&json!({"Item": stop(until).await?}).to_string()))
}

#[tokio::test]
async fn an_emergency_stop_counts_at_once_also_for_what_is_on_its_way() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let stop = stopped_until(Timestamp::now() + SignedDuration::from_hours(1)).await?;
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("DynamoDB.GetItem(stop)", [stop.clone()]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "would-revert");
    assert!(notices(&aws)[0]["problem"].as_str().is_some_and(|problem| problem.contains("drill")));
    assert!(!aws.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));

    let failing = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.DeleteBucketPolicy", [s3_error(500, "InternalError")]);
    assert!(deliver(&s3::FUNCTION, &failing, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    let later = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&failing)])
        .answers("DynamoDB.GetItem(stop)", [stop])
        .answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&later)[0]["outcome"], "would-revert");
    assert!(!later.calls().contains(&"S3.DeleteBucketPolicy".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_stop_that_is_over_stops_nothing() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucketPolicy")])
        .answers("DynamoDB.GetItem(stop)", [stopped_until(Timestamp::now() - SignedDuration::from_secs(1)).await?]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn an_old_event_only_alerts() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let mut event = bucket_policy_was_put(&public);
    event["detail"]["eventTime"] = json!("2026-01-01T00:00:00Z");
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "would-revert");
    assert!(!aws.calls().iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")));
    Ok(())
}

#[tokio::test]
async fn before_the_revert_there_is_only_observe_and_record() -> Result<()> {
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, WORLD)]);
    let aws = Aws::default()
        .answers("EC2.DescribeSecurityGroupRules", [open.clone(), open, rules(&[])])
        .answers("EC2.RevokeSecurityGroupIngress", [ok(REVOKED)]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, ssh_was_opened()).await?;
    let calls = aws.calls();
    let (mut looks, mut begun, rest) = (calls[..3].to_vec(), calls[3..5].to_vec(), &calls[5..]);
    looks.sort();
    begun.sort();
    assert_eq!(
        looks,
        ["DynamoDB.BatchGetItem", "EC2.DescribeSecurityGroupRules", "KMS.GenerateMac"],
        "at the same time"
    );
    assert_eq!(begun, ["DynamoDB.BatchGetItem", "DynamoDB.PutItem"], "holds are read once more meanwhile");
    assert_eq!(
        rest,
        [
            "EC2.DescribeSecurityGroupRules",
            "EC2.RevokeSecurityGroupIngress",
            "EC2.DescribeSecurityGroupRules",
            "SNS.Publish",
            "DynamoDB.TransactWriteItems",
        ]
    );
    aws.forget();
    let benign = event(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1", "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}),
        json!(null),
    );
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, benign).await?;
    assert!(aws.calls().is_empty(), "a benign event makes no call at all");
    Ok(())
}

#[tokio::test]
async fn a_later_delivery_honours_the_holds_too() -> Result<()> {
    let both = policy(&[PUBLIC, ANYONE_WRITES]);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&both)])
        .answers("S3.DeleteBucketPolicy", [s3_error(500, "InternalError")]);
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&both)).await.is_err());

    // Meanwhile an operator has put the one grant back, which changed the policy too.
    let later = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("DynamoDB.GetItem(hold)", [holding(PUBLIC).await?])
        .answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, bucket_policy_was_put(&both)).await?;
    assert!(written(&later).is_empty() && !later.calls().contains(&"S3.DeleteBucketPolicy".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_group_that_is_called_by_its_name_is_journaled_and_held_by_its_id() -> Result<()> {
    let request = json!({"groupName": "web", "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22});
    let group = "<DescribeSecurityGroupsResponse><securityGroupInfo><item><groupId>sg-1</groupId></item>\
                 </securityGroupInfo></DescribeSecurityGroupsResponse>";
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, WORLD)]);
    let aws = Aws::default()
        .answers("EC2.DescribeSecurityGroups", [ok(group)])
        .answers("EC2.DescribeSecurityGroupRules", [open.clone(), open, rules(&[])])
        .answers("EC2.RevokeSecurityGroupIngress", [ok(REVOKED)]);
    let event = event("ec2", "AuthorizeSecurityGroupIngress", request, json!({"_return": true}));
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, event).await?;
    assert!(notices(&aws)[0]["resource"].as_str().is_some_and(|arn| arn.ends_with(":security-group/sg-1")));
    assert!(aws.bodies("DynamoDB.GetItem(hold)").pop().is_some_and(|read| read.contains(":security-group/sg-1")));
    Ok(())
}

#[tokio::test]
async fn a_failure_that_goes_on_is_announced_once() {
    let public = policy(&[PUBLIC, NAMED]);
    let broken = || {
        Aws::default()
            .answers("S3.GetBucketPolicy", [ok(&public)])
            .answers("S3.PutBucketPolicy", [s3_error(500, "InternalError")])
    };
    let first = broken();
    assert!(deliver(&s3::FUNCTION, &first, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(notices(&first).len(), 1);
    let second = broken().answers("DynamoDB.GetItem", [journaled(&first)]);
    assert!(deliver(&s3::FUNCTION, &second, Mode::Revert, bucket_policy_was_put(&public)).await.is_err());
    assert_eq!(written(&second).len(), 1, "it is tried again");
    assert!(notices(&second).is_empty(), "and told once");
}

#[tokio::test]
async fn what_aws_shows_late_is_reverted_and_said_to_show_late() -> Result<()> {
    let is = |state: &str| {
        ok(&format!(
            "<GetImageBlockPublicAccessStateResponse><imageBlockPublicAccessState>{state}</imageBlockPublicAccessState>\
             </GetImageBlockPublicAccessStateResponse>"
        ))
    };
    let turned_off = || event("ec2", "DisableImageBlockPublicAccess", json!(null), json!(null));
    let aws = Aws::default()
        .answers("EC2.GetImageBlockPublicAccessState", [is("unblocked")])
        .answers("EC2.EnableImageBlockPublicAccess", [ok("<EnableImageBlockPublicAccessResponse/>")]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, turned_off()).await?;
    assert_eq!(aws.bodies("EC2.EnableImageBlockPublicAccess").len(), 1);
    let notice = &notices(&aws)[0];
    assert_eq!(notice["outcome"], "reverted");
    assert!(notice["problem"].as_str().is_some_and(|said| said.contains("up to ten minutes")), "{notice}");

    // As long as AWS shows that it is on, there is nothing to turn, and yet something to say.
    let aws = Aws::default().answers("EC2.GetImageBlockPublicAccessState", [is("block-new-sharing")]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, turned_off()).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "alerted");
    Ok(())
}

fn ec2_answer(operation: &str, inner: &str) -> Answer {
    ok(&format!("<{operation}Response>{inner}</{operation}Response>"))
}

#[tokio::test]
async fn a_network_acl_s_rule_that_is_replaced_between_look_and_write_is_not_deleted() -> Result<()> {
    let acl = |cidr: &str| {
        let entry = format!(
            "<item><ruleNumber>90</ruleNumber><protocol>-1</protocol><ruleAction>allow</ruleAction>\
             <egress>false</egress><cidrBlock>{cidr}</cidrBlock></item>"
        );
        let acl = format!("<item><networkAclId>acl-1</networkAclId><entrySet>{entry}</entrySet></item>");
        ec2_answer("DescribeNetworkAcls", &format!("<networkAclSet>{acl}</networkAclSet>"))
    };
    let created = json!({"networkAclId": "acl-1", "ruleNumber": 90, "egress": false, "ruleAction": "allow",
        "aclProtocol": "-1", "portRange": {}, "icmpTypeCode": {}, "cidrBlock": "0.0.0.0/0"});
    let aws = Aws::default().answers("EC2.DescribeNetworkAcls", [acl("0.0.0.0/0"), acl("198.51.100.0/24")]);
    let created = event("ec2", "CreateNetworkAclEntry", created, json!({"_return": true}));
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, created).await?;
    assert!(aws.bodies("EC2.DeleteNetworkAclEntry").is_empty());
    assert_eq!(notices(&aws), [] as [Value; 0]);
    Ok(())
}

#[tokio::test]
async fn a_prefix_list_that_changes_between_look_and_write_is_judged_afresh() -> Result<()> {
    let list = |version: u8| {
        let list = format!("<item><prefixListId>pl-1</prefixListId><version>{version}</version></item>");
        ec2_answer("DescribeManagedPrefixLists", &format!("<prefixListSet>{list}</prefixListSet>"))
    };
    let entries = |cidrs: &[&str]| {
        let items: String = cidrs.iter().map(|cidr| format!("<item><cidr>{cidr}</cidr></item>")).collect();
        ec2_answer("GetManagedPrefixListEntries", &format!("<entrySet>{items}</entrySet>"))
    };
    let (open, clean) = (entries(&["203.0.113.0/24", "0.0.0.0/0"]), entries(&["203.0.113.0/24"]));
    let aws = Aws::default()
        .answers(
            "EC2.DescribeSecurityGroupRules",
            [rules(&[("sgr-1", "sg-1", "tcp", 22, "<prefixListId>pl-1</prefixListId>")])],
        )
        // Looked at, looked at again right before the write, which is refused, and after it; and all of it once more.
        .answers("EC2.DescribeManagedPrefixLists", [list(2), list(2), list(3)])
        .answers("EC2.GetManagedPrefixListEntries", [&open, &open, &open, &open, &open, &clean].map(Clone::clone))
        .answers(
            "EC2.ModifyManagedPrefixList",
            [ec2_error("PrefixListVersionMismatch"), ec2_answer("ModifyManagedPrefixList", "<prefixList/>")],
        );
    let added = json!({"ModifyManagedPrefixListRequest": {"PrefixListId": "pl-1", "CurrentVersion": 1,
        "AddEntry": {"Cidr": "0.0.0.0/0", "tag": 1}}});
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, event("ec2", "ModifyManagedPrefixList", added, json!(null))).await?;
    let written = aws.bodies("EC2.ModifyManagedPrefixList");
    assert_eq!(written.len(), 2);
    assert!(written[0].contains("CurrentVersion=2") && written[1].contains("CurrentVersion=3"), "{written:?}");
    assert!(written.iter().all(|body| !body.contains("203.0.113.0")), "{written:?}");
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    Ok(())
}
