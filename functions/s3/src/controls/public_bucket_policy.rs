//! # A bucket policy lets everyone in
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** A statement that allows `"*"` gives the bucket's objects to the whole internet. It is the commonest way in
//! which data leaks from AWS, by mistake as well as on purpose (Stratus Red Team: `s3-backdoor-bucket-policy`).
//!
//! **Does** Looks at the policy that the bucket has now and removes from it what lets everyone in: the `"*"` from a
//! list of principals, or else the whole statement. Everything else stays byte for byte. The policy is deleted only
//! if nothing is left of it.
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
use serde::{Deserialize, Serialize};
use snapback::change::S3;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::{Exposure, Grant, Policy};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;

#[derive(Debug)]
pub(crate) struct PublicBucketPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The policy, as S3 gave it back.
    pub policy: Option<String>,
    /// Whether `RestrictPublicBuckets` is on for the bucket or for its account.
    pub restricted: bool,
}

impl Control for PublicBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-public-bucket-policy",
        title: "A bucket policy lets everyone in",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: &["s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetAccountPublicAccessBlock"],
        writes: &["s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
        undoes: &["s3:GetBucketPolicy", "s3:PutBucketPolicy"],
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

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let given = &event.request["bucketPolicy"];
        let why = if json::is_left_out(given) {
            "the event does not tell the policy".to_owned()
        } else {
            let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
            match Policy::parse(&text).map(|policy| policy.grants()) {
                Ok(grants) if grants.is_empty() => return vec![],
                Ok(grants) => said(&grants),
                Err(error) => format!("the event's policy is not understood: {error}"),
            }
        };
        let subject = match bucket(event) {
            Some(name) => Subject::bucket(event, name),
            None => Subject::account(event),
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        match bucket_of(&suspicion.subject) {
            Some(bucket) => {
                let (policy, restricted) =
                    futures::try_join!(aws::bucket_policy(look, bucket), aws::restricts_public_buckets(look, bucket))?;
                Ok(State { policy, restricted })
            }
            None => Ok(State::default()),
        }
    }

    fn decide(_: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "a bucket policy was put, and the event does not tell on which bucket".to_owned();
            return Decision::Alert { severity: Severity::High, why };
        };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(text) = &state.policy else { return allow("the bucket has no policy") };
        let policy = match Policy::parse(text) {
            Ok(policy) => policy,
            Err(error) => {
                let why = format!("the policy of bucket `{bucket}` is not understood: {error}");
                return Decision::Alert { severity: Severity::High, why };
            }
        };
        let (held, grants): (Vec<_>, Vec<_>) =
            policy.grants().into_iter().partition(|grant| given.holds.contains(&grant.name));
        if grants.is_empty() {
            return allow(if held.is_empty() {
                "the policy lets no stranger in"
            } else {
                "an operator has put it back"
            });
        }
        if state.restricted {
            return allow("Block Public Access keeps strangers out");
        }
        let (public, unsure): (Vec<_>, Vec<_>) =
            grants.into_iter().partition(|grant| grant.exposure == Exposure::Public);
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
        match change {
            S3::BucketPolicy { to, .. } => State { policy: to.clone(), ..state.clone() },
        }
    }
}

/// The bucket's name: from the parameters, or from the ARN that stays when the parameters are left out.
fn bucket(event: &Event) -> Option<&str> {
    let from_arn = || event.resources.iter().find_map(|arn| arn.split_once(":s3:::").map(|(_, name)| name));
    json::text(&event.request, "bucketName").or_else(from_arn)
}

fn bucket_of(subject: &Subject) -> Option<&str> {
    (subject.kind == "bucket").then_some(subject.name.as_str())
}

fn said(grants: &[Grant]) -> String {
    grants.iter().map(|grant| grant.why.as_str()).collect::<Vec<_>>().join("; ")
}
