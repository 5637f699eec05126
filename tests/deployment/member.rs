//! `organization/member.yaml`: what a member forwards to the hub, and what the hub's functions may do there.
//!
//! It is plain CloudFormation, as `StackSets` that AWS Organizations manages take no transforms, and small enough to be sent
//! with the request.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-getting-started-create.html>

use anyhow::Result;
use snapback::control::Function;
use workspace_tests::FUNCTIONS;

use super::function::{self, Regions};
use super::{base, denied, yaml};
use crate::quotas::longest_name_of_a_stack;

/// What a stack of members gives the roles that the hub's functions take there.
const ROLES: &str = "HasRoles";

/// Before all that is derived.
const BEGIN: &str = r#"# Written from what the controls declare, by `UPDATE=1 cargo test -p workspace-tests`.
AWSTemplateFormatVersion: "2010-09-09"
Description: >-
  Lets a Snapback in another account or Region guard this one: rules forward the API calls that it checks, and one role
  for each of its functions says what that function may do here.

Parameters:
  HubBusArn:
    Type: String
    AllowedPattern: ^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._-]+$
    Description: The output HubBusArn of Snapback's stack.
    ConstraintDescription: HubBusArn is the ARN of an event bus, as the output HubBusArn of Snapback's stack says it.

  HubStack:
    Type: String
    Default: snapback
    MaxLength: {LONGEST}
    AllowedPattern: ^[A-Za-z][A-Za-z0-9-]*$
    Description: The name of Snapback's stack. The names of its roles, and of the roles here, begin with it.
    ConstraintDescription: HubStack is the name of a CloudFormation stack of at most {LONGEST} characters.

  HubAccount:
    Type: String
    AllowedPattern: ^[0-9]{12}$
    Description: The account of Snapback's stack.
    ConstraintDescription: HubAccount is an account id of 12 digits.

  Roles:
    Type: String
    Default: "yes"
    AllowedValues: ["yes", "no"]
    Description: >-
      Whether to make the roles. They are the whole account's: say yes in just one Region of each account, first, and no
      in all others.
    ConstraintDescription: Roles is yes or no.

  Writes:
    Type: String
    Default: "yes"
    AllowedValues: ["yes", "no"]
    Description: >-
      Whether the roles may revert changes. With no they only read, and Snapback asks an operator instead. Say no in the
      organization's management account, where no service control policy holds, unless Snapback is to revert there too.
    ConstraintDescription: Writes is yes or no.

  ProtectedPrincipals:
    Type: String
    Default: ""
    MaxLength: 1024
    AllowedPattern: ^(arn:aws[a-z-]*:iam::[0-9]{12}:(role|user|group)/[A-Za-z0-9+=.@_/-]+(,arn:aws[a-z-]*:iam::[0-9]{12}:(role|user|group)/[A-Za-z0-9+=.@_/-]+)*)?$
    Description: >-
      ARNs of roles, users and groups of this account that Snapback must never change, e.g. for emergencies. May be empty.
    ConstraintDescription: ProtectedPrincipals is a list of ARNs of roles, users or groups, separated by commas, without spaces.

  IamWriter:
    Type: String
    Default: "no"
    AllowedValues: ["yes", "no"]
    Description: >-
      Whether the role of the function that restores trust, default versions and the like may do so here without an operator.
      It could then make itself administrator of this account. It counts only if Snapback's stack says yes too.
    ConstraintDescription: IamWriter is yes or no.

  IamWriterBoundaries:
    Type: String
    Default: ""
    MaxLength: 256
    AllowedPattern: ^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=.@_/-]+(,arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9+=.@_/-]+)*)?$
    Description: >-
      ARNs of the managed policies that it may put as permissions boundaries here. May be empty: then an operator is asked.
    ConstraintDescription: IamWriterBoundaries is a list of ARNs of managed policies, separated by commas, without spaces.

Conditions:
  HasRoles: !Equals [!Ref Roles, "yes"]
  OnlyReads: !Equals [!Ref Writes, "no"]
  HasIamWriter: !Equals [!Ref IamWriter, "yes"]
  HasIamWriterBoundaries: !And [!Condition HasIamWriter, !Not [!Equals [!Ref IamWriterBoundaries, ""]]]
  HasProtectedPrincipals: !Not [!Equals [!Ref ProtectedPrincipals, ""]]
  IsHubsAccount: !Equals [!Ref AWS::AccountId, !Ref HubAccount]

Resources:
  # ── Forwarding ──────────────────────────────────────────────────────────────────────────────────────────────────────
  # A rule may hand events to a bus of another account or Region with this role, and nobody else may take it.
  ForwarderRole:
    Type: AWS::IAM::Role
    Condition: HasRoles
    Properties:
      RoleName: !Sub ${HubStack}-forwarder
      Description: Forwards API calls to Snapback's bus.
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: events.amazonaws.com }
            Action: sts:AssumeRole
            Condition:
              StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }
              ArnLike: { aws:SourceArn: !Sub "arn:${AWS::Partition}:events:*:${AWS::AccountId}:rule/*" }
      Policies:
        - PolicyName: forward
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: Forward
                Effect: Allow
                Action: events:PutEvents
                Resource: !Ref HubBusArn

  # What could not be forwarded. EventBridge goes on trying for 24 hours first.
  NotForwarded:
    Type: AWS::SQS::Queue
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      MessageRetentionPeriod: 1209600
      SqsManagedSseEnabled: true

  NotForwardedPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref NotForwarded]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: RulesSend
            Effect: Allow
            Principal: { Service: events.amazonaws.com }
            Action: sqs:SendMessage
            Resource: !GetAtt NotForwarded.Arn
            Condition: { StringEquals: { aws:SourceAccount: !Ref AWS::AccountId } }

  SomethingNotForwarded:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: !Sub >-
        Snapback's hub did not get API calls of this account and Region: the queue ${NotForwarded.QueueName} has them,
        each with the reason in its attributes. See that the bus ${HubBusArn} is there and lets this account's
        organization in, and that the role ${HubStack}-forwarder is as it was deployed.
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{ Name: QueueName, Value: !GetAtt NotForwarded.QueueName }]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
"#;

/// The whole file.
pub(super) fn template() -> Result<String> {
    let longest = longest_name_of_a_stack(&super::template()?)?;
    let mut out = BEGIN.replace("{LONGEST}", &longest.to_string());
    let (mut is_first, mut forwarded) = (true, vec![]);
    for function in FUNCTIONS {
        let Some(role) = function.member_role("${HubStack}") else { continue };
        out.push('\n');
        out += &yaml::heading(function.service);
        for mut rule in function::rules(function) {
            // What two functions watch is forwarded once, and the rules of the hub's bus hand it to both.
            let (service, kind) = (rule.service, rule.kind);
            rule.names.retain(|name| !forwarded.contains(&(service, kind, *name)));
            forwarded.extend(rule.names.iter().map(|name| (service, kind, *name)));
            if rule.names.is_empty() {
                continue;
            }
            out += &function::forwarding(&rule, is_first)?;
            is_first = false;
        }
        if has_role(function) {
            let rights = function::rights(function, Regions::All)
                + &function::denied_if_it_only_reads(function)
                + &denied::statements(function, "${HubStack}", &["ProtectedPrincipals"])
                + &denied::of_roles_in_a_member(function, "${HubStack}");
            let does = format!("check and to revert changes to {}", function.service);
            out += &section(base(function), &role, &does, &rights);
        }
    }
    out.push('\n');
    out += &yaml::heading("Coverage");
    let reads = function::reads_of_coverage().replace("${AWS::StackName}", "${HubStack}");
    out += section("Coverage", &coverage_role("${HubStack}"), "see whether it hears everything", &reads)
        .trim_start_matches('\n');
    Ok(out)
}

/// Whether a function takes a role here: who looks at nothing needs none.
pub(super) fn has_role(function: &Function) -> bool {
    function.is_in_members && !function::rights(function, Regions::All).is_empty()
}

/// The name of the role that the function takes here that looks at coverage.
pub(super) fn coverage_role(stack: &str) -> String {
    format!("{stack}-{}", coverage::MEMBER_ROLE)
}

/// What a function of the hub may do here: nobody but it takes the role.
fn section(base: &str, name: &str, does: &str, rights: &str) -> String {
    format!(
        "
  {base}Role:
    Type: AWS::IAM::Role
    Condition: {ROLES}
    Properties:
      RoleName: !Sub {name}
      Description: What Snapback may do here to {does}.
      AssumeRolePolicyDocument:
        Version: \"2012-10-17\"
        Statement:
          - Effect: Allow
            Principal: {{ AWS: !Sub \"arn:${{AWS::Partition}}:iam::${{HubAccount}}:root\" }}
            Action: sts:AssumeRole
            Condition:
              ArnLike: {{ aws:PrincipalArn: !Sub \"arn:${{AWS::Partition}}:iam::${{HubAccount}}:role/${{HubStack}}-{base}Role-*\" }}
      Policies:
        - PolicyName: snapback
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
{rights}"
    )
}
