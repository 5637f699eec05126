//! Controls that judge an event by itself and only notify: what the event says is all that there is to judge. Such a
//! control is its page, its [`About`] and one function.

use std::fmt::Debug;
use std::marker::PhantomData;

use anyhow::Result;

use crate::change::Nothing;
use crate::control::{About, Control, Given, Look, Suspicion};
use crate::decision::{Decision, Severity};
use crate::event::{Event, Kind};
use crate::policy::{self, Policy};
use crate::settings::Settings;
use crate::subject::Subject;

/// A control that has no exact revert, and nothing to look at.
pub trait Noticed: 'static {
    const ABOUT: &'static About;

    /// See [`Control::WATCHES`].
    const WATCHES: Kind = Kind::ApiCall;

    /// See [`Control::OPT_IN`].
    const OPT_IN: bool = false;

    /// See [`Control::TELLS_FROM`].
    const TELLS_FROM: Option<u64> = None;

    /// See [`Control::happened`].
    #[must_use]
    fn happened(_event: &Event) -> &'static str {
        Self::ABOUT.happened
    }

    /// What people have to know; nothing if the event is harmless. What it does not tell is a risk.
    fn noticed(event: &Event, settings: &Settings) -> Option<Risk>;
}

/// What an event did.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// The account, where the event does not tell upon what.
    pub subject: Subject,
    pub severity: Severity,
    /// What happened, and what to do about it.
    pub why: String,
}

/// The control itself.
#[derive(Debug)]
pub struct Notices<N>(PhantomData<N>);

impl<N: Noticed> Control for Notices<N> {
    const ABOUT: &'static About = N::ABOUT;
    const WATCHES: Kind = N::WATCHES;
    const OPT_IN: bool = N::OPT_IN;
    const TELLS_FROM: Option<u64> = N::TELLS_FROM;

    type State = ();
    type Change = Nothing;

    fn happened(event: &Event, (): &(), is_certain: bool) -> Option<&'static str> {
        is_certain.then(|| N::happened(event))
    }

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let risk = N::noticed(event, settings);
        risk.map(|Risk { subject, why, .. }| Suspicion { subject, why }).into_iter().collect()
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, _: &Suspicion, (): &(), given: &Given<'_>) -> Decision<Nothing> {
        match N::noticed(event, given.settings) {
            Some(Risk { severity, why, .. }) => Decision::Alert { severity, why },
            None => Decision::Allow { why: "it is harmless by the settings of now".to_owned() },
        }
    }

    fn after((): &(), change: &Nothing) {
        match *change {}
    }
}

/// How severe a policy is that an event puts, and whom it lets in; nothing if that is nobody who is not trusted.
#[must_use]
pub fn strangers_in(policy: Option<&str>, event: &Event, settings: &Settings) -> Option<(Severity, String)> {
    let Some(text) = policy else {
        return Some((Severity::Medium, "the event does not contain the policy".to_owned()));
    };
    let policy = match Policy::parse(text) {
        Ok(policy) => policy,
        Err(error) => return Some((Severity::Medium, format!("the event's policy is not understood: {error}"))),
    };
    let grants = policy.judge(policy::Kind::Resource, &settings.trust_at(event)).grants;
    let open: Vec<_> = grants.iter().filter(|grant| grant.is_untrusted()).collect();
    let severity = open.iter().map(|grant| match (grant.certain, grant.writes) {
        (false, _) => Severity::Medium,
        (true, false) => Severity::High,
        (true, true) => Severity::Critical,
    });
    let severity = severity.max()?;
    Some((severity, open.iter().map(|grant| grant.why.as_str()).collect::<Vec<_>>().join("; ")))
}

/// The account in an ARN, if it has one.
#[must_use]
pub fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| policy::is_account(account))
}
