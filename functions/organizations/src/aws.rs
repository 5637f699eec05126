//! Every call to AWS that the controls of AWS Organizations make.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_organizations::operation::list_aws_service_access_for_organization::ListAwsServiceAccessForOrganizationOutput;
use aws_sdk_organizations::operation::list_policies_for_target::ListPoliciesForTargetOutput;
use aws_sdk_organizations::types::{PolicySummary, PolicyType};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{
    Applied, AttachedPolicy, Change, Live, Organizations, PolicyTarget, ServiceAccess, Swap, TrustedService,
};
use snapback::control::Look;
use snapback::place::Place;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use crate::told;

const GONE: &[&str] = &["PolicyNotFoundException"];
const NO_TARGET: &[&str] = &["TargetNotFoundException"];

/// A policy of the organization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub name: String,
    /// `SERVICE_CONTROL_POLICY`
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether AWS wrote it.
    pub is_of_aws: bool,
    pub content: PolicyText,
}

/// A policy by its id; nothing if it is deleted.
pub(crate) async fn policy(place: &Place, id: &str) -> Result<Option<Policy>> {
    let answer = snapback::client!(aws_sdk_organizations, &place.config).describe_policy().policy_id(id).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading policy `{id}` of the organization"))?;
    let Some(found) = answer.and_then(|answer| answer.policy) else { return Ok(None) };
    let summary = found.policy_summary.context("AWS Organizations has left out what a policy is called")?;
    Ok(Some(Policy {
        kind: kind_of(&summary),
        is_of_aws: summary.aws_managed,
        name: summary.name.unwrap_or_default(),
        content: found.content.unwrap_or_default().into(),
    }))
}

fn kind_of(summary: &PolicySummary) -> String {
    summary.r#type.as_ref().map_or("", PolicyType::as_str).to_owned()
}

/// The policies of one type that are attached to a root, a unit or an account itself; nothing if that is gone.
pub(crate) async fn attached(place: &Place, target: &str, kind: &str) -> Result<Option<Vec<AttachedPolicy>>> {
    let client = snapback::client!(aws_sdk_organizations, &place.config);
    let call = client.list_policies_for_target().target_id(target).filter(PolicyType::from(kind));
    let pages = call.into_paginator().send().collect::<Result<Vec<_>, _>>().await;
    let pages = unless_gone(pages, NO_TARGET, || format!("listing the policies of `{target}`"))?;
    let of = |found: PolicySummary| AttachedPolicy {
        kind: kind_of(&found),
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
    };
    let all = |pages: Vec<ListPoliciesForTargetOutput>| {
        pages.into_iter().flat_map(|page| page.policies.unwrap_or_default()).map(of).collect()
    };
    Ok(pages.map(all))
}

/// Whether a service may act in all accounts of the organization.
pub(crate) async fn access(place: &Place, service: &str) -> Result<ServiceAccess> {
    let client = snapback::client!(aws_sdk_organizations, &place.config);
    let pages = client.list_aws_service_access_for_organization().into_paginator();
    let pages = pages.send().collect::<Result<Vec<_>, _>>().await;
    let pages = pages.map_err(|error| failure(error).context("listing the services that the organization trusts"))?;
    let mut listed = pages.iter().flat_map(ListAwsServiceAccessForOrganizationOutput::enabled_service_principals);
    let is_there = listed.any(|one| one.service_principal.as_deref() == Some(service));
    Ok(if is_there { ServiceAccess::Enabled } else { ServiceAccess::Disabled })
}

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Organizations(Organizations::Policies(change)) => edit_policies(place, change).await,
            Change::Organizations(Organizations::Access(change)) => put_access(place, change).await,
            _ => bail!("the function for AWS Organizations was asked to {change}"),
        }
    }
    .boxed()
}

async fn edit_policies(place: &Place, change: &Swap<PolicyTarget, Vec<AttachedPolicy>>) -> Result<Applied> {
    let target = change.of.0.as_str();
    let read = || async {
        let mut live = vec![];
        for policy in change.from.iter().chain(&change.to) {
            let Some(attached) = attached(place, target, &policy.kind).await? else {
                return Ok(Live::Cannot(format!("{} is gone", change.of)));
            };
            live.extend(attached.into_iter().find(|found| found.id == policy.id));
        }
        Ok(Live::Is(live))
    };
    let applied = change.edit(read, async |edit| {
        let client = snapback::client!(aws_sdk_organizations, &place.config);
        for policy in edit.remove {
            client.detach_policy().policy_id(&policy.id).target_id(target).send().await.map_err(failure)?;
        }
        for policy in edit.add {
            client.attach_policy().policy_id(&policy.id).target_id(target).send().await.map_err(failure)?;
        }
        Ok(Applied::done())
    });
    applied.await.with_context(|| format!("writing the policies of {}", change.of))
}

async fn put_access(place: &Place, change: &Swap<TrustedService, ServiceAccess>) -> Result<Applied> {
    let service = change.of.0.as_str();
    let read = async { Ok(Live::Is(access(place, service).await?)) };
    let write = async |to: &ServiceAccess| {
        let client = snapback::client!(aws_sdk_organizations, &place.config);
        match to {
            ServiceAccess::Enabled => {
                client.enable_aws_service_access().service_principal(service).send().await.map(drop).map_err(failure)
            }
            ServiceAccess::Disabled => {
                client.disable_aws_service_access().service_principal(service).send().await.map(drop).map_err(failure)
            }
        }
    };
    change.put(read, write).await.with_context(|| format!("writing the access of {}", change.of))
}

/// The tags of a policy; one that is gone has none, and nothing else here has any that count.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        if subject.kind != told::POLICY {
            return Ok(BTreeMap::new());
        }
        let id = subject.name.as_str();
        let client = snapback::client!(aws_sdk_organizations, &look.place.config);
        let pages = client.list_tags_for_resource().resource_id(id).into_paginator();
        let listed = pages.items().send().collect::<Result<Vec<_>, _>>().await;
        let listed = unless_gone(listed, NO_TARGET, || format!("reading the tags of policy `{id}`"))?;
        Ok(listed.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
    .boxed()
}
