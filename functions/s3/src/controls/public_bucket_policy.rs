//! # A bucket policy lets everyone in
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** A statement that allows `"*"` gives the bucket's objects to the whole internet. It is the most common way in
//! which data leaks from AWS, by mistake or on purpose (Stratus Red Team: `s3-backdoor-bucket-policy`).
//!
//! **Does** Reads the bucket's present policy and removes from it what lets everyone in: the `"*"` from a list of
//! principals, one of the values that a condition allows, or else the whole statement. Everything else stays byte for
//! byte. The policy is deleted only if nothing is left of it. Block Public Access closes only what S3 takes for public:
//! a policy that opens the world in many ranges of addresses, each a /8 or narrower, is reverted although it is on.
//!
//! **Leaves alone**
//! - statements that name whom they let in, and every `Deny`
//! - statements that a condition narrows to an account, an organization, a network or a caller
//! - what Block Public Access already neutralises (`RestrictPublicBuckets`, of the bucket or of the account), which is what S3
//!   takes for public
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a condition or a `Deny` that may keep strangers out, a policy
//! that it cannot read, an event that does not say which bucket.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::policy::Exposure;

use crate::bucket_policy::{OfBucketPolicy, READS, UNDOES, WRITES};

#[derive(Debug)]
pub(crate) struct PublicBucketPolicy;

impl OfBucketPolicy for PublicBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-public-bucket-policy",
        title: "A bucket policy lets everyone in",
        happened: "was opened to everyone by its policy",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: READS,
        writes: WRITES,
        undoes: UNDOES,
        severity: Severity::Critical,
        frameworks: &[
            "AWS FSBP S3.2",
            "AWS FSBP S3.3",
            "ATT&CK T1537",
            "Stratus aws.exfiltration.s3-backdoor-bucket-policy",
            "endgame s3",
        ],
        caveat: "Data may have been read in the meantime: check the bucket's access logs or data events.",
        source: file!(),
    };

    const KEEPS_OUT: &'static [Exposure] = &[Exposure::Public];
}
