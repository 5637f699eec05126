//! `snapback release`: ends the holds that an undo has left.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use snapback::journal::{Hold, Outcome};

use crate::operator::{JournalArguments, Operator, grants, holders, known, what_can_be_done};

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
    let (control, arn) = (&entry.control, &entry.subject.arn);
    for control in holders(known(&entry)?.1) {
        operator.journal.release(control, arn, &entry.id).await?;
    }
    let (left, _) = operator.journal.holds(control, arn, Timestamp::now()).await?;
    for grant in grants(&entry) {
        let name = format!("{} {}", entry.subject.kind, entry.subject.name);
        match left.iter().find(|hold| hold.grant == *grant) {
            None => writeln!(out, "No longer held on {name}: {grant}")?,
            Some(Hold { entry: other, until, .. }) => writeln!(
                out,
                "Still held on {name} until {until:.0}, by the undo of entry {other}: {grant}\n\
                 hint: `snapback release {other}` ends that as well."
            )?,
        }
    }
    writeln!(
        out,
        "The resource stays as it is. On the next change that opens it again, Snapback does what its mode says."
    )?;
    Ok(ExitCode::SUCCESS)
}
