//! What events of AWS Organizations tell, alike for all controls.

use snapback::event::Event;
use snapback::json;
use snapback::policy::is_account;
use snapback::subject::Subject;

pub(crate) const SERVICE: &str = "organizations.amazonaws.com";

/// The kinds of subjects, and the words for them.
pub(crate) const POLICY: &str = "policy of the organization";
pub(crate) const ACCESS: &str = "trusted access";

/// A policy by its id. Its ARN has the organization's id and the policy's type, which no event tells: this one is in its form, so
/// that holds and history are of this policy.
pub(crate) fn policy(event: &Event, id: &str) -> Subject {
    part(event, POLICY, id, "policy/", "organizations/v2/home/policies")
}

/// The access that a service has to all accounts, by the service's principal. It has no ARN either.
pub(crate) fn access(event: &Event, service: &str) -> Subject {
    part(event, ACCESS, service, "service-access/", "organizations/v2/home/services")
}

/// AWS has one organization in all Regions, and its ARNs have none.
fn part(event: &Event, kind: &str, name: &str, path: &str, page: &str) -> Subject {
    let arn = format!("arn:{}:organizations::{}:{path}{name}", event.partition(), event.account);
    Subject { arn, ..Subject::part(event, kind, name, "organizations", path, page) }
}

/// The id of a policy that a call is upon, if it is told, and one.
pub(crate) fn policy_id(event: &Event) -> Option<&str> {
    json::text(&event.request, "policyId").filter(|id| id.starts_with("p-") && is_plain(id))
}

/// What a policy is attached to: the id of a root, a unit or an account.
pub(crate) fn target(event: &Event) -> Option<&str> {
    let is_parent = |id: &str| (id.starts_with("r-") || id.starts_with("ou-")) && is_plain(id);
    json::text(&event.request, "targetId").filter(|id| is_parent(id) || is_account(id))
}

/// The principal of a service.
pub(crate) fn service(event: &Event) -> Option<&str> {
    json::text(&event.request, "servicePrincipal").filter(|name| is_plain(name))
}

/// A field that can stand in a command: a shell must not act on it.
pub(crate) fn named<'a>(event: &'a Event, field: &str) -> Option<&'a str> {
    json::text(&event.request, field).filter(|text| is_plain(text))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._@+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(request: &serde_json::Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-05-20T13:05:00Z", "eventSource": SERVICE, "eventName": "DetachPolicy",
            "eventType": "AwsApiCall", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "requestParameters": request, "responseElements": null,
            "userIdentity": {"type": "IAMUser", "userName": "mallory", "arn": "arn:aws:iam::111122223333:user/mallory"},
        });
        Event::from_record(record).expect("an event")
    }

    #[test]
    fn no_id_ends_a_command() {
        for hostile in ["p-1`; rm -rf ~", "p-1 --profile x", "p-\n1"] {
            let event = asked(&json!({"policyId": hostile, "targetId": hostile, "servicePrincipal": hostile}));
            assert_eq!((policy_id(&event), target(&event), service(&event)), (None, None, None), "{hostile}");
        }
        let event = asked(&json!({"policyId": "p-1a2b3c4d", "targetId": "r-ab12"}));
        assert_eq!((policy_id(&event), target(&event)), (Some("p-1a2b3c4d"), Some("r-ab12")));
        assert_eq!(policy(&event, "p-1").arn, "arn:aws:organizations::111122223333:policy/p-1");
    }
}
