//! Whom a trust policy names, whatever else it asks of them.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::told::{statements, texts};

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
    /// Of whom a provider says something: one value of one claim, or which claims are looked at.
    Claim(String),
}

impl fmt::Display for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => write!(f, "everyone whom its conditions let in"),
            Self::Principal(name) => write!(f, "`{name}`"),
            Self::Service(name) => write!(f, "service `{name}`"),
            Self::Provider(name) => write!(f, "identity provider `{name}`"),
            Self::Claim(claim) => write!(f, "{claim}"),
        }
    }
}

/// All that some statement allows to assume the role; nothing where the text is no policy.
pub(crate) fn trusted(policy: &str) -> Option<BTreeSet<Trusted>> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let allow = statements(&policy).into_iter().filter(|statement| statement["Effect"] == "Allow");
    Some(allow.flat_map(|statement| named(&statement["Principal"]).into_iter().chain(claimed(statement))).collect())
}

/// Of whom, among those who sign in with a provider, a statement asks which claims.
fn claimed(statement: &Value) -> Vec<Trusted> {
    let providers = texts(&statement["Principal"]["Federated"]);
    let entries = members(&statement["Condition"]).flat_map(|(operator, keys)| {
        members(keys).map(move |(key, values)| (operator, key.to_ascii_lowercase(), texts(values)))
    });
    let entries: Vec<_> = entries.filter(|(_, key, _)| !key.starts_with("aws:")).collect();
    let keys: BTreeSet<&str> = entries.iter().map(|(_, key, _)| key.as_str()).collect();
    let keys = keys.into_iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let looked_at = if keys.is_empty() { "whatever is claimed of them".to_owned() } else { format!("by {keys} alone") };
    let values = entries.iter().flat_map(|(operator, key, values)| {
        values.iter().map(move |value| format!("of whom `{key}` is `{value}` ({operator})"))
    });
    let all: Vec<String> = values.chain([looked_at]).collect();
    let of = |provider: &String| {
        let who = format!("those who sign in with `{provider}`");
        all.iter().map(|what| Trusted::Claim(format!("{who}, {what}"))).collect::<Vec<_>>()
    };
    providers.iter().flat_map(of).collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn named(principal: &Value) -> Vec<Trusted> {
    if principal == "*" {
        return vec![Trusted::Everyone];
    }
    let names = |kind: &str| texts(&principal[kind]);
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
        assert_eq!(of(r#"{"Service": ["a", "b"]}"#).len(), 2);
        assert_eq!(of(r#""*""#), [Trusted::Everyone].into());
        assert_eq!(of(r#"{"AWS": ["*"]}"#), [Trusted::Everyone].into());
        assert_eq!(trusted("no policy"), None);
    }

    #[test]
    fn another_tenant_of_a_provider_is_somebody_new_and_fewer_tenants_are_not() {
        let of = |condition: &str| {
            let principal = r#""Principal": {"Federated": "token.actions.githubusercontent.com"}"#;
            trusted(&format!(r#"{{"Statement": {{"Effect": "Allow", {principal}, "Condition": {condition}}}}}"#))
                .expect("a policy")
        };
        let tenants = |subjects: &str| {
            of(&format!(r#"{{"StringLike": {{"token.actions.githubusercontent.com:sub": {subjects}}}}}"#))
        };
        let ours = tenants(r#"["repo:example/app:*", "repo:example/web:*"]"#);
        assert!(tenants(r#""repo:example/web:*""#).is_subset(&ours));
        for wider in [tenants(r#""repo:mallory/app:*""#), of("{}"), tenants(r#"["repo:example/web:*", "*"]"#)] {
            assert!(!wider.is_subset(&ours), "{wider:?}");
        }
    }
}
