//! Managed prefix lists: whose they are, and what they hold.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{AddPrefixListEntry, ManagedPrefixList, PrefixListEntry, RemovePrefixListEntry};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{self, Applied, Edit, Live, PrefixEntry, Swap};
use snapback::network;
use snapback::place::Place;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PrefixList {
    /// An account id, or `AWS`.
    pub(crate) owner: String,
    pub(crate) ranges: Vec<IpNet>,
}

/// Nothing if it is not there for us to see.
pub(crate) async fn read(place: &Place, id: &str) -> Result<Option<PrefixList>> {
    let list = described(place, id, |list| list.owner_id).await?;
    Ok(list.and_then(|(owner, entries)| {
        let ranges = entries.iter().map(|entry| network::range(entry.cidr()?)).collect::<Option<_>>()?;
        Some(PrefixList { owner, ranges })
    }))
}

/// Its version and its entries; nothing if it is gone.
pub(crate) async fn entries(place: &Place, id: &str) -> Result<Option<(i64, Vec<PrefixEntry>)>> {
    let entry = |entry: PrefixListEntry| {
        let description = entry.description.filter(|text| !text.is_empty());
        Some(PrefixEntry { cidr: entry.cidr?, description })
    };
    let list = described(place, id, |list| list.version).await?;
    Ok(list.map(|(version, entries)| (version, entries.into_iter().filter_map(entry).collect())))
}

/// What is asked for of a list, and its entries.
async fn described<T>(
    place: &Place,
    id: &str,
    wanted: fn(ManagedPrefixList) -> Option<T>,
) -> Result<Option<(T, Vec<PrefixListEntry>)>> {
    let (gone, doing) = (["InvalidPrefixListID.NotFound"], || format!("reading prefix list `{id}`"));
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let answer = client.describe_managed_prefix_lists().prefix_list_ids(id).send().await;
    let lists = unless_gone(answer, &gone, doing)?.and_then(|answer| answer.prefix_lists).unwrap_or_default();
    let Some(wanted) = lists.into_iter().find_map(wanted) else { return Ok(None) };
    let entries = client.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().items().send();
    let entries = unless_gone(entries.try_collect().await, &gone, doing)?;
    Ok(entries.map(|entries| (wanted, entries)))
}

pub(super) async fn change(place: &Place, change: &Swap<change::PrefixList, Vec<PrefixEntry>>) -> Result<Applied> {
    let (of, version) = (&change.of, AtomicI64::new(0));
    let read = || async {
        let found = entries(place, &of.0).await?;
        let live = found.map(|(read, live)| {
            version.store(read, Ordering::Relaxed);
            live
        });
        Ok(Live::or(live, || format!("{of} is gone")))
    };
    change.edit(read, async |edit| write(place, of, version.load(Ordering::Relaxed), edit).await).await
}

/// EC2 takes the change only if nobody has changed the list since it was read.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html>
async fn write(place: &Place, of: &change::PrefixList, version: i64, edit: Edit<PrefixEntry>) -> Result<Applied> {
    let remove = edit.remove.into_iter().map(|entry| RemovePrefixListEntry::builder().cidr(entry.cidr).build());
    let add = edit
        .add
        .into_iter()
        .map(|entry| AddPrefixListEntry::builder().cidr(entry.cidr).set_description(entry.description).build());
    let (remove, add): (Vec<_>, Vec<_>) = (remove.collect(), add.collect());
    let call = snapback::client!(aws_sdk_ec2, &place.config)
        .modify_managed_prefix_list()
        .prefix_list_id(&of.0)
        .current_version(version);
    let call = call.set_remove_entries(Some(remove).filter(|some| !some.is_empty()));
    let call = call.set_add_entries(Some(add).filter(|some| !some.is_empty()));
    call.send().await.map(|_| Applied::done()).map_err(failure).with_context(|| format!("changing {of}"))
}
