//! The permissions boundaries of users and roles. Groups have none.

use anyhow::{Context, Result, bail};
use snapback::aws::failure;
use snapback::change::{Applied, IamIdentity, IdentityKind, Live, ManagedPolicy, PermissionsBoundary, Swap};
use snapback::place::Place;

use super::identities;

pub(super) async fn put(place: &Place, change: &Swap<IamIdentity, PermissionsBoundary>) -> Result<Applied> {
    let of = &change.of;
    let read = async {
        let found = identities::by_name(place, of).await?;
        let found = found.map(|found| PermissionsBoundary(found.boundary.map(ManagedPolicy)));
        Ok(Live::or(found, || format!("{of} is gone")))
    };
    let write = async |to: &PermissionsBoundary| match &to.0 {
        Some(policy) => put_on(place, of, &policy.0).await.with_context(|| format!("bounding {of} by {policy}")),
        None => delete(place, of).await.with_context(|| format!("deleting the permissions boundary of {of}")),
    };
    change.put(read, write).await
}

async fn put_on(place: &Place, of: &IamIdentity, policy: &str) -> Result<()> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    match of.kind {
        IdentityKind::User => {
            let call = client.put_user_permissions_boundary().user_name(&of.name).permissions_boundary(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.put_role_permissions_boundary().role_name(&of.name).permissions_boundary(policy);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => bail!("a group cannot be bounded"),
    }
}

async fn delete(place: &Place, of: &IamIdentity) -> Result<()> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    match of.kind {
        IdentityKind::User => {
            let call = client.delete_user_permissions_boundary().user_name(&of.name);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Role => {
            let call = client.delete_role_permissions_boundary().role_name(&of.name);
            call.send().await.map(drop).map_err(failure)
        }
        IdentityKind::Group => bail!("a group has no permissions boundary"),
    }
}
