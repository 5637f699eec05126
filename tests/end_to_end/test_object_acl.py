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


class Object:
    """An object in a bucket in which ACLs count: of several versions, or of one that has no id."""

    def __init__(self, snapback, *, has_versions: bool = True):
        self._snapback, self._s3, self.bucket = snapback, snapback.s3, snapback.a_bucket_with_acls()
        self.id = self.arn = f"{self.bucket.arn}/a/key"
        with snapback.unseen():
            if has_versions:
                enabled = {"Status": "Enabled"}
                self._s3.put_bucket_versioning(Bucket=self.bucket.name, VersioningConfiguration=enabled)
        self.versions = [self._put() for _ in range(2 if has_versions else 1)]

    def _put(self) -> dict:
        """What names the version that is put."""
        made = self._s3.put_object(Bucket=self.bucket.name, Key="a/key", Body=b"x")
        return {"VersionId": made["VersionId"]} if "VersionId" in made else {}

    def open(self, version: dict, *, is_told: bool = True) -> None:
        """Lets everyone read a version, and says so as a data event."""
        self._s3.put_object_acl(Bucket=self.bucket.name, Key="a/key", ACL="public-read", **version)
        told = {"versionId": version["VersionId"]} if version and is_told else {}
        request = {"bucketName": self.bucket.name, "key": "a/key", "acl": "", "x-amz-acl": "public-read", **told}
        resources = [
            {"type": "AWS::S3::Object", "ARN": self.arn},
            {"type": "AWS::S3::Bucket", "ARN": self.bucket.arn, "accountId": ACCOUNT},
        ]
        data = {"managementEvent": False, "eventCategory": "Data", "resources": resources}
        self._snapback.deliver(record("s3", "PutObjectAcl", now(), request, **data))

    def is_open(self) -> list:
        """Whether everyone may read, of each version."""
        acls = [self._s3.get_object_acl(Bucket=self.bucket.name, Key="a/key", **version) for version in self.versions]
        return [any(grant["Grantee"].get("URI") == EVERYONE for grant in acl["Grants"]) for acl in acls]


def test_just_the_version_that_was_opened_is_closed_and_undo_opens_just_that(switched_on):
    thing = Object(switched_on)
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
    thing = Object(switched_on)
    thing.open(thing.versions[1], is_told=False)
    announced = switched_on.announces(thing)
    assert (announced["outcome"], announced["severity"]) == ("alerted", "medium"), announced["why"]
    assert thing.is_open() == [False, True]


def test_an_object_without_versions_is_closed_and_opened_again(switched_on):
    thing = Object(switched_on, has_versions=False)
    thing.open(thing.versions[0])
    announced = switched_on.announces(thing)
    assert (announced["control"], announced["outcome"]) == ("s3-public-object-acl", "reverted"), announced["why"]
    assert thing.is_open() == [False]
    assert switched_on.undo(announced["id"]).returncode == 0 and thing.is_open() == [True]


def test_it_is_off_unless_it_is_named(snapback):
    thing = Object(snapback)
    thing.open(thing.versions[1])
    assert snapback.has_settled() and snapback.journal_about(thing) == []
    assert thing.is_open() == [False, True]
