"""What a live principal may do: `snapback explain identity --principal`."""

import json
import subprocess
from uuid import uuid4

import pytest

from stack import ACCOUNT, TARGET

READS = (
    "iam:GetUser", "iam:GetRole", "iam:GetGroup", "iam:ListGroupsForUser", "iam:ListAttachedUserPolicies",
    "iam:ListAttachedRolePolicies", "iam:ListAttachedGroupPolicies", "iam:ListUserPolicies", "iam:ListRolePolicies",
    "iam:ListGroupPolicies", "iam:GetUserPolicy", "iam:GetRolePolicy", "iam:GetGroupPolicy", "iam:GetPolicy",
    "iam:GetPolicyVersion",
)  # fmt: skip


@pytest.fixture(scope="module")
def explain(snapback):
    """Asks about a principal, with the rights that this takes, or with those given."""

    def run(arn: str, *options: str, may: tuple[str, ...] = READS) -> subprocess.CompletedProcess:
        user = snapback.user(f"explainer-{uuid4()}", *may)
        keys = {"AWS_ACCESS_KEY_ID": user["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": user["SecretAccessKey"]}
        command = [TARGET / "debug" / "snapback", "explain", "identity", "--principal", arn, *options]
        return subprocess.run(
            command, env=snapback.aws.environment(**keys), capture_output=True, text=True, check=False
        )

    return run


def allow(*actions: str) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    )


def test_policies_of_a_user_and_of_its_groups_count_together(snapback, explain):
    iam, name = snapback.aws.client("iam"), f"dev-{uuid4()}"
    with snapback.unseen():
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        iam.put_user_policy(UserName=name, PolicyName="pass", PolicyDocument=allow("iam:PassRole"))
        iam.create_group(GroupName=name)
        run = iam.create_policy(PolicyName=name, PolicyDocument=allow("lambda:*"))["Policy"]["Arn"]
        iam.attach_group_policy(GroupName=name, PolicyArn=run)
        iam.add_user_to_group(UserName=name, GroupName=name)
    said = explain(arn, "--json")
    assert said.returncode == 1, said.stderr
    answer = json.loads(said.stdout)
    path = "iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction"
    assert (answer["principal"], answer["admin"]) == (arn, False) and path in answer["escalation"]
    [why] = [why for why in answer["why"] if why.startswith(f"`{path}`")]
    assert why.endswith(f"statement 1 of inline policy `pass` and statement 1 of managed policy `{name}` of group `{name}`")


def test_a_boundary_bounds_an_administrator(snapback, explain):
    iam, name = snapback.aws.client("iam"), f"bounded-{uuid4()}"
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]}  # fmt: skip
    with snapback.unseen():
        bound = iam.create_policy(PolicyName=name, PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
        arn = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), PermissionsBoundary=bound, Path="/team/"
        )["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=allow("*"))
    said = explain(arn)
    harmless = f"{arn}: not an administrator, and none of the published ways to become one\n"
    assert (said.returncode, said.stdout) == (0, harmless), said.stderr
    with snapback.unseen():
        iam.delete_role_permissions_boundary(RoleName=name)
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/alice"
    assert f"{arn}: administrator" in explain(session).stdout


def test_what_is_wrong_is_named(explain):
    nobody = f"arn:aws:iam::{ACCOUNT}:user/nobody-{uuid4()}"
    said = explain(nobody)
    assert said.returncode == 2 and f"there is no user `{nobody.split('/')[1]}` in account {ACCOUNT}" in said.stderr
    said = explain("arn:aws:iam::444455556666:role/deploy")
    assert said.returncode == 2 and "your credentials belong to account" in said.stderr
    said = explain(nobody, may=("iam:GetRole",))
    assert said.returncode == 2 and "iam:GetUser" in said.stderr and "not allowed" in said.stderr
