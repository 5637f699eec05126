//! What is on or off for the whole account in a Region: all that the controls which turn it back have in common.

use std::marker::PhantomData;
use std::time::Duration;

use anyhow::Result;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use snapback::change::{Ec2, Swap, Switch, SwitchMode};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// In the words of its API.
    pub(crate) is: String,
    /// How it was when it was last looked at, for a control that remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remembered: Option<Remembered<String>>,
}

/// How a switch is risky, and how it is safe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(crate) of: Switch,
    pub(crate) risky: &'static str,
    pub(crate) safe: &'static str,
    pub(crate) severity: Severity,
}

/// A control that turns a switch back.
pub(crate) trait Switched: 'static {
    const ABOUT: &'static About;
    /// What it is turned from, and what to.
    const POSITION: Position;
    const SHOWS_LATE: Option<&'static str> = None;
    const SETTLES: Duration = Duration::from_mins(2);
    const REMEMBERS: bool = false;

    /// The call itself is the suspicion, where it has no parameters that could tell more.
    fn suspect(event: &Event) -> Vec<Suspicion> {
        vec![Self::POSITION.suspicion(event, Some(Self::POSITION.risky))]
    }

    fn decide(_: &Event, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        Self::POSITION.decide(state, given, vec![])
    }
}

#[derive(Debug)]
pub(crate) struct Turned<C>(PhantomData<C>);

impl<C: Switched> Control for Turned<C> {
    const ABOUT: &'static About = C::ABOUT;
    const SHOWS_LATE: Option<&'static str> = C::SHOWS_LATE;
    const SETTLES: Duration = C::SETTLES;

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> =
        Some(Survey { list: |_, event| async move { Ok(vec![C::POSITION.subject(event)]) }.boxed(), needs: &[] });

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        C::suspect(event)
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let remembered =
            async { if C::REMEMBERS { look.remembered::<Self>(&suspicion.subject).await } else { Ok(None) } };
        let (is, remembered) =
            futures::try_join!(Box::pin(aws::switches::read(look.place, C::POSITION.of)), Box::pin(remembered))?;
        Ok(State { is, remembered })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        C::decide(event, state, given)
    }

    fn after(state: &State, change: &Ec2) -> State {
        after(state, change)
    }
}

impl<C: Switched> Remembers for Turned<C> {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        C::POSITION.good(state)
    }
}

impl Position {
    pub(crate) fn subject(&self, event: &Event) -> Subject {
        Subject::switch(event, self.of.name())
    }

    /// `to` is how the event sets it, if it says so.
    pub(crate) fn suspicion(&self, event: &Event, to: Option<&str>) -> Suspicion {
        let to = to.map_or_else(|| "something that it does not say".to_owned(), |to| format!("`{to}`"));
        Suspicion { subject: self.subject(event), why: format!("the event sets {} to {to}", self.of) }
    }

    pub(crate) fn decide(&self, state: &State, given: &Given<'_>, left: Vec<String>) -> Decision<Ec2> {
        if state.is != self.risky {
            return Decision::Allow { why: format!("{} is `{}`", self.of, state.is) };
        }
        if given.holds.contains(self.risky) {
            return Decision::Allow { why: "an operator has restored it".to_owned() };
        }
        Decision::Revert {
            severity: self.severity,
            why: format!("{} is `{}`", self.of, self.risky),
            grants: vec![self.risky.to_owned()],
            plan: vec![self.change()],
            left,
        }
    }

    pub(crate) fn change(&self) -> Ec2 {
        let mode = |mode: &str| SwitchMode(mode.to_owned());
        Ec2::Switch(Swap { of: self.of, from: mode(self.risky), to: mode(self.safe) })
    }

    /// What is worth remembering.
    pub(crate) fn good(&self, state: &State) -> Option<String> {
        (state.is != self.risky).then(|| state.is.clone())
    }
}

pub(crate) fn after(state: &State, change: &Ec2) -> State {
    match change {
        Ec2::Switch(change) => State { is: change.to.0.clone(), ..state.clone() },
        _ => state.clone(),
    }
}
