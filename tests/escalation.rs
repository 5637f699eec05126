//! What the roles of the deployment could be used for by whoever takes over a function: the published ways to become
//! administrator, tried on each role of `template.yaml`, and on those that the functions take in members.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::{Map, json};
use serde_yaml_ng::Value;
use snapback::policy::identity::{Attached, Held, Holder, Identity, judge_held};
use workspace_tests::FUNCTIONS;

use crate::template::{Template, items, text};

const ACCOUNT: &str = "111122223333";

/// Which role has such ways, in the stack and in members, where the operator says `IamWriter`.
/// [The threat model](../docs/threat-model.md) calls it administrator.
const WRITER: &str = "IamWriterRole";

/// Which these are: to write trust, default versions, boundaries and inline policies, each is needed for some revert.
const WAYS: [&str; 11] = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachRolePolicy+iam:UpdateAssumeRolePolicy",
    "iam:AttachUserPolicy",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutRolePolicy+iam:UpdateAssumeRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
];

/// The same by way of its roles in members, which nobody but it can take.
const BY_MEMBERS: [&str; 2] = ["iam:AttachRolePolicy+sts:AssumeRole", "iam:PutRolePolicy+sts:AssumeRole"];

#[test]
fn no_role_of_a_function_can_become_administrator_but_the_one_that_is_declared_and_it_only_with_its_parameter()
-> Result<()> {
    assert_eq!(found(false)?, BTreeSet::new());
    let of_writer = |file: &str, ways: &[&str]| -> BTreeSet<_> {
        ways.iter().map(|path| (file.to_owned(), WRITER.to_owned(), (*path).to_owned())).collect()
    };
    let in_stack = of_writer("template.yaml", &[&WAYS[..], &BY_MEMBERS].concat());
    let in_member = of_writer("organization/member.yaml", &WAYS);
    assert_eq!(found(true)?, in_stack.into_iter().chain(in_member).collect());
    Ok(())
}

/// The ways that each role has in the stack and in members, with `IamWriter` or without.
fn found(has_writer: bool) -> Result<BTreeSet<(String, String, String)>> {
    let mut found = BTreeSet::new();
    // Signin and Snapback's own function look at nothing in a member, nor does that for AWS Organizations; a role forwards
    // besides, and one looks at coverage.
    for (file, number) in [("template.yaml", FUNCTIONS.len() + 3), ("organization/member.yaml", FUNCTIONS.len() - 1)] {
        let template = Template::from(file)?;
        let roles = template.resources("AWS::IAM::Role");
        assert_eq!(roles.len(), number, "{file}");
        for (role, _) in roles {
            let identity = judged(&template, template.policies_of(role), has_writer);
            let identity = identity.with_context(|| role.to_owned())?;
            assert!(!identity.admin, "{role} of {file}: {:?}", identity.why);
            found.extend(identity.escalation.into_iter().map(|path| (file.to_owned(), role.to_owned(), path)));
        }
    }
    Ok(found)
}

/// Without this, the test above could pass because it reads nothing.
#[test]
fn a_role_that_could_become_administrator_would_be_found() -> Result<()> {
    let template = Template::read()?;
    let (_, role) = template.resources("AWS::IAM::Role").into_iter().next().context("there are roles")?;
    for (action, path) in
        [("iam:PutUserPolicy", "iam:PutUserPolicy"), ("lambda:UpdateFunctionCode", "lambda:UpdateFunctionCode")]
    {
        let mut role = role["Properties"].clone();
        let statement =
            format!("{{Effect: Allow, Action: {action}, Resource: !Sub 'arn:${{AWS::Partition}}:*:*:*:*'}}");
        let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_sequence_mut().context("statements")?;
        statements.push(serde_yaml_ng::from_str(&statement)?);
        let identity = judged(&template, items(&role["Policies"]), true)?;
        assert!(identity.escalation.contains(&path.to_owned()), "{:?}", identity.escalation);
    }
    Ok(())
}

#[test]
fn no_right_to_pass_roles_would_help_whoever_takes_over_the_function_for_iam() -> Result<()> {
    let template = Template::read()?;
    let mut role = template.0["Resources"]["IamRole"]["Properties"].clone();
    let passes = "{Effect: Allow, Action: [iam:PassRole, lambda:CreateFunction, lambda:InvokeFunction], Resource: '*'}";
    let has_a_way = |role: &Value| {
        anyhow::Ok(
            judged(&template, items(&role["Policies"]), true)?
                .escalation
                .iter()
                .any(|path| path.contains("iam:PassRole")),
        )
    };
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_sequence_mut().context("statements")?;
    statements.push(serde_yaml_ng::from_str(passes)?);
    assert!(!has_a_way(&role)?);
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_sequence_mut().context("statements")?;
    statements.retain(|statement| statement["Effect"] != "Deny");
    assert!(has_a_way(&role)?, "nothing but the `Deny` keeps it from that");
    Ok(())
}

fn judged<'a>(template: &Template, of: impl IntoIterator<Item = &'a Value>, has_writer: bool) -> Result<Identity> {
    let mut policies = vec![];
    for policy in of {
        let mut document = policy["PolicyDocument"].clone();
        // Where a right is under a condition it is taken to be there, and where a `Deny` is, to be left out.
        if let Some(statements) = document["Statement"].as_sequence_mut() {
            statements.retain(|statement| !is_deny_under_a_condition(statement) && !only_locks(statement));
            statements.retain(|statement| has_writer || !is_of_writer(statement));
        }
        let text = deployed(template, &document)?.to_string();
        policies.push(Attached { name: format!("inline policy {:?}", policy["PolicyName"]), text, taken_off_by: &[] });
    }
    let holder = Holder { account: Some(ACCOUNT.to_owned()), ..Holder::default() };
    Ok(judge_held(&Held { policies, boundary: None }, &holder)?)
}

fn is_deny_under_a_condition(statement: &Value) -> bool {
    matches!(statement, Value::Tagged(tagged) if tagged.tag == "If" && tagged.value[1]["Effect"] == "Deny")
}

fn is_of_writer(statement: &Value) -> bool {
    let named = |condition: &Value| text(condition).starts_with("HasIamWriter");
    matches!(statement, Value::Tagged(tagged) if tagged.tag == "If" && named(&tagged.value[0]))
}

/// Whether it allows attaching nothing but the policy of AWS that denies everything, by which nobody can do more. Of the
/// condition nothing may differ: one that is a pattern, or has another operator, is judged like any other.
fn only_locks(statement: &Value) -> bool {
    let lock = "ArnEquals: { iam:PolicyARN: !Sub 'arn:${AWS::Partition}:iam::aws:policy/AWSDenyAll' }";
    let lock = serde_yaml_ng::from_str::<Value>(lock).expect("a condition");
    statement["Effect"] == "Allow" && statement["Action"] == "iam:AttachUserPolicy" && statement["Condition"] == lock
}

/// A part of the template as CloudFormation deploys it. What a condition may leave out is taken to be there.
fn deployed(template: &Template, value: &Value) -> Result<serde_json::Value> {
    Ok(match value {
        Value::Sequence(items) => items.iter().map(|item| deployed(template, item)).collect::<Result<_>>()?,
        Value::Mapping(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = name.as_str().context("a name that is no text")?;
                Ok((name.to_owned(), deployed(template, value)?))
            });
            members.collect::<Result<Map<_, _>>>()?.into()
        }
        Value::Tagged(tagged) => match (tagged.tag.to_string().trim_start_matches('!'), &tagged.value) {
            ("Sub", Value::String(text)) => json!(substituted(template, text)),
            ("Ref" | "GetAtt", Value::String(name)) => json!(variable(template, name)),
            ("If", Value::Sequence(sides)) => deployed(template, sides.get(1).context("a side")?)?,
            ("Split" | "Join", _) => json!("*"),
            (tag, _) => bail!("`!{tag}` is not understood"),
        },
        plain => serde_json::to_value(plain)?,
    })
}

fn substituted(template: &Template, text: &str) -> String {
    let (mut rest, mut made) = (text, String::new());
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        made = made + before + &variable(template, name);
        rest = after;
    }
    made + rest
}

fn variable(template: &Template, name: &str) -> String {
    match name {
        "AWS::Partition" => "aws".to_owned(),
        "AWS::Region" => "eu-central-1".to_owned(),
        "AWS::AccountId" => ACCOUNT.to_owned(),
        "AWS::StackName" => "snapback".to_owned(),
        name => {
            let (id, attribute) = name.split_once('.').unwrap_or((name, ""));
            let kind = template.0["Resources"][id]["Type"].as_str().unwrap_or_default();
            let (service, region, what) = match kind {
                "AWS::IAM::Role" => ("iam", "", "role/"),
                "AWS::Serverless::Function" | "AWS::Lambda::Function" => ("lambda", "eu-central-1", "function:"),
                _ => ("unknown", "eu-central-1", ""),
            };
            if attribute == "Arn" { format!("arn:aws:{service}:{region}:{ACCOUNT}:{what}{id}") } else { id.to_owned() }
        }
    }
}
