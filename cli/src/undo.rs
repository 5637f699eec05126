//! `snapback undo`: takes a revert back, last step first, with the operator's own credentials.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use aws_config::{Region, SdkConfig};
use jiff::Timestamp;
use snapback::aws;
use snapback::change::{Applied, Change};
use snapback::control::Function;
use snapback::decision::Decision;
use snapback::journal::{Entry, Hold, Journal, Outcome, Undone};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The journal entry, as the notification names it
    id: String,
    /// The journal's table, as the notification names it (output `JournalTable` of the stack)
    #[arg(long, env = "SNAPBACK_JOURNAL")]
    journal: String,
    /// The Region of the journal, if it is not that of your credentials
    #[arg(long)]
    region: Option<String>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let mut config = aws::config().await;
    if let Some(region) = &arguments.region {
        config = config.into_builder().region(Region::new(region.clone())).build();
    }
    let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
    let caller = caller.map_err(aws::failure).context("asking AWS whose credentials these are")?;
    let journal = Journal::new(&config, &arguments.journal);
    let Some(entry) = journal.find(&arguments.id).await? else {
        bail!("there is no entry `{}` in table `{}`", arguments.id, arguments.journal);
    };
    let account = caller.account().unwrap_or_default();
    if account != entry.subject.account {
        bail!("the entry is about account {}, and these credentials are of account {account}", entry.subject.account);
    }
    let (changes, grants) = undoing(&entry)?;
    let function = function_of(&entry)?;
    show(out, &entry, &changes)?;
    if !arguments.yes && !agreed(out)? {
        writeln!(out, "Nothing was done.")?;
        return Ok(ExitCode::FAILURE);
    }
    let by = caller.arn().unwrap_or(account).to_owned();
    put_back(&config, &journal, function, entry, &changes, grants, by).await?;
    writeln!(out, "Done. Snapback leaves it alone from now on.")?;
    Ok(ExitCode::SUCCESS)
}

/// The changes that take the entry's plan back, in the opposite order, and the grants that they give back.
fn undoing(entry: &Entry) -> Result<(Vec<Change>, Vec<String>)> {
    match (&entry.outcome, &entry.decision) {
        (Outcome::Reverted, Decision::Revert { plan, grants, .. }) => {
            Ok((plan.iter().rev().map(Change::undo).collect(), grants.clone()))
        }
        (Outcome::Undone, _) => {
            let undone = entry.undone.as_ref().map(|undone| format!(" at {} by {}", undone.at, undone.by));
            bail!("it has been undone already{}", undone.unwrap_or_default());
        }
        (outcome, _) => bail!("nothing to take back: the entry says `{outcome}`"),
    }
}

fn function_of(entry: &Entry) -> Result<&'static Function> {
    let has = |function: &&&Function| function.controls.iter().any(|control| control.about.id == entry.control);
    let function = crate::FUNCTIONS.iter().find(has).copied();
    function.with_context(|| format!("this version does not know the control `{}`", entry.control))
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

fn agreed(out: &mut impl Write) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask at: say --yes if you are sure");
    }
    write!(out, "Do it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// The holds come first: AWS tells Snapback of what we do within seconds.
async fn put_back(
    config: &SdkConfig,
    journal: &Journal,
    function: &Function,
    mut entry: Entry,
    changes: &[Change],
    grants: Vec<String>,
    by: String,
) -> Result<()> {
    let now = Timestamp::now();
    let until = now + entry.expires.duration_since(entry.decided_at);
    let hold = |grant| Hold {
        control: entry.control.clone(),
        resource: entry.subject.arn.clone(),
        grant,
        entry: entry.id.clone(),
        by: by.clone(),
        since: now,
        until,
    };
    let holds: Vec<Hold> = grants.into_iter().map(hold).collect();
    for hold in &holds {
        journal.hold(hold).await?;
    }
    let mut done = 0;
    for change in changes {
        let result = match (function.apply)(config, &entry.subject.account, change).await {
            Ok(Applied::Changed { found }) => Err(anyhow::anyhow!(
                "the live state is no longer what Snapback left, so it is not touched; found: {found}"
            )),
            other => other.map(drop),
        };
        if let Err(error) = result {
            if done == 0 {
                for hold in &holds {
                    journal.release(hold).await?;
                }
            }
            return Err(error.context(format!("{done} of {} changes are taken back", changes.len())));
        }
        done += 1;
    }
    entry.outcome = Outcome::Undone;
    entry.undone = Some(Undone { by, at: now });
    journal.complete(&entry).await
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
