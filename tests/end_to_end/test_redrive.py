"""What ended in the dead letters is tried again by itself, a bounded number of times, and never lost on the way.

The schedule's event says what time it is, so that nobody waits for hours here.
"""

import json

import pytest

from scene import event
from stack import ACCOUNT, REGION, wait_for

# Three attempts are over in a blink: what an outage is, and when it ends, the tests say.
RETRY_SECONDS = 0.1

NOTHING = {"RuleDeadLetters": 0, "FunctionDeadLetters": 0, "GivenUpEvents": 0}

JOURNAL = ("dynamodb:PutItem", "dynamodb:UpdateItem")


@pytest.fixture(scope="module")
def snapback(deployed):
    return deployed(mode="revert", retry_seconds=RETRY_SECONDS)


@pytest.fixture(autouse=True)
def tidy(snapback):
    """Each test begins and ends with empty queues, and nothing waits for a second look, which would wake the function."""
    assert snapback.has_settled() and snapback.waiting() == NOTHING
    yield
    assert snapback.waiting() == NOTHING


def holds(snapback, **messages) -> bool:
    """Whether the queues come to hold just these many messages."""
    return bool(wait_for(lambda: snapback.waiting() == {**NOTHING, **messages}))


def send(snapback, queue: str, body: str, **attributes: str) -> None:
    name = snapback.stack.outputs[f"{queue}Url"].rpartition("/")[2]
    snapback.aws.dead_letter(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", body, **attributes)


def given_up(snapback) -> list:
    return list(snapback.received(snapback.stack.outputs["GivenUpEventsUrl"]))


def test_when_the_outage_is_over_the_change_is_taken_back(snapback):
    bucket = snapback.a_bucket()
    with snapback.role_without("S3Function", *JOURNAL):
        text = bucket.put_policy(bucket.lets_in_everyone())
        assert holds(snapback, FunctionDeadLetters=1)
    assert snapback.redrive(minutes=1)["error"] is None
    assert snapback.waiting() == {**NOTHING, "FunctionDeadLetters": 1}, "it is tried after five minutes"
    assert bucket.policy_text() == text

    assert snapback.redrive(minutes=6)["error"] is None
    assert wait_for(lambda: bucket.policy_text() is None)
    assert snapback.announces(bucket, outcome="reverted")
    assert [entry["outcome"] for entry in snapback.journal_about(bucket)] == ["reverted"]


def test_what_no_rule_could_deliver_reaches_its_function_when_that_is_there(snapback):
    bucket = snapback.a_bucket()
    function = snapback.stack.outputs["S3FunctionArn"]
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    record = snapback.events_about(bucket)[0]
    send(snapback, "RuleDeadLetters", json.dumps(event(record)), TARGET_ARN=function, ERROR_CODE="NO_PERMISSIONS")
    assert snapback.redrive(minutes=6)["error"] is None
    assert wait_for(lambda: bucket.policy_text() is None)
    assert snapback.announces(bucket)["outcome"] == "reverted"


def test_what_keeps_failing_is_given_up_after_three_redrives_and_not_lost(snapback):
    bucket = snapback.a_bucket()
    with snapback.role_without("S3Function", *JOURNAL):
        text = bucket.put_policy(bucket.lets_in_everyone())
        assert holds(snapback, FunctionDeadLetters=1)
        minutes = 0
        for early, enough in [(4, 6), (29, 31), (179, 181)]:
            assert snapback.redrive(minutes + early)["error"] is None
            assert snapback.waiting() == {**NOTHING, "FunctionDeadLetters": 1}, "too early"
            before = snapback.aws.at_work()["attempts"]
            minutes += enough
            assert snapback.redrive(minutes)["error"] is None
            # The function fails again, three times, and the event is back among the dead letters.
            assert wait_for(lambda before=before: snapback.aws.at_work()["attempts"] == before + 3)
            assert holds(snapback, FunctionDeadLetters=1)
        before = snapback.aws.at_work()["attempts"]
        assert snapback.redrive(minutes + 24 * 60)["error"] is None
        assert snapback.has_settled() and snapback.aws.at_work()["attempts"] == before, "it was handed over once more"
    assert snapback.waiting() == {**NOTHING, "GivenUpEvents": 1}
    [letter] = [json.loads(body) for body in given_up(snapback)]
    assert letter["requestContext"]["functionArn"].startswith(snapback.stack.outputs["S3FunctionArn"])
    assert letter["requestPayload"]["detail"]["requestParameters"]["bucketName"] == bucket.name
    assert bucket.policy_text() == text


def test_what_is_over_before_it_is_looked_at_is_told_after_a_second_look(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
        bucket.delete_policy()
    opened = next(record for record in snapback.events_about(bucket) if record["eventName"] == "PutBucketPolicy")
    snapback.deliver(opened)
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-public-bucket-policy", "closed")
    assert snapback.has_settled() and len(snapback.announcements_about(bucket)) == 1


def test_a_forged_message_gives_nobody_else_an_event(snapback):
    foreign = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:payroll"
    own = snapback.stack.outputs["RedriveFunctionArn"]
    assert snapback.has_settled()
    attempts = snapback.aws.at_work()["attempts"]
    forged = [json.dumps({"requestContext": {"functionArn": arn}, "requestPayload": {}}) for arn in (foreign, own)]
    for body in forged:
        send(snapback, "FunctionDeadLetters", body)
    send(snapback, "RuleDeadLetters", "{}", TARGET_ARN=foreign)
    send(snapback, "RuleDeadLetters", "no JSON", TARGET_ARN=snapback.stack.outputs["S3FunctionArn"])
    assert snapback.redrive(minutes=0)["error"] is None
    assert snapback.has_settled() and snapback.aws.at_work()["attempts"] == attempts
    assert sorted(given_up(snapback)) == sorted([*forged, "{}", "no JSON"]), "as they were"


def test_a_failing_call_leaves_every_message_where_it_is(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.announces(bucket) and snapback.has_settled()
    record = snapback.events_about(bucket)[0]
    function = snapback.stack.outputs["S3FunctionArn"]
    body = json.dumps(event(record))
    for action in ("dynamodb:GetItem", "dynamodb:UpdateItem", "lambda:InvokeFunction"):
        send(snapback, "RuleDeadLetters", body, TARGET_ARN=function)
        with snapback.role_without("RedriveFunction", action):
            assert snapback.redrive(minutes=6)["error"], action
        assert snapback.waiting() == {**NOTHING, "RuleDeadLetters": 1}, action
        make_visible_and_empty(snapback)
    send(snapback, "RuleDeadLetters", "no JSON")
    with snapback.role_without("RedriveFunction", "sqs:SendMessage"):
        assert snapback.redrive(minutes=6)["error"]
    assert snapback.waiting() == {**NOTHING, "RuleDeadLetters": 1}
    make_visible_and_empty(snapback)


def make_visible_and_empty(snapback) -> None:
    """What was received and not handled is hidden for a minute; nobody waits for it here."""
    snapback.aws.client("sqs").purge_queue(QueueUrl=snapback.stack.outputs["RuleDeadLettersUrl"])


def test_the_redrive_function_may_count_and_write_nothing_else_into_the_journal(snapback):
    dynamodb = snapback.as_function("RedriveFunction", "dynamodb")
    for key in ("entry#1", "hold#arn:aws:s3:::b", "stop"):
        for refused in (
            lambda key: dynamodb.get_item(TableName=snapback.stack.journal, Key={"pk": {"S": key}, "sk": {"S": "x"}}),
            lambda key: dynamodb.update_item(
                TableName=snapback.stack.journal,
                Key={"pk": {"S": key}, "sk": {"S": "x"}},
                UpdateExpression="SET a = :a",
                ExpressionAttributeValues={":a": {"S": "x"}},
            ),
        ):
            with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
                refused(key)
