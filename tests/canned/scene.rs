//! Events and settings for tests that run the whole responder.

use std::path::PathBuf;

use anyhow::Result;
use aws_config::Region;
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::control::Function;
use snapback::journal::{Hold, Journal, Memory, Stop};
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::{Deployment, Members, Own, Pace, Settings};
use workspace_tests::workspace;

use super::wire::{Answer, Aws, OPERATORS_KEY, ok};

pub(crate) const PUBLIC: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;
pub(crate) const ANYONE_WRITES: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}"#;
pub(crate) const NAMED: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/reader"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;

pub(crate) const DENIED: &str = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;

/// The key that certifies who signs in the journal.
pub(crate) const JOURNAL_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1f2e3d4c-5b6a-4988-8776-655443322110";

pub(crate) fn policy(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

pub(crate) fn bucket_policy_was_put(policy: &str) -> Value {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    event("s3", "PutBucketPolicy", json!({"bucketName": "b", "bucketPolicy": policy}), json!(null))
}

/// An API call of this moment, as EventBridge delivers it.
pub(crate) fn event(service: &str, name: &str, request: Value, response: Value) -> Value {
    json!({
        "version": "0", "id": "6f7c1e1a-0000-4000-8000-000000000001", "detail-type": "AWS API Call via CloudTrail",
        "source": format!("aws.{service}"), "account": "111122223333", "region": "eu-central-1",
        "time": Timestamp::now(), "resources": [],
        "detail": {
            "eventVersion": "1.11", "eventID": "0b6e7a54-0000-4000-8000-000000000002", "eventTime": Timestamp::now(),
            "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.31",
            "userIdentity": {
                "type": "IAMUser", "userName": "mallory", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:user/mallory", "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            },
            "requestParameters": request, "responseElements": response,
        },
    })
}

/// The items that were put under a call's name, as DynamoDB has them.
pub(crate) fn put(aws: &Aws, call: &str) -> Vec<Value> {
    let bodies = aws.bodies(call);
    bodies.iter().filter_map(|body| Some(serde_json::from_str::<Value>(body).ok()?["Item"].clone())).collect()
}

/// The item of an operator's hold on a grant of the bucket `b`.
pub(crate) async fn hold(grant: &str, until: Timestamp) -> Result<Value> {
    let hold: Hold =
        serde_json::from_value(json!({"control": "s3-public-bucket-policy", "resource": "arn:aws:s3:::b",
        "grant": grant, "entry": "0123456789abcdef0123", "by": "arn:aws:iam::111122223333:user/ops",
        "since": "2026-01-01T00:00:00Z", "until": until}))?;
    let aws = Aws::default();
    Journal::new(&aws.config(), "journal").hold(&hold.control, &hold.resource, std::slice::from_ref(&hold)).await?;
    Ok(put(&aws, "DynamoDB.PutItem(hold)").remove(0))
}

/// The item of an operator's emergency stop.
pub(crate) async fn stop(until: Timestamp) -> Result<Value> {
    let stop: Stop = serde_json::from_value(json!({"reason": "a \u{1b}[31mdrill", "until": until,
        "by": "arn:aws:iam::111122223333:user/ops", "since": "2026-01-01T00:00:00Z"}))?;
    let aws = Aws::default();
    Journal::new(&aws.config(), "journal").stop(&stop).await?;
    Ok(put(&aws, "DynamoDB.PutItem(stop)").remove(0))
}

/// What `GetItem` answers when a control remembers this of a resource.
pub(crate) async fn remembering(control: &str, resource: &str, good: Value) -> Result<Answer> {
    remembering_in("eu-central-1", control, resource, good).await
}

/// The same of a journal in another Region.
pub(crate) async fn remembering_in(region: &str, control: &str, resource: &str, good: Value) -> Result<Answer> {
    let now = Timestamp::now();
    let (control, resource) = (control.to_owned(), resource.to_owned());
    let aws = Aws::default();
    let config = aws.config().into_builder().region(Region::new(region.to_owned())).build();
    Journal::new(&config, "journal").remember(&Memory { control, resource, good, since: now, seen: now }).await?;
    Ok(ok(&json!({"Item": put(&aws, "DynamoDB.PutItem(memory)").remove(0)}).to_string()))
}

pub(crate) fn settings(mode: Mode) -> Settings {
    // A stack that has all that one may have.
    let own = Own { has_organizations: true, ..Own::default() };
    Settings { modes: workspace_tests::for_all(mode), own, ..Settings::default() }
}

pub(crate) fn deployment(guardrails: PathBuf) -> Deployment {
    Deployment {
        journal: "journal".to_owned(),
        journal_key: JOURNAL_KEY.to_owned(),
        operators_key: OPERATORS_KEY.to_owned(),
        delayed: "https://sqs.eu-central-1.amazonaws.com/111122223333/delayed".to_owned(),
        journal_days: 400,
        most_reverts_per_hour: None,
        topic: "arn:aws:sns:eu-central-1:111122223333:topic".to_owned(),
        pace: Pace(1),
        role: "arn:aws:iam::111122223333:role/own".to_owned(),
        is_hub: false,
        members: Members::default(),
        guardrails,
    }
}

/// Delivers an event to a function that talks to this AWS.
pub(crate) async fn deliver(function: &'static Function, aws: &Aws, mode: Mode, event: Value) -> Result<()> {
    deliver_under(workspace("guardrails"), function, aws, mode, event).await
}

/// The same, under the guardrails of a folder.
pub(crate) async fn deliver_under(
    guardrails: PathBuf,
    function: &'static Function,
    aws: &Aws,
    mode: Mode,
    event: Value,
) -> Result<()> {
    deliver_to(guardrails, function, aws, &settings(mode), event).await
}

/// The same, with these settings and the guardrails that are deployed unless somebody says otherwise.
pub(crate) async fn deliver_as(
    function: &'static Function,
    aws: &Aws,
    settings: &Settings,
    event: Value,
) -> Result<()> {
    deliver_to(workspace("guardrails"), function, aws, settings, event).await
}

/// The same, with guardrails and settings.
pub(crate) async fn deliver_to(
    guardrails: PathBuf,
    function: &'static Function,
    aws: &Aws,
    settings: &Settings,
    event: Value,
) -> Result<()> {
    let deployment = deployment(guardrails);
    let Some((event, suspected)) = function.suspect(event, settings)? else { return Ok(()) };
    Responder::new(settings, &deployment, aws.config()).respond(function, &event, &suspected).await
}
