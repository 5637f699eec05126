//! AWS as canned answers in its real wire shapes: for what no emulator does on demand, such as telling an old truth,
//! refusing a look, or changing between two calls. It answers the SDK's own HTTP requests and keeps what was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, ResolveCachedIdentity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::base64;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::{Value, json};
use snapback::place::Place;

/// The key that seals what operators say in the journal.
pub(crate) const OPERATORS_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/3c4d5e6f-7a8b-4c9d-8e0f-112233445566";

/// A status and a body.
pub(crate) type Answer = (u16, String);

#[derive(Debug, Clone, Default)]
pub(crate) struct Aws(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// For each operation its answers in order; the last one is given again and again.
    answers: HashMap<String, VecDeque<Answer>>,
    asked: Vec<Asked>,
    /// The account that each call to S3 says has to own the bucket.
    owners: Vec<(String, Option<String>)>,
}

#[derive(Debug)]
struct Asked {
    operation: String,
    body: String,
    /// As one of several writes of one call.
    is_part: bool,
}

impl Aws {
    /// Says what the operation answers next: `S3.GetBucketPolicy`, `DynamoDB.PutItem`, `SNS.Publish`, …
    pub(crate) fn answers(self, operation: &str, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.set(operation, answers);
        self
    }

    pub(crate) fn set(&self, operation: &str, answers: impl IntoIterator<Item = Answer>) {
        self.inner(|inner| inner.answers.insert(operation.to_owned(), answers.into_iter().collect()));
    }

    /// Which operations were called, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = |inner: &mut Inner| {
            inner.asked.iter().filter(|asked| !asked.is_part).map(|asked| asked.operation.clone()).collect()
        };
        self.inner(calls)
    }

    /// The bodies of all calls of an operation, alone or as one of several writes.
    pub(crate) fn bodies(&self, operation: &str) -> Vec<String> {
        self.inner(|inner| {
            let of_it = inner.asked.iter().filter(|asked| asked.operation == operation);
            of_it.map(|asked| asked.body.clone()).collect()
        })
    }

    /// The calls to S3, each with the account that it says has to own the bucket.
    pub(crate) fn owners(&self) -> Vec<(String, Option<String>)> {
        self.inner(|inner| inner.owners.clone())
    }

    pub(crate) fn forget(&self) {
        self.inner(|inner| inner.asked.clear());
    }

    pub(crate) fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test")))
            .identity_cache(Signer)
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build()
    }

    /// The same, with the SDK's own retries, which wait for next to nothing.
    pub(crate) fn retrying(&self) -> SdkConfig {
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        self.config().to_builder().retry_config(retries).build()
    }

    pub(crate) fn place(&self) -> Place {
        Place::new("111122223333", self.config())
    }

    fn inner<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Inner {
    fn next(&mut self, operation: &str, body: &str) -> Answer {
        match self.answers.get_mut(operation) {
            Some(answers) if answers.len() > 1 => answers.pop_front(),
            Some(answers) => answers.front().cloned(),
            None => quiet(operation, body),
        }
        .unwrap_or_else(|| (501, format!("no answer was given for {operation}")))
    }

    /// What was said of each item alone; or what is wrong with one of them.
    fn batch(&mut self, body: &str) -> Answer {
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        let keys = asked["RequestItems"]["journal"]["Keys"].as_array().cloned().unwrap_or_default();
        let mut items = vec![];
        for key in keys {
            let (status, answer) = self.next(&of_what("DynamoDB.GetItem", &key.to_string()), "");
            if status != 200 {
                return (status, answer);
            }
            let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            items.extend(answer.get("Item").cloned().map(|mut item| {
                // DynamoDB gives back the key by which it was asked.
                for name in ["pk", "sk"].into_iter().filter(|name| item[*name].is_null()).collect::<Vec<_>>() {
                    item[name] = key[name].clone();
                }
                item
            }));
        }
        ok(&json!({"Responses": {"journal": items}}).to_string())
    }

    /// What each write is answered alone makes what all together are: if the condition of one does not hold, none is made.
    fn transaction(&mut self, body: &str, is_told: bool) -> Answer {
        let asked: Value = serde_json::from_str(body).unwrap_or_default();
        let writes = asked["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
        let mut reasons = vec![];
        for (kind, write) in writes {
            let body = write.to_string();
            let operation = of_what(&format!("DynamoDB.{kind}Item"), &body);
            self.asked.push(Asked { operation: operation.clone(), body, is_part: true });
            if is_told {
                continue;
            }
            let (status, answer) = self.next(&operation, "");
            let said: Value = serde_json::from_str(&answer).unwrap_or_default();
            match said["__type"].as_str() {
                _ if status == 200 => reasons.push(json!({"Code": "None"})),
                Some(kind) if kind.ends_with("ConditionalCheckFailedException") => {
                    reasons.push(json!({"Code": "ConditionalCheckFailed", "Item": said["Item"]}));
                }
                _ => return (status, answer),
            }
        }
        if is_told {
            return self.next("DynamoDB.TransactWriteItems", body);
        }
        let is_made = reasons.iter().all(|reason| reason["Code"] == "None");
        if is_made { ok("{}") } else { cancelled(&reasons) }
    }
}

impl HttpClient for Aws {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request);
        let body = body(&request);
        let owner = request.headers().get("x-amz-expected-bucket-owner").map(str::to_owned);
        let (status, answer) = self.inner(|inner| {
            if operation.starts_with("S3.") {
                inner.owners.push((operation.clone(), owner));
            }
            inner.asked.push(Asked { operation: operation.clone(), body: body.clone(), is_part: false });
            let is_told = inner.answers.contains_key(&operation);
            match operation.as_str() {
                "DynamoDB.BatchGetItem" if !is_told => inner.batch(&body),
                "DynamoDB.TransactWriteItems" => inner.transaction(&body, is_told),
                _ => inner.next(&operation, &body),
            }
        });
        let status = status.try_into().unwrap_or_else(|_| unreachable!("{status} is a status"));
        let mut response = HttpResponse::new(status, SdkBody::from(answer));
        if operation == "S3.GetBucketLifecycleConfiguration" {
            // What it says in no body.
            response.headers_mut().insert("x-amz-transition-default-minimum-object-size", "all_storage_classes_128K");
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn body(request: &HttpRequest) -> String {
    String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned()
}

/// Which operation a request is, as the SDK itself calls it: `S3.GetBucketPolicy`. Of what, where that makes a difference to
/// a test.
fn operation(request: &HttpRequest) -> String {
    let Some(name) = Signer::operation(request) else { return format!("{} {}", request.method(), request.uri()) };
    match name.split_once('.') {
        Some(("DynamoDB", "BatchGetItem" | "TransactWriteItems")) => name,
        Some(("DynamoDB", _)) => of_what(&name, &body(request)),
        // S3 has other IAM actions for versions of objects.
        Some(("S3", _)) if request.uri().contains("versionId=") => format!("{name}(version)"),
        _ => name,
    }
}

/// A call with which of the journal's items it is about, if that is not an entry.
fn of_what(name: &str, body: &str) -> String {
    let is_of = |item: &&str| body.contains(&format!(r#""pk":{{"S":"{item}"#));
    let item = ["stop", "lease", "memory", "members", "gap", "hold", "repeat"].into_iter().find(is_of);
    item.map_or(name.to_owned(), |item| format!("{name}({item})"))
}

/// Has each request signed with a key that is called after its operation. The SDK tells that to nobody but its interceptors,
/// which an `SdkConfig` cannot carry, and to what resolves the identity to sign with, which it can.
#[derive(Debug)]
struct Signer;

impl Signer {
    fn operation(request: &HttpRequest) -> Option<String> {
        let (_, signed) = request.headers().get("authorization")?.split_once("Credential=")?;
        signed.split_once('/').map(|(key, _)| key.to_owned())
    }
}

impl ResolveCachedIdentity for Signer {
    fn resolve_cached_identity<'a>(
        &'a self,
        _: SharedIdentityResolver,
        _: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let called = config.load::<Metadata>().map(|it| format!("{}.{}", it.service().replace(' ', ""), it.name()));
        IdentityFuture::ready(Ok(Credentials::new(called.unwrap_or_default(), "secret", None, None, "test").into()))
    }
}

/// What AWS answers where a test says nothing: an empty journal, a key that works, a topic that takes everything, no Block
/// Public Access.
fn quiet(operation: &str, body: &str) -> Option<Answer> {
    Some(match operation {
        "DynamoDB.GetItem"
        | "DynamoDB.GetItem(stop)"
        | "DynamoDB.GetItem(lease)"
        | "DynamoDB.GetItem(memory)"
        | "DynamoDB.GetItem(members)"
        | "DynamoDB.GetItem(gap)"
        | "DynamoDB.GetItem(hold)"
        | "DynamoDB.GetItem(repeat)"
        | "DynamoDB.PutItem(hold)"
        | "DynamoDB.PutItem(gap)"
        | "DynamoDB.PutItem"
        | "DynamoDB.PutItem(lease)"
        | "DynamoDB.PutItem(memory)"
        | "DynamoDB.PutItem(members)"
        | "DynamoDB.PutItem(stop)" => ok("{}"),
        "KMS.GenerateMac" => ok(&json!({"Mac": seal_of(body)}).to_string()),
        "KMS.VerifyMac" if body.contains(&format!(r#""Mac":"{}""#, seal_of(body))) => ok(r#"{"MacValid":true}"#),
        "KMS.VerifyMac" => (400, r#"{"__type":"KMSInvalidMacException","message":"verification failed"}"#.to_owned()),
        "DynamoDB.UpdateItem" | "DynamoDB.UpdateItem(repeat)" => {
            ok(r#"{"Attributes":{"times":{"N":"1"},"since":{"S":"2026-01-31T12:00:00Z"}}}"#)
        }
        "DynamoDB.Query" => ok(r#"{"Items":[],"Count":0,"ScannedCount":0}"#),
        "STS.GetCallerIdentity" => ok(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>",
        ),
        "SNS.Publish" => {
            ok("<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")
        }
        "S3.GetPublicAccessBlock" => s3_error(404, "NoSuchPublicAccessBlockConfiguration"),
        "S3Control.GetPublicAccessBlock" => s3_control_error("NoSuchPublicAccessBlockConfiguration"),
        "S3.GetBucketPolicy" | "S3.GetBucketPolicyStatus" => s3_error(404, "NoSuchBucketPolicy"),
        "S3.GetBucketOwnershipControls" => s3_error(404, "OwnershipControlsNotFoundError"),
        "S3.GetBucketAcl" => acl(&[]),
        _ => return done(operation),
    })
}

/// What AWS answers to a write that works, if it is one.
fn done(operation: &str) -> Option<Answer> {
    let (service, name) = operation.split('(').next()?.split_once('.')?;
    let is = |verbs: &[&str]| verbs.iter().any(|verb| name.starts_with(verb));
    match service {
        _ if is(&["Get", "List", "Describe"]) => None,
        "S3" | "S3Control" if is(&["Delete"]) => Some((204, String::new())),
        "S3" | "S3Control" => Some(ok("")),
        "EC2" => Some(answer(operation, "<return>true</return>")),
        "IAM" | "RDS" => Some(answer(operation, "")),
        "SNS" if is(&["Set"]) => Some(answer(operation, "")),
        "SQS" if is(&["Set", "Send"]) => Some(ok("{}")),
        "EventBridge" | "KMS" | "CloudTrail" | "ConfigService" | "Organizations"
            if !is(&["Lookup", "Describe", "List"]) =>
        {
            Some(ok("{}"))
        }
        "DynamoDB" if is(&["UpdateTable", "UpdateContinuousBackups"]) => Some(ok("{}")),
        "Lambda" if name.ends_with("FunctionConcurrency") => Some(ok("{}")),
        "RolesAnywhere" if is(&["Disable", "Enable"]) => Some(ok("{}")),
        // What is called without a crate of its own goes by the name of its signatures.
        _ if service.starts_with(char::is_lowercase) => Some(ok("{}")),
        _ => None,
    }
}

/// An answer as a case tells it, in the wire shape of its service: what is in it, without the envelope that says nothing;
/// or a status and the code of an error, `404 NoSuchBucketPolicy`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>
pub(crate) fn answer(operation: &str, told: &str) -> Answer {
    let (service, name) = operation.split_once('.').unwrap_or((operation, ""));
    let name = name.split('(').next().unwrap_or(name);
    let error = told.split_once(' ').filter(|(_, code)| code.chars().all(|char| char.is_alphanumeric() || char == '.'));
    if let Some((Ok(status), code)) = error.map(|(status, code)| (status.parse(), code)) {
        return match service {
            "S3" => s3_error(status, code),
            "S3Control" => s3_control_error(code),
            "EC2" => ec2_error(code),
            "IAM" | "RDS" => iam_error(status, code),
            _ => (status, json!({"__type": code, "message": code}).to_string()),
        };
    }
    match service {
        "EC2" => ok(&format!("<{name}Response>{told}</{name}Response>")),
        "SNS" | "CloudFormation" | "IAM" | "RDS" => {
            ok(&format!("<{name}Response><{name}Result>{told}</{name}Result></{name}Response>"))
        }
        _ => ok(told),
    }
}

/// What this AWS's keys make of the message of a call: the operators' one half of it, the journal's the other. That is as
/// long as an HMAC with SHA-256.
fn seal_of(body: &str) -> String {
    let call: Value = serde_json::from_str(body).unwrap_or_default();
    let message = base64::decode(call["Message"].as_str().unwrap_or_default()).unwrap_or_default();
    base64::encode(mac_of(call["KeyId"].as_str().unwrap_or_default(), &message))
}

/// The same of a key and a message.
pub(crate) fn mac_of<'a>(key: &str, message: &'a [u8]) -> &'a [u8] {
    let is_operators = key == OPERATORS_KEY || key.ends_with("-operators");
    if is_operators { message.get(..32) } else { message.get(32..) }.unwrap_or_default()
}

/// What a transaction answers that was not made, for these reasons.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(crate) fn cancelled(reasons: &[Value]) -> Answer {
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({"__type": kind, "Message": message, "CancellationReasons": reasons}).to_string())
}

pub(crate) fn ok(body: &str) -> Answer {
    (200, body.to_owned())
}

pub(crate) fn s3_error(status: u16, code: &str) -> Answer {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"))
}

pub(crate) fn s3_control_error(code: &str) -> Answer {
    (404, format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"))
}

pub(crate) fn iam_error(status: u16, code: &str) -> Answer {
    (
        status,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{code}</Message></Error></ErrorResponse>"
        ),
    )
}

pub(crate) fn ec2_error(code: &str) -> Answer {
    (
        400,
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors><RequestID>1</RequestID></Response>"
        ),
    )
}

/// What `GetBucketAcl` answers: beside the owner, these permissions for these groups.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html>
pub(crate) fn acl(groups: &[(&str, &str)]) -> Answer {
    let grant = |kind: &str, whom: &str, permission: &str| {
        format!(
            "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">{whom}</Grantee>\
             <Permission>{permission}</Permission></Grant>"
        )
    };
    let owner = grant("CanonicalUser", "<ID>owner</ID>", "FULL_CONTROL");
    let groups = groups.iter().map(|(uri, permission)| grant("Group", &format!("<URI>{uri}</URI>"), permission));
    ok(&format!(
        "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>owner</ID></Owner>\
         <AccessControlList>{owner}{}</AccessControlList></AccessControlPolicy>",
        groups.collect::<String>()
    ))
}

/// What `ListBuckets` answers: names and Regions.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
pub(crate) fn buckets(buckets: &[(&str, &str)]) -> Answer {
    let listed = buckets
        .iter()
        .map(|(name, region)| format!("<Bucket><Name>{name}</Name><BucketRegion>{region}</BucketRegion></Bucket>"));
    ok(&format!("<ListAllMyBucketsResult><Buckets>{}</Buckets></ListAllMyBucketsResult>", listed.collect::<String>()))
}

/// What `DescribeSecurityGroupRules` answers: id, group, protocol, port and the element that tells the source.
pub(crate) fn rules(rules: &[(&str, &str, &str, u16, &str)]) -> Answer {
    let items: String = rules
        .iter()
        .map(|(id, group, protocol, port, source)| {
            format!(
                "<item><securityGroupRuleId>{id}</securityGroupRuleId><groupId>{group}</groupId>\
                 <groupOwnerId>111122223333</groupOwnerId><isEgress>false</isEgress><ipProtocol>{protocol}</ipProtocol>\
                 <fromPort>{port}</fromPort><toPort>{port}</toPort>{source}<tagSet><item><key>team</key>\
                 <value>web</value></item></tagSet></item>"
            )
        })
        .collect();
    ok(&format!(
        "<DescribeSecurityGroupRulesResponse><securityGroupRuleSet>{items}</securityGroupRuleSet>\
         </DescribeSecurityGroupRulesResponse>"
    ))
}
