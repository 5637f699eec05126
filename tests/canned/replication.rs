//! A replication is written back with all that was read, or not at all.

use anyhow::Result;
use serde_json::{Value, json};
use snapback::mode::Mode;

use super::scene::{deliver, event};
use super::wire::{Answer, Aws, buckets, ok};

/// A rule to one's own bucket that has all that S3 knows, and one of the older form to a stranger.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html>
const OWN: &str = "<Rule><ID>own</ID><Priority>2</Priority><Filter><And><Prefix>a/</Prefix>\
    <Tag><Key>team</Key><Value>web</Value></Tag><Tag><Key>tier</Key><Value></Value></Tag></And></Filter>\
    <Status>Enabled</Status><SourceSelectionCriteria><SseKmsEncryptedObjects><Status>Enabled</Status>\
    </SseKmsEncryptedObjects><ReplicaModifications><Status>Enabled</Status></ReplicaModifications>\
    </SourceSelectionCriteria><ExistingObjectReplication><Status>Enabled</Status></ExistingObjectReplication>\
    <DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><Destination>\
    <Bucket>arn:aws:s3:::mine</Bucket><StorageClass>GLACIER_IR</StorageClass><EncryptionConfiguration>\
    <ReplicaKmsKeyID>arn:aws:kms:eu-central-1:111122223333:alias/copies</ReplicaKmsKeyID></EncryptionConfiguration>\
    <ReplicationTime><Status>Enabled</Status><Time><Minutes>15</Minutes></Time></ReplicationTime><Metrics>\
    <Status>Enabled</Status><EventThreshold><Minutes>15</Minutes></EventThreshold></Metrics></Destination></Rule>";
const STRANGER: &str = "<Rule><ID>stranger</ID><Prefix></Prefix><Status>Enabled</Status><Destination>\
    <Bucket>arn:aws:s3:::loot</Bucket><Account>777788889999</Account><AccessControlTranslation>\
    <Owner>Destination</Owner></AccessControlTranslation></Destination></Rule>";

fn replication(rules: &str) -> Answer {
    ok(&format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ReplicationConfiguration \
         xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Role>arn:aws:iam::111122223333:role/copy</Role>{rules}\
         </ReplicationConfiguration>"
    ))
}

fn disabled(rule: &str) -> String {
    rule.replacen("<Status>Enabled</Status>", "<Status>Disabled</Status>", 1)
}

/// The event that put it, and an AWS that has it.
fn put() -> (Value, Aws) {
    let told = json!([
        {"ID": "own", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::mine"}},
        {"ID": "stranger", "Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::loot", "Account": "777788889999"}},
    ]);
    let request = json!({"bucketName": "b", "replication": "", "ReplicationConfiguration": {"Rule": told}});
    let aws = Aws::default()
        .answers("S3.GetBucketReplication", [replication(&format!("{OWN}{STRANGER}"))])
        .answers("S3.ListBuckets", [buckets(&[("b", "eu-central-1"), ("mine", "us-west-2")])]);
    (event("s3", "PutBucketReplication", request, json!(null)), aws)
}

/// Every element that holds a text, in the order of their names and texts; S3 does not ask for another.
fn texts(xml: &str) -> Vec<String> {
    let pieces = xml.split('<').filter(|piece| !piece.starts_with(['?', '/']));
    let mut texts: Vec<String> = pieces
        .filter_map(|piece| piece.split_once('>'))
        .map(|(tag, text)| (tag.split([' ', '/']).next().unwrap_or(tag), text))
        .map(|(tag, text)| format!("{tag}={text}"))
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn all_that_s3_tells_is_written_back_but_for_one_status() -> Result<()> {
    let (event, aws) = put();
    let before = replication(&format!("{OWN}{STRANGER}"));
    let after = replication(&format!("{OWN}{}", disabled(STRANGER)));
    aws.set("S3.GetBucketReplication", [before.clone(), before, after.clone()]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    let written = aws.bodies("S3.PutBucketReplication");
    assert_eq!(written.iter().map(|body| texts(body)).collect::<Vec<_>>(), [texts(&after.1)]);
    Ok(())
}

#[tokio::test]
async fn what_the_sdk_would_drop_is_announced_and_stays() -> Result<()> {
    for strange in ["<Tomorrow>1</Tomorrow></Destination></Rule>", "</Destination><SourceSelectionCriteria/></Rule>"] {
        let (event, aws) = put();
        let rule = STRANGER.replace("</Destination></Rule>", strange);
        aws.set("S3.GetBucketReplication", [replication(&rule)]);
        deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
        assert!(aws.bodies("S3.PutBucketReplication").is_empty(), "{strange}");
        let said = aws.bodies("SNS.Publish").concat();
        assert!(said.contains("s3-foreign-replication") && said.contains("alerted"), "{strange}: {said}");
    }
    Ok(())
}
