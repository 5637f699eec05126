//! `snapback undo`: undoes reverts, newest first and last change first, with the operator's own credentials.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use snapback::aws;
use snapback::change::{Applied, Change, ConsolePassword, Iam, Own};
use snapback::journal::{Entry, Hold, Journal, Outcome, Undone, Wanted};

use crate::caller::{Caller, MemberArguments};
use crate::choices::number;
use crate::history::{Of, Refusals};
use crate::operator::{
    Genuine, JournalArguments, Operator, agreed, applied, grants, holders, is_added, judged_again, show, show_change,
    what_can_be_done,
};
use crate::terminal::on_one_line;
use crate::time::{future, past};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The journal entry of the revert, as the notification names it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: Option<String>,
    /// Undo every revert since a time such as `2026-01-31` (UTC), or in the last `2h` or `3d`
    #[arg(long, value_name = "WHEN", conflicts_with = "id", value_parser = past)]
    since: Option<Timestamp>,
    /// How many days Snapback leaves the restored change in place
    #[arg(long, default_value = "30", value_parser = |text: &str| number(text, 1..=3653))]
    days: u32,
    /// Until when Snapback leaves it in place, instead of --days: a time such as `2026-01-31` (UTC)
    #[arg(long, value_name = "TIME", conflicts_with = "days", value_parser = future)]
    until: Option<Timestamp>,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten, next_help_heading = "With --since")]
    of: Of,
    #[command(flatten)]
    journal: JournalArguments,
    #[command(flatten)]
    member: MemberArguments,
}

/// A revert that can be undone.
struct Undoing {
    entry: Entry,
    genuine: Genuine,
    changes: Vec<Change>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let now = Timestamp::now();
    let until = arguments.until.unwrap_or(now + SignedDuration::from_hours(24 * i64::from(arguments.days)));
    let Arguments { id, since, of, yes, journal, member, .. } = arguments;
    if id.is_some() && of.is_some() {
        let why =
            "--account, --resource and --control select among the reverts of --since; leave them out with an entry";
        bail!(why);
    }
    match (id, since) {
        (Some(id), _) => {
            Operator::at_work(journal, async |operator| one(operator, member, id, until, *yes, out).await).await
        }
        (None, Some(since)) => {
            let wanted = of.wanted(Some(*since), Some(Outcome::Reverted));
            Operator::at_work(journal, async |operator| many(operator, member, &wanted, until, *yes, out).await).await
        }
        (None, None) => {
            let why = "nothing to undo was named: give the entry of one revert (`snapback undo ID`), or undo many with \
                       --since (`snapback undo --since 2h`)\n  hint: `snapback history --outcome reverted` lists the entries.";
            bail!(why)
        }
    }
}

async fn one(
    operator: &Operator,
    member: &MemberArguments,
    id: &str,
    until: Timestamp,
    yes: bool,
    out: &mut impl Write,
) -> Result<ExitCode> {
    let entry = operator.entry(id).await?;
    let caller = operator.caller().await?;
    let undoing = Undoing::of(entry, caller, member)?;
    show(&undoing.entry, out)?;
    let mut changes = vec![];
    undoing.show_changes(operator, member, &mut changes).await?;
    writeln!(
        out,
        "Undoing this revert restores the original change, and Snapback leaves it in place until {until:.0}. It would:"
    )?;
    out.write_all(&changes)?;
    undoing.warn(until, out)?;
    if !yes && !agreed("Undo this revert?", out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    undoing.undo(operator, member, until).await?;
    if undoing.ends_the_journal() {
        writeln!(out, "Done. The original change is restored.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let restored = match undoing.password() {
        Some(user) => format!("User `{user}` has a console password that nobody knows"),
        None => "The original change is restored".to_owned(),
    };
    writeln!(
        out,
        "Done. {}, and Snapback leaves it in place until {until:.0}. `snapback release {id}` ends that earlier.",
        on_one_line(&restored)
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Goes on after a failure: what stays is said at the end.
async fn many(
    operator: &Operator,
    member: &MemberArguments,
    wanted: &Wanted,
    until: Timestamp,
    yes: bool,
    out: &mut impl Write,
) -> Result<ExitCode> {
    let caller = operator.caller().await?;
    let (found, _) = operator.journal.history(wanted, usize::MAX).await?;
    let (mut undoings, mut refused) = (vec![], Refusals::default());
    for (id, entry) in found {
        match entry.and_then(|entry| Undoing::of(entry, caller, member)) {
            Ok(undoing) => undoings.push(undoing),
            Err(error) => refused.add(id, &error),
        }
    }
    for undoing in &undoings {
        show(&undoing.entry, out)?;
        for change in &undoing.changes {
            writeln!(out, "  * {}", on_one_line(&change.to_string()))?;
        }
        undoing.warn(until, out)?;
    }
    for (why, ids) in refused.by_reason() {
        writeln!(out, "Cannot be undone: {ids}: {why}")?;
    }
    let all = undoings.len();
    if all == 0 {
        writeln!(out, "There is no revert to undo.")?;
        return Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let (reverts, changes) = if all == 1 { ("revert", "change") } else { ("reverts", "changes") };
    writeln!(
        out,
        "This would undo {all} {reverts}, newest first, and restore the original {changes}. Snapback leaves what is \
         restored in place until {until:.0}."
    )?;
    if !yes && !agreed(&format!("Undo {all} {reverts}?"), out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    let mut failed = refused.len();
    let progress = ProgressBar::new(u64::try_from(all)?);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {eta} {msg}")?);
    for undoing in undoings {
        let name = on_one_line(&format!("{} {}", undoing.entry.subject.kind, undoing.entry.subject.name));
        progress.set_message(name.clone());
        let undone = match undoing.refuse_what_is_restored(operator, member).await {
            Ok(()) => undoing.undo(operator, member, until).await,
            refused => refused,
        };
        let said = match undone {
            Ok(()) => format!("Undone: {} ({name})", undoing.entry.id),
            Err(error) => {
                failed += 1;
                format!("NOT undone: {} ({name}): {}", undoing.entry.id, on_one_line(&format!("{error:#}")))
            }
        };
        progress.suspend(|| writeln!(out, "{said}").and_then(|()| out.flush()))?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    let done = all + refused.len() - failed;
    writeln!(out, "{done} undone, {failed} not.")?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Undoing {
    /// The changes that undo an entry's plan, in the opposite order, if it is the operator's to do so.
    fn of(entry: Entry, caller: &Caller, member: &MemberArguments) -> Result<Self> {
        caller.reaches(&entry.subject, member)?;
        match &entry.outcome {
            Outcome::Reverted => {}
            Outcome::Undone => {
                let undone = entry.undone.as_ref().map(|undone| format!(" at {:.0} by {}", undone.at, undone.by));
                bail!("it has been undone already{}", undone.unwrap_or_default());
            }
            outcome => {
                bail!("there is no revert to undo: the entry says `{outcome}`\n  hint: {}", what_can_be_done(&entry))
            }
        }
        let genuine = judged_again(&entry)?;
        let changes = entry.decision.plan().iter().rev().map(Change::undo).collect();
        Ok(Self { entry, genuine, changes })
    }

    /// Whether the journal's key cannot be used afterwards, and with it no hold be checked.
    fn ends_the_journal(&self) -> bool {
        let own = &self.entry.basis.settings.own;
        self.changes.iter().any(|change| matches!(change, Change::Own(Own::Key(change)) if own.is_journals(&change.of)))
    }

    /// The user who gets a console password again, which is another one.
    fn password(&self) -> Option<&str> {
        self.changes.iter().find_map(|change| match change {
            Change::Iam(Iam::ConsolePassword(change)) if change.to == ConsolePassword::Set => {
                Some(change.of.0.as_str())
            }
            _ => None,
        })
    }

    /// Says where an undo does not last, or does not give back all that there was.
    fn warn(&self, until: Timestamp, out: &mut impl Write) -> Result<()> {
        if let Some(user) = self.password() {
            let user = on_one_line(user);
            writeln!(
                out,
                "The password that was deleted is lost, and nobody knows the new one. Set one that you know:\n    \
                 aws iam update-login-profile --user-name {user} --password-reset-required --password NEW\n\
                 Of that Snapback notifies you with outcome `held`. Until {until:.0}, whoever may set a console password of \
                 this user can do so, and Snapback does not delete it: `--days 1` makes that shorter."
            )?;
        }
        if self.ends_the_journal() {
            writeln!(
                out,
                "This does not last: without its key, Snapback can check neither this hold nor an emergency stop, so it \
                 enables the key again. To keep it as it is, first deploy Snapback with `{}=notify` in ModeOverrides.",
                self.entry.control
            )?;
        }
        Ok(())
    }

    /// What it would do to what is there now, which has to be what Snapback left. What only an earlier change of the undo
    /// restores cannot be there yet.
    async fn show_changes(&self, operator: &Operator, member: &MemberArguments, out: &mut impl Write) -> Result<()> {
        self.refuse_what_is_restored(operator, member).await?;
        let place = operator.place(&self.entry.subject, member).await?;
        for (number, change) in self.changes.iter().enumerate() {
            let since = if number == 0 { self.last_write(&operator.journal).await? } else { Timestamp::MIN };
            let before = match applied(&self.genuine, &place, &change.idle(), since).await? {
                Applied::Changed { found } if number == 0 => return Err(self.refusal(&found)),
                Applied::Changed { .. } => "as Snapback left it",
                Applied::Already | Applied::Done { .. } => "now",
            };
            show_change(change, [before, "after the undo"], out)?;
        }
        Ok(())
    }

    /// Somebody may have made the original change again since the revert. An undo that broke off has its holds, and goes on.
    async fn refuse_what_is_restored(&self, operator: &Operator, member: &MemberArguments) -> Result<()> {
        let (Self { entry, genuine, changes }, journal) = (self, &operator.journal);
        let place = operator.place(&entry.subject, member).await?;
        let since = self.last_write(journal).await?;
        for change in changes {
            if !is_added(genuine, &place, change, since).await? {
                continue;
            }
            let (holds, _) = journal.holds(genuine.control.about.id, &entry.subject.arn, Timestamp::now()).await?;
            if holds.iter().any(|hold| hold.entry == entry.id) {
                return Ok(());
            }
            let (_, found) = change.sides();
            return Err(self.refusal(&format!("what was reverted is there already: {}", on_one_line(&found))));
        }
        Ok(())
    }

    /// When it was reverted, or when a revert of the same resource was last undone.
    async fn last_write(&self, journal: &Journal) -> Result<Timestamp> {
        let Entry { subject, reverted_at, decided_at, .. } = &self.entry;
        let of_it = Wanted { resource: Some(subject.arn.clone()), outcome: Some(Outcome::Undone), ..Wanted::default() };
        let (entries, _) = journal.history(&of_it, usize::MAX).await?;
        let undone = entries.into_iter().filter_map(|(_, entry)| Some(entry.ok()?.undone?.at));
        Ok(undone.fold(reverted_at.unwrap_or(*decided_at), Timestamp::max))
    }

    fn refusal(&self, found: &str) -> anyhow::Error {
        let Entry { id, subject, .. } = &self.entry;
        anyhow::anyhow!(
            "the resource is no longer what Snapback left, so nothing was touched; found: {found}\n  hint: Make the change \
             by hand as far as it is still wanted: `snapback history --resource {} --json` shows in entry {id} what was \
             there before. To have Snapback leave it in place, name it in your trust or in a guardrail.",
            subject.arn
        )
    }

    /// The holds come first: AWS tells Snapback of what we do within seconds.
    async fn undo(&self, operator: &Operator, member: &MemberArguments, until: Timestamp) -> Result<()> {
        let Self { entry, genuine, changes } = &self;
        let place = operator.place(&entry.subject, member).await?;
        let (now, by, journal) = (Timestamp::now(), &operator.caller().await?.arn, &operator.journal);
        for control in holders(genuine.control) {
            let hold = |grant: &String| {
                let (control, resource) = (control.to_owned(), entry.subject.arn.clone());
                let (grant, entry, by) = (grant.clone(), entry.id.clone(), by.clone());
                Hold { control, resource, grant, entry, by, since: now, until }
            };
            let holds: Vec<Hold> = grants(entry).iter().map(hold).collect();
            journal.hold(control, &entry.subject.arn, &holds).await?;
        }
        let undone = Entry {
            outcome: Outcome::Undone,
            undone: Some(Undone { by: by.clone(), at: now }),
            due: None,
            ..entry.clone()
        };
        // Nothing can be sealed once the key is disabled.
        if self.ends_the_journal() {
            journal.complete(&undone).await?;
        }
        let since = self.last_write(journal).await?;
        for (done, change) in changes.iter().enumerate() {
            let (error, is_untouched) = match applied(genuine, &place, change, since).await {
                Ok(Applied::Changed { found }) => (self.refusal(&found), true),
                Ok(_) => continue,
                Err(error) => {
                    let is_denied = aws::is_denied(&error);
                    (error, is_denied)
                }
            };
            if done == 0 && is_untouched {
                for control in holders(genuine.control) {
                    journal.release(control, &entry.subject.arn, &entry.id).await?;
                }
                if self.ends_the_journal() {
                    journal.complete(entry).await?;
                }
            }
            // AWS may have done what it has not answered. Without the holds Snapback would take that away again.
            let holds = if is_untouched {
                ""
            } else {
                "; AWS may have made the next one, so Snapback leaves it in place: run the same command again"
            };
            return Err(error.context(format!("{done} of {} changes were undone{holds}", changes.len())));
        }
        if self.ends_the_journal() {
            return Ok(());
        }
        // Whoever undoes the next one has to know when this was written.
        journal.complete(&Entry { undone: Some(Undone { by: by.clone(), at: Timestamp::now() }), ..undone }).await
    }
}
