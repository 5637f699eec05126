//! Every call to AWS that the controls of keys make.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_kms::types::{GrantConstraints, GrantListEntry, GrantOperation, KeyManagerType};
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use snapback::aws::{failure, is_denied, unless_gone};
use snapback::change::{Applied, Change, Holder, Key, KeyGrant, KeyState, Kms, Live, PolicyChange, Rotation, Swap};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::policy::PolicyText;
use snapback::subject::Subject;

use crate::{rights, told};

/// With which KMS says that there is no such key, or grant.
const GONE: &[&str] = &["NotFoundException"];

/// With which KMS says that a key of its kind is never rotated, or not while its deletion is scheduled.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html>
const NEVER_ROTATED: &[&str] = &["NotFoundException", "UnsupportedOperationException", "KMSInvalidStateException"];

/// The one policy that a key has.
const DEFAULT: &str = "default";

/// All keys of the account in this Region, AWS's own among them.
pub(crate) const KEYS: Survey = Survey {
    list: |look, event| {
        async move {
            let pages = snapback::client!(aws_sdk_kms, &look.place.config).list_keys().into_paginator();
            let keys = pages.items().send().collect::<Result<Vec<_>, _>>().await;
            let keys = keys.map_err(|error| failure(error).context("listing the keys"))?;
            Ok(keys.iter().filter_map(|key| Some(told::key(event, key.key_id()?))).collect())
        }
        .boxed()
    },
    needs: &[rights::LIST_KEYS],
};

/// The policy of a key; nothing if the key is gone.
pub(crate) async fn policy(place: &Place, key: &str) -> Result<Option<PolicyText>> {
    let call = snapback::client!(aws_sdk_kms, &place.config).get_key_policy().key_id(key).policy_name(DEFAULT);
    let answer = unless_gone(call.send().await, GONE, || format!("reading the policy of key `{key}`"))?;
    Ok(answer.and_then(|answer| answer.policy).map(PolicyText::from))
}

/// The state of a key of the account's own, in AWS's words; nothing if it is gone, or is AWS's.
pub(crate) async fn state(place: &Place, key: &str) -> Result<Option<String>> {
    let answer = snapback::client!(aws_sdk_kms, &place.config).describe_key().key_id(key).send().await;
    let found = unless_gone(answer, GONE, || format!("reading key `{key}`"))?.and_then(|answer| answer.key_metadata);
    let own = found.filter(|key| key.key_manager != Some(KeyManagerType::Aws));
    // That of a key with replicas is deleted once they are.
    let state = own.and_then(|key| key.key_state).map(|state| match state.as_str() {
        "PendingReplicaDeletion" => PENDING_DELETION.to_owned(),
        other => other.to_owned(),
    });
    Ok(state)
}

pub(crate) const PENDING_DELETION: &str = "PendingDeletion";

/// Nothing in a scheduled check, where a key's policy does not let it be read: it may keep the key from everybody but those whom
/// it names, and there is nothing to be done about that.
pub(crate) async fn unless_kept_from_iam<T>(
    read: impl Future<Output = Result<Option<T>>>,
    event: &Event,
) -> Result<Option<T>> {
    read.await.or_else(|error| if event.is_look() && is_denied(&error) { Ok(None) } else { Err(error) })
}

/// How a key is rotated; nothing if it is gone, or is of a kind that never is.
pub(crate) async fn rotation(place: &Place, key: &str) -> Result<Option<Rotation>> {
    let answer = snapback::client!(aws_sdk_kms, &place.config).get_key_rotation_status().key_id(key).send().await;
    let answer = unless_gone(answer, NEVER_ROTATED, || format!("reading the rotation of key `{key}`"))?;
    Ok(answer.map(|answer| Rotation {
        days: answer.key_rotation_enabled.then(|| answer.rotation_period_in_days.unwrap_or(EVERY_YEAR)),
    }))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html>
const EVERY_YEAR: i32 = 365;

/// A grant by its id; nothing if it, or its key, is gone.
pub(crate) async fn grant(place: &Place, key: &str, id: &str) -> Result<Option<KeyGrant>> {
    let call = snapback::client!(aws_sdk_kms, &place.config).list_grants().key_id(key).grant_id(id);
    let answer = unless_gone(call.send().await, GONE_GRANT, || format!("reading grant `{id}` of key `{key}`"))?;
    let listed = answer.and_then(|answer| answer.grants).unwrap_or_default();
    Ok(listed.into_iter().map(of_sdk).find(|grant| grant.id == id))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ListGrants.html>
const GONE_GRANT: &[&str] = &["NotFoundException", "InvalidGrantIdException"];

fn of_sdk(found: GrantListEntry) -> KeyGrant {
    let there = |text: Option<String>| text.filter(|text| !text.is_empty());
    let constraints = found.constraints;
    let sorted = |context: Option<std::collections::HashMap<_, _>>| context.unwrap_or_default().into_iter().collect();
    KeyGrant {
        id: found.grant_id.unwrap_or_default(),
        name: there(found.name),
        grantee: found.grantee_principal.unwrap_or_default(),
        retiring: there(found.retiring_principal),
        operations: found.operations.iter().flatten().map(|operation| operation.as_str().to_owned()).collect(),
        context_equals: sorted(constraints.as_ref().and_then(|all| all.encryption_context_equals.clone())),
        context_subset: sorted(constraints.as_ref().and_then(|all| all.encryption_context_subset.clone())),
        source: constraints.and_then(|all| all.source_arn),
    }
}

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Policy(change @ PolicyChange { of: Holder::Resource { word, id: key }, .. })
                if word == told::KEY =>
            {
                put_policy(place, key, change).await
            }
            Change::Kms(Kms::State(change)) => put_state(place, change).await,
            Change::Kms(Kms::Rotation(change)) => put_rotation(place, change).await,
            Change::Kms(Kms::Grants(change)) => edit_grants(place, change).await,
            _ => bail!("the function for keys was asked to {change}"),
        }
    }
    .boxed()
}

async fn put_policy(place: &Place, key: &str, change: &PolicyChange) -> Result<Applied> {
    let write = async |to: &Option<PolicyText>| {
        let text = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        let client = snapback::client!(aws_sdk_kms, &place.config);
        let call = client.put_key_policy().key_id(key).policy_name(DEFAULT).policy(text);
        let call = call.bypass_policy_lockout_safety_check(false);
        call.send()
            .await
            .map(drop)
            .map_err(|error| failure(error).context(format!("writing the policy of key `{key}`")))
    };
    change.put(policy(place, key).map_ok(Live::Is), write).await
}

async fn put_state(place: &Place, change: &Swap<Key, KeyState>) -> Result<Applied> {
    let key = change.of.0.as_str();
    let read = async {
        let Some(found) = state(place, key).await? else { return Ok(Live::Cannot(format!("{} is gone", change.of))) };
        // KMS does not say for how many days its deletion was scheduled.
        let expected = [change.from, change.to].into_iter().find(|expected| expected.name() == found);
        Ok(Live::or(expected, || found))
    };
    let write = async |to: &KeyState| {
        let client = snapback::client!(aws_sdk_kms, &place.config);
        let was_to_be_deleted = matches!(change.from, KeyState::PendingDeletion { .. });
        if was_to_be_deleted {
            client.cancel_key_deletion().key_id(key).send().await.map_err(failure)?;
        }
        match to {
            KeyState::Enabled => client.enable_key().key_id(key).send().await.map(drop).map_err(failure),
            // Cancelling the deletion has left it disabled.
            KeyState::Disabled if was_to_be_deleted => Ok(()),
            KeyState::Disabled => client.disable_key().key_id(key).send().await.map(drop).map_err(failure),
            KeyState::PendingDeletion { days } => {
                let call = client.schedule_key_deletion().key_id(key).pending_window_in_days(*days);
                call.send().await.map(drop).map_err(failure)
            }
        }
    };
    change.put(read, write).await.with_context(|| format!("writing the state of {}", change.of))
}

async fn put_rotation(place: &Place, change: &Swap<Key, Rotation>) -> Result<Applied> {
    let key = change.of.0.as_str();
    let read = async { Ok(Live::or(rotation(place, key).await?, || format!("{} is never rotated", change.of))) };
    let write = async |to: &Rotation| {
        let client = snapback::client!(aws_sdk_kms, &place.config);
        match to.days {
            Some(days) => {
                let call = client.enable_key_rotation().key_id(key).rotation_period_in_days(days);
                call.send().await.map(drop).map_err(failure)
            }
            None => client.disable_key_rotation().key_id(key).send().await.map(drop).map_err(failure),
        }
    };
    change.put(read, write).await.with_context(|| format!("writing the rotation of {}", change.of))
}

async fn edit_grants(place: &Place, change: &Swap<Key, Vec<KeyGrant>>) -> Result<Applied> {
    let key = change.of.0.as_str();
    let read = || async {
        let mut live = vec![];
        for grant in change.from.iter().chain(&change.to) {
            live.extend(grant_like(place, key, grant).await?);
        }
        Ok(Live::Is(live))
    };
    let applied = change.edit(read, async |edit| {
        let client = snapback::client!(aws_sdk_kms, &place.config);
        let mut made = BTreeMap::new();
        for grant in edit.remove {
            client.revoke_grant().key_id(key).grant_id(&grant.id).send().await.map_err(failure)?;
        }
        for grant in edit.add {
            let call = client.create_grant().key_id(key).grantee_principal(&grant.grantee);
            let call = call.set_retiring_principal(grant.retiring.clone()).set_name(grant.name.clone());
            let operations = grant.operations.iter().map(|one| GrantOperation::from(one.as_str())).collect();
            let call = call.set_operations(Some(operations)).set_constraints(constraints(&grant));
            let answer = call.send().await.map_err(failure)?;
            made.extend(answer.grant_id.map(|id| (grant.id.clone(), id)));
        }
        Ok(Applied::Done { made })
    });
    applied.await.with_context(|| format!("writing the grants of {}", change.of))
}

fn constraints(grant: &KeyGrant) -> Option<GrantConstraints> {
    let context = |context: &BTreeMap<String, String>| {
        (!context.is_empty()).then(|| context.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    let (equals, subset) = (context(&grant.context_equals), context(&grant.context_subset));
    let is_any = equals.is_some() || subset.is_some() || grant.source.is_some();
    let constraints = GrantConstraints::builder().set_encryption_context_equals(equals);
    let constraints = constraints.set_encryption_context_subset(subset).set_source_arn(grant.source.clone());
    is_any.then(|| constraints.build())
}

/// The grant by its id, or else one that says the same: a grant that an undo has given anew has another id.
async fn grant_like(place: &Place, key: &str, like: &KeyGrant) -> Result<Option<KeyGrant>> {
    use snapback::change::Member;
    if let Some(found) = grant(place, key, &like.id).await? {
        return Ok(Some(found));
    }
    let call = snapback::client!(aws_sdk_kms, &place.config).list_grants().key_id(key);
    let call = call.grantee_principal(&like.grantee).into_paginator().items().send();
    let listed = call.collect::<Result<Vec<_>, _>>().await.map_err(failure)?;
    Ok(listed.into_iter().map(of_sdk).find(|found| found.same(like)))
}

/// The tags of a key; one that is gone has none.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        let Some(key) = told::key_of(subject) else { return Ok(BTreeMap::new()) };
        let answer = snapback::client!(aws_sdk_kms, &look.place.config).list_resource_tags().key_id(key).send().await;
        let answer = unless_gone(answer, GONE, || format!("reading the tags of key `{key}`"))?;
        let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
    }
    .boxed()
}
