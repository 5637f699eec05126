//! The policies under `organization/`. The service control policy keeps hands off every kind of part that the template
//! deploys, and the resource control policy keeps roles and keys closed to whoever is no member.
//!
//! Which of their actions there are, and whom they keep out, `tests/end_to_end/test_organization.py` and `test_members.py`
//! show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;
use snapback::event::Event;
use snapback::json;
use workspace_tests::workspace;

use crate::cases::cases;

/// The most that such a policy could have until May 2026, white space included; since then it is twice as much.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const LONGEST: usize = 5120;

/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const LONGEST_RESOURCE_POLICY: usize = 5120;

/// For each kind of resource in the template: what would change or remove it, and the name by which the policy knows it,
/// if AWS knows one. Two things have no name of the stack's: keys are known by their tag, and subscriptions not at all.
const KINDS: [(&str, &str, &[&str]); 20] = [
    (
        "AWS::CloudTrail::Trail",
        ":trail/snapback-*",
        &["cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StopLogging", "cloudtrail:UpdateTrail"],
    ),
    ("AWS::CloudWatch::Alarm", ":alarm:snapback-*", &["cloudwatch:DeleteAlarms", "cloudwatch:SetAlarmState"]),
    (
        "AWS::DynamoDB::Table",
        ":table/snapback-*",
        &["dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:PutItem"],
    ),
    ("AWS::Events::EventBus", ":event-bus/snapback-*", &["events:DeleteEventBus", "events:UpdateEventBus"]),
    ("AWS::Events::EventBusPolicy", ":event-bus/snapback-*", &["events:PutPermission", "events:RemovePermission"]),
    ("AWS::Events::Rule", ":rule/snapback-*", &["events:DisableRule", "events:PutRule", "events:RemoveTargets"]),
    ("AWS::IAM::Policy", ":role/snapback-*", &["iam:PutRolePolicy", "iam:DeleteRolePolicy"]),
    ("AWS::IAM::Role", ":role/snapback-*", &["iam:CreateRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy"]),
    (
        "AWS::KMS::Key",
        ":key/*",
        &["kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:UntagResource"],
    ),
    ("AWS::KMS::Alias", ":alias/snapback-*", &["kms:DeleteAlias", "kms:UpdateAlias"]),
    ("AWS::Lambda::Permission", ":function:snapback-*", &["lambda:AddPermission", "lambda:RemovePermission"]),
    ("AWS::Logs::LogGroup", ":log-group:snapback-*", &["logs:DeleteLogGroup", "logs:PutRetentionPolicy"]),
    (
        "AWS::S3::Bucket",
        ":s3:::snapback-*",
        &["s3:DeleteBucket", "s3:DeleteObject", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"],
    ),
    ("AWS::S3::BucketPolicy", ":s3:::snapback-*", &["s3:DeleteBucketPolicy", "s3:PutBucketPolicy"]),
    ("AWS::SNS::Subscription", "*", &["sns:Unsubscribe", "sns:SetSubscriptionAttributes"]),
    ("AWS::SNS::Topic", ":sns:*:*:snapback-*", &["sns:DeleteTopic", "sns:SetTopicAttributes"]),
    ("AWS::SNS::TopicPolicy", ":sns:*:*:snapback-*", &["sns:AddPermission", "sns:SetTopicAttributes"]),
    ("AWS::SQS::Queue", ":sqs:*:*:snapback-*", &["sqs:DeleteQueue", "sqs:PurgeQueue", "sqs:DeleteMessage"]),
    ("AWS::SQS::QueuePolicy", ":sqs:*:*:snapback-*", &["sqs:AddPermission", "sqs:SetQueueAttributes"]),
    (
        "AWS::Serverless::Function",
        ":function:snapback-*",
        &[
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:PutFunctionConcurrency",
            "lambda:UpdateFunctionEventInvokeConfig",
            "lambda:DeleteFunction",
        ],
    ),
];

/// What the template deploys beside: layers, which have the name that SAM gives them, and the stack itself.
const BESIDE: [(&str, &str, &[&str]); 2] = [
    (
        "AWS::Serverless::LayerVersion",
        ":layer:Guardrails*",
        &["lambda:PublishLayerVersion", "lambda:DeleteLayerVersion"],
    ),
    ("the stack", ":stack/snapback/*", &["cloudformation:DeleteStack", "cloudformation:UpdateStack"]),
];

fn text() -> Result<String> {
    fs::read_to_string(workspace("organization/protect-snapback.scp.json")).context("the policy")
}

fn statements() -> Result<Vec<Value>> {
    let policy: Value = serde_json::from_str(&text()?)?;
    Ok(json::list(&policy["Statement"]).into_iter().cloned().collect())
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_str().map_or_else(|| json::list(value).into_iter().filter_map(Value::as_str).collect(), |text| vec![text])
}

/// Whether a pattern of actions, in which a star may be the end, means an action.
fn means(pattern: &str, action: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == action, |start| action.starts_with(start))
}

#[test]
fn it_is_a_policy_of_denials_with_exceptions_that_fits() -> Result<()> {
    let length = text()?.chars().count();
    assert!(length <= LONGEST, "{length} characters");
    for statement in statements()? {
        let sid = &statement["Sid"];
        assert_eq!(statement["Effect"], "Deny", "{sid}");
        assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null(), "{sid}");
        let excepted = texts(&statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]);
        assert!(!excepted.is_empty(), "{sid} would keep everybody out, whoever deploys it included");
        for arn in excepted {
            let role = arn.strip_prefix("arn:aws:iam::*:role/").context("an exception for what is no role")?;
            assert!(["SnapbackDeployment", "SnapbackOperator", "snapback-*"].contains(&role), "{sid}: {arn}");
        }
    }
    Ok(())
}

#[test]
fn it_covers_every_kind_of_part_that_the_template_deploys() -> Result<()> {
    let template = fs::read_to_string(workspace("template.yaml"))?;
    let deployed: BTreeSet<&str> = template.lines().filter_map(|line| line.strip_prefix("    Type: AWS::")).collect();
    let known: BTreeMap<_, _> =
        KINDS.iter().chain(&BESIDE).map(|(kind, name, actions)| (*kind, (*name, *actions))).collect();
    for kind in &deployed {
        assert!(known.contains_key(format!("AWS::{kind}").as_str()), "nobody has thought of AWS::{kind}");
    }
    let statements = statements()?;
    for (kind, (name, actions)) in known {
        let kind = kind.strip_prefix("AWS::").unwrap_or(kind);
        assert!(kind == "the stack" || deployed.contains(kind), "there is no {kind} any more");
        for action in actions {
            let covers = |statement: &Value| {
                texts(&statement["Action"]).iter().any(|pattern| means(pattern, action))
                    && texts(&statement["Resource"]).iter().any(|arn| arn.ends_with(name))
            };
            assert!(statements.iter().any(covers), "{action} on {kind}");
        }
    }
    Ok(())
}

/// Else somebody could make, or change, a role that the policy makes an exception for.
#[test]
fn nobody_else_can_make_a_role_that_is_excepted() -> Result<()> {
    let statements = statements()?;
    let parts = statements.iter().find(|statement| statement["Sid"] == "Parts").context("no statement `Parts`")?;
    let guarded = texts(&parts["Resource"]);
    for action in ["iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:AttachRolePolicy"] {
        assert!(texts(&parts["Action"]).iter().any(|pattern| means(pattern, action)), "{action}");
    }
    for statement in &statements {
        for excepted in texts(&statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"]) {
            assert!(guarded.contains(&excepted), "{excepted}");
        }
    }
    Ok(())
}

/// The README says what to replace; a name that it does not mention would stay as it is.
#[test]
fn the_readme_names_what_has_to_be_replaced() -> Result<()> {
    let readme = fs::read_to_string(workspace("organization/README.md"))?;
    for name in ["SnapbackDeployment", "SnapbackOperator", "snapback-", "Guardrails", "application", "arn:aws:"] {
        assert!(text()?.contains(name) && readme.contains(&format!("`{name}")), "{name}");
    }
    let samconfig = fs::read_to_string(workspace("samconfig.toml"))?;
    assert!(samconfig.contains(r#"tags = "application=snapback""#) && samconfig.contains(r#"stack_name = "snapback""#));
    Ok(())
}

/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>
#[test]
fn only_members_is_a_resource_control_policy_that_fits_and_spares_members_and_services() -> Result<()> {
    let text = fs::read_to_string(workspace("organization/only-members.rcp.json")).context("the policy")?;
    let policy: Value = serde_json::from_str(&text)?;
    assert!(text.chars().count() <= LONGEST_RESOURCE_POLICY);
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = json::list(&policy["Statement"]);
    let actions: Vec<&str> = statements.iter().flat_map(|statement| texts(&statement["Action"])).collect();
    assert_eq!(actions, ["sts:AssumeRole", "kms:*"]);
    for statement in statements {
        let (sid, condition) = (&statement["Sid"], &statement["Condition"]);
        // Such a policy takes no other effect, and no other principal.
        assert_eq!((&statement["Effect"], &statement["Principal"]), (&"Deny".into(), &"*".into()), "{sid}");
        assert_eq!(statement["Resource"], "*", "{sid}");
        // Nobody of whom AWS tells no organization is a member.
        assert_eq!(condition["StringNotEqualsIfExists"]["aws:PrincipalOrgID"], "o-exampleorgid", "{sid}");
        assert_eq!(condition["BoolIfExists"]["aws:PrincipalIsAWSService"], "false", "{sid}");
    }
    let readme = fs::read_to_string(workspace("organization/README.md"))?;
    for name in ["o-exampleorgid", "444455556666"] {
        assert!(text.contains(name) && readme.contains(&format!("`{name}`")), "{name}");
    }
    Ok(())
}

/// Leases, holds, counts and baselines go by the ARN of what they are about.
#[test]
fn nothing_of_one_account_goes_by_the_arn_of_something_in_another() -> Result<()> {
    // No two accounts have a bucket of one name, nor anything of EC2's that can be shared of one id.
    let is_nobody_elses = |arn: &str| {
        let of_ec2 = arn.split(':').nth(5).unwrap_or_default().split('/').next().unwrap_or_default();
        arn.starts_with("arn:aws:s3:::") || ["snapshot", "image", "fpga-image"].contains(&of_ec2)
    };
    let mut compared = 0;
    for case in cases()? {
        let Some(suspicion) = &case.suspicion else { continue };
        let theirs = case.envelope.to_string().replace(&case.event.account, "777788889999");
        let theirs = Event::from_envelope(serde_json::from_str(&theirs)?)?;
        let suspicions = (case.control.suspect)(&theirs, &case.settings);
        for other in suspicions {
            let is_same = other.subject.arn == suspicion.subject.arn;
            assert!(!is_same || is_nobody_elses(&other.subject.arn), "{} is of whom?", other.subject.arn);
            compared += 1;
        }
    }
    assert!(compared > 300, "{compared} were compared");
    Ok(())
}
