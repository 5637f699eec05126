//! With `TrustMembers`, members of the own organization are no strangers: those on the journal's list, as long as that is
//! believed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::journal::Journal;
use snapback::mode::Mode;
use snapback::responder::Responder;
use snapback::settings::Settings;
use workspace_tests::workspace;

use super::injected::notices;
use super::scene::{NAMED, bucket_policy_was_put, deliver_as, deployment, policy, put, settings};
use super::wire::{Answer, Aws, ok};

const MEMBER: &str = "222233334444";
const STRANGER: &str = "333344445555";

const LISTS: &str = "Organizations.ListAccounts";
const READS: &str = "DynamoDB.GetItem(members)";
const KEEPS: &str = "DynamoDB.PutItem(members)";

fn trusting() -> Settings {
    Settings { trusts_members: true, ..settings(Mode::Revert) }
}

fn lets_in(account: &str) -> String {
    format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:root"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}"#
    )
}

/// The journal's item of this list.
async fn listed(accounts: &[&str]) -> Result<Value> {
    let (aws, accounts) = (Aws::default(), accounts.iter().map(|&account| account.to_owned()).collect());
    Journal::new(&aws.config(), "journal").keep_members(&accounts, Timestamp::now()).await?;
    Ok(put(&aws, KEEPS).remove(0))
}

fn item(item: &Value) -> Answer {
    ok(&json!({"Item": item}).to_string())
}

/// A bucket that lets in these accounts until a policy is put that leaves the last.
fn bucket(before: &str, after: &str) -> Aws {
    Aws::default().answers("S3.GetBucketPolicy", [ok(before), ok(before), ok(after)])
}

fn reads(aws: &Aws) -> usize {
    aws.bodies(READS).len()
}

#[tokio::test]
async fn a_member_is_let_in_and_a_stranger_beside_it_is_not() -> Result<()> {
    let (open, left) = (policy(&[&lets_in(MEMBER), &lets_in(STRANGER), NAMED]), policy(&[&lets_in(MEMBER), NAMED]));
    let list = item(&listed(&[MEMBER, "444455556666"]).await?);
    let aws = bucket(&open, &left).answers(READS, [list.clone()]);
    deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(&open)).await?;
    assert_eq!(aws.bodies("S3.PutBucketPolicy"), [left.as_str()]);
    assert_eq!(notices(&aws)[0]["outcome"], "reverted");
    assert_eq!(reads(&aws), 1, "it is read once, however often it is judged");
    // Of the list, the entry keeps what the decision was made of.
    let entry = put(&aws, "DynamoDB.PutItem").pop().context("an entry")?;
    let entry: Value = serde_json::from_str(entry["body"]["S"].as_str().context("a body")?)?;
    assert_eq!(entry["basis"]["settings"]["trusted_accounts"], json!([MEMBER]));

    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&left)]).answers(READS, [list]);
    deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(&left)).await?;
    assert_eq!((notices(&aws).len(), aws.bodies("S3.PutBucketPolicy").len()), (0, 0), "{:?}", aws.calls());
    Ok(())
}

/// Some controls ask whom they trust of the event alone, and decide without that.
#[tokio::test]
async fn what_is_suspicious_for_nothing_but_a_member_is_let_be() -> Result<()> {
    let event = fs::read_to_string(workspace("events/ec2-used-shared-snapshot/copied.json"))?;
    let event: Value = serde_json::from_str(&event)?;
    let user = event["detail"]["userIdentity"]["accountId"].as_str().context("who used it")?;
    for (list, told) in [(&[user][..], 0), (&[MEMBER], 1)] {
        let aws = Aws::default().answers(READS, [item(&listed(list).await?)]);
        deliver_as(&ec2::FUNCTION, &aws, &trusting(), event.clone()).await?;
        assert_eq!((notices(&aws).len(), reads(&aws)), (told, 1), "{list:?}");
    }
    Ok(())
}

#[tokio::test]
async fn without_the_choice_or_a_list_that_is_believed_a_member_is_a_stranger() -> Result<()> {
    let (open, left) = (policy(&[&lets_in(MEMBER), NAMED]), policy(&[NAMED]));
    let genuine = listed(&[MEMBER]).await?;
    let other = listed(&[]).await?;
    let mut forged = genuine.clone();
    forged["seal"] = other["seal"].clone();
    for (trusts_members, answer) in
        [(false, item(&genuine)), (true, item(&forged)), (true, item(&other)), (true, ok("{}"))]
    {
        let aws = bucket(&open, &left).answers(READS, [answer]);
        let settings = Settings { trusts_members, ..settings(Mode::Revert) };
        deliver_as(&s3::FUNCTION, &aws, &settings, bucket_policy_was_put(&open)).await?;
        assert_eq!(aws.bodies("S3.PutBucketPolicy"), [left.as_str()]);
        assert_eq!(reads(&aws), usize::from(trusts_members));
    }
    Ok(())
}

#[tokio::test]
async fn a_list_is_believed_for_two_days_whatever_stands_beside_it() -> Result<()> {
    let (mut kept, now) = (listed(&[MEMBER]).await?, Timestamp::now());
    for expires in [None, Some(json!({"N": "99999999999"}))] {
        if let Some(expires) = expires {
            kept["expires"] = expires;
        }
        let journal = Journal::new(&Aws::default().answers(READS, [item(&kept)]).config(), "journal");
        let after = async |hours| journal.members(now + SignedDuration::from_hours(hours)).await;
        let members = after(47).await?.context("it is believed")?;
        assert_eq!(members.accounts, BTreeSet::from([MEMBER.to_owned()]));
        assert_eq!(after(49).await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_touched_where_it_cannot_be_read_who_is_a_member() -> Result<()> {
    let open = policy(&[&lets_in(MEMBER), NAMED]);
    let outage = (500, r#"{"__type":"InternalServerError","message":"down"}"#.to_owned());
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&open)]).answers(READS, [outage]);
    assert!(deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(&open)).await.is_err());
    assert_eq!(aws.bodies("S3.PutBucketPolicy").len() + aws.bodies("S3.DeleteBucketPolicy").len(), 0);
    let problem = notices(&aws)[0]["problem"].as_str().unwrap_or_default().to_owned();
    assert!(problem.contains("which members of the organization are trusted"), "{problem}");
    Ok(())
}

#[tokio::test]
async fn where_no_other_account_is_named_the_list_is_not_read() -> Result<()> {
    let public = policy(&[super::scene::PUBLIC, NAMED]);
    let aws = bucket(&public, &policy(&[NAMED]));
    deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(&public)).await?;
    assert_eq!((notices(&aws)[0]["outcome"].as_str(), reads(&aws)), (Some("reverted"), 0));
    Ok(())
}

fn page(accounts: &[(&str, &str, &str)], next: Option<&str>) -> Answer {
    let accounts = accounts.iter().map(|(id, state, joined)| json!({"Id": id, "State": state, "JoinedMethod": joined}));
    ok(&json!({"Accounts": accounts.collect::<Vec<_>>(), "NextToken": next}).to_string())
}

/// A scheduled check, and the lists that it has kept.
async fn checked(aws: &Aws, settings: &Settings) -> Result<Vec<Value>> {
    let deployment = deployment(workspace("guardrails"));
    let aws = aws.clone().answers("CloudTrail.LookupEvents", [ok(r#"{"Events":[]}"#)]);
    own::besides(&Responder::new(settings, &deployment, aws.config()), Duration::from_secs(30)).await?;
    let kept = put(&aws, KEEPS);
    kept.iter().map(|item| Ok(serde_json::from_str(item["body"]["S"].as_str().context("a body")?)?)).collect()
}

#[tokio::test]
async fn the_list_is_asked_for_each_hour_page_by_page_and_has_who_was_created_and_is_active() -> Result<()> {
    let pages = [
        page(&[("111122223333", "ACTIVE", "CREATED"), (STRANGER, "ACTIVE", "INVITED")], Some("2")),
        page(&[], Some("3")),
        page(&[(MEMBER, "ACTIVE", "CREATED"), ("444455556666", "SUSPENDED", "CREATED")], None),
    ];
    let aws = Aws::default().answers(LISTS, pages.clone());
    assert_eq!(checked(&aws, &trusting()).await?, [json!(["111122223333", MEMBER])]);
    let tokens: Vec<bool> = aws.bodies(LISTS).iter().map(|body| body.contains("NextToken")).collect();
    assert_eq!(tokens, [false, true, true]);

    let fresh = Aws::default().answers(LISTS, pages.clone()).answers(READS, [item(&listed(&[MEMBER]).await?)]);
    assert_eq!(checked(&fresh, &trusting()).await?, [] as [Value; 0]);
    assert_eq!(fresh.bodies(LISTS).len(), 0);

    let unasked = Aws::default().answers(LISTS, pages);
    assert_eq!(checked(&unasked, &settings(Mode::Revert)).await?, [] as [Value; 0]);
    assert_eq!((unasked.bodies(LISTS).len(), reads(&unasked)), (0, 0));
    Ok(())
}

/// So that the alarm of the function rings; and what else is done on schedule is done.
#[tokio::test]
async fn a_list_that_cannot_be_had_is_an_error_that_hinders_nothing_else() -> Result<()> {
    let denied = (400, r#"{"__type":"AccessDeniedException","Message":"You don't have permissions"}"#.to_owned());
    let aws = Aws::default().answers(LISTS, [denied]);
    let failure = checked(&aws, &trusting()).await.expect_err("it is denied");
    assert!(format!("{failure:#}").contains("organization/README.md"), "{failure:#}");
    assert_eq!((aws.bodies(KEEPS).len(), aws.bodies("CloudTrail.LookupEvents").is_empty()), (0, false));
    Ok(())
}
