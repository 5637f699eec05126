//! # A role of Snapback was changed
//!
//! **Watches** `PutRolePolicy`, `DeleteRolePolicy`, `AttachRolePolicy`, `DetachRolePolicy`, `UpdateAssumeRolePolicy`,
//! `PutRolePermissionsBoundary`, `DeleteRolePermissionsBoundary`, `DeleteRole`.
//!
//! **Why** A role with fewer permissions cannot revert anything, and one with more, or one that somebody else may
//! assume, gives away Snapback's permissions.
//!
//! **Does** Alerts. The event does not contain what the role had before, so nothing is restored. IAM [reports its
//! changes in us-east-1 only](https://repost.aws/knowledge-center/eventbridge-rule-triggers-iam-single-region): a
//! Snapback that is deployed elsewhere does not see them.
//!
//! **Leaves alone**
//! - roles that are named like Snapback's, but are not part of its stack
//!
//! Changes made by a deployment are of severity `medium`.

use anyhow::Result;
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::parts::{Part, ROLE, changed, gone};
use crate::rights;

const SERVICE: &str = "iam.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ChangedRole;

impl Control for ChangedRole {
    const ABOUT: &'static About = &About {
        id: "own-changed-role",
        title: "A role of Snapback was changed",
        happened: "was changed",
        watches: &[
            Watch { service: SERVICE, name: "PutRolePolicy" },
            Watch { service: SERVICE, name: "DeleteRolePolicy" },
            Watch { service: SERVICE, name: "AttachRolePolicy" },
            Watch { service: SERVICE, name: "DetachRolePolicy" },
            Watch { service: SERVICE, name: "UpdateAssumeRolePolicy" },
            Watch { service: SERVICE, name: "PutRolePermissionsBoundary" },
            Watch { service: SERVICE, name: "DeleteRolePermissionsBoundary" },
            Watch { service: SERVICE, name: "DeleteRole" },
        ],
        reads: &[rights::LIST_STACK_RESOURCES],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1098.003", "ATT&CK T1562"],
        caveat: "What was done with the role's permissions stays done.",
        source: file!(),
    };

    type State = Part;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        ROLE.suspect(event, settings, json::text(&event.request, "roleName"))
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<Part> {
        let seen = ROLE.look(look, suspicion, |_| []).await?;
        Ok(seen.map(|(part, [])| part).unwrap_or_default())
    }

    fn decide(event: &Event, suspicion: &Suspicion, part: &Part, _: &Given<'_>) -> Decision<Own> {
        if !part.is(event, &suspicion.subject) {
            return part.is_none(event, &suspicion.subject);
        }
        match event.name.as_str() {
            "DeleteRole" => gone(event, "the role is deleted, and its function may do nothing"),
            "UpdateAssumeRolePolicy" => changed(event, "who may assume it was changed"),
            _ => changed(event, "what it may do was changed"),
        }
    }

    fn after(part: &Part, _: &Own) -> Part {
        part.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::controls::tests::call;

    #[test]
    fn a_deployment_is_told_from_a_caller() {
        let (settings, holds) = (Settings::default(), BTreeSet::new());
        let mut event = call("iam", "PutRolePolicy", json!({"roleName": "snapback-S3Role-1A2B3C"}));
        let part = Part { name: Some("snapback-S3Role-1A2B3C".to_owned()) };
        let severity = |event: &Event| {
            let suspicion = ChangedRole::suspect(event, &settings).pop().expect("it is suspicious");
            ChangedRole::decide(event, &suspicion, &part, &Given { settings: &settings, holds: &holds }).severity()
        };
        assert_eq!(severity(&event), Some(Severity::Critical));
        event.actor.user_agent = Some("cloudformation.amazonaws.com".to_owned());
        assert_eq!(severity(&event), Some(Severity::Critical), "whoever calls chooses the user agent");
        event.actor.invoked_by = Some("cloudformation.amazonaws.com".to_owned());
        assert_eq!(severity(&event), Some(Severity::Medium));
    }
}
