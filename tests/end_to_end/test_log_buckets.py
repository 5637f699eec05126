"""A trail's bucket, read where it lies and checked by CloudTrail's digests: `snapback replay --bucket`, with `--verify`."""

import gzip
import hashlib
import json
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

import digests
from scene import operator_policy
from stack import ACCOUNT, REGION, TARGET

BEGIN = datetime(2026, 1, 31, 22, tzinfo=timezone.utc)
LOGS = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/"


class Trail:
    """A bucket as CloudTrail leaves it: of each hour a digest, and two log files that it names."""

    def __init__(self, snapback, hours: int = 3):
        self._log = snapback.aws.cloudtrail_log
        self._before: dict = {}
        self.s3 = snapback.aws.client("s3")
        self.bucket = snapback.a_bucket().name
        self.files: list[str] = []
        self.digests: list[str] = []
        for hour in range(hours):
            self.deliver(BEGIN + timedelta(hours=hour))

    def put(self, key: str, text: str, **more: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=gzip.compress(text.encode()), **more)

    def put_log_file(self, at: datetime, name: str) -> dict:
        """Puts a log file with one risk in it; how a digest names it."""
        key = f"{LOGS}{at:%Y/%m/%d}/{ACCOUNT}_CloudTrail_{REGION}_{at:%Y%m%dT%H%MZ}_{name}.json.gz"
        text = json.dumps({"Records": [risk(at, name)]}, separators=(",", ":"))
        self.put(key, text)
        return {"s3Bucket": self.bucket, "s3Object": key, "hashValue": sha256(text), "hashAlgorithm": "SHA-256"}

    def deliver(self, start: datetime) -> None:
        end = start + timedelta(hours=1)
        named = [self.put_log_file(start + timedelta(minutes=20 * i), f"AbCd{len(self.files)}{i}") for i in range(2)]
        self.files += [file["s3Object"] for file in named]
        folder = f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/{end:%Y/%m/%d}"
        key = f"{folder}/{ACCOUNT}_CloudTrail-Digest_{REGION}_all_{REGION}_{end:%Y%m%dT%H%M%SZ}.json.gz"
        before = self._before
        digest = {
            "awsAccountId": ACCOUNT,
            "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": digests.public_key(self._log)[1],
            "digestSignatureAlgorithm": "SHA256withRSA",
            "previousDigestS3Bucket": self.bucket if before else None,
            "previousDigestS3Object": before.get("key"),
            "previousDigestHashValue": before.get("hash"),
            "previousDigestHashAlgorithm": "SHA-256" if before else None,
            "previousDigestSignature": before.get("signature"),
            "logFiles": named,
        }
        text = json.dumps(digest)
        signed = (digest["digestEndTime"], f"{self.bucket}/{key}", sha256(text), before.get("signature", "null"))
        signature = digests.sign(self._log, "\n".join(signed))
        self.put(key, text, Metadata={"signature": signature, "signature-algorithm": "SHA256withRSA"})
        self.digests.append(key)
        self._before = {"key": key, "hash": sha256(text), "signature": signature}

    def copy(self, folder: Path) -> None:
        """What `aws s3 sync` leaves: the signatures stay behind."""
        for key in [*self.files, *self.digests]:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def risk(at: datetime, name: str) -> dict:
    return {
        "eventID": f"id-{name}", "eventTime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "eventSource": "ec2.amazonaws.com",
        "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": REGION, "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "userName": "mallory"}, "responseElements": None,
        "requestParameters": {"groupId": "sg-1", "cidrIp": "0.0.0.0/0", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22},
    }  # fmt: skip


def may_read(bucket: str) -> list:
    """As docs/operations.md says that it has to be."""
    return [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{bucket}"},
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
    ]


@pytest.fixture
def trail(snapback):
    with snapback.unseen():
        return Trail(snapback)


@pytest.fixture
def world(snapback, trail):
    statements = operator_policy(snapback.stack.name, "replay") + may_read(trail.bucket)
    auditor = snapback.user_with(f"reader-of-{trail.bucket}", statements)

    def replay(*options: str, by: dict | None = auditor, **more: str) -> subprocess.CompletedProcess:
        keys = {"AWS_ACCESS_KEY_ID": by["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": by["SecretAccessKey"]} if by else {}
        words = (str(TARGET / "debug" / "snapback"), "replay", *options)
        environment = snapback.aws.environment(**{**keys, **more})
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    def verify(*options: str) -> subprocess.CompletedProcess:
        return replay("--bucket", f"s3://{trail.bucket}", "--verify", *options)

    return SimpleNamespace(snapback=snapback, replay=replay, verify=verify)


def last_line(done: subprocess.CompletedProcess) -> str:
    return done.stdout.splitlines()[-1]


def test_a_bucket_is_read_where_it_lies(world, trail):
    done = world.replay("--bucket", f"s3://{trail.bucket}")
    assert (done.returncode, last_line(done)) == (0, "6 events, 6 watched, 6 suspicious"), done.stderr
    done = world.replay("--bucket", f"s3://{trail.bucket}/{LOGS}2026/01/31/", "--json", "--since", "2026-01-31T23:00:00Z")
    ids = [json.loads(line)["eventID"] for line in done.stdout.splitlines() if json.loads(line)["suspicion"]]
    assert ids == ["id-AbCd20", "id-AbCd21"], done.stdout + done.stderr


def test_what_cannot_be_read_says_what_to_do(world, trail):
    nobody = world.snapback.user_with(f"nobody-of-{trail.bucket}", may_read("another"))
    done = world.replay("--bucket", f"s3://{trail.bucket}", by=nobody)
    assert done.returncode == 2 and f"may not list bucket `{trail.bucket}`" in done.stderr, done.stderr
    assert f"s3:ListBucket on arn:aws:s3:::{trail.bucket}" in done.stderr
    lister = world.snapback.user_with(f"lister-of-{trail.bucket}", may_read(trail.bucket)[:1])
    done = world.replay("--bucket", f"s3://{trail.bucket}", by=lister)
    assert done.returncode == 2 and "it takes s3:GetObject" in done.stderr and "3 more: you may not read it" in done.stderr
    done = world.replay("--bucket", f"s3://no-{trail.bucket}")
    assert done.returncode == 2 and f"there is no bucket `no-{trail.bucket}`" in done.stderr, done.stderr
    done = world.replay("--bucket", f"s3://{trail.bucket}/nothing/")
    assert done.returncode == 2 and "expected CloudTrail's log files, found none" in done.stderr
    done = world.replay("--bucket", f"s3://{trail.bucket}", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.returncode == 2 and "there are no AWS credentials" in done.stderr, done.stderr


def test_what_cloudtrail_has_delivered_is_evidence(world, trail):
    done = world.verify()
    assert done.returncode == 0, done.stdout + done.stderr
    said = "evidence: CloudTrail has signed 3 digests of 6 log files, from 2026-01-31T22:00:00Z to 2026-02-01T01:00:00Z"
    assert last_line(done) == said
    # Nothing vouches yet for what came after the last digest: it is left out.
    trail.put_log_file(BEGIN + timedelta(hours=3, minutes=10), "Later")
    done = world.verify()
    assert (done.returncode, last_line(done)) == (0, f"{said}; left out 1 log file newer than the last digest")
    assert "6 events, " in done.stdout
    # The digests of the last hour of a day lie under the next day.
    done = world.replay("--bucket", f"s3://{trail.bucket}/{LOGS}2026/01/31/", "--verify")
    assert done.returncode == 0 and "signed 3 digests of 4 log files" in last_line(done), done.stdout + done.stderr
    done = world.verify("--since", "2026-01-31T23:00:00Z")
    assert done.returncode == 0 and "signed 3 digests of 4 log files" in last_line(done), done.stdout + done.stderr


@pytest.mark.parametrize("what", ["changed", "missing", "injected", "with a gap beside it"])
def test_whatever_somebody_does_to_the_bucket_it_is_no_evidence(world, trail, what):
    with world.snapback.unseen():
        if what == "changed":
            trail.put(trail.files[2], json.dumps({"Records": []}))
        elif what == "missing":
            trail.s3.delete_object(Bucket=trail.bucket, Key=trail.files[2])
        elif what == "injected":
            trail.put_log_file(BEGIN + timedelta(minutes=70), "Forged")
        else:
            trail.s3.delete_object(Bucket=trail.bucket, Key=trail.digests[1])
    done = world.verify()
    assert done.returncode == 1, done.stdout + done.stderr
    assert last_line(done).startswith("no evidence: ") and f"1 {what}" in last_line(done), last_line(done)
    place = trail.digests[2] if "gap" in what else trail.files[2]
    assert ("Forged" if what == "injected" else place) in done.stderr


def test_a_digest_that_another_key_has_signed_is_no_evidence(world, trail):
    with world.snapback.unseen():
        found = trail.s3.get_object(Bucket=trail.bucket, Key=trail.digests[2])
        signed = found["Metadata"] | {"signature": "00" * 256}
        trail.s3.put_object(Bucket=trail.bucket, Key=trail.digests[2], Body=found["Body"].read(), Metadata=signed)
    done = world.verify()
    assert done.returncode == 1 and "CloudTrail has not signed it" in done.stderr, done.stdout + done.stderr
    assert "3 changed" in last_line(done) and "4 verified" in last_line(done)


def test_a_folder_is_checked_as_far_as_it_can_be(world, trail, tmp_path):
    trail.copy(tmp_path / "logs")
    listed = world.snapback.aws.client("cloudtrail").list_public_keys()["PublicKeyList"]
    keys = [{"Fingerprint": key["Fingerprint"], "Value": digests.public_key(trail._log)[0]} for key in listed]
    (tmp_path / "keys.json").write_text(json.dumps({"PublicKeyList": keys}), encoding="utf-8")
    offline = {"by": None, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    options = (str(tmp_path / "logs"), "--verify")
    done = world.replay(*options, "--public-keys", str(tmp_path / "keys.json"), **offline)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 4 log files" in last_line(done) and "left out 2 log files newer" in last_line(done), last_line(done)
    done = world.replay(*options, **offline)
    assert done.returncode == 1 and "without CloudTrail's public keys" in done.stderr, done.stdout + done.stderr
    assert last_line(done).startswith("no evidence: 9 unchecked"), last_line(done)
    done = world.replay(str(tmp_path / "logs" / LOGS), "--verify", **offline)
    assert done.returncode == 2 and "there are no digests to verify by" in done.stderr


def test_whoever_may_not_list_the_keys_is_told_what_it_takes(world, trail):
    reader = world.snapback.user_with(f"no-keys-of-{trail.bucket}", may_read(trail.bucket))
    done = world.replay("--bucket", f"s3://{trail.bucket}", "--verify", by=reader)
    assert done.returncode == 2 and "cloudtrail:ListPublicKeys" in done.stderr, done.stdout + done.stderr
