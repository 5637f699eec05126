//! Every call upon the bucket that this function makes.

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_s3::primitives::ByteStream;
use jiff::Timestamp;
use snapback::aws::{code, failure};
use snapback::place::Place;

use crate::settings::Settings;

/// More than any log file has: CloudTrail writes at most 50 MB.
const LARGEST: i64 = 64 * 1024 * 1024;

/// The bucket, as the account sees it that owns it or may read it.
#[derive(Debug)]
pub(crate) struct Bucket {
    s3: aws_sdk_s3::Client,
    name: String,
    owner: String,
}

/// Some of what lies under a prefix, in the order of the keys.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The keys, and when each was written last.
    pub(crate) objects: Vec<(String, Timestamp)>,
    /// Where to go on, if there is more.
    pub(crate) next: Option<String>,
}

impl Bucket {
    pub(crate) async fn of(settings: &Settings, home: &Place) -> Self {
        let region = settings.region.as_deref().unwrap_or(&home.region);
        let place = match &settings.role {
            Some(role) => Box::pin(home.taken_by_role(&settings.owner, region, role)).await,
            None => home.in_region(region),
        };
        let s3 = snapback::client!(aws_sdk_s3, &place.config);
        Self { s3, name: settings.bucket.clone(), owner: settings.owner.clone() }
    }

    /// What an object holds, as it comes in; with an `ETag`, only if it is the one that was announced with it.
    pub(crate) async fn object(&self, key: &str, etag: Option<&str>) -> Result<ByteStream> {
        let call = self.s3.get_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let object = match call.send().await {
            Ok(object) => object,
            Err(error) if code(&error) == Some("NoSuchKey") => bail!("it is there no more"),
            Err(error) => return Err(failure(error)),
        };
        let is_announced = etag.is_none_or(|etag| object.e_tag().is_some_and(|found| found.trim_matches('"') == etag));
        ensure!(is_announced, "it is refused: it was overwritten since it was announced");
        let size = object.content_length().context("S3 does not say how large it is")?;
        ensure!(size <= LARGEST, "it is refused: it has {size} bytes, more than a log file has");
        Ok(object.body)
    }

    /// What stands before the next `/` in the keys under a prefix, `/` included.
    pub(crate) async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let (mut folders, mut next) = (vec![], None);
        loop {
            let call = self.s3.list_objects_v2().bucket(&self.name).expected_bucket_owner(&self.owner);
            let call = call.prefix(prefix).delimiter("/").set_continuation_token(next);
            let page =
                call.send().await.map_err(failure).with_context(|| format!("listing the folders of `{prefix}`"))?;
            folders.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(folders);
            }
        }
    }

    /// What lies under a prefix, after a key.
    pub(crate) async fn objects(&self, prefix: &str, after: Option<&str>, next: Option<String>) -> Result<Page> {
        let call = self.s3.list_objects_v2().bucket(&self.name).expected_bucket_owner(&self.owner);
        let call = call.prefix(prefix).set_start_after(after.map(str::to_owned)).set_continuation_token(next);
        let page = call.send().await.map_err(failure).with_context(|| format!("listing `{prefix}`"))?;
        let objects = page.contents.unwrap_or_default().into_iter().map(|object| {
            let written = object.last_modified.context("S3 does not say when an object was written")?;
            Ok((object.key.context("an object without a key")?, Timestamp::from_second(written.secs())?))
        });
        Ok(Page { objects: objects.collect::<Result<_>>()?, next: page.next_continuation_token })
    }
}
