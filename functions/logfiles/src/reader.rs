//! What reads the log files of one bucket: those that are announced, and once a day all that came in.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aws_config::SdkConfig;
use jiff::Timestamp;
use serde_json::Value;
use snapback::delayed::{self, Letter};
use snapback::event::SCHEDULED;
use snapback::json;
use snapback::logfile::{Lies, LogFile};
use snapback::place::Place;
use tracing::{error, info};

use crate::aws::Bucket;
use crate::judging::Judge;
use crate::listing::{ANNOUNCED, LISTING, Listing, announced, listings};
use crate::reading::Reading;
use crate::settings::Settings;

/// So much of a file is inflated at a time: gzip makes at most a thousand times as much of it.
const PART: usize = 4 * 1024;

/// Whom S3 names as having put a log file of CloudTrail's there.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html>
const CLOUDTRAIL: &str = "cloudtrail.amazonaws.com";

/// So many letters are sent at a time.
const AT_ONCE: usize = 10;

/// What of the function's time is kept free for the last file and for writing down how far it got.
const SPARE: Duration = Duration::from_mins(1);

/// What reads the log files of one bucket.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    settings: &'a Settings,
    config: &'a SdkConfig,
    region: String,
    bucket: Bucket,
    judge: Judge<'a>,
}

impl<'a> Reader<'a> {
    pub(crate) async fn new(settings: &'a Settings, config: &'a SdkConfig) -> Self {
        let home = Place::new(&settings.account, config.clone());
        let region = home.region.clone();
        let bucket = Bucket::of(settings, &home).await;
        Self { judge: Judge::new(settings, config), settings, config, region, bucket }
    }

    /// Reads the file that was announced, or lists what was not, in the time that is left.
    ///
    /// # Errors
    /// When something cannot be read, or is no log file, or could not be handed on.
    pub(crate) async fn handle(&self, payload: &Value, left: Duration) -> Result<()> {
        match json::text(payload, "detail-type") {
            Some(ANNOUNCED) => {
                let bucket = json::text(&payload["detail"]["bucket"], "name").unwrap_or_default();
                ensure!(bucket == self.settings.bucket, "bucket `{bucket}` is not the one to be read");
                let object = &payload["detail"]["object"];
                let key = json::text(object, "key").context("the announcement names no object")?;
                let is_cloudtrails = json::text(&payload["detail"], "requester") == Some(CLOUDTRAIL);
                Box::pin(self.file(key, json::text(object, "etag").filter(|_| is_cloudtrails))).await
            }
            Some(SCHEDULED) => Box::pin(self.list_accounts(payload)).await,
            Some(LISTING) => Box::pin(self.list(payload, left)).await,
            other => bail!("`{}` is nothing that this function handles", other.unwrap_or_default()),
        }
    }

    /// Whether what happens there is Snapback's to look at.
    fn guards(&self, LogFile { organization, account, region, .. }: &LogFile) -> bool {
        let is_own = *account == self.settings.account;
        match self.settings.hub.as_str() {
            "" => is_own && *region == self.region,
            "account" => is_own,
            hub => is_own || organization.as_deref() == Some(hub),
        }
    }

    /// Hands on what a file tells of. With an `ETag`, S3 says that CloudTrail has put that there.
    async fn file(&self, key: &str, etag: Option<&str>) -> Result<()> {
        let file = match Lies::under(key, &self.settings.prefix) {
            Lies::LogFile(file) => file,
            Lies::Beside => return Ok(()),
            Lies::Strange => bail!("`{key}` is refused: no log file is called so"),
        };
        if !self.guards(&file) {
            info!(key, "passed over: it is of an account or Region that is not guarded from here");
            return Ok(());
        }
        let mut letters = vec![];
        let read = Box::pin(self.records(key, &file, etag, &mut letters)).await;
        let sent = self.send(&mut letters).await;
        let strange = read.with_context(|| format!("reading log file `{key}`"))?;
        sent?;
        ensure!(
            strange == 0,
            "log file `{key}` is refused: {strange} of its records are not of account {} and Region {}, too large or not to be read",
            file.account,
            file.region
        );
        Ok(())
    }

    /// Reads the records of a file; how many of them cannot be in it.
    async fn records(&self, key: &str, file: &LogFile, etag: Option<&str>, letters: &mut Vec<Letter>) -> Result<u64> {
        let (mut body, is_proven) = (self.bucket.object(key, etag).await?, etag.is_some());
        let mut reading = Reading::new(self.judge.watched(), file);
        let (mut strange, mut passed) = (0, 0);
        while let Some(chunk) = body.try_next().await? {
            for part in chunk.chunks(PART) {
                for record in reading.push(part)? {
                    match self.judge.record(file, is_proven, &record, &self.region).await? {
                        Some(found) => {
                            passed += found.len();
                            letters.extend(found);
                        }
                        None => strange += 1,
                    }
                    if letters.len() >= AT_ONCE {
                        self.send(letters).await?;
                    }
                }
            }
        }
        let records = reading.end()?;
        info!(key, is_proven, records, passed, strange, "read a log file");
        Ok(strange)
    }

    async fn send(&self, letters: &mut Vec<Letter>) -> Result<()> {
        delayed::send_all(self.config, &self.settings.queue, letters).await?;
        letters.clear();
        Ok(())
    }

    /// Has each account listed whose log files are in the bucket.
    async fn list_accounts(&self, tick: &Value) -> Result<()> {
        let now: Timestamp = json::text(tick, "time").context("the schedule's event has no `time`")?.parse()?;
        let root = format!("{}AWSLogs/", self.settings.prefix);
        let mut folders = self.bucket.folders(&root).await?;
        for organization in folders.clone().iter().filter(|folder| folder.contains("/o-")) {
            folders.extend(self.bucket.folders(organization).await?);
        }
        let guards = |of: &str| self.guards_under(&format!("{of}CloudTrail/{}/2026/01/01/", self.region));
        let accounts: Vec<String> = folders.into_iter().filter(|of| guards(of)).collect();
        info!(accounts = accounts.len(), "has what came in since the day before listed");
        let letters: Vec<Letter> = listings(accounts, now).iter().map(Listing::letter).collect();
        delayed::send_all(self.config, &self.settings.queue, &letters).await
    }

    /// Reads what has come in for some accounts, as far as there is time.
    async fn list(&self, payload: &Value, left: Duration) -> Result<()> {
        let mut listing: Listing = serde_json::from_value(payload["detail"].clone()).context("a listing")?;
        let end = Instant::now() + left.saturating_sub(SPARE);
        let mut read = 0;
        while let Some(account) = listing.of.first().cloned() {
            if !self.list_account(&account, &mut listing, end, &mut read).await? {
                info!(account, read, after = listing.after, "goes on listing later");
                return delayed::send_all(self.config, &self.settings.queue, &[listing.letter()]).await;
            }
            listing.next();
        }
        info!(read, "listed what came in since the day before");
        Ok(())
    }

    /// The same for one of them; whether the time was enough.
    async fn list_account(&self, account: &str, listing: &mut Listing, end: Instant, read: &mut u32) -> Result<bool> {
        for prefix in self.prefixes(account, listing).await? {
            if listing.is_past(&prefix) {
                continue;
            }
            let (after, mut next) = (listing.after_in(&prefix).map(str::to_owned), None);
            loop {
                let page = self.bucket.objects(&prefix, after.as_deref(), next).await?;
                for (key, written) in page.objects {
                    if written < listing.since || written > listing.until {
                        continue;
                    }
                    // Each run gets on by one file at least.
                    if *read > 0 && Instant::now() > end {
                        return Ok(false);
                    }
                    self.file_or_later(&key).await?;
                    *read += 1;
                    listing.after = Some(key);
                }
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// What an account's keys begin with of each guarded Region and each day of a listing, in their order.
    async fn prefixes(&self, account: &str, listing: &Listing) -> Result<Vec<String>> {
        let mut prefixes = vec![];
        for region in self.bucket.folders(&format!("{account}CloudTrail/")).await? {
            let days = listing.days()?.into_iter();
            let of_region = days.map(|day| format!("{region}{}/", day.strftime("%Y/%m/%d")));
            prefixes.extend(of_region.filter(|prefix| self.guards_under(prefix)));
        }
        Ok(prefixes)
    }

    /// Whether log files under a prefix, which ends with a day, are of what is guarded.
    fn guards_under(&self, prefix: &str) -> bool {
        let lies = Lies::under(&format!("{prefix}a.json.gz"), &self.settings.prefix);
        matches!(lies, Lies::LogFile(file) if self.guards(&file))
    }

    /// Reads a file. One that cannot be read is tried again by itself, so that it keeps no other from being read.
    async fn file_or_later(&self, key: &str) -> Result<()> {
        let Err(failure) = Box::pin(self.file(key, None)).await else { return Ok(()) };
        error!(key, "to be tried again: {failure:#}");
        delayed::send_all(self.config, &self.settings.queue, &[announced(&self.settings.bucket, key)]).await
    }
}
