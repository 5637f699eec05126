//! Events that a function is to have later: they wait in a queue of the stack, which raises no alarm, and are handed to
//! the function as all others are (`functions/redrive`). So nobody needs the right to invoke one.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde_json::{Value, json};

use crate::aws::failure;

/// The longest that SQS lets a message wait.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>
const LONGEST: Duration = Duration::from_mins(15);

/// Has the function of this logical id get an event, not before so much time has passed.
///
/// # Errors
/// When SQS does not take it.
pub async fn send(config: &SdkConfig, queue: &str, function: &str, event: &Value, wait: Duration) -> Result<()> {
    let body = json!({"function": function, "event": event}).to_string();
    // A part of a second counts as a whole one: nobody looks too early.
    let seconds = wait.min(LONGEST).as_millis().div_ceil(1000);
    let call = crate::retry::client!(aws_sdk_sqs, config).send_message().queue_url(queue).message_body(body);
    let sent = call.delay_seconds(i32::try_from(seconds)?).send().await;
    sent.map(drop).map_err(failure).with_context(|| format!("sending to the delayed queue `{queue}`"))
}
