"""What attackers do with IAM, each technique as the calls that a published tool makes one after the other, and what came of
it: `attacks.json`, from which `docs/coverage.md` tells it. With `UPDATE=1` a test records what it saw.

<https://stratus-red-team.cloud/attack-techniques/AWS/>
<https://github.com/RhinoSecurityLabs/pacu/tree/master/pacu/modules>
"""

from __future__ import annotations

import json
import os
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

import test_passed_roles as passed_roles
import test_roles_anywhere as roles_anywhere
from policies_as_shown import meaning
from stack import ACCOUNT, wait_for

RECORDED = Path(__file__).parent / "attacks.json"

STRANGER = "777788889999"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"

# Those that a test here plays.
PLAYED: set = set()

KINDS = ("user", "role", "group")


def attack(*names: str, is_exact: bool = True):
    """Which techniques a test plays: it returns what they were upon. KIND in a name stands for what kind of identity that is.
    Where what was there before cannot be known, a revert is no exact one, and only contains it."""

    def playing(test):
        PLAYED.update(name.replace("KIND", kind.capitalize()) for name in names for kind in KINDS)

        @wraps(test)
        def played(guarded, **fixtures):
            things = test(guarded, **fixtures)
            assert guarded.has_settled()
            came = {control: word for thing in things for control, word in what_came(guarded, thing, is_exact).items()}
            for name in names:
                is_recorded(name.replace("KIND", fixtures.get("kind", "").capitalize()), came)

        return played

    return playing


def what_came(guarded, of: SimpleNamespace, is_exact: bool) -> dict:
    """How the entries about it have ended, by control."""
    entries = (entry for entry in guarded.entries() if of.name in entry["resource"] and entry["outcome"] != "held")
    return {entry["control"]: in_words(entry, is_exact) for entry in entries}


def in_words(entry: dict, is_exact: bool) -> str:
    done = "reverted exactly" if is_exact else "contained"
    done = {"reverted": done, "undone": f"{done} and undone"}.get(entry["outcome"], entry["outcome"])
    return f"asked; {done} by an operator" if json.loads(entry["body"]).get("applied_by") else done


def is_recorded(name: str, came: dict) -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    if os.environ.get("UPDATE"):
        recorded |= {name: came}
        RECORDED.write_text(json.dumps(recorded, indent=4, sort_keys=True) + "\n", encoding="utf-8")
    assert recorded.get(name) == came


@pytest.fixture(scope="module")
def guarded(deployed):
    return deployed(mode="revert", ModeOverrides="iam-new-administrator=revert,iam-federation-token=ask")


def thing(kind: str) -> SimpleNamespace:
    """What announcements are looked up by."""
    name = f"{kind}-{uuid4().hex[:8]}"
    return SimpleNamespace(id=name, name=name, arn=f"arn:aws:iam::{ACCOUNT}:{kind}/{name}")


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


EVERYTHING = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
READS = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
OF_EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
OF_A_STRANGER = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{STRANGER}:root"}, "Action": "sts:AssumeRole"}
PASSWORD = "hunter2-Hunter2!"


class Identity:
    """A user, a role or a group of which a scheduled check knows that it may do nothing."""

    def __init__(self, guarded, kind: str):
        self._iam, self._kind = guarded.iam, kind
        if kind == "group":
            self.__dict__ |= vars(thing("group"))
            with guarded.unseen():
                guarded.iam.create_group(GroupName=self.name)
        else:
            made = guarded.a_user() if kind == "user" else guarded.a_role()
            self.id, self.name, self.arn = made.id, made.name, made.arn
        guarded.look(self, "IamFunction")

    def call(self, name: str, **given):
        call = getattr(self._iam, name.replace("KIND", self._kind))
        return call(**{f"{self._kind.capitalize()}Name": self.name, **given})

    def attached(self) -> list:
        return [one["PolicyArn"] for one in self.call("list_attached_KIND_policies")["AttachedPolicies"]]

    def inline(self) -> list:
        return self.call("list_KIND_policies")["PolicyNames"]

    def keys(self) -> dict:
        keys = self._iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in keys}

    def has_password(self) -> bool:
        try:
            return bool(self._iam.get_login_profile(UserName=self.name)["LoginProfile"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchEntity"
            return False

    def groups(self) -> list:
        return [one["GroupName"] for one in self._iam.list_groups_for_user(UserName=self.name)["Groups"]]

    def trust(self) -> str:
        return meaning(json.dumps(self._iam.get_role(RoleName=self.name)["Role"]["AssumeRolePolicyDocument"]))


class New(Identity):
    """One that the attack itself makes."""

    def __init__(self, guarded, kind: str):
        self._iam, self._kind = guarded.iam, kind
        self.__dict__ |= vars(thing(kind))


def goes_back_and_forth(guarded, of, control: str, look, clean, risky) -> None:
    """The control takes what the attack has left, or an operator does whom it asks, and an undo restores just that."""
    about = lambda: [one for one in guarded.announcements_about(of) if one["control"] == control]  # noqa: E731
    assert wait_for(about), guarded.announcements_about(of)
    [said] = about()
    assert said["outcome"] in ("asked", "reverted")
    if said["outcome"] == "asked":
        assert look() == risky, "nothing is touched before an operator applies it"
        applied = guarded.apply(said["id"])
        assert applied.returncode == 0, applied.stderr
    assert look() == clean
    undone = guarded.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert guarded.has_settled()
    assert look() == risky


# Stratus Red Team


@attack("aws.persistence.iam-create-admin-user")
def test_a_new_administrator_with_a_key(guarded):
    user = New(guarded, "user")
    guarded.iam.create_user(UserName=user.name)
    guarded.iam.attach_user_policy(UserName=user.name, PolicyArn=ADMINISTRATOR)
    key = guarded.iam.create_access_key(UserName=user.name)["AccessKey"]["AccessKeyId"]
    goes_back_and_forth(guarded, user, "iam-new-administrator", user.attached, [], [ADMINISTRATOR])
    goes_back_and_forth(guarded, user, "iam-new-credential", user.keys, {key: "Inactive"}, {key: "Active"})
    return [user]


@attack("aws.persistence.iam-create-backdoor-role")
def test_a_new_role_for_a_stranger(guarded):
    role = New(guarded, "role")
    guarded.iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=policy(OF_A_STRANGER))
    guarded.iam.attach_role_policy(RoleName=role.name, PolicyArn=ADMINISTRATOR)
    goes_back_and_forth(guarded, role, "iam-new-administrator", role.attached, [], [ADMINISTRATOR])
    lets_in = lambda: "Allow" in role.trust()  # noqa: E731
    goes_back_and_forth(guarded, role, "iam-open-trust", lets_in, False, True)
    assert role.trust() == meaning(policy(OF_A_STRANGER))
    return [role]


@attack("aws.persistence.iam-backdoor-role", "iam__backdoor_assume_role")
def test_a_role_that_lets_in_a_stranger_besides(guarded):
    role = Identity(guarded, "role")
    with guarded.unseen():
        role.call("update_assume_role_policy", PolicyDocument=policy(OF_EC2))
    both = policy(OF_EC2, OF_A_STRANGER)
    role.call("update_assume_role_policy", PolicyDocument=both)
    goes_back_and_forth(guarded, role, "iam-open-trust", role.trust, meaning(policy(OF_EC2)), meaning(both))
    return [role]


@attack("aws.persistence.iam-backdoor-user", "iam__backdoor_users_keys", "iam__privesc_scan: CreateAccessKey")
def test_keys_for_other_users(guarded):
    users = [Identity(guarded, "user") for _ in range(2)]
    made = [user.call("create_access_key")["AccessKey"]["AccessKeyId"] for user in users]
    for user, key in zip(users, made, strict=True):
        goes_back_and_forth(guarded, user, "iam-new-credential", user.keys, {key: "Inactive"}, {key: "Active"})
    return users


@attack(
    "aws.persistence.iam-create-user-login-profile", "iam__backdoor_users_password",
    "iam__privesc_scan: CreateLoginProfile",
)  # fmt: skip
def test_console_passwords_for_other_users(guarded):
    users = [Identity(guarded, "user") for _ in range(2)]
    for user in users:
        user.call("create_login_profile", Password=PASSWORD)
    for user in users:
        goes_back_and_forth(guarded, user, "iam-new-console-password", user.has_password, False, True)
    return users


@attack(
    "aws.privilege-escalation.iam-update-user-login-profile", "iam__privesc_scan: UpdateLoginProfile", is_exact=False
)
def test_another_console_password_for_a_user(guarded):
    user = Identity(guarded, "user")
    with guarded.unseen():
        user.call("create_login_profile", Password=PASSWORD)
    user.call("update_login_profile", Password="mallory-Mallory1!")
    goes_back_and_forth(guarded, user, "iam-new-console-password", user.has_password, False, True)
    return [user]


@attack("aws.persistence.sts-federation-token", is_exact=False)
def test_a_federation_token_of_a_key(guarded):
    user = New(guarded, "user")
    key = guarded.user(user.name, "sts:GetFederationToken", "s3:ListAllMyBuckets")
    taken = guarded.aws.client("sts", key).get_federation_token(Name="admin", Policy=EVERYTHING)["Credentials"]

    def is_stopped() -> bool:
        try:
            return not guarded.aws.client("s3", taken).list_buckets()
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return True

    guarded.announces(user, "alerted")
    goes_back_and_forth(guarded, user, "iam-federation-token", is_stopped, True, False)
    return [user]


@attack("aws.persistence.rolesanywhere-create-trust-anchor")
def test_a_trust_anchor_and_a_profile_for_holders_of_certificates(guarded):
    role = New(guarded, "role")
    with guarded.unseen():
        anywhere = {"Effect": "Allow", "Principal": {"Service": "rolesanywhere.amazonaws.com"}, "Action": "sts:AssumeRole"}
        guarded.iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=policy(anywhere))
    anchor = roles_anywhere.an_anchor(guarded, enabled=True)
    profile = roles_anywhere.a_profile(guarded, role.arn, enabled=True)
    for of in (anchor, profile):
        goes_back_and_forth(guarded, of, "rolesanywhere-trusted-certificates", of.is_enabled, False, True)
    return [anchor, profile]


@attack("aws.defense-evasion.organizations-leave")
def test_an_account_that_is_not_let_leave_its_organization(guarded):
    with pytest.raises(ClientError, match="AccessDenied"):
        guarded.aws.client("organizations", guarded.mallory).leave_organization()
    mallory = SimpleNamespace(id="tried LeaveOrganization", name="mallory", arn="mallory")
    guarded.announces(mallory, "alerted")
    return [mallory]


# Pacu's ways to become administrator


def an_administrator_for(guarded, service: str) -> SimpleNamespace:
    """A role that has been an administrator for long, and that a service may be passed."""
    role = New(guarded, "role")
    with guarded.unseen():
        trusts = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        guarded.iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=policy(trusts))
        guarded.iam.attach_role_policy(RoleName=role.name, PolicyArn=ADMINISTRATOR)
    guarded.look(role, "PassedRolesFunction")
    return role


@attack(
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenInvoke",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenInvokeCrossAccount",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenTriggerWithExistingDynamo",
    "iam__privesc_scan: PassExistingRoleToNewLambdaThenTriggerWithNewDynamo",
)
def test_a_new_function_with_the_role_of_an_administrator(guarded):
    """They differ in how the function is called, after it was made."""
    role = an_administrator_for(guarded, "lambda")
    passed_roles.a_function(passed_roles.caller(guarded, "lambda"), role)
    return [role]


@attack("iam__privesc_scan: CreateEC2WithExistingIP")
def test_a_new_instance_with_the_role_of_an_administrator(guarded):
    role = an_administrator_for(guarded, "ec2")
    passed_roles.an_instance(passed_roles.caller(guarded, "ec2"), passed_roles.a_profile(guarded, role))
    return [role]


@attack("iam__privesc_scan: PassExistingRoleToNewCloudFormation")
def test_a_new_stack_with_the_role_of_an_administrator(guarded):
    role = an_administrator_for(guarded, "cloudformation")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    passed_roles.caller(guarded, "cloudformation").create_stack(
        StackName=f"x{uuid4().hex[:8]}", TemplateBody=json.dumps(topic), RoleARN=role.arn
    )
    return [role]


@attack("iam__privesc_scan: AttachKINDPolicy")
@pytest.mark.parametrize("kind", KINDS)
def test_an_administrator_by_a_managed_policy(guarded, kind):
    identity = Identity(guarded, kind)
    identity.call("attach_KIND_policy", PolicyArn=ADMINISTRATOR)
    goes_back_and_forth(guarded, identity, "iam-new-administrator", identity.attached, [], [ADMINISTRATOR])
    return [identity]


@attack("iam__privesc_scan: PutKINDPolicy")
@pytest.mark.parametrize("kind", KINDS)
def test_an_administrator_by_an_inline_policy(guarded, kind):
    identity = Identity(guarded, kind)
    identity.call("put_KIND_policy", PolicyName="x7k", PolicyDocument=EVERYTHING)
    goes_back_and_forth(guarded, identity, "iam-new-administrator", identity.inline, [], ["x7k"])
    return [identity]


@attack("iam__privesc_scan: AddUserToGroup")
def test_an_administrator_by_a_group(guarded):
    user, group = Identity(guarded, "user"), Identity(guarded, "group")
    with guarded.unseen():
        group.call("attach_KIND_policy", PolicyArn=ADMINISTRATOR)
    guarded.iam.add_user_to_group(UserName=user.name, GroupName=group.name)
    goes_back_and_forth(guarded, user, "iam-new-administrator", user.groups, [], [group.name])
    return [user]


def a_policy(guarded, *versions: str) -> SimpleNamespace:
    """A managed policy of these versions, the last of which is the default, as a scheduled check has seen it."""
    with guarded.unseen():
        made = guarded.iam.create_policy(PolicyName=thing("policy").name, PolicyDocument=versions[0])["Policy"]
        for text in versions[1:]:
            guarded.iam.create_policy_version(PolicyArn=made["Arn"], PolicyDocument=text, SetAsDefault=True)
    of = SimpleNamespace(id=made["Arn"], name=made["PolicyName"], arn=made["Arn"])
    of.default = lambda: guarded.iam.get_policy(PolicyArn=of.arn)["Policy"]["DefaultVersionId"]
    guarded.look(of, "IamWriterFunction")
    return of


@attack("iam__privesc_scan: CreateNewPolicyVersion")
def test_an_administrator_by_a_new_version(guarded):
    of = a_policy(guarded, READS)
    guarded.iam.create_policy_version(PolicyArn=of.arn, PolicyDocument=EVERYTHING, SetAsDefault=True)
    goes_back_and_forth(guarded, of, "iam-new-default-version", of.default, "v1", "v2")
    return [of]


@attack("iam__privesc_scan: SetExistingDefaultPolicyVersion")
def test_an_administrator_by_an_older_version(guarded):
    of = a_policy(guarded, EVERYTHING, READS)
    guarded.iam.set_default_policy_version(PolicyArn=of.arn, VersionId="v1")
    goes_back_and_forth(guarded, of, "iam-new-default-version", of.default, "v2", "v1")
    return [of]


@attack("iam__privesc_scan: UpdateRolePolicyToAssumeIt")
def test_a_user_who_lets_himself_into_a_role(guarded):
    role, user = Identity(guarded, "role"), Identity(guarded, "user")
    with guarded.unseen():
        may = policy({"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": "*"})
        user.call("put_user_policy", PolicyName="trusts", PolicyDocument=may)
        key = guarded.iam.create_access_key(UserName=user.name)["AccessKey"]
    of_user = {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "sts:AssumeRole"}
    own = guarded.aws.client("iam", key)
    own.update_assume_role_policy(RoleName=role.name, PolicyDocument=policy(OF_EC2, of_user))
    assert "who called" in guarded.announces(role, "alerted")["why"]
    return [role]


def test_what_is_recorded_is_what_is_played():
    assert set(json.loads(RECORDED.read_text(encoding="utf-8"))) == PLAYED
