//! Resource policies of services of which Snapback judges nothing else. What a service adds is one file in `controls/` and
//! its line here; how a policy is judged and reverted is in `snapback::policed`.

mod controls;
mod resource;
mod row;
mod service;
mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change};
use snapback::control::{AnyControl, Function, Look, Tags};
use snapback::noticed::Notices;
use snapback::place::Place;
use snapback::policed::Open;
use snapback::right::Right;
use snapback::subject::Subject;

use crate::controls::{
    AcmpcaOpenAuthorityPolicy, BackupOpenVaultPolicy, DynamodbOpenTablePolicy, EcrOpenRepositoryPolicy,
    EfsOpenFileSystemPolicy, GlacierOpenVaultPolicy, KinesisOpenStreamPolicy, LogsOpenResourcePolicy,
    OpensearchOpenDomainPolicy, OtherNewShare, OtherOpenPermission, OtherOpenResourcePolicy,
    SecretsmanagerOpenSecretPolicy, SesOpenIdentityPolicy, SnsOpenTopicPolicy, SqsOpenQueuePolicy,
};
use crate::resource::{ByPolicy, Kind, Resource};

macro_rules! resources {
    ($($resource:ty),+ $(,)?; beside: $($control:ty),+ $(,)?; without tags: $($untagged:ty),+ $(,)?) => {
        const KINDS: &[Kind] = &[$(Kind::of::<$resource>(),)+ $(Kind::of::<$untagged>(),)+];
        const CONTROLS: &[AnyControl] = &[
            $(AnyControl::of::<Open<ByPolicy<$resource>>>(),)+
            $(AnyControl::of::<Open<ByPolicy<$untagged>>>(),)+
            $(AnyControl::of::<Notices<$control>>(),)+
        ];
        const TAGS: &[Right] = &[$(<$resource as Resource>::TAGS.expect("it has tags")),+];
    };
}

resources![
    SnsOpenTopicPolicy,
    SqsOpenQueuePolicy,
    SecretsmanagerOpenSecretPolicy,
    EcrOpenRepositoryPolicy,
    EfsOpenFileSystemPolicy,
    KinesisOpenStreamPolicy,
    AcmpcaOpenAuthorityPolicy,
    SesOpenIdentityPolicy,
    GlacierOpenVaultPolicy,
    OpensearchOpenDomainPolicy,
    DynamodbOpenTablePolicy,
    BackupOpenVaultPolicy;
    beside: OtherOpenResourcePolicy, OtherOpenPermission, OtherNewShare;
    without tags: LogsOpenResourcePolicy
];

pub const FUNCTION: Function = Function {
    name: "PoliciesFunction",
    service: "resource policies",
    controls: CONTROLS,
    apply,
    tags: Tags { read: tags, needs: TAGS },
    beside: &[],
    is_in_members: true,
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
};

/// Applies a change if the policy is as the change says it was. No conditional write is used: of these services, only
/// DynamoDB has one.
fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let asked = || format!("the function for resource policies was asked to {change}");
        let Change::Policy(change) = change else { bail!(asked()) };
        let kind = KINDS.iter().find(|kind| kind.word == change.of.word()).with_context(asked)?;
        (kind.apply)(place, change).await
    }
    .boxed()
}

fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    match KINDS.iter().find(|kind| kind.word == subject.kind) {
        Some(kind) => (kind.tags)(look, subject),
        None => async { Ok(BTreeMap::new()) }.boxed(),
    }
}
