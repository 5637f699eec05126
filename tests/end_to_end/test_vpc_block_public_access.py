"""Block Public Access of VPCs, and what is excluded from it: `ec2-unblocked-vpcs`, `ec2-excluded-vpc`."""

from types import SimpleNamespace

import pytest

from stack import ACCOUNT, REGION

TAGS = [{"Key": "team", "Value": "blue"}]


@pytest.fixture
def blocked(snapback):
    """Block Public Access of VPCs is on, and one VPC has always been excluded."""
    with snapback.unseen():
        snapback.ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
        old = exclude(snapback, a_vpc(snapback).id)
    yield old
    with snapback.unseen():
        snapback.ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="off")


def of_ec2(kind: str, name: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{name}")


def a_vpc(snapback) -> SimpleNamespace:
    return of_ec2("vpc", snapback.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"])


def exclude(snapback, vpc: str, mode: str = "allow-bidirectional") -> str:
    tags = [{"ResourceType": "vpc-block-public-access-exclusion", "Tags": TAGS}]
    made = snapback.ec2.create_vpc_block_public_access_exclusion(
        VpcId=vpc, InternetGatewayExclusionMode=mode, TagSpecifications=tags
    )
    return made["VpcBlockPublicAccessExclusion"]["ExclusionId"]


def exclusions(snapback) -> dict:
    """Those that are there: of what, with which mode and tags."""
    found = snapback.ec2.describe_vpc_block_public_access_exclusions()["VpcBlockPublicAccessExclusions"]
    live = [one for one in found if not one["State"].startswith("delete")]
    return {
        one["ExclusionId"]: (one["ResourceArn"], one["InternetGatewayExclusionMode"], one["Tags"]) for one in live
    }


def test_an_exclusion_is_deleted_and_undo_makes_it_again(snapback, blocked):
    vpc = a_vpc(snapback)
    before = exclusions(snapback)
    assert blocked in before
    made = exclude(snapback, vpc.id)
    announced = snapback.announces(vpc)
    assert (announced["control"], announced["outcome"]) == ("ec2-excluded-vpc", "reverted"), announced["why"]
    assert exclusions(snapback) == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    after = exclusions(snapback)
    [again] = after.keys() - before.keys()
    assert again != made and after[again] == (vpc.arn, "allow-bidirectional", TAGS)
    assert snapback.announces(vpc, "held")["control"] == "ec2-excluded-vpc"
    assert snapback.has_settled() and again in exclusions(snapback)


def test_an_exclusion_that_was_changed_and_never_looked_at_is_announced(snapback, blocked):
    vpc = a_vpc(snapback)
    with snapback.unseen():
        made = exclude(snapback, vpc.id, "allow-egress")
    change = {"ExclusionId": made, "InternetGatewayExclusionMode": "allow-bidirectional"}
    snapback.ec2.modify_vpc_block_public_access_exclusion(**change)
    announced = snapback.announces(vpc)
    assert (announced["control"], announced["outcome"]) == ("ec2-excluded-vpc", "alerted")
    assert "what the exclusion was before is not known" in announced["why"]
    assert exclusions(snapback)[made][1] == "allow-bidirectional"


def test_an_exclusion_that_changes_nothing_is_nobodys_business(snapback):
    vpc = a_vpc(snapback)
    made = exclude(snapback, vpc.id)
    assert snapback.has_settled() and made in exclusions(snapback)
    assert snapback.announcements_about(vpc) == snapback.journal_about(vpc) == []


def test_an_exclusion_that_was_widened_becomes_what_it_was(snapback, blocked):
    vpc = a_vpc(snapback)
    with snapback.unseen():
        made = exclude(snapback, vpc.id, "allow-egress")
    before = exclusions(snapback)
    snapback.look(of_ec2("vpc-block-public-access-exclusion", made), "Ec2Function")
    wide = {"ExclusionId": made, "InternetGatewayExclusionMode": "allow-bidirectional"}
    snapback.ec2.modify_vpc_block_public_access_exclusion(**wide)
    announced = snapback.announces(vpc)
    assert (announced["control"], announced["outcome"]) == ("ec2-excluded-vpc", "reverted"), announced["why"]
    assert exclusions(snapback) == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled()
    assert exclusions(snapback) == before | {made: (vpc.arn, "allow-bidirectional", TAGS)}


def test_block_public_access_of_vpcs_comes_back_in_its_mode(snapback):
    setting = of_ec2("account-setting", "vpc-block-public-access")

    def mode() -> str:
        return snapback.ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]["InternetGatewayBlockMode"]

    snapback.ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-ingress")
    snapback.look(setting, "Ec2Function")
    snapback.ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="off")
    announced = snapback.announces(setting, outcome="reverted")
    assert announced["control"] == "ec2-unblocked-vpcs", announced["why"]
    assert mode() == "block-ingress"
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and mode() == "off"
    assert snapback.announces(setting, "held")
