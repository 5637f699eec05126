//! Trails: how each is set up, and whether it logs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_cloudtrail::types::{Tag, Trail as Found};
use futures::FutureExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{
    Applied, EventSelectors, InsightSelectors, Live, NewTrail, Swap, Trail, TrailLogGroup, TrailLogging, TrailSettings,
};
use snapback::control::Survey;
use snapback::place::Place;

use super::{GONE, selectors, tags};
use crate::{rights, told};

/// Whether a trail logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub logging: TrailLogging,
    /// When it was last stopped, if it ever was.
    pub stopped: Option<Timestamp>,
}

/// A trail with all that it records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WholeTrail {
    pub settings: TrailSettings,
    pub logging: TrailLogging,
    pub selectors: EventSelectors,
    pub insights: InsightSelectors,
    pub tags: BTreeMap<String, String>,
}

/// The trails of the account whose home Region this is. An organization's trail is the management account's.
pub(crate) const TRAILS: Survey = Survey {
    list: |look, event| {
        async move {
            let arns = list(look.place).await?.into_iter().filter_map(|trail| trail.trail_arn);
            let here = format!(":cloudtrail:{}:{}:", look.place.region, look.place.account);
            Ok(arns.filter(|arn| arn.contains(&here)).map(|arn| told::trail(event, &arn)).collect())
        }
        .boxed()
    },
    needs: &[rights::DESCRIBE_TRAILS],
};

async fn list(place: &Place) -> Result<Vec<Found>> {
    let call = snapback::client!(aws_sdk_cloudtrail, &place.config).describe_trails();
    let listed = call.include_shadow_trails(false).send().await;
    let listed = listed.map_err(|error| failure(error).context("listing the trails"))?;
    Ok(listed.trail_list.unwrap_or_default())
}

/// The names of the trails that deliver to a log group of this account and Region, each with the group's name.
pub(crate) async fn with_log_groups(place: &Place) -> Result<Vec<(String, String)>> {
    let here = format!(":logs:{}:{}:log-group:", place.region, place.account);
    let delivering = list(place).await?.into_iter().filter_map(|trail| {
        let (_, group) = trail.cloud_watch_logs_log_group_arn.as_ref()?.split_once(&here)?;
        Some((trail.name?, group.trim_end_matches(":*").to_owned()))
    });
    Ok(delivering.collect())
}

/// All of a trail; nothing if it is gone.
pub(crate) async fn read(place: &Place, arn: &str) -> Result<Option<WholeTrail>> {
    let Some(settings) = settings(place, arn).await? else { return Ok(None) };
    let (status, selectors, insights, tags) = futures::try_join!(
        Box::pin(status(place, arn)),
        Box::pin(selectors::read(place, arn)),
        Box::pin(selectors::insights(place, arn)),
        Box::pin(tags::of(place, arn))
    )?;
    Ok(status.map(|Status { logging, .. }| WholeTrail { settings, logging, selectors, insights, tags }))
}

/// How a trail is set up; nothing if it is gone.
pub(crate) async fn settings(place: &Place, arn: &str) -> Result<Option<TrailSettings>> {
    let answer = snapback::client!(aws_sdk_cloudtrail, &place.config).get_trail().name(arn).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading trail `{arn}`"))?;
    Ok(answer.and_then(|answer| answer.trail).map(of_sdk))
}

/// CloudTrail leaves out what is not set, or says an empty text.
fn of_sdk(found: Found) -> TrailSettings {
    #[allow(deprecated, reason = "the name of the topic, where CloudTrail does not say its ARN")]
    let topic = found.sns_topic_arn.or(found.sns_topic_name);
    let there = |text: Option<String>| text.filter(|text| !text.is_empty());
    let log_group = there(found.cloud_watch_logs_log_group_arn).zip(there(found.cloud_watch_logs_role_arn));
    TrailSettings {
        bucket: found.s3_bucket_name.unwrap_or_default(),
        prefix: there(found.s3_key_prefix),
        all_regions: found.is_multi_region_trail == Some(true),
        global_services: found.include_global_service_events == Some(true),
        validation: found.log_file_validation_enabled == Some(true),
        of_organization: found.is_organization_trail == Some(true),
        key: there(found.kms_key_id),
        topic: there(topic),
        log_group: log_group.map(|(arn, role)| TrailLogGroup { arn, role }),
    }
}

/// Whether a trail logs; nothing if it is gone.
pub(crate) async fn status(place: &Place, arn: &str) -> Result<Option<Status>> {
    let answer = snapback::client!(aws_sdk_cloudtrail, &place.config).get_trail_status().name(arn).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading whether trail `{arn}` logs"))?;
    let Some(answer) = answer else { return Ok(None) };
    let logging = if answer.is_logging == Some(true) { TrailLogging::On } else { TrailLogging::Off };
    let stopped = answer.stop_logging_time.map(|time| Timestamp::from_second(time.secs())).transpose()?;
    Ok(Some(Status { logging, stopped }))
}

pub(super) async fn log(place: &Place, change: &Swap<Trail, TrailLogging>) -> Result<Applied> {
    let arn = &change.of.0;
    let read = async {
        let status = status(place, arn).await?;
        Ok(Live::or(status.map(|status| status.logging), || "the trail is gone".to_owned()))
    };
    let write = async |to: &TrailLogging| {
        let client = snapback::client!(aws_sdk_cloudtrail, &place.config);
        match to {
            TrailLogging::On => client.start_logging().name(arn).send().await.map(drop).map_err(failure),
            TrailLogging::Off => client.stop_logging().name(arn).send().await.map(drop).map_err(failure),
        }
    };
    change.put(read, write).await.with_context(|| format!("writing whether {} logs", change.of))
}

/// Says only what differs: what is not said stays as it is, and an empty text clears it. No change is about the log group or
/// the organization.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>
pub(super) async fn update(place: &Place, change: &Swap<Trail, TrailSettings>) -> Result<Applied> {
    let arn = &change.of.0;
    let read = async { Ok(Live::or(settings(place, arn).await?, || "the trail is gone".to_owned())) };
    let write = async |to: &TrailSettings| {
        let from = &change.from;
        let text = |from: &Option<String>, to: &Option<String>| (from != to).then(|| to.clone().unwrap_or_default());
        let flag = |from: bool, to: bool| (from != to).then_some(to);
        let call = snapback::client!(aws_sdk_cloudtrail, &place.config)
            .update_trail()
            .name(arn)
            .set_s3_bucket_name((from.bucket != to.bucket).then(|| to.bucket.clone()))
            .set_s3_key_prefix(text(&from.prefix, &to.prefix))
            .set_is_multi_region_trail(flag(from.all_regions, to.all_regions))
            .set_include_global_service_events(flag(from.global_services, to.global_services))
            .set_enable_log_file_validation(flag(from.validation, to.validation))
            .set_kms_key_id(text(&from.key, &to.key))
            .set_sns_topic_name(text(&from.topic, &to.topic));
        call.send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| format!("updating {}", change.of))
}

pub(super) async fn make(place: &Place, change: &Swap<Trail, Option<NewTrail>>) -> Result<Applied> {
    let arn = &change.of.0;
    let read = async {
        let Some(settings) = settings(place, arn).await? else { return Ok(Live::Is(None)) };
        Ok(Live::Is(Some(NewTrail { settings, tags: tags::of(place, arn).await? })))
    };
    let write = async |to: &Option<NewTrail>| {
        if let Some(trail) = to {
            return create(place, arn, trail).await;
        }
        let call = snapback::client!(aws_sdk_cloudtrail, &place.config).delete_trail().name(arn);
        call.send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| change.to_string())
}

async fn create(place: &Place, arn: &str, trail: &NewTrail) -> Result<()> {
    let NewTrail { settings, tags } = trail;
    let tags = tags.iter().map(|(key, value)| Ok(Tag::builder().key(key).value(value).build()?));
    let tags = tags.collect::<Result<Vec<_>>>()?;
    let call = snapback::client!(aws_sdk_cloudtrail, &place.config)
        .create_trail()
        .name(arn.rsplit('/').next().unwrap_or(arn))
        .s3_bucket_name(&settings.bucket)
        .set_s3_key_prefix(settings.prefix.clone())
        .is_multi_region_trail(settings.all_regions)
        .include_global_service_events(settings.global_services)
        .enable_log_file_validation(settings.validation)
        .set_kms_key_id(settings.key.clone())
        .set_sns_topic_name(settings.topic.clone())
        .set_tags_list((!tags.is_empty()).then_some(tags));
    call.send().await.map(drop).map_err(failure)
}
