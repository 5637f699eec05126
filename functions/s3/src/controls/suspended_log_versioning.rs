//! # Versioning of a log bucket was suspended
//!
//! **Watches** `PutBucketVersioning`.
//!
//! **Why** With versioning on, a log that is deleted or overwritten can be recovered. Whoever wants logs gone suspends
//! it first: from then on, overwriting a log replaces it for good.
//!
//! **Does** Checks whether the bucket receives logs: whether its policy lets CloudTrail, AWS Config, S3's access logs
//! or the log delivery of other services put objects. If versioning is suspended there and on in the baseline, which a
//! daily scheduled check keeps and which must be less than two days old, it is turned on again.
//!
//! **Leaves alone**
//! - buckets that receive no logs by their policy
//! - versioning that was never on, or is on again
//! - versioning that an operator has suspended again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket without a baseline, one that only the root user's MFA
//! device can change (MFA delete), an event that does not say which bucket. It does not recognise buckets to which logs
//! are copied by other means, or whose policy was changed before.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Bucket, S3, Swap, Versioning};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::aws::{self, FoundVersioning};
use crate::logs;
use crate::rights;
use crate::told::{bucket_of, subject};

/// In these words an undo holds on to it.
const SUSPENDED: &str = "versioning suspended";

#[derive(Debug)]
pub(crate) struct SuspendedLogVersioning;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whether the bucket's policy lets logs be delivered.
    pub receives_logs: bool,
    /// Nothing if versioning was never on, or if the bucket is gone.
    pub versioning: Option<Versioning>,
    /// Whether changing it takes the root user's MFA device.
    pub mfa_delete: bool,
    /// How it was when the bucket was last looked at, if it was on and logs were delivered.
    pub remembered: Option<Remembered<Versioning>>,
}

impl Control for SuspendedLogVersioning {
    const ABOUT: &'static About = &About {
        id: "s3-suspended-log-versioning",
        title: "Versioning of a log bucket was suspended",
        happened: "had versioning suspended",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketVersioning" }],
        reads: &[rights::GET_BUCKET_POLICY, rights::GET_BUCKET_VERSIONING],
        writes: &[rights::PUT_BUCKET_VERSIONING],
        undoes: &[rights::GET_BUCKET_VERSIONING, rights::PUT_BUCKET_VERSIONING],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.14", "ATT&CK T1562.008", "ATT&CK T1485"],
        caveat: "Logs that were overwritten while versioning was suspended are gone, unless the trail also delivers \
                 elsewhere.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = match json::text(&event.request["VersioningConfiguration"], "Status") {
            Some("Enabled") => return vec![],
            Some("Suspended") => "the event suspends versioning",
            _ => "the event does not say whether versioning is on",
        };
        vec![Suspicion { subject: subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let (policy, found, remembered) = futures::try_join!(
            aws::bucket_policy(look, bucket),
            aws::bucket_versioning(look, bucket),
            look.remembered::<Self>(&suspicion.subject)
        )?;
        let FoundVersioning { versioning, mfa_delete } = found;
        Ok(State { receives_logs: logs::are_delivered(policy.as_deref()), versioning, mfa_delete, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "versioning of a bucket was changed, and the event does not say which".to_owned();
            return alert(Severity::Medium, why);
        };
        if !state.receives_logs {
            return allow("the bucket receives no logs");
        }
        if state.versioning != Some(Versioning::Suspended) {
            return allow("versioning is not suspended");
        }
        if given.holds.contains(SUSPENDED) {
            return allow("an operator has suspended it again");
        }
        let why = format!("versioning of bucket `{bucket}`, which receives logs, is suspended");
        if state.mfa_delete {
            return alert(Severity::High, format!("{why}, and only the root user's MFA device can turn it on"));
        }
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        let Some((Versioning::Enabled, age)) = before else {
            return alert(Severity::Medium, format!("{why}; whether it was on before is not known"));
        };
        Decision::Revert {
            severity: Severity::High,
            why: format!("{why}, and was on {age} before"),
            grants: vec![SUSPENDED.to_owned()],
            plan: vec![S3::BucketVersioning(Swap {
                of: Bucket(bucket.to_owned()),
                from: Versioning::Suspended,
                to: Versioning::Enabled,
            })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketVersioning(Swap { to, .. }) => State { versioning: Some(*to), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for SuspendedLogVersioning {
    type Good = Versioning;

    fn good(state: &State) -> Option<Versioning> {
        state.versioning.filter(|versioning| state.receives_logs && *versioning == Versioning::Enabled)
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
            "eventName": "PutBucketVersioning", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn put(status: &str) -> Event {
        event(&json!({"bucketName": "b", "versioning": "", "VersioningConfiguration": {"Status": status}}))
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "b"), why: String::new() };
        let given = Given { settings: &Settings::default(), holds };
        SuspendedLogVersioning::decide(event, &suspicion, state, &given)
    }

    fn states() -> impl Strategy<Value = State> {
        let versioning = || prop::sample::select(vec![None, Some(Versioning::Enabled), Some(Versioning::Suspended)]);
        let seen = prop::sample::select(vec!["2026-01-31T06:00:00Z", "2026-01-26T12:00:00Z"]);
        let good = prop::sample::select(vec![None, Some(Versioning::Enabled)]);
        let remembered = prop::option::of(
            (good, seen).prop_map(|(good, seen)| Remembered { good, seen: seen.parse().expect("a time") }),
        );
        (any::<bool>(), versioning(), any::<bool>(), remembered).prop_map(
            |(receives_logs, versioning, mfa_delete, remembered)| State {
                receives_logs,
                versioning,
                mfa_delete,
                remembered,
            },
        )
    }

    #[test]
    fn only_what_turns_it_on_raises_no_suspicion() {
        let suspects = |event: &Event| !SuspendedLogVersioning::suspect(event, &Settings::default()).is_empty();
        assert!(!suspects(&put("Enabled")));
        for event in [put("Suspended"), put(""), event(&json!({"omitted": true})), event(&Value::Null)] {
            assert!(suspects(&event), "{}", event.request);
        }
    }

    proptest! {
        #[test]
        fn only_what_is_known_to_have_been_on_is_turned_on(state in states()) {
            let decision = decide(&put("Suspended"), &state, &BTreeSet::new());
            let remembered = state.remembered.as_ref().filter(|seen| seen.seen.to_string().as_str() > "2026-01-30");
            let was_on = remembered.is_some_and(|remembered| remembered.good.is_some());
            let is_suspended = state.receives_logs && state.versioning == Some(Versioning::Suspended);
            prop_assert_eq!(decision.is_allow(), !is_suspended);
            prop_assert_eq!(!decision.plan().is_empty(), is_suspended && was_on && !state.mfa_delete);
        }

        #[test]
        fn what_a_revert_restores_is_remembered(state in states()) {
            let plan = decide(&put("Suspended"), &state, &BTreeSet::new()).plan().to_vec();
            if !plan.is_empty() {
                let after = plan.iter().fold(state, |state, change| SuspendedLogVersioning::after(&state, change));
                prop_assert_eq!(SuspendedLogVersioning::good(&after), Some(Versioning::Enabled));
            }
        }
    }
}
