//! What an account asks of the passwords of its users.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_iam::types::PasswordPolicy as Found;
use futures::FutureExt;
use snapback::aws::{failure, unless_gone};
use snapback::change::{Account, Applied, Characters, Live, PasswordPolicy, PasswordRules, Swap};
use snapback::control::Survey;
use snapback::place::Place;
use snapback::subject::Subject;

use super::GONE;

/// Each account has one place for it, whether something is there or not.
pub(crate) const ACCOUNT: Survey =
    Survey { list: |_, event| futures::future::ready(Ok(vec![Subject::account(event)])).boxed(), needs: &[] };

pub(crate) async fn read(place: &Place) -> Result<PasswordPolicy> {
    let answer = snapback::client!(aws_sdk_iam, &place.config).get_account_password_policy().send().await;
    let found = unless_gone(answer, GONE, || "reading the password policy".to_owned())?;
    let found = found.and_then(|found| found.password_policy);
    Ok(found.map_or(PasswordPolicy::OfAws, |policy| PasswordPolicy::Own(rules(&policy))))
}

pub(super) async fn put(place: &Place, change: &Swap<Account, PasswordPolicy>) -> Result<Applied> {
    let read = async { Ok(Live::Is(read(place).await?)) };
    let write = async |to: &PasswordPolicy| match to {
        PasswordPolicy::Own(rules) => set(place, rules).await,
        PasswordPolicy::OfAws => delete(place).await,
    };
    change.put(read, write).await.with_context(|| format!("writing the password policy of {}", change.of))
}

/// Everything is said: what a call leaves out goes back to what it is by default.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html>
async fn set(place: &Place, rules: &PasswordRules) -> Result<()> {
    let has = |kind| rules.with.contains(&kind);
    let call = snapback::client!(aws_sdk_iam, &place.config)
        .update_account_password_policy()
        .minimum_password_length(rules.minimum_length)
        .require_lowercase_characters(has(Characters::Lowercase))
        .require_uppercase_characters(has(Characters::Uppercase))
        .require_numbers(has(Characters::Numbers))
        .require_symbols(has(Characters::Symbols))
        .allow_users_to_change_password(rules.users_may_change)
        .set_max_password_age(rules.expires_after)
        .hard_expiry(rules.hard_expiry)
        .set_password_reuse_prevention(rules.unlike_the_last);
    call.send().await.map(drop).map_err(failure)
}

async fn delete(place: &Place) -> Result<()> {
    let call = snapback::client!(aws_sdk_iam, &place.config).delete_account_password_policy();
    call.send().await.map(drop).map_err(failure)
}

/// IAM says 0 or nothing where there is no limit.
fn rules(found: &Found) -> PasswordRules {
    let kinds = [
        (found.require_lowercase_characters, Characters::Lowercase),
        (found.require_uppercase_characters, Characters::Uppercase),
        (found.require_numbers, Characters::Numbers),
        (found.require_symbols, Characters::Symbols),
    ];
    let with: BTreeSet<Characters> =
        kinds.into_iter().filter_map(|(is_asked, kind)| is_asked.then_some(kind)).collect();
    let limit = |number: Option<i32>| number.filter(|number| *number > 0);
    PasswordRules {
        minimum_length: found.minimum_password_length.unwrap_or_default(),
        with,
        users_may_change: found.allow_users_to_change_password,
        expires_after: limit(found.max_password_age),
        hard_expiry: found.hard_expiry.unwrap_or_default(),
        unlike_the_last: limit(found.password_reuse_prevention),
    }
}
