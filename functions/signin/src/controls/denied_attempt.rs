//! # A dangerous call was tried and denied
//!
//! **Watches** denied calls of these names:
//! of IAM `AddUserToGroup`, `AttachRolePolicy`, `AttachUserPolicy`, `CreateAccessKey`, `CreateLoginProfile`,
//! `CreatePolicyVersion`, `DeactivateMFADevice`, `PutRolePolicy`, `PutUserPolicy`, `SetDefaultPolicyVersion`,
//! `UpdateAssumeRolePolicy`, `UpdateLoginProfile`; of CloudTrail `DeleteTrail`, `PutEventSelectors`, `StopLogging`; of Config
//! `DeleteConfigurationRecorder`, `StopConfigurationRecorder`; of GuardDuty `DeleteDetector`; of KMS `ScheduleKeyDeletion`;
//! of Organizations `LeaveOrganization`.
//!
//! **Why** Whoever has stolen a key tries what it may do. The attempts that fail come first.
//!
//! **Does** Alerts. What the call was upon is shown as claimed: the record of a denied call has no parameters, and AWS's
//! message repeats what the caller has written. The same call of the same user or role is told once, and then more and more
//! seldom, until a day has passed without it.
//!
//! **Leaves alone**
//! - calls that failed for another reason than a missing right

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::{Event, Kind};
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

/// The most that is shown of what the caller has written.
const LONGEST_CLAIM: usize = 200;

#[derive(Debug)]
pub(crate) struct DeniedAttempt;

impl Noticed for DeniedAttempt {
    const ABOUT: &'static About = &About {
        id: "signin-denied-attempt",
        title: "A dangerous call was tried and denied",
        happened: "was denied a dangerous call",
        watches: &[
            iam("AddUserToGroup"),
            iam("AttachRolePolicy"),
            iam("AttachUserPolicy"),
            iam("CreateAccessKey"),
            iam("CreateLoginProfile"),
            iam("CreatePolicyVersion"),
            iam("DeactivateMFADevice"),
            iam("PutRolePolicy"),
            iam("PutUserPolicy"),
            iam("SetDefaultPolicyVersion"),
            iam("UpdateAssumeRolePolicy"),
            iam("UpdateLoginProfile"),
            Watch { service: "cloudtrail.amazonaws.com", name: "DeleteTrail" },
            Watch { service: "cloudtrail.amazonaws.com", name: "PutEventSelectors" },
            Watch { service: "cloudtrail.amazonaws.com", name: "StopLogging" },
            Watch { service: "config.amazonaws.com", name: "DeleteConfigurationRecorder" },
            Watch { service: "config.amazonaws.com", name: "StopConfigurationRecorder" },
            Watch { service: "guardduty.amazonaws.com", name: "DeleteDetector" },
            Watch { service: "kms.amazonaws.com", name: "ScheduleKeyDeletion" },
            Watch { service: "organizations.amazonaws.com", name: "LeaveOrganization" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098", "ATT&CK T1562.008", "Stratus aws.defense-evasion.organizations-leave"],
        caveat: "See in CloudTrail what else the same access key has done.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::DeniedCall;
    const TELLS_FROM: Option<u64> = Some(1);

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.kind != Kind::DeniedCall {
            return None;
        }
        let claimed = claimed(event).filter(|claimed| claimed != "*");
        let upon = claimed.map(|claimed| format!(" on `{claimed}` (as the caller claims)"));
        let why = format!("{} tried {}{} and was denied", event.actor, event.name, upon.unwrap_or_default());
        // Who tries to blind the account is further than who looks for more rights.
        let severity = if event.service == IAM { Severity::Medium } else { Severity::High };
        Some(Risk { subject: Subject::caller(event), severity, why })
    }
}

const IAM: &str = "iam.amazonaws.com";

const fn iam(name: &'static str) -> Watch {
    Watch { service: IAM, name }
}

/// What AWS's message says that the call was upon: `… on resource: user bob because no identity-based policy allows …`.
fn claimed(event: &Event) -> Option<String> {
    let (_, rest) = event.request.as_str()?.split_once(" on resource: ")?;
    let ends = [" because ", " with an explicit deny"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    Some(rest[..end].chars().take(LONGEST_CLAIM).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn denied(message: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "iam.amazonaws.com",
            "eventName": "CreateAccessKey", "eventType": "AwsApiCall", "awsRegion": "us-east-1",
            "recipientAccountId": "111122223333", "requestParameters": null, "responseElements": null,
            "errorCode": "AccessDenied", "errorMessage": message,
            "userIdentity": {"type": "IAMUser", "userName": "bob", "arn": "arn:aws:iam::111122223333:user/bob"},
        });
        Event::from_record(record).expect("an event")
    }

    #[test]
    fn what_a_call_was_upon_is_read_from_the_message_whatever_it_says() {
        let of = "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: iam:CreateAccessKey";
        for (message, expected) in [
            (format!("{of} on resource: user admin because no identity-based policy allows it"), Some("user admin")),
            (format!("{of} on resource: user admin with an explicit deny in a policy"), Some("user admin")),
            (format!("{of} on resource: user admin"), Some("user admin")),
            (of.to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(claimed(&denied(&json!(message))).as_deref(), expected, "{message}");
        }
        assert_eq!(claimed(&denied(&Value::Null)), None);
        let long = format!("{of} on resource: {}", "é".repeat(1000));
        assert_eq!(claimed(&denied(&json!(long))).map(|claimed| claimed.chars().count()), Some(LONGEST_CLAIM));
    }
}
