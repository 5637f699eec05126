//! # A key of Snapback was disabled
//!
//! **Watches** `DisableKey`, `ScheduleKeyDeletion`, `PutKeyPolicy`, `CreateGrant`, `CreateAlias`, `UpdateAlias`,
//! `DeleteAlias`, and each `Scheduled Event`, which reads all of Snapback's keys.
//!
//! **Why** Without the journal's key Snapback can write nothing down, and without the operators' key it cannot tell what is
//! held, so it reverts nothing; without the key of its topic it cannot notify anybody. Once a key is deleted, nothing that
//! was sealed or encrypted with it can be used. Its policy and its grants say who may use it, and operators find the
//! journal's keys by their aliases.
//!
//! **Does** Reads the key's state. It enables a disabled key, and cancels the deletion of one and then enables it. The
//! journal's keys are restored first and written down afterwards: then neither holds nor an emergency stop can be checked.
//!
//! **Leaves alone**
//! - a key that is enabled, unless somebody changed its policy or its alias, or was granted its use
//! - a key that an operator has disabled with `snapback undo`, unless it is the journal's
//! - aliases of other names
//!
//! It does not even look at other keys.
//!
//! It does not restore a policy, an alias or a grant, as it has no right to. The alert says what the template has, and the
//! command. What a deployment changes is of severity `medium` and not restored at once.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Key, KeyState, Own, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::{Own as Deployed, Settings};
use snapback::subject::Subject;

use crate::aws;
use crate::parts::{POLICIES, ROLE, changed, changed_so, gone, is_deployment, name, severity};
use crate::rights;

const SERVICE: &str = "kms.amazonaws.com";

/// How long a key waits for its deletion if nobody says otherwise.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>
const USUAL_DAYS: i32 = 30;

#[derive(Debug)]
pub(crate) struct DisabledKey;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In AWS's words; nothing if the key is gone.
    pub state: Option<String>,
    /// The policy that the template gives it, where the event is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

impl Control for DisabledKey {
    const ABOUT: &'static About = &About {
        id: "own-disabled-key",
        title: "A key of Snapback was disabled",
        happened: "was disabled",
        watches: &[
            Watch { service: SERVICE, name: "DisableKey" },
            Watch { service: SERVICE, name: "ScheduleKeyDeletion" },
            Watch { service: SERVICE, name: "PutKeyPolicy" },
            Watch { service: SERVICE, name: "CreateGrant" },
            Watch { service: SERVICE, name: "CreateAlias" },
            Watch { service: SERVICE, name: "UpdateAlias" },
            Watch { service: SERVICE, name: "DeleteAlias" },
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::DESCRIBE_KEY, rights::LIST_STACK_RESOURCES],
        writes: &[rights::ENABLE_KEY, rights::CANCEL_KEY_DELETION],
        undoes: &[rights::DESCRIBE_KEY, rights::DISABLE_KEY, rights::SCHEDULE_KEY_DELETION],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP KMS.3", "ATT&CK T1485", "ATT&CK T1562.006"],
        caveat: "Notices that failed in the meantime are tried again, or their events are in the dead letters: look \
                 there.",
        source: file!(),
    };

    /// Reads of a key flap between old and new.
    const SETTLES: Duration = Duration::from_mins(10);

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let keys = &settings.own.keys;
        if event.is_look() {
            let look = |arn: &String| Suspicion {
                subject: subject(event, arn),
                why: "it is time for a scheduled check".to_owned(),
            };
            return keys.iter().map(look).collect();
        }
        if event.name.ends_with("Alias") {
            return of_alias(event, settings);
        }
        let arn = event.resources.iter().map(String::as_str).find(|arn| arn.contains(":key/"));
        let Some(named) = arn.or_else(|| json::text(&event.request, "keyId")) else {
            if keys.is_empty() {
                return vec![];
            }
            let why = format!("the event does not say on which key `{}` was called", event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let is_named = |arn: &&String| **arn == *named || id_of(arn) == named;
        let Some(key) = keys.iter().find(is_named) else { return vec![] };
        let why = format!("`{}` was called upon a key of Snapback", event.name);
        vec![Suspicion { subject: subject(event, key), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        if suspicion.subject.kind == "account" {
            return Ok(State::default());
        }
        let state = aws::key_state(look.place, &suspicion.subject.name).await?;
        let policy = match event.name.as_str() {
            "PutKeyPolicy" => policy(look, event, suspicion).await?,
            _ => None,
        };
        Ok(State { state, policy })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let Subject { kind, name, .. } = &suspicion.subject;
        if kind == "account" {
            let why = "whether it is a key of Snapback is not known".to_owned();
            return Decision::Alert { severity: Severity::Medium, why };
        }
        let days = event.request["pendingWindowInDays"].as_i64().and_then(|days| days.try_into().ok());
        let also = also(event, &suspicion.subject, state);
        let (from, why) = match state.state.as_deref() {
            Some("Enabled") => match also {
                Some(also) => return changed_so(event, &also),
                None => return Decision::Allow { why: "the key is enabled".to_owned() },
            },
            Some("Disabled") => (KeyState::Disabled, "the key is disabled"),
            Some("PendingDeletion") => {
                (KeyState::PendingDeletion { days: days.unwrap_or(USUAL_DAYS) }, "the key is going to be deleted")
            }
            Some(_) => return changed(event, "the key can neither be used nor enabled"),
            None => return gone(event, "the key is deleted"),
        };
        let grant = format!("key `{name}` is {from}");
        if given.holds.contains(&grant) {
            return Decision::Allow { why: "an operator has switched it off".to_owned() };
        }
        if is_deployment(event) {
            return changed(event, why);
        }
        let plan = vec![Own::Key(Swap { of: Key(name.clone()), from, to: KeyState::Enabled })];
        let left = also.map(|(what, how)| format!("{what}; {how}")).into_iter().collect();
        Decision::Revert { severity: severity(event), why: why.to_owned(), grants: vec![grant], plan, left }
    }

    fn after(state: &State, change: &Own) -> State {
        let key = if let Own::Key(change) = change { change.to } else { KeyState::Enabled };
        State { state: Some(key.name().to_owned()), ..state.clone() }
    }
}

/// Of all aliases, those of the journal's keys: they begin with the name of the table.
fn of_alias(event: &Event, settings: &Settings) -> Vec<Suspicion> {
    let Deployed { stack, journal_key, operators_key, .. } = &settings.own;
    let alias = json::text(&event.request, "aliasName");
    if alias.is_some_and(|alias| !alias.starts_with(&format!("alias/{stack}-Journal-"))) {
        return vec![];
    }
    let is_operators = alias.map(|alias| alias.ends_with("-operators"));
    [(journal_key, false, "journal's"), (operators_key, true, "operators'")]
        .into_iter()
        .filter(|(_, of_operators, _)| is_operators.is_none_or(|is| is == *of_operators))
        .filter_map(|(key, _, whose)| Some((key.as_ref()?, whose)))
        .map(|(key, whose)| Suspicion {
            subject: subject(event, key),
            why: format!("`{}` was called upon the alias of the {whose} key", event.name),
        })
        .collect()
}

/// The policy that the template gives a key, with the names that the stack has for its roles.
async fn policy(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<Option<String>> {
    let Some(stack) = look.stack else { return Ok(None) };
    let parts = aws::parts_of(look, &stack.name).await?;
    let is_key = |id: &&(&str, &str)| parts.get(id.0).is_some_and(|key| id_of(key) == suspicion.subject.name);
    let Some((_, text)) = POLICIES.iter().find(is_key) else { return Ok(None) };
    let mut text = (*text).to_owned();
    let known = [("AWS::Partition", event.partition()), ("AWS::AccountId", &event.account)];
    for (what, value) in known {
        text = text.replace(&format!("${{{what}}}"), value);
    }
    for id in ROLE.ids {
        let role =
            parts.get(*id).map(|role| format!("arn:{}:iam::{}:role/{}", event.partition(), event.account, name(role)));
        text = with_role(&text, id, role.as_deref());
    }
    Ok(Some(text))
}

/// A policy with the ARN of a role, or without the role where the stack has none: KMS takes no policy that names what is not
/// there.
fn with_role(policy: &str, id: &str, arn: Option<&str>) -> String {
    let role = format!("${{{id}.Arn}}");
    match arn {
        Some(arn) => policy.replace(&role, arn),
        None => policy.replace(&format!("\"{role}\","), "").replace(&format!(",\"{role}\""), ""),
    }
}

/// What a call did that Snapback cannot take back, and how a person does.
fn also(event: &Event, key: &Subject, state: &State) -> Option<(String, String)> {
    let Subject { name, region, .. } = key;
    let alias = json::text(&event.request, "aliasName").unwrap_or("alias/<the journal's table>");
    let found_by = "and operators find the key by it";
    Some(match event.name.as_str() {
        "PutKeyPolicy" => ("who may use it was changed".to_owned(), restoring(key, state.policy.as_deref())),
        "CreateGrant" => {
            let whom = json::text(&event.request, "granteePrincipal").unwrap_or("somebody");
            let grant = json::text(&event.response, "grantId").unwrap_or("<its id>");
            let how = format!(
                "no part of Snapback needs a grant: `aws kms revoke-grant --region {region} --key-id {name} --grant-id \
                 {grant}`"
            );
            (format!("`{whom}` was granted its use, whatever its policy says"), how)
        }
        "UpdateAlias" => {
            let how = format!(
                "move it back: `aws kms update-alias --region {region} --alias-name {alias} --target-key-id {name}`"
            );
            (format!("its alias was moved, {found_by}"), how)
        }
        "CreateAlias" | "DeleteAlias" => {
            let how = format!(
                "see to which key it leads: `aws kms describe-key --region {region} --key-id {alias}`; if to none: `aws \
                 kms create-alias --region {region} --alias-name {alias} --target-key-id {name}`"
            );
            (format!("its alias was deleted or made anew, {found_by}"), how)
        }
        _ => return None,
    })
}

/// How a person gives a key the policy that the template has.
fn restoring(Subject { name, region, .. }: &Subject, policy: Option<&str>) -> String {
    let Some(policy) = policy else { return "restore the policy that the template has".to_owned() };
    let operators = if policy.contains("${Operators}") {
        " In place of `${Operators}` put the ARNs of that parameter; if it is empty, leave out the statement \
         `NobodyElseSeals`."
    } else {
        ""
    };
    format!(
        "restore what the template has: `aws kms put-key-policy --region {region} --key-id {name} --policy-name default \
         --policy '{policy}'`.{operators}"
    )
}

fn subject(event: &Event, key: &str) -> Subject {
    let id = id_of(key);
    Subject::part(event, "key", id, "kms", "key/", &format!("kms/home?region={}#/kms/keys/{id}", event.region))
}

fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::controls::tests::{call, look};
    use serde_json::json;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d-0000-4000-8000-000000000001";

    fn settings() -> Settings {
        let keys = BTreeSet::from([KEY.to_owned()]);
        Settings { own: Deployed { keys, ..Deployed::default() }, ..Settings::default() }
    }

    #[test]
    fn the_keys_of_others_are_not_looked_at() {
        let is_suspected = |key: &str| {
            !DisabledKey::suspect(&call("kms", "DisableKey", json!({"keyId": key})), &settings()).is_empty()
        };
        assert!(is_suspected(KEY) && is_suspected(id_of(KEY)));
        assert!(!is_suspected("9f8e7d6c-0000-4000-8000-000000000009"));
        for request in [json!({"keyId": KEY}), json!({})] {
            let suspicions = DisabledKey::suspect(&call("kms", "DisableKey", request), &Settings::default());
            assert!(suspicions.is_empty(), "where no key is told, as in a replay, none is Snapback's");
        }
    }

    #[test]
    fn the_policy_of_a_key_names_no_role_that_the_stack_does_not_have() {
        let policy = |roles: &str| format!(r#"{{"Principal":{{"AWS":[{roles}]}}}}"#);
        let all = policy(r#""${S3Role.Arn}","${IamRole.Arn}","${OwnRole.Arn}""#);
        assert_eq!(with_role(&all, "IamRole", None), policy(r#""${S3Role.Arn}","${OwnRole.Arn}""#));
        assert_eq!(with_role(&all, "OwnRole", None), policy(r#""${S3Role.Arn}","${IamRole.Arn}""#));
        assert_eq!(with_role(&all, "IamRole", Some("arn")), policy(r#""${S3Role.Arn}","arn","${OwnRole.Arn}""#));
    }

    #[test]
    fn of_aliases_only_those_of_the_journals_keys_are_looked_at() {
        const OPERATORS: &str = "arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d-0000-4000-8000-000000000002";
        let (journal_key, operators_key) = (Some(KEY.to_owned()), Some(OPERATORS.to_owned()));
        let own = Deployed { journal_key, operators_key, ..settings().own };
        let settings = Settings { own, ..Settings::default() };
        for (alias, keys) in [
            (json!("alias/snapback-Journal-1A2B3C"), &[KEY][..]),
            (json!("alias/snapback-Journal-1A2B3C-operators"), &[OPERATORS]),
            (json!("alias/orders"), &[]),
            (json!("alias/other-Journal-1"), &[]),
            (json!(null), &[KEY, OPERATORS]),
        ] {
            let event = call("kms", "UpdateAlias", json!({"aliasName": alias, "targetKeyId": "somebody's"}));
            let suspected: Vec<_> =
                DisabledKey::suspect(&event, &settings).into_iter().map(|suspicion| suspicion.subject.name).collect();
            assert_eq!(suspected, keys.iter().map(|key| id_of(key)).collect::<Vec<_>>(), "{alias}");
        }
    }

    #[test]
    fn a_revert_enables_the_key_and_its_undo_gives_back_what_was_there() {
        let (settings, holds) = (settings(), BTreeSet::new());
        let given = Given { settings: &settings, holds: &holds };
        let scheduled = call("kms", "ScheduleKeyDeletion", json!({"keyId": KEY, "pendingWindowInDays": 7}));
        let disabled = call("kms", "DisableKey", json!({"keyId": KEY}));
        for (event, found) in
            [(scheduled, "PendingDeletion"), (disabled, "Disabled"), (look(), "PendingDeletion"), (look(), "Disabled")]
        {
            let suspicion = DisabledKey::suspect(&event, &settings).pop().expect("it is suspicious");
            let state = State { state: Some(found.to_owned()), policy: None };
            let Decision::Revert { plan, .. } = DisabledKey::decide(&event, &suspicion, &state, &given) else {
                panic!("{found} is taken back");
            };
            let after = DisabledKey::after(&state, &plan[0]);
            assert!(DisabledKey::decide(&event, &suspicion, &after, &given).is_allow());
            assert_eq!(DisabledKey::after(&after, &plan[0].undo()), state);
        }
    }
}
