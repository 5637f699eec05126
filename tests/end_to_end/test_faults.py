"""Whatever goes wrong at whatever call to AWS, nothing is lost.

Each call that a delivery makes goes wrong in each way, once before and once after AWS has done what it was asked for.
So do the calls that only a delivery makes which goes on where another has ended. Then the account is either untouched
or reverted, the journal says which, and a further delivery brings it to its end. The local AWS delivers an event once and has no clock to turn, so the deliveries are made by hand (tests/faulty) and leases are
ended by hand.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest

from scene import event
from stack import ACCOUNT, REGION, REPOSITORY, TARGET, LocalAws

FAULTS = ("throttled", "denied", "conflict", "broken", "timeout", "cut", "garbage")
AFTER = ("broken-after", "timeout-after", "cut-after", "garbage-after")

# As many as the deliveries of one event: more would only wait for each other.
AT_ONCE = 8


class World:
    """A local AWS with a journal and a topic that a queue listens to."""

    def __init__(self, aws: LocalAws):
        self.aws = aws
        self.s3, self.ec2 = aws.client("s3"), aws.client("ec2")
        self.dynamodb, self.sqs, sns = aws.client("dynamodb"), aws.client("sqs"), aws.client("sns")
        key = [{"AttributeName": name, "KeyType": kind} for name, kind in (("pk", "HASH"), ("sk", "RANGE"))]
        attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        self.dynamodb.create_table(
            TableName="journal", KeySchema=key, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST"
        )
        seals = aws.client("kms")
        for alias in ("alias/journal", "alias/journal-operators"):
            key = seals.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
            seals.create_alias(AliasName=alias, TargetKeyId=key)
        topic = sns.create_topic(Name="topic")["TopicArn"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:heard"
        may = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": queue,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        self.queue = self.sqs.create_queue(QueueName="heard", Attributes={"Policy": policy})["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        self.environment = aws.environment(
            AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", SNAPBACK_MODE="revert", SNAPBACK_JOURNAL="journal",
            SNAPBACK_JOURNAL_KEY="alias/journal", SNAPBACK_OPERATORS_KEY="alias/journal-operators",
            SNAPBACK_DELAYED="http://delayed", SNAPBACK_JOURNAL_DAYS="1", SNAPBACK_TOPIC=topic, SNAPBACK_ROLE=f"arn:aws:iam::{ACCOUNT}:role/own",
            SNAPBACK_MAX_REVERTS_PER_HOUR="10000", SNAPBACK_GUARDRAILS=str(REPOSITORY / "guardrails"),
        )  # fmt: skip

    def deliver(self, function: str, payload: dict, *fault: str) -> dict:
        command = [str(TARGET / "debug" / "faulty"), function, *fault]
        done = subprocess.run(
            command, input=json.dumps(payload), env=self.environment, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    def entries(self, arn: str) -> list[dict]:
        """What the journal says of it, by whichever control."""
        of_this = {"FilterExpression": "#of = :arn", "ExpressionAttributeNames": {"#of": "resource"}}
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName="journal", ConsistentRead=True, ExpressionAttributeValues={":arn": {"S": arn}}, **of_this
        )
        return [item for page in pages for item in page["Items"]]

    def entry(self, thing: PublicBucket | OpenGroup) -> dict | None:
        """What it says of what the control did. Others look at a policy that was put too, and may fail by themselves."""
        by_it = [entry for entry in self.entries(thing.arn) if entry["control"]["S"] == thing.control]
        assert len(by_it) <= 1, "one event is one entry"
        return by_it[0] if by_it else None

    def let_leases_end(self, arn: str) -> None:
        entries = [(entry["pk"]["S"], "entry") for entry in self.entries(arn)]
        for pk, sk in [*entries, (f"lease#{arn}", "lease")]:
            with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
                self.dynamodb.update_item(
                    TableName="journal",
                    Key={"pk": {"S": pk}, "sk": {"S": sk}},
                    UpdateExpression="SET lease = :over",
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":over": {"N": "0"}},
                )

    def heard(self) -> list[dict]:
        """All announcements since it was last asked."""
        heard = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                heard.append(json.loads(json.loads(message["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return heard


class PublicBucket:
    """A bucket that somebody has opened to everyone, beside whom it is meant for."""

    function, control, write = "S3Function", "s3-public-bucket-policy", "PUT policy"

    def __init__(self, world: World):
        self.world, self.name = world, f"bucket-{uuid4().hex}"
        self.arn = f"arn:aws:s3:::{self.name}"
        world.s3.create_bucket(Bucket=self.name)
        world.s3.delete_public_access_block(Bucket=self.name)
        named, everyone = (
            {"Effect": "Allow", "Principal": who, "Action": "s3:GetObject", "Resource": f"{self.arn}/*"}
            for who in ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "*")
        )
        # What denies something lost nothing, so that one control less has a reason to look.
        denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": self.arn}
        both = ([named, everyone, denied], [named, denied])
        self.opened, self.closed = ({"Version": "2012-10-17", "Statement": all} for all in both)
        world.s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(self.opened))
        self.event = an_event("s3", "PutBucketPolicy", {"bucketName": self.name, "bucketPolicy": self.opened}, None)

    def state(self):
        return json.loads(self.world.s3.get_bucket_policy(Bucket=self.name)["Policy"])


class OpenGroup:
    """A security group that somebody has opened to everyone, beside a rule that stays."""

    function, control, write = "Ec2Function", "ec2-open-security-group", "RevokeSecurityGroupIngress"

    def __init__(self, world: World):
        self.world = world
        name = f"group-{uuid4().hex}"
        self.id = world.ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
        self.arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{self.id}"
        self._open("10.0.0.0/8")
        self.closed = self.state()
        rule = self._open("0.0.0.0/0")
        self.opened = self.state()
        told = {"securityGroupRuleId": rule, "groupId": self.id, "isEgress": False, "ipProtocol": "tcp",
                "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}  # fmt: skip
        self.event = an_event(
            "ec2", "AuthorizeSecurityGroupIngress", {"groupId": self.id},
            {"_return": True, "securityGroupRuleSet": {"items": [told]}},
        )  # fmt: skip

    def _open(self, cidr: str) -> str:
        permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr}]}
        made = self.world.ec2.authorize_security_group_ingress(GroupId=self.id, IpPermissions=[permission])
        return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def state(self):
        rules = self.world.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.id]}])
        return {rule["SecurityGroupRuleId"] for rule in rules["SecurityGroupRules"] if not rule["IsEgress"]}


def an_event(service: str, name: str, request: dict, response: dict | None) -> dict:
    # Lambda tries again after a minute, and the test at once: AWS has had its own time to show the event by then.
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 10))
    return event({
        "eventVersion": "1.11", "eventID": str(uuid4()), "eventTime": at,
        "eventSource": f"{service}.amazonaws.com", "eventName": name, "awsRegion": REGION,
        "recipientAccountId": ACCOUNT, "sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2.31",
        "userIdentity": {"type": "IAMUser", "userName": "mallory", "accountId": ACCOUNT,
                         "arn": f"arn:aws:iam::{ACCOUNT}:user/mallory"},
        "requestParameters": request, "responseElements": response,
    })  # fmt: skip


@pytest.fixture(scope="module")
def world():
    # One thing goes wrong at a time here, which is put between; all else is as adverse as elsewhere.
    with LocalAws(faults=()) as aws:
        yield World(aws)


def opened(world: World, kind: type):
    return kind(world)


def interrupted(world: World, kind: type):
    """Something that was opened, and that a delivery could not close."""
    thing = kind(world)
    assert world.deliver(kind.function, thing.event, kind.write, "1", "broken")["failed"]
    assert thing.state() == thing.opened and world.entry(thing)["outcome"]["S"] == "failed"
    world.let_leases_end(thing.arn)
    return thing


def tried(world: World, kind: type, call: str, nth: int, fault: str, make) -> tuple[str, str]:
    """How a delivery ended in which a call went wrong, and what that was about."""
    thing = make(world, kind)
    delivered = world.deliver(kind.function, thing.event, call, str(nth), fault)
    state, entry = thing.state(), world.entry(thing)
    outcome = entry["outcome"]["S"] if entry else None
    where = f"{call} {nth} {fault}: {delivered}, {outcome}"
    assert state in (thing.opened, thing.closed), f"neither untouched nor reverted: {where}"
    if state == thing.closed:
        assert outcome in ("pending", "failed", "reverted"), f"reverted, and the journal does not say so: {where}"
    if delivered["failed"] is None:
        assert outcome in ("reverted", "alerted"), f"nobody will try again: {where}"
        assert (state == thing.closed) == (outcome == "reverted"), where
    first = f"{'failed' if delivered['failed'] else outcome}, {'reverted' if state == thing.closed else 'untouched'}"
    for _ in range(2):
        world.let_leases_end(thing.arn)
        delivered = world.deliver(kind.function, thing.event)
        outcome = world.entry(thing)["outcome"]["S"]
        assert delivered["failed"] is None, f"a further delivery fails: {where}, then {delivered}"
        # Whether to look into what cannot be read or seen is left to a person.
        assert outcome in ("reverted", "alerted"), f"it did not heal: {where}, then {outcome}"
        assert (thing.state() == thing.closed) == (outcome == "reverted"), where
    return f"{first}; then {outcome}", thing.arn


@pytest.mark.parametrize("kind", [PublicBucket, OpenGroup])
def test_whatever_goes_wrong_nothing_is_lost(world, kind, capsys):
    thing = kind(world)
    calm = world.deliver(kind.function, thing.event)
    assert calm["failed"] is None and thing.state() == thing.closed
    calls, seen = [], Counter()
    for call in calm["calls"]:
        seen[call] += 1
        calls.append((call, seen[call]))
    cases = [(call, nth, fault, opened) for call, nth in calls for fault in (*FAULTS, *AFTER)]
    thing = interrupted(world, kind)
    going_on = world.deliver(kind.function, thing.event)
    assert going_on["failed"] is None and thing.state() == thing.closed
    only_then = [call for call in going_on["calls"] if call not in seen]
    assert only_then == ["KMS VerifyMac"]
    cases += [(call, 1, fault, interrupted) for call in only_then for fault in (*FAULTS, *AFTER)]
    world.heard()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(lambda case: tried(world, kind, *case), cases))
    heard = Counter(one["resource"] for one in world.heard())
    untold = [(*case, end) for case, (end, arn) in zip(cases, ends, strict=True) if not heard[arn]]
    assert untold == [], "nobody was told of it"
    with capsys.disabled():
        print(f"\n{kind.__name__}: {len(calls)} calls, and {len(only_then)} only to go on; {len(cases)} faults.")
        print("Nothing lost. Deliveries, by how they ended:")
        for end, times in sorted(Counter(end for end, _ in ends).items()):
            print(f"  {times:4}  {end}")
