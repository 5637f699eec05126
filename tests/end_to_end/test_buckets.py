"""Other ways to open a bucket than its policy: its ACL, and switching off what neutralised the one or the other.

ministack gives back the ACLs, the Object Ownership and the Block Public Access of buckets as they were put.
"""

import json

import pytest
from botocore.exceptions import ClientError

from policies_as_shown import meaning
from stack import ACCOUNT, REGION, wait_for

EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
STRANGER = "deadbeef" * 8
ALL = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture(scope="module")
def strict(deployed):
    """Snapback in an account that trusts nobody else, and where no other test leaves its buckets."""
    return deployed(mode="revert", TrustedAccounts=None)


def owner_of(snapback, bucket):
    return snapback.s3.get_bucket_acl(Bucket=bucket.name)["Owner"]["ID"]


def put_grants(snapback, bucket, *grants):
    """Puts an ACL in full; the owner's own grant comes first."""
    owner = owner_of(snapback, bucket)

    def listed(whom, permission):
        kind = {"Type": "Group", "URI": whom} if whom.startswith("http") else {"Type": "CanonicalUser", "ID": whom}
        return {"Grantee": kind, "Permission": permission}

    acl = {"Owner": {"ID": owner}, "Grants": [listed(*grant) for grant in [(owner, "FULL_CONTROL"), *grants]]}
    snapback.s3.put_bucket_acl(Bucket=bucket.name, AccessControlPolicy=acl)
    return [(owner, "FULL_CONTROL"), *grants]


# s3-public-bucket-acl


def test_a_public_acl_is_taken_back(snapback):
    bucket = snapback.a_bucket_with_acls()
    snapback.s3.put_bucket_acl(Bucket=bucket.name, ACL="public-read")
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-public-bucket-acl", "reverted")
    assert bucket.acl() == [(owner_of(snapback, bucket), "FULL_CONTROL")]


def test_an_acl_in_headers(snapback):
    bucket = snapback.a_bucket_with_acls()
    snapback.s3.put_bucket_acl(Bucket=bucket.name, GrantWrite=f"uri={EVERYONE}", GrantRead=f"uri={LOGS}")
    assert snapback.announces(bucket)["severity"] == "critical"
    assert bucket.acl() == [(LOGS, "READ")]


def test_other_grants_stay_and_undo_puts_the_rest_back(snapback):
    bucket = snapback.a_bucket_with_acls()
    put = put_grants(snapback, bucket, (LOGS, "WRITE"), (EVERYONE, "READ"), (LOGS, "READ_ACP"))
    announced = snapback.announces(bucket)
    assert announced["outcome"] == "reverted"
    assert bucket.acl() == [grant for grant in put if grant[0] != EVERYONE]
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert bucket.acl() == put
    assert sorted(entry["outcome"] for entry in snapback.journal_about(bucket)) == ["held", "undone"]


def test_its_own_acl_starts_no_loop(snapback):
    bucket = snapback.a_bucket_with_acls()
    put_grants(snapback, bucket, (EVERYONE, "WRITE"))
    assert snapback.announces(bucket)
    assert wait_for(lambda: len(snapback.events_about(bucket)) == 2)
    assert snapback.has_settled()
    assert len(snapback.announcements_about(bucket)) == len(snapback.journal_about(bucket)) == 1


def test_an_acl_that_is_ignored_is_left_alone(snapback):
    bucket = snapback.a_bucket_with_acls("IgnorePublicAcls")
    put = put_grants(snapback, bucket, (EVERYONE, "READ"))
    assert snapback.has_settled()
    assert bucket.acl() == put
    assert snapback.announcements_about(bucket) == []


def test_a_stranger_in_an_acl(strict):
    bucket = strict.a_bucket_with_acls()
    put = put_grants(strict, bucket, (STRANGER, "FULL_CONTROL"))
    assert strict.announces(bucket)["outcome"] == "reverted"
    assert bucket.acl() == put[:1]


def test_a_canonical_user_who_may_be_of_a_trusted_account(snapback):
    bucket = snapback.a_bucket_with_acls()
    put = put_grants(snapback, bucket, (STRANGER, "READ"))
    assert snapback.announces(bucket)["outcome"] == "alerted"
    assert bucket.acl() == put


# s3-foreign-bucket-policy


def test_a_stranger_in_a_policy_goes_and_a_partner_stays(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in("777788889999", sid="Stranger"))
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-foreign-bucket-policy", "reverted")
    assert bucket.statements() == ["Partner"]


def test_a_stranger_and_everyone_in_one_policy_both_go(snapback):
    bucket = snapback.a_bucket()
    put = [bucket.lets_in("777788889999", sid="Stranger"), bucket.lets_in_everyone(), bucket.lets_in("444455556666")]
    text = bucket.put_policy(*put)
    assert wait_for(lambda: len(snapback.announcements_about(bucket)) == 2)
    assert snapback.has_settled()
    assert bucket.statements() == ["Partner"]
    announced = {one["control"]: one for one in snapback.announcements_about(bucket)}
    assert {one["outcome"] for one in announced.values()} == {"reverted"}
    # Each undo finds what its own revert has left, the later one first.
    for control in ["s3-foreign-bucket-policy", "s3-public-bucket-policy"]:
        undone = snapback.undo(announced[control]["id"])
        assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert bucket.policy_text() == text


# s3-unwritable-bucket-policy


def test_a_public_policy_that_denies_something_to_a_role_that_is_no_more_is_contained(snapback):
    bucket, role = snapback.a_bucket(), snapback.a_role()
    denied = {**bucket.lets_in(ACCOUNT, sid="NoDeleting"), "Effect": "Deny", "Principal": {"AWS": role.arn}}
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"), {**denied, "Action": "s3:DeleteObject"})
        snapback.iam.delete_role(RoleName=role.name)
    text = bucket.policy_text()
    snapback.deliver(snapback.events_about(bucket)[-1])
    refused = snapback.announces(bucket, "alerted")
    assert refused["control"] == "s3-public-bucket-policy" and "principal" in refused["why"]
    asked = snapback.announces(bucket, "asked")
    assert asked["control"] == "s3-unwritable-bucket-policy"
    assert "would also keep out `arn:aws:iam::444455556666:root`" in asked["why"]
    assert snapback.has_settled()
    applied = snapback.operate("apply", asked["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.blocks() == {"RestrictPublicBuckets"}
    undone = snapback.undo(asked["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert (bucket.blocks(), bucket.policy_text()) == (None, text)


# s3-bucket-public-access-block-off


@pytest.mark.parametrize("switched_off", ["delete", "put"])
def test_a_policy_that_is_put_under_block_public_access_which_is_then_switched_off(snapback, switched_off):
    bucket = snapback.a_bucket_with_acls("IgnorePublicAcls", "RestrictPublicBuckets")
    text = bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.has_settled()
    assert snapback.announcements_about(bucket) == []
    if switched_off == "delete":
        snapback.s3.delete_public_access_block(Bucket=bucket.name)
    else:
        bucket.block()
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-bucket-public-access-block-off", "reverted")
    assert bucket.blocks() == {"RestrictPublicBuckets"}
    assert bucket.policy_text() == text


def test_undo_leaves_it_switched_off(snapback):
    bucket = snapback.a_bucket_with_acls(*ALL)
    with snapback.unseen():
        bucket.block("IgnorePublicAcls", "RestrictPublicBuckets")
        bucket.put_policy(bucket.lets_in_everyone())
    snapback.s3.delete_public_access_block(Bucket=bucket.name)
    announced = snapback.announces(bucket)
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert bucket.blocks() is None
    assert {entry["outcome"] for entry in snapback.journal_about(bucket)} == {"held", "undone"}


def test_an_acl_that_was_ignored(snapback):
    bucket = snapback.a_bucket_with_acls("IgnorePublicAcls")
    with snapback.unseen():
        put = put_grants(snapback, bucket, (EVERYONE, "READ"))
    bucket.block()
    assert snapback.announces(bucket)["outcome"] == "reverted"
    assert bucket.blocks() == {"IgnorePublicAcls"}
    assert bucket.acl() == put
    assert snapback.has_settled()
    assert len(snapback.announcements_about(bucket)) == 1


def test_what_may_have_been_public_all_along_is_announced(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    bucket.block("BlockPublicAcls", "IgnorePublicAcls")
    assert snapback.announces(bucket)["outcome"] == "alerted"
    assert bucket.blocks() == {"BlockPublicAcls", "IgnorePublicAcls"}


def test_a_bucket_that_lets_nobody_in_is_left_alone(snapback):
    bucket = snapback.a_bucket_with_acls(*ALL)
    snapback.s3.delete_public_access_block(Bucket=bucket.name)
    assert snapback.has_settled()
    assert bucket.blocks() is None
    assert snapback.announcements_about(bucket) == []


# s3-access-point-policy


class AccessPoint:
    """A door to a bucket that leaves it to its access points whom to let in."""

    def __init__(self, snapback):
        self._s3control, bucket = snapback.s3control, snapback.a_bucket()
        self.name = self.id = f"door-{bucket.name}"
        self.arn = f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/{self.name}"
        with snapback.unseen():
            through = {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}
            bucket.put_policy({**bucket.lets_in_everyone("s3:*"), "Condition": through})
            self._s3control.create_access_point(
                AccountId=ACCOUNT, Name=self.name, Bucket=bucket.name,
                PublicAccessBlockConfiguration={setting: False for setting in ALL},
            )  # fmt: skip

    def lets_in(self, who):
        """A statement."""
        action, objects = "s3:GetObject", f"{self.arn}/object/*"
        return {"Effect": "Allow", "Principal": who, "Action": action, "Resource": objects}

    def put_policy(self, *statements):
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self._s3control.put_access_point_policy(AccountId=ACCOUNT, Name=self.name, Policy=text)
        return meaning(text)

    def policy_text(self):
        return meaning(self._s3control.get_access_point_policy(AccountId=ACCOUNT, Name=self.name)["Policy"])


def test_the_policy_of_an_access_point(snapback):
    door = AccessPoint(snapback)
    own, stranger = door.lets_in({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), door.lets_in({"AWS": "777788889999"})
    put = door.put_policy(own, door.lets_in("*"), stranger)
    announced = snapback.announces(door)
    assert (announced["control"], announced["outcome"]) == ("s3-access-point-policy", "reverted"), announced["why"]
    assert json.loads(door.policy_text())["Statement"] == [own]
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert door.policy_text() == put
    assert {entry["outcome"] for entry in snapback.journal_about(door)} == {"held", "undone"}


def test_a_policy_of_an_access_point_of_which_nothing_is_left_is_deleted(snapback):
    door = AccessPoint(snapback)
    put = door.put_policy(door.lets_in("*"))
    announced = snapback.announces(door, "reverted")
    with pytest.raises(ClientError, match="NoSuchAccessPointPolicy"):
        door.policy_text()
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled() and door.policy_text() == put


# s3-account-public-access-block-off: ministack has no Block Public Access of the account; a stand-in keeps it, and does
# not enforce it.


class Account:
    """What announcements and the journal say of the account itself."""

    id = arn = f"arn:aws:iam::{ACCOUNT}:root"


def blocks_of_account(snapback):
    try:
        found = snapback.s3control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration"
        return None
    return {setting for setting, is_on in found.items() if is_on}


@pytest.fixture
def blocked(strict):
    """An account that blocks all public access, with a bucket that would be public otherwise."""
    snapback = strict
    bucket = snapback.a_bucket()
    with snapback.unseen():
        snapback.s3control.put_public_access_block(
            AccountId=ACCOUNT, PublicAccessBlockConfiguration={setting: True for setting in ALL}
        )
        bucket.put_policy(bucket.lets_in_everyone())
    return snapback, bucket


def test_block_public_access_of_the_account(blocked):
    snapback, bucket = blocked
    text = bucket.policy_text()
    snapback.s3control.delete_public_access_block(AccountId=ACCOUNT)
    announced = snapback.announces(Account())
    assert (announced["control"], announced["outcome"]) == ("s3-account-public-access-block-off", "reverted"), announced["why"]
    assert bucket.name in announced["why"]
    assert blocks_of_account(snapback) == {"RestrictPublicBuckets"}
    assert bucket.policy_text() == text
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert blocks_of_account(snapback) is None
    assert {entry["outcome"] for entry in snapback.journal_about(Account())} == {"held", "undone"}


def test_a_deleted_policy_of_which_nothing_is_remembered_is_announced(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy({**bucket.lets_in_everyone(), "Effect": "Deny"})
    snapback.s3.delete_bucket_policy(Bucket=bucket.name)
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-lost-bucket-deny", "alerted"), announced["why"]
    assert bucket.policy_text() is None


# s3-early-log-expiry and s3-suspended-log-versioning. What is remembered has tests of its own.


def test_suspended_versioning_of_a_log_bucket_is_announced_where_nothing_is_remembered(snapback, log_bucket):
    other = snapback.a_bucket()
    for bucket in (other, log_bucket):
        snapback.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Suspended"})
    announced = snapback.announces(log_bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-suspended-log-versioning", "alerted"), announced["why"]
    assert snapback.s3.get_bucket_versioning(Bucket=log_bucket.name)["Status"] == "Suspended"
    assert snapback.has_settled()
    assert snapback.journal_about(other) == []


def test_early_expiry_in_a_log_bucket_is_announced_where_nothing_is_remembered(snapback, log_bucket):
    other = snapback.a_bucket()
    rule = {"ID": "nuke", "Filter": {"Prefix": ""}, "Status": "Enabled", "Expiration": {"Days": 1}}
    for bucket in (other, log_bucket):
        snapback.s3.put_bucket_lifecycle_configuration(Bucket=bucket.name, LifecycleConfiguration={"Rules": [rule]})
    announced = snapback.announces(log_bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-early-log-expiry", "alerted"), announced["why"]
    assert "rule `nuke` after 1 day" in announced["why"]
    assert snapback.s3.get_bucket_lifecycle_configuration(Bucket=log_bucket.name)["Rules"][0]["ID"] == "nuke"
    assert snapback.has_settled()
    assert snapback.journal_about(other) == []
