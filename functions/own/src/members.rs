//! Has the journal know which accounts of the organization are no strangers, where the operator trusts its members
//! (`TrustMembers`).
//!
//! Nothing is believed but AWS Organizations' own list, and no event is waited for: each hour it is asked for anew, so that
//! for no longer than that an account that has left counts as a member. An account that was invited was somebody else's
//! before, and stays a stranger until the operator names it.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html>

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_organizations::types::{Account, AccountJoinedMethod, AccountState, AccountStatus};
use jiff::{SignedDuration, Timestamp};
use snapback::aws::failure;
use snapback::responder::Responder;
use tokio::time::{Instant, sleep};
use tracing::info;

/// How old a list is before the next one is asked for; the checks come every five minutes.
const FRESH: SignedDuration = SignedDuration::from_mins(58);

/// Between two pages: the limit on these calls is for the whole organization.
const PAUSE: Duration = Duration::from_millis(100);

/// Lists them if it is time to.
///
/// # Errors
/// When AWS Organizations does not list all of them in this time, or the journal cannot be used. What was listed last counts
/// for two days, and then nothing does.
pub(crate) async fn list(responder: &Responder<'_>, time: Duration) -> Result<()> {
    if !responder.settings().trusts_members {
        return Ok(());
    }
    let (journal, now, end) = (responder.journal(), Timestamp::now(), Instant::now() + time);
    let before = journal.members(now).await?;
    if before.as_ref().is_some_and(|before| before.listed + FRESH > now) {
        return Ok(());
    }
    let client = snapback::client!(aws_sdk_organizations, &responder.home().config);
    let (mut accounts, mut next) = (BTreeSet::new(), None);
    loop {
        let answer = client.list_accounts().set_next_token(next).send().await.map_err(failure);
        let answer = answer.context(
            "asking AWS Organizations whom `TrustMembers` means (organization/README.md tells under `Letting an account ask` \
             how that is allowed)",
        )?;
        accounts.extend(answer.accounts.unwrap_or_default().into_iter().filter_map(trusted));
        next = answer.next_token;
        if next.is_none() {
            break;
        }
        ensure!(Instant::now() < end, "AWS Organizations has more accounts than a function has the time to list");
        sleep(responder.deployment().pace.of(PAUSE)).await;
    }
    let known = before.map(|before| before.accounts).unwrap_or_default();
    let (joined, left): (Vec<_>, Vec<_>) =
        (accounts.difference(&known).collect(), known.difference(&accounts).collect());
    info!(trusted = accounts.len(), ?joined, ?left, "listed the members of the organization");
    journal.keep_members(&accounts, Timestamp::now()).await
}

/// The id of an account that is no stranger.
fn trusted(account: Account) -> Option<String> {
    // AWS has announced that it leaves out the status from September 2026 on.
    let is_active = match &account.state {
        Some(state) => *state == AccountState::Active,
        None => account.status == Some(AccountStatus::Active),
    };
    let was_created = account.joined_method == Some(AccountJoinedMethod::Created);
    account.id.filter(|_| is_active && was_created)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_account_that_was_created_in_the_organization_is_no_stranger() {
        let account = |state: Option<&str>, status: Option<&str>, joined: Option<&str>| {
            let account = Account::builder().id("222233334444").set_state(state.map(AccountState::from));
            let account = account.set_status(status.map(AccountStatus::from));
            trusted(account.set_joined_method(joined.map(AccountJoinedMethod::from)).build()).is_some()
        };
        assert!(account(Some("ACTIVE"), None, Some("CREATED")));
        assert!(account(None, Some("ACTIVE"), Some("CREATED")));
        for (state, status, joined) in [
            (Some("ACTIVE"), None, Some("INVITED")),
            (Some("ACTIVE"), None, None),
            (Some("SUSPENDED"), Some("ACTIVE"), Some("CREATED")),
            (Some("CLOSED"), None, Some("CREATED")),
            (Some("PENDING_CLOSURE"), None, Some("CREATED")),
            (None, Some("SUSPENDED"), Some("CREATED")),
            (None, None, Some("CREATED")),
        ] {
            assert!(!account(state, status, joined), "{state:?} {status:?} {joined:?}");
        }
    }
}
