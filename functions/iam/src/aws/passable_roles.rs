//! The roles of an account that can be passed to a service, and what each makes of whoever controls what it was passed to.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use snapback::aws::unless_gone;
use snapback::change::{IamIdentity, IdentityKind};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use super::GONE;
use super::authorization_details::{bounded_by, held, pages};
use super::versions::decoded;
use crate::administrator::found;
use crate::permissions::{Boundary, Granted, Permissions, Policies};
use crate::rights;
use crate::told::{instance_profile, is_of_aws};

/// A role by itself, or as what an instance profile has in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passable {
    /// Its name.
    pub(crate) role: String,
    /// Why it is administrator, or can make itself one; nothing if neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) administrator: Option<String>,
}

/// Each role and instance profile, by its name.
pub(crate) const ROLES: Survey = Survey {
    list: |look, event| {
        async move { Ok(all(look, event).await?.into_iter().map(|(subject, _)| subject).collect()) }.boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// What each is. One of which something is not told, or not understood, is left out: whoever is passed it is looked at then.
pub(crate) fn all<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Passable)>>> {
    async move {
        // Of the policies of AWS it tells those that are attached.
        let kinds = [EntityType::Role, EntityType::LocalManagedPolicy, EntityType::AwsManagedPolicy];
        let pages = pages(look, &kinds).await?;
        let policies = pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::policies);
        let texts = policies.filter_map(text).collect::<Result<BTreeMap<&str, PolicyText>>>()?;
        let mut found = vec![];
        for detail in pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::role_detail_list) {
            let Some(permissions) = permissions(detail, &texts)? else { continue };
            let Some(passable) = judged(&permissions, event) else { continue };
            let profiles = detail.instance_profile_list().iter();
            found.extend(profiles.map(|one| (instance_profile(event, one.instance_profile_name()), passable.clone())));
            found.push((Subject::role(event, &passable.role), passable));
        }
        Ok(found)
    }
    .boxed()
}

/// The name of the role in an instance profile; nothing if it is empty or gone.
pub(crate) async fn role_in(place: &Place, profile: &str) -> Result<Option<String>> {
    let call = snapback::client!(aws_sdk_iam, &place.config).get_instance_profile().instance_profile_name(profile);
    let found = unless_gone(call.send().await, GONE, || format!("reading instance profile `{profile}`"))?;
    let roles = found.and_then(|found| found.instance_profile).map(|profile| profile.roles).unwrap_or_default();
    Ok(roles.into_iter().next().map(|role| role.role_name))
}

/// A managed policy as its default version has it.
fn text(policy: &ManagedPolicyDetail) -> Option<Result<(&str, PolicyText)>> {
    let default = policy.policy_version_list().iter().find(|version| version.is_default_version())?;
    let (arn, text) = (policy.arn()?, default.document()?);
    Some(decoded(text).map(|text| (arn, text)))
}

/// All that a role holds; nothing if it is one of AWS, which nobody passes, or if not all of it is told.
fn permissions(role: &RoleDetail, texts: &BTreeMap<&str, PolicyText>) -> Result<Option<Permissions>> {
    let (Some(name), Some(arn)) = (role.role_name(), role.arn().filter(|arn| !is_of_aws(arn))) else { return Ok(None) };
    let Granted { managed, inline, .. } = held(role.attached_managed_policies(), role.role_policy_list())?;
    let boundary = bounded_by(role.permissions_boundary());
    let arns: BTreeSet<&String> = managed.iter().chain(&boundary).collect();
    if !arns.iter().all(|arn| texts.contains_key(arn.as_str())) {
        return Ok(None);
    }
    let text = |arn: &String| texts.get(arn.as_str()).cloned();
    let of = IamIdentity { kind: IdentityKind::Role, name: name.to_owned() };
    Ok(Some(Permissions {
        of,
        arn: arn.to_owned(),
        created: None,
        own: Policies { managed: managed.iter().filter_map(|arn| Some((arn.clone(), text(arn)?))).collect(), inline },
        groups: BTreeMap::new(),
        boundary: boundary.and_then(|arn| Some(Boundary { policy: text(&arn)?, arn })),
    }))
}

fn judged(permissions: &Permissions, event: &Event) -> Option<Passable> {
    let judged = permissions.judge(Some(event.time)).ok()?;
    let administrator = found(&judged, &BTreeSet::new(), false).map(|(_, why)| why);
    Some(Passable { role: permissions.of.name.clone(), administrator })
}
