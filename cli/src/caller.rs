//! Whose credentials the operator has.

use anyhow::{Context, Result, ensure};
use aws_config::SdkConfig;
use snapback::aws;
use snapback::journal::Entry;

pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) arn: String,
}

impl Caller {
    pub(crate) async fn of(config: &SdkConfig) -> Result<Self> {
        let caller = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
        let caller = caller.map_err(aws::failure).context("asking AWS whose credentials these are")?;
        let account = caller.account.unwrap_or_default();
        Ok(Self { arn: caller.arn.unwrap_or_else(|| account.clone()), account })
    }

    /// Credentials of another account than the entry's would act on something else of the same name.
    pub(crate) fn is_at_home(&self, entry: &Entry) -> Result<()> {
        let (account, of_entry) = (&self.account, &entry.subject.account);
        ensure!(
            account == of_entry,
            "the entry is about account {of_entry}, but your credentials belong to account {account}"
        );
        Ok(())
    }
}
