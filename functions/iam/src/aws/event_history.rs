//! CloudTrail's event history: what was called, whether or not a trail logs it or Snapback heard of it.
//!
//! AWS has an event there a few minutes after the call, for 90 days.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>

use anyhow::{Context, Result};
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use jiff::Timestamp;
use snapback::aws::failure;
use snapback::event::Event;
use snapback::place::Place;

/// Of 50 events each. AWS takes two such calls a second.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const MOST_PAGES: usize = 6;

/// The calls of this name between two times that succeeded, the newest first; nothing if there are more than are worth reading.
pub(crate) async fn calls(place: &Place, name: &str, from: Timestamp, to: Timestamp) -> Result<Option<Vec<Event>>> {
    let of_name =
        LookupAttribute::builder().attribute_key(LookupAttributeKey::EventName).attribute_value(name).build()?;
    let call = snapback::client!(aws_sdk_cloudtrail, &place.config).lookup_events().lookup_attributes(of_name);
    let call = call.start_time(DateTime::from_secs(from.as_second())).end_time(DateTime::from_secs(to.as_second()));
    let mut pages = call.into_paginator().page_size(50).send();
    let mut found = vec![];
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { return Ok(Some(found)) };
        let page = page.map_err(|error| failure(error).context("looking up events in CloudTrail's history"))?;
        for record in page.events.unwrap_or_default().into_iter().filter_map(|event| event.cloud_trail_event) {
            let record = serde_json::from_str(&record).context("a record of CloudTrail's history")?;
            found.extend(Event::from_record(record).ok().filter(|event| event.error_code.is_none()));
        }
        if page.next_token.is_none() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}
