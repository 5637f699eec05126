//! What a rule could not deliver and what a function failed at, handed to the function again: three times at most, by a
//! schedule, and then put where a person looks. And what was to wait for its time, handed to its function once that is
//! there.
//!
//! Nothing is deleted before it is safely elsewhere, so that whatever ends a run, the next one finds every message. An
//! event may be handed over twice; the journal lets it be handled once.

mod aws;
mod letter;

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow, ensure};
use aws_config::SdkConfig;
use futures::StreamExt;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use snapback::lambda::{Error, log, refused};
use snapback::settings::Problem;

use crate::aws::{Aws, Message};
use crate::letter::{Letter, Next, Sender, is_fresh};

/// What the role may do beside writing its log: each of these is called by a test, and nothing else is.
pub const CALLS: [&str; 7] = [
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// How many messages of a queue one run takes, so that it ends well before Lambda ends it. The next run takes more.
const MOST: usize = 200;

/// How many messages are handled at the same time.
const AT_ONCE: usize = 10;

/// Where the dead letters are, whose they are, and where the count is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub journal: String,
    /// The URLs of the queues.
    pub rule_dead_letters: String,
    pub function_dead_letters: String,
    /// Events that wait for their time, which no alarm rings for.
    pub delayed: String,
    /// What log files tell of, where they are read. It may be much, so it comes last.
    pub log_file_events: Option<String>,
    pub given_up: String,
    /// The ARNs of the functions that may be given an event.
    pub functions: BTreeSet<String>,
}

/// What came of the messages of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub redriven: usize,
    pub given_up: usize,
    pub waiting: usize,
}

enum Fate {
    Redriven,
    GivenUp,
    Waits,
}

impl Settings {
    /// Reads them from variables; `lookup` is the environment, or a test's map.
    ///
    /// # Errors
    /// Names the variable and what it should hold.
    pub fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let required = |variable, expected| {
            let value = lookup(variable).filter(|value| !value.is_empty());
            value.ok_or(Problem { variable, expected, found: "nothing".to_owned() })
        };
        let functions = required("SNAPBACK_FUNCTIONS", "the ARNs of functions, comma between")?;
        Ok(Self {
            journal: required("SNAPBACK_JOURNAL", "the name of the journal's table")?,
            rule_dead_letters: required("SNAPBACK_RULE_DEAD_LETTERS", "the URL of a queue")?,
            function_dead_letters: required("SNAPBACK_FUNCTION_DEAD_LETTERS", "the URL of a queue")?,
            delayed: required("SNAPBACK_DELAYED", "the URL of a queue")?,
            log_file_events: lookup("SNAPBACK_LOG_FILE_EVENTS").filter(|queue| !queue.is_empty()),
            given_up: required("SNAPBACK_GIVEN_UP", "the URL of a queue")?,
            functions: functions.split(',').map(|arn| arn.trim().to_owned()).collect(),
        })
    }
}

/// Serves the schedule until Lambda ends the process.
///
/// # Errors
/// When a setting is missing, or Lambda's runtime cannot be reached.
pub async fn run() -> Result<(), Error> {
    log();
    let settings = Settings::read(&|name: &str| std::env::var(name).ok()).map_err(refused)?;
    let config = snapback::aws::config().await;
    let (config, settings) = (&config, &settings);
    lambda_runtime::run(service_fn(|tick: LambdaEvent<Value>| async move {
        Box::pin(redrive(config, settings, &tick.payload)).await.map(drop).map_err(Error::from)
    }))
    .await
}

/// Looks through the dead letters once, at the time that the schedule's event says.
///
/// # Errors
/// When a message could not be handled. It is where it was, and so is whatever came after it.
pub async fn redrive(config: &SdkConfig, settings: &Settings, tick: &Value) -> Result<Tally> {
    let (aws, now) = (Aws::new(config, &settings.journal), time_of(tick)?);
    let (mut tally, mut failures) = (Tally::default(), vec![]);
    let queues = [
        (Sender::Delayed, &settings.delayed),
        (Sender::Rule, &settings.rule_dead_letters),
        (Sender::Function, &settings.function_dead_letters),
    ];
    let of_log_files = settings.log_file_events.iter().map(|queue| (Sender::Delayed, queue));
    for (sender, queue) in queues.into_iter().chain(of_log_files) {
        let desk = Desk { aws: &aws, settings, sender, queue, now };
        // What was received before a failure is handled all the same.
        let messages = desk.messages(&mut failures).await;
        let handled = messages.iter().map(|message| async move { (message, desk.handle(message).await) });
        let fates: Vec<_> = futures::stream::iter(handled).buffer_unordered(AT_ONCE).collect().await;
        for (message, fate) in fates {
            match fate {
                Ok(Fate::Redriven) => tally.redriven += 1,
                Ok(Fate::GivenUp) => tally.given_up += 1,
                // Not before all are handled: else it would be received again and again.
                Ok(Fate::Waits) => {
                    tally.waiting += 1;
                    failures.extend(aws.release(queue, message).await.err());
                }
                Err(error) => failures.push(error),
            }
        }
    }
    for error in &failures {
        tracing::error!("{error:#}");
    }
    let Tally { redriven, given_up, waiting } = tally;
    tracing::info!(redriven, given_up, waiting, failed = failures.len(), "looked through the dead letters");
    let first = failures.first().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(failures.is_empty(), anyhow!("{} calls failed and nothing is lost; the first: {first}", failures.len()));
    Ok(tally)
}

/// When the schedule woke us: its own word, so that a test can say it.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/event-reference.html>
fn time_of(tick: &Value) -> Result<Timestamp> {
    let time = tick["time"].as_str().context("the schedule's event has no `time`")?;
    time.parse().with_context(|| format!("the schedule's event has the `time` {time}"))
}

/// One queue, at one time.
#[derive(Clone, Copy)]
struct Desk<'a> {
    aws: &'a Aws,
    settings: &'a Settings,
    sender: Sender,
    queue: &'a str,
    now: Timestamp,
}

impl Desk<'_> {
    async fn messages(&self, failures: &mut Vec<anyhow::Error>) -> Vec<Message> {
        let mut messages = vec![];
        while messages.len() < MOST {
            match self.aws.receive(self.queue).await {
                Ok(more) if more.is_empty() => break,
                Ok(more) => messages.extend(more),
                Err(error) => {
                    failures.push(error);
                    break;
                }
            }
        }
        messages
    }

    async fn handle(&self, message: &Message) -> Result<Fate> {
        let target = message.attribute("TARGET_ARN");
        let letter = match Letter::read(self.sender, &message.body, target, &self.settings.functions) {
            Ok(letter) => letter,
            Err(why) => return self.give_up(message, &why).await,
        };
        if self.sender == Sender::Delayed {
            // SQS has let it wait, and what fails at it now is the function's, which has retries and dead letters of its own.
            self.aws.invoke(&letter).await?;
            self.aws.delete(self.queue, message).await?;
            return Ok(Fate::Redriven);
        }
        if is_fresh(message.sent, self.now) {
            return Ok(Fate::Waits);
        }
        let key = letter.key();
        let so_far = self.aws.redrives(&key).await?;
        match so_far.next(message.sent, self.now) {
            Next::Wait => Ok(Fate::Waits),
            Next::GiveUp => {
                let why = format!("it was handed to {} again {} times, in vain", letter.function, so_far.times);
                self.give_up(message, &why).await
            }
            Next::Redrive => {
                // Counted first: if it were counted afterwards and could not be, it would be handed over for ever.
                if !self.aws.count(&key, &letter, so_far, self.now).await? {
                    return Ok(Fate::Waits);
                }
                self.aws.invoke(&letter).await?;
                self.aws.delete(self.queue, message).await?;
                Ok(Fate::Redriven)
            }
        }
    }

    async fn give_up(&self, message: &Message, why: &str) -> Result<Fate> {
        self.aws.copy(message, &self.settings.given_up).await?;
        self.aws.delete(self.queue, message).await?;
        tracing::error!(message = message.id, queue = self.queue, "given up: {why}");
        Ok(Fate::GivenUp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_missing_is_named() {
        let all = [
            "SNAPBACK_JOURNAL",
            "SNAPBACK_RULE_DEAD_LETTERS",
            "SNAPBACK_FUNCTION_DEAD_LETTERS",
            "SNAPBACK_DELAYED",
            "SNAPBACK_GIVEN_UP",
            "SNAPBACK_FUNCTIONS",
        ];
        assert!(Settings::read(&|_| Some("x".to_owned())).is_ok());
        for missing in all {
            let problem = Settings::read(&|name| (name != missing).then(|| "x".to_owned())).expect_err(missing);
            assert_eq!(problem.variable, missing);
        }
    }
}
