//! Which IAM actions a call needs: what controls declare, and what the deployment grants, is held to it.

use std::collections::BTreeSet;

use crate::canned::wire::Aws;

/// The calls since it was asked last, but for those to the journal, which are every function's; and what they needed.
pub(crate) fn called(aws: &Aws) -> (Vec<String>, BTreeSet<String>) {
    let is_of_journal = |call: &str| call.ends_with("Mac") || call.contains("Item") || call == "DynamoDB.Query";
    let called: Vec<String> = aws.calls().into_iter().filter(|call| !is_of_journal(call)).collect();
    let calls: BTreeSet<&String> = called.iter().collect();
    let with_bodies = calls.iter().flat_map(|call| aws.bodies(call).into_iter().map(move |body| (call, body)));
    let needed = with_bodies.flat_map(|(call, body)| actions(call, &body)).collect();
    aws.forget();
    (called, needed)
}

/// The IAM action that each call needs; calls whose action has another name, and those that need two.
pub(crate) fn actions(call: &str, body: &str) -> Vec<String> {
    match call {
        "S3.GetPublicAccessBlock" => vec!["s3:GetBucketPublicAccessBlock".to_owned()],
        "S3.GetObjectAcl(version)" => vec!["s3:GetObjectVersionAcl".to_owned()],
        "S3.PutObjectAcl(version)" => vec!["s3:PutObjectVersionAcl".to_owned()],
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
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudtrail.html
        "CloudTrail.CreateTrail" if body.contains("TagsList") => {
            vec!["cloudtrail:CreateTrail".to_owned(), "cloudtrail:AddTags".to_owned()]
        }
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementrolesanywhere.html
        "RolesAnywhere.EnableProfile" => vec!["rolesanywhere:EnableProfile".to_owned(), "iam:PassRole".to_owned()],
        // That of one that goes to a bucket ends with it, which the call does not tell.
        "EC2.DeleteFlowLogs" => vec!["ec2:DeleteFlowLogs".to_owned(), "logs:DeleteLogDelivery".to_owned()],
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsconfig.html
        "ConfigService.PutConfigurationRecorder" => {
            let tags = body.contains("Tags").then_some("config:TagResource");
            let needed = ["config:PutConfigurationRecorder", "iam:PassRole"].into_iter().chain(tags);
            needed.map(str::to_owned).collect()
        }
        _ if call.starts_with("ConfigService.") => vec![call.replace("ConfigService.", "config:")],
        _ if call.starts_with("EventBridge.") => vec![call.replace("EventBridge.", "events:")],
        _ if call.starts_with("S3Control.") => vec![call.replace("S3Control.", "s3:")],
        _ => call
            .split_once('.')
            .map(|(service, name)| format!("{}:{name}", service.to_lowercase()))
            .into_iter()
            .collect(),
    }
}
