//! Whether Snapback would hear of what happens, account by account and Region by Region: what `snapback coverage` says, and
//! what a function looks at once a day and tells of when it has changed.
//!
//! The function reads, tells and remembers what it has found. It changes nothing, and has no controls.

mod accounts;
mod changes;
mod daily;
mod deployed;
mod finding;
mod gaps;
mod look;
mod news;
mod place;
mod rights;
mod selectors;
mod settings;
mod trail;

use std::time::SystemTime;

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use snapback::lambda::{Error, log, refused};

use crate::daily::Daily;

pub use accounts::{Account, accounts};
pub use changes::{At, Before, Seen};
pub use finding::{Finding, Status, alike, part};
pub use gaps::Gaps;
pub use look::Coverage;
pub use rights::READS;
pub use settings::{Guarded, MEMBER_ROLE, Settings};
pub use trail::Trail;

/// The function's logical id in `template.yaml`.
pub const NAME: &str = "CoverageFunction";

/// Serves the schedule until Lambda ends the process.
///
/// # Errors
/// When a setting is missing or wrong, or Lambda's runtime cannot be reached.
pub async fn run() -> Result<(), Error> {
    log();
    let settings = Settings::read(&|name: &str| std::env::var(name).ok()).map_err(refused)?;
    let config = snapback::aws::config().await;
    let daily = Daily::new(&settings, &config);
    let daily = &daily;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let LambdaEvent { payload, context } = event;
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        Box::pin(daily.handle(&payload, left)).await.map_err(Error::from)
    }))
    .await
}
