"""The trail that the stack makes where there is none: `CreateTrail`."""

import json

import pytest
from botocore.exceptions import ClientError

from scene import operator_policy
from stack import ACCOUNT, REGION

TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/snapback-trail"


@pytest.fixture(scope="module")
def recorded(deployed):
    """A deployment that has made a trail."""
    return deployed(mode="notify", CreateTrail="yes", TrailLockDays="30")


@pytest.fixture(scope="module")
def policy(recorded) -> dict:
    """The statements of the policy of its bucket."""
    bucket = recorded.stack.outputs["TrailBucketName"]
    document = json.loads(recorded.aws.client("s3").get_bucket_policy(Bucket=bucket)["Policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_trail_logs_everything_in_all_regions_and_coverage_sees_it(recorded):
    cloudtrail = recorded.aws.client("cloudtrail")
    [trail] = cloudtrail.describe_trails()["trailList"]
    assert (trail["TrailARN"], trail["S3BucketName"]) == (TRAIL, recorded.stack.outputs["TrailBucketName"])
    assert trail["IsMultiRegionTrail"] and trail["IncludeGlobalServiceEvents"] and trail["LogFileValidationEnabled"]
    assert not trail["IsOrganizationTrail"] and ":key/" in trail["KmsKeyId"]
    auditor = recorded.user_with("auditor", operator_policy(recorded.stack.name, "read", "coverage"))
    done = recorded.operate("coverage", "--regions", REGION, "--json", by=auditor)
    [found] = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, found["status"]) == (0, "covered"), done.stdout + done.stderr
    assert [one["arn"] for one in found["trails"]] == [TRAIL]


def test_only_the_trail_writes_to_the_bucket(recorded, policy):
    bucket = f"arn:aws:s3:::{recorded.stack.outputs['TrailBucketName']}"
    allowed = [statement for statement in policy.values() if statement["Effect"] == "Allow"]
    assert len(allowed) == 2
    for statement in allowed:
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}
    delivered = policy["TrailDelivers"]["Resource"]
    assert (delivered if isinstance(delivered, list) else [delivered]) == [f"{bucket}/AWSLogs/{ACCOUNT}/*"]


def test_the_bucket_is_private_keeps_old_versions_and_refuses_who_comes_without_tls(recorded):
    bucket, s3 = recorded.stack.outputs["TrailBucketName"], recorded.aws.client("s3")
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [rule] = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rule == {"ObjectOwnership": "BucketOwnerEnforced"}
    # mallory may do everything in S3, and the local AWS speaks plain HTTP.
    for call in (recorded.s3.list_objects_v2, recorded.s3.delete_bucket_lifecycle):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Bucket=bucket)


def test_nobody_deletes_log_files(recorded, policy):
    bucket = recorded.stack.outputs["TrailBucketName"]
    lock = recorded.aws.client("s3").get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 30}
    assert policy["NobodyDeletes"]["Effect"] == "Deny" and policy["NobodyDeletes"]["Principal"] in ("*", {"AWS": "*"})
    assert set(policy["NobodyDeletes"]["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion"}
