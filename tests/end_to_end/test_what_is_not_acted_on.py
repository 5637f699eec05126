"""Failed calls, forged events, duplicates and harmless changes lead to nothing."""

import json

import pytest
from botocore.exceptions import ClientError

from scene import event


def test_a_call_that_failed(snapback):
    bucket = snapback.a_bucket()
    nobody = snapback.aws.client("s3", snapback.user(f"nobody-{bucket.name}", "s3:ListAllMyBuckets"))
    with pytest.raises(ClientError, match="AccessDenied"):
        nobody.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps({"Statement": [bucket.lets_in_everyone()]}))
    assert snapback.has_settled()
    assert snapback.announcements_about(bucket) == snapback.journal_about(bucket) == []


def test_the_record_of_a_failed_call_even_past_the_rule(snapback):
    bucket = snapback.a_bucket()
    text, record = open_bucket_with_nobody_looking(snapback, bucket)
    failed = {**record, "errorCode": "AccessDenied", "errorMessage": "No."}
    snapback.deliver(failed)
    assert snapback.invoke("S3Function", event(failed))["error"] is None
    nothing_was_done(snapback, bucket, text)
    the_genuine_event_still_counts(snapback, bucket, record)


def test_an_event_that_anyone_could_send(snapback):
    bucket = snapback.a_bucket()
    text, record = open_bucket_with_nobody_looking(snapback, bucket)
    mallory = snapback.aws.client("events", snapback.mallory)
    entry = {"DetailType": "AWS API Call via CloudTrail", "Detail": json.dumps(record)}
    refused = mallory.put_events(Entries=[{**entry, "Source": "aws.s3"}])
    assert refused["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
    assert mallory.put_events(Entries=[{**entry, "Source": "custom.s3"}])["FailedEntryCount"] == 0
    assert snapback.invoke("S3Function", {**event(record), "source": "custom.s3"})["error"] is None
    nothing_was_done(snapback, bucket, text)
    the_genuine_event_still_counts(snapback, bucket, record)


def test_an_event_over_the_bus_of_another_account(snapback):
    bucket = snapback.a_bucket()
    text, record = open_bucket_with_nobody_looking(snapback, bucket)
    snapback.deliver(record, account="444455556666")
    snapback.deliver({**record, "recipientAccountId": "444455556666"}, account="111122223333")
    assert snapback.invoke("S3Function", {**event(record), "account": "444455556666"})["error"] is None
    # Nor does one that is of another account or Region throughout.
    for elsewhere in ({"recipientAccountId": "444455556666"}, {"awsRegion": "eu-central-1"}):
        assert snapback.invoke("S3Function", event({**record, **elsewhere}))["error"] is None
    nothing_was_done(snapback, bucket, text)
    the_genuine_event_still_counts(snapback, bucket, record)


def test_the_same_event_again(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    snapback.announces(bucket)
    record = snapback.events_about(bucket)[0]
    snapback.deliver(record)
    snapback.deliver(record)
    assert snapback.has_settled()
    assert len(snapback.announcements_about(bucket)) == len(snapback.journal_about(bucket)) == 1


def test_the_same_event_twice_at_once(snapback):
    group = snapback.a_group()
    with snapback.unseen():
        group.open(22)
    record = snapback.events_about(group)[0]
    snapback.deliver(record)
    snapback.deliver(record)
    assert snapback.announces(group)["outcome"] == "reverted"
    assert snapback.has_settled()
    assert group.rules() == []
    assert len(snapback.announcements_about(group)) == 1


def test_two_calls_that_look_alike_are_two(snapback):
    bucket = snapback.a_bucket()
    for _ in range(2):
        bucket.put_policy(bucket.lets_in_everyone())
        assert snapback.has_settled()
        assert bucket.policy_text() is None
    assert len(snapback.announcements_about(bucket)) == 2


def test_harmless_changes(snapback):
    bucket, group = snapback.a_bucket(), snapback.a_group()
    text = bucket.put_policy(bucket.lets_in("444455556666"))
    group.open(443)
    group.open(22, "198.51.100.0/24")
    group.authorize(IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group.id}]}])
    assert snapback.has_settled()
    assert (bucket.policy_text(), len(group.rules())) == (text, 3)
    for thing in (bucket, group):
        assert snapback.announcements_about(thing) == snapback.journal_about(thing) == []


def test_what_is_too_old_is_left_to_a_person(snapback):
    bucket = snapback.a_bucket()
    text, record = open_bucket_with_nobody_looking(snapback, bucket)
    snapback.deliver({**record, "eventTime": "2024-03-05T14:07:09Z"})
    assert snapback.announces(bucket)["outcome"] == "would-revert"
    assert snapback.has_settled()
    assert bucket.policy_text() == text


def test_what_is_no_event_at_all(snapback):
    for payload in ({}, [], {"source": "aws.s3"}, event({"eventSource": "s3.amazonaws.com"})):
        assert snapback.invoke("S3Function", payload)["error"]
    # The function lives on to handle the next.
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.announces(bucket)["outcome"] == "reverted"


def open_bucket_with_nobody_looking(snapback, bucket):
    """An open bucket that nobody has looked at, and the record of how it was opened."""
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in_everyone())
    record = snapback.events_about(bucket)[0]
    return text, record


def nothing_was_done(snapback, bucket, text):
    assert snapback.has_settled()
    assert bucket.policy_text() == text
    assert snapback.announcements_about(bucket) == snapback.journal_about(bucket) == []


def the_genuine_event_still_counts(snapback, bucket, record):
    """So it was for what was wrong with the others that they led to nothing, and they do not stand in its way."""
    snapback.deliver(record)
    assert snapback.announces(bucket)["outcome"] == "reverted"
