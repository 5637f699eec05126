//! With whom snapshots, AMIs and endpoint services are shared.

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{
    CreateVolumePermission, CreateVolumePermissionModifications, ImageAttributeName, LaunchPermission,
    LaunchPermissionModifications, PermissionGroup, SnapshotAttributeName,
};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Edit, Live, Shared, SharedWith, Swap};
use snapback::place::Place;

/// With whom a thing is shared; nothing if it is gone.
pub(crate) async fn read(place: &Place, of: &Shared) -> Result<Option<Vec<SharedWith>>> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let doing = || format!("reading with whom {of} is shared");
    Ok(match of {
        Shared::Snapshot(id) => {
            let permission = SnapshotAttributeName::CreateVolumePermission;
            let answer = client.describe_snapshot_attribute().snapshot_id(id).attribute(permission).send().await;
            let answer = unless_gone(answer, &["InvalidSnapshot.NotFound"], doing)?;
            let grantee = |one: CreateVolumePermission| {
                one.user_id.map(SharedWith::Account).or(one.group.map(|_| SharedWith::Everyone))
            };
            answer.map(|answer| {
                answer.create_volume_permissions.unwrap_or_default().into_iter().filter_map(grantee).collect()
            })
        }
        Shared::Image(id) => {
            let permission = ImageAttributeName::LaunchPermission;
            let answer = client.describe_image_attribute().image_id(id).attribute(permission).send().await;
            let answer = unless_gone(answer, &["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"], doing)?;
            let grantee = |one: LaunchPermission| {
                (one.user_id.map(SharedWith::Account))
                    .or(one.group.map(|_| SharedWith::Everyone))
                    .or(one.organization_arn.map(SharedWith::Organization))
                    .or(one.organizational_unit_arn.map(SharedWith::OrganizationalUnit))
            };
            answer.map(|answer| answer.launch_permissions.unwrap_or_default().into_iter().filter_map(grantee).collect())
        }
        Shared::EndpointService(id) => {
            let call = client.describe_vpc_endpoint_service_permissions().service_id(id);
            let answer = call.into_paginator().items().send().try_collect().await;
            let answer = unless_gone(answer, &["InvalidVpcEndpointServiceId.NotFound"], doing)?;
            answer.map(|allowed| allowed.into_iter().filter_map(|one| one.principal).map(principal).collect())
        }
    })
}

fn principal(name: String) -> SharedWith {
    if name == "*" { SharedWith::Everyone } else { SharedWith::Principal(name) }
}

pub(super) async fn change(place: &Place, change: &Swap<Shared, Vec<SharedWith>>) -> Result<Applied> {
    let of = &change.of;
    let read = move || async move { Ok(Live::or(read(place, of).await?, || format!("{of} is gone"))) };
    change.edit(read, async |edit| write(place, of, &edit).await).await
}

async fn write(place: &Place, of: &Shared, Edit { remove, add, .. }: &Edit<SharedWith>) -> Result<Applied> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let done = match of {
        Shared::Snapshot(id) => {
            let modifications = CreateVolumePermissionModifications::builder()
                .set_add(each(add, volume_permission))
                .set_remove(each(remove, volume_permission))
                .build();
            let call = client.modify_snapshot_attribute().snapshot_id(id).create_volume_permission(modifications);
            call.attribute(SnapshotAttributeName::CreateVolumePermission).send().await.map(drop).map_err(failure)
        }
        Shared::Image(id) => {
            let modifications = LaunchPermissionModifications::builder()
                .set_add(each(add, launch_permission))
                .set_remove(each(remove, launch_permission))
                .build();
            let call = client.modify_image_attribute().image_id(id).launch_permission(modifications);
            call.send().await.map(drop).map_err(failure)
        }
        Shared::EndpointService(id) => {
            let call = client.modify_vpc_endpoint_service_permissions().service_id(id);
            let call = call.set_add_allowed_principals(each(add, principal_name));
            let call = call.set_remove_allowed_principals(each(remove, principal_name));
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("changing with whom {of} is shared"))?;
    Ok(Applied::done())
}

/// A list that is not sent at all if there is nothing in it.
fn each<T>(of: &[SharedWith], written: fn(&SharedWith) -> T) -> Option<Vec<T>> {
    (!of.is_empty()).then(|| of.iter().map(written).collect())
}

fn volume_permission(one: &SharedWith) -> CreateVolumePermission {
    let (user, group) = user_or_group(one);
    CreateVolumePermission::builder().set_user_id(user).set_group(group).build()
}

fn launch_permission(one: &SharedWith) -> LaunchPermission {
    let (user, group) = user_or_group(one);
    let permission = LaunchPermission::builder().set_user_id(user).set_group(group);
    match one {
        SharedWith::Organization(arn) => permission.organization_arn(arn),
        SharedWith::OrganizationalUnit(arn) => permission.organizational_unit_arn(arn),
        SharedWith::Everyone | SharedWith::Account(_) | SharedWith::Principal(_) => permission,
    }
    .build()
}

fn user_or_group(grantee: &SharedWith) -> (Option<String>, Option<PermissionGroup>) {
    match grantee {
        SharedWith::Everyone => (None, Some(PermissionGroup::All)),
        SharedWith::Account(id) => (Some(id.clone()), None),
        SharedWith::Organization(_) | SharedWith::OrganizationalUnit(_) | SharedWith::Principal(_) => (None, None),
    }
}

fn principal_name(one: &SharedWith) -> String {
    match one {
        SharedWith::Everyone => "*".to_owned(),
        other => other.to_string(),
    }
}

/// The account's own snapshots that are shared with everyone.
pub(crate) async fn snapshots_shared_with_everyone(place: &Place) -> Result<Vec<String>> {
    let call = snapback::client!(aws_sdk_ec2, &place.config)
        .describe_snapshots()
        .owner_ids("self")
        .restorable_by_user_ids("all");
    let found = call.into_paginator().items().send().try_collect().await;
    let found = found.map_err(|error| failure(error).context("looking for snapshots that are shared with everyone"))?;
    Ok(found.into_iter().filter_map(|snapshot| snapshot.snapshot_id).collect())
}
