//! # A bucket policy lets everyone in
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** A statement that allows `"*"` gives the bucket's objects to the whole internet. It is the commonest way in
//! which data leaks from AWS, by mistake as well as on purpose (Stratus Red Team: `s3-backdoor-bucket-policy`).
//!
//! **Does** Looks at the policy that the bucket has now and removes from it what lets everyone in: the `"*"` from a
//! list of principals, one of the values that a condition allows, or else the whole statement. Everything else stays
//! byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that name whom they let in, and every `Deny`
//! - statements that a condition narrows to an account, an organization, a network or a caller
//! - what Block Public Access already neutralises (`RestrictPublicBuckets`, of the bucket or of the account)
//! - grants that an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a condition or a `Deny` that may keep strangers out, a policy
//! that it cannot read, an event that does not say which bucket.

use anyhow::Result;
use snapback::change::S3;
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::{Exposure, Policy};
use snapback::settings::Settings;

use crate::bucket_policy::{self, State};
use crate::exposed::said;
use crate::rights;
use crate::told::bucket_of;
use crate::{aws, exposed, told};

#[derive(Debug)]
pub(crate) struct PublicBucketPolicy;

impl Control for PublicBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-public-bucket-policy",
        title: "A bucket policy lets everyone in",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: &[
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY],
        undoes: &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY],
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP S3.2",
            "AWS FSBP S3.3",
            "ATT&CK T1537",
            "Stratus aws.exfiltration.s3-backdoor-bucket-policy",
        ],
        caveat: "What was read before the revert has been read: look at the bucket's access logs or data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let lets_in = |policy: &Policy<'_>| exposed::by_policy(policy, Exposure::Public, &event.account, settings);
        let why = bucket_policy::suspect(told::bucket_policy(event).as_deref(), lets_in);
        why.map(|why| Suspicion { subject: told::subject(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        bucket_policy::observe(look, suspicion).await
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "a bucket policy was put, and the event does not tell on which bucket".to_owned();
            return Decision::Alert { severity: Severity::High, why };
        };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(text) = &state.policy else { return allow("the bucket has no policy") };
        if state.restricted {
            return allow("Block Public Access keeps strangers out");
        }
        let policy = match Policy::parse(text) {
            Ok(policy) => policy,
            Err(error) => {
                let why = format!("the policy of bucket `{bucket}` is not understood: {error}");
                return Decision::Alert { severity: Severity::High, why };
            }
        };
        let (held, grants): (Vec<_>, Vec<_>) =
            exposed::by_policy(&policy, Exposure::Public, &event.account, given.settings)
                .into_iter()
                .partition(|grant| given.holds.contains(&grant.name));
        if grants.is_empty() {
            return allow(if held.is_empty() {
                "the policy lets no stranger in"
            } else {
                "an operator has put it back"
            });
        }
        let (public, unsure): (Vec<_>, Vec<_>) = grants.into_iter().partition(|grant| grant.certain);
        if public.is_empty() {
            return Decision::Alert { severity: Severity::Medium, why: said(&unsure) };
        }
        let severity = if public.iter().any(|grant| grant.writes) { Severity::Critical } else { Severity::High };
        let to = policy.without(&public);
        Decision::Revert {
            severity,
            why: said(&public),
            grants: public.into_iter().map(|grant| grant.name).collect(),
            plan: vec![S3::BucketPolicy { bucket: bucket.to_owned(), from: state.policy.clone(), to }],
            left: unsure.into_iter().map(|grant| grant.why).collect(),
        }
    }

    fn after(state: &State, change: &S3) -> State {
        bucket_policy::after(state, change)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snapback::subject::Subject;

    use super::*;

    fn put(policy: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "bucketPolicy": policy},
            "resources": [{"type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::b"}],
        });
        Event::from_record(record).expect("an event")
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Option<Decision<S3>> {
        let settings = Settings::default();
        let suspicion = PublicBucketPolicy::suspect(event, &settings).pop()?;
        Some(PublicBucketPolicy::decide(event, &suspicion, state, &Given { settings: &settings, holds }))
    }

    fn live(policy: &Value) -> State {
        State { policy: Some(policy.to_string()), restricted: false }
    }

    fn statement(principal: &Value, condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*", "Condition": condition})
    }

    fn policy(statements: &[Value]) -> Value {
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn public() -> Value {
        policy(&[statement(&json!("*"), &json!({}))])
    }

    #[test]
    fn leaves_alone_who_is_named_and_every_deny() {
        let named = statement(&json!({"AWS": "111122223333"}), &json!({}));
        let mut deny = statement(&json!("*"), &json!({"Bool": {"aws:SecureTransport": "false"}}));
        deny["Effect"] = json!("Deny");
        assert!(
            PublicBucketPolicy::suspect(&put(&policy(&[named.clone(), deny.clone()])), &Settings::default()).is_empty()
        );
        let mixed = policy(&[named.clone(), statement(&json!("*"), &json!({})), deny.clone()]);
        let Some(Decision::Revert { plan, .. }) = decide(&put(&mixed), &live(&mixed), &BTreeSet::new()) else {
            panic!("the public statement goes");
        };
        let S3::BucketPolicy { to, .. } = &plan[0] else { panic!("of the policy") };
        assert_eq!(to.as_deref(), Some(policy(&[named, deny]).to_string().as_str()));
    }

    #[test]
    fn leaves_alone_what_a_condition_narrows() {
        let narrowed =
            policy(&[statement(&json!("*"), &json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}))]);
        assert!(PublicBucketPolicy::suspect(&put(&narrowed), &Settings::default()).is_empty());
    }

    #[test]
    fn leaves_alone_what_block_public_access_neutralises() {
        let state = State { restricted: true, ..live(&public()) };
        assert!(decide(&put(&public()), &state, &BTreeSet::new()).is_some_and(|decision| decision.is_allow()));
    }

    #[test]
    fn leaves_alone_what_an_operator_has_put_back() {
        let Some(Decision::Revert { grants, .. }) = decide(&put(&public()), &live(&public()), &BTreeSet::new()) else {
            panic!("it is public");
        };
        let holds = grants.into_iter().collect();
        assert!(decide(&put(&public()), &live(&public()), &holds).is_some_and(|decision| decision.is_allow()));
    }

    #[test]
    fn looks_when_the_event_does_not_tell_and_alerts_when_it_does_not_even_tell_the_bucket() {
        let mut event = put(&json!({}));
        event.request = json!({"omitted": true});
        assert!(matches!(decide(&event, &live(&public()), &BTreeSet::new()), Some(Decision::Revert { .. })));
        event.resources.clear();
        assert!(matches!(decide(&event, &State::default(), &BTreeSet::new()), Some(Decision::Alert { .. })));
    }

    fn policies() -> impl Strategy<Value = Value> {
        let principal = prop_oneof![
            Just(json!("*")),
            Just(json!({"AWS": ["*", "111122223333"]})),
            Just(json!({"AWS": "444455556666"})),
            Just(json!({"Service": "logging.s3.amazonaws.com"})),
        ];
        let condition = prop_oneof![
            4 => Just(json!({})),
            1 => Just(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            1 => Just(json!({"StringLike": {"aws:PrincipalArn": "*"}})),
            1 => Just(json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
        ];
        let statement = (principal, condition, prop::bool::weighted(0.8)).prop_map(|(principal, condition, allow)| {
            let mut statement = statement(&principal, &condition);
            statement["Effect"] = json!(if allow { "Allow" } else { "Deny" });
            statement
        });
        prop::collection::vec(statement, 1..5).prop_map(|statements| policy(&statements))
    }

    proptest! {
        /// What the event put is what is there now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(policy in policies(), restricted in any::<bool>()) {
            let (event, state) = (put(&policy), State { restricted, ..live(&policy) });
            let subject = Subject::bucket(&event, "b");
            let (settings, holds) = (Settings::default(), BTreeSet::new());
            let given = Given { settings: &settings, holds: &holds };
            let decision = PublicBucketPolicy::decide(&event, &Suspicion { subject, why: String::new() }, &state, &given);
            if !decision.is_allow() {
                prop_assert!(!PublicBucketPolicy::suspect(&event, &settings).is_empty(), "{}", decision);
            }
        }

        #[test]
        fn a_revert_leaves_nothing_to_revert_and_its_undo_gives_everything_back(policy in policies()) {
            let (event, state) = (put(&policy), live(&policy));
            if let Some(Decision::Revert { plan, left, .. }) = decide(&event, &state, &BTreeSet::new()) {
                let after = plan.iter().fold(state.clone(), |state, change| PublicBucketPolicy::after(&state, change));
                let again = decide(&event, &after, &BTreeSet::new());
                let is_quiet = again.as_ref().is_some_and(|again| again.is_allow() || !left.is_empty() && again.plan().is_empty());
                prop_assert!(is_quiet, "{:?}", again);
                let undone = plan.iter().rev().fold(after, |state, change| PublicBucketPolicy::after(&state, &change.undo()));
                prop_assert_eq!(undone, state);
            }
        }
    }
}
