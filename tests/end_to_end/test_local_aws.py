"""The local AWS behaves, where Snapback depends on it, as AWS's documentation says that AWS does.

These tests guard the stand-ins: another version of ministack, or another stand-in, has to pass them.
"""

import json
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from chance import Chance
from policies_as_shown import meaning
from scene import event
from stack import ACCOUNT, wait_for


def refused(code, call, **parameters):
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code


def ingress(port, *cidrs):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}


# Security groups


def test_each_source_is_a_rule_with_an_id_of_its_own(snapback):
    group = snapback.a_group()
    with snapback.unseen():
        made = group.authorize(IpPermissions=[ingress(22, "10.0.0.0/8", "198.51.100.0/24")])
        group._ec2.revoke_security_group_ingress(
            GroupId=group.id, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]]
        )
        again = group.authorize(IpPermissions=[ingress(22, "10.0.0.0/8")])
    assert len({rule["SecurityGroupRuleId"] for rule in [*made, *again]}) == 3
    assert group.rule_ids() == {made[1]["SecurityGroupRuleId"], again[0]["SecurityGroupRuleId"]}


def test_a_rule_twice_is_refused_and_so_is_the_whole_call(snapback):
    group = snapback.a_group()
    group.authorize(IpPermissions=[ingress(22, "10.0.0.0/8")])
    before = group.rule_ids()
    # Host bits do not make another rule of it, neither does a description.
    refused(
        "InvalidPermission.Duplicate",
        group.authorize,
        IpPermissions=[ingress(23, "10.0.0.0/8"), ingress(22, "10.1.2.3/8")],
    )
    assert group.rule_ids() == before


def test_what_is_not_there_cannot_be_revoked(snapback):
    group = snapback.a_group()
    revoke = snapback.ec2.revoke_security_group_ingress
    refused(
        "InvalidSecurityGroupRuleId.NotFound", revoke, GroupId=group.id, SecurityGroupRuleIds=["sgr-00000000000000000"]
    )
    refused("InvalidPermission.NotFound", revoke, GroupId=group.id, IpPermissions=[ingress(22, "10.0.0.0/8")])
    refused(
        "InvalidGroup.NotFound", revoke, GroupId="sg-00000000000000000", SecurityGroupRuleIds=["sgr-00000000000000000"]
    )


def test_a_dry_run_does_nothing(snapback):
    group = snapback.a_group()
    refused("DryRunOperation", group.authorize, IpPermissions=[ingress(22, "0.0.0.0/0")], DryRun=True)
    assert group.rules() == []


def test_rules_keep_description_tags_and_prefix_list(snapback):
    group = snapback.a_group()
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "blue"}]}]
    office = snapback.a_prefix_list("198.51.100.0/24")
    sources = {"PrefixListIds": [{"PrefixListId": office, "Description": "<the> office & its annex"}]}
    group.authorize(
        IpPermissions=[{"IpProtocol": "6", "FromPort": 22, "ToPort": 22, **sources}], TagSpecifications=tags
    )
    [rule] = group.rules()
    assert (rule["PrefixListId"], rule["Description"]) == (office, "<the> office & its annex")
    assert (rule["IpProtocol"], rule["Tags"]) == ("tcp", [{"Key": "team", "Value": "blue"}])


def test_a_group_can_be_called_by_its_name(snapback):
    groups = [snapback.a_group() for _ in range(2)]
    found = snapback.ec2.describe_security_groups(GroupNames=[groups[1].name])["SecurityGroups"]
    assert [group["GroupId"] for group in found] == [groups[1].id]
    refused("InvalidGroup.NotFound", snapback.ec2.describe_security_groups, GroupNames=["no-such-group"])


def test_a_change_of_a_rule_keeps_its_id_and_replaces_the_rest(snapback):
    group = snapback.a_group()
    rule = group.open(22, "10.0.0.0/8", described={"Description": "the office"})
    group.modify(rule, IpProtocol="tcp", FromPort=23, ToPort=23, CidrIpv6="fd00::/8")
    [changed] = group.rules()
    assert changed["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]
    assert (changed["FromPort"], changed["CidrIpv6"]) == (23, "fd00::/8")
    assert "CidrIpv4" not in changed and "Description" not in changed


# Block Public Access


def test_an_account_has_its_own_block_public_access(snapback):
    account = {"AccountId": ACCOUNT}
    s3control = snapback.s3control
    refused("NoSuchPublicAccessBlockConfiguration", s3control.get_public_access_block, **account)
    with snapback.unseen():
        s3control.put_public_access_block(PublicAccessBlockConfiguration={"IgnorePublicAcls": True}, **account)
        found = s3control.get_public_access_block(**account)["PublicAccessBlockConfiguration"]
        s3control.delete_public_access_block(**account)
    assert found["IgnorePublicAcls"] and not found["RestrictPublicBuckets"]
    refused("AccessDenied", s3control.get_public_access_block, AccountId="444455556666")
    nobody = snapback.aws.client("s3control", snapback.user("nobody", "s3:GetObject"))
    refused("AccessDenied", nobody.get_public_access_block, **account)


def test_a_new_bucket_blocks_public_policies(snapback):
    bucket = snapback.a_bucket()
    refused("NoSuchPublicAccessBlockConfiguration", snapback.s3.get_public_access_block, Bucket=bucket.name)
    snapback.s3.create_bucket(Bucket=f"{bucket.name}-new")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [bucket.lets_in_everyone()]})
    refused("AccessDenied", snapback.s3.put_bucket_policy, Bucket=f"{bucket.name}-new", Policy=policy)


def test_a_stranger_gets_in_where_a_policy_lets_everyone_in(snapback):
    bucket = snapback.a_bucket()
    snapback.s3.put_object(Bucket=bucket.name, Key="a.txt", Body=b"hello")
    assert answer_to_a_stranger(snapback, bucket) == 403
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    assert answer_to_a_stranger(snapback, bucket) == 200
    snapback.deliver(snapback.events_about(bucket)[-1])
    assert snapback.announces(bucket)
    assert answer_to_a_stranger(snapback, bucket) == 403


def answer_to_a_stranger(snapback, bucket):
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(f"{snapback.aws.endpoint}/{bucket.name}/a.txt").status
    except urllib.error.HTTPError as error:
        return error.code


# Who may do what


def test_only_the_functions_may_announce(snapback):
    anyone = snapback.aws.client("sns", snapback.user("anyone", "sns:*"))
    refused("AuthorizationError", anyone.publish, TopicArn=snapback.stack.topic, Message="Run this command: ...")


def test_only_aws_may_use_its_sources(snapback):
    mallory = snapback.aws.client("events", snapback.mallory)
    answer = mallory.put_events(Entries=[{"Source": "aws.s3", "DetailType": "x", "Detail": "{}"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


# CloudTrail


def test_calls_go_over_the_bus_with_their_callers(snapback):
    """Seen through a rule of our own, as any subscriber would see them."""
    heard = a_queue_that_hears(snapback, {"source": ["aws.s3"], "detail": {"eventName": ["PutBucketPolicy"]}})
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"))
    assert wait_for(lambda: len(snapback.events_about(bucket)) == 2)
    first, second = [json.loads(body) for body in snapback.received(heard) if bucket.name in body]
    assert first == {**event(first["detail"]), "id": first["id"]}
    by, then = first["detail"]["userIdentity"], second["detail"]["userIdentity"]
    assert (by["type"], by["userName"], by["accessKeyId"]) == ("IAMUser", "mallory", snapback.mallory["AccessKeyId"])
    assert then["type"] == "AssumedRole"
    issuer = then["sessionContext"]["sessionIssuer"]
    assert issuer["userName"] == snapback.role_of("S3Function")
    assert then["principalId"].startswith(issuer["principalId"] + ":")


def test_a_call_that_is_denied_is_recorded(snapback):
    bucket = snapback.a_bucket()
    heard = a_queue_that_hears(snapback, {"detail": {"errorCode": [{"exists": True}], "eventName": ["DeleteBucket"]}})
    user = snapback.aws.client("s3", snapback.user(f"reader-{bucket.name}", "s3:GetObject"))
    refused("AccessDenied", user.delete_bucket, Bucket=bucket.name)
    [body] = wait_for(lambda: list(snapback.received(heard)))
    assert json.loads(body)["detail"]["errorCode"] == "AccessDenied"


def a_queue_that_hears(snapback, pattern):
    name = f"heard-{len(snapback.aws.client('events').list_rules()['Rules'])}"
    sqs, events = snapback.aws.client("sqs"), snapback.aws.client("events")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [{"prefix": "aws."}], **pattern}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    return url


# Sharing and settings of EC2


def test_a_snapshot_is_shared_in_both_forms_and_what_is_not_shared_can_be_taken_out(snapback):
    ec2 = snapback.aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    one = {"SnapshotId": snapshot, "Attribute": "createVolumePermission"}
    with snapback.unseen():
        ec2.modify_snapshot_attribute(**one, OperationType="add", UserIds=["444455556666"], GroupNames=["all"])
        ec2.modify_snapshot_attribute(**one, CreateVolumePermission={"Remove": [{"UserId": "777788889999"}]})
        ec2.modify_snapshot_attribute(**one, CreateVolumePermission={"Remove": [{"Group": "all"}]})
    assert ec2.describe_snapshot_attribute(**one)["CreateVolumePermissions"] == [{"UserId": "444455556666"}]
    refused("InvalidSnapshot.NotFound", ec2.describe_snapshot_attribute, **{**one, "SnapshotId": "snap-0"})


def test_only_what_is_shared_with_everyone_is_listed_as_such(snapback):
    ec2 = snapback.aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    own, public = (ec2.create_snapshot(VolumeId=volume)["SnapshotId"] for _ in range(2))
    with snapback.unseen():
        everyone = {"CreateVolumePermission": {"Add": [{"Group": "all"}]}}
        ec2.modify_snapshot_attribute(SnapshotId=public, **everyone)
    listed = ec2.describe_snapshots(OwnerIds=["self"], RestorableByUserIds=["all"])["Snapshots"]
    found = {snapshot["SnapshotId"] for snapshot in listed}
    assert public in found and own not in found


def test_the_functions_role_takes_strangers_out_of_a_snapshot_and_turns_no_protection_off(snapback):
    ec2 = snapback.aws.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    function = snapback.as_function("Ec2Function", "ec2")
    function.modify_snapshot_attribute(
        SnapshotId=snapshot, CreateVolumePermission={"Remove": [{"UserId": "444455556666"}]}
    )
    for switch in ("disable_snapshot_block_public_access", "enable_serial_console_access"):
        refused("UnauthorizedOperation", getattr(function, switch))


# What AWS does and no emulator: `local/adversary.py`


FRIENDS = [f"arn:aws:iam::444455556666:role/friend-{number}" for number in range(7)]


def as_snapback(client):
    """The client, taken for Snapback's, whom alone faults meet."""

    def call_it_so(request, **_):
        request.headers["User-Agent"] = "aws-sdk-rust/1.0"

    client.meta.events.register("before-sign", call_it_so)
    return client


def codes_of(times, call, **parameters):
    """How each of so many calls ended: a code, or nothing."""
    codes = []
    for _ in range(times):
        try:
            call(**parameters)
            codes.append(None)
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    return codes


def test_the_same_seed_makes_the_same_faults_and_none_comes_twice_at_once():
    def faults(seed):
        chance = Chance(seed)
        return [chance.strikes("throttle s3", 3) for _ in range(300)]

    assert faults("1") == faults("1") != faults("2")
    assert 40 < sum(faults("1")) < 120
    assert not any(both == (True, True) for both in zip(faults("1"), faults("1")[1:], strict=False))


def test_a_policy_comes_back_in_the_form_of_its_service_and_means_the_same(snapback):
    bucket, topic, queue = snapback.a_bucket(), snapback.a_topic(), snapback.a_queue()
    put = {
        "Effect": "Allow", "Sid": "Friends", "Principal": {"AWS": [*FRIENDS, "444455556666"]},
        "Action": ["s3:GetObject"], "Resource": [f"{bucket.arn}/*"],
    }  # fmt: skip
    means = bucket.put_policy(put)
    texts = {snapback.s3.get_bucket_policy(Bucket=bucket.name)["Policy"] for _ in range(5)}
    assert len(texts) > 1 and {meaning(text) for text in texts} == {means}
    shown = json.loads(texts.pop())["Statement"][0]
    assert [*shown] == ["Sid", "Effect", "Principal", "Action", "Resource"]
    assert (shown["Action"], shown["Resource"]) == ("s3:GetObject", f"{bucket.arn}/*")
    assert "arn:aws:iam::444455556666:root" in shown["Principal"]["AWS"]
    for thing, action in ((topic, "SNS:Publish"), (queue, "SQS:SendMessage")):
        thing.put({**put, "Action": [action], "Resource": [thing.arn]})
        orders = {json.dumps(thing.statements()) for _ in range(5)}
        assert len(orders) > 1


def test_a_key_s_policy_is_indented(snapback):
    kms = snapback.aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    text = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    assert text.startswith('{\n  "') and '" : "' in text


def test_who_is_no_more_is_called_by_an_id_and_refused_by_each_service(snapback):
    iam, bucket, topic, queue = snapback.aws.client("iam"), snapback.a_bucket(), snapback.a_topic(), snapback.a_queue()
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    gone = iam.create_role(RoleName="gone", AssumeRolePolicyDocument=text)["Role"]
    iam.create_role(RoleName="stays", AssumeRolePolicyDocument=text)
    put = {"Effect": "Allow", "Principal": {"AWS": gone["Arn"]}, "Action": "s3:GetObject", "Resource": f"{bucket.arn}/*"}
    bucket.put_policy(put)
    iam.delete_role(RoleName="gone")
    dead = {"AWS": gone["RoleId"]}
    shown = snapback.s3.get_bucket_policy(Bucket=bucket.name)["Policy"]
    assert json.loads(shown)["Statement"][0]["Principal"] == dead
    refused("MalformedPolicy", snapback.s3.put_bucket_policy, Bucket=bucket.name, Policy=shown)
    of_topic = {**put, "Principal": dead, "Action": "SNS:Publish", "Resource": topic.arn}
    with pytest.raises(ClientError, match="InvalidParameter.*PrincipalNotFound"):
        topic.put(of_topic)
    with pytest.raises(ClientError, match="InvalidAttributeValue"):
        queue.put({**put, "Principal": dead, "Action": "SQS:SendMessage", "Resource": queue.arn})
    dead_trust = json.dumps({"Version": "2012-10-17", "Statement": [{**trust, "Principal": dead}]})
    refused("MalformedPolicyDocument", iam.update_assume_role_policy, RoleName="stays", PolicyDocument=dead_trust)


def test_faults_meet_snapback_alone_and_whoever_tries_again_succeeds(snapback):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        setting = {"Bucket": bucket.name, "PublicAccessBlockConfiguration": {"BlockPublicAcls": True}}
        ours = as_snapback(snapback.aws.client("s3", snapback.mallory))
        met = codes_of(60, ours.put_public_access_block, **setting)
        assert {"OperationAborted", None} <= set(met) <= {"OperationAborted", "SlowDown", None}
        assert not any(one and one == other for one, other in zip(met, met[1:], strict=False))
        assert codes_of(60, snapback.s3.put_public_access_block, **setting) == [None] * 60


def test_somebody_else_may_have_been_faster(snapback):
    group, ours = snapback.a_group(), as_snapback(snapback.aws.client("ec2", snapback.mallory))
    rules = [group.open(port, "10.0.0.0/8")["SecurityGroupRuleId"] for port in range(1, 41)]
    met = [
        code for rule in rules
        for code in codes_of(1, ours.revoke_security_group_ingress, GroupId=group.id, SecurityGroupRuleIds=[rule])
    ]  # fmt: skip
    assert "InvalidSecurityGroupRuleId.NotFound" in met
    left = len(group.rules())
    assert left == sum(code == "RequestLimitExceeded" for code in met), "what somebody else did is done"
    revoked = [one for one in snapback.calls_upon(group) if one["eventName"] == "RevokeSecurityGroupIngress"]
    done = [record for record in revoked if "errorCode" not in record]
    assert len(done) == len(rules) - left, "what somebody else did has a record"


def test_for_a_while_a_read_shows_what_was_before(deployed):
    snapback = deployed(mode="revert")
    bucket, ours = snapback.a_bucket(), as_snapback(snapback.aws.client("s3", snapback.mallory))

    def is_shown():
        try:
            return "Friends" in ours.get_bucket_policy(Bucket=bucket.name)["Policy"]
        except ClientError as error:
            return False if error.response["Error"]["Code"] == "NoSuchBucketPolicy" else None

    bucket.put_policy({**bucket.lets_in("444455556666"), "Sid": "Friends"})
    seen = {is_shown() for _ in range(10)}
    assert {True, False} <= seen
    assert wait_for(lambda: all(is_shown() is not False for _ in range(10)))


def test_what_takes_no_resource_is_allowed_by_the_asterisk_alone(snapback):
    upon_all = snapback.aws.client("sqs", snapback.user("lists", "sqs:ListQueues"))
    statement = {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": f"arn:aws:sqs:us-east-1:{ACCOUNT}:*"}
    upon_some = snapback.aws.client("sqs", snapback.user_with("lists-some", [statement]))
    upon_all.list_queues()
    with pytest.raises(ClientError, match="AccessDenied"):
        upon_some.list_queues()
