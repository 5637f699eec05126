"""The ACL of one version of an object: `s3-public-object-acl`, which is opt-in.

The local CloudTrail has no data events. So the ACL is really put, and a record that was written by hand tells of it, as it
would where a trail logs data events.
"""

import pytest

from stack import ACCOUNT
from test_own import now
from test_records_by_hand import record

EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture(scope="module")
def switched_on(deployed):
    return deployed(mode="revert", ModeOverrides="s3-public-object-acl=revert")


class Versions:
    """An object of which there are two versions, in a bucket in which ACLs count."""

    def __init__(self, snapback):
        self._snapback, self._s3, self.bucket = snapback, snapback.s3, snapback.a_bucket_with_acls()
        with snapback.unseen():
            self._s3.put_bucket_versioning(Bucket=self.bucket.name, VersioningConfiguration={"Status": "Enabled"})
        self.versions = [self._put() for _ in range(2)]
        self.id = self.arn = f"{self.bucket.arn}/a/key"

    def _put(self) -> str:
        return self._s3.put_object(Bucket=self.bucket.name, Key="a/key", Body=b"x")["VersionId"]

    def open(self, version: str, *, is_told: bool = True) -> None:
        """Lets everyone read a version, and says so as a data event."""
        self._s3.put_object_acl(Bucket=self.bucket.name, Key="a/key", VersionId=version, ACL="public-read")
        told = {"versionId": version} if is_told else {}
        request = {"bucketName": self.bucket.name, "key": "a/key", "acl": "", "x-amz-acl": "public-read", **told}
        resources = [
            {"type": "AWS::S3::Object", "ARN": self.arn},
            {"type": "AWS::S3::Bucket", "ARN": self.bucket.arn, "accountId": ACCOUNT},
        ]
        data = {"managementEvent": False, "eventCategory": "Data", "resources": resources}
        self._snapback.deliver(record("s3", "PutObjectAcl", now(), request, **data))

    def is_open(self) -> list:
        """Whether everyone may read, of each version."""
        acls = [
            self._s3.get_object_acl(Bucket=self.bucket.name, Key="a/key", VersionId=version)
            for version in self.versions
        ]
        return [any(grant["Grantee"].get("URI") == EVERYONE for grant in acl["Grants"]) for acl in acls]


def test_just_the_version_that_was_opened_is_closed_and_undo_opens_just_that(switched_on):
    thing = Versions(switched_on)
    with switched_on.unseen():
        thing.open(thing.versions[1])
    thing.open(thing.versions[0])
    announced = switched_on.announces(thing)
    assert (announced["control"], announced["outcome"]) == ("s3-public-object-acl", "reverted"), announced["why"]
    assert thing.is_open() == [False, True]
    undone = switched_on.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert thing.is_open() == [True, True]


def test_where_the_version_is_not_told_nothing_is_touched(switched_on):
    thing = Versions(switched_on)
    thing.open(thing.versions[1], is_told=False)
    announced = switched_on.announces(thing)
    assert (announced["outcome"], announced["severity"]) == ("alerted", "medium"), announced["why"]
    assert thing.is_open() == [False, True]


def test_it_is_off_unless_it_is_named(snapback):
    thing = Versions(snapback)
    thing.open(thing.versions[1])
    assert snapback.has_settled() and snapback.journal_about(thing) == []
    assert thing.is_open() == [False, True]
