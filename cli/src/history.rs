//! `snapback history`: what was decided and done, newest first.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use snapback::journal::{Entry, Outcome, Wanted};
use snapback::policy::is_account;

use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::time::past;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    journal: JournalArguments,
    #[command(flatten)]
    of: Of,
    /// Nothing that was decided earlier: a time such as `2026-01-31` (UTC), or a span such as `2h` or `3d`
    #[arg(long)]
    since: Option<String>,
    /// `pending`, `reverted`, `asked`, `would-revert`, `alerted`, `held`, `failed`, `allowed` or `undone`
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// The newest so many
    #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One whole entry a line
    #[arg(long)]
    json: bool,
}

/// What the entries are about.
#[derive(Debug, clap::Args)]
pub(crate) struct Of {
    /// An account id
    #[arg(long)]
    account: Option<String>,
    /// An ARN
    #[arg(long)]
    resource: Option<String>,
    /// The id of a control
    #[arg(long)]
    control: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let wanted = arguments.of.wanted(arguments.since.as_deref(), arguments.outcome)?;
    let Operator { journal, .. } = Operator::new(&arguments.journal).await;
    let (found, more) = journal.history(&wanted, usize::try_from(arguments.limit)?).await?;
    let mut code = ExitCode::SUCCESS;
    for (id, entry) in &found {
        match entry {
            Ok(entry) if arguments.json => writeln!(out, "{}", serde_json::to_string(entry)?)?,
            Ok(entry) => show(out, entry)?,
            Err(error) => {
                code = ExitCode::FAILURE;
                writeln!(io::stderr(), "snapback: {}", on_one_line(&format!("entry `{id}`: {error:#}")))?;
            }
        }
    }
    if found.is_empty() && !arguments.json {
        let some = arguments.since.is_some() || arguments.outcome.is_some() || arguments.of.is_some();
        writeln!(out, "The journal has no entries{}.", if some { " of this kind" } else { " yet" })?;
    }
    if more {
        out.flush()?;
        writeln!(io::stderr(), "snapback: there are more than these {}; --limit shows more", found.len())?;
    }
    Ok(code)
}

impl Of {
    pub(crate) fn is_some(&self) -> bool {
        self.account.is_some() || self.resource.is_some() || self.control.is_some()
    }

    pub(crate) fn wanted(&self, since: Option<&str>, outcome: Option<Outcome>) -> Result<Wanted> {
        let Self { account, resource, control } = self;
        let mut controls = crate::functions::FUNCTIONS.iter().flat_map(|function| function.controls);
        if let Some(id) = control
            && !controls.any(|control| control.about.id == id)
        {
            bail!("--control: there is no control `{id}`; `snapback controls` lists them");
        }
        if let Some(arn) = resource.as_ref().filter(|arn| !arn.starts_with("arn:")) {
            bail!("--resource: expected an ARN such as `arn:aws:s3:::reports`, found `{arn}`");
        }
        if let Some(id) = account.as_ref().filter(|id| !is_account(id)) {
            bail!("--account: expected an account id of 12 digits, found `{id}`");
        }
        Ok(Wanted {
            since: since.map(|since| past(since, Timestamp::now())).transpose().context("--since")?,
            account: account.clone(),
            resource: resource.clone(),
            control: control.clone(),
            outcome,
        })
    }
}

fn outcome(text: &str) -> Result<Outcome, Error> {
    Outcome::deserialize(text.into_deserializer())
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
    if let Some(problem) = &entry.problem {
        line(format!("problem: {problem}"))?;
    }
    for planted in &entry.planted {
        line(format!("planted: {planted}"))?;
    }
    if let Some(undone) = &entry.undone {
        line(format!("undone at {:.0} by {}", undone.at, undone.by))?;
    }
    line(format!("entry {}", entry.id))?;
    writeln!(out)?;
    Ok(())
}
