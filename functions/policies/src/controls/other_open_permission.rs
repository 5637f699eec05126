//! # A permission lets strangers call a function or use a layer or an event bus
//!
//! **Watches** of Lambda `AddPermission20150331`, `AddPermission20150331v2` and `AddLayerVersionPermission20181031`, as
//! CloudTrail calls them; of EventBridge `PutPermission`.
//!
//! **Why** Whoever may call a function does what its role may do, and whoever may use a layer has its code (endgame
//! backdoors both this way). Whoever may put events on a bus sets off what its rules start.
//!
//! **Does** Judges the statement in the event. Alerts and touches nothing. The notice has the command that removes just this
//! statement, by its id.
//!
//! **Leaves alone**
//! - permissions for its own account, accounts and organizations that the operator trusts, and services of AWS
//! - the default event bus where Snapback itself is, which `own-opened-event-bus` is about

use std::borrow::Cow;

use serde_json::{Value, json};
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, account_in, strangers_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::row::OPENED;
use crate::told::quoted;

const LAMBDA: &str = "lambda.amazonaws.com";

#[derive(Debug)]
pub(crate) struct OtherOpenPermission;

impl Noticed for OtherOpenPermission {
    const ABOUT: &'static About = &About {
        id: "other-open-permission",
        title: "A permission lets strangers call a function or use a layer or an event bus",
        happened: "was opened to strangers by a permission",
        watches: &[
            Watch { service: LAMBDA, name: "AddPermission20150331" },
            Watch { service: LAMBDA, name: "AddPermission20150331v2" },
            Watch { service: LAMBDA, name: "AddLayerVersionPermission20181031" },
            Watch { service: "events.amazonaws.com", name: "PutPermission" },
        ],
        frameworks: &[
            "AWS FSBP Lambda.1",
            "AWS FSBP EventBridge.3",
            "ATT&CK T1537",
            "endgame lambda",
            "endgame lambda-layer",
        ],
        caveat: "What strangers set off or took in the meantime stays done: look at the function's or the bus's metrics, and \
                 in CloudTrail for calls by other accounts.",
        source: file!(),
        ..OPENED
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let upon = upon(event, settings)?;
        // A call upon another account's resource is told to the caller's account as well.
        if upon.id.and_then(account_in).is_some_and(|account| account != event.account) {
            return None;
        }
        let (severity, open) = strangers_in(policy(event).as_deref(), event, settings)?;
        let why = format!("{open}. If it should not be so: `{}`", upon.remove);
        Some(Risk { subject: upon.subject(event), severity, why })
    }
}

/// What an event is about, and how its statement is removed.
struct Upon<'a> {
    kind: &'static str,
    service: &'static str,
    path: &'static str,
    /// A name or an ARN.
    id: Option<&'a str>,
    remove: String,
}

impl Upon<'_> {
    fn subject(&self, event: &Event) -> Subject {
        let Self { kind, service, path, id: Some(id), .. } = self else { return Subject::account(event) };
        let name = id.rsplit_once(path).map_or(*id, |(_, name)| name);
        let page = format!("{service}/home?region={}", event.region);
        Subject::part(event, kind, name, service, path, &page)
    }
}

/// Nothing if it is the event bus that Snapback itself listens to, or may be.
fn upon<'a>(event: &'a Event, settings: &Settings) -> Option<Upon<'a>> {
    let request = &event.request;
    let said = |field: &str| json::text(request, field);
    let named = |field: &str| said(field).map_or(Cow::Borrowed("…"), quoted);
    Some(match event.name.as_str() {
        "PutPermission" => {
            let bus = said("eventBusName");
            let is_default = bus.is_none_or(|bus| bus == "default" || bus.ends_with(":event-bus/default"));
            let here = format!(":{}:{}:", event.region, event.account);
            let may_be_own = settings.own.journal.as_ref().is_none_or(|journal| journal.contains(&here));
            if is_default && may_be_own && !json::is_left_out(request) {
                return None;
            }
            let bus = if json::is_left_out(request) { bus } else { bus.or(Some("default")) };
            let name = bus.map_or(Cow::Borrowed("…"), quoted);
            let of = format!("aws events remove-permission --event-bus-name {name}");
            let remove = match said("policy") {
                Some(_) => format!("{of} --remove-all-permissions"),
                None => format!("{of} --statement-id {}", named("statementId")),
            };
            Upon { kind: "event bus", service: "events", path: "event-bus/", id: bus, remove }
        }
        "AddLayerVersionPermission20181031" => {
            let version = request["versionNumber"].as_u64().map_or("…".to_owned(), |number| number.to_string());
            let remove = format!(
                "aws lambda remove-layer-version-permission --layer-name {} --version-number {version} --statement-id {}",
                named("layerName"),
                named("statementId")
            );
            Upon { kind: "layer", service: "lambda", path: "layer:", id: said("layerName"), remove }
        }
        _ => {
            let qualifier = said("qualifier").map(|name| format!(" --qualifier {}", quoted(name)));
            let remove = format!(
                "aws lambda remove-permission --function-name {}{} --statement-id {}",
                named("functionName"),
                qualifier.unwrap_or_default(),
                named("statementId")
            );
            Upon { kind: "function", service: "lambda", path: "function:", id: said("functionName"), remove }
        }
    })
}

/// The policy in the event, or one of the statement that it adds.
fn policy(event: &Event) -> Option<String> {
    let request = &event.request;
    if let Some(policy) = json::text(request, "policy") {
        return Some(policy.to_owned());
    }
    let principal = match json::text(request, "principal")? {
        "*" => json!("*"),
        service if service.contains(".amazonaws.") || service.contains(".amazon.") => json!({"Service": service}),
        account => json!({"AWS": account}),
    };
    let mut statement = json!({"Effect": "Allow", "Principal": principal, "Resource": "*"});
    statement["Action"] = request.get("action").cloned().unwrap_or_else(|| json!("*"));
    if let Some(id) = json::text(request, "statementId") {
        statement["Sid"] = json!(id);
    }
    for (field, operator, key) in [
        ("sourceArn", "ArnLike", "aws:SourceArn"),
        ("sourceAccount", "StringEquals", "aws:SourceAccount"),
        ("principalOrgID", "StringEquals", "aws:PrincipalOrgID"),
        ("organizationId", "StringEquals", "aws:PrincipalOrgID"),
    ] {
        if let Some(value) = json::text(request, field) {
            statement["Condition"][operator][key] = json!(value);
        }
    }
    let Value::Object(condition) = &request["condition"] else { return Some(wrapped(&statement)) };
    let of = |name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
    statement["Condition"][of("type")][of("key")] = json!(of("value"));
    Some(wrapped(&statement))
}

fn wrapped(statement: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}
