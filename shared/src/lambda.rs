//! The responder as a Lambda function.

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use futures::FutureExt;
use futures::future::BoxFuture;
use lambda_runtime::{LambdaEvent, run as serve, service_fn};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::control::Function;
use crate::event::{Event, SCHEDULED};
use crate::learning::{Learning, MEMBER_CHECK};
use crate::responder::{Responder, SECOND_CHECK, is_admitted};
use crate::settings::{Deployment, Settings};

pub use lambda_runtime::Error;

/// Serves events until Lambda ends the process.
///
/// The settings are read once, so that a wrong one fails the deployment's first call and not one in the night. AWS's
/// credentials and clients are made when the first suspicious event needs them.
///
/// # Errors
/// When a setting is missing or wrong, or Lambda's runtime cannot be reached.
pub async fn run(function: &'static Function) -> Result<(), Error> {
    Box::pin(run_and(function, |_, _| async { Ok(()) }.boxed())).await
}

/// What a function does with each scheduled check besides its checks, in the time that is left to it.
pub type Besides = for<'a> fn(&'a Responder<'a>, Duration) -> BoxFuture<'a, anyhow::Result<()>>;

/// The same, with something that is done besides.
///
/// # Errors
/// As `run`.
pub async fn run_and(function: &'static Function, besides: Besides) -> Result<(), Error> {
    log();
    let lookup = |name: &str| std::env::var(name).ok();
    let settings = Settings::read(&lookup).map_err(refused)?;
    function.check(&settings).map_err(refused)?;
    let deployment = Deployment::read(&lookup).map_err(refused)?;
    let settings = settings.with_trusted(&deployment.guardrails).map_err(refused)?;
    let responder = OnceCell::new();
    serve(service_fn(|event: LambdaEvent<Value>| async {
        let LambdaEvent { payload, context } = event;
        if function.learns() && payload["detail-type"] == SCHEDULED {
            return Box::pin(learn(function, payload, &settings, &deployment)).await;
        }
        if function.learns() && payload["detail-type"] == MEMBER_CHECK {
            return Box::pin(learn_in_member(function, &payload, &settings, &deployment)).await.map_err(Error::from);
        }
        let make = || async { Responder::new(&settings, &deployment, crate::aws::config().await) };
        if payload["detail-type"] == SECOND_CHECK {
            let responder: &Responder<'_> = responder.get_or_init(make).await;
            return Box::pin(responder.look_again(function, &payload)).await.map_err(Error::from);
        }
        let suspected = function.suspect(payload.clone(), &settings).map_err(|error| anyhow!("bad event: {error}"))?;
        let Some((event, suspected)) = suspected else { return Ok(()) };
        let responder: &Responder<'_> = responder.get_or_init(make).await;
        let done = match Box::pin(responder.respond(function, &event, &suspected)).await {
            Err(failure) => responder.come_back(function, payload, failure).await,
            done => done,
        };
        let left = || context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let besides = if event.is_look() { besides(responder, left()).await } else { Ok(()) };
        done.and(besides).map_err(Error::from)
    }))
    .await
}

/// It is time to look through what there is.
async fn learn(
    function: &'static Function,
    payload: Value,
    settings: &Settings,
    deployment: &Deployment,
) -> Result<(), Error> {
    let tick = Event::from_envelope(payload).map_err(|error| anyhow!("bad event: {error}"))?;
    if !is_admitted(&tick) {
        return Ok(());
    }
    let config = crate::aws::config().await;
    let learning = Learning::new(&tick, settings, deployment, &config);
    // What can be looked through here is, whatever becomes of the others.
    let asked = learning.ask_for_members(function).await;
    learning.run(function).await.and(asked).map_err(Error::from)
}

/// It is time to look through what there is in a member.
async fn learn_in_member(
    function: &'static Function,
    payload: &Value,
    settings: &Settings,
    deployment: &Deployment,
) -> anyhow::Result<()> {
    let [time, account, region] = ["/time", "/detail/account", "/detail/region"].map(|field| {
        payload
            .pointer(field)
            .and_then(Value::as_str)
            .with_context(|| format!("the check of a member has no `{field}`"))
    });
    let (time, account, region) = (time?.parse().context("the time of a member's check")?, account?, region?);
    let config = crate::aws::config().await;
    let tick = Event::of_a_look(deployment.account(), "", time);
    Box::pin(Learning::new(&tick, settings, deployment, &config).run_in_member(function, account, region)).await
}

/// A wrong setting is said in the log, where people look when nothing works.
pub fn refused(problem: impl std::error::Error + Send + Sync + 'static) -> Error {
    tracing::error!("{problem}");
    problem.into()
}

/// JSON lines, as CloudWatch Logs Insights reads them. The time is Lambda's to add.
pub fn log() {
    let level = std::env::var("SNAPBACK_LOG").unwrap_or_default();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(level.parse().unwrap_or(tracing::Level::INFO))
        .init();
}
