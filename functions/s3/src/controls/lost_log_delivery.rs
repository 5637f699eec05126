//! # A log bucket no longer takes logs
//!
//! **Watches** `DeleteBucketPolicy`, `PutBucketPolicy`.
//!
//! **Why** The logs of trails, of AWS Config, of access to buckets and of other services are delivered only while the
//! bucket's policy lets these services put them. Without that the trail still says that it is logging, and nothing arrives:
//! whoever wants logs to stop without touching the trail takes the statement out.
//!
//! **Does** Compares the policy that the bucket has now with what it let CloudTrail, AWS Config, S3's access logs and the
//! delivery of other services' logs do when Snapback last looked, less than two days ago. Of that, what is gone is put back
//! behind the present statements, byte for byte: no statement that lets in anybody but these services. Snapback looks once
//! a day.
//!
//! **Leaves alone**
//! - buckets whose policy let none of these services in when it was last looked at
//! - a policy that has all that they were let do, whatever else has changed
//! - statements that name others beside these services
//! - what an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a policy that lets these services in by another statement instead, a
//! policy that it cannot read, a bucket that was not looked at for two days, an event that does not say which bucket. A
//! deleted policy of which nothing is remembered is for `s3-lost-bucket-deny`. What a new `Deny` keeps out, and a bucket
//! that is deleted with its logs, are not recognised.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;

use crate::lost::{Kind, Loses};
use crate::{logs, rights};

#[derive(Debug)]
pub(crate) struct LostLogDelivery;

impl Loses for LostLogDelivery {
    const ABOUT: &'static About = &About {
        id: "s3-lost-log-delivery",
        title: "A log bucket no longer takes logs",
        happened: "stopped accepting logs",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketPolicy" },
            Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" },
        ],
        reads: &[rights::GET_BUCKET_POLICY],
        writes: &[rights::PUT_BUCKET_POLICY],
        undoes: &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY],
        severity: Severity::High,
        frameworks: &["ATT&CK T1562.008"],
        caveat: "What was to be delivered meanwhile may be lost. CloudTrail's own event history has 90 days of it.",
        source: file!(),
    };

    const KIND: Kind = Kind {
        statements: |policy| policy.allowed_to(&logs::DELIVER),
        lost: "does not let logs be delivered any more as it did",
        instead: "it lets them be delivered in another way instead",
        none_before: "the policy let no logs be delivered before",
        all_there: "logs may be delivered as before",
        unknown: None,
        forgotten: "what else the deleted policy allowed, as that opens something",
    };

    /// The event does not tell what was let in before, and one service may be gone where another is still let in.
    fn suspect(event: &Event) -> Option<&'static str> {
        Some(if event.name == "DeleteBucketPolicy" {
            "a bucket policy was deleted, and the one before may have let logs be delivered"
        } else {
            "a bucket policy was put, and the one before may have let logs be delivered"
        })
    }
}
