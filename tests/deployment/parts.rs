//! The logical ids of Snapback's parts, for the function that watches over them.

use std::fmt::Write;

use crate::template::{Template, words};

/// What they are called in `functions/own/src/parts.rs`, and their type in the template.
const KINDS: [(&str, &str); 6] = [
    ("RULES", "AWS::Events::Rule"),
    ("FUNCTIONS", "AWS::Serverless::Function"),
    ("ROLES", "AWS::IAM::Role"),
    ("TOPICS", "AWS::SNS::Topic"),
    ("TABLES", "AWS::DynamoDB::Table"),
    ("QUEUES", "AWS::SQS::Queue"),
];

pub(super) fn source(template: &Template) -> String {
    let mut out =
        "//! The logical ids of Snapback's parts in `template.yaml`. `UPDATE=1 cargo test -p workspace-tests` writes \
                   this file.\n"
            .to_owned();
    for (name, kind) in KINDS {
        let ids: Vec<&str> = template.resources(kind).into_iter().map(|(id, _)| id).collect();
        out += &constant("pub(super)", "", name, &ids);
    }
    let functions = template.resources("AWS::Serverless::Function").into_iter();
    let unreserved = functions
        .filter(|(_, function)| words(&function["IgnoreGlobals"]).contains("ReservedConcurrentExecutions"))
        .map(|(id, _)| id);
    let about = "\n/// The functions for which the stack reserves no concurrency, whatever its parameter says.";
    out + &constant("pub(crate)", about, "UNRESERVED", &unreserved.collect::<Vec<_>>())
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
