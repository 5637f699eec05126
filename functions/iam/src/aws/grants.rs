//! What gives users, roles and groups permissions, taken one by one, and given back only to undo.

use anyhow::{Context, Result};
use aws_sdk_iam::Client;
use snapback::aws::failure;
use snapback::change::{Applied, Edit, IamGroup, IamIdentity, IdentityKind, InlinePolicy, Live, ManagedPolicy, Swap};
use snapback::place::Place;

use super::identities;

pub(super) async fn managed(place: &Place, change: &Swap<IamIdentity, Vec<ManagedPolicy>>) -> Result<Applied> {
    let (client, of) = (snapback::client!(aws_sdk_iam, &place.config), &change.of);
    let read = || {
        live(&client, of, async {
            Ok(identities::attached(&client, of).await?.into_iter().map(ManagedPolicy).collect())
        })
    };
    let write = async |edit: Edit<ManagedPolicy>| {
        for policy in &edit.remove {
            detach(&client, of, &policy.0).await.with_context(|| format!("detaching `{}` from {of}", policy.0))?;
        }
        for policy in &edit.add {
            attach(&client, of, &policy.0).await.with_context(|| format!("attaching `{}` to {of}", policy.0))?;
        }
        Ok(Applied::done())
    };
    change.edit(read, write).await
}

pub(super) async fn inline(place: &Place, change: &Swap<IamIdentity, Vec<InlinePolicy>>) -> Result<Applied> {
    let (client, of) = (snapback::client!(aws_sdk_iam, &place.config), &change.of);
    let read = || {
        live(&client, of, async {
            let mut found = vec![];
            for InlinePolicy { name, .. } in change.from.iter().chain(&change.to) {
                let text = identities::inline_text(&client, of, name).await?;
                found.extend(text.map(|text| InlinePolicy { name: name.clone(), text }));
            }
            Ok(found)
        })
    };
    let write = async |edit: Edit<InlinePolicy>| {
        for InlinePolicy { name, .. } in &edit.remove {
            delete(&client, of, name).await.with_context(|| format!("deleting inline policy `{name}` of {of}"))?;
        }
        for policy in edit.add.iter().chain(edit.replace.iter().map(|(_, policy)| policy)) {
            let doing = || format!("putting inline policy `{}` on {of}", policy.name);
            put(&client, of, policy).await.with_context(doing)?;
        }
        Ok(Applied::done())
    };
    change.edit(read, write).await
}

pub(super) async fn groups(place: &Place, change: &Swap<IamIdentity, Vec<IamGroup>>) -> Result<Applied> {
    let (client, of, user) = (snapback::client!(aws_sdk_iam, &place.config), &change.of, &change.of.name);
    let read = || {
        live(&client, of, async {
            let found = identities::groups(&client, user).await?.into_iter().map(|(group, _)| group);
            Ok(found.map(|group| IamGroup(group.name)).collect())
        })
    };
    let write = async |edit: Edit<IamGroup>| {
        for IamGroup(group) in &edit.remove {
            let done = client.remove_user_from_group().user_name(user).group_name(group).send().await;
            done.map_err(failure).with_context(|| format!("removing {of} from group `{group}`"))?;
        }
        for IamGroup(group) in &edit.add {
            let done = client.add_user_to_group().user_name(user).group_name(group).send().await;
            done.map_err(failure).with_context(|| format!("adding {of} to group `{group}`"))?;
        }
        Ok(Applied::done())
    };
    change.edit(read, write).await
}

/// What an identity has now, unless it is gone.
async fn live<M>(
    client: &Client,
    of: &IamIdentity,
    held: impl Future<Output = Result<Vec<M>>>,
) -> Result<Live<Vec<M>>> {
    let found = match identities::known(client, of).await? {
        Some(_) => Some(held.await?),
        None => None,
    };
    Ok(Live::or(found, || format!("{of} is gone, or another has the name")))
}

async fn detach(client: &Client, of: &IamIdentity, policy: &str) -> Result<()> {
    let IamIdentity { kind, name, .. } = of;
    match kind {
        IdentityKind::User => {
            let call = client.detach_user_policy().user_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.detach_role_policy().role_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => {
            let call = client.detach_group_policy().group_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
    }
}

async fn attach(client: &Client, of: &IamIdentity, policy: &str) -> Result<()> {
    let IamIdentity { kind, name, .. } = of;
    match kind {
        IdentityKind::User => {
            let call = client.attach_user_policy().user_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.attach_role_policy().role_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => {
            let call = client.attach_group_policy().group_name(name).policy_arn(policy);
            call.send().await.map(drop).map_err(failure)
        }
    }
}

async fn delete(client: &Client, of: &IamIdentity, policy: &str) -> Result<()> {
    let IamIdentity { kind, name, .. } = of;
    match kind {
        IdentityKind::User => {
            let call = client.delete_user_policy().user_name(name).policy_name(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.delete_role_policy().role_name(name).policy_name(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => {
            let call = client.delete_group_policy().group_name(name).policy_name(policy);
            call.send().await.map(drop).map_err(failure)
        }
    }
}

async fn put(client: &Client, of: &IamIdentity, policy: &InlinePolicy) -> Result<()> {
    let IamIdentity { kind, name, .. } = of;
    let InlinePolicy { name: policy, text } = policy;
    match kind {
        IdentityKind::User => {
            let call = client.put_user_policy().user_name(name).policy_name(policy).policy_document(text.as_str());
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.put_role_policy().role_name(name).policy_name(policy).policy_document(text.as_str());
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => {
            let call = client.put_group_policy().group_name(name).policy_name(policy).policy_document(text.as_str());
            call.send().await.map(drop).map_err(failure)
        }
    }
}
