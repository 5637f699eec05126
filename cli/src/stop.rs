//! `snapback stop` and `snapback start`: the emergency brake of a deployment.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use snapback::journal::Stop;

use crate::operator::{JournalArguments, Operator, warn_of};

#[derive(Debug, clap::Args)]
pub(crate) struct StopArguments {
    /// What everyone is told as long as it lasts
    #[arg(long)]
    reason: String,
    /// How long it lasts: `30m`, `4h`, `2d`
    #[arg(long = "for", default_value = "4h")]
    how_long: Span,
    #[command(flatten)]
    journal: JournalArguments,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StartArguments {
    #[command(flatten)]
    journal: JournalArguments,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn stop(arguments: &StopArguments, out: &mut impl Write) -> Result<ExitCode> {
    let since = Timestamp::now();
    let until = since.to_zoned(TimeZone::UTC).checked_add(arguments.how_long).context("--for")?.timestamp();
    if until <= since {
        bail!("--for: expected a time to come, such as `4h`, found `{}`", arguments.how_long);
    }
    let operator = Operator::new(&arguments.journal).await;
    let stop = Stop { reason: arguments.reason.clone(), by: operator.caller().await?.arn, since, until };
    operator.journal.stop(&stop).await?;
    writeln!(out, "Snapback is {stop}")?;
    writeln!(out, "Until then it says what it would take back, and touches nothing. `snapback start` ends that.")?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn start(arguments: &StartArguments, out: &mut impl Write) -> Result<ExitCode> {
    let operator = Operator::new(&arguments.journal).await;
    let (stop, planted) = operator.journal.stopped(Timestamp::now()).await?;
    if planted.is_some() {
        operator.journal.start().await?;
        warn_of(planted);
        writeln!(out, "Nothing has obeyed what stood in the place of a stop. It is gone.")?;
    }
    let Some(stop) = stop else {
        writeln!(out, "Snapback is not stopped.")?;
        return Ok(ExitCode::SUCCESS);
    };
    operator.journal.start().await?;
    writeln!(out, "Snapback was {stop}")?;
    writeln!(out, "It goes on as its mode says. What happened meanwhile it has announced, and leaves as it is.")?;
    Ok(ExitCode::SUCCESS)
}
