//! On which tags of users and roles the policies of an account depend.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::{EntityType, PolicyDetail};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use super::authorization_details::{default_text, pages};
use super::versions::decoded;
use crate::rights;

/// The keys of tags, in small letters as conditions do not tell them apart, each with a policy that depends on it.
pub(crate) type Keys = BTreeMap<String, String>;

/// With which a condition or a variable names a tag of whoever calls.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principaltag>
const OF_PRINCIPAL: &str = "aws:principaltag/";

/// One place for all of them.
pub(crate) const ACCOUNT: Survey = Survey {
    list: |look, event| {
        async move { Ok(all(look, event).await?.into_iter().map(|(account, _)| account).collect()) }.boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// All that depend on a tag: of an account, in its name.
pub(crate) fn all<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Keys)>>> {
    async move { Ok(vec![(Subject::account(event), read(look).await?)]) }.boxed()
}

/// Those that the account's own managed policies, inline policies and trust policies depend on.
async fn read(look: &Look<'_>) -> Result<Keys> {
    let kinds = [EntityType::User, EntityType::Role, EntityType::Group, EntityType::LocalManagedPolicy];
    let mut keys = Keys::new();
    for page in pages(look, &kinds).await? {
        for (text, named) in texts(&page) {
            for key in named_in(&decoded(text)?) {
                keys.entry(key).or_insert_with(|| named.clone());
            }
        }
    }
    Ok(keys)
}

/// The policies of a page, each with what people call it.
fn texts(page: &GetAccountAuthorizationDetailsOutput) -> Vec<(&str, String)> {
    let mut texts = vec![];
    for user in page.user_detail_list() {
        texts.extend(inline(user.user_policy_list(), &format!("user `{}`", user.user_name().unwrap_or_default())));
    }
    for role in page.role_detail_list() {
        let of = format!("role `{}`", role.role_name().unwrap_or_default());
        texts.extend(inline(role.role_policy_list(), &of));
        texts.extend(role.assume_role_policy_document().map(|text| (text, format!("whom {of} trusts"))));
    }
    for group in page.group_detail_list() {
        texts.extend(inline(group.group_policy_list(), &format!("group `{}`", group.group_name().unwrap_or_default())));
    }
    for policy in page.policies() {
        let named = format!("managed policy `{}`", policy.policy_name().unwrap_or_default());
        texts.extend(default_text(policy).map(|text| (text, named)));
    }
    texts
}

fn inline<'a>(policies: &'a [PolicyDetail], of: &str) -> Vec<(&'a str, String)> {
    let named = |policy: &'a PolicyDetail| {
        Some((policy.policy_document()?, format!("inline policy `{}` of {of}", policy.policy_name()?)))
    };
    policies.iter().filter_map(named).collect()
}

/// The tags of whoever calls that a policy names, in conditions and in variables. What is no JSON names none: IAM takes no
/// such policy.
fn named_in(policy: &PolicyText) -> Vec<String> {
    let mut keys = vec![];
    collect(&serde_json::from_str(policy.as_str()).unwrap_or_default(), &mut keys);
    keys
}

fn collect(value: &Value, keys: &mut Vec<String>) {
    match value {
        Value::String(text) => keys.extend(named(text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        Value::Object(fields) => {
            for (field, value) in fields {
                keys.extend(named(field));
                collect(value, keys);
            }
        }
        _ => {}
    }
}

/// What stands behind each mention, up to the end of a variable or its default.
fn named(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let ends = |rest: &str| rest.split(['}', ',']).next().unwrap_or_default().trim().to_owned();
    text.split(OF_PRINCIPAL).skip(1).map(ends).filter(|key| !key.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_conditions_and_in_variables() {
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::logs/${aws:PrincipalTag/Team, 'none'}/${aws:principaltag/cost center}/*",
            "Condition": {"StringEquals": {"aws:PrincipalTag/access-level": ["admin"], "aws:RequestTag/x": "y"}}}]}"#;
        let mut found = named_in(&policy.to_owned().into());
        found.sort();
        assert_eq!(found, ["access-level", "cost center", "team"]);
        assert_eq!(named_in(&r#"{"Statement": []}"#.to_owned().into()), [] as [String; 0]);
    }
}
