//! `alarms/template.yaml`: the alarms that the CIS AWS Foundations Benchmark asks for on the log group of a trail.
//!
//! Security Hub passes a trail only if the filters are those of the benchmark, so no filter here asks for more or for less.
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html>

use super::yaml;

struct Alarm {
    /// In the benchmark: 4.1.
    number: u8,
    id: &'static str,
    /// What rings: one of these calls, or something else that a filter says.
    of: Of,
    /// What it tells.
    told: &'static str,
}

enum Of {
    /// Calls with these names to any service.
    Calls(&'static [&'static str]),
    /// Calls with these names to one service.
    CallsTo(&'static str, &'static [&'static str]),
    Filter(&'static str),
}

const ALARMS: [Alarm; 15] = [
    Alarm {
        number: 1,
        id: "UnauthorizedCalls",
        of: Of::Filter(r#"{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}"#),
        told: "AWS refused API calls for want of permission.",
    },
    Alarm {
        number: 2,
        id: "SignInWithoutMfa",
        of: Of::Filter(
            r#"{($.eventName="ConsoleLogin") && ($.additionalEventData.MFAUsed !="Yes") && ($.userIdentity.type="IAMUser") && ($.responseElements.ConsoleLogin="Success")}"#,
        ),
        told: "An IAM user signed in to the console without MFA.",
    },
    Alarm {
        number: 3,
        id: "RootUse",
        of: Of::Filter(
            r#"{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}"#,
        ),
        told: "The root user did something.",
    },
    Alarm {
        number: 4,
        id: "IamPolicyChanges",
        of: Of::CallsTo(
            "iam",
            &[
                "DeleteGroupPolicy",
                "DeleteRolePolicy",
                "DeleteUserPolicy",
                "PutGroupPolicy",
                "PutRolePolicy",
                "PutUserPolicy",
                "CreatePolicy",
                "DeletePolicy",
                "CreatePolicyVersion",
                "DeletePolicyVersion",
                "AttachRolePolicy",
                "DetachRolePolicy",
                "AttachUserPolicy",
                "DetachUserPolicy",
                "AttachGroupPolicy",
                "DetachGroupPolicy",
            ],
        ),
        told: "IAM policies changed.",
    },
    Alarm {
        number: 5,
        id: "TrailChanges",
        of: Of::Calls(&["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"]),
        told: "A trail changed, or was started or stopped.",
    },
    Alarm {
        number: 6,
        id: "FailedSignIns",
        of: Of::Filter(r#"{($.eventName=ConsoleLogin) && ($.errorMessage="Failed authentication")}"#),
        told: "Sign-ins to the console failed.",
    },
    Alarm {
        number: 7,
        id: "LostKeys",
        of: Of::CallsTo("kms", &["DisableKey", "ScheduleKeyDeletion"]),
        told: "A KMS key was disabled or is to be deleted.",
    },
    Alarm {
        number: 8,
        id: "BucketChanges",
        of: Of::CallsTo(
            "s3",
            &[
                "PutBucketAcl",
                "PutBucketPolicy",
                "PutBucketCors",
                "PutBucketLifecycle",
                "PutBucketReplication",
                "DeleteBucketPolicy",
                "DeleteBucketCors",
                "DeleteBucketLifecycle",
                "DeleteBucketReplication",
            ],
        ),
        told: "The policy, ACL, CORS, lifecycle or replication of a bucket changed.",
    },
    Alarm {
        number: 9,
        id: "ConfigChanges",
        of: Of::CallsTo(
            "config",
            &["StopConfigurationRecorder", "DeleteDeliveryChannel", "PutDeliveryChannel", "PutConfigurationRecorder"],
        ),
        told: "What AWS Config records or delivers changed.",
    },
    Alarm {
        number: 10,
        id: "SecurityGroupChanges",
        of: Of::Calls(&[
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "CreateSecurityGroup",
            "DeleteSecurityGroup",
        ]),
        told: "Security groups changed.",
    },
    Alarm {
        number: 11,
        id: "NetworkAclChanges",
        of: Of::Calls(&[
            "CreateNetworkAcl",
            "CreateNetworkAclEntry",
            "DeleteNetworkAcl",
            "DeleteNetworkAclEntry",
            "ReplaceNetworkAclEntry",
            "ReplaceNetworkAclAssociation",
        ]),
        told: "Network ACLs changed.",
    },
    Alarm {
        number: 12,
        id: "GatewayChanges",
        of: Of::Calls(&[
            "CreateCustomerGateway",
            "DeleteCustomerGateway",
            "AttachInternetGateway",
            "CreateInternetGateway",
            "DeleteInternetGateway",
            "DetachInternetGateway",
        ]),
        told: "Network gateways changed.",
    },
    Alarm {
        number: 13,
        id: "RouteTableChanges",
        of: Of::CallsTo(
            "ec2",
            &[
                "CreateRoute",
                "CreateRouteTable",
                "ReplaceRoute",
                "ReplaceRouteTableAssociation",
                "DeleteRouteTable",
                "DeleteRoute",
                "DisassociateRouteTable",
            ],
        ),
        told: "Route tables changed.",
    },
    Alarm {
        number: 14,
        id: "VpcChanges",
        of: Of::Calls(&[
            "CreateVpc",
            "DeleteVpc",
            "ModifyVpcAttribute",
            "AcceptVpcPeeringConnection",
            "CreateVpcPeeringConnection",
            "DeleteVpcPeeringConnection",
            "RejectVpcPeeringConnection",
            "AttachClassicLinkVpc",
            "DetachClassicLinkVpc",
            "DisableVpcClassicLink",
            "EnableVpcClassicLink",
        ]),
        told: "VPCs or their peering connections changed.",
    },
    Alarm {
        number: 15,
        id: "OrganizationChanges",
        of: Of::CallsTo(
            "organizations",
            &[
                "AcceptHandshake",
                "AttachPolicy",
                "CreateAccount",
                "CreateOrganizationalUnit",
                "CreatePolicy",
                "DeclineHandshake",
                "DeleteOrganization",
                "DeleteOrganizationalUnit",
                "DeletePolicy",
                "DetachPolicy",
                "DisablePolicyType",
                "EnablePolicyType",
                "InviteAccountToOrganization",
                "LeaveOrganization",
                "MoveAccount",
                "RemoveAccountFromOrganization",
                "UpdateOrganizationalUnit",
                "UpdatePolicy",
            ],
        ),
        told: "The organization, its accounts or its policies changed.",
    },
];

const BEGIN: &str = r#"# Written from the list in `tests/deployment/alarms.rs`, by `UPDATE=1 cargo test -p workspace-tests`.
AWSTemplateFormatVersion: "2010-09-09"
Description: >-
  The metric filters and alarms of section 4 of the CIS AWS Foundations Benchmark 3.0, on the log group of a trail.

Parameters:
  LogGroup:
    Type: String
    MinLength: 1
    MaxLength: 512
    AllowedPattern: ^[A-Za-z0-9._/#-]+$
    Description: The name of the CloudWatch Logs log group that the trail delivers to, in this account and Region.
    ConstraintDescription: LogGroup is the name of a log group, not its ARN.

  TopicArn:
    Type: String
    AllowedPattern: ^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$
    Description: The topic that the alarms notify, as the output TopicArn of Snapback's stack. It must be in this Region.
    ConstraintDescription: TopicArn is the ARN of an SNS topic.

Resources:
"#;

pub(super) fn template() -> String {
    let mut out = BEGIN.to_owned();
    for (index, alarm) in ALARMS.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out += &alarm.section();
    }
    out
}

impl Alarm {
    fn section(&self) -> String {
        let Self { number, id, told, .. } = self;
        let heading = yaml::heading(&format!("4.{number}"));
        let told = yaml::wrapped("        ", &format!("{told} (CIS AWS Foundations Benchmark 3.0, 4.{number})"));
        let pattern = yaml::wrapped("        ", &self.pattern());
        format!(
            "{heading}  {id}Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref LogGroup
      FilterPattern: >-
{pattern}      MetricTransformations:
        - {{ MetricNamespace: !Ref AWS::StackName, MetricName: {id}, MetricValue: \"1\" }}

  {id}Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: >-
{told}      Namespace: !Ref AWS::StackName
      MetricName: {id}
      Statistic: Sum
      Period: 300
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref TopicArn]
"
        )
    }

    fn pattern(&self) -> String {
        let any =
            |names: &[&str]| names.iter().map(|name| format!("($.eventName={name})")).collect::<Vec<_>>().join(" || ");
        match self.of {
            Of::Calls(names) => format!("{{{}}}", any(names)),
            Of::CallsTo(service, names) => format!("{{($.eventSource={service}.amazonaws.com) && ({})}}", any(names)),
            Of::Filter(pattern) => pattern.to_owned(),
        }
    }
}
