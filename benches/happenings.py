"""What is done to the local AWS for a function to answer: to something new each time, and told as CloudTrail does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count

from scene import Bucket, Group, Snapback, event, tick
from stack import ACCOUNT, wait_for

_number = count(1)


@dataclass(frozen=True)
class Happening:
    event: dict
    # Whether what was risky is gone, and nothing else.
    is_settled: Callable[[], bool]


@dataclass(frozen=True)
class Subject:
    """What there is to do to one service."""

    title: str
    risky: Callable[[Snapback], Happening]
    benign: Mapping[str, Callable[[Snapback], Happening]]
    # The calls that take the risk away.
    reverts: frozenset


@dataclass(frozen=True)
class Rule:
    id: str


Thing = Bucket | Group | Rule


def public_policy(snapback: Snapback) -> Happening:
    bucket = snapback.a_bucket()
    return policy(snapback, bucket, own(bucket), bucket.lets_in_everyone(), leaves=["Own"])


def private_policy(snapback: Snapback) -> Happening:
    bucket = snapback.a_bucket()
    insecure = {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    return policy(
        snapback, bucket, own(bucket), {**bucket.lets_in_everyone("s3:*", "Tls"), **insecure}, leaves=["Own", "Tls"]
    )


def policy_without_deny(snapback: Snapback) -> Happening:
    bucket = snapback.a_bucket()
    return policy(snapback, bucket, own(bucket), leaves=["Own"])


def open_port(snapback: Snapback) -> Happening:
    return port(snapback, 22, "0.0.0.0/0", stays=False)


def inner_port(snapback: Snapback) -> Happening:
    return port(snapback, 22, "10.0.0.0/8", stays=True)


def disabled_own_rule(snapback: Snapback) -> Happening:
    """One to which nothing here fits, so that it wakes nobody when it is enabled again."""
    rules = snapback.aws.client("events").list_rules()["Rules"]
    [name] = [rule["Name"] for rule in rules if "-S3ControlRule-" in rule["Name"]]
    return disabled(snapback, name, leaves="ENABLED")


def disabled_other_rule(snapback: Snapback) -> Happening:
    name = f"nightly-{next(_number)}"
    snapback.aws.client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
    return disabled(snapback, name, leaves="DISABLED")


def empty_queues(_: Snapback) -> Happening:
    """The tick upon which dead letters are looked for. There are none."""
    return Happening(tick(datetime.now(timezone.utc)), lambda: True)


SUBJECTS = {
    "s3": Subject(
        "A bucket policy lets everyone in",
        public_policy,
        {"benign": private_policy, "benign, denies nothing": policy_without_deny},
        frozenset({"S3.PutBucketPolicy", "S3.DeleteBucketPolicy"}),
    ),
    "ec2": Subject(
        "A security group lets the world in",
        open_port,
        {"benign": inner_port},
        frozenset({"EC2.RevokeSecurityGroupIngress"}),
    ),
    "own": Subject(
        "A rule of Snapback itself is disabled",
        disabled_own_rule,
        {"benign": disabled_other_rule},
        frozenset({"EventBridge.EnableRule"}),
    ),
    "redrive": Subject("Dead letters are looked for, and there are none", empty_queues, {}, frozenset()),
}


def own(bucket: Bucket) -> dict:
    return bucket.lets_in(ACCOUNT, "Own")


def policy(snapback: Snapback, bucket: Bucket, *statements: dict, leaves: list) -> Happening:
    bucket.put_policy(*statements)
    return Happening(told(snapback, bucket, "PutBucketPolicy"), lambda: bucket.statements() == leaves)


def port(snapback: Snapback, number: int, source: str, stays: bool) -> Happening:
    """Opened in a group that has one rule already."""
    group = snapback.a_group()
    before = {group.open(443)["SecurityGroupRuleId"]}
    made = {group.open(number, source)["SecurityGroupRuleId"]}
    left = before | made if stays else before
    return Happening(told(snapback, group, "AuthorizeSecurityGroupIngress", 2), lambda: group.rule_ids() == left)


def disabled(snapback: Snapback, name: str, leaves: str) -> Happening:
    events, rule = snapback.aws.client("events"), Rule(name)
    events.enable_rule(Name=name)
    number = len(upon(snapback, rule, "DisableRule")) + 1
    events.disable_rule(Name=name)
    return Happening(
        told(snapback, rule, "DisableRule", number), lambda: events.describe_rule(Name=name)["State"] == leaves
    )


def told(snapback: Snapback, thing: Thing, call: str, number: int = 1) -> dict:
    """The event of such a call upon it, the first or a later one, in CloudTrail's words."""
    return event(wait_for(lambda: upon(snapback, thing, call)[number - 1 :])[0])


def upon(snapback: Snapback, thing: Thing, call: str) -> list:
    return [record for record in snapback.calls_upon(thing) if record["eventName"] == call]
