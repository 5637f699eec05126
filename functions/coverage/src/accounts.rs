//! The accounts of the organization, as AWS Organizations lists them.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_organizations::types::{Account as Listed, AccountState, AccountStatus};
use snapback::aws::failure;
use snapback::place::Place;

/// The limit on these calls is for the whole organization, and others need it too.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const BETWEEN_PAGES: Duration = Duration::from_millis(200);

/// In these states nobody is at work in an account. One that is not known here is looked at.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_account_state.html>
const INACTIVE: [&str; 4] = ["PENDING_ACTIVATION", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"];

/// An account, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: String,
    pub is_management: bool,
    /// Its state, if nobody is at work there.
    pub inactive: Option<String>,
}

impl Account {
    /// One that the operator has named.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self { id: id.to_owned(), is_management: false, inactive: None }
    }

    fn of(listed: Listed) -> Option<Self> {
        let id = listed.id?;
        // arn:aws:organizations::MANAGEMENT:account/o-exampleorgid/ACCOUNT
        let is_management = listed.arn.as_deref().and_then(|arn| arn.split(':').nth(4)) == Some(id.as_str());
        // AWS has announced that it leaves out the status from September 2026 on.
        let state = listed.state.as_ref().map(AccountState::as_str);
        let state = state.or(listed.status.as_ref().map(AccountStatus::as_str));
        let inactive = state.filter(|state| INACTIVE.contains(state)).map(str::to_owned);
        Some(Self { id, is_management, inactive })
    }
}

/// All accounts of the organization, by their ids.
///
/// # Errors
/// When AWS Organizations does not list them.
pub async fn accounts(place: &Place) -> Result<Vec<Account>> {
    let client = snapback::client!(aws_sdk_organizations, &place.config);
    let (mut accounts, mut next) = (vec![], None);
    loop {
        let answer = client.list_accounts().set_next_token(next).send().await;
        let answer = answer.map_err(|error| failure(error).context("listing the accounts of the organization"))?;
        for listed in answer.accounts.unwrap_or_default() {
            accounts.push(Account::of(listed).context("AWS Organizations lists an account without an id")?);
        }
        // A page may be empty, and not the last one.
        next = answer.next_token;
        if next.is_none() {
            accounts.sort_by(|one, other| one.id.cmp(&other.id));
            return Ok(accounts);
        }
        tokio::time::sleep(BETWEEN_PAGES).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:organizations::555566667777:account/o-exampleorgid/";

    fn listed(id: &str, state: Option<&str>, status: Option<&str>) -> Account {
        let listed = Listed::builder().id(id).arn(format!("{ARN}{id}"));
        let listed = listed.set_state(state.map(AccountState::from)).set_status(status.map(AccountStatus::from));
        Account::of(listed.build()).expect("an account with an id")
    }

    #[test]
    fn the_management_account_is_the_one_that_the_arns_belong_to() {
        assert!(listed("555566667777", Some("ACTIVE"), None).is_management);
        assert!(!listed("222233334444", Some("ACTIVE"), None).is_management);
        let without_arn = Account::of(Listed::builder().id("555566667777").build());
        assert_eq!(without_arn, Some(Account::named("555566667777")));
    }

    #[test]
    fn an_account_that_is_at_work_or_of_which_nothing_is_known_is_looked_at() {
        for (state, status) in [
            (Some("ACTIVE"), Some("ACTIVE")),
            (Some("ACTIVE"), None),
            (None, Some("ACTIVE")),
            (Some("REOPENED"), None),
            (None, None),
        ] {
            assert_eq!(listed("222233334444", state, status).inactive, None, "{state:?} {status:?}");
        }
    }

    #[test]
    fn the_state_counts_and_where_it_is_left_out_the_status() {
        for (state, status, inactive) in [
            (Some("SUSPENDED"), None, "SUSPENDED"),
            (Some("CLOSED"), Some("SUSPENDED"), "CLOSED"),
            (Some("PENDING_CLOSURE"), Some("ACTIVE"), "PENDING_CLOSURE"),
            (Some("PENDING_ACTIVATION"), None, "PENDING_ACTIVATION"),
            (None, Some("SUSPENDED"), "SUSPENDED"),
            (None, Some("PENDING_CLOSURE"), "PENDING_CLOSURE"),
        ] {
            let account = listed("222233334444", state, status);
            assert_eq!(account.inactive.as_deref(), Some(inactive), "{state:?} {status:?}");
        }
    }
}
