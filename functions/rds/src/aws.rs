//! Every call to AWS that the controls of databases make.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbCluster, DbInstance};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{
    Applied, BackupDays, Change, Database, DatabaseAddress, DatabaseKind, DatabaseSnapshot, DeletionProtection, Edit,
    Live, Rds, SharedWith, Swap,
};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::subject::Subject;

use crate::{rights, told};

/// With which RDS says that there is no such thing: of clusters, its codes end in `Fault`.
const GONE: &[&str] =
    &["DBInstanceNotFound", "DBClusterNotFoundFault", "DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault"];

/// The one attribute that a snapshot has.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBSnapshotAttribute.html>
pub(crate) const RESTORE: &str = "restore";
const EVERYONE: &str = "all";

/// The account's own snapshots that can be shared: those that RDS makes by itself cannot.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html>
pub(crate) const SNAPSHOTS: Survey = Survey {
    list: |look, event| {
        async move {
            let client = client(look.place);
            let instances = client.describe_db_snapshots().snapshot_type(MANUAL).into_paginator().items().send();
            let clusters = client.describe_db_cluster_snapshots().snapshot_type(MANUAL).into_paginator().items().send();
            let failed = |error: anyhow::Error| error.context("listing the snapshots of databases");
            let (instances, clusters) = futures::join!(instances.try_collect(), clusters.try_collect());
            let instances: Vec<_> = instances.map_err(|error| failed(failure(error)))?;
            let clusters: Vec<_> = clusters.map_err(|error| failed(failure(error)))?;
            let subject = |kind, id| told::of_snapshot(event, &DatabaseSnapshot { kind, id });
            let instances = instances.into_iter().filter_map(|one| one.db_snapshot_identifier);
            let clusters = clusters.into_iter().filter_map(|one| one.db_cluster_snapshot_identifier);
            let instances = instances.map(|id| subject(DatabaseKind::Instance, id));
            Ok(instances.chain(clusters.map(|id| subject(DatabaseKind::Cluster, id))).collect())
        }
        .boxed()
    },
    needs: &[rights::DESCRIBE_SNAPSHOTS, rights::DESCRIBE_CLUSTER_SNAPSHOTS],
};

const MANUAL: &str = "manual";

pub(crate) const INSTANCES: Survey = Survey {
    list: |look, event| {
        async move {
            let found = client(look.place).describe_db_instances().into_paginator().items().send();
            let found: Vec<_> =
                found.try_collect().await.map_err(|error| failure(error).context("listing the database instances"))?;
            Ok(found.into_iter().filter_map(|one| Some(subject(event, one.db_instance_identifier?))).collect())
        }
        .boxed()
    },
    needs: &[rights::DESCRIBE_INSTANCES],
};

fn subject(event: &Event, id: String) -> Subject {
    told::of_database(event, &Database { kind: DatabaseKind::Instance, id })
}

/// What is guarded of a database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub of: Database,
    /// Nothing of a cluster, whose instances have addresses.
    pub address: Option<DatabaseAddress>,
    pub deletion_protection: DeletionProtection,
    /// Also what waits for a maintenance window.
    pub backups: BackupDays,
}

/// A database by what the event calls it, or by the name that the same call has given it; nothing if it is gone.
pub(crate) async fn named_by(place: &Place, event: &Event, subject: &Subject) -> Result<Option<Found>> {
    for of in told::database_of(subject).into_iter().chain(told::renamed(event)) {
        if let Some(found) = database(place, &of).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn database(place: &Place, of: &Database) -> Result<Option<Found>> {
    let doing = || format!("reading {of}");
    Ok(match of.kind {
        DatabaseKind::Instance => {
            let answer = client(place).describe_db_instances().db_instance_identifier(&of.id).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.db_instances);
            found.unwrap_or_default().into_iter().next().map(|found| found_instance(of, &found))
        }
        DatabaseKind::Cluster => {
            let answer = client(place).describe_db_clusters().db_cluster_identifier(&of.id).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.db_clusters);
            found.unwrap_or_default().into_iter().next().map(|found| found_cluster(of, &found))
        }
    })
}

fn found_instance(of: &Database, found: &DbInstance) -> Found {
    let is_public = found.publicly_accessible == Some(true);
    let pending = found.pending_modified_values.as_ref().and_then(|pending| pending.backup_retention_period);
    Found {
        of: of.clone(),
        address: Some(if is_public { DatabaseAddress::Public } else { DatabaseAddress::Private }),
        deletion_protection: DeletionProtection(found.deletion_protection == Some(true)),
        backups: BackupDays(pending.or(found.backup_retention_period).unwrap_or_default()),
    }
}

fn found_cluster(of: &Database, found: &DbCluster) -> Found {
    let pending = found.pending_modified_values.as_ref().and_then(|pending| pending.backup_retention_period);
    Found {
        of: of.clone(),
        address: None,
        deletion_protection: DeletionProtection(found.deletion_protection == Some(true)),
        backups: BackupDays(pending.or(found.backup_retention_period).unwrap_or_default()),
    }
}

/// With whom a snapshot is shared; nothing if it is gone.
pub(crate) async fn shared_with(place: &Place, of: &DatabaseSnapshot) -> Result<Option<Vec<SharedWith>>> {
    let doing = || format!("reading with whom {of} is shared");
    let values = match of.kind {
        DatabaseKind::Instance => {
            let answer = client(place).describe_db_snapshot_attributes().db_snapshot_identifier(&of.id).send().await;
            let Some(answer) = unless_gone(answer, GONE, doing)? else { return Ok(None) };
            let found = answer.db_snapshot_attributes_result.and_then(|found| found.db_snapshot_attributes);
            let mut found = found.unwrap_or_default().into_iter();
            found.find(|one| one.attribute_name() == Some(RESTORE)).and_then(|one| one.attribute_values)
        }
        DatabaseKind::Cluster => {
            let call = client(place).describe_db_cluster_snapshot_attributes().db_cluster_snapshot_identifier(&of.id);
            let Some(answer) = unless_gone(call.send().await, GONE, doing)? else { return Ok(None) };
            let found = answer.db_cluster_snapshot_attributes_result;
            let mut found =
                found.and_then(|found| found.db_cluster_snapshot_attributes).unwrap_or_default().into_iter();
            found.find(|one| one.attribute_name() == Some(RESTORE)).and_then(|one| one.attribute_values)
        }
    };
    Ok(Some(values.unwrap_or_default().iter().map(|value| grantee(value)).collect()))
}

/// Whom a value of the attribute stands for.
pub(crate) fn grantee(value: &str) -> SharedWith {
    if value == EVERYONE { SharedWith::Everyone } else { SharedWith::Account(value.to_owned()) }
}

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Rds(Rds::Sharing(change)) => share(place, change).await,
            Change::Rds(Rds::Address(change)) => {
                let modified = |to: &DatabaseAddress| Modified::Address(*to);
                put(place, change, |found| found.address, modified).await
            }
            Change::Rds(Rds::DeletionProtection(change)) => {
                let modified = |to: &DeletionProtection| Modified::DeletionProtection(*to);
                put(place, change, |found| Some(found.deletion_protection), modified).await
            }
            Change::Rds(Rds::Backups(change)) => {
                let modified = |to: &BackupDays| Modified::Backups(*to);
                put(place, change, |found| Some(found.backups), modified).await
            }
            _ => bail!("the function for databases was asked to {change}"),
        }
    }
    .boxed()
}

async fn share(place: &Place, change: &Swap<DatabaseSnapshot, Vec<SharedWith>>) -> Result<Applied> {
    let of = &change.of;
    let read = || async { Ok(Live::or(shared_with(place, of).await?, || format!("{of} is gone"))) };
    let write = async |Edit { remove, add, .. }: Edit<SharedWith>| {
        let client = client(place);
        match of.kind {
            DatabaseKind::Instance => {
                let call = client.modify_db_snapshot_attribute().db_snapshot_identifier(&of.id).attribute_name(RESTORE);
                let call = call.set_values_to_add(values(&add)).set_values_to_remove(values(&remove));
                call.send().await.map_err(failure)?;
            }
            DatabaseKind::Cluster => {
                let call = client.modify_db_cluster_snapshot_attribute().db_cluster_snapshot_identifier(&of.id);
                let call = call.attribute_name(RESTORE);
                let call = call.set_values_to_add(values(&add)).set_values_to_remove(values(&remove));
                call.send().await.map_err(failure)?;
            }
        }
        Ok(Applied::done())
    };
    change.edit(read, write).await.with_context(|| format!("changing with whom {of} is shared"))
}

/// A list that is not sent at all if there is nothing in it.
fn values(of: &[SharedWith]) -> Option<Vec<String>> {
    let value = |one: &SharedWith| match one {
        SharedWith::Account(id) => id.clone(),
        SharedWith::Everyone => EVERYONE.to_owned(),
        SharedWith::Organization(arn) | SharedWith::OrganizationalUnit(arn) | SharedWith::Principal(arn) => arn.clone(),
    };
    (!of.is_empty()).then(|| of.iter().map(value).collect())
}

/// What is written of a database.
enum Modified {
    Address(DatabaseAddress),
    DeletionProtection(DeletionProtection),
    Backups(BackupDays),
}

/// Nothing that waits for a maintenance window is applied with it: `ApplyImmediately` is never set.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ModifyInstance.ApplyImmediately.html>
async fn put<V: snapback::change::Setting>(
    place: &Place,
    change: &Swap<Database, V>,
    found: impl Fn(&Found) -> Option<V>,
    modified: impl Fn(&V) -> Modified,
) -> Result<Applied> {
    let of = &change.of;
    let read = async {
        let live = database(place, of).await?;
        Ok(Live::or(live.as_ref().and_then(found), || format!("{of} is gone")))
    };
    let write = async |to: &V| match of.kind {
        DatabaseKind::Instance => {
            let call = client(place).modify_db_instance().db_instance_identifier(&of.id);
            let call = match modified(to) {
                Modified::Address(to) => call.publicly_accessible(to == DatabaseAddress::Public),
                Modified::DeletionProtection(DeletionProtection(is_on)) => call.deletion_protection(is_on),
                Modified::Backups(BackupDays(days)) => call.backup_retention_period(days),
            };
            call.send().await.map(drop).map_err(failure)
        }
        DatabaseKind::Cluster => {
            let call = client(place).modify_db_cluster().db_cluster_identifier(&of.id);
            let call = match modified(to) {
                Modified::Address(_) => bail!("{of} has no address of its own"),
                Modified::DeletionProtection(DeletionProtection(is_on)) => call.deletion_protection(is_on),
                Modified::Backups(BackupDays(days)) => call.backup_retention_period(days),
            };
            call.send().await.map(drop).map_err(failure)
        }
    };
    change.put(read, write).await.with_context(|| format!("modifying {of}"))
}

/// The tags of a database or a snapshot; one that is gone has none.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        if !subject.arn.contains(":rds:") {
            return Ok(BTreeMap::new());
        }
        let answer = client(look.place).list_tags_for_resource().resource_name(&subject.arn).send().await;
        let answer = unless_gone(answer, GONE, || format!("reading the tags of {} `{}`", subject.kind, subject.name))?;
        let tags = answer.and_then(|answer| answer.tag_list).unwrap_or_default();
        Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect())
    }
    .boxed()
}

fn client(place: &Place) -> Client {
    snapback::client!(aws_sdk_rds, &place.config)
}
