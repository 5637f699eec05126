//! # A database is publicly accessible
//!
//! **Watches** of RDS, under whose name DocumentDB and Neptune call too, `ModifyDBInstance`, `CreateDBInstance`,
//! `CreateDBInstanceReadReplica`, `RestoreDBInstanceFromDBSnapshot`, `RestoreDBInstanceToPointInTime` and `RestoreDBInstanceFromS3`.
//!
//! **Why** The name of a publicly accessible database leads to an address of the internet. Then nothing but its security groups
//! and a password stand between its data and everyone.
//!
//! **Does** Asks an operator, in every mode: whoever may modify a database may also set the password of its master user, so
//! Snapback's function may not. The plan makes the instance private. Nothing that waits for a maintenance window is applied
//! with it.
//!
//! **Leaves alone**
//! - instances that are created or restored private
//! - what is private or gone by the time Snapback looks
//! - what an operator has made public again with `snapback undo`
//!
//! It alerts and touches nothing where the event does not say which instance it is, or whether it made it public. Clusters of
//! RDS in several zones are not watched: whether one is public is decided when it is created, and cannot be changed.

use anyhow::Result;
use snapback::change::{DatabaseAddress, Rds, Swap};
use snapback::control::{About, Applier, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws::{self, Found};
use crate::rights;
use crate::state::State;
use crate::told::{self, SERVICE, is_false};

/// In this word an undo holds on to it.
const PUBLIC: &str = "publicly accessible";

#[derive(Debug)]
pub(crate) struct PublicInstance;

impl Control for PublicInstance {
    const ABOUT: &'static About = &About {
        id: "rds-public-instance",
        title: "A database is publicly accessible",
        happened: "was made publicly accessible",
        watches: &[
            Watch { service: SERVICE, name: MODIFY },
            Watch { service: SERVICE, name: "CreateDBInstance" },
            Watch { service: SERVICE, name: "CreateDBInstanceReadReplica" },
            Watch { service: SERVICE, name: "RestoreDBInstanceFromDBSnapshot" },
            Watch { service: SERVICE, name: "RestoreDBInstanceToPointInTime" },
            Watch { service: SERVICE, name: "RestoreDBInstanceFromS3" },
        ],
        reads: &[rights::DESCRIBE_INSTANCES],
        writes: &[rights::MODIFY_INSTANCE],
        undoes: &[rights::DESCRIBE_INSTANCES, rights::MODIFY_INSTANCE],
        severity: Severity::High,
        frameworks: &["AWS FSBP RDS.2", "CIS AWS Foundations 2.3.3", "ATT&CK T1133"],
        caveat: "RDS changes an instance only while it is available, and its name goes on leading to the old address for some \
                 minutes. Look at its security groups and at who has connected.",
        source: file!(),
    };

    const APPLIED_BY: Applier = Applier::Operator;

    type State = State;
    type Change = Rds;

    const SURVEY: Option<Survey> = Some(aws::INSTANCES);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = match is_made_public(event) {
            Some(false) => return vec![],
            Some(true) => format!("{} made it publicly accessible", event.actor),
            None => "the event does not say whether it is publicly accessible".to_owned(),
        };
        vec![Suspicion { subject: told::subject(event), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        State::observe(look, event, suspicion).await
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        state.subject(event, suspicion)
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Rds> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |why| Decision::Alert { severity: Severity::High, why };
        if told::database_of(&suspicion.subject).is_none() {
            return alert(format!("{}, and the event does not say which database it is", suspicion.why));
        }
        let found = match &state.found {
            None => return allow("it is gone"),
            Some(found) if found.address != Some(DatabaseAddress::Public) => return allow("it is private"),
            Some(_) if given.holds.contains(PUBLIC) => return allow("an operator has made it public again"),
            Some(found) => found,
        };
        let to_close = || told::modify(event, &found.of, "--no-publicly-accessible");
        if event.is_look() || is_made_public(event).is_none() {
            let why = format!("{} is publicly accessible. If it should not be: `{}`", found.of, to_close());
            return alert(if event.is_look() { why } else { format!("{}; {why}", suspicion.why) });
        }
        Decision::Revert {
            severity: Severity::High,
            why: suspicion.why.clone(),
            grants: vec![PUBLIC.to_owned()],
            plan: vec![Rds::Address(Swap {
                of: found.of.clone(),
                from: DatabaseAddress::Public,
                to: DatabaseAddress::Private,
            })],
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, _: &State, _: &Given<'_>) -> Option<String> {
        let why = "whether it was publicly accessible before is not known: the call succeeds either way";
        (event.name == MODIFY).then(|| why.to_owned())
    }

    /// Whether its security groups let anybody in, the event does not tell.
    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        is_made_public(event).filter(|is_public| *is_public)?;
        let found = state.found.clone().map(|found| Found { address: Some(DatabaseAddress::Public), ..found });
        Some((State { found: Some(found?) }, false))
    }

    fn after(state: &State, change: &Rds) -> State {
        let (Rds::Address(change), Some(found)) = (change, &state.found) else { return state.clone() };
        State { found: Some(Found { address: Some(change.to), ..found.clone() }) }
    }
}

const MODIFY: &str = "ModifyDBInstance";

/// Whether the call made an instance public; nothing if the event does not say. Where a new one is not told to be either, its
/// subnets decide, and the answer tells: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>
fn is_made_public(event: &Event) -> Option<bool> {
    let asked = &event.request["publiclyAccessible"];
    let answered = &event.response["publiclyAccessible"];
    if json::is_true(asked) || event.name != MODIFY && asked.is_null() && json::is_true(answered) {
        return Some(true);
    }
    let is_told = !json::is_left_out(&event.request);
    let stays = event.name == MODIFY && is_told && asked.is_null();
    (is_false(asked) || stays || event.name != MODIFY && is_false(answered)).then_some(false)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_public(name: &str, request: Value, response: Value) -> Option<bool> {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": SERVICE, "eventName": name,
            "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request,
            "responseElements": response,
        });
        is_made_public(&Event::from_record(record).expect("an event"))
    }

    #[test]
    fn a_call_tells_whether_it_makes_an_instance_public() {
        let (id, none) = (json!({"dBInstanceIdentifier": "orders"}), json!(null));
        let asks = |public: Value| json!({"dBInstanceIdentifier": "orders", "publiclyAccessible": public});
        let answers = |public: bool| json!({"publiclyAccessible": public});
        for (name, request, response, expected) in [
            (MODIFY, asks(json!(true)), answers(false), Some(true)),
            (MODIFY, asks(json!("true")), none.clone(), Some(true)),
            (MODIFY, asks(json!(false)), answers(true), Some(false)),
            // It was public before.
            (MODIFY, id.clone(), answers(true), Some(false)),
            (MODIFY, none.clone(), answers(true), None),
            (MODIFY, json!({"omitted": true}), none.clone(), None),
            ("CreateDBInstance", id.clone(), answers(true), Some(true)),
            ("CreateDBInstance", id.clone(), answers(false), Some(false)),
            ("CreateDBInstance", asks(json!(false)), none.clone(), Some(false)),
            ("CreateDBInstance", id, none.clone(), None),
            ("RestoreDBInstanceFromDBSnapshot", asks(json!(true)), none, Some(true)),
        ] {
            assert_eq!(is_public(name, request.clone(), response.clone()), expected, "{name} {request} {response}");
        }
    }
}
