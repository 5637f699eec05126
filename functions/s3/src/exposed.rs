//! Whom a bucket lets in, by its policy and by its ACL.

use snapback::change::{Acl, AclGrant, Grantee};
use snapback::policy::{Exposure, Grant, Kind, Policy, Trust};
use snapback::settings::Settings;

/// The groups that S3 knows.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee-predefined-groups>
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// The grants of a policy that are just as exposed.
pub(crate) fn by_policy(policy: &Policy<'_>, exposure: Exposure, account: &str, settings: &Settings) -> Vec<Grant> {
    let grants = policy.judge(Kind::Resource, &settings.trust(account)).grants.into_iter();
    grants.filter(|grant| grant.exposure == exposure).collect()
}

pub(crate) fn said(grants: &[Grant]) -> String {
    grants.iter().map(|grant| grant.why.as_str()).collect::<Vec<_>>().join("; ")
}

/// The grants of an ACL that let strangers in.
pub(crate) fn by_acl<'a>(acl: &'a Acl, trust: &Trust) -> Vec<&'a AclGrant> {
    acl.grants.iter().filter(|grant| exposure(grant, Some(&acl.owner), trust).is_untrusted()).collect()
}

/// Whom a grant of an ACL lets in.
pub(crate) fn exposure(grant: &AclGrant, owner: Option<&str>, trust: &Trust) -> Exposure {
    match &grant.grantee {
        Grantee::Group(group) => match group.as_str() {
            ALL_USERS | AUTHENTICATED_USERS => Exposure::Public,
            LOG_DELIVERY => Exposure::Service,
            _ => Exposure::Foreign,
        },
        Grantee::User(id) if Some(id.as_str()) == owner => Exposure::Account,
        Grantee::User(id) => trust.of_canonical_user(id),
    }
}

/// Whether a grant lets in a group of everyone, which is what `IgnorePublicAcls` looks at.
pub(crate) fn is_public(grant: &AclGrant) -> bool {
    matches!(&grant.grantee, Grantee::Group(group) if group == ALL_USERS || group == AUTHENTICATED_USERS)
}

/// Whether a grant lets change something.
pub(crate) fn writes(grant: &AclGrant) -> bool {
    !matches!(grant.permission.as_str(), "READ" | "READ_ACP")
}

/// What a grant of a bucket's ACL does, as people read it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions>
pub(crate) fn sentence(grant: &AclGrant) -> String {
    let who = match &grant.grantee {
        Grantee::Group(group) => match group.as_str() {
            ALL_USERS => "everyone".to_owned(),
            AUTHENTICATED_USERS => "anyone with an AWS account".to_owned(),
            other => format!("the group `{other}`"),
        },
        Grantee::User(id) => format!("canonical user `{id}`"),
    };
    let what = match grant.permission.as_str() {
        "READ" => "list the objects",
        "WRITE" => "put, overwrite and delete objects",
        "READ_ACP" => "read the ACL",
        "WRITE_ACP" => "change the ACL",
        "FULL_CONTROL" => "list, put and delete objects and change the ACL",
        other => other,
    };
    format!("the ACL lets {who} {what}")
}
