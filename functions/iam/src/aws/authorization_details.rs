//! What all users, roles and groups of an account have been granted, and which version of each managed policy is its
//! default, read at once.
//!
//! One by one an account with 10,000 of them would take some 60,000 calls for each look. This takes one for up to 1,000.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, EntityType, ManagedPolicyDetail, PolicyDetail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::failure;
use snapback::change::PolicyVersion;
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use super::versions::decoded;
use crate::denied::may_deny;
use crate::permissions::{DefaultVersion, Granted};
use crate::rights;
use crate::told::is_of_aws;
use crate::trusted::trusted;

/// The most that IAM gives in one answer.
const MOST_AT_ONCE: i32 = 1000;

/// Every user, role and group that somebody may change: AWS changes its own.
pub(crate) const IDENTITIES: Survey = Survey {
    list: |look, event| {
        async move {
            let found = all(look, event).await?.into_iter();
            Ok(found.map(|one| one.subject.at(Some(&one.arn))).collect())
        }
        .boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// What each of them has been granted. They go by the names that events have, which do not tell paths.
pub(crate) fn granted<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Granted)>>> {
    async move { Ok(all(look, event).await?.into_iter().map(|one| (one.subject, one.granted)).collect()) }.boxed()
}

/// Every managed policy of the account.
pub(crate) const POLICIES: Survey = Survey {
    list: |look, event| {
        async move { Ok(default_versions(look, event).await?.into_iter().map(|(policy, _)| policy).collect()) }.boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// Which version is the default of each, and what it says if it denies anything.
pub(crate) fn default_versions<'a>(
    look: &'a Look<'a>,
    event: &'a Event,
) -> BoxFuture<'a, Result<Vec<(Subject, DefaultVersion)>>> {
    async move {
        let pages = pages(look, &[EntityType::LocalManagedPolicy]).await?;
        let policies = pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::policies);
        let told = policies.filter_map(|policy| Some((policy, policy.arn()?, policy.default_version_id()?)));
        let read = told.map(|(policy, arn, id)| {
            let text = default_text(policy).map(decoded).transpose()?;
            let version = DefaultVersion { version: PolicyVersion(id.to_owned()), denying: text.filter(may_deny) };
            Ok((Subject::managed_policy(event, arn), version))
        });
        read.collect()
    }
    .boxed()
}

/// What the default version of a policy says, as IAM spells it.
pub(super) fn default_text(policy: &ManagedPolicyDetail) -> Option<&str> {
    policy.policy_version_list().iter().find(|version| version.is_default_version())?.document()
}

/// One of them, under the name that events have and under the ARN that IAM has.
struct Detail {
    subject: Subject,
    arn: String,
    granted: Granted,
}

async fn all(look: &Look<'_>, event: &Event) -> Result<Vec<Detail>> {
    let mut found = vec![];
    let pages = pages(look, &[EntityType::User, EntityType::Role, EntityType::Group]).await?;
    let groups = pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::group_detail_list);
    let ids: BTreeMap<&str, &str> = groups.filter_map(|group| Some((group.group_name()?, group.group_id()?))).collect();
    for page in &pages {
        for user in page.user_detail_list() {
            let id = |name: &String| Some((name.clone(), (*ids.get(name.as_str())?).to_owned()));
            let granted = Granted {
                id: user.user_id().map(str::to_owned),
                groups: user.group_list().iter().cloned().collect(),
                group_ids: user.group_list().iter().filter_map(id).collect(),
                boundary: bounded_by(user.permissions_boundary()),
                ..held(user.attached_managed_policies(), user.user_policy_list())?
            };
            found.extend(detail(Subject::user, event, user.user_name(), user.arn(), granted));
        }
        for role in page.role_detail_list() {
            if role.arn().is_some_and(is_of_aws) {
                continue;
            }
            let trust = role.assume_role_policy_document().map(decoded).transpose()?;
            let granted = Granted {
                id: role.role_id().map(str::to_owned),
                boundary: bounded_by(role.permissions_boundary()),
                trusts: trust.and_then(|trust| trusted(trust.as_str())),
                ..held(role.attached_managed_policies(), role.role_policy_list())?
            };
            found.extend(detail(Subject::role, event, role.role_name(), role.arn(), granted));
        }
        for group in page.group_detail_list() {
            let granted = Granted {
                id: group.group_id().map(str::to_owned),
                ..held(group.attached_managed_policies(), group.group_policy_list())?
            };
            found.extend(detail(Subject::group, event, group.group_name(), group.arn(), granted));
        }
    }
    Ok(found)
}

pub(super) async fn pages(look: &Look<'_>, kinds: &[EntityType]) -> Result<Vec<GetAccountAuthorizationDetailsOutput>> {
    let call = snapback::client!(aws_sdk_iam, &look.place.config).get_account_authorization_details();
    let call = call.set_filter(Some(kinds.into())).into_paginator().page_size(MOST_AT_ONCE);
    let pages = call.send().collect::<Result<Vec<_>, _>>().await;
    pages
        .map_err(|error| failure(error).context("reading what all users, roles, groups and policies have been granted"))
}

fn detail(
    subject: fn(&Event, &str) -> Subject,
    event: &Event,
    name: Option<&str>,
    arn: Option<&str>,
    granted: Granted,
) -> Option<Detail> {
    Some(Detail { subject: subject(event, name?), arn: arn?.to_owned(), granted })
}

pub(super) fn held(managed: &[AttachedPolicy], inline: &[PolicyDetail]) -> Result<Granted> {
    let managed: BTreeSet<String> = managed.iter().filter_map(|one| one.policy_arn().map(str::to_owned)).collect();
    let inline = inline.iter().filter_map(|one| Some((one.policy_name()?, one.policy_document()?)));
    let inline = inline.map(|(name, text)| Ok((name.to_owned(), decoded(text)?)));
    let inline: BTreeMap<String, PolicyText> = inline.collect::<Result<_>>()?;
    Ok(Granted { managed, inline, ..Granted::default() })
}

pub(super) fn bounded_by(boundary: Option<&AttachedPermissionsBoundary>) -> Option<String> {
    boundary.and_then(AttachedPermissionsBoundary::permissions_boundary_arn).map(str::to_owned)
}
