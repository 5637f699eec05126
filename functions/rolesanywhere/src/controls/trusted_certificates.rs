//! # Holders of certificates may assume roles
//!
//! **Watches** of IAM Roles Anywhere `CreateTrustAnchor`, `EnableTrustAnchor`, `UpdateTrustAnchor`, `CreateProfile`,
//! `EnableProfile`, `UpdateProfile`, `PutAttributeMapping`, `DeleteAttributeMapping`.
//!
//! **Why** Whoever has the key of a trust anchor's certificate authority signs as many certificates as they like, and with
//! each assumes the roles of a profile, from anywhere and without a key that could be found (Stratus Red Team:
//! `rolesanywhere-create-trust-anchor`).
//!
//! **Does** Disables a trust anchor or a profile that was just created, or was enabled less than an hour after it was created.
//! Nothing is deleted, so an undo enables the same one again. If the event is more than an hour old when it arrives, an operator
//! decides: by then somebody may depend on it. An operator also decides about an older one that was enabled, as it may have
//! been enabled before and in use since, and about what was made through CloudFormation.
//!
//! **Leaves alone**
//! - what is created disabled
//! - updates that change neither whose certificates are taken nor what they are good for
//! - what is disabled or gone by the time Snapback looks
//! - what an operator has enabled again with `snapback undo`
//!
//! It alerts and touches nothing where one that is enabled was changed, as disabling it would take more than the change, and
//! where the event does not say which it is. Among such changes of a profile is that its sessions take the name that whoever opens
//! them chooses, and which attributes of a certificate become tags of its sessions, on which the trust of roles may depend.
//!
//! Whoever sets up trust anchors as their work, such as a pipeline, is exempted by a guardrail:
//! `guardrails/examples/certificate-authority.cedar`.

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::change::{AnywhereKind, AnywhereResource, AnywhereStatus, RolesAnywhere, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::SERVICE;
use crate::aws::{self, Found};
use crate::rights;

/// In this word an undo holds on to it.
const ENABLED: &str = "enabled";

/// So soon nobody depends on it.
const SOON: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug)]
pub(crate) struct TrustedCertificates;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is gone, or if the event does not say which it is.
    found: Option<Found>,
}

impl Control for TrustedCertificates {
    const ABOUT: &'static About = &About {
        id: "rolesanywhere-trusted-certificates",
        title: "Holders of certificates may assume roles",
        happened: "was opened to holders of certificates",
        watches: &[
            Watch { service: SERVICE, name: "CreateTrustAnchor" },
            Watch { service: SERVICE, name: "EnableTrustAnchor" },
            Watch { service: SERVICE, name: "UpdateTrustAnchor" },
            Watch { service: SERVICE, name: "CreateProfile" },
            Watch { service: SERVICE, name: "EnableProfile" },
            Watch { service: SERVICE, name: "UpdateProfile" },
            Watch { service: SERVICE, name: "PutAttributeMapping" },
            Watch { service: SERVICE, name: "DeleteAttributeMapping" },
        ],
        reads: &[rights::GET_TRUST_ANCHOR, rights::GET_PROFILE],
        writes: &[rights::DISABLE_TRUST_ANCHOR, rights::DISABLE_PROFILE],
        undoes: &[
            rights::GET_TRUST_ANCHOR,
            rights::GET_PROFILE,
            rights::ENABLE_TRUST_ANCHOR,
            rights::ENABLE_PROFILE,
            rights::PASS_PROFILE_ROLE,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098.001", "Stratus aws.persistence.rolesanywhere-create-trust-anchor"],
        caveat: "Sessions that were opened with a certificate in the meantime stay valid until they expire: look in \
                 CloudTrail for what they did.",
        source: file!(),
    };

    const ASKS_AFTER: Option<SignedDuration> = Some(SOON);

    type State = State;
    type Change = RolesAnywhere;

    fn happened(event: &Event, _: &State, is_certain: bool) -> Option<&'static str> {
        let happened = if is_update(event) { "was changed while enabled" } else { Self::ABOUT.happened };
        is_certain.then_some(happened)
    }

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let (answer, request) = (answer(event), &event.request);
        let is_disabled = request["enabled"] == false || answer["enabled"] == false;
        if is_disabled || is_update(event) && !json::is_left_out(request) && !changes_who_comes_in(event) {
            return vec![];
        }
        let subject = match resource(event) {
            Some(of) => subject(event, &of),
            None => Subject::account(event),
        };
        vec![Suspicion { subject, why: why(event) }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(of) = resource(event) else { return Ok(State::default()) };
        Ok(State { found: aws::read(look.place, &of).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<RolesAnywhere> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::High, why };
        let Some(of) = resource(event) else {
            return alert(format!("{}, and the event does not say which it is", suspicion.why));
        };
        match &state.found {
            None => return allow("it is gone"),
            Some(found) if found.status == AnywhereStatus::Disabled => return allow("it is disabled"),
            Some(_) if is_update(event) => return alert(format!("{}: {}", suspicion.why, to_disable(&of))),
            Some(_) if given.holds.contains(ENABLED) => return allow("an operator has enabled it again"),
            Some(_) => {}
        }
        Decision::Revert {
            severity: Severity::High,
            why: suspicion.why.clone(),
            grants: vec![ENABLED.to_owned()],
            plan: vec![RolesAnywhere::Status(Swap { of, from: AnywhereStatus::Enabled, to: AnywhereStatus::Disabled })],
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        if event.actor.invoked_by.as_deref() == Some("cloudformation.amazonaws.com") {
            return Some(format!(
                "CloudFormation did this for {}: undo it in the template of the stack, as a deployment would do it again",
                event.actor
            ));
        }
        let created = state.found.as_ref().and_then(|found| found.created);
        let is_new = created.is_some_and(|created| event.time.duration_since(created) < SOON);
        (is_enabling(event) && !is_new)
            .then(|| "whether it was disabled before is not known: the call succeeds either way".to_owned())
    }

    /// Sessions that were opened with a certificate outlive what let them in. Whether there was a profile or an anchor with it
    /// the event does not tell.
    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        resource(event).filter(|_| !is_update(event) && is_told_enabled(event))?;
        let seen = state.found.as_ref();
        let name = seen.map(|found| found.name.as_str()).or_else(|| said_name(event)).unwrap_or_default().to_owned();
        let created = seen.and_then(|found| found.created);
        Some((State { found: Some(Found { name, status: AnywhereStatus::Enabled, created }) }, false))
    }

    fn after(state: &State, change: &RolesAnywhere) -> State {
        let RolesAnywhere::Status(change) = change;
        State { found: state.found.clone().map(|found| Found { status: change.to, ..found }) }
    }
}

fn kind(event: &Event) -> AnywhereKind {
    if event.name.ends_with("Profile") || is_mapping(event) { AnywhereKind::Profile } else { AnywhereKind::TrustAnchor }
}

/// What the answer tells of it as it is then.
fn answer(event: &Event) -> &serde_json::Value {
    match kind(event) {
        AnywhereKind::TrustAnchor => &event.response["trustAnchor"],
        AnywhereKind::Profile => &event.response["profile"],
    }
}

/// What the call is upon, if the event tells it.
fn resource(event: &Event) -> Option<AnywhereResource> {
    let kind = kind(event);
    let id = match kind {
        AnywhereKind::TrustAnchor => "trustAnchorId",
        AnywhereKind::Profile => "profileId",
    };
    let id = json::text(&event.request, id).or_else(|| json::text(answer(event), id))?;
    Some(AnywhereResource { kind, id: id.to_owned() })
}

fn subject(event: &Event, of: &AnywhereResource) -> Subject {
    let path = match of.kind {
        AnywhereKind::TrustAnchor => "trust-anchor/",
        AnywhereKind::Profile => "profile/",
    };
    let page = format!("rolesanywhere/home?region={}", event.region);
    Subject::part(event, &of.kind.to_string(), &of.id, "rolesanywhere", path, &page)
}

fn is_update(event: &Event) -> bool {
    event.name.starts_with("Update") || is_mapping(event)
}

/// Whether it changes which attributes of a certificate become tags of a session.
/// <https://docs.aws.amazon.com/rolesanywhere/latest/userguide/attribute-mapping.html>
fn is_mapping(event: &Event) -> bool {
    event.name.ends_with("AttributeMapping")
}

fn is_enabling(event: &Event) -> bool {
    event.name.starts_with("Enable")
}

fn is_told_enabled(event: &Event) -> bool {
    is_enabling(event) || event.request["enabled"] == true || answer(event)["enabled"] == true
}

/// Whether an update changes whose certificates are taken, or which roles and permissions their holders get.
fn changes_who_comes_in(event: &Event) -> bool {
    let changes = |field: &&str| !event.request[field].is_null();
    ["source", "roleArns", "sessionPolicy", "managedPolicyArns"].iter().any(changes)
        || takes_names(event)
        || is_mapping(event)
}

/// Whether whoever opens a session may name it: trails and the trust of other roles may tell sessions by their names.
fn takes_names(event: &Event) -> bool {
    event.request["acceptRoleSessionName"] == true
}

fn said_name(event: &Event) -> Option<&str> {
    json::text(&event.request, "name").or_else(|| json::text(answer(event), "name"))
}

fn why(event: &Event) -> String {
    let did = match event.name.as_str() {
        _ if is_update(event) => "changed",
        _ if is_enabling(event) => "enabled",
        _ => "created",
    };
    let name = said_name(event).map(|name| format!(" `{name}`")).unwrap_or_default();
    let roles = json::list(&event.request["roleArns"]);
    let roles: Vec<String> = roles.iter().filter_map(|role| Some(format!("`{}`", role.as_str()?))).collect();
    let roles = if roles.is_empty() { String::new() } else { format!(" for role {}", roles.join(", ")) };
    let names = if takes_names(event) { ", whose sessions take the name that whoever opens them chooses" } else { "" };
    let of = format!("{}{name}{roles}{names}", kind(event));
    match json::text(&event.request, "certificateField") {
        _ if !is_mapping(event) => format!("{} {did} {of}", event.actor),
        Some(field) => {
            format!("{} changed what of `{field}` of a certificate becomes tags of the sessions of {of}", event.actor)
        }
        None => format!("{} changed what of a certificate becomes tags of the sessions of {of}", event.actor),
    }
}

fn to_disable(of: &AnywhereResource) -> String {
    let command = match of.kind {
        AnywhereKind::TrustAnchor => "disable-trust-anchor --trust-anchor-id",
        AnywhereKind::Profile => "disable-profile --profile-id",
    };
    format!("it is enabled; to disable it for all who use it: `aws rolesanywhere {command} {}`", of.id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn asks(call: &str, created: Option<&str>) -> bool {
        let event = Event::from_record(json!({
            "eventID": "e-1", "eventTime": "2026-04-09T12:00:00Z", "eventSource": SERVICE, "eventName": call,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"trustAnchorId": "1a2b3c4d"},
        }))
        .expect("an event");
        let created = created.map(|created| created.parse().expect("a time"));
        let state =
            State { found: Some(Found { name: "servers".to_owned(), status: AnywhereStatus::Enabled, created }) };
        let (settings, holds) = (Settings::default(), BTreeSet::new());
        let given = Given { settings: &settings, holds: &holds };
        let suspicion = TrustedCertificates::suspect(&event, &settings).pop().expect("a suspicion");
        let decision = TrustedCertificates::decide(&event, &suspicion, &state, &given);
        assert!(matches!(decision, Decision::Revert { .. }), "{decision}");
        TrustedCertificates::asks(&event, &suspicion, &state, &given).is_some()
    }

    #[test]
    fn an_update_is_looked_at_if_it_changes_who_comes_in_as_what() {
        let is_looked_at = |call: &str, request: serde_json::Value| {
            let event = Event::from_record(json!({
                "eventID": "e-1", "eventTime": "2026-04-09T12:00:00Z", "eventSource": SERVICE, "eventName": call,
                "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            }));
            !TrustedCertificates::suspect(&event.expect("an event"), &Settings::default()).is_empty()
        };
        assert!(is_looked_at("UpdateProfile", json!({"profileId": "1a2b", "acceptRoleSessionName": true})));
        assert!(!is_looked_at("UpdateProfile", json!({"profileId": "1a2b", "acceptRoleSessionName": false})));
        assert!(!is_looked_at("UpdateProfile", json!({"profileId": "1a2b", "durationSeconds": 900})));
        assert!(is_looked_at("PutAttributeMapping", json!({"profileId": "1a2b", "certificateField": "x509Subject"})));
        assert!(is_looked_at("DeleteAttributeMapping", json!({"profileId": "1a2b"})));
    }

    #[test]
    fn what_is_enabled_within_an_hour_of_its_creation_is_reverted_without_asking() {
        assert!(!asks("EnableTrustAnchor", Some("2026-04-09T12:00:00.5Z")));
        assert!(!asks("EnableTrustAnchor", Some("2026-04-09T11:00:01Z")));
        assert!(asks("EnableTrustAnchor", Some("2026-04-09T11:00:00Z")));
        assert!(asks("EnableTrustAnchor", None));
        assert!(!asks("CreateTrustAnchor", None));
    }
}
