//! `snapback history`: what was decided and done, newest first.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use snapback::journal::{Entry, Outcome, Wanted};

use crate::choices::{account, number};
use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::time::past;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Show only what was decided since a time such as `2026-01-31` (UTC), or in the last `2h` or `3d`
    #[arg(long, value_name = "WHEN", value_parser = past)]
    since: Option<Timestamp>,
    /// Show only this outcome: `pending`, `reverted`, `asked`, `would-revert`, `alerted`, `held`, `closed`, `failed`,
    /// `allowed` or `undone`
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    #[command(flatten)]
    of: Of,
    /// Show at most this many entries
    #[arg(long, value_name = "NUMBER", default_value = "50", value_parser = |text: &str| number(text, 1..=u32::MAX))]
    limit: u32,
    /// Print JSON Lines: one whole entry a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    journal: JournalArguments,
}

/// What the entries are about.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Of {
    /// Only entries about this account
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// Only entries about this resource
    #[arg(long, value_name = "ARN", value_parser = arn)]
    resource: Option<String>,
    /// Only entries of this control
    #[arg(long, value_name = "ID", value_parser = control)]
    control: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let wanted = arguments.of.wanted(arguments.since, arguments.outcome);
    let most = usize::try_from(arguments.limit)?;
    let (found, more) =
        Operator::at_work(&arguments.journal, async |operator| operator.journal.history(&wanted, most).await).await?;
    let mut unreadable = Refusals::default();
    for (id, entry) in &found {
        match entry {
            Ok(entry) if arguments.json => writeln!(out, "{}", serde_json::to_string(entry)?)?,
            Ok(entry) => show(out, entry)?,
            Err(error) => unreadable.add(id.clone(), error),
        }
    }
    if found.is_empty() && !arguments.json {
        let some = arguments.since.is_some() || arguments.outcome.is_some() || arguments.of.is_some();
        writeln!(out, "The journal has no entries{}.", if some { " of this kind" } else { " yet" })?;
    }
    out.flush()?;
    for (why, ids) in unreadable.by_reason() {
        writeln!(io::stderr(), "snapback: cannot read {ids}: {why}")?;
    }
    if more {
        writeln!(io::stderr(), "snapback: only the newest {} are shown; a higher --limit shows more", found.len())?;
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Entries that nothing can be done with, by the reason: what goes wrong with all of them is said once.
#[derive(Default)]
pub(crate) struct Refusals(Vec<(String, Vec<String>)>);

impl Refusals {
    pub(crate) fn add(&mut self, id: String, error: &anyhow::Error) {
        let why = format!("{error:#}");
        match self.0.iter_mut().find(|(other, _)| *other == why) {
            Some((_, ids)) => ids.push(id),
            None => self.0.push((why, vec![id])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|(_, ids)| ids.len()).sum()
    }

    /// Each reason and the entries that it holds for, each on one line.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(why, ids)| (on_one_line(why), on_one_line(&ids.join(", "))))
    }
}

impl Of {
    pub(crate) fn is_some(&self) -> bool {
        self.account.is_some() || self.resource.is_some() || self.control.is_some()
    }

    pub(crate) fn wanted(&self, since: Option<Timestamp>, outcome: Option<Outcome>) -> Wanted {
        let Self { account, resource, control } = self.clone();
        Wanted { since, account, resource, control, outcome }
    }
}

fn arn(text: &str) -> Result<String, String> {
    if text.starts_with("arn:") {
        Ok(text.to_owned())
    } else {
        Err("expected an ARN such as `arn:aws:s3:::reports`".to_owned())
    }
}

fn control(id: &str) -> Result<String, String> {
    if functions::controls().any(|control| control.about.id == id) {
        Ok(id.to_owned())
    } else {
        Err(format!("there is no control `{id}`; `snapback controls` lists them"))
    }
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::deserialize(text.into_deserializer()).map_err(|error: Error| {
        let said = error.to_string();
        // Which there are, without what was given: that is said already.
        said.split_once(", ").map_or(said.as_str(), |(_, expected)| expected).to_owned()
    })
}

/// When and what, about which resource, by whom and why, what went wrong, and what came of it later.
fn show(out: &mut impl Write, entry: &Entry) -> Result<()> {
    let Entry { subject, event, decision, .. } = entry;
    let severity = decision.severity().map(|severity| format!(" ({severity})")).unwrap_or_default();
    writeln!(out, "{:.0} {} {}{severity}", entry.decided_at, entry.outcome, on_one_line(&entry.control))?;
    let mut line = |text: String| writeln!(out, "    {}", on_one_line(&text));
    line(format!("{} {}, account {}, {}", subject.kind, subject.name, subject.account, subject.region))?;
    line(format!("{} by {} at {}", event.name, event.actor, event.time))?;
    line(decision.why().to_owned())?;
    for change in decision.plan() {
        line(format!("{}: {change}", if entry.reverted_at.is_some() { "done" } else { "plan" }))?;
    }
    if let (Some(by), Some(at)) = (&entry.applied_by, entry.reverted_at) {
        line(format!("applied at {at:.0} by {by}"))?;
    }
    if let Some(problem) = &entry.problem {
        line(format!("problem: {problem}"))?;
    }
    for forged in &entry.forged {
        line(format!("forged: {forged}"))?;
    }
    if let Some(undone) = &entry.undone {
        line(format!("undone at {:.0} by {}", undone.at, undone.by))?;
    }
    line(format!("entry {}", entry.id))?;
    writeln!(out)?;
    Ok(())
}
