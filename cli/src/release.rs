//! `snapback release`: ends the holds that an undo has left.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use snapback::journal::Outcome;

use crate::operator::{JournalArguments, Operator, grants, what_can_be_done};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The journal entry that was undone
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    #[command(flatten)]
    journal: JournalArguments,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    Operator::at_work(&arguments.journal, async |operator| release(operator, &arguments.id, out).await).await
}

async fn release(operator: &Operator, id: &str, out: &mut impl Write) -> Result<ExitCode> {
    let entry = operator.entry(id).await?;
    if entry.outcome != Outcome::Undone {
        bail!("there is no hold to end: the entry says `{}`\n  hint: {}", entry.outcome, what_can_be_done(&entry));
    }
    operator.journal.release(&entry.control, &entry.subject.arn, grants(&entry)).await?;
    for grant in grants(&entry) {
        writeln!(out, "No longer held on {} {}: {grant}", entry.subject.kind, entry.subject.name)?;
    }
    writeln!(out, "The resource stays as it is. Snapback reverts the next change that opens it again.")?;
    Ok(ExitCode::SUCCESS)
}
