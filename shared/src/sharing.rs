//! What is shared with others: who is a stranger, and what is taken back. What an event tells of it differs from service to
//! service; how it is judged does not.

use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::change::{Change, SharedWith, Swap};
use crate::control::{About, Control, Given, Look, Survey, Suspicion};
use crate::decision::{Decision, Severity};
use crate::event::Event;
use crate::place::Place;
use crate::policy::is_account;
use crate::settings::Settings;
use crate::subject::Subject;

/// The change from those with whom something is shared to others.
pub type Reshared<Of, Change> = fn(Swap<Of, Vec<SharedWith>>) -> Change;

/// What can be shared of one service, and how that is asked and changed.
pub trait Shares: 'static {
    type Of: Clone + Display + Send + Sync;
    type Change: Into<Change> + TryFrom<Change> + Clone;

    const CHANGE: Reshared<Self::Of, Self::Change>;

    /// The sharing in a change, if it is one.
    fn swap(change: &Self::Change) -> Option<&Swap<Self::Of, Vec<SharedWith>>>;

    /// With whom it is shared; nothing if it is gone.
    fn read(place: &Place, of: &Self::Of) -> impl Future<Output = Result<Option<Vec<SharedWith>>>> + Send;

    /// Whether it is an account of AWS's own, with which a service shares in this Region.
    #[must_use]
    fn is_of_aws(_account: &str, _event: &Event) -> bool {
        false
    }
}

/// A control of what can be shared with strangers.
pub trait Shareable: 'static {
    const ABOUT: &'static About;
    const SURVEY: Survey;

    type Of: Shares;

    /// What it is by its id, as the event calls it.
    fn subject(event: &Event, id: &str) -> Subject;

    /// Nothing if it is the account, as the event does not say what was shared.
    fn of(subject: &Subject) -> Option<<Self::Of as Shares>::Of>;

    fn told(event: &Event) -> Told;
}

#[derive(Debug)]
pub struct Sharing<C>(PhantomData<C>);

impl<C: Shareable> Control for Sharing<C> {
    const ABOUT: &'static About = C::ABOUT;

    type State = State;
    type Change = <C::Of as Shares>::Change;

    const SURVEY: Option<Survey> = Some(C::SURVEY);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        C::told(event).suspect::<C>(event, settings)
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(of) = C::of(&suspicion.subject) else { return Ok(State::default()) };
        Ok(State { shared_with: Box::pin(C::Of::read(look.place, &of)).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Self::Change> {
        C::told(event).decide::<C>(event, suspicion, state, given)
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let live = state.shared_with.as_deref().unwrap_or_default();
        let gone: Vec<SharedWith> = C::told(event).with?.into_iter().filter(|one| !live.contains(one)).collect();
        (!gone.is_empty()).then_some((State { shared_with: Some(gone) }, true))
    }

    fn after(state: &State, change: &Self::Change) -> State {
        let (Some(change), Some(live)) = (C::Of::swap(change), &state.shared_with) else { return state.clone() };
        State { shared_with: Some(change.after(live)) }
    }
}

/// What an event tells that it shared.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub id: Option<String>,
    /// Nothing if the event does not say, or tells in a form that is not known.
    pub with: Option<Vec<SharedWith>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// With whom it is shared; nothing if it is gone, or if the event does not say which one it is.
    pub shared_with: Option<Vec<SharedWith>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Trusted,
    Stranger,
    /// It may be the operator's own organization, or it has a form that is not known.
    Unknown,
}

impl Told {
    fn suspect<C: Shareable>(&self, event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let why = match &self.with {
            None => "the event does not say with whom it is shared".to_owned(),
            Some(with) => {
                let strangers = with.iter().filter(|one| standing::<C::Of>(one, event, settings) != Standing::Trusted);
                let strangers: Vec<String> = strangers.map(ToString::to_string).collect();
                if strangers.is_empty() {
                    return vec![];
                }
                format!("the event shares it with {}", strangers.join(", "))
            }
        };
        let subject = self.id.as_ref().map_or_else(|| Subject::account(event), |id| C::subject(event, id));
        vec![Suspicion { subject, why }]
    }

    fn decide<C: Shareable>(
        &self,
        event: &Event,
        suspicion: &Suspicion,
        state: &State,
        given: &Given<'_>,
    ) -> Decision<<C::Of as Shares>::Change> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity, why| Decision::Alert { severity, why };
        let Some(of) = C::of(&suspicion.subject) else {
            return alert(Severity::High, "something was shared, and the event does not say what".to_owned());
        };
        let Some(live) = &state.shared_with else { return allow("it is gone") };
        let standing = |one: &SharedWith| standing::<C::Of>(one, event, given.settings);
        let is_held = |one: &SharedWith| given.holds.contains(&one.to_string());
        let listed = |some: &[SharedWith]| some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let Some(told) = &self.with else {
            let others = live.iter().filter(|one| standing(one) != Standing::Trusted && !is_held(one));
            let others: Vec<SharedWith> = others.cloned().collect();
            if others.is_empty() {
                return allow("it is shared with no stranger");
            }
            let listed = listed(&others);
            if !event.is_look() {
                let why = format!("the event does not say with whom {of} was shared; it is with {listed}");
                return alert(Severity::High, why);
            }
            let severity = if others.contains(&SharedWith::Everyone) {
                Severity::Critical
            } else if others.iter().any(|one| standing(one) == Standing::Stranger) {
                Severity::High
            } else {
                Severity::Medium
            };
            return alert(severity, format!("{of} is shared with {listed}"));
        };
        let (own, others): (Vec<SharedWith>, Vec<SharedWith>) =
            live.iter().cloned().partition(|one| told.contains(one));
        let (held, free): (Vec<SharedWith>, Vec<SharedWith>) = own.into_iter().partition(is_held);
        let of_standing = |wanted| free.iter().filter(|one| standing(one) == wanted).cloned().collect::<Vec<_>>();
        let (strangers, unknown) = (of_standing(Standing::Stranger), of_standing(Standing::Unknown));
        if strangers.is_empty() {
            return if !unknown.is_empty() {
                alert(
                    Severity::Medium,
                    format!("{of} is shared with {}, which is not known to be trusted", listed(&unknown)),
                )
            } else if !held.is_empty() {
                allow("an operator has restored it")
            } else if free.is_empty() {
                allow("it is no longer shared with those whom the event names")
            } else {
                allow("it is shared with no stranger")
            };
        }
        let beside = others.iter().filter(|one| standing(one) == Standing::Stranger && !is_held(one));
        let beside = beside.map(|one| format!("it is shared with {one}, which this event did not do"));
        let perhaps = unknown.iter().map(|one| format!("it is shared with {one}, which is not known to be trusted"));
        Decision::Revert {
            severity: if strangers.contains(&SharedWith::Everyone) { Severity::Critical } else { Severity::High },
            why: format!("{of} is shared with {}", listed(&strangers)),
            grants: strangers.iter().map(ToString::to_string).collect(),
            left: beside.chain(perhaps).collect(),
            plan: vec![<C::Of>::CHANGE(Swap { of, from: strangers, to: vec![] })],
        }
    }
}

/// Who somebody is for this account, with whom something of this service is shared.
#[must_use]
pub fn standing<S: Shares>(grantee: &SharedWith, event: &Event, settings: &Settings) -> Standing {
    let is_trusted = |account: &str| {
        account == event.account || settings.trusted_accounts.contains(account) || S::is_of_aws(account, event)
    };
    let of_account = |account: &str| match (is_trusted(account), is_account(account)) {
        (true, _) => Standing::Trusted,
        (false, true) => Standing::Stranger,
        (false, false) => Standing::Unknown,
    };
    match grantee {
        SharedWith::Everyone => Standing::Stranger,
        SharedWith::Account(id) => of_account(id),
        SharedWith::Principal(arn) => of_account(arn.split(':').nth(4).unwrap_or(arn)),
        // `arn:aws:organizations::111122223333:ou/o-a1b2c3d4e5/ou-ab12-cdefghij`: the account is the one that manages it.
        SharedWith::Organization(arn) | SharedWith::OrganizationalUnit(arn) => {
            let is_own = arn.split(':').nth(4) == Some(event.account.as_str());
            let id = arn.split('/').nth(1).unwrap_or_default();
            if is_own || settings.trusted_organizations.contains(id) {
                Standing::Trusted
            } else if settings.trusted_organizations.is_empty() {
                // Nobody has said which organization is one's own.
                Standing::Unknown
            } else {
                Standing::Stranger
            }
        }
    }
}
