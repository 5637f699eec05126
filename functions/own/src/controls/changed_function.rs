//! # A function of Snapback was changed or throttled
//!
//! **Watches** `PutFunctionConcurrency20171031`, `DeleteFunctionConcurrency20171031`, `UpdateFunctionCode20150331v2`,
//! `UpdateFunctionConfiguration20150331v2`, `DeleteFunction20150331`, `AddPermission20150331v2`,
//! `RemovePermission20150331v2`, `PutFunctionEventInvokeConfig`, `UpdateFunctionEventInvokeConfig`,
//! `DeleteFunctionEventInvokeConfig`, and each `Scheduled Event`, which reads the concurrency of all functions.
//!
//! **Why** A function with no concurrency does nothing, and still looks deployed. One with other code or settings does
//! what somebody else wants, with the rights of its role. One that the rules may not invoke, or whose failures are not
//! kept, loses events.
//!
//! **Does** Looks up the function in the stack, and its reserved concurrency. A lower reservation than the stack's is
//! set back to that; where the stack reserves nothing, a reservation is removed, because it is also a limit.
//!
//! **Leaves alone**
//! - functions that are named like Snapback's, but are not part of its stack
//! - a reservation that is larger than the stack's
//! - concurrency that an operator has restored with `snapback undo`
//!
//! It does not even look at functions with other names or in another account.
//!
//! Every other change is an alert: the event does not contain the previous code and settings. Those made by a
//! deployment are of severity `medium`.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Concurrency, LambdaFunction, Own, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::parts::{FUNCTION, Part, UNRESERVED, changed, gone, is_deployment, severity};
use crate::rights;

const SERVICE: &str = "lambda.amazonaws.com";

#[derive(Debug)]
pub(crate) struct ChangedFunction;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub part: Part,
    pub is_there: bool,
    /// How many concurrent executions are reserved for it, if any are.
    pub reserved: Option<u32>,
}

impl Control for ChangedFunction {
    const ABOUT: &'static About = &About {
        id: "own-changed-function",
        title: "A function of Snapback was changed or throttled",
        happened: "was changed",
        // Lambda's own list of names: https://docs.aws.amazon.com/lambda/latest/dg/logging-using-cloudtrail.html
        watches: &[
            Watch { service: SERVICE, name: "PutFunctionConcurrency20171031" },
            Watch { service: SERVICE, name: "DeleteFunctionConcurrency20171031" },
            Watch { service: SERVICE, name: "UpdateFunctionCode20150331v2" },
            Watch { service: SERVICE, name: "UpdateFunctionConfiguration20150331v2" },
            Watch { service: SERVICE, name: "DeleteFunction20150331" },
            Watch { service: SERVICE, name: "AddPermission20150331v2" },
            Watch { service: SERVICE, name: "RemovePermission20150331v2" },
            Watch { service: SERVICE, name: "PutFunctionEventInvokeConfig" },
            Watch { service: SERVICE, name: "UpdateFunctionEventInvokeConfig" },
            Watch { service: SERVICE, name: "DeleteFunctionEventInvokeConfig" },
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::LIST_STACK_RESOURCES, rights::GET_FUNCTION_CONCURRENCY],
        writes: &[rights::PUT_FUNCTION_CONCURRENCY, rights::DELETE_FUNCTION_CONCURRENCY],
        undoes: &[
            rights::GET_FUNCTION_CONCURRENCY,
            rights::PUT_FUNCTION_CONCURRENCY,
            rights::DELETE_FUNCTION_CONCURRENCY,
        ],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1562.008"],
        caveat: "Events that arrived in the meantime wait for up to six hours, or are in the dead letters: look there.",
        source: file!(),
    };

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let named = json::text(&event.request, "functionName").map(|text| name_in(event, text));
        FUNCTION.suspect(event, settings, named)
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some((part, [])) = FUNCTION.look(look, suspicion, |_| []).await? else { return Ok(State::default()) };
        if !part.is(event, &suspicion.subject) {
            return Ok(State { part, ..State::default() });
        }
        let reserved = aws::concurrency(look.place, part.name.as_deref().unwrap_or_default()).await?;
        Ok(State { part, is_there: reserved.is_some(), reserved: reserved.flatten() })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let State { part, is_there, reserved } = state;
        let Some(name) = part.name.as_ref().filter(|_| part.is(event, &suspicion.subject)) else {
            return part.is_none(event, &suspicion.subject);
        };
        if !is_there {
            return gone(event, "the function is deleted, and what it watched goes unnoticed");
        }
        let is_unreserved = UNRESERVED.iter().any(|id| name.contains(&format!("-{id}-")));
        let meant = given.settings.own.reserved.filter(|_| !is_unreserved);
        let is_less = reserved.is_some_and(|now| meant.is_none_or(|meant| now < meant));
        let is_missing = reserved.is_none() && meant.is_some();
        let shown = |number: Option<u32>| number.map_or("no reservation".to_owned(), |number| number.to_string());
        let grant = format!("function `{name}` has {} of concurrency", shown(*reserved));
        if (is_less || is_missing) && !given.holds.contains(&grant) {
            let why = format!("{grant}, where the stack has {}", shown(meant));
            if is_deployment(event) {
                return changed(event, &why);
            }
            let (from, to) = (Concurrency(*reserved), Concurrency(meant));
            let plan = vec![Own::Concurrency(Swap { of: LambdaFunction(name.clone()), from, to })];
            let left = also(event).map(str::to_owned).into_iter().collect();
            return Decision::Revert { severity: severity(event), why, grants: vec![grant], plan, left };
        }
        match also(event) {
            Some(what) => changed(event, what),
            None => Decision::Allow { why: "as many as the stack wants may run, or as an operator does".to_owned() },
        }
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        FUNCTION.found(event, suspicion, &state.part)
    }

    fn after(state: &State, change: &Own) -> State {
        match change {
            Own::Concurrency(change) => State { reserved: change.to.0, ..state.clone() },
            _ => state.clone(),
        }
    }
}

/// The function's name in its name, its ARN or a part of that, each perhaps with a version.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html>
fn name_in<'a>(event: &Event, text: &'a str) -> &'a str {
    let mut words = text.split(':');
    let Some(first) = words.next() else { return text };
    if !text.contains("function:") {
        return first;
    }
    if !text.split(':').any(|word| word == event.account) && text.starts_with("arn:") {
        // Another account's.
        return "";
    }
    words.skip_while(|word| *word != "function").nth(1).unwrap_or_default()
}

/// What an event did that only a deployment can mend.
fn also(event: &Event) -> Option<&'static str> {
    match event.name.as_str() {
        "UpdateFunctionCode20150331v2" => Some("its code was replaced"),
        "UpdateFunctionConfiguration20150331v2" => Some("its settings were changed"),
        "DeleteFunction20150331" => Some("a version of it was deleted"),
        "AddPermission20150331v2" => Some("somebody was allowed to call it or to change it"),
        "RemovePermission20150331v2" => Some("somebody may not call it any more, perhaps the rule that wakes it"),
        "PutFunctionEventInvokeConfig" | "UpdateFunctionEventInvokeConfig" | "DeleteFunctionEventInvokeConfig" => {
            Some("how often it tries again, or where its failures go, was changed")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use snapback::settings::Own as Deployed;

    use super::*;
    use crate::controls::tests::{call, look};

    const NAME: &str = "snapback-S3Function-1A2B3C";

    #[test]
    fn a_function_is_known_by_its_name_and_by_its_arn() {
        let arn = |account: &str| format!("arn:aws:lambda:eu-central-1:{account}:function:{NAME}:$LATEST");
        for (text, is_own) in [
            (NAME.to_owned(), true),
            (format!("{NAME}:1"), true),
            (format!("111122223333:function:{NAME}"), true),
            (arn("111122223333"), true),
            (arn("444455556666"), false),
            ("web".to_owned(), false),
        ] {
            let event = call("lambda", "UpdateFunctionCode20150331v2", json!({"functionName": text}));
            assert_eq!(!ChangedFunction::suspect(&event, &Settings::default()).is_empty(), is_own, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_revert_gives_what_the_stack_reserves_and_its_undo_what_was_there(
            reserved in prop::option::of(0..5_u32), meant in prop::option::of(1..5_u32), is_look in any::<bool>(),
        ) {
            let request = json!({"functionName": NAME});
            let event = if is_look { look() } else { call("lambda", "PutFunctionConcurrency20171031", request) };
            let settings = Settings { own: Deployed { reserved: meant, ..Deployed::default() }, ..Settings::default() };
            let holds = BTreeSet::new();
            let given = Given { settings: &settings, holds: &holds };
            let suspicion = ChangedFunction::suspect(&event, &settings).into_iter().next().expect("it is suspicious");
            let state = State { part: Part { name: Some(NAME.to_owned()) }, is_there: true, reserved };
            match ChangedFunction::decide(&event, &suspicion, &state, &given) {
                Decision::Revert { plan, .. } => {
                    let after = ChangedFunction::after(&state, &plan[0]);
                    prop_assert_eq!(after.reserved, meant);
                    prop_assert!(ChangedFunction::decide(&event, &suspicion, &after, &given).is_allow());
                    prop_assert_eq!(ChangedFunction::after(&after, &plan[0].undo()), state);
                }
                decision => {
                    prop_assert!(decision.is_allow());
                    prop_assert!(reserved == meant || reserved >= meant && meant.is_some(), "{reserved:?}, {meant:?}");
                }
            }
        }
    }
}
