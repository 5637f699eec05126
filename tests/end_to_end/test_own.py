"""What somebody does to Snapback itself is taken back or said, also by whoever silenced the saying.

What no test here shows: that CloudFormation's calls are recorded as they are by AWS, since the local one records none
(a record written by hand stands for them), and that alarms evaluate.
"""

import json
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from scene import event, tick
from stack import ACCOUNT, REGION, REPOSITORY, wait_for


@pytest.fixture(scope="module")
def own(deployed):
    """A Snapback of our own, since what is done to it here would disturb others."""
    return deployed(mode="revert")


def part(snapback, logical_id: str, arn: str = "{name}"):
    """A part of Snapback, as the tests speak of things."""
    described = snapback.aws.client("cloudformation").describe_stack_resource(
        StackName=snapback.stack.name, LogicalResourceId=logical_id
    )
    physical = described["StackResourceDetail"]["PhysicalResourceId"]
    name = physical.replace("/", ":").rpartition(":")[2]
    return SimpleNamespace(name=name, id=name, arn=arn.format(name=name), physical=physical)


def rule(snapback, logical_id: str):
    return part(snapback, logical_id, f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{name}}")


def function(snapback, logical_id: str):
    return part(snapback, logical_id, f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}")


def journal(snapback):
    return part(snapback, "Journal", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{name}}")


def topic(snapback):
    return part(snapback, "Topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}")


def state_of(snapback, thing) -> str:
    return snapback.aws.client("events").describe_rule(Name=thing.name)["State"]


def targets_of(snapback, thing) -> list:
    return snapback.aws.client("events").list_targets_by_rule(Rule=thing.name)["Targets"]


def reserved_for(snapback, thing) -> int | None:
    answer = snapback.aws.client("lambda").get_function_concurrency(FunctionName=thing.name)
    return answer.get("ReservedConcurrentExecutions")


def is_protected(snapback) -> bool:
    table = snapback.aws.client("dynamodb").describe_table(TableName=snapback.stack.journal)["Table"]
    return table["DeletionProtectionEnabled"]


def is_recoverable(snapback) -> bool:
    told = snapback.aws.client("dynamodb").describe_continuous_backups(TableName=snapback.stack.journal)
    of_time = told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    return of_time["PointInTimeRecoveryStatus"] == "ENABLED"


def look(snapback) -> None:
    """What the schedule would do within five minutes."""
    answer = snapback.invoke("OwnFunction", tick(datetime.now(timezone.utc), rule(snapback, "OwnSchedule").name))
    assert answer == {"error": None, "payload": None}, answer


def said_of(snapback, thing) -> list:
    """What was announced with it as the resource; other announcements may name it as well."""
    return [announced for announced in snapback.announcements_about(thing) if announced["resource"] == thing.arn]


def outcomes(snapback, thing) -> list:
    return [announced["outcome"] for announced in said_of(snapback, thing)]


def says(snapback, thing, outcome: str) -> dict:
    """The first announcement of this outcome, which is waited for."""
    found = wait_for(lambda: [one for one in said_of(snapback, thing) if one["outcome"] == outcome])
    assert found, f"not {outcome}: {said_of(snapback, thing)}"
    return found[0]


def alert(snapback, thing, call: str) -> dict:
    """The alert that a call upon it has led to."""

    def heard():
        return [one for one in said_of(snapback, thing) if one["event"]["name"] == call and one["outcome"] == "alerted"]

    found = wait_for(heard)
    assert found, f"{call} was not announced: {said_of(snapback, thing)}"
    return found[0]


def test_a_deployment_is_found_to_be_well(own):
    look(own)
    for thing in (rule(own, "S3Rule"), function(own, "S3Function"), journal(own), topic(own)):
        assert own.announcements_about(thing) == own.journal_about(thing) == []


def test_a_disabled_rule_is_enabled_again_and_undo_lets_it_sleep(own):
    woken = rule(own, "S3Rule")
    own.aws.client("events").disable_rule(Name=woken.name)
    announced = says(own, woken, "reverted")
    assert (announced["control"], announced["severity"]) == ("own-silenced-rule", "critical")
    assert state_of(own, woken) == "ENABLED"
    undone = own.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert says(own, woken, "held")
    look(own)
    assert state_of(own, woken) == "DISABLED", "an operator wants it so"
    assert own.release(announced["id"]).returncode == 0
    look(own)
    assert state_of(own, woken) == "ENABLED"


def test_who_first_silences_the_rule_that_would_tell_is_found_by_the_look(own):
    teller, woken = rule(own, "OwnEventsRule"), rule(own, "Ec2Rule")
    events = own.aws.client("events")
    events.disable_rule(Name=teller.name)
    events.disable_rule(Name=woken.name)
    assert own.has_settled()
    assert (state_of(own, teller), state_of(own, woken)) == ("DISABLED", "DISABLED"), "nobody heard of it"
    look(own)
    assert (state_of(own, teller), state_of(own, woken)) == ("ENABLED", "ENABLED")
    assert outcomes(own, teller) == outcomes(own, woken) == ["reverted"]
    look(own)
    assert outcomes(own, teller) == ["reverted"]
    [found] = said_of(own, woken)
    undone = own.undo(found["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert state_of(own, woken) == "DISABLED", "what a look took back is undone like all else"
    assert own.release(found["id"]).returncode == 0
    look(own)
    assert state_of(own, woken) == "ENABLED"


def test_what_was_opened_while_a_rule_was_disabled_for_a_second_is_reverted(own):
    teller, silenced, bucket = rule(own, "OwnEventsRule"), rule(own, "S3Rule"), own.a_bucket()
    events = own.aws.client("events")
    for thing in (teller, silenced):
        events.disable_rule(Name=thing.name)
    bucket.put_policy(bucket.lets_in_everyone())
    for thing in (silenced, teller):
        events.enable_rule(Name=thing.name)
    assert own.has_settled()
    assert bucket.statements() != [], "nobody heard of it"
    look(own)
    # What waits in the delayed queue is handed to its function.
    assert own.redrive(minutes=0)["error"] is None
    assert own.announces(bucket)["outcome"] == "reverted"
    assert bucket.statements() == []


def test_a_target_that_was_taken_away_is_put_back_as_it_was(own):
    woken = rule(own, "Ec2Rule")
    before = targets_of(own, woken)
    own.aws.client("events").remove_targets(Rule=woken.name, Ids=["Ec2Function"])
    assert wait_for(lambda: targets_of(own, woken) == before), targets_of(own, woken)


def test_the_role_can_hand_events_to_nobody_but_a_function_of_the_stack(own):
    woken, events = rule(own, "S3Rule"), own.as_function("OwnFunction", "events")
    before = targets_of(own, woken)
    spy = {"Id": "spy", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:spy"}
    for targets in ([spy], [*before, spy]):
        with pytest.raises(ClientError, match="AccessDenied"):
            events.put_targets(Rule=woken.name, Targets=targets)
    assert targets_of(own, woken) == before
    events.put_targets(Rule=woken.name, Targets=before)


def test_a_target_that_gets_nothing_of_the_event_is_put_back_as_it_was(own):
    woken = rule(own, "S3Rule")
    [before] = targets_of(own, woken)
    own.aws.client("events").put_targets(Rule=woken.name, Targets=[{**before, "Input": "{}"}])
    assert wait_for(lambda: targets_of(own, woken) == [before]), targets_of(own, woken)


def test_a_function_may_run_again_and_other_changes_of_it_are_said(own):
    held_back = function(own, "Ec2Function")
    client = own.aws.client("lambda")
    client.put_function_concurrency(FunctionName=held_back.name, ReservedConcurrentExecutions=0)
    announced = says(own, held_back, "reverted")
    assert (announced["control"], announced["severity"]) == ("own-changed-function", "critical")
    assert reserved_for(own, held_back) is None
    client.update_function_configuration(FunctionName=held_back.name, MemorySize=192)
    said = alert(own, held_back, "UpdateFunctionConfiguration20150331v2")
    assert said["severity"] == "critical"


def test_a_look_lets_a_function_run_again(own):
    held_back = function(own, "S3Function")
    with own.unseen():
        own.aws.client("lambda").put_function_concurrency(
            FunctionName=held_back.name, ReservedConcurrentExecutions=0
        )
    look(own)
    assert reserved_for(own, held_back) is None


def test_the_journal_is_protected_again(own):
    table, client = journal(own), own.aws.client("dynamodb")
    client.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    assert wait_for(lambda: is_protected(own))
    assert says(own, table, "reverted")["control"] == "own-unprotected-journal"
    off = {"PointInTimeRecoveryEnabled": False}
    client.update_continuous_backups(TableName=table.name, PointInTimeRecoverySpecification=off)
    assert wait_for(lambda: is_recoverable(own))
    with own.unseen():
        client.update_table(TableName=table.name, DeletionProtectionEnabled=False)
    look(own)
    assert is_protected(own)


def test_a_key_is_enabled_again(own):
    key, client = part(own, "TopicKey", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}"), own.aws.client("kms")

    def state() -> str:
        return client.describe_key(KeyId=key.name)["KeyMetadata"]["KeyState"]

    client.disable_key(KeyId=key.name)
    assert wait_for(lambda: state() == "Enabled")
    client.schedule_key_deletion(KeyId=key.name, PendingWindowInDays=7)
    assert wait_for(lambda: state() == "Enabled")
    assert own.has_settled()
    assert {(one["control"], one["outcome"]) for one in said_of(own, key)} == {("own-disabled-key", "reverted")}


@pytest.mark.parametrize("which", ["JournalKey", "OperatorsKey"])
def test_the_journals_keys_are_enabled_again_and_then_the_journal_has_it(own, which):
    key = part(own, which, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}")
    client, bucket = own.aws.client("kms"), own.a_bucket()

    def state() -> str:
        return client.describe_key(KeyId=key.name)["KeyMetadata"]["KeyState"]

    client.disable_key(KeyId=key.name)
    assert wait_for(lambda: state() == "Enabled")
    client.schedule_key_deletion(KeyId=key.name, PendingWindowInDays=7)
    assert wait_for(lambda: state() == "Enabled")
    with own.unseen():
        client.disable_key(KeyId=key.name)
    look(own)
    assert state() == "Enabled"
    assert own.has_settled()

    def said_reverted() -> set:
        return {one["id"] for one in said_of(own, key) if one["outcome"] == "reverted"}

    def written() -> dict:
        return {entry["pk"].removeprefix("entry#"): entry["outcome"] for entry in own.journal_about(key)}

    # What was said before the journal could be written, where it could not, is said again once it is.
    assert wait_for(lambda: said_reverted() == set(written())), (said_of(own, key), written())
    assert len(written()) >= 3 and set(written().values()) == {"reverted"}
    assert set(outcomes(own, key)) <= {"pending", "reverted"}
    # And so does everything else again.
    bucket.put_policy(bucket.lets_in_everyone())
    assert own.announces(bucket)["outcome"] == "reverted"


def test_undo_says_that_a_disabled_journals_key_does_not_last(own):
    key, client = part(own, "JournalKey", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}"), own.aws.client("kms")
    reverted = [one for one in said_of(own, key) if one["outcome"] == "reverted"]
    undone = own.undo(reverted[0]["id"])
    assert undone.returncode == 0, undone.stderr
    assert "This does not last" in undone.stdout and "own-disabled-key=notify" in undone.stdout
    assert wait_for(lambda: client.describe_key(KeyId=key.name)["KeyMetadata"]["KeyState"] == "Enabled")
    assert own.has_settled()


def test_the_journals_capacity_is_given_back(own):
    table, client = journal(own), own.aws.client("dynamodb")
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    indexes = [
        {"Update": {"IndexName": name, "ProvisionedThroughput": units}}
        for name in ("by-resource", "by-account", "by-time")
    ]
    client.update_table(
        TableName=table.name, BillingMode="PROVISIONED", ProvisionedThroughput=units, GlobalSecondaryIndexUpdates=indexes
    )

    def is_on_demand() -> bool:
        described = client.describe_table(TableName=table.name)["Table"]
        return described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    assert wait_for(is_on_demand)


def test_what_would_tell_of_trouble_is_watched(own):
    alarm = part(own, "OwnAsleep", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{{name}}")
    own.aws.client("cloudwatch").disable_alarm_actions(AlarmNames=[alarm.name])
    assert alert(own, alarm, "DisableAlarmActions")["severity"] == "critical"
    own.aws.client("events").put_permission(Action="events:PutEvents", Principal="777788889999", StatementId="guests")
    bus = SimpleNamespace(id="default", arn=f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default")
    assert alert(own, bus, "PutPermission")["severity"] == "high"


def test_nobody_takes_from_the_queues_or_sends_to_them_but_who_needs_to(own):
    with own.unseen():
        mallory = own.aws.client("sqs", own.user("thief", "sqs:*"))
    outputs = own.stack.outputs
    for queue in ("RuleDeadLettersUrl", "FunctionDeadLettersUrl"):
        with pytest.raises(ClientError, match="AccessDenied"):
            mallory.receive_message(QueueUrl=outputs[queue])
    for queue in ("RuleDeadLettersUrl", "FunctionDeadLettersUrl", "GivenUpEventsUrl"):
        with pytest.raises(ClientError, match="AccessDenied"):
            mallory.send_message(QueueUrl=outputs[queue], MessageBody="{}")
    mallory.receive_message(QueueUrl=outputs["GivenUpEventsUrl"])


def test_who_stops_hearing_is_said_and_a_look_notices_that_nobody_hears(own):
    thing, sns = topic(own), own.aws.client("sns")
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:somebody-else"
    own.aws.client("sqs").create_queue(QueueName="somebody-else")
    another = sns.subscribe(TopicArn=own.stack.topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    sns.unsubscribe(SubscriptionArn=another["SubscriptionArn"])
    announced = alert(own, thing, "Unsubscribe")
    assert (announced["control"], announced["severity"]) == ("own-muted-topic", "critical")
    [hearing] = sns.list_subscriptions_by_topic(TopicArn=own.stack.topic)["Subscriptions"]
    with own.unseen():
        sns.unsubscribe(SubscriptionArn=hearing["SubscriptionArn"])
    assert own.has_settled()
    before = len(own.journal_about(thing))
    look(own)
    look(own)
    of_look = own.journal_about(thing)[before:]
    assert len(own.journal_about(thing)) == before + 1, "found twice, written down once"
    assert "no subscription is confirmed" in json.dumps([entry["body"] for entry in own.journal_about(thing)]), of_look
    sns.subscribe(TopicArn=own.stack.topic, Protocol="sqs", Endpoint=hearing["Endpoint"])


def test_a_purged_queue_is_said_and_events_that_wait_are_said_once(own):
    letters, sqs = part(own, "RuleDeadLetters", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}"), own.aws.client("sqs")
    url = own.stack.outputs["RuleDeadLettersUrl"]
    # Whatever still waits for a second look wakes the redrive function, which would give this letter up.
    assert own.has_settled()
    own.aws.dead_letter(letters.arn, "{}")
    look(own)
    look(own)
    [waiting] = said_of(own, letters)
    assert (waiting["control"], waiting["outcome"], waiting["severity"]) == ("own-changed-queue", "alerted", "high")
    sqs.purge_queue(QueueUrl=url)
    assert alert(own, letters, "PurgeQueue")["severity"] == "critical"


def test_a_changed_role_is_said(own):
    role = part(own, "S3Role", f"arn:aws:iam::{ACCOUNT}:role/{{name}}")
    with own.role_without("S3Function", "s3:PutBucketPolicy"):
        said = alert(own, role, "PutRolePolicy")
    assert (said["control"], said["severity"]) == ("own-changed-role", "critical")


def test_what_is_done_to_the_parts_of_others_is_nobodys_business(own):
    events = own.aws.client("events")
    for name in ("nightly", f"{own.stack.name}-S3Rule-copy"):
        events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
        events.disable_rule(Name=name)
        assert own.has_settled()
        assert events.describe_rule(Name=name)["State"] == "DISABLED"
        assert own.announcements_about(SimpleNamespace(id=name)) == []


def test_a_deployment_is_not_fought_and_is_nothing_critical(own):
    role = part(own, "Ec2Role", f"arn:aws:iam::{ACCOUNT}:role/{{name}}")
    things = [rule(own, "S3Rule"), function(own, "S3Function"), role, journal(own), topic(own)]
    before = [len(said_of(own, thing)) for thing in things]
    own.aws.deploy(mode="notify", ModeOverrides="own-*=revert")
    assert own.has_settled()
    look(own)
    assert [len(said_of(own, thing)) for thing in things] == before
    # The local CloudFormation records nothing, so a record written by hand stands for what AWS's does.
    file = REPOSITORY / "events" / "own-changed-role" / "policy-put-by-cloudformation.json"
    record = json.loads(file.read_text(encoding="utf-8"))["detail"]
    record["requestParameters"]["roleName"] = role.name
    own.aws.deliver(event({**record, "awsRegion": REGION, "eventTime": now(), "eventID": str(uuid4())}))
    assert alert(own, role, "PutRolePolicy")["severity"] == "medium"
    # What that deployment has asked for: Snapback restores itself, and touches nothing else.
    bucket, woken = own.a_bucket(), rule(own, "S3Rule")
    bucket.put_policy(bucket.lets_in_everyone())
    assert own.announces(bucket)["outcome"] == "would-revert"
    own.aws.client("events").disable_rule(Name=woken.name)
    assert wait_for(lambda: state_of(own, woken) == "ENABLED")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
