//! Configuration recorders: what each records, and whether it does. Those that services keep for themselves are not among
//! them: nobody else can stop or put one.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_config::types::{
    ConfigurationRecorder, ExclusionByResourceTypes, RecordingFrequency, RecordingGroup, RecordingMode as Mode,
    RecordingModeOverride as Override, RecordingStrategy, RecordingStrategyType as Strategy, ResourceType, Tag,
};
use futures::FutureExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{
    Applied, Live, NewRecorder, RecordedTypes, Recorder, RecorderSettings, Recording, RecordingMode,
    RecordingModeOverride, Swap,
};
use snapback::control::Survey;
use snapback::place::Place;

use super::delivery::{self, Channel};
use crate::{rights, told};

/// With which Config says that there is nothing that could have tags.
const GONE: &[&str] = &["ResourceNotFoundException"];

/// A recorder as it is described.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub name: String,
    pub arn: Option<String>,
    pub settings: RecorderSettings,
}

/// Whether a recorder records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub name: String,
    pub recording: Recording,
    /// When it was last stopped, if it ever was.
    pub stopped: Option<Timestamp>,
}

/// A recorder with all that it needs to record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WholeRecorder {
    pub name: String,
    pub settings: RecorderSettings,
    pub recording: Recording,
    pub channel: Option<Channel>,
    pub tags: BTreeMap<String, String>,
}

pub(crate) const RECORDERS: Survey = Survey {
    list: |look, event| {
        async move { Ok(find(look.place).await?.map(|_| told::config(event)).into_iter().collect()) }.boxed()
    },
    needs: &[rights::DESCRIBE_RECORDERS],
};

/// The recorder of the Region; nothing if there is none. It is asked for without a name, which nothing has to have.
pub(crate) async fn find(place: &Place) -> Result<Option<Found>> {
    let answer = snapback::client!(aws_sdk_config, &place.config).describe_configuration_recorders().send().await;
    let answer = answer.map_err(|error| failure(error).context("reading the configuration recorder"))?;
    let found = answer.configuration_recorders.unwrap_or_default();
    Ok(found.into_iter().find(|one| one.service_principal.is_none()).map(of_sdk))
}

/// All of the recorder; nothing if there is none.
pub(crate) async fn read(place: &Place) -> Result<Option<WholeRecorder>> {
    let Some(found) = find(place).await? else { return Ok(None) };
    let (status, channel, tags) =
        futures::try_join!(Box::pin(status(place)), Box::pin(delivery::find(place)), Box::pin(tags(place, &found)))?;
    let Found { name, settings, .. } = found;
    Ok(status.map(|status| WholeRecorder { name, settings, recording: status.recording, channel, tags }))
}

/// The tags of a recorder, which go by its whole ARN; one that is gone has none.
pub(super) async fn tags(place: &Place, found: &Found) -> Result<BTreeMap<String, String>> {
    let Some(arn) = &found.arn else { return Ok(BTreeMap::new()) };
    let answer = snapback::client!(aws_sdk_config, &place.config).list_tags_for_resource().resource_arn(arn).send();
    let answer = unless_gone(answer.await, GONE, || format!("reading the tags of `{arn}`"))?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect())
}

/// Whether the recorder of the Region records; nothing if there is none.
pub(crate) async fn status(place: &Place) -> Result<Option<Status>> {
    let answer = snapback::client!(aws_sdk_config, &place.config).describe_configuration_recorder_status().send().await;
    let answer =
        answer.map_err(|error| failure(error).context("reading whether the configuration recorder records"))?;
    let all = answer.configuration_recorders_status.unwrap_or_default();
    let Some(found) = all.into_iter().find(|one| one.service_principal.is_none()) else { return Ok(None) };
    let recording = if found.recording { Recording::On } else { Recording::Off };
    let stopped = found.last_stop_time.map(|time| Timestamp::from_second(time.secs())).transpose()?;
    Ok(Some(Status { name: found.name.unwrap_or_default(), recording, stopped }))
}

pub(super) async fn record(place: &Place, change: &Swap<Recorder, Recording>) -> Result<Applied> {
    let name = &change.of.0;
    let read = async {
        let status = status(place).await?.filter(|status| status.name == *name);
        Ok(Live::or(status.map(|status| status.recording), || "the recorder is gone".to_owned()))
    };
    let write = async |to: &Recording| {
        let client = snapback::client!(aws_sdk_config, &place.config);
        match to {
            Recording::On => {
                let call = client.start_configuration_recorder().configuration_recorder_name(name);
                call.send().await.map(drop).map_err(failure)
            }
            Recording::Off => {
                let call = client.stop_configuration_recorder().configuration_recorder_name(name);
                call.send().await.map(drop).map_err(failure)
            }
        }
    };
    change.put(read, write).await.with_context(|| format!("writing whether {} records", change.of))
}

pub(super) async fn set(place: &Place, change: &Swap<Recorder, RecorderSettings>) -> Result<Applied> {
    let name = &change.of.0;
    let read = async {
        let found = find(place).await?.filter(|found| found.name == *name);
        Ok(Live::or(found.map(|found| found.settings), || "the recorder is gone".to_owned()))
    };
    let write = async |to: &RecorderSettings| {
        let call = snapback::client!(aws_sdk_config, &place.config).put_configuration_recorder();
        call.configuration_recorder(to_sdk(name, to)?).send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| format!("writing what {} records", change.of))
}

pub(super) async fn make(place: &Place, change: &Swap<Recorder, Option<NewRecorder>>) -> Result<Applied> {
    let name = &change.of.0;
    let read = async {
        let Some(found) = find(place).await? else { return Ok(Live::Is(None)) };
        if found.name != *name {
            return Ok(Live::Cannot(format!("there is `{}` instead", found.name)));
        }
        let tags = tags(place, &found).await?;
        Ok(Live::Is(Some(NewRecorder { settings: found.settings, tags })))
    };
    let write = async |to: &Option<NewRecorder>| {
        let client = snapback::client!(aws_sdk_config, &place.config);
        let Some(NewRecorder { settings, tags }) = to else {
            let call = client.delete_configuration_recorder().configuration_recorder_name(name);
            return call.send().await.map(drop).map_err(failure);
        };
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect::<Vec<_>>();
        let call = client.put_configuration_recorder().configuration_recorder(to_sdk(name, settings)?);
        call.set_tags((!tags.is_empty()).then_some(tags)).send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| change.to_string())
}

fn of_sdk(found: ConfigurationRecorder) -> Found {
    let settings = RecorderSettings {
        role: found.role_arn.unwrap_or_default(),
        types: types_of_sdk(found.recording_group),
        mode: found.recording_mode.map_or_else(RecordingMode::default, mode_of_sdk),
    };
    Found { name: found.name.unwrap_or_default(), arn: found.arn, settings }
}

/// Without a group, all but the types of IAM are recorded.
fn types_of_sdk(group: Option<RecordingGroup>) -> RecordedTypes {
    let Some(group) = group else { return RecordedTypes::AllButIam };
    let others = group.exclusion_by_resource_types.and_then(|others| others.resource_types).unwrap_or_default();
    let excludes =
        group.recording_strategy.and_then(|strategy| strategy.use_only) == Some(Strategy::ExclusionByResourceTypes);
    match (group.all_supported || excludes && others.is_empty(), others.as_slice()) {
        (true, _) if group.include_global_resource_types => RecordedTypes::All,
        (true, _) => RecordedTypes::AllButIam,
        (false, []) => RecordedTypes::Only(texts(group.resource_types.as_deref().unwrap_or_default())),
        (false, others) => RecordedTypes::AllBut(texts(others)),
    }
}

fn mode_of_sdk(mode: Mode) -> RecordingMode {
    let overrides = mode.recording_mode_overrides.unwrap_or_default().into_iter().map(|other| RecordingModeOverride {
        frequency: other.recording_frequency.as_str().to_owned(),
        types: texts(&other.resource_types),
        label: other.description.filter(|text| !text.is_empty()),
    });
    RecordingMode { frequency: mode.recording_frequency.as_str().to_owned(), overrides: overrides.collect() }
}

fn to_sdk(name: &str, to: &RecorderSettings) -> Result<ConfigurationRecorder> {
    let recorder = ConfigurationRecorder::builder().name(name).role_arn(&to.role);
    Ok(recorder.recording_group(group_to_sdk(&to.types)).recording_mode(mode_to_sdk(&to.mode)?).build())
}

fn group_to_sdk(types: &RecordedTypes) -> RecordingGroup {
    let by = |strategy| RecordingStrategy::builder().use_only(strategy).build();
    let group = RecordingGroup::builder();
    match types {
        RecordedTypes::All | RecordedTypes::AllButIam => group
            .all_supported(true)
            .include_global_resource_types(*types == RecordedTypes::All)
            .recording_strategy(by(Strategy::AllSupportedResourceTypes)),
        RecordedTypes::AllBut(others) => {
            let others = ExclusionByResourceTypes::builder().set_resource_types(Some(kinds(others))).build();
            group.exclusion_by_resource_types(others).recording_strategy(by(Strategy::ExclusionByResourceTypes))
        }
        RecordedTypes::Only(types) => {
            group.set_resource_types(Some(kinds(types))).recording_strategy(by(Strategy::InclusionByResourceTypes))
        }
    }
    .build()
}

fn mode_to_sdk(mode: &RecordingMode) -> Result<Mode> {
    let overrides = mode.overrides.iter().map(|other| {
        let builder = Override::builder().recording_frequency(RecordingFrequency::from(other.frequency.as_str()));
        let builder = builder.set_resource_types(Some(kinds(&other.types)));
        Ok(builder.set_description(other.label.clone()).build()?)
    });
    let overrides = overrides.collect::<Result<Vec<_>>>()?;
    let builder = Mode::builder().recording_frequency(RecordingFrequency::from(mode.frequency.as_str()));
    Ok(builder.set_recording_mode_overrides((!overrides.is_empty()).then_some(overrides)).build()?)
}

fn texts(types: &[ResourceType]) -> BTreeSet<String> {
    types.iter().map(|kind| kind.as_str().to_owned()).collect()
}

fn kinds(types: &BTreeSet<String>) -> Vec<ResourceType> {
    types.iter().map(|kind| ResourceType::from(kind.as_str())).collect()
}
