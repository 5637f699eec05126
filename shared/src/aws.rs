//! The AWS SDK as all functions use it: one HTTP client, and the errors that matter told apart.

use std::error::Error;
use std::fmt;

use anyhow::Context;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::{HttpClient, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::retry::CONFLICTS;

/// Credentials, Region, retries and endpoint as the SDK finds them, over rustls with ring.
///
/// The SDK's default is AWS-LC, which gathers 30 ms of entropy at the first TLS handshake.
pub async fn config() -> SdkConfig {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let https = aws_smithy_http_client::Builder::new().tls_provider(provider).build_https();
    // By itself it would read through all root certificates again for each client of a service that is made with it, only
    // to see whether it can.
    let http = http_client_fn(move |settings, components| https.http_connector(settings, components));
    aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await
}

/// A call that did not work.
#[derive(Debug)]
pub struct Failed {
    pub cause: Cause,
    text: String,
}

/// Why a call did not work, as far as somebody can do something about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// AWS refused, with this code: `NoSuchBucketPolicy`.
    Refused(String),
    /// There are no credentials to sign the call with, or they could not be had.
    NoCredentials,
    /// Nobody answered: the address is unknown, the way to it is closed, or it took too long.
    NoAnswer,
    Other,
}

/// What services call it when they do not let somebody. The last four are said of a Region that the account has not opted
/// in to, and of another's account.
const DENIALS: [&str; 9] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
    "OperationNotPermitted",
    "AuthFailure",
    "OptInRequired",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
];

impl Failed {
    fn is_denied(&self) -> bool {
        matches!(&self.cause, Cause::Refused(code) if DENIALS.contains(&code.as_str()))
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failed {}

/// The code with which AWS refused a call, such as `NoSuchBucketPolicy`.
#[must_use]
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// A failed call as an error that says everything AWS said, and why it failed.
pub fn failure<E, R>(error: SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    let service = error.as_service_error();
    let (cause, text) = match service.and_then(|error| Some((error.code()?, error.message().unwrap_or_default()))) {
        Some((code, message)) => (Cause::Refused(code.to_owned()), format!("AWS answered {code}: {message}")),
        None => (unanswered(&error), in_full(&error)),
    };
    Failed { cause, text }.into()
}

/// The answer; nothing if AWS says with one of these codes that there is no such thing.
///
/// # Errors
/// When the call failed for another reason.
pub fn if_there<T, E, R>(answer: Result<T, SdkError<E, R>>, gone: &[&str]) -> anyhow::Result<Option<T>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if code(&error).is_some_and(|code| gone.contains(&code)) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

/// The same; an error says what was being done.
///
/// # Errors
/// When the call failed for another reason.
pub fn unless_gone<T, E, R>(
    answer: Result<T, SdkError<E, R>>,
    gone: &[&str],
    doing: impl FnOnce() -> String,
) -> anyhow::Result<Option<T>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    if_there(answer, gone).with_context(doing)
}

/// Why there is no answer that says why.
fn unanswered<E: Error + 'static, R: fmt::Debug>(error: &SdkError<E, R>) -> Cause {
    match error {
        _ if let Some(code) = role_refused(error) => Cause::Refused(code),
        _ if causes(error).any(<dyn Error>::is::<CredentialsError>) => Cause::NoCredentials,
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => Cause::NoAnswer,
        SdkError::TimeoutError(_) => Cause::NoAnswer,
        _ => Cause::Other,
    }
}

/// The code with which AWS refused the role that the call was to be made with.
fn role_refused<E: Error + 'static, R: fmt::Debug>(error: &SdkError<E, R>) -> Option<String> {
    let refused = causes(error).find_map(<dyn Error>::downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>)?;
    code(refused).map(str::to_owned)
}

/// What happened, and why, down to the first cause.
fn in_full<E: Error + 'static, R: fmt::Debug>(error: &SdkError<E, R>) -> String {
    [error.to_string()].into_iter().chain(causes(error).map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}

fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// Whether AWS refused a policy for whom it names: somebody who is no more, or whom it does not know yet. Several services
/// say the same of whatever is wrong with a policy.
#[must_use]
pub fn refuses_principals(error: &anyhow::Error) -> bool {
    let Some(Failed { cause: Cause::Refused(code), text }) = error.downcast_ref::<Failed>() else { return false };
    match code.as_str() {
        "MalformedPolicy"
        | "MalformedPolicyDocument"
        | "MalformedPolicyDocumentException"
        | "InvalidPolicyException" => text.to_lowercase().contains("principal"),
        "InvalidParameter" => text.contains("PrincipalNotFound"),
        "InvalidAttributeValue" => text.contains("Policy"),
        "InvalidParameterException" => text.contains("Invalid repository policy"),
        _ => false,
    }
}

/// What AWS answers where somebody has removed or made the same in the meantime, or what had it: then it is to be looked at
/// afresh.
const RACES: [&str; 29] = [
    "NoSuchBucket",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
    "RepositoryNotFoundException",
    "RepositoryPolicyNotFoundException",
    "FileSystemNotFound",
    "PolicyNotFound",
    "InvalidGroup.NotFound",
    "NoSuchEntity",
    "InvalidSecurityGroupRuleId.NotFound",
    "InvalidPermission.NotFound",
    "InvalidPermission.Duplicate",
    "InvalidNetworkAclEntry.NotFound",
    "NetworkAclEntryAlreadyExists",
    "PrefixListVersionMismatch",
    "InvalidPrefixListModification",
    "PreconditionFailedException",
    "InvalidFlowLogId.NotFound",
    "FlowLogAlreadyExists",
    "NoSuchConfigurationRecorderException",
    "MaxNumberOfConfigurationRecordersExceededException",
    "DuplicatePolicyAttachmentException",
    "PolicyNotAttachedException",
    "TargetNotFoundException",
    "SourceParentNotFoundException",
    "DestinationParentNotFoundException",
    "DuplicateAccountException",
    "AccountAlreadyRegisteredException",
    "AccountNotRegisteredException",
];

/// The code with which AWS says that somebody was faster, if it is that.
#[must_use]
pub fn lost_race(error: &anyhow::Error) -> Option<&str> {
    match &error.downcast_ref::<Failed>()?.cause {
        Cause::Refused(code) if RACES.contains(&code.as_str()) => Some(code),
        _ => None,
    }
}

/// Whether the same call may well succeed in a while: another change is under way, or there are too many calls.
#[must_use]
pub fn may_pass(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<Failed>().map(|failed| &failed.cause);
    let is_one = |code: &str| CONFLICTS.contains(&code) || THROTTLING_ERRORS.contains(&code);
    matches!(cause, Some(Cause::Refused(code)) if is_one(code))
}

/// Whether an error is, at its root, AWS's refusal to let us.
#[must_use]
pub fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failed>().is_some_and(Failed::is_denied)
}

/// Whether a policy of the organization denies a call, which nothing in the account can change.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
#[must_use]
pub fn is_denied_by_organization(error: &anyhow::Error) -> bool {
    let denies =
        |text: &str| ["service control policy", "resource control policy"].iter().any(|kind| text.contains(kind));
    error.downcast_ref::<Failed>().is_some_and(|failed| failed.is_denied() && denies(&failed.text))
}

/// Whether AWS refused a call with this code.
#[must_use]
pub fn is_refused_with(error: &anyhow::Error, code: &str) -> bool {
    let failed = error.downcast_ref::<Failed>();
    failed.is_some_and(|failed| matches!(&failed.cause, Cause::Refused(refused) if refused == code))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a call comes to that AWS refuses with this code.
    pub(crate) fn refusal(code: &str) -> anyhow::Error {
        refused(code, "")
    }

    fn refused(code: &str, text: &str) -> anyhow::Error {
        Failed { cause: Cause::Refused(code.to_owned()), text: format!("AWS answered {code}: {text}") }.into()
    }

    #[test]
    fn each_service_s_own_way_to_refuse_a_principal_is_understood() {
        for (code, text) in [
            ("MalformedPolicy", "Invalid principal in policy"),
            ("MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"AROAEXAMPLEEXAMPLE001\""),
            ("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."),
            ("InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound"),
            ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
            ("InvalidParameterException", "'Invalid repository policy provided'"),
            ("InvalidPolicyException", "Policy contains invalid Principal block."),
        ] {
            assert!(refuses_principals(&refused(code, text)), "{code}: {text}");
        }
        for (code, text) in [
            ("MalformedPolicy", "Policy has invalid resource"),
            ("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
            ("AccessDenied", "the principal may not"),
        ] {
            assert!(!refuses_principals(&refused(code, text)), "{code}: {text}");
        }
    }

    #[test]
    fn a_denial_by_a_policy_of_the_organization_is_told_from_others() {
        let said = "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: s3:PutBucketPolicy on \
                    resource: \"arn:aws:s3:::b\"";
        for (code, why, is_one) in [
            ("AccessDenied", "with an explicit deny in a service control policy", true),
            ("UnauthorizedOperation", "with an explicit deny in a service control policy", true),
            ("AccessDenied", "because no service control policy allows the s3:PutBucketPolicy action", true),
            ("AccessDeniedException", "with an explicit deny in a resource control policy", true),
            ("AccessDenied", "with an explicit deny in a resource-based policy", false),
            ("AccessDenied", "because no identity-based policy allows the s3:PutBucketPolicy action", false),
            ("MalformedPolicy", "a service control policy", false),
        ] {
            let error = refused(code, &format!("{said} {why}"));
            assert_eq!(is_denied_by_organization(&error.context("writing")), is_one, "{code} {why}");
        }
    }

    #[test]
    fn each_service_s_own_word_for_a_denial_is_understood() {
        for code in DENIALS {
            assert!(is_denied(&refusal(code)), "{code}");
        }
        for code in ["NoSuchBucket", "Throttling", "AccessDeniedForSure"] {
            assert!(!is_denied(&refusal(code)), "{code}");
        }
    }
}
