//! # Snapback's journal lost its protection
//!
//! **Watches** `UpdateTable`, `UpdateContinuousBackups`, `DeleteTable`, `UpdateTimeToLive`, `PutResourcePolicy`,
//! `DeleteResourcePolicy`, and each `Scheduled Event`, which reads the journal's protection.
//!
//! **Why** Every revert can be undone from the journal, and nothing else says what Snapback did. Whoever wants it gone
//! first turns off deletion protection and point-in-time recovery.
//!
//! Whoever limits what may be read from it and written to it keeps Snapback from working at all.
//!
//! **Does** Looks up the table in the stack, checks both, and turns on again what is off. It makes the table on demand
//! again, without limits. If Snapback cannot use the journal until then, it restores that first, and writes it down
//! afterwards: then neither holds nor an emergency stop are checked.
//!
//! **Leaves alone**
//! - tables that are named like the journal, but are not part of the stack
//! - a table that has both turned on and is on demand
//! - what an operator has turned off with `snapback undo`
//!
//! It does not even look at tables with other names or in another account.
//!
//! The table's deletion, and changes of its expiry, its policy, its encryption and its other settings, are alerts, which
//! say what the template has. Those made by a deployment are of severity `medium`.

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Capacity, DeletionProtection, Own, PointInTimeRecovery, Swap, Table};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::{Event, SCHEDULED};
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::{self, TableSettings};
use crate::parts::{Part, TABLE, changed, changed_so, gone, is_deployment, own_name, severity};
use crate::rights;

const SERVICE: &str = "dynamodb.amazonaws.com";

#[derive(Debug)]
pub(crate) struct UnprotectedJournal;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub part: Part,
    pub is_there: bool,
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// Whether it can be restored to a point in time.
    pub recoverable: bool,
    pub capacity: Capacity,
}

impl Control for UnprotectedJournal {
    const ABOUT: &'static About = &About {
        id: "own-unprotected-journal",
        title: "Snapback's journal lost its protection",
        happened: "lost its protection",
        watches: &[
            Watch { service: SERVICE, name: "UpdateTable" },
            Watch { service: SERVICE, name: "UpdateContinuousBackups" },
            Watch { service: SERVICE, name: "DeleteTable" },
            Watch { service: SERVICE, name: "UpdateTimeToLive" },
            Watch { service: SERVICE, name: "PutResourcePolicy" },
            Watch { service: SERVICE, name: "DeleteResourcePolicy" },
            Watch { service: "events.amazonaws.com", name: SCHEDULED },
        ],
        reads: &[rights::LIST_STACK_RESOURCES, rights::DESCRIBE_TABLE, rights::DESCRIBE_CONTINUOUS_BACKUPS],
        writes: &[rights::UPDATE_TABLE, rights::UPDATE_CONTINUOUS_BACKUPS],
        undoes: &[
            rights::DESCRIBE_TABLE,
            rights::DESCRIBE_CONTINUOUS_BACKUPS,
            rights::UPDATE_TABLE,
            rights::UPDATE_CONTINUOUS_BACKUPS,
        ],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP DynamoDB.2", "AWS FSBP DynamoDB.6", "ATT&CK T1490"],
        caveat: "Recovery begins anew: the table cannot be restored to a time before protection was turned on again.",
        source: file!(),
    };

    const SHOWS_LATE: Option<&'static str> = Some("DynamoDB shows how a table is billed once it has updated it");

    type State = State;
    type Change = Own;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let table = json::text(&event.request, "tableName").or_else(|| json::text(&event.request, "resourceArn"));
        TABLE.suspect(event, settings, table.map(|table| own_name(event, table)))
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some((part, [])) = TABLE.look(look, suspicion, |_| []).await? else { return Ok(State::default()) };
        if !part.is(event, &suspicion.subject) {
            return Ok(State { part, ..State::default() });
        }
        let seen = Box::pin(aws::table_settings(look.place, part.name.as_deref().unwrap_or_default())).await?;
        let is_there = seen.is_some();
        let TableSettings { protected, recoverable, capacity } = seen.unwrap_or_default();
        Ok(State { part, is_there, protected, recoverable, capacity })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Own> {
        let State { part, is_there, protected, recoverable, capacity } = state;
        let Some(name) = part.name.as_ref().filter(|_| part.is(event, &suspicion.subject)) else {
            return part.is_none(event, &suspicion.subject);
        };
        if !is_there || event.name == "DeleteTable" {
            return gone(event, "the journal is deleted; restore it from its backup (35 days)");
        }
        let table = || Table(name.clone());
        let mut faults = vec![];
        if !protected {
            let change = Own::DeletionProtection(Swap {
                of: table(),
                from: DeletionProtection(false),
                to: DeletionProtection(true),
            });
            faults.push((format!("table `{name}` may be deleted"), change));
        }
        if !recoverable {
            let change = Own::PointInTimeRecovery(Swap {
                of: table(),
                from: PointInTimeRecovery(false),
                to: PointInTimeRecovery(true),
            });
            faults.push((format!("table `{name}` cannot be restored to a point in time"), change));
        }
        let unlimited = capacity.unlimited();
        if *capacity != unlimited {
            let change = Own::Capacity(Swap { of: table(), from: capacity.clone(), to: unlimited });
            faults.push((format!("table `{name}` is {}", capacity.limits()), change));
        }
        faults.retain(|(grant, _)| !given.holds.contains(grant));
        let left = also(event, &suspicion.subject);
        let why = faults.iter().map(|(grant, _)| grant.as_str()).collect::<Vec<_>>().join("; ");
        match left {
            None if faults.is_empty() => {
                Decision::Allow { why: "the journal is protected, or as an operator wants it".to_owned() }
            }
            Some(also) if faults.is_empty() => also.alert(event),
            _ if is_deployment(event) => changed(event, &why),
            left => {
                let (grants, plan) = faults.into_iter().unzip();
                let left = left.map(|also| also.to_string()).into_iter().collect();
                Decision::Revert { severity: severity(event), why, grants, plan, left }
            }
        }
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        TABLE.found(event, suspicion, &state.part)
    }

    fn after(state: &State, change: &Own) -> State {
        match change {
            Own::DeletionProtection(change) => State { protected: change.to.0, ..state.clone() },
            Own::PointInTimeRecovery(change) => State { recoverable: change.to.0, ..state.clone() },
            Own::Capacity(change) => State { capacity: change.to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

/// What the call has done besides, which the look does not show, and how to put it right where a command does.
fn also(event: &Event, subject: &Subject) -> Option<Also> {
    let Subject { name, region, arn, .. } = subject;
    let plain = |what: &str| Some(Also { what: what.to_owned(), how: None });
    let with = |what: &str, how: String| Some(Also { what: what.to_owned(), how: Some(how) });
    match event.name.as_str() {
        "UpdateTable" if !event.request["sSESpecification"].is_null() => with(
            "its encryption was changed, so whoever owns the new key decides whether Snapback can read the journal",
            format!(
                "the template has `SSESpecification: {{ SSEEnabled: true }}`, which is DynamoDB's own key of the account: \
                 `aws dynamodb update-table --region {region} --table-name {name} --sse-specification \
                 Enabled=true,SSEType=KMS`"
            ),
        ),
        "UpdateTable" if event.request.as_object().is_some_and(|fields| fields.iter().all(is_seen)) => None,
        "UpdateTable" => plain("its settings were changed"),
        "UpdateTimeToLive" => plain("the expiry of its entries was changed"),
        "PutResourcePolicy" => with(
            "who may read and write it was changed",
            format!(
                "the template gives it no policy: `aws dynamodb delete-resource-policy --region {region} --resource-arn \
                 {arn}`"
            ),
        ),
        "DeleteResourcePolicy" => plain("who may read and write it was changed"),
        _ => None,
    }
}

struct Also {
    what: String,
    how: Option<String>,
}

impl Also {
    fn alert(self, event: &Event) -> Decision<Own> {
        match self {
            Self { what, how: Some(how) } => changed_so(event, &(what, how)),
            Self { what, how: None } => changed(event, &what),
        }
    }
}

impl fmt::Display for Also {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.how.as_ref().map_or(Ok(()), |how| write!(f, "; {how}"))
    }
}

/// Whether the look shows what a parameter has set.
fn is_seen((field, value): (&String, &Value)) -> bool {
    let is_shown = [
        "tableName",
        "deletionProtectionEnabled",
        "billingMode",
        "provisionedThroughput",
        "onDemandThroughput",
        "sSESpecification",
    ];
    let is_update = |one: &Value| one.as_object().is_some_and(|of| of.keys().all(|what| what == "update"));
    match field.as_str() {
        "globalSecondaryIndexUpdates" => value.as_array().is_some_and(|all| all.iter().all(is_update)),
        // Null is what CloudTrail has of a parameter that was not given.
        _ => value.is_null() || is_shown.contains(&field.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use snapback::change::Throughput;

    use super::*;
    use crate::controls::tests::{call, look};

    const NAME: &str = "snapback-Journal-1A2B3C";

    fn throughput() -> impl Strategy<Value = Throughput> {
        let units = || prop::option::of(1..3_i64);
        prop_oneof![
            (units(), units()).prop_map(|(read, write)| Throughput::OnDemand { read, write }),
            (1..3_i64, 1..3_i64).prop_map(|(read, write)| Throughput::Provisioned { read, write }),
        ]
    }

    fn capacity() -> impl Strategy<Value = Capacity> {
        (throughput(), prop::collection::btree_map("[ab]", throughput(), 0..3))
            .prop_map(|(table, indexes)| Capacity { table, indexes })
    }

    proptest! {
        #[test]
        fn a_revert_protects_the_journal_and_its_undo_gives_back_what_was_there(
            protected in any::<bool>(), recoverable in any::<bool>(), is_look in any::<bool>(), is_more in any::<bool>(),
            capacity in capacity(),
        ) {
            let mut request = json!({"tableName": NAME, "deletionProtectionEnabled": false});
            if is_more {
                request["streamSpecification"] = json!({"streamEnabled": true});
            }
            let event = if is_look { look() } else { call("dynamodb", "UpdateTable", request) };
            let (settings, holds) = (Settings::default(), BTreeSet::new());
            let given = Given { settings: &settings, holds: &holds };
            let suspicion = UnprotectedJournal::suspect(&event, &settings).pop().expect("it is suspicious");
            let part = Part { name: Some(NAME.to_owned()) };
            let state = State { part, is_there: true, protected, recoverable, capacity: capacity.clone() };
            match UnprotectedJournal::decide(&event, &suspicion, &state, &given) {
                Decision::Revert { plan, left, .. } => {
                    let after = plan.iter().fold(state.clone(), |state, change| UnprotectedJournal::after(&state, change));
                    prop_assert!(after.protected && after.recoverable && after.capacity == capacity.unlimited());
                    let again = UnprotectedJournal::decide(&event, &suspicion, &after, &given);
                    prop_assert!(again.plan().is_empty() && again.is_allow() == left.is_empty(), "{again}");
                    let back = |state, change: &Own| UnprotectedJournal::after(&state, &change.undo());
                    prop_assert_eq!(plan.iter().rev().fold(after, back), state);
                }
                decision => {
                    prop_assert!(protected && recoverable && capacity == capacity.unlimited(), "{decision}");
                }
            }
        }
    }
}
