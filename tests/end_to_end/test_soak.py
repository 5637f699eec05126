"""Many events, risky and benign, of many kinds and at the same time, on an AWS that is adverse: nothing is lost.

Each risky one ends as it is to end and somebody is told; each benign one stays as it was and nobody is; nothing is
reported as failed that was not, no event is given up, and the journal knows the end of all that it began. 50 events
run with the tests. `make soak` runs 1,000, with another seed each time.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from random import Random

from stack import ACCOUNT, PATIENCE, REGION, SEED, wait_for

EVENTS = int(os.environ.get("SNAPBACK_SOAK", "50"))

# Of events that Lambda works on at a time. More would only wait for the processor.
AT_ONCE = 6

PARTNER, STRANGER = "444455556666", "777788889999"
FRIENDS = [f"arn:aws:iam::{PARTNER}:role/friend-{number}" for number in range(7)]
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allows(who: str | list, action: str, resource: str, sid: str) -> dict:
    named = who if who == "*" else {"AWS": who}
    return {"Sid": sid, "Effect": "Allow", "Principal": named, "Action": action, "Resource": resource}


class PolicyOfBucket:
    """Friends are let in, and with them everyone, in one list: that has another order whenever it is read."""

    control = "s3-public-bucket-policy"

    def __init__(self, snapback):
        # That its Block Public Access goes is unseen: else that alone may be reverted, which closes the bucket as well.
        bucket = snapback.a_bucket()
        self._s3, self.name, self.arn = snapback.s3, bucket.name, bucket.arn

    def change(self, is_risky: bool) -> None:
        who = [*FRIENDS, *(["*"] if is_risky else [])]
        put = allows(who, "s3:GetObject", f"{self.arn}/*", "Friends")
        self._s3.put_bucket_policy(Bucket=self.name, Policy=policy(put))

    def is_right(self) -> bool:
        [left] = json.loads(self._s3.get_bucket_policy(Bucket=self.name)["Policy"])["Statement"]
        return sorted(left["Principal"]["AWS"]) == FRIENDS


class AclOfBucket:
    control = "s3-public-bucket-acl"

    def __init__(self, snapback):
        bucket = snapback.a_bucket_with_acls()
        self._s3, self.name, self.arn = snapback.s3, bucket.name, bucket.arn

    def change(self, is_risky: bool) -> None:
        self._s3.put_bucket_acl(Bucket=self.name, ACL="public-read" if is_risky else "private")

    def is_right(self) -> bool:
        return [grant["Permission"] for grant in self._s3.get_bucket_acl(Bucket=self.name)["Grants"]] == ["FULL_CONTROL"]


class SecurityGroup:
    control = "ec2-open-security-group"

    def __init__(self, snapback):
        self._group = snapback.a_group()
        self.arn = self._group.arn
        self._group.open(443)

    def change(self, is_risky: bool) -> None:
        self._group.open(22, "0.0.0.0/0" if is_risky else "10.0.0.0/8")
        self._left = {443} if is_risky else {22, 443}

    def is_right(self) -> bool:
        return {rule["FromPort"] for rule in self._group.rules()} == self._left


class NetworkAcl:
    control = "ec2-open-network-acl"

    def __init__(self, snapback):
        self._ec2 = snapback.ec2
        vpc = self._ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.id = self._ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        self.arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-acl/{self.id}"

    def change(self, is_risky: bool) -> None:
        cidr = "0.0.0.0/0" if is_risky else "198.51.100.0/24"
        entry = {"RuleNumber": 90, "Protocol": "-1", "RuleAction": "allow", "Egress": False, "CidrBlock": cidr}
        self._ec2.create_network_acl_entry(NetworkAclId=self.id, **entry)
        self._left = set() if is_risky else {cidr}

    def is_right(self) -> bool:
        [acl] = self._ec2.describe_network_acls(NetworkAclIds=[self.id])["NetworkAcls"]
        entries = [entry for entry in acl["Entries"] if entry["RuleNumber"] == 90 and not entry["Egress"]]
        return {entry["CidrBlock"] for entry in entries} == self._left


class Snapshot:
    control = "ec2-shared-snapshot"

    def __init__(self, snapback):
        self._ec2 = snapback.ec2
        volume = self._ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        self.id = self._ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        self.arn = f"arn:aws:ec2:{REGION}::snapshot/{self.id}"

    def change(self, is_risky: bool) -> None:
        who = [{"UserId": PARTNER}, *([{"Group": "all"}, {"UserId": STRANGER}] if is_risky else [])]
        self._ec2.modify_snapshot_attribute(SnapshotId=self.id, CreateVolumePermission={"Add": who})

    def is_right(self) -> bool:
        asked = {"SnapshotId": self.id, "Attribute": "createVolumePermission"}
        return self._ec2.describe_snapshot_attribute(**asked)["CreateVolumePermissions"] == [{"UserId": PARTNER}]


class Thing:
    """A topic or a queue."""

    def __init__(self, thing, action: str):
        self._thing, self._action = thing, action
        self.arn = thing.arn

    def change(self, is_risky: bool) -> None:
        put = [allows(FRIENDS, self._action, self.arn, "Friends")]
        put += [allows([STRANGER, "*"], self._action, self.arn, "Others")] if is_risky else []
        self._thing.put(*put)

    def is_right(self) -> bool:
        statements = self._thing.statements()
        return len(statements) == 1 and sorted(statements[0]["Principal"]["AWS"]) == FRIENDS


class Topic(Thing):
    control = "sns-open-topic-policy"

    def __init__(self, snapback):
        super().__init__(snapback.a_topic(), "SNS:Publish")


class Queue(Thing):
    control = "sqs-open-queue-policy"

    def __init__(self, snapback):
        super().__init__(snapback.a_queue(), "SQS:SendMessage")


KINDS = [PolicyOfBucket, AclOfBucket, SecurityGroup, NetworkAcl, Snapshot, Topic, Queue]


def test_of_many_events_nothing_is_lost_and_nothing_is_said_to_have_failed(deployed, capsys):
    snapback, random = deployed(mode="revert", retry_seconds=1.0), Random(SEED)
    done = []
    for number in range(EVENTS):
        # Each kind has its turn before one has another.
        thing, is_risky = KINDS[number % len(KINDS)](snapback), random.random() < 0.5
        thing.change(is_risky)
        done.append((thing, is_risky))
        assert wait_for(lambda: snapback.aws.at_work()["events"] < AT_ONCE)
    assert wait_for(lambda: snapback.aws.at_work()["events"] == 0, patience=PATIENCE + EVENTS)

    said = snapback.announcements()
    told = {(one.get("resource"), one.get("control")) for one in said if one["outcome"] in ("reverted", "alerted")}
    wrong = [f"{thing.control} {thing.arn}, risky: {is_risky}" for thing, is_risky in done if not thing.is_right()]
    untold = [thing.arn for thing, is_risky in done if is_risky and (thing.arn, thing.control) not in told]
    calm = {thing.arn for thing, is_risky in done if not is_risky}
    outcomes = Counter(entry["outcome"] for entry in snapback.entries())
    faults = snapback.aws.faults()
    with capsys.disabled():
        print(f"\n{EVENTS} events, {len(done) - len(calm)} of them risky; seed {SEED}.")
        print("Announced:", dict(Counter(one["outcome"] for one in said)), "Journal:", dict(outcomes))
        print("Faults:", faults, "Waiting:", snapback.waiting())
    assert wrong == [], "not as it is to be"
    assert untold == [], "nobody was told"
    assert [one for one in said if one["outcome"] == "failed"] == [], "said to have failed"
    assert [one for one in said if one.get("resource") in calm] == [], "somebody was told of what is fine"
    assert set(outcomes) <= {"reverted", "allowed", "alerted"}, "the journal does not know the end"
    assert set(snapback.waiting().values()) == {0}, "an event was given up"
    assert sum(faults.values()) > 0, "no fault was met"
