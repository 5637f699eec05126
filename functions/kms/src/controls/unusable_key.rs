//! # A key can no longer be used
//!
//! **Watches** of AWS KMS `DisableKey` and `ScheduleKeyDeletion`.
//!
//! **Why** Whatever is encrypted with a key is lost with it. Ransom works that way, and so does whoever wants log files to
//! fail to arrive.
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id: to delete a
//! key is also how data is destroyed on purpose, and how a key is withdrawn that others have got hold of. The plan enables
//! the key, or cancels its deletion. KMS leaves a key disabled whose deletion was cancelled, so the plan enables it then if it
//! was enabled in the baseline, which a daily scheduled check keeps and which must be less than two days old. Without
//! such a baseline, or where the key was disabled in it, an operator decides about a disabled key in any case: the call
//! may have changed nothing. A key that somebody has kept from being deleted meanwhile is enabled as in the baseline, too.
//!
//! **Leaves alone**
//! - keys that are enabled, or are not to be deleted, by the time Snapback looks
//! - keys of AWS, which nobody else can disable
//! - keys that an operator has disabled or scheduled for deletion again with `snapback undo`
//! - Snapback's own keys, which `own-disabled-key` guards
//!
//! It alerts and touches nothing where the event does not say which key it is.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Key, KeyState, Kms, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::aws::PENDING_DELETION;
use crate::told::{self, SERVICE, key_of};
use crate::{aws, rights};

const ENABLED: &str = "Enabled";
const DISABLED: &str = "Disabled";

/// In these words an undo holds on to it.
const HELD_DISABLED: &str = "disabled";
const HELD_DELETION: &str = "scheduled for deletion";

/// After so many days a key is deleted if the call does not say.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>
const DAYS: i32 = 30;

#[derive(Debug)]
pub(crate) struct UnusableKey;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In AWS's words; nothing if it is gone, or is a key of AWS.
    state: Option<String>,
    /// Whether it was enabled.
    before: Option<Remembered<bool>>,
}

impl Control for UnusableKey {
    const ABOUT: &'static About = &About {
        id: "kms-unusable-key",
        title: "A key can no longer be used",
        happened: "was disabled",
        watches: &[
            Watch { service: SERVICE, name: "DisableKey" },
            Watch { service: SERVICE, name: "ScheduleKeyDeletion" },
        ],
        reads: &[rights::DESCRIBE_KEY],
        writes: &[rights::ENABLE_KEY, rights::CANCEL_DELETION],
        undoes: &[rights::DESCRIBE_KEY, rights::DISABLE_KEY, rights::SCHEDULE_DELETION],
        severity: Severity::High,
        frameworks: &["AWS FSBP KMS.3", "ATT&CK T1485", "ATT&CK T1486"],
        caveat: "What could not be encrypted or decrypted in the meantime has failed: log files, messages and backups may be \
                 missing.",
        source: file!(),
    };

    const ASKS_UNLESS_NAMED: bool = true;

    /// Reads of a key flap between old and new.
    const SETTLES: Duration = Duration::from_mins(10);

    type State = State;
    type Change = Kms;

    const SURVEY: Option<Survey> = Some(aws::KEYS);

    fn happened(event: &Event, _: &State, is_certain: bool) -> Option<&'static str> {
        let happened = if is_deletion(event) { "is to be deleted" } else { Self::ABOUT.happened };
        is_certain.then_some(happened)
    }

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let subject = told::subject(event);
        if settings.own.keys.contains(&subject.arn) {
            return vec![];
        }
        let what = if is_deletion(event) { "scheduled the deletion of" } else { "disabled" };
        let key =
            key_of(&subject).map_or("a key, and the event does not say which".to_owned(), |id| format!("key `{id}`"));
        vec![Suspicion { why: format!("{} {what} {key}", event.actor), subject }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(key) = key_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = aws::unless_kept_from_iam(aws::state(look.place, key), event);
        let (state, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { state, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Kms> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(key) = key_of(&suspicion.subject) else {
            return Decision::Alert { severity: Severity::High, why: suspicion.why.clone() };
        };
        if event.is_look() {
            return allow("nobody has changed it just now");
        }
        let (from, held) = match (state.state.as_deref(), is_deletion(event)) {
            (None, _) => return allow("the key is gone"),
            (Some(DISABLED), false) => (KeyState::Disabled, HELD_DISABLED),
            // Whoever cancels a deletion leaves the key disabled: a person, or a revert that came no further.
            (Some(DISABLED), true) if was_enabled(event, state) == Some(true) => (KeyState::Disabled, HELD_DELETION),
            (Some(PENDING_DELETION), true) => (KeyState::PendingDeletion { days: days(event) }, HELD_DELETION),
            (Some(ENABLED), _) => return allow("it is enabled"),
            (Some(_), true) => return allow("its deletion is not scheduled"),
            (Some(_), false) => return allow("it is not what the call has made of it"),
        };
        if given.holds.contains(held) {
            return allow("an operator has done it again");
        }
        let is_enabled = !is_deletion(event) || was_enabled(event, state) == Some(true);
        let to = if is_enabled { KeyState::Enabled } else { KeyState::Disabled };
        Decision::Revert {
            severity: Severity::High,
            why: suspicion.why.clone(),
            grants: vec![held.to_owned()],
            plan: vec![Kms::State(Swap { of: Key(key.to_owned()), from, to })],
            left: vec![],
        }
    }

    /// KMS disables a key that is disabled, and says nothing.
    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        match was_enabled(event, state) {
            Some(true) => None,
            _ if is_deletion(event) => None,
            Some(false) => Some("it was disabled when it was last seen: perhaps the call changed nothing".to_owned()),
            None => Some("whether it was enabled before is not known: the call succeeds either way".to_owned()),
        }
    }

    fn after(state: &State, change: &Kms) -> State {
        let Kms::State(change) = change else { return state.clone() };
        State { state: Some(change.to.name().to_owned()), ..state.clone() }
    }
}

impl Remembers for UnusableKey {
    type Good = bool;

    fn good(state: &State) -> Option<bool> {
        match state.state.as_deref() {
            Some(ENABLED) => Some(true),
            Some(DISABLED) => Some(false),
            _ => None,
        }
    }
}

fn is_deletion(event: &Event) -> bool {
    event.name == "ScheduleKeyDeletion"
}

fn was_enabled(event: &Event, state: &State) -> Option<bool> {
    state.before.as_ref()?.good_before(event).map(|(was_enabled, _)| *was_enabled)
}

fn days(event: &Event) -> i32 {
    let days = event.request["pendingWindowInDays"].as_i64().and_then(|days| i32::try_from(days).ok());
    days.unwrap_or(DAYS)
}
