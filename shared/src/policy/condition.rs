//! Whether a statement's condition narrows it to somebody.
//!
//! Keys and operators compare without case. Blocks and keys are ANDed, so one that narrows is enough.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>

use serde_json::Value;

use super::words;
use crate::network;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// Only somebody in particular gets in.
    Narrowed,
    /// The condition, if any, is one that any stranger can meet.
    NotNarrowed,
    /// It may narrow; the key that is not judged here.
    Unsure(String),
}

/// Keys that tell who the caller is or where the call comes from.
const IDENTIFYING: [&str; 17] = [
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:userid",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:principalservicename",
    "s3:dataaccesspointaccount",
];

/// Keys that any stranger can meet: they tell how the call was made, not by whom.
const MET_BY_ANYONE: [&str; 10] = [
    "aws:securetransport",
    "aws:useragent",
    "aws:referer",
    "aws:currenttime",
    "aws:epochtime",
    "aws:multifactorauthpresent",
    "s3:prefix",
    "s3:delimiter",
    "s3:max-keys",
    "s3:tlsversion",
];

pub(super) fn narrowing(condition: &Value) -> Narrowing {
    let mut result = Narrowing::NotNarrowed;
    for (operator, key, values) in entries(condition) {
        match judge(&operator, &key, &values) {
            Narrowing::Narrowed => return Narrowing::Narrowed,
            Narrowing::Unsure(key) => result = Narrowing::Unsure(key),
            Narrowing::NotNarrowed => {}
        }
    }
    result
}

/// Whether a `Deny` under this condition keeps out all but somebody in particular, or everybody.
pub(super) fn shields(condition: &Value) -> bool {
    let entries = entries(condition);
    entries.is_empty()
        || entries.iter().any(|(operator, key, _)| {
            operator.contains("not") && (IDENTIFYING.contains(&key.as_str()) || key == "aws:sourceip")
        })
}

fn judge(operator: &str, key: &str, values: &[String]) -> Narrowing {
    let unsure = || Narrowing::Unsure(key.to_owned());
    if MET_BY_ANYONE.contains(&key) {
        return Narrowing::NotNarrowed;
    }
    if (operator, key) == ("ipaddress", "aws:sourceip") {
        let Some(ranges) = values.iter().map(|value| network::range(value)).collect::<Option<Vec<_>>>() else {
            return unsure();
        };
        return if network::is_world(&ranges) { Narrowing::NotNarrowed } else { Narrowing::Narrowed };
    }
    let positive = ["stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"].contains(&operator);
    if positive && IDENTIFYING.contains(&key) && !values.is_empty() && values.iter().all(|value| is_fixed(value)) {
        return Narrowing::Narrowed;
    }
    unsure()
}

/// Whether a value names somebody: in an ARN the account, elsewhere all of it.
fn is_fixed(value: &str) -> bool {
    let identifying = if value.starts_with("arn:") { value.split(':').nth(4).unwrap_or_default() } else { value };
    !identifying.is_empty() && !identifying.contains(['*', '?', '$'])
}

/// Operator and key in small letters, and the values.
fn entries(condition: &Value) -> Vec<(String, String, Vec<String>)> {
    let blocks = condition.as_object().into_iter().flatten();
    blocks
        .flat_map(|(operator, keys)| {
            keys.as_object()
                .into_iter()
                .flatten()
                .map(move |(key, values)| (operator.to_ascii_lowercase(), key.to_ascii_lowercase(), words(values)))
        })
        .collect()
}
