//! CloudTrail's event history: what was called in an account in the last 90 days, with no trail and no deployment.
//!
//! `LookupEvents` answers newest first, for one Region at a time, twice a second, with up to 50 events. Only the calls that
//! change something are asked for, as EventBridge tells rules of those alone. Where what is read is kept, the next run goes
//! on from there: by time, as nobody knows how long CloudTrail knows its own tokens.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_cloudtrail::operation::lookup_events::LookupEventsOutput;
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use futures::stream::{self, BoxStream, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::aws::{self, failure, is_refused_with, may_pass};
use snapback::partition::Partition;
use snapback::place::Place;
use snapback::settings::Pace;
use tokio::time::{Instant, sleep, sleep_until};

use super::Telling;
use super::reading::{Page, Reader};
use super::source::Source;
use crate::caller::Caller;
use crate::choices::region;
use crate::operator::config;
use crate::trouble::{self, advice};

/// How far back the history goes.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// AWS answers two calls a second in an account and Region.
const BETWEEN_CALLS: Duration = Duration::from_millis(500);

/// How long others are let go ahead who use up these calls, after the SDK's own attempts, and how often.
const FOR_OTHERS: Duration = Duration::from_secs(30);
const MOST_WAITS: u32 = 5;

/// After so many calls in a Region, what is left can be estimated.
const ENOUGH_TO_ESTIMATE: u32 = 10;

#[derive(Debug, clap::Args)]
pub(super) struct HistoryArguments {
    /// Read CloudTrail's event history of your account instead: the last 90 days, with no trail and no deployment
    #[arg(long, conflicts_with = "files")]
    pub(super) history: bool,
    /// With --history, keep what is read in this folder, and go on there where an earlier run has ended
    #[arg(long, value_name = "FOLDER", requires = "history")]
    save: Option<PathBuf>,
    /// With --history, read these Regions, separated by commas [default: your Region, and the one that has the calls to IAM]
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', requires = "history", value_parser = region,
        help_heading = "AWS options")]
    regions: Vec<String>,
}

/// How far a Region's history is read. That is kept beside what was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reached {
    account: String,
    /// All between these two times is asked for.
    since: Timestamp,
    until: Timestamp,
    /// All that is younger is read, and of this second these events.
    to: Timestamp,
    ids: Vec<String>,
    /// Whether all is.
    is_read: bool,
    /// How many bytes are kept. What is there beyond was written when the command was interrupted, and is asked for again.
    kept: u64,
}

/// The history of one Region.
struct Region {
    name: String,
    client: aws_sdk_cloudtrail::Client,
    config: SdkConfig,
    reached: Reached,
    folder: Option<PathBuf>,
    /// Until when this series of pages goes, and which is its next.
    until: Timestamp,
    page: Option<String>,
    pace: Pace,
    begun: Instant,
    turn: Instant,
    calls: u32,
}

/// What a call has brought.
struct Step {
    region: String,
    records: Result<Vec<String>>,
    /// How many seconds of the history it has covered.
    covered: u64,
    estimate: Option<String>,
}

/// Reads the history, what an earlier run has kept of it first: `read` reads files.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn read<'a, W: Write>(
    arguments: &HistoryArguments,
    since: Option<Timestamp>,
    telling: &mut Telling<'_, W>,
    reader: &impl Fn(&ProgressBar) -> Reader<'a>,
    read: impl Fn(Vec<Source<'_>>, &mut Telling<'_, W>) -> Result<()>,
) -> Result<()> {
    let regions = begin(arguments, since).await?;
    telling.say(&about(&regions, arguments.save.is_some()))?;
    let kept = regions.iter().filter_map(Region::kept).filter(|path| path.exists()).map(Source::File).collect();
    read(kept, telling)?;

    let style = ProgressStyle::with_template("{bar:40} {percent}% of the time, {msg} events, {eta}")?;
    let spans = regions.iter().map(|region| region.left().unsigned_abs());
    telling.progress = ProgressBar::new(spans.sum()).with_style(style).with_message("0");
    let mut reader = reader(&telling.progress);
    let steps = regions.into_iter().filter(|region| !region.reached.is_read).map(Region::steps);
    let mut steps = stream::select_all(steps);
    let mut number = 0;
    while let Some(Step { region, records, covered, estimate }) = steps.next().await {
        let page = match records {
            Ok(records) => {
                number += records.len();
                reader.documents(&region, &records)
            }
            Err(error) => Page::unread(&region, format!("{error:#}")),
        };
        telling.tell(page)?;
        telling.progress.inc(covered);
        telling.progress.set_message(number.to_string());
        if let Some(estimate) = estimate {
            telling.say(&estimate)?;
        }
    }
    telling.progress.finish_and_clear();
    Ok(())
}

async fn begin(arguments: &HistoryArguments, since: Option<Timestamp>) -> Result<Vec<Region>> {
    let now = Timestamp::now();
    let now = Timestamp::from_second(now.as_second())?;
    let since = since.unwrap_or(now - KEPT);
    if since < now - KEPT - SignedDuration::from_secs(60) {
        bail!(
            "CloudTrail's event history has the last 90 days only\n  hint: --bucket reads the log files of a trail, which go back further."
        );
    }
    let config = config(arguments.regions.first().map(String::as_str)).await?;
    let account = Caller::of(&config).await.map_err(|error| trouble::with_advice(error, &config))?.account;
    let mut names: BTreeSet<String> = arguments.regions.iter().cloned().collect();
    if names.is_empty() {
        let own = trouble::region(&config);
        names.extend([own, Partition::of_region(own).region_of_iam().unwrap_or(own)].map(str::to_owned));
    }
    if let Some(folder) = &arguments.save {
        fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    let pace = Pace::read(&|name: &str| env::var(name).ok())?;
    let home = Place::new(&account, config);
    let region = |name: String| {
        let reached =
            Reached { account: account.clone(), since, until: now, to: now, ids: vec![], is_read: false, kept: 0 };
        let reached = match &arguments.save {
            Some(folder) => reached.or_kept(folder, &name)?,
            None => reached,
        };
        let config = home.in_region(&name).config;
        let client = snapback::client!(aws_sdk_cloudtrail, &config);
        let (folder, until, turn) = (arguments.save.clone(), reached.to, Instant::now());
        Ok(Region { name, client, config, reached, folder, until, page: None, pace, begun: turn, turn, calls: 0 })
    };
    names.into_iter().map(region).collect()
}

/// What is read, and how long that takes.
fn about(regions: &[Region], is_kept: bool) -> String {
    let names: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
    let first = regions.first().map(|region| &region.reached);
    let (account, since) = first.map_or(("", Timestamp::UNIX_EPOCH), |one| (&one.account, one.since));
    let hint = if is_kept { "" } else { ". With --save FOLDER an interrupted run can go on later" };
    format!(
        "reading CloudTrail's event history of account {account} since {since:.0}, {}: the calls that change something. \
         CloudTrail answers 2 calls a second in a Region, each with up to 50 events: at most 100 events a second{hint}",
        names.join(", ")
    )
}

impl Reached {
    /// How far an earlier run has come that has kept its events in this folder. It is gone on with: an earlier beginning
    /// counts, a later one does not.
    fn or_kept(self, folder: &Path, region: &str) -> Result<Self> {
        let path = progress_of(folder, region);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let events = events_of(folder, region);
                ensure!(!events.exists(), "{} is there, and no earlier run has kept it", events.display());
                fs::write(&events, "").and_then(|()| fs::write(&path, serde_json::to_string(&self)?))?;
                return Ok(self);
            }
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        let kept: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what an earlier run has kept", path.display()))?;
        ensure!(
            kept.account == self.account,
            "{} has the history of account {}, but your credentials belong to account {}\n  hint: Name another folder \
             with --save.",
            folder.display(),
            kept.account,
            self.account
        );
        let events = events_of(folder, region);
        let file = OpenOptions::new().write(true).open(&events);
        file.and_then(|file| file.set_len(kept.kept)).with_context(|| format!("opening {}", events.display()))?;
        let since = kept.since.min(self.since);
        Ok(Self { since, is_read: kept.is_read && since == kept.since, ..kept })
    }
}

fn events_of(folder: &Path, region: &str) -> PathBuf {
    folder.join(format!("{region}.jsonl"))
}

fn progress_of(folder: &Path, region: &str) -> PathBuf {
    folder.join(format!("{region}.progress"))
}

impl Region {
    /// Where its events are kept.
    fn kept(&self) -> Option<PathBuf> {
        self.folder.as_deref().map(|folder| events_of(folder, &self.name))
    }

    /// How many seconds are still to be read.
    fn left(&self) -> i64 {
        if self.reached.is_read { 0 } else { self.reached.to.as_second() - self.reached.since.as_second() }
    }

    fn steps(self) -> BoxStream<'static, Step> {
        let step = |region: Option<Self>| async {
            let mut region = region?;
            let before = region.left();
            let records = region.next().await.map_err(|error| region.explained(error));
            let covered = before.abs_diff(region.left());
            let is_over = records.is_err() || region.reached.is_read;
            let estimate = if is_over { None } else { region.estimate(covered) };
            let step = Step { region: region.name.clone(), records, covered, estimate };
            Some((step, (!is_over).then_some(region)))
        };
        stream::unfold(Some(self), step).boxed()
    }

    /// The next events, which are kept if they are to be.
    async fn next(&mut self) -> Result<Vec<String>> {
        let answer = self.answer().await?;
        let mut reached = self.reached.clone();
        let mut records = vec![];
        for event in answer.events.unwrap_or_default() {
            let (Some(time), Some(id), Some(record)) = (event.event_time, event.event_id, event.cloud_trail_event)
            else {
                bail!("CloudTrail tells of an event without its time, its id or its record");
            };
            let time = Timestamp::from_second(time.secs())?;
            if time < reached.to {
                (reached.to, reached.ids) = (time, vec![]);
            } else if reached.ids.contains(&id) {
                continue;
            }
            if time == reached.to {
                reached.ids.push(id);
            }
            // Each is kept on a line; between the parts of a JSON text, a space is the same as the end of one.
            records.push(record.replace(['\n', '\r'], " "));
        }
        reached.is_read = answer.next_token.is_none();
        if let Some(folder) = &self.folder {
            keep(folder, &self.name, &records, &mut reached).context("keeping what was read")?;
        }
        self.page = answer.next_token;
        self.reached = reached;
        Ok(records)
    }

    async fn answer(&mut self) -> Result<LookupEventsOutput> {
        let mut waits = 0;
        loop {
            sleep_until(self.turn).await;
            self.turn = Instant::now() + self.pace.of(BETWEEN_CALLS);
            self.calls += 1;
            let error = match self.call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if self.page.is_some() && is_refused_with(&error, "InvalidNextTokenException") {
                (self.page, self.until) = (None, self.reached.to);
            } else if may_pass(&error) && waits < MOST_WAITS {
                waits += 1;
                sleep(self.pace.of(FOR_OTHERS)).await;
            } else {
                return Err(error);
            }
        }
    }

    async fn call(&self) -> Result<LookupEventsOutput> {
        let changes = LookupAttribute::builder().attribute_key(LookupAttributeKey::ReadOnly).attribute_value("false");
        let call = self.client.lookup_events().lookup_attributes(changes.build()?).max_results(50);
        let call = call
            .start_time(DateTime::from_secs(self.reached.since.as_second()))
            .end_time(DateTime::from_secs(self.until.as_second()))
            .set_next_token(self.page.clone());
        call.send().await.map_err(|error| failure(error).context("looking up events in CloudTrail's history"))
    }

    fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        if may_pass(&error) {
            let later =
                if self.folder.is_some() { "The same command goes on where this one has ended." } else { KEEP_IT };
            return advice("CloudTrail answers no more for now: others use its two calls a second", later, &error);
        }
        if aws::is_denied(&error) {
            let to_do = "It takes cloudtrail:LookupEvents. The Region may be disabled in your account, too.";
            return advice(&format!("your credentials may not read the event history of {}", self.name), to_do, &error);
        }
        trouble::with_advice(error, &self.config)
    }

    /// How long the rest takes, if it goes on like this. That is said once.
    fn estimate(&self, covered: u64) -> Option<String> {
        let all = self.reached.until.as_second() - self.reached.to.as_second();
        if self.calls != ENOUGH_TO_ESTIMATE || covered == 0 || all <= 0 {
            return None;
        }
        // What an earlier run has read took none of this one's time.
        let read = (self.until.as_second() - self.reached.to.as_second()).max(1);
        #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
        let left = self.begun.elapsed().mul_f64(self.left() as f64 / read as f64);
        let left = SignedDuration::try_from(left).ok()?.round(jiff::Unit::Minute).ok()?;
        let to = self.reached.to;
        Some(format!("{}: read back to {to:.0}; the rest takes about {left:#}, if it is as busy", self.name))
    }
}

const KEEP_IT: &str = "With --save FOLDER, the next run goes on where this one has ended.";

/// Adds the events to those of the Region, and then says how far that is. What is only half written does not count.
fn keep(folder: &Path, region: &str, records: &[String], reached: &mut Reached) -> Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(events_of(folder, region))?;
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    file.write_all(lines.as_bytes())?;
    reached.kept += lines.len() as u64;
    let path = progress_of(folder, region);
    let beside = path.with_added_extension("new");
    fs::write(&beside, serde_json::to_string(&reached)?)?;
    Ok(fs::rename(&beside, &path)?)
}
