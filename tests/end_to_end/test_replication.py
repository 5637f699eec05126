"""Replication to a stranger: `s3-foreign-replication`.

ministack copies objects at once, and asks the policy of a stranger's bucket as S3 does. It does not ask who may pass a role
to S3, nor does it let a rule name an account that is not the owner of the bucket and then not copy.
"""

import json

import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT

STRANGER = "777788889999"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/replication"


def with_versions(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        versioned(snapback.s3, bucket.name)
    return bucket


def versioned(s3, name: str) -> None:
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def loot(snapback):
    """A bucket of a stranger, who lets our objects be copied into it; what has arrived there."""
    s3 = snapback.aws.client("s3", {"AccessKeyId": STRANGER, "SecretAccessKey": "stranger"})
    name = f"loot-{id(s3)}"
    copy = {
        "Effect": "Allow", "Principal": {"AWS": ROLE}, "Resource": f"arn:aws:s3:::{name}/*",
        "Action": ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"],
    }  # fmt: skip
    with snapback.unseen():
        s3.create_bucket(Bucket=name)
        versioned(s3, name)
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [copy]}))

    def arrived() -> list:
        return [found["Key"] for found in s3.list_objects_v2(Bucket=name).get("Contents", [])]

    return name, arrived


def rule(name: str, bucket: str, priority: int, prefix: str, **destination) -> dict:
    return {
        "ID": name, "Priority": priority, "Filter": {"Prefix": prefix}, "Status": "Enabled",
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{bucket}", **destination},
    }  # fmt: skip


def to_stranger(bucket: str) -> dict:
    return rule("stranger", bucket, 2, "", Account=STRANGER, AccessControlTranslation={"Owner": "Destination"})


def put(snapback, bucket, *rules: dict) -> None:
    snapback.s3.put_bucket_replication(
        Bucket=bucket.name, ReplicationConfiguration={"Role": ROLE, "Rules": list(rules)}
    )


def rules_of(snapback, bucket) -> list:
    return snapback.s3.get_bucket_replication(Bucket=bucket.name)["ReplicationConfiguration"]["Rules"]


def test_the_rule_to_a_stranger_is_disabled_and_the_others_go_on(snapback, loot):
    name, arrived = loot
    bucket, backup = with_versions(snapback), with_versions(snapback)
    own = rule("backup", backup.name, 1, "backup/", StorageClass="STANDARD_IA")
    stranger = to_stranger(name)
    put(snapback, bucket, own, stranger)
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-foreign-replication", "reverted"), announced["why"]
    assert name in announced["why"] and STRANGER in announced["why"]
    assert rules_of(snapback, bucket) == [own, {**stranger, "Status": "Disabled"}]
    for key in ("secret", "backup/kept"):
        snapback.s3.put_object(Bucket=bucket.name, Key=key, Body=b"x")
    assert arrived() == []
    assert snapback.s3.head_object(Bucket=backup.name, Key="backup/kept")["ReplicationStatus"] == "REPLICA"
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and rules_of(snapback, bucket) == [own, stranger]
    snapback.s3.put_object(Bucket=bucket.name, Key="given", Body=b"x")
    assert arrived() == ["given"]


def test_a_bucket_of_which_the_rule_does_not_tell_whose_it_is_is_announced_unless_it_is_ones_own(snapback, loot):
    bucket, other, backup = (with_versions(snapback) for _ in range(3))
    put(snapback, other, rule("backup", backup.name, 1, ""))
    untold = rule("untold", loot[0], 1, "")
    put(snapback, bucket, untold)
    announced = snapback.announces(bucket)
    assert (announced["outcome"], announced["severity"]) == ("alerted", "medium"), announced["why"]
    assert rules_of(snapback, bucket) == [untold]
    assert snapback.has_settled() and snapback.journal_about(other) == []


def test_a_trusted_account_may_have_copies(snapback):
    bucket = with_versions(snapback)
    partner = rule("partner", "partner-copies", 1, "", Account="444455556666")
    put(snapback, bucket, {**partner, "Destination": {**partner["Destination"], "AccessControlTranslation": {"Owner": "Destination"}}})
    assert snapback.has_settled() and snapback.journal_about(bucket) == []


def test_a_role_that_may_not_write_replication_says_so(snapback, loot):
    bucket = with_versions(snapback)
    with snapback.role_without("S3Function", "s3:PutReplicationConfiguration"):
        put(snapback, bucket, to_stranger(loot[0]))
        failed = snapback.announces(bucket, "failed")
    assert failed["control"] == "s3-foreign-replication"
    snapback.announces(bucket, "reverted")


def test_a_stranger_cannot_be_asked_for_the_bucket(snapback, loot):
    """Why the account's own buckets are listed: nothing of a bucket of somebody else tells whose it is."""
    with pytest.raises(ClientError) as refused:
        snapback.s3.get_bucket_location(Bucket=loot[0])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404)
