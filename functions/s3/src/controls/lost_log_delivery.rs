//! # A log bucket no longer takes logs
//!
//! **Watches** `DeleteBucketPolicy`, `PutBucketPolicy`.
//!
//! **Why** CloudTrail, AWS Config, S3 access logging and other services can deliver logs only while the bucket's policy
//! lets them. Without that, the trail still says that it is logging, and nothing arrives: whoever wants logs to stop
//! without touching the trail removes the statement.
//!
//! **Does** Compares the bucket's present policy with what CloudTrail, AWS Config, S3's access logs and the log
//! delivery of other services may do in the baseline, which a daily scheduled check keeps and which must be less than
//! two days old. What is gone of that is restored after the present statements, byte for byte: no statement that lets
//! in anybody but these services.
//!
//! **Leaves alone**
//! - buckets whose policy lets none of these services in, in the baseline
//! - a policy that still lets them do everything that they could do, whatever else has changed
//! - statements that name others besides these services
//! - what an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a policy that lets these services in by another statement
//! instead, a policy that it cannot read, a baseline older than two days, an event that does not say which bucket. A
//! deleted policy without a baseline is for `s3-lost-bucket-deny`. It does not recognise a new `Deny` that keeps the
//! services out, or a bucket that is deleted with its logs.

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
        caveat: "Logs that should have been delivered in the meantime may be lost. CloudTrail's event history keeps \
                 90 days of them.",
        source: file!(),
    };

    const KIND: Kind = Kind {
        statements: |policy| policy.allowed_to(&logs::DELIVER),
        lost: "no longer lets logs be delivered as it did",
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
