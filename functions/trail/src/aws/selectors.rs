//! What a trail records: its event selectors, and those of CloudTrail Insights.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, DataResource, EventSelector, InsightSelector, InsightType,
    ReadWriteType, SourceEventCategory,
};
use snapback::aws::{failure, unless_gone};
use snapback::change::{
    AdvancedSelector, Applied, BasicSelector, EventSelectors, FieldSelector, InsightSelectors, Live, Swap, Trail,
};
use snapback::place::Place;

use super::GONE;

/// With which CloudTrail says that a trail has no insights, or is gone.
const NO_INSIGHTS: &[&str] = &["InsightNotEnabledException", "TrailNotFoundException"];

/// What a trail selects; as each is at first if it is gone.
pub(crate) async fn read(place: &Place, arn: &str) -> Result<EventSelectors> {
    let call = snapback::client!(aws_sdk_cloudtrail, &place.config).get_event_selectors().trail_name(arn);
    let answer = unless_gone(call.send().await, GONE, || format!("reading what trail `{arn}` records"))?;
    Ok(answer.map_or_else(EventSelectors::default, |answer| {
        of_sdk(answer.event_selectors(), answer.advanced_event_selectors())
    }))
}

pub(super) async fn put(place: &Place, change: &Swap<Trail, EventSelectors>) -> Result<Applied> {
    let arn = &change.of.0;
    let read = async { Ok(Live::Is(read(place, arn).await?)) };
    let write = async |to: &EventSelectors| {
        let (basic, advanced) = to_sdk(to)?;
        let call = snapback::client!(aws_sdk_cloudtrail, &place.config).put_event_selectors().trail_name(arn);
        let call = call.set_event_selectors(basic).set_advanced_event_selectors(advanced);
        call.send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| format!("writing what {} records", change.of))
}

/// What CloudTrail Insights looks for in a trail.
pub(crate) async fn insights(place: &Place, arn: &str) -> Result<InsightSelectors> {
    let call = snapback::client!(aws_sdk_cloudtrail, &place.config).get_insight_selectors().trail_name(arn);
    let answer = unless_gone(call.send().await, NO_INSIGHTS, || format!("reading the insights of trail `{arn}`"))?;
    let listed = answer.and_then(|answer| answer.insight_selectors).unwrap_or_default().into_iter();
    let kinds = listed.filter_map(|selector| {
        let categories = selector.event_categories.unwrap_or_default();
        Some((selector.insight_type?.as_str().to_owned(), texts(categories.iter().map(SourceEventCategory::as_str))))
    });
    Ok(InsightSelectors(kinds.collect()))
}

pub(super) async fn put_insights(place: &Place, change: &Swap<Trail, InsightSelectors>) -> Result<Applied> {
    let arn = &change.of.0;
    let read = async { Ok(Live::Is(insights(place, arn).await?)) };
    let write = async |to: &InsightSelectors| {
        let selectors = to.0.iter().map(|(kind, categories)| {
            let categories: Vec<_> = categories.iter().map(|one| SourceEventCategory::from(one.as_str())).collect();
            InsightSelector::builder()
                .insight_type(InsightType::from(kind.as_str()))
                .set_event_categories((!categories.is_empty()).then_some(categories))
                .build()
        });
        let call = snapback::client!(aws_sdk_cloudtrail, &place.config).put_insight_selectors().trail_name(arn);
        call.set_insight_selectors(Some(selectors.collect())).send().await.map(drop).map_err(failure)
    };
    change.put(read, write).await.with_context(|| format!("writing the insights of {}", change.of))
}

fn of_sdk(basic: &[EventSelector], advanced: &[AdvancedEventSelector]) -> EventSelectors {
    let basic: Vec<BasicSelector> = basic.iter().map(of_basic).collect();
    let advanced: Vec<AdvancedSelector> = advanced.iter().map(of_advanced).collect();
    if advanced.is_empty() && basic == [at_first()] {
        return EventSelectors::default();
    }
    EventSelectors { basic, advanced }
}

/// What a trail has that nobody has given any.
fn at_first() -> BasicSelector {
    BasicSelector { calls: "All".to_owned(), management: true, without: BTreeSet::new(), data: BTreeMap::new() }
}

fn of_basic(selector: &EventSelector) -> BasicSelector {
    let mut data: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for of in selector.data_resources() {
        data.entry(of.r#type.clone().unwrap_or_default()).or_default().extend(of.values().iter().cloned());
    }
    BasicSelector {
        calls: selector.read_write_type.as_ref().map_or("All", ReadWriteType::as_str).to_owned(),
        management: selector.include_management_events != Some(false),
        without: texts(selector.exclude_management_event_sources()),
        data,
    }
}

fn of_advanced(selector: &AdvancedEventSelector) -> AdvancedSelector {
    let fields = selector.field_selectors().iter().map(|of| {
        let selector = FieldSelector {
            equals: texts(of.equals()),
            starts_with: texts(of.starts_with()),
            ends_with: texts(of.ends_with()),
            not_equals: texts(of.not_equals()),
            not_starts_with: texts(of.not_starts_with()),
            not_ends_with: texts(of.not_ends_with()),
        };
        (of.field.clone(), selector)
    });
    AdvancedSelector { label: selector.name.clone().filter(|name| !name.is_empty()), fields: fields.collect() }
}

type Listed<T> = Option<Vec<T>>;

fn to_sdk(selectors: &EventSelectors) -> Result<(Listed<EventSelector>, Listed<AdvancedEventSelector>)> {
    if !selectors.advanced.is_empty() {
        return Ok((None, Some(selectors.advanced.iter().map(to_advanced).collect::<Result<_>>()?)));
    }
    let at_first = vec![at_first()];
    let basic = if selectors.basic.is_empty() { &at_first } else { &selectors.basic };
    Ok((Some(basic.iter().map(to_basic).collect()), None))
}

fn to_basic(selector: &BasicSelector) -> EventSelector {
    let data = selector.data.iter().map(|(kind, arns)| {
        DataResource::builder().r#type(kind).set_values(Some(arns.iter().cloned().collect())).build()
    });
    EventSelector::builder()
        .read_write_type(ReadWriteType::from(selector.calls.as_str()))
        .include_management_events(selector.management)
        .set_exclude_management_event_sources(Some(selector.without.iter().cloned().collect()))
        .set_data_resources(Some(data.collect()))
        .build()
}

fn to_advanced(selector: &AdvancedSelector) -> Result<AdvancedEventSelector> {
    let some = |values: &BTreeSet<String>| (!values.is_empty()).then(|| values.iter().cloned().collect());
    let fields = selector.fields.iter().map(|(field, of)| {
        let builder = AdvancedFieldSelector::builder()
            .field(field)
            .set_equals(some(&of.equals))
            .set_starts_with(some(&of.starts_with))
            .set_ends_with(some(&of.ends_with))
            .set_not_equals(some(&of.not_equals))
            .set_not_starts_with(some(&of.not_starts_with))
            .set_not_ends_with(some(&of.not_ends_with));
        Ok(builder.build()?)
    });
    let builder = AdvancedEventSelector::builder().set_name(selector.label.clone());
    Ok(builder.set_field_selectors(Some(fields.collect::<Result<_>>()?)).build()?)
}

fn texts<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.as_ref().to_owned()).collect()
}
