//! The access logging of a bucket as Snapback keeps it and as S3's SDK has it, both ways and without loss.

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_s3::types;
use snapback::change::{AccessLogging, AclGrant, LogKeys};

use crate::grantee;

/// The elements of the answer that the SDK reads. Any other it drops.
pub(crate) const KNOWN: [&str; 15] = [
    "BucketLoggingStatus",
    "LoggingEnabled",
    "TargetBucket",
    "TargetPrefix",
    "TargetGrants",
    "Grant",
    "Grantee",
    "ID",
    "DisplayName",
    "URI",
    "Permission",
    "TargetObjectKeyFormat",
    "SimplePrefix",
    "PartitionedPrefix",
    "PartitionDateSource",
];

/// # Errors
/// When there is something in it that Snapback could not write back.
pub(crate) fn of_sdk(mut all: types::LoggingEnabled) -> Result<AccessLogging> {
    // Names for display decide nothing, and S3 does not ask for them.
    for grantee in all.target_grants.iter_mut().flatten().filter_map(|grant| grant.grantee.as_mut()) {
        grantee.display_name = None;
    }
    let grants = all.target_grants.iter().flatten().cloned().map(|grant| {
        let permission = grant.permission.context("a grant permits nothing")?;
        Ok(AclGrant { grantee: grantee::of_sdk(grant.grantee)?, permission: permission.as_str().to_owned() })
    });
    let kept = AccessLogging {
        bucket: all.target_bucket.clone(),
        prefix: all.target_prefix.clone(),
        grants: grants.collect::<Result<_>>()?,
        keys: all.target_object_key_format.as_ref().map(keys_of_sdk).transpose()?,
    };
    ensure!(to_sdk(&kept)? == all, "it has a form that is not known");
    Ok(kept)
}

fn keys_of_sdk(keys: &types::TargetObjectKeyFormat) -> Result<LogKeys> {
    match (&keys.simple_prefix, &keys.partitioned_prefix) {
        (Some(_), None) => Ok(LogKeys::Simple),
        (None, Some(of)) => {
            Ok(LogKeys::Partitioned { by: of.partition_date_source.as_ref().map(|by| by.as_str().to_owned()) })
        }
        _ => bail!("the keys of the logs have a form that is not known"),
    }
}

pub(crate) fn to_sdk(all: &AccessLogging) -> Result<types::LoggingEnabled> {
    let grants = all.grants.iter().map(|grant| {
        let permission = types::BucketLogsPermission::from(grant.permission.as_str());
        Ok(types::TargetGrant::builder().grantee(grantee::to_sdk(&grant.grantee)?).permission(permission).build())
    });
    let grants = grants.collect::<Result<Vec<_>>>()?;
    let builder = types::LoggingEnabled::builder()
        .target_bucket(&all.bucket)
        .target_prefix(&all.prefix)
        // S3 knows no empty list.
        .set_target_grants((!grants.is_empty()).then_some(grants))
        .set_target_object_key_format(all.keys.as_ref().map(keys_to_sdk));
    builder.build().context("access logging lacks its target")
}

fn keys_to_sdk(keys: &LogKeys) -> types::TargetObjectKeyFormat {
    let builder = types::TargetObjectKeyFormat::builder();
    match keys {
        LogKeys::Simple => builder.simple_prefix(types::SimplePrefix::builder().build()),
        LogKeys::Partitioned { by } => builder.partitioned_prefix(
            types::PartitionedPrefix::builder().set_partition_date_source(by.as_deref().map(Into::into)).build(),
        ),
    }
    .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use snapback::change::Grantee;

    use super::*;

    fn logging() -> impl Strategy<Value = AccessLogging> {
        let grantee = prop_oneof!["[a-f0-9]{4}".prop_map(Grantee::User), "http://[a-z]{4}".prop_map(Grantee::Group)];
        let permission = prop::sample::select(vec!["READ", "FULL_CONTROL", "OF_TOMORROW"]);
        let grant = (grantee, permission)
            .prop_map(|(grantee, permission)| AclGrant { grantee, permission: permission.to_owned() });
        let by = prop::option::of(prop::sample::select(vec!["EventTime", "DeliveryTime", "OfTomorrow"]));
        let keys =
            prop_oneof![Just(LogKeys::Simple), by.prop_map(|by| LogKeys::Partitioned { by: by.map(str::to_owned) })];
        ("[a-z]{3}", "[a-z/]{0,4}", prop::collection::vec(grant, 0..3), prop::option::of(keys))
            .prop_map(|(bucket, prefix, grants, keys)| AccessLogging { bucket, prefix, grants, keys })
    }

    proptest! {
        #[test]
        fn nothing_of_access_logging_is_lost(logging in logging()) {
            prop_assert_eq!(of_sdk(to_sdk(&logging).expect("one of the SDK")).expect("access logging"), logging.clone());
            let journaled = serde_json::to_string(&logging).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<AccessLogging>(&journaled).expect("access logging"), logging);
        }
    }

    #[test]
    fn what_could_not_be_written_back_is_an_error() {
        let builder = types::LoggingEnabled::builder().target_bucket("logs").target_prefix("");
        let read = |builder: types::builders::LoggingEnabledBuilder| of_sdk(builder.build().expect("access logging"));
        assert!(read(builder.clone()).is_ok());
        let keys = types::TargetObjectKeyFormat::builder().build();
        assert!(read(builder.clone().target_object_key_format(keys)).is_err());
        let mail = types::Grantee::builder().r#type(types::Type::AmazonCustomerByEmail).email_address("a@example.com");
        let mail = types::TargetGrant::builder().grantee(mail.build().expect("a grantee"));
        assert!(read(builder.target_grants(mail.permission(types::BucketLogsPermission::Read).build())).is_err());
    }
}
