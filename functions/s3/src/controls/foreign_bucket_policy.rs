//! # A bucket policy lets a stranger in
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** A statement that names an account of somebody else hands the bucket's objects to that account, and nothing
//! about it looks public. It is the quiet way to take data out of AWS (Stratus Red Team: `s3-backdoor-bucket-policy`).
//!
//! **Does** Looks at the policy that the bucket has now and removes from it what lets in accounts and organizations that
//! are neither the bucket's own nor trusted (`TrustedAccounts`, `TrustedOrganizations`, `trusted.json`): one principal of
//! a list, one of the values that a condition allows, or else the whole statement. Everything else stays byte for byte.
//! The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - what lets everyone in, which is for `s3-public-bucket-policy`
//! - named strangers whom Block Public Access keeps out: `RestrictPublicBuckets` does, while the policy lets everyone in
//!   as well
//! - grants that an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a VPC, an endpoint or a range of addresses that is
//! not listed as trusted, as the policy does not say whose that is; a canonical user that is not listed; a condition or a
//! `Deny` that may keep strangers out; a policy that it cannot read; an event that does not say which bucket.

use anyhow::Result;
use snapback::change::S3;
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::{Exposure, Grant, Policy};
use snapback::settings::Settings;

use crate::bucket_policy::{self, State};
use crate::exposed::said;
use crate::rights;
use crate::told::bucket_of;
use crate::{aws, exposed, told};

#[derive(Debug)]
pub(crate) struct ForeignBucketPolicy;

impl Control for ForeignBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-bucket-policy",
        title: "A bucket policy lets a stranger in",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: &[
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY],
        undoes: &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.6", "ATT&CK T1537", "Stratus aws.exfiltration.s3-backdoor-bucket-policy"],
        caveat: "What was read before the revert has been read: look at the bucket's access logs or data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let lets_in = |policy: &Policy<'_>| exposed::by_policy(policy, Exposure::Foreign, &event.account, settings);
        let why = bucket_policy::suspect(told::bucket_policy(event).as_deref(), lets_in);
        why.map(|why| Suspicion { subject: told::subject(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        bucket_policy::observe(look, suspicion).await
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "a bucket policy was put, and the event does not tell on which bucket".to_owned();
            return Decision::Alert { severity: Severity::Medium, why };
        };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(text) = &state.policy else { return allow("the bucket has no policy") };
        let policy = match Policy::parse(text) {
            Ok(policy) => policy,
            Err(error) => {
                let why = format!("the policy of bucket `{bucket}` is not understood: {error}");
                return Decision::Alert { severity: Severity::Medium, why };
            }
        };
        let everyone = exposed::by_policy(&policy, Exposure::Public, &event.account, given.settings);
        if state.restricted && everyone.iter().any(|grant| grant.certain) {
            return allow("Block Public Access keeps strangers out");
        }
        let (held, grants): (Vec<_>, Vec<_>) =
            exposed::by_policy(&policy, Exposure::Foreign, &event.account, given.settings)
                .into_iter()
                .partition(|grant| given.holds.contains(&grant.name));
        if grants.is_empty() {
            return allow(if held.is_empty() {
                "the policy lets no named stranger in"
            } else {
                "an operator has put it back"
            });
        }
        let strangers = exposed::whoever_the_network(text, &policy, &given.settings.trust(&event.account));
        let is_certain = |grant: &Grant| grant.certain && strangers.contains(&grant.name);
        let (foreign, unsure): (Vec<_>, Vec<_>) = grants.into_iter().partition(is_certain);
        let unsure: Vec<String> = unsure.into_iter().map(exposed::doubt).collect();
        if foreign.is_empty() {
            return Decision::Alert { severity: Severity::Medium, why: unsure.join("; ") };
        }
        let to = policy.without(&foreign);
        Decision::Revert {
            severity: Severity::High,
            why: said(&foreign),
            grants: foreign.into_iter().map(|grant| grant.name).collect(),
            plan: vec![S3::BucketPolicy { bucket: bucket.to_owned(), from: state.policy.clone(), to }],
            left: unsure,
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

    const STRANGER: &str = "arn:aws:iam::777788889999:root";
    const FRIEND: &str = "arn:aws:iam::444455556666:role/reader";

    fn put(policy: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "bucketPolicy": policy},
        });
        Event::from_record(record).expect("an event")
    }

    fn settings() -> Settings {
        Settings { trusted_accounts: ["444455556666".to_owned()].into(), ..Settings::default() }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "b"), why: String::new() };
        ForeignBucketPolicy::decide(event, &suspicion, state, &Given { settings: &settings(), holds })
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

    fn left(decision: &Decision<S3>) -> Option<String> {
        match decision.plan() {
            [S3::BucketPolicy { to, .. }] => to.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_stranger_goes() {
        let both = policy(&[statement(&json!({"AWS": [FRIEND, STRANGER]}), &json!({}))]);
        let friend = policy(&[statement(&json!({"AWS": [FRIEND]}), &json!({}))]);
        assert_eq!(left(&decide(&put(&both), &live(&both), &BTreeSet::new())), Some(friend.to_string()));
        assert!(ForeignBucketPolicy::suspect(&put(&friend), &settings()).is_empty());
        let alone = policy(&[statement(&json!({"AWS": STRANGER}), &json!({}))]);
        assert_eq!(left(&decide(&put(&alone), &live(&alone), &BTreeSet::new())), None);
    }

    #[test]
    fn a_foreign_organization_goes_and_a_network_is_announced() {
        let by = |condition: Value| policy(&[statement(&json!("*"), &condition)]);
        let organization = by(json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}));
        assert_eq!(left(&decide(&put(&organization), &live(&organization), &BTreeSet::new())), None);
        for network in [
            json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}),
            json!({"StringEquals": {"aws:SourceVpc": ["vpc-0a1b2c3d4e5f60718", "vpc-0a1b2c3d4e5f60719"]}}),
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        ] {
            let policy = by(network);
            let decision = decide(&put(&policy), &live(&policy), &BTreeSet::new());
            assert_eq!((decision.severity(), decision.plan()), (Some(Severity::Medium), &[][..]), "{decision}");
        }
    }

    #[test]
    fn everyone_is_for_another_control() {
        let public = policy(&[statement(&json!("*"), &json!({}))]);
        assert!(ForeignBucketPolicy::suspect(&put(&public), &settings()).is_empty());
        assert!(decide(&put(&public), &live(&public), &BTreeSet::new()).is_allow());
        let both = policy(&[statement(&json!("*"), &json!({})), statement(&json!({"AWS": STRANGER}), &json!({}))]);
        assert_eq!(left(&decide(&put(&both), &live(&both), &BTreeSet::new())), Some(public.to_string()));
        let restricted = State { restricted: true, ..live(&both) };
        assert!(decide(&put(&both), &restricted, &BTreeSet::new()).is_allow());
        let alone = policy(&[statement(&json!({"AWS": STRANGER}), &json!({}))]);
        assert!(!decide(&put(&alone), &State { restricted: true, ..live(&alone) }, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_an_operator_has_put_back_stays() {
        let policy = policy(&[statement(&json!({"AWS": STRANGER}), &json!({}))]);
        let Decision::Revert { grants, .. } = decide(&put(&policy), &live(&policy), &BTreeSet::new()) else {
            panic!("it is foreign");
        };
        assert!(decide(&put(&policy), &live(&policy), &grants.into_iter().collect()).is_allow());
    }

    fn policies() -> impl Strategy<Value = Value> {
        let principal = prop_oneof![
            Just(json!("*")),
            Just(json!({"AWS": [STRANGER, FRIEND]})),
            Just(json!({"AWS": ["111122223333", "777788889999"], "Service": "logging.s3.amazonaws.com"})),
            Just(json!({"AWS": FRIEND})),
            Just(json!({"CanonicalUser": "02".repeat(32)})),
        ];
        let condition = prop_oneof![
            4 => Just(json!({})),
            1 => Just(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            1 => Just(json!({"StringEquals": {"aws:PrincipalAccount": ["777788889999", "444455556666"]}})),
            1 => Just(json!({"StringEquals": {"example:Unknown": "x"}})),
        ];
        let statement = (principal, condition, prop::bool::weighted(0.8)).prop_map(|(principal, condition, allow)| {
            let mut statement = statement(&principal, &condition);
            statement["Effect"] = json!(if allow { "Allow" } else { "Deny" });
            statement
        });
        prop::collection::vec(statement, 1..5).prop_map(|statements| policy(&statements))
    }

    proptest! {
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(policy in policies(), restricted in any::<bool>()) {
            let (event, state) = (put(&policy), State { restricted, ..live(&policy) });
            let decision = decide(&event, &state, &BTreeSet::new());
            if !decision.is_allow() {
                prop_assert!(!ForeignBucketPolicy::suspect(&event, &settings()).is_empty(), "{}", decision);
            }
        }

        #[test]
        fn a_revert_leaves_nothing_to_revert_and_its_undo_gives_everything_back(policy in policies()) {
            let (event, state) = (put(&policy), live(&policy));
            if let Decision::Revert { plan, left, .. } = decide(&event, &state, &BTreeSet::new()) {
                let after = plan.iter().fold(state.clone(), |state, change| ForeignBucketPolicy::after(&state, change));
                let again = decide(&event, &after, &BTreeSet::new());
                prop_assert!(again.is_allow() || !left.is_empty() && again.plan().is_empty(), "{:?}", again);
                let undone = plan.iter().rev().fold(after, |state, change| ForeignBucketPolicy::after(&state, &change.undo()));
                prop_assert_eq!(undone, state);
            }
        }
    }
}
