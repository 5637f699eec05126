"""What Snapback remembers, by a look on schedule, and gives back: what bucket policies deny and let be delivered, and access
logging.

ministack gives access logging back as it was put, and logs nothing.
"""

import json

import pytest

from stack import ACCOUNT, wait_for


def only_tls(bucket) -> dict:
    """No reading but over TLS."""
    return {
        "Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket.name}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip


def delivers(bucket, sid: str = "Trail", service: str = "cloudtrail.amazonaws.com") -> dict:
    """A service of AWS may put logs."""
    return {
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:PutObject",
        "Resource": f"{bucket.arn}/AWSLogs/{ACCOUNT}/*",
    }  # fmt: skip


# s3-lost-bucket-deny


@pytest.fixture
def guarded(snapback):
    """A bucket whose policy denies something, and that was looked at."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"), only_tls(bucket))
    answer = snapback.look(bucket)
    assert answer["error"] is None or "samclisourcebucket" in json.dumps(answer), answer
    return bucket, text


def test_a_deleted_policy_gives_its_denials_back_and_nothing_that_allows(snapback, guarded):
    bucket, _ = guarded
    bucket.delete_policy()
    announcement = snapback.announces(bucket, "reverted")
    assert announcement["control"] == "s3-lost-bucket-deny" and "`OnlyTls`" in announcement["why"]
    assert bucket.statements() == ["OnlyTls"]
    assert announcement["left"] == ["what the deleted policy allowed, as that opens something"]
    undone = snapback.undo(announcement["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and bucket.policy_text() is None


def test_what_a_new_policy_does_not_deny_any_more_is_put_behind_the_rest(snapback, guarded):
    bucket, _ = guarded
    put = bucket.put_policy(bucket.lets_in("444455556666", sid="Other"))
    assert snapback.announces(bucket, "reverted")["control"] == "s3-lost-bucket-deny"
    assert bucket.statements() == ["Other", "OnlyTls"]
    assert bucket.policy_text().startswith(put[:-2])


def test_what_was_never_denied_is_nobodys_business(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in("444455556666"))
    snapback.look(bucket)
    bucket.delete_policy()
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


def test_what_is_lost_unseen_is_asked_about_by_the_next_look_and_never_remembered(snapback, guarded):
    bucket, text = guarded
    with snapback.unseen():
        put = bucket.put_policy(bucket.lets_in("444455556666"))
    snapback.look(bucket)
    announcement = snapback.announces(bucket, "asked")
    assert announcement["control"] == "s3-lost-bucket-deny" and bucket.policy_text() == put
    assert announcement["event"]["name"] == "Scheduled Event", "nobody is accused of a call"
    applied = snapback.operate("apply", announcement["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.statements() == json_statements(text)


# s3-lost-log-delivery


@pytest.fixture
def log_bucket(snapback):
    """A bucket that takes the logs of two services and denies something, whose requests are logged, and that was looked at."""
    bucket, access = snapback.a_bucket(), snapback.a_bucket()
    keys = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    to = {"TargetBucket": access.name, "TargetPrefix": "logs/", "TargetObjectKeyFormat": keys}
    with snapback.unseen():
        bucket.put_policy(
            delivers(bucket), bucket.lets_in("444455556666"), only_tls(bucket),
            delivers(bucket, "Config", "config.amazonaws.com"),
        )  # fmt: skip
        snapback.s3.put_bucket_logging(Bucket=bucket.name, BucketLoggingStatus={"LoggingEnabled": to})
    snapback.look(bucket)
    return bucket


def test_a_deleted_policy_lets_logs_be_delivered_again_and_nobody_else_in(snapback, log_bucket):
    log_bucket.delete_policy()
    assert wait_for(lambda: len(log_bucket.statements()) == 3)
    assert snapback.has_settled()
    assert log_bucket.statements() == ["OnlyTls", "Trail", "Config"]
    announced = {one["control"]: one["outcome"] for one in snapback.announcements_about(log_bucket)}
    assert announced == {"s3-lost-bucket-deny": "reverted", "s3-lost-log-delivery": "reverted"}


def test_one_service_that_may_not_deliver_any_more_may_again_until_an_operator_says_otherwise(snapback, log_bucket):
    stays = (only_tls(log_bucket), delivers(log_bucket, "Config", "config.amazonaws.com"))
    put = log_bucket.put_policy(*stays)
    announced = snapback.announces(log_bucket, "reverted")
    assert announced["control"] == "s3-lost-log-delivery" and "`Trail`" in announced["why"]
    assert log_bucket.statements() == ["OnlyTls", "Config", "Trail"]
    assert log_bucket.policy_text().startswith(put[:-2])
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and log_bucket.policy_text() == put


# s3-disabled-access-logging


def logging_of(snapback, bucket) -> dict | None:
    return snapback.s3.get_bucket_logging(Bucket=bucket.name).get("LoggingEnabled")


def test_access_logging_of_a_log_bucket_is_on_again_as_it_was(snapback, log_bucket):
    before = logging_of(snapback, log_bucket)
    snapback.s3.put_bucket_logging(Bucket=log_bucket.name, BucketLoggingStatus={})
    announced = snapback.announces(log_bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-disabled-access-logging", "reverted"), announced["why"]
    assert before and logging_of(snapback, log_bucket) == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and logging_of(snapback, log_bucket) is None


def test_access_logging_of_a_bucket_without_logs_is_nobodys_business(snapback, guarded):
    bucket, _ = guarded
    snapback.s3.put_bucket_logging(Bucket=bucket.name, BucketLoggingStatus={})
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


# All of them


def test_what_has_always_been_open_is_not_said_by_a_look(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in_everyone())
    snapback.look(bucket)
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []
    assert bucket.policy_text() == text


def test_what_is_denied_on_purpose_in_another_way_is_remembered_anew_and_said(snapback, guarded):
    bucket, _ = guarded
    other = {**only_tls(bucket), "Sid": "NoDeletes", "Action": "s3:DeleteObject"}
    with snapback.unseen():
        bucket.put_policy(only_tls(bucket), other)
    snapback.look(bucket)
    assert bucket.arn in [thing["resource"] for thing in snapback.announces(bucket, "baseline-updated")["resources"]]
    bucket.delete_policy()
    snapback.announces(bucket, "reverted")
    assert bucket.statements() == ["OnlyTls", "NoDeletes"]


def json_statements(text: str) -> list:
    return [statement["Sid"] for statement in json.loads(text)["Statement"]]
