"""What Snapback remembers, by a look on schedule, and gives back."""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest

from stack import ACCOUNT, REGION, wait_for


def of_ec2(kind: str, name: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{name}")


# A bucket policy's denials: `s3-lost-bucket-deny`.


def only_tls(bucket) -> dict:
    """No reading but over TLS."""
    return {
        "Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket.name}/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip


@pytest.fixture
def guarded(snapback):
    """A bucket whose policy denies something, and that was looked at."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"), only_tls(bucket))
    answer = snapback.look(bucket)
    assert answer["error"] is None or "samclisourcebucket" in json.dumps(answer), answer
    return bucket, text


def test_a_deleted_policy_gives_its_denials_back_and_nothing_that_allows(snapback, guarded):
    bucket, _ = guarded
    bucket.delete_policy()
    announcement = snapback.announces(bucket, "reverted")
    assert announcement["control"] == "s3-lost-bucket-deny" and "`OnlyTls`" in announcement["why"]
    assert bucket.statements() == ["OnlyTls"]
    assert announcement["left"] == ["what the deleted policy allowed, as that opens something"]
    undone = snapback.undo(announcement["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and bucket.policy_text() is None


def test_what_a_new_policy_does_not_deny_any_more_is_put_behind_the_rest(snapback, guarded):
    bucket, _ = guarded
    put = bucket.put_policy(bucket.lets_in("444455556666", sid="Other"))
    assert snapback.announces(bucket, "reverted")["control"] == "s3-lost-bucket-deny"
    assert bucket.statements() == ["Other", "OnlyTls"]
    assert bucket.policy_text().startswith(put[:-2])


def test_what_was_never_denied_is_nobodys_business(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in("444455556666"))
    snapback.look(bucket)
    bucket.delete_policy()
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []


def test_what_is_lost_unseen_is_asked_about_by_the_next_look_and_never_remembered(snapback, guarded):
    bucket, text = guarded
    with snapback.unseen():
        put = bucket.put_policy(bucket.lets_in("444455556666"))
    snapback.look(bucket)
    announcement = snapback.announces(bucket, "asked")
    assert announcement["control"] == "s3-lost-bucket-deny" and bucket.policy_text() == put
    assert announcement["event"]["name"] == "Scheduled Event", "nobody is accused of a call"
    applied = snapback.operate("apply", announcement["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.statements() == json_statements(text)


def test_what_has_always_been_open_is_not_said_by_a_look(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in_everyone())
    snapback.look(bucket)
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []
    assert bucket.policy_text() == text


def test_what_is_denied_on_purpose_in_another_way_is_remembered_anew_and_said(snapback, guarded):
    bucket, _ = guarded
    other = {**only_tls(bucket), "Sid": "NoDeletes", "Action": "s3:DeleteObject"}
    with snapback.unseen():
        bucket.put_policy(only_tls(bucket), other)
    snapback.look(bucket)
    assert bucket.arn in [thing["resource"] for thing in snapback.announces(bucket, "remembered")["resources"]]
    bucket.delete_policy()
    snapback.announces(bucket, "reverted")
    assert bucket.statements() == ["OnlyTls", "NoDeletes"]


def json_statements(text: str) -> list:
    return [statement["Sid"] for statement in json.loads(text)["Statement"]]


# Rules of security groups: `ec2-open-security-group`.


def test_a_changed_rule_becomes_what_it_was(snapback):
    group = snapback.a_group()
    with snapback.unseen():
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "blue"}]}]
        rule = group.open(22, "203.0.113.0/24", described={"Description": "the office"}, TagSpecifications=tags)
        group.open(443)
    before = by_id(group)
    snapback.look(group, "Ec2Function")
    world = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0", "Description": "for the audit"}
    group.modify(rule, **world)
    announced = snapback.announces(group)
    assert (announced["control"], announced["outcome"]) == ("ec2-open-security-group", "reverted"), announced["why"]
    assert by_id(group) == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    rule_id = rule["SecurityGroupRuleId"]
    assert by_id(group) == before | {rule_id: {**before[rule_id], **world}}
    assert snapback.announces(group, "held")["control"] == "ec2-open-security-group"


def by_id(group) -> dict:
    return {rule["SecurityGroupRuleId"]: rule for rule in group.rules()}


# Flow logs: `ec2-deleted-flow-logs`.

WRITTEN = {
    "to a log group": {
        "LogGroupName": "flows", "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flows",
        "LogFormat": "${version} ${srcaddr} ${dstaddr}", "MaxAggregationInterval": 60,
    },
    "to a bucket": {
        "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::flows/vpc",
        "DestinationOptions": {"FileFormat": "parquet", "HiveCompatiblePartitions": True, "PerHourPartition": False},
    },
}  # fmt: skip


@pytest.fixture
def recorded(snapback, request):
    """A VPC of which all traffic is recorded, what is refused by another flow log; and the id of the first."""
    vpc = of_ec2("vpc", snapback.ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"])
    tags = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "team", "Value": "blue"}]}]
    made = [
        snapback.ec2.create_flow_logs(
            ResourceIds=[vpc.id], ResourceType="VPC", TrafficType=traffic, TagSpecifications=tags, **WRITTEN[request.param]
        )["FlowLogIds"][0]
        for traffic in ("ALL", "REJECT")
    ]
    snapback.look(of_ec2("vpc-flow-log", made[0]), "Ec2Function")
    return vpc, made[0]


def recorded_of(snapback, vpc) -> dict:
    """How its flow logs are, by their ids."""
    found = snapback.ec2.describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [vpc.id]}])["FlowLogs"]
    return {log.pop("FlowLogId"): log for log in found}


@pytest.mark.parametrize("recorded", WRITTEN, indirect=True)
def test_a_deleted_flow_log_is_made_again_as_it_was(snapback, recorded):
    vpc, log_id = recorded
    before = recorded_of(snapback, vpc)
    snapback.ec2.delete_flow_logs(FlowLogIds=[log_id])
    announced = snapback.announces(vpc)
    assert (announced["control"], announced["outcome"]) == ("ec2-deleted-flow-logs", "reverted"), announced["why"]
    after = recorded_of(snapback, vpc)
    [again] = after.keys() - before.keys()
    assert after.pop(again) == before.pop(log_id) and after == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and recorded_of(snapback, vpc) == before


@pytest.mark.parametrize("recorded", ["to a bucket"], indirect=True)
def test_what_was_seen_more_than_two_days_before_is_not_put_back(snapback, recorded):
    vpc, log_id = recorded
    with snapback.unseen():
        snapback.ec2.delete_flow_logs(FlowLogIds=[log_id])
    before = recorded_of(snapback, vpc)
    [*_, record] = snapback.calls_upon(SimpleNamespace(id=log_id))
    later = datetime.now(timezone.utc) + timedelta(hours=49)
    snapback.deliver({**record, "eventID": str(uuid4()), "eventTime": later.strftime("%Y-%m-%dT%H:%M:%SZ")})
    announced = snapback.announces(vpc)
    assert (announced["control"], announced["outcome"]) == ("ec2-deleted-flow-logs", "alerted")
    assert "which is too long ago to be sure" in announced["why"]
    assert snapback.has_settled() and recorded_of(snapback, vpc) == before


# Block Public Access of snapshots: `ec2-unblocked-snapshots`.


def test_block_public_access_of_snapshots_comes_back_in_its_mode(snapback):
    setting = of_ec2("account-setting", "snapshot-block-public-access")
    ec2 = snapback.ec2
    of_images = ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"]
    with snapback.unseen():
        ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    snapback.look(setting, "Ec2Function")
    seen = len(snapback.announcements_about(setting))
    ec2.disable_snapshot_block_public_access()
    announced = next_about(snapback, setting, seen)
    assert (announced["control"], announced["outcome"]) == ("ec2-unblocked-snapshots", "reverted"), announced["why"]
    assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == of_images
    assert snapback.release(announced["id"]).returncode == 0


# Block Public Access of S3: `s3-bucket-public-access-block-off`, `s3-account-public-access-block-off`.

ALL = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}


def test_all_settings_of_a_bucket_that_were_on_are_on_again_though_nothing_is_open(snapback):
    bucket = snapback.a_bucket_with_acls(*ALL)
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"))
    snapback.look(bucket)
    bucket.block("BlockPublicAcls")
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-bucket-public-access-block-off", "reverted"), announced["why"]
    assert bucket.blocks() == ALL and bucket.policy_text() == text
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and bucket.blocks() == {"BlockPublicAcls"} and bucket.policy_text() == text


def test_all_settings_of_the_account_that_were_on_are_on_again(snapback):
    account = SimpleNamespace(id=f"arn:aws:iam::{ACCOUNT}:root", arn=f"arn:aws:iam::{ACCOUNT}:root")
    s3control, bucket = snapback.s3control, snapback.a_bucket_with_acls("BlockPublicAcls")

    def put(*on: str) -> None:
        settings = {setting: setting in on for setting in ALL}
        s3control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=settings)

    def on() -> set:
        found = s3control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
        return {setting for setting, is_on in found.items() if is_on}

    put(*ALL)
    snapback.look(account)
    seen = len(snapback.announcements_about(account))
    put("IgnorePublicAcls")
    announced = next_about(snapback, account, seen)
    assert (announced["control"], announced["outcome"]) == ("s3-account-public-access-block-off", "reverted"), announced["why"]
    assert on() == ALL and bucket.blocks() == {"BlockPublicAcls"}
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and on() == {"IgnorePublicAcls"}
    assert snapback.release(announced["id"]).returncode == 0
    with snapback.unseen():
        s3control.delete_public_access_block(AccountId=ACCOUNT)


def next_about(snapback, thing, seen: int) -> dict:
    """What is announced about something that other tests have been at as well."""
    assert wait_for(lambda: len(snapback.announcements_about(thing)) > seen)
    return snapback.announcements_about(thing)[seen]


# Buckets of logs: `s3-suspended-log-versioning`, `s3-early-log-expiry`.


def test_suspended_versioning_of_a_log_bucket_is_on_again(snapback, log_bucket):
    def versioning() -> str:
        return snapback.s3.get_bucket_versioning(Bucket=log_bucket.name)["Status"]

    text = log_bucket.policy_text()
    snapback.look(log_bucket)
    snapback.s3.put_bucket_versioning(Bucket=log_bucket.name, VersioningConfiguration={"Status": "Suspended"})
    announced = snapback.announces(log_bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-suspended-log-versioning", "reverted"), announced["why"]
    assert versioning() == "Enabled" and log_bucket.policy_text() == text
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and versioning() == "Suspended"


def test_rules_that_delete_logs_early_become_what_they_were_or_go(snapback, log_bucket):
    def put(*rules: dict) -> None:
        snapback.s3.put_bucket_lifecycle_configuration(
            Bucket=log_bucket.name, LifecycleConfiguration={"Rules": list(rules)}
        )

    def rules() -> list:
        return snapback.s3.get_bucket_lifecycle_configuration(Bucket=log_bucket.name)["Rules"]

    def rule(name: str, days: int) -> dict:
        return {"ID": name, "Filter": {"Prefix": f"{name}/"}, "Status": "Enabled", "Expiration": {"Days": days}}

    with snapback.unseen():
        put(rule("kept", 400), rule("short", 365))
    snapback.look(log_bucket)
    put(rule("kept", 400), rule("short", 1), rule("nuke", 1))
    announced = snapback.announces(log_bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-early-log-expiry", "reverted"), announced["why"]
    assert rules() == [rule("kept", 400), rule("short", 365)]
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and rules() == [rule("kept", 400), rule("short", 1), rule("nuke", 1)]


# Delivery of logs: `s3-lost-log-delivery`.


def delivers(bucket, sid: str = "Trail", service: str = "cloudtrail.amazonaws.com") -> dict:
    """A service of AWS may put logs."""
    return {
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:PutObject",
        "Resource": f"{bucket.arn}/AWSLogs/{ACCOUNT}/*",
    }  # fmt: skip


@pytest.fixture
def delivered_to(snapback):
    """A bucket that takes the logs of two services and denies something, whose requests are logged, and that was looked at."""
    bucket, access = snapback.a_bucket(), snapback.a_bucket()
    keys = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    to = {"TargetBucket": access.name, "TargetPrefix": "logs/", "TargetObjectKeyFormat": keys}
    with snapback.unseen():
        bucket.put_policy(
            delivers(bucket), bucket.lets_in("444455556666"), only_tls(bucket),
            delivers(bucket, "Config", "config.amazonaws.com"),
        )  # fmt: skip
        snapback.s3.put_bucket_logging(Bucket=bucket.name, BucketLoggingStatus={"LoggingEnabled": to})
    snapback.look(bucket)
    return bucket


def test_a_deleted_policy_lets_logs_be_delivered_again_and_nobody_else_in(snapback, delivered_to):
    delivered_to.delete_policy()
    assert wait_for(lambda: len(delivered_to.statements()) == 3)
    assert snapback.has_settled()
    assert delivered_to.statements() == ["OnlyTls", "Trail", "Config"]
    announced = {one["control"]: one["outcome"] for one in snapback.announcements_about(delivered_to)}
    assert announced == {"s3-lost-bucket-deny": "reverted", "s3-lost-log-delivery": "reverted"}


def test_one_service_that_may_not_deliver_any_more_may_again_until_an_operator_says_otherwise(snapback, delivered_to):
    stays = (only_tls(delivered_to), delivers(delivered_to, "Config", "config.amazonaws.com"))
    put = delivered_to.put_policy(*stays)
    announced = snapback.announces(delivered_to, "reverted")
    assert announced["control"] == "s3-lost-log-delivery" and "`Trail`" in announced["why"]
    assert delivered_to.statements() == ["OnlyTls", "Config", "Trail"]
    assert delivered_to.policy_text().startswith(put[:-2])
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and delivered_to.policy_text() == put


# Access logging: `s3-disabled-access-logging`. ministack gives it back as it was put, and logs nothing.


def logging_of(snapback, bucket) -> dict | None:
    return snapback.s3.get_bucket_logging(Bucket=bucket.name).get("LoggingEnabled")


def test_access_logging_of_a_delivered_to_is_on_again_as_it_was(snapback, delivered_to):
    before = logging_of(snapback, delivered_to)
    snapback.s3.put_bucket_logging(Bucket=delivered_to.name, BucketLoggingStatus={})
    announced = snapback.announces(delivered_to)
    assert (announced["control"], announced["outcome"]) == ("s3-disabled-access-logging", "reverted"), announced["why"]
    assert before and logging_of(snapback, delivered_to) == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and logging_of(snapback, delivered_to) is None


def test_access_logging_of_a_bucket_without_logs_is_nobodys_business(snapback, guarded):
    bucket, _ = guarded
    snapback.s3.put_bucket_logging(Bucket=bucket.name, BucketLoggingStatus={})
    assert snapback.has_settled() and snapback.announcements_about(bucket) == []
