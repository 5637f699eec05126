//! Whose credentials the operator has.

use anyhow::{Context, Result, ensure};
use aws_config::SdkConfig;
use snapback::aws;
use snapback::subject::Subject;

#[derive(Debug, clap::Args)]
pub(crate) struct MemberArguments {
    /// The role to take in the account of the entry, where your credentials belong to another
    #[arg(long, value_name = "NAME", help_heading = "AWS options")]
    pub(crate) member_role: Option<String>,
}

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

    /// Credentials of another account than the resource's would act on something else of the same name, so a role there has
    /// to be named.
    pub(crate) fn reaches(&self, of: &Subject, member: &MemberArguments) -> Result<()> {
        ensure!(
            self.account == of.account || member.member_role.is_some(),
            "the entry is about account {}, but your credentials belong to account {}\n  hint: Name the role that you may \
             take there with --member-role.",
            of.account,
            self.account
        );
        Ok(())
    }
}
