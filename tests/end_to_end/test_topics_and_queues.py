"""Topics and queues that their policies open: just what lets strangers in goes, and undo restores it."""

import json
from dataclasses import dataclass
from itertools import count

import pytest

from stack import ACCOUNT, REGION

STRANGER = "777788889999"

_number = count(1)


@dataclass
class Topic:
    client: object
    arn: str

    @property
    def id(self) -> str:
        return self.arn

    def put(self, *statements: dict) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def add_permission(self) -> None:
        self.client.add_permission(TopicArn=self.arn, Label="partner", AWSAccountId=[STRANGER], ActionName=["Publish"])

    def statements(self) -> list:
        return json.loads(self.client.get_topic_attributes(TopicArn=self.arn)["Attributes"]["Policy"])["Statement"]


@dataclass
class Queue:
    client: object
    url: str
    arn: str

    @property
    def id(self) -> str:
        return self.arn.rpartition(":")[2]

    def put(self, *statements: dict) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def add_permission(self) -> None:
        self.client.add_permission(QueueUrl=self.url, Label="partner", AWSAccountIds=[STRANGER], Actions=["SendMessage"])

    def statements(self) -> list:
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["Policy"])
        policy = answer.get("Attributes", {}).get("Policy")
        return json.loads(policy)["Statement"] if policy else []


@pytest.fixture(params=["topic", "queue"])
def thing(request, snapback):
    name = f"{request.param}-{next(_number)}-orders"
    if request.param == "topic":
        client = snapback.aws.client("sns", snapback.mallory)
        return Topic(client, client.create_topic(Name=name)["TopicArn"])
    client = snapback.aws.client("sqs", snapback.mallory)
    url = client.create_queue(QueueName=name)["QueueUrl"]
    return Queue(client, url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")


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
    thing.add_permission()
    announced = snapback.announces(thing)
    assert (announced["control"], announced["outcome"]) == (control(thing), "reverted"), announced
    assert STRANGER not in json.dumps(thing.statements())
