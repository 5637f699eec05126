//! Calls of services that speak JSON, without a crate for each.
//!
//! The SDK's own runtime signs, sends, waits and tries again, as under every crate of the SDK. What those crates add is the
//! shape of each request and answer, and the rules of each endpoint; here a request is JSON as its caller made it, and an
//! answer JSON as AWS gave it.

use anyhow::Result;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::SharedAuthScheme;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::interceptors::SharedInterceptor;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use snapback::aws::{failure, if_there};
use snapback::json;
use snapback::partition::Partition;
use snapback::place::Place;
use snapback::retry::{Conflicts, refusal};

/// A service of AWS whose requests and answers are JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    /// As signatures and IAM's actions have it: `secretsmanager`.
    pub name: &'static str,
    /// With what its address begins, which is its name for most.
    host: &'static str,
    protocol: Protocol,
    /// What each request has besides.
    header: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    /// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>
    Json { version: &'static str, target: &'static str },
    /// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>
    Rest,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub operation: &'static str,
    method: &'static str,
    path: String,
    /// Nothing is sent where this is null.
    body: Value,
}

impl Service {
    /// One that is told by a header what it is asked, and answers to its name.
    pub(crate) const fn json(name: &'static str, version: &'static str, target: &'static str) -> Self {
        Self { name, host: name, protocol: Protocol::Json { version, target }, header: None }
    }

    /// One of which each operation has a path of its own.
    pub(crate) const fn rest(name: &'static str) -> Self {
        Self { name, host: name, protocol: Protocol::Rest, header: None }
    }

    pub(crate) const fn at(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    pub(crate) const fn with_header(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// What it answers; nothing if it says with one of these codes that there is no such thing.
    pub(crate) async fn ask(self, place: &Place, call: Call, gone: &[&str]) -> Result<Option<Value>> {
        if_there(self.send(place, call).await, gone)
    }

    /// What it answers.
    pub(crate) async fn call(self, place: &Place, call: Call) -> Result<Value> {
        self.send(place, call).await.map_err(failure)
    }

    async fn send(self, place: &Place, call: Call) -> Result<Value, SdkError<ErrorMetadata, HttpResponse>> {
        let operation = Operation::builder()
            .service_name(self.name)
            .operation_name(call.operation)
            .endpoint_url(&self.endpoint(place))
            .runtime_plugin(self.signed(place))
            .serializer(move |call: Call| self.request(&call))
            .deserializer(answer)
            .build();
        operation.invoke(call).await
    }

    /// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
    fn endpoint(self, place: &Place) -> String {
        let suffix = Partition::of_region(&place.region).dns_suffix();
        let of_aws = || format!("https://{}.{}.{suffix}", self.host, place.region);
        place.config.endpoint_url().map_or_else(of_aws, str::to_owned)
    }

    fn request(self, call: &Call) -> Result<HttpRequest, BoxError> {
        let body = if call.body.is_null() { String::new() } else { call.body.to_string() };
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(call.method)?;
        request.set_uri(call.path.as_str())?;
        let headers = request.headers_mut();
        match self.protocol {
            Protocol::Json { version, target } => {
                headers.insert("content-type", format!("application/x-amz-json-{version}"));
                headers.insert("x-amz-target", format!("{target}.{}", call.operation));
            }
            Protocol::Rest if !call.body.is_null() => drop(headers.insert("content-type", "application/json")),
            Protocol::Rest => {}
        }
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        Ok(request)
    }

    /// What a crate of the SDK tells the runtime.
    fn signed(self, place: &Place) -> StaticRuntimePlugin {
        let config = &place.config;
        let mut layer = Layer::new("service");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: config.region().cloned().map(Into::into),
            name: Some(self.name.into()),
            ..Default::default()
        });
        layer.store_put(ApiMetadata::new(self.name, env!("CARGO_PKG_VERSION")));
        // What is not set is the runtime's own.
        if let Some(retries) = config.retry_config() {
            layer.store_put(retries.clone());
        }
        if let Some(timeouts) = config.timeout_config() {
            layer.store_put(timeouts.clone());
        }
        let components = RuntimeComponentsBuilder::new("service")
            .with_http_client(config.http_client())
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
            .with_interceptor(SharedInterceptor::permanent(ConnectionPoisoningInterceptor::new()))
            .with_interceptor(SharedInterceptor::permanent(InvocationIdInterceptor::new()))
            .with_interceptor(SharedInterceptor::permanent(RecursionDetectionInterceptor::new()))
            .with_interceptor(SharedInterceptor::permanent(RequestInfoInterceptor::new()))
            .with_interceptor(SharedInterceptor::permanent(ServiceClockSkewInterceptor::new()))
            .with_interceptor(SharedInterceptor::permanent(UserAgentInterceptor::new()))
            .with_retry_classifier(HttpStatusCodeClassifier::default())
            .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new())
            .with_retry_classifier(Conflicts);
        let components = match config.credentials_provider() {
            Some(credentials) => components.with_identity_resolver(SCHEME_ID, credentials),
            None => components,
        };
        let components = match config.identity_cache() {
            Some(cache) => components.with_identity_cache(Some(cache)),
            None => components,
        };
        let components = match config.sleep_impl() {
            Some(sleep) => components.with_sleep_impl(Some(sleep)),
            None => components,
        };
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
    }
}

/// All that a segment of a path may not have as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Call {
    /// Of a service that is told by a header.
    pub(crate) fn json(operation: &'static str, body: Value) -> Self {
        Self { operation, method: "POST", path: "/".to_owned(), body }
    }

    /// Of a service that is told by a path, of these segments.
    pub(crate) fn rest(operation: &'static str, method: &'static str, path: &[&str]) -> Self {
        let segments = path.iter().map(|segment| format!("/{}", utf8_percent_encode(segment, RESERVED)));
        Self { operation, method, path: segments.collect(), body: Value::Null }
    }

    pub(crate) fn with(self, body: Value) -> Self {
        Self { body, ..self }
    }

    /// The same with one more parameter: in the path if that tells what is asked.
    pub(crate) fn and(self, service: Service, name: &str, value: &str) -> Self {
        let mut call = self;
        match service.protocol {
            Protocol::Json { .. } => call.body[name] = value.into(),
            Protocol::Rest => {
                let mark = if call.path.contains('?') { '&' } else { '?' };
                call.path = format!("{}{mark}{name}={}", call.path, utf8_percent_encode(value, RESERVED));
            }
        }
        call
    }
}

fn answer(answer: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body = answer.body().bytes().unwrap_or_default();
    if !answer.status().is_success() {
        let said = serde_json::from_slice(body).unwrap_or(Value::Null);
        let message = json::text(&said, "message").or_else(|| json::text(&said, "Message"));
        let error = ErrorMetadata::builder().message(message.unwrap_or_default());
        let code = refusal(answer).map_or_else(|| format!("status {}", answer.status().as_u16()), |(code, _)| code);
        return Err(OrchestratorError::operation(error.code(code).build()));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(OrchestratorError::other)
}

#[cfg(test)]
mod tests {
    use aws_config::{Region, SdkConfig};
    use serde_json::json;

    use super::*;

    const REST: Service = Service::rest("elasticfilesystem");
    const JSON: Service = Service::json("ecr", "1.1", "AmazonEC2ContainerRegistry_V20150921").at("api.ecr");

    fn place(region: &str) -> Place {
        Place::new("111122223333", SdkConfig::builder().region(Region::new(region.to_owned())).build())
    }

    #[test]
    fn a_service_is_called_at_the_address_of_its_partition() {
        for (region, address) in [
            ("eu-central-1", "https://api.ecr.eu-central-1.amazonaws.com"),
            ("cn-north-1", "https://api.ecr.cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", "https://api.ecr.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "https://api.ecr.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!(JSON.endpoint(&place(region)), address);
        }
    }

    #[test]
    fn a_request_says_what_is_asked_by_a_header_or_by_its_path() {
        let call = Call::json("GetRepositoryPolicy", json!({"repositoryName": "shop/orders"}));
        let request = JSON.request(&call).expect("a request");
        assert_eq!((request.method(), request.uri()), ("POST", "/"));
        let header = |name: &str| request.headers().get(name).unwrap_or_default();
        assert_eq!(header("x-amz-target"), "AmazonEC2ContainerRegistry_V20150921.GetRepositoryPolicy");
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        assert_eq!(request.body().bytes(), Some(&br#"{"repositoryName":"shop/orders"}"#[..]));

        let of_a_version = REST.with_header("x-amz-glacier-version", "2012-06-01");
        let request = of_a_version.request(&Call::rest("ListVaults", "GET", &["-", "vaults"])).expect("a request");
        assert_eq!(request.headers().get("x-amz-glacier-version"), Some("2012-06-01"));

        let call = Call::rest("DescribeFileSystems", "GET", &["2015-02-01", "a/b c"]).and(REST, "Marker", "x=y&z");
        let request = REST.request(&call).expect("a request");
        assert_eq!((request.method(), request.uri()), ("GET", "/2015-02-01/a%2Fb%20c?Marker=x%3Dy%26z"));
        assert_eq!(request.body().bytes(), Some(&b""[..]));
    }

    #[test]
    fn an_error_is_told_by_its_code_in_whatever_form_it_comes() {
        for (header, body, code, message) in [
            (
                None,
                r#"{"__type":"com.amazonaws.ecr#RepositoryNotFoundException","message":"m"}"#,
                "RepositoryNotFoundException",
                "m",
            ),
            (None, r#"{"__type":"AccessDeniedException","Message":"no"}"#, "AccessDeniedException", "no"),
            (Some("PolicyNotFound:http://internal.amazon.com/coral/"), r#"{"message":null}"#, "PolicyNotFound", ""),
            (None, r#"{"code":"FileSystemNotFound","message":"m"}"#, "FileSystemNotFound", "m"),
            (None, "<html>", "status 400", ""),
        ] {
            let mut told = HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body));
            if let Some(header) = header {
                told.headers_mut().insert("x-amzn-errortype", header);
            }
            let Err(error) = answer(&told) else { panic!("{body} is an error") };
            let error = error.as_operation_error().expect("what the service says").clone();
            assert_eq!((error.code(), error.message()), (Some(code), Some(message)), "{body}");
        }
    }
}
