//! # A bucket policy lost what it denied
//!
//! **Watches** `DeleteBucketPolicy`, `PutBucketPolicy`.
//!
//! **Why** A `Deny` in a bucket policy is a protection that holds against administrators too: no access without TLS, none
//! from outside the network, no deletion of logs. Whoever wants past it deletes the policy, or puts one without it. The
//! event does not tell what was there before, so Snapback remembers it: once a day it looks at all bucket policies.
//!
//! **Does** Compares the policy that the bucket has now with the `Deny` statements that it had when it was last looked at.
//! Those that are gone are put back behind the present statements, byte for byte. Nothing that allows is put back here (what
//! let logs be delivered is for `s3-lost-log-delivery`): of a policy that was deleted, only its `Deny` statements return. A
//! new policy that denies something itself is not compared at once but by the daily look, which only tells.
//!
//! **Leaves alone**
//! - buckets whose policy denied nothing when it was last looked at
//! - a policy that has all that was denied, whatever else has changed
//! - what an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a policy that denies something else instead, a policy that it
//! cannot read, a bucket that was not looked at before or not for two days, an event that does not say which bucket.

use anyhow::Result;
use snapback::change::S3;
use snapback::control::{About, Control, Given, Look, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::Policy;
use snapback::settings::Settings;

use crate::lost::{self, Kind, State};
use crate::rights;
use crate::{aws, told};

pub(crate) const DENIALS: Kind = Kind {
    statements: |policy| policy.denied(),
    lost: "does not deny any more what it denied",
    instead: "it denies something else instead",
    none_before: "the policy denied nothing before",
    all_there: "all is denied that was",
    unknown: Some("what it denied is not known"),
    forgotten: "what the deleted policy allowed, as that opens something",
};

#[derive(Debug)]
pub(crate) struct LostBucketDeny;

impl Control for LostBucketDeny {
    const ABOUT: &'static About = &About {
        id: "s3-lost-bucket-deny",
        title: "A bucket policy lost what it denied",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketPolicy" },
            Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" },
        ],
        reads: &[rights::GET_BUCKET_POLICY],
        writes: &[rights::PUT_BUCKET_POLICY],
        undoes: &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.5", "ATT&CK T1562", "ATT&CK T1578.005"],
        caveat: "What was done while nothing denied it has been done: look at the bucket's data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);
    const IS_SETTLED: Option<fn(&State) -> bool> = Some(lost::is_settled);

    /// The event does not tell what was denied before.
    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let denies = |told: String| Policy::parse(&told).is_ok_and(|policy| !policy.denied().is_empty());
        let why = if event.name == "DeleteBucketPolicy" {
            "a bucket policy was deleted, and may have denied something"
        } else if told::bucket_policy(event).is_some_and(denies) {
            return vec![];
        } else {
            "a bucket policy was put that denies nothing, where another may have denied something"
        };
        vec![Suspicion { subject: told::subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        lost::observe::<Self>(look, event, suspicion).await
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        DENIALS.decide(event, suspicion, state, given)
    }

    fn after(state: &State, change: &S3) -> State {
        lost::after(state, change)
    }
}

impl Remembers for LostBucketDeny {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        DENIALS.good(state)
    }
}
