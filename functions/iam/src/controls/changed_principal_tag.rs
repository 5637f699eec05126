//! # A tag that policies depend on was changed
//!
//! **Watches** `TagUser`, `UntagUser`, `TagRole`, `UntagRole`.
//!
//! **Why** Where policies allow or deny by the tags of whoever calls (`aws:PrincipalTag`), a right to set tags is a right to
//! become whomever a policy asks for.
//!
//! **Does** Alerts, and names the tag and a policy that depends on it. Which tags count is in the account's baseline, which a
//! scheduled check takes from all managed and inline policies and from whom the roles trust. Each event costs one look at the
//! journal and no call to IAM, as whoever tags hundreds of roles would use up its limits. Nothing is reverted, as no event says
//! which value a tag had.
//!
//! **Leaves alone**
//! - tags that no policy of the account depends on
//! - all tags, where there is no baseline of the last 48 hours
//!
//! In members of a hub there is a baseline only where `Members` names them.
//!
//! Policies of AWS, of resources and of the organization are not read, and neither are tags that a user or a role gets when it
//! is created, or a session when it is opened.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::Nothing;
use snapback::control::{
    About, Baseline, Control, Given, Look, ReadAll, Remembered, Remembers, Survey, Suspicion, Watch, journaled,
};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::principal_tags::{self, Keys};
use crate::told::{self, SERVICE};

#[derive(Debug)]
pub(crate) struct ChangedPrincipalTag;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What a scheduled check has found that policies depend on.
    known: Option<Remembered<Keys>>,
}

impl Control for ChangedPrincipalTag {
    const ABOUT: &'static About = &About {
        id: "iam-changed-principal-tag",
        title: "A tag that policies depend on was changed",
        happened: "had a tag changed that policies depend on",
        watches: &[
            Watch { service: SERVICE, name: "TagUser" },
            Watch { service: SERVICE, name: "UntagUser" },
            Watch { service: SERVICE, name: "TagRole" },
            Watch { service: SERVICE, name: "UntagRole" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1098.003"],
        caveat: "If nobody meant to change it, set the tag to what it was, and look in CloudTrail for what was done meanwhile.",
        source: file!(),
    };

    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.known.as_ref()));
    const SURVEY: Option<Survey> = Some(principal_tags::ACCOUNT);

    /// AWS is not asked, so that no later look could show another.
    const IS_SETTLED: Option<fn(&State) -> bool> = Some(|_| true);

    type State = State;
    type Change = Nothing;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let did = if event.name.starts_with("Untag") { "removed" } else { "set" };
        let of = told::identity(event)
            .map_or_else(|| "an identity that the event does not name".to_owned(), |of| of.to_string());
        vec![Suspicion { subject: Subject::account(event), why: format!("{} {did} tags of {of}", event.actor) }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        // Nothing has been changed.
        if event.is_look() {
            return Ok(State::default());
        }
        Ok(State { known: look.remembered::<Self>(&suspicion.subject).await? })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Nothing> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some((keys, _)) = state.known.as_ref().and_then(|known| known.good_before(event)) else {
            return allow("which tags policies depend on is not known");
        };
        let changed = changed(event);
        let depends = keys.iter().filter(|(key, _)| changed.is_empty() || changed.contains(key));
        let depends = depends.map(|(key, policy)| format!("{policy} depends on tag `{key}`"));
        let depends: Vec<String> = depends.take(MOST_NAMED).collect();
        if depends.is_empty() {
            return allow("no policy of the account depends on these tags");
        }
        Decision::Alert { severity: Severity::Medium, why: format!("{}: {}", suspicion.why, depends.join("; ")) }
    }

    fn found(event: &Event, suspicion: &Suspicion, _: &State) -> Subject {
        told::identity(event).map_or_else(|| suspicion.subject.clone(), |of| told::subject(event, &of))
    }

    fn after(_: &State, change: &Nothing) -> State {
        match *change {}
    }
}

impl Remembers for ChangedPrincipalTag {
    const ALL: Option<ReadAll<Keys>> = Some(principal_tags::all);

    type Good = Keys;

    fn good(_: &State) -> Option<Keys> {
        None
    }
}

/// More would not fit into a line that people read.
const MOST_NAMED: usize = 5;

/// The keys of the tags that were changed, in small letters; none if the event does not tell them.
fn changed(event: &Event) -> Vec<String> {
    let set = json::list(&event.request["tags"]).into_iter().filter_map(|tag| json::text(tag, "key"));
    let removed = json::list(&event.request["tagKeys"]).into_iter().filter_map(Value::as_str);
    set.chain(removed).map(str::to_lowercase).collect()
}
