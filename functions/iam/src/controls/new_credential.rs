//! # A long-term credential was created or reactivated
//!
//! **Watches** `CreateAccessKey`, `UpdateAccessKey`, `CreateServiceSpecificCredential`,
//! `ResetServiceSpecificCredential`, `UpdateServiceSpecificCredential`, `UploadSigningCertificate`,
//! `UpdateSigningCertificate`, `UploadSSHPublicKey`, `UpdateSSHPublicKey`.
//!
//! **Why** Whoever creates an access key for another user can act as that user from anywhere, for as long as the key is
//! active (Stratus Red Team: `iam-backdoor-user`). Service-specific credentials do the same for Amazon Bedrock and
//! `CodeCommit`, signing certificates and SSH keys for what accepts those.
//!
//! **Does** Makes a credential that somebody created for another user inactive. Nothing is deleted, so an undo makes the same
//! credential active again. It takes effect within seconds to a minute, as IAM is eventually consistent. If the event is more
//! than an hour old when it arrives, an operator decides.
//!
//! A call that makes a credential active succeeds even if it was active before, so an attacker could make active what is in
//! use and get Snapback to cut it off. That is why a reactivated credential is made inactive only where Snapback has made it
//! inactive before, and has heard of nothing since that made it active. Otherwise an operator decides.
//!
//! **Leaves alone**
//! - credentials that are inactive or gone by the time Snapback looks
//! - calls that make a credential inactive
//! - credentials that an operator has made active again with `snapback undo`
//!
//! It alerts and touches nothing where users create credentials for themselves, where the event does not say whose
//! credential it is, and for access keys of the root user: no policy can stop those, and nobody but root, or a session
//! of `AssumeRoot`, can remove them. An operator decides about changes made through CloudFormation.
//!
//! What issues keys for others as its work, such as `HashiCorp` Vault or a rotation function, is exempted by a guardrail:
//! `guardrails/examples/credential-issuer.cedar`.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::change::{Credential, CredentialKind, CredentialStatus, Iam, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::journal::Outcome;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{SERVICE, Whose, through_cloudformation, whose};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct NewCredential;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the credential is gone, or if there was none to look at.
    pub(crate) status: Option<CredentialStatus>,
    /// The ARN of the user.
    pub(crate) user: Option<String>,
    /// Whether Snapback has made it inactive before, and has heard of nothing since that made it active.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_inactive: bool,
}

/// Two are equal if the credential is the same now, whatever it was.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        (&self.status, &self.user) == (&other.status, &other.user)
    }
}

const ACTIVE: &str = "Active";
const INACTIVE: &str = "Inactive";

/// A call, what it is upon, where the answer has that, and how both are called there.
struct Told {
    kind: CredentialKind,
    answer: &'static str,
    id: &'static str,
}

impl Control for NewCredential {
    const ABOUT: &'static About = &About {
        id: "iam-new-credential",
        title: "A long-term credential was created or reactivated",
        happened: "was given a long-term credential",
        watches: &[
            Watch { service: SERVICE, name: "CreateAccessKey" },
            Watch { service: SERVICE, name: "UpdateAccessKey" },
            Watch { service: SERVICE, name: "CreateServiceSpecificCredential" },
            Watch { service: SERVICE, name: "ResetServiceSpecificCredential" },
            Watch { service: SERVICE, name: "UpdateServiceSpecificCredential" },
            Watch { service: SERVICE, name: "UploadSigningCertificate" },
            Watch { service: SERVICE, name: "UpdateSigningCertificate" },
            Watch { service: SERVICE, name: "UploadSSHPublicKey" },
            Watch { service: SERVICE, name: "UpdateSSHPublicKey" },
        ],
        reads: &[
            rights::GET_USER,
            rights::LIST_ACCESS_KEYS,
            rights::LIST_SERVICE_SPECIFIC_CREDENTIALS,
            rights::LIST_SIGNING_CERTIFICATES,
            rights::LIST_SSH_PUBLIC_KEYS,
        ],
        writes: &[
            rights::UPDATE_ACCESS_KEY,
            rights::UPDATE_SERVICE_SPECIFIC_CREDENTIAL,
            rights::UPDATE_SIGNING_CERTIFICATE,
            rights::UPDATE_SSH_PUBLIC_KEY,
        ],
        undoes: &[
            rights::LIST_ACCESS_KEYS,
            rights::LIST_SERVICE_SPECIFIC_CREDENTIALS,
            rights::LIST_SIGNING_CERTIFICATES,
            rights::LIST_SSH_PUBLIC_KEYS,
            rights::UPDATE_ACCESS_KEY,
            rights::UPDATE_SERVICE_SPECIFIC_CREDENTIAL,
            rights::UPDATE_SIGNING_CERTIFICATE,
            rights::UPDATE_SSH_PUBLIC_KEY,
        ],
        severity: Severity::Critical,
        frameworks: &[
            "ATT&CK T1098.001",
            "Stratus aws.persistence.iam-backdoor-user",
            "Stratus aws.persistence.iam-create-admin-user",
            "Pacu iam__backdoor_users_keys",
            "Pacu iam__privesc_scan",
        ],
        caveat: "Sessions that were opened with the credential meanwhile, such as by GetFederationToken, stay \
                 valid until they expire: look in CloudTrail for what it was used for.",
        source: file!(),
    };

    const ASKS_AFTER: Option<SignedDuration> = Some(SignedDuration::from_hours(1));

    type State = State;
    type Change = Iam;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        if json::text(&event.request, "status") == Some(INACTIVE) {
            return vec![];
        }
        let (told, credential) = (told(event), credential(event));
        let subject = match whose(event, told.answer) {
            Whose::Anothers(user) | Whose::Callers(user) => Subject::user(event, user),
            Whose::Roots | Whose::Untold => Subject::account(event),
        };
        let why = match credential {
            Some(credential) => format!("{credential} was created or reactivated"),
            None => said(&told, event),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(credential) = credential(event) else { return Ok(State::default()) };
        let (status, user) = futures::try_join!(
            aws::credentials::status(look.place, &credential),
            aws::users::arn(look.place, &credential.user)
        )?;
        let is_active = status.as_ref().is_some_and(|status| status.0 == ACTIVE);
        let was_inactive = match &user {
            Some(user) if is_active && activates(event) => was_inactive(look, event, &credential, user).await?,
            _ => false,
        };
        Ok(State { status, user, was_inactive })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let told = told(event);
        if whose(event, told.answer) == Whose::Roots {
            return alert(Severity::Critical, of_root(&told, event));
        }
        let Some(of) = credential(event) else {
            return alert(Severity::High, format!("{}, and the event does not say whose", said(&told, event)));
        };
        match &state.status {
            None => return allow("the credential is gone"),
            Some(status) if status.0 != ACTIVE => return allow("the credential is not active"),
            Some(_) if given.holds.contains(&of.id) => return allow("an operator has restored it"),
            Some(_) => {}
        }
        if matches!(whose(event, told.answer), Whose::Callers(_)) {
            return alert(Severity::Medium, format!("{} has {of}", event.actor));
        }
        Decision::Revert {
            severity: Severity::High,
            why: format!("{of} is active: {} {} it", event.actor, done_by(event)),
            grants: vec![of.id.clone()],
            plan: vec![Iam::Credential(Swap {
                of,
                from: CredentialStatus(ACTIVE.to_owned()),
                to: CredentialStatus(INACTIVE.to_owned()),
            })],
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event).or_else(|| {
            let may_change_nothing = activates(event) && !state.was_inactive;
            may_change_nothing.then(|| {
                "it may have been active before already, in use, and the call may have changed nothing".to_owned()
            })
        })
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.user.as_deref())
    }

    /// Sessions that were opened with it outlive the credential.
    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        credential(event)?;
        // A reset leaves the status as it is.
        let is_active = event.name.starts_with("Create") || event.name.starts_with("Upload");
        let is_active = is_active || json::text(&event.request, "status") == Some(ACTIVE);
        is_active.then(|| (State { status: Some(CredentialStatus(ACTIVE.to_owned())), ..state.clone() }, true))
    }

    fn after(state: &State, change: &Iam) -> State {
        match change {
            Iam::Credential(change) if state.status.is_some() => {
                State { status: Some(change.to.clone()), ..state.clone() }
            }
            _ => state.clone(),
        }
    }
}

fn told(event: &Event) -> Told {
    let (kind, answer, id) = match event.name.as_str() {
        "CreateAccessKey" | "UpdateAccessKey" => (CredentialKind::AccessKey, "accessKey", "accessKeyId"),
        "UploadSigningCertificate" | "UpdateSigningCertificate" => {
            (CredentialKind::SigningCertificate, "certificate", "certificateId")
        }
        "UploadSSHPublicKey" | "UpdateSSHPublicKey" => (CredentialKind::SshKey, "sSHPublicKey", "sSHPublicKeyId"),
        _ => (CredentialKind::ServiceCredential, "serviceSpecificCredential", "serviceSpecificCredentialId"),
    };
    Told { kind, answer, id }
}

/// The credential, if the event tells its id and its user.
fn credential(event: &Event) -> Option<Credential> {
    let Told { kind, answer, id } = told(event);
    let (Whose::Anothers(user) | Whose::Callers(user)) = whose(event, answer) else { return None };
    let id = json::text(&event.request, id).or_else(|| json::text(&event.response[answer], id))?;
    Some(Credential { kind, user: user.to_owned(), id: id.to_owned() })
}

/// Whether the call makes active what was there before.
fn activates(event: &Event) -> bool {
    event.name.starts_with("Update")
}

/// Whether the last that Snapback knows of the credential is that it was made inactive, by Snapback, or by whoever had just
/// created it: so nobody has come to need it.
async fn was_inactive(look: &Look<'_>, event: &Event, of: &Credential, user: &str) -> Result<bool> {
    let entries = look.earlier::<NewCredential>(event, user, Timestamp::UNIX_EPOCH).await?;
    let newest = entries.iter().find(|entry| credential(&entry.event()).as_ref() == Some(of));
    Ok(newest.is_some_and(|entry| match entry.outcome {
        Outcome::Reverted => true,
        Outcome::Closed => {
            !activates(&entry.event()) && event.time.duration_since(entry.event.time) <= SignedDuration::from_hours(1)
        }
        _ => false,
    }))
}

/// What the call did to a credential that is active now.
fn done_by(event: &Event) -> &'static str {
    match event.name.as_str() {
        name if name.starts_with("Create") => "created",
        name if name.starts_with("Upload") => "uploaded",
        name if name.starts_with("Reset") => "reset",
        _ => "activated",
    }
}

fn said(told: &Told, event: &Event) -> String {
    format!("`{}` was called for somebody's {}", event.name, told.kind)
}

/// Only root can remove its keys, or whom the management account lets act as root for just that.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html>
fn of_root(told: &Told, event: &Event) -> String {
    let id = json::text(&event.request, told.id).or_else(|| json::text(&event.response[told.answer], told.id));
    let (id, account) = (id.unwrap_or("?"), &event.account);
    format!(
        "the root user of account {account} has {} `{id}`: sign in as root and delete it under Security credentials, or \
         in the organization's management account run `aws sts assume-root --target-principal {account} \
         --task-policy-arn arn=arn:{}:iam::aws:policy/root-task/IAMDeleteRootUserCredentials` and with the credentials \
         it gives `aws iam delete-access-key --access-key-id {id}`",
        told.kind,
        event.partition()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn called(name: &str, request: Value) -> Event {
        Event::from_record(json!({
            "eventID": "e-1", "eventTime": "2026-02-11T12:00:00Z", "eventSource": "iam.amazonaws.com", "eventName": name,
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "requestParameters": request,
        }))
        .expect("an event")
    }

    #[test]
    fn what_may_have_been_active_before_is_made_inactive_only_by_an_operator() {
        let (settings, holds) = (Settings::default(), BTreeSet::new());
        let given = Given { settings: &settings, holds: &holds };
        for (name, id, may_change_nothing) in [
            ("UpdateAccessKey", "accessKeyId", true),
            ("UpdateServiceSpecificCredential", "serviceSpecificCredentialId", true),
            ("UpdateSigningCertificate", "certificateId", true),
            ("UpdateSSHPublicKey", "sSHPublicKeyId", true),
            ("ResetServiceSpecificCredential", "serviceSpecificCredentialId", false),
            ("CreateAccessKey", "accessKeyId", false),
        ] {
            let event = called(name, json!({"userName": "bob", id: "EXAMPLE", "status": "Active"}));
            let suspicion = NewCredential::suspect(&event, &settings).pop().expect("a suspicion");
            for was_inactive in [false, true] {
                let status = Some(CredentialStatus(ACTIVE.to_owned()));
                let state = State { status, user: None, was_inactive };
                let decision = NewCredential::decide(&event, &suspicion, &state, &given);
                assert!(matches!(decision, Decision::Revert { .. }), "{name}: {decision}");
                let asks = NewCredential::asks(&event, &suspicion, &state, &given).is_some();
                assert_eq!(asks, may_change_nothing && !was_inactive, "{name} {was_inactive}");
            }
        }
    }
}
