//! What all users, roles, groups and managed policies of an account have been granted, read at once.
//!
//! One by one an account with 10,000 of them would take some 60,000 calls for each look. This takes one for up to 1,000.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_iam::types::{AttachedPolicy, EntityType, PolicyDetail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::failure;
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use super::identities::decoded;
use crate::permissions::Granted;
use crate::rights;
use crate::told::is_of_aws;

/// The most that IAM gives in one answer.
const MOST_AT_ONCE: i32 = 1000;

/// Every user, role and group that somebody may change: AWS changes its own.
pub(crate) const IDENTITIES: Survey = Survey {
    list: |look, event| {
        async move {
            let found = all(look, event).await?.into_iter();
            let found = found.filter(|one| one.subject.kind != "managed policy");
            Ok(found.map(|one| one.subject.at(Some(&one.arn))).collect())
        }
        .boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// What each of them has been granted, and which version of each managed policy is its default. They go by the names that
/// events have, which do not tell paths.
pub(crate) fn granted<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Granted)>>> {
    async move { Ok(all(look, event).await?.into_iter().map(|one| (one.subject, one.granted)).collect()) }.boxed()
}

/// One of them, under the name that events have and under the ARN that IAM has.
struct Detail {
    subject: Subject,
    arn: String,
    granted: Granted,
}

async fn all(look: &Look<'_>, event: &Event) -> Result<Vec<Detail>> {
    let call = snapback::client!(aws_sdk_iam, &look.place.config).get_account_authorization_details();
    let kinds = [EntityType::User, EntityType::Role, EntityType::Group, EntityType::LocalManagedPolicy];
    let mut pages = call.set_filter(Some(kinds.into())).into_paginator().page_size(MOST_AT_ONCE).send();
    let mut found = vec![];
    while let Some(page) = pages.next().await {
        let page = page.map_err(failure).context("reading what all users, roles and groups have been granted")?;
        for user in page.user_detail_list() {
            let granted = Granted {
                groups: user.group_list().iter().cloned().collect(),
                ..held(user.attached_managed_policies(), user.user_policy_list())?
            };
            found.extend(detail(Subject::user, event, user.user_name(), user.arn(), granted));
        }
        for role in page.role_detail_list() {
            if role.arn().is_some_and(is_of_aws) {
                continue;
            }
            let granted = held(role.attached_managed_policies(), role.role_policy_list())?;
            found.extend(detail(Subject::role, event, role.role_name(), role.arn(), granted));
        }
        for group in page.group_detail_list() {
            let granted = held(group.attached_managed_policies(), group.group_policy_list())?;
            found.extend(detail(Subject::group, event, group.group_name(), group.arn(), granted));
        }
        for policy in page.policies() {
            let default_version = policy.default_version_id().map(str::to_owned);
            let granted = Granted { default_version, ..Granted::default() };
            found.extend(detail(Subject::managed_policy, event, policy.arn(), policy.arn(), granted));
        }
    }
    Ok(found)
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

fn held(managed: &[AttachedPolicy], inline: &[PolicyDetail]) -> Result<Granted> {
    let managed: BTreeSet<String> = managed.iter().filter_map(|one| one.policy_arn().map(str::to_owned)).collect();
    let inline = inline.iter().filter_map(|one| Some((one.policy_name()?, one.policy_document()?)));
    let inline = inline.map(|(name, text)| Ok((name.to_owned(), decoded(text)?)));
    let inline: BTreeMap<String, PolicyText> = inline.collect::<Result<_>>()?;
    Ok(Granted { managed, inline, ..Granted::default() })
}
