//! # The policy of an access point lets strangers in
//!
//! **Watches** `PutAccessPointPolicy`.
//!
//! **Why** An access point is a second door to a bucket, with a policy of its own. Where the bucket's policy leaves it to
//! its access points whom to let in, as AWS recommends, a statement there that allows `"*"` or an account of somebody
//! else opens the bucket, and who reads only bucket policies does not see it.
//!
//! **Does** Looks at the policy that the access point has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - access points that only a VPC reaches
//! - what the bucket's own policy does not let in: an access point grants nothing that the bucket does not
//! - what Block Public Access already neutralises (`RestrictPublicBuckets`, of the access point, the bucket or the account)
//! - grants that an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a bucket of another account, everyone from a network or a range of
//! addresses, a condition or a `Deny` that may keep strangers out, a policy that it cannot read, an event that does not
//! say which access point. Access points of Object Lambda and of several Regions are not looked at.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Flag, Flags, S3};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::{Exposure, Grant, Kind, Policy, Trust};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::exposed::{self, said};
use crate::rights;
use crate::{aws, block, bucket_policy, told};

#[derive(Debug)]
pub(crate) struct AccessPointPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the access point is gone.
    pub point: Option<Point>,
    /// The access point's policy, as S3 gave it back.
    pub policy: Option<String>,
    /// The policy of its bucket.
    pub bucket_policy: Option<String>,
    /// The settings of Block Public Access of the bucket and of the account.
    pub on: Flags,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub bucket: String,
    /// The account that owns the bucket.
    pub bucket_account: Option<String>,
    /// Whether it can be reached from outside of a VPC.
    pub is_on_the_internet: bool,
    /// Its own Block Public Access, which cannot be changed.
    pub block: Flags,
}

impl Control for AccessPointPolicy {
    // Where CloudTrail records calls to S3 Control was not seen.
    const ABOUT: &'static About = &About {
        id: "s3-access-point-policy",
        title: "The policy of an access point lets strangers in",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutAccessPointPolicy" },
            Watch { service: "s3-control.amazonaws.com", name: "PutAccessPointPolicy" },
        ],
        reads: &[
            rights::GET_ACCESS_POINT,
            rights::GET_ACCESS_POINT_POLICY,
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_ACCESS_POINT_POLICY, rights::DELETE_ACCESS_POINT_POLICY],
        undoes: &[rights::GET_ACCESS_POINT_POLICY, rights::PUT_ACCESS_POINT_POLICY],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.19", "ATT&CK T1537", "ATT&CK T1530"],
        caveat: "What was read before the revert has been read: look at the bucket's access logs or data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::ACCESS_POINTS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let lets_in = |policy: &Policy<'_>| strangers(policy, &settings.trust(&event.account));
        let why = bucket_policy::suspect(told::access_point_policy(event).as_deref(), lets_in);
        let subject = match told::access_point(event) {
            Some(name) => Subject::access_point(event, name),
            None => Subject::account(event),
        };
        why.map(|why| Suspicion { subject, why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(name) = access_point_of(&suspicion.subject) else { return Ok(State::default()) };
        let (point, policy) = futures::try_join!(aws::access_point(look, name), aws::access_point_policy(look, name))?;
        let Some(point) = point else { return Ok(State::default()) };
        if point.bucket_account.as_deref() != Some(look.place.account.as_str()) {
            return Ok(State { point: Some(point), policy, ..State::default() });
        }
        let (bucket_policy, of_bucket, of_account) = futures::try_join!(
            aws::bucket_policy(look, &point.bucket),
            aws::bucket_public_access_block(look, &point.bucket),
            aws::account_public_access_block(look)
        )?;
        let on = block::all_on([of_bucket.as_ref(), of_account.as_ref()]);
        Ok(State { point: Some(point), policy, bucket_policy, on })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why: String| Decision::Alert { severity, why };
        let Some(name) = access_point_of(&suspicion.subject) else {
            let why = "the policy of an access point was put, and the event does not tell of which".to_owned();
            return alert(Severity::High, why);
        };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let (Some(point), Some(text)) = (&state.point, &state.policy) else {
            return allow("the access point has no policy");
        };
        if !point.is_on_the_internet {
            return allow("only a VPC reaches the access point");
        }
        let trust = given.settings.trust(&event.account);
        let policy = match Policy::parse(text) {
            Ok(policy) => policy,
            Err(error) => {
                let why = format!("the policy of access point `{name}` is not understood: {error}");
                return alert(Severity::High, why);
            }
        };
        let strangers = strangers(&policy, &trust);
        let is_public = strangers.iter().any(|grant| grant.exposure == Exposure::Public && grant.certain);
        let is_restricted = block::all_on([Some(&point.block), Some(&state.on)]).contains(&Flag::RestrictPublicBuckets);
        if is_public && is_restricted {
            return allow("Block Public Access keeps strangers out");
        }
        let (held, open): (Vec<_>, Vec<_>) = strangers.into_iter().partition(|grant| given.holds.contains(&grant.name));
        if open.is_empty() {
            return allow(if held.is_empty() {
                "the policy lets no stranger in"
            } else {
                "an operator has put it back"
            });
        }
        if point.bucket_account.as_deref() != Some(&*event.account) {
            let why = format!("{}, if the bucket of another account, `{}`, does too", said(&open), point.bucket);
            return alert(Severity::Medium, why);
        }
        if !may_let_in(state.bucket_policy.as_deref(), &trust) {
            return allow("the bucket's own policy lets no stranger in");
        }
        let whoever = exposed::whoever_the_network(text, &policy, &trust);
        let is_certain = |grant: &Grant| grant.certain && whoever.contains(&grant.name);
        let (certain, unsure): (Vec<_>, Vec<_>) = open.into_iter().partition(is_certain);
        let unsure: Vec<String> = unsure.into_iter().map(exposed::doubt).collect();
        if certain.is_empty() {
            return alert(Severity::Medium, unsure.join("; "));
        }
        let is_critical = certain.iter().any(|grant| grant.exposure == Exposure::Public && grant.writes);
        let to = policy.without(&certain);
        Decision::Revert {
            severity: if is_critical { Severity::Critical } else { Severity::High },
            why: said(&certain),
            grants: certain.into_iter().map(|grant| grant.name).collect(),
            plan: vec![S3::AccessPointPolicy { access_point: name.to_owned(), from: state.policy.clone(), to }],
            left: unsure,
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::AccessPointPolicy { to, .. } => State { policy: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

fn access_point_of(subject: &Subject) -> Option<&str> {
    (subject.kind == "access point").then_some(subject.name.as_str())
}

fn strangers(policy: &Policy<'_>, trust: &Trust) -> Vec<Grant> {
    policy.judge(Kind::Resource, trust).grants.into_iter().filter(Grant::is_untrusted).collect()
}

/// Whether a bucket lets strangers in through an access point: by itself, or as it leaves that to its access points.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html#access-points-delegating-control>
fn may_let_in(bucket_policy: Option<&str>, trust: &Trust) -> bool {
    let Some(text) = bucket_policy else { return false };
    let leaves_it = text.to_ascii_lowercase().contains("s3:dataaccesspoint");
    leaves_it || Policy::parse(text).map_or(true, |policy| !strangers(&policy, trust).is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const STRANGER: &str = "arn:aws:iam::777788889999:root";
    const DELEGATES: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:DataAccessPointAccount":"111122223333"}}}]}"#;

    fn put(policy: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutAccessPointPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"name": "door", "PutAccessPointPolicyRequest": {"Policy": policy.to_string()}},
        });
        Event::from_record(record).expect("an event")
    }

    fn live(policy: &Value) -> State {
        let point = Point {
            bucket: "b".to_owned(),
            bucket_account: Some("111122223333".to_owned()),
            is_on_the_internet: true,
            block: Flags::new(),
        };
        State {
            point: Some(point),
            policy: Some(policy.to_string()),
            bucket_policy: Some(DELEGATES.to_owned()),
            on: Flags::new(),
        }
    }

    fn policy(principals: &[Value]) -> Value {
        let statements: Vec<Value> = principals
            .iter()
            .map(|principal| json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*"}))
            .collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::access_point(event, "door"), why: String::new() };
        AccessPointPolicy::decide(event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    #[test]
    fn everyone_and_strangers_go_and_ones_own_stay() {
        let own = json!({"AWS": "arn:aws:iam::111122223333:role/app"});
        let all = policy(&[own.clone(), json!("*"), json!({"AWS": STRANGER})]);
        let decision = decide(&put(&all), &live(&all), &BTreeSet::new());
        let to = Some(policy(&[own]).to_string());
        assert_eq!(
            decision.plan(),
            [S3::AccessPointPolicy { access_point: "door".to_owned(), from: Some(all.to_string()), to }]
        );
    }

    #[test]
    fn what_has_no_effect_is_left_alone() {
        let all = policy(&[json!("*")]);
        let open = live(&all);
        let with = |change: &dyn Fn(&mut State)| {
            let mut state = open.clone();
            change(&mut state);
            decide(&put(&all), &state, &BTreeSet::new())
        };
        let change_point =
            |change: &dyn Fn(&mut Point)| with(&|state| state.point.as_mut().into_iter().for_each(change));
        assert!(with(&|state| state.bucket_policy = None).is_allow());
        assert!(with(&|state| state.on = [Flag::RestrictPublicBuckets].into()).is_allow());
        assert!(change_point(&|point| point.block = [Flag::RestrictPublicBuckets].into()).is_allow());
        assert!(change_point(&|point| point.is_on_the_internet = false).is_allow());
        let elsewhere = change_point(&|point| point.bucket_account = Some("444455556666".to_owned()));
        assert_eq!((elsewhere.severity(), elsewhere.plan()), (Some(Severity::Medium), &[][..]));
        assert_eq!(with(&|_| {}).plan().len(), 1);
    }

    fn policies() -> impl Strategy<Value = Value> {
        let principal = prop::sample::select(vec![
            json!("*"),
            json!({"AWS": [STRANGER, "111122223333"]}),
            json!({"AWS": "111122223333"}),
            json!({"CanonicalUser": "02".repeat(32)}),
        ]);
        prop::collection::vec(principal, 1..4).prop_map(|principals| policy(&principals))
    }

    proptest! {
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(policy in policies()) {
            let decision = decide(&put(&policy), &live(&policy), &BTreeSet::new());
            if !decision.is_allow() {
                prop_assert!(!AccessPointPolicy::suspect(&put(&policy), &Settings::default()).is_empty(), "{}", decision);
            }
        }

        #[test]
        fn a_revert_leaves_nothing_to_revert_and_its_undo_gives_everything_back(policy in policies()) {
            let (event, state) = (put(&policy), live(&policy));
            if let Decision::Revert { plan, left, .. } = decide(&event, &state, &BTreeSet::new()) {
                let after = plan.iter().fold(state.clone(), |state, change| AccessPointPolicy::after(&state, change));
                let again = decide(&event, &after, &BTreeSet::new());
                prop_assert!(again.is_allow() || !left.is_empty() && again.plan().is_empty(), "{:?}", again);
                let undone = plan.iter().rev().fold(after, |state, change| AccessPointPolicy::after(&state, &change.undo()));
                prop_assert_eq!(undone, state);
            }
        }
    }
}
