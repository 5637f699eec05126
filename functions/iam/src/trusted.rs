//! Whom a trust policy names, whatever else it asks of them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::json;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Trusted {
    /// Whom the statement's conditions let in.
    Everyone,
    /// By ARN. An account is its id.
    Principal(String),
    Service(String),
    /// An identity provider, by its ARN or its name.
    Provider(String),
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => write!(f, "everyone whom its conditions let in"),
            Self::Principal(name) => write!(f, "`{name}`"),
            Self::Service(name) => write!(f, "service `{name}`"),
            Self::Provider(name) => write!(f, "identity provider `{name}`"),
        }
    }
}

/// All that some statement allows to assume the role; nothing where the text is no policy.
pub(crate) fn trusted(policy: &str) -> Option<BTreeSet<Trusted>> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let statements = match &policy["Statement"] {
        lone @ Value::Object(_) => vec![lone],
        several => json::list(several),
    };
    let allow = statements.into_iter().filter(|statement| statement["Effect"] == "Allow");
    Some(allow.flat_map(|statement| named(&statement["Principal"])).collect())
}

fn named(principal: &Value) -> Vec<Trusted> {
    if principal == "*" {
        return vec![Trusted::Everyone];
    }
    let names = |kind: &str| match &principal[kind] {
        Value::String(name) => vec![name.clone()],
        several => json::list(several).into_iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    };
    // The account is written in two ways, and so is everyone.
    let principals = names("AWS").into_iter().map(|name| match name.strip_suffix(":root") {
        Some(arn) => Trusted::Principal(arn.rsplit(':').next().unwrap_or(arn).to_owned()),
        None if name == "*" => Trusted::Everyone,
        None => Trusted::Principal(name),
    });
    let services = names("Service").into_iter().map(Trusted::Service);
    principals.chain(services).chain(names("Federated").into_iter().map(Trusted::Provider)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_everyone_are_the_same_in_either_way_of_writing_them() {
        let of = |principal: &str| {
            trusted(&format!(r#"{{"Statement": {{"Effect": "Allow", "Principal": {principal}}}}}"#)).expect("a policy")
        };
        assert_eq!(of(r#"{"AWS": "111122223333"}"#), of(r#"{"AWS": ["arn:aws:iam::111122223333:root"]}"#));
        assert_eq!(of(r#"{"Service": ["a", "b"], "Federated": "c"}"#).len(), 3);
        assert_eq!(of(r#""*""#), [Trusted::Everyone].into());
        assert_eq!(of(r#"{"AWS": ["*"]}"#), [Trusted::Everyone].into());
        assert_eq!(trusted("no policy"), None);
    }
}
