//! # A key of Snapback was disabled
//!
//! **Watches** `DisableKey`, `ScheduleKeyDeletion`, `PutKeyPolicy`, and each `Scheduled Event`, which reads all of
//! Snapback's keys.
//!
//! **Why** Without the key of its topic Snapback cannot notify anybody, and once a key is deleted nothing encrypted
//! with it can be read. Its policy says who may use it.
//!
//! **Does** Reads the key's state. It enables a disabled key, and cancels the deletion of one and then enables it.
//!
//! **Leaves alone**
//! - a key that is enabled, unless its policy was changed
//! - a key that an operator has disabled with `snapback undo`
//!
//! It does not even look at other keys.
//!
//! It does not restore a policy, because the event does not contain the previous one. What a deployment changes is of
//! severity `medium` and not restored at once.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Key, KeyState, Own, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::parts::{changed, gone, is_deployment, severity};
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
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::DESCRIBE_KEY],
        writes: &[rights::ENABLE_KEY, rights::CANCEL_KEY_DELETION],
        undoes: &[rights::DESCRIBE_KEY, rights::DISABLE_KEY, rights::SCHEDULE_KEY_DELETION],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP KMS.3", "ATT&CK T1485", "ATT&CK T1562.006"],
        caveat: "Notices that failed in the meantime are tried again, or their events are in the dead letters: look \
                 there.",
        source: file!(),
    };

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

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        if suspicion.subject.kind == "account" {
            return Ok(State::default());
        }
        Ok(State { state: aws::key_state(look.place, &suspicion.subject.name).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let Subject { kind, name, .. } = &suspicion.subject;
        if kind == "account" {
            let why = "whether it is a key of Snapback is not known".to_owned();
            return Decision::Alert { severity: Severity::Medium, why };
        }
        let days = event.request["pendingWindowInDays"].as_i64().and_then(|days| days.try_into().ok());
        let (from, why) = match state.state.as_deref() {
            Some("Enabled") if event.name == "PutKeyPolicy" => return changed(event, "whom it serves was changed"),
            Some("Enabled") => return Decision::Allow { why: "the key is enabled".to_owned() },
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
        let is_put = event.name == "PutKeyPolicy";
        let left = is_put.then(|| "whom it serves was changed as well".to_owned()).into_iter().collect();
        Decision::Revert { severity: severity(event), why: why.to_owned(), grants: vec![grant], plan, left }
    }

    fn after(_: &State, change: &Own) -> State {
        let state = if let Own::Key(change) = change { change.to } else { KeyState::Enabled };
        State { state: Some(state.name().to_owned()) }
    }
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

    use serde_json::json;
    use snapback::settings::Own as Deployed;

    use super::*;
    use crate::controls::tests::{call, look};

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
    fn a_revert_enables_the_key_and_its_undo_gives_back_what_was_there() {
        let (settings, holds) = (settings(), BTreeSet::new());
        let given = Given { settings: &settings, holds: &holds };
        let scheduled = call("kms", "ScheduleKeyDeletion", json!({"keyId": KEY, "pendingWindowInDays": 7}));
        let disabled = call("kms", "DisableKey", json!({"keyId": KEY}));
        for (event, found) in
            [(scheduled, "PendingDeletion"), (disabled, "Disabled"), (look(), "PendingDeletion"), (look(), "Disabled")]
        {
            let suspicion = DisabledKey::suspect(&event, &settings).pop().expect("it is suspicious");
            let state = State { state: Some(found.to_owned()) };
            let Decision::Revert { plan, .. } = DisabledKey::decide(&event, &suspicion, &state, &given) else {
                panic!("{found} is taken back");
            };
            let after = DisabledKey::after(&state, &plan[0]);
            assert!(DisabledKey::decide(&event, &suspicion, &after, &given).is_allow());
            assert_eq!(DisabledKey::after(&after, &plan[0].undo()), state);
        }
    }
}
