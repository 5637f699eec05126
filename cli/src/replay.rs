//! `snapback replay`: what Snapback would have thought of recorded events.
//!
//! It reads CloudTrail's log files (`{"Records": […]}`, gzipped or not), JSON Lines of records or of EventBridge
//! events, single events as they lie in `events/`, what `aws cloudtrail lookup-events` says, and notifications of SNS; or
//! CloudTrail's event history itself ([`history`]), or a trail's bucket ([`bucket`]). It looks at no resource: it tells the
//! suspicion, not the decision.
//!
//! A year of logs is gigabytes in a hundred thousand files, so several are read side by side ([`lanes`]); what is told
//! is the same, and in the same order, as if they were read one after the other. Of each only one document is in memory
//! at a time; in CloudTrail's logs that is a file, of some minutes. What stays in memory is the ids of watched events, as
//! each is told once, however often it is recorded.

mod bucket;
mod history;
mod lanes;
mod reading;
mod source;
mod verify;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::choices::{Choices, number};
use crate::own::OwnParts;
use crate::terminal::plain;
use crate::time::past;
use crate::trouble::ERROR;
use bucket::{Address, Bucket, is_log_file, is_since};
use history::HistoryArguments;
use reading::{Complaint, Page, Reader};
use snapback::digest::{DigestName, Digests, Kind, Problem};
use snapback::logfile::NO_RECORDS;
use snapback::settings::Settings;
use source::Source;
use verify::{Verified, VerifyArguments};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files and folders of CloudTrail records or EventBridge events; `-` is standard input
    #[arg(required_unless_present_any = ["history", "bucket"], value_name = "PATH")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    history: HistoryArguments,
    /// Read the log files of a trail where they lie, such as `s3://example-logs/AWSLogs/111122223333/`
    #[arg(long, value_name = "S3-URL", conflicts_with_all = ["files", "history"], value_parser = bucket::address)]
    bucket: Option<Address>,
    /// With --history or --bucket, read only what happened, or was delivered, since then: a time, or a span such as `7d`
    /// [default: all, which in the history are 90 days]
    #[arg(long, value_name = "TIME", conflicts_with = "files", value_parser = past)]
    since: Option<Timestamp>,
    #[command(flatten)]
    verify: VerifyArguments,
    /// Use only these controls: an id, or a pattern such as `s3-*`, which leaves out opt-in controls
    #[arg(long, value_name = "PATTERN", default_value = "*", value_parser = crate::controls::pattern)]
    control: String,
    /// Print JSON Lines: eventID, eventSource, eventName, control and suspicion, for each event and each control that
    /// watches it; and `unknown` with the reason, where it cannot be told whether it is suspicious
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    own: OwnParts,
    /// Read this many files at the same time [default: one per processor; with --bucket, 16 at least]
    #[arg(long, value_name = "NUMBER", value_parser = |text: &str| number(text, 1..=1024))]
    threads: Option<u32>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let settings = Settings { own: arguments.own.named(), ..arguments.choices.settings()? };
    let controls = crate::controls::meant_by(&arguments.control);
    let mut telling = Telling::to(out);
    let mut verified = None;
    if arguments.history.history {
        let reader = |progress: &ProgressBar| Reader::new(&controls, &settings, arguments.json, progress.clone(), None);
        let read = |files: Vec<Source<'_>>, telling: &mut Telling<'_, _>| arguments.read(&files, &reader, telling);
        history::read(&arguments.history, arguments.since, &mut telling, &reader, read)?;
    } else {
        let bucket = arguments.bucket.as_ref().map(|address| Bucket::open(&address.bucket)).transpose()?;
        let mut files = arguments.files(bucket.as_ref())?;
        if arguments.verify.verify {
            (verified, files) = arguments.verified(bucket.as_ref(), files)?;
            if let Some(verified) = &mut verified {
                verified.begin(&mut telling)?;
            }
        }
        let checked = verified.as_ref().map(|verified| &verified.checked);
        let reader =
            |progress: &ProgressBar| Reader::new(&controls, &settings, arguments.json, progress.clone(), checked);
        arguments.read(&files, &reader, &mut telling)?;
    }
    let Telling { out, all, complaints, doubts, .. } = telling;
    for more in complaints.more() {
        complain(&more)?;
    }

    let is_nothing = all.events + all.passed_over == 0;
    if is_nothing && all.bad == 0 && !arguments.history.history && verified.is_none() {
        bail!("{}", arguments.none_found());
    }
    if all.unknown > 0 {
        let events = if all.unknown == 1 { "event is" } else { "events are" };
        complain(&format!("cannot tell whether {} {events} about {OWN_KEYS}", all.unknown))?;
    }
    if !arguments.json {
        writeln!(out, "{}", summary(&all)).context("writing the answers")?;
    }
    let mut is_evidence = true;
    if let Some(verified) = verified {
        let (is_one, verdict) = verified.verdict(&doubts, all.verified, all.bad);
        if arguments.json {
            complain(&verdict)?;
        } else {
            writeln!(out, "{verdict}").context("writing the answers")?;
        }
        is_evidence = is_one;
    }
    // A suspicion is a reason to look, and nothing that was found.
    Ok(match all.bad {
        0 if is_evidence => ExitCode::SUCCESS,
        0 => ExitCode::FAILURE,
        _ if is_nothing => ExitCode::from(ERROR),
        _ => ExitCode::FAILURE,
    })
}

impl Arguments {
    /// The log files that are meant.
    fn files<'a>(&self, bucket: Option<&'a Bucket>) -> Result<Vec<Source<'a>>> {
        let (Some(bucket), Some(address)) = (bucket, &self.bucket) else {
            return Ok(all_files(&self.files)?.into_iter().map(Source::File).collect());
        };
        let objects = bucket.list(&address.prefix, |key| is_log_file(key, self.since))?;
        Ok(objects.into_iter().map(|object| Source::Object(bucket, object)).collect())
    }

    /// What the digests say, and the log files that they are about.
    fn verified<'a>(
        &self,
        bucket: Option<&'a Bucket>,
        files: Vec<Source<'a>>,
    ) -> Result<(Option<Verified>, Vec<Source<'a>>)> {
        let (Some(bucket), Some(Address { prefix, .. })) = (bucket, &self.bucket) else {
            let digests = all_digests(&self.files)?.into_iter().map(Source::File).collect();
            let (verified, files) = self.verify.check(digests, files, None, |_| true, self.threads(1), None)?;
            return Ok((Some(verified), files));
        };
        // What was delivered since then is in digests that end later.
        let is_meant = |key: &str| {
            let ends = DigestName::of(key).map(|name| name.at);
            ends.is_some_and(|at| self.since.is_none_or(|since| at >= since))
        };
        let digests = bucket.list(&bucket::of_digests(prefix), is_meant)?;
        let digests = digests.into_iter().map(|object| Source::Object(bucket, object)).collect();
        let keys = |digests: &Digests| bucket.wait(verify::listed(digests, bucket.config()));
        let is_file = |key: &str| key.starts_with(prefix.as_str()) && is_since(key, self.since);
        let threads = self.threads(bucket::AT_ONCE);
        let (verified, files) = self.verify.check(digests, files, self.since, is_file, threads, Some(&keys))?;
        Ok((Some(verified), files))
    }

    /// How many are read side by side, where more than there are processors may be worth it.
    fn threads(&self, at_least: u32) -> NonZeroUsize {
        let number = |number: u32| NonZeroUsize::new(usize::try_from(number).ok()?);
        let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.threads.and_then(number).unwrap_or_else(|| processors.max(number(at_least).unwrap_or(NonZeroUsize::MIN)))
    }

    /// Reads files side by side, and tells of them in their order.
    fn read<'a>(
        &self,
        files: &[Source<'_>],
        reader: &(impl Fn(&ProgressBar) -> Reader<'a> + Sync),
        telling: &mut Telling<'_, impl Write>,
    ) -> Result<()> {
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")?;
        telling.progress = ProgressBar::new(files.iter().map(Source::size).sum()).with_style(style);
        let progress = telling.progress.clone();
        let read = |lane: &mut lanes::Lane<'_, Source<'_>, Page>| {
            let mut reader = reader(&progress);
            while let Some(file) = lane.next() {
                reader.file(file, lane)?;
                lane.end()?;
            }
            Ok(())
        };
        let threads = self.threads(if self.bucket.is_some() { bucket::AT_ONCE } else { 1 });
        lanes::in_order(files, threads, read, |page| telling.tell(page))?;
        telling.progress.finish_and_clear();
        Ok(())
    }

    fn none_found(&self) -> String {
        if let Some(Address { bucket, prefix }) = &self.bucket {
            let since = self.since.map_or(String::new(), |since| format!(", delivered since {since:.0}"));
            return format!("s3://{bucket}/{prefix}: expected CloudTrail's log files{since}, found none");
        }
        let paths: Vec<String> = self.files.iter().map(|path| path.display().to_string()).collect();
        let of_folders = if self.files.iter().any(|path| path.is_dir()) { WHICH_ARE_READ } else { "" };
        format!("{}: {NONE_FOUND}{of_folders}", paths.join(", "))
    }
}

/// What is told, page by page, and what was told before.
struct Telling<'a, W> {
    out: &'a mut W,
    progress: ProgressBar,
    all: Page,
    complaints: Complaints,
    /// What keeps the log files from being evidence, by its kind.
    doubts: BTreeMap<Kind, u64>,
    told: HashSet<String>,
}

impl<'a, W: Write> Telling<'a, W> {
    fn to(out: &'a mut W) -> Self {
        let (all, complaints, doubts, told) = (Page::default(), Complaints::default(), BTreeMap::new(), HashSet::new());
        Self { out, progress: ProgressBar::hidden(), all, complaints, doubts, told }
    }

    fn tell(&mut self, mut page: Page) -> Result<()> {
        page.tell_once(&mut self.told);
        write!(self.out, "{}", page.answers).context("writing the answers")?;
        self.all.count(&page);
        page.complaints.into_iter().try_for_each(|complaint| self.complain(&complaint))?;
        page.problems.into_iter().try_for_each(|problem| self.doubt(problem))
    }

    fn doubt(&mut self, problem: Problem) -> Result<()> {
        *self.doubts.entry(problem.kind).or_default() += 1;
        self.complain(&Complaint { place: problem.place, why: problem.why })
    }

    fn complain(&mut self, complaint: &Complaint) -> Result<()> {
        if self.complaints.is_worth_showing(complaint) {
            self.say(&format!("{}: {}", complaint.place, complaint.why))?;
        }
        Ok(())
    }

    fn say(&self, text: &str) -> io::Result<()> {
        self.progress.suspend(|| complain(text))
    }
}

/// What was wrong with what was read: in a year of logs, the same may be wrong a million times.
#[derive(Default)]
struct Complaints {
    /// How many there were of each kind of which some were shown.
    of_kind: BTreeMap<String, u64>,
    /// How many were of other kinds.
    others: u64,
}

/// How many complaints of a kind are shown.
const SHOWN_OF_A_KIND: u64 = 3;
/// Of how many kinds some are shown.
const SHOWN_KINDS: usize = 10;

impl Complaints {
    fn is_worth_showing(&mut self, complaint: &Complaint) -> bool {
        let kind = complaint.kind();
        if !self.of_kind.contains_key(kind) && self.of_kind.len() == SHOWN_KINDS {
            self.others += 1;
            return false;
        }
        let number = self.of_kind.entry(kind.to_owned()).or_default();
        *number += 1;
        *number <= SHOWN_OF_A_KIND
    }

    /// What was not shown, by kind.
    fn more(&self) -> Vec<String> {
        let of_kind =
            self.of_kind.iter().filter_map(|(kind, number)| Some((kind, number.checked_sub(SHOWN_OF_A_KIND)?)));
        let of_kind = of_kind.filter(|(_, more)| *more > 0).map(|(kind, more)| format!("{more} more: {kind}"));
        let others = (self.others > 0).then(|| format!("{} more with something else wrong", self.others));
        of_kind.chain(others).collect()
    }
}

fn complain(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "snapback: {}", plain(text))
}

const OWN_KEYS: &str = "keys of Snapback: name its keys with --journal-key, --operators-key and --topic-key";

const NONE_FOUND: &str = "expected CloudTrail records or EventBridge events, found none";

const WHICH_ARE_READ: &str = "; in a folder, files are read whose names end in .json, .jsonl, .json.gz or .jsonl.gz";

fn summary(all: &Page) -> String {
    let Page { events, watched, again, suspicious, suspicions, bad, .. } = all;
    let s = plural(*events);
    let more = if suspicions == suspicious { String::new() } else { format!(" ({suspicions} suspicions)") };
    let bad = if *bad == 0 { String::new() } else { format!(", {bad} bad") };
    let again = if *again == 0 { String::new() } else { format!(" ({again} more record{} of these)", plural(*again)) };
    format!("{events} event{s}, {watched} watched{again}, {suspicious} suspicious{more}{bad}")
}

/// Files as they are, directories with everything below them that looks like records, in a stable order.
fn all_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = vec![];
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| format!("{}: cannot be listed", path.display()))?;
        let mut below: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        below.sort();
        let is_meant = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() { !NO_RECORDS.contains(&name.as_ref()) } else { is_record(&name) }
        };
        files.extend(all_files(&below.into_iter().filter(is_meant).collect::<Vec<_>>())?);
    }
    Ok(files)
}

/// Whether a file looks like records by its name.
fn is_record(name: &str) -> bool {
    [".json", ".json.gz", ".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end))
}

/// The digests among files, and in directories and everything below them.
fn all_digests(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut digests = vec![];
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path).with_context(|| format!("{}: cannot be listed", path.display()))?;
            let mut below: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
            below.sort();
            digests.extend(all_digests(&below)?);
        } else if path.file_name().is_some_and(|name| DigestName::of(&name.to_string_lossy()).is_some()) {
            digests.push(path.clone());
        }
    }
    Ok(digests)
}

/// What a number needs of more than one.
fn plural(number: u64) -> &'static str {
    if number == 1 { "" } else { "s" }
}
