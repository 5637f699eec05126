"""Other accounts and Regions that Snapback guards from its own: what happens there is reverted there, and nowhere else."""

import hashlib
import json
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

import member as members
from accounts import MANAGEMENT
from member import policy
from scene import Snapback, operator_policy
from stack import REGION, REPOSITORY

ORGANIZATION = "o-exampleorgid"
MEMBER = "222233334444"
OUTSIDER = "777788889999"
FAR = "eu-west-1"


def named(name: str) -> SimpleNamespace:
    """What announcements are looked up by."""
    return SimpleNamespace(id=name, arn=name)


class Member(members.Member):
    """An account of the hub's organization, and what happens in it."""

    def __init__(self, hub: Snapback, account: str, hub_bus: str):
        super().__init__(hub.aws, account, hub_bus)
        self.hub = hub

    def let_operators(self, *what: str) -> str:
        """A role here with the policies for undoing, applying or whatever, and for the hub's operator the right to take it."""
        name = super().let_operators_undo(operator_policy(self.hub.stack.name, *what, account=self.account))
        take = policy(*operator_policy(self.hub.stack.name, "members"))
        self.hub.aws.client("iam").put_user_policy(UserName="operator", PolicyName="members", PolicyDocument=take)
        return name

    def a_public_bucket(self, name: str) -> str:
        s3 = self.client("s3")
        with self.hub.unseen():
            s3.create_bucket(Bucket=name)
            s3.delete_public_access_block(Bucket=name)
        everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        s3.put_bucket_policy(Bucket=name, Policy=policy(everyone))
        return name

    def policy_of(self, name: str) -> str | None:
        try:
            return self.client("s3").get_bucket_policy(Bucket=name)["Policy"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchBucketPolicy"
            return None


@pytest.fixture(scope="module")
def hub(deployed):
    return deployed(mode="revert", Hub=ORGANIZATION, Members=MEMBER, MemberRegions=f"{REGION},{FAR}")


@pytest.fixture(scope="module")
def member(hub):
    member = Member(hub, MEMBER, hub.stack.outputs["HubBusArn"])
    member.deploy(REGION, roles="yes")
    member.deploy(FAR, roles="no")
    return member


def test_a_bucket_of_a_member_is_reverted_there_and_undone_there(hub, member):
    name = member.a_public_bucket("members-bucket")
    announced = hub.announces(named(name))
    assert (announced["outcome"], announced["account"]) == ("reverted", MEMBER), announced
    assert member.policy_of(name) is None
    alone = hub.undo(announced["id"])
    assert alone.returncode != 0 and "--member-role" in alone.stderr, alone.stderr
    assert member.policy_of(name) is None
    undone = hub.undo(announced["id"], "--member-role", member.let_operators("undo"))
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert json.loads(member.policy_of(name))["Statement"][0]["Principal"] == "*"


def test_a_security_group_in_another_region_is_reverted_there(hub, member):
    ec2 = member.client("ec2", FAR)
    group = ec2.create_security_group(GroupName="far", Description="far")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    announced = hub.announces(named(group))
    assert (announced["outcome"], announced["account"], announced["region"]) == ("reverted", MEMBER, FAR), announced
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert [rule for rule in rules if not rule["IsEgress"]] == []
    # The journal is in the hub's Region, whatever Region it happened in.
    assert announced["undo"].endswith(f"--region {REGION}")


def test_where_the_role_is_missing_people_are_told_and_nothing_is_touched(hub, member):
    other = Member(hub, "333344445555", member.hub_bus)
    other.deploy(REGION, roles="yes")
    iam = other.client("iam")
    iam.delete_role_policy(RoleName="snapback-member-s3", PolicyName="snapback")
    iam.delete_role(RoleName="snapback-member-s3")
    name = other.a_public_bucket("without-a-role")
    announced = hub.announces(named(name))
    assert (announced["outcome"], announced["severity"], announced["account"]) == ("alerted", "critical", other.account)
    assert "snapback-member-s3" in announced["why"]
    assert other.policy_of(name) is not None
    assert hub.has_settled()
    assert [one["control"] for one in hub.announcements_about(named(name))] == ["s3-public-bucket-policy"]


def a_bucket_that_denies_something(member, name: str) -> SimpleNamespace:
    """One that nobody has heard of, by what is looked up about it."""
    deny = {"Sid": "Kept", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3 = member.client("s3")
    with member.hub.unseen():
        s3.create_bucket(Bucket=name)
        s3.put_bucket_policy(Bucket=name, Policy=policy(deny))
    return SimpleNamespace(id=name, arn=f"arn:aws:s3:::{name}")


def test_a_member_is_looked_through_and_what_is_lost_there_is_reverted_from_its_baseline(hub, member):
    bucket = a_bucket_that_denies_something(member, "remembered-in-a-member")
    hub.look(bucket)
    assert hub.has_settled() and "s3-lost-bucket-deny" in hub.memory_of(bucket)
    member.client("s3").delete_bucket_policy(Bucket=bucket.id)
    announced = hub.announces(bucket)
    assert (announced["control"], announced["outcome"], announced["account"]) == ("s3-lost-bucket-deny", "reverted", MEMBER)
    assert [one["Sid"] for one in json.loads(member.policy_of(bucket.id))["Statement"]] == ["Kept"]
    with hub.unseen():
        member.client("s3").delete_bucket_policy(Bucket=bucket.id)
    hub.look(bucket)
    asked = hub.announces(bucket, "asked")
    assert (asked["control"], asked["account"], asked["event"]["name"]) == ("s3-lost-bucket-deny", MEMBER, "Scheduled Event")
    assert member.policy_of(bucket.id) is None


@pytest.fixture(scope="module")
def management(hub, member):
    """The management account, whose step is made by hand."""
    management = Member(hub, MANAGEMENT, member.hub_bus)
    management.deploy(REGION, roles="yes", Writes="no")
    return management


def test_what_is_no_member_is_not_looked_through(hub, management):
    bucket = a_bucket_that_denies_something(management, "of-no-member")
    hour = hashlib.sha256(bucket.arn.encode()).digest()[0] % 24
    time = datetime.now(timezone.utc).replace(hour=hour).strftime("%Y-%m-%dT%H:00:00Z")
    detail = {"account": MANAGEMENT, "region": REGION}
    forged = {"source": "snapback", "detail-type": "Snapback Member Check", "time": time, "detail": detail}
    assert hub.invoke("S3Function", forged)["error"] is None
    assert hub.memory_of(bucket) == set()


def test_where_the_roles_only_read_an_operator_is_asked_once_and_applies_it(hub, management):
    name = management.a_public_bucket("of-the-management-account")
    announced = hub.announces(named(name))
    assert (announced["outcome"], announced["account"]) == ("asked", MANAGEMENT), announced
    assert "role `snapback-member-s3` of account 555566667777 may not do it" in announced["problem"]
    assert f"snapback apply {announced['id']}" in announced["apply"]
    assert hub.has_settled() and management.policy_of(name) is not None
    assert len(hub.announcements_about(named(name))) == 1 and hub.dead_letters_about(named(name)) == []
    applied = hub.operate("apply", announced["id"], "--yes", "--member-role", management.let_operators("apply"))
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert management.policy_of(name) is None


def test_what_a_policy_of_the_organization_denies_is_asked_once_and_not_tried_again(hub, member, management):
    organizations = management.client("organizations")
    deny = {"Effect": "Deny", "Action": ["s3:DeleteBucketPolicy", "s3:PutBucketPolicy"], "Resource": "*"}
    made = organizations.create_policy(
        Name="frozen", Description="Nobody changes a bucket's policy", Type="SERVICE_CONTROL_POLICY", Content=policy(deny)
    )
    frozen = {"PolicyId": made["Policy"]["PolicySummary"]["Id"], "TargetId": MEMBER}
    organizations.attach_policy(**frozen)
    try:
        # Its root is not asked for permission by the local AWS.
        name = member.a_public_bucket("under-a-policy")
        announced = hub.announces(named(name))
        assert announced["outcome"] == "asked", announced
        assert announced["problem"].startswith(f"a policy of the organization denies it in account {MEMBER}")
        assert "explicit deny in a service control policy" in announced["problem"]
        assert hub.has_settled() and member.policy_of(name) is not None
        assert len(hub.announcements_about(named(name))) == 1 and hub.dead_letters_about(named(name)) == []
    finally:
        organizations.detach_policy(**frozen)


def test_no_outsider_and_no_hand_made_event_gets_onto_the_bus(hub, member):
    outsider = Member(hub, OUTSIDER, member.hub_bus)
    outsider.deploy(REGION, roles="yes")
    name = outsider.a_public_bucket("of-an-outsider")
    entry = {"Source": "my.own", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
    put = member.client("events").put_events(Entries=[{**entry, "EventBusName": member.hub_bus}])
    assert put["FailedEntryCount"] == 1, put
    assert hub.has_settled()
    assert outsider.policy_of(name) is not None and hub.announcements_about(named(name)) == []


def test_a_function_takes_its_own_role_in_a_member_and_no_other(hub, member):
    sts = hub.as_function("S3Function", "sts")

    def take(role: str) -> dict:
        return sts.assume_role(RoleArn=f"arn:aws:iam::{MEMBER}:role/{role}", RoleSessionName="test")["Credentials"]

    credentials = take("snapback-member-s3")
    for role in ("snapback-member-ec2", "snapback-forwarder"):
        with pytest.raises(ClientError, match="AccessDenied"):
            take(role)
    with pytest.raises(ClientError, match="UnauthorizedOperation|AccessDenied"):
        hub.aws.client("ec2", credentials).describe_security_groups()
    with pytest.raises(ClientError, match="AccessDenied"):
        hub.aws.client("dynamodb", credentials).scan(TableName=hub.stack.journal)


def test_the_resource_control_policy_lets_members_take_a_role_and_nobody_else(hub, member):
    """The local AWS has none; but what a trust policy denies is denied just so."""
    text = (REPOSITORY / "organization" / "only-members.rcp.json").read_text(encoding="utf-8")
    [deny] = [one for one in json.loads(text)["Statement"] if one["Sid"] == "Roles"]
    # A trust policy has none.
    del deny["Resource"]
    everyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    iam = member.client("iam")
    arn = iam.create_role(RoleName="open", AssumeRolePolicyDocument=policy(everyone))["Role"]["Arn"]

    def takes(account: str) -> bool:
        root = {"AccessKeyId": account, "SecretAccessKey": "test"}
        try:
            return bool(hub.aws.client("sts", root).assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False

    partner = "444455556666"
    assert [takes(account) for account in (OUTSIDER, partner, MANAGEMENT)] == [True, True, True]
    iam.update_assume_role_policy(RoleName="open", PolicyDocument=policy(everyone, deny))
    assert [takes(account) for account in (OUTSIDER, partner, MANAGEMENT)] == [False, True, True]


def test_the_function_for_iam_cannot_change_snapbacks_roles_in_a_member_and_can_change_one_that_is_named_alike(hub, member):
    sts = hub.as_function("IamFunction", "sts")
    taken = sts.assume_role(RoleArn=f"arn:aws:iam::{MEMBER}:role/snapback-member-iam", RoleSessionName="test")
    iam, root, alike = hub.aws.client("iam", taken["Credentials"]), member.client("iam"), "snapback-member-s3-mine"
    with hub.unseen():
        root.create_role(RoleName=alike, AssumeRolePolicyDocument=policy())
        reads = policy({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
        root.put_role_policy(RoleName=alike, PolicyName="snapback", PolicyDocument=reads)
        iam.delete_role_policy(RoleName=alike, PolicyName="snapback")
        own = [role["RoleName"] for role in root.list_roles()["Roles"] if role["RoleName"].startswith("snapback-")]
        own.remove(alike)
        assert {"snapback-forwarder", "snapback-member-iam", "snapback-member-s3"} < set(own)
        for role in own:
            with pytest.raises(ClientError, match="AccessDenied"):
                iam.delete_role_policy(RoleName=role, PolicyName="snapback")
    assert root.list_role_policies(RoleName=alike)["PolicyNames"] == []


def test_nobody_in_a_member_takes_the_role_of_a_function(member):
    with pytest.raises(ClientError, match="AccessDenied"):
        member.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{MEMBER}:role/snapback-member-s3", RoleSessionName="test"
        )
