//! # A trail records fewer events
//!
//! **Watches** `PutEventSelectors`, `PutInsightSelectors`.
//!
//! **Why** A trail that records no management events, or only those that read, still says that it is logging (Stratus Red
//! Team: `cloudtrail-event-selectors`). EventBridge tells of no API call that no trail records. Whoever turns off CloudTrail
//! Insights has unusual numbers of calls and errors go unnoticed.
//!
//! **Does** Reads what the trail selects now, and what it selected by the baseline, which a daily scheduled check keeps and
//! which must be less than two days old. Where events are recorded no more, it puts the selectors of the baseline back, basic
//! ones or advanced ones as they were, and keeps those of now that record something besides. Insights that are missing are
//! put back beside those of now. It reads up from CloudTrail's event history what woke nobody, as `trail-stopped-logging`
//! does.
//!
//! **Leaves alone**
//! - selectors that record all that was recorded before, in whichever form
//! - trails that are gone by the time Snapback looks
//! - selectors that an operator has restored with `snapback undo`
//! - without a baseline, selectors that record all management events
//!
//! Without a baseline it alerts, with the command, where not all management events are recorded, and where insights were put.
//! Selectors of the other form than before are replaced as a whole. The baseline is that of `trail-weakened`: where that is
//! off, there is none.

use std::collections::BTreeSet;

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::change::{CloudTrail, EventSelectors, InsightSelectors, Setting, Swap, Trail};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::Weakened;
use crate::aws::trails::WholeTrail;
use crate::selected::{has_all_management_events, lost, restored};
use crate::told::{DEAF, SERVICE, subject, trail_of};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct NarrowedSelectors;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the trail is gone.
    trail: Option<Selected>,
    /// How the trail was when it was last looked at.
    before: Option<Remembered<WholeTrail>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Selected {
    selectors: EventSelectors,
    insights: InsightSelectors,
}

/// Something that is missing: in which words it is held, how grave it is, and what puts it back.
struct Missing {
    grant: String,
    severity: Severity,
    change: CloudTrail,
}

impl Control for NarrowedSelectors {
    const ABOUT: &'static About = &About {
        id: "trail-narrowed-selectors",
        title: "A trail records fewer events",
        happened: "records fewer events",
        watches: &[
            Watch { service: SERVICE, name: "PutEventSelectors" },
            Watch { service: SERVICE, name: "PutInsightSelectors" },
        ],
        reads: &[rights::GET_TRAIL, rights::GET_EVENT_SELECTORS, rights::GET_INSIGHT_SELECTORS],
        writes: &[rights::PUT_EVENT_SELECTORS, rights::PUT_INSIGHT_SELECTORS],
        undoes: &[
            rights::GET_EVENT_SELECTORS,
            rights::GET_INSIGHT_SELECTORS,
            rights::PUT_EVENT_SELECTORS,
            rights::PUT_INSIGHT_SELECTORS,
        ],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP CloudTrail.1",
            "CIS AWS Foundations 3.1",
            "ATT&CK T1562.008",
            "Stratus aws.defense-evasion.cloudtrail-event-selectors",
        ],
        caveat: "Management events of the time in which they were not recorded are read from CloudTrail's event history within \
                 half an hour. Data events of that time are recorded nowhere.",
        source: file!(),
    };

    const MISSES_EVENTS: Option<SignedDuration> = Some(DEAF);

    type State = State;
    type Change = CloudTrail;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let subject = subject(event);
        let what = if event.name == "PutInsightSelectors" { "insights" } else { "event selectors" };
        let why = match trail_of(&subject) {
            Some(_) => format!("the {what} of trail `{}` were put", subject.name),
            None => format!("the {what} of a trail were put, and the event does not say of which"),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(arn) = trail_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = async {
            let Some(_) = aws::trails::settings(look.place, arn).await? else { return Ok(None) };
            let (selectors, insights) = futures::try_join!(
                Box::pin(aws::selectors::read(look.place, arn)),
                Box::pin(aws::selectors::insights(look.place, arn))
            )?;
            Ok(Some(Selected { selectors, insights }))
        };
        let (trail, before) = look.with_remembered::<Weakened, _>(&suspicion.subject, read).await?;
        Ok(State { trail, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<CloudTrail> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let Some(arn) = trail_of(&suspicion.subject) else {
            return Decision::Alert { severity: Severity::Critical, why };
        };
        let Some(trail) = &state.trail else { return allow("the trail is gone") };
        let Some((before, age)) = state.before.as_ref().and_then(|before| before.good_before(event)) else {
            return without_a_baseline(event, arn, trail, &why);
        };
        let mut missing = trail.missing(before, arn);
        if missing.is_empty() {
            return allow("it records all that it recorded before");
        }
        missing.retain(|missing| !given.holds.contains(&missing.grant));
        let Some(severity) = missing.iter().map(|missing| missing.severity).max() else {
            return allow("an operator has restored them");
        };
        let lost = missing.iter().map(|missing| missing.grant.as_str()).collect::<Vec<_>>().join("; ");
        let (grants, plan) = missing.iter().map(|missing| (missing.grant.clone(), missing.change.clone())).unzip();
        let why = format!("{why}; unlike {age} before, it is {lost}");
        Decision::Revert { severity, why, grants, plan, left: vec![] }
    }

    fn after(state: &State, change: &CloudTrail) -> State {
        let mut state = state.clone();
        if let Some(trail) = &mut state.trail {
            match change {
                CloudTrail::EventSelectors(change) => trail.selectors = change.to.clone(),
                CloudTrail::InsightSelectors(change) => trail.insights = change.to.clone(),
                _ => {}
            }
        }
        state
    }
}

impl Selected {
    fn missing(&self, before: &WholeTrail, arn: &str) -> Vec<Missing> {
        let of = || Trail(arn.to_owned());
        let mut missing = vec![];
        let lost = lost(&self.selectors, &before.selectors);
        if let Some(severity) = lost.iter().map(|lost| lost.severity).max() {
            let (from, to) = (self.selectors.clone(), restored(&self.selectors, &before.selectors));
            missing.push(Missing {
                grant: format!("without {}", said(lost.into_iter().map(|lost| lost.what))),
                severity,
                change: CloudTrail::EventSelectors(Swap { of: of(), from, to }),
            });
        }
        let gone: BTreeSet<&String> =
            before.insights.0.keys().filter(|kind| !self.insights.0.contains_key(*kind)).collect();
        if !gone.is_empty() {
            let mut to = self.insights.clone();
            to.0.extend(before.insights.0.clone().into_iter().filter(|(kind, _)| gone.contains(kind)));
            missing.push(Missing {
                grant: format!("without insights of {}", said(gone.into_iter().cloned())),
                severity: Severity::Medium,
                change: CloudTrail::InsightSelectors(Swap { of: of(), from: self.insights.clone(), to }),
            });
        }
        missing
    }
}

fn said(these: impl Iterator<Item = String>) -> String {
    these.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// What a trail has to record is known of management events alone.
fn without_a_baseline(event: &Event, arn: &str, trail: &Selected, why: &str) -> Decision<CloudTrail> {
    let unknown = "what it recorded before is not known";
    if event.name == "PutInsightSelectors" {
        let what = trail.insights.shown();
        let why = format!("{why}: {what}; {unknown}");
        return Decision::Alert { severity: Severity::Medium, why };
    }
    if has_all_management_events(&trail.selectors) {
        return Decision::Allow { why: "it records all management events".to_owned() };
    }
    Decision::Alert {
        severity: Severity::High,
        why: format!(
            "{why}, and it does not record all management events; {unknown}; to have it record them all: `aws cloudtrail \
             put-event-selectors --trail-name {arn} --event-selectors \
             '[{{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":true}}]'`"
        ),
    }
}
