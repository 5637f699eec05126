//! The operator at work on a journal entry: whose credentials these are, and what the entry says.

use anyhow::{Context, Result, bail};
use aws_config::{Region, SdkConfig};
use snapback::aws;
use snapback::decision::Decision;
use snapback::journal::{Entry, Journal};

#[derive(Debug, clap::Args)]
pub(crate) struct EntryArguments {
    /// The journal entry, as the notification names it
    id: String,
    /// The journal's table, as the notification names it (output `JournalTable` of the stack)
    #[arg(long, env = "SNAPBACK_JOURNAL")]
    journal: String,
    /// The Region of the journal, if it is not that of your credentials
    #[arg(long)]
    region: Option<String>,
}

pub(crate) struct Work {
    pub(crate) config: SdkConfig,
    pub(crate) journal: Journal,
    pub(crate) entry: Entry,
    /// The operator's ARN.
    pub(crate) by: String,
}

impl Work {
    /// Refuses credentials of another account than the entry's.
    pub(crate) async fn begin(arguments: &EntryArguments) -> Result<Self> {
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
            bail!(
                "the entry is about account {}, and these credentials are of account {account}",
                entry.subject.account
            );
        }
        Ok(Self { by: caller.arn().unwrap_or(account).to_owned(), config, journal, entry })
    }

    /// What the entry's plan took away.
    pub(crate) fn grants(&self) -> &[String] {
        match &self.entry.decision {
            Decision::Revert { grants, .. } => grants,
            Decision::Allow { .. } | Decision::Alert { .. } => &[],
        }
    }
}
