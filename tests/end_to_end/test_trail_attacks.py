"""What attackers do to a trail, each as the calls that a published tool makes one after the other.

<https://stratus-red-team.cloud/attack-techniques/AWS/>
"""

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from types import SimpleNamespace
from uuid import uuid4

import pytest

from scene import Snapback, tick
from stack import ACCOUNT, REGION

# It has the buckets of all logs.
ARCHIVE = "444455556666"


@pytest.fixture(scope="module")
def guarded(deployed):
    return deployed(mode="revert")


@dataclass
class Trail:
    snapback: Snapback
    name: str
    bucket: str

    @property
    def id(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{self.name}"

    @cached_property
    def client(self):
        """As mallory."""
        return self.snapback.aws.client("cloudtrail", self.snapback.mallory)

    def is_set_up(self) -> dict:
        """All that CloudTrail tells of it but how it came to be."""
        tags = self.client.list_tags(ResourceIdList=[self.arn])["ResourceTagList"][0]["TagsList"]
        return {
            "trail": self.client.get_trail(Name=self.arn)["Trail"],
            "selectors": self.selectors(),
            "insights": self.insights(),
            "tags": tags,
            "logging": self.is_logging(),
        }

    def selectors(self) -> list:
        answer = self.client.get_event_selectors(TrailName=self.arn)
        return answer.get("EventSelectors") or answer["AdvancedEventSelectors"]

    def insights(self) -> list:
        try:
            return self.client.get_insight_selectors(TrailName=self.arn)["InsightSelectors"]
        except self.client.exceptions.InsightNotEnabledException:
            return []

    def is_logging(self) -> bool:
        return self.client.get_trail_status(Name=self.arn)["IsLogging"]


def a_trail(snapback, **settings) -> Trail:
    """A trail that logs, with a bucket of its own unless another is named; how it came to be is none of its events."""
    number = uuid4().hex[:8]
    trail = Trail(snapback, f"trail-{number}", settings.pop("S3BucketName", f"logs-{number}"))
    with snapback.unseen():
        if trail.bucket == f"logs-{number}":
            snapback.s3.create_bucket(Bucket=trail.bucket)
        asked = {"IsMultiRegionTrail": True, "EnableLogFileValidation": True, **settings}
        trail.client.create_trail(Name=trail.name, S3BucketName=trail.bucket, **asked)
        trail.client.start_logging(Name=trail.name)
    return trail


def rule_of(snapback, logical_id: str) -> str:
    described = snapback.aws.client("cloudformation").describe_stack_resource(
        StackName=snapback.stack.name, LogicalResourceId=logical_id
    )
    return described["StackResourceDetail"]["PhysicalResourceId"].rpartition("/")[2]


def announced(trail, outcome: str) -> dict:
    return trail.snapback.announces(trail, outcome)


# aws.defense-evasion.cloudtrail-stop: `trail-stopped-logging`.


def test_a_stopped_trail_logs_again_and_undo_stops_it(guarded):
    trail, other = a_trail(guarded), a_trail(guarded)
    with guarded.unseen():
        other.client.stop_logging(Name=other.name)
    trail.client.stop_logging(Name=trail.name)
    said = announced(trail, "reverted")
    assert said["control"] == "trail-stopped-logging" and said["severity"] == "critical"
    assert trail.is_logging() and not other.is_logging()
    undone = guarded.undo(said["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert announced(trail, "held")["control"] == "trail-stopped-logging"
    assert guarded.has_settled() and not trail.is_logging()


def test_what_was_opened_while_nothing_was_logged_is_read_up(guarded):
    trail, bucket = a_trail(guarded), guarded.a_bucket()
    trail.client.stop_logging(Name=trail.arn)
    # The local AWS tells of everything, trail or not, but not where a rule is disabled.
    events, deaf = guarded.aws.client("events"), rule_of(guarded, "S3Rule")
    with guarded.unseen():
        events.disable_rule(Name=deaf)
    bucket.put_policy(bucket.lets_in_everyone())
    with guarded.unseen():
        events.enable_rule(Name=deaf)
    assert announced(trail, "reverted") and guarded.has_settled()
    assert bucket.statements() != [], "nobody heard of it"
    assert guarded.invoke("OwnFunction", tick(datetime.now(timezone.utc)))["error"] is None
    assert guarded.redrive(minutes=0)["error"] is None
    assert guarded.announces(bucket)["outcome"] == "reverted"
    assert bucket.statements() == []


def test_a_trail_that_was_stopped_and_started_is_told_of_once_it_is_certain(guarded):
    trail = a_trail(guarded)
    with guarded.unseen():
        trail.client.stop_logging(Name=trail.name)
        trail.client.start_logging(Name=trail.name)
    [*_, stopped] = [call for call in guarded.calls_upon(trail) if call["eventName"] == "StopLogging"]
    guarded.deliver({**stopped, "eventID": str(uuid4())})
    assert announced(trail, "closed")["control"] == "trail-stopped-logging"
    assert trail.is_logging()


def test_whose_bucket_is_another_accounts_an_operator_starts(guarded):
    bucket = f"archive-{uuid4().hex[:8]}"
    guarded.aws.client("s3", {"AccessKeyId": ARCHIVE, "SecretAccessKey": "test"}).create_bucket(Bucket=bucket)
    trail = a_trail(guarded, S3BucketName=bucket)
    trail.client.stop_logging(Name=trail.name)
    said = announced(trail, "asked")
    assert f"bucket `{bucket}`, which is not this account's" in said["problem"], said
    assert guarded.has_settled() and not trail.is_logging()
    applied = guarded.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert trail.is_logging()


def test_whose_bucket_is_gone_stays_stopped(guarded):
    trail = a_trail(guarded)
    with guarded.unseen():
        guarded.s3.delete_bucket(Bucket=trail.bucket)
    trail.client.stop_logging(Name=trail.name)
    said = announced(trail, "alerted")
    assert f"aws cloudtrail start-logging --name {trail.arn}" in said["why"]
    assert guarded.has_settled() and not trail.is_logging()


# What is restored from the baseline.

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0d1e2f3a-4b5c-4d6e-8f70-a1b2c3d4e5f6"
ALL = [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]
DATA = [{**ALL[0], "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::payroll/"]}]}]
INSIGHTS = [{"InsightType": "ApiCallRateInsight"}, {"InsightType": "ApiErrorRateInsight"}]


@pytest.fixture
def known(guarded) -> Trail:
    """A trail that a scheduled check has seen, with data events, insights, a key and a tag."""
    trail = a_trail(guarded, KmsKeyId=KEY, TagsList=[{"Key": "team", "Value": "audit"}])
    with guarded.unseen():
        trail.client.put_event_selectors(TrailName=trail.name, EventSelectors=DATA)
        trail.client.put_insight_selectors(TrailName=trail.name, InsightSelectors=INSIGHTS)
    assert guarded.look(trail, "TrailFunction")["error"] is None
    assert guarded.memory_of(trail) == {"trail-weakened"}
    return trail


def reverted_and_undone(trail: Trail, control: str, before: dict, weakened: dict) -> None:
    """It is as before once it is reverted; once that is undone it is as it was made, and stays so."""
    guarded = trail.snapback
    said = announced(trail, "reverted")
    assert said["control"] == control, said
    assert guarded.has_settled() and trail.is_set_up() == before
    undone = guarded.undo(said["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert announced(trail, "held")["control"] == control
    assert guarded.has_settled() and trail.is_set_up() == weakened


# `trail-weakened`


def test_what_was_weakened_is_restored_and_nothing_else(known):
    before = known.is_set_up()
    known.client.update_trail(
        Name=known.name, IsMultiRegionTrail=False, IncludeGlobalServiceEvents=False, EnableLogFileValidation=False,
        KmsKeyId="", S3KeyPrefix="",
    )  # fmt: skip
    weak = {"IsMultiRegionTrail": False, "IncludeGlobalServiceEvents": False, "LogFileValidationEnabled": False}
    trail = {name: value for name, value in before["trail"].items() if name != "KmsKeyId"} | weak
    reverted_and_undone(known, "trail-weakened", before, {**before, "trail": trail})


def test_log_files_go_to_the_bucket_of_before_again(known):
    before = known.is_set_up()
    with known.snapback.unseen():
        known.snapback.s3.create_bucket(Bucket=f"other-{known.bucket}")
    known.client.update_trail(Name=known.name, S3BucketName=f"other-{known.bucket}")
    trail = before["trail"] | {"S3BucketName": f"other-{known.bucket}"}
    reverted_and_undone(known, "trail-weakened", before, {**before, "trail": trail})


def test_without_a_baseline_a_weakened_trail_is_said(guarded):
    trail = a_trail(guarded)
    trail.client.update_trail(Name=trail.name, EnableLogFileValidation=False)
    said = announced(trail, "alerted")
    assert said["control"] == "trail-weakened" and "how it was before is not known" in said["why"]


# aws.defense-evasion.cloudtrail-event-selectors: `trail-narrowed-selectors`.


def test_a_trail_that_records_nothing_records_what_it_did_and_undo_has_it_record_nothing(known):
    before = known.is_set_up()
    nothing = [{
        "ReadWriteType": "ReadOnly", "IncludeManagementEvents": False, "ExcludeManagementEventSources": [],
        "DataResources": [{"Type": kind, "Values": []} for kind in ("AWS::S3::Object", "AWS::Lambda::Function")],
    }]  # fmt: skip
    known.client.put_event_selectors(TrailName=known.name, EventSelectors=nothing)
    said = announced(known, "reverted")
    assert (said["control"], said["severity"]) == ("trail-narrowed-selectors", "critical"), said
    assert known.snapback.has_settled() and known.is_set_up() == before
    undone = known.snapback.undo(said["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert announced(known, "held")["control"] == "trail-narrowed-selectors"
    [selector] = known.selectors()
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("ReadOnly", False)


def test_insights_are_turned_on_again(known):
    before = known.is_set_up()
    known.client.put_insight_selectors(TrailName=known.name, InsightSelectors=[])
    reverted_and_undone(known, "trail-narrowed-selectors", before, {**before, "insights": []})


# aws.defense-evasion.cloudtrail-delete: `trail-deleted`.


def test_a_deleted_trail_is_made_again_as_it_was_and_undo_deletes_it(known):
    before, guarded = known.is_set_up(), known.snapback
    known.client.delete_trail(Name=known.name)
    said = announced(known, "reverted")
    assert (said["control"], said["severity"]) == ("trail-deleted", "critical"), said
    assert "$0.10 per 100,000" in said["why"]
    assert guarded.has_settled() and known.is_set_up() == before
    undone = guarded.undo(said["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert announced(known, "held")["control"] == "trail-deleted"
    with pytest.raises(known.client.exceptions.TrailNotFoundException):
        known.client.get_trail(Name=known.arn)


def test_a_deleted_trail_whose_bucket_is_gone_too_is_said(known):
    with known.snapback.unseen():
        known.snapback.s3.delete_bucket(Bucket=known.bucket)
    known.client.delete_trail(Name=known.name)
    assert "that bucket is gone too" in announced(known, "alerted")["why"]


# `trail-lost-log-group`


def test_who_takes_what_tells_by_a_trails_log_group_is_told_of(guarded):
    logs, number = guarded.aws.client("logs", guarded.mallory), uuid4().hex[:8]
    group, other = (SimpleNamespace(id=f"{name}-{number}") for name in ("events", "application"))
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group.id}"
    group.arn = other.arn = arn
    with guarded.unseen():
        for one in (group, other):
            logs.create_log_group(logGroupName=one.id)
    trail = a_trail(
        guarded, CloudWatchLogsLogGroupArn=f"{arn}:*", CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/trail"
    )
    logs.delete_log_group(logGroupName=other.id)
    logs.delete_log_group(logGroupName=group.id)
    said = guarded.announces(group, "alerted")
    assert said["control"] == "trail-lost-log-group", said
    assert f"trail `{trail.name}` delivers to it" in said["why"], said
    assert guarded.has_settled() and guarded.announcements_about(other) == []
