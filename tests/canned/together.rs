//! What is written together: an entry begins with all that it needs or not at all, and ends with all that goes with it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde_json::{Value, json};
use snapback::mode::Mode;
use snapback::responder::Responder;
use workspace_tests::workspace;

use super::injected::{holding, notices};
use super::scene::{DENIED, NAMED, PUBLIC, bucket_policy_was_put, deliver, deployment, policy, put, settings};
use super::wire::{Answer, Aws, cancelled, ok};

const TOGETHER: &str = "DynamoDB.TransactWriteItems";

/// An AWS on which another delivery, which has had the resource, writes it while ours begins.
#[derive(Debug, Clone)]
struct Overtaken {
    aws: Aws,
    by: String,
    has_begun: Arc<AtomicBool>,
}

impl HttpClient for Overtaken {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Overtaken {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.aws.call(request);
        let begins = self.aws.calls().last().is_some_and(|call| call == TOGETHER);
        if !begins || self.has_begun.swap(true, Ordering::Relaxed) {
            return answer;
        }
        let (aws, by) = (self.aws.clone(), self.by.clone());
        HttpConnectorFuture::new(async move {
            // Whatever else is under way with the begin is answered before it.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            aws.set("S3.GetBucketPolicy", [ok(&by), ok(&by), ok(&by), ok(&policy(&[DENIED, NAMED]))]);
            answer.await
        })
    }
}

/// Two may begin at the same time on one bucket, whose policy is written as a whole.
#[tokio::test]
async fn what_is_overwritten_is_read_again_once_the_resource_is_ours() -> Result<()> {
    let (public, others) = (policy(&[PUBLIC, NAMED]), policy(&[PUBLIC, DENIED, NAMED]));
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    let overtaken = Overtaken { aws: aws.clone(), by: others, has_begun: Arc::default() };
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let (event, suspected) =
        s3::FUNCTION.suspect(bucket_policy_was_put(&public), &settings)?.context("it is suspicious")?;
    let config = aws.config().into_builder().http_client(overtaken).build();
    Responder::new(&settings, &deployment, config).respond(&s3::FUNCTION, &event, &suspected).await?;
    assert_eq!(aws.bodies("S3.PutBucketPolicy"), [policy(&[DENIED, NAMED])], "the other's statement stays");
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    Ok(())
}

fn public_bucket() -> Aws {
    let public = policy(&[PUBLIC, NAMED]);
    Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))])
}

async fn opened(aws: &Aws) -> Result<()> {
    deliver(&s3::FUNCTION, aws, Mode::Revert, bucket_policy_was_put(&policy(&[PUBLIC, NAMED]))).await
}

fn for_reasons(codes: [&str; 2]) -> Answer {
    cancelled(&codes.map(|code| json!({"Code": code})))
}

#[tokio::test]
async fn who_writes_at_the_same_moment_is_nobody_who_has_the_resource() -> Result<()> {
    for reasons in [["TransactionConflict", "None"], ["None", "ThrottlingError"], ["TransactionConflict"; 2]] {
        let aws = public_bucket().answers(TOGETHER, [for_reasons(reasons), ok("{}")]);
        opened(&aws).await?;
        assert_eq!(aws.bodies("S3.PutBucketPolicy"), [policy(&[NAMED])], "{reasons:?}");
        let looks = aws.bodies("DynamoDB.BatchGetItem").len();
        assert_eq!(looks, 2, "{reasons:?}: nobody was waited for");
    }
    let aws = public_bucket().answers(TOGETHER, [for_reasons(["TransactionConflict", "None"])]);
    assert!(opened(&aws).await.is_err());
    assert!(aws.bodies("S3.PutBucketPolicy").is_empty());
    assert_eq!(notices(&aws)[0]["outcome"], "failed", "the journal cannot be used, and people know");
    Ok(())
}

/// Two buckets were opened, one after the other, to a function that was cold. This is what the second event's calls are.
async fn opened_when_warm(aws: &Aws, hold: Option<Answer>) -> Result<()> {
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let responder = Responder::new(&settings, &deployment, aws.config());
    for _ in 0..2 {
        let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
        aws.forget();
        aws.set("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&clean)]);
        if let Some(hold) = &hold {
            aws.set("DynamoDB.GetItem(hold)", [ok("{}"), hold.clone()]);
        }
        let event = bucket_policy_was_put(&public);
        let (event, suspected) = s3::FUNCTION.suspect(event, &settings)?.context("it is suspicious")?;
        let first: Vec<_> = suspected.into_iter().take(1).collect();
        responder.respond(&s3::FUNCTION, &event, &first).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_warm_function_reads_what_operators_say_while_it_begins_and_heeds_it() -> Result<()> {
    let aws = public_bucket();
    opened_when_warm(&aws, None).await?;
    let calls = aws.calls();
    let begun = calls.iter().position(|call| call == TOGETHER).context("it begins")?;
    assert_eq!(calls[begun + 1], "DynamoDB.BatchGetItem", "at the same time: {calls:?}");
    assert!(!calls.iter().any(|call| call.starts_with("KMS.")), "it was certified before: {calls:?}");
    assert_eq!(aws.bodies("S3.PutBucketPolicy").len(), 1);

    let aws = public_bucket();
    opened_when_warm(&aws, Some(holding(PUBLIC).await?)).await?;
    assert!(aws.bodies("S3.PutBucketPolicy").is_empty(), "an operator has put it back meanwhile");
    assert_eq!(notices(&aws)[0]["outcome"], "held");
    Ok(())
}

/// The SDK sends it again: DynamoDB knows it by its token, whether it was made or not.
#[tokio::test]
async fn what_is_sent_again_is_the_same_transaction_and_what_is_begun_again_another() -> Result<()> {
    let lost = (500, r#"{"__type":"InternalServerError","message":"m"}"#.to_owned());
    let aws = public_bucket().answers(TOGETHER, [lost, for_reasons(["TransactionConflict", "None"]), ok("{}")]);
    let (settings, deployment) = (settings(Mode::Revert), deployment(workspace("guardrails")));
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (event, suspected) = s3::FUNCTION.suspect(event, &settings)?.context("it is suspicious")?;
    Responder::new(&settings, &deployment, aws.retrying()).respond(&s3::FUNCTION, &event, &suspected).await?;
    let token = |body: &String| Some(serde_json::from_str::<Value>(body).ok()?["ClientRequestToken"].clone());
    let tokens: Vec<Value> = aws.bodies(TOGETHER).iter().filter_map(token).collect();
    let [first, again, anew, end] = &tokens[..] else { anyhow::bail!("{tokens:?}") };
    assert!(first.is_string() && first == again && again != anew && anew != end, "{tokens:?}");
    Ok(())
}

/// A revert that counts for its actor, who may cause one in an hour.
async fn counting_for_its_actor(budget: Answer) -> Result<Aws> {
    let aws = public_bucket().answers("DynamoDB.UpdateItem", [budget]);
    let mut deployment = deployment(workspace("guardrails"));
    deployment.most_reverts_per_hour = NonZeroU32::new(1);
    let settings = settings(Mode::Revert);
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    let (event, suspected) = s3::FUNCTION.suspect(event, &settings)?.context("it is suspicious")?;
    Responder::new(&settings, &deployment, aws.config()).respond(&s3::FUNCTION, &event, &suspected).await?;
    Ok(aws)
}

#[tokio::test]
async fn an_actor_s_reverts_are_counted_as_they_begin() -> Result<()> {
    let aws = counting_for_its_actor(ok("{}")).await?;
    assert_eq!(aws.bodies("S3.PutBucketPolicy").len(), 1);
    assert_eq!(kinds(&aws.bodies(TOGETHER)[0])?, ["entry", "lease", "budget"]);
    assert!(!aws.calls().contains(&"DynamoDB.UpdateItem".to_owned()), "once: {:?}", aws.calls());

    let used_up = (400, r#"{"__type":"ConditionalCheckFailedException","message":"m"}"#.to_owned());
    let aws = counting_for_its_actor(used_up).await?;
    assert!(aws.bodies("S3.PutBucketPolicy").is_empty());
    assert_eq!(kinds(&aws.bodies(TOGETHER)[1])?, ["entry", "lease"], "it begins all the same");
    assert_eq!(notices(&aws)[0]["outcome"], "asked");
    assert_eq!(put(&aws, "DynamoDB.PutItem").pop().context("it is written down")?["outcome"]["S"], "asked");
    Ok(())
}

/// The answers to the end alone: what begins is made.
fn ending(end: impl IntoIterator<Item = Answer>) -> Aws {
    let made = std::iter::once(ok("{}"));
    public_bucket().answers(TOGETHER, made.chain(end))
}

fn failed(write: usize) -> Answer {
    let reason = |number| json!({"Code": if number == write { "ConditionalCheckFailed" } else { "None" }});
    cancelled(&[0, 1, 2].map(reason))
}

fn kinds(body: &str) -> Result<Vec<String>> {
    let call: Value = serde_json::from_str(body)?;
    let writes = call["TransactItems"].as_array().context("several")?;
    let key = |write: &Value| {
        let write = write.as_object()?.values().next()?;
        let key = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
        key["pk"]["S"].as_str()?.split('#').next().map(str::to_owned)
    };
    Ok(writes.iter().filter_map(key).collect())
}

#[tokio::test]
async fn an_entry_ends_with_the_count_and_the_resource() -> Result<()> {
    let aws = ending([ok("{}")]);
    opened(&aws).await?;
    assert_eq!(kinds(&aws.bodies(TOGETHER)[1])?, ["entry", "repeat", "lease"]);
    let count = aws.bodies("DynamoDB.UpdateItem(repeat)").concat();
    assert!(count.contains("attribute_not_exists(times)"), "as it was read: {count}");
    Ok(())
}

#[tokio::test]
async fn what_another_has_counted_meanwhile_is_counted_too() -> Result<()> {
    let aws = ending([failed(1), ok("{}")]);
    let others = json!({"Item": {"pk": {"S": "repeat#arn:aws:s3:::b"}, "times": {"N": "7"},
        "since": {"S": "2026-01-31T12:00:00Z"}}});
    aws.set("DynamoDB.GetItem(repeat)", [ok("{}"), ok(&others.to_string())]);
    opened(&aws).await?;
    let last = aws.bodies("DynamoDB.UpdateItem(repeat)").pop().context("counted")?;
    let last: Value = serde_json::from_str(&last)?;
    let values = &last["ExpressionAttributeValues"];
    assert_eq!((&values[":before"]["N"], &values[":times"]["N"]), (&json!("7"), &json!("8")), "{last}");
    let entry = put(&aws, "DynamoDB.PutItem").pop().context("the entry")?;
    let entry: Value = serde_json::from_str(entry["body"]["S"].as_str().context("as JSON")?)?;
    assert_eq!(entry["repeat"]["times"], 8);
    Ok(())
}

/// The lease has ended before the work has.
#[tokio::test]
async fn an_entry_ends_without_the_resource_where_another_has_it_by_then() -> Result<()> {
    let aws = ending([failed(2), ok("{}")]);
    opened(&aws).await?;
    assert_eq!(kinds(&aws.bodies(TOGETHER)[2])?, ["entry", "repeat"]);
    Ok(())
}
