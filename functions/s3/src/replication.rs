//! The replication of a bucket as Snapback keeps it and as S3's SDK has it, both ways and without loss.

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::types;
use snapback::change::{Replication, ReplicationDestination, ReplicationFilter, ReplicationRule, ReplicationTime};

/// The elements of the answer that the SDK reads. Any other it drops.
pub(crate) const KNOWN: [&str; 30] = [
    "ReplicationConfiguration",
    "Role",
    "Rule",
    "ID",
    "Priority",
    "Prefix",
    "Filter",
    "And",
    "Tag",
    "Key",
    "Value",
    "Status",
    "SourceSelectionCriteria",
    "SseKmsEncryptedObjects",
    "ReplicaModifications",
    "ExistingObjectReplication",
    "DeleteMarkerReplication",
    "Destination",
    "Bucket",
    "Account",
    "StorageClass",
    "AccessControlTranslation",
    "Owner",
    "EncryptionConfiguration",
    "ReplicaKmsKeyID",
    "ReplicationTime",
    "Time",
    "Minutes",
    "Metrics",
    "EventThreshold",
];

/// # Errors
/// When there is something in it that Snapback could not write back.
pub(crate) fn of_sdk(all: &types::ReplicationConfiguration) -> Result<Replication> {
    let rules = all.rules.iter().map(rule_of_sdk).collect::<Result<_>>()?;
    let kept = Replication { role: all.role.clone(), rules };
    ensure!(to_sdk(&kept)? == *all, "it has a form that is not known");
    Ok(kept)
}

fn rule_of_sdk(rule: &types::ReplicationRule) -> Result<ReplicationRule> {
    #[expect(deprecated, reason = "rules of an older form have a prefix in place of the filter")]
    let prefix = rule.prefix.clone();
    let selected = rule.source_selection_criteria.as_ref();
    let kms_objects = selected.and_then(|of| of.sse_kms_encrypted_objects.as_ref());
    let replica_modifications = selected.and_then(|of| of.replica_modifications.as_ref());
    let delete_markers = rule.delete_marker_replication.as_ref().and_then(|of| of.status.as_ref());
    let destination = rule.destination.as_ref().context("a rule has no destination")?;
    Ok(ReplicationRule {
        id: rule.id.clone(),
        priority: rule.priority,
        prefix,
        filter: rule.filter.as_ref().map(filter_of_sdk),
        status: rule.status.as_str().to_owned(),
        kms_objects: kms_objects.map(|of| of.status.as_str().to_owned()),
        replica_modifications: replica_modifications.map(|of| of.status.as_str().to_owned()),
        existing_objects: rule.existing_object_replication.as_ref().map(|of| of.status.as_str().to_owned()),
        delete_markers: delete_markers.map(|status| status.as_str().to_owned()),
        destination: destination_of_sdk(destination),
    })
}

fn filter_of_sdk(filter: &types::ReplicationRuleFilter) -> ReplicationFilter {
    let named = |tag: &types::Tag| (tag.key.clone(), tag.value.clone());
    match &filter.and {
        Some(and) => ReplicationFilter {
            is_and: true,
            prefix: and.prefix.clone(),
            tags: and.tags.iter().flatten().map(named).collect(),
        },
        None => ReplicationFilter {
            is_and: false,
            prefix: filter.prefix.clone(),
            tags: filter.tag.iter().map(named).collect(),
        },
    }
}

fn destination_of_sdk(of: &types::Destination) -> ReplicationDestination {
    let minutes = |of: Option<&types::ReplicationTimeValue>| of.and_then(|of| of.minutes);
    ReplicationDestination {
        bucket: of.bucket.clone(),
        account: of.account.clone(),
        storage_class: of.storage_class.as_ref().map(|class| class.as_str().to_owned()),
        owner: of.access_control_translation.as_ref().map(|of| of.owner.as_str().to_owned()),
        kms_key: of.encryption_configuration.as_ref().and_then(|of| of.replica_kms_key_id.clone()),
        time: of
            .replication_time
            .as_ref()
            .map(|of| ReplicationTime { status: of.status.as_str().to_owned(), minutes: minutes(of.time.as_ref()) }),
        metrics: of.metrics.as_ref().map(|of| ReplicationTime {
            status: of.status.as_str().to_owned(),
            minutes: minutes(of.event_threshold.as_ref()),
        }),
    }
}

pub(crate) fn to_sdk(all: &Replication) -> Result<types::ReplicationConfiguration> {
    let rules = all.rules.iter().map(rule_to_sdk).collect::<Result<Vec<_>>>()?;
    let builder = types::ReplicationConfiguration::builder().role(&all.role).set_rules(Some(rules));
    builder.build().context("replication lacks its role")
}

fn rule_to_sdk(rule: &ReplicationRule) -> Result<types::ReplicationRule> {
    let existing = rule.existing_objects.as_deref();
    let existing = existing.map(|status| types::ExistingObjectReplication::builder().status(status.into()).build());
    let delete_markers = rule.delete_markers.as_deref();
    let delete_markers =
        delete_markers.map(|status| types::DeleteMarkerReplication::builder().status(status.into()).build());
    let builder = types::ReplicationRule::builder()
        .set_id(rule.id.clone())
        .set_priority(rule.priority)
        .set_filter(rule.filter.as_ref().map(filter_to_sdk).transpose()?)
        .status(rule.status.as_str().into())
        .set_source_selection_criteria(selection_to_sdk(rule)?)
        .set_existing_object_replication(existing.transpose()?)
        .set_delete_marker_replication(delete_markers)
        .destination(destination_to_sdk(&rule.destination)?);
    #[expect(deprecated, reason = "rules of an older form have a prefix in place of the filter")]
    let builder = builder.set_prefix(rule.prefix.clone());
    builder.build().context("a rule lacks its status")
}

fn selection_to_sdk(rule: &ReplicationRule) -> Result<Option<types::SourceSelectionCriteria>> {
    let (kms, replicas) = (rule.kms_objects.as_deref(), rule.replica_modifications.as_deref());
    if kms.is_none() && replicas.is_none() {
        return Ok(None);
    }
    let kms = kms.map(|status| types::SseKmsEncryptedObjects::builder().status(status.into()).build());
    let replicas = replicas.map(|status| types::ReplicaModifications::builder().status(status.into()).build());
    let builder = types::SourceSelectionCriteria::builder()
        .set_sse_kms_encrypted_objects(kms.transpose()?)
        .set_replica_modifications(replicas.transpose()?);
    Ok(Some(builder.build()))
}

fn filter_to_sdk(filter: &ReplicationFilter) -> Result<types::ReplicationRuleFilter> {
    let tag = |(key, value): &(String, String)| types::Tag::builder().key(key).value(value).build();
    let tags = filter.tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let (builder, prefix) = (types::ReplicationRuleFilter::builder(), filter.prefix.clone());
    if filter.is_and {
        // S3 knows no empty list.
        let tags = (!tags.is_empty()).then_some(tags);
        let and = types::ReplicationRuleAndOperator::builder().set_prefix(prefix).set_tags(tags);
        return Ok(builder.and(and.build()).build());
    }
    Ok(builder.set_prefix(prefix).set_tag(tags.into_iter().next()).build())
}

fn destination_to_sdk(of: &ReplicationDestination) -> Result<types::Destination> {
    let owner = of.owner.as_deref();
    let owner = owner.map(|owner| types::AccessControlTranslation::builder().owner(owner.into()).build());
    let key = of.kms_key.as_ref();
    let minutes = |of: &ReplicationTime| {
        of.minutes.map(|minutes| types::ReplicationTimeValue::builder().minutes(minutes).build())
    };
    let time = of
        .time
        .as_ref()
        .map(|of| types::ReplicationTime::builder().status(of.status.as_str().into()).set_time(minutes(of)).build());
    let metrics = of
        .metrics
        .as_ref()
        .map(|of| types::Metrics::builder().status(of.status.as_str().into()).set_event_threshold(minutes(of)).build());
    let builder = types::Destination::builder()
        .bucket(&of.bucket)
        .set_account(of.account.clone())
        .set_storage_class(of.storage_class.as_deref().map(Into::into))
        .set_access_control_translation(owner.transpose()?)
        .set_encryption_configuration(
            key.map(|key| types::EncryptionConfiguration::builder().replica_kms_key_id(key).build()),
        )
        .set_replication_time(time.transpose()?)
        .set_metrics(metrics.transpose()?);
    builder.build().context("a destination lacks its bucket")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[a-z/]{0,8}")
    }

    fn status() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["Enabled", "Disabled", "OfTomorrow"]).prop_map(str::to_owned)
    }

    fn time() -> impl Strategy<Value = Option<ReplicationTime>> {
        let time = (status(), prop::option::of(0..60));
        prop::option::of(time.prop_map(|(status, minutes)| ReplicationTime { status, minutes }))
    }

    fn filter() -> impl Strategy<Value = ReplicationFilter> {
        let tags = prop::collection::vec(("[a-z]{1,4}", "[a-z]{0,4}"), 0..3);
        (any::<bool>(), text(), tags).prop_map(|(is_and, prefix, mut tags)| {
            tags.truncate(if is_and { 3 } else { 1 });
            ReplicationFilter { is_and, prefix, tags }
        })
    }

    fn destination() -> impl Strategy<Value = ReplicationDestination> {
        (text(), text(), text(), text(), text(), time(), time()).prop_map(
            |(bucket, account, storage_class, owner, kms_key, time, metrics)| ReplicationDestination {
                bucket: bucket.unwrap_or_default(),
                account,
                storage_class,
                owner,
                kms_key,
                time,
                metrics,
            },
        )
    }

    fn rule() -> impl Strategy<Value = ReplicationRule> {
        let statuses = prop::array::uniform4(prop::option::of(status()));
        (text(), prop::option::of(0..9), text(), prop::option::of(filter()), status(), statuses, destination())
            .prop_map(|(id, priority, prefix, filter, status, statuses, destination)| {
                let [kms_objects, replica_modifications, existing_objects, delete_markers] = statuses;
                ReplicationRule {
                    id,
                    priority,
                    prefix,
                    filter,
                    status,
                    kms_objects,
                    replica_modifications,
                    existing_objects,
                    delete_markers,
                    destination,
                }
            })
    }

    proptest! {
        #[test]
        fn nothing_of_a_replication_is_lost(rules in prop::collection::vec(rule(), 0..3), role in "[a-z]{0,8}") {
            let all = Replication { role, rules };
            prop_assert_eq!(of_sdk(&to_sdk(&all).expect("one of the SDK")).expect("a replication"), all.clone());
            let journaled = serde_json::to_string(&all).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Replication>(&journaled).expect("a replication"), all);
        }
    }

    #[test]
    fn what_could_not_be_written_back_is_an_error() {
        let destination = types::Destination::builder().bucket("arn:aws:s3:::c").build().expect("a destination");
        let rule = types::ReplicationRule::builder().status("Enabled".into()).destination(destination);
        let all = |rule: types::builders::ReplicationRuleBuilder| {
            let rule = rule.build().expect("a rule");
            of_sdk(&types::ReplicationConfiguration::builder().role("r").rules(rule).build().expect("a replication"))
        };
        assert!(all(rule.clone()).is_ok());
        let empty = types::SourceSelectionCriteria::builder().build();
        assert!(all(rule.clone().source_selection_criteria(empty)).is_err());
        let silent = types::DeleteMarkerReplication::builder().build();
        assert!(all(rule.clone().delete_marker_replication(silent)).is_err());
        assert!(all(rule.set_destination(None)).is_err());
    }
}
