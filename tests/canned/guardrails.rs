//! Guardrails before each write: what one forbids, and what goes wrong with one, touches nothing and is announced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use snapback::control::Look;
use snapback::event::Event;
use snapback::mode::Mode;
use snapback::right::actions;
use snapback::subject::Subject;
use workspace_tests::FUNCTIONS;

use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver_under, event, policy};
use super::wire::{Aws, answer, ok, s3_error};

const PERMIT: &str = "permit (principal, action, resource);";
const APPROVED: &str = "@reason(\"approved\") @owner(\"ops\") forbid (principal, action, resource)
    when { resource.hasTag(\"exposure\") && resource.getTag(\"exposure\") == \"approved\" };";
const TAGS: &str = "<Tagging><TagSet><Tag><Key>exposure</Key><Value>approved</Value></Tag></TagSet></Tagging>";

/// A folder with these guardrails in one file.
fn guardrails(name: &str, texts: &[&str]) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guardrails-{name}"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("own.cedar"), texts.join("\n"))?;
    Ok(folder)
}

fn public_bucket() -> Aws {
    Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC, NAMED]))])
}

/// What is announced of a public bucket under these guardrails; it is asserted that nobody touches it.
async fn kept_open(aws: &Aws, guardrails: PathBuf, mode: Mode) -> Result<Value> {
    let event = bucket_policy_was_put(&policy(&[PUBLIC, NAMED]));
    deliver_under(guardrails, &s3::FUNCTION, aws, mode, event).await?;
    let calls = aws.calls();
    assert!(!calls.iter().any(|call| call.starts_with("S3.Put") || call.starts_with("S3.Delete")), "{calls:?}");
    let notices = super::injected::notices(aws);
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert_eq!(notices[0]["outcome"], "alerted");
    Ok(notices[0].clone())
}

#[tokio::test]
async fn what_a_guardrail_forbids_is_announced_with_its_severity_reason_and_owner() -> Result<()> {
    let named = "@reason(\"the website\") @owner(\"web@example.com\") @until(\"2999-12-31\")
        forbid (principal, action, resource == Resource::\"arn:aws:s3:::b\");";
    for mode in [Mode::Revert, Mode::Notify] {
        let notice = kept_open(&public_bucket(), guardrails("forbids", &[PERMIT, named])?, mode).await?;
        assert_eq!(notice["severity"], "high");
        let why = notice["why"].as_str().unwrap_or_default();
        assert!(why.starts_with("statement 1 lets everyone do s3:GetObject"), "{why}");
        assert!(
            why.ends_with("forbidden by guardrail `own-2`: the website (owner web@example.com, until 2999-12-31)"),
            "{why}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn guardrails_that_are_broken_or_missing_or_err_touch_nothing() -> Result<()> {
    let errs = "permit (principal, action, resource) when { 9223372036854775807 + 1 == 0 };";
    for (folder, said) in [
        (guardrails("broken", &[PERMIT, "forbid (principal"])?, "own.cedar"),
        (guardrails("errs", &[PERMIT, errs])?, "overflow"),
        (PathBuf::from("no/such/folder"), "cannot be read"),
        (guardrails("nothing-permits", &[""])?, "no guardrail permits"),
    ] {
        let notice = kept_open(&public_bucket(), folder, Mode::Revert).await?;
        assert!(notice["why"].as_str().is_some_and(|why| why.contains(said)), "{notice}");
    }
    Ok(())
}

#[tokio::test]
async fn tags_are_read_only_if_a_guardrail_asks_and_if_they_cannot_be_nothing_is_touched() -> Result<()> {
    let folder = guardrails("approved", &[PERMIT, APPROVED])?;
    let aws = public_bucket().answers("S3.GetBucketTagging", [ok(TAGS)]);
    let notice = kept_open(&aws, folder.clone(), Mode::Revert).await?;
    assert!(notice["why"].as_str().is_some_and(|why| why.contains("`own-2`")), "{notice}");

    let aws = public_bucket().answers("S3.GetBucketTagging", [s3_error(403, "AccessDenied")]);
    let notice = kept_open(&aws, folder.clone(), Mode::Revert).await?;
    assert!(notice["why"].as_str().is_some_and(|why| why.contains("reading the tags of bucket `b`")), "{notice}");

    let public = policy(&[PUBLIC, NAMED]);
    for (folder, asked) in [(folder, true), (guardrails("no-tags", &[PERMIT])?, false)] {
        let aws = Aws::default()
            .answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))])
            .answers("S3.GetBucketTagging", [s3_error(404, "NoSuchTagSet")]);
        deliver_under(folder, &s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
        assert_eq!(super::injected::notices(&aws)[0]["outcome"], "reverted");
        assert_eq!(aws.calls().iter().any(|call| call == "S3.GetBucketTagging"), asked);
    }
    Ok(())
}

/// Guardrails are asked on each attempt: one that came with a deployment in between counts.
#[tokio::test]
async fn a_retry_asks_again() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let event = bucket_policy_was_put(&public);
    let aws = public_bucket().answers("S3.PutBucketPolicy", [s3_error(403, "AccessDenied")]);
    let permitting = guardrails("before", &[PERMIT])?;
    assert!(deliver_under(permitting, &s3::FUNCTION, &aws, Mode::Revert, event.clone()).await.is_err());

    let again = public_bucket().answers("DynamoDB.GetItem", [super::injected::journaled(&aws)]);
    let forbidding =
        guardrails("after", &[PERMIT, "@reason(\"r\") @owner(\"o\") forbid (principal, action, resource);"])?;
    deliver_under(forbidding, &s3::FUNCTION, &again, Mode::Revert, event).await?;
    assert_eq!(again.bodies("S3.PutBucketPolicy"), [] as [String; 0]);
    assert_eq!(super::injected::notices(&again)[0]["outcome"], "alerted");
    Ok(())
}

/// Or else the entry would say that nothing was touched, and could not be undone.
#[tokio::test]
async fn what_an_earlier_delivery_has_taken_back_stays_so_and_can_be_undone() -> Result<()> {
    let public = policy(&[PUBLIC, NAMED]);
    let event = bucket_policy_was_put(&public);
    let aws = public_bucket().answers("S3.PutBucketPolicy", [s3_error(403, "AccessDenied")]);
    let permitting = guardrails("taken-back-before", &[PERMIT])?;
    assert!(deliver_under(permitting, &s3::FUNCTION, &aws, Mode::Revert, event.clone()).await.is_err());

    // The write did take effect, whatever was answered. AWS gives it back in its own words.
    let forbidding = guardrails("taken-back-after", &["permit (principal, action, resource) when { false };"])?;
    let in_other_words = policy(&[NAMED]).replace(r#""s3:GetObject""#, r#" [ "s3:GetObject" ] "#);
    for left in [policy(&[NAMED]), in_other_words] {
        let again = Aws::default()
            .answers("S3.GetBucketPolicy", [ok(&left)])
            .answers("DynamoDB.GetItem", [super::injected::journaled(&aws)]);
        deliver_under(forbidding.clone(), &s3::FUNCTION, &again, Mode::Revert, event.clone()).await?;
        assert_eq!(again.bodies("S3.PutBucketPolicy"), [] as [String; 0]);
        let notice = &super::injected::notices(&again)[0];
        assert_eq!(notice["outcome"], "reverted", "{left}");
        assert!(notice["undo"].is_string(), "{notice}");
    }
    Ok(())
}

#[tokio::test]
async fn reading_tags_makes_just_the_calls_that_are_declared() -> Result<()> {
    for function in FUNCTIONS {
        let aws = Aws::default();
        for (operation, told) in [
            ("S3.GetBucketTagging", TAGS),
            ("EC2.DescribeTags", "<tagSet><item><key>exposure</key><value>approved</value></item></tagSet>"),
            ("SNS.ListTagsForResource", "<Tags><member><Key>exposure</Key><Value>approved</Value></member></Tags>"),
            ("IAM.ListRoleTags", "<Tags><member><Key>exposure</Key><Value>approved</Value></member></Tags>"),
            ("IAM.ListUserTags", "<Tags><member><Key>exposure</Key><Value>approved</Value></member></Tags>"),
            ("SQS.ListQueueTags", r#"{"Tags":{"exposure":"approved"}}"#),
            ("secretsmanager.DescribeSecret", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("ecr.ListTagsForResource", r#"{"tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("elasticfilesystem.ListTagsForResource", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("acm-pca.ListTags", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("ses.ListTagsForResource", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("glacier.ListTagsForVault", r#"{"Tags":{"exposure":"approved"}}"#),
            ("es.ListTags", r#"{"TagList":[{"Key":"exposure","Value":"approved"}]}"#),
            ("dynamodb.ListTagsOfResource", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("backup.ListTags", r#"{"Tags":{"exposure":"approved"}}"#),
            ("kinesis.ListTagsForStream", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
            ("RolesAnywhere.ListTagsForResource", r#"{"tags":[{"key":"exposure","value":"approved"}]}"#),
            ("KMS.ListResourceTags", r#"{"Tags":[{"TagKey":"exposure","TagValue":"approved"}],"Truncated":false}"#),
            ("CloudTrail.ListTags", r#"{"ResourceTagList":[{"TagsList":[{"Key":"exposure","Value":"approved"}]}]}"#),
            (
                "ConfigService.DescribeConfigurationRecorders",
                r#"{"ConfigurationRecorders":[{"name":"default","arn":"a"}]}"#,
            ),
            ("ConfigService.ListTagsForResource", r#"{"Tags":[{"Key":"exposure","Value":"approved"}]}"#),
        ] {
            aws.set(operation, [answer(operation, told)]);
        }
        let event = Event::from_envelope(event("s3", "PutBucketPolicy", json!({}), json!(null)))?;
        let subjects = match function.name {
            "S3Function" => vec![Subject::bucket(&event, "b")],
            "Ec2Function" => vec![Subject::security_group(&event, "sg-1")],
            "IamFunction" | "IamWriterFunction" => vec![Subject::user(&event, "bob"), Subject::role(&event, "reports")],
            "PoliciesFunction" => {
                let topic = Subject::topic(&event, "arn:aws:sns:eu-central-1:111122223333:t");
                let of = |kind: &str| Subject::part(&event, kind, "x", "secretsmanager", "", "");
                let rows = [
                    "secret",
                    "repository",
                    "file system",
                    "data stream",
                    "certificate authority",
                    "email identity",
                    "Glacier vault",
                    "OpenSearch domain",
                    "table",
                    "backup vault",
                ];
                let rows = rows.map(of);
                [topic, Subject::queue(&event, "q")].into_iter().chain(rows).collect()
            }
            "TrailFunction" => vec![Subject::part(&event, "trail", "audit", "cloudtrail", "trail/", "cloudtrailv2")],
            "RolesAnywhereFunction" => {
                vec![Subject::part(&event, "profile", "1a2b", "rolesanywhere", "profile/", "rolesanywhere/home")]
            }
            "DetectorsFunction" => {
                vec![Subject::part(&event, "AWS Config", "eu-central-1", "config", "account-setting/", "config/home")]
            }
            "KmsFunction" => vec![Subject::part(&event, "KMS key", "1a2b", "kms", "key/", "kms/home")],
            // Nothing that it looks at has tags that count.
            "OwnFunction" | "PassedRolesFunction" | "SigninFunction" => continue,
            other => panic!("{other} has no situation here"),
        };
        for subject in subjects {
            let tags = (function.tags.read)(&Look::new(&aws.place()), &subject).await?;
            assert_eq!(tags, BTreeMap::from([("exposure".to_owned(), "approved".to_owned())]), "{}", subject.arn);
        }
        let called: Vec<String> = aws.calls().iter().flat_map(|call| crate::iam::actions(call, "")).collect();
        assert_eq!(called, actions(function.tags.needs), "{}", function.name);
    }
    Ok(())
}
