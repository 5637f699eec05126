//! What a control says that it reads, writes and undoes is what it really calls, both ways.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::change::{Change, Lifecycle};
use snapback::control::{AnyControl, Function, Given, Look, Remembering};
use snapback::event::Event;
use snapback::journal::Journal;
use snapback::mode::Mode;
use snapback::right::{self, Right};
use snapback::settings::{Own, Settings};

use crate::scene::{FOREIGN, NAMED, PUBLIC, bucket_policy_was_put, event, policy, remembering, settings};
use crate::wire::{Aws, access_point_policy, acl, buckets, ok, public_access_block, rules};

pub(crate) const DENIED: &str = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;
const LOGS: &str = r#"{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::b/AWSLogs/*"}"#;
const YEAR: &str = "<Rule><ID>year</ID><Filter><Prefix/></Filter><Status>Enabled</Status><Expiration><Days>365</Days></Expiration></Rule>";
const EARLY: &str = "<Rule><ID>nuke</ID><Filter><Prefix/></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>";
const LOGGING: &str = "<LoggingEnabled><TargetBucket>access</TargetBucket><TargetPrefix>b/</TargetPrefix><TargetGrants><Grant>\
    <Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\">\
    <URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></TargetGrants>\
    <TargetObjectKeyFormat><PartitionedPrefix><PartitionDateSource>EventTime</PartitionDateSource></PartitionedPrefix>\
    </TargetObjectKeyFormat></LoggingEnabled>";
const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

/// A situation in which a control makes some of its calls.
pub(crate) struct Situation {
    pub(crate) function: &'static Function,
    pub(crate) event: Value,
    pub(crate) aws: Aws,
    /// What AWS answers from the revert on.
    pub(crate) reverted: fn(&Aws),
}

/// The IAM action that each call needs; calls whose action has another name, and those that need two.
pub(crate) fn actions(call: &str, body: &str) -> Vec<String> {
    match call {
        "S3.GetPublicAccessBlock" => vec!["s3:GetBucketPublicAccessBlock".to_owned()],
        // Deleting has no action of its own.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html
        "S3.PutPublicAccessBlock" | "S3.DeletePublicAccessBlock" => vec!["s3:PutBucketPublicAccessBlock".to_owned()],
        "S3.GetBucketLifecycleConfiguration" => vec!["s3:GetLifecycleConfiguration".to_owned()],
        // Nor has deleting this.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketLifecycle.html
        "S3.PutBucketLifecycleConfiguration" | "S3.DeleteBucketLifecycle" => {
            vec!["s3:PutLifecycleConfiguration".to_owned()]
        }
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html
        "S3.DeleteBucketOwnershipControls" => vec!["s3:PutBucketOwnershipControls".to_owned()],
        "S3.GetBucketReplication" => vec!["s3:GetReplicationConfiguration".to_owned()],
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html
        "S3.PutBucketReplication" => {
            vec!["s3:PutReplicationConfiguration".to_owned(), "iam:PassRole".to_owned()]
        }
        "S3.ListBuckets" => vec!["s3:ListAllMyBuckets".to_owned()],
        "S3Control.GetPublicAccessBlock" => vec!["s3:GetAccountPublicAccessBlock".to_owned()],
        "S3Control.PutPublicAccessBlock" | "S3Control.DeletePublicAccessBlock" => {
            vec!["s3:PutAccountPublicAccessBlock".to_owned()]
        }
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
        "EC2.AuthorizeSecurityGroupIngress"
        | "EC2.AuthorizeSecurityGroupEgress"
        | "EC2.CreateVpcBlockPublicAccessExclusion"
            if body.contains("TagSpecification") =>
        {
            vec![call.replace("EC2.", "ec2:"), "ec2:CreateTags".to_owned()]
        }
        // https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-user.html
        "EC2.CreateFlowLogs" => {
            let needs = [
                ("Action=", &["ec2:CreateFlowLogs"][..]),
                ("TagSpecification", &["ec2:CreateTags"]),
                ("DeliverLogsPermissionArn", &["iam:PassRole"]),
                ("LogDestinationType=s3", &["logs:CreateLogDelivery", "logs:DeleteLogDelivery"]),
            ];
            let needed = needs.iter().filter(|(part, _)| body.contains(part));
            needed.flat_map(|(_, actions)| actions.iter().map(|action| (*action).to_owned())).collect()
        }
        // That of one that goes to a bucket ends with it, which the call does not tell.
        "EC2.DeleteFlowLogs" => vec!["ec2:DeleteFlowLogs".to_owned(), "logs:DeleteLogDelivery".to_owned()],
        _ if call.starts_with("S3Control.") => vec![call.replace("S3Control.", "s3:")],
        _ => call
            .split_once('.')
            .map(|(service, name)| format!("{}:{name}", service.to_lowercase()))
            .into_iter()
            .collect(),
    }
}

/// What the calls needed since it was asked last, but for those to the journal, which are every function's.
fn needed(aws: &Aws) -> BTreeSet<String> {
    let is_of_journal = |call: &str| call.ends_with("Mac") || call.contains("Item") || call == "DynamoDB.Query";
    let is_its_own = |call: &String| !is_of_journal(call);
    let calls: BTreeSet<String> = aws.calls().into_iter().filter(is_its_own).collect();
    let with_bodies = calls.iter().flat_map(|call| aws.bodies(call).into_iter().map(move |body| (call, body)));
    let needed = with_bodies.flat_map(|(call, body)| actions(call, &body)).collect();
    aws.forget();
    needed
}

fn declared(rights: &[Right]) -> BTreeSet<String> {
    rights.iter().map(|right| right.action.to_owned()).collect()
}

pub(crate) async fn situations(control: &AnyControl) -> Result<Vec<Situation>> {
    Ok(match control.about.id {
        id if id.starts_with("s3-") => {
            let (of_logs, lost) = (of_logs(id).await?, of_lost_statements(id).await?);
            [of_buckets(id).await?, of_access_points(id), of_logs, lost].into_iter().flatten().collect()
        }
        id if id.starts_with("ec2-") => {
            let remembering = of_memory(id).await?;
            [of_sharing(id), of_settings(id), of_networks(id), of_egress(id).await?, of_vpcs(id).await?, remembering]
                .into_iter()
                .flatten()
                .collect()
        }
        id if id.starts_with("own-") => crate::own::situations(id),
        _ => vec![],
    })
}

async fn of_buckets(id: &str) -> Result<Vec<Situation>> {
    Ok(match id {
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
        "s3-foreign-bucket-policy" => of_foreign_policies(),
        "s3-public-bucket-acl" => vec![Situation {
            function: &s3::FUNCTION,
            event: event("s3", "PutBucketAcl", json!({"bucketName": "b", "x-amz-acl": "public-read"}), json!(null)),
            aws: Aws::default().answers("S3.GetBucketAcl", [acl(&[(ALL_USERS, "READ")])]),
            reverted: |aws| aws.set("S3.GetBucketAcl", [acl(&[])]),
        }],
        "s3-public-object-acl" => vec![
            Situation {
                function: &s3::FUNCTION,
                event: object_acl_was_put(json!({"bucketName": "b", "key": "a/k", "x-amz-acl": "public-read"})),
                aws: Aws::default()
                    .answers("S3.GetObjectAcl", [acl(&[(ALL_USERS, "READ")])])
                    .answers("S3.GetBucketVersioning", [ok("<VersioningConfiguration/>")]),
                reverted: |aws| aws.set("S3.GetObjectAcl", [acl(&[])]),
            },
            Situation {
                function: &s3::FUNCTION,
                event: object_acl_was_put(
                    json!({"bucketName": "b", "key": "a/k", "versionId": "v1", "x-amz-acl": "public-read"}),
                ),
                aws: Aws::default().answers("S3.GetObjectVersionAcl", [acl(&[(ALL_USERS, "READ")])]),
                reverted: |aws| aws.set("S3.GetObjectVersionAcl", [acl(&[])]),
            },
        ],
        "s3-revived-acls" => of_object_ownership(id).await?,
        "s3-bucket-public-access-block-off" => vec![
            Situation {
                function: &s3::FUNCTION,
                event: event("s3", "DeleteBucketPublicAccessBlock", json!({"bucketName": "b"}), json!(null)),
                aws: Aws::default().answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
                reverted: |aws| aws.set("S3.GetPublicAccessBlock", [public_access_block(&["RestrictPublicBuckets"])]),
            },
            Situation {
                function: &s3::FUNCTION,
                event: event("s3", "DeleteBucketPublicAccessBlock", json!({"bucketName": "b"}), json!(null)),
                aws: Aws::default().answers(
                    "DynamoDB.GetItem(memory)",
                    [remembering(id, "arn:aws:s3:::b", json!(["IgnorePublicAcls"])).await?],
                ),
                reverted: |aws| aws.set("S3.GetPublicAccessBlock", [public_access_block(&["IgnorePublicAcls"])]),
            },
        ],
        "s3-account-public-access-block-off" => vec![
            Situation {
                function: &s3::FUNCTION,
                event: event("s3", "DeleteAccountPublicAccessBlock", json!({"publicAccessBlock": ""}), json!(null)),
                aws: Aws::default()
                    .answers("S3.ListBuckets", [buckets(&[("b", "eu-central-1"), ("c", "us-west-2")])])
                    .answers("S3.GetBucketPolicy", [ok(&policy(&[PUBLIC]))]),
                reverted: |aws| {
                    aws.set("S3Control.GetPublicAccessBlock", [public_access_block(&["RestrictPublicBuckets"])]);
                },
            },
            Situation {
                function: &s3::FUNCTION,
                event: event("s3", "DeleteAccountPublicAccessBlock", json!({"publicAccessBlock": ""}), json!(null)),
                aws: Aws::default().answers("S3.ListBuckets", [buckets(&[])]).answers(
                    "DynamoDB.GetItem(memory)",
                    [remembering(id, "arn:aws:iam::111122223333:root", json!(["IgnorePublicAcls"])).await?],
                ),
                reverted: |aws| {
                    aws.set("S3Control.GetPublicAccessBlock", [public_access_block(&["IgnorePublicAcls"])]);
                },
            },
        ],
        "s3-foreign-replication" => vec![crate::replication::situation()],
        _ => vec![],
    })
}

/// It was changed, and it was removed.
async fn of_object_ownership(id: &str) -> Result<Vec<Situation>> {
    let remembered = remembering(id, "arn:aws:s3:::b", json!("BucketOwnerEnforced")).await?;
    let situation = |name: &str, request: Value, found: crate::wire::Answer| Situation {
        function: &s3::FUNCTION,
        event: event("s3", name, request, json!(null)),
        aws: Aws::default()
            .answers("DynamoDB.GetItem(memory)", [remembered.clone()])
            .answers("S3.GetBucketOwnershipControls", [found]),
        reverted: |aws| aws.set("S3.GetBucketOwnershipControls", [object_ownership("BucketOwnerEnforced")]),
    };
    let put = json!({"bucketName": "b", "OwnershipControls": {"Rule": {"ObjectOwnership": "ObjectWriter"}}});
    let not_set = crate::wire::s3_error(404, "OwnershipControlsNotFoundError");
    Ok(vec![
        situation("PutBucketOwnershipControls", put, object_ownership("ObjectWriter")),
        situation("DeleteBucketOwnershipControls", json!({"bucketName": "b"}), not_set),
    ])
}

fn of_access_points(id: &str) -> Vec<Situation> {
    match id {
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
        _ => vec![],
    }
}

/// What a policy has lost comes back alone where it was deleted, and else behind the rest.
async fn of_lost_statements(id: &str) -> Result<Vec<Situation>> {
    let reverted: (&str, [fn(&Aws); 2]) = match id {
        "s3-lost-bucket-deny" => (
            DENIED,
            [
                |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[DENIED]))]),
                |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[NAMED, DENIED]))]),
            ],
        ),
        "s3-lost-log-delivery" => (
            LOGS,
            [
                |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[LOGS]))]),
                |aws| aws.set("S3.GetBucketPolicy", [ok(&policy(&[NAMED, LOGS]))]),
            ],
        ),
        _ => return Ok(vec![]),
    };
    let (lost, [alone, behind_the_rest]) = reverted;
    let remembered = remembering(id, "arn:aws:s3:::b", json!(policy(&[lost, NAMED]))).await?;
    Ok(vec![
        Situation {
            function: &s3::FUNCTION,
            event: event("s3", "DeleteBucketPolicy", json!({"bucketName": "b"}), json!(null)),
            aws: Aws::default().answers("DynamoDB.GetItem(memory)", [remembered.clone()]),
            reverted: alone,
        },
        Situation {
            function: &s3::FUNCTION,
            event: bucket_policy_was_put(&policy(&[NAMED])),
            aws: Aws::default()
                .answers("DynamoDB.GetItem(memory)", [remembered])
                .answers("S3.GetBucketPolicy", [ok(&policy(&[NAMED]))]),
            reverted: behind_the_rest,
        },
    ])
}

async fn of_logs(id: &str) -> Result<Vec<Situation>> {
    Ok(match id {
        "s3-early-log-expiry" => {
            let before: Value = serde_json::to_value(Lifecycle::default())?;
            let remembered = remembering(id, "arn:aws:s3:::b", before).await?;
            let event = |rules: Value| {
                let request = json!({"bucketName": "b", "lifecycle": "", "LifecycleConfiguration": {"Rule": rules}});
                event("s3", "PutBucketLifecycle", request, json!(null))
            };
            let told = json!({"ID": "nuke", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 1}});
            let aws = |rules: &str| {
                Aws::default()
                    .answers("S3.GetBucketPolicy", [ok(&policy(&[LOGS]))])
                    .answers("S3.GetBucketLifecycleConfiguration", [lifecycle(rules)])
                    .answers("DynamoDB.GetItem(memory)", [remembered.clone()])
            };
            vec![
                Situation {
                    function: &s3::FUNCTION,
                    event: event(told.clone()),
                    aws: aws(EARLY),
                    reverted: |aws| {
                        aws.set(
                            "S3.GetBucketLifecycleConfiguration",
                            [crate::wire::s3_error(404, "NoSuchLifecycleConfiguration")],
                        );
                    },
                },
                Situation {
                    function: &s3::FUNCTION,
                    event: event(json!([told, {"ID": "year", "Status": "Enabled", "Expiration": {"Days": 365}}])),
                    aws: aws(&format!("{EARLY}{YEAR}")),
                    reverted: |aws| {
                        aws.set("S3.GetBucketLifecycleConfiguration", [lifecycle(YEAR)]);
                    },
                },
            ]
        }
        "s3-disabled-access-logging" => vec![Situation {
            function: &s3::FUNCTION,
            event: event("s3", "PutBucketLogging", json!({"bucketName": "b", "BucketLoggingStatus": ""}), json!(null)),
            aws: Aws::default()
                .answers("S3.GetBucketPolicy", [ok(&policy(&[LOGS]))])
                .answers("S3.GetBucketLogging", [access_logging("")])
                .answers("DynamoDB.GetItem(memory)", [remembering(id, "arn:aws:s3:::b", logging_to_access()).await?]),
            reverted: |aws| aws.set("S3.GetBucketLogging", [access_logging(LOGGING)]),
        }],
        "s3-suspended-log-versioning" => vec![Situation {
            function: &s3::FUNCTION,
            event: event(
                "s3",
                "PutBucketVersioning",
                json!({"bucketName": "b", "VersioningConfiguration": {"Status": "Suspended"}}),
                json!(null),
            ),
            aws: Aws::default()
                .answers("S3.GetBucketPolicy", [ok(&policy(&[LOGS]))])
                .answers("S3.GetBucketVersioning", [versioning("Suspended")])
                .answers("DynamoDB.GetItem(memory)", [remembering(id, "arn:aws:s3:::b", json!("enabled")).await?]),
            reverted: |aws| aws.set("S3.GetBucketVersioning", [versioning("Enabled")]),
        }],
        _ => vec![],
    })
}

/// A policy of a stranger's statement alone, and one in which another stays.
fn of_foreign_policies() -> Vec<Situation> {
    [None, Some(NAMED)]
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
        .into()
}

fn of_sharing(id: &str) -> Vec<Situation> {
    match id {
        "ec2-shared-snapshot" => vec![shared(
            event(
                "ec2",
                "ModifySnapshotAttribute",
                json!({"snapshotId": "snap-1", "createVolumePermission": {"add": {"items": [
                {"userId": "444455556666"}, {"group": "all"}]}}}),
                json!({"_return": true}),
            ),
            "DescribeSnapshotAttribute",
            "createVolumePermission",
            &["<userId>444455556666</userId>", "<group>all</group>"],
            "ModifySnapshotAttribute",
        )],
        "ec2-used-shared-snapshot" => vec![{
            let mut event = event("ec2", "SharedSnapshotCopyInitiated", json!(null), json!(null));
            event["detail-type"] = json!(snapback::event::SERVICE_EVENT);
            event["detail"]["eventType"] = json!("AwsServiceEvent");
            event["detail"]["serviceEventDetails"] = json!({"snapshotId": "snap-1"});
            event["detail"]["userIdentity"] =
                json!({"type": "AWSAccount", "accountId": "444455556666", "invokedBy": "ec2.amazonaws.com"});
            Situation { function: &ec2::FUNCTION, event, aws: Aws::default(), reverted: |_| {} }
        }],
        "ec2-shared-image" => vec![shared(
            event(
                "ec2",
                "ModifyImageAttribute",
                json!({"imageId": "ami-1", "launchPermission": {"add": {"items": [
                {"userId": "444455556666"}, {"group": "all"}]}}}),
                json!({"_return": true}),
            ),
            "DescribeImageAttribute",
            "launchPermission",
            &["<userId>444455556666</userId>", "<group>all</group>"],
            "ModifyImageAttribute",
        )],
        "ec2-open-endpoint-service" => vec![shared(
            event(
                "ec2",
                "ModifyVpcEndpointServicePermissions",
                json!({"ModifyVpcEndpointServicePermissionsRequest": {
                "ServiceId": "vpce-svc-1", "AddAllowedPrincipals": {"content": "*", "tag": 1}}}),
                json!(null),
            ),
            "DescribeVpcEndpointServicePermissions",
            "allowedPrincipals",
            &["<principal>*</principal>", "<principal>arn:aws:iam::111122223333:root</principal>"],
            "ModifyVpcEndpointServicePermissions",
        )],
        _ => vec![],
    }
}

fn of_settings(id: &str) -> Vec<Situation> {
    match id {
        "ec2-unblocked-snapshots" => vec![{
            let mut situation = switched(
                "DisableSnapshotBlockPublicAccess",
                ("GetSnapshotBlockPublicAccessState", "<state>unblocked</state>"),
                &["EnableSnapshotBlockPublicAccess", "DisableSnapshotBlockPublicAccess"],
                |aws| {
                    aws.set(
                        "EC2.GetSnapshotBlockPublicAccessState",
                        [answer("GetSnapshotBlockPublicAccessState", "<state>block-new-sharing</state>")],
                    );
                },
            );
            situation.aws =
                situation.aws.answers("EC2.DescribeSnapshots", [answer("DescribeSnapshots", "<snapshotSet/>")]);
            situation
        }],
        "ec2-unblocked-images" => vec![switched(
            "DisableImageBlockPublicAccess",
            ("GetImageBlockPublicAccessState", "<imageBlockPublicAccessState>unblocked</imageBlockPublicAccessState>"),
            &["EnableImageBlockPublicAccess", "DisableImageBlockPublicAccess"],
            |aws| {
                aws.set(
                    "EC2.GetImageBlockPublicAccessState",
                    [answer(
                        "GetImageBlockPublicAccessState",
                        "<imageBlockPublicAccessState>block-new-sharing</imageBlockPublicAccessState>",
                    )],
                );
            },
        )],
        "ec2-unencrypted-volumes" => vec![switched(
            "DisableEbsEncryptionByDefault",
            ("GetEbsEncryptionByDefault", "<ebsEncryptionByDefault>false</ebsEncryptionByDefault>"),
            &["EnableEbsEncryptionByDefault", "DisableEbsEncryptionByDefault"],
            |aws| {
                aws.set(
                    "EC2.GetEbsEncryptionByDefault",
                    [answer("GetEbsEncryptionByDefault", "<ebsEncryptionByDefault>true</ebsEncryptionByDefault>")],
                );
            },
        )],
        "ec2-serial-console" => vec![switched(
            "EnableSerialConsoleAccess",
            ("GetSerialConsoleAccessStatus", "<serialConsoleAccessEnabled>true</serialConsoleAccessEnabled>"),
            &["EnableSerialConsoleAccess", "DisableSerialConsoleAccess"],
            |aws| {
                aws.set(
                    "EC2.GetSerialConsoleAccessStatus",
                    [answer(
                        "GetSerialConsoleAccessStatus",
                        "<serialConsoleAccessEnabled>false</serialConsoleAccessEnabled>",
                    )],
                );
            },
        )],
        "ec2-instance-metadata-v1" => vec![Situation {
            function: &ec2::FUNCTION,
            event: event(
                "ec2",
                "ModifyInstanceMetadataOptions",
                json!({"ModifyInstanceMetadataOptionsRequest": {
                "InstanceId": "i-1", "HttpTokens": "optional"}}),
                json!(null),
            ),
            aws: Aws::default().answers("EC2.DescribeInstances", [instance("optional")]).answers(
                "EC2.ModifyInstanceMetadataOptions",
                [answer("ModifyInstanceMetadataOptions", "<instanceId>i-1</instanceId>")],
            ),
            reverted: |aws| aws.set("EC2.DescribeInstances", [instance("required")]),
        }],
        "ec2-instance-metadata-default-v1" => {
            vec![announced("ModifyInstanceMetadataDefaults", json!({"httpTokens": "optional"}))]
        }
        _ => vec![],
    }
}

fn of_networks(id: &str) -> Vec<Situation> {
    match id {
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
        "ec2-opened-prefix-list" => vec![Situation {
            function: &ec2::FUNCTION,
            event: event(
                "ec2",
                "ModifyManagedPrefixList",
                json!({"ModifyManagedPrefixListRequest": {
                "PrefixListId": "pl-1", "CurrentVersion": 1, "AddEntry": {"Cidr": "0.0.0.0/0", "tag": 1}}}),
                json!(null),
            ),
            aws: Aws::default()
                .answers(
                    "EC2.DescribeSecurityGroupRules",
                    [rules(&[("sgr-1", "sg-1", "tcp", 22, "<prefixListId>pl-1</prefixListId>")])],
                )
                .answers(
                    "EC2.DescribeManagedPrefixLists",
                    [answer(
                        "DescribeManagedPrefixLists",
                        "<prefixListSet><item>\
                    <prefixListId>pl-1</prefixListId><version>2</version></item></prefixListSet>",
                    )],
                )
                .answers("EC2.GetManagedPrefixListEntries", [prefix_entries("<item><cidr>0.0.0.0/0</cidr></item>")])
                .answers("EC2.ModifyManagedPrefixList", [answer("ModifyManagedPrefixList", "<prefixList/>")]),
            reverted: |aws| aws.set("EC2.GetManagedPrefixListEntries", [prefix_entries("")]),
        }],
        "ec2-open-network-acl" => vec![Situation {
            function: &ec2::FUNCTION,
            event: event(
                "ec2",
                "CreateNetworkAclEntry",
                json!({"networkAclId": "acl-1", "ruleNumber": 90, "egress": false,
                "ruleAction": "allow", "aclProtocol": "6", "portRange": {"from": 22, "to": 22}, "icmpTypeCode": {},
                "cidrBlock": "0.0.0.0/0"}),
                json!({"_return": true}),
            ),
            aws: Aws::default()
                .answers(
                    "EC2.DescribeNetworkAcls",
                    [network_acl(
                        "<item><ruleNumber>90</ruleNumber><protocol>6</protocol>\
                    <ruleAction>allow</ruleAction><egress>false</egress><cidrBlock>0.0.0.0/0</cidrBlock>\
                    <portRange><from>22</from><to>22</to></portRange></item>",
                    )],
                )
                .answers("EC2.DeleteNetworkAclEntry", [answer("DeleteNetworkAclEntry", "<return>true</return>")])
                .answers("EC2.CreateNetworkAclEntry", [answer("CreateNetworkAclEntry", "<return>true</return>")]),
            reverted: |aws| aws.set("EC2.DescribeNetworkAcls", [network_acl("")]),
        }],
        "ec2-foreign-peering" => {
            vec![announced("AcceptVpcPeeringConnection", json!({"vpcPeeringConnectionId": "pcx-1"}))]
        }
        "ec2-foreign-traffic-mirror" => vec![{
            let mut situation = announced("CreateTrafficMirrorSession", json!({"trafficMirrorTargetId": "tmt-1"}));
            let targets = "<trafficMirrorTargetSet><item><trafficMirrorTargetId>tmt-1</trafficMirrorTargetId>\
                <ownerId>444455556666</ownerId></item></trafficMirrorTargetSet>";
            let targets = answer("DescribeTrafficMirrorTargets", targets);
            situation.aws = situation.aws.answers("EC2.DescribeTrafficMirrorTargets", [targets]);
            situation
        }],
        _ => vec![],
    }
}

fn object_acl_was_put(request: Value) -> Value {
    event("s3", "PutObjectAcl", request, json!(null))
}

fn access_logging(enabled: &str) -> crate::wire::Answer {
    ok(&format!(
        "<BucketLoggingStatus xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{enabled}</BucketLoggingStatus>"
    ))
}

/// As it is remembered what `LOGGING` tells.
fn logging_to_access() -> Value {
    json!({"bucket": "access", "prefix": "b/", "keys": {"partitioned": {"by": "EventTime"}},
        "grants": [{"grantee": {"group": ALL_USERS}, "permission": "READ"}]})
}

fn lifecycle(rules: &str) -> crate::wire::Answer {
    ok(&format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>"))
}

fn object_ownership(setting: &str) -> crate::wire::Answer {
    ok(&format!(
        "<OwnershipControls xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ObjectOwnership>{setting}\
         </ObjectOwnership></Rule></OwnershipControls>"
    ))
}

fn versioning(status: &str) -> crate::wire::Answer {
    ok(&format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"))
}

/// A rule that is new, by a prefix list; and one that was changed.
async fn of_egress(id: &str) -> Result<Vec<Situation>> {
    if id != "ec2-open-egress" {
        return Ok(vec![]);
    }
    let added = json!({"groupId": "sg-1", "ipPermissions": {"items": [{"ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
        "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}}]}});
    let list =
        "<prefixListSet><item><prefixListId>pl-1</prefixListId><ownerId>111122223333</ownerId></item></prefixListSet>";
    let revoked = Aws::default()
        .answers("EC2.DescribeSecurityGroupRules", [egress_rule("<prefixListId>pl-1</prefixListId>")])
        .answers("EC2.DescribeManagedPrefixLists", [answer("DescribeManagedPrefixLists", list)])
        .answers("EC2.GetManagedPrefixListEntries", [prefix_entries("<item><cidr>0.0.0.0/0</cidr></item>")])
        .answers("EC2.RevokeSecurityGroupEgress", [answer("RevokeSecurityGroupEgress", "<return>true</return>")])
        .answers("EC2.AuthorizeSecurityGroupEgress", [answer("AuthorizeSecurityGroupEgress", "<return>true</return>")]);
    let changed = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": {
        "SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": {
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}}}});
    let was = json!([{"id": "sgr-1", "protocol": "tcp", "from_port": 22, "to_port": 22,
        "source": {"ipv4": "203.0.113.0/24"}, "direction": "egress"}]);
    let group = "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-1";
    let modified = Aws::default()
        .answers("DynamoDB.GetItem(memory)", [remembering(id, group, was).await?])
        .answers("EC2.DescribeSecurityGroupRules", [egress_rule("<cidrIpv4>0.0.0.0/0</cidrIpv4>")])
        .answers("EC2.ModifySecurityGroupRules", [answer("ModifySecurityGroupRules", "<return>true</return>")]);
    Ok(vec![
        Situation {
            function: &ec2::FUNCTION,
            event: event("ec2", "AuthorizeSecurityGroupEgress", added, json!({"_return": true})),
            aws: revoked,
            reverted: |aws| aws.set("EC2.DescribeSecurityGroupRules", [rules(&[])]),
        },
        Situation {
            function: &ec2::FUNCTION,
            event: event("ec2", "ModifySecurityGroupRules", changed, json!(null)),
            aws: modified,
            reverted: |aws| {
                let back = egress_rule("<cidrIpv4>203.0.113.0/24</cidrIpv4>");
                aws.set("EC2.DescribeSecurityGroupRules", [back]);
            },
        },
    ])
}

/// Block Public Access of VPCs: turned off; a VPC excluded from it; an exclusion changed.
async fn of_vpcs(id: &str) -> Result<Vec<Situation>> {
    let function = &ec2::FUNCTION;
    let arn = |of: &str| format!("arn:aws:ec2:eu-central-1:111122223333:{of}");
    if id == "ec2-unblocked-vpcs" {
        let modify = "ModifyVpcBlockPublicAccessOptions";
        let remembered =
            remembering(id, &arn("account-setting/vpc-block-public-access"), json!("block-ingress")).await?;
        let aws = Aws::default()
            .answers("DynamoDB.GetItem(memory)", [remembered])
            .answers("EC2.DescribeVpcBlockPublicAccessOptions", [block_of_vpcs("off")])
            .answers(&format!("EC2.{modify}"), [answer(modify, "<vpcBlockPublicAccessOptions/>")]);
        let request = json!({format!("{modify}Request"): {"InternetGatewayBlockMode": "off"}});
        let reverted = |aws: &Aws| aws.set("EC2.DescribeVpcBlockPublicAccessOptions", [block_of_vpcs("block-ingress")]);
        return Ok(vec![Situation { function, event: event("ec2", modify, request, json!(null)), aws, reverted }]);
    }
    if id != "ec2-excluded-vpc" {
        return Ok(vec![]);
    }
    let done = "<vpcBlockPublicAccessExclusion/>";
    let aws = || {
        Aws::default()
            .answers("EC2.DescribeVpcBlockPublicAccessOptions", [block_of_vpcs("block-bidirectional")])
            .answers(
                "EC2.DescribeVpcBlockPublicAccessExclusions",
                [exclusion("create-complete", "allow-bidirectional")],
            )
    };
    let (create, modify) = ("CreateVpcBlockPublicAccessExclusion", "ModifyVpcBlockPublicAccessExclusion");
    let answered = json!({format!("{create}Response"): {"vpcBlockPublicAccessExclusion": {"exclusionId": "x-1"}}});
    let request =
        json!({format!("{create}Request"): {"VpcId": "vpc-1", "InternetGatewayExclusionMode": "allow-bidirectional"}});
    let created = Situation {
        function,
        event: event("ec2", create, request, answered),
        aws: aws()
            .answers(&format!("EC2.{create}"), [answer(create, done)])
            .answers("EC2.DeleteVpcBlockPublicAccessExclusion", [answer("DeleteVpcBlockPublicAccessExclusion", done)]),
        reverted: |aws| {
            let gone = exclusion("delete-in-progress", "allow-bidirectional");
            aws.set("EC2.DescribeVpcBlockPublicAccessExclusions", [gone]);
        },
    };
    let request = json!({format!("{modify}Request"): {"ExclusionId": "x-1", "InternetGatewayExclusionMode": "allow-bidirectional"}});
    let remembered = remembering(id, &arn("vpc-block-public-access-exclusion/x-1"), json!("allow-egress")).await?;
    let modified = Situation {
        function,
        event: event("ec2", modify, request, json!(null)),
        aws: aws()
            .answers("DynamoDB.GetItem(memory)", [remembered])
            .answers(&format!("EC2.{modify}"), [answer(modify, done)]),
        reverted: |aws| {
            let back = exclusion("update-complete", "allow-egress");
            aws.set("EC2.DescribeVpcBlockPublicAccessExclusions", [back]);
        },
    };
    Ok(vec![created, modified])
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessOptions.html>
fn block_of_vpcs(mode: &str) -> crate::wire::Answer {
    answer(
        "DescribeVpcBlockPublicAccessOptions",
        &format!(
            "<vpcBlockPublicAccessOptions><awsAccountId>111122223333</awsAccountId><awsRegion>eu-central-1</awsRegion>\
             <state>update-complete</state><internetGatewayBlockMode>{mode}</internetGatewayBlockMode>\
             </vpcBlockPublicAccessOptions>"
        ),
    )
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessExclusion.html>
fn exclusion(state: &str, mode: &str) -> crate::wire::Answer {
    answer(
        "DescribeVpcBlockPublicAccessExclusions",
        &format!(
            "<vpcBlockPublicAccessExclusionSet><item><exclusionId>x-1</exclusionId><internetGatewayExclusionMode>{mode}\
             </internetGatewayExclusionMode><resourceArn>arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1</resourceArn>\
             <state>{state}</state><tagSet><item><key>team</key><value>web</value></item></tagSet></item>\
             </vpcBlockPublicAccessExclusionSet>"
        ),
    )
}

fn egress_rule(to: &str) -> crate::wire::Answer {
    answer(
        "DescribeSecurityGroupRules",
        &format!(
            "<securityGroupRuleSet><item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-1</groupId>\
             <isEgress>true</isEgress><ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>22</toPort>{to}\
             <tagSet><item><key>team</key><value>web</value></item></tagSet></item></securityGroupRuleSet>"
        ),
    )
}

/// What is taken back with the help of what is remembered.
async fn of_memory(id: &str) -> Result<Vec<Situation>> {
    let arn = |of: &str| format!("arn:aws:ec2:eu-central-1:111122223333:{of}");
    Ok(match id {
        "ec2-open-security-group" => {
            let change = json!({"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": {
                "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}});
            let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": change}});
            let was = json!([{"id": "sgr-1", "protocol": "tcp", "from_port": 22, "to_port": 22,
                "source": {"ipv4": "203.0.113.0/24"}}]);
            let remembered = remembering(id, &arn("security-group/sg-1"), was).await?;
            vec![Situation {
                function: &ec2::FUNCTION,
                event: event("ec2", "ModifySecurityGroupRules", request, json!(null)),
                aws: Aws::default()
                    .answers("DynamoDB.GetItem(memory)", [remembered])
                    .answers("EC2.DescribeSecurityGroupRules", [one_rule("0.0.0.0/0")])
                    .answers(
                        "EC2.ModifySecurityGroupRules",
                        [answer("ModifySecurityGroupRules", "<return>true</return>")],
                    ),
                reverted: |aws| aws.set("EC2.DescribeSecurityGroupRules", [one_rule("203.0.113.0/24")]),
            }]
        }
        "ec2-deleted-flow-logs" => {
            let mut all = vec![];
            for (good, shown) in flow_logs() {
                let remembered = remembering(id, &arn("vpc-flow-log/fl-1"), good).await?;
                let request = json!({"DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-1", "tag": 1}}});
                let created = answer("CreateFlowLogs", "<flowLogIdSet><item>fl-2</item></flowLogIdSet><unsuccessful/>");
                let aws = Aws::default()
                    .answers("DynamoDB.GetItem(memory)", [remembered])
                    .answers(
                        "EC2.DescribeFlowLogs",
                        [none_of_flow_logs(), none_of_flow_logs(), answer("DescribeFlowLogs", shown)],
                    )
                    .answers("EC2.CreateFlowLogs", [created])
                    .answers("EC2.DeleteFlowLogs", [answer("DeleteFlowLogs", "<unsuccessful/>")]);
                let event = event("ec2", "DeleteFlowLogs", request, json!(null));
                all.push(Situation { function: &ec2::FUNCTION, event, aws, reverted: |_| {} });
            }
            all
        }
        "ec2-unblocked-snapshots" => {
            let of = arn("account-setting/snapshot-block-public-access");
            let remembered = remembering(id, &of, json!("block-all-sharing")).await?;
            let mut situation = switched(
                "EnableSnapshotBlockPublicAccess",
                ("GetSnapshotBlockPublicAccessState", "<state>block-new-sharing</state>"),
                &["EnableSnapshotBlockPublicAccess"],
                |aws| {
                    aws.set(
                        "EC2.GetSnapshotBlockPublicAccessState",
                        [answer("GetSnapshotBlockPublicAccessState", "<state>block-all-sharing</state>")],
                    );
                },
            );
            let public = listed("DescribeSnapshots", "snapshotSet", "snapshotId");
            situation.aws = situation.aws.answers("EC2.DescribeSnapshots", [public]);
            situation.aws = situation.aws.answers("DynamoDB.GetItem(memory)", [remembered]);
            vec![situation]
        }
        _ => vec![],
    })
}

fn none_of_flow_logs() -> crate::wire::Answer {
    answer("DescribeFlowLogs", "<flowLogSet/>")
}

/// What is remembered of a flow log to CloudWatch Logs and of one to a bucket, and how EC2 shows each once it is made again.
fn flow_logs() -> [(Value, &'static str); 2] {
    [
        (
            json!({"id": "fl-1", "resource": "vpc-1", "traffic": "ALL", "destination_type": "cloud-watch-logs",
                "destination": null, "log_group": "flows", "role": "arn:aws:iam::111122223333:role/flows",
                "format": "${srcaddr}", "interval": 60, "files": null, "tags": {"team": "net"}, "is_all_told": true}),
            "<flowLogSet><item><flowLogId>fl-2</flowLogId><resourceId>vpc-1</resourceId><trafficType>ALL</trafficType>\
            <logDestinationType>cloud-watch-logs</logDestinationType><logGroupName>flows</logGroupName>\
            <deliverLogsPermissionArn>arn:aws:iam::111122223333:role/flows</deliverLogsPermissionArn>\
            <logFormat>${srcaddr}</logFormat><maxAggregationInterval>60</maxAggregationInterval>\
            <tagSet><item><key>team</key><value>net</value></item></tagSet></item></flowLogSet>",
        ),
        (
            json!({"id": "fl-1", "resource": "subnet-1", "traffic": "REJECT", "destination_type": "s3",
                "destination": "arn:aws:s3:::flows", "log_group": null, "role": null, "format": "${srcaddr}",
                "interval": 600, "files": {"format": "parquet", "hive_partitions": true, "hourly": false},
                "is_all_told": true}),
            "<flowLogSet><item><flowLogId>fl-2</flowLogId><resourceId>subnet-1</resourceId>\
            <trafficType>REJECT</trafficType><logDestinationType>s3</logDestinationType>\
            <logDestination>arn:aws:s3:::flows</logDestination><logFormat>${srcaddr}</logFormat>\
            <maxAggregationInterval>600</maxAggregationInterval><destinationOptions><fileFormat>parquet</fileFormat>\
            <hiveCompatiblePartitions>true</hiveCompatiblePartitions><perHourPartition>false</perHourPartition>\
            </destinationOptions></item></flowLogSet>",
        ),
    ]
}

fn one_rule(cidr: &str) -> crate::wire::Answer {
    rules(&[("sgr-1", "sg-1", "tcp", 22, &format!("<cidrIpv4>{cidr}</cidrIpv4>"))])
}

/// An answer of EC2 in its wire shape.
fn answer(operation: &str, inner: &str) -> crate::wire::Answer {
    ok(&format!("<{operation}Response>{inner}</{operation}Response>"))
}

fn prefix_entries(entries: &str) -> crate::wire::Answer {
    answer("GetManagedPrefixListEntries", &format!("<entrySet>{entries}</entrySet>"))
}

fn network_acl(entries: &str) -> crate::wire::Answer {
    let acl = format!("<item><networkAclId>acl-1</networkAclId><entrySet>{entries}</entrySet></item>");
    answer("DescribeNetworkAcls", &format!("<networkAclSet>{acl}</networkAclSet>"))
}

/// What is only announced.
fn announced(name: &str, request: Value) -> Situation {
    let event = event("ec2", name, request, json!(null));
    Situation { function: &ec2::FUNCTION, event, aws: Aws::default(), reverted: |_| {} }
}

fn instance(tokens: &str) -> crate::wire::Answer {
    let options = format!(
        "<metadataOptions><state>applied</state><httpTokens>{tokens}</httpTokens><httpEndpoint>enabled</httpEndpoint></metadataOptions>"
    );
    let instance = format!("<item><instanceId>i-1</instanceId>{options}</item>");
    answer(
        "DescribeInstances",
        &format!("<reservationSet><item><instancesSet>{instance}</instancesSet></item></reservationSet>"),
    )
}

/// Something is shared with these; after the revert with nobody.
fn shared(event: Value, look: &'static str, list: &'static str, with: &[&str], write: &str) -> Situation {
    let of = |items: &[&str]| {
        let items: String = items.iter().map(|item| format!("<item>{item}</item>")).collect();
        answer(look, &format!("<{list}>{items}</{list}>"))
    };
    let reverted: fn(&Aws) = match look {
        "DescribeSnapshotAttribute" => |aws| {
            aws.set(
                "EC2.DescribeSnapshotAttribute",
                [answer("DescribeSnapshotAttribute", "<createVolumePermission/>")],
            );
        },
        "DescribeImageAttribute" => {
            |aws| aws.set("EC2.DescribeImageAttribute", [answer("DescribeImageAttribute", "<launchPermission/>")])
        }
        _ => |aws| {
            aws.set(
                "EC2.DescribeVpcEndpointServicePermissions",
                [answer("DescribeVpcEndpointServicePermissions", "<allowedPrincipals/>")],
            );
        },
    };
    let aws = Aws::default().answers(&format!("EC2.{look}"), [of(with)]);
    let aws = aws.answers(&format!("EC2.{write}"), [answer(write, "<return>true</return>")]);
    Situation { function: &ec2::FUNCTION, event, aws, reverted }
}

/// A switch of the account was turned; these calls turn it.
fn switched(name: &str, (look, is): (&str, &str), writes: &[&str], reverted: fn(&Aws)) -> Situation {
    let mut aws = Aws::default().answers(&format!("EC2.{look}"), [answer(look, is)]);
    for write in writes {
        aws = aws.answers(&format!("EC2.{write}"), [answer(write, "<return>true</return>")]);
    }
    let event = event("ec2", name, json!({format!("{name}Request"): ""}), json!(null));
    Situation { function: &ec2::FUNCTION, event, aws, reverted }
}

/// What is deployed in a situation. That of Snapback's own function, if it has two, is in the second with executions
/// reserved, as only then they are put.
pub(crate) fn deployed(id: &str, number: usize) -> Settings {
    let reserved = (id == "own-changed-function" && number == 1).then_some(5);
    let own = Own { keys: BTreeSet::from([crate::own::KEY.to_owned()]), reserved, ..Own::default() };
    Settings { own, ..settings(Mode::Revert) }
}

#[tokio::test]
async fn every_survey_calls_just_what_it_declares() -> Result<()> {
    for control in workspace_tests::controls() {
        let Some(survey) = control.survey else { continue };
        let aws = Aws::default()
            .answers("S3.ListBuckets", [buckets(&[("b", "eu-central-1")])])
            // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_ListAccessPoints.html>
            .answers(
                "S3Control.ListAccessPoints",
                [ok("<ListAccessPointsResult><AccessPointList><AccessPoint><Name>p\
                </Name><NetworkOrigin>Internet</NetworkOrigin><Bucket>b</Bucket></AccessPoint></AccessPointList>\
                </ListAccessPointsResult>")],
            )
            .answers("EC2.DescribeSecurityGroups", [listed("DescribeSecurityGroups", "securityGroupInfo", "groupId")])
            .answers("EC2.DescribeSnapshots", [listed("DescribeSnapshots", "snapshotSet", "snapshotId")])
            .answers("EC2.DescribeImages", [listed("DescribeImages", "imagesSet", "imageId")])
            .answers("EC2.DescribeNetworkAcls", [listed("DescribeNetworkAcls", "networkAclSet", "networkAclId")])
            .answers(
                "EC2.DescribeManagedPrefixLists",
                [listed("DescribeManagedPrefixLists", "prefixListSet", "prefixListId")],
            )
            .answers("EC2.DescribeInstances", [instance("required")])
            .answers("EC2.DescribeVpcBlockPublicAccessExclusions", [exclusion("create-complete", "allow-egress")])
            .answers("EC2.DescribeFlowLogs", [listed("DescribeFlowLogs", "flowLogSet", "flowLogId")])
            .answers(
                "EC2.DescribeVpcEndpointServiceConfigurations",
                [listed("DescribeVpcEndpointServiceConfigurations", "serviceConfigurationSet", "serviceId")],
            );
        let event = Event::of_a_look("111122223333", "eu-central-1", Timestamp::now());
        let found = (survey.list)(&Look::new(&aws.place()), &event).await;
        let found = found.with_context(|| control.about.id)?;
        assert!(!found.is_empty(), "{} finds nothing", control.about.id);
        assert_eq!(needed(&aws), declared(survey.needs), "the survey of {}", control.about.id);
    }
    Ok(())
}

/// What a call that lists answers of one thing.
fn listed(operation: &str, list: &str, id: &str) -> crate::wire::Answer {
    answer(operation, &format!("<{list}><item><{id}>x-1</{id}></item></{list}>"))
}

#[tokio::test]
async fn every_control_calls_just_what_it_declares() -> Result<()> {
    for control in workspace_tests::controls() {
        let (mut reads, mut writes, mut undoes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let about = control.about;
        let situations = situations(control).await?;
        assert!(!situations.is_empty(), "{} has no situation here", about.id);
        for (number, Situation { function, event, aws, reverted }) in situations.into_iter().enumerate() {
            let settings = deployed(about.id, number);
            let (event, suspected) = function.suspect(event, &settings)?.context("it is suspicious")?;
            let mut of_control = suspected.iter().filter(|(suspecting, _)| suspecting.about.id == about.id);
            let (_, suspicion) = of_control.next().context("it is suspicious")?;
            let place = aws.place();
            let journal = Journal::new(&place.config, "journal");
            let look = Look { place: &place, memory: Remembering::Journal(&journal) };
            let state = (control.observe)(&look, &event, suspicion).await?;
            reads.extend(needed(&aws));
            let given = Given { settings: &settings, holds: &BTreeSet::new() };
            let decision = (control.decide)(&event, suspicion, &state, &given)?;
            assert!(!decision.is_allow() && decision.plan().is_empty() == about.writes.is_empty(), "{decision}");
            for change in decision.plan() {
                (function.apply)(&place, change).await?;
                // A read just before a write is one of the reads.
                writes.extend(
                    needed(&aws).into_iter().filter(|action| !right::actions(about.reads).contains(&action.as_str())),
                );
            }
            reverted(&aws);
            for change in decision.plan().iter().rev().map(Change::undo) {
                (function.apply)(&place, &change).await?;
                undoes.extend(needed(&aws));
            }
        }
        assert_eq!(reads, declared(about.reads), "reads of {}", about.id);
        assert_eq!(writes, declared(about.writes), "writes of {}", about.id);
        assert_eq!(undoes, declared(about.undoes), "undoes of {}", about.id);
    }
    Ok(())
}
