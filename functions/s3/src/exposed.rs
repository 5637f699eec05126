//! Whom a bucket lets in, by its policy and by its ACL.

use serde::{Deserialize, Serialize};
use snapback::change::{Acl, AclGrant, Flag, Flags, Grantee};
use snapback::policy::{Exposure, Policy, PolicyText, Trust};

/// The groups that S3 knows.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee-predefined-groups>
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// The ways into a bucket that Block Public Access can close.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Doors {
    /// The policy, as S3 gave it back.
    pub policy: Option<PolicyText>,
    /// Nothing if the bucket is gone.
    pub acl: Option<Acl>,
    /// Whether ACLs do not count in this bucket.
    pub acls_disabled: bool,
}

/// A way in that is open to everyone, and the setting that would close it.
#[derive(Debug)]
pub(crate) struct Open {
    pub flag: Flag,
    pub why: String,
    pub writes: bool,
    pub certain: bool,
}

impl Doors {
    /// Whether somebody but the owner may get in, so that it is worth to keep what was seen.
    pub(crate) fn may_be_open(&self) -> bool {
        self.policy.is_some() || self.acl.as_ref().is_some_and(|acl| acl.grants.iter().any(is_public))
    }

    /// What the settings that are on leave open.
    pub(crate) fn open(&self, on: &Flags, trust: &Trust) -> Vec<Open> {
        let mut open = vec![];
        let flag = Flag::RestrictPublicBuckets;
        match self.policy.as_deref().filter(|_| !on.contains(&flag)).map(Policy::parse) {
            None => {}
            Some(Err(error)) => {
                let why = format!("the policy is not understood: {error}");
                open.push(Open { flag, why, writes: false, certain: false });
            }
            Some(Ok(policy)) => {
                let grants = policy.judge_as_s3(trust).grants.into_iter();
                let grants = grants.filter(|grant| grant.exposure == Exposure::Public);
                open.extend(grants.map(|grant| Open {
                    flag,
                    why: grant.why,
                    writes: grant.writes,
                    certain: grant.certain,
                }));
            }
        }
        let flag = Flag::IgnorePublicAcls;
        if let Some(acl) = self.acl.as_ref().filter(|_| !self.acls_disabled && !on.contains(&flag)) {
            let public = acl.grants.iter().filter(|grant| is_public(grant));
            open.extend(public.map(|grant| Open { flag, why: sentence(grant), writes: writes(grant), certain: true }));
        }
        open
    }
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

/// The canned ACLs that let in nobody but the owner, S3's log delivery, or Amazon EC2.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
pub(crate) fn lets_nobody_in(canned: &str) -> bool {
    matches!(
        canned,
        "private" | "bucket-owner-read" | "bucket-owner-full-control" | "log-delivery-write" | "aws-exec-read"
    )
}

/// What a canned ACL that lets strangers in grants beside the owner's own.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
pub(crate) fn canned(name: &str) -> Option<Vec<AclGrant>> {
    let group = |group: &str, permission: &str| AclGrant {
        grantee: Grantee::Group(format!("http://acs.amazonaws.com/groups/global/{group}")),
        permission: permission.to_owned(),
    };
    Some(match name {
        "public-read" => vec![group("AllUsers", "READ")],
        "public-read-write" => vec![group("AllUsers", "READ"), group("AllUsers", "WRITE")],
        "authenticated-read" => vec![group("AuthenticatedUsers", "READ")],
        _ => return None,
    })
}

/// A canonical user's id does not tell its account: it may be one that is trusted by its account or organization.
pub(crate) fn is_certain(grant: &AclGrant, trust: &Trust) -> bool {
    match &grant.grantee {
        Grantee::Group(_) => is_public(grant),
        Grantee::User(_) => trust.accounts.is_empty() && trust.organizations.is_empty(),
    }
}

/// What a grant of an object's ACL does, as people read it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions>
pub(crate) fn sentence_of_object(grant: &AclGrant) -> String {
    let what = match grant.permission.as_str() {
        "READ" => "read the object",
        "READ_ACP" => "read the ACL",
        "WRITE_ACP" => "change the ACL",
        "FULL_CONTROL" => "read the object and change the ACL",
        other => other,
    };
    format!("the object's ACL lets {} {what}", grantee(grant))
}

/// What a grant of a bucket's ACL does, as people read it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions>
pub(crate) fn sentence(grant: &AclGrant) -> String {
    let what = match grant.permission.as_str() {
        "READ" => "list the objects",
        "WRITE" => "put, overwrite and delete objects",
        "READ_ACP" => "read the ACL",
        "WRITE_ACP" => "change the ACL",
        "FULL_CONTROL" => "list, put and delete objects and change the ACL",
        other => other,
    };
    format!("the ACL lets {} {what}", grantee(grant))
}

fn grantee(grant: &AclGrant) -> String {
    match &grant.grantee {
        Grantee::Group(group) => match group.as_str() {
            ALL_USERS => "everyone".to_owned(),
            AUTHENTICATED_USERS => "anyone with an AWS account".to_owned(),
            other => format!("the group `{other}`"),
        },
        Grantee::User(id) => format!("canonical user `{id}`"),
    }
}
