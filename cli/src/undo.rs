//! `snapback undo`: takes reverts back, newest first and last change first, with the operator's own credentials.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use snapback::change::{Applied, Change};
use snapback::control::Function;
use snapback::journal::{Entry, Hold, Outcome, Undone};

use crate::history::Of;
use crate::operator::{Caller, JournalArguments, Operator, agreed, grants, judged_again, show, show_changes};
use crate::terminal::on_one_line;
use crate::time::future;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The journal entry, as the notification names it
    #[arg(required_unless_present = "since")]
    id: Option<String>,
    /// Everything that was reverted since a time such as `2026-01-31` (UTC), or for a span such as `2h` or `3d`
    #[arg(long, conflicts_with = "id")]
    since: Option<String>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    journal: JournalArguments,
    /// For how many days what is put back is not taken away again
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(u16).range(1..=3653))]
    days: u16,
    /// Until when it is not, in place of a number of days: a time such as `2026-01-31` (UTC)
    #[arg(long, conflicts_with = "days")]
    until: Option<String>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

/// A revert that can be taken back.
struct Undoing {
    entry: Entry,
    function: &'static Function,
    changes: Vec<Change>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let now = Timestamp::now();
    let until = match &arguments.until {
        Some(until) => future(until, now).map_err(|error| error.context("--until"))?,
        None => now + SignedDuration::from_hours(24 * i64::from(arguments.days)),
    };
    if arguments.id.is_some() && arguments.of.is_some() {
        bail!("--account, --resource and --control go with --since; an entry has its own");
    }
    let operator = Operator::new(&arguments.journal).await;
    match &arguments.id {
        Some(id) => one(&operator, id, until, arguments.yes, out).await,
        None => many(&operator, arguments, until, out).await,
    }
}

async fn one(operator: &Operator, id: &str, until: Timestamp, yes: bool, out: &mut impl Write) -> Result<ExitCode> {
    let entry = operator.entry(id).await?;
    let caller = operator.caller().await?;
    let undoing = Undoing::of(entry, &caller)?;
    show(&undoing.entry, out)?;
    writeln!(out, "To take Snapback's revert back, this would:")?;
    show_changes(&undoing.changes, out)?;
    if !yes && !agreed(out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    undoing.put_back(operator, &caller, until).await?;
    writeln!(out, "Done. Snapback leaves it alone until {until:.0}; `snapback release {id}` ends that.")?;
    Ok(ExitCode::SUCCESS)
}

/// Goes on after a failure: what stays is said at the end.
async fn many(operator: &Operator, arguments: &Arguments, until: Timestamp, out: &mut impl Write) -> Result<ExitCode> {
    let wanted = arguments.of.wanted(arguments.since.as_deref(), Some(Outcome::Reverted))?;
    let caller = operator.caller().await?;
    let (found, _) = operator.journal.history(&wanted, usize::MAX).await?;
    let (mut undoings, mut refused) = (vec![], vec![]);
    for (id, entry) in found {
        match entry.and_then(|entry| Undoing::of(entry, &caller)) {
            Ok(undoing) => undoings.push(undoing),
            Err(error) => refused.push(format!("{id}: {error:#}")),
        }
    }
    for undoing in &undoings {
        show(&undoing.entry, out)?;
        for change in &undoing.changes {
            writeln!(out, "  * {}", on_one_line(&change.to_string()))?;
        }
    }
    for refused in &refused {
        writeln!(out, "Cannot be taken back: {}", on_one_line(refused))?;
    }
    let all = undoings.len();
    if all == 0 {
        writeln!(out, "There is no revert to take back.")?;
        return Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    writeln!(out, "This would take {all} of Snapback's reverts back, newest first.")?;
    if !arguments.yes && !agreed(out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    let mut failed = refused.len();
    let progress = ProgressBar::new(u64::try_from(all)?);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {eta} {msg}")?);
    for undoing in undoings {
        let name = on_one_line(&format!("{} {}", undoing.entry.subject.kind, undoing.entry.subject.name));
        progress.set_message(name.clone());
        let said = match undoing.put_back(operator, &caller, until).await {
            Ok(()) => format!("Taken back: {} ({name})", undoing.entry.id),
            Err(error) => {
                failed += 1;
                format!("NOT taken back: {} ({name}): {}", undoing.entry.id, on_one_line(&format!("{error:#}")))
            }
        };
        progress.suspend(|| writeln!(out, "{said}").and_then(|()| out.flush()))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    let done = all + refused.len() - failed;
    writeln!(out, "{done} taken back, {failed} not. Snapback leaves what is back alone until {until:.0}.")?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Undoing {
    /// The changes that take an entry's plan back, in the opposite order, if it is the operator's to do so.
    fn of(entry: Entry, caller: &Caller) -> Result<Self> {
        caller.is_at_home(&entry)?;
        match &entry.outcome {
            Outcome::Reverted => {}
            Outcome::Undone => {
                let undone = entry.undone.as_ref().map(|undone| format!(" at {} by {}", undone.at, undone.by));
                bail!("it has been undone already{}", undone.unwrap_or_default());
            }
            outcome => bail!("nothing to take back: the entry says `{outcome}`"),
        }
        let function = judged_again(&entry)?.function;
        let changes = entry.decision.plan().iter().rev().map(Change::undo).collect();
        Ok(Self { entry, function, changes })
    }

    /// The holds come first: AWS tells Snapback of what we do within seconds.
    async fn put_back(&self, operator: &Operator, caller: &Caller, until: Timestamp) -> Result<()> {
        let Self { entry, function, changes } = self;
        let (now, by, journal) = (Timestamp::now(), &caller.arn, &operator.journal);
        for grant in grants(entry) {
            let (control, resource) = (entry.control.clone(), entry.subject.arn.clone());
            let (grant, entry, by) = (grant.clone(), entry.id.clone(), by.clone());
            journal.hold(&Hold { control, resource, grant, entry, by, since: now, until }).await?;
        }
        let place = operator.place(&entry.subject);
        for (done, change) in changes.iter().enumerate() {
            let result = match (function.apply)(&place, change).await {
                Ok(Applied::Changed { found }) => Err(anyhow::anyhow!(
                    "the live state is no longer what Snapback left, so it is not touched; found: {found}"
                )),
                other => other.map(drop),
            };
            if let Err(error) = result {
                if done == 0 {
                    for grant in grants(entry) {
                        journal.release(&entry.control, &entry.subject.arn, grant).await?;
                    }
                }
                return Err(error.context(format!("{done} of {} changes are taken back", changes.len())));
            }
        }
        let undone = Some(Undone { by: by.clone(), at: now });
        journal.complete(&Entry { outcome: Outcome::Undone, undone, ..entry.clone() }).await
    }
}
