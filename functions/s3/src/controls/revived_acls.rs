//! # ACLs were enabled again in a bucket
//!
//! **Watches** `PutBucketOwnershipControls`, `DeleteBucketOwnershipControls`.
//!
//! **Why** With the Object Ownership `BucketOwnerEnforced`, ACLs are disabled. Those that objects had before are still
//! there, and let others in again as soon as it is changed or removed: no call names them, and nobody sees it.
//!
//! **Does** Sets it to `BucketOwnerEnforced` again, if that is the baseline, which a daily scheduled check keeps and
//! which must be less than two days old. S3 refuses this as long as the bucket's own ACL lets others in. Then the
//! revert fails, the notice says so, and Snapback tries again.
//!
//! **Leaves alone**
//! - buckets in which ACLs are disabled
//! - buckets in which ACLs are enabled in the baseline
//! - buckets that are gone
//! - ACLs that an operator has enabled again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket without a baseline, an Object Ownership that it does
//! not know, an event that does not say which bucket. It does not check the ACLs themselves.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Bucket, ObjectOwnership, S3, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::aws::{self, ENFORCED, FoundOwnership};
use crate::rights;
use crate::told::{bucket_of, subject};

/// Under these they do, and where it is not set.
const COUNTING: [&str; 2] = ["BucketOwnerPreferred", "ObjectWriter"];

/// In these words an undo holds on to it.
const COUNT: &str = "ACLs count";

#[derive(Debug)]
pub(crate) struct RevivedAcls;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub is_gone: bool,
    /// Nothing if it is not set.
    pub ownership: Option<String>,
    /// How it was when the bucket was last looked at, if no ACL counted.
    pub remembered: Option<Remembered<String>>,
}

impl Control for RevivedAcls {
    const ABOUT: &'static About = &About {
        id: "s3-revived-acls",
        title: "ACLs were enabled again in a bucket",
        happened: "had its ACLs turned back on",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutBucketOwnershipControls" },
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketOwnershipControls" },
        ],
        reads: &[rights::GET_BUCKET_OWNERSHIP_CONTROLS],
        writes: &[rights::PUT_BUCKET_OWNERSHIP_CONTROLS],
        undoes: &[rights::GET_BUCKET_OWNERSHIP_CONTROLS, rights::PUT_BUCKET_OWNERSHIP_CONTROLS],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.12", "ATT&CK T1562", "ATT&CK T1530"],
        caveat: "Data may have been read through ACLs of objects in the meantime: check the bucket's access logs or \
                 data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = if event.name == "DeleteBucketOwnershipControls" {
            "the event removes Object Ownership".to_owned()
        } else {
            let rules = json::list(&event.request["OwnershipControls"]["Rule"]);
            match rules.first().and_then(|rule| json::text(rule, "ObjectOwnership")) {
                Some(ENFORCED) => return vec![],
                Some(setting) => format!("the event sets Object Ownership to `{setting}`"),
                None => "the event does not contain the Object Ownership".to_owned(),
            }
        };
        vec![Suspicion { subject: subject(event), why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let read = aws::object_ownership(look, bucket);
        let (found, remembered) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        let FoundOwnership { setting: ownership, is_gone } = found;
        Ok(State { is_gone, ownership, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |why| Decision::Alert { severity: Severity::Medium, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            return alert("Object Ownership of a bucket was changed, and the event does not say which".to_owned());
        };
        if state.is_gone {
            return allow("the bucket is gone");
        }
        let setting = match state.ownership.as_deref() {
            Some(ENFORCED) => return allow("no ACL counts in the bucket"),
            Some(unknown) if !COUNTING.contains(&unknown) => {
                return alert(format!("Object Ownership of bucket `{bucket}` is `{unknown}`, which is not known"));
            }
            Some(setting) => format!("`{setting}`"),
            None => "not set".to_owned(),
        };
        if given.holds.contains(COUNT) {
            return allow("an operator has let them count again");
        }
        let why = format!("ACLs count in bucket `{bucket}`, as Object Ownership is {setting}");
        match state.remembered.as_ref().filter(|remembered| remembered.is_fresh(event)) {
            None if event.is_look() => allow("there is no baseline in which ACLs were disabled"),
            None => alert(format!("{why}; whether they did before is not known")),
            Some(remembered) if remembered.good.as_deref() != Some(ENFORCED) => {
                allow("ACLs were enabled in the baseline")
            }
            Some(remembered) => Decision::Revert {
                severity: Severity::High,
                why: format!("{why}, and did not {} before", remembered.age(event)),
                grants: vec![COUNT.to_owned()],
                plan: vec![S3::ObjectOwnership(Swap {
                    of: Bucket(bucket.to_owned()),
                    from: state.ownership.clone().map(ObjectOwnership),
                    to: Some(ObjectOwnership(ENFORCED.to_owned())),
                })],
                left: vec![],
            },
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::ObjectOwnership(Swap { to, .. }) => {
                State { ownership: to.as_ref().map(|to| to.0.clone()), ..state.clone() }
            }
            _ => state.clone(),
        }
    }
}

impl Remembers for RevivedAcls {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        state.ownership.clone().filter(|setting| setting == ENFORCED)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snapback::subject::Subject;

    use super::*;

    fn event(name: &str, request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn put(rule: &Value) -> Event {
        let controls = json!({"xmlns": "x", "Rule": rule});
        let request = json!({"bucketName": "b", "ownershipControls": "", "OwnershipControls": controls});
        event("PutBucketOwnershipControls", &request)
    }

    fn removed() -> Event {
        event("DeleteBucketOwnershipControls", &json!({"bucketName": "b", "ownershipControls": ""}))
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "b"), why: String::new() };
        RevivedAcls::decide(event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn ownership() -> impl Strategy<Value = Option<String>> {
        let settings = [ENFORCED, "BucketOwnerPreferred", "ObjectWriter", "SomethingNew"];
        prop::option::of(prop::sample::select(settings.to_vec()).prop_map(str::to_owned))
    }

    fn states() -> impl Strategy<Value = State> {
        let seen = prop::sample::select(vec!["2026-01-31T06:00:00Z", "2026-01-26T12:00:00Z"]);
        let good = prop::option::of(Just(ENFORCED.to_owned()));
        let remembered = (good, seen).prop_map(|(good, seen)| Remembered { good, seen: seen.parse().expect("a time") });
        (any::<bool>(), ownership(), prop::option::of(remembered)).prop_map(|(is_gone, ownership, remembered)| State {
            is_gone,
            ownership: ownership.filter(|_| !is_gone),
            remembered,
        })
    }

    #[test]
    fn only_what_lets_no_acl_count_raises_no_suspicion() {
        let suspects = |event: &Event| !RevivedAcls::suspect(event, &Settings::default()).is_empty();
        let enforced = json!({"ObjectOwnership": ENFORCED});
        assert!(!suspects(&put(&enforced)) && !suspects(&put(&json!([enforced]))));
        let others = ["ObjectWriter", "BucketOwnerPreferred", "SomethingNew", ""]
            .map(|setting| put(&json!({"ObjectOwnership": setting})));
        let unclear = [&json!({"omitted": true}), &Value::Null].map(|told| event("PutBucketOwnershipControls", told));
        for event in others.into_iter().chain(unclear).chain([put(&json!([])), put(&json!("")), removed()]) {
            assert!(suspects(&event), "{}", event.request);
        }
    }

    #[test]
    fn a_look_asks_about_what_was_lost_and_not_about_what_has_always_been_so() {
        let look = Event::of_a_look("111122223333", "eu-central-1", "2026-01-31T12:00:00Z".parse().expect("a time"));
        let seen = "2026-01-31T06:00:00Z".parse().expect("a time");
        let lost = Remembered { good: Some(ENFORCED.to_owned()), seen };
        for (remembered, is_lost) in [(None, false), (Some(Remembered { good: None, seen }), false), (Some(lost), true)]
        {
            let state = State { remembered, ..State::default() };
            let decision = decide(&look, &state, &BTreeSet::new());
            assert_eq!((decision.is_allow(), decision.plan().is_empty()), (!is_lost, !is_lost), "{decision}");
        }
    }

    proptest! {
        #[test]
        fn only_where_acls_are_known_not_to_have_counted_they_do_not_count_again(state in states()) {
            let decision = decide(&removed(), &state, &BTreeSet::new());
            let remembered = state.remembered.as_ref().filter(|seen| seen.seen.to_string().as_str() > "2026-01-30");
            let did_not = remembered.is_some_and(|remembered| remembered.good.is_some());
            let (count, is_known) = match state.ownership.as_deref() {
                Some(ENFORCED) => (false, true),
                Some("SomethingNew") => (true, false),
                _ => (!state.is_gone, true),
            };
            prop_assert_eq!(decision.is_allow(), !count || is_known && remembered.is_some() && !did_not);
            let to = Some(ObjectOwnership(ENFORCED.to_owned()));
            let plan = S3::ObjectOwnership(Swap { of: Bucket("b".to_owned()), from: state.ownership.clone().map(ObjectOwnership), to });
            let expected = if count && is_known && did_not { vec![plan] } else { vec![] };
            prop_assert_eq!(decision.plan(), expected);
        }

        #[test]
        fn what_a_revert_restores_is_remembered(state in states()) {
            let plan = decide(&removed(), &state, &BTreeSet::new()).plan().to_vec();
            if !plan.is_empty() {
                let after = plan.iter().fold(state, |state, change| RevivedAcls::after(&state, change));
                prop_assert_eq!(RevivedAcls::good(&after), Some(ENFORCED.to_owned()));
            }
        }
    }
}
