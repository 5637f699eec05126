"""What the tools of an account do in it all day raises no alarm, but for what they open: each as the calls that it makes,
one after the other, with the documents that it writes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from types import SimpleNamespace
from uuid import uuid4

import pytest

from stack import ACCOUNT, REGION, REPOSITORY
from test_passed_roles import a_function

# Whom the deployment trusts: the account that manages the organization.
MANAGEMENT = "444455556666"
AWS = "arn:aws:iam::aws:policy/"


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: list | str, resources: list | str = "*") -> dict:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def trust(principal: dict, action: list | str = "sts:AssumeRole", condition: dict | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return document({**statement, "Condition": condition} if condition else statement)


def service(name: str) -> str:
    return trust({"Service": f"{name}.amazonaws.com"})


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory):
    """With the guardrail that an account with Vault has."""
    guardrails = tmp_path_factory.mktemp("ordinary") / "guardrails"
    shutil.copytree(REPOSITORY / "guardrails", guardrails, ignore=shutil.ignore_patterns("examples", "Makefile"))
    shutil.copy(REPOSITORY / "guardrails" / "examples" / "credential-issuer.cedar", guardrails)
    return deployed(guardrails=guardrails, mode="revert", ModeOverrides="iam-new-administrator=revert")


class Tool:
    """The clients of a tool, and what is said of what it does."""

    def __init__(self, guarded, keys: dict):
        self._guarded = guarded
        self.client = lambda service: guarded.aws.client(service, keys)
        self.iam, self.s3 = self.client("iam"), self.client("s3")
        self._before = len(guarded.announcements())

    def role(self, name: str, trusts: str, *managed: str, path: str = "/", **inline: str) -> None:
        self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusts, Path=path)
        for policy in managed:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        for policy, text in inline.items():
            self.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)

    def said(self) -> Counter:
        assert self._guarded.has_settled()
        return Counter((one["control"], one["outcome"]) for one in self._guarded.announcements()[self._before :])


@pytest.fixture
def tool(guarded):
    assert guarded.has_settled()
    return Tool(guarded, guarded.user(f"tool-{uuid4().hex[:8]}", "iam:*", "s3:*", "lambda:*", "cloudformation:*"))


def test_terraform_applies_changes_and_destroys_a_role_with_its_policies_and_an_instance_profile(tool):
    """The order of https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service/iam"""
    iam = tool.iam
    reads = document(allow(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]))
    policy = iam.create_policy(PolicyName="reports", PolicyDocument=reads)["Policy"]["Arn"]
    bounds = [iam.create_policy(PolicyName=f"team-{n}", PolicyDocument=reads)["Policy"]["Arn"] for n in (1, 2)]
    logs = document(allow(["logs:CreateLogStream", "logs:PutLogEvents"]))
    tool.role("reports", service("ec2"), policy, AWS + "AmazonSSMManagedInstanceCore", logs=logs)
    iam.put_role_permissions_boundary(RoleName="reports", PermissionsBoundary=bounds[0])
    iam.create_instance_profile(InstanceProfileName="reports")
    iam.add_role_to_instance_profile(InstanceProfileName="reports", RoleName="reports")
    # A later version of the configuration.
    iam.update_assume_role_policy(RoleName="reports", PolicyDocument=trust({"Service": ["ec2.amazonaws.com", "ecs.amazonaws.com"]}))
    denies = {"Effect": "Deny", "Action": "iam:CreatePolicyVersion", "Resource": policy}
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(allow("s3:GetObject"), denies), SetAsDefault=True)
    iam.put_role_policy(RoleName="reports", PolicyName="logs", PolicyDocument=document(allow("logs:PutLogEvents")))
    iam.put_role_permissions_boundary(RoleName="reports", PermissionsBoundary=bounds[1])
    # And what takes all of it away.
    iam.remove_role_from_instance_profile(InstanceProfileName="reports", RoleName="reports")
    iam.delete_instance_profile(InstanceProfileName="reports")
    iam.delete_role_policy(RoleName="reports", PolicyName="logs")
    for attached in (policy, AWS + "AmazonSSMManagedInstanceCore"):
        iam.detach_role_policy(RoleName="reports", PolicyArn=attached)
    iam.delete_role(RoleName="reports")
    assert tool.said() == Counter({("signin-instance-profile", "alerted"): 1})


def test_terraform_makes_a_role_and_passes_it_to_a_function(tool):
    reads = document(allow("s3:GetObject", "arn:aws:s3:::reports/*"), allow(["logs:CreateLogStream", "logs:PutLogEvents"]))
    tool.role("nightly", service("lambda"), AWS + "service-role/AWSLambdaBasicExecutionRole", reads=reads)
    role = f"arn:aws:iam::{ACCOUNT}:role/nightly"
    functions, name = tool.client("lambda"), a_function(tool.client("lambda"), SimpleNamespace(arn=role))
    functions.update_function_configuration(FunctionName=name, Timeout=60)
    functions.update_function_configuration(FunctionName=name, Role=role)
    assert tool.said() == Counter()


def test_cdk_deploys_a_stack(guarded, tool):
    name = f"cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"
    with guarded.unseen():
        tool.role(name, service("cloudformation"), AWS + "AdministratorAccess")
    template = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    given = {"StackName": "reports", "TemplateBody": template, "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/{name}"}
    tool.client("cloudformation").create_change_set(ChangeSetName="cdk-deploy-change-set", ChangeSetType="CREATE", **given)
    tool.iam.detach_role_policy(RoleName=name, PolicyArn=AWS + "AdministratorAccess")
    tool.iam.delete_role(RoleName=name)
    assert tool.said() == Counter()


def test_cdk_bootstraps_an_environment(tool):
    """https://github.com/aws/aws-cdk-cli/blob/main/packages/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"""
    bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
    name = lambda role: f"cdk-hnb659fds-{role}-role-{ACCOUNT}-{REGION}"  # noqa: E731
    own = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ["sts:AssumeRole", "sts:TagSession"])
    files = document(
        allow(["s3:GetObject*", "s3:GetBucket*", "s3:List*", "s3:DeleteObject*", "s3:PutObject*", "s3:Abort*"], f"arn:aws:s3:::{bucket}/*"),
        allow(["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"]),
    )
    tool.s3.create_bucket(Bucket=bucket)
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    tool.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(every, True))
    tool.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    without_tls = {"Sid": "AllowSSLRequestsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                   "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                   "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip
    tool.s3.put_bucket_policy(Bucket=bucket, Policy=document(without_tls))
    tool.role(name("file-publishing"), own, FilePublishing=files)
    tool.role(name("image-publishing"), own, ImagePublishing=document(allow(["ecr:PutImage", "ecr:InitiateLayerUpload"])))
    secrets = {"Sid": "DontReadSecrets", "Effect": "Deny", "Action": ["kms:Decrypt"], "Resource": "*"}
    tool.role(name("lookup"), own, AWS + "ReadOnlyAccess", LookupRolePolicy=document(secrets))
    pass_it = allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{name('cfn-exec')}")
    changes = allow(["cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:CreateStack"])
    tool.role(name("deploy"), own, default=document(changes, pass_it, allow("sts:GetCallerIdentity")))
    assert tool.said() == Counter()
    # What it deploys with, CloudFormation takes the rights of an administrator for. That is told and, here, reverted.
    tool.role(name("cfn-exec"), service("cloudformation"), AWS + "AdministratorAccess")
    assert tool.said() == Counter({("iam-new-administrator", "reverted"): 1})


def test_eksctl_creates_a_cluster_with_nodes_and_a_service_account(tool):
    """https://github.com/eksctl-io/eksctl/blob/main/pkg/cfn/builder/iam.go"""
    tool.role(
        "eksctl-web-cluster-ServiceRole", trust({"Service": "eks.amazonaws.com"}, ["sts:AssumeRole", "sts:TagSession"]),
        AWS + "AmazonEKSClusterPolicy", PolicyCloudWatchMetrics=document(allow("cloudwatch:PutMetricData")),
        PolicyELBPermissions=document(allow(["ec2:DescribeAccountAttributes", "ec2:DescribeAddresses"])),
    )  # fmt: skip
    nodes = [AWS + name for name in ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore")]
    tool.role("eksctl-web-nodegroup-NodeInstanceRole", service("ec2"), *nodes)
    tool.iam.create_instance_profile(InstanceProfileName="eksctl-web-nodegroup")
    tool.iam.add_role_to_instance_profile(
        InstanceProfileName="eksctl-web-nodegroup", RoleName="eksctl-web-nodegroup-NodeInstanceRole"
    )
    issuer = f"oidc.eks.{REGION}.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
    tool.iam.create_open_id_connect_provider(
        Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
    )
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"}
    one = {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": "system:serviceaccount:kube-system:aws-node"}
    tool.role(
        "eksctl-web-addon-iamserviceaccount-Role1",
        trust(provider, "sts:AssumeRoleWithWebIdentity", {"StringEquals": one}), AWS + "AmazonEKS_CNI_Policy",
    )  # fmt: skip
    said = tool.said()
    assert said == Counter({("signin-instance-profile", "alerted"): 1, ("iam-identity-provider", "alerted"): 1})


def test_control_tower_enrols_an_account(tool):
    """https://docs.aws.amazon.com/controltower/latest/userguide/roles-how.html"""
    tool.role("aws-controltower-ConfigRecorderRole", service("config"), AWS + "ReadOnlyAccess")
    publish = document(allow("sns:Publish", f"arn:aws:sns:*:{MANAGEMENT}:aws-controltower-AggregateSecurityNotifications"))
    logs = AWS + "service-role/AWSLambdaBasicExecutionRole"
    tool.role("aws-controltower-ForwardSnsNotificationRole", service("lambda"), logs, sns=publish)
    audit = trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:role/aws-controltower-AuditReadOnlyRole"})
    tool.role("aws-controltower-ReadOnlyExecutionRole", audit, AWS + "ReadOnlyAccess")
    assert tool.said() == Counter()
    # Who may do everything in the account is told of.
    execution = trust({"AWS": f"arn:aws:iam::{MANAGEMENT}:root"})
    tool.role("AWSControlTowerExecution", execution, AWS + "AdministratorAccess")
    assert tool.said() == Counter({("iam-new-administrator", "reverted"): 1})


def test_vault_issues_a_key_and_revokes_it(guarded):
    """https://developer.hashicorp.com/vault/docs/secrets/aws"""
    admin = guarded.aws.client("iam")
    with guarded.unseen():
        admin.create_role(RoleName="Vault", AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
        admin.put_role_policy(RoleName="Vault", PolicyName="vault", PolicyDocument=document(allow("iam:*")))
    assert guarded.has_settled()
    session = guarded.aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/Vault", RoleSessionName="vault")
    vault, name = Tool(guarded, session["Credentials"]), f"vault-token-reports-{uuid4().hex[:8]}"
    vault.iam.create_user(UserName=name)
    vault.iam.attach_user_policy(UserName=name, PolicyArn=AWS + "AmazonS3ReadOnlyAccess")
    vault.iam.put_user_policy(UserName=name, PolicyName="reports", PolicyDocument=document(allow("s3:PutObject")))
    key = vault.iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    told = Counter({("iam-new-user", "alerted"): 1, ("iam-new-credential", "alerted"): 1})
    assert vault.said() == told
    vault.iam.delete_access_key(UserName=name, AccessKeyId=key)
    vault.iam.detach_user_policy(UserName=name, PolicyArn=AWS + "AmazonS3ReadOnlyAccess")
    vault.iam.delete_user_policy(UserName=name, PolicyName="reports")
    vault.iam.delete_user(UserName=name)
    assert vault.said() == told


def test_identity_center_provisions_a_permission_set(tool):
    """https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html"""
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"}
    signed_in = trust(
        provider, ["sts:AssumeRoleWithSAML", "sts:TagSession"], {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
    )
    name = "AWSReservedSSO_ReadOnly_0123456789abcdef"
    text = document(allow("s3:GetObject"))
    tool.role(name, signed_in, AWS + "ReadOnlyAccess", path="/aws-reserved/sso.amazonaws.com/", AwsSSOInlinePolicy=text)
    tool.iam.put_role_policy(RoleName=name, PolicyName="AwsSSOInlinePolicy", PolicyDocument=document(allow("s3:ListBucket")))
    tool.iam.delete_role_policy(RoleName=name, PolicyName="AwsSSOInlinePolicy")
    tool.iam.detach_role_policy(RoleName=name, PolicyArn=AWS + "ReadOnlyAccess")
    tool.iam.delete_role(RoleName=name)
    assert tool.said() == Counter()
