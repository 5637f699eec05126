"""What Snapback would have suspected of CloudTrail's event history: `snapback replay --history`."""

import json
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest

from scene import operator_policy
from stack import ACCOUNT, REGION, TARGET

FAR = "eu-west-1"
SNAPBACK = str(TARGET / "debug" / "snapback")


@pytest.fixture(scope="module")
def world(snapback):
    """An account in which more than two pages were called, one of it a risk, one in another Region, and who may read that."""
    bucket = snapback.a_bucket()
    far = snapback.aws.client("ec2", region=FAR)
    # What is done unseen is not in the history either.
    bucket.put_policy({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{bucket.arn}/*"})
    for number in range(130):
        tags = {"TagSet": [{"Key": "number", "Value": str(number)}]}
        snapback.s3.put_bucket_tagging(Bucket=bucket.name, Tagging=tags)
    group = far.create_security_group(GroupName=bucket.name, Description="far away")["GroupId"]
    anyone = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    far.authorize_security_group_ingress(GroupId=group, IpPermissions=[anyone])
    auditor = snapback.user_with("historian", operator_policy(snapback.stack.name, "replay"))

    def environment(by: dict | None, **more: str) -> dict:
        keys = {"AWS_ACCESS_KEY_ID": by["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": by["SecretAccessKey"]} if by else {}
        return snapback.aws.environment(**{**keys, **more})

    def replay(*options: str, by: dict | None = auditor, **more: str) -> subprocess.CompletedProcess:
        words = (SNAPBACK, "replay", *options)
        return subprocess.run(words, env=environment(by, **more), capture_output=True, text=True, check=False)

    return SimpleNamespace(
        snapback=snapback, bucket=bucket, group=group, auditor=auditor, environment=environment, replay=replay
    )


def told(done: subprocess.CompletedProcess) -> list:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_risk_of_a_while_ago_is_told_with_no_trail(world):
    done = world.replay("--history", "--since", "1h", "--json")
    assert done.returncode == 0, done.stderr
    lines = told(done)
    found = {line["control"] for line in lines if line["suspicion"]}
    assert "s3-public-bucket-policy" in found
    ids = [line["eventID"] for line in lines if line["eventName"] == "PutBucketTagging"]
    assert len(set(ids)) == len(ids) and len(ids) >= 130
    assert "account " + ACCOUNT in done.stderr and "100 events a second" in done.stderr and REGION in done.stderr


def test_other_regions_are_read_where_they_are_named(world):
    def is_in(done: subprocess.CompletedProcess) -> bool:
        assert done.returncode == 0, done.stderr
        return any(line["control"] == "ec2-open-security-group" and line["suspicion"] for line in told(done))

    options = ("--history", "--since", "1h", "--json", "--control", "ec2-open-security-group")
    assert is_in(world.replay(*options, "--regions", f"{FAR},{REGION}"))
    # Without their names, the configured one, and the one that has IAM.
    assert is_in(world.replay(*options, AWS_REGION=FAR))
    assert REGION in world.replay(*options, AWS_REGION=FAR).stderr


def test_an_interrupted_run_goes_on_and_tells_all_once(world, tmp_path):
    options = ("--history", "--since", "1h", "--regions", REGION, "--save", str(tmp_path), "--json")
    progress = tmp_path / f"{REGION}.progress"
    # At AWS's own pace there is half a second between two pages.
    words, slowly = (SNAPBACK, "replay", *options), world.environment(world.auditor, SNAPBACK_PACE="100")
    with subprocess.Popen(words, env=slowly, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while not (progress.exists() and json.loads(progress.read_text())["kept"] > 0):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    reached = json.loads(progress.read_text())
    assert not reached["is_read"]
    with (tmp_path / f"{REGION}.jsonl").open("a", encoding="utf-8") as events:
        events.write('{"half": "a li')
    before = len((tmp_path / f"{REGION}.jsonl").read_text().splitlines()) - 1

    done = world.replay(*options)
    assert done.returncode == 0, done.stderr
    ids = {line["eventID"] for line in told(done)}
    with world.snapback.aws.cloudtrail_log.open(encoding="utf-8") as log:
        times = {record["eventID"]: record["eventTime"] for record in map(json.loads, log)}
    whole = told(world.replay("--history", "--since", reached["since"], "--regions", REGION, "--json"))
    meant = {line["eventID"] for line in whole if times.get(line["eventID"], "later") <= reached["until"]}
    assert ids == meant and 0 < before < len(meant)

    # What was kept can be replayed again, with other choices and without AWS.
    kept = world.replay(str(tmp_path), "--json", by=None, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert {line["eventID"] for line in told(kept)} == ids
    again = world.replay(*options, AWS_MAX_ATTEMPTS="1")
    assert again.stdout == done.stdout


def test_whoever_may_not_read_the_history_is_told_what_it_takes(world):
    stranger = world.snapback.user_with("no-historian", operator_policy(world.snapback.stack.name, "stop"))
    done = world.replay("--history", by=stranger)
    assert (done.returncode, done.stdout) == (2, "0 events, 0 watched, 0 suspicious, 1 bad\n"), done.stderr
    assert "may not read the event history of us-east-1" in done.stderr and "cloudtrail:LookupEvents" in done.stderr
    none = world.replay("--history", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert none.returncode == 2 and "there are no AWS credentials" in none.stderr
    early = world.replay("--history", "--since", "100d")
    assert early.returncode == 2 and "the last 90 days only" in early.stderr
