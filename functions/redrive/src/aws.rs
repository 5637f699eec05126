//! Every call that this function makes.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName};
use jiff::{SignedDuration, Timestamp};
use snapback::aws::{code, failure};

use crate::letter::{Letter, Redrives};

/// The most that SQS gives at once.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
const BATCH: i32 = 10;

/// With a wait, SQS asks all its servers and not some: none of them answers that the queue is empty when it is not.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html>
const POLL_SECONDS: i32 = 1;

/// How long a count is kept after the last attempt: longer than SQS keeps a message (14 days), so that no message
/// outlives its count.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

#[derive(Debug, Clone)]
pub(crate) struct Aws {
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) attributes: HashMap<String, MessageAttributeValue>,
    pub(crate) sent: Timestamp,
    receipt: String,
}

impl Message {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.string_value()
    }
}

impl Aws {
    pub(crate) fn new(config: &SdkConfig, table: &str) -> Self {
        Self {
            sqs: snapback::client!(aws_sdk_sqs, config),
            lambda: snapback::client!(aws_sdk_lambda, config),
            dynamodb: snapback::client!(aws_sdk_dynamodb, config),
            table: table.to_owned(),
        }
    }

    /// Some of the messages that wait in a queue; nobody else gets them for as long as the queue says.
    pub(crate) async fn receive(&self, queue: &str) -> Result<Vec<Message>> {
        let call = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(BATCH)
            .wait_time_seconds(POLL_SECONDS)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = call.send().await.map_err(failure).with_context(|| format!("receiving from {queue}"))?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    /// Lets others have a message at once.
    pub(crate) async fn release(&self, queue: &str, message: &Message) -> Result<()> {
        let call = self.sqs.change_message_visibility().queue_url(queue).receipt_handle(&message.receipt);
        let released = call.visibility_timeout(0).send().await.map_err(failure);
        released.map(drop).with_context(|| format!("releasing message {}", message.id))
    }

    pub(crate) async fn delete(&self, queue: &str, message: &Message) -> Result<()> {
        let call = self.sqs.delete_message().queue_url(queue).receipt_handle(&message.receipt);
        call.send().await.map(drop).map_err(failure).with_context(|| format!("deleting message {}", message.id))
    }

    /// Puts a copy of a message into a queue, just as it is: with anything added it might not fit any more.
    pub(crate) async fn copy(&self, message: &Message, queue: &str) -> Result<()> {
        let attributes = Some(message.attributes.clone()).filter(|attributes| !attributes.is_empty());
        let call = self.sqs.send_message().queue_url(queue).message_body(&message.body);
        let sent = call.set_message_attributes(attributes).send().await;
        sent.map(drop).map_err(failure).with_context(|| format!("sending message {} to {queue}", message.id))
    }

    /// Hands an event to its function; Lambda answers as soon as it has it, and retries as ever.
    pub(crate) async fn invoke(&self, letter: &Letter) -> Result<()> {
        let call = self.lambda.invoke().function_name(&letter.function).invocation_type(InvocationType::Event);
        let invoked = call.payload(Blob::new(letter.payload().to_string())).send().await;
        invoked.map(drop).map_err(failure).with_context(|| format!("invoking {}", letter.function))
    }

    /// How often an event was handed to its function again.
    pub(crate) async fn redrives(&self, key: &str) -> Result<Redrives> {
        let call = self.dynamodb.get_item().table_name(&self.table).set_key(Some(item(key))).consistent_read(true);
        let found = call.send().await.map_err(failure).context("asking the journal how often it was redriven")?;
        let Some(item) = found.item else { return Ok(Redrives::default()) };
        let times = item.get("times").and_then(|times| times.as_n().ok()?.parse().ok());
        let last = item.get("last").and_then(|last| last.as_s().ok()?.parse().ok());
        Ok(Redrives { times: times.context("the journal's count of redrives is no number")?, last })
    }

    /// Counts one more, unless another run has done so since; whether it is counted.
    pub(crate) async fn count(&self, key: &str, letter: &Letter, so_far: Redrives, now: Timestamp) -> Result<bool> {
        let number = |number: usize| AttributeValue::N(number.to_string());
        let call = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item(key)))
            .update_expression("SET #times = :more, #last = :now, #function = :function, #expires = :expires")
            .condition_expression(if so_far.times == 0 { "attribute_not_exists(pk)" } else { "#times = :times" })
            .expression_attribute_names("#times", "times")
            .expression_attribute_names("#last", "last")
            .expression_attribute_names("#function", "function")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":more", number(so_far.times + 1))
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":function", AttributeValue::S(letter.function.clone()))
            .expression_attribute_values(":expires", AttributeValue::N((now + KEPT).as_second().to_string()));
        let call =
            if so_far.times == 0 { call } else { call.expression_attribute_values(":times", number(so_far.times)) };
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if code(&error) == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(failure(error).context("counting a redrive in the journal")),
        }
    }
}

/// A message that does not say when it was sent has waited long enough.
fn message(message: aws_sdk_sqs::types::Message) -> Message {
    let sent = message.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
    let sent = sent.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds.parse().ok()?).ok());
    Message {
        sent: sent.unwrap_or(Timestamp::UNIX_EPOCH),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        attributes: message.message_attributes.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
    }
}

fn item(key: &str) -> HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([("pk".to_owned(), text(&format!("redrive#{key}"))), ("sk".to_owned(), text("redrive"))])
}
