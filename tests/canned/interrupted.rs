//! Answers that get lost, things that are deleted under Snapback, and what AWS refuses only for the moment.

use anyhow::{Context, Result};
use functions::FUNCTIONS;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::change::{Applied, Change, Ec2, PrefixEntry, PrefixList, Swap};
use snapback::journal::{Begun, Earlier, Entry, Hold, Journal, Needs};
use snapback::mode::Mode;
use snapback::place::Place;

use super::injected::{holding, journaled, notices, ssh_was_opened};
use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver, event, hold, policy, put};
use super::second::{delayed, look_again};
use super::wire::{Answer, Aws, answer, ec2_error, ok, rules, s3_error};

fn outcome(aws: &Aws) -> Result<Value> {
    Ok(put(aws, "DynamoDB.PutItem").pop().context("it is journaled")?["outcome"]["S"].clone())
}

fn put_by_everyone() -> (String, Value) {
    let public = policy(&[PUBLIC, NAMED]);
    let event = bucket_policy_was_put(&public);
    (public, event)
}

/// The version has passed by because of our own first attempt.
#[tokio::test]
async fn a_prefix_list_is_changed_already_if_the_answer_to_the_change_was_lost() -> Result<()> {
    let entry = |cidr: &str| PrefixEntry { cidr: cidr.to_owned(), description: None };
    let entries = |cidrs: &[&str]| {
        let items: String = cidrs.iter().map(|cidr| format!("<item><cidr>{cidr}</cidr></item>")).collect();
        answer("EC2.GetManagedPrefixListEntries", &format!("<entrySet>{items}</entrySet>"))
    };
    let list = "<prefixListSet><item><prefixListId>pl-1</prefixListId><version>2</version></item></prefixListSet>";
    let no_answer = (500, "<Response><Errors><Error><Code>InternalError</Code></Error></Errors></Response>".to_owned());
    let aws = Aws::default()
        .answers("EC2.DescribeManagedPrefixLists", [answer("EC2.DescribeManagedPrefixLists", list)])
        .answers(
            "EC2.GetManagedPrefixListEntries",
            [entries(&["198.51.100.0/24", "0.0.0.0/0"]), entries(&["198.51.100.0/24"])],
        )
        .answers("EC2.ModifyManagedPrefixList", [no_answer, ec2_error("PrefixListVersionMismatch")]);
    let (of, from) = (PrefixList("pl-1".to_owned()), vec![entry("198.51.100.0/24"), entry("0.0.0.0/0")]);
    let change: Change = Ec2::PrefixListEntries(Swap { of, from, to: vec![entry("198.51.100.0/24")] }).into();
    let place = Place::new("111122223333", aws.retrying());
    assert_eq!((ec2::FUNCTION.apply)(&place, &change).await?, Applied::Already);
    Ok(())
}

#[tokio::test]
async fn what_is_deleted_right_before_the_revert_has_not_failed() -> Result<()> {
    let (public, put_event) = put_by_everyone();
    let open = rules(&[("sgr-1", "sg-1", "tcp", 22, "<cidrIpv4>0.0.0.0/0</cidrIpv4>")]);
    let queue = "arn:aws:sqs:eu-central-1:111122223333:q";
    let attributes = json!({"Attributes": {"QueueArn": queue, "Policy": policy(&[&format!(
        r#"{{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"{queue}"}}"#
    )])}});
    let request = json!({"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/q",
        "attributes": {"Policy": attributes["Attributes"]["Policy"]}});
    let gone = (400, json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "m"}).to_string());
    let bucket = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucket")])
        .answers("S3.PutBucketPolicy", [s3_error(404, "NoSuchBucket")]);
    let group = Aws::default()
        .answers("EC2.DescribeSecurityGroupRules", [open.clone(), open, rules(&[])])
        .answers("EC2.RevokeSecurityGroupIngress", [ec2_error("InvalidGroup.NotFound")]);
    let attributes = ok(&attributes.to_string());
    let queue = Aws::default()
        .answers("SQS.GetQueueAttributes", [attributes.clone(), attributes, gone.clone()])
        .answers("SQS.SetQueueAttributes", [gone]);
    deliver(&s3::FUNCTION, &bucket, Mode::Revert, put_event).await?;
    deliver(&ec2::FUNCTION, &group, Mode::Revert, ssh_was_opened()).await?;
    let policies = FUNCTIONS.iter().find(|function| function.name == "PoliciesFunction").context("it is there")?;
    deliver(policies, &queue, Mode::Revert, event("sqs", "SetQueueAttributes", request, json!(null))).await?;
    for aws in [&bucket, &group, &queue] {
        assert!(notices(aws).iter().all(|notice| notice["outcome"] != "failed"), "{:?}", notices(aws));
        assert_eq!(aws.bodies("SQS.SendMessage").len(), 1, "the second look says what came of it");
    }
    Ok(())
}

/// Somebody's tool writes the settings of the bucket for longer than the SDK tries again.
#[tokio::test]
async fn people_are_told_of_a_conflict_only_if_the_next_delivery_meets_it_too() -> Result<()> {
    let (public, event) = put_by_everyone();
    for conflict in ["OperationAborted", "SlowDown"] {
        let busy = || {
            Aws::default()
                .answers("S3.GetBucketPolicy", [ok(&public)])
                .answers("S3.PutBucketPolicy", [s3_error(409, conflict)])
        };
        let first = busy();
        assert!(deliver(&s3::FUNCTION, &first, Mode::Revert, event.clone()).await.is_err(), "it is tried again");
        assert_eq!((notices(&first).len(), outcome(&first)?), (0, json!("pending")));
        let clean = policy(&[NAMED]);
        let free = Aws::default()
            .answers("DynamoDB.GetItem", [journaled(&first)])
            .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&clean)]);
        deliver(&s3::FUNCTION, &free, Mode::Revert, event.clone()).await?;
        assert_eq!(notices(&free)[0]["outcome"], "reverted");
        let second = busy().answers("DynamoDB.GetItem", [journaled(&first)]);
        assert!(deliver(&s3::FUNCTION, &second, Mode::Revert, event.clone()).await.is_err());
        assert_eq!(notices(&second)[0]["outcome"], "failed");
    }
    Ok(())
}

/// The SDK has sent it twice: the first attempt was written, and is in the way of the second.
#[tokio::test]
async fn the_journal_is_begun_by_whose_attempt_it_holds() -> Result<()> {
    let (public, event) = put_by_everyone();
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    let begun = put(&aws, "DynamoDB.PutItem").remove(0);
    let entry: Entry = serde_json::from_str(begun["body"]["S"].as_str().context("as JSON")?)?;
    let now = Timestamp::now();
    let taken = json!({"__type": "ConditionalCheckFailedException", "message": "taken"}).to_string();
    let ours = Begun::Begun { regardless: None };
    let cases = [(now.as_nanosecond(), ours), (now.as_nanosecond() - 1, Begun::Earlier(Earlier::AtWork))];
    for (attempt, expected) in cases {
        let mut item = begun.clone();
        item["attempt"] = json!({"N": attempt.to_string()});
        let aws = Aws::default()
            .answers("DynamoDB.PutItem", [(400, taken.clone())])
            .answers("DynamoDB.GetItem", [ok(&json!({"Item": item}).to_string())]);
        let journal = Journal::new(&aws.config(), "journal");
        let sealed = journal.sealed(&entry).await?;
        assert_eq!(journal.begin(&entry, sealed, &[], Needs::default(), now).await?, expected);
    }
    Ok(())
}

/// AWS knows for a while nobody of whom it has just been told.
#[tokio::test]
async fn a_policy_that_aws_refuses_for_a_principal_is_tried_once_more_at_the_second_look() -> Result<()> {
    let (public, event) = put_by_everyone();
    let refused =
        (400, "<Error><Code>MalformedPolicy</Code><Message>Invalid principal in policy</Message></Error>".to_owned());
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]).answers("S3.PutBucketPolicy", [refused.clone()]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "alerted", "people are told at once");
    let (again, _) = delayed(&aws).pop().context("a second look")?;
    let known = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    look_again(&known, &again).await?;
    assert_eq!(notices(&known)[0]["outcome"], "reverted");
    let unknown = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.PutBucketPolicy", [refused]);
    look_again(&unknown, &again).await?;
    assert_eq!((notices(&unknown).len(), outcome(&unknown)?), (0, json!("alerted")), "they know");
    assert_eq!(delayed(&unknown).len(), 0, "not for ever");
    Ok(())
}

#[tokio::test]
async fn people_who_were_told_of_a_failure_are_told_of_the_hold_that_ended_it() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let event = bucket_policy_was_put(&public);
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("S3.DeleteBucketPolicy", [s3_error(500, "InternalError")]);
    assert!(deliver(&s3::FUNCTION, &aws, Mode::Revert, event.clone()).await.is_err());
    assert_eq!(notices(&aws)[0]["outcome"], "failed");
    let later = Aws::default()
        .answers("DynamoDB.GetItem", [journaled(&aws)])
        .answers("DynamoDB.GetItem(hold)", [ok("{}"), holding(PUBLIC).await?])
        .answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &later, Mode::Revert, event).await?;
    let notice = &notices(&later)[0];
    assert_eq!((&notice["outcome"], &notice["problem"]), (&json!("held"), &Value::Null));
    assert!(later.bodies("S3.DeleteBucketPolicy").is_empty());
    Ok(())
}

/// It has begun after the first had given the resource back.
#[tokio::test]
async fn a_duplicate_that_finds_it_done_takes_no_resource() -> Result<()> {
    let (public, event) = put_by_everyone();
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event.clone()).await?;
    let taken = (400, json!({"__type": "ConditionalCheckFailedException", "message": "taken"}).to_string());
    let duplicate = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&public)])
        .answers("DynamoDB.GetItem", [ok("{}"), journaled(&aws)])
        .answers("DynamoDB.PutItem", [taken]);
    deliver(&s3::FUNCTION, &duplicate, Mode::Revert, event).await?;
    assert_eq!((notices(&duplicate).len(), duplicate.bodies("DynamoDB.PutItem(lease)").len()), (0, 1));
    let together = duplicate.bodies("DynamoDB.TransactWriteItems");
    assert_eq!(together.len(), 1, "all or nothing");
    Ok(())
}

/// Two reverts of the same grant, both undone: one of the holds ends.
#[tokio::test]
async fn a_hold_ends_with_its_own_entry() -> Result<()> {
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let mut item = hold("grant", until).await?;
    let mut holds: Vec<Hold> = serde_json::from_str(item["body"]["S"].as_str().context("as JSON")?)?;
    holds.push(Hold { entry: "other".to_owned(), ..holds[0].clone() });
    item["body"] = json!({"S": serde_json::to_string(&holds)?});
    let answer: Answer = ok(&json!({"Item": item}).to_string());
    let aws = Aws::default()
        .answers("DynamoDB.GetItem(hold)", [answer])
        .answers("KMS.VerifyMac", [ok(r#"{"MacValid":true}"#)]);
    let journal = Journal::new(&aws.config(), "journal");
    journal.release("s3-public-bucket-policy", "arn:aws:s3:::b", "other").await?;
    let left = put(&aws, "DynamoDB.PutItem(hold)").pop().context("it is written")?;
    let left: Vec<Hold> = serde_json::from_str(left["body"]["S"].as_str().context("as JSON")?)?;
    assert_eq!(left, holds[..1]);
    Ok(())
}
