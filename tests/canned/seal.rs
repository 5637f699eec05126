//! Whoever can write the journal's table, and not use its keys, makes it say nothing.

use anyhow::{Context, Result};
use aws_smithy_types::base64;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::journal::{Journal, Wanted};
use snapback::mode::Mode;

use super::injected::notices;
use super::scene::{ANYONE_WRITES, NAMED, PUBLIC, bucket_policy_was_put, deliver, hold, policy, put, stop};
use super::wire::{Answer, Aws, ok};

/// A seal of the right length, which the key has not made.
const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const OUTAGE: (u16, &str) = (500, r#"{"__type":"KMSInternalException","message":"down"}"#);

fn outage() -> Answer {
    (OUTAGE.0, OUTAGE.1.to_owned())
}

fn item(item: &Value) -> Answer {
    ok(&json!({"Item": item}).to_string())
}

fn items(items: &[&Value]) -> Answer {
    ok(&json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()}).to_string())
}

fn soon() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

/// The forms in which an item is not genuine: without a seal, with something that is none, with one that is made up.
fn forged(genuine: &Value) -> Vec<Value> {
    let with = |seal: Value| {
        let mut item = genuine.clone();
        item["seal"] = seal;
        item
    };
    let mut without = genuine.clone();
    without.as_object_mut().map(|attributes| attributes.remove("seal"));
    vec![without, with(json!({"S": "genuine"})), with(json!({"B": ""})), with(json!({"B": MADE_UP}))]
}

/// A bucket that everyone was let into, and is not after the revert.
fn public_bucket() -> Aws {
    let public = policy(&[PUBLIC, NAMED]);
    Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))])
}

async fn event_is_delivered(aws: &Aws, mode: Mode, event: Value) -> Result<()> {
    deliver(&s3::FUNCTION, aws, mode, event).await
}

/// It was closed as if nothing had been forged, once, and people are told what was forged.
fn is_closed(aws: &Aws, what: &str) {
    assert_eq!(aws.bodies("S3.PutBucketPolicy"), [policy(&[NAMED])], "{what}");
    let notices = notices(aws);
    assert_eq!((notices.len(), &notices[0]["outcome"]), (1, &json!("reverted")), "{what}");
    assert_eq!((&notices[0]["problem"], notices[0]["forged"].as_array().map(Vec::len)), (&Value::Null, Some(1)));
    let forged = notices[0]["forged"][0].as_str().unwrap_or_default();
    assert!(forged.starts_with(&format!("{what} in the journal is not genuine")), "{forged}");
}

#[tokio::test]
async fn a_forged_hold_is_not_obeyed_and_said() -> Result<()> {
    let event = || bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let genuine = hold(&snapback::json::canonical(&serde_json::from_str(PUBLIC)?), soon()).await?;
    // What is genuine elsewhere does not become a hold here, whatever is moved.
    let other = stop(soon()).await?;
    let mut moved = genuine.clone();
    moved["body"] = other["body"].clone();
    moved["seal"] = other["seal"].clone();
    let mut changed = genuine.clone();
    changed["seal"] = other["seal"].clone();
    // What is checked is what is read, also if there are two contents.
    let mut two_contents = genuine.clone();
    let sealed = genuine["body"]["S"].as_str().context("as JSON")?;
    two_contents["packed"] = json!({"B": base64::encode(sealed)});
    two_contents["body"] = json!({"S": sealed.replace("0123456789abcdef0123", "of my own")});
    for forged in [forged(&genuine), vec![moved, changed, two_contents]].concat() {
        let aws = public_bucket().answers("DynamoDB.GetItem(hold)", [item(&forged)]);
        event_is_delivered(&aws, Mode::Revert, event()).await?;
        is_closed(&aws, "a hold on `arn:aws:s3:::b`");
    }
    Ok(())
}

#[tokio::test]
async fn a_forged_stop_stops_nothing_and_is_said() -> Result<()> {
    let genuine = stop(soon()).await?;
    let over = stop(Timestamp::now() - SignedDuration::from_hours(1)).await?;
    let mut prolonged = over.clone();
    prolonged["body"] = genuine["body"].clone();
    prolonged["expires"] = genuine["expires"].clone();
    for forged in [forged(&genuine), vec![prolonged]].concat() {
        let aws = public_bucket().answers("DynamoDB.GetItem(stop)", [item(&forged)]);
        event_is_delivered(&aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
        is_closed(&aws, "the emergency stop");
    }
    Ok(())
}

/// What a delivery of this event writes, at its first step and at its last.
async fn entries(event: Value) -> Result<(Value, Value)> {
    let aws = public_bucket();
    event_is_delivered(&aws, Mode::Revert, event).await?;
    let mut put = put(&aws, "DynamoDB.PutItem").into_iter();
    Ok((put.next().context("it was begun")?, put.last().context("it was completed")?))
}

#[tokio::test]
async fn a_forged_entry_is_neither_believed_to_be_handled_nor_applied_and_gives_way() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (mut pending, handled) = entries(event.clone()).await?;
    pending["lease"] = json!({"N": "0"});
    // A plan of one's own, in an entry that was genuine.
    let mut changed = pending.clone();
    let body = pending["body"]["S"].as_str().context("as JSON")?;
    let other = policy(&[NAMED, ANYONE_WRITES]);
    let body = body.replace(&serde_json::to_string(&policy(&[NAMED]))?, &serde_json::to_string(&other)?);
    assert!(body.contains("PutObject"));
    changed["body"] = json!({"S": body});
    // That of another event, moved to here with its seal.
    let mut another = event.clone();
    another["detail"]["eventID"] = json!("0b6e7a54-0000-4000-8000-000000000003");
    let mut moved = entries(another).await?.1;
    moved["pk"] = handled["pk"].clone();
    let named = format!("entry `{}`", handled["pk"]["S"].as_str().unwrap_or_default().trim_start_matches("entry#"));
    for forged in [forged(&handled), forged(&pending), vec![changed, moved]].concat() {
        let aws = public_bucket().answers("DynamoDB.GetItem", [item(&forged)]);
        event_is_delivered(&aws, Mode::Revert, event.clone()).await?;
        is_closed(&aws, &named);
        // It gives way if it is still what was read: between the two, another delivery may have put it right.
        let begun: Value = serde_json::from_str(&aws.bodies("DynamoDB.PutItem")[0])?;
        let condition = begun["ConditionExpression"].as_str().context("under a condition")?;
        match forged.get("seal") {
            Some(seal) => {
                assert!(condition.ends_with(" OR seal = :forged"), "{condition}");
                assert_eq!(&begun["ExpressionAttributeValues"][":forged"], seal);
            }
            None => assert!(condition.ends_with(" OR attribute_not_exists(seal)"), "{condition}"),
        }
    }
    // Genuine, it is both.
    let aws = public_bucket().answers("DynamoDB.GetItem", [item(&handled)]);
    event_is_delivered(&aws, Mode::Revert, event.clone()).await?;
    assert!(notices(&aws).is_empty() && aws.bodies("S3.PutBucketPolicy").is_empty());
    let aws = public_bucket().answers("DynamoDB.GetItem", [item(&pending)]);
    aws.set(
        "S3.GetBucketPolicy",
        [ok(&policy(&[PUBLIC, NAMED])), ok(&policy(&[PUBLIC, NAMED])), ok(&policy(&[NAMED]))],
    );
    event_is_delivered(&aws, Mode::Revert, event).await?;
    assert_eq!(notices(&aws)[0]["forged"], json!([]));
    Ok(())
}

#[tokio::test]
async fn what_is_forged_between_two_deliveries_is_said_by_the_second() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (mut pending, _) = entries(event.clone()).await?;
    pending["lease"] = json!({"N": "0"});
    let stop = forged(&stop(soon()).await?).remove(0);
    let aws =
        public_bucket().answers("DynamoDB.GetItem", [item(&pending)]).answers("DynamoDB.GetItem(stop)", [item(&stop)]);
    event_is_delivered(&aws, Mode::Revert, event).await?;
    is_closed(&aws, "the emergency stop");
    Ok(())
}

/// Leases that no run takes.
fn endless() -> [Value; 3] {
    [json!({"N": "99999999999"}), json!({"N": "1e100"}), json!({"S": "for ever"})]
}

#[tokio::test]
async fn a_lease_that_no_run_can_last_keeps_nobody_from_a_resource_and_is_said() -> Result<()> {
    for lease in endless() {
        let found = json!({"__type": "ConditionalCheckFailedException", "message": "m",
            "Item": {"lease": lease, "entry": {"S": "somebody's"}}});
        let aws = public_bucket().answers("DynamoDB.PutItem(lease)", [(400, found.to_string()), ok("{}")]);
        event_is_delivered(&aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
        assert_eq!(aws.bodies("S3.PutBucketPolicy"), [policy(&[NAMED])], "{lease}");
        let notices = notices(&aws);
        assert_eq!((notices.len(), &notices[0]["outcome"]), (1, &json!("reverted")));
        let said = notices[0]["forged"][0].as_str().unwrap_or_default();
        assert!(said.starts_with("the lease of resource `arn:aws:s3:::b` in the journal ends later than"), "{said}");
        let taken: Value = serde_json::from_str(&aws.bodies("DynamoDB.PutItem(lease)")[1])?;
        let condition = taken["ConditionExpression"].as_str().context("under a condition")?;
        assert!(condition.contains("lease > :longest OR NOT attribute_type(lease, :number)"), "{condition}");
    }
    Ok(())
}

#[tokio::test]
async fn a_lease_that_no_run_can_last_keeps_nobody_from_an_entry_and_is_said() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (mut pending, _) = entries(event.clone()).await?;
    for lease in endless() {
        pending["lease"] = lease;
        let aws = public_bucket().answers("DynamoDB.GetItem", [item(&pending)]);
        event_is_delivered(&aws, Mode::Revert, event.clone()).await?;
        assert_eq!(aws.bodies("S3.PutBucketPolicy"), [policy(&[NAMED])]);
        let said = notices(&aws)[0]["forged"][0].as_str().unwrap_or_default().to_owned();
        assert!(said.starts_with("the lease of entry `"), "{said}");
    }
    Ok(())
}

/// The seal is over the content. What stands beside it, the condition of the first write compares.
#[tokio::test]
async fn an_outcome_that_is_not_that_of_the_sealed_entry_keeps_nobody_away() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (mut pending, _) = entries(event.clone()).await?;
    let id = pending["pk"]["S"].as_str().unwrap_or_default().trim_start_matches("entry#").to_owned();
    pending["lease"] = json!({"N": "0"});
    pending["outcome"] = json!({"S": "reverted"});
    let aws = public_bucket().answers("DynamoDB.GetItem", [item(&pending)]);
    event_is_delivered(&aws, Mode::Revert, event).await?;
    is_closed(&aws, &format!("entry `{id}`"));
    Ok(())
}

#[tokio::test]
async fn what_is_forged_after_the_look_is_not_overwritten_unseen() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (_, handled) = entries(event.clone()).await?;
    let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
    let taken = (400, json!({"__type": kind, "message": "taken"}).to_string());
    let aws = public_bucket()
        .answers("DynamoDB.GetItem", [ok("{}"), item(&forged(&handled)[0])])
        .answers("DynamoDB.PutItem", [taken]);
    let failed = event_is_delivered(&aws, Mode::Revert, event).await;
    assert!(failed.is_err_and(|error| error.to_string().contains("to be tried again")));
    assert!(aws.bodies("S3.PutBucketPolicy").is_empty() && notices(&aws).is_empty());
    Ok(())
}

#[tokio::test]
async fn where_the_key_cannot_be_asked_nothing_is_touched_and_it_is_said() -> Result<()> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (_, handled) = entries(event.clone()).await?;
    for (call, genuine) in [
        ("DynamoDB.GetItem(hold)", item(&hold("{}", soon()).await?)),
        ("DynamoDB.GetItem(stop)", item(&stop(soon()).await?)),
        ("DynamoDB.GetItem", item(&handled)),
    ] {
        for outage in [outage(), (400, r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned())] {
            let aws = public_bucket().answers(call, [genuine.clone()]).answers("KMS.VerifyMac", [outage]);
            assert!(event_is_delivered(&aws, Mode::Revert, event.clone()).await.is_err(), "{call}: it is tried again");
            assert!(aws.bodies("S3.PutBucketPolicy").is_empty() && put(&aws, "DynamoDB.PutItem").is_empty(), "{call}");
            assert_eq!(notices(&aws)[0]["outcome"], "failed", "{call}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn only_what_is_there_is_checked() -> Result<()> {
    let aws = public_bucket();
    event_is_delivered(&aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
    let of_key = |aws: &Aws| aws.calls().into_iter().filter(|call| call.starts_with("KMS.")).collect::<Vec<_>>();
    assert_eq!(of_key(&aws), ["KMS.GenerateMac"], "for the certificate");
    // Nor what is over, which DynamoDB deletes some time later. A stop is kept for a day, so that its end is noticed.
    let over = Timestamp::now() - SignedDuration::from_hours(25);
    let aws = public_bucket()
        .answers("DynamoDB.GetItem(stop)", [item(&stop(over).await?)])
        .answers("DynamoDB.GetItem(hold)", [item(&hold("{}", over).await?)]);
    event_is_delivered(&aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
    assert_eq!(of_key(&aws), ["KMS.GenerateMac"], "for the certificate");
    Ok(())
}

#[tokio::test]
async fn the_history_shows_what_is_forged_as_that_and_hides_nothing_for_it() -> Result<()> {
    let (_, genuine) = entries(bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await?;
    let id = genuine["pk"]["S"].as_str().context("a key")?.trim_start_matches("entry#");
    let forged = forged(&genuine).remove(3);
    let aws = Aws::default()
        .answers("DynamoDB.Query", [items(&[&genuine, &genuine])])
        .answers("DynamoDB.GetItem", [item(&forged), item(&genuine)]);
    let (found, _) = Journal::new(&aws.config(), "journal").history(&Wanted::default(), 50).await?;
    let errors: Vec<_> = found.iter().filter_map(|(_, entry)| entry.as_ref().err()).map(ToString::to_string).collect();
    assert_eq!((found.len(), errors.len()), (2, 1));
    assert!(errors[0].starts_with(&format!("entry `{id}` in the journal is not genuine")), "{}", errors[0]);
    Ok(())
}
