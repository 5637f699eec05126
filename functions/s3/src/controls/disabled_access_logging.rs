//! # Requests to a log bucket are no longer logged
//!
//! **Watches** `PutBucketLogging`.
//!
//! **Why** The access logs of a log bucket show who has read or deleted the logs. Whoever goes after the logs turns
//! that off first.
//!
//! **Does** Checks whether the bucket receives logs: whether its policy lets CloudTrail, AWS Config, S3's access logs
//! or the log delivery of other services put objects. If its own access logging is off now and on in the baseline,
//! which a daily scheduled check keeps, and that is less than two days old, it is turned on again as it was: target,
//! prefix, form of the keys and grants.
//!
//! **Leaves alone**
//! - buckets that receive no logs by their policy
//! - access logging that is on, even to another target than before
//! - access logging that an operator has turned off again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket without a baseline, an event that does not say which
//! bucket. Settings that Snapback could not write back do not become a baseline. It does not recognise buckets to which
//! logs are copied by other means, or whose policy was changed before.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{AccessLogging, Bucket, S3, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::rights;
use crate::told::{bucket_of, subject};
use crate::whole::Found;
use crate::{aws, logs};

/// In these words an undo holds on to it.
const OFF: &str = "access logging off";

#[derive(Debug)]
pub(crate) struct DisabledAccessLogging;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whether the bucket's policy lets logs be delivered.
    pub receives_logs: bool,
    /// Nothing if it is off, or if the bucket is gone.
    pub logging: Option<AccessLogging>,
    /// Why it could not be written back with all that S3 has told of it.
    pub unknown: Option<String>,
    /// How it was when the bucket was last looked at, if it was on and logs were delivered.
    pub remembered: Option<Remembered<AccessLogging>>,
}

impl Control for DisabledAccessLogging {
    const ABOUT: &'static About = &About {
        id: "s3-disabled-access-logging",
        title: "Requests to a log bucket are no longer logged",
        happened: "had access logging turned off",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketLogging" }],
        reads: &[rights::GET_BUCKET_POLICY, rights::GET_BUCKET_LOGGING],
        writes: &[rights::PUT_BUCKET_LOGGING],
        undoes: &[rights::GET_BUCKET_LOGGING, rights::PUT_BUCKET_LOGGING],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.9", "AWS FSBP CloudTrail.7", "ATT&CK T1562.008"],
        caveat: "Requests in the meantime are in no access log, and S3 may take an hour to log again.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let told = &event.request["BucketLoggingStatus"];
        let why = if json::text(&told["LoggingEnabled"], "TargetBucket").is_some() {
            return vec![];
        } else if told.is_null() {
            "the event does not say whether access logging is on"
        } else {
            "the event switches access logging off"
        };
        vec![Suspicion { subject: subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let (policy, found, remembered) = futures::try_join!(
            aws::bucket_policy(look, bucket),
            aws::bucket_logging(look, bucket),
            look.remembered::<Self>(&suspicion.subject)
        )?;
        let Found { kept: logging, unknown } = found;
        Ok(State { receives_logs: logs::are_delivered(policy.as_deref()), logging, unknown, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "access logging of a bucket was changed, and the event does not say which".to_owned();
            return alert(Severity::Medium, why);
        };
        if !state.receives_logs {
            return allow("the bucket receives no logs");
        }
        if state.logging.is_some() {
            return allow("access logging is on");
        }
        if let Some(unknown) = &state.unknown {
            let why = format!("whether requests to bucket `{bucket}` are logged is not understood: {unknown}");
            return alert(Severity::Medium, why);
        }
        if given.holds.contains(OFF) {
            return allow("an operator has switched it off again");
        }
        let why = format!("requests to bucket `{bucket}`, which receives logs, are not logged");
        match state.remembered.as_ref().and_then(|remembered| remembered.good_before(event)) {
            None if event.is_look() => allow("there is no baseline in which access logging was on"),
            None => alert(Severity::Medium, format!("{why}; whether they were before is not known")),
            Some((before, age)) => Decision::Revert {
                severity: Severity::High,
                why: format!("{why}, and were {age} before"),
                grants: vec![OFF.to_owned()],
                plan: vec![S3::BucketLogging(Swap {
                    of: Bucket(bucket.to_owned()),
                    from: None,
                    to: Some(before.clone()),
                })],
                left: vec![],
            },
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketLogging(Swap { to, .. }) => State { logging: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for DisabledAccessLogging {
    type Good = AccessLogging;

    fn good(state: &State) -> Option<AccessLogging> {
        state.logging.clone().filter(|_| state.receives_logs && state.unknown.is_none())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snapback::subject::Subject;

    use super::*;

    fn event(request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketLogging", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn off() -> Event {
        event(&json!({"bucketName": "b", "logging": "", "BucketLoggingStatus": {"xmlns": "x"}}))
    }

    fn decide(state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(&off(), "b"), why: String::new() };
        DisabledAccessLogging::decide(&off(), &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn states() -> impl Strategy<Value = State> {
        let logging = || {
            let logging = prop::sample::select(vec!["one", "two"]).prop_map(|bucket| AccessLogging {
                bucket: bucket.to_owned(),
                prefix: String::new(),
                grants: vec![],
                keys: None,
            });
            prop::option::of(logging)
        };
        let seen = prop::sample::select(vec!["2026-01-31T06:00:00Z", "2026-01-26T12:00:00Z"]);
        let remembered =
            (logging(), seen).prop_map(|(good, seen)| Remembered { good, seen: seen.parse().expect("a time") });
        (any::<bool>(), logging(), prop::option::of(Just("more".to_owned())), prop::option::of(remembered)).prop_map(
            |(receives_logs, logging, unknown, remembered)| State { receives_logs, logging, unknown, remembered },
        )
    }

    #[test]
    fn only_what_leaves_it_on_raises_no_suspicion() {
        let suspects = |event: &Event| !DisabledAccessLogging::suspect(event, &Settings::default()).is_empty();
        let put = |status: Value| event(&json!({"bucketName": "b", "BucketLoggingStatus": status}));
        assert!(!suspects(&put(json!({"LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": ""}}))));
        let unclear =
            [put(json!("")), put(json!({"LoggingEnabled": ""})), event(&json!({"omitted": true})), event(&Value::Null)];
        for event in unclear.into_iter().chain([off()]) {
            assert!(suspects(&event), "{}", event.request);
        }
    }

    proptest! {
        #[test]
        fn only_what_is_known_to_have_been_on_is_switched_on_and_as_it_was(state in states()) {
            let decision = decide(&state, &BTreeSet::new());
            let is_off = state.receives_logs && state.logging.is_none() && state.unknown.is_none();
            let remembered = state.remembered.as_ref().filter(|seen| seen.seen.to_string().as_str() > "2026-01-30");
            let before = remembered.and_then(|remembered| remembered.good.clone()).filter(|_| is_off);
            prop_assert_eq!(decision.is_allow(), !state.receives_logs || state.logging.is_some());
            let expected: Vec<S3> = before.into_iter()
                .map(|to| S3::BucketLogging(Swap { of: Bucket("b".to_owned()), from: None, to: Some(to) })).collect();
            prop_assert_eq!(decision.plan(), expected);
        }

        #[test]
        fn what_a_revert_restores_is_remembered(state in states()) {
            let plan = decide(&state, &BTreeSet::new()).plan().to_vec();
            if !plan.is_empty() {
                let after = plan.iter().fold(state, |state, change| DisabledAccessLogging::after(&state, change));
                prop_assert_eq!(&DisabledAccessLogging::good(&after), &after.logging);
            }
        }
    }
}
