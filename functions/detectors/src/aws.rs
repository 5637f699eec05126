//! Every call to AWS that the controls of detectors make.

pub(crate) mod delivery;
pub(crate) mod recorders;
pub(crate) mod tags;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, AwsConfig, Change};
use snapback::place::Place;

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::AwsConfig(change) = change else { bail!("the function for AWS Config was asked to {change}") };
        match change {
            AwsConfig::Recording(change) => Box::pin(recorders::record(place, change)).await,
            AwsConfig::Settings(change) => Box::pin(recorders::set(place, change)).await,
            AwsConfig::Existence(change) => Box::pin(recorders::make(place, change)).await,
            AwsConfig::Delivery(change) => Box::pin(delivery::put(place, change)).await,
        }
    }
    .boxed()
}
