//! The AWS SDK as all functions use it: one HTTP client, and the errors that matter told apart.

use std::error::Error;
use std::fmt;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::{HttpClient, http_client_fn};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

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

/// AWS answered that we may not do this.
#[derive(Debug)]
pub struct Denied(pub String);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Denied {}

/// The code with which AWS refused a call, such as `NoSuchBucketPolicy`.
#[must_use]
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// A failed call as an error that says everything AWS said, and that can be told to be a denial.
pub fn failure<E, R>(error: SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    let denied = matches!(code(&error), Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation"));
    let service = error.as_service_error();
    let text = match service.and_then(|error| Some((error.code()?, error.message().unwrap_or_default()))) {
        Some((code, message)) => format!("AWS answered {code}: {message}"),
        None => in_full(&error),
    };
    if denied { Denied(text).into() } else { anyhow::anyhow!(text) }
}

/// What happened, and why, down to the first cause.
fn in_full(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether an error is, at its root, AWS's refusal to let us.
#[must_use]
pub fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Denied>().is_some()
}
