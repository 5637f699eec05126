//! What a control says that it reads, writes and undoes is what it really calls, both ways.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use snapback::change::Change;
use snapback::control::{AnyControl, Function, Given, Look};
use snapback::mode::Mode;

use crate::scene::{FOREIGN, NAMED, PUBLIC, bucket_policy_was_put, event, policy, settings};
use crate::wire::{Aws, access_point_policy, acl, buckets, ok, public_access_block, rules};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

/// A situation in which a control makes some of its calls.
struct Situation {
    function: &'static Function,
    event: Value,
    aws: Aws,
    /// What AWS answers from the revert on.
    reverted: fn(&Aws),
}

/// The IAM action that each call needs; calls whose action has another name, and those that need two.
fn actions(call: &str, body: &str) -> Vec<String> {
    match call {
        "S3.GetPublicAccessBlock" => vec!["s3:GetBucketPublicAccessBlock".to_owned()],
        // Deleting has no action of its own.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html
        "S3.PutPublicAccessBlock" | "S3.DeletePublicAccessBlock" => vec!["s3:PutBucketPublicAccessBlock".to_owned()],
        "S3.ListBuckets" => vec!["s3:ListAllMyBuckets".to_owned()],
        "S3Control.GetPublicAccessBlock" => vec!["s3:GetAccountPublicAccessBlock".to_owned()],
        "S3Control.PutPublicAccessBlock" | "S3Control.DeletePublicAccessBlock" => {
            vec!["s3:PutAccountPublicAccessBlock".to_owned()]
        }
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        "EC2.AuthorizeSecurityGroupIngress" if body.contains("TagSpecification") => {
            vec!["ec2:AuthorizeSecurityGroupIngress".to_owned(), "ec2:CreateTags".to_owned()]
        }
        _ if call.starts_with("S3Control.") => vec![call.replace("S3Control.", "s3:")],
        _ => call
            .split_once('.')
            .map(|(service, name)| format!("{}:{name}", service.to_lowercase()))
            .into_iter()
            .collect(),
    }
}

fn needed(aws: &Aws) -> BTreeSet<String> {
    let calls: BTreeSet<String> = aws.calls().into_iter().collect();
    let with_bodies = calls.iter().flat_map(|call| aws.bodies(call).into_iter().map(move |body| (call, body)));
    let needed = with_bodies.flat_map(|(call, body)| actions(call, &body)).collect();
    aws.forget();
    needed
}

fn declared(actions: &[&str]) -> BTreeSet<String> {
    actions.iter().map(|action| (*action).to_owned()).collect()
}

fn situations(control: &AnyControl) -> Vec<Situation> {
    match control.about.id {
        "s3-public-bucket-policy" => vec![
            Situation {
                function: &s3::FUNCTION,
                event: bucket_policy_was_put(&policy(&[PUBLIC])),
                aws: Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
                reverted: |aws| aws.set("S3.GetBucketPolicy", [crate::wire::s3_error(404, "NoSuchBucketPolicy")]),
            },
            Situation {
                function: &s3::FUNCTION,
                event: bucket_policy_was_put(&policy(&[PUBLIC, NAMED])),
                aws: Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC, NAMED]))]),
                reverted: |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]),
            },
        ],
        "s3-foreign-bucket-policy" => [None, Some(NAMED)]
            .map(|stays| {
                let put = policy(&[Some(FOREIGN), stays].into_iter().flatten().collect::<Vec<_>>());
                Situation {
                    function: &s3::FUNCTION,
                    event: bucket_policy_was_put(&put),
                    aws: Aws::default().answers("S3.GetBucketPolicy", [ok(&put)]),
                    reverted: match stays {
                        None => |aws| aws.set("S3.GetBucketPolicy", [crate::wire::s3_error(404, "NoSuchBucketPolicy")]),
                        Some(_) => |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]),
                    },
                }
            })
            .into(),
        "s3-public-bucket-acl" => vec![Situation {
            function: &s3::FUNCTION,
            event: event("s3", "PutBucketAcl", json!({"bucketName": "b", "x-amz-acl": "public-read"}), json!(null)),
            aws: Aws::default().answers("S3.GetBucketAcl", [acl(&[(ALL_USERS, "READ")])]),
            reverted: |aws| aws.set("S3.GetBucketAcl", [acl(&[])]),
        }],
        "s3-bucket-public-access-block-off" => vec![Situation {
            function: &s3::FUNCTION,
            event: event("s3", "DeleteBucketPublicAccessBlock", json!({"bucketName": "b"}), json!(null)),
            aws: Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
            reverted: |aws| aws.set("S3.GetPublicAccessBlock", [public_access_block(&["RestrictPublicBuckets"])]),
        }],
        "s3-account-public-access-block-off" => vec![Situation {
            function: &s3::FUNCTION,
            event: event("s3", "DeleteAccountPublicAccessBlock", json!({"publicAccessBlock": ""}), json!(null)),
            aws: Aws::default()
                .answers("S3.ListBuckets", [buckets(&[("b", "eu-central-1"), ("c", "us-west-2")])])
                .answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
            reverted: |aws| aws.set("S3Control.GetPublicAccessBlock", [public_access_block(&["RestrictPublicBuckets"])]),
        }],
        "s3-access-point-policy" => [None, Some(NAMED)]
            .map(|stays| {
                let put = policy(&[Some(PUBLIC), stays].into_iter().flatten().collect::<Vec<_>>());
                Situation {
                    function: &s3::FUNCTION,
                    event: event("s3", "PutAccessPointPolicy", json!({"name": "door", "policy": put}), json!(null)),
                    aws: Aws::default()
                        .answers("S3Control.GetAccessPoint", [ok("<GetAccessPointResult><Name>door</Name><Bucket>b</Bucket>\
                            <NetworkOrigin>Internet</NetworkOrigin><BucketAccountId>111122223333</BucketAccountId></GetAccessPointResult>")])
                        .answers("S3Control.GetAccessPointPolicy", [access_point_policy(&put)])
                        .answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
                    reverted: match stays {
                        None => |aws| aws.set("S3Control.GetAccessPointPolicy", [crate::wire::s3_control_error("NoSuchAccessPointPolicy")]),
                        Some(_) => |aws| aws.set("S3Control.GetAccessPointPolicy", [access_point_policy(&policy(&[NAMED]))]),
                    },
                }
            })
            .into(),
        "ec2-open-security-group" => vec![Situation {
            function: &ec2::FUNCTION,
            event: event(
                "ec2",
                "AuthorizeSecurityGroupIngress",
                json!({"groupName": "web", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                    "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}}]}}),
                json!({"_return": true}),
            ),
            aws: Aws::default()
                .answers("EC2.DescribeSecurityGroups", [ok("<DescribeSecurityGroupsResponse><securityGroupInfo><item>\
                    <groupId>sg-1</groupId></item></securityGroupInfo></DescribeSecurityGroupsResponse>")])
                .answers("EC2.DescribeSecurityGroupRules", [rules(&[("sgr-1", "sg-1", "tcp", 22, "<prefixListId>pl-1</prefixListId>")])])
                .answers("EC2.DescribeManagedPrefixLists", [ok("<DescribeManagedPrefixListsResponse><prefixListSet><item>\
                    <prefixListId>pl-1</prefixListId><ownerId>111122223333</ownerId></item></prefixListSet></DescribeManagedPrefixListsResponse>")])
                .answers("EC2.GetManagedPrefixListEntries", [ok("<GetManagedPrefixListEntriesResponse><entrySet><item>\
                    <cidr>0.0.0.0/0</cidr></item></entrySet></GetManagedPrefixListEntriesResponse>")])
                .answers("EC2.RevokeSecurityGroupIngress", [ok("<RevokeSecurityGroupIngressResponse><return>true</return></RevokeSecurityGroupIngressResponse>")])
                .answers("EC2.AuthorizeSecurityGroupIngress", [ok("<AuthorizeSecurityGroupIngressResponse><return>true</return></AuthorizeSecurityGroupIngressResponse>")]),
            reverted: |aws| aws.set("EC2.DescribeSecurityGroupRules", [rules(&[])]),
        }],
        _ => vec![],
    }
}

#[tokio::test]
async fn every_control_calls_just_what_it_declares() -> Result<()> {
    for control in workspace_tests::controls() {
        let (mut reads, mut writes, mut undoes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (about, settings) = (control.about, settings(Mode::Revert));
        let situations = situations(control);
        assert!(!situations.is_empty(), "{} has no situation here", about.id);
        for Situation { function, event, aws, reverted } in situations {
            let (event, suspected) = function.suspect(event, &settings)?.context("it is suspicious")?;
            let mut of_control = suspected.iter().filter(|(suspecting, _)| suspecting.about.id == about.id);
            let (_, suspicion) = of_control.next().context("it is suspicious")?;
            let config = aws.config();
            let state =
                (control.observe)(&Look { config: &config, account: &event.account }, &event, suspicion).await?;
            reads.extend(needed(&aws));
            let given = Given { settings: &settings, holds: &BTreeSet::new() };
            let decision = (control.decide)(&event, suspicion, &state, &given)?;
            assert!(!decision.plan().is_empty(), "{decision}");
            for change in decision.plan() {
                (function.apply)(&config, &event.account, change).await?;
                // A read just before a write is one of the reads.
                writes.extend(needed(&aws).into_iter().filter(|action| !about.reads.contains(&action.as_str())));
            }
            reverted(&aws);
            for change in decision.plan().iter().rev().map(Change::undo) {
                (function.apply)(&config, &event.account, &change).await?;
                undoes.extend(needed(&aws));
            }
        }
        assert_eq!(reads, declared(about.reads), "reads of {}", about.id);
        assert_eq!(writes, declared(about.writes), "writes of {}", about.id);
        assert_eq!(undoes, declared(about.undoes), "undoes of {}", about.id);
    }
    Ok(())
}
