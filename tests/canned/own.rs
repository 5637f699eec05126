//! Snapback's own parts, as AWS tells of them, and what becomes of looks on schedule.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::{Deployment, Own, Settings};
use workspace_tests::workspace;

use super::injected::{journaled, mails, notices};
use super::scene::{JOURNAL_KEY, deliver, deliver_as, deliver_to, deployment, event, settings};
use super::wire::{Answer, Aws, ok};

const TABLE: &str = "snapback-Journal-1A2B3C";
const RULE: &str = "snapback-S3Rule-1A2B3C";

/// Every part that there is, each with the same random end.
fn stack() -> Answer {
    let ids = own::PARTS.iter().flat_map(|(_, ids)| *ids);
    let parts: String = ids
        .map(|id| {
            let name = match *id {
                "Topic" => "arn:aws:sns:eu-central-1:111122223333:snapback-Topic-1A2B3C".to_owned(),
                queue if queue.ends_with("DeadLetters") => {
                    format!("https://sqs.eu-central-1.amazonaws.com/111122223333/snapback-{queue}-1A2B3C")
                }
                other => format!("snapback-{other}-1A2B3C"),
            };
            format!(
                "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{name}</PhysicalResourceId>\
                 <ResourceType>AWS::Some::Type</ResourceType><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                 <LastUpdatedTimestamp>2026-01-31T12:00:00Z</LastUpdatedTimestamp></member>"
            )
        })
        .collect();
    ok(&format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{parts}\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
    ))
}

fn rule(state: &str) -> Answer {
    ok(&json!({"Name": RULE, "State": state}).to_string())
}

fn targets(function: &str) -> Answer {
    let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:snapback-{function}-1A2B3C");
    let letters = "arn:aws:sqs:eu-central-1:111122223333:snapback-RuleDeadLetters-1A2B3C";
    let target = json!({
        "Id": function, "Arn": arn, "DeadLetterConfig": {"Arn": letters},
        "RetryPolicy": {"MaximumRetryAttempts": own::RETRIES, "MaximumEventAgeInSeconds": own::OLDEST_SECONDS},
    });
    ok(&json!({"Targets": [target]}).to_string())
}

/// The target of each rule, in the order in which the looks ask; that of the first so many times.
fn of_all_rules(times_first: usize) -> Vec<Answer> {
    let targets: Vec<Answer> = own::PARTS[0].1.iter().map(|rule| targets(own::function_of(rule))).collect();
    [vec![targets[0].clone(); times_first - 1], targets].concat()
}

fn table(protected: bool, recovery: &str) -> [(&'static str, Answer); 2] {
    let recovery = json!({"ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": recovery}});
    let table = json!({"Table": {"DeletionProtectionEnabled": protected}}).to_string();
    let recovery = json!({"ContinuousBackupsDescription": recovery}).to_string();
    [("DynamoDB.DescribeTable", ok(&table)), ("DynamoDB.DescribeContinuousBackups", ok(&recovery))]
}

fn key(state: &str) -> Answer {
    ok(&json!({"KeyMetadata": {"KeyId": "1a2b3c4d-0000-4000-8000-000000000001", "KeyState": state}}).to_string())
}

fn subscriptions(confirmed: u32) -> Answer {
    ok(&format!(
        "<GetTopicAttributesResponse><GetTopicAttributesResult><Attributes><entry>\
         <key>SubscriptionsConfirmed</key><value>{confirmed}</value></entry></Attributes>\
         </GetTopicAttributesResult></GetTopicAttributesResponse>"
    ))
}

/// A deployment in which every part is as it should be.
pub(crate) fn well() -> Aws {
    let mut aws = Aws::default()
        .answers("CloudFormation.ListStackResources", [stack()])
        .answers("EventBridge.DescribeRule", [rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(1))
        .answers("Lambda.GetFunctionConcurrency", [ok("{}")])
        .answers("SNS.GetTopicAttributes", [subscriptions(1)])
        .answers("SQS.GetQueueAttributes", [ok(r#"{"Attributes":{"ApproximateNumberOfMessages":"0"}}"#)])
        .answers("KMS.DescribeKey", [key("Enabled")]);
    for (call, answer) in table(true, "ENABLED") {
        aws = aws.answers(call, [answer]);
    }
    aws
}

/// Somebody's call past CloudFormation.
pub(crate) fn upon(service: &str, name: &str, request: Value) -> Value {
    event(service, name, request, json!(null))
}

/// What the schedule sends at this moment.
fn look(id: &str) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": "Scheduled Event", "source": "aws.events", "account": "111122223333",
        "time": Timestamp::now(), "region": "eu-central-1", "detail": {},
        "resources": ["arn:aws:events:eu-central-1:111122223333:rule/snapback-OwnSchedule-1A2B3C"],
    })
}

/// One rule that is disabled, the first that is looked at, until it is enabled.
fn disabled() -> Aws {
    well()
        .answers("EventBridge.DescribeRule", [rule("DISABLED"), rule("DISABLED"), rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(3))
}

/// The same in a mode that writes nothing: it is looked at once.
fn disabled_and_left() -> Aws {
    well()
        .answers("EventBridge.DescribeRule", [rule("DISABLED"), rule("ENABLED")])
        .answers("EventBridge.ListTargetsByRule", of_all_rules(1))
}

fn times(aws: &Aws, call: &str) -> usize {
    aws.calls().iter().filter(|one| *one == call).count()
}

#[tokio::test]
async fn a_look_that_finds_nothing_leaves_nothing() -> Result<()> {
    let aws = well();
    deliver(&own::FUNCTION, &aws, Mode::Revert, look("look-1")).await?;
    let calls = aws.calls();
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), own::PARTS[0].1.len(), "every rule is looked at");
    let touched = |call: &&String| {
        let reads = ["Get", "Describe", "List"];
        !reads.iter().any(|read| call.split('.').nth(1).is_some_and(|name| name.starts_with(read)))
    };
    assert_eq!(calls.iter().find(touched), None, "{calls:?}");
    assert_eq!(times(&aws, "DynamoDB.GetItem"), 0, "the journal is not even read");
    Ok(())
}

#[tokio::test]
async fn a_look_restores_what_it_finds_and_says_so() -> Result<()> {
    let aws = disabled();
    deliver(&own::FUNCTION, &aws, Mode::Revert, look("look-1")).await?;
    assert_eq!(times(&aws, "EventBridge.EnableRule"), 1);
    assert_eq!(times(&aws, "SNS.Publish"), 1);
    // A control of its own reads the stop as well, to announce it; and holds are read once more when it begins.
    for (call, number) in [
        ("DynamoDB.GetItem", 1),
        ("DynamoDB.GetItem(stop)", 2),
        ("DynamoDB.GetItem(hold)", 1),
        ("DynamoDB.BatchGetItem", 1),
    ] {
        assert_eq!(times(&aws, call), number, "{call}");
    }
    // Each rule, and that which was disabled before and after it was enabled.
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), own::PARTS[0].1.len() + 2);
    Ok(())
}

#[tokio::test]
async fn what_each_look_finds_again_is_said_once() -> Result<()> {
    let first = disabled_and_left();
    deliver(&own::FUNCTION, &first, Mode::Notify, look("look-1")).await?;
    assert_eq!((times(&first, "SNS.Publish"), times(&first, "EventBridge.EnableRule")), (1, 0));
    let second = disabled_and_left().answers("DynamoDB.GetItem", [journaled(&first)]);
    deliver(&own::FUNCTION, &second, Mode::Notify, look("look-2")).await?;
    assert_eq!((times(&second, "SNS.Publish"), times(&second, "DynamoDB.PutItem")), (0, 0), "{:?}", second.calls());
    let keys = |aws: &Aws| -> Result<Vec<Value>> {
        let asked = aws.bodies("DynamoDB.GetItem").into_iter();
        asked.map(|body| Ok(serde_json::from_str::<Value>(&body)?["Key"]["pk"].clone())).collect()
    };
    let (keys, again) = (keys(&first)?, keys(&second)?);
    assert_eq!(keys.first().context("it was asked for")?, again.first().context("it was asked for")?);
    Ok(())
}

#[tokio::test]
async fn what_was_restored_and_is_found_again_is_restored_again() -> Result<()> {
    let first = disabled();
    deliver(&own::FUNCTION, &first, Mode::Revert, look("look-1")).await?;
    // The journal has the finding of today, and nothing yet of this look.
    let second = disabled().answers("DynamoDB.GetItem", [journaled(&first), ok("{}")]);
    deliver(&own::FUNCTION, &second, Mode::Revert, look("look-2")).await?;
    assert_eq!(times(&second, "EventBridge.EnableRule"), 1);
    let third = disabled_and_left().answers("DynamoDB.GetItem", [journaled(&first), journaled(&second)]);
    deliver(&own::FUNCTION, &third, Mode::Revert, look("look-2")).await?;
    assert_eq!(times(&third, "EventBridge.EnableRule"), 0, "another delivery of the same look");
    Ok(())
}

#[tokio::test]
async fn what_is_named_alike_and_is_no_part_of_the_stack_is_left_alone() -> Result<()> {
    let aws = well().answers("EventBridge.DescribeRule", [rule("DISABLED")]);
    let event = upon("events", "DisableRule", json!({"name": "snapback-S3Rule-copy"}));
    deliver(&own::FUNCTION, &aws, Mode::Revert, event).await?;
    assert_eq!(times(&aws, "EventBridge.DescribeRule"), 0);
    assert_eq!((times(&aws, "EventBridge.EnableRule"), times(&aws, "SNS.Publish")), (0, 0));
    Ok(())
}

/// The journal's key in this state, until it is enabled; until then it makes and checks no seal.
fn without_its_key(state: &str) -> Aws {
    let disabled = (400, json!({"__type": "DisabledException", "message": "it is disabled"}).to_string());
    let sealed = ok(&json!({"Mac": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}).to_string());
    well()
        .answers("KMS.DescribeKey", [key(state), key(state), key("Enabled")])
        // It is tried while the key is looked at, and again when there is something to sign.
        .answers("KMS.GenerateMac", [disabled.clone(), disabled.clone(), sealed])
        .answers("KMS.VerifyMac", [disabled])
}

fn knowing_the_key(mode: Mode) -> Settings {
    let known = settings(mode);
    let own = Own { keys: [JOURNAL_KEY.to_owned()].into(), journal_key: Some(JOURNAL_KEY.to_owned()), ..known.own };
    Settings { own, ..known }
}

async fn deliver_knowing_the_key(aws: &Aws, mode: Mode, event: Value) -> Result<()> {
    deliver_as(&own::FUNCTION, aws, &knowing_the_key(mode), event).await
}

fn key_was_disabled() -> Value {
    upon("kms", "DisableKey", json!({"keyId": JOURNAL_KEY}))
}

#[tokio::test]
async fn the_journals_key_is_enabled_before_anything_is_written_down_and_then_it_is() -> Result<()> {
    let scheduled = upon("kms", "ScheduleKeyDeletion", json!({"keyId": JOURNAL_KEY, "pendingWindowInDays": 7}));
    for (event, state) in [(key_was_disabled(), "Disabled"), (scheduled, "PendingDeletion"), (look("l"), "Disabled")] {
        let aws = without_its_key(state);
        deliver_knowing_the_key(&aws, Mode::Revert, event).await?;
        let calls = aws.calls();
        let position = |call: &str| calls.iter().position(|one| one == call).with_context(|| format!("no {call}"));
        assert!(position("SNS.Publish")? < position("KMS.EnableKey")?, "it is said first: {calls:?}");
        assert!(position("KMS.EnableKey")? < position("DynamoDB.PutItem")?, "{calls:?}");
        assert_eq!(times(&aws, "KMS.CancelKeyDeletion"), usize::from(state == "PendingDeletion"));
        let notices = notices(&aws);
        let outcomes: Vec<_> = notices.iter().map(|notice| notice["outcome"].as_str().unwrap_or_default()).collect();
        assert_eq!(outcomes, ["pending", "reverted"]);
        assert!(notices[0]["undo"].is_null() && notices[0]["changes"][0]["before"] != Value::Null, "{}", notices[0]);
        assert!(notices[1]["undo"].is_string(), "the entry is there: {}", notices[1]);
        let problem = notices[1]["problem"].as_str().unwrap_or_default();
        assert!(problem.contains("neither holds nor an emergency stop could be checked"), "{problem}");
    }
    Ok(())
}

#[tokio::test]
async fn a_journal_that_takes_nothing_afterwards_either_is_said_to_have_no_entry() -> Result<()> {
    let disabled = (400, json!({"__type": "DisabledException", "message": "it is disabled"}).to_string());
    let aws = without_its_key("Disabled").answers("KMS.GenerateMac", [disabled]);
    let failed = deliver_knowing_the_key(&aws, Mode::Revert, key_was_disabled()).await;
    assert!(failed.is_err(), "an alarm tells of it");
    assert_eq!((times(&aws, "KMS.EnableKey"), times(&aws, "DynamoDB.PutItem")), (1, 0));
    let notices = notices(&aws);
    let last = notices.last().context("it is announced")?;
    assert_eq!((&last["outcome"], &last["undo"]), (&json!("reverted"), &Value::Null));
    let text = mails(&aws).pop().context("a mail")?;
    assert!(text.contains("has no entry of this") && text.contains("could not be written there either"), "{text}");
    Ok(())
}

/// Neither Lambda's retries nor the checks that follow tell people again of what they know.
#[tokio::test]
async fn what_cannot_be_restored_is_said_once_while_the_journal_is_out() -> Result<()> {
    for (first, second, outcomes) in [
        (key_was_disabled(), key_was_disabled(), &["pending", "failed"][..]),
        (look("look-1"), look("look-2"), &["pending", "failed"]),
    ] {
        let refused = |code: &str| (400, json!({"__type": code, "message": "no"}).to_string());
        let aws = without_its_key("Disabled")
            .answers("KMS.DescribeKey", [key("Disabled")])
            .answers("KMS.GenerateMac", [refused("DisabledException")])
            .answers("KMS.EnableKey", [refused("AccessDeniedException")])
            .answers("EventBridge.ListTargetsByRule", [of_all_rules(1), of_all_rules(1)].concat());
        let (settings, deployment) = (knowing_the_key(Mode::Revert), deployment(workspace("guardrails")));
        let responder = Responder::new(&settings, &deployment, aws.config());
        for payload in [first, second] {
            let (event, suspected) = own::FUNCTION.suspect(payload, &settings)?.context("it is suspicious")?;
            assert!(responder.respond(&own::FUNCTION, &event, &suspected).await.is_err(), "an alarm tells of it");
        }
        let said: Vec<_> = notices(&aws).iter().map(|notice| notice["outcome"].clone()).collect();
        assert_eq!(said, outcomes);
    }
    Ok(())
}

/// Each check is another event as long as nobody can say what the one before has found.
#[tokio::test]
async fn what_each_check_finds_is_said_once_while_the_journal_is_out() -> Result<()> {
    let out = || (500, r#"{"__type":"InternalServerError","message":"down"}"#.to_owned());
    let aws = well()
        .answers("EventBridge.DescribeRule", [rule("DISABLED")])
        .answers("EventBridge.ListTargetsByRule", [of_all_rules(1), of_all_rules(1)].concat())
        .answers("DynamoDB.GetItem", [out()])
        .answers("DynamoDB.PutItem", [out()]);
    let (settings, deployment) = (settings(Mode::Notify), deployment(workspace("guardrails")));
    let responder = Responder::new(&settings, &deployment, aws.config());
    let mut told = vec![];
    for id in ["look-1", "look-2"] {
        let (event, suspected) = own::FUNCTION.suspect(look(id), &settings)?.context("it is time")?;
        assert!(responder.respond(&own::FUNCTION, &event, &suspected).await.is_err());
        told.push(notices(&aws).len());
    }
    assert!(told[0] > 0 && told[0] == told[1], "{told:?}");
    Ok(())
}

#[tokio::test]
async fn without_the_journals_key_the_mode_counts_and_nothing_else_is_touched() -> Result<()> {
    for mode in [Mode::Notify, Mode::Ask] {
        let aws = without_its_key("Disabled");
        let failed = deliver_knowing_the_key(&aws, mode, key_was_disabled()).await;
        assert!(failed.is_err() && times(&aws, "KMS.EnableKey") == 0, "{mode}");
        assert_eq!(times(&aws, "SNS.Publish"), 1, "{mode}");
    }
    // What the journal does not need waits for it.
    let aws = without_its_key("Enabled").answers("EventBridge.DescribeRule", [rule("DISABLED")]);
    let event = upon("events", "DisableRule", json!({"name": RULE}));
    let failed = deliver_knowing_the_key(&aws, Mode::Revert, event).await;
    assert!(failed.is_err() && times(&aws, "EventBridge.EnableRule") == 0);
    assert_eq!(notices(&aws)[0]["outcome"], "failed");
    Ok(())
}

#[tokio::test]
async fn guardrails_are_asked_about_the_journals_key_too() -> Result<()> {
    let aws = without_its_key("Disabled");
    let settings = knowing_the_key(Mode::Revert);
    let failed = deliver_to(workspace("tests/no-such-guardrails"), &own::FUNCTION, &aws, &settings, key_was_disabled());
    assert!(failed.await.is_err() && times(&aws, "KMS.EnableKey") == 0);
    Ok(())
}

/// A journal that DynamoDB throttles, as somebody has given it one unit a second.
#[tokio::test]
async fn a_throttled_journal_gets_its_capacity_back_before_anything_is_written_down() -> Result<()> {
    let throttled = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException";
    let throttled = (400, json!({"__type": throttled, "message": "slow down"}).to_string());
    let table = |mode: &str, units: u32| {
        let units = json!({"ReadCapacityUnits": units, "WriteCapacityUnits": units});
        ok(&json!({"Table": {"DeletionProtectionEnabled": true, "BillingModeSummary": {"BillingMode": mode},
            "ProvisionedThroughput": units}})
        .to_string())
    };
    let limited = || table("PROVISIONED", 1);
    let aws = well()
        .answers("DynamoDB.DescribeTable", [limited(), limited(), table("PAY_PER_REQUEST", 0)])
        .answers("DynamoDB.PutItem", [throttled, ok("{}")]);
    let request = json!({"tableName": TABLE, "billingMode": "PROVISIONED"});
    let deployment = Deployment { journal: TABLE.to_owned(), ..deployment(workspace("guardrails")) };
    let settings = knowing_the_key(Mode::Revert);
    let event = upon("dynamodb", "UpdateTable", request);
    let (event, suspected) = own::FUNCTION.suspect(event, &settings)?.context("it is suspicious")?;
    Responder::new(&settings, &deployment, aws.config()).respond(&own::FUNCTION, &event, &suspected).await?;
    let update = aws.bodies("DynamoDB.UpdateTable").pop().context("it is changed")?;
    assert!(update.contains(r#""BillingMode":"PAY_PER_REQUEST""#), "{update}");
    let outcomes: Vec<_> = notices(&aws).iter().map(|notice| notice["outcome"].clone()).collect();
    assert_eq!(outcomes, ["pending", "reverted"]);
    Ok(())
}

#[tokio::test]
async fn the_parts_of_the_stack_are_listed_once_for_all_that_is_checked() -> Result<()> {
    let aws = well();
    deliver(&own::FUNCTION, &aws, Mode::Revert, look("look-1")).await?;
    assert_eq!(times(&aws, "CloudFormation.ListStackResources"), 1);
    Ok(())
}
