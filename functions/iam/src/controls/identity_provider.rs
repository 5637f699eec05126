//! # Somebody else may say who comes in
//!
//! **Watches** `CreateSAMLProvider`, `UpdateSAMLProvider`, `CreateOpenIDConnectProvider`,
//! `AddClientIDToOpenIDConnectProvider`, `UpdateOpenIDConnectProviderThumbprint`.
//!
//! **Why** Whoever signs for an identity provider can be anybody whom a role trusts through it. A provider of the attacker's,
//! or the attacker's certificate in one that is there, outlives every key.
//!
//! **Does** Alerts, and names the provider. It reverts nothing: a provider can only be deleted, and a changed certificate looks
//! the same when it is renewed. Taking that back would lock everybody out.
//!
//! **Leaves alone**
//! - what IAM Identity Center does by its own role, which nobody else can assume
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

#[derive(Debug)]
pub(crate) struct IdentityProvider;

impl Noticed for IdentityProvider {
    const ABOUT: &'static About = &About {
        id: "iam-identity-provider",
        title: "Somebody else may say who comes in",
        happened: "had an identity provider changed",
        watches: &[
            Watch { service: SERVICE, name: "CreateSAMLProvider" },
            Watch { service: SERVICE, name: "UpdateSAMLProvider" },
            Watch { service: SERVICE, name: "CreateOpenIDConnectProvider" },
            Watch { service: SERVICE, name: "AddClientIDToOpenIDConnectProvider" },
            Watch { service: SERVICE, name: "UpdateOpenIDConnectProviderThumbprint" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1484.002"],
        caveat: "If nobody of yours did it, delete the provider with `aws iam delete-saml-provider` or `aws iam \
                 delete-open-id-connect-provider`. Look for roles whose trust policy names it, and in CloudTrail for who \
                 assumed them.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if is_new(event) { "got an identity provider" } else { Self::ABOUT.happened }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        // Through which service somebody called exempts nobody: whoever may use it could do this by it.
        if event.actor.is_aws() || event.actor.role.as_deref().is_some_and(is_of_identity_center) {
            return None;
        }
        let fields = ["sAMLProviderArn", "openIDConnectProviderArn", "url", "name"];
        let told = |field: &&str| json::text(&event.response, field).or_else(|| json::text(&event.request, field));
        let provider = fields.iter().find_map(told).map(|name| format!(" `{name}`")).unwrap_or_default();
        let did = if is_new(event) { "created" } else { "changed" };
        let more = json::text(&event.request, "clientID").map(|id| format!(", which now takes tokens for `{id}`"));
        let why = format!("{} {did} the identity provider{provider}{}", event.actor, more.unwrap_or_default());
        Some(Risk { subject: Subject::account(event), severity: Self::ABOUT.severity, why })
    }
}

/// Whether it is the role that IAM Identity Center makes identity providers with.
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>
fn is_of_identity_center(role: &str) -> bool {
    role.splitn(6, ':').nth(5).is_some_and(|path| path.starts_with("role/aws-service-role/sso.amazonaws.com/"))
}

fn is_new(event: &Event) -> bool {
    event.name.starts_with("Create")
}
