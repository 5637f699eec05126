"""What Snapback remembers of settings, rules and flow logs, by a look on schedule, and gives back."""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT, REGION


@pytest.fixture(scope="module")
def alone(deployed):
    """Snapback where no other test turns what is there once for all of the account."""
    return deployed(mode="revert")


def of_ec2(kind: str, name: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, arn=f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{name}")


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


def test_block_public_access_of_snapshots_comes_back_in_its_mode(alone):
    setting = of_ec2("account-setting", "snapshot-block-public-access")
    ec2 = alone.ec2
    of_images = ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"]
    with alone.unseen():
        ec2.enable_snapshot_block_public_access(State="block-all-sharing")
    alone.look(setting, "Ec2Function")
    ec2.disable_snapshot_block_public_access()
    announced = alone.announces(setting)
    assert (announced["control"], announced["outcome"]) == ("ec2-unblocked-snapshots", "reverted"), announced["why"]
    assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
    undone = alone.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert alone.has_settled() and ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == of_images


# Hop limits: `ec2-raised-hop-limit`.


def test_a_raised_hop_limit_is_what_it_was_and_nothing_else_changes(snapback):
    made = snapback.ec2.run_instances(ImageId="ami-0a1b2c3d4e5f60718", MinCount=1, MaxCount=1)["Instances"][0]
    instance = of_ec2("instance", made["InstanceId"])

    def options() -> dict:
        found = snapback.ec2.describe_instances(InstanceIds=[instance.id])["Reservations"][0]["Instances"][0]
        return found["MetadataOptions"]

    with snapback.unseen():
        snapback.ec2.modify_instance_metadata_options(InstanceId=instance.id, HttpPutResponseHopLimit=1)
    before = options()
    snapback.look(instance, "Ec2Function")
    raised = {"HttpPutResponseHopLimit": 3, "InstanceMetadataTags": "enabled"}
    snapback.ec2.modify_instance_metadata_options(InstanceId=instance.id, **raised)
    announced = snapback.announces(instance)
    assert (announced["control"], announced["outcome"]) == ("ec2-raised-hop-limit", "reverted"), announced["why"]
    assert options() == before | {"InstanceMetadataTags": "enabled"}
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.announces(instance, "held")["control"] == "ec2-raised-hop-limit"
    assert snapback.has_settled() and options() == before | raised


# VPC endpoints: `ec2-unlimited-endpoint`.


def test_a_vpc_endpoint_gets_its_policy_again(snapback):
    vpc = snapback.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    made = snapback.ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3")["VpcEndpoint"]
    endpoint = of_ec2("vpc-endpoint", made["VpcEndpointId"])
    own = {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
    limit = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", "Condition": own}
    limited = json.dumps({"Version": "2012-10-17", "Statement": [limit]})

    def now_is() -> dict:
        found = snapback.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint.id])["VpcEndpoints"]
        return {one["VpcEndpointId"]: json.loads(one["PolicyDocument"]) for one in found}

    with snapback.unseen():
        snapback.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint.id, PolicyDocument=limited)
    before = now_is()
    snapback.look(endpoint, "Ec2Function")
    snapback.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint.id, ResetPolicy=True)
    announced = snapback.announces(endpoint)
    assert (announced["control"], announced["outcome"]) == ("ec2-unlimited-endpoint", "reverted"), announced["why"]
    assert now_is() == before
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.announces(endpoint, "held")["control"] == "ec2-unlimited-endpoint"
    assert snapback.has_settled() and "Condition" not in now_is()[endpoint.id]["Statement"][0]


# Allowed AMIs: `ec2-disabled-allowed-images`.


def test_allowed_images_are_enforced_again_in_their_mode(alone):
    setting = of_ec2("account-setting", "allowed-images")
    ec2 = alone.ec2
    with alone.unseen():
        ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    alone.look(setting, "Ec2Function")
    ec2.disable_allowed_images_settings()
    announced = alone.announces(setting)
    assert (announced["control"], announced["outcome"]) == ("ec2-disabled-allowed-images", "reverted"), announced["why"]
    assert ec2.get_allowed_images_settings()["State"] == "enabled"
    undone = alone.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert alone.has_settled() and ec2.get_allowed_images_settings()["State"] == "disabled"
    # What was only audited is another mode, and another grant.
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    assert alone.has_settled() and ec2.get_allowed_images_settings()["State"] == "enabled"


# Endpoint services: `ec2-unasked-connections`.


def test_connections_to_an_endpoint_service_have_to_be_accepted_again(snapback):
    service = of_ec2("vpc-endpoint-service", f"vpce-svc-{uuid4().hex[:17]}")
    partner = {f"arn:aws:iam::{ACCOUNT}:root"}

    def accepts(is_required: bool) -> None:
        snapback.ec2.modify_vpc_endpoint_service_configuration(ServiceId=service.id, AcceptanceRequired=is_required)

    def is_required() -> bool:
        [found] = snapback.ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service.id])[
            "ServiceConfigurations"
        ]
        return found["AcceptanceRequired"]

    def permitted() -> set:
        allowed = snapback.ec2.describe_vpc_endpoint_service_permissions(ServiceId=service.id)["AllowedPrincipals"]
        return {one["Principal"] for one in allowed}

    with snapback.unseen():
        accepts(True)
        snapback.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service.id, AddAllowedPrincipals=list(partner))
    snapback.look(service, "Ec2Function")
    accepts(False)
    announced = snapback.announces(service)
    assert (announced["control"], announced["outcome"]) == ("ec2-unasked-connections", "reverted"), announced["why"]
    assert is_required() and permitted() == partner
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.announces(service, "held")["control"] == "ec2-unasked-connections"
    assert snapback.has_settled() and not is_required() and permitted() == partner


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


def test_all_settings_of_the_account_that_were_on_are_on_again(alone):
    account = SimpleNamespace(id=f"arn:aws:iam::{ACCOUNT}:root", arn=f"arn:aws:iam::{ACCOUNT}:root")
    s3control, bucket = alone.s3control, alone.a_bucket_with_acls("BlockPublicAcls")

    def put(*on: str) -> None:
        settings = {setting: setting in on for setting in ALL}
        s3control.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=settings)

    def on() -> set:
        found = s3control.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]
        return {setting for setting, is_on in found.items() if is_on}

    put(*ALL)
    alone.look(account)
    put("IgnorePublicAcls")
    announced = alone.announces(account)
    assert (announced["control"], announced["outcome"]) == ("s3-account-public-access-block-off", "reverted"), announced["why"]
    assert on() == ALL and bucket.blocks() == {"BlockPublicAcls"}
    undone = alone.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert alone.has_settled() and on() == {"IgnorePublicAcls"}


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


# Object Ownership: `s3-revived-acls`.


@pytest.mark.parametrize("setting", ["ObjectWriter", "BucketOwnerPreferred", None])
def test_acls_that_did_not_count_do_not_count_again(snapback, setting):
    def ownership() -> str | None:
        try:
            found = snapback.s3.get_bucket_ownership_controls(Bucket=bucket.name)["OwnershipControls"]["Rules"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "OwnershipControlsNotFoundError"
            return None
        return found[0]["ObjectOwnership"]

    bucket = snapback.a_bucket()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"))
        bucket.block("BlockPublicAcls")
    acl = bucket.acl()
    assert ownership() == "BucketOwnerEnforced"
    snapback.look(bucket)
    if setting:
        controls = {"Rules": [{"ObjectOwnership": setting}]}
        snapback.s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=controls)
    else:
        snapback.s3.delete_bucket_ownership_controls(Bucket=bucket.name)
    announced = snapback.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-revived-acls", "reverted"), announced["why"]
    assert ownership() == "BucketOwnerEnforced"
    undone = snapback.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapback.has_settled() and ownership() == setting
    assert (bucket.policy_text(), bucket.blocks(), bucket.acl()) == (text, {"BlockPublicAcls"}, acl)
