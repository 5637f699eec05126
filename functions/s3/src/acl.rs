//! Grants of an ACL as Snapback keeps them and as S3's SDK has them, both ways and without loss.

use anyhow::{Context, Result, bail};
use aws_sdk_s3::types;
use snapback::change::{Acl, AclGrant, Grantee};

pub(crate) fn acl_grant(grant: types::Grant) -> Result<AclGrant> {
    let grantee = grantee_of_sdk(grant.grantee)?;
    let permission = grant.permission.context("a grant permits nothing")?;
    Ok(AclGrant { grantee, permission: permission.as_str().to_owned() })
}

pub(crate) fn grantee_of_sdk(grantee: Option<types::Grantee>) -> Result<Grantee> {
    let grantee = grantee.context("a grant names nobody")?;
    match (grantee.id, grantee.uri) {
        (Some(id), None) => Ok(Grantee::User(id)),
        (None, Some(uri)) => Ok(Grantee::Group(uri)),
        _ => bail!("a grant names somebody in an unknown way"),
    }
}

pub(crate) fn sdk_acl(acl: &Acl) -> Result<types::AccessControlPolicy> {
    let grants = acl.grants.iter().map(sdk_grant).collect::<Result<Vec<_>>>()?;
    let owner = types::Owner::builder().id(&acl.owner).build();
    Ok(types::AccessControlPolicy::builder().owner(owner).set_grants(Some(grants)).build())
}

fn sdk_grant(grant: &AclGrant) -> Result<types::Grant> {
    let permission = types::Permission::from(grant.permission.as_str());
    Ok(types::Grant::builder().grantee(grantee_to_sdk(&grant.grantee)?).permission(permission).build())
}

pub(crate) fn grantee_to_sdk(grantee: &Grantee) -> Result<types::Grantee> {
    let builder = match grantee {
        Grantee::User(id) => types::Grantee::builder().r#type(types::Type::CanonicalUser).id(id),
        Grantee::Group(uri) => types::Grantee::builder().r#type(types::Type::Group).uri(uri),
    };
    Ok(builder.build()?)
}
