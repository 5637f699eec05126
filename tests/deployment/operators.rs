//! IAM policies for people who operate Snapback: what each command needs, and nothing else. They can be used as they are
//! with a stack of the name `snapback`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use snapback::control::Function;
use snapback::right::{LISTED_BOUNDARY, On, Right, When};
use workspace_tests::FUNCTIONS;

use super::{base, function};
use crate::template::Template;

/// A managed policy, without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LONGEST: usize = 6_144;

/// Managed policies that a role takes: ten, and as many as this once AWS is asked. Whoever is on call may need them all.
const MOST: usize = 25;

/// The rights that a command needs of a function's service.
type Rights = fn(&Function) -> Vec<Right>;

/// File, what it is for, and the policy.
pub(super) type Policy = (String, String, Value);

const COMMANDS: [(&str, &str, Rights); 3] = [
    ("scan", "`snapback scan` and `explain event --look`", |of| scans(of).collect()),
    ("undo", "`snapback undo`, with `read` and `stop`", |of| function::undoes(of).chain(reads(of)).collect()),
    ("apply", "`snapback apply`, with `read` and `stop`", |of| reads(of).chain(applies(of)).collect()),
];

fn reads(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(|control| control.about.reads).copied()
}

fn applies(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(|control| control.about.writes).copied()
}

/// A guardrail may ask for the tags of what is looked at.
fn scans(function: &Function) -> impl Iterator<Item = Right> {
    let surveys = function.controls.iter().filter_map(|control| control.survey);
    reads(function).chain(surveys.flat_map(|survey| survey.needs).copied()).chain(function.tags.needs.iter().copied())
}

/// Each command's policies: a role takes few, so each has as many services as IAM takes.
pub(super) fn policies(template: &Template) -> Result<Vec<Policy>> {
    let mut policies = vec![
        ("operator-policy-read.json".to_owned(), "`snapback history` and `report`".to_owned(), policy(read())),
        (
            "operator-policy-stop.json".to_owned(),
            "`snapback stop`, `start` and `release`, with `read`".to_owned(),
            policy(stop()),
        ),
        (
            "operator-policy-members.json".to_owned(),
            "`snapback undo`, `apply` and `coverage` of a hub's operator, with `--member-role SnapbackOperator`"
                .to_owned(),
            policy(members()),
        ),
        (
            "operator-policy-coverage.json".to_owned(),
            "`snapback coverage`, with `read`; in members, for the role that is taken there".to_owned(),
            policy(coverage(template)?),
        ),
        (
            "operator-policy-replay.json".to_owned(),
            "`snapback replay --history`, and the keys for `--verify`".to_owned(),
            policy(vec![json!({"Sid": "Trail", "Effect": "Allow",
                "Action": ["cloudtrail:ListPublicKeys", "cloudtrail:LookupEvents"], "Resource": "*"})]),
        ),
    ];
    for (command, about, rights) in COMMANDS {
        let packed = packed(template, rights)?;
        if let [Part { statements, .. }] = &packed[..] {
            policies.push((format!("operator-policy-{command}.json"), about.to_owned(), policy(statements.clone())));
            continue;
        }
        for Part { files, services, statements } in packed {
            let file = format!("operator-policy-{command}-{}.json", files.join("-"));
            let (last, others) = services.split_last().context("a policy of no service")?;
            let services =
                if others.is_empty() { (*last).to_owned() } else { format!("{} and {last}", others.join(", ")) };
            policies.push((file, format!("{about}, for {services}"), policy(statements)));
        }
    }
    Ok(policies)
}

/// What a policy has of several services.
#[derive(Default)]
struct Part {
    files: Vec<String>,
    services: Vec<&'static str>,
    statements: Vec<Value>,
}

/// Service by service, each into the last policy as long as it is no longer than IAM takes.
fn packed(template: &Template, rights: Rights) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = vec![];
    for of_folder in FUNCTIONS.chunk_by(|one, other| function::folder(one) == function::folder(other)) {
        let (function, all) = (of_folder[0], of_folder.iter().flat_map(|function| rights(function)));
        let on = function::by_on(all);
        let statements = on.iter().map(|(on, actions)| statement(template, base(function), on, actions));
        let statements = statements.collect::<Result<Vec<_>>>()?;
        // IAM takes no policy without a statement.
        if statements.is_empty() {
            continue;
        }
        let fits = |part: &Part| length(&policy([&part.statements[..], &statements].concat())) <= LONGEST;
        if !parts.last().is_some_and(fits) {
            parts.push(Part::default());
        }
        let part = parts.last_mut().context("no policy")?;
        part.files.push(base(function).to_lowercase());
        part.services.push(function.service);
        part.statements.extend(statements);
    }
    Ok(parts)
}

pub(super) fn length(policy: &Value) -> usize {
    policy.to_string().len()
}

fn policy(statements: Vec<Value>) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

const TABLE: &str = "arn:aws:dynamodb:*:*:table/snapback-Journal-*";

/// The journal's keys have no names that say whose they are, but aliases.
fn sealing(sid: &str, action: &str) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": action, "Resource": "arn:aws:kms:*:*:key/*",
        "Condition": {"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/snapback-Journal-*"}}})
}

/// Finding the journal by the stack, reading it, and telling what is genuine.
fn read() -> Vec<Value> {
    vec![
        json!({"Sid": "Stack", "Effect": "Allow", "Action": "cloudformation:DescribeStacks",
            "Resource": "arn:aws:cloudformation:*:*:stack/snapback/*"}),
        json!({"Sid": "Journal", "Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": [TABLE, format!("{TABLE}/index/*")]}),
        sealing("Verify", "kms:VerifyMac"),
    ]
}

/// Saying something in the journal.
fn stop() -> Vec<Value> {
    vec![
        json!({"Sid": "Journal", "Effect": "Allow", "Action": ["dynamodb:DeleteItem", "dynamodb:PutItem"],
            "Resource": TABLE}),
        sealing("Seal", "kms:GenerateMac"),
    ]
}

/// Finding the accounts of the organization, and taking a role where an entry of another account happened. What can be done
/// there is said by the role's own policies.
fn members() -> Vec<Value> {
    vec![
        json!({"Sid": "Accounts", "Effect": "Allow", "Action": "organizations:ListAccounts", "Resource": "*"}),
        json!({"Sid": "Members", "Effect": "Allow", "Action": "sts:AssumeRole",
            "Resource": "arn:aws:iam::*:role/SnapbackOperator"}),
    ]
}

/// Looking at trails, and at what Snapback has deployed in a hub's account and in a member's, as the function does once a day.
fn coverage(template: &Template) -> Result<Vec<Value>> {
    let on = function::by_on(coverage::READS.iter().copied());
    on.iter().map(|(on, actions)| statement(template, "", on, actions)).collect()
}

fn statement(template: &Template, base: &str, on: &On, actions: &BTreeSet<&str>) -> Result<Value> {
    let arns = on.arns.iter().map(|arn| resource(template, arn)).collect::<Result<Vec<_>>>()?;
    let mut condition: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut demand = |operator, key: &str, values: Vec<String>| {
        condition.entry(operator).or_default().insert(key.to_owned(), lone(values));
    };
    for When { operator, key, values } in on.when.iter().filter(|when| **when != LISTED_BOUNDARY) {
        // Operators are at work in any Region.
        if values.contains(&"${AWS::Region}") {
            continue;
        }
        let values = values.iter().map(|value| match *value {
            "${AWS::AccountId}" => "${aws:PrincipalAccount}".to_owned(),
            other => anywhere(other),
        });
        demand(operator, key, values.collect());
    }
    // A key has no name: it is known by the tag that `samconfig.toml` gives to all parts of the stack.
    if arns.iter().any(|arn| arn.contains(":kms:")) {
        demand("StringEquals", "aws:ResourceTag/application", vec!["snapback".to_owned()]);
    }
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    let mut statement = json!({"Sid": format!("{base}{}", on.name), "Effect": "Allow", "Action": lone(actions),
        "Resource": lone(arns)});
    if !condition.is_empty() {
        statement["Condition"] = json!(condition);
    }
    Ok(statement)
}

/// The same ARN in whatever account and Region it is used.
fn resource(template: &Template, arn: &str) -> Result<String> {
    let part = arn.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|part| !part.contains('}'));
    let Some(part) = part else { return Ok(anywhere(arn)) };
    let id = part.trim_end_matches(".Arn");
    let kind = template.0["Resources"][id]["Type"].as_str().with_context(|| format!("there is no part {id}"))?;
    Ok(match kind {
        "AWS::DynamoDB::Table" => format!("arn:aws:dynamodb:*:*:table/snapback-{id}-*"),
        "AWS::SNS::Topic" => format!("arn:aws:sns:*:*:snapback-{id}-*"),
        "AWS::SQS::Queue" => format!("arn:aws:sqs:*:*:snapback-{id}-*"),
        "AWS::KMS::Key" => "arn:aws:kms:*:*:key/*".to_owned(),
        other => anyhow::bail!("{id} is of type {other}, whose ARN is not known here"),
    })
}

fn anywhere(text: &str) -> String {
    [
        ("${AWS::Partition}", "aws"),
        ("${AWS::Region}", "*"),
        ("${AWS::AccountId}", "*"),
        ("${AWS::StackName}", "snapback"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// A list, or the one that it would have.
fn lone(mut values: Vec<String>) -> Value {
    if values.len() == 1 { json!(values.remove(0)) } else { json!(values) }
}

/// People attach them as they are.
#[test]
fn every_policy_is_as_long_as_iam_takes_and_names_what_it_allows() -> Result<()> {
    let template = Template(serde_yaml_ng::from_str(&super::template()?)?);
    let policies = policies(&template)?;
    assert!(policies.len() <= MOST, "{} policies are more than a role takes", policies.len());
    for (name, _, policy) in policies {
        let text = policy.to_string();
        assert!(text.len() <= LONGEST, "{name} has {} characters", text.len());
        let left: Vec<&str> =
            text.split("${").skip(1).filter(|rest| !rest.starts_with("aws:PrincipalAccount}")).collect();
        assert!(left.is_empty(), "{name} leaves something open: {left:?}");
        let statements = policy["Statement"].as_array().context("no statements")?;
        let sids: BTreeSet<&str> = statements.iter().filter_map(|statement| statement["Sid"].as_str()).collect();
        assert_eq!(sids.len(), statements.len(), "{name} has two statements of one name");
    }
    Ok(())
}
