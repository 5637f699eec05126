//! Whom a grant is for, in our form and in the SDK's.

use anyhow::{Context, Result, bail};
use aws_sdk_s3::types;
use snapback::change::Grantee;

pub(crate) fn of_sdk(grantee: Option<types::Grantee>) -> Result<Grantee> {
    let grantee = grantee.context("a grant names nobody")?;
    match (grantee.id, grantee.uri) {
        (Some(id), None) => Ok(Grantee::User(id)),
        (None, Some(uri)) => Ok(Grantee::Group(uri)),
        _ => bail!("a grant names somebody in an unknown way"),
    }
}

pub(crate) fn to_sdk(grantee: &Grantee) -> Result<types::Grantee> {
    let builder = match grantee {
        Grantee::User(id) => types::Grantee::builder().r#type(types::Type::CanonicalUser).id(id),
        Grantee::Group(uri) => types::Grantee::builder().r#type(types::Type::Group).uri(uri),
    };
    Ok(builder.build()?)
}
