//! Who is named in `Principal`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use super::known::{self, Issuer};
use super::pattern;
use super::reach::Reach;
use super::trust::{Exposure, Trust};
use crate::partition::Partition;

/// Whom a principal means, before a condition is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Grantee {
    Everyone,
    /// A service of AWS, which acts for whom the condition says.
    Service,
    /// Everyone who signs in with an identity provider that is not the account's alone.
    SignedIn(&'static Issuer, Reach),
    /// Everyone who signs in with an identity provider of an account's own.
    Member(Reach),
    Known(Reach),
}

impl Grantee {
    /// Everyone who signs in with whatever identity provider.
    pub(super) const WITH_ANY_TOKEN: Self = Self::SignedIn(&known::ANY_ISSUER, Reach::certain(Exposure::Account));

    /// Whether it is a provider that many share, of whom a condition names some.
    pub(super) fn is_of_tenants(self) -> bool {
        matches!(self, Self::SignedIn(issuer, _) if *issuer != known::ANY_ISSUER)
    }

    /// Whether it names one who is not trusted.
    pub(super) fn is_a_stranger(self) -> bool {
        matches!(self, Self::Known(owner) | Self::Member(owner) if owner.exposure.is_untrusted())
    }

    /// A principal of a kind: `AWS`, `Service`, `Federated`, `CanonicalUser`.
    pub(super) fn of(kind: &str, text: &str, trust: &Trust) -> Self {
        match kind {
            "Service" => Self::Service,
            _ if text == "*" => Self::Everyone,
            "AWS" => of_aws(text, trust),
            // S3 knows no public providers.
            "Federated" if trust.as_s3 => Self::Known(Reach::unsure(Exposure::Foreign)),
            "Federated" => of_federation(text, trust),
            "CanonicalUser" => Self::Known(of_canonical_user(text, trust)),
            _ => Self::Known(Reach::unsure(Exposure::Foreign)),
        }
    }
}

fn of_aws(text: &str, trust: &Trust) -> Grantee {
    if is_deleted(text) {
        let is_new = trust.shows_new_ids;
        return Grantee::Known(if is_new { Reach::unsure(Exposure::Foreign) } else { Reach::NOBODY });
    }
    match account(text) {
        Some(account) if known::is_of_aws(account, text.splitn(6, ':').nth(5)) => {
            Grantee::Known(Reach::certain(trust.of_account(account).min(Exposure::Service)))
        }
        Some(account) if is_fixed(account) => Grantee::Known(of_account(account, trust)),
        None if is_fixed(text) => Grantee::Known(Reach::unsure(Exposure::Foreign)),
        _ => Grantee::Everyone,
    }
}

/// The account of an ARN, or what is an account by itself.
pub(super) fn account(text: &str) -> Option<&str> {
    if is_account(text) {
        return Some(text);
    }
    let mut parts = text.splitn(6, ':');
    let (arn, account) = (parts.next()?, parts.nth(3)?);
    (arn == "arn" && parts.next().is_some()).then_some(account)
}

/// The account in a pattern of ARNs, and what is before it, in which a star may stand for another account where parts are
/// not compared one by one. After twelve digits nothing of an account follows, whatever a star behind them stands for.
pub(super) fn account_of_all(pattern: &str) -> Option<(&str, &str)> {
    let (colon, _) = pattern.match_indices(':').nth(3)?;
    let (before, rest) = (&pattern[..colon], &pattern[colon + 1..]);
    let account = &rest[..rest.find([':', '*', '?'])?];
    let is_whole = is_account(account) || is_fixed(account) && rest[account.len()..].starts_with(':');
    is_whole.then_some((before, account))
}

/// The accounts that a pattern means in which one digit is left open; nothing if it is of another form.
pub(super) fn ten_accounts(pattern: &str) -> Option<impl Iterator<Item = String>> {
    // No account has more than twelve digits, so a star at the end is the digit that is missing, or nothing.
    let bare = pattern.trim_end_matches('*');
    let open = if bare.len() < 12 && bare.len() < pattern.len() { format!("{bare}*") } else { bare.to_owned() };
    let place = open.find(['*', '?'])?;
    let with = move |digit: char| format!("{}{digit}{}", &open[..place], &open[place + 1..]);
    is_account(&with('0')).then(|| ('0'..='9').map(with))
}

/// The partition and the account of the root whose ARN this is.
pub(super) fn root_of(arn: &str) -> Option<(Partition, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let id = rest.strip_suffix(":root").filter(|id| is_account(id))?;
    Some((Partition::named(partition)?, id))
}

pub(super) fn of_account(id: &str, trust: &Trust) -> Reach {
    match trust.of_account(id) {
        // Origin access identities of CloudFront are users of an account that is called `cloudfront`.
        _ if id == "cloudfront" || id == "aws" => Reach::certain(Exposure::Service),
        exposure if is_account(id) => Reach::certain(exposure),
        exposure => Reach::unsure(exposure),
    }
}

/// Whom all of these accounts are.
pub(super) fn of_accounts(ids: impl Iterator<Item = String>, trust: &Trust) -> Reach {
    ids.map(|id| of_account(&id, trust)).fold(Reach::NOBODY, Reach::or)
}

fn of_federation(text: &str, trust: &Trust) -> Grantee {
    let Some(account) = account(text) else {
        let issuer = known::shared_issuer(&pattern::lower(text)).unwrap_or(&known::ANY_ISSUER);
        return Grantee::SignedIn(issuer, Reach::certain(Exposure::Account));
    };
    if !is_fixed(account) {
        return Grantee::Everyone;
    }
    let owner = of_account(account, trust);
    match issuer(text) {
        Some(issuer) => Grantee::SignedIn(issuer, owner),
        None => Grantee::Member(owner),
    }
}

/// The shared provider that an account names in an ARN of its own.
pub(super) fn issuer(text: &str) -> Option<&'static Issuer> {
    let (_, address) = text.split_once(":oidc-provider/")?;
    known::shared_issuer(&pattern::lower(address))
}

fn of_canonical_user(id: &str, trust: &Trust) -> Reach {
    match trust.of_canonical_user(id) {
        // It may be an origin access identity, or the owner.
        Exposure::Foreign => Reach::unsure(Exposure::Foreign),
        known => Reach::certain(known),
    }
}

/// Whether this is the unique id that AWS shows in place of a role or a user that is no more.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub(super) fn is_deleted(text: &str) -> bool {
    let is_id = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_id && ["AROA", "AIDA", "AGPA", "AIPA", "ANPA"].iter().any(|prefix| text.starts_with(prefix))
}

/// Whether AWS takes it for somebody in particular: an account, an ARN, or the unique id of who is no more.
pub(super) fn is_named(text: &str) -> bool {
    is_account(text) || is_deleted(text) || text.starts_with("arn:")
}

/// Whether a text is an account id.
#[must_use]
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text is the id of an organization.
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
#[must_use]
pub fn is_organization(text: &str) -> bool {
    let is_of_it = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.strip_prefix("o-").is_some_and(|name| (10..=32).contains(&name.len()) && name.bytes().all(is_of_it))
}

/// Whether a text means itself alone: no wildcard, no variable.
pub(super) fn is_fixed(text: &str) -> bool {
    !text.is_empty() && !pattern::is_pattern(text) && !text.contains("${")
}
