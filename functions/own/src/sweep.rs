//! Reads from CloudTrail's event history what happened while Snapback heard nothing, and has each function get its events.
//!
//! Whoever disables a rule, opens something and enables the rule again has woken nobody with what they opened. The history
//! has it all the same, without a trail. It is read with the scheduled check, a call a second (AWS allows two, and leaves
//! one to people), and each call goes on where the last has ended, also in the next check. As events take a while to get
//! there, the gap is read again until fifteen minutes after its end. Each record keeps its id, so what a function has
//! handled before it does not handle again.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cloudtrail::primitives::DateTime;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use snapback::aws::{code, failure};
use snapback::delayed;
use snapback::event::Event;
use snapback::journal::Gap;
use snapback::responder::Responder;
use snapback::settings::Settings;
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::parts::{ROUTES, RULE};

/// What keeps a rule from waking Snapback, as the history has it: `PutRule` disables it too or has it match something else,
/// and `PutTargets` has another target in place of a function.
const SILENCING: [&str; 5] = ["DeleteRule", "DisableRule", "PutRule", "PutTargets", "RemoveTargets"];

/// How far back that is looked for: what comes late into the history, and the time between two checks.
const BACK: SignedDuration = SignedDuration::from_mins(20);

/// The longest that a rule stays as it must not be before a check finds it.
const NEXT_CHECK: SignedDuration = SignedDuration::from_mins(5);

/// Between two calls.
const PAUSE: Duration = Duration::from_secs(1);

/// What of the function's time is kept free for the last call and for writing down how far it got.
const SPARE: Duration = Duration::from_secs(4);

/// Looks for a gap that nobody has noticed, and goes on reading up the last one until the function has to end.
///
/// # Errors
/// When the journal, the history or the queue cannot be used. The next check goes on from there.
pub async fn sweep(responder: &Responder<'_>, time: Duration) -> Result<()> {
    let (begun, time) = (Instant::now(), time.saturating_sub(SPARE));
    notice_gaps(responder, begun + time / 2).await?;
    read_up(responder, begun + time).await
}

/// Whoever enables a rule right after disabling it may not wake anybody by that either: AWS takes a moment to do it.
async fn notice_gaps(responder: &Responder<'_>, end: Instant) -> Result<()> {
    let now = Timestamp::now();
    for call in SILENCING {
        let mut next = None;
        // All pages: else whoever does the same to many rules of their own would push this one out of sight.
        loop {
            let silencing = (LookupAttributeKey::EventName, call);
            let Some(page) = look_up(responder, silencing, (now - BACK, now), next).await? else { return Ok(()) };
            let events = page.records.into_iter().filter_map(|record| Event::from_record(record).ok());
            for event in events.filter(|event| is_silenced(event, responder.settings())) {
                let gap = Gap { since: event.time, until: now.min(event.time + NEXT_CHECK) };
                responder.journal().widen_gap(gap, now).await?;
            }
            next = page.next;
            pause(responder).await;
            if next.is_none() || Instant::now() > end {
                break;
            }
        }
    }
    Ok(())
}

/// Whether a call has kept a rule of Snapback from waking it.
fn is_silenced(event: &Event, settings: &Settings) -> bool {
    let named = ["name", "rule"].into_iter().find_map(|field| event.request[field].as_str());
    event.error_code.is_none() && !RULE.suspect(event, settings, named).is_empty()
}

async fn read_up(responder: &Responder<'_>, end: Instant) -> Result<()> {
    let (journal, now) = (responder.journal(), Timestamp::now());
    let Some(gap) = journal.gap(now).await? else { return Ok(()) };
    let Some(mut swept) = gap.to_read(journal.swept(now).await?, now) else { return Ok(()) };
    let (mut read, mut sent) = (0, 0);
    loop {
        let writes = (LookupAttributeKey::ReadOnly, "false");
        let page = look_up(responder, writes, (swept.from, swept.to), swept.page.clone()).await?;
        let Some(page) = page else { break };
        read += page.records.len();
        for record in page.records {
            sent += hand_over(responder, record).await?;
        }
        swept.page = page.next;
        journal.keep_swept(&swept, Timestamp::now()).await?;
        if swept.page.is_none() || Instant::now() + PAUSE > end {
            break;
        }
        pause(responder).await;
    }
    let is_over = swept.page.is_none() && swept.to >= gap.last();
    info!(since = %gap.since, until = %gap.until, to = %swept.to, read, sent, is_over, "read up what woke nobody");
    Ok(())
}

async fn pause(responder: &Responder<'_>) {
    sleep(responder.deployment().pace.of(PAUSE)).await;
}

/// A page of the history.
struct Page {
    records: Vec<Value>,
    next: Option<String>,
}

/// The next page of the calls between two times that have this attribute; nothing if AWS asks us to wait.
async fn look_up(
    responder: &Responder<'_>,
    (key, value): (LookupAttributeKey, &str),
    (from, to): (Timestamp, Timestamp),
    page: Option<String>,
) -> Result<Option<Page>> {
    let attribute = LookupAttribute::builder().attribute_key(key.clone()).attribute_value(value).build()?;
    let again = page.is_some();
    let call = snapback::client!(aws_sdk_cloudtrail, &responder.home().config)
        .lookup_events()
        .lookup_attributes(attribute)
        .start_time(DateTime::from_secs(from.as_second()))
        .end_time(DateTime::from_secs(to.as_second()))
        .max_results(50)
        .set_next_token(page);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("ThrottlingException") => return Ok(None),
        // It is too old to go on from. All is read again, and nothing is handled twice.
        Err(error) if again && code(&error) == Some("InvalidNextTokenException") => {
            return Box::pin(look_up(responder, (key, value), (from, to), None)).await;
        }
        Err(error) => return Err(failure(error).context("looking up events in CloudTrail's history")),
    };
    let records = answer.events.unwrap_or_default().into_iter().filter_map(|event| event.cloud_trail_event);
    let records = records.map(|record| serde_json::from_str(&record).context("a record of CloudTrail's history"));
    Ok(Some(Page { records: records.collect::<Result<_>>()?, next: answer.next_token }))
}

/// Has the functions that watch for such a call get it, as EventBridge would have given it to them; says how many do.
async fn hand_over(responder: &Responder<'_>, record: Value) -> Result<usize> {
    let Ok(event) = Event::from_record(record.clone()) else { return Ok(0) };
    if event.error_code.is_some() {
        return Ok(0);
    }
    let envelope = delayed::envelope(&event, &record);
    let watching = ROUTES.iter().filter(|(service, name, _)| *service == event.service && *name == event.name);
    let mut sent = 0;
    for (_, _, function) in watching {
        let (config, queue) = (&responder.home().config, &responder.deployment().delayed);
        delayed::send(config, queue, function, &envelope, Duration::ZERO).await?;
        sent += 1;
    }
    Ok(sent)
}
