//! What AWS refuses for the moment is tried again at once, and what it refuses for good is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use jiff::Timestamp;
use serde_json::json;
use snapback::change::{
    Applied, Change, Direction, Ec2, FlowLog, Holder, Network, PolicyChange, Rule, SecurityGroup, Source, Swap,
};
use snapback::journal::{Earlier, Journal};
use snapback::place::Place;
use workspace_tests::workspace;

use super::scene::{NAMED, PUBLIC, policy};
use super::wire::{Aws, answer, ok, rules, s3_error};

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

/// Without the account, EC2 does not find a group that is another's.
#[tokio::test]
async fn an_undo_names_the_account_of_a_group_that_is_another_s() -> Result<()> {
    let pair = "<referencedGroupInfo><groupId>sg-2</groupId><userId>444455556666</userId></referencedGroupInfo>";
    let (seen, gone) = (rules(&[("sgr-1", "sg-1", "tcp", 22, pair)]), rules(&[]));
    let rule = Rule {
        id: "sgr-1".to_owned(),
        protocol: "tcp".to_owned(),
        from_port: Some(22),
        to_port: Some(22),
        source: Source::SecurityGroup("444455556666/sg-2".to_owned()),
        direction: Direction::Ingress,
        description: None,
        tags: BTreeMap::new(),
    };
    let revoke: Change = Ec2::Rules(Swap { of: SecurityGroup("sg-1".to_owned()), from: vec![rule], to: vec![] }).into();
    let aws = Aws::default().answers("EC2.DescribeSecurityGroupRules", [seen, gone]);
    // What EC2 tells of it is what the change was made for.
    assert_eq!((ec2::FUNCTION.apply)(&place(&aws), &revoke).await?, Applied::done());
    assert!(aws.bodies("EC2.RevokeSecurityGroupIngress")[0].contains("SecurityGroupRuleId.1=sgr-1"));
    (ec2::FUNCTION.apply)(&place(&aws), &revoke.undo()).await?;
    let asked = aws.bodies("EC2.AuthorizeSecurityGroupIngress").concat();
    assert!(asked.contains("Groups.1.GroupId=sg-2") && asked.contains("Groups.1.UserId=444455556666"), "{asked}");
    Ok(())
}

/// EC2 answers 200 and tells of each resource what was refused: with a code, or with a number and a text.
#[tokio::test]
async fn a_flow_log_that_somebody_has_just_made_is_there_already_whatever_the_code_is() -> Result<()> {
    let log = FlowLog {
        id: "fl-1".to_owned(),
        resource: "vpc-1".to_owned(),
        traffic: Some("ALL".to_owned()),
        destination_type: "s3".to_owned(),
        destination: Some("arn:aws:s3:::logs".to_owned()),
        log_group: None,
        role: None,
        format: None,
        interval: Some(600),
        files: None,
        tags: BTreeMap::new(),
        is_all_told: true,
    };
    let make: Change = Ec2::FlowLogs(Swap { of: Network("vpc-1".to_owned()), from: vec![], to: vec![log] }).into();
    let existing = "Error. There is an existing Flow Log with the same configuration and log destination.";
    for (code, why, is_there) in [
        ("FlowLogAlreadyExists", "m", true),
        ("400", existing, true),
        ("400", "LogDestination: logs does not exist", false),
    ] {
        let refused = format!(
            "<flowLogIdSet/><unsuccessful><item><error><code>{code}</code><message>{why}</message></error>\
             <resourceId>vpc-1</resourceId></item></unsuccessful>"
        );
        let aws = Aws::default()
            .answers("EC2.DescribeFlowLogs", [answer("EC2.DescribeFlowLogs", "<flowLogSet/>")])
            .answers("EC2.CreateFlowLogs", [answer("EC2.CreateFlowLogs", &refused)]);
        let applied = (ec2::FUNCTION.apply)(&place(&aws), &make).await;
        assert_eq!(applied.ok(), is_there.then_some(Applied::Already), "{code}: {why}");
    }
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

/// A warm function serves one account after the other.
#[tokio::test]
async fn however_much_one_account_is_refused_others_have_their_further_tries() -> Result<()> {
    let text = policy(&[PUBLIC, NAMED]);
    let of = Holder::Bucket("b".to_owned());
    let change: Change = PolicyChange { of, from: Some(text.clone().into()), to: Some(policy(&[NAMED]).into()) }.into();
    let storm = Aws::default().answers("S3.GetBucketPolicy", [s3_error(503, "SlowDown")]);
    for _ in 0..150 {
        assert!((s3::FUNCTION.apply)(&place(&storm), &change).await.is_err());
    }
    let other = Aws::default().answers("S3.GetBucketPolicy", [s3_error(503, "SlowDown"), ok(&text)]);
    let applied = (s3::FUNCTION.apply)(&Place::new("222233334444", other.retrying()), &change).await?;
    assert_eq!(applied, Applied::done());
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
