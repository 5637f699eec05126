//! # A bucket policy lost what it denied
//!
//! **Watches** `DeleteBucketPolicy`, `PutBucketPolicy`.
//!
//! **Why** A `Deny` in a bucket policy is a protection that holds against administrators too: no access without TLS,
//! none from outside the network, no deletion of logs. Whoever wants to get around it deletes the policy, or puts one
//! without it. The event does not say what was there before, so Snapback keeps a baseline: a daily scheduled check
//! reads all bucket policies.
//!
//! **Does** Compares the bucket's present policy with the `Deny` statements of the baseline. Those that are gone are
//! restored after the present statements, byte for byte. It restores nothing that allows (`s3-lost-log-delivery`
//! restores log delivery): of a deleted policy, only the `Deny` statements return. A new policy that denies something
//! itself is compared by the daily check, which only notifies.
//!
//! **Leaves alone**
//! - buckets whose policy denies nothing in the baseline
//! - a policy that still denies everything that it denied, whatever else has changed
//! - what an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a policy that denies something else instead, a policy that it
//! cannot read, a deleted policy without a baseline, a baseline that is older than two days, an event that does not say which
//! bucket. A policy that is put where there is no baseline, as on a new bucket, is left alone.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::policy::Policy;

use crate::lost::{Kind, Loses};
use crate::{rights, told};

#[derive(Debug)]
pub(crate) struct LostBucketDeny;

impl Loses for LostBucketDeny {
    const ABOUT: &'static About = &About {
        id: "s3-lost-bucket-deny",
        title: "A bucket policy lost what it denied",
        happened: "lost a Deny from its policy",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketPolicy" },
            Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" },
        ],
        reads: &[rights::GET_BUCKET_POLICY],
        writes: &[rights::PUT_BUCKET_POLICY],
        undoes: &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.5", "ATT&CK T1562", "ATT&CK T1578.005"],
        caveat: "Nothing denied what was done in the meantime: check the bucket's data events.",
        source: file!(),
    };

    const KIND: Kind = Kind {
        statements: |policy| policy.denied(),
        lost: "no longer denies what it denied",
        instead: "it denies something else instead",
        none_before: "the policy denied nothing before",
        all_there: "all is denied that was",
        unknown: Some("what it denied is not known"),
        forgotten: "what the deleted policy allowed, as that opens something",
    };

    /// The event does not tell what was denied before.
    fn suspect(event: &Event) -> Option<&'static str> {
        let denies = |told: String| Policy::parse(&told).is_ok_and(|policy| !policy.denied().is_empty());
        if event.name == "DeleteBucketPolicy" {
            return Some("a bucket policy was deleted, and may have denied something");
        }
        let denies_something = told::bucket_policy(event).is_some_and(denies);
        (!denies_something)
            .then_some("a bucket policy was put that denies nothing, where another may have denied something")
    }
}
