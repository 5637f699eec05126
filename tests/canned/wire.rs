//! AWS as canned answers in its real wire shapes: for what no emulator does on demand, such as telling an old truth,
//! refusing a look, or changing between two calls. It answers the SDK's own HTTP requests and keeps what was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::base64;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use snapback::place::Place;

/// A status and a body.
pub(crate) type Answer = (u16, String);

#[derive(Debug, Clone, Default)]
pub(crate) struct Aws(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// For each operation its answers in order; the last one is given again and again.
    answers: HashMap<String, VecDeque<Answer>>,
    asked: Vec<(String, String)>,
    /// The account that each call to S3 says has to own the bucket.
    owners: Vec<(String, Option<String>)>,
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
        self.inner(|inner| inner.asked.iter().map(|(operation, _)| operation.clone()).collect())
    }

    /// The bodies of all calls of an operation.
    pub(crate) fn bodies(&self, operation: &str) -> Vec<String> {
        self.inner(|inner| {
            inner.asked.iter().filter(|(asked, _)| asked == operation).map(|(_, body)| body.clone()).collect()
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
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build()
    }

    pub(crate) fn place(&self) -> Place {
        Place::new("111122223333", self.config())
    }

    fn inner<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
        let as_it_does = quiet(&operation, &body);
        let owner = request.headers().get("x-amz-expected-bucket-owner").map(str::to_owned);
        let (status, answer) = self.inner(|inner| {
            if operation.starts_with("S3.") {
                inner.owners.push((operation.clone(), owner));
            }
            inner.asked.push((operation.clone(), body));
            match inner.answers.get_mut(&operation) {
                Some(answers) if answers.len() > 1 => answers.pop_front(),
                Some(answers) => answers.front().cloned(),
                None => as_it_does,
            }
            .unwrap_or_else(|| (501, format!("no answer was given for {operation}")))
        });
        let status = status.try_into().unwrap_or_else(|_| unreachable!("{status} is a status"));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(answer))))
    }
}

fn body(request: &HttpRequest) -> String {
    String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned()
}

/// Which operation a request is, as its protocol tells: a header, a form field, or method and path.
fn operation(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        let name = target.rsplit('.').next().unwrap_or_default();
        let of_others = [("AWSEvents", "Events"), ("TrentService", "KMS"), ("AmazonSQS", "SQS")];
        if let Some((_, service)) = of_others.iter().find(|(prefix, _)| target.starts_with(prefix)) {
            return format!("{service}.{name}");
        }
        // Which of the journal's items it is, if it is not an entry.
        let (body, others) = (body(request), ["stop", "lease", "memory"]);
        let is_of = |item: &&&str| body.contains(&format!(r#""pk":{{"S":"{item}"#));
        return others.iter().find(is_of).map_or(format!("DynamoDB.{name}"), |item| format!("DynamoDB.{name}({item})"));
    }
    let (uri, method) = (request.uri().to_owned(), request.method().to_owned());
    if let Some(action) = body(request).split('&').find_map(|field| field.strip_prefix("Action=")) {
        let services = [("//sns.", "SNS"), ("//cloudformation.", "CloudFormation")];
        let service = services.iter().find(|(host, _)| uri.contains(host)).map_or("EC2", |(_, service)| service);
        return format!("{service}.{action}");
    }
    match (method.as_str(), &uri) {
        ("GET", uri) if uri.contains("/concurrency") => "Lambda.GetFunctionConcurrency".to_owned(),
        ("PUT", uri) if uri.contains("/concurrency") => "Lambda.PutFunctionConcurrency".to_owned(),
        ("DELETE", uri) if uri.contains("/concurrency") => "Lambda.DeleteFunctionConcurrency".to_owned(),
        ("GET", uri) if uri.contains("/v20180820/configuration/publicAccessBlock") => {
            "S3Control.GetPublicAccessBlock".to_owned()
        }
        ("GET", uri) if uri.ends_with("/v20180820/accesspoint") => "S3Control.ListAccessPoints".to_owned(),
        (method, uri) if uri.contains("/v20180820/accesspoint/") => {
            let verb = match method {
                "GET" => "Get",
                "PUT" => "Put",
                _ => "Delete",
            };
            format!("S3Control.{verb}AccessPoint{}", if uri.contains("/policy") { "Policy" } else { "" })
        }
        ("PUT", uri) if uri.contains("/v20180820/configuration/publicAccessBlock") => {
            "S3Control.PutPublicAccessBlock".to_owned()
        }
        ("DELETE", uri) if uri.contains("/v20180820/configuration/publicAccessBlock") => {
            "S3Control.DeletePublicAccessBlock".to_owned()
        }
        ("GET", uri) if uri.contains("publicAccessBlock") => "S3.GetPublicAccessBlock".to_owned(),
        ("PUT", uri) if uri.contains("publicAccessBlock") => "S3.PutPublicAccessBlock".to_owned(),
        ("DELETE", uri) if uri.contains("publicAccessBlock") => "S3.DeletePublicAccessBlock".to_owned(),
        ("GET", uri) if uri.contains("ownershipControls") => "S3.GetBucketOwnershipControls".to_owned(),
        ("PUT", uri) if uri.contains("ownershipControls") => "S3.PutBucketOwnershipControls".to_owned(),
        ("DELETE", uri) if uri.contains("ownershipControls") => "S3.DeleteBucketOwnershipControls".to_owned(),
        ("GET", uri) if uri.contains("?versioning") => "S3.GetBucketVersioning".to_owned(),
        ("PUT", uri) if uri.contains("?versioning") => "S3.PutBucketVersioning".to_owned(),
        ("GET", uri) if uri.contains("?lifecycle") => "S3.GetBucketLifecycleConfiguration".to_owned(),
        ("PUT", uri) if uri.contains("?lifecycle") => "S3.PutBucketLifecycleConfiguration".to_owned(),
        ("DELETE", uri) if uri.contains("?lifecycle") => "S3.DeleteBucketLifecycle".to_owned(),
        ("GET", uri) if uri.contains("?logging") => "S3.GetBucketLogging".to_owned(),
        ("PUT", uri) if uri.contains("?logging") => "S3.PutBucketLogging".to_owned(),
        ("GET", uri) if uri.contains("?replication") => "S3.GetBucketReplication".to_owned(),
        ("PUT", uri) if uri.contains("?replication") => "S3.PutBucketReplication".to_owned(),
        // Of an object, as there is a key; S3 has other IAM actions for those of a version.
        (method, uri) if uri.contains("?acl") && !uri.contains("/?acl") => {
            let (verb, version) = (if method == "GET" { "Get" } else { "Put" }, uri.contains("versionId="));
            format!("S3.{verb}Object{}Acl", if version { "Version" } else { "" })
        }
        ("GET", uri) if uri.contains("?acl") => "S3.GetBucketAcl".to_owned(),
        ("PUT", uri) if uri.contains("?acl") => "S3.PutBucketAcl".to_owned(),
        ("GET", uri) if uri.contains("x-id=ListBuckets") => "S3.ListBuckets".to_owned(),
        ("GET", uri) if uri.contains("tagging") => "S3.GetBucketTagging".to_owned(),
        ("GET", uri) if uri.contains("policy") => "S3.GetBucketPolicy".to_owned(),
        ("PUT", uri) if uri.contains("policy") => "S3.PutBucketPolicy".to_owned(),
        ("DELETE", uri) if uri.contains("policy") => "S3.DeleteBucketPolicy".to_owned(),
        ("POST", uri) if uri.ends_with("/invocations") => "Lambda.Invoke".to_owned(),
        (method, uri) => format!("{method} {uri}"),
    }
}

/// What AWS answers where a test says nothing: an empty journal, a key that works, a topic that takes everything, no Block
/// Public Access.
fn quiet(operation: &str, body: &str) -> Option<Answer> {
    Some(match operation {
        "DynamoDB.GetItem"
        | "DynamoDB.GetItem(stop)"
        | "DynamoDB.GetItem(memory)"
        | "DynamoDB.PutItem"
        | "DynamoDB.PutItem(lease)"
        | "DynamoDB.PutItem(memory)"
        | "DynamoDB.PutItem(stop)" => ok("{}"),
        "KMS.GenerateMac" => ok(&json!({"Mac": seal_of(body)}).to_string()),
        "KMS.VerifyMac" if body.contains(&format!(r#""Mac":"{}""#, seal_of(body))) => ok(r#"{"MacValid":true}"#),
        "KMS.VerifyMac" => (400, r#"{"__type":"KMSInvalidMacException","message":"verification failed"}"#.to_owned()),
        "DynamoDB.UpdateItem" => ok(r#"{"Attributes":{"times":{"N":"1"},"since":{"S":"2026-01-31T12:00:00Z"}}}"#),
        "DynamoDB.Query" => ok(r#"{"Items":[],"Count":0,"ScannedCount":0}"#),
        "SNS.Publish" => {
            ok("<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>")
        }
        "S3.GetPublicAccessBlock" => s3_error(404, "NoSuchPublicAccessBlockConfiguration"),
        "S3Control.GetPublicAccessBlock" => s3_control_error("NoSuchPublicAccessBlockConfiguration"),
        "S3.GetBucketPolicy" => s3_error(404, "NoSuchBucketPolicy"),
        "S3.GetBucketOwnershipControls" => s3_error(404, "OwnershipControlsNotFoundError"),
        "S3.GetBucketAcl" => acl(&[]),
        "S3.PutBucketAcl"
        | "S3.PutObjectAcl"
        | "S3.PutObjectVersionAcl"
        | "S3.PutBucketLifecycleConfiguration"
        | "S3.PutBucketLogging"
        | "S3.PutBucketOwnershipControls"
        | "S3.PutBucketReplication"
        | "S3.PutBucketVersioning"
        | "S3.PutPublicAccessBlock"
        | "S3Control.PutPublicAccessBlock"
        | "S3Control.PutAccessPointPolicy" => ok(""),
        "S3.PutBucketPolicy"
        | "S3.DeleteBucketLifecycle"
        | "S3.DeleteBucketOwnershipControls"
        | "S3.DeleteBucketPolicy"
        | "S3.DeletePublicAccessBlock"
        | "S3Control.DeletePublicAccessBlock"
        | "S3Control.DeleteAccessPointPolicy" => (204, String::new()),
        _ => return None,
    })
}

/// What this AWS's key makes of the message of a call: half of it, which is as long as an HMAC with SHA-256.
fn seal_of(body: &str) -> String {
    let call: Value = serde_json::from_str(body).unwrap_or_default();
    let message = base64::decode(call["Message"].as_str().unwrap_or_default()).unwrap_or_default();
    base64::encode(message.get(..32).unwrap_or_default())
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

/// What `GetAccessPointPolicy` answers.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_GetAccessPointPolicy.html>
pub(crate) fn access_point_policy(policy: &str) -> Answer {
    let policy = policy.replace('"', "&quot;");
    ok(&format!("<GetAccessPointPolicyResult><Policy>{policy}</Policy></GetAccessPointPolicyResult>"))
}

/// What `GetPublicAccessBlock` answers, of a bucket and of an account: with these settings on.
pub(crate) fn public_access_block(on: &[&str]) -> Answer {
    let names = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
    let settings: String = names.iter().map(|name| format!("<{name}>{}</{name}>", on.contains(name))).collect();
    ok(&format!("<PublicAccessBlockConfiguration>{settings}</PublicAccessBlockConfiguration>"))
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
