"""The journal tells what was done, nobody but operators can say what is left alone, and a misled Snapback is undone."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT


def test_history_shows_the_newest_first_and_whole_entries_as_json(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    first = snapback.announces(bucket)["id"]
    bucket.put_policy(bucket.lets_in_everyone("s3:PutObject"))
    assert snapback.has_settled()
    shown = snapback.history("--resource", bucket.arn, "--since", "1h")
    assert shown.returncode == 0, shown.stderr
    blocks = shown.stdout.strip().split("\n\n")
    assert len(blocks) == 2 and f"entry {first}" in blocks[1]
    assert "reverted s3-public-bucket-policy (high)" in blocks[1]
    assert f"bucket {bucket.name}, account {ACCOUNT}, us-east-1" in blocks[1]
    assert "PutBucketPolicy by IAM user `mallory`" in blocks[1]
    lines = snapback.history("--resource", bucket.arn, "--json").stdout.splitlines()
    newest, oldest = [json.loads(line) for line in lines]
    assert oldest["id"] == first and newest["decided_at"] > oldest["decided_at"]
    assert oldest["state"]["policy"] and oldest["decision"]["plan"]


def test_history_is_filtered(snapback):
    bucket, group = snapback.a_bucket(), snapback.a_group()
    bucket.put_policy(bucket.lets_in_everyone())
    group.open(22)
    snapback.announces(bucket), snapback.announces(group)
    assert snapback.has_settled()

    def shown(*options: str) -> set:
        done = snapback.history("--json", "--limit", "1000", *options)
        assert done.returncode == 0, done.stderr
        return {json.loads(line)["subject"]["arn"] for line in done.stdout.splitlines()}

    both = {bucket.arn, group.arn}
    assert shown() >= both
    assert shown("--account", ACCOUNT, "--since", "2h") >= both
    assert shown("--account", "444455556666") == set()
    assert shown("--control", "ec2-open-security-group") & both == {group.arn}
    assert shown("--outcome", "reverted") >= both
    assert shown("--outcome", "failed") & both == set()
    assert shown("--resource", group.arn, "--account", ACCOUNT, "--outcome", "reverted") == {group.arn}
    assert "only the newest 1 are shown" in snapback.history("--limit", "1").stderr
    assert snapback.history("--account", "444455556666").stdout == "The journal has no entries of this kind.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--since", "yesterday"], "a span such as `2h`"),
        (["--control", "s3-public"], "`snapback controls` lists them"),
        (["--resource", "reports"], "expected an ARN"),
        (["--outcome", "undo"], "would-revert"),
        (["--account", "42"], "twelve digits"),
    ],
)
def test_a_wrong_question_is_answered_with_the_right_one(snapback, options, said):
    asked = snapback.history(*options)
    assert asked.returncode != 0 and said in asked.stderr and asked.stdout == ""


def test_a_name_cannot_command_the_terminal(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone(sid="\x1b[2J\nDone."))
    entry = snapback.announces(bucket)["id"]
    undone = snapback.undo(entry)
    for shown in (undone, snapback.history("--resource", bucket.arn)):
        assert shown.returncode == 0, shown.stderr
        assert "\\u001b[2J\\u000aDone." in shown.stdout and "\x1b" not in shown.stdout


def test_a_hold_lasts_as_long_as_the_operator_says_and_is_announced(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    entry = snapback.announces(bucket)["id"]
    assert "not in the future" in snapback.undo(entry, "--until", "2026-01-01").stderr
    undone = snapback.undo(entry, "--days", "3")
    assert undone.returncode == 0, undone.stderr
    [hold] = snapback.holds_on(bucket)
    assert abs(int(hold["expires"]) - time.time() - 3 * 24 * 3600) < 600
    announced = snapback.announces(bucket, outcome="held")
    assert announced["event"]["actor"]["name"] == "operator"
    assert announced["release"] == [
        f"snapback release {entry} --journal {snapback.stack.journal} --region us-east-1"
    ]
    # What nobody holds and nobody minds is not said.
    bucket.put_policy(bucket.lets_in("444455556666"))
    assert snapback.has_settled()
    assert [one["outcome"] for one in snapback.announcements_about(bucket)] == ["reverted", "held"]


def test_no_function_can_write_a_hold(snapback):
    for function in ("S3Function", "Ec2Function"):
        dynamodb = snapback.as_function(function, "dynamodb")
        hold = {"pk": {"S": "hold#arn:aws:s3:::reports"}, "sk": {"S": "s3-public-bucket-policy#0"}}
        entry = {"pk": {"S": "entry#0"}, "sk": {"S": f"part#{function}#0000"}}
        with pytest.raises(ClientError, match="AccessDenied"):
            dynamodb.put_item(TableName=snapback.stack.journal, Item=hold)
        writes = [{"Put": {"TableName": snapback.stack.journal, "Item": item}} for item in (entry, hold)]
        for together in (writes, writes[::-1], writes[1:]):
            with pytest.raises(ClientError, match="AccessDenied"):
                dynamodb.transact_write_items(TransactItems=together)
        with pytest.raises(ClientError, match="AccessDenied"):
            seen = {"TableName": snapback.stack.journal, "Key": hold, "ConditionExpression": "attribute_not_exists(pk)"}
            dynamodb.transact_write_items(TransactItems=[writes[0], {"ConditionCheck": seen}])
        assert "Item" not in dynamodb.get_item(TableName=snapback.stack.journal, Key=entry), "nor is the entry written"
        dynamodb.transact_write_items(TransactItems=writes[:1])
        dynamodb.put_item(TableName=snapback.stack.journal, Item=entry)
        assert "Item" in dynamodb.get_item(TableName=snapback.stack.journal, Key=entry)
        with pytest.raises(ClientError, match="AccessDenied"):
            dynamodb.delete_item(TableName=snapback.stack.journal, Key=entry)


def test_a_plan_that_somebody_has_changed_is_not_applied(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    entry = snapback.announces(bucket)["id"]
    assert snapback.has_settled()
    dynamodb = snapback.aws.client("dynamodb")
    key = {"pk": {"S": f"entry#{entry}"}, "sk": {"S": "entry"}}
    item = dynamodb.get_item(TableName=snapback.stack.journal, Key=key)["Item"]
    body = json.loads(item["body"]["S"])
    change = body["decision"]["plan"][0]["policy"]
    change["from"] = change["from"].replace("s3:GetObject", "s3:*")
    dynamodb.put_item(TableName=snapback.stack.journal, Item={**item, "body": {"S": json.dumps(body)}})
    undone = snapback.undo(entry)
    assert undone.returncode == 2 and f"entry `{entry}` in the journal is not genuine" in undone.stderr
    assert bucket.policy_text() is None and snapback.holds_on(bucket) == []


def test_many_reverts_are_undone_at_once_and_a_failure_does_not_stop_the_rest(deployed):
    snapback = deployed(mode="revert")
    empty = snapback.history()
    assert (empty.returncode, empty.stdout) == (0, "The journal has no entries yet.\n")
    assert snapback.undo("--since", "1h").stdout == "There is no revert to undo.\n"
    buckets = [snapback.a_bucket() for _ in range(3)]
    group = snapback.a_group()
    for bucket in buckets:
        bucket.put_policy(bucket.lets_in_everyone())
    group.open(22)
    for thing in (*buckets, group):
        snapback.announces(thing, outcome="reverted")
    assert snapback.has_settled()
    changed = buckets[1].put_policy(buckets[1].lets_in("444455556666"))

    undone = snapback.undo("--since", "1h", "--control", "s3-public-bucket-policy")
    assert undone.returncode == 1, undone.stdout + undone.stderr
    assert "This would undo 3 reverts, newest first" in undone.stdout
    assert undone.stdout.count("\nUndone: ") == 2 and undone.stdout.count("\nNOT undone: ") == 1
    assert "2 undone, 1 not." in undone.stdout
    assert snapback.has_settled()
    assert [bucket.statements() for bucket in buckets] == [["Everyone"], ["Partner"], ["Everyone"]]
    assert buckets[1].policy_text() == changed and group.rules() == []

    rest = snapback.undo("--since", "1h", "--account", ACCOUNT, "--resource", group.arn)
    assert rest.returncode == 0 and "1 undone, 0 not." in rest.stdout, rest.stdout + rest.stderr
    assert snapback.has_settled()
    assert len(group.rules()) == 1
    outcomes = {entry["outcome"] for thing in (buckets[0], buckets[2], group) for entry in snapback.journal_about(thing)}
    assert outcomes == {"undone", "held"}
