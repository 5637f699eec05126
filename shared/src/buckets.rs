//! Whose a bucket is. The name of a bucket that was deleted is anybody's, and what names it, such as a trail, would have its
//! files delivered to whoever has made one of that name.

use anyhow::{Context, Result};
use aws_sdk_s3::operation::get_bucket_location::GetBucketLocationError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use serde::{Deserialize, Serialize};

use crate::aws::{code, failure};
use crate::place::Place;
use crate::retry::Conflicts;
use crate::right::{OWN_ACCOUNT, On, Right};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The account in which that is what names it.
    Account,
    /// Another account, as far as can be seen: S3 does not say which, nor who else owns one of which it lets us see nothing.
    Another,
    /// There is no such bucket.
    Nobody,
}

/// What asking needs.
pub const GET_BUCKET_LOCATION: Right = On::new("Buckets", &["arn:${AWS::Partition}:s3:::*"])
    .when(&[OWN_ACCOUNT])
    .why("Only whose a bucket is to which files are delivered, which is the least that a call to S3 proves.")
    .right("s3:GetBucketLocation");

/// Where S3 says in which Region a bucket is that was asked for in another one.
const REGION: &str = "x-amz-bucket-region";

/// Who owns a bucket, as S3 says where it is only to whom the call says owns it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
///
/// # Errors
/// When S3 does not say.
pub async fn owner(place: &Place, bucket: &str) -> Result<Owner> {
    let refused = match ask(place, bucket).await {
        Err(error) if let Some(region) = elsewhere(&error, place) => ask(&place.in_region(&region), bucket).await,
        answer => answer,
    };
    match refused {
        Ok(()) => Ok(Owner::Account),
        Err(error) => match code(&error) {
            Some("AccessDenied") => Ok(Owner::Another),
            Some("NoSuchBucket") => Ok(Owner::Nobody),
            _ => Err(failure(error)).with_context(|| format!("reading whose bucket `{bucket}` is")),
        },
    }
}

async fn ask(place: &Place, bucket: &str) -> Result<(), SdkError<GetBucketLocationError, HttpResponse>> {
    let is_local = place.config.endpoint_url().is_some();
    let config = aws_sdk_s3::config::Builder::from(&place.config).retry_classifier(Conflicts);
    let client = aws_sdk_s3::Client::from_conf(config.force_path_style(is_local).build());
    client.get_bucket_location().bucket(bucket).expected_bucket_owner(&place.account).send().await.map(drop)
}

/// The Region to ask in instead.
fn elsewhere(error: &SdkError<GetBucketLocationError, HttpResponse>, place: &Place) -> Option<String> {
    let region = error.raw_response()?.headers().get(REGION)?;
    (region != place.region).then(|| region.to_owned())
}
