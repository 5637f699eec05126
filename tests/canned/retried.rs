//! What AWS refuses for the moment is tried again at once, and what it refuses for good is not.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::json;
use snapback::change::{Change, Holder, PolicyChange};
use snapback::journal::{Earlier, Journal};
use snapback::place::Place;
use workspace_tests::workspace;

use super::scene::{NAMED, PUBLIC, policy};
use super::wire::{Aws, answer, ok, s3_error};

fn place(aws: &Aws) -> Place {
    Place::new("111122223333", aws.retrying())
}

#[tokio::test]
async fn a_bucket_whose_settings_somebody_else_is_writing_gets_its_policy_a_moment_later() -> Result<()> {
    let (from, to) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    let aws = Aws::default()
        .answers("S3.GetBucketPolicy", [ok(&from)])
        .answers("S3.PutBucketPolicy", [s3_error(409, "OperationAborted"), ok("")]);
    let of = Holder::Bucket("b".to_owned());
    let change: Change = PolicyChange { of, from: Some(from.into()), to: Some(to.into()) }.into();
    (s3::FUNCTION.apply)(&place(&aws), &change).await?;
    assert_eq!(aws.bodies("S3.PutBucketPolicy").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_being_changed_is_asked_again() -> Result<()> {
    let busy = answer("DynamoDB.GetItem", "400 ResourceInUseException");
    let aws = Aws::default().answers("DynamoDB.GetItem", [busy, ok("{}")]);
    assert_eq!(Journal::new(&aws.retrying(), "journal").earlier("1", Timestamp::now()).await?, Earlier::None);
    assert_eq!(aws.bodies("DynamoDB.GetItem").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_quota_is_no_throttling() -> Result<()> {
    let aws = Aws::default().answers("KMS.GenerateMac", [answer("KMS.GenerateMac", "400 LimitExceededException")]);
    let stop =
        serde_json::from_value(json!({"reason": "", "by": "", "since": Timestamp::now(), "until": Timestamp::now()}))?;
    assert!(Journal::new(&aws.retrying(), "journal").stop(&stop).await.is_err());
    assert_eq!(aws.bodies("KMS.GenerateMac").len(), 1);
    Ok(())
}

#[test]
fn every_client_of_a_function_is_made_so() -> Result<()> {
    let mut folders = vec![workspace("shared/src"), workspace("functions")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                makes_none_by_itself(&path)?;
            }
        }
    }
    Ok(())
}

fn makes_none_by_itself(path: &Path) -> Result<()> {
    let source = fs::read_to_string(path)?;
    let is_made =
        source.contains("Client::new(") || source.contains("Client::from_conf(") && !source.contains("Conflicts");
    ensure!(!is_made, "{} makes a client that takes conflicts for final: `snapback::client!` does not", path.display());
    Ok(())
}
