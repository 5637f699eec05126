//! The policy of a bucket, as the two controls see it that judge whom it lets in.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Flag, Holder};
use snapback::control::Look;
use snapback::event::Event;
use snapback::policed::{Barrier, State, Told};
use snapback::subject::Subject;

use crate::told::bucket_of;
use crate::{aws, told};

pub(crate) const WORD: &str = "bucket";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Restricted {
    /// Whether `RestrictPublicBuckets` is on for the bucket or for its account.
    restricted: bool,
}

impl Restricted {
    pub(crate) fn barriers(&self) -> Vec<Barrier> {
        self.restricted.then_some(Barrier::WhilePublic("Block Public Access keeps strangers out")).into_iter().collect()
    }
}

pub(crate) fn told(event: &Event) -> Told {
    Told { subject: told::subject(event), policy: told::bucket_policy(event).into() }
}

pub(crate) fn holder(subject: &Subject) -> Option<Holder> {
    bucket_of(subject).map(|name| Holder::Bucket(name.to_owned()))
}

pub(crate) async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Restricted>> {
    let Holder::Bucket(bucket) = holder else { return Ok(State::default()) };
    let (policy, restricted) = futures::try_join!(
        aws::bucket_policy(look, bucket),
        aws::is_blocked(look, bucket, Flag::RestrictPublicBuckets)
    )?;
    Ok(State { policy, beside: Restricted { restricted } })
}
