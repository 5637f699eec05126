//! Every call to Amazon S3 that Snapback makes.
//!
//! Each names the owner that the bucket must have, so that a bucket of the same name that somebody else made in the
//! meantime is never touched.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::{code, failure};
use snapback::change::{Applied, Change, S3};
use snapback::control::Look;
use snapback::json;
use snapback::subject::Subject;

/// The policy of a bucket; nothing if it has none, or if it is gone.
pub(crate) async fn bucket_policy(look: &Look<'_>, bucket: &str) -> Result<Option<String>> {
    let call = s3(look.config).get_bucket_policy().bucket(bucket).expected_bucket_owner(look.account).send();
    match call.await {
        Ok(answer) => Ok(answer.policy),
        Err(error) if matches!(code(&error), Some("NoSuchBucketPolicy" | "NoSuchBucket")) => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading the policy of bucket `{bucket}`"))),
    }
}

/// Whether `RestrictPublicBuckets` is on, for the bucket or for its whole account.
pub(crate) async fn restricts_public_buckets(look: &Look<'_>, bucket: &str) -> Result<bool> {
    let (s3, s3control) = (s3(look.config), s3control(look.config));
    let of_bucket = async {
        match s3.get_public_access_block().bucket(bucket).expected_bucket_owner(look.account).send().await {
            Ok(answer) => Ok(answer.public_access_block_configuration.and_then(|all| all.restrict_public_buckets)),
            Err(error) if matches!(code(&error), Some("NoSuchPublicAccessBlockConfiguration" | "NoSuchBucket")) => {
                Ok(None)
            }
            Err(error) => Err(failure(error).context(format!("reading the Block Public Access of bucket `{bucket}`"))),
        }
    };
    let of_account = async {
        match s3control.get_public_access_block().account_id(look.account).send().await {
            Ok(answer) => Ok(answer.public_access_block_configuration.and_then(|all| all.restrict_public_buckets)),
            Err(error) if code(&error) == Some("NoSuchPublicAccessBlockConfiguration") => Ok(None),
            Err(error) => Err(failure(error).context("reading the Block Public Access of the account")),
        }
    };
    let (of_bucket, of_account) = futures::try_join!(of_bucket, of_account)?;
    Ok(of_bucket == Some(true) || of_account == Some(true))
}

/// The tags of a bucket; nothing else in S3 is looked at that has any.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        if subject.kind != "bucket" {
            return Ok(BTreeMap::new());
        }
        let bucket = &subject.name;
        let call = s3(look.config).get_bucket_tagging().bucket(bucket).expected_bucket_owner(look.account).send();
        match call.await {
            Ok(answer) => Ok(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if matches!(code(&error), Some("NoSuchTagSet" | "NoSuchBucket")) => Ok(BTreeMap::new()),
            Err(error) => Err(failure(error).context(format!("reading the tags of bucket `{bucket}`"))),
        }
    }
    .boxed()
}

/// Applies a change if the bucket is as the change says it was.
pub(crate) fn apply<'a>(config: &'a SdkConfig, account: &'a str, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::S3(S3::BucketPolicy { bucket, from, to }) => {
                change_bucket_policy(config, account, bucket, from.as_deref(), to.as_deref()).await
            }
            other => bail!("the function for S3 was asked to {other}"),
        }
    }
    .boxed()
}

/// S3 has no conditional write of a policy, so the policy is read again just before.
async fn change_bucket_policy(
    config: &SdkConfig,
    account: &str,
    bucket: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<Applied> {
    let found = bucket_policy(&Look { config, account }, bucket).await?;
    let is = |expected: Option<&str>| match (found.as_deref(), expected) {
        (Some(found), Some(expected)) => json::same(found, expected),
        (found, expected) => found == expected,
    };
    if is(to) {
        return Ok(Applied::Already);
    }
    if !is(from) {
        return Ok(Applied::Changed { found: found.unwrap_or_else(|| "(no policy)".to_owned()) });
    }
    let client = s3(config);
    let written = if let Some(policy) = to {
        let call = client.put_bucket_policy().bucket(bucket).expected_bucket_owner(account).policy(policy);
        call.send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_bucket_policy().bucket(bucket).expected_bucket_owner(account);
        call.send().await.map(drop).map_err(failure)
    };
    written.map_err(|error| error.context(format!("writing the policy of bucket `{bucket}`")))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let local = config.endpoint_url().is_some();
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(local).build())
}

fn s3control(config: &SdkConfig) -> aws_sdk_s3control::Client {
    let mut builder = aws_sdk_s3control::config::Builder::from(config);
    if let Some(url) = config.endpoint_url() {
        builder = builder.endpoint_resolver(OneAddress(url.to_owned()));
    }
    aws_sdk_s3control::Client::from_conf(builder.build())
}

/// AWS has a host name for each account; a local AWS has one address.
#[derive(Debug)]
struct OneAddress(String);

impl ResolveEndpoint for OneAddress {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}
