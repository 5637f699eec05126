"""The second path: what CloudTrail's log files tell of, and EventBridge has not told.

The local trail delivers nothing, so the tests put the files, with records of what has really happened there. That AWS's
files look so, and come when they do, is not shown by it.
"""

import gzip
import json
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from member import Member
from scene import event, tick
from stack import ACCOUNT, REGION, REPOSITORY, ROOT, wait_for
from test_runtime import Emulator

BUCKET = "trail-logs"
ORGANIZATION = "o-exampleorgid"
MEMBER = "222233334444"
ARCHIVE = "333344445555"

_number = count(1)


@pytest.fixture(scope="module")
def snapback(deployed):
    snapback = deployed(mode="revert", LogBucket=BUCKET, LogBucketPrefix="trail/", retry_seconds=0.2)
    a_log_bucket(snapback.aws.client("s3"), BUCKET)
    return snapback


def a_log_bucket(s3, name: str) -> None:
    s3.create_bucket(Bucket=name)
    a_notification(s3, name)


def a_notification(s3, bucket: str = BUCKET) -> None:
    """The bucket tells EventBridge what is put into it."""
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})


def key_of(account: str = ACCOUNT, region: str = REGION, kind: str = "CloudTrail", before: str = "trail/AWSLogs/") -> str:
    """Where CloudTrail would put its next file."""
    now = datetime.now(timezone.utc)
    name = f"{account}_CloudTrail_{region}_{now:%Y%m%dT%H%MZ}_{next(_number):016}.json.gz"
    return f"{before}{account}/{kind}/{region}/{now:%Y/%m/%d}/{name}"


def text_of(*records: dict) -> bytes:
    return json.dumps({"Records": list(records)}, separators=(",", ":")).encode()


def put(s3, body: bytes, key: str | None = None, bucket: str = BUCKET, by: str = "cloudtrail.amazonaws.com") -> str:
    """Puts a file there, as `local/launcher.py` has S3 announce it."""
    key = key or key_of()
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"requester": by})
    return key


def said(snapback, function: str, *words: str) -> list:
    """The lines of a function's log with all these words."""
    logs, name = snapback.aws.client("logs"), function.replace("Function", "Logs")
    group = snapback.aws.client("cloudformation").describe_stack_resource(
        StackName=snapback.stack.name, LogicalResourceId=name
    )["StackResourceDetail"]["PhysicalResourceId"]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = [line for page in pages for event in page["events"] for line in event["message"].splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{") and all(word in line for word in words)]


def readings(snapback, key: str) -> list:
    """What the log says of each time that a file was read."""
    return said(snapback, "LogFilesFunction", key, "read a log file")


def read(snapback, key: str) -> dict:
    """The same of the last time, which is waited for."""
    found = wait_for(lambda: readings(snapback, key))
    assert found, f"{key} was not read"
    return found[-1]


def announcement(key: str, bucket: str = BUCKET, etag: str = "", requester: str = ACCOUNT) -> dict:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "etag": etag}, "requester": requester}
    return {"source": "aws.s3", "detail-type": "Object Created", "account": ACCOUNT, "region": REGION, "detail": detail}


def ordinary(number: int) -> dict:
    return {
        "eventVersion": "1.09", "eventID": f"ordinary-{number}", "eventTime": "2026-01-31T12:00:00Z",
        "eventSource": "s3.amazonaws.com", "eventName": "PutBucketTagging", "awsRegion": REGION,
        "recipientAccountId": ACCOUNT, "userIdentity": {"type": "AssumedRole"}, "requestParameters": {"bucketName": "b"},
    }  # fmt: skip


def made_public(snapback) -> tuple:
    """A bucket that was made public, of which EventBridge has told nobody, and the records of that."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    return bucket, snapback.events_about(bucket)


def test_what_eventbridge_has_not_told_of_is_reverted_from_the_log_file(snapback):
    bucket, records = made_public(snapback)
    key = put(snapback.aws.client("s3"), gzip.compress(text_of(ordinary(1), *records, ordinary(2))))
    announced = snapback.announces(bucket)
    assert (announced["outcome"], announced["control"]) == ("reverted", "s3-public-bucket-policy")
    assert announced["event"]["id"] == records[0]["eventID"]
    assert bucket.policy_text() is None
    assert (read(snapback, key)["records"], read(snapback, key)["passed"]) == (3, 1)


def test_of_a_file_that_somebody_else_has_put_there_an_operator_is_asked(snapback):
    bucket, records = made_public(snapback)
    key = put(snapback.aws.client("s3"), gzip.compress(text_of(*records)), by=ACCOUNT)
    announced = snapback.announces(bucket)
    assert announced["outcome"] == "asked" and "nothing shows that CloudTrail has written that file" in announced["problem"]
    assert snapback.has_settled() and bucket.policy_text() is not None
    assert (read(snapback, key)["is_proven"], read(snapback, key)["passed"]) == (False, 1)


def test_a_file_that_was_overwritten_since_cloudtrail_put_it_there_is_refused(snapback):
    s3 = snapback.aws.client("s3")
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    bucket, records = made_public(snapback)
    key = put(s3, gzip.compress(text_of(ordinary(1))))
    etag = s3.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"')
    put(s3, gzip.compress(text_of(*records)), key, by=ACCOUNT)
    a_notification(s3)
    by_cloudtrail = announcement(key, etag=etag, requester="cloudtrail.amazonaws.com")
    answer = snapback.invoke("LogFilesFunction", by_cloudtrail)
    assert "it was overwritten since it was announced" in answer["payload"]["errorMessage"], answer
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


def test_what_the_journal_knows_goes_to_nobody(snapback):
    group = snapback.a_group()
    group.open(22)
    assert snapback.announces(group)["outcome"] == "reverted"
    assert snapback.has_settled()
    key = put(snapback.aws.client("s3"), gzip.compress(text_of(*snapback.events_about(group)[:1])))
    assert (read(snapback, key)["records"], read(snapback, key)["passed"]) == (1, 0)


def test_all_three_paths_at_once_lead_to_one_revert_and_one_notice(snapback):
    # From now on the event history is read up as well.
    name = snapback.aws.client("cloudformation").describe_stack_resource(
        StackName=snapback.stack.name, LogicalResourceId="Ec2Rule"
    )["StackResourceDetail"]["PhysicalResourceId"]
    snapback.aws.client("events").disable_rule(Name=name)
    assert snapback.announces(SimpleNamespace(id=name, arn=name))
    s3, buckets = snapback.aws.client("s3"), [snapback.a_bucket() for _ in range(4)]
    for bucket in buckets:
        bucket.put_policy(bucket.lets_in_everyone())
    assert wait_for(lambda: all(snapback.events_about(bucket) for bucket in buckets))
    records = [snapback.events_about(bucket)[0] for bucket in buckets]
    # A record that is delivered again has another id.
    again = [{**record, "eventID": f"again-{record['eventID']}", "addendum": {"originalEventID": record["eventID"]}}
             for record in records]  # fmt: skip
    keys = [put(s3, gzip.compress(text_of(*records))), put(s3, gzip.compress(text_of(*again)))]
    answer = snapback.invoke("OwnFunction", tick(datetime.now(timezone.utc)))
    assert answer["error"] is None, answer
    for key in keys:
        assert read(snapback, key)["records"] == 4
    for bucket in buckets:
        assert snapback.announces(bucket)["outcome"] == "reverted"
    assert snapback.has_settled()
    for bucket, record in zip(buckets, records, strict=True):
        by_event = [entry for entry in snapback.journal_about(bucket) if record["eventID"] in entry["body"]]
        assert [(entry["control"], entry["outcome"]) for entry in by_event] == [("s3-public-bucket-policy", "reverted")]
        assert [one["outcome"] for one in snapback.announcements_about(bucket)] == ["reverted"]
        reverts = [call for call in snapback.calls_upon(bucket) if call["eventName"] == "DeleteBucketPolicy"]
        assert len([call for call in reverts if "errorCode" not in call]) == 1, reverts
    # The history has had them too.
    swept = said(snapback, "OwnFunction", "read up what woke nobody")
    assert any(one["sent"] >= 4 for one in swept), swept


def test_what_comes_in_crowds_is_counted_once_whichever_path_it_takes(snapback):
    record = {
        **ordinary(3), "eventID": "denied-1", "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
        "eventTime": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}", "errorCode": "AccessDenied",
        "errorMessage": "User: x is not authorized to perform: iam:CreateAccessKey", "requestParameters": None,
        "userIdentity": {"type": "IAMUser", "userName": "x", "arn": f"arn:aws:iam::{ACCOUNT}:user/x"},
    }  # fmt: skip
    s3 = snapback.aws.client("s3")

    def counted() -> list:
        return [int(item["times"]) for item in snapback._journal() if item["sk"].startswith("signin-denied-attempt#")]

    snapback.aws.deliver(event(record))
    assert wait_for(lambda: counted() == [1]) and snapback.has_settled()
    for _ in range(2):
        key = put(s3, gzip.compress(text_of(record)))
        assert read(snapback, key)["passed"] == 0
    key = put(s3, gzip.compress(text_of(record, {**record, "eventID": "denied-2"})))
    assert read(snapback, key)["passed"] == 1
    assert wait_for(lambda: counted() == [2]) and snapback.has_settled()
    # By EventBridge once more, as it may deliver twice.
    snapback.aws.deliver(event(record))
    assert snapback.has_settled() and counted() == [2]


@pytest.mark.parametrize(
    ("why", "body"),
    [
        ("its gzip", b"hello"),
        ("its gzip", gzip.compress(text_of(ordinary(1)))[:-9]),
        ("its text is not", gzip.compress(b"hello")),
        ("it breaks off", gzip.compress(text_of(ordinary(1))[:-2])),
        ("more than 1 MB", gzip.compress(b'{"Records":[{"a":"' + b"x" * 50_000_000 + b'"}]}')),
        ("1 of its records", gzip.compress(text_of({**ordinary(1), "recipientAccountId": "444455556666"}))),
        ("1 of its records", gzip.compress(text_of({**ordinary(1), "eventName": "PutBucketPolicy", "awsRegion": "eu-west-1"}))),
        ("1 of its records", gzip.compress(text_of({**ordinary(1), "eventName": "PutBucketPolicy", "more": "x" * 300_000}))),
    ],
    ids=["no gzip", "half a gzip", "no JSON", "half a file", "a bomb", "another account", "another Region", "too large"],
)
def test_what_is_no_log_file_of_its_place_is_refused_and_ends_in_the_dead_letters(snapback, why, body):
    key = put(snapback.aws.client("s3"), body)
    [letter] = wait_for(lambda: snapback.dead_letters_about(SimpleNamespace(id=key)), patience=120)
    said = letter["responsePayload"]["errorMessage"]
    assert why in said or why == "its gzip" and "refused" in said, said


def test_a_strange_name_is_refused_and_what_lies_beside_or_is_not_guarded_is_passed_over(snapback):
    strange = key_of().replace(".json.gz", ".json")
    answer = snapback.invoke("LogFilesFunction", announcement(strange))
    assert "no log file is called so" in answer["payload"]["errorMessage"]
    assert "not the one to be read" in snapback.invoke("LogFilesFunction", announcement(key_of(), "other"))["payload"]["errorMessage"]
    bucket, records = made_public(snapback)
    s3 = snapback.aws.client("s3")
    for key in [
        key_of(kind="CloudTrail-Digest"), key_of(kind="CloudTrail-Insight"), key_of(kind="CloudTrail-NetworkActivity"),
        key_of(kind="CloudTrail-Aggregated"), key_of(account="444455556666"), key_of(region="eu-west-1"),
        key_of(before=f"trail/AWSLogs/{ORGANIZATION}/", account="444455556666"), key_of(before="AWSLogs/"),
    ]:  # fmt: skip
        put(s3, gzip.compress(text_of(*records)), key)
        answer = snapback.invoke("LogFilesFunction", announcement(key))
        assert answer["error"] is None, answer
        assert readings(snapback, key) == [], key
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


def test_a_log_file_that_is_gone_is_told_of(snapback):
    answer = snapback.invoke("LogFilesFunction", announcement(key_of()))
    assert "it is there no more" in answer["payload"]["errorMessage"]


def test_the_role_reads_the_log_files_and_nothing_else(snapback):
    s3, key = snapback.as_function("LogFilesFunction", "s3"), put(snapback.aws.client("s3"), gzip.compress(text_of()))
    read(snapback, key)
    put(snapback.aws.client("s3"), b"payroll", "payroll.csv")
    for call in (
        lambda: s3.get_object(Bucket=BUCKET, Key="payroll.csv"),
        lambda: s3.list_objects_v2(Bucket=BUCKET),
        lambda: s3.put_object(Bucket=BUCKET, Key=key, Body=b""),
        lambda: s3.delete_object(Bucket=BUCKET, Key=key),
    ):
        with pytest.raises(s3.exceptions.ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
    dynamodb = snapback.as_function("LogFilesFunction", "dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError):
        dynamodb.put_item(TableName=snapback.stack.journal, Item={"pk": {"S": "entry#1"}, "sk": {"S": "entry"}})
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="trail/AWSLogs/")["KeyCount"] > 0


def test_once_a_day_what_nobody_has_announced_is_found(snapback):
    s3 = snapback.aws.client("s3")
    bucket, records = made_public(snapback)
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    bad, good = put(s3, b"hello"), put(s3, gzip.compress(text_of(*records)))
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []
    # What has just come in is left to its announcement.
    soon = datetime.now(timezone.utc) + timedelta(seconds=2)
    answer = snapback.invoke("LogFilesFunction", tick(soon))
    assert answer["error"] is None and snapback.has_settled() and readings(snapback, good) == [], answer
    soon += timedelta(hours=1)
    answer = snapback.invoke("LogFilesFunction", tick(soon))
    assert answer["error"] is None, answer
    # What cannot be read keeps nothing else from being read, and is tried again by itself. Who has put a file there is not
    # known any more.
    assert snapback.announces(bucket)["outcome"] == "asked"
    assert (read(snapback, good)["is_proven"], read(snapback, good)["passed"]) == (False, 1)
    assert wait_for(lambda: snapback.dead_letters_about(SimpleNamespace(id=bad)))
    # A day later it is none of the day before.
    answer = snapback.invoke("LogFilesFunction", tick(soon + timedelta(hours=30)))
    assert answer["error"] is None and snapback.has_settled()
    assert len(readings(snapback, good)) == 1


def test_a_listing_without_time_goes_on_where_it_was(snapback):
    s3 = snapback.aws.client("s3")
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    keys = [put(s3, gzip.compress(text_of(ordinary(number)))) for number in range(3)]
    now = datetime.now(timezone.utc)
    # Of the other account nothing lies there.
    of = [f"trail/AWSLogs/{ACCOUNT}/", "trail/AWSLogs/777788889999/"]
    detail = {"of": of, "since": f"{now - timedelta(minutes=10):%Y-%m-%dT%H:%M:%SZ}", "after": keys[0],
              "until": f"{now + timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    answer = snapback.invoke("LogFilesFunction", {"detail-type": "Snapback Log Files Listing", "detail": detail})
    assert answer["error"] is None, answer
    assert [key for key in keys if readings(snapback, key)] == keys[1:]


def peak(process: int) -> int:
    """The most memory that a function had so far which this process has started, in MB."""
    for status in Path("/proc").glob("[0-9]*/status"):
        said = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        if said["Name"].strip().startswith("snapback-log") and int(said["PPid"]) == process:
            return int(said["VmHWM"].split()[0]) // 1024
    raise AssertionError("the function does not run")


def test_a_large_file_takes_no_more_memory_than_a_small_one(snapback, tmp_path):
    s3 = snapback.aws.client("s3")
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={})
    small, large = gzip.compress(text_of(ordinary(1))), gzip.compress(text_of(*map(ordinary, range(100_000))))
    emulator = Emulator("logfiles", {**ROOT, **snapback.environment_here("LogFilesFunction")}, tmp_path / "log")
    try:
        peaks = []
        for body in (small, large):
            assert emulator.invoke(json.dumps(announcement(put(s3, body))).encode()) is None
            peaks.append(peak(emulator.pid))
    finally:
        emulator.stop()
    print(f"{len(text_of(*map(ordinary, range(100_000)))) >> 20} MB in a file: {peaks} MB of memory")
    assert peaks[1] - peaks[0] < 10, peaks


@pytest.fixture(scope="module")
def hub(deployed):
    role = f"arn:aws:iam::{ARCHIVE}:role/SnapbackLogFiles"
    return deployed(
        mode="revert", Hub=ORGANIZATION, LogBucket="archived-logs", LogBucketPrefix=f"{ORGANIZATION}/", retry_seconds=0.2,
        LogBucketOwner=ARCHIVE, LogBucketRole=role,
    )  # fmt: skip


def test_the_bucket_may_be_a_third_accounts_which_is_read_with_a_role_there(hub):
    bus = hub.stack.outputs["HubBusArn"]
    member, archive = Member(hub.aws, MEMBER, bus), Member(hub.aws, ARCHIVE, bus)
    member.deploy(REGION, roles="yes")
    given = {"Bucket": "archived-logs", "Prefix": f"{ORGANIZATION}/", "HubBusArn": bus,
             "ReaderArn": hub.stack.outputs["LogFilesRoleArn"]}  # fmt: skip
    formation = archive.client("cloudformation")
    formation.create_stack(
        StackName="snapback-log-archive",
        TemplateBody=(REPOSITORY / "organization" / "log-archive.yaml").read_text(encoding="utf-8"),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    [stack] = wait_for(
        lambda: [one for one in formation.describe_stacks()["Stacks"] if one["StackStatus"] != "CREATE_IN_PROGRESS"]
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", formation.describe_stack_events(StackName="snapback-log-archive")
    s3, archived = member.client("s3"), archive.client("s3")
    a_log_bucket(archived, "archived-logs")
    with hub.unseen():
        s3.create_bucket(Bucket="members-bucket")
        s3.delete_public_access_block(Bucket="members-bucket")
        everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::members-bucket/*"}
        s3.put_bucket_policy(
            Bucket="members-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
        )
    bucket = SimpleNamespace(id="members-bucket", arn="arn:aws:s3:::members-bucket")
    records = [record for record in hub.calls_upon(bucket) if record["eventName"] == "PutBucketPolicy"]
    before = f"{ORGANIZATION}/AWSLogs/{ORGANIZATION}/"
    put(archived, gzip.compress(text_of(*records)), key_of(MEMBER, before=before), "archived-logs")
    announced = hub.announces(bucket)
    assert (announced["outcome"], announced["account"]) == ("reverted", MEMBER), announced
    # Of another organization's account, nothing is read.
    foreign = key_of("777788889999", before=f"{ORGANIZATION}/AWSLogs/o-anotherorgid/")
    put(archived, b"hello", foreign, "archived-logs")
    assert hub.has_settled() and hub.dead_letters_about(SimpleNamespace(id=foreign)) == []
