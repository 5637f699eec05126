"""What holds an organization together, loosened and restored.

The account of the stack acts as a delegated administrator that may do everything, so that it need not be the management account:
what a delegated administrator may do on AWS is less. `local/organization.py` says what else is played.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property

import pytest
from botocore.exceptions import ClientError
from test_noticed import example, notice_of

from accounts import MANAGEMENT
from scene import Snapback
from stack import ACCOUNT, REPOSITORY

MEMBER = "222233334444"
REVERTS = ["organizations-detached-policy", "organizations-lost-service-access"]
NOTICED = {
    "organizations-disabled-policies": {
        "type-disabled": "enable-policy-type --root-id r-ab12 --policy-type SERVICE_CONTROL_POLICY",
        "deleted": "deleted policy `p-1a2b3c4d`",
    },
    "organizations-new-say": {
        "service": "disable-aws-service-access --service-principal ram.amazonaws.com",
        "invited": "cancel-handshake --handshake-id h-examplehandshakeid111",
        "policy-put": "describe-resource-policy",
    },
}


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory) -> Snapback:
    """Each control that reverts is named: none of them does so by the mode alone. What is approved by a tag stays."""
    guardrails = tmp_path_factory.mktemp("organizations") / "guardrails"
    shutil.copytree(REPOSITORY / "guardrails", guardrails, ignore=shutil.ignore_patterns("examples", "Makefile"))
    shutil.copy(REPOSITORY / "guardrails" / "examples" / "approved-tag.cedar", guardrails)
    overrides = ",".join(f"{control}=revert" for control in REVERTS)
    guarded = deployed(guardrails=guardrails, mode="revert", Organizations="yes", ModeOverrides=overrides)
    with guarded.unseen():
        management = guarded.aws.client("organizations", {"AccessKeyId": MANAGEMENT, "SecretAccessKey": "test"})
        management.register_delegated_administrator(AccountId=ACCOUNT, ServicePrincipal="sso.amazonaws.com")
    return guarded


@pytest.fixture(scope="module")
def client(guarded):
    """As somebody who may do everything to the organization, and nothing else."""
    return guarded.aws.client("organizations", guarded.user("eve", "organizations:*"))


@dataclass
class Thing:
    """What is told of by its name, in the form of an ARN in which Snapback has it."""

    snapback: Snapback
    name: str
    path: str

    @cached_property
    def arn(self) -> str:
        return f"arn:aws:organizations::{ACCOUNT}:{self.path}/{self.name}"

    @property
    def id(self) -> str:
        return self.arn

    def tells(self, control: str) -> dict:
        """What is said of it by this control, which has reverted what was done to it."""
        said = self.snapback.announces(self, "reverted")
        assert said["control"] == control, said
        assert self.snapback.has_settled()
        return said

    def is_undone(self, said: dict) -> None:
        """And held: what undoing does is not reverted."""
        undone = self.snapback.undo(said["id"])
        assert (undone.returncode, undone.stderr) == (0, "")
        assert self.snapback.announces(self, "held")["control"] == said["control"]
        assert self.snapback.has_settled()


def statement(effect: str, *actions: str) -> dict:
    return {"Effect": effect, "Action": list(actions), "Resource": "*"}


def a_policy(guarded, client, name: str, *statements: dict, tags: tuple = ()) -> Thing:
    content = json.dumps({"Version": "2012-10-17", "Statement": statements})
    made = client.create_policy(
        Name=name, Description=name, Type="SERVICE_CONTROL_POLICY", Content=content, Tags=list(tags)
    )  # fmt: skip
    policy = Thing(guarded, made["Policy"]["PolicySummary"]["Id"], "policy")
    client.attach_policy(PolicyId=policy.name, TargetId=MEMBER)
    return policy


def attached(client) -> set:
    listed = client.list_policies_for_target(TargetId=MEMBER, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    return {policy["Id"] for policy in listed}


def test_a_policy_that_denies_is_attached_again_and_nothing_else(guarded, client):
    policy = a_policy(guarded, client, "NobodyLeaves", statement("Deny", "organizations:LeaveOrganization"))
    before = attached(client)
    client.detach_policy(PolicyId=policy.name, TargetId=MEMBER)
    said = policy.tells("organizations-detached-policy")
    assert attached(client) == before
    policy.is_undone(said)
    assert attached(client) == before - {policy.name}


def test_a_policy_that_is_approved_stays_detached(guarded, client):
    tags = ({"Key": "exposure", "Value": "approved"},)
    policy = a_policy(guarded, client, "Approved", statement("Deny", "organizations:LeaveOrganization"), tags=tags)
    client.detach_policy(PolicyId=policy.name, TargetId=MEMBER)
    assert "`approved-tag`" in guarded.announces(policy, "alerted")["why"]
    assert guarded.has_settled() and policy.name not in attached(client)


@pytest.mark.parametrize("effects", [["Allow"], ["Deny", "Allow"]])
def test_a_policy_that_allows_is_not_attached_again(guarded, client, effects):
    policy = a_policy(guarded, client, "-".join(effects), *(statement(effect, "s3:*") for effect in effects))
    client.detach_policy(PolicyId=policy.name, TargetId=MEMBER)
    said = guarded.announces(policy, "alerted")
    assert f"attach-policy --policy-id {policy.name} --target-id {MEMBER}" in said["why"]
    assert guarded.has_settled() and policy.name not in attached(client)


def test_the_role_can_attach_no_policy_that_allows_everything(guarded):
    own = guarded.as_function("OrganizationsFunction", "organizations")
    with pytest.raises(ClientError, match="AccessDenied"):
        own.attach_policy(PolicyId="p-FullAWSAccess", TargetId=MEMBER)
    with pytest.raises(ClientError, match="AccessDenied"):
        own.enable_aws_service_access(ServicePrincipal="ram.amazonaws.com")


def test_a_service_that_keeps_watch_gets_its_access_again(guarded, client):
    def trusted() -> set:
        pages = client.get_paginator("list_aws_service_access_for_organization").paginate()
        return {one["ServicePrincipal"] for page in pages for one in page["EnabledServicePrincipals"]}

    with guarded.unseen():
        for name in ("ram", "cloudtrail", "guardduty"):
            client.enable_aws_service_access(ServicePrincipal=f"{name}.amazonaws.com")
    before = trusted()
    client.disable_aws_service_access(ServicePrincipal="ram.amazonaws.com")
    client.disable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    trail = Thing(guarded, "cloudtrail.amazonaws.com", "service-access")
    said = trail.tells("organizations-lost-service-access")
    assert "update-trail --name TRAIL --is-organization-trail" in json.dumps(said)
    assert trusted() == before - {"ram.amazonaws.com"}
    trail.is_undone(said)
    assert trusted() == before - {"ram.amazonaws.com", "cloudtrail.amazonaws.com"}


@pytest.mark.parametrize(
    ("control", "name", "said"),
    [(control, name, said) for control, names in NOTICED.items() for name, said in names.items()],
)
def test_people_are_notified_and_told_what_to_do(guarded, control, name, said):
    announced = notice_of(guarded, control, example(control, name))
    assert announced["outcome"] == "alerted"
    assert said in announced["why"], announced["why"]


def test_without_the_option_there_is_no_such_function(snapback):
    assert "OrganizationsFunction" not in snapback.functions()
