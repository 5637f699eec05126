//! Every call to Amazon S3 that Snapback makes.
//!
//! Each names the owner that the bucket must have, so that a bucket of the same name that somebody else made in the
//! meantime is never touched.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_s3::types;
use aws_sdk_s3control::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_sdk_s3control::types::NetworkOrigin;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use serde::{Deserialize, Serialize};
use snapback::aws::{code, failure, unless_gone};
use snapback::change::{
    AccessLogging, Acl, AclGrant, Applied, Change, Flag, Flags, Holder, Lifecycle, Live, Object, ObjectOwnership,
    Replication, S3, Versioning,
};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::policy::PolicyText;
use snapback::retry::Conflicts;
use snapback::subject::Subject;

use crate::exposed::Doors;
use crate::rights;
use crate::whole::{Found, Whole};
use crate::{access_logging, grantee, lifecycle, replication};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
const MOST_ON_A_PAGE: i32 = 10_000;

/// The Object Ownership under which no ACL counts.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>
pub(crate) const ENFORCED: &str = "BucketOwnerEnforced";

/// An access point, as far as it matters who gets in by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub bucket: String,
    /// The account that owns the bucket.
    pub bucket_account: Option<String>,
    /// Whether it can be reached from outside of a VPC.
    pub is_on_the_internet: bool,
    /// Its own Block Public Access, which cannot be changed.
    pub block: Flags,
}

/// The policy of a bucket.
#[derive(Debug, Default)]
pub(crate) struct FoundPolicy {
    /// Nothing if the bucket has none, or is gone.
    pub policy: Option<PolicyText>,
    pub is_gone: bool,
}

/// The policy of a bucket; nothing if it has none, or if it is gone.
pub(crate) async fn bucket_policy(look: &Look<'_>, bucket: &str) -> Result<Option<PolicyText>> {
    Ok(found_bucket_policy(look, bucket).await?.policy)
}

pub(crate) async fn found_bucket_policy(look: &Look<'_>, bucket: &str) -> Result<FoundPolicy> {
    let call =
        s3(&look.place.config).get_bucket_policy().bucket(bucket).expected_bucket_owner(&look.place.account).send();
    match call.await {
        Ok(answer) => Ok(FoundPolicy { policy: answer.policy.map(PolicyText::from), is_gone: false }),
        Err(error) if code(&error) == Some("NoSuchBucketPolicy") => Ok(FoundPolicy::default()),
        Err(error) if code(&error) == Some("NoSuchBucket") => Ok(FoundPolicy { policy: None, is_gone: true }),
        Err(error) => Err(failure(error).context(format!("reading the policy of bucket `{bucket}`"))),
    }
}

/// Whether S3 takes the policy of a bucket for public.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html>
pub(crate) async fn is_public(look: &Look<'_>, bucket: &str) -> Result<bool> {
    let call = s3(&look.place.config).get_bucket_policy_status().bucket(bucket);
    let call = call.expected_bucket_owner(&look.place.account).send();
    let doing = || format!("reading whether the policy of bucket `{bucket}` is public");
    let answer = unless_gone(call.await, &["NoSuchBucketPolicy", "NoSuchBucket"], doing)?;
    Ok(answer.and_then(|answer| answer.policy_status?.is_public).unwrap_or(false))
}

/// The ACL of a bucket; nothing if the bucket is gone.
pub(crate) async fn bucket_acl(look: &Look<'_>, bucket: &str) -> Result<Option<Acl>> {
    let call = s3(&look.place.config).get_bucket_acl().bucket(bucket).expected_bucket_owner(&look.place.account).send();
    let doing = || format!("reading the ACL of bucket `{bucket}`");
    let answer = unless_gone(call.await, &["NoSuchBucket"], doing)?;
    answer.map(|answer| acl(answer.owner, answer.grants).with_context(doing)).transpose()
}

/// The ACL of an object; nothing if the object or the version is gone, or is a delete marker.
pub(crate) async fn object_acl(look: &Look<'_>, object: &Object) -> Result<Option<Acl>> {
    let call = s3(&look.place.config).get_object_acl().bucket(&object.bucket).key(&object.key);
    let call = call.set_version_id(object.version.clone()).expected_bucket_owner(&look.place.account);
    let doing = || format!("reading the ACL of {object}");
    let gone = ["NoSuchBucket", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed"];
    let answer = unless_gone(call.send().await, &gone, doing)?;
    answer.map(|answer| acl(answer.owner, answer.grants).with_context(doing)).transpose()
}

fn acl(owner: Option<types::Owner>, grants: Option<Vec<types::Grant>>) -> Result<Acl> {
    let owner = owner.and_then(|owner| owner.id).context("it has no owner")?;
    Ok(Acl { owner, grants: grants.unwrap_or_default().into_iter().map(acl_grant).collect::<Result<_>>()? })
}

fn acl_grant(grant: types::Grant) -> Result<AclGrant> {
    let grantee = grantee::of_sdk(grant.grantee)?;
    let permission = grant.permission.context("a grant permits nothing")?;
    Ok(AclGrant { grantee, permission: permission.as_str().to_owned() })
}

/// The versioning of a bucket.
#[derive(Debug, Default)]
pub(crate) struct FoundVersioning {
    /// Nothing if it was never on, or if the bucket is gone.
    pub versioning: Option<Versioning>,
    pub mfa_delete: bool,
}

pub(crate) async fn bucket_versioning(look: &Look<'_>, bucket: &str) -> Result<FoundVersioning> {
    let call =
        s3(&look.place.config).get_bucket_versioning().bucket(bucket).expected_bucket_owner(&look.place.account).send();
    let doing = || format!("reading the versioning of bucket `{bucket}`");
    match call.await {
        Ok(answer) => {
            let versioning = match answer.status {
                None => None,
                Some(types::BucketVersioningStatus::Enabled) => Some(Versioning::Enabled),
                Some(types::BucketVersioningStatus::Suspended) => Some(Versioning::Suspended),
                Some(other) => return Err(anyhow!("it is `{other}`, which is not known")).with_context(doing),
            };
            Ok(FoundVersioning { versioning, mfa_delete: answer.mfa_delete == Some(types::MfaDeleteStatus::Enabled) })
        }
        Err(error) if code(&error) == Some("NoSuchBucket") => Ok(FoundVersioning::default()),
        Err(error) => Err(failure(error).context(doing())),
    }
}

/// The lifecycle of a bucket; nothing if it has no rules, or if it is gone.
pub(crate) async fn bucket_lifecycle(look: &Look<'_>, bucket: &str) -> Result<Option<Lifecycle>> {
    let call = s3(&look.place.config).get_bucket_lifecycle_configuration().bucket(bucket);
    let doing = || format!("reading the lifecycle of bucket `{bucket}`");
    match call.expected_bucket_owner(&look.place.account).send().await {
        Ok(answer) => {
            let rules = answer.rules.unwrap_or_default().into_iter().map(lifecycle::of_sdk);
            let minimum_size = answer.transition_default_minimum_object_size.map(|size| size.as_str().to_owned());
            Ok(Some(Lifecycle { rules: rules.collect::<Result<_>>().with_context(doing)?, minimum_size }))
        }
        Err(error) if matches!(code(&error), Some("NoSuchLifecycleConfiguration" | "NoSuchBucket")) => Ok(None),
        Err(error) => Err(failure(error).context(doing())),
    }
}

/// The replication of a bucket.
pub(crate) async fn bucket_replication(look: &Look<'_>, bucket: &str) -> Result<Found<Replication>> {
    let call =
        s3(&look.place.config).get_bucket_replication().bucket(bucket).expected_bucket_owner(&look.place.account);
    let whole = Whole::of(&replication::KNOWN);
    match call.customize().interceptor(whole.clone()).send().await {
        Ok(answer) => Ok(whole.found(answer.replication_configuration.as_ref().map(replication::of_sdk).transpose())),
        Err(error) if matches!(code(&error), Some("ReplicationConfigurationNotFoundError" | "NoSuchBucket")) => {
            Ok(Found::nothing())
        }
        Err(error) => Err(failure(error).context(format!("reading the replication of bucket `{bucket}`"))),
    }
}

/// Where the logs of the requests to a bucket are delivered.
pub(crate) async fn bucket_logging(look: &Look<'_>, bucket: &str) -> Result<Found<AccessLogging>> {
    let call = s3(&look.place.config).get_bucket_logging().bucket(bucket).expected_bucket_owner(&look.place.account);
    let whole = Whole::of(&access_logging::KNOWN);
    match call.customize().interceptor(whole.clone()).send().await {
        Ok(answer) => Ok(whole.found(answer.logging_enabled.map(access_logging::of_sdk).transpose())),
        Err(error) if code(&error) == Some("NoSuchBucket") => Ok(Found::nothing()),
        Err(error) => Err(failure(error).context(format!("reading the access logging of bucket `{bucket}`"))),
    }
}

/// Whatever Block Public Access can neutralise.
pub(crate) async fn doors(look: &Look<'_>, bucket: &str) -> Result<Doors> {
    let (policy, acl, acls_disabled) =
        futures::try_join!(bucket_policy(look, bucket), bucket_acl(look, bucket), has_acls_disabled(look, bucket))?;
    Ok(Doors { policy, acl, acls_disabled })
}

/// The buckets of the account, of all Regions, each with its Region if S3 tells it.
pub(crate) async fn buckets(look: &Look<'_>) -> Result<Vec<(String, Option<String>)>> {
    // Only asked for pages, S3 tells the Regions.
    // https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
    let pages = s3(&look.place.config).list_buckets().max_buckets(MOST_ON_A_PAGE).into_paginator().send();
    let pages = pages.collect::<Result<Vec<_>, _>>().await;
    let pages = pages.map_err(|error| failure(error).context("listing the account's buckets"))?;
    let all = pages.into_iter().flat_map(|page| page.buckets.unwrap_or_default());
    Ok(all.filter_map(|bucket| Some((bucket.name?, bucket.bucket_region))).collect())
}

/// Whether ACLs do not count in a bucket, as its owner owns every object.
pub(crate) async fn has_acls_disabled(look: &Look<'_>, bucket: &str) -> Result<bool> {
    Ok(object_ownership(look, bucket).await?.setting.as_deref() == Some(ENFORCED))
}

/// The Object Ownership of a bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>
#[derive(Debug, Default)]
pub(crate) struct FoundOwnership {
    /// Nothing if it is not set, as in buckets that are older than it, or if the bucket is gone.
    pub setting: Option<String>,
    pub is_gone: bool,
}

pub(crate) async fn object_ownership(look: &Look<'_>, bucket: &str) -> Result<FoundOwnership> {
    let call = s3(&look.place.config)
        .get_bucket_ownership_controls()
        .bucket(bucket)
        .expected_bucket_owner(&look.place.account)
        .send();
    match call.await {
        Ok(answer) => {
            let rules = answer.ownership_controls.map(|controls| controls.rules).unwrap_or_default();
            let setting = rules.first().map(|rule| rule.object_ownership.as_str().to_owned());
            Ok(FoundOwnership { setting, is_gone: false })
        }
        Err(error) if code(&error) == Some("OwnershipControlsNotFoundError") => Ok(FoundOwnership::default()),
        Err(error) if code(&error) == Some("NoSuchBucket") => Ok(FoundOwnership { setting: None, is_gone: true }),
        Err(error) => Err(failure(error).context(format!("reading the Object Ownership of bucket `{bucket}`"))),
    }
}

/// Whether a setting of Block Public Access is on, for the bucket or for its whole account.
pub(crate) async fn is_blocked(look: &Look<'_>, bucket: &str, flag: Flag) -> Result<bool> {
    let (of_bucket, of_account) =
        futures::try_join!(bucket_public_access_block(look, bucket), account_public_access_block(look))?;
    Ok([of_bucket, of_account].into_iter().flatten().any(|on| on.contains(&flag)))
}

/// The Block Public Access of a bucket; nothing if it has none, or if it is gone.
pub(crate) async fn bucket_public_access_block(look: &Look<'_>, bucket: &str) -> Result<Option<Flags>> {
    let call = s3(&look.place.config)
        .get_public_access_block()
        .bucket(bucket)
        .expected_bucket_owner(&look.place.account)
        .send();
    let doing = || format!("reading the Block Public Access of bucket `{bucket}`");
    let answer = unless_gone(call.await, &["NoSuchPublicAccessBlockConfiguration", "NoSuchBucket"], doing)?;
    Ok(answer.and_then(|answer| answer.public_access_block_configuration).map(|all| {
        flags([all.block_public_acls, all.ignore_public_acls, all.block_public_policy, all.restrict_public_buckets])
    }))
}

/// The Block Public Access of the account; nothing if it has none.
pub(crate) async fn account_public_access_block(look: &Look<'_>) -> Result<Option<Flags>> {
    let call = s3control(&look.place.config).get_public_access_block().account_id(&look.place.account).send();
    let doing = || "reading the Block Public Access of the account".to_owned();
    let answer = unless_gone(call.await, &["NoSuchPublicAccessBlockConfiguration"], doing)?;
    Ok(answer.and_then(|answer| answer.public_access_block_configuration).map(flags_of_control))
}

fn flags_of_control(all: aws_sdk_s3control::types::PublicAccessBlockConfiguration) -> Flags {
    flags([all.block_public_acls, all.ignore_public_acls, all.block_public_policy, all.restrict_public_buckets])
}

fn flags(said: [Option<bool>; 4]) -> Flags {
    Flag::ALL.into_iter().zip(said).filter(|(_, on)| *on == Some(true)).map(|(flag, _)| flag).collect()
}

/// The buckets of the account in the Region.
pub(crate) const BUCKETS: Survey = Survey { list: buckets_of_region, needs: &[rights::LIST_ALL_MY_BUCKETS] };

fn buckets_of_region<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let all = buckets(look).await?.into_iter();
        let here = all.filter(|(_, region)| region.as_ref().is_none_or(|region| *region == event.region));
        Ok(here.map(|(name, _)| Subject::bucket(event, &name)).collect())
    }
    .boxed()
}

/// The account itself: nothing has to be listed for it.
pub(crate) const ACCOUNT: Survey =
    Survey { list: |_, event| futures::future::ready(Ok(vec![Subject::account(event)])).boxed(), needs: &[] };

/// The access points of the account in the Region.
pub(crate) const ACCESS_POINTS: Survey = Survey { list: access_points_of_region, needs: &[rights::LIST_ACCESS_POINTS] };

fn access_points_of_region<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let pages =
            s3control(&look.place.config).list_access_points().account_id(&look.place.account).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await;
        let pages = pages.map_err(|error| failure(error).context("listing the access points of the Region"))?;
        let all = pages.into_iter().flat_map(|page| page.access_point_list.unwrap_or_default());
        Ok(all.map(|point| Subject::access_point(event, &point.name)).collect())
    }
    .boxed()
}

/// An access point; nothing if it is gone.
pub(crate) async fn access_point(look: &Look<'_>, name: &str) -> Result<Option<Point>> {
    let call = s3control(&look.place.config).get_access_point().account_id(&look.place.account).name(name).send();
    match call.await {
        Ok(answer) => Ok(Some(Point {
            bucket: answer.bucket.with_context(|| format!("access point `{name}` has no bucket"))?,
            bucket_account: answer.bucket_account_id,
            is_on_the_internet: answer.network_origin != Some(NetworkOrigin::Vpc),
            block: answer.public_access_block_configuration.map(flags_of_control).unwrap_or_default(),
        })),
        Err(error) if code(&error) == Some("NoSuchAccessPoint") => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading access point `{name}`"))),
    }
}

/// The policy of an access point; nothing if it has none, or if it is gone.
pub(crate) async fn access_point_policy(look: &Look<'_>, name: &str) -> Result<Option<PolicyText>> {
    let call =
        s3control(&look.place.config).get_access_point_policy().account_id(&look.place.account).name(name).send();
    let doing = || format!("reading the policy of access point `{name}`");
    let answer = unless_gone(call.await, &["NoSuchAccessPointPolicy", "NoSuchAccessPoint"], doing)?;
    Ok(answer.and_then(|answer| answer.policy).map(PolicyText::from))
}

/// The tags of a bucket; nothing else in S3 is looked at that has any.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        if subject.kind != "bucket" {
            return Ok(BTreeMap::new());
        }
        let bucket = &subject.name;
        let call = s3(&look.place.config)
            .get_bucket_tagging()
            .bucket(bucket)
            .expected_bucket_owner(&look.place.account)
            .send();
        match call.await {
            Ok(answer) => Ok(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) if matches!(code(&error), Some("NoSuchTagSet" | "NoSuchBucket")) => Ok(BTreeMap::new()),
            Err(error) => Err(failure(error).context(format!("reading the tags of bucket `{bucket}`"))),
        }
    }
    .boxed()
}

/// Applies a change if the resource is as the change says it was. S3 has no conditional write of any of these, so each
/// is read again just before.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let look = &Look::new(place);
        match change {
            Change::Policy(change) => match &change.of {
                Holder::Bucket(bucket) => {
                    let write = async |to: &Option<PolicyText>| put_bucket_policy(look, bucket, to.as_deref()).await;
                    change.put(bucket_policy(look, bucket).map_ok(Live::Is), write).await
                }
                Holder::AccessPoint(name) => {
                    let write =
                        async |to: &Option<PolicyText>| put_access_point_policy(look, name, to.as_deref()).await;
                    change.put(access_point_policy(look, name).map_ok(Live::Is), write).await
                }
                _ => bail!("the function for S3 was asked to {change}"),
            },
            Change::S3(change) => Box::pin(apply_setting(look, change)).await,
            other => bail!("the function for S3 was asked to {other}"),
        }
    }
    .boxed()
}

async fn apply_setting(look: &Look<'_>, change: &S3) -> Result<Applied> {
    let gone = |what: &'static str| move || what.to_owned();
    match change {
        S3::BucketAcl(change) => {
            let read = bucket_acl(look, &change.of.0).map_ok(|acl| Live::or(acl, gone("(no bucket)")));
            change.put(read, async |to| put_bucket_acl(look, &change.of.0, to).await).await
        }
        S3::ObjectAcl(change) => {
            let read = object_acl(look, &change.of).map_ok(|acl| Live::or(acl, gone("(no object)")));
            change.put(read, async |to| put_object_acl(look, &change.of, to).await).await
        }
        S3::BucketPublicAccessBlock(change) => {
            let read = bucket_public_access_block(look, &change.of.0).map_ok(Live::Is);
            change.put(read, async |to| put_bucket_public_access_block(look, &change.of.0, to.as_ref()).await).await
        }
        S3::AccountPublicAccessBlock(change) => {
            let account = &look.place.account;
            ensure!(change.of.0 == *account, "asked to change {} with the rights of account {account}", change.of);
            let read = account_public_access_block(look).map_ok(Live::Is);
            change.put(read, async |to| put_account_public_access_block(look, to.as_ref()).await).await
        }
        S3::BucketVersioning(change) => {
            let never = gone("(versioning was never on)");
            let read = bucket_versioning(look, &change.of.0).map_ok(|found| Live::or(found.versioning, never));
            change.put(read, async |to| put_bucket_versioning(look, &change.of.0, *to).await).await
        }
        S3::BucketLifecycle(change) => {
            let read = bucket_lifecycle(look, &change.of.0).map_ok(Live::Is);
            change.put(read, async |to| put_bucket_lifecycle(look, &change.of.0, to.as_ref()).await).await
        }
        S3::BucketLogging(change) => {
            let read = bucket_logging(look, &change.of.0).map_ok(|Found { kept, unknown }| match unknown {
                Some(unknown) => Live::Cannot(unknown),
                None => Live::Is(kept),
            });
            change.put(read, async |to| put_bucket_logging(look, &change.of.0, to.as_ref()).await).await
        }
        S3::BucketReplication(change) => {
            let read = bucket_replication(look, &change.of.0).map_ok(|Found { kept, unknown }| match unknown {
                Some(unknown) => Live::Cannot(unknown),
                None => Live::or(kept, gone("(no replication)")),
            });
            change.put(read, async |to| put_bucket_replication(look, &change.of.0, to).await).await
        }
        S3::ObjectOwnership(change) => {
            let read = object_ownership(look, &change.of.0).map_ok(|found| {
                if found.is_gone {
                    Live::Cannot("(no bucket)".to_owned())
                } else {
                    Live::Is(found.setting.map(ObjectOwnership))
                }
            });
            change.put(read, async |to| put_object_ownership(look, &change.of.0, to.as_ref()).await).await
        }
    }
}

async fn put_bucket_policy(look: &Look<'_>, bucket: &str, policy: Option<&str>) -> Result<()> {
    let (client, account) = (s3(&look.place.config), &look.place.account);
    let written = if let Some(policy) = policy {
        let call = client.put_bucket_policy().bucket(bucket).expected_bucket_owner(account).policy(policy);
        call.send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_bucket_policy().bucket(bucket).expected_bucket_owner(account);
        call.send().await.map(drop).map_err(failure)
    };
    written.with_context(|| format!("writing the policy of bucket `{bucket}`"))
}

async fn put_access_point_policy(look: &Look<'_>, name: &str, policy: Option<&str>) -> Result<()> {
    let (client, account) = (s3control(&look.place.config), &look.place.account);
    let written = if let Some(policy) = policy {
        let call = client.put_access_point_policy().account_id(account).name(name).policy(policy);
        call.send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_access_point_policy().account_id(account).name(name);
        call.send().await.map(drop).map_err(failure)
    };
    written.with_context(|| format!("writing the policy of access point `{name}`"))
}

async fn put_bucket_acl(look: &Look<'_>, bucket: &str, acl: &Acl) -> Result<()> {
    let call = s3(&look.place.config).put_bucket_acl().bucket(bucket).expected_bucket_owner(&look.place.account);
    let written = call.access_control_policy(sdk_acl(acl)?).send().await.map(drop).map_err(failure);
    written.with_context(|| format!("writing the ACL of bucket `{bucket}`"))
}

async fn put_object_acl(look: &Look<'_>, object: &Object, acl: &Acl) -> Result<()> {
    let call = s3(&look.place.config).put_object_acl().bucket(&object.bucket).key(&object.key);
    let call = call.set_version_id(object.version.clone()).expected_bucket_owner(&look.place.account);
    let written = call.access_control_policy(sdk_acl(acl)?).send().await.map(drop).map_err(failure);
    written.with_context(|| format!("writing the ACL of {object}"))
}

fn sdk_acl(acl: &Acl) -> Result<types::AccessControlPolicy> {
    let grants = acl.grants.iter().map(sdk_grant).collect::<Result<Vec<_>>>()?;
    let owner = types::Owner::builder().id(&acl.owner).build();
    Ok(types::AccessControlPolicy::builder().owner(owner).set_grants(Some(grants)).build())
}

fn sdk_grant(grant: &AclGrant) -> Result<types::Grant> {
    let permission = types::Permission::from(grant.permission.as_str());
    Ok(types::Grant::builder().grantee(grantee::to_sdk(&grant.grantee)?).permission(permission).build())
}

async fn put_bucket_public_access_block(look: &Look<'_>, bucket: &str, on: Option<&Flags>) -> Result<()> {
    let client = s3(&look.place.config);
    let written = if let Some(on) = on {
        let settings = types::PublicAccessBlockConfiguration::builder()
            .block_public_acls(on.contains(&Flag::BlockPublicAcls))
            .ignore_public_acls(on.contains(&Flag::IgnorePublicAcls))
            .block_public_policy(on.contains(&Flag::BlockPublicPolicy))
            .restrict_public_buckets(on.contains(&Flag::RestrictPublicBuckets))
            .build();
        let call = client.put_public_access_block().bucket(bucket).expected_bucket_owner(&look.place.account);
        call.public_access_block_configuration(settings).send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_public_access_block().bucket(bucket).expected_bucket_owner(&look.place.account);
        call.send().await.map(drop).map_err(failure)
    };
    written.with_context(|| format!("writing the Block Public Access of bucket `{bucket}`"))
}

async fn put_account_public_access_block(look: &Look<'_>, on: Option<&Flags>) -> Result<()> {
    let client = s3control(&look.place.config);
    let written = if let Some(on) = on {
        let settings = aws_sdk_s3control::types::PublicAccessBlockConfiguration::builder()
            .block_public_acls(on.contains(&Flag::BlockPublicAcls))
            .ignore_public_acls(on.contains(&Flag::IgnorePublicAcls))
            .block_public_policy(on.contains(&Flag::BlockPublicPolicy))
            .restrict_public_buckets(on.contains(&Flag::RestrictPublicBuckets))
            .build();
        let call = client.put_public_access_block().account_id(&look.place.account);
        call.public_access_block_configuration(settings).send().await.map(drop).map_err(failure)
    } else {
        client.delete_public_access_block().account_id(&look.place.account).send().await.map(drop).map_err(failure)
    };
    written.context("writing the Block Public Access of the account")
}

async fn put_bucket_versioning(look: &Look<'_>, bucket: &str, to: Versioning) -> Result<()> {
    let status = match to {
        Versioning::Enabled => types::BucketVersioningStatus::Enabled,
        Versioning::Suspended => types::BucketVersioningStatus::Suspended,
    };
    let versioning = types::VersioningConfiguration::builder().status(status).build();
    let call = s3(&look.place.config).put_bucket_versioning().bucket(bucket).expected_bucket_owner(&look.place.account);
    let written = call.versioning_configuration(versioning).send().await.map(drop).map_err(failure);
    written.with_context(|| format!("writing the versioning of bucket `{bucket}`"))
}

async fn put_bucket_lifecycle(look: &Look<'_>, bucket: &str, to: Option<&Lifecycle>) -> Result<()> {
    let client = s3(&look.place.config);
    let written = if let Some(Lifecycle { rules, minimum_size }) = to {
        let rules = rules.iter().map(lifecycle::to_sdk).collect::<Result<Vec<_>>>()?;
        let lifecycle = types::BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build()?;
        let call =
            client.put_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(&look.place.account);
        let call = call.set_transition_default_minimum_object_size(minimum_size.as_deref().map(Into::into));
        call.lifecycle_configuration(lifecycle).send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_bucket_lifecycle().bucket(bucket).expected_bucket_owner(&look.place.account);
        call.send().await.map(drop).map_err(failure)
    };
    written.with_context(|| format!("writing the lifecycle of bucket `{bucket}`"))
}

async fn put_bucket_logging(look: &Look<'_>, bucket: &str, to: Option<&AccessLogging>) -> Result<()> {
    let enabled = to.map(access_logging::to_sdk).transpose()?;
    let status = types::BucketLoggingStatus::builder().set_logging_enabled(enabled).build();
    let call = s3(&look.place.config).put_bucket_logging().bucket(bucket).expected_bucket_owner(&look.place.account);
    let written = call.bucket_logging_status(status).send().await.map(drop).map_err(failure);
    written.with_context(|| format!("writing the access logging of bucket `{bucket}`"))
}

async fn put_bucket_replication(look: &Look<'_>, bucket: &str, to: &Replication) -> Result<()> {
    let call =
        s3(&look.place.config).put_bucket_replication().bucket(bucket).expected_bucket_owner(&look.place.account);
    let written = call.replication_configuration(replication::to_sdk(to)?).send().await.map(drop).map_err(failure);
    written.with_context(|| format!("writing the replication of bucket `{bucket}`"))
}

async fn put_object_ownership(look: &Look<'_>, bucket: &str, to: Option<&ObjectOwnership>) -> Result<()> {
    let client = s3(&look.place.config);
    let written = if let Some(ObjectOwnership(setting)) = to {
        let rule = types::OwnershipControlsRule::builder().object_ownership(setting.as_str().into()).build()?;
        let controls = types::OwnershipControls::builder().rules(rule).build()?;
        let call = client.put_bucket_ownership_controls().bucket(bucket).expected_bucket_owner(&look.place.account);
        call.ownership_controls(controls).send().await.map(drop).map_err(failure)
    } else {
        let call = client.delete_bucket_ownership_controls().bucket(bucket).expected_bucket_owner(&look.place.account);
        call.send().await.map(drop).map_err(failure)
    };
    written.with_context(|| format!("writing the Object Ownership of bucket `{bucket}`"))
}

fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let local = config.endpoint_url().is_some();
    let builder = aws_sdk_s3::config::Builder::from(config).retry_classifier(Conflicts);
    aws_sdk_s3::Client::from_conf(builder.force_path_style(local).build())
}

fn s3control(config: &SdkConfig) -> aws_sdk_s3control::Client {
    let mut builder = aws_sdk_s3control::config::Builder::from(config).retry_classifier(Conflicts);
    if let Some(url) = config.endpoint_url() {
        builder = builder.endpoint_resolver(OneAddress(url.to_owned()));
    }
    aws_sdk_s3control::Client::from_conf(builder.build())
}

/// AWS has a host name for each account; a local AWS has one address.
#[derive(Debug)]
struct OneAddress(String);

impl ResolveEndpoint for OneAddress {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url(self.0.clone()).build()))
    }
}
