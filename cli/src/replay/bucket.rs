//! A trail's bucket, read as it lies there: what a copy of it in a folder would have, without the copy.

use std::future::Future;

use anyhow::{Context, Result, anyhow, bail};
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use indicatif::ProgressBar;
use jiff::Timestamp;
use snapback::aws::{self, Cause, Failed, failure};
use snapback::digest;
use tokio::runtime::{Builder, Runtime};

use super::is_record;
use crate::operator::config;
use crate::trouble::{self, advice};

/// How many log files are on their way at the same time: each takes some time to begin.
pub(super) const AT_ONCE: u32 = 16;

/// With which S3 says where a bucket lies, also to whom may not use it.
const REGION: &str = "x-amz-bucket-region";

/// A bucket and what the keys begin with, as in `s3://example-logs/AWSLogs/`.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) bucket: String,
    pub(super) prefix: String,
}

pub(super) fn address(text: &str) -> Result<Address, String> {
    let parts = text.strip_prefix("s3://").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
    match parts.filter(|(bucket, _)| !bucket.is_empty()) {
        Some((bucket, prefix)) => Ok(Address { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
        None => {
            Err("expected a bucket such as `s3://example-logs` or `s3://example-logs/AWSLogs/111122223333/`".to_owned())
        }
    }
}

/// The bucket, as the operator may read it.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    client: Client,
    config: SdkConfig,
    /// Those who read are threads. Each waits by itself, and the SDK needs something that drives it.
    runtime: Runtime,
}

/// What lies there.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
}

/// Something that was read: a digest has its signature beside it.
pub(super) struct Got {
    pub(super) bytes: Vec<u8>,
    pub(super) signature: Option<String>,
}

impl Bucket {
    pub(super) fn open(name: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let found = runtime.block_on(async {
            // Whatever Region that is: the bucket's is asked for.
            let config = match config(None).await {
                Ok(config) => config,
                Err(_) => config(Some("us-east-1")).await?,
            };
            let config = in_its_region(name, config).await?;
            anyhow::Ok((aws_sdk_s3::Client::new(&config), config))
        });
        let (client, config) = found?;
        Ok(Self { name: name.to_owned(), client, config, runtime })
    }

    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What lies under a prefix and is meant, in the order of the keys.
    pub(super) fn list(&self, prefix: &str, is_meant: impl Fn(&str) -> bool) -> Result<Vec<Object>> {
        let progress = ProgressBar::new_spinner();
        let listed = self.wait(async {
            let (mut objects, mut next) = (vec![], None);
            loop {
                let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).set_continuation_token(next);
                let page = call
                    .send()
                    .await
                    .map_err(|error| failure(error).context(format!("listing bucket `{}`", self.name)))?;
                objects.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                    let key = object.key.filter(|key| is_meant(key))?;
                    Some(Object {
                        key,
                        size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                    })
                }));
                progress.set_message(format!("{} files listed", objects.len()));
                progress.tick();
                next = page.next_continuation_token;
                if next.is_none() {
                    return Ok(objects);
                }
            }
        });
        progress.finish_and_clear();
        listed.map_err(|error| self.explained(error))
    }

    /// What an object holds, as it lies there.
    pub(super) fn get(&self, key: &str) -> Result<Got> {
        self.wait(async {
            let object = self.client.get_object().bucket(&self.name).key(key).send().await;
            let object = object.map_err(|error| of_object(failure(error)))?;
            let signature = object.metadata().and_then(|metadata| metadata.get("signature")).cloned();
            let bytes = object.body.collect().await.context("S3 breaks off")?.to_vec();
            Ok(Got { bytes, signature })
        })
    }

    fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let name = &self.name;
        if aws::is_refused_with(&error, "NoSuchBucket") {
            return advice(&format!("there is no bucket `{name}`"), "Check how it is spelled.", &error);
        }
        if aws::is_denied(&error) {
            return advice(
                &format!("your credentials may not list bucket `{name}`"),
                &format!(
                    "It takes s3:ListBucket on arn:aws:s3:::{name} and s3:GetObject on arn:aws:s3:::{name}/*. If the bucket is of \
                     another account, such as the log archive of an organization, its policy has to allow them too."
                ),
                &error,
            );
        }
        trouble::with_advice(error, &self.config)
    }
}

/// The configuration for the Region that the bucket lies in.
async fn in_its_region(name: &str, config: SdkConfig) -> Result<SdkConfig> {
    let region = match Client::new(&config).head_bucket().bucket(name).send().await {
        Ok(found) => found.bucket_region,
        Err(error) => {
            let is_missing = error.as_service_error().is_some_and(HeadBucketError::is_not_found);
            let region = error.raw_response().and_then(|answer| answer.headers().get(REGION)).map(str::to_owned);
            let error = failure(error);
            if is_missing {
                bail!("there is no bucket `{name}`\n  hint: Check how it is spelled.");
            }
            if matches!(error.downcast_ref(), Some(Failed { cause: Cause::NoAnswer | Cause::NoCredentials, .. })) {
                return Err(trouble::with_advice(error, &config));
            }
            // What is denied here may be allowed for what is to be done, and says it better.
            region
        }
    };
    Ok(match region {
        Some(region) => config.into_builder().region(Region::new(region)).build(),
        None => config,
    })
}

fn of_object(error: anyhow::Error) -> anyhow::Error {
    let said = format!("{error:#}");
    let code = trouble::code(&error).unwrap_or_default();
    unreadable(code, aws::is_denied(&error), &said).map_or(error, |why| anyhow!(why))
}

/// Why an object cannot be read, and what to do. The same is said of all for which it is the same.
fn unreadable(code: &str, is_denied: bool, said: &str) -> Option<String> {
    match code {
        "InvalidObjectState" => Some("it is archived: restore it first (`aws s3api restore-object`)".to_owned()),
        "NoSuchKey" => Some("it is there no more".to_owned()),
        _ if code.starts_with("KMS.") => Some(format!("the KMS key that it is encrypted with cannot be used: {said}")),
        _ if is_denied && said.to_lowercase().contains("kms") => {
            Some(format!("the KMS key that it is encrypted with denies you: it takes kms:Decrypt: {said}"))
        }
        // What AWS says has the key in it.
        _ if is_denied => {
            Some("you may not read it: it takes s3:GetObject, in another account's bucket by its policy too".to_owned())
        }
        _ => None,
    }
}

/// Whether a key is one of a log file, of those that were delivered since then.
pub(super) fn is_log_file(key: &str, since: Option<Timestamp>) -> bool {
    let parts: Vec<&str> = key.split('/').collect();
    let (name, folders) = parts.split_last().unwrap_or((&"", &[]));
    // Of what AWS keeps there by account, other services' have folders of their own.
    let is_of_trail = !folders.contains(&"AWSLogs") || folders.contains(&"CloudTrail");
    is_of_trail
        && is_record(name)
        && folders.iter().all(|folder| !super::NO_RECORDS.contains(folder))
        && is_since(key, since)
}

pub(super) fn is_since(key: &str, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| digest::log_file(key).is_none_or(|(.., at)| at >= since))
}

/// Where the digests lie of the log files under a prefix, which are those of all days: the last log files of a day are in a
/// digest of the next.
pub(super) fn of_digests(prefix: &str) -> String {
    // What the trail puts before may hold such a name as well.
    let (of_trail, path) = prefix.split_at(prefix.rfind("AWSLogs/").unwrap_or(prefix.len()));
    let Some((before, after)) = path.split_once("/CloudTrail/") else { return prefix.to_owned() };
    let region = after.split_once('/').map_or(String::new(), |(region, _)| format!("{region}/"));
    format!("{of_trail}{before}/{}/{region}", digest::FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_bucket_and_a_prefix() {
        for (text, bucket, prefix) in [
            ("s3://logs", "logs", ""),
            ("s3://logs/", "logs", ""),
            ("s3://logs/AWSLogs/111122223333/", "logs", "AWSLogs/111122223333/"),
        ] {
            let found = address(text).expect(text);
            assert_eq!((found.bucket.as_str(), found.prefix.as_str()), (bucket, prefix));
        }
        for text in ["logs", "s3://", "s3:///key", "https://logs.s3.amazonaws.com/", "arn:aws:s3:::logs"] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn why_an_object_cannot_be_read_is_said_with_what_to_do() {
        let kms =
            "User: arn:aws:iam::111122223333:user/auditor is not authorized to perform: kms:Decrypt on this resource";
        for (code, is_denied, said, expected) in [
            (
                "InvalidObjectState",
                false,
                "The operation is not valid for the object's storage class",
                "restore it first",
            ),
            ("AccessDenied", true, kms, "it takes kms:Decrypt"),
            ("AccessDenied", true, "Access Denied", "it takes s3:GetObject"),
            ("KMS.DisabledException", false, "the key is disabled", "KMS key that it is encrypted with cannot be used"),
            ("NoSuchKey", false, "", "it is there no more"),
        ] {
            let why = unreadable(code, is_denied, said).expect(code);
            assert!(why.contains(expected), "{why}");
        }
        assert_eq!(unreadable("InternalError", false, "We encountered an internal error"), None);
    }

    #[test]
    fn only_log_files_are_read_and_their_digests_found() {
        let name = "111122223333_CloudTrail_eu-central-1_20260131T1200Z_AbCd.json.gz";
        let at = "111122223333/CloudTrail/eu-central-1/2026/01/31";
        let since = |text: &str| Some(text.parse::<Timestamp>().expect("a time"));
        for (key, since, is_one) in [
            (format!("AWSLogs/{at}/{name}"), None, true),
            (format!("logs/AWSLogs/o-exampleorgid/{at}/{name}"), None, true),
            (format!("AWSLogs/{at}/{name}"), since("2026-01-31T12:00:00Z"), true),
            (format!("AWSLogs/{at}/{name}"), since("2026-01-31T12:01:00Z"), false),
            ("AWSLogs/111122223333/Config/eu-central-1/2026/1/31/a.json.gz".to_owned(), None, false),
            ("AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/01/31/a.json.gz".to_owned(), None, false),
            ("AWSLogs/111122223333/CloudTrail/".to_owned(), None, false),
            ("export/records.jsonl".to_owned(), since("2026-01-31T12:01:00Z"), true),
            ("report.csv".to_owned(), None, false),
        ] {
            assert_eq!(is_log_file(&key, since), is_one, "{key}");
        }
        for (prefix, digests) in [
            ("", ""),
            ("AWSLogs/111122223333/", "AWSLogs/111122223333/"),
            ("AWSLogs/111122223333/CloudTrail/", "AWSLogs/111122223333/CloudTrail-Digest/"),
            ("AWSLogs/1/CloudTrail/eu-central-1/2026/01/", "AWSLogs/1/CloudTrail-Digest/eu-central-1/"),
            ("CloudTrail/AWSLogs/1/", "CloudTrail/AWSLogs/1/"),
            ("CloudTrail/AWSLogs/1/CloudTrail/", "CloudTrail/AWSLogs/1/CloudTrail-Digest/"),
        ] {
            assert_eq!(of_digests(prefix), digests);
        }
    }
}
