//! `snapback stop` and `snapback start`: the emergency brake of a deployment.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use snapback::journal::Stop;

use crate::operator::{JournalArguments, Operator, agreed, warn_of};
use crate::time::span;
use crate::trouble;

#[derive(Debug, clap::Args)]
pub(crate) struct StopArguments {
    /// Why; every notification says so while the stop lasts
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// How long the stop lasts: `30m`, `4h`, `2d`
    #[arg(long = "for", value_name = "SPAN", default_value = "4h", value_parser = span)]
    how_long: Span,
    /// Do not ask for confirmation, as of a stop for more than 7 days
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    journal: JournalArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StartArguments {
    #[command(flatten)]
    journal: JournalArguments,
}

/// `40d` is easily written for `4h`.
const LONGEST_UNASKED: SignedDuration = SignedDuration::from_hours(7 * 24);

fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("expected why, in some words".to_owned()) } else { Ok(text.to_owned()) }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn stop(arguments: &StopArguments, out: &mut impl Write) -> Result<ExitCode> {
    let since = Timestamp::now();
    let until = since.to_zoned(TimeZone::UTC).checked_add(arguments.how_long).context("--for")?.timestamp();
    if until > since + LONGEST_UNASKED && !arguments.yes {
        writeln!(out, "Snapback would revert nothing until {until:.0}, which is more than 7 days.")?;
        if !agreed("Stop it for so long?", out)? {
            writeln!(out, "Nothing was done.")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let reason = arguments.reason.clone();
    let (stop, before) = Operator::at_work(&arguments.journal, async |operator| {
        let stop = Stop { reason, by: operator.caller().await?.arn.clone(), since, until };
        let before = operator.journal.stopped(since).await;
        // A stop does not fail for what is only said of the one before, unless there is no journal at all.
        let is_no_table = |error: &anyhow::Error| trouble::code(error) == Some("ResourceNotFoundException");
        let (before, forged) = match before {
            Err(error) if is_no_table(&error) => return Err(error),
            before => before.unwrap_or_default(),
        };
        warn_of(forged);
        operator.journal.stop(&stop).await?;
        Ok((stop, before))
    })
    .await?;
    if let Some(before) = before {
        writeln!(out, "This changes the stop that there was. Until now Snapback was {before}")?;
    }
    writeln!(out, "Snapback is {stop}")?;
    writeln!(
        out,
        "Until then it touches nothing and only tells you what it would revert. `snapback start` ends the stop. Whoever gets \
         its notices is notified within five minutes."
    )?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn start(arguments: &StartArguments, out: &mut impl Write) -> Result<ExitCode> {
    Operator::at_work(&arguments.journal, async |operator| end(operator, out).await).await
}

async fn end(operator: &Operator, out: &mut impl Write) -> Result<ExitCode> {
    let now = Timestamp::now();
    let (stop, forged) = operator.journal.stopped(now).await?;
    if forged.is_some() {
        operator.journal.forget_stop().await?;
        warn_of(forged);
        writeln!(out, "The journal held a forged stop. Snapback never obeyed it, and it is deleted now.")?;
    }
    let Some(stop) = stop else {
        writeln!(out, "Snapback is not stopped.")?;
        return Ok(ExitCode::SUCCESS);
    };
    // The end of a stop is noticed by what is left of it.
    operator.journal.stop(&Stop { until: now, ..stop.clone() }).await?;
    writeln!(out, "Snapback was {stop}")?;
    writeln!(out, "It acts as its mode says again. What happened meanwhile was announced, and stays as it is.")?;
    Ok(ExitCode::SUCCESS)
}
