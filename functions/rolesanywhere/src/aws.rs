//! Every call to AWS that the controls of Roles Anywhere make.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_rolesanywhere::primitives::DateTime;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{AnywhereKind, AnywhereResource, AnywhereStatus, Applied, Change, Live, RolesAnywhere, Swap};
use snapback::control::Look;
use snapback::place::Place;
use snapback::subject::Subject;

/// With which Roles Anywhere says that there is no such thing.
const GONE: &[&str] = &["ResourceNotFoundException"];

/// A trust anchor or a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub name: String,
    pub status: AnywhereStatus,
    pub created: Option<Timestamp>,
}

/// A trust anchor or a profile as it is; nothing if it is gone.
pub(crate) async fn read(place: &Place, of: &AnywhereResource) -> Result<Option<Found>> {
    let (client, doing) = (snapback::client!(aws_sdk_rolesanywhere, &place.config), || format!("reading {of}"));
    let found = match of.kind {
        AnywhereKind::TrustAnchor => {
            let answer = client.get_trust_anchor().trust_anchor_id(&of.id).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.trust_anchor);
            found.map(|anchor| (anchor.name, anchor.enabled, anchor.created_at))
        }
        AnywhereKind::Profile => {
            let answer = client.get_profile().profile_id(&of.id).send().await;
            let found = unless_gone(answer, GONE, doing)?.and_then(|answer| answer.profile);
            found.map(|profile| (profile.name, profile.enabled, profile.created_at))
        }
    };
    let time = |at: DateTime| Timestamp::from_second(at.secs()).ok();
    Ok(found.map(|(name, enabled, created)| Found {
        name: name.unwrap_or_default(),
        status: if enabled == Some(true) { AnywhereStatus::Enabled } else { AnywhereStatus::Disabled },
        created: created.and_then(time),
    }))
}

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::RolesAnywhere(RolesAnywhere::Status(change)) = change else {
            bail!("the function for Roles Anywhere was asked to {change}")
        };
        switch(place, change).await
    }
    .boxed()
}

async fn switch(place: &Place, change: &Swap<AnywhereResource, AnywhereStatus>) -> Result<Applied> {
    let of = &change.of;
    let read = async { Ok(Live::or(read(place, of).await?.map(|found| found.status), || format!("{of} is gone"))) };
    let write = async |to: &AnywhereStatus| {
        let (client, id) = (snapback::client!(aws_sdk_rolesanywhere, &place.config), &of.id);
        match (of.kind, to) {
            (AnywhereKind::TrustAnchor, AnywhereStatus::Disabled) => {
                client.disable_trust_anchor().trust_anchor_id(id).send().await.map(drop).map_err(failure)
            }
            (AnywhereKind::TrustAnchor, AnywhereStatus::Enabled) => {
                client.enable_trust_anchor().trust_anchor_id(id).send().await.map(drop).map_err(failure)
            }
            (AnywhereKind::Profile, AnywhereStatus::Disabled) => {
                client.disable_profile().profile_id(id).send().await.map(drop).map_err(failure)
            }
            (AnywhereKind::Profile, AnywhereStatus::Enabled) => {
                client.enable_profile().profile_id(id).send().await.map(drop).map_err(failure)
            }
        }
    };
    change.put(read, write).await.with_context(|| format!("writing whether {of} is enabled"))
}

/// The tags of a trust anchor or a profile; one that is gone has none.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        if !subject.arn.contains(":rolesanywhere:") {
            return Ok(BTreeMap::new());
        }
        let client = snapback::client!(aws_sdk_rolesanywhere, &look.place.config);
        let answer = client.list_tags_for_resource().resource_arn(&subject.arn).send().await;
        let answer = unless_gone(answer, GONE, || format!("reading the tags of {} `{}`", subject.kind, subject.name))?;
        let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
    .boxed()
}
