//! `snapback apply`: applies a revert that Snapback asked about or told of, with the operator's own credentials.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::builder::NonEmptyStringValueParser;
use jiff::{SignedDuration, Timestamp};
use snapback::change::{Applied, Change};
use snapback::control::Given;
use snapback::decision::Decision;
use snapback::journal::{Entry, Outcome};
use snapback::place::Place;

use crate::caller::MemberArguments;
use crate::operator::{
    Genuine, JournalArguments, Operator, agreed, applied, judged_again, settled, show, show_change, warn_of,
    what_can_be_done,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The journal entry, as the notification names it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    journal: JournalArguments,
    #[command(flatten)]
    member: MemberArguments,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let Arguments { id, yes, journal, member } = arguments;
    Operator::at_work(journal, async |operator| apply(operator, member, id, *yes, out).await).await
}

async fn apply(
    operator: &Operator,
    member: &MemberArguments,
    id: &str,
    yes: bool,
    out: &mut impl Write,
) -> Result<ExitCode> {
    let entry = operator.entry(id).await?;
    let caller = operator.caller().await?;
    let place = operator.place(&entry.subject, member).await?;
    ensure!(
        matches!(entry.outcome, Outcome::Asked | Outcome::WouldRevert),
        "there is nothing to apply: the entry says `{}`\n  hint: {}",
        entry.outcome,
        what_can_be_done(&entry)
    );
    let genuine = judged_again(&entry)?;
    is_still_asked_for(operator, &place, &entry, &genuine).await?;
    show(&entry, out)?;
    writeln!(out, "Applying this revert would:")?;
    // It has just been read, and asks for the same plan.
    for change in entry.decision.plan() {
        show_change(change, ["now", "after the revert"], out)?;
    }
    if !yes {
        if !agreed("Apply this revert?", out)? {
            writeln!(out, "Nothing was done.")?;
            return Ok(ExitCode::FAILURE);
        }
        // Another operator may have put it back while the question stood here.
        is_still_asked_for(operator, &place, &entry, &genuine).await?;
    }
    // Why it was not done before is over.
    let entry = Entry { applied_by: Some(caller.arn.clone()), problem: None, ..entry };
    revert(operator, &place, entry, &genuine).await?;
    writeln!(out, "Done. `snapback undo {id}` undoes it.")?;
    Ok(ExitCode::SUCCESS)
}

/// Judges what is there now by the event and the settings of then; another plan than the one asked for is refused. AWS may
/// show for a while what was there before the event.
async fn is_still_asked_for(operator: &Operator, place: &Place, entry: &Entry, genuine: &Genuine) -> Result<()> {
    let judge = async || judged_now(operator, place, entry, genuine).await;
    let is_asked_for = |now: &Decision<Change>| now.plan() == entry.decision.plan();
    let now = settled(genuine.control, changed_at(entry), judge, is_asked_for).await?;
    if let Decision::Allow { why } | Decision::Alert { why, .. } = &now {
        bail!("there is nothing to revert any more: {why}");
    }
    if !is_asked_for(&now) {
        bail!(
            "the resource has changed since Snapback asked, so nothing was touched; now {}\n  hint: If the change since \
             then is risky, it has an entry of its own (`snapback history --resource {}`). Otherwise put it right by hand.",
            now.why(),
            entry.subject.arn
        );
    }
    Ok(())
}

/// When the change was made, at the latest: CloudTrail tells whole seconds.
fn changed_at(entry: &Entry) -> Timestamp {
    entry.event.time + SignedDuration::from_secs(1)
}

async fn judged_now(operator: &Operator, place: &Place, entry: &Entry, genuine: &Genuine) -> Result<Decision<Change>> {
    let event = entry.event();
    let of_then = genuine.control.baseline.map(|of| of(&entry.state)).transpose()?;
    let look = operator.look(place, of_then.as_ref());
    let state = (genuine.control.observe)(&look, &event, &genuine.suspicion).await.context("reading the resource")?;
    // An undo writes its holds before it puts anything back, so these are those of what was read.
    let (holds, forged) = operator.journal.holds(&entry.control, &entry.subject.arn, Timestamp::now()).await?;
    warn_of(forged);
    let holds = holds.into_iter().map(|hold| hold.grant).collect();
    let given = Given { settings: &entry.basis.settings, holds: &holds };
    (genuine.control.decide)(&event, &genuine.suspicion, &state, &given)
}

/// Who does it stands in the entry before anything is touched, so that whoever may not write the journal or use its key
/// touches nothing. What was done stands there as well, also if only some of it could be.
async fn revert(operator: &Operator, place: &Place, mut entry: Entry, genuine: &Genuine) -> Result<()> {
    operator.journal.complete(&entry).await?;
    let done = apply_all(operator, place, &mut entry, genuine).await;
    let made = format!("{} of {} changes were made", entry.applied.len(), entry.decision.plan().len());
    match &done {
        Ok(()) => entry.outcome = Outcome::Reverted,
        Err(failure) => entry.problem = Some(format!("{made}: {failure:#}")),
    }
    operator.journal.complete(&entry).await?;
    done.context(made)
}

async fn apply_all(operator: &Operator, place: &Place, entry: &mut Entry, genuine: &Genuine) -> Result<()> {
    entry.applied.clear();
    for change in entry.decision.plan() {
        match applied(genuine, place, change, changed_at(entry)).await? {
            Applied::Changed { found } => {
                bail!("the resource has just changed, so nothing was touched; found: {found}")
            }
            done => entry.applied.push(done),
        }
    }
    let reverted = Timestamp::now();
    entry.reverted_at = Some(reverted);
    let judge = async || judged_now(operator, place, entry, genuine).await;
    let is_over = |now: &Decision<Change>| !matches!(now, Decision::Revert { .. });
    let now = settled(genuine.control, reverted, judge, is_over).await?;
    ensure!(is_over(&now), "AWS accepted the change, but the risk is still there");
    Ok(())
}
