//! With `TrustMembers`, members of the own organization are no strangers: those on the journal's list, as long as that is
//! believed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use snapback::journal::{Journal, Listed, Members};
use snapback::mode::{Mode, Modes};
use snapback::responder::Responder;
use snapback::settings::Settings;
use workspace_tests::workspace;

use super::injected::notices;
use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver_as, deployment, policy, put, settings};
use super::wire::{Answer, Aws, ok};

const MANAGEMENT: &str = "555566667777";
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

/// The journal's item of what is known.
async fn kept(last: Option<Listed>) -> Result<Value> {
    let aws = Aws::default();
    let members = Members { last, problem: None };
    Journal::new(&aws.config(), "journal").keep_members(&members, Timestamp::now()).await?;
    Ok(put(&aws, KEEPS).remove(0))
}

/// A list of now.
fn list(accounts: &[&str], organization: Option<&str>) -> Listed {
    let accounts = accounts.iter().map(|&account| account.to_owned()).collect();
    let organization = organization.map(str::to_owned);
    Listed { accounts, organization, units: BTreeMap::new(), at: Timestamp::now() }
}

async fn listed(accounts: &[&str]) -> Result<Value> {
    kept(Some(list(accounts, None))).await
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
    for (trusts_members, answer, is_told) in [
        (false, item(&genuine), false),
        (true, item(&forged), true),
        (true, item(&other), false),
        (true, ok("{}"), false),
    ] {
        let aws = bucket(&open, &left).answers(READS, [answer]);
        let settings = Settings { trusts_members, ..settings(Mode::Revert) };
        deliver_as(&s3::FUNCTION, &aws, &settings, bucket_policy_was_put(&open)).await?;
        assert_eq!(aws.bodies("S3.PutBucketPolicy"), [left.as_str()]);
        assert_eq!(reads(&aws), usize::from(trusts_members));
        let told = notices(&aws)[0]["forged"].to_string();
        assert_eq!(told.contains("the list of trusted members"), is_told, "{told}");
    }
    Ok(())
}

/// A condition on the organization lets in all of its members, so it is trusted only where none of them is a stranger.
#[tokio::test]
async fn a_condition_on_the_organization_is_no_stranger_if_the_list_says_so() -> Result<()> {
    let to = |key: &str, value: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{{"ForAnyValue:StringLike":{{"{key}":"{value}"}}}}}}"#
        )
    };
    let ours =
        policy(&[&to("aws:PrincipalOrgID", "o-exampleorgid"), &to("aws:PrincipalOrgPaths", "o-exampleorgid/r-ab12/*")]);
    let theirs = policy(&[&to("aws:PrincipalOrgID", "o-a1b2c3d4e5")]);
    for (open, organization, told) in
        [(&ours, Some("o-exampleorgid"), 0), (&ours, None, 1), (&theirs, Some("o-exampleorgid"), 1)]
    {
        let list = item(&kept(Some(list(&[MEMBER], organization))).await?);
        let aws = bucket(open, &policy(&[NAMED])).answers(READS, [list]);
        deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(open)).await?;
        assert_eq!((notices(&aws).len(), reads(&aws)), (told, 1), "{open} {organization:?}");
    }
    Ok(())
}

/// Its age is that of what is signed.
#[tokio::test]
async fn a_list_is_believed_for_two_days_whatever_stands_beside_it() -> Result<()> {
    let (mut kept, now) = (listed(&[MEMBER]).await?, Timestamp::now());
    kept["expires"] = json!({"N": "99999999999"});
    let journal = Journal::new(&Aws::default().answers(READS, [item(&kept)]).config(), "journal");
    let members = journal.members().await??;
    let after = |hours| members.clone().believed(now + SignedDuration::from_hours(hours));
    assert_eq!(after(47).context("it is believed")?.accounts, BTreeSet::from([MEMBER.to_owned()]));
    assert_eq!(after(49), None);
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
    let public = policy(&[PUBLIC, NAMED]);
    let aws = bucket(&public, &policy(&[NAMED]));
    deliver_as(&s3::FUNCTION, &aws, &trusting(), bucket_policy_was_put(&public)).await?;
    assert_eq!((notices(&aws)[0]["outcome"].as_str(), reads(&aws)), (Some("reverted"), 0));
    Ok(())
}

/// A list is kept for the units alone.
#[tokio::test]
async fn who_only_lists_members_trusts_none() -> Result<()> {
    let (open, left) = (policy(&[&lets_in(MEMBER), NAMED]), policy(&[NAMED]));
    let modes = Modes::read(Mode::Revert, &format!("{LIVE}/*=revert")).map_err(|wrong| anyhow!(wrong))?;
    let listing = Settings { modes, lists_members: true, ..settings(Mode::Revert) };
    let aws = bucket(&open, &left).answers(READS, [item(&listed(&[MEMBER]).await?)]);
    deliver_as(&s3::FUNCTION, &aws, &listing, bucket_policy_was_put(&open)).await?;
    assert_eq!((aws.bodies("S3.PutBucketPolicy"), reads(&aws)), (vec![left], 1));
    Ok(())
}

const SANDBOX: &str = "ou-ab12-sandboxes";
const LIVE: &str = "ou-ab12-liveunits";

#[tokio::test]
async fn a_unit_has_its_mode_and_where_nothing_says_who_is_in_it_the_least_of_all_that_it_may_be() -> Result<()> {
    let modes =
        Modes::read(Mode::Notify, &format!("{SANDBOX}/*=off,{LIVE}/*=revert")).map_err(|wrong| anyhow!(wrong))?;
    let settings = Settings { modes, lists_members: true, ..Settings::default() };
    let of = |unit: Option<&str>, hours| {
        let units = unit.map(|unit| ("111122223333".to_owned(), [unit.to_owned()].into()));
        let at = Timestamp::now() - SignedDuration::from_hours(hours);
        kept(Some(Listed { units: units.into_iter().collect(), at, ..list(&[], None) }))
    };
    let mut forged = of(Some(LIVE), 0).await?;
    forged["seal"] = of(None, 0).await?["seal"].clone();
    let (open, left) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    for (answer, outcome, is_sure) in [
        (item(&of(Some(SANDBOX), 0).await?), None, true),
        (item(&of(Some(LIVE), 0).await?), Some("reverted"), true),
        (item(&of(Some("ou-ab12-elsewhere"), 0).await?), Some("would-revert"), true),
        (item(&of(Some(LIVE), 49).await?), Some("would-revert"), false),
        (item(&of(None, 0).await?), Some("would-revert"), false),
        (item(&forged), Some("would-revert"), false),
        (ok("{}"), Some("would-revert"), false),
    ] {
        let aws = bucket(&open, &left).answers(READS, [answer]);
        deliver_as(&s3::FUNCTION, &aws, &settings, bucket_policy_was_put(&open)).await?;
        let told = notices(&aws);
        let told = told.first();
        assert_eq!(told.and_then(|told| told["outcome"].as_str()), outcome);
        assert_eq!(aws.bodies("S3.PutBucketPolicy").len(), usize::from(outcome == Some("reverted")));
        let problem = told.and_then(|told| told["problem"].as_str()).unwrap_or_default();
        assert_eq!(problem.contains("`ModeOverrides`"), !is_sure, "{problem}");
        assert_eq!(reads(&aws), 1);
        assert_eq!(aws.calls().iter().any(|call| call.starts_with("S3.")), outcome.is_some(), "off is off");
    }
    Ok(())
}

/// The account is in the event: nobody has to be asked.
#[tokio::test]
async fn an_account_has_its_mode_without_a_list() -> Result<()> {
    let (open, left) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    for (account, outcome) in [("111122223333", "reverted"), (MEMBER, "would-revert")] {
        let modes = Modes::read(Mode::Notify, &format!("{account}/s3-*=revert")).map_err(|wrong| anyhow!(wrong))?;
        let aws = bucket(&open, &left);
        let settings = Settings { modes, ..Settings::default() };
        deliver_as(&s3::FUNCTION, &aws, &settings, bucket_policy_was_put(&open)).await?;
        assert_eq!((notices(&aws)[0]["outcome"].as_str(), reads(&aws)), (Some(outcome), 0));
    }
    Ok(())
}

fn page(accounts: &[(&str, &str, &str)], next: Option<&str>) -> Answer {
    let accounts = accounts.iter().map(|(id, state, joined)| {
        let arn = format!("arn:aws:organizations::{MANAGEMENT}:account/o-exampleorgid/{id}");
        json!({"Id": id, "Arn": arn, "State": state, "JoinedMethod": joined})
    });
    ok(&json!({"Accounts": accounts.collect::<Vec<_>>(), "NextToken": next}).to_string())
}

/// What is done besides a scheduled check, and what it has kept of the members.
async fn checked(aws: &Aws, settings: &Settings) -> Result<Vec<Value>> {
    let deployment = deployment(workspace("guardrails"));
    let aws = aws.clone().answers("CloudTrail.LookupEvents", [ok(r#"{"Events":[]}"#)]);
    own::besides(&Responder::new(settings, &deployment, aws.config()), Duration::from_secs(30)).await?;
    assert!(!aws.bodies("CloudTrail.LookupEvents").is_empty(), "what else is done on schedule is done");
    let kept = put(&aws, KEEPS);
    kept.iter().map(|item| Ok(serde_json::from_str(item["body"]["S"].as_str().context("a body")?)?)).collect()
}

#[tokio::test]
async fn the_list_is_asked_for_each_hour_page_by_page_and_has_who_is_active_and_no_stranger() -> Result<()> {
    let pages = [
        page(&[(MANAGEMENT, "ACTIVE", "INVITED"), (STRANGER, "ACTIVE", "INVITED")], Some("2")),
        page(&[], Some("3")),
        page(&[(MEMBER, "ACTIVE", "CREATED"), ("444455556666", "SUSPENDED", "CREATED")], None),
    ];
    let aws = Aws::default().answers(LISTS, pages.clone());
    let kept = checked(&aws, &trusting()).await?;
    let last = &kept[0]["last"];
    assert_eq!((&last["accounts"], &last["organization"]), (&json!([MEMBER, MANAGEMENT]), &Value::Null));
    let tokens: Vec<bool> = aws.bodies(LISTS).iter().map(|body| body.contains("NextToken")).collect();
    assert_eq!((kept.len(), tokens), (1, vec![false, true, true]));

    // Whom the operator has named is no stranger in the organization.
    let named = Settings { trusted_accounts: [STRANGER.to_owned()].into(), ..trusting() };
    let kept = checked(&Aws::default().answers(LISTS, pages.clone()), &named).await?;
    assert_eq!(kept[0]["last"]["organization"], "o-exampleorgid");

    let fresh = Aws::default().answers(LISTS, pages.clone()).answers(READS, [item(&listed(&[MEMBER]).await?)]);
    assert_eq!(checked(&fresh, &trusting()).await?, [] as [Value; 0]);
    assert_eq!(fresh.bodies(LISTS).len(), 0);

    let unasked = Aws::default().answers(LISTS, pages);
    assert_eq!(checked(&unasked, &settings(Mode::Revert)).await?, [] as [Value; 0]);
    assert_eq!((unasked.bodies(LISTS).len(), reads(&unasked)), (0, 0));
    Ok(())
}

/// It is kept once, so that the next check tells of it.
#[tokio::test]
async fn why_a_list_cannot_be_had_is_kept_beside_the_last() -> Result<()> {
    let denied = (400, r#"{"__type":"AccessDeniedException","Message":"You don't have permissions"}"#.to_owned());
    let hours_old =
        |hours| Listed { at: Timestamp::now() - SignedDuration::from_hours(hours), ..list(&[MEMBER], None) };
    for last in [None, Some(hours_old(2)), Some(hours_old(50))] {
        let before = item(&kept(last.clone()).await?);
        let aws = Aws::default().answers(LISTS, [denied.clone()]).answers(READS, [before]);
        let kept = checked(&aws, &trusting()).await?;
        assert_eq!((kept.len(), &kept[0]["last"]), (1, &json!(last)));
        let problem = kept[0]["problem"].as_str().unwrap_or_default();
        assert!(problem.contains("AccessDenied") && problem.contains("organization/README.md"), "{problem}");

        let again = item(&put(&aws, KEEPS).remove(0));
        let aws = Aws::default().answers(LISTS, [denied.clone()]).answers(READS, [again]);
        assert_eq!(checked(&aws, &trusting()).await?, [] as [Value; 0]);
        assert_eq!(aws.bodies(LISTS).len(), 1, "it is asked for again all the same");
    }
    Ok(())
}
