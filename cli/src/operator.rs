//! The operator at work: whose credentials these are, what a journal entry says, and whether it is to be done.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use aws_config::{Region, SdkConfig};
use snapback::aws;
use snapback::control::{AnyControl, Function};
use snapback::decision::Decision;
use snapback::journal::{Entry, Journal};

#[derive(Debug, clap::Args)]
pub(crate) struct JournalArguments {
    /// The journal's table, as the notification names it (output `JournalTable` of the stack)
    #[arg(long, env = "SNAPBACK_JOURNAL")]
    journal: String,
    /// The Region of the journal, if it is not that of your credentials
    #[arg(long)]
    region: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EntryArguments {
    /// The journal entry, as the notification names it
    id: String,
    #[command(flatten)]
    journal: JournalArguments,
}

/// Somebody with AWS credentials, at a journal.
pub(crate) struct Operator {
    pub(crate) config: SdkConfig,
    pub(crate) journal: Journal,
    pub(crate) account: String,
    /// ARN
    pub(crate) by: String,
}

/// The operator at work on one entry.
pub(crate) struct Work {
    pub(crate) operator: Operator,
    pub(crate) entry: Entry,
}

impl Operator {
    pub(crate) async fn begin(arguments: &JournalArguments) -> Result<Self> {
        let mut config = aws::config().await;
        if let Some(region) = &arguments.region {
            config = config.into_builder().region(Region::new(region.clone())).build();
        }
        let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let caller = caller.map_err(aws::failure).context("asking AWS whose credentials these are")?;
        let journal = Journal::new(&config, &arguments.journal);
        let account = caller.account().unwrap_or_default().to_owned();
        Ok(Self { by: caller.arn().unwrap_or(&account).to_owned(), config, journal, account })
    }
}

impl Work {
    /// Refuses credentials of another account than the entry's.
    pub(crate) async fn begin(arguments: &EntryArguments) -> Result<Self> {
        let operator = Operator::begin(&arguments.journal).await?;
        let Some(entry) = operator.journal.find(&arguments.id).await? else {
            bail!("there is no entry `{}` in table `{}`", arguments.id, operator.journal.table());
        };
        let (about, account) = (&entry.subject.account, &operator.account);
        if account != about {
            bail!("the entry is about account {about}, and these credentials are of account {account}");
        }
        Ok(Self { operator, entry })
    }

    /// What the entry's plan took away.
    pub(crate) fn grants(&self) -> &[String] {
        match &self.entry.decision {
            Decision::Revert { grants, .. } => grants,
            Decision::Allow { .. } | Decision::Alert { .. } => &[],
        }
    }
}

/// The function and the control that an entry is of.
pub(crate) fn control_of(entry: &Entry) -> Result<(&'static Function, &'static AnyControl)> {
    let all = crate::FUNCTIONS.iter().flat_map(|function| function.controls.iter().map(move |one| (*function, one)));
    let found = all.into_iter().find(|(_, control)| control.about.id == entry.control);
    found.with_context(|| format!("this version does not know the control `{}`", entry.control))
}

pub(crate) fn agreed(out: &mut impl Write) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("there is no terminal to ask at: say --yes if you are sure");
    }
    write!(out, "Do it? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

pub(crate) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
