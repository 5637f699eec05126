//! Which refusals of AWS are worth another try, beside those that the SDK knows.
//!
//! Every client is made by [`client!`], so that none forgets it. The SDK waits between the tries, longer
//! each time and with jitter, and ends after three. What still fails then is tried again by the next delivery.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use serde_json::Value;

use crate::json;

/// Another change is under way, and this one can be made once it is through.
///
/// S3, CloudWatch Logs, `EventBridge` and IAM, CloudTrail, Lambda, DynamoDB (three), EC2 (four), IAM, SNS to an encrypted
/// topic, Config where a recorder has just been stopped. Each is final to the SDK.
pub(crate) const CONFLICTS: [&str; 18] = [
    "OperationAborted",
    "OperationAbortedException",
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ConflictException",
    "ResourceConflictException",
    "ResourceInUseException",
    "ContinuousBackupsUnavailableException",
    "TransactionConflictException",
    "IncorrectState",
    "IncorrectInstanceState",
    "ConcurrentMutationLimitExceeded",
    "ResourceNotReady",
    "EntityTemporarilyUnmodifiable",
    "KMSThrottling",
    "KMSThrottlingException",
    "LastDeliveryChannelDeleteFailedException",
    "PolicyChangesInProgressException",
];

/// The SDK takes it for throttling. It is a quota, which no waiting lifts: rules and targets of `EventBridge`, policies of
/// CloudWatch Logs, the size of a key's policy. Only DynamoDB means by it that too much happens at once.
const QUOTA: &str = "LimitExceededException";

/// The client of a service, by its SDK, which also retries what the SDK takes for final.
#[macro_export]
macro_rules! client {
    ($sdk:ident, $config:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from($config)
                .retry_classifier($crate::retry::Conflicts)
                // By default, all clients of a process share how much they may retry, by service and Region: what is refused
                // in one account would leave no further try to the next one's calls.
                .retry_partition($sdk::config::retry::RetryPartition::custom("snapback").build())
                .build(),
        )
    };
}

pub use client;

/// Has conflicts retried, and quotas not.
#[derive(Debug, Clone, Copy)]
pub struct Conflicts;

impl ClassifyRetry for Conflicts {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        if !matches!(call.output_or_error(), Some(Err(_))) {
            return RetryAction::NoActionIndicated;
        }
        match call.response().and_then(refusal) {
            Some((code, _)) if CONFLICTS.contains(&code.as_str()) => RetryAction::throttling_error(),
            Some((code, service)) if code == QUOTA && !service.contains("dynamodb") => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "conflicts"
    }
}

/// The code in an answer, and the namespace before it if it has one. What an operation has made of the answer has a type
/// of its own for each; the answer has the same few forms for all.
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
#[must_use]
pub fn refusal(answer: &HttpResponse) -> Option<(String, String)> {
    let body = std::str::from_utf8(answer.body().bytes().unwrap_or_default()).unwrap_or_default();
    let in_xml = || body.split_once("<Code>")?.1.split_once("</Code>").map(|(code, _)| code.to_owned());
    let in_json = || {
        let body: Value = serde_json::from_str(body).ok()?;
        json::text(&body, "__type").or_else(|| json::text(&body, "code")).map(str::to_owned)
    };
    let said = answer.headers().get("x-amzn-errortype").map(str::to_owned).or_else(in_xml).or_else(in_json)?;
    let said = said.split(':').next().unwrap_or_default();
    let (namespace, code) = said.rsplit_once('#').unwrap_or_default();
    let code = if code.is_empty() { said } else { code };
    Some((code.to_owned(), namespace.to_owned()))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::interceptors::context::Input;
    use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn action(header: Option<&'static str>, body: &'static str) -> RetryAction {
        let mut answer = HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body));
        if let Some(header) = header {
            answer.headers_mut().insert("x-amzn-errortype", header);
        }
        let mut call = InterceptorContext::new(Input::erase(()));
        call.set_response(answer);
        call.set_output_or_error(Err(OrchestratorError::other("refused")));
        Conflicts.classify_retry(&call)
    }

    #[test]
    fn a_conflict_is_retried_in_whatever_form_its_code_comes() {
        for (header, body) in [
            (None, "<?xml version=\"1.0\"?><Error><Code>OperationAborted</Code><Message>m</Message></Error>"),
            (None, "<Response><Errors><Error><Code>IncorrectState</Code></Error></Errors></Response>"),
            (None, "<ErrorResponse><Error><Type>Sender</Type><Code>KMSThrottling</Code></Error></ErrorResponse>"),
            (None, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceInUseException","message":"m"}"#),
            (None, r#"{"__type":"ConcurrentModificationException"}"#),
            (Some("ResourceConflictException:http://internal.amazon.com/coral/"), r#"{"Message":"m"}"#),
        ] {
            assert_eq!(action(header, body), RetryAction::throttling_error(), "{body}");
        }
    }

    #[test]
    fn a_quota_is_not_retried_and_all_else_is_left_to_the_sdk() {
        let quota = |namespace: &str| format!(r#"{{"__type":"{namespace}LimitExceededException"}}"#);
        assert_eq!(action(None, quota("").leak()), RetryAction::RetryForbidden);
        let dynamodb = quota("com.amazonaws.dynamodb.v20120810#").leak();
        assert_eq!(action(None, dynamodb), RetryAction::NoActionIndicated);
        for body in ["", "{}", "<Error><Code>NoSuchBucket</Code></Error>", r#"{"__type":"AccessDeniedException"}"#] {
            assert_eq!(action(None, body), RetryAction::NoActionIndicated, "{body}");
        }
    }
}
