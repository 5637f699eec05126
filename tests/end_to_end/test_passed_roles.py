"""Roles that are passed to services: who passes that of an administrator is told of."""

from __future__ import annotations

import io
import json
import zipfile
from types import SimpleNamespace
from uuid import uuid4

import pytest

from stack import ACCOUNT, REGION, REPOSITORY
from test_noticed import example, notice_of

CONTROL = "iam-passed-administrator"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str) -> dict:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


READS, GRANTS = policy(allow("s3:GetObject")), policy(allow("iam:PutRolePolicy"))
FOR_LAMBDA = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


def a_role(snapback, *managed: str, name: str = "", **inline: str) -> SimpleNamespace:
    """A role that a service may be passed, of which no event tells."""
    name = name or f"passed-{uuid4().hex[:8]}"
    with snapback.unseen():
        snapback.iam.create_role(RoleName=name, AssumeRolePolicyDocument=FOR_LAMBDA)
        for arn in managed:
            snapback.iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        for policy_name, text in inline.items():
            snapback.iam.put_role_policy(RoleName=name, PolicyName=policy_name, PolicyDocument=text)
    return SimpleNamespace(id=name, name=name, arn=f"arn:aws:iam::{ACCOUNT}:role/{name}")


def a_profile(snapback, role: SimpleNamespace) -> SimpleNamespace:
    name = f"profile-{uuid4().hex[:8]}"
    with snapback.unseen():
        snapback.iam.create_instance_profile(InstanceProfileName=name)
        snapback.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role.name)
    return SimpleNamespace(id=name, name=name, arn=f"arn:aws:iam::{ACCOUNT}:instance-profile/{name}")


def is_seen(snapback, thing: SimpleNamespace) -> None:
    snapback.look(thing, "PassedRolesFunction")
    assert snapback.memory_of(thing) == {CONTROL}


def a_function(client, role: SimpleNamespace) -> str:
    """A new function, which is passed the role."""
    name, code = f"x{uuid4().hex[:8]}", io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return None\n")
    client.create_function(
        FunctionName=name, Runtime="python3.12", Role=role.arn, Handler="index.handler", Code={"ZipFile": code.getvalue()}
    )
    return name


def an_instance(client, profile: SimpleNamespace) -> str:
    made = client.run_instances(
        ImageId="ami-0a1b2c3d4e5f67890", MinCount=1, MaxCount=1, InstanceType="t3.micro", IamInstanceProfile={"Name": profile.name}
    )
    return made["Instances"][0]["InstanceId"]


def said_of(snapback, thing: SimpleNamespace) -> list:
    assert snapback.has_settled()
    return [one for one in snapback.announcements_about(thing) if one["control"] == CONTROL]


def caller(snapback, service: str):
    """A client of a user who may pass roles."""
    return snapback.aws.client(service, snapback.user(f"passer-{uuid4().hex[:8]}", f"{service}:*", "iam:PassRole"))


def test_an_administrator_by_the_baseline_is_told_of_once_for_each_caller(snapback):
    role = a_role(snapback, ADMINISTRATOR)
    is_seen(snapback, role)
    first = caller(snapback, "lambda")
    name = a_function(first, role)
    [said] = said_of(snapback, role)
    assert (said["resource"], said["outcome"], said["severity"]) == (role.arn, "alerted", "high")
    assert f"to Lambda function `{name}`" in said["why"], said["why"]
    assert "statement 1 of managed policy `AdministratorAccess`" in said["why"]
    assert "as a scheduled check has found" in said["why"]
    for _ in range(3):
        a_function(first, role)
    assert len(said_of(snapback, role)) == 1
    a_function(caller(snapback, "lambda"), role)
    assert len(said_of(snapback, role)) == 2, "another caller is another matter"


def test_roles_that_may_do_little_are_not_told_of_whether_they_are_in_the_baseline_or_not(snapback):
    for is_known in (True, False):
        role = a_role(snapback, own=READS)
        if is_known:
            is_seen(snapback, role)
        a_function(caller(snapback, "lambda"), role)
        assert said_of(snapback, role) == [], is_known


def test_a_new_role_is_read_with_all_that_it_holds(snapback):
    with snapback.unseen():
        made = snapback.iam.create_policy(PolicyName=f"grants-{uuid4().hex[:8]}", PolicyDocument=GRANTS)["Policy"]["Arn"]
    role = a_role(snapback, made, own=READS)
    profile = a_profile(snapback, role)
    instance = an_instance(caller(snapback, "ec2"), profile)
    [said] = said_of(snapback, role)
    assert said["resource"] == role.arn
    assert f"passed instance profile `{profile.name}` to EC2 instance `{instance}`, and with it role `{role.name}`" in said["why"]
    assert "`iam:PutRolePolicy`: the holder" in said["why"]


def test_an_instance_profile_is_in_the_baseline_by_its_own_name(snapback):
    role = a_role(snapback, ADMINISTRATOR)
    profile = a_profile(snapback, role)
    is_seen(snapback, profile)
    an_instance(caller(snapback, "ec2"), profile)
    [said] = said_of(snapback, role)
    assert said["resource"] == role.arn
    assert "as a scheduled check has found" in said["why"]


def test_what_a_boundary_keeps_from_taking_effect_is_not_told_of(snapback):
    role = a_role(snapback, own=policy(allow("*")))
    with snapback.unseen():
        bounds = snapback.iam.create_policy(PolicyName=f"bounds-{uuid4().hex[:8]}", PolicyDocument=READS)["Policy"]["Arn"]
        snapback.iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=bounds)
    is_seen(snapback, role)
    a_function(caller(snapback, "lambda"), role)
    assert said_of(snapback, role) == []


def may_assume(arn: str) -> str:
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arn})


@pytest.mark.parametrize("is_known", [True, False])
def test_a_role_that_may_assume_those_that_stack_sets_work_with_is_told_of(snapback, is_known):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html"""
    role = a_role(snapback, own=may_assume("arn:*:iam::*:role/AWSCloudFormationStackSetExecutionRole"))
    if is_known:
        is_seen(snapback, role)
    a_function(caller(snapback, "lambda"), role)
    [said] = said_of(snapback, role)
    assert (said["outcome"], said["severity"]) == ("alerted", "medium")
    assert "it may assume role `AWSCloudFormationStackSetExecutionRole`" in said["why"], said["why"]


def test_a_role_that_may_assume_an_administrators_of_its_account_is_told_of_from_the_next_check_on(snapback):
    by_account = policy({"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"})
    target = a_role(snapback, ADMINISTRATOR)
    with snapback.unseen():
        snapback.iam.update_assume_role_policy(RoleName=target.name, PolicyDocument=by_account)
    near = a_role(snapback, own=may_assume(target.arn))
    other = a_role(snapback, own=may_assume(f"arn:aws:iam::{ACCOUNT}:role/nobody"))
    is_seen(snapback, near)
    first = caller(snapback, "lambda")
    a_function(first, other)
    a_function(first, near)
    [said] = said_of(snapback, near)
    assert (said["outcome"], said["severity"]) == ("alerted", "medium")
    assert f"it may assume role `{target.name}`" in said["why"], said["why"]
    assert said_of(snapback, other) == []


@pytest.fixture(scope="module")
def admin(deployed):
    """A deployment in whose account the roles of the examples are administrators."""
    snapback = deployed(mode="notify")
    of_stack_sets = "AWSCloudFormationStackSetAdministrationRole"
    for name in ("admin", of_stack_sets, f"cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"):
        a_role(snapback, ADMINISTRATOR, name=name)
    role = a_role(snapback, ADMINISTRATOR, name="web")
    with snapback.unseen():
        snapback.iam.create_instance_profile(InstanceProfileName="web")
        snapback.iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName=role.name)
    return snapback


FOLDER = REPOSITORY / "events" / CONTROL
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.json"))


def here(name: str) -> dict:
    """The example as if it were of this Region, which the name of CDK's role has."""
    return json.loads(json.dumps(example(CONTROL, name)).replace("eu-central-1", REGION))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if not name.startswith("benign-")])
def test_each_call_that_passes_the_role_of_an_administrator_is_told_of(admin, name):
    said = notice_of(admin, CONTROL, here(name))
    assert said["outcome"] == "alerted"
    is_told = "the holder may do everything" in said["why"] or "the event does not say which" in said["why"]
    assert is_told, said["why"]


def test_what_is_ordinary_is_not_told_of(admin):
    for name in (name for name in EXAMPLES if name.startswith("benign-")):
        event = here(name)
        admin.aws.deliver(event)
        assert admin.has_settled()
        assert not [one for one in admin.announcements() if event["detail"]["eventID"] in json.dumps(one)], name
