//! The lifecycle of a bucket as Snapback keeps it and as S3's SDK has it, both ways and without loss.

use anyhow::{Context, Result};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types;
use snapback::change::{LifecycleExpiration, LifecycleFilter, LifecycleRule, LifecycleTransition, OlderVersions};

pub(crate) fn of_sdk(rule: types::LifecycleRule) -> Result<LifecycleRule> {
    // What the SDK has now, and S3 knows for new rules only as a part of the filter.
    #[expect(deprecated, reason = "rules of an older form have a prefix beside the filter")]
    let prefix = rule.prefix;
    Ok(LifecycleRule {
        id: rule.id,
        status: rule.status.as_str().to_owned(),
        prefix,
        filter: rule.filter.map(filter_of_sdk),
        expiration: rule.expiration.map(expiration_of_sdk).transpose()?,
        transitions: rule
            .transitions
            .unwrap_or_default()
            .into_iter()
            .map(|of| {
                Ok(LifecycleTransition {
                    days: of.days,
                    date: of.date.map(date_of_sdk).transpose()?,
                    storage_class: of.storage_class.map(|class| class.as_str().to_owned()),
                    newer_versions: None,
                })
            })
            .collect::<Result<_>>()?,
        older_transitions: rule
            .noncurrent_version_transitions
            .unwrap_or_default()
            .into_iter()
            .map(|of| LifecycleTransition {
                days: of.noncurrent_days,
                date: None,
                storage_class: of.storage_class.map(|class| class.as_str().to_owned()),
                newer_versions: of.newer_noncurrent_versions,
            })
            .collect(),
        older_expiration: rule
            .noncurrent_version_expiration
            .map(|of| OlderVersions { days: of.noncurrent_days, newer_versions: of.newer_noncurrent_versions }),
        aborts_uploads: rule.abort_incomplete_multipart_upload.and_then(|of| of.days_after_initiation),
    })
}

fn filter_of_sdk(filter: types::LifecycleRuleFilter) -> LifecycleFilter {
    let named = |tag: types::Tag| (tag.key, tag.value);
    match filter.and {
        Some(and) => LifecycleFilter {
            is_and: true,
            prefix: and.prefix,
            tags: and.tags.unwrap_or_default().into_iter().map(named).collect(),
            larger_than: and.object_size_greater_than,
            smaller_than: and.object_size_less_than,
        },
        None => LifecycleFilter {
            is_and: false,
            prefix: filter.prefix,
            tags: filter.tag.into_iter().map(named).collect(),
            larger_than: filter.object_size_greater_than,
            smaller_than: filter.object_size_less_than,
        },
    }
}

fn expiration_of_sdk(of: types::LifecycleExpiration) -> Result<LifecycleExpiration> {
    let date = of.date.map(date_of_sdk).transpose()?;
    Ok(LifecycleExpiration { days: of.days, date, delete_markers: of.expired_object_delete_marker })
}

fn date_of_sdk(date: DateTime) -> Result<String> {
    date.fmt(DateTimeFormat::DateTime).context("a rule has a date that cannot be written")
}

pub(crate) fn to_sdk(rule: &LifecycleRule) -> Result<types::LifecycleRule> {
    let builder = types::LifecycleRule::builder()
        .set_id(rule.id.clone())
        .status(rule.status.as_str().into())
        .set_filter(rule.filter.as_ref().map(filter_to_sdk).transpose()?)
        .set_expiration(rule.expiration.as_ref().map(expiration_to_sdk).transpose()?)
        .set_transitions(some(rule.transitions.iter().map(transition_to_sdk).collect::<Result<_>>()?))
        .set_noncurrent_version_transitions(some(rule.older_transitions.iter().map(older_transition_to_sdk).collect()))
        .set_noncurrent_version_expiration(rule.older_expiration.as_ref().map(|of| {
            types::NoncurrentVersionExpiration::builder()
                .set_noncurrent_days(of.days)
                .set_newer_noncurrent_versions(of.newer_versions)
                .build()
        }))
        .set_abort_incomplete_multipart_upload(
            rule.aborts_uploads
                .map(|days| types::AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build()),
        );
    #[expect(deprecated, reason = "rules of an older form have a prefix beside the filter")]
    let builder = builder.set_prefix(rule.prefix.clone());
    builder.build().context("a rule lacks its status")
}

/// S3 knows no empty list.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn filter_to_sdk(filter: &LifecycleFilter) -> Result<types::LifecycleRuleFilter> {
    let tag = |(key, value): &(String, String)| types::Tag::builder().key(key).value(value).build();
    let tags = filter.tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    let builder = types::LifecycleRuleFilter::builder();
    if filter.is_and {
        let and = types::LifecycleRuleAndOperator::builder()
            .set_prefix(filter.prefix.clone())
            .set_tags(some(tags))
            .set_object_size_greater_than(filter.larger_than)
            .set_object_size_less_than(filter.smaller_than);
        return Ok(builder.and(and.build()).build());
    }
    Ok(builder
        .set_prefix(filter.prefix.clone())
        .set_tag(tags.into_iter().next())
        .set_object_size_greater_than(filter.larger_than)
        .set_object_size_less_than(filter.smaller_than)
        .build())
}

fn expiration_to_sdk(of: &LifecycleExpiration) -> Result<types::LifecycleExpiration> {
    Ok(types::LifecycleExpiration::builder()
        .set_days(of.days)
        .set_date(date_to_sdk(of.date.as_deref())?)
        .set_expired_object_delete_marker(of.delete_markers)
        .build())
}

fn transition_to_sdk(of: &LifecycleTransition) -> Result<types::Transition> {
    Ok(types::Transition::builder()
        .set_days(of.days)
        .set_date(date_to_sdk(of.date.as_deref())?)
        .set_storage_class(of.storage_class.as_deref().map(Into::into))
        .build())
}

fn older_transition_to_sdk(of: &LifecycleTransition) -> types::NoncurrentVersionTransition {
    types::NoncurrentVersionTransition::builder()
        .set_noncurrent_days(of.days)
        .set_newer_noncurrent_versions(of.newer_versions)
        .set_storage_class(of.storage_class.as_deref().map(Into::into))
        .build()
}

fn date_to_sdk(date: Option<&str>) -> Result<Option<DateTime>> {
    let parse =
        |text| DateTime::from_str(text, DateTimeFormat::DateTime).with_context(|| format!("`{text}` is no date"));
    date.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = Option<i32>> {
        prop::option::of(0..4000)
    }

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[a-z/]{0,8}")
    }

    fn date() -> impl Strategy<Value = Option<String>> {
        prop::option::of(Just("2026-03-01T00:00:00Z".to_owned()))
    }

    fn filter() -> impl Strategy<Value = LifecycleFilter> {
        let size = || prop::option::of(0..1_i64 << 40);
        (any::<bool>(), text(), prop::collection::vec(("[a-z]{1,4}", "[a-z]{0,4}"), 0..3), size(), size()).prop_map(
            |(is_and, prefix, mut tags, larger_than, smaller_than)| {
                tags.truncate(if is_and { 3 } else { 1 });
                LifecycleFilter { is_and, prefix, tags, larger_than, smaller_than }
            },
        )
    }

    fn transition(is_older: bool) -> impl Strategy<Value = LifecycleTransition> {
        let class = prop::option::of(prop::sample::select(vec!["GLACIER", "STANDARD_IA", "A_CLASS_OF_TOMORROW"]));
        (number(), date(), class, number()).prop_map(move |(days, date, class, newer)| LifecycleTransition {
            days,
            date: date.filter(|_| !is_older),
            storage_class: class.map(str::to_owned),
            newer_versions: newer.filter(|_| is_older),
        })
    }

    fn rule() -> impl Strategy<Value = LifecycleRule> {
        let expiration = (number(), date(), prop::option::of(any::<bool>()))
            .prop_map(|(days, date, delete_markers)| LifecycleExpiration { days, date, delete_markers });
        let older = (number(), number()).prop_map(|(days, newer_versions)| OlderVersions { days, newer_versions });
        (
            (text(), prop::sample::select(vec!["Enabled", "Disabled"]), text(), prop::option::of(filter())),
            prop::option::of(expiration),
            prop::collection::vec(transition(false), 0..3),
            prop::collection::vec(transition(true), 0..3),
            prop::option::of(older),
            number(),
        )
            .prop_map(
                |(
                    (id, status, prefix, filter),
                    expiration,
                    transitions,
                    older_transitions,
                    older_expiration,
                    aborts_uploads,
                )| {
                    let status = status.to_owned();
                    LifecycleRule {
                        id,
                        status,
                        prefix,
                        filter,
                        expiration,
                        transitions,
                        older_transitions,
                        older_expiration,
                        aborts_uploads,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn nothing_of_a_rule_is_lost(rule in rule()) {
            prop_assert_eq!(of_sdk(to_sdk(&rule).expect("a rule of the SDK")).expect("a rule"), rule.clone());
            let journaled = serde_json::to_string(&rule).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<LifecycleRule>(&journaled).expect("a rule"), rule);
        }
    }
}
