"""Other accounts and Regions that Snapback guards from its own: what happens there is reverted there, and nowhere else."""

import json
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

import member as accounts
from member import policy
from scene import Snapback, operator_policy
from stack import REGION

ORGANIZATION = "o-exampleorgid"
MEMBER = "222233334444"
OUTSIDER = "777788889999"
FAR = "eu-west-1"


def named(name: str) -> SimpleNamespace:
    """What announcements are looked up by."""
    return SimpleNamespace(id=name, arn=name)


class Member(accounts.Member):
    """An account of the hub's organization, and what happens in it."""

    def __init__(self, hub: Snapback, account: str, hub_bus: str):
        super().__init__(hub.aws, account, hub_bus)
        self.hub = hub

    def let_operators_undo(self) -> str:
        """A role here with the policy for undoing, and for the hub's operator the right to take it."""
        name = super().let_operators_undo(operator_policy(self.hub.stack.name, "undo", account=self.account))
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
    return deployed(mode="revert", Hub=ORGANIZATION)


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
    undone = hub.undo(announced["id"], "--member-role", member.let_operators_undo())
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
