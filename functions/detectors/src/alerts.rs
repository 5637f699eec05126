//! What all controls here say alike that only alert: who did what, and the command that puts it right.

use serde_json::Value;
use snapback::decision::Severity;
use snapback::event::{Actor, Event};
use snapback::json;
use snapback::noticed::Risk;
use snapback::policy::is_account;
use snapback::subject::Subject;

/// What was done, and the command that puts it right, without the Region; nothing if there is none.
pub(crate) struct Done {
    pub severity: Severity,
    pub did: String,
    pub back: Option<String>,
}

impl Done {
    pub(crate) fn new(severity: Severity, did: impl Into<String>, back: &str) -> Self {
        Self { severity, did: did.into(), back: Some(back.to_owned()) }
    }

    pub(crate) fn for_good(severity: Severity, did: impl Into<String>) -> Self {
        Self { severity, did: did.into(), back: None }
    }

    pub(crate) fn risk(self, event: &Event, subject: Subject) -> Risk {
        let back = self.back.map(|command| format!(". To put it right: `{command} --region {}`", event.region));
        let why = format!("{} {}{}", event.actor, self.did, back.unwrap_or_default());
        Risk { subject, severity: self.severity, why }
    }
}

/// Whether an AWS service has acted by itself: with nobody's credentials, or with the role that is linked to it, which nobody
/// else can assume.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
pub(crate) fn is_by_aws(actor: &Actor) -> bool {
    let of_a_service =
        |role: &str| role.splitn(6, ':').nth(5).is_some_and(|role| role.starts_with("role/aws-service-role/"));
    actor.is_aws() || actor.role.as_deref().is_some_and(of_a_service)
}

/// A field that can stand in a command: a shell must not act on it.
pub(crate) fn named<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte));
    json::text(value, field).filter(is_plain)
}

/// An option of a command with what a field names, and with `…` where it names nothing that can stand there.
pub(crate) fn option(option: &str, value: &Value, field: &str) -> String {
    format!("{option} {}", named(value, field).unwrap_or("…"))
}

/// What a field names, to follow on a word: `` of analyzer `account` ``.
pub(crate) fn called(value: &Value, field: &str) -> String {
    json::text(value, field).map_or_else(|| " (the event does not say which)".to_owned(), |name| format!(" `{name}`"))
}

/// The texts of a list.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    json::list(value).into_iter().filter_map(Value::as_str).collect()
}

/// The accounts of a list, to follow on a word, and as the words of a command.
pub(crate) fn accounts(value: &Value) -> (String, String) {
    let ids: Vec<&str> = texts(value).into_iter().filter(|id| is_account(id)).collect();
    if ids.is_empty() { (String::new(), "…".to_owned()) } else { (format!(" {}", ids.join(", ")), ids.join(" ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_role_that_is_linked_to_a_service_is_the_services() {
        for (role, is_by) in [
            (
                "arn:aws:iam::111122223333:role/aws-service-role/securityhub.amazonaws.com/AWSServiceRoleForSecurityHub",
                true,
            ),
            ("arn:aws:iam::111122223333:role/AWSServiceRoleForSecurityHub", false),
            ("arn:aws:iam::111122223333:role/x:role/aws-service-role/mallory", false),
        ] {
            let actor = Actor { kind: "AssumedRole".to_owned(), role: Some(role.to_owned()), ..Actor::default() };
            assert_eq!(is_by_aws(&actor), is_by, "{role}");
        }
    }

    #[test]
    fn no_name_ends_a_command() {
        let request = json!({"analyzerName": "x`; rm -rf ~", "ruleName": "quiet"});
        assert_eq!(option("--analyzer-name", &request, "analyzerName"), "--analyzer-name …");
        assert_eq!(option("--rule-name", &request, "ruleName"), "--rule-name quiet");
    }
}
