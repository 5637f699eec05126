//! `snapback replay`: what Snapback would have thought of recorded events.
//!
//! It reads CloudTrail's log files (`{"Records": […]}`, gzipped or not), JSON Lines of records or of EventBridge
//! events, single events as they lie in `events/`, what `aws cloudtrail lookup-events` says, and notifications of SNS. It
//! calls nothing: it tells the suspicion, not the decision.
//!
//! A year of logs is gigabytes in a hundred thousand files, so several are read side by side ([`lanes`]); what is told
//! is the same, and in the same order, as if they were read one after the other. Of each only one document is in memory
//! at a time; in CloudTrail's logs that is a file, of some minutes. What stays in memory is the ids of watched events, as
//! each is told once, however often it is recorded.

mod lanes;
mod reading;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::choices::{Choices, number};
use crate::own::OwnParts;
use crate::terminal::plain;
use crate::trouble::ERROR;
use reading::{Complaint, Page, Reader};
use snapback::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files and folders of CloudTrail records or EventBridge events; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    files: Vec<PathBuf>,
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
    /// Read this many files at the same time [default: one per processor]
    #[arg(long, value_name = "NUMBER", value_parser = |text: &str| number(text, 1..=1024))]
    threads: Option<u32>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let settings = Settings { own: arguments.own.named(), ..arguments.choices.settings()? };
    let controls = crate::controls::meant_by(&arguments.control);
    let files = all_files(&arguments.files)?;
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|metadata| metadata.len());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")?;
    let progress = ProgressBar::new(sizes.sum()).with_style(style);
    let chosen = arguments.threads.and_then(|number| NonZeroUsize::new(usize::try_from(number).ok()?));
    let threads = chosen.or(thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);

    let (mut all, mut complaints) = (Page::default(), Complaints::default());
    let read = |lane: &mut lanes::Lane<'_, PathBuf, Page>| {
        let mut reader = Reader::new(&controls, &settings, arguments.json, &progress);
        while let Some(file) = lane.next() {
            reader.file(file, lane)?;
            lane.end()?;
        }
        Ok(())
    };
    let mut told = HashSet::new();
    lanes::in_order(&files, threads, read, |mut page| {
        page.tell_once(&mut told);
        write!(out, "{}", page.answers).context("writing the answers")?;
        for complaint in &page.complaints {
            if complaints.is_worth_showing(complaint) {
                progress.suspend(|| complain(&format!("{}: {}", complaint.place, complaint.why)))?;
            }
        }
        all.count(&page);
        Ok(())
    })?;
    progress.finish_and_clear();
    for more in complaints.more() {
        complain(&more)?;
    }

    let is_nothing = all.events + all.passed_over == 0;
    if is_nothing && all.bad == 0 {
        let paths: Vec<String> = arguments.files.iter().map(|path| path.display().to_string()).collect();
        let of_folders = if arguments.files.iter().any(|path| path.is_dir()) { WHICH_ARE_READ } else { "" };
        bail!("{}: {NONE_FOUND}{of_folders}", paths.join(", "));
    }
    if all.unknown > 0 {
        let events = if all.unknown == 1 { "event is" } else { "events are" };
        complain(&format!("cannot tell whether {} {events} about {OWN_KEYS}", all.unknown))?;
    }
    if !arguments.json {
        writeln!(out, "{}", summary(&all)).context("writing the answers")?;
    }
    // A suspicion is a reason to look, and nothing that was found.
    Ok(match all.bad {
        0 => ExitCode::SUCCESS,
        _ if is_nothing => ExitCode::from(ERROR),
        _ => ExitCode::FAILURE,
    })
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
    let plural = if *events == 1 { "" } else { "s" };
    let more = if suspicions == suspicious { String::new() } else { format!(" ({suspicions} suspicions)") };
    let bad = if *bad == 0 { String::new() } else { format!(", {bad} bad") };
    let again = if *again == 0 {
        String::new()
    } else {
        format!(" ({again} more record{} of these)", if *again == 1 { "" } else { "s" })
    };
    format!("{events} event{plural}, {watched} watched{again}, {suspicious} suspicious{more}{bad}")
}

/// What lies beside the records in a bucket of CloudTrail's, and is none: digests of the log files, what CloudTrail itself
/// finds unusual, and what repeats calls without their parameters.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>
const NO_RECORDS: [&str; 4] =
    ["CloudTrail-Aggregated", "CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-NetworkActivity"];

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
        let is_record = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let looks_so = || [".json", ".json.gz", ".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end));
            if path.is_dir() { !NO_RECORDS.contains(&name.as_ref()) } else { looks_so() }
        };
        files.extend(all_files(&below.into_iter().filter(is_record).collect::<Vec<_>>())?);
    }
    Ok(files)
}
