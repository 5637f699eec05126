//! # A trail was deleted
//!
//! **Watches** `DeleteTrail`.
//!
//! **Why** Whoever deletes a trail has nothing recorded any more (Stratus Red Team: `cloudtrail-delete`), and EventBridge tells
//! of no API call that no trail records. The event does not say how the trail was set up.
//!
//! **Does** Makes the trail again as it was in the baseline, which a daily scheduled check keeps and which must be less than
//! two days old: with its settings, tags, event selectors and insights. It starts the trail if it was logging. All of that
//! only if the bucket for its log files is this account's: where that cannot be proven it asks an operator. It reads up from
//! CloudTrail's event history what woke nobody, as `trail-stopped-logging` does. Data events, where the trail records some,
//! cost [$0.10 per 100,000](https://aws.amazon.com/cloudtrail/pricing/) again, as they did before.
//!
//! **Leaves alone**
//! - trails that are there again, and record no less than before
//! - trails that an operator has deleted again with `snapback undo`
//!
//! It alerts, with what it knows, without a baseline, for the trail of an organization, if the bucket is gone, and if somebody
//! has made a trail of that name that is weaker. A log group is left to an operator, as whoever may pass CloudTrail a role may
//! pass it any. The baseline is that of `trail-weakened`: where that is off, there is none.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use snapback::buckets::Owner;
use snapback::change::{
    CloudTrail, EventSelectors, InsightSelectors, NewTrail, Setting, Swap, Trail, TrailLogging, TrailSettings,
};
use snapback::control::{About, Control, Given, Look, Remembered, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use super::Weakened;
use super::weakened::{log_group, weaker};
use crate::aws::trails::WholeTrail;
use crate::selected::has_data_events;
use crate::told::{DEAF, SERVICE, suspicion, trail_of};
use crate::{aws, rights};

/// In these words an undo holds on to it.
const DELETED: &str = "deleted";

#[derive(Debug)]
pub(crate) struct Deleted;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// How the trail is set up; nothing if it is gone.
    trail: Option<NewTrail>,
    /// What is gone logs nothing, and selects nothing.
    logging: TrailLogging,
    selectors: EventSelectors,
    insights: InsightSelectors,
    /// How it was when it was last looked at.
    before: Option<Remembered<WholeTrail>>,
    /// Whose the bucket of before is, if the trail is gone.
    owner: Option<Owner>,
}

impl Control for Deleted {
    const ABOUT: &'static About = &About {
        id: "trail-deleted",
        title: "A trail was deleted",
        happened: "was deleted",
        watches: &[Watch { service: SERVICE, name: "DeleteTrail" }],
        reads: rights::READ_ALL,
        writes: &[
            rights::CREATE_TRAIL,
            rights::ADD_TAGS,
            rights::PUT_EVENT_SELECTORS,
            rights::PUT_INSIGHT_SELECTORS,
            rights::START_LOGGING,
        ],
        undoes: &[
            rights::GET_TRAIL,
            rights::GET_TRAIL_STATUS,
            rights::GET_EVENT_SELECTORS,
            rights::GET_INSIGHT_SELECTORS,
            rights::LIST_TAGS,
            rights::STOP_LOGGING,
            rights::PUT_EVENT_SELECTORS,
            rights::PUT_INSIGHT_SELECTORS,
            rights::DELETE_TRAIL,
        ],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP CloudTrail.1",
            "CIS AWS Foundations 3.1",
            "ATT&CK T1562.008",
            "Stratus aws.defense-evasion.cloudtrail-delete",
            "Pacu detection__disruption: delete_trail",
        ],
        caveat: "Calls of the time without the trail are read from CloudTrail's event history within half an hour. Data events of \
                 that time are recorded nowhere, and the chain of digests begins anew.",
        source: file!(),
    };

    const MISSES_EVENTS: Option<SignedDuration> = Some(DEAF);

    type State = State;
    type Change = CloudTrail;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        vec![suspicion(event, Self::ABOUT.happened)]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(arn) = trail_of(&suspicion.subject) else { return Ok(State::of(None)) };
        let read = aws::trails::read(look.place, arn);
        let (trail, before) = look.with_remembered::<Weakened, _>(&suspicion.subject, read).await?;
        let is_gone = trail.is_none();
        let mut state = State { before, ..State::of(trail) };
        if let Some(before) = state.before.as_ref().and_then(|before| before.good.as_ref()).filter(|_| is_gone) {
            state.owner = Some(Box::pin(snapback::buckets::owner(look.place, &before.settings.bucket)).await?);
        }
        Ok(state)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<CloudTrail> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::Critical, why };
        let why = format!("{} by {}", suspicion.why, event.actor);
        let Some(arn) = trail_of(&suspicion.subject) else { return alert(why) };
        let before = state.before.as_ref().and_then(|before| before.good_before(event));
        if let Some(trail) = state.whole() {
            let weaker = before.map(|(before, _)| weaker(&trail, before, arn)).unwrap_or_default();
            return match &weaker[..] {
                [] => allow("the trail is there, and records no less than is known of before"),
                ways => alert(format!("{why}; it was made again, and unlike before it is {}", ways.join(", "))),
            };
        }
        if given.holds.contains(DELETED) {
            return allow("an operator has deleted it again");
        }
        let Some((before, age)) = before else {
            return alert(format!("{why}; how it was set up is not known, so that Snapback cannot make it again"));
        };
        let settings = &before.settings;
        let was = format!("{age} before, it had {}", settings.shown());
        if settings.of_organization {
            return alert(format!(
                "{why}; {was}: `aws cloudtrail create-trail --is-organization-trail`, in the management account or its delegated \
                 administrator"
            ));
        }
        if state.owner == Some(Owner::Nobody) {
            return alert(format!(
                "{why}; {was}; that bucket is gone too, and whoever makes one of its name would get the log files: make it again, \
                 and then the trail"
            ));
        }
        let costs = if has_data_events(&before.selectors) {
            "; it records data events again, which cost $0.10 per 100,000"
        } else {
            ""
        };
        Decision::Revert {
            severity: Severity::Critical,
            why: format!("{why}; {was}{costs}"),
            grants: vec![DELETED.to_owned()],
            plan: state.plan(before, arn),
            left: log_group(settings, arn).map(|(_, how)| how).into_iter().collect(),
        }
    }

    fn asks(_: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let before = state.before.as_ref().filter(|_| state.owner == Some(Owner::Another))?.good.as_ref()?;
        Some(format!(
            "its log files went to bucket `{}`, which is not this account's: see that it is yours before you make the trail again",
            before.settings.bucket
        ))
    }

    fn after(state: &State, change: &CloudTrail) -> State {
        let mut state = state.clone();
        match change {
            CloudTrail::Existence(change) => state.trail.clone_from(&change.to),
            CloudTrail::EventSelectors(change) => state.selectors.clone_from(&change.to),
            CloudTrail::InsightSelectors(change) => state.insights.clone_from(&change.to),
            CloudTrail::Logging(change) => state.logging = change.to,
            CloudTrail::Settings(_) => {}
        }
        state
    }
}

impl State {
    fn of(trail: Option<WholeTrail>) -> Self {
        let gone = Self {
            trail: None,
            logging: TrailLogging::Off,
            selectors: EventSelectors::default(),
            insights: InsightSelectors::default(),
            before: None,
            owner: None,
        };
        let Some(WholeTrail { settings, logging, selectors, insights, tags }) = trail else { return gone };
        Self { trail: Some(NewTrail { settings, tags }), logging, selectors, insights, ..gone }
    }

    fn whole(&self) -> Option<WholeTrail> {
        let NewTrail { settings, tags } = self.trail.clone()?;
        let Self { logging, selectors, insights, .. } = self.clone();
        Some(WholeTrail { settings, logging, selectors, insights, tags })
    }

    /// What makes it again, as far as one call after the other does.
    fn plan(&self, before: &WholeTrail, arn: &str) -> Vec<CloudTrail> {
        let of = || Trail(arn.to_owned());
        let settings = TrailSettings { log_group: None, ..before.settings.clone() };
        let tags: BTreeMap<_, _> =
            before.tags.clone().into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect();
        let mut plan =
            vec![CloudTrail::Existence(Swap { of: of(), from: None, to: Some(NewTrail { settings, tags }) })];
        if self.selectors != before.selectors {
            let (from, to) = (self.selectors.clone(), before.selectors.clone());
            plan.push(CloudTrail::EventSelectors(Swap { of: of(), from, to }));
        }
        if self.insights != before.insights {
            let (from, to) = (self.insights.clone(), before.insights.clone());
            plan.push(CloudTrail::InsightSelectors(Swap { of: of(), from, to }));
        }
        if self.logging != before.logging {
            plan.push(CloudTrail::Logging(Swap { of: of(), from: self.logging, to: before.logging }));
        }
        plan
    }
}
