//! # A key was granted to a stranger
//!
//! **Watches** of AWS KMS `CreateGrant`.
//!
//! **Why** A grant lets somebody use a key although no policy says so, and few people look at grants. With one that lets a
//! stranger make further grants, it lets in whomever they like.
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id. The plan
//! revokes the event's own grant, and no other. KMS may let a grant be used for up to five minutes after it was revoked.
//!
//! **Leaves alone**
//! - grants to one's own account and to accounts that are trusted
//! - grants to services of AWS, also where one acts in an account's name, as EC2 does for encrypted volumes
//! - grants that are revoked or retired by the time Snapback looks
//! - what an operator has given again with `snapback undo`, which has another id then
//! - Snapback's own keys, which `own-disabled-key` guards
//!
//! It alerts and touches nothing where the event does not say which grant or key it is.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Key, KeyGrant, Kms, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::told::{self, SERVICE, account_of, is_for_a_service, key_of, texts};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct ForeignGrant;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is revoked or retired, or if the event does not say which it is.
    grant: Option<KeyGrant>,
}

impl Control for ForeignGrant {
    const ABOUT: &'static About = &About {
        id: "kms-foreign-grant",
        title: "A key was granted to a stranger",
        happened: "was granted to a stranger",
        watches: &[Watch { service: SERVICE, name: "CreateGrant" }],
        reads: &[rights::LIST_GRANTS],
        writes: &[rights::REVOKE_GRANT],
        undoes: &[rights::LIST_GRANTS, rights::CREATE_GRANT],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098"],
        caveat: "A revoked grant can be used for up to five minutes more. What was decrypted with it, and which grants were \
                 made by it, only CloudTrail tells.",
        source: file!(),
    };

    const ASKS_UNLESS_NAMED: bool = true;

    type State = State;
    type Change = Kms;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let subject = told::subject(event);
        if settings.own.keys.contains(&subject.arn) {
            return vec![];
        }
        let why = match json::text(&event.request, "granteePrincipal") {
            _ if is_for_a_service(event) => return vec![],
            None => "a grant was given on the key, and the event does not say to whom".to_owned(),
            Some(grantee) if is_friend(grantee, event, settings) => return vec![],
            Some(grantee) => {
                let operations = texts(&event.request["operations"]).join(", ");
                format!("{} granted `{grantee}`, which is not trusted: {operations}", event.actor)
            }
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let (Some(key), Some(id)) = (key_of(&suspicion.subject), grant_id(event)) else { return Ok(State::default()) };
        Ok(State { grant: aws::grant(look.place, key, id).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Kms> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let (Some(key), Some(_)) = (key_of(&suspicion.subject), grant_id(event)) else {
            let why = format!("{}; the event does not say which grant it is", suspicion.why);
            return Decision::Alert { severity: Severity::High, why };
        };
        let Some(grant) = &state.grant else { return allow("the grant is revoked or retired") };
        // KMS shows whoever is no more by a unique id. The event tells who it was.
        let grantee = json::text(&event.request, "granteePrincipal").unwrap_or(&grant.grantee);
        // KMS shows a grant to a service without a principal.
        if grantee.is_empty() || is_friend(grantee, event, given.settings) {
            return allow("the grant is to nobody who is not trusted");
        }
        let name = grant.to_string();
        if given.holds.contains(&name) {
            return allow("an operator has given it again");
        }
        Decision::Revert {
            severity: Severity::High,
            why: suspicion.why.clone(),
            grants: vec![name],
            plan: vec![Kms::Grants(Swap { of: Key(key.to_owned()), from: vec![grant.clone()], to: vec![] })],
            left: vec![],
        }
    }

    fn as_told(event: &Event, state: &State, settings: &Settings) -> Option<(State, bool)> {
        let grantee = json::text(&event.request, "granteePrincipal")?;
        if state.grant.is_some() || is_friend(grantee, event, settings) {
            return None;
        }
        let context = |name: &str| -> std::collections::BTreeMap<String, String> {
            let context = event.request["constraints"][name].as_object().into_iter().flatten();
            context.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        let text = |value: &Value, name| json::text(value, name).map(str::to_owned);
        let grant = KeyGrant {
            id: grant_id(event)?.to_owned(),
            name: text(&event.request, "name"),
            grantee: grantee.to_owned(),
            retiring: text(&event.request, "retiringPrincipal"),
            operations: texts(&event.request["operations"]).into_iter().map(str::to_owned).collect(),
            context_equals: context("encryptionContextEquals"),
            context_subset: context("encryptionContextSubset"),
            source: text(&event.request["constraints"], "sourceArn"),
        };
        Some((State { grant: Some(grant) }, true))
    }

    fn after(state: &State, change: &Kms) -> State {
        let Kms::Grants(change) = change else { return state.clone() };
        State { grant: change.after(state.grant.as_slice()).pop() }
    }
}

fn grant_id(event: &Event) -> Option<&str> {
    json::text(&event.response, "grantId")
}

/// Who names no account may be anybody, unless it is a service.
fn is_friend(grantee: &str, event: &Event, settings: &Settings) -> bool {
    match account_of(grantee) {
        Some(account) => account == event.account || settings.trusted_accounts.contains(account),
        None => is_for_a_service(event),
    }
}
