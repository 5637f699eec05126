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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use snapback::control::{Control, Given, Suspicion};
    use snapback::decision::Decision;
    use snapback::policed::Open;
    use snapback::settings::Settings;

    use super::*;
    use crate::controls::{ForeignBucketPolicy, PublicBucketPolicy};

    fn everyone(condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", "Condition": condition})
    }

    /// Whether each of the two controls leaves alone what `RestrictPublicBuckets` may close.
    fn are_left_alone(statements: &Value) -> [bool; 2] {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "bucketPolicy": policy},
        });
        let event = Event::from_record(record).expect("an event");
        let restricted = Restricted { restricted: true, gone: false };
        let state = State::seen(Some(policy.to_string().into()), restricted);
        let suspicion = Suspicion { subject: Subject::bucket(&event, "b"), why: String::new() };
        let given = Given { settings: &Settings::default(), holds: &BTreeSet::new() };
        let public = Open::<BucketPolicy<PublicBucketPolicy>>::decide(&event, &suspicion, &state, &given);
        let foreign = Open::<BucketPolicy<ForeignBucketPolicy>>::decide(&event, &suspicion, &state, &given);
        [public, foreign].map(|decision| matches!(decision, Decision::Allow { .. }))
    }

    #[test]
    fn block_public_access_is_believed_to_close_only_what_s3_takes_for_public() {
        let named = json!({"Effect": "Allow", "Principal": {"AWS": "777788889999"}, "Action": "s3:*", "Resource": "*"});
        let from = |ranges: Value| everyone(&json!({"IpAddress": {"aws:SourceIp": ranges}}));
        let in_pieces = from(json!(["12.0.0.0/8", "13.0.0.0/8"]));
        let not_judged = everyone(&json!({"StringEquals": {"example:Unknown": "x"}}));
        let mut perhaps_in_pieces = in_pieces.clone();
        perhaps_in_pieces["Condition"]["StringEquals"] = json!({"example:Unknown": "x"});
        for (statements, left_alone) in [
            (json!([everyone(&json!({})), named]), [true, true]),
            (json!([from(json!("0.0.0.0/1")), named, in_pieces]), [true, true]),
            (json!([in_pieces]), [false, true]),
            (json!([in_pieces, named]), [false, false]),
            (json!([perhaps_in_pieces]), [false, true]),
            // S3 takes it for public if it is.
            (json!([not_judged, named]), [true, false]),
            (json!([not_judged, in_pieces]), [false, true]),
        ] {
            assert_eq!(are_left_alone(&statements), left_alone, "{statements}");
        }
    }
}
