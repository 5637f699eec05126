//! # A bucket copies its objects to a stranger
//!
//! **Watches** `PutBucketReplication`.
//!
//! **Why** One replication rule hands every new object of a bucket to another account, as long as it is there, and
//! neither the bucket's policy nor its ACL shows it. It takes data out of the account without one call to read it.
//!
//! **Does** Reads the bucket's present replication, and the account's buckets. It disables a rule that copies to a
//! bucket outside the account and names an untrusted account (`TrustedAccounts`, `trusted.json`) as the owner.
//! Everything else of the replication is written back as it is.
//!
//! **Leaves alone**
//! - rules that copy to buckets of the same account
//! - rules that name a trusted account as the owner of the bucket
//! - rules that are disabled
//! - rules that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket outside the account where the rule names no owner,
//! which rules need not do; a replication with settings that Snapback cannot write back; an event that does not say
//! which bucket. It believes the account that a rule names: nobody has tested whether S3 copies to a bucket that is not
//! that account's.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Bucket, Replication, ReplicationRule, S3, Swap};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::aws;
use crate::rights;
use crate::told::{bucket_of, subject};
use crate::whole::Found;

#[derive(Debug)]
pub(crate) struct ForeignReplication;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the bucket has none, or is gone.
    pub replication: Option<Replication>,
    /// Why it could not be written back with all that S3 has told of it.
    pub unknown: Option<String>,
    /// The buckets to which rules copy that are the account's own.
    pub own: BTreeSet<String>,
}

impl Control for ForeignReplication {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-replication",
        title: "A bucket copies its objects to a stranger",
        happened: "was set to replicate to a stranger",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketReplication" }],
        reads: &[rights::GET_REPLICATION_CONFIGURATION, rights::LIST_ALL_MY_BUCKETS],
        writes: &[rights::PUT_REPLICATION_CONFIGURATION, rights::PASS_REPLICATION_ROLE],
        undoes: &[
            rights::GET_REPLICATION_CONFIGURATION,
            rights::PUT_REPLICATION_CONFIGURATION,
            rights::PASS_REPLICATION_ROLE,
        ],
        severity: Severity::High,
        frameworks: &["ATT&CK T1537", "ATT&CK T1020"],
        caveat: "The stranger keeps what was copied in the meantime: check the bucket's replication metrics.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    /// Which buckets are the account's own, no event tells.
    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let told = json::list(&event.request["ReplicationConfiguration"]["Rule"]);
        let is_harmless = |rule: &&Value| {
            let account = json::text(&rule["Destination"], "Account");
            json::text(rule, "Status") == Some("Disabled")
                || account.is_some_and(|id| settings.trusted_accounts.contains(id))
        };
        let why = if told.is_empty() {
            "the event does not contain the rules"
        } else if told.iter().all(is_harmless) {
            return vec![];
        } else {
            "the event lets objects be copied to another bucket"
        };
        vec![Suspicion { subject: subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let Found { kept: replication, unknown } = aws::bucket_replication(look, bucket).await?;
        let rules = replication.iter().flat_map(|all| &all.rules).filter(|rule| rule.is_on());
        let to: BTreeSet<&str> = rules.map(|rule| rule.destination.name()).collect();
        let own = if to.is_empty() { vec![] } else { aws::buckets(look).await? };
        let own = own.into_iter().map(|(name, _)| name).filter(|name| to.contains(&**name)).collect();
        Ok(State { replication, unknown, own })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "the replication of a bucket was changed, and the event does not say which".to_owned();
            return alert(Severity::Medium, why);
        };
        let Some(replication) = &state.replication else {
            return match &state.unknown {
                Some(unknown) => {
                    let why = format!("the replication of bucket `{bucket}` is not understood: {unknown}");
                    alert(Severity::Medium, why)
                }
                None => allow("the bucket has no replication"),
            };
        };
        let open = replication.rules.iter().filter(|rule| rule.is_on() && !is_to_friends(rule, state, given));
        let (held, open): (Vec<_>, Vec<_>) = open.partition(|rule| given.holds.contains(&grant(rule)));
        if open.is_empty() {
            return allow(if held.is_empty() { "no rule copies to a stranger" } else { "an operator has restored it" });
        }
        let said = |rules: &[&ReplicationRule]| {
            let each = rules.iter().map(|rule| sentence(rule, &event.account)).collect::<Vec<_>>().join("; ");
            format!("bucket `{bucket}` copies its objects {each}")
        };
        let (foreign, unsure): (Vec<_>, Vec<_>) =
            open.iter().partition(|rule| is_to(rule, &event.account) == Some(false));
        if let Some(unknown) = &state.unknown {
            return alert(Severity::High, format!("{}; nothing is changed, as {unknown}", said(&open)));
        }
        if foreign.is_empty() {
            return alert(Severity::Medium, said(&unsure));
        }
        let rules = replication.rules.iter();
        let rules = rules.map(|rule| if foreign.contains(&rule) { rule.disabled() } else { rule.clone() });
        Decision::Revert {
            severity: Severity::High,
            why: said(&foreign),
            grants: foreign.iter().map(|rule| grant(rule)).collect(),
            plan: vec![S3::BucketReplication(Swap {
                of: Bucket(bucket.to_owned()),
                from: replication.clone(),
                to: Replication { rules: rules.collect(), ..replication.clone() },
            })],
            left: if unsure.is_empty() { vec![] } else { vec![said(&unsure)] },
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketReplication(Swap { to, .. }) => State { replication: Some(to.clone()), ..state.clone() },
            _ => state.clone(),
        }
    }
}

/// Whether a rule copies to a bucket of one's own, or names a trusted account as its owner.
fn is_to_friends(rule: &ReplicationRule, state: &State, given: &Given<'_>) -> bool {
    let trusts = |account: &String| given.settings.trusted_accounts.contains(account);
    state.own.contains(rule.destination.name()) || rule.destination.account.as_ref().is_some_and(trusts)
}

/// Whether a rule names this account as the owner of the bucket; nothing if it names none.
fn is_to(rule: &ReplicationRule, account: &str) -> Option<bool> {
    rule.destination.account.as_ref().map(|named| named == account)
}

/// Where a rule copies to that is none of this account's buckets.
fn sentence(rule: &ReplicationRule, account: &str) -> String {
    let whose = match (is_to(rule, account), &rule.destination.account) {
        (Some(false), Some(named)) => format!(" of account {named}, which is not trusted"),
        (Some(_), _) => ", which the rule says to be of this account, and S3 does not list".to_owned(),
        (None, _) => ", which is none of this account's, and the rule does not say whose".to_owned(),
    };
    format!("by {rule}{whose}")
}

/// What the revert takes away: the rule as it is.
fn grant(rule: &ReplicationRule) -> String {
    format!("replication by {}", serde_json::to_string(rule).unwrap_or_else(|_| rule.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use snapback::change::ReplicationDestination;
    use snapback::subject::Subject;

    use super::*;

    fn put(rules: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketReplication", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "replication": "", "ReplicationConfiguration": {"Rule": rules}},
        });
        Event::from_record(record).expect("an event")
    }

    fn settings() -> Settings {
        Settings { trusted_accounts: ["444455556666".to_owned()].into(), ..Settings::default() }
    }

    fn decide(state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let event = put(&json!({}));
        let suspicion = Suspicion { subject: Subject::bucket(&event, "b"), why: String::new() };
        ForeignReplication::decide(&event, &suspicion, state, &Given { settings: &settings(), holds })
    }

    fn rule(id: &str, bucket: &str, account: Option<&str>, status: &str) -> ReplicationRule {
        ReplicationRule {
            id: Some(id.to_owned()),
            priority: None,
            prefix: Some(String::new()),
            filter: None,
            status: status.to_owned(),
            kms_objects: None,
            replica_modifications: None,
            existing_objects: None,
            delete_markers: None,
            destination: ReplicationDestination {
                bucket: format!("arn:aws:s3:::{bucket}"),
                account: account.map(str::to_owned),
                ..ReplicationDestination::default()
            },
        }
    }

    fn state(rules: &[ReplicationRule]) -> State {
        let replication = Replication { role: "arn:aws:iam::111122223333:role/copy".to_owned(), rules: rules.to_vec() };
        State { replication: Some(replication), unknown: None, own: ["mine".to_owned()].into() }
    }

    #[test]
    fn only_the_rule_to_a_stranger_is_disabled() {
        let all = [
            rule("own", "mine", None, "Enabled"),
            rule("friend", "theirs", Some("444455556666"), "Enabled"),
            rule("stranger", "loot", Some("777788889999"), "Enabled"),
            rule("off", "loot", Some("777788889999"), "Disabled"),
            rule("untold", "whose", None, "Enabled"),
        ];
        let decision = decide(&state(&all), &BTreeSet::new());
        let [S3::BucketReplication(Swap { from, to, .. })] = decision.plan() else { panic!("{decision}") };
        let mut expected = from.clone();
        "Disabled".clone_into(&mut expected.rules[2].status);
        assert_eq!((from, to), (state(&all).replication.as_ref().expect("it has one"), &expected));
        assert!(decision.to_string().contains("none of this account's"), "{decision}");
    }

    #[test]
    fn whose_bucket_is_not_known_and_what_could_not_be_written_back_is_only_said() {
        let stranger = rule("stranger", "loot", Some("777788889999"), "Enabled");
        let unknown = State { unknown: Some("S3 tells more".to_owned()), ..state(&[stranger]) };
        let not_read = State { replication: None, ..unknown.clone() };
        for (state, severity) in [
            (state(&[rule("untold", "whose", None, "Enabled")]), Severity::Medium),
            (state(&[rule("said to be ours", "whose", Some("111122223333"), "Enabled")]), Severity::Medium),
            (unknown, Severity::High),
            (not_read, Severity::Medium),
        ] {
            let decision = decide(&state, &BTreeSet::new());
            assert_eq!((decision.severity(), decision.plan()), (Some(severity), &[][..]), "{decision}");
        }
    }

    fn rules() -> impl Strategy<Value = Vec<ReplicationRule>> {
        let account =
            prop::sample::select(vec![None, Some("111122223333"), Some("444455556666"), Some("777788889999")]);
        let status = prop::sample::select(vec!["Enabled", "Disabled", "OfTomorrow"]);
        let one = (prop::sample::select(vec!["a", "b"]), prop::sample::select(vec!["mine", "loot"]), account, status);
        prop::collection::vec(one.prop_map(|(id, bucket, account, status)| rule(id, bucket, account, status)), 0..4)
    }

    proptest! {
        /// What the event put is what is there now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(rules in rules()) {
            let told = |rule: &ReplicationRule| {
                let mut told = json!({"ID": rule.id, "Status": rule.status, "Destination": {"Bucket": rule.destination.bucket}});
                if let Some(account) = &rule.destination.account {
                    told["Destination"]["Account"] = json!(account);
                }
                told
            };
            if !decide(&state(&rules), &BTreeSet::new()).is_allow() {
                let rules: Vec<Value> = rules.iter().map(told).collect();
                prop_assert!(!ForeignReplication::suspect(&put(&json!(rules)), &settings()).is_empty());
            }
        }
    }
}
