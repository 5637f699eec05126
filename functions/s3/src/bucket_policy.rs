//! The policy of a bucket, as the two controls see it that judge whom it lets in.

use std::marker::PhantomData;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Flag, Holder};
use snapback::control::{About, Look, Survey};
use snapback::event::Event;
use snapback::policed::{Barrier, Policed, State, Told};
use snapback::policy::{Exposure, Trust};
use snapback::right::Right;
use snapback::subject::Subject;

use crate::told::bucket_of;
use crate::{aws, rights, told};

pub(crate) const READS: &[Right] =
    &[rights::GET_BUCKET_POLICY, rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK, rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK];
pub(crate) const WRITES: &[Right] = &[rights::PUT_BUCKET_POLICY, rights::DELETE_BUCKET_POLICY];
pub(crate) const UNDOES: &[Right] = &[rights::GET_BUCKET_POLICY, rights::PUT_BUCKET_POLICY];

/// A control of bucket policies.
pub(crate) trait OfBucketPolicy: 'static {
    const ABOUT: &'static About;

    /// See [`Policed::KEEPS_OUT`].
    const KEEPS_OUT: &'static [Exposure];
}

#[derive(Debug)]
pub(crate) struct BucketPolicy<C>(PhantomData<C>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Restricted {
    /// Whether `RestrictPublicBuckets` is on for the bucket or for its account.
    restricted: bool,
    /// Whether the bucket is gone, and its own settings with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

impl<C: OfBucketPolicy> Policed for BucketPolicy<C> {
    const ABOUT: &'static About = C::ABOUT;
    const WORD: &'static str = "bucket";
    const KEEPS_OUT: &'static [Exposure] = C::KEEPS_OUT;
    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    type Beside = Restricted;

    fn told(event: &Event) -> Told {
        Told { subject: told::subject(event), policy: told::bucket_policy(event).into() }
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        bucket_of(subject).map(|name| Holder::Bucket(name.to_owned()))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Restricted>> {
        let Holder::Bucket(bucket) = holder else { return Ok(State::default()) };
        let (found, restricted) = futures::try_join!(
            aws::found_bucket_policy(look, bucket),
            aws::is_blocked(look, bucket, Flag::RestrictPublicBuckets)
        )?;
        Ok(State::seen(found.policy, Restricted { restricted, gone: found.is_gone }))
    }

    fn is_gone(beside: &Restricted) -> bool {
        beside.gone
    }

    fn barriers(beside: &Restricted, _: &Event, _: &Trust) -> Vec<Barrier> {
        beside.restricted.then_some(BLOCKED).into_iter().collect()
    }
}

/// What `RestrictPublicBuckets` does.
pub(crate) const BLOCKED: Barrier = Barrier::WhilePublic("Block Public Access keeps strangers out");
