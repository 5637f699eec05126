//! Events that a function is to have later: they wait in a queue of the stack, which raises no alarm, and are handed to
//! the function as all others are (`functions/redrive`). So nobody needs the right to invoke one.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde_json::{Value, json};

use crate::aws::failure;
use crate::event::Event;

/// The longest that SQS lets a message wait.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
const LONGEST: Duration = Duration::from_mins(15);

/// The most that SQS takes at once, and how large it may be.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MOST_AT_ONCE: usize = 10;
const LARGEST_AT_ONCE: usize = 1024 * 1024;

/// An event for the function of a logical id, as it waits in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    body: String,
}

impl Letter {
    #[must_use]
    pub fn new(function: &str, event: &Value) -> Self {
        Self { body: json!({"function": function, "event": event}).to_string() }
    }
}

/// A record in the envelope in which `EventBridge` would have delivered it.
#[must_use]
pub fn envelope(event: &Event, record: &Value) -> Value {
    json!({
        "version": "0", "id": event.id, "detail-type": event.detail_type, "source": event.source,
        "account": event.account, "time": event.time, "region": event.region, "resources": [], "detail": record,
    })
}

/// Has the function of this logical id get an event, not before so much time has passed.
///
/// # Errors
/// When SQS does not take it.
pub async fn send(config: &SdkConfig, queue: &str, function: &str, event: &Value, wait: Duration) -> Result<()> {
    let Letter { body } = Letter::new(function, event);
    // A part of a second counts as a whole one: nobody looks too early.
    let seconds = wait.min(LONGEST).as_millis().div_ceil(1000);
    let call = crate::retry::client!(aws_sdk_sqs, config).send_message().queue_url(queue).message_body(body);
    let sent = call.delay_seconds(i32::try_from(seconds)?).send().await;
    sent.map(drop).map_err(failure).with_context(|| format!("sending to the queue `{queue}`"))
}

/// Has functions get events at once, with as few calls as SQS needs for them.
///
/// # Errors
/// When SQS does not take all of them. Some may be there then.
pub async fn send_all(config: &SdkConfig, queue: &str, letters: &[Letter]) -> Result<()> {
    let client = crate::retry::client!(aws_sdk_sqs, config);
    let mut rest = letters;
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(fitting(rest));
        let entries = batch.iter().enumerate().map(|(number, Letter { body })| {
            SendMessageBatchRequestEntry::builder().id(number.to_string()).message_body(body).build()
        });
        let call = client.send_message_batch().queue_url(queue).set_entries(Some(entries.collect::<Result<_, _>>()?));
        let sending = || format!("sending to the delayed queue `{queue}`");
        let sent = call.send().await.map_err(failure).with_context(sending)?;
        if let Some(failed) = sent.failed().first() {
            let why = failed.message().unwrap_or_default();
            bail!(
                "{}: {} of {} were refused, first {}: {why}",
                sending(),
                sent.failed().len(),
                batch.len(),
                failed.code()
            );
        }
        rest = later;
    }
    Ok(())
}

/// How many of them go at once.
fn fitting(letters: &[Letter]) -> usize {
    let sizes = letters.iter().take(MOST_AT_ONCE).scan(0, |size, letter| {
        *size += letter.body.len();
        Some(*size)
    });
    sizes.take_while(|size| *size <= LARGEST_AT_ONCE).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_go_at_once_as_sqs_takes() {
        let of = |size: usize| Letter { body: "x".repeat(size) };
        let fit = |sizes: &[usize]| fitting(&sizes.iter().map(|size| of(*size)).collect::<Vec<_>>());
        assert_eq!(fit(&[1]), 1);
        assert_eq!(fit(&[1; 25]), 10);
        assert_eq!(fit(&[LARGEST_AT_ONCE / 2, LARGEST_AT_ONCE / 2, 1]), 2);
        assert_eq!(fit(&[LARGEST_AT_ONCE + 1, 1]), 1, "it is for SQS to refuse it");
    }
}
