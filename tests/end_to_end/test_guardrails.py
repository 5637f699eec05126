"""What a guardrail forbids stays as it is, and is announced with its reason and with who answers for it."""

import json
import shutil
import subprocess

import pytest

from scene import ROWS
from stack import ACCOUNT, REPOSITORY, TARGET

TAGGED = [{"Key": "exposure", "Value": "approved"}]

# Whatever the mode.
APPLIED_BY_OPERATORS = ["backup-open-vault-policy", "opensearch-open-domain-policy"]


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory):
    """Snapback in mode `revert`, with a guardrail for what has a tag, and with a range that is trusted."""
    folder = tmp_path_factory.mktemp("guardrails")
    for name in ("default.cedar", "examples/approved-tag.cedar"):
        shutil.copy(REPOSITORY / "guardrails" / name, folder)
    (folder / "trusted.json").write_text('{"ranges": {"52.0.0.0/7": "the addresses of the hoster"}}')
    return deployed(mode="revert", guardrails=folder, ModeOverrides="efs-open-file-system-policy=revert")


def test_a_bucket_that_a_guardrail_names_stays_public(guarded):
    bucket = guarded.a_bucket()
    guarded.s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": TAGGED})
    text = bucket.put_policy(bucket.lets_in_everyone())
    announced = guarded.announces(bucket)
    assert announced["outcome"] == "alerted"
    for said in ("lets everyone do", "`approved-tag`", "its exposure was approved", "owner security@example.com"):
        assert said in announced["why"]
    assert [entry["outcome"] for entry in guarded.journal_about(bucket)] == ["alerted"]
    assert guarded.has_settled()
    assert bucket.policy_text() == text
    assert len(guarded.announcements_about(bucket)) == 1


def test_a_group_that_a_guardrail_names_stays_open(guarded):
    group = guarded.a_group()
    guarded.ec2.create_tags(Resources=[group.id], Tags=TAGGED)
    rule = group.open(22)
    announced = guarded.announces(group)
    assert (announced["outcome"], announced["severity"]) == ("alerted", "critical")
    assert "`approved-tag`" in announced["why"]
    assert guarded.has_settled()
    assert group.rules() == [rule]


def test_a_topic_and_a_queue_that_a_guardrail_names_stay_open(guarded):
    topic, queue = guarded.a_topic(), guarded.a_queue()
    guarded.aws.client("sns").tag_resource(ResourceArn=topic.arn, Tags=TAGGED)
    guarded.aws.client("sqs").tag_queue(QueueUrl=queue.url, Tags={"exposure": "approved"})
    for thing, action in ((topic, "SNS:Subscribe"), (queue, "SQS:ReceiveMessage")):
        everyone = {"Sid": "Everyone", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": thing.arn}
        thing.put(everyone)
        announced = guarded.announces(thing)
        assert announced["outcome"] == "alerted"
        assert "`approved-tag`" in announced["why"]
        assert thing.statements() == [everyone]


def test_what_has_no_such_tag_is_reverted_whatever_service_was_asked_for_its_tags(guarded):
    things = [guarded.a_resource(control) for control in ROWS]
    own = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    for thing in things:
        thing.put(thing.statement("Own", own), thing.statement("Everyone", "*"))
    for control, thing in zip(ROWS, things, strict=True):
        announced = guarded.announces(thing)
        is_asked = control in APPLIED_BY_OPERATORS
        assert announced["outcome"] == ("asked" if is_asked else "reverted"), announced["why"]
        assert [statement["Sid"] for statement in thing.statements()] == (["Own", "Everyone"] if is_asked else ["Own"])


def test_what_no_guardrail_names_is_taken_back(guarded):
    bucket, group = guarded.a_bucket(), guarded.a_group()
    guarded.s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": [{"Key": "exposure", "Value": "denied"}]})
    bucket.put_policy(bucket.lets_in_everyone())
    group.open(22)
    for thing in (bucket, group):
        assert guarded.announces(thing)["outcome"] == "reverted"
    assert bucket.policy_text() is None
    assert group.rules() == []


def test_if_the_tags_cannot_be_read_nothing_is_touched(guarded):
    bucket = guarded.a_bucket()
    with guarded.role_without("S3Function", "s3:GetBucketTagging"):
        text = bucket.put_policy(bucket.lets_in_everyone())
        announced = guarded.announces(bucket)
        assert guarded.has_settled()
    assert announced["outcome"] == "alerted"
    assert f"reading the tags of bucket `{bucket.name}`" in announced["why"]
    assert bucket.policy_text() == text


def test_explaining_the_event_looks_and_touches_nothing(guarded, tmp_path):
    bucket = guarded.a_bucket()
    guarded.s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": TAGGED})
    with guarded.unseen():
        text = bucket.put_policy(bucket.lets_in_everyone())
    record = guarded.events_about(bucket)[0]
    event = tmp_path / "event.json"
    event.write_text(json.dumps(record))
    explained = subprocess.run(
        [TARGET / "debug" / "snapback", "explain", "event", event, "--look", "--json", "--guardrails",
         guarded.aws.guardrails],
        env=guarded.aws.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert explained.returncode == 1, explained.stderr
    suspicions = {one["control"]: one for one in json.loads(explained.stdout)["suspicions"]}
    suspected = suspicions["s3-public-bucket-policy"]
    assert json.loads(suspected["state"]["policy"]) == json.loads(text)
    assert (suspected["decision"]["decision"], suspected["result"]["decision"]) == ("revert", "alert")
    assert [guardrail["id"] for guardrail in suspected["guardrails"]["by"]] == ["approved-tag"]
    assert bucket.policy_text() == text


def test_whom_the_operator_trusts_in_a_file_is_no_stranger(guarded):
    friends, strangers = guarded.a_bucket(), guarded.a_bucket()

    def open_to(bucket, addresses):
        return bucket.put_policy(
            {**bucket.lets_in_everyone(), "Condition": {"IpAddress": {"aws:SourceIp": addresses}}}
        )

    text = open_to(friends, "52.0.0.0/7")
    open_to(strangers, "54.0.0.0/7")
    assert guarded.announces(strangers)["outcome"] == "reverted"
    assert guarded.has_settled()
    assert friends.policy_text() == text and guarded.announcements_about(friends) == []
