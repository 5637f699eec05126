//! `snapback undo`: takes a revert back, last step first, with the operator's own credentials.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;
use snapback::change::{Applied, Change};
use snapback::control::Function;
use snapback::journal::{Entry, Hold, Outcome, Undone};

use crate::operator::{EntryArguments, Operator, Work, agreed, control_of, indented};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    entry: EntryArguments,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let work = Work::begin(&arguments.entry).await?;
    let changes = undoing(&work.entry)?;
    let (function, _) = control_of(&work.entry)?;
    show(out, &work.entry, &changes)?;
    if !arguments.yes && !agreed(out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    let id = work.entry.id.clone();
    put_back(work, function, &changes).await?;
    writeln!(out, "Done. Snapback leaves it alone from now on; `snapback release {id}` ends that.")?;
    Ok(ExitCode::SUCCESS)
}

/// The changes that take the entry's plan back, in the opposite order.
fn undoing(entry: &Entry) -> Result<Vec<Change>> {
    match &entry.outcome {
        Outcome::Reverted => Ok(entry.decision.plan().iter().rev().map(Change::undo).collect()),
        Outcome::Undone => {
            let undone = entry.undone.as_ref().map(|undone| format!(" at {} by {}", undone.at, undone.by));
            bail!("it has been undone already{}", undone.unwrap_or_default());
        }
        outcome => bail!("nothing to take back: the entry says `{outcome}`"),
    }
}

fn show(out: &mut impl Write, entry: &Entry, changes: &[Change]) -> Result<()> {
    let Entry { subject, event, .. } = entry;
    writeln!(out, "{} - {} {}", entry.title, subject.kind, subject.name)?;
    writeln!(out, "    {}, account {}, {}", subject.arn, subject.account, subject.region)?;
    writeln!(out, "    opened by {} with {} at {}", event.actor, event.name, event.time)?;
    writeln!(out, "    {}", entry.decision.why())?;
    writeln!(out, "To take Snapback's revert back, this would:")?;
    for change in changes {
        let (before, after) = change.sides();
        writeln!(out, "  * {change}\n    --- now\n{}\n    --- then\n{}", indented(&before), indented(&after))?;
    }
    Ok(())
}

/// The holds come first: AWS tells Snapback of what we do within seconds.
async fn put_back(work: Work, function: &Function, changes: &[Change]) -> Result<()> {
    let now = Timestamp::now();
    let Work { operator: Operator { config, journal, by, .. }, entry } = &work;
    let hold = |grant: &String| Hold {
        control: entry.control.clone(),
        resource: entry.subject.arn.clone(),
        grant: grant.clone(),
        entry: entry.id.clone(),
        by: by.clone(),
        since: now,
        // As long as the journal remembers an entry that is made now.
        until: now + entry.expires.duration_since(entry.decided_at),
    };
    for grant in work.grants() {
        journal.hold(&hold(grant)).await?;
    }
    for (done, change) in changes.iter().enumerate() {
        let result = match (function.apply)(config, &entry.subject.account, change).await {
            Ok(Applied::Changed { found }) => Err(anyhow::anyhow!(
                "the live state is no longer what Snapback left, so it is not touched; found: {found}"
            )),
            other => other.map(drop),
        };
        if let Err(error) = result {
            if done == 0 {
                for grant in work.grants() {
                    journal.release(&entry.control, &entry.subject.arn, grant).await?;
                }
            }
            return Err(error.context(format!("{done} of {} changes are taken back", changes.len())));
        }
    }
    let undone = Some(Undone { by: by.clone(), at: now });
    journal.complete(&Entry { outcome: Outcome::Undone, undone, ..entry.clone() }).await
}
