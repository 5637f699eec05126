"""What attackers do with IAM, each as the calls that a published tool makes one after the other.

<https://stratus-red-team.cloud/attack-techniques/AWS/>
"""

import json
from types import SimpleNamespace
from uuid import uuid4

import pytest

from stack import ACCOUNT

STRANGER = "777788889999"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.fixture(scope="module")
def guarded(deployed):
    return deployed(mode="revert", ModeOverrides="iam-new-administrator=revert")


def thing(kind: str) -> SimpleNamespace:
    """What announcements are looked up by."""
    name = f"{kind}-{uuid4().hex[:8]}"
    return SimpleNamespace(id=name, name=name, arn=f"arn:aws:iam::{ACCOUNT}:{kind}/{name}")


def announced(guarded, of: SimpleNamespace) -> set:
    return {(one["control"], one["outcome"]) for one in guarded.announcements_about(of)}


def test_of_a_new_administrator_with_a_key_the_user_stays_and_can_do_nothing(guarded):
    """aws.persistence.iam-create-admin-user"""
    user = thing("user")
    guarded.iam.create_user(UserName=user.name)
    guarded.iam.attach_user_policy(UserName=user.name, PolicyArn=ADMINISTRATOR)
    key = guarded.iam.create_access_key(UserName=user.name)["AccessKey"]["AccessKeyId"]
    assert guarded.announces(user, "reverted") and guarded.has_settled()
    assert announced(guarded, user) == {
        ("iam-new-user", "alerted"), ("iam-new-administrator", "reverted"), ("iam-new-credential", "reverted"),
    }  # fmt: skip
    assert guarded.iam.list_attached_user_policies(UserName=user.name)["AttachedPolicies"] == []
    [left] = guarded.iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"]
    assert (left["AccessKeyId"], left["Status"]) == (key, "Inactive")


def test_of_a_new_role_for_a_stranger_the_policy_is_detached_and_an_operator_closes_the_trust(guarded):
    """aws.persistence.iam-create-backdoor-role"""
    role = thing("role")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    guarded.iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=document)
    guarded.iam.attach_role_policy(RoleName=role.name, PolicyArn=ADMINISTRATOR)
    asked, _ = guarded.announces(role, "asked"), guarded.announces(role, "reverted")
    assert announced(guarded, role) == {("iam-open-trust", "asked"), ("iam-new-administrator", "reverted")}
    assert guarded.iam.list_attached_role_policies(RoleName=role.name)["AttachedPolicies"] == []
    applied = guarded.operate("apply", asked["id"], "--yes")
    assert applied.returncode == 0, applied.stderr
    left = guarded.iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert not [statement for statement in left if statement["Effect"] == "Allow"]
