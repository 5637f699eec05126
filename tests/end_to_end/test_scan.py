"""What stands open now, whether or not there ever was an event: `snapback scan`."""

import json
import subprocess
from uuid import uuid4

import pytest

from stack import TARGET


@pytest.fixture(scope="module")
def scan(snapback):
    """Runs the scan with the rights that it names, or with those given."""

    def run(*options: str, may: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        controls = json.loads(subprocess.check_output([TARGET / "debug" / "snapback", "controls", "--json"]))
        needed = {action for control in controls for action in (*control["reads"], *(control["survey"] or ()))}
        user = snapback.aws.user(f"scanner-{uuid4()}", *(may or needed))
        keys = {"AWS_ACCESS_KEY_ID": user["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": user["SecretAccessKey"]}
        command = [TARGET / "debug" / "snapback", "scan", *options]
        return subprocess.run(
            command, env=snapback.aws.environment(**keys), capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def opened(snapback):
    """A bucket and a group that were open before anybody watched, and one of each that is not."""
    with snapback.unseen():
        bucket, group = snapback.a_bucket(), snapback.a_group()
        text = bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
        group.open(22)
        closed_bucket, closed_group = snapback.a_bucket(), snapback.a_group()
        closed_bucket.put_policy(closed_bucket.lets_in("444455556666"))
        closed_group.open(443)
    yield bucket, group, closed_bucket, closed_group
    assert bucket.policy_text() == text and len(group.rules()) == 1, "a scan touches nothing"


def test_it_finds_what_was_open_before_anybody_watched(scan, opened):
    bucket, group, closed_bucket, closed_group = opened
    done = scan("--json")
    assert done.returncode == 1
    # SAM's own bucket refuses everyone who comes without TLS, and the local AWS has none.
    assert all("samclisourcebucket" in line for line in done.stderr.splitlines())
    found = [json.loads(line) for line in done.stdout.splitlines()]
    about = {one["subject"]["arn"]: one for one in found}
    assert about[bucket.arn]["control"] == "s3-public-bucket-policy"
    assert about[bucket.arn]["decision"]["decision"] == "revert"
    assert about[group.arn]["control"] == "ec2-open-security-group"
    assert closed_bucket.arn not in about and closed_group.arn not in about


def test_people_read_where_and_why_and_what_would_be_done(scan, opened):
    bucket = opened[0]
    done = scan("--control", "s3-public-bucket-policy")
    [paragraph] = [one for one in done.stdout.split("\n\n") if bucket.arn in one]
    first, where, why, what = paragraph.splitlines()
    assert first == f"high s3-public-bucket-policy: bucket {bucket.name}"
    assert where.startswith(f"    {bucket.arn}, account ") and "everyone" in why.lower()
    assert f"change the policy of bucket `{bucket.name}`" in what
    assert "ec2-open-security-group" not in done.stdout


def test_what_cannot_be_looked_at_is_said_and_hides_nothing_else(scan, opened):
    group = opened[1]
    ec2 = ("ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeManagedPrefixLists")
    done = scan("--json", may=("s3:ListAllMyBuckets", *ec2))
    assert done.returncode == 1 and "s3-public-bucket-policy on arn:aws:s3:::" in done.stderr
    assert "AccessDenied" in done.stderr
    assert group.arn in {json.loads(line)["subject"]["arn"] for line in done.stdout.splitlines()}


def test_a_control_that_does_not_exist_is_not_a_clean_scan(scan):
    done = scan("--control", "s3-publik-*")
    assert done.returncode == 1 and "there is no control `s3-publik-*`" in done.stderr and done.stdout == ""
