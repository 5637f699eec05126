//! AWS gives the principals of a policy back in another order with each read.

use anyhow::Result;
use serde_json::{Value, json};
use snapback::change::{Applied, Holder, PolicyChange};
use snapback::mode::Mode;

use super::injected::notices;
use super::scene::{bucket_policy_was_put, deliver};
use super::wire::{Answer, Aws, ok};

const FRIENDS: usize = 7;

/// A policy for seven friends, and for everyone if that is said, turned by so many places.
fn turned(by: usize, is_open: bool) -> String {
    let friends = (0..FRIENDS).map(|number| format!("arn:aws:iam::111122223333:role/friend-{number}"));
    let mut principals: Vec<String> = friends.chain(is_open.then(|| "*".to_owned())).collect();
    let places = by % principals.len();
    principals.rotate_left(places);
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn reads(open: usize, closed: usize) -> Vec<Answer> {
    let open = (0..open).map(|by| ok(&turned(by, true)));
    open.chain((0..closed).map(|by| ok(&turned(by + 3, false)))).collect()
}

fn principals(policy: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let listed = policy["Statement"][0]["Principal"]["AWS"].as_array().cloned().unwrap_or_default();
    let mut principals: Vec<String> = listed.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect();
    principals.sort();
    principals
}

#[tokio::test]
async fn a_revert_is_done_at_the_first_try_whatever_the_order_of_each_read() -> Result<()> {
    // The look, the read before the write, and then the looks after it.
    let aws = Aws::default().answers("S3.GetBucketPolicy", reads(2, 4));
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&turned(5, true))).await?;
    let [written] = &aws.bodies("S3.PutBucketPolicy")[..] else { panic!("{:?}", aws.calls()) };
    assert_eq!(principals(written), principals(&turned(0, false)));
    let outcomes: Vec<Value> = notices(&aws).into_iter().map(|notice| notice["outcome"].clone()).collect();
    assert_eq!(outcomes, ["reverted"]);
    Ok(())
}

/// Two spellings of one key are no way to keep a bucket open.
#[tokio::test]
async fn a_policy_with_a_name_twice_is_reverted_as_well() -> Result<()> {
    let twice = |policy: &str| {
        let condition = r#""Condition":{"Bool":{"aws:SecureTransport":"true","aws:securetransport":"true"}}"#;
        policy.replace(r#""Effect":"Allow""#, &format!(r#""Effect":"Allow",{condition}"#))
    };
    let read = |by, is_open| ok(&twice(&turned(by, is_open)));
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [read(0, true), read(1, true), read(2, false), read(3, false)]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&twice(&turned(5, true)))).await?;
    let [written] = &aws.bodies("S3.PutBucketPolicy")[..] else { panic!("{:?}", aws.calls()) };
    assert_eq!(principals(written), principals(&turned(0, false)));
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    Ok(())
}

#[tokio::test]
async fn an_undo_finds_what_the_revert_has_left_and_a_second_one_that_it_is_done() -> Result<()> {
    let change = PolicyChange {
        of: Holder::Bucket("b".to_owned()),
        from: Some(turned(0, true).into()),
        to: Some(turned(0, false).into()),
    };
    for (found, expected) in [
        (turned(4, false), "done"),
        (turned(6, true), "already"),
        (turned(2, true).replace("friend-3", "other"), "changed"),
    ] {
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&found)]);
        let applied = (s3::FUNCTION.apply)(&aws.place(), &change.undo().into()).await?;
        let (said, writes) = match applied {
            Applied::Done { .. } => ("done", 1),
            Applied::Already => ("already", 0),
            Applied::Changed { .. } => ("changed", 0),
        };
        assert_eq!(said, expected);
        assert_eq!(aws.bodies("S3.PutBucketPolicy").len(), writes);
    }
    Ok(())
}
