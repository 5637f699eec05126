//! What events of KMS tell, alike for all controls.

use serde_json::Value;
use snapback::event::Event;
use snapback::json;
use snapback::partition::Partition;
use snapback::policy::is_account;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "kms.amazonaws.com";

/// The kind of a subject that is a key, and the word for it.
pub(crate) const KEY: &str = "KMS key";

/// The key that a call is upon; the account if the event does not say which. A record names the key among its resources,
/// whether the caller has named it by its id, its ARN or an alias.
pub(crate) fn subject(event: &Event) -> Subject {
    let told = event.resources.iter().map(String::as_str).find_map(id);
    let told = told.or_else(|| json::text(&event.response["keyMetadata"], "keyId").and_then(id));
    let told = told.or_else(|| json::text(&event.response, "keyId").and_then(id));
    let told = told.or_else(|| json::text(&event.request, "keyId").and_then(id));
    told.map_or_else(|| Subject::account(event), |id| key(event, id))
}

/// A key by its id.
pub(crate) fn key(event: &Event, id: &str) -> Subject {
    let page = format!("kms/home?region={}#/kms/keys/{id}", event.region);
    Subject::part(event, KEY, id, "kms", "key/", &page)
}

/// The id of a subject that is a key.
pub(crate) fn key_of(subject: &Subject) -> Option<&str> {
    (subject.kind == KEY).then_some(subject.name.as_str())
}

/// The id of a key, told by itself or in its ARN. An alias is none.
fn id(told: &str) -> Option<&str> {
    let id = match told.split_once(":key/") {
        Some((_, id)) => id,
        None => told,
    };
    let is_id = !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    is_id.then_some(id)
}

/// Whether a key policy leaves it to the account who may manage the key: without that, only those whom the policy names can, and
/// if they go, only AWS Support.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
pub(crate) fn is_left_to_the_account(policy: &str, account: &str) -> bool {
    let Ok(policy) = serde_json::from_str::<Value>(policy) else { return false };
    let is_account = |who: &str| who == account || who.ends_with(":root") && who.split(':').nth(4) == Some(account);
    let may_manage =
        |action: &str| ["*", "kms:*", "kms:put*", "kms:putkeypolicy"].contains(&action.to_ascii_lowercase().as_str());
    json::list(&policy["Statement"]).into_iter().any(|statement| {
        statement["Effect"] == "Allow"
            && statement.get("Condition").is_none()
            && texts(&statement["Principal"]["AWS"]).into_iter().any(is_account)
            && texts(&statement["Action"]).into_iter().any(may_manage)
    })
}

/// The texts of a list, or of a lone one.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        other => json::list(other).into_iter().filter_map(Value::as_str).collect(),
    }
}

/// Whether a grant is for a service of AWS: named as one, or by its name in place of a principal.
pub(crate) fn is_for_a_service(event: &Event) -> bool {
    let suffix = Partition::of_region(&event.region).dns_suffix();
    let is_service = |who: &str| !who.contains(':') && (who.ends_with(".amazonaws.com") || who.ends_with(suffix));
    !event.request["granteeServicePrincipal"].is_null()
        || json::text(&event.request, "granteePrincipal").is_some_and(is_service)
}

/// The account of whom a grant is for; nothing for a service of AWS. A service may also act in somebody's name:
/// `111122223333:aws:ec2-infrastructure:i-0123`.
pub(crate) fn account_of(grantee: &str) -> Option<&str> {
    let account = match grantee.strip_prefix("arn:") {
        Some(arn) => arn.split(':').nth(3),
        None => grantee.split(':').next(),
    };
    account.filter(|account| is_account(account))
}
