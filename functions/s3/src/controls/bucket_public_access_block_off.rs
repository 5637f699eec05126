//! # Block Public Access of a bucket was switched off
//!
//! **Watches** `PutBucketPublicAccessBlock`, `DeleteBucketPublicAccessBlock`.
//!
//! **Why** A public policy or ACL that Block Public Access neutralised takes effect as soon as it is gone. Whoever puts
//! the policy first and turns the protection off afterwards has a public bucket, and the policy looked harmless when it
//! was put.
//!
//! **Does** Turns on again the settings that are off now and on in the baseline, which a daily scheduled check keeps,
//! if that is less than two days old. Without a baseline it judges by what the bucket now exposes, and turns on exactly
//! those settings that neutralise it: `RestrictPublicBuckets` where the policy lets everyone in, `IgnorePublicAcls`
//! where the ACL does. The policy and the ACL stay as they are, and so do the other settings.
//!
//! **Leaves alone**
//! - buckets without a baseline that let nobody in by policy or ACL: opening them later has an event of its own
//! - `BlockPublicAcls` and `BlockPublicPolicy` where only these were turned off, as they close nothing
//! - what is still neutralised, by the bucket's other settings, by the account's Block Public Access or because ACLs
//!   are disabled
//! - settings that an operator has turned off again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell. The event does not say what was on before: without a baseline, a
//! call that leaves some settings on may have done no more than turn those on, for a bucket that was always public, and
//! turning on the others would close that. It also touches nothing if it is not certain that a policy lets everyone in,
//! or if the event does not say which bucket. It does not check ACLs of objects.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Bucket, Flags, S3, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::exposed::Doors;
use crate::rights;
use crate::told::bucket_of;
use crate::{aws, block, told};

#[derive(Debug)]
pub(crate) struct BucketPublicAccessBlockOff;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The bucket's own settings; nothing if it has none.
    pub bucket: Option<Flags>,
    pub account: Option<Flags>,
    #[serde(flatten)]
    pub doors: Doors,
    /// The bucket's own settings that were on when it was last looked at.
    pub remembered: Option<Remembered<Flags>>,
}

impl Control for BucketPublicAccessBlockOff {
    const ABOUT: &'static About = &About {
        id: "s3-bucket-public-access-block-off",
        title: "Block Public Access of a bucket was switched off",
        happened: "lost Block Public Access",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutBucketPublicAccessBlock" },
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketPublicAccessBlock" },
        ],
        reads: &[
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_ACL,
            rights::GET_BUCKET_OWNERSHIP_CONTROLS,
        ],
        writes: &[rights::PUT_BUCKET_PUBLIC_ACCESS_BLOCK],
        undoes: &[rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK, rights::PUT_BUCKET_PUBLIC_ACCESS_BLOCK],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.8", "CIS AWS Foundations 2.1.4", "ATT&CK T1562.001", "ATT&CK T1530"],
        caveat: "Data may have been read in the meantime: check the bucket's access logs or data events. The policy \
                 or ACL that opens the bucket is still there, and `RestrictPublicBuckets` also keeps out the other \
                 accounts that a public policy names.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = block::suspect(event);
        why.map(|why| Suspicion { subject: told::subject(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        match bucket_of(&suspicion.subject) {
            Some(bucket) => {
                let (of_bucket, account, doors, remembered) = futures::try_join!(
                    aws::bucket_public_access_block(look, bucket),
                    aws::account_public_access_block(look),
                    aws::doors(look, bucket),
                    look.remembered::<Self>(&suspicion.subject)
                )?;
                Ok(State { bucket: of_bucket, account, doors, remembered })
            }
            None => Ok(State::default()),
        }
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "Block Public Access was changed, and the event does not say which bucket".to_owned();
            return Decision::Alert { severity: Severity::High, why };
        };
        let on = block::all_on([state.bucket.as_ref(), state.account.as_ref()]);
        let open = state.doors.open(&on, &given.settings.trust_at(event));
        // A bucket that is gone has lost nothing, and always has an ACL if it is there.
        let before = state.remembered.as_ref().filter(|_| state.doors.acl.is_some());
        let was_on = before.and_then(|remembered| remembered.good_before(event));
        block::decide("the bucket", state.bucket.as_ref(), was_on, open, given, |to| {
            S3::BucketPublicAccessBlock(Swap {
                of: Bucket(bucket.to_owned()),
                from: state.bucket.clone(),
                to: Some(to),
            })
        })
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketPublicAccessBlock(Swap { to, .. }) => State { bucket: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for BucketPublicAccessBlockOff {
    type Good = Flags;

    fn good(state: &State) -> Option<Flags> {
        state.bucket.clone().filter(|on| !on.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snapback::change::{Acl, AclGrant, Flag, Grantee};
    use snapback::subject::Subject;

    use super::*;

    const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;
    const UNSURE: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"example:Unknown":"x"}}}]}"#;
    const NAMED: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"*"}]}"#;

    fn event(name: &str, request: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": name, "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn deleted() -> Event {
        event("DeleteBucketPublicAccessBlock", &json!({"bucketName": "b", "publicAccessBlock": ""}))
    }

    fn put(on: &Flags) -> Event {
        let settings: serde_json::Map<String, Value> =
            Flag::ALL.iter().map(|flag| (flag.to_string(), json!(on.contains(flag)))).collect();
        event(
            "PutBucketPublicAccessBlock",
            &json!({"bucketName": "b", "publicAccessBlock": "", "PublicAccessBlockConfiguration": settings}),
        )
    }

    fn acl(group: Option<&str>) -> Acl {
        let everyone = group.map(|name| AclGrant {
            grantee: Grantee::Group(format!("http://acs.amazonaws.com/groups/global/{name}")),
            permission: "READ".to_owned(),
        });
        let owner = AclGrant { grantee: Grantee::User("o".to_owned()), permission: "FULL_CONTROL".to_owned() };
        Acl { owner: "o".to_owned(), grants: [Some(owner), everyone].into_iter().flatten().collect() }
    }

    fn open() -> State {
        open_by(Some(OPEN), None)
    }

    fn open_by(policy: Option<&str>, group: Option<&str>) -> State {
        let doors = Doors { policy: policy.map(Into::into), acl: Some(acl(group)), acls_disabled: false };
        State { doors, ..State::default() }
    }

    /// Seen six hours, or five days, before the event.
    fn remembering(on: impl Into<Flags>, fresh: bool) -> Remembered<Flags> {
        let seen = if fresh { "2026-01-31T06:00:00Z" } else { "2026-01-26T12:00:00Z" };
        Remembered { good: Some(on.into()), seen: seen.parse().expect("a time") }
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "b"), why: String::new() };
        let given = Given { settings: &Settings::default(), holds };
        BucketPublicAccessBlockOff::decide(event, &suspicion, state, &given)
    }

    fn turned_on(decision: &Decision<S3>) -> Flags {
        match decision.plan() {
            [S3::BucketPublicAccessBlock(Swap { to: Some(to), .. })] => to.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_neutralises_the_exposure_is_turned_on() {
        assert_eq!(turned_on(&decide(&deleted(), &open(), &BTreeSet::new())), [Flag::RestrictPublicBuckets].into());
        let mut by_acl = open_by(Some(NAMED), Some("AllUsers"));
        assert_eq!(turned_on(&decide(&deleted(), &by_acl, &BTreeSet::new())), [Flag::IgnorePublicAcls].into());
        let by_both = open_by(Some(OPEN), Some("AllUsers"));
        assert_eq!(turned_on(&decide(&deleted(), &by_both, &BTreeSet::new())).len(), 2);
        by_acl.doors.acls_disabled = true;
        assert!(decide(&deleted(), &by_acl, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_s3_does_not_take_for_public_it_would_not_close() {
        let in_pieces = OPEN.replace(
            r#""Resource":"*""#,
            r#""Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["12.0.0.0/8","13.0.0.0/8"]}}"#,
        );
        assert!(decide(&deleted(), &open_by(Some(&in_pieces), None), &BTreeSet::new()).is_allow());
        let wide = in_pieces.replace("12.0.0.0/8", "12.0.0.0/7");
        assert!(!decide(&deleted(), &open_by(Some(&wide), None), &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_may_have_been_public_all_along_is_announced() {
        let on: Flags = [Flag::BlockPublicAcls, Flag::IgnorePublicAcls].into();
        let decision = decide(&put(&on), &State { bucket: Some(on.clone()), ..open() }, &BTreeSet::new());
        assert_eq!((decision.severity(), decision.plan()), (Some(Severity::High), &[][..]));
        let none = State { bucket: Some(Flags::new()), ..open() };
        assert_eq!(decide(&put(&Flags::new()), &none, &BTreeSet::new()).plan().len(), 1);
    }

    #[test]
    fn what_is_neutralised_otherwise_is_left_alone() {
        let by_account = State { account: Some([Flag::RestrictPublicBuckets].into()), ..open() };
        assert!(decide(&deleted(), &by_account, &BTreeSet::new()).is_allow());
        let by_bucket = State { bucket: Some([Flag::RestrictPublicBuckets].into()), ..open() };
        assert!(decide(&deleted(), &by_bucket, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_an_operator_has_switched_off_again_stays_off() {
        let holds = [block::off(Flag::RestrictPublicBuckets)].into();
        assert!(decide(&deleted(), &open(), &holds).is_allow());
        let by_acl_too = open_by(Some(OPEN), Some("AuthenticatedUsers"));
        assert_eq!(turned_on(&decide(&deleted(), &by_acl_too, &holds)), [Flag::IgnorePublicAcls].into());
    }

    #[test]
    fn what_is_known_to_have_been_on_is_turned_on_again_and_nothing_else() {
        let before = [Flag::BlockPublicAcls, Flag::IgnorePublicAcls, Flag::RestrictPublicBuckets];
        let closed = State { remembered: Some(remembering(before, true)), ..open_by(Some(NAMED), None) };
        let decision = decide(&deleted(), &closed, &BTreeSet::new());
        assert_eq!((turned_on(&decision), decision.severity()), (before.into(), Some(Severity::Medium)));
        assert!(decision.why().contains("6 hours before"), "{decision}");
        let on: Flags = [Flag::IgnorePublicAcls, Flag::BlockPublicPolicy].into();
        let partly = State { bucket: Some(on.clone()), remembered: Some(remembering(before, true)), ..open() };
        assert_eq!(turned_on(&decide(&put(&on), &partly, &BTreeSet::new())), Flag::ALL.into());
        let same = State { remembered: Some(remembering(on.clone(), true)), ..partly };
        assert!(decide(&put(&on), &same, &BTreeSet::new()).plan().is_empty());
    }

    #[test]
    fn what_only_refuses_is_not_turned_on_for_itself() {
        let on: Flags = [Flag::IgnorePublicAcls, Flag::RestrictPublicBuckets].into();
        let state = State { bucket: Some(on.clone()), remembered: Some(remembering(Flag::ALL, true)), ..open() };
        assert!(decide(&put(&on), &state, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_was_seen_too_long_ago_or_of_a_bucket_that_is_gone_does_not_count() {
        let stale = State { remembered: Some(remembering(Flag::ALL, false)), ..open_by(Some(NAMED), None) };
        assert!(decide(&deleted(), &stale, &BTreeSet::new()).is_allow());
        let gone = State { remembered: Some(remembering(Flag::ALL, true)), ..State::default() };
        assert!(decide(&deleted(), &gone, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn settings_that_neutralise_everything_raise_no_suspicion() {
        let is_suspicious =
            |event: &Event| !BucketPublicAccessBlockOff::suspect(event, &Settings::default()).is_empty();
        assert!(!is_suspicious(&put(&Flag::ALL.into())));
        assert!(!is_suspicious(&put(&[Flag::IgnorePublicAcls, Flag::RestrictPublicBuckets].into())));
        for event in [
            deleted(),
            put(&Flags::new()),
            put(&[Flag::IgnorePublicAcls, Flag::BlockPublicPolicy].into()),
            event("PutBucketPublicAccessBlock", &json!({"omitted": true})),
        ] {
            assert!(is_suspicious(&event), "{:?}", event.request);
        }
    }

    fn flags() -> impl Strategy<Value = Option<Flags>> {
        prop::option::of(prop::collection::btree_set(prop::sample::select(Flag::ALL.to_vec()), 0..=4))
    }

    fn states() -> impl Strategy<Value = State> {
        let policy = prop::option::of(prop::sample::select(vec![OPEN, UNSURE, NAMED, "{"]));
        let groups = prop::option::of(prop::sample::select(vec![None, Some("AllUsers"), Some("AuthenticatedUsers")]));
        let before = (flags(), any::<bool>()).prop_map(|(on, fresh)| on.map(|on| remembering(on, fresh)));
        (flags(), flags(), policy, groups, any::<bool>(), before).prop_map(
            |(bucket, account, policy, group, acls_disabled, remembered)| {
                let doors = Doors { policy: policy.map(Into::into), acl: group.map(acl), acls_disabled };
                State { bucket, account, doors, remembered }
            },
        )
    }

    proptest! {
        /// What the event put is what is on now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(state in states()) {
            let event = state.bucket.as_ref().map_or_else(deleted, put);
            let decision = decide(&event, &state, &BTreeSet::new());
            if !decision.is_allow() {
                prop_assert!(!BucketPublicAccessBlockOff::suspect(&event, &Settings::default()).is_empty(), "{}", decision);
            }
        }
    }
}
