//! What the event alone decides and nothing reverts: it has happened, and people have to know.

use std::marker::PhantomData;

use anyhow::Result;
use snapback::change::Nothing;
use snapback::control::{About, Control, Given, Look, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, Kind};
use snapback::settings::Settings;

pub(crate) trait Alert: 'static {
    const ABOUT: &'static About;

    /// As of a control.
    const WATCHES: Kind = Kind::ApiCall;
    const OPT_IN: bool = false;
    const TELLS_FROM: Option<u64> = None;

    /// What people are told; nothing if the event is harmless.
    fn suspect(event: &Event, settings: &Settings) -> Option<Suspicion>;

    /// How severe it is, where that depends on the event.
    fn severity(_: &Event) -> Severity {
        Self::ABOUT.severity
    }
}

/// A control that does nothing but alert.
#[derive(Debug)]
pub(crate) struct Alerting<A>(PhantomData<A>);

impl<A: Alert> Control for Alerting<A> {
    const ABOUT: &'static About = A::ABOUT;
    const WATCHES: Kind = A::WATCHES;
    const OPT_IN: bool = A::OPT_IN;
    const TELLS_FROM: Option<u64> = A::TELLS_FROM;

    /// There is nothing to look at.
    type State = ();
    type Change = Nothing;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        A::suspect(event, settings).into_iter().collect()
    }

    async fn observe(_: &Look<'_>, _: &Event, _: &Suspicion) -> Result<()> {
        Ok(())
    }

    fn decide(event: &Event, suspicion: &Suspicion, (): &(), _: &Given<'_>) -> Decision<Nothing> {
        Decision::Alert { severity: A::severity(event), why: suspicion.why.clone() }
    }

    fn after((): &(), change: &Nothing) {
        match *change {}
    }
}
