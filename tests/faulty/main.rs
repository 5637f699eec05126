//! One delivery of an event to a function, in which one call to AWS goes wrong: `faulty s3 'GET ?policy' 2 cut-after`.
//!
//! The event comes from standard input, settings and endpoint from the environment, as for the function itself. It
//! prints, as JSON, the calls that were made and why the delivery failed, if it did. `end_to_end/test_faults.py` runs it
//! for every call and every fault.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use aws_config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::json;
use snapback::responder::Responder;
use snapback::settings::{Deployment, Settings};

#[derive(Debug, Clone)]
struct Fault {
    /// The call, and which of its name.
    call: String,
    nth: usize,
    kind: String,
    /// Whether AWS has done what it was asked for before the answer goes wrong.
    takes_effect: bool,
}

#[derive(Debug, Clone)]
struct Faulty {
    real: SharedHttpClient,
    fault: Option<Fault>,
    calls: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Connector {
    real: SharedHttpConnector,
    faulty: Faulty,
}

impl HttpClient for Faulty {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let real = self.real.http_connector(settings, components);
        SharedHttpConnector::new(Connector { real, faulty: self.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let name = name(&request);
        let nth = {
            let mut calls = self.faulty.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(name.clone());
            calls.iter().filter(|call| **call == name).count()
        };
        let fault = self.faulty.fault.clone().filter(|fault| fault.call == name && fault.nth == nth);
        let Some(fault) = fault else { return self.real.call(request) };
        let answer = answer(&fault.kind, &request);
        if !fault.takes_effect {
            return HttpConnectorFuture::ready(answer);
        }
        let real = self.real.call(request);
        HttpConnectorFuture::new(async move {
            real.await?;
            answer
        })
    }
}

/// `DynamoDB PutItem lease`, `KMS GenerateMac`, `EC2 RevokeSecurityGroupIngress`, `PUT ?policy`.
fn name(request: &HttpRequest) -> String {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    if let Some(target) = request.headers().get("x-amz-target") {
        if let Some(name) = target.strip_prefix("TrentService.") {
            return format!("KMS {name}");
        }
        let key = body.split(r#""pk":{"S":""#).nth(1).and_then(|rest| rest.split(['#', '"']).next());
        let key = key.or_else(|| body.contains("hold#").then_some("hold")).unwrap_or_default();
        return format!("DynamoDB {} {key}", target.rsplit('.').next().unwrap_or_default());
    }
    if let Some(action) = body.split('&').find_map(|field| field.strip_prefix("Action=")) {
        return action.to_owned();
    }
    let (path, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
    let what = if path.contains("publicAccessBlock") { "account publicAccessBlock" } else { query };
    format!("{} {}", request.method(), what.split(['&', '=']).next().unwrap_or_default())
}

fn answer(kind: &str, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let refused = |status: u16, code: &str| {
        let is_json = request.headers().contains_key("x-amz-target");
        let body = if is_json {
            json!({"__type": code, "message": "injected"}).to_string()
        } else {
            let error = format!("<Error><Code>{code}</Code><Message>injected</Message></Error>");
            match (request.method(), request.uri().contains("publicAccessBlock")) {
                // EC2's form and SNS's; each ignores the other.
                ("POST", _) => format!("<Response><Errors>{error}</Errors>{error}</Response>"),
                (_, true) => format!("<ErrorResponse>{error}</ErrorResponse>"),
                _ => error,
            }
        };
        (status, body)
    };
    let (status, body) = match kind {
        "timeout" => return Err(ConnectorError::timeout("injected".into())),
        "cut" => return Err(ConnectorError::io("injected: connection cut".into())),
        "throttled" => refused(503, "ThrottlingException"),
        "denied" => refused(403, denial(request)),
        "conflict" if is_transaction(request) => {
            let conflict = [json!({"Code": "TransactionConflict"})];
            (400, json!({"__type": "TransactionCanceledException", "CancellationReasons": conflict}).to_string())
        }
        "conflict" => refused(409, "OperationAborted"),
        "broken" => refused(500, "InternalError"),
        // No protocol reads this.
        _ => (200, "<<<{".to_owned()),
    };
    Ok(HttpResponse::new(status.try_into().map_err(|_| ConnectorError::user("status".into()))?, SdkBody::from(body)))
}

fn is_transaction(request: &HttpRequest) -> bool {
    request.headers().get("x-amz-target").is_some_and(|target| target.ends_with("TransactWriteItems"))
}

/// In which words the service of a request denies it.
fn denial(request: &HttpRequest) -> &'static str {
    let body = request.body().bytes().unwrap_or_default();
    let is_published = body.windows(b"Action=Publish".len()).any(|found| found == b"Action=Publish");
    match request.method() {
        _ if request.headers().contains_key("x-amz-target") => "AccessDeniedException",
        "POST" if is_published => "AuthorizationError",
        "POST" => "UnauthorizedOperation",
        _ => "AccessDenied",
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (function, fault) = match &arguments[..] {
        [function] => (function, None),
        [function, call, nth, kind] => {
            let (kind, takes_effect) = kind.strip_suffix("-after").map_or((kind.as_str(), false), |kind| (kind, true));
            let fault = Fault { call: call.clone(), nth: nth.parse()?, kind: kind.to_owned(), takes_effect };
            (function, Some(fault))
        }
        _ => bail!("expected a function, and a call, its number and a fault, or nothing"),
    };
    let named = workspace_tests::FUNCTIONS.into_iter().find(|one| one.name.eq_ignore_ascii_case(function));
    let function = named.with_context(|| format!("no function `{function}`"))?;
    let lookup = |name: &str| std::env::var(name).ok();
    let (settings, deployment) = (Settings::read(&lookup)?, Deployment::read(&lookup)?);
    let config = snapback::aws::config().await;
    let real = config.http_client().context("a client")?;
    let calls = Arc::default();
    let faulty = Faulty { real, fault, calls: Arc::clone(&calls) };
    let config = config.into_builder().http_client(faulty).retry_config(RetryConfig::disabled()).build();
    let event = serde_json::from_reader(io::stdin())?;
    let (event, suspected) = function.suspect(event, &settings)?.context("a suspicious event")?;
    let responded = Responder::new(&settings, &deployment, config).respond(function, &event, &suspected).await;
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = responded.err().map(|failure| format!("{failure:#}"));
    writeln!(io::stdout(), "{}", json!({"calls": *calls, "failed": failed}))?;
    Ok(())
}
