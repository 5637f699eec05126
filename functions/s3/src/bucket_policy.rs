//! The policy of a bucket, as those controls see it that judge whom it lets in.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Flag, S3};
use snapback::control::{Look, Suspicion};
use snapback::policy::{Grant, Policy};

use crate::aws;
use crate::exposed::said;
use crate::told::bucket_of;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The policy, as S3 gave it back.
    pub policy: Option<String>,
    /// Whether `RestrictPublicBuckets` is on for the bucket or for its account.
    pub restricted: bool,
}

/// Why the policy of an event, if it tells one, gives reason to look: it lets somebody in, or is not understood.
pub(crate) fn suspect(told: Option<&str>, lets_in: impl Fn(&Policy<'_>) -> Vec<Grant>) -> Option<String> {
    match told.map(Policy::parse) {
        None => Some("the event does not tell the policy".to_owned()),
        Some(Err(error)) => Some(format!("the event's policy is not understood: {error}")),
        Some(Ok(policy)) => {
            let grants = lets_in(&policy);
            (!grants.is_empty()).then(|| said(&grants))
        }
    }
}

pub(crate) async fn observe(look: &Look<'_>, suspicion: &Suspicion) -> Result<State> {
    let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
    let (policy, restricted) = futures::try_join!(
        aws::bucket_policy(look, bucket),
        aws::is_blocked(look, bucket, Flag::RestrictPublicBuckets)
    )?;
    Ok(State { policy, restricted })
}

pub(crate) fn after(state: &State, change: &S3) -> State {
    match change {
        S3::BucketPolicy { to, .. } => State { policy: to.clone(), ..state.clone() },
        _ => state.clone(),
    }
}
