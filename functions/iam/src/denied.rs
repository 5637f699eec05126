//! What policies of identities deny, and what of it is no longer denied.

use std::collections::BTreeSet;

use snapback::policy::kept::Kept;
use snapback::policy::{NotUnderstood, Policy, PolicyText};

/// What has become of what a policy denied.
#[derive(Debug)]
pub(crate) enum Denied {
    /// It denies all that it denied, apart from what an operator has restored.
    Still { is_held: bool },
    /// It denies something else instead.
    Otherwise,
    /// In the policy of now, or alone, it would not mean what it did.
    NotAlone,
    /// What is missing, by what it means, and the policy that has it again behind all that is there now.
    Missing { statements: Vec<String>, with: PolicyText },
}

/// What policies deny, statement by statement, by what each means.
pub(crate) fn denied<'a>(
    policies: impl IntoIterator<Item = &'a PolicyText>,
) -> Result<BTreeSet<String>, NotUnderstood> {
    let denied = policies.into_iter().map(|text| Ok(Policy::parse(text.as_str())?.denied()));
    let denied: Vec<Vec<Kept<'_>>> = denied.collect::<Result<_, _>>()?;
    Ok(denied.into_iter().flatten().map(|statement| statement.name).collect())
}

/// Whether a policy denies anything, or may, as it cannot be read.
pub(crate) fn may_deny(text: &PolicyText) -> bool {
    denied([text]).map_or(true, |denied| !denied.is_empty())
}

/// Whether policies allow anything.
pub(crate) fn allow<'a>(policies: impl IntoIterator<Item = &'a PolicyText>) -> Result<bool, NotUnderstood> {
    for text in policies {
        let policy = Policy::parse(text.as_str())?;
        if policy.statements() > policy.denied().len() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a policy denied that the one in its place does not.
pub(crate) fn missing(
    before: &PolicyText,
    now: Option<&PolicyText>,
    is_held: impl Fn(&str) -> bool,
) -> Result<Denied, NotUnderstood> {
    let before = Policy::parse(before.as_str())?;
    let now = now.map(|text| Policy::parse(text.as_str())).transpose()?;
    let (had, has) = (before.denied(), now.as_ref().map(Policy::denied).unwrap_or_default());
    let lost = had.iter().filter(|statement| !has.contains(statement)).cloned();
    let (held, lost): (Vec<_>, Vec<_>) = lost.partition(|statement| is_held(&statement.name));
    if lost.is_empty() {
        return Ok(Denied::Still { is_held: !held.is_empty() });
    }
    if has.iter().any(|statement| !had.contains(statement)) {
        return Ok(Denied::Otherwise);
    }
    let with = match &now {
        Some(now) => Some(now.with(&lost)),
        None => before.only(&lost),
    };
    // A variable is one only in a document of the newer `Version`.
    let means_the_same = |with: &String| {
        Policy::parse(with).is_ok_and(|with| lost.iter().all(|statement| with.denied().contains(statement)))
    };
    Ok(match with.filter(means_the_same) {
        Some(with) => Denied::Missing {
            statements: lost.into_iter().map(|statement| statement.name).collect(),
            with: with.into(),
        },
        None => Denied::NotAlone,
    })
}
