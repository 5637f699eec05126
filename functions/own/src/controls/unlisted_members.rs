//! # The accounts of the organization could not be listed
//!
//! **Watches** each `Scheduled Event`, which reads in the journal whether AWS Organizations still says which accounts it has.
//!
//! **Why** With `TrustMembers=yes` they are trusted, but not by an old list: without a new one, Snapback reverts what lets in an
//! account of your own. With `list` as well, it knows by it in which units they are: without one, the least counts of the modes
//! that `ModeOverrides` may mean, and a guardrail that asks for units forbids.
//!
//! **Does** Alerts once a day, as long as the list cannot be had: from three hours after the last on, or within ten minutes if
//! there is none. The notice says why, and until when the last list counts. It touches nothing.
//!
//! **Leaves alone**
//! - a list that is less than three hours old
//! - a deployment that has not asked for one yet
//!
//! A list that is forged is not believed. It is told of, and replaced by what AWS Organizations says then.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::change::Own;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::journal::{Listed, Members};
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct UnlistedMembers;

/// For how long nobody has to know that a list cannot be had: it comes each hour.
const FRESH: SignedDuration = SignedDuration::from_hours(3);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// When the last list was had.
    listed: Option<Timestamp>,
    /// Until when it is believed.
    until: Option<Timestamp>,
    /// Why there is no newer one.
    problem: Option<String>,
    forged: Option<String>,
}

impl Control for UnlistedMembers {
    const ABOUT: &'static About = &About {
        id: "own-unlisted-members",
        title: "The accounts of the organization could not be listed",
        happened: "could not list the accounts of its organization",
        watches: &[Watch { service: "events.amazonaws.com", name: SCHEDULED }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562"],
        caveat: "Until there is a new list, what lets in an account of your own may be reverted, or what a unit's mode would have \
                 reverted stay: read `snapback history`.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let why = "it is time for a scheduled check".to_owned();
        settings.asks_for_members().then(|| Suspicion { subject: Subject::account(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, _: &Suspicion) -> Result<State> {
        Ok(match look.members().await? {
            Ok(Members { last, problem }) => {
                let last = last.as_ref();
                State { listed: last.map(|last| last.at), until: last.map(Listed::until), problem, forged: None }
            }
            Err(forged) => State { forged: Some(forged.to_string()), ..State::default() },
        })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let (are, nobody) = if given.settings.trusts_members {
            ("the accounts of the organization are trusted", "no account is trusted for being in the organization")
        } else {
            ("the units of accounts are known", "in which unit of the organization an account is, is not known")
        };
        let State { listed, until, problem, forged } = state;
        if let Some(forged) = forged {
            let why = format!("{nobody} before Snapback has listed them anew: {forged}");
            return Decision::Alert { severity: Severity::High, why };
        }
        let Some(problem) = problem else {
            return Decision::Allow {
                why: "nothing keeps the accounts of the organization from being listed".to_owned(),
            };
        };
        match listed.zip(*until) {
            Some((at, _)) if event.time.duration_since(at) < FRESH => {
                Decision::Allow { why: format!("the accounts of the organization were listed at {at:.0}") }
            }
            Some((at, until)) if event.time < until => {
                let why =
                    format!("{are} as they were listed at {at:.0}, until {until:.0}, and then no more: {problem}");
                Decision::Alert { severity: Severity::Medium, why }
            }
            _ => Decision::Alert { severity: Severity::High, why: format!("{nobody}: {problem}") },
        }
    }

    fn after(state: &State, _: &Own) -> State {
        state.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::tests::look;
    use super::*;

    fn judged(hours: i64, problem: Option<&str>) -> Decision<Own> {
        let event = look();
        let at = event.time - SignedDuration::from_hours(hours);
        let last = Listed { accounts: BTreeSet::new(), organization: None, units: BTreeMap::new(), at };
        let problem = problem.map(str::to_owned);
        let state = State { listed: Some(at), until: Some(last.until()), problem, forged: None };
        let suspicion = Suspicion { subject: Subject::account(&event), why: String::new() };
        let given = Given { settings: &Settings::default(), holds: &BTreeSet::new() };
        UnlistedMembers::decide(&event, &suspicion, &state, &given)
    }

    #[test]
    fn it_is_told_after_three_hours_and_again_when_the_last_list_counts_no_more() {
        let severity = |hours| judged(hours, Some("denied")).severity();
        assert_eq!([1, 2, 3, 47, 48, 500].map(severity), {
            let (medium, high) = (Some(Severity::Medium), Some(Severity::High));
            [None, None, medium, medium, high, high]
        });
        // The next list is about to be asked for.
        assert!(judged(500, None).is_allow());
    }

    #[test]
    fn whoever_trusts_no_members_is_not_asked_for_them() {
        assert!(UnlistedMembers::suspect(&look(), &Settings::default()).is_empty());
        let trusting = Settings { trusts_members: true, ..Settings::default() };
        let listing = Settings { lists_members: true, ..Settings::default() };
        assert_eq!([trusting, listing].map(|settings| UnlistedMembers::suspect(&look(), &settings).len()), [1, 1]);
    }
}
