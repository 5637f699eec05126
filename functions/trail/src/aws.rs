//! Every call to AWS that the controls of CloudTrail make.

pub(crate) mod selectors;
pub(crate) mod tags;
pub(crate) mod trails;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change, CloudTrail};
use snapback::place::Place;

/// With which CloudTrail says that there is no such trail.
const GONE: &[&str] = &["TrailNotFoundException"];

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::CloudTrail(change) = change else { bail!("the function for CloudTrail was asked to {change}") };
        match change {
            CloudTrail::Logging(change) => Box::pin(trails::log(place, change)).await,
            CloudTrail::Settings(change) => Box::pin(trails::update(place, change)).await,
            CloudTrail::EventSelectors(change) => Box::pin(selectors::put(place, change)).await,
            CloudTrail::InsightSelectors(change) => Box::pin(selectors::put_insights(place, change)).await,
            CloudTrail::Existence(change) => Box::pin(trails::make(place, change)).await,
        }
    }
    .boxed()
}
