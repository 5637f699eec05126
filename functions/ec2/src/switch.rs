//! What is on or off for the whole account in a Region: what turning it back has in common.

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, Switch};
use snapback::control::{Given, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::subject::Subject;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the words of its API.
    pub(crate) is: String,
}

/// How a switch is risky, and how it is safe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) of: Switch,
    pub(crate) risky: &'static str,
    pub(crate) safe: &'static str,
    pub(crate) severity: Severity,
}

impl Position {
    /// The call itself is the suspicion: it has no parameters that could tell more.
    pub(crate) fn suspicion(&self, event: &Event) -> Suspicion {
        let why = format!("the event sets {} to `{}`", self.of, self.risky);
        Suspicion { subject: Subject::switch(event, self.of.name()), why }
    }

    /// The switch itself, for a look without an event.
    pub(crate) fn listed<'a>(&self, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
        let subject = Subject::switch(event, self.of.name());
        async move { Ok(vec![subject]) }.boxed()
    }

    pub(crate) fn decide(&self, state: &State, given: &Given<'_>, left: Vec<String>) -> Decision<Ec2> {
        if state.is != self.risky {
            return Decision::Allow { why: format!("{} is `{}`", self.of, state.is) };
        }
        if given.holds.contains(self.risky) {
            return Decision::Allow { why: "an operator has put it back".to_owned() };
        }
        Decision::Revert {
            severity: self.severity,
            why: format!("{} is `{}`", self.of, self.risky),
            grants: vec![self.risky.to_owned()],
            plan: vec![Ec2::Switch { of: self.of, from: self.risky.to_owned(), to: self.safe.to_owned() }],
            left,
        }
    }
}

pub(crate) fn after(state: &State, change: &Ec2) -> State {
    match change {
        Ec2::Switch { to, .. } => State { is: to.clone() },
        _ => state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use snapback::control::Control;
    use snapback::settings::Settings;

    use super::*;
    use crate::controls::{SerialConsole, UnblockedImages, UnencryptedVolumes};

    fn laws<C: Control<State = State, Change = Ec2>>(is: &str) -> Result<(), TestCaseError> {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": C::ABOUT.watches[0].name, "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        });
        let event = Event::from_record(record).expect("an event");
        let settings = Settings::default();
        let suspicion = C::suspect(&event, &settings).pop().expect("it is always suspicious");
        let state = State { is: is.to_owned() };
        let decide = |state: &State, holds: &BTreeSet<String>| {
            C::decide(&event, &suspicion, state, &Given { settings: &settings, holds })
        };
        if let Decision::Revert { plan, left, grants, .. } = decide(&state, &BTreeSet::new()) {
            let after = plan.iter().fold(state.clone(), |state, change| C::after(&state, change));
            let again = decide(&after, &BTreeSet::new());
            prop_assert!(again.is_allow() || !left.is_empty() && again.plan().is_empty(), "{}", again);
            let undone = plan.iter().rev().fold(after, |state, change| C::after(&state, &change.undo()));
            prop_assert_eq!(&undone, &state);
            prop_assert!(decide(&state, &grants.into_iter().collect()).is_allow());
        }
        Ok(())
    }

    proptest! {
        /// A revert leaves nothing to revert, can be undone, and is not made again where an operator has undone it.
        #[test]
        fn a_switch_is_turned_back_once(is in prop::sample::select(vec!["enabled", "disabled", "unblocked", "block-new-sharing", "new"])) {
            laws::<UnencryptedVolumes>(is)?;
            laws::<SerialConsole>(is)?;
            laws::<UnblockedImages>(is)?;
        }
    }
}
