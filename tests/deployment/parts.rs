//! The logical ids of Snapback's parts, for the function that watches over them.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::{Result, bail};
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value;
use snapback::control::Function;
use snapback::event::SCHEDULED;
use workspace_tests::FUNCTIONS;

use super::function;
use crate::template::{Template, text, words};

/// What they are called in `functions/own/src/parts.rs`, and their type in the template.
const KINDS: [(&str, &str); 8] = [
    ("RULES", "AWS::Events::Rule"),
    ("FUNCTIONS", "AWS::Serverless::Function"),
    ("ROLES", "AWS::IAM::Role"),
    ("TOPICS", "AWS::SNS::Topic"),
    ("TABLES", "AWS::DynamoDB::Table"),
    ("QUEUES", "AWS::SQS::Queue"),
    ("ALARMS", "AWS::CloudWatch::Alarm"),
    ("LOG_GROUPS", "AWS::Logs::LogGroup"),
];

/// Those that not every stack has, and the condition under which it does.
const OPTIONAL: [(&str, &str, &str); 2] = [
    ("OF_IAM", "Those that the stack has only where IAM's events arrive.", function::IAM),
    (
        "OF_ORGANIZATIONS",
        "Those that it has only where the operator has the organization guarded.",
        function::ORGANIZATIONS,
    ),
];

pub(super) fn source(template: &Template) -> Result<String> {
    let mut out =
        "//! The logical ids of Snapback's parts in `template.yaml`. `UPDATE=1 cargo test -p workspace-tests` writes \
                   this file.\n"
            .to_owned();
    for (name, kind) in KINDS {
        // What a hub has besides, and a trail of its own, are not watched: they may not be there.
        let is_watched = |resource: &Value| {
            resource["Condition"].is_null()
                || OPTIONAL.iter().any(|(_, _, condition)| resource["Condition"] == *condition)
        };
        let watched = template.resources(kind).into_iter().filter(|(_, resource)| is_watched(resource));
        let ids: Vec<&str> = watched.map(|(id, _)| id).collect();
        out += &constant("pub(super)", "", name, &ids);
    }
    for (name, about, condition) in OPTIONAL {
        let all = KINDS.iter().flat_map(|(_, kind)| template.resources(kind));
        let these = all.filter(|(_, resource)| resource["Condition"] == condition).map(|(id, _)| id);
        out += &constant("pub(super)", &format!("\n/// {about}"), name, &these.collect::<Vec<_>>());
    }
    let functions = template.resources("AWS::Serverless::Function").into_iter();
    let unreserved = functions
        .filter(|(_, function)| words(&function["IgnoreGlobals"]).contains("ReservedConcurrentExecutions"))
        .map(|(id, _)| id);
    let about = "\n/// The functions for which the stack reserves no concurrency, whatever its parameter says.";
    out += &constant("pub(crate)", about, "UNRESERVED", &unreserved.collect::<Vec<_>>());
    out += "\n/// Which function is woken by a call: its service, its name and the function's logical id.\n";
    out += "pub(crate) const ROUTES: &[(&str, &str, &str)] = &[\n";
    for (service, call, function) in routes() {
        writeln!(out, "    (\"{service}\", \"{call}\", \"{function}\"),")?;
    }
    out += "];\n";
    out += "\n/// The policies of the keys, in which `${…}` is what CloudFormation knows.\n";
    out += "pub(crate) const POLICIES: &[(&str, &str)] = &[\n";
    let keys = template.resources("AWS::KMS::Key").into_iter();
    for (id, key) in keys.filter(|(_, key)| key["Condition"].is_null()) {
        let policy = written_out(&key["Properties"]["KeyPolicy"])?;
        writeln!(out, "    (\"{id}\", r#\"{policy}\"#),")?;
    }
    Ok(out + "];\n")
}

fn routes() -> BTreeSet<(&'static str, &'static str, &'static str)> {
    let watches = |function: &'static Function| {
        let watches = function.controls.iter().flat_map(|control| control.about.watches);
        watches.filter(|watch| watch.name != SCHEDULED).map(move |watch| (watch.service, watch.name, function.name))
    };
    FUNCTIONS.iter().flat_map(|function| watches(function)).collect()
}

/// A policy as JSON, under the conditions of the template that add something.
fn written_out(value: &Value) -> Result<Json> {
    Ok(match value {
        Value::Tagged(tagged) => match (tagged.tag.to_string().as_str(), &tagged.value) {
            ("!Sub", inner) => json!(text(inner)),
            ("!GetAtt" | "!Ref", inner) => json!(format!("${{{}}}", text(inner))),
            ("!If", inner) => written_out(&inner[1])?,
            ("!Split", inner) => joined(&inner[1])?,
            (other, _) => bail!("what {other} makes of it is not known"),
        },
        Value::Sequence(values) => Json::Array(values.iter().map(written_out).collect::<Result<_>>()?),
        Value::Mapping(values) => {
            let fields = values.iter().map(|(name, value)| Ok((text(name), written_out(value)?)));
            Json::Object(fields.collect::<Result<_>>()?)
        }
        plain => serde_yaml_ng::from_value(plain.clone())?,
    })
}

/// The list that a `!Join` puts together and a `!Split` takes apart again.
fn joined(value: &Value) -> Result<Json> {
    let Value::Tagged(tagged) = value else { return written_out(value) };
    match tagged.tag.to_string().as_str() {
        "!Join" => {}
        "!If" => return joined(&tagged.value[1]),
        _ => return Ok(json!([format!("${{{}}}", text(&tagged.value))])),
    }
    let mut all = vec![];
    for part in tagged.value[1].as_sequence().into_iter().flatten() {
        match joined(part)? {
            Json::Array(parts) => all.extend(parts),
            other => all.push(other),
        }
    }
    Ok(Json::Array(all))
}

/// As rustfmt writes it.
fn constant(visibility: &str, about: &str, name: &str, ids: &[&str]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let line = format!("{visibility} const {name}: &[&str] = &[{}];", quoted.join(", "));
    let mut out = format!("{about}\n");
    if line.len() <= 120 {
        let _ = writeln!(out, "{line}");
        return out;
    }
    let _ = writeln!(out, "{visibility} const {name}: &[&str] = &[");
    for id in quoted {
        let _ = writeln!(out, "    {id},");
    }
    out + "];\n"
}
