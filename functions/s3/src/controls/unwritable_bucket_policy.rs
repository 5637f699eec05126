//! # A public bucket policy cannot be rewritten
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** AWS refuses a policy that names a role or a user that is no more. What is allowed to one goes when the policy is
//! reverted. But what is denied to one stays, or the `Deny` would be narrowed. So whoever denies a role something, lets
//! everyone in, and then deletes the role has a public policy that Snapback cannot rewrite.
//!
//! **Does** Asks an operator to switch on `RestrictPublicBuckets` in the bucket's Block Public Access, if S3 itself takes
//! the policy for public. That keeps out everybody but AWS services and the bucket's account, and so also the partners
//! that the policy names: the notice names them. The policy stays as it is, for a person to write anew.
//!
//! **Leaves alone**
//! - policies that Snapback can rewrite, which `s3-public-bucket-policy` does
//! - policies that S3 does not take for public, upon which the setting has no effect
//! - buckets for which, or for whose account, `RestrictPublicBuckets` is on
//! - what an operator has restored with `snapback undo`

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Bucket, Flag, Flags, S3, Swap};
use snapback::control::{About, Applier, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::{Exposure, Grant, Kind, Policy, PolicyText};
use snapback::settings::Settings;

use crate::told::bucket_of;
use crate::{aws, block, rights, told};

#[derive(Debug)]
pub(crate) struct UnwritableBucketPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    policy: Option<PolicyText>,
    /// Whether S3 takes it for public; only asked where it names who is no more.
    public: bool,
    /// The bucket's own settings of Block Public Access; nothing if it has none.
    bucket: Option<Flags>,
    account: Option<Flags>,
}

impl Control for UnwritableBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-unwritable-bucket-policy",
        title: "A public bucket policy cannot be rewritten",
        happened: "was opened to everyone by its policy",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: &[
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_POLICY_STATUS,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_BUCKET_PUBLIC_ACCESS_BLOCK],
        undoes: &[rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK, rights::PUT_BUCKET_PUBLIC_ACCESS_BLOCK],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.2", "AWS FSBP S3.8", "ATT&CK T1537"],
        caveat: "The policy still lets everyone in: write one without the principals that are no more. Then undo a revert.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const APPLIED_BY: Applier = Applier::Operator;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let text = told::bucket_policy(event);
        let trust = settings.trust_at(event);
        let why = match text.as_deref().map(Policy::parse) {
            None => Some("the event does not contain the policy".to_owned()),
            Some(Ok(policy)) if policy.keeps_names() => {
                let public = policy.judge(Kind::Resource, &trust).grants.into_iter().find(is_public);
                public.map(|grant| format!("{}, and it names others whom no revert removes", grant.why))
            }
            // Of what is not understood, `s3-public-bucket-policy` tells.
            Some(_) => None,
        };
        why.map(|why| Suspicion { subject: told::subject(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let (found, of_bucket, account) = futures::try_join!(
            aws::found_bucket_policy(look, bucket),
            aws::bucket_public_access_block(look, bucket),
            aws::account_public_access_block(look),
        )?;
        let may_be_unwritable = found.policy.as_ref().is_some_and(PolicyText::names_who_is_no_more);
        let public = may_be_unwritable && aws::is_public(look, bucket).await?;
        Ok(State { policy: found.policy, public, bucket: of_bucket, account })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        const CLOSES: Flag = Flag::RestrictPublicBuckets;
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            return allow("the event does not say which bucket, and `s3-public-bucket-policy` tells of that");
        };
        let Some(text) = &state.policy else { return allow("the bucket has no policy") };
        let Ok(policy) = Policy::parse(text) else {
            return allow("the policy is not understood, and `s3-public-bucket-policy` tells of that");
        };
        let trust = given.settings.trust_at(event).on(&suspicion.subject.arn);
        let mut public = policy.judge(Kind::Resource, &trust).grants;
        public.retain(is_public);
        let dead = policy.without(&public).map(|left| left_dead(&left)).unwrap_or_default();
        match (public.is_empty(), dead.is_empty()) {
            (true, _) => return allow("the policy does not certainly let everyone in"),
            (_, true) => return allow("the policy can be rewritten"),
            _ if !state.public => return allow("S3 does not take the policy for public"),
            _ if block::all_on([state.bucket.as_ref(), state.account.as_ref()]).contains(&CLOSES) => {
                return allow("Block Public Access keeps strangers out");
            }
            _ if given.holds.contains(&block::off(CLOSES)) => return allow("an operator holds it"),
            _ => {}
        }
        let outside = policy.named_outside(&suspicion.subject.account);
        let cost = if outside.is_empty() {
            String::new()
        } else {
            format!("; {CLOSES} would also keep out {}, whom the policy names", quoted(&outside))
        };
        let (whom, them) = if dead.len() == 1 { ("principal", "it") } else { ("principals", "them") };
        let why = format!(
            "{}; AWS refuses a policy that names the deleted {whom} {}, and dropping {them} would narrow a `Deny`{cost}",
            public.iter().map(|grant| grant.why.as_str()).collect::<Vec<_>>().join("; "),
            quoted(&dead),
        );
        let to = state.bucket.iter().flatten().copied().chain([CLOSES]).collect();
        Decision::Revert {
            severity: if public.iter().any(|grant| grant.writes) { Severity::Critical } else { Severity::High },
            why,
            grants: vec![block::off(CLOSES)],
            plan: vec![S3::BucketPublicAccessBlock(Swap {
                of: Bucket(bucket.to_owned()),
                from: state.bucket.clone(),
                to: Some(to),
            })],
            left: vec![],
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketPublicAccessBlock(Swap { to, .. }) => State { bucket: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

fn is_public(grant: &Grant) -> bool {
    grant.exposure == Exposure::Public && grant.certain
}

fn quoted(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The unique ids that stay in a policy when those are removed to which it allows something.
fn left_dead(policy: &str) -> BTreeSet<String> {
    let Ok(policy) = Policy::parse(policy) else { return BTreeSet::new() };
    match policy.without_ids() {
        Some(left) => Policy::parse(&left).map(|left| left.ids()).unwrap_or_default(),
        None => policy.ids(),
    }
}
