"""What Snapback remembers, by a look on schedule, and gives back: `s3-lost-bucket-deny`."""

import hashlib
import json
from datetime import datetime, timezone

import pytest

from stack import ACCOUNT, REGION


def only_tls(bucket) -> dict:
    """No reading but over TLS."""
    return {
        "Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket.name}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip


@pytest.fixture
def look(snapback):
    """Looks on schedule, at the hour at which it is the bucket's turn."""

    def run(bucket) -> dict:
        hour = hashlib.sha256(bucket.arn.encode()).digest()[0] % 24
        now = datetime.now(timezone.utc).replace(hour=hour)
        tick = {
            "version": "0", "id": "6f7c1e1a-0000-4000-8000-00000000000a", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": ACCOUNT, "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION, "resources": [], "detail": {},
        }  # fmt: skip
        return snapback.invoke("S3Function", tick)

    return run


@pytest.fixture
def guarded(snapback, look):
    """A bucket whose policy denies something, and that was looked at."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"), only_tls(bucket))
    answer = look(bucket)
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


def test_what_was_never_denied_is_nobodys_business(snapback, look):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in("444455556666"))
    look(bucket)
    bucket.delete_policy()
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


def test_what_is_lost_unseen_is_asked_about_by_the_next_look_and_never_remembered(snapback, look, guarded):
    bucket, text = guarded
    with snapback.unseen():
        put = bucket.put_policy(bucket.lets_in("444455556666"))
    look(bucket)
    announcement = snapback.announces(bucket, "asked")
    assert announcement["control"] == "s3-lost-bucket-deny" and bucket.policy_text() == put
    assert announcement["event"]["name"] == "Scheduled Event", "nobody is accused of a call"
    applied = snapback.operate("apply", announcement["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.statements() == json_statements(text)


def test_what_has_always_been_open_is_not_said_by_a_look(snapback, look):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in_everyone())
    look(bucket)
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []
    assert bucket.policy_text() == text


def test_what_is_denied_on_purpose_in_another_way_is_remembered_anew_and_said(snapback, look, guarded):
    bucket, _ = guarded
    other = {**only_tls(bucket), "Sid": "NoDeletes", "Action": "s3:DeleteObject"}
    with snapback.unseen():
        bucket.put_policy(only_tls(bucket), other)
    look(bucket)
    assert bucket.arn in [thing["resource"] for thing in snapback.announces(bucket, "remembered")["resources"]]
    bucket.delete_policy()
    snapback.announces(bucket, "reverted")
    assert bucket.statements() == ["OnlyTls", "NoDeletes"]


def json_statements(text: str) -> list:
    return [statement["Sid"] for statement in json.loads(text)["Statement"]]
