//! What the journal keeps, it gives back whole or not at all.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::journal::{Baselines, Entry, Hold, Journal, Outcome, Wanted};
use snapback::mode::Mode;

use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver, event, policy, put};
use super::wire::{Answer, Aws, ok, s3_error};

/// The entries, and their parts, that were put.
fn items(aws: &Aws) -> Vec<Value> {
    put(aws, "DynamoDB.PutItem")
}

fn answer(items: &[&Value]) -> Answer {
    ok(&json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()}).to_string())
}

/// An AWS whose journal has what was put last under the entry's key, and these parts.
fn with(main: &Value, parts: &[&Value]) -> Journal {
    let item = ok(&json!({"Item": main}).to_string());
    let aws = Aws::default().answers("DynamoDB.GetItem", [item]).answers("DynamoDB.Query", [answer(parts)]);
    Journal::new(&aws.config(), "journal")
}

async fn a_revert() -> Result<Entry> {
    let public = policy(&[PUBLIC]);
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucketPolicy")]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let item = items(&aws).pop().context("it is journaled")?;
    Ok(serde_json::from_str(item["body"]["S"].as_str().context("as JSON")?)?)
}

/// A text that no compression makes much shorter, always the same.
fn noise(length: usize) -> String {
    let mut state: u64 = 1;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        char::from(letters[usize::try_from((state >> 33) % 64).unwrap_or_default()])
    };
    (0..length).map(letter).collect()
}

fn size(item: &Value) -> usize {
    item.to_string().len()
}

#[tokio::test]
async fn five_thousand_rules_are_kept_and_given_back() -> Result<()> {
    let numbers = 0..5000_usize;
    let noise = noise(5000 * 217);
    let id = |number: usize| format!("sgr-{}", &noise[number * 217..][..17]);
    let told: Vec<Value> = numbers
        .clone()
        .map(|number| {
            json!({"securityGroupRuleId": id(number), "groupId": "sg-1", "isEgress": false, "ipProtocol": "tcp",
                "fromPort": 1024 + number, "toPort": 1024 + number, "cidrIpv4": "0.0.0.0/0"})
        })
        .collect();
    let live: String = numbers
        .map(|number| {
            format!(
                "<item><securityGroupRuleId>{}</securityGroupRuleId><groupId>sg-1</groupId><isEgress>false</isEgress>\
                 <ipProtocol>tcp</ipProtocol><fromPort>{1}</fromPort><toPort>{1}</toPort><cidrIpv4>0.0.0.0/0</cidrIpv4>\
                 <description>{2}</description></item>",
                id(number),
                1024 + number,
                &noise[number * 217 + 17..][..200],
            )
        })
        .collect();
    let rules = |items: &str| {
        ok(&format!(
            "<DescribeSecurityGroupRulesResponse><securityGroupRuleSet>{items}</securityGroupRuleSet>\
             </DescribeSecurityGroupRulesResponse>"
        ))
    };
    let opened = event(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        json!({"groupId": "sg-1"}),
        json!({"_return": true, "securityGroupRuleSet": {"items": told}}),
    );
    let revoked = "<RevokeSecurityGroupIngressResponse><return>true</return></RevokeSecurityGroupIngressResponse>";
    let aws = Aws::default()
        .answers("EC2.DescribeSecurityGroupRules", [rules(&live), rules(&live), rules("")])
        .answers("EC2.RevokeSecurityGroupIngress", [ok(revoked)]);
    deliver(&ec2::FUNCTION, &aws, Mode::Revert, opened).await?;

    let put = items(&aws);
    let main = put.last().context("it is journaled")?;
    let digest = main["digest"]["S"].as_str().context("in parts")?;
    let parts: Vec<&Value> =
        put.iter().filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.contains(digest))).collect();
    assert!(parts.len() > 1, "{} parts", parts.len());
    // Binary values travel as base64, which is a third more than what counts.
    assert!(put.iter().all(|item| size(item) * 3 / 4 < 400 * 1024));
    assert_eq!(put.last().map(|item| &item["sk"]["S"]), Some(&json!("entry")), "the parts come first");

    let id = main["pk"]["S"].as_str().context("a key")?.trim_start_matches("entry#");
    let entry = with(main, &parts).find(id).await?.context("it is there")?;
    assert_eq!(entry.outcome, Outcome::Reverted);
    assert_eq!(entry.state["rules"].as_array().map(Vec::len), Some(5000));
    assert_eq!(entry.decision.plan().len(), 1);

    let missing = with(main, &parts[1..]).find(id).await.expect_err("a part is missing").to_string();
    assert_eq!(missing, format!("of entry `{id}`, the journal has {} of {} parts", parts.len() - 1, parts.len()));
    let mut foreign = parts[0].clone();
    foreign["packed"]["B"] = json!("Zm9yZWlnbg==");
    let foreign = [&[&foreign], &parts[1..]].concat();
    let foreign = with(main, &foreign).find(id).await.expect_err("a part is foreign").to_string();
    assert_eq!(foreign, format!("the parts that the journal has of entry `{id}` are not its own"));
    Ok(())
}

#[tokio::test]
async fn at_each_edge_an_entry_fits_and_comes_back() -> Result<()> {
    let mut entry = a_revert().await?;
    let mut forms = vec![];
    let about = |size: usize| [size - 8000, size, size + 8000];
    // Of 64 letters, each has six bits: four letters are packed into about three bytes.
    let edges = [about(128 * 1024), about(350 * 1024 * 4 / 3), about(2 * 350 * 1024 * 4 / 3)].concat();
    for length in edges {
        entry.state = json!(noise(length));
        let aws = Aws::default();
        Journal::new(&aws.config(), "journal").complete(&entry).await?;
        let put = items(&aws);
        let (main, parts) = put.split_last().context("it is put")?;
        assert!(put.iter().all(|item| size(item) * 3 / 4 < 400 * 1024 || size(item) < 400 * 1024), "{length}");
        assert_eq!(with(main, &parts.iter().collect::<Vec<_>>()).find(&entry.id).await?.as_ref(), Some(&entry));
        forms.push((main.get("body").is_some(), parts.len()));
    }
    forms.dedup();
    assert_eq!(forms, [(true, 0), (false, 0), (false, 2), (false, 3)]);
    Ok(())
}

#[tokio::test]
async fn no_credential_of_an_event_gets_into_the_journal_or_into_a_notice() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let mut event = bucket_policy_was_put(&public);
    event["detail"]["responseElements"] =
        json!({"credentials": {"secretAccessKey": "hush-1", "sessionToken": "hush-2"}});
    event["detail"]["requestParameters"]["masterUserPassword"] = json!("hush-3");
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    let said = [aws.bodies("DynamoDB.PutItem"), aws.bodies("SNS.Publish")].concat().join("\n");
    assert!(said.contains("(not kept)") && !said.contains("hush"), "{said}");
    Ok(())
}

#[tokio::test]
async fn each_question_goes_to_the_index_that_answers_it() -> Result<()> {
    let since = Some("2026-01-31T12:00:00Z".parse()?);
    let text = |text: &str| Some(text.to_owned());
    for (wanted, index, filter) in [
        (Wanted { since, ..Wanted::default() }, "by-time", None),
        (Wanted { account: text("1"), since, ..Wanted::default() }, "by-account", None),
        (
            Wanted { account: text("1"), resource: text("arn"), since, ..Wanted::default() },
            "by-resource",
            Some("#account = :account"),
        ),
        (
            Wanted { control: text("c"), outcome: Some(Outcome::Held), since, ..Wanted::default() },
            "by-time",
            Some("#control = :control AND #outcome = :outcome"),
        ),
    ] {
        let aws = Aws::default();
        let (found, more) = Journal::new(&aws.config(), "journal").history(&wanted, 50).await?;
        assert!(found.is_empty() && !more);
        let asked: Value = serde_json::from_str(&aws.bodies("DynamoDB.Query")[0])?;
        assert_eq!((&asked["IndexName"], asked["FilterExpression"].as_str()), (&json!(index), filter));
        assert_eq!(asked["ExpressionAttributeValues"][":since"]["S"], "2026-01-31T12:00:00.000000Z");
        assert_eq!(asked["ScanIndexForward"], false);
    }
    Ok(())
}

#[tokio::test]
async fn a_long_history_is_read_page_by_page_as_far_as_it_is_wanted() -> Result<()> {
    let key = |id: &str| json!({"pk": {"S": format!("entry#{id}")}, "sk": {"S": "entry"}});
    let page = |ids: &[&str], last: bool| {
        let mut page = json!({"Items": ids.iter().map(|id| key(id)).collect::<Vec<_>>(), "Count": ids.len()});
        if !last {
            page["LastEvaluatedKey"] = key(ids[0]);
        }
        ok(&page.to_string())
    };
    let pages = [page(&["a", "b"], false), page(&["c"], false), page(&["d"], true)];
    for (most, found, more, asked) in [(2, 2, true, 2), (3, 3, true, 3), (4, 4, false, 3), (50, 4, false, 3)] {
        let aws = Aws::default().answers("DynamoDB.Query", pages.clone());
        // Each is there and none can be read, which hides no other.
        let aws = aws.answers("DynamoDB.GetItem", [ok(&json!({"Item": key("x")}).to_string())]);
        let history = Journal::new(&aws.config(), "journal").history(&Wanted::default(), most).await?;
        assert_eq!((history.0.len(), history.1, aws.bodies("DynamoDB.Query").len()), (found, more, asked));
        assert!(history.0.iter().all(|(_, entry)| entry.is_err()));
    }
    Ok(())
}

#[tokio::test]
async fn what_is_left_alone_for_a_hold_alone_is_journaled_and_announced() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let hold = async |grant: &str, hours: i64| {
        super::scene::hold(grant, Timestamp::now() + SignedDuration::from_hours(hours)).await
    };
    let grant = snapback::json::canonical(&serde_json::from_str(PUBLIC)?);
    for (hold, live, outcome) in [
        (hold(&grant, 1).await?, &public, "held"),
        // It is over, is about something else, or is not needed.
        (hold(&grant, -1).await?, &public, "reverted"),
        (hold("{}", 1).await?, &public, "reverted"),
        (hold(&grant, 1).await?, &policy(&[NAMED]), "pending"),
    ] {
        let aws = Aws::default()
            .answers("DynamoDB.GetItem(hold)", [ok(&json!({"Item": hold}).to_string())])
            .answers("S3.GetBucketPolicy", [ok(live), ok(live), ok(&policy(&[NAMED]))]);
        if outcome == "held" {
            aws.set("S3.GetBucketPolicy", [ok(live)]);
        }
        deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
        let journaled: Vec<Value> = items(&aws).into_iter().map(|item| item["outcome"]["S"].clone()).collect();
        assert_eq!(journaled.last().and_then(Value::as_str).unwrap_or_default(), outcome);
        assert_eq!(aws.bodies("SNS.Publish").len(), usize::from(outcome != "pending"));
        if outcome == "held" {
            let writes =
                aws.calls().into_iter().filter(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete"));
            assert_eq!(writes.count(), 0);
            let said = aws.bodies("SNS.Publish").concat();
            let (_, message) =
                form_urlencoded::parse(said.as_bytes()).find(|(name, _)| name == "Message").context("it")?;
            let message: Value = serde_json::from_str(&message)?;
            let text = message["email"].as_str().unwrap_or_default();
            assert!(text.contains("arn:aws:iam::111122223333:user/ops holds it until "), "{text}");
            assert!(text.contains("snapback release 0123456789abcdef0123 --journal journal"), "{text}");
            // A second delivery of the same event finds that it is said.
            let item = ok(&json!({"Item": items(&aws).pop()}).to_string());
            let again = Aws::default()
                .answers("DynamoDB.GetItem", [item])
                .answers("DynamoDB.GetItem(hold)", [ok(&json!({"Item": hold}).to_string())])
                .answers("S3.GetBucketPolicy", [ok(live)]);
            deliver(&s3::FUNCTION, &again, Mode::Revert, bucket_policy_was_put(&public)).await?;
            assert!(again.bodies("SNS.Publish").is_empty() && items(&again).is_empty());
        }
    }
    Ok(())
}

/// What DynamoDB leaves for later is asked for again, and what it never answers is an outage.
#[tokio::test]
async fn what_dynamodb_has_not_answered_of_a_read_is_asked_for_again() -> Result<()> {
    let hold = super::scene::hold("{}", Timestamp::now() + SignedDuration::from_hours(1)).await?;
    let key = json!({"pk": hold["pk"], "sk": hold["sk"]});
    let rest = ok(&json!({"Responses": {}, "UnprocessedKeys": {"journal": {"Keys": [key]}}}).to_string());
    let answer = ok(&json!({"Responses": {"journal": [hold]}}).to_string());
    let known = async |answers: Vec<Answer>| {
        let aws = Aws::default().answers("DynamoDB.BatchGetItem", answers);
        let journal = Journal::new(&aws.config(), "journal");
        let (about, bucket) = (("s3-public-bucket-policy", "arn:aws:s3:::b"), "arn:aws:s3:::b");
        let baselines = Baselines::new(&journal, [("s3-lost-bucket-deny", bucket)]);
        let known = Box::pin(baselines.known("0123", about, Timestamp::now())).await;
        (known, aws.bodies("DynamoDB.BatchGetItem"))
    };
    let (found, asked) = Box::pin(known(vec![rest.clone(), answer])).await;
    assert_eq!(found?.held?.0.len(), 1);
    assert!(asked[0].contains("entry#0123") && !asked[1].contains("entry#0123"), "{asked:?}");
    let (found, asked) = Box::pin(known(vec![rest])).await;
    assert!(found.is_err_and(|error| format!("{error:#}").contains("only some of 4 items")));
    assert_eq!(asked.len(), 5);
    Ok(())
}

/// Two operators at once.
#[tokio::test]
async fn a_hold_that_another_operator_writes_meanwhile_is_kept() -> Result<()> {
    let until = Timestamp::now() + SignedDuration::from_hours(1);
    let (first, other) = (super::scene::hold("first", until).await?, super::scene::hold("other", until).await?);
    let [first, other] = [first, other].map(|hold| ok(&json!({"Item": hold}).to_string()));
    let changed = (400, json!({"__type": "ConditionalCheckFailedException", "message": "changed"}).to_string());
    let aws = Aws::default()
        .answers("DynamoDB.GetItem(hold)", [first, other])
        .answers("DynamoDB.PutItem(hold)", [changed, ok("{}")]);
    let (journal, now) = (Journal::new(&aws.config(), "journal"), Timestamp::now());
    let new = Hold {
        control: "s3-public-bucket-policy".to_owned(),
        resource: "arn:aws:s3:::b".to_owned(),
        grant: "new".to_owned(),
        entry: "0123".to_owned(),
        by: "arn:aws:iam::111122223333:user/ops".to_owned(),
        since: now,
        until,
    };
    journal.hold(&new.control, &new.resource, std::slice::from_ref(&new)).await?;
    let written = super::scene::put(&aws, "DynamoDB.PutItem(hold)").pop().context("it is written")?;
    let held: Vec<Hold> = serde_json::from_str(written["body"]["S"].as_str().context("as JSON")?)?;
    assert_eq!(held.iter().map(|hold| hold.grant.as_str()).collect::<Vec<_>>(), ["other", "new"]);
    Ok(())
}
