//! # An instance or an instance profile got a role
//!
//! **Watches** of IAM `AddRoleToInstanceProfile`; of EC2 `AssociateIamInstanceProfile`,
//! `ReplaceIamInstanceProfileAssociation`.
//!
//! **Why** Whoever is on an instance has what its role may do. An attacker who may not have a privilege gives it to a machine
//! that they control.
//!
//! **Does** Alerts, and names the instance and the profile. What was there before the event does not say.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct InstanceProfile;

impl Noticed for InstanceProfile {
    const ABOUT: &'static About = &About {
        id: "signin-instance-profile",
        title: "An instance or an instance profile got a role",
        happened: "has an instance with another role",
        watches: &[
            Watch { service: "iam.amazonaws.com", name: "AddRoleToInstanceProfile" },
            Watch { service: "ec2.amazonaws.com", name: "AssociateIamInstanceProfile" },
            Watch { service: "ec2.amazonaws.com", name: "ReplaceIamInstanceProfileAssociation" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "`snapback explain identity --principal` says what the role may do.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        // EC2 wraps the parameters of some calls in an object that is named after the call.
        let wrapped = &event.request[format!("{}Request", event.name)];
        let request = if wrapped.is_object() { wrapped } else { &event.request };
        let text = |part: &serde_json::Value, names: [&str; 2]| {
            names.iter().find_map(|name| json::text(part, name).map(|text| format!("`{text}`")))
        };
        let profile = ["iamInstanceProfile", "IamInstanceProfile"].map(|name| &request[name]);
        let profile =
            profile.iter().find_map(|part| text(part, ["arn", "Arn"]).or_else(|| text(part, ["name", "Name"])));
        let profile = profile.or_else(|| text(request, ["instanceProfileName", "InstanceProfileName"]));
        let given = text(request, ["roleName", "RoleName"]).map(|role| format!("role {role}"));
        let to = text(request, ["instanceId", "InstanceId"]).map(|instance| format!("instance {instance}"));
        let to = to.or_else(|| text(request, ["associationId", "AssociationId"]).map(|id| format!("association {id}")));
        let named = profile.map(|name| format!("instance profile {name}"));
        let profile = named.as_deref().unwrap_or("a profile that the event does not name");
        let done = match (given, to) {
            (Some(role), _) => format!("put {role} into {profile}"),
            (None, Some(to)) => format!("gave {to} {profile}"),
            (None, None) if named.is_some() => format!("gave {profile} to an instance that the event does not name"),
            (None, None) => "gave an instance a profile; the event names neither".to_owned(),
        };
        let why = format!("{} {done}", event.actor);
        Some(Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}
