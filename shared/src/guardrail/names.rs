//! What a guardrail names and nothing is called, so that it could never apply. The schema knows which controls and
//! attributes there are, but not what an id or a text looks like.

use serde_json::Value;

use crate::decision::Severity;
use crate::policy::{is_account, nearest};

/// A name that nothing has.
pub(super) struct Misnamed {
    pub found: String,
    /// What was probably meant.
    pub expected: String,
}

/// All of them in a policy, in Cedar's JSON.
pub(super) fn misnamed(policy: &Value) -> Vec<Misnamed> {
    let mut all = vec![];
    for scope in ["principal", "action", "resource"].map(|scope| &policy[scope]) {
        let is_group = scope["op"] == "in";
        let alone = [&scope["entity"], &scope["in"]["entity"]];
        let several = scope["entities"].as_array().into_iter().flatten();
        all.extend(alone.into_iter().chain(several).filter_map(|entity| of_entity(entity, is_group)));
    }
    collect(&policy["conditions"], false, &mut all);
    all
}

/// Goes through the expressions of a condition. `is_group` says whether they stand to the right of an `in`.
fn collect(expression: &Value, is_group: bool, all: &mut Vec<Misnamed>) {
    match expression {
        Value::Array(expressions) => expressions.iter().for_each(|one| collect(one, is_group, all)),
        Value::Object(parts) => {
            for (operator, operands) in parts {
                let (left, right) = (&operands["left"], &operands["right"]);
                match operator.as_str() {
                    "==" | "!=" => all.extend(of_text(left, right).or_else(|| of_text(right, left))),
                    "contains" => {
                        let texts = left["Set"].as_array().into_iter().flatten();
                        all.extend(texts.filter_map(|text| of_text(right, text)));
                    }
                    _ => {}
                }
                match operator.as_str() {
                    "in" => {
                        collect(left, false, all);
                        collect(right, true, all);
                    }
                    "Value" => all.extend(of_entity(&operands["__entity"], is_group)),
                    "Set" => collect(operands, is_group, all),
                    _ => collect(operands, false, all),
                }
            }
        }
        _ => {}
    }
}

fn of_entity(entity: &Value, is_group: bool) -> Option<Misnamed> {
    let (kind, id) = (entity["type"].as_str()?, entity["id"].as_str()?);
    let expected = match kind {
        "Action" if !is_group && is_group_of_controls(id) => {
            Some(format!("`action in Action::\"{id}\"`, as that is a group and no control"))
        }
        "Actor" => of_actor(id),
        "Resource" => of_resource(id),
        _ => None,
    };
    expected.map(|expected| Misnamed { found: id.to_owned(), expected })
}

fn is_group_of_controls(id: &str) -> bool {
    ["service/", "severity/"].iter().any(|prefix| id.starts_with(prefix))
}

const A_CALLER: &str = "the ARN of a role or a user, such as `arn:aws:iam::111122223333:role/Ops`";

/// What is wrong with the id of a caller: `guardrails/schema.cedarschema` says what it is.
fn of_actor(id: &str) -> Option<String> {
    let is_service = id.contains(".amazonaws.com") || id.ends_with(".aws.internal") || id == "AWS Internal";
    if is_service || id == "unknown" {
        return None;
    }
    if id.contains('*') {
        return Some(format!("{A_CALLER}; a pattern needs `principal has role && principal.role like \"…\"`"));
    }
    match id.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", partition, "sts", "", account, session] if let Some(role) = session.strip_prefix("assumed-role/") => {
            let role = role.split('/').next().unwrap_or(role);
            Some(format!(
                "the role of the session, `arn:{partition}:iam::{account}:role/{role}`, with its path if it has one"
            ))
        }
        ["arn", _, "sts", "", account, name] if is_account(account) && name.starts_with("federated-user/") => None,
        ["arn", _, "iam", "", account, name] if is_account(account) && is_caller(name) => None,
        _ => Some(A_CALLER.to_owned()),
    }
}

fn is_caller(name: &str) -> bool {
    name == "root" || ["role/", "user/"].iter().any(|kind| name.strip_prefix(kind).is_some_and(|name| !name.is_empty()))
}

fn of_resource(id: &str) -> Option<String> {
    const EXPECTED: &str = "the ARN of a resource, such as `arn:aws:s3:::reports`";
    let ["arn", _, service, _, _, name] = id.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return Some(EXPECTED.to_owned());
    };
    // A star can be in the name of an object, and stands at the end of the ARN of a log group.
    let is_pattern = name.contains('*') && !name.ends_with(":*") && (service != "s3" || !name.contains('/'));
    is_pattern.then(|| format!("{EXPECTED}; a pattern needs `resource.arn like \"…\"`"))
}

/// A text that an attribute is compared with.
fn of_text(attribute: &Value, text: &Value) -> Option<Misnamed> {
    let attribute = &attribute["."];
    let (of, name) = (attribute["left"]["Var"].as_str()?, attribute["attr"].as_str()?);
    let found = text["Value"].as_str()?;
    let expected = match (of, name) {
        ("context", "severity") => {
            let severities = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
            let is_one = severities.iter().any(|severity| severity.to_string() == found);
            (!is_one).then(|| "`low`, `medium`, `high` or `critical`".to_owned())
        }
        ("principal" | "resource", "account") => {
            (!is_account(found)).then(|| "the twelve digits of an account".to_owned())
        }
        ("principal", "role") => of_actor(found),
        ("principal" | "resource", "arn") => (!found.starts_with("arn:")).then(|| "an ARN".to_owned()),
        // AWS may come to have more of them.
        ("principal", "type") if !TYPES.contains(&found) => nearest(found, &TYPES).map(|meant| format!("`{meant}`")),
        _ => None,
    };
    expected.map(|expected| Misnamed { found: found.to_owned(), expected })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
const TYPES: [&str; 12] = [
    "Root",
    "IAMUser",
    "AssumedRole",
    "Role",
    "FederatedUser",
    "Directory",
    "AWSAccount",
    "AWSService",
    "IdentityCenterUser",
    "SAMLUser",
    "WebIdentityUser",
    "Unknown",
];
