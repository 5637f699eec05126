//! `snapback apply`: does what Snapback has asked for, with the operator's own credentials.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use snapback::change::Applied;
use snapback::control::{AnyControl, Function, Given, Look, Suspicion};
use snapback::decision::Decision;
use snapback::journal::{Entry, Outcome};

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
    if work.entry.outcome != Outcome::Asked {
        bail!("nothing was asked for: the entry says `{}`", work.entry.outcome);
    }
    let (function, control) = control_of(&work.entry)?;
    is_still_asked_for(&work, control).await?;
    show(out, &work.entry)?;
    if !arguments.yes && !agreed(out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    let id = work.entry.id.clone();
    take_back(work, function, control).await?;
    writeln!(out, "Done. `snapback undo {id}` takes it back.")?;
    Ok(ExitCode::SUCCESS)
}

/// Judges what is there now by the event and the settings of then; another plan than the one asked for is refused.
async fn is_still_asked_for(work: &Work, control: &AnyControl) -> Result<()> {
    let now = judged(work, control).await?;
    if let Decision::Allow { why } | Decision::Alert { why, .. } = &now {
        bail!("there is nothing to take back any more: {why}");
    }
    if now.plan() != work.entry.decision.plan() {
        bail!("what is there has changed since it was asked for, so it is not touched; now {}", now.why());
    }
    Ok(())
}

async fn judged(work: &Work, control: &AnyControl) -> Result<Decision<snapback::change::Change>> {
    let Work { operator: Operator { config, journal, .. }, entry } = work;
    let look = Look { config, account: &entry.subject.account };
    let suspicion = Suspicion { subject: entry.subject.clone(), why: entry.suspicion.clone() };
    let holds = journal.holds(&entry.control, &entry.subject.arn, Timestamp::now()).await?;
    let state = (control.observe)(&look, &entry.record, &suspicion).await.context("looking at it")?;
    (control.decide)(&entry.record, &suspicion, &state, &Given { settings: &entry.settings, holds: &holds })
}

fn show(out: &mut impl Write, entry: &Entry) -> Result<()> {
    let Entry { subject, event, .. } = entry;
    writeln!(out, "{} - {} {}", entry.title, subject.kind, subject.name)?;
    writeln!(out, "    {}, account {}, {}", subject.arn, subject.account, subject.region)?;
    writeln!(out, "    opened by {} with {} at {}", event.actor, event.name, event.time)?;
    writeln!(out, "    {}", entry.decision.why())?;
    writeln!(out, "To take it back, this would:")?;
    for change in entry.decision.plan() {
        let (before, after) = change.sides();
        writeln!(out, "  * {change}\n    --- now\n{}\n    --- then\n{}", indented(&before), indented(&after))?;
    }
    Ok(())
}

/// What was done stands in the entry, also if only some of it could be.
async fn take_back(work: Work, function: &Function, control: &AnyControl) -> Result<()> {
    let mut work = work;
    work.entry.applied.clear();
    let done = apply_all(&mut work, function).await;
    let done = match done {
        Ok(()) if matches!(judged(&work, control).await?, Decision::Revert { .. }) => {
            Err(anyhow::anyhow!("AWS took the change, and the risk still shows"))
        }
        other => other,
    };
    let plan = work.entry.decision.plan().len();
    match &done {
        Ok(()) => work.entry.outcome = Outcome::Reverted,
        Err(failure) => {
            let applied = work.entry.applied.len();
            work.entry.problem = Some(format!("{applied} of {plan} changes are done: {failure:#}"));
        }
    }
    work.entry.applied_by = Some(work.operator.by.clone());
    work.operator.journal.complete(&work.entry).await?;
    done.with_context(|| format!("{} of {plan} changes are done", work.entry.applied.len()))
}

async fn apply_all(work: &mut Work, function: &Function) -> Result<()> {
    for change in work.entry.decision.plan() {
        match (function.apply)(&work.operator.config, &work.entry.subject.account, change).await? {
            Applied::Changed { found } => bail!("it has just changed, so it is not touched; found: {found}"),
            applied => work.entry.applied.push(applied),
        }
    }
    work.entry.reverted_at = Some(Timestamp::now());
    Ok(())
}
