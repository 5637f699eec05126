//! One file each: what Snapback takes back on Amazon S3.

mod public_bucket_policy;

pub(crate) use public_bucket_policy::PublicBucketPolicy;
