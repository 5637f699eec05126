//! Events and settings for tests that run the whole responder.

use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::control::Function;
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::{Deployment, Settings};
use workspace_tests::workspace;

use crate::wire::Aws;

pub(crate) const PUBLIC: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;
pub(crate) const ANYONE_WRITES: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}"#;
pub(crate) const NAMED: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/reader"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;

pub(crate) const FOREIGN: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;

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

pub(crate) fn settings(mode: Mode) -> Settings {
    Settings { modes: mode.into(), ..Settings::default() }
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
    let settings = settings(mode);
    let deployment = Deployment {
        journal: "journal".to_owned(),
        journal_days: 400,
        topic: "arn:aws:sns:eu-central-1:111122223333:topic".to_owned(),
        role: "arn:aws:iam::111122223333:role/own".to_owned(),
        guardrails,
    };
    let Some((event, suspected)) = function.suspect(event, &settings)? else { return Ok(()) };
    Responder::new(&settings, &deployment, aws.config()).respond(function, &event, &suspected).await
}
