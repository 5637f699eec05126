//! The second path: what CloudTrail's log files tell of and EventBridge has not told, for the functions that watch it.
//!
//! CloudTrail delivers to EventBridge on a best-effort basis, and each of its log files at least once. S3 announces a file,
//! and this function reads it; once a day it lists what has come in since the day before, for what nobody has announced. A
//! record that some control suspects and the journal does not know goes, through a queue, to the same function as ever, which
//! looks and judges for itself.
//!
//! Who can write to the bucket decides what a file says. So the key has to name an account and a Region that this
//! deployment guards, and each record the same ones; what is no log file is refused, which ends in the dead letters; and what
//! a file tells that CloudTrail has not put there, as far as S3 says, nobody reverts before an operator wants it.

mod aws;
mod judging;
mod listing;
mod reader;
mod reading;
mod settings;

use std::time::SystemTime;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use snapback::lambda::{Error, log, refused};

use crate::reader::Reader;

pub use listing::NAME;
pub use settings::Settings;

/// What the role may do beside writing its log, where the bucket is read without another role: each of these is called by a
/// test.
pub const CALLS: [&str; 5] = ["dynamodb:GetItem", "kms:VerifyMac", "s3:GetObject", "s3:ListBucket", "sqs:SendMessage"];

/// Serves announcements, the schedule and what it has left for itself until Lambda ends the process.
///
/// # Errors
/// When a setting is missing or wrong, or Lambda's runtime cannot be reached.
pub async fn run() -> Result<(), Error> {
    log();
    let settings = Settings::read(&|name: &str| std::env::var(name).ok()).map_err(refused)?;
    let settings = settings.with_trusted().map_err(refused)?;
    let config = snapback::aws::config().await;
    let reader = Reader::new(&settings, &config).await;
    let reader = &reader;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let LambdaEvent { payload, context } = event;
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        // Dead letters say all of it.
        Box::pin(reader.handle(&payload, left)).await.map_err(|error| Error::from(format!("{error:#}")))
    }))
    .await
}
