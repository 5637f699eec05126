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
const IDENTIFYING: [&str; 19] = [
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
    "aws:vpceorgpaths",
    "aws:principalservicename",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
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
    for entry in entries(condition) {
        match judge(&entry) {
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
    entries.is_empty() || entries.iter().any(Entry::keeps_others_out)
}

/// One key of a condition.
struct Entry {
    /// In small letters, as is the key.
    operator: String,
    key: String,
    /// As it is written.
    shown: String,
    values: Vec<String>,
}

impl Entry {
    fn is_fixed(&self) -> bool {
        !self.values.is_empty() && self.values.iter().all(|value| is_fixed(&self.key, value))
    }

    /// The addresses that the values allow, if they all are ranges.
    fn ranges(&self) -> Option<Vec<ipnet::IpNet>> {
        self.values.iter().map(|value| network::range(value)).collect()
    }

    fn keeps_others_out(&self) -> bool {
        let identifies = IDENTIFYING.contains(&self.key.as_str()) && self.is_fixed();
        let is_somewhere = || self.ranges().is_some_and(|ranges| !network::is_world(&ranges));
        match self.operator.as_str() {
            "notipaddress" => self.key == "aws:sourceip" && is_somewhere(),
            "null" => IDENTIFYING.contains(&self.key.as_str()) && self.values.iter().any(|value| value == "true"),
            operator => operator.contains("not") && identifies,
        }
    }
}

fn judge(entry: &Entry) -> Narrowing {
    let key = entry.key.as_str();
    if MET_BY_ANYONE.contains(&key) {
        return Narrowing::NotNarrowed;
    }
    let unsure = Narrowing::Unsure(entry.shown.clone());
    // `ForAnyValue` is false where the key is absent, as `ForAllValues` and `…IfExists` are not.
    let narrowed = match entry.operator.strip_prefix("foranyvalue:").unwrap_or(&entry.operator) {
        "ipaddress" if key == "aws:sourceip" => match entry.ranges() {
            Some(ranges) if network::is_world(&ranges) => return Narrowing::NotNarrowed,
            Some(_) => true,
            None => false,
        },
        "bool" => key == "aws:principalisawsservice" && entry.values.iter().all(|value| value == "true"),
        "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike" => {
            IDENTIFYING.contains(&key) && entry.is_fixed()
        }
        _ => false,
    };
    if narrowed { Narrowing::Narrowed } else { unsure }
}

/// Whether a value names somebody: an ARN by its account, or by its resource where it has none, as a bucket's; a path
/// of an organization by the organization; anything else by all of it.
fn is_fixed(key: &str, value: &str) -> bool {
    let identifying = if value.starts_with("arn:") {
        let mut parts = value.splitn(6, ':').skip(4);
        let account = parts.next().unwrap_or_default();
        if account.is_empty() { parts.next().unwrap_or_default() } else { account }
    } else if key.ends_with("orgpaths") {
        value.split('/').next().unwrap_or_default()
    } else {
        value
    };
    !identifying.is_empty() && !identifying.contains(['*', '?', '$'])
}

fn entries(condition: &Value) -> Vec<Entry> {
    let blocks = condition.as_object().into_iter().flatten();
    let entries = blocks.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| Entry {
            operator: operator.to_ascii_lowercase(),
            key: key.to_ascii_lowercase(),
            shown: key.clone(),
            values: texts(values),
        })
    });
    entries.collect()
}

/// Values may be written as booleans and numbers too.
fn texts(values: &Value) -> Vec<String> {
    match values {
        Value::Bool(_) | Value::Number(_) => vec![values.to_string()],
        _ => words(values),
    }
}
