//! What AWS's answers have in common.

use std::error::Error;
use std::fmt::Debug;

use anyhow::Result;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::UnsuccessfulItem;
use snapback::aws::{code, failure};

/// The answer; nothing if AWS says with one of these codes that there is no such thing.
pub(super) fn unless_gone<T, E, R>(
    answer: Result<T, SdkError<E, R>>,
    gone: &[&str],
    doing: impl FnOnce() -> String,
) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if code(&error).is_some_and(|code| gone.contains(&code)) => Ok(None),
        Err(error) => Err(failure(error).context(doing())),
    }
}

/// Calls upon several things succeed as a whole and tell beside it what was refused.
pub(super) fn refused(items: &[UnsuccessfulItem]) -> Option<(String, String)> {
    let error = items.first()?.error.clone();
    let error = error.map(|error| (error.code.unwrap_or_default(), error.message.unwrap_or_default()));
    Some(error.unwrap_or_default())
}
