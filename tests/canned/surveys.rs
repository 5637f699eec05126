//! What a survey says that it needs is what it really calls.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use jiff::Timestamp;
use snapback::control::Look;
use snapback::event::Event;
use snapback::right::actions;
use workspace_tests::controls;

use super::wire::{Aws, answer};
use crate::iam::called;

/// One thing of each kind that there is to list.
const LISTED: [(&str, &str); 31] = [
    (
        "S3.ListBuckets",
        "<ListAllMyBucketsResult><Buckets><Bucket><Name>b</Name><BucketRegion>eu-central-1</BucketRegion></Bucket>\
         </Buckets></ListAllMyBucketsResult>",
    ),
    (
        "S3Control.ListAccessPoints",
        "<ListAccessPointsResult><AccessPointList><AccessPoint><Name>p</Name><NetworkOrigin>Internet</NetworkOrigin>\
         <Bucket>b</Bucket></AccessPoint></AccessPointList></ListAccessPointsResult>",
    ),
    ("EC2.DescribeSecurityGroups", "<securityGroupInfo><item><groupId>x-1</groupId></item></securityGroupInfo>"),
    ("EC2.DescribeSnapshots", "<snapshotSet><item><snapshotId>x-1</snapshotId></item></snapshotSet>"),
    ("EC2.DescribeImages", "<imagesSet><item><imageId>x-1</imageId></item></imagesSet>"),
    ("EC2.DescribeNetworkAcls", "<networkAclSet><item><networkAclId>x-1</networkAclId></item></networkAclSet>"),
    ("EC2.DescribeManagedPrefixLists", "<prefixListSet><item><prefixListId>x-1</prefixListId></item></prefixListSet>"),
    (
        "EC2.DescribeInstances",
        "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></item>\
         </reservationSet>",
    ),
    (
        "EC2.DescribeVpcBlockPublicAccessExclusions",
        "<vpcBlockPublicAccessExclusionSet><item><exclusionId>x-1</exclusionId><internetGatewayExclusionMode>\
         allow-egress</internetGatewayExclusionMode><resourceArn>arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1\
         </resourceArn><state>create-complete</state></item>\
         </vpcBlockPublicAccessExclusionSet>",
    ),
    ("EC2.DescribeFlowLogs", "<flowLogSet><item><flowLogId>x-1</flowLogId></item></flowLogSet>"),
    ("EC2.DescribeVpcEndpoints", "<vpcEndpointSet><item><vpcEndpointId>x-1</vpcEndpointId></item></vpcEndpointSet>"),
    (
        "EC2.DescribeVpcEndpointServiceConfigurations",
        "<serviceConfigurationSet><item><serviceId>x-1</serviceId></item></serviceConfigurationSet>",
    ),
    (
        "IAM.GetAccountAuthorizationDetails",
        "<UserDetailList><member><Path>/</Path><UserName>u</UserName><UserId>AIDAEXAMPLE</UserId><Arn>arn:aws:iam::\
         111122223333:user/u</Arn><CreateDate>2026-02-11T09:07:13Z</CreateDate></member></UserDetailList><RoleDetailList>\
         <member><Path>/</Path><RoleName>r</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::111122223333:role/r</Arn>\
         </member></RoleDetailList>\
         <Policies><member><Arn>arn:aws:iam::111122223333:policy/p</Arn><DefaultVersionId>v1</DefaultVersionId></member>\
         </Policies><IsTruncated>false</IsTruncated>",
    ),
    (
        "IAM.ListRoles",
        "<Roles><member><Path>/</Path><RoleName>r</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::111122223333:\
         role/r</Arn><CreateDate>2026-02-11T09:07:13Z</CreateDate></member></Roles><IsTruncated>false</IsTruncated>",
    ),
    (
        "SNS.ListTopics",
        "<Topics><member><TopicArn>arn:aws:sns:eu-central-1:111122223333:t</TopicArn></member></Topics>",
    ),
    (
        "CloudTrail.DescribeTrails",
        r#"{"trailList":[{"Name":"audit","TrailARN":"arn:aws:cloudtrail:eu-central-1:111122223333:trail/audit"}]}"#,
    ),
    ("ConfigService.DescribeConfigurationRecorders", r#"{"ConfigurationRecorders":[{"name":"default"}]}"#),
    (
        "KMS.ListKeys",
        r#"{"Keys":[{"KeyId":"1a2b","KeyArn":"arn:aws:kms:eu-central-1:111122223333:key/1a2b"}],"Truncated":false}"#,
    ),
    (
        "secretsmanager.ListSecrets",
        r#"{"SecretList":[{"ARN":"arn:aws:secretsmanager:eu-central-1:111122223333:secret:s-A1b2C3","Name":"s"}]}"#,
    ),
    ("ecr.DescribeRepositories", r#"{"repositories":[{"repositoryName":"r"}]}"#),
    ("elasticfilesystem.DescribeFileSystems", r#"{"FileSystems":[{"FileSystemId":"fs-0a1b2c3d4e5f60718"}]}"#),
    (
        "acm-pca.ListCertificateAuthorities",
        r#"{"CertificateAuthorities":[{"Arn":"arn:aws:acm-pca:eu-central-1:111122223333:certificate-authority/1a2b"}]}"#,
    ),
    (
        "ses.ListEmailIdentities",
        r#"{"EmailIdentities":[{"IdentityType":"DOMAIN","IdentityName":"example.com","SendingEnabled":true}]}"#,
    ),
    ("ses.GetEmailIdentityPolicies", r#"{"Policies":{"partner":"{}"}}"#),
    ("glacier.ListVaults", r#"{"Marker":null,"VaultList":[{"VaultName":"archive"}]}"#),
    ("es.ListDomainNames", r#"{"DomainNames":[{"DomainName":"search","EngineType":"OpenSearch"}]}"#),
    ("dynamodb.ListTables", r#"{"TableNames":["orders"]}"#),
    ("backup.ListBackupVaults", r#"{"BackupVaultList":[{"BackupVaultName":"nightly"}]}"#),
    ("kinesis.ListStreams", r#"{"StreamNames":["s"],"HasMoreStreams":false}"#),
    ("logs.DescribeResourcePolicies", r#"{"resourcePolicies":[{"policyName":"p","policyDocument":"{}"}]}"#),
    ("SQS.ListQueues", r#"{"QueueUrls":["https://sqs.eu-central-1.amazonaws.com/111122223333/q"]}"#),
];

#[tokio::test]
async fn every_survey_calls_just_what_it_declares() -> Result<()> {
    for control in controls() {
        let Some(survey) = control.survey else { continue };
        let aws = Aws::default();
        for (operation, listed) in LISTED {
            aws.set(operation, [answer(operation, listed)]);
        }
        let event = Event::of_a_look("111122223333", "eu-central-1", Timestamp::now());
        let found = (survey.list)(&Look::new(&aws.place()), &event).await;
        let found = found.with_context(|| control.about.id)?;
        assert!(!found.is_empty(), "{} finds nothing", control.about.id);
        let declared: BTreeSet<String> = actions(survey.needs).into_iter().map(str::to_owned).collect();
        assert_eq!(called(&aws).1, declared, "the survey of {}", control.about.id);
    }
    Ok(())
}
