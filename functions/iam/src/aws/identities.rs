//! Users, roles and groups: what gives them permissions, read one by one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws_sdk_iam::Client;
use aws_sdk_iam::primitives::DateTime;
use futures::future::try_join_all;
use jiff::Timestamp;
use snapback::aws::unless_gone;
use snapback::place::Place;
use snapback::policy::PolicyText;

use super::GONE;
use super::versions::{self, decoded};
use crate::permissions::{Boundary, IamIdentity, IdentityKind, Permissions, Policies};

/// How an identity is named in its policies, before their texts are read.
struct Names {
    of: IamIdentity,
    managed: BTreeSet<String>,
    inline: BTreeMap<String, PolicyText>,
}

/// An identity by itself, without what gives it permissions.
pub(crate) struct Known {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) created: Option<Timestamp>,
    /// The ARN of its permissions boundary.
    pub(crate) boundary: Option<String>,
}

/// All that gives an identity permissions; nothing if there is no such identity.
pub(crate) async fn read(place: &Place, of: &IamIdentity) -> Result<Option<Permissions>> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    let Some(known) = known(&client, of).await? else { return Ok(None) };
    let groups = match of.kind {
        IdentityKind::User => groups(&client, &of.name).await?,
        IdentityKind::Role | IdentityKind::Group => vec![],
    };
    let group_arns = groups.iter().map(|(group, arn)| (group.name.clone(), arn.clone())).collect();
    let group_ids = groups.iter().filter_map(|(group, _)| Some((group.name.clone(), group.id.clone()?))).collect();
    let all = [of.clone()].into_iter().chain(groups.into_iter().map(|(group, _)| group));
    let all = try_join_all(all.map(|of| names(&client, of))).await?;
    let arns: BTreeSet<&String> = all.iter().flat_map(|names| &names.managed).chain(&known.boundary).collect();
    let texts = try_join_all(arns.into_iter().map(|arn| managed(&client, arn))).await?;
    let texts: BTreeMap<String, PolicyText> = texts.into_iter().flatten().collect();
    let policies = |names: Names| Policies {
        managed: names.managed.iter().filter_map(|arn| Some((arn.clone(), texts.get(arn)?.clone()))).collect(),
        inline: names.inline,
    };
    let mut all = all.into_iter();
    let own = all.next().map(policies).unwrap_or_default();
    Ok(Some(Permissions {
        of: of.clone(),
        boundary: known.boundary.and_then(|arn| Some(Boundary { policy: texts.get(&arn)?.clone(), arn })),
        arn: known.arn,
        id: Some(known.id),
        created: known.created,
        own,
        groups: all.map(|names| (names.of.name.clone(), policies(names))).collect(),
        group_ids,
        group_arns,
    }))
}

/// An identity and the managed policies that are attached to it; nothing if it is gone.
pub(crate) async fn managed_policies(place: &Place, of: &IamIdentity) -> Result<Option<(Known, BTreeSet<String>)>> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    let Some(known) = known(&client, of).await? else { return Ok(None) };
    Ok(Some((known, attached(&client, of).await?)))
}

/// An identity as it is; nothing if there is none.
pub(crate) async fn by_name(place: &Place, of: &IamIdentity) -> Result<Option<Known>> {
    known(&snapback::client!(aws_sdk_iam, &place.config), of).await
}

/// Whoever has the name, if that is who is meant.
pub(super) async fn known(client: &Client, of: &IamIdentity) -> Result<Option<Known>> {
    let (name, doing) = (&of.name, || format!("reading {of}"));
    let known = match of.kind {
        IdentityKind::User => {
            let answer = client.get_user().user_name(name).send().await;
            unless_gone(answer, GONE, doing)?.and_then(|answer| answer.user).map(|user| Known {
                boundary: user.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
                created: time(&user.create_date),
                id: user.user_id,
                arn: user.arn,
            })
        }
        IdentityKind::Role => {
            let answer = client.get_role().role_name(name).send().await;
            unless_gone(answer, GONE, doing)?.and_then(|answer| answer.role).map(|role| Known {
                boundary: role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
                created: time(&role.create_date),
                id: role.role_id,
                arn: role.arn,
            })
        }
        IdentityKind::Group => {
            let answer = client.get_group().group_name(name).max_items(1).send().await;
            unless_gone(answer, GONE, doing)?.and_then(|answer| answer.group).map(|group| Known {
                boundary: None,
                created: time(&group.create_date),
                id: group.group_id,
                arn: group.arn,
            })
        }
    };
    Ok(known.filter(|known| of.id.as_ref().is_none_or(|id| *id == known.id)))
}

/// The groups of a user, each with its ARN.
pub(super) async fn groups(client: &Client, user: &str) -> Result<Vec<(IamIdentity, String)>> {
    let found = client.list_groups_for_user().user_name(user).into_paginator().items().send().try_collect().await;
    let found = unless_gone(found, GONE, || format!("listing the groups of user `{user}`"))?.unwrap_or_default();
    let group = |name, id| IamIdentity { kind: IdentityKind::Group, name, id: Some(id) };
    Ok(found.into_iter().map(|found| (group(found.group_name, found.group_id), found.arn)).collect())
}

async fn names(client: &Client, of: IamIdentity) -> Result<Names> {
    let (managed, inline) = futures::try_join!(attached(client, &of), inline_names(client, &of))?;
    let texts = inline.into_iter().map(|name| async {
        let text = inline_text(client, &of, &name).await?;
        anyhow::Ok(text.map(|text| (name, text)))
    });
    let inline = try_join_all(texts).await?.into_iter().flatten().collect();
    Ok(Names { of, managed, inline })
}

pub(super) async fn attached(client: &Client, of: &IamIdentity) -> Result<BTreeSet<String>> {
    let (name, doing) = (&of.name, || format!("listing the managed policies of {of}"));
    let found = match of.kind {
        IdentityKind::User => {
            let call = client.list_attached_user_policies().user_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
        IdentityKind::Role => {
            let call = client.list_attached_role_policies().role_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
        IdentityKind::Group => {
            let call = client.list_attached_group_policies().group_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
    };
    Ok(found.unwrap_or_default().into_iter().filter_map(|attached| attached.policy_arn).collect())
}

async fn inline_names(client: &Client, of: &IamIdentity) -> Result<Vec<String>> {
    let (name, doing) = (&of.name, || format!("listing the inline policies of {of}"));
    let found = match of.kind {
        IdentityKind::User => {
            let call = client.list_user_policies().user_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
        IdentityKind::Role => {
            let call = client.list_role_policies().role_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
        IdentityKind::Group => {
            let call = client.list_group_policies().group_name(name).into_paginator().items().send();
            unless_gone(call.try_collect().await, GONE, doing)?
        }
    };
    Ok(found.unwrap_or_default())
}

/// The text of an inline policy; nothing if there is none of that name.
pub(crate) async fn inline_policy(place: &Place, of: &IamIdentity, policy: &str) -> Result<Option<PolicyText>> {
    inline_text(&snapback::client!(aws_sdk_iam, &place.config), of, policy).await
}

pub(super) async fn inline_text(client: &Client, of: &IamIdentity, policy: &str) -> Result<Option<PolicyText>> {
    let (name, doing) = (&of.name, || format!("reading inline policy `{policy}` of {of}"));
    let text = match of.kind {
        IdentityKind::User => {
            let answer = client.get_user_policy().user_name(name).policy_name(policy).send().await;
            unless_gone(answer, GONE, doing)?.map(|answer| answer.policy_document)
        }
        IdentityKind::Role => {
            let answer = client.get_role_policy().role_name(name).policy_name(policy).send().await;
            unless_gone(answer, GONE, doing)?.map(|answer| answer.policy_document)
        }
        IdentityKind::Group => {
            let answer = client.get_group_policy().group_name(name).policy_name(policy).send().await;
            unless_gone(answer, GONE, doing)?.map(|answer| answer.policy_document)
        }
    };
    text.map(|text| decoded(&text)).transpose()
}

/// A managed policy as its default version has it; nothing if it is gone.
async fn managed(client: &Client, arn: &str) -> Result<Option<(String, PolicyText)>> {
    Ok(versions::of_client(client, arn).await?.map(|(_, text)| (arn.to_owned(), text)))
}

pub(super) fn time(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}
