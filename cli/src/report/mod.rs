//! `snapback report`: what was decided and done in a while, counted for people who were not there.

mod csv;
mod html;
#[cfg(test)]
mod scene;
mod summary;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use jiff::Timestamp;
use snapback::journal::{Entry, Outcome};

use self::summary::{Read, Report};
use crate::history::Of;
use crate::operator::{JournalArguments, Operator, holders, known};
use crate::terminal::on_one_line;
use crate::time::past;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Report on what was decided since a time such as `2026-01-31` (UTC), or in the last `2h` or `3d`
    #[arg(long, value_name = "WHEN", default_value = "30d", value_parser = past)]
    since: Timestamp,
    #[command(flatten)]
    of: Of,
    /// Write one HTML file, which needs no network and no JavaScript, and can be printed
    #[arg(long, value_name = "FILE", group = "form")]
    html: Option<PathBuf>,
    /// Print CSV: a line for each decision
    #[arg(long, group = "form")]
    csv: bool,
    /// Print JSON: one object with all figures and lists
    #[arg(long, group = "form")]
    json: bool,
    #[command(flatten)]
    journal: JournalArguments,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let Arguments { since, of, html, csv, json, journal } = arguments;
    let until = Timestamp::now();
    let read = Operator::at_work(journal, async |operator| read(operator, of, *since, until).await).await?;
    let report = Report::of(read, &of.wanted(Some(*since), None), until);
    match html {
        Some(file) => {
            fs::write(file, html::page(&report))
                .with_context(|| format!("writing the report to {}", file.display()))?;
            writeln!(out, "{}", on_one_line(&format!("{} The report is in {}.", report.sentence(), file.display())))?;
        }
        None if *csv => csv::write(&report, out)?,
        None if *json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        None => text::write(&report, out)?,
    }
    out.flush()?;
    if report.ignored.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(io::stderr(), "snapback: {}; the report names each", report.ignored_in_words())?;
    Ok(ExitCode::FAILURE)
}

/// All that is counted. A hold may be of an undo from before the time that is reported on.
async fn read(operator: &Operator, of: &Of, since: Timestamp, now: Timestamp) -> Result<Read> {
    let journal = &operator.journal;
    let (found, _) = journal.history(&of.wanted(Some(since), None), usize::MAX).await?;
    let (undone, _) = journal.history(&of.wanted(None, Some(Outcome::Undone)), usize::MAX).await?;
    let held: BTreeSet<(String, String)> =
        undone.iter().filter_map(|(_, entry)| entry.as_ref().ok()).flat_map(may_be_held).collect();
    let mut read = Read { found, undone, ..Read::default() };
    for (control, resource) in held {
        let (holds, forged) = journal.holds(&control, &resource, now).await?;
        read.holds.extend(holds);
        read.forged.extend(forged);
    }
    Ok(read)
}

/// The controls, each with the resource, for which the undo of an entry has left a hold.
fn may_be_held(entry: &Entry) -> Vec<(String, String)> {
    let controls: Vec<&str> = known(entry).map_or(vec![&entry.control], |(_, control)| holders(control).collect());
    controls.into_iter().map(|control| (control.to_owned(), entry.subject.arn.clone())).collect()
}
