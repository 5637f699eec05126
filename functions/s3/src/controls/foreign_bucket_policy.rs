//! # A bucket policy lets a stranger in
//!
//! **Watches** `PutBucketPolicy`.
//!
//! **Why** A statement that names somebody else's account hands the bucket's objects to that account, and nothing about
//! it looks public. It is the quiet way to take data out (Stratus Red Team: `s3-backdoor-bucket-policy`).
//!
//! **Does** Reads the bucket's present policy and removes from it what lets in accounts and organizations that are
//! neither the bucket's own nor trusted (`TrustedAccounts`, `TrustedOrganizations`, `trusted.json`): one principal of a
//! list, one of the values that a condition allows, or else the whole statement. Everything else stays byte for byte.
//! The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - what lets everyone in, which is for `s3-public-bucket-policy`
//! - named strangers whom Block Public Access keeps out: `RestrictPublicBuckets` does, while S3 takes the policy for public
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a VPC, an endpoint or a range of addresses that is
//! not listed as trusted, as the policy does not say whose that is; a canonical user that is not listed; a condition or a
//! `Deny` that may keep strangers out; a policy that it cannot read; an event that does not say which bucket.

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::policy::Exposure;

use crate::bucket_policy::{OfBucketPolicy, READS, UNDOES, WRITES};

#[derive(Debug)]
pub(crate) struct ForeignBucketPolicy;

impl OfBucketPolicy for ForeignBucketPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-foreign-bucket-policy",
        title: "A bucket policy lets a stranger in",
        happened: "was opened to a stranger by its policy",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" }],
        reads: READS,
        writes: WRITES,
        undoes: UNDOES,
        severity: Severity::High,
        frameworks: &[
            "AWS FSBP S3.6",
            "ATT&CK T1537",
            "Stratus aws.exfiltration.s3-backdoor-bucket-policy",
            "endgame s3",
        ],
        caveat: "Data may have been read in the meantime: check the bucket's access logs or data events.",
        source: file!(),
    };

    const KEEPS_OUT: &'static [Exposure] = &[Exposure::Foreign];
}
