"""Topics and queues that their policies open: just what lets strangers in goes, and undo restores it."""

import json

import pytest

from scene import Topic
from stack import ACCOUNT

STRANGER = "777788889999"


@pytest.fixture(params=["topic", "queue"])
def thing(request, snapback):
    return snapback.a_topic() if request.param == "topic" else snapback.a_queue()


def everyone(thing) -> dict:
    action = "SNS:Subscribe" if isinstance(thing, Topic) else "SQS:ReceiveMessage"
    return {"Sid": "Everyone", "Effect": "Allow", "Principal": "*", "Action": action, "Resource": thing.arn}


def own(thing) -> dict:
    action = "SNS:Publish" if isinstance(thing, Topic) else "SQS:SendMessage"
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    return {"Sid": "Own", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": thing.arn}


def control(thing) -> str:
    return "sns-open-topic-policy" if isinstance(thing, Topic) else "sqs-open-queue-policy"


def sids(thing) -> list:
    return [statement["Sid"] for statement in thing.statements()]


def test_just_the_open_statement_goes_and_undo_restores_it(snapback, thing):
    thing.put(own(thing), everyone(thing))
    announced = snapback.announces(thing)
    assert (announced["control"], announced["outcome"]) == (control(thing), "reverted"), announced
    assert sids(thing) == ["Own"]
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert sids(thing) == ["Own", "Everyone"]
    assert sorted(entry["outcome"] for entry in snapback.journal_about(thing)) == ["held", "undone"]


def test_a_policy_of_which_nothing_is_left_is_the_one_of_a_new_thing(snapback, thing):
    before = thing.statements()
    thing.put(everyone(thing))
    assert snapback.announces(thing)["outcome"] == "reverted"
    assert [statement.get("Condition") for statement in thing.statements()] == [
        statement.get("Condition") for statement in before
    ]
    assert "Everyone" not in sids(thing)


def test_a_permission_for_a_stranger_goes(snapback, thing):
    thing.add_permission(STRANGER)
    announced = snapback.announces(thing)
    assert (announced["control"], announced["outcome"]) == (control(thing), "reverted"), announced
    assert STRANGER not in json.dumps(thing.statements())


def test_what_a_removed_deny_kept_closed_goes(snapback, thing):
    closed = everyone(thing) | {"Sid": "Closed", "Effect": "Deny"}
    thing.put(own(thing), everyone(thing), closed)
    thing.remove_permission("Closed")
    announced = snapback.announces(thing)
    assert (announced["control"], announced["outcome"]) == (control(thing), "reverted"), announced
    assert sids(thing) == ["Own"]
