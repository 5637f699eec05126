//! Has the journal know which accounts of the organization are no strangers and in which units accounts are, where the
//! operator trusts its members or has them listed (`TrustMembers`).
//!
//! Nothing is believed but AWS Organizations' own list, and no event is waited for: each hour it is asked for anew, so that
//! for no longer than that an account that has left counts as a member. An account that was invited was somebody else's
//! before, and stays a stranger until the operator names it.
//! <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html>

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_organizations::types::{Account, AccountJoinedMethod, AccountState, AccountStatus};
use jiff::{SignedDuration, Timestamp};
use snapback::aws::failure;
use snapback::journal::{Listed, Members};
use snapback::mode::is_unit;
use snapback::responder::Responder;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

/// How old a list is before the next one is asked for; the checks come every five minutes.
const FRESH: SignedDuration = SignedDuration::from_mins(58);

/// Between two pages: the limit on these calls is for the whole organization.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const PAUSE: Duration = Duration::from_millis(100);

/// Lists them if it is time to. Why AWS Organizations does not list all of them in this time is kept for the next check, which
/// tells people (`own-unlisted-members`); what was listed last counts for two days, and then nothing does.
///
/// # Errors
/// When the journal cannot be used.
pub(crate) async fn list(responder: &Responder<'_>, time: Duration) -> Result<()> {
    if !responder.settings().asks_for_members() {
        return Ok(());
    }
    let (journal, now) = (responder.journal(), Timestamp::now());
    // What is forged is told of by then, and replaced.
    let before = journal.members().await?.unwrap_or_default();
    if before.last.as_ref().is_some_and(|last| last.at + FRESH > now) {
        return Ok(());
    }
    let is_trusted = |id: &str| id == responder.home().account || responder.settings().trusted_accounts.contains(id);
    let members = match asked(responder, time).await.map(|accounts| listed(accounts, is_trusted, now)) {
        Ok(listed) => {
            let known = before.last.as_ref().map(|last| last.accounts.clone()).unwrap_or_default();
            let joined: Vec<_> = listed.accounts.difference(&known).collect();
            let left: Vec<_> = known.difference(&listed.accounts).collect();
            let (trusted, organization) = (listed.accounts.len(), &listed.organization);
            info!(trusted, organization, ?joined, ?left, "listed the members of the organization");
            Members { last: Some(listed), problem: None }
        }
        Err(failure) => {
            warn!("the members of the organization could not be listed: {failure:#}");
            Members { problem: Some(format!("{failure:#}")), ..before.clone() }
        }
    };
    if members == before { Ok(()) } else { journal.keep_members(&members, now).await }
}

/// All accounts of the organization.
async fn asked(responder: &Responder<'_>, time: Duration) -> Result<Vec<Account>> {
    let (client, end) = (snapback::client!(aws_sdk_organizations, &responder.home().config), Instant::now() + time);
    let (mut accounts, mut next) = (vec![], None);
    loop {
        let answer = client.list_accounts().set_next_token(next).send().await.map_err(failure);
        let answer = answer.context(
            "asking AWS Organizations whom `TrustMembers` means (organization/README.md tells under `Letting an account ask` \
             how that is allowed)",
        )?;
        accounts.extend(answer.accounts.unwrap_or_default());
        next = answer.next_token;
        if next.is_none() {
            return Ok(accounts);
        }
        ensure!(Instant::now() < end, "AWS Organizations has more accounts than a function has the time to list");
        sleep(responder.deployment().pace.of(PAUSE)).await;
    }
}

/// Who of these is no stranger. The organization is none if nobody in it is, as a condition on it lets in all of them.
fn listed(accounts: Vec<Account>, is_trusted: impl Fn(&str) -> bool, at: Timestamp) -> Listed {
    let (mut trusted, mut organization, mut has_strangers) = (BTreeSet::new(), None, false);
    let mut units = BTreeMap::new();
    for account in accounts {
        // arn:aws:organizations::MANAGEMENT:account/o-exampleorgid/ACCOUNT
        let arn = account.arn.clone().unwrap_or_default();
        organization = arn.split('/').nth(1).map(str::to_owned).or(organization);
        let Some(id) = &account.id else { continue };
        // AWS lists the account that made the organization as invited. It can get into every other.
        let is_management = arn.split(':').nth(4) == Some(id);
        let is_ours = is_management || account.joined_method == Some(AccountJoinedMethod::Created);
        has_strangers |= !is_ours && !is_trusted(id);
        if is_ours && is_active(&account) {
            trusted.insert(id.clone());
        }
        // o-exampleorgid/r-ab12/ou-ab12-c3d4e5f6/ou-ab12-11112222/ACCOUNT
        let path = account.paths.iter().flatten().flat_map(|path| path.split('/'));
        let of_account: BTreeSet<String> = path.filter(|id| is_unit(id)).map(str::to_owned).collect();
        if !of_account.is_empty() {
            units.insert(id.clone(), of_account);
        }
    }
    Listed { accounts: trusted, organization: organization.filter(|_| !has_strangers), units, at }
}

fn is_active(account: &Account) -> bool {
    // AWS has announced that it leaves out the status from September 2026 on.
    match &account.state {
        Some(state) => *state == AccountState::Active,
        None => account.status == Some(AccountStatus::Active),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANAGEMENT: &str = "111122223333";
    const OURS: &str = "222233334444";

    fn account(id: &str, joined: Option<&str>) -> Account {
        let account =
            Account::builder().id(id).arn(format!("arn:aws:organizations::{MANAGEMENT}:account/o-exampleorgid/{id}"));
        account.state(AccountState::Active).set_joined_method(joined.map(AccountJoinedMethod::from)).build()
    }

    fn trusted(accounts: Vec<Account>) -> (Vec<String>, Option<String>) {
        let Listed { accounts, organization, .. } = listed(accounts, |id| id == "999900001111", Timestamp::UNIX_EPOCH);
        (accounts.into_iter().collect(), organization)
    }

    #[test]
    fn only_an_active_account_that_was_created_in_the_organization_is_no_stranger() {
        let is_trusted = |state: Option<&str>, status: Option<&str>, joined| {
            let mut account = account(OURS, joined);
            (account.state, account.status) = (state.map(AccountState::from), status.map(AccountStatus::from));
            trusted(vec![account]).0 == [OURS]
        };
        assert!(is_trusted(Some("ACTIVE"), None, Some("CREATED")));
        assert!(is_trusted(None, Some("ACTIVE"), Some("CREATED")));
        for (state, status, joined) in [
            (Some("ACTIVE"), None, Some("INVITED")),
            (Some("ACTIVE"), None, None),
            (Some("SUSPENDED"), Some("ACTIVE"), Some("CREATED")),
            (Some("CLOSED"), None, Some("CREATED")),
            (Some("PENDING_CLOSURE"), None, Some("CREATED")),
            (None, Some("SUSPENDED"), Some("CREATED")),
            (None, None, Some("CREATED")),
        ] {
            assert!(!is_trusted(state, status, joined), "{state:?} {status:?} {joined:?}");
        }
    }

    #[test]
    fn an_account_is_in_all_units_of_its_path_and_in_none_that_are_known_if_no_path_is_told() {
        let mut ours = account(OURS, Some("INVITED"));
        ours.paths = Some(vec![format!("o-exampleorgid/r-ab12/ou-ab12-c3d4e5f6/ou-ab12-11112222/{OURS}/")]);
        let accounts = vec![ours, account(MANAGEMENT, Some("INVITED"))];
        let Listed { units, .. } = listed(accounts, |_| false, Timestamp::UNIX_EPOCH);
        let path = ["r-ab12", "ou-ab12-c3d4e5f6", "ou-ab12-11112222"].map(str::to_owned);
        assert_eq!(units, BTreeMap::from([(OURS.to_owned(), BTreeSet::from(path))]));
    }

    #[test]
    fn the_account_that_made_the_organization_is_no_stranger_though_it_is_listed_as_invited() {
        let both = vec![account(MANAGEMENT, Some("INVITED")), account("333344445555", Some("INVITED"))];
        assert_eq!(trusted(both).0, [MANAGEMENT]);
    }

    #[test]
    fn the_organization_is_no_stranger_if_nobody_in_it_is() {
        let ours = || vec![account(MANAGEMENT, Some("INVITED")), account(OURS, Some("CREATED"))];
        let with = |other| trusted([ours(), vec![other]].concat()).1;
        let organization = Some("o-exampleorgid".to_owned());
        assert_eq!(trusted(ours()).1, organization);
        assert_eq!(with(account("333344445555", Some("INVITED"))), None);
        // The operator has named it; and it is not on the list, as it is trusted by its name.
        assert_eq!(with(account("999900001111", Some("INVITED"))), organization);
        // One that is suspended may come back.
        let mut suspended = account("333344445555", Some("INVITED"));
        suspended.state = Some(AccountState::Suspended);
        assert_eq!(with(suspended), None);
    }
}
