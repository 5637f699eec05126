"""Whoever can write the journal's table, and not use its keys, makes it say nothing: not to functions, not to operators."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from scene import Bucket, Snapback, operator_policy
from stack import ACCOUNT, REGION, wait_for

CONTROL = "s3-public-bucket-policy"


@pytest.fixture(scope="module")
def planter(snapback):
    """Somebody who may do everything with the table, and nothing with the key."""
    return snapback.user("planter", "dynamodb:*", "sts:GetCallerIdentity", "s3:*")


@pytest.fixture
def plant(snapback, planter):
    """Writes an item into the journal, or over one."""
    dynamodb = snapback.aws.client("dynamodb", planter)
    return lambda item: dynamodb.put_item(TableName=snapback.stack.journal, Item=item)


def stored(snapback: Snapback, pk: str, sk: str) -> dict:
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    return snapback.aws.client("dynamodb").get_item(TableName=snapback.stack.journal, Key=key)["Item"]


def entry_of(snapback: Snapback, entry_id: str) -> dict:
    return stored(snapback, f"entry#{entry_id}", "entry")


def reverted(snapback: Snapback) -> tuple[Bucket, str, dict]:
    """A bucket that was opened and closed, its entry, and the entry's item."""
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    entry_id = snapback.announces(bucket, outcome="reverted")["id"]
    assert snapback.has_settled()
    return bucket, entry_id, entry_of(snapback, entry_id)


def opened_unseen(snapback: Snapback) -> tuple[Bucket, dict, str]:
    """A bucket that was opened, the record of it that nobody has seen yet, and the id that its entry will have."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
    record = snapback.events_about(bucket)[0]
    parts = (ACCOUNT, REGION, record["eventID"], CONTROL, bucket.arn)
    return bucket, record, hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]


def is_reverted_and_says(snapback: Snapback, bucket: Bucket, what: str, left: list) -> None:
    announced = snapback.announces(bucket, outcome="reverted")
    [forged] = announced["forged"]
    assert forged.startswith(f"{what} in the journal is not genuine")
    assert snapback.has_settled() and bucket.statements() == left
    assert [one["outcome"] for one in snapback.announcements_about(bucket)] == ["reverted"]


def test_a_forged_hold_keeps_nothing_open(snapback, plant):
    held, entry_id, _ = reverted(snapback)
    assert snapback.undo(entry_id).returncode == 0
    [genuine] = snapback.holds_on(held)
    genuine = stored(snapback, genuine["pk"], genuine["sk"])
    bucket = snapback.a_bucket()
    # One for this bucket: the names are right, and the seal is a genuine one, of another hold.
    said = json.loads(genuine["body"]["S"].replace(held.name, bucket.name))
    plant({**genuine, "pk": {"S": f"hold#{bucket.arn}"}, "body": {"S": json.dumps(said)}})
    bucket.put_policy(bucket.lets_in_everyone())
    is_reverted_and_says(snapback, bucket, f"a hold on `{bucket.arn}`", left=[])


def test_a_forged_stop_stops_nothing_and_start_clears_it_away(snapback, plant):
    assert snapback.operate("stop", "--reason", "a drill", "--for", "1h").returncode == 0
    genuine = stored(snapback, "stop", "stop")
    assert snapback.operate("start").returncode == 0
    said = {**json.loads(genuine["body"]["S"]), "until": "2036-01-01T00:00:00Z"}
    plant({**genuine, "body": {"S": json.dumps(said)}})
    try:
        bucket = snapback.a_bucket()
        bucket.put_policy(bucket.lets_in_everyone())
        is_reverted_and_says(snapback, bucket, "the emergency stop", left=[])
    finally:
        started = snapback.operate("start")
    assert "the emergency stop in the journal is not genuine" in started.stderr
    assert "it is deleted now" in started.stdout and "not stopped" in started.stdout
    assert snapback.operate("start").stderr == ""


def test_an_entry_that_is_forged_as_handled_suppresses_nothing(snapback, plant):
    bucket, record, entry_id = opened_unseen(snapback)
    _, other_id, genuine = reverted(snapback)
    body = {**json.loads(genuine["body"]["S"]), "id": entry_id, "outcome": "allowed"}
    plant({**genuine, "pk": {"S": f"entry#{entry_id}"}, "outcome": {"S": "allowed"}, "body": {"S": json.dumps(body)}})
    snapback.deliver(record)
    is_reverted_and_says(snapback, bucket, f"entry `{entry_id}`", left=["Partner"])
    # What Snapback wrote in its place is genuine.
    assert snapback.undo(entry_id).returncode == 0
    assert bucket.statements() == ["Partner", "Everyone"]
    assert other_id != entry_id


def test_an_unfinished_entry_that_is_forged_has_its_plan_not_applied(snapback, plant):
    bucket, record, entry_id = opened_unseen(snapback)
    _, _, genuine = reverted(snapback)
    body = json.loads(genuine["body"]["S"])
    wide_open = json.dumps({"Version": "2012-10-17", "Statement": [bucket.lets_in_everyone("s3:*", sid="Mine")]})
    plan = [{"policy": {"of": {"bucket": bucket.name}, "from": bucket.policy_text(), "to": wide_open}}]
    body = {**body, "id": entry_id, "outcome": "pending", "subject": {**body["subject"], "arn": bucket.arn}}
    body["decision"]["plan"] = plan
    pending = {"outcome": {"S": "pending"}, "lease": {"N": "0"}, "resource": {"S": bucket.arn}}
    plant({**genuine, **pending, "pk": {"S": f"entry#{entry_id}"}, "body": {"S": json.dumps(body)}})
    snapback.deliver(record)
    is_reverted_and_says(snapback, bucket, f"entry `{entry_id}`", left=["Partner"])


def test_a_changed_plan_is_refused_by_every_command_and_hides_nothing_in_the_history(snapback, plant):
    bucket, entry_id, genuine = reverted(snapback)
    body = genuine["body"]["S"].replace("s3:GetObject", "s3:*")
    assert body != genuine["body"]["S"]
    plant({**genuine, "body": {"S": body}})
    for refused in (snapback.undo(entry_id), snapback.operate("apply", entry_id, "--yes"), snapback.release(entry_id)):
        assert refused.returncode == 2 and f"entry `{entry_id}` in the journal is not genuine" in refused.stderr
    many = snapback.undo("--since", "1h", "--resource", bucket.arn)
    assert many.returncode == 1 and "is not genuine" in many.stdout
    assert bucket.policy_text() is None and snapback.holds_on(bucket) == []
    other, other_id, _ = reverted(snapback)
    shown = snapback.history("--limit", "1000")
    assert shown.returncode == 1 and f"entry `{entry_id}` in the journal is not genuine" in shown.stderr
    assert f"entry {other_id}" in shown.stdout and f"entry {entry_id}" not in shown.stdout
    reported = snapback.operate("report", "--resource", bucket.arn, "--json")
    assert reported.returncode == 1 and "1 forged record in the journal" in reported.stderr
    report = json.loads(reported.stdout)
    assert [(one["entry"], one["is_forged"]) for one in report["ignored"]] == [(entry_id, True)]
    assert report["decisions"] == 0
    plant(genuine)
    assert snapback.undo(entry_id).returncode == 0 and bucket.statements() == ["Everyone"]


def test_an_entry_that_is_moved_under_another_id_is_refused_there(snapback, plant):
    bucket, _, genuine = reverted(snapback)
    moved = "0123456789abcdef0123"
    # As it is, and with the id changed as well.
    for body in (genuine["body"]["S"], json.dumps({**json.loads(genuine["body"]["S"]), "id": moved})):
        plant({**genuine, "pk": {"S": f"entry#{moved}"}, "body": {"S": body}})
        undone = snapback.undo(moved)
        assert undone.returncode == 2 and f"entry `{moved}` in the journal is not genuine" in undone.stderr
    assert bucket.policy_text() is None
    snapback.aws.client("dynamodb").delete_item(
        TableName=snapback.stack.journal, Key={"pk": {"S": f"entry#{moved}"}, "sk": {"S": "entry"}}
    )


def test_a_hold_that_was_released_and_is_put_back_counts_until_its_own_end(snapback, plant):
    """The seal does not tell what is newer: docs/threat-model.md says what that is good for."""
    bucket, entry_id, _ = reverted(snapback)
    assert snapback.undo(entry_id, "--days", "1").returncode == 0
    [hold] = snapback.holds_on(bucket)
    hold = stored(snapback, hold["pk"], hold["sk"])
    assert snapback.release(entry_id).returncode == 0 and snapback.holds_on(bucket) == []
    # Later than it was given cannot be said.
    plant({**hold, "expires": {"N": "9999999999"}})
    bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"))
    assert snapback.announces(bucket, outcome="held")["forged"] == []
    [said] = json.loads(hold["body"]["S"])
    plant({**hold, "body": {"S": json.dumps([{**said, "until": "2036-01-01T00:00:00Z"}])}})
    bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.has_settled() and bucket.policy_text() is None
    assert any(announced["forged"] for announced in snapback.announcements_about(bucket))


def test_who_may_write_the_table_and_not_use_the_key_can_neither_stop_nor_undo(snapback, planter):
    bucket, entry_id, _ = reverted(snapback)
    stopped = snapback.operate("stop", "--reason", "mine", by=planter)
    assert stopped.returncode == 2 and "sealing it" in stopped.stderr and "AccessDenied" in stopped.stderr
    undone = snapback.operate("undo", entry_id, "--yes", by=planter)
    assert undone.returncode == 2 and "AccessDenied" in undone.stderr
    assert bucket.policy_text() is None and snapback.holds_on(bucket) == []
    assert "not stopped" in snapback.operate("start").stdout


def test_a_function_can_neither_seal_nor_sign_what_operators_say(snapback, plant):
    _, entry_id, _ = reverted(snapback)
    key, message = snapback.stack.outputs["OperatorsKeyArn"], {"Message": b"any", "MacAlgorithm": "HMAC_SHA_256"}
    functions = snapback.functions()
    assert "S3Function" in functions
    for function in functions:
        with pytest.raises(ClientError, match="AccessDenied"):
            snapback.as_function(function, "kms").generate_mac(KeyId=key, **message)
    # A signature of Snapback's own, in the place of an operator's seal.
    held, entry_id, signed = reverted(snapback)
    assert snapback.undo(entry_id).returncode == 0
    [hold] = snapback.holds_on(held)
    plant({**stored(snapback, hold["pk"], hold["sk"]), "seal": signed["seal"]})
    held.put_policy(held.lets_in_everyone(), held.lets_in("444455556666"))
    announced = wait_for(lambda: [one for one in snapback.announcements_about(held) if one["forged"]])
    assert announced[0]["forged"][0].startswith(f"a hold on `{held.arn}` in the journal is not genuine")
    assert snapback.has_settled() and held.statements() == ["Partner"]


def test_an_auditor_can_tell_what_is_genuine_and_forge_nothing(snapback):
    _, entry_id, _ = reverted(snapback)
    auditor = snapback.user_with("auditor", operator_policy(snapback.stack.name, "read"))
    assert f"entry {entry_id}" in snapback.operate("history", "--limit", "1000", by=auditor).stdout
    kms = snapback.aws.client("kms", auditor)
    for output in ("JournalKeyArn", "OperatorsKeyArn"):
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.generate_mac(KeyId=snapback.stack.outputs[output], Message=b"any", MacAlgorithm="HMAC_SHA_256")


def test_who_may_check_seals_and_not_make_them_touches_nothing(deployed):
    other = deployed(mode="ask")
    bucket = other.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    entry_id = other.announces(bucket, outcome="asked")["id"]
    assert other.has_settled()
    reader = other.user_with("reader", operator_policy(other.stack.name, "read", "apply"))
    refused = other.operate("apply", entry_id, "--yes", by=reader)
    assert refused.returncode == 2 and "AccessDenied" in refused.stderr
    assert bucket.statements() == ["Everyone"]
    assert other.operate("history", by=reader).returncode == 0
    assert other.operate("apply", entry_id, "--yes").returncode == 0 and bucket.policy_text() is None


def test_where_operators_are_named_nobody_else_can_seal_whatever_their_own_policies_say(deployed):
    other = deployed(mode="revert", Operators=f"arn:aws:iam::{ACCOUNT}:user/operator,arn:aws:iam::{ACCOUNT}:role/None")
    bucket, entry_id, _ = reverted(other)
    powerful = other.user("powerful", "*")
    for key in ("JournalKeyArn", "OperatorsKeyArn"):
        with pytest.raises(ClientError, match="AccessDenied"):
            other.aws.client("kms", powerful).generate_mac(
                KeyId=other.stack.outputs[key], Message=b"any", MacAlgorithm="HMAC_SHA_256"
            )
    assert other.operate("stop", "--reason", "mine", by=powerful).returncode == 2
    assert other.undo(entry_id).returncode == 0 and bucket.statements() == ["Everyone"]
