//! # A log bucket deletes its logs early
//!
//! **Watches** `PutBucketLifecycle`, `PutBucketLifecycleConfiguration`.
//!
//! **Why** A lifecycle rule that deletes objects after a day deletes an account's logs without one call to delete them,
//! and keeps doing so (Stratus Red Team: `cloudtrail-lifecycle-rule`).
//!
//! **Does** Checks whether the bucket receives logs: whether its policy lets CloudTrail, AWS Config, S3's access logs
//! or the log delivery of other services put objects. It then reverts rules that delete objects in fewer than 90 days
//! or by a date, as far as they are not in the baseline, which a daily scheduled check keeps and which must be less
//! than two days old: a rule with another form in the baseline gets that form, one that is not in it is removed. All
//! other rules stay.
//!
//! **Leaves alone**
//! - buckets that receive no logs by their policy
//! - rules that are disabled, keep logs for 90 days or longer, or only move them
//! - rules for noncurrent versions, and for uploads that are never completed
//! - rules that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket without a baseline, a rule that was there before, an
//! event that does not say which bucket. It does not check which objects a rule covers. It does not restore removed
//! rules, because logs are kept longer without them. It does not recognise buckets to which logs are copied by other
//! means, or whose policy was changed before.

use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::{Bucket, Lifecycle, LifecycleRule, S3, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;

use crate::rights;
use crate::told::{bucket_of, subject};
use crate::{aws, logs};

/// For so long CloudTrail itself keeps the events of an account. Who keeps logs for less keeps them for nothing.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>
const KEPT_DAYS: i32 = 90;

#[derive(Debug)]
pub(crate) struct EarlyLogExpiry;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Whether the bucket's policy lets logs be delivered.
    pub receives_logs: bool,
    /// Nothing if the bucket has no rules, or is gone.
    pub lifecycle: Option<Lifecycle>,
    /// The rules when the bucket was last looked at, if logs were delivered.
    pub remembered: Option<Remembered<Lifecycle>>,
}

impl Control for EarlyLogExpiry {
    const ABOUT: &'static About = &About {
        id: "s3-early-log-expiry",
        title: "A log bucket deletes its logs early",
        happened: "was set to delete logs early",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutBucketLifecycle" },
            Watch { service: "s3.amazonaws.com", name: "PutBucketLifecycleConfiguration" },
        ],
        reads: &[rights::GET_BUCKET_POLICY, rights::GET_LIFECYCLE_CONFIGURATION],
        writes: &[rights::PUT_LIFECYCLE_CONFIGURATION],
        undoes: &[rights::GET_LIFECYCLE_CONFIGURATION, rights::PUT_LIFECYCLE_CONFIGURATION],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.008", "ATT&CK T1485.001", "Stratus aws.defense-evasion.cloudtrail-lifecycle-rule"],
        caveat: "Logs that were deleted in the meantime are gone. S3 runs rules about once a day.",
        source: file!(),
    };

    const SETTLES: Duration = Duration::from_mins(3);

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let told = json::list(&event.request["LifecycleConfiguration"]["Rule"]);
        let why = if told.is_empty() {
            "the event does not contain the rules"
        } else if told.into_iter().any(may_be_early) {
            "the event lets objects expire early"
        } else {
            return vec![];
        };
        vec![Suspicion { subject: subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let (policy, lifecycle, remembered) = futures::try_join!(
            aws::bucket_policy(look, bucket),
            aws::bucket_lifecycle(look, bucket),
            look.remembered::<Self>(&suspicion.subject)
        )?;
        Ok(State { receives_logs: logs::are_delivered(policy.as_deref()), lifecycle, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "the lifecycle of a bucket was changed, and the event does not say which".to_owned();
            return alert(Severity::Medium, why);
        };
        if !state.receives_logs {
            return allow("the bucket receives no logs");
        }
        let Some(lifecycle) = &state.lifecycle else { return allow("the bucket has no lifecycle") };
        let early = lifecycle.rules.iter().filter(|rule| rule.expires_before(KEPT_DAYS).is_some());
        let (held, early): (Vec<_>, Vec<_>) = early.partition(|rule| given.holds.contains(&grant(rule)));
        if early.is_empty() {
            return allow(if held.is_empty() {
                "no rule lets logs expire early"
            } else {
                "an operator has restored it"
            });
        }
        let before = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        let Some((before, age)) = before else {
            let why = format!("{}; which rules there were before is not known", said(bucket, &early));
            return alert(Severity::Medium, why);
        };
        let (old, new): (Vec<_>, Vec<_>) = early.into_iter().partition(|rule| before.rules.contains(rule));
        if new.is_empty() {
            return alert(Severity::Medium, format!("{}, as {age} before", said(bucket, &old)));
        }
        let rules =
            lifecycle.rules.iter().filter_map(|rule| if new.contains(&rule) { form(before, rule) } else { Some(rule) });
        let to = Lifecycle { rules: rules.cloned().collect(), minimum_size: lifecycle.minimum_size.clone() };
        Decision::Revert {
            severity: Severity::High,
            why: format!("{}; {age} before it was not so", said(bucket, &new)),
            grants: new.iter().map(|rule| grant(rule)).collect(),
            plan: vec![S3::BucketLifecycle(Swap {
                of: Bucket(bucket.to_owned()),
                from: state.lifecycle.clone(),
                to: (!to.rules.is_empty()).then_some(to),
            })],
            left: if old.is_empty() { vec![] } else { vec![format!("{}, as {age} before", said(bucket, &old))] },
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketLifecycle(Swap { to, .. }) => State { lifecycle: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for EarlyLogExpiry {
    type Good = Lifecycle;

    fn good(state: &State) -> Option<Lifecycle> {
        state.receives_logs.then(|| state.lifecycle.clone().unwrap_or_default())
    }
}

/// Whether a rule of an event may let objects expire early; one that it does not say in a known form may.
fn may_be_early(rule: &Value) -> bool {
    let expiration = &rule["Expiration"];
    let is_early = match json::number(expiration, "Days") {
        Some(days) => days < i64::from(KEPT_DAYS),
        None => expiration.get("ExpiredObjectDeleteMarker").is_none() || expiration.get("Date").is_some(),
    };
    !rule.is_object() || json::text(rule, "Status") != Some("Disabled") && !expiration.is_null() && is_early
}

/// The form that a rule had before, if it did not let logs expire early in that.
fn form<'a>(before: &'a Lifecycle, rule: &LifecycleRule) -> Option<&'a LifecycleRule> {
    let of_its_name = before.rules.iter().find(|other| other.id.is_some() && other.id == rule.id);
    of_its_name.filter(|other| other.expires_before(KEPT_DAYS).is_none())
}

fn said(bucket: &str, rules: &[&LifecycleRule]) -> String {
    let each = rules.iter().map(|rule| format!("{rule} {}", rule.expires_before(KEPT_DAYS).unwrap_or_default()));
    format!("bucket `{bucket}`, which receives logs, deletes them: {}", each.collect::<Vec<_>>().join(", "))
}

/// What the revert takes away: the rule as it is.
fn grant(rule: &LifecycleRule) -> String {
    format!("expiry by {}", serde_json::to_string(rule).unwrap_or_else(|_| rule.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;
    use snapback::change::LifecycleExpiration;
    use snapback::subject::Subject;

    use super::*;

    fn put(rules: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketLifecycle", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "lifecycle": "", "LifecycleConfiguration": {"Rule": rules}},
        });
        Event::from_record(record).expect("an event")
    }

    fn decide(state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let event = put(&json!({}));
        let suspicion = Suspicion { subject: Subject::bucket(&event, "b"), why: String::new() };
        EarlyLogExpiry::decide(&event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn rule(id: Option<&str>, days: Option<i32>, enabled: bool) -> LifecycleRule {
        LifecycleRule {
            id: id.map(str::to_owned),
            status: if enabled { "Enabled" } else { "Disabled" }.to_owned(),
            expiration: days.map(|days| LifecycleExpiration { days: Some(days), ..LifecycleExpiration::default() }),
            ..LifecycleRule::default()
        }
    }

    fn of(rules: &[LifecycleRule]) -> Lifecycle {
        Lifecycle { rules: rules.to_vec(), minimum_size: None }
    }

    fn state(now: &[LifecycleRule], before: &[LifecycleRule]) -> State {
        let seen = "2026-01-31T06:00:00Z".parse().expect("a time");
        State {
            receives_logs: true,
            lifecycle: Some(of(now)),
            remembered: Some(Remembered { good: Some(of(before)), seen }),
        }
    }

    #[test]
    fn only_the_new_rule_goes_and_a_changed_one_gets_its_form_back() {
        let (year, move_only) = (rule(Some("year"), Some(365), true), rule(None, None, true));
        let nuke = rule(Some("nuke"), Some(1), true);
        let changed = rule(Some("year"), Some(2), true);
        for (now, before, expected) in [
            (vec![move_only.clone(), nuke.clone()], vec![year.clone()], Some(of(std::slice::from_ref(&move_only)))),
            (vec![changed, move_only.clone()], vec![year.clone()], Some(of(&[year, move_only]))),
            (vec![nuke.clone()], vec![], None),
        ] {
            let decision = decide(&state(&now, &before), &BTreeSet::new());
            let plan = [S3::BucketLifecycle(Swap { of: Bucket("b".to_owned()), from: Some(of(&now)), to: expected })];
            assert_eq!(decision.plan(), plan, "{decision}");
            assert!(decision.why().contains("6 hours before"), "{decision}");
        }
        assert!(
            decide(&state(std::slice::from_ref(&nuke), std::slice::from_ref(&nuke)), &BTreeSet::new())
                .plan()
                .is_empty()
        );
        let unknown = State { remembered: None, ..state(&[nuke], &[]) };
        assert_eq!(decide(&unknown, &BTreeSet::new()).severity(), Some(Severity::Medium));
    }

    #[test]
    fn rules_are_read_in_the_forms_in_which_they_are_told() {
        let suspects = |rules: &Value| !EarlyLogExpiry::suspect(&put(rules), &Settings::default()).is_empty();
        let early = json!({"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}});
        let late = json!({"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}});
        let off = json!({"ID": "x", "Status": "Disabled", "Expiration": {"Days": 1}});
        let moves = json!({"Status": "Enabled", "Transition": {"Days": 1, "StorageClass": "GLACIER"}});
        let markers = json!({"Status": "Enabled", "Expiration": {"ExpiredObjectDeleteMarker": true}});
        let as_text = json!({"Status": "Enabled", "Expiration": {"Days": "89"}});
        let by_date = json!({"Status": "Enabled", "Expiration": {"Date": "2030-01-01T00:00:00Z"}});
        for rules in [early.clone(), json!([late.clone(), early]), as_text, by_date, json!(null), json!("?")] {
            assert!(suspects(&rules), "{rules}");
        }
        for rules in [late.clone(), off.clone(), json!([late, off, moves, markers])] {
            assert!(!suspects(&rules), "{rules}");
        }
    }

    fn rules() -> impl Strategy<Value = Vec<LifecycleRule>> {
        let id = prop::option::of(prop::sample::select(vec!["a", "b"]));
        let one = (id, prop::option::of(prop::sample::select(vec![1, 89, 90, 400])), any::<bool>());
        prop::collection::vec(one.prop_map(|(id, days, enabled)| rule(id, days, enabled)), 0..4)
    }

    proptest! {
        /// What the event put is what is there now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(now in rules(), before in rules()) {
            let told = |rule: &LifecycleRule| {
                let mut told = json!({"Status": rule.status});
                if let Some(days) = rule.expiration.as_ref().and_then(|expiration| expiration.days) {
                    told["Expiration"] = json!({"Days": days});
                }
                told
            };
            if !decide(&state(&now, &before), &BTreeSet::new()).is_allow() {
                let rules: Vec<Value> = now.iter().map(told).collect();
                prop_assert!(!EarlyLogExpiry::suspect(&put(&json!(rules)), &Settings::default()).is_empty());
            }
        }
    }
}
