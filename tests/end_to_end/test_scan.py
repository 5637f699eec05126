"""What stands open now, whether or not there ever was an event: `snapback scan`."""

import json
import subprocess
from uuid import uuid4

import pytest

from stack import ACCOUNT, REGION, TARGET
from test_buckets import AccessPoint
from test_ec2_sharing_and_settings import CONTROLS as SHARED
from test_ec2_sharing_and_settings import STRANGER, SWITCHES
from test_replication import put, to_stranger, with_versions


@pytest.fixture(scope="module")
def scan(snapback):
    """Runs the scan with the rights that it names, or with those given."""

    def run(*options: str, may: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        controls = json.loads(subprocess.check_output([TARGET / "debug" / "snapback", "controls", "--json"]))
        needed = {action for control in controls for action in (*control["reads"], *(control["survey"] or ()))}
        user = snapback.user(f"scanner-{uuid4()}", *(may or needed))
        keys = {"AWS_ACCESS_KEY_ID": user["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": user["SecretAccessKey"]}
        command = [TARGET / "debug" / "snapback", "scan", *options]
        return subprocess.run(
            command, env=snapback.aws.environment(**keys), capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def opened(snapback):
    """A bucket and a group that were open before anybody watched, and one of each that is not."""
    bucket, closed_bucket = snapback.a_bucket(), snapback.a_bucket()
    group, closed_group = snapback.a_group(), snapback.a_group()
    with snapback.unseen():
        text = bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
        group.open(22)
        closed_bucket.put_policy(closed_bucket.lets_in("444455556666"))
        closed_group.open(443)
    yield bucket, group, closed_bucket, closed_group
    assert bucket.policy_text() == text and len(group.rules()) == 1, "a scan touches nothing"


def found_by(scan) -> dict:
    """The decisions of a scan, by control and ARN."""
    lines = [json.loads(line) for line in scan("--json", "--control", "ec2-*").stdout.splitlines()]
    return {(line["control"], line["subject"]["arn"]): line["decision"] for line in lines}


def test_what_is_shared_with_strangers_is_found(snapback, scan):
    with snapback.unseen():
        shared = {control: of(snapback) for control, of in SHARED.items()}
        kept = {control: of(snapback) for control, of in SHARED.items()}
        for thing in shared.values():
            thing.share(ACCOUNT, STRANGER)
        for thing in kept.values():
            thing.share(ACCOUNT)
    found = found_by(scan)
    for control, thing in shared.items():
        said = found[control, thing.arn]
        assert (said["decision"], said["severity"]) == ("alert", "high") and STRANGER in said["why"]
        assert "the event" not in said["why"]
        assert (control, kept[control].arn) not in found
        assert thing.with_whom() == {ACCOUNT, STRANGER}, "a scan touches nothing"


def test_the_switches_of_the_account_are_looked_at(snapback, scan):
    for turn, name in ((1, "risky"), (0, "safe")):
        with snapback.unseen():
            for control in SWITCHES:
                call, parameters = SWITCHES[control][1 + turn]
                getattr(snapback.ec2, call)(**parameters)
        found = {control for control, _ in found_by(scan)} & set(SWITCHES)
        assert found == (set(SWITCHES) if turn else set()), name


def test_open_network_acls_and_prefix_lists_and_old_metadata_services_are_found(snapback, scan):
    def arn(kind: str, made: str) -> str:
        return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{made}"

    def acl(cidr: str) -> str:
        vpc = snapback.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        made = snapback.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        rule = {"RuleNumber": 90, "Egress": False, "RuleAction": "allow", "Protocol": "6", "CidrBlock": cidr}
        snapback.ec2.create_network_acl_entry(NetworkAclId=made, PortRange={"From": 22, "To": 22}, **rule)
        return arn("network-acl", made)

    def prefix_list(cidr: str) -> str:
        made = snapback.a_prefix_list(cidr)
        pairs = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": made}]}
        snapback.a_group().authorize(IpPermissions=[pairs])
        return arn("prefix-list", made)

    def instance(tokens: str) -> str:
        run = snapback.ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
        made = run["Instances"][0]["InstanceId"]
        snapback.ec2.modify_instance_metadata_options(InstanceId=made, HttpTokens=tokens)
        return arn("instance", made)

    with snapback.unseen():
        opened = {
            ("ec2-open-network-acl", acl("0.0.0.0/0")),
            ("ec2-opened-prefix-list", prefix_list("0.0.0.0/0")),
            ("ec2-instance-metadata-v1", instance("optional")),
        }
        closed = {
            ("ec2-open-network-acl", acl("192.0.2.0/24")),
            ("ec2-opened-prefix-list", prefix_list("192.0.2.0/24")),
            ("ec2-instance-metadata-v1", instance("required")),
        }
    found = found_by(scan)
    assert opened <= set(found) and not closed & set(found)


def test_it_finds_what_was_open_before_anybody_watched(scan, opened):
    bucket, group, closed_bucket, closed_group = opened
    done = scan("--json", "--trust-account", "444455556666")
    assert done.returncode == 1
    # Buckets of other tests, and SAM's own, refuse everyone who comes without TLS, or everyone.
    assert not any(thing.arn in done.stderr for thing in opened)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    about = {(one["control"], one["subject"]["arn"]): one["decision"]["decision"] for one in found}
    assert about["s3-public-bucket-policy", bucket.arn] == "revert"
    assert ("ec2-open-security-group", group.arn) in about
    assert not {closed_bucket.arn, closed_group.arn} & {arn for _, arn in about}


def test_it_looks_through_everything_that_a_control_of_s3_judges(scan, snapback, opened):
    public = opened[0]
    listed, shared, door = snapback.a_bucket_with_acls(), snapback.a_bucket(), AccessPoint(snapback)
    copied = with_versions(snapback)
    with snapback.unseen():
        snapback.s3.put_bucket_acl(Bucket=listed.name, ACL="public-read")
        shared.put_policy(shared.lets_in("777788889999"))
        put(snapback, copied, to_stranger("loot"))
        door.put_policy(door.lets_in({"AWS": ACCOUNT}), door.lets_in("*"))
    done = scan("--control", "s3-*", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    about = {(one["control"], one["subject"]["arn"]): one["decision"] for one in found}
    for control, arn, what in (
        ("s3-public-bucket-acl", listed.arn, "list the objects"),
        ("s3-foreign-bucket-policy", shared.arn, "777788889999"),
        ("s3-foreign-replication", copied.arn, "777788889999"),
        ("s3-access-point-policy", door.arn, "everyone"),
        ("s3-bucket-public-access-block-off", public.arn, "as RestrictPublicBuckets is off"),
        ("s3-account-public-access-block-off", f"arn:aws:iam::{ACCOUNT}:root", f"bucket `{public.name}`"),
    ):
        decision = about[control, arn]
        assert decision["decision"] == "revert" and what in decision["why"], decision
    assert json.loads(door.policy_text())["Statement"][1]["Principal"] == "*", "a scan touches nothing"


def test_what_is_opt_in_is_looked_at_where_it_is_named(scan, snapback):
    group = snapback.a_group()
    group.let_out(22)
    assert "not checked: ec2-open-egress, which is opt-in" in scan("--control", "ec2-*").stdout
    found = [json.loads(line) for line in scan("--control", "ec2-open-egress", "--json").stdout.splitlines()]
    [said] = [one["decision"] for one in found if one["subject"]["arn"] == group.arn]
    assert said["decision"] == "alert" and "tcp/22 to 0.0.0.0/0" in said["why"]
    assert len([rule for rule in group.rules(egress=True) if rule["FromPort"] == 22]) == 1, "a scan touches nothing"


def test_people_read_where_and_why_and_what_would_be_done(scan, opened):
    bucket = opened[0]
    done = scan("--control", "s3-public-bucket-policy")
    [paragraph] = [one for one in done.stdout.split("\n\n") if bucket.arn in one]
    first, where, why, what = paragraph.splitlines()
    assert first == f"high s3-public-bucket-policy: bucket {bucket.name}"
    assert where.startswith(f"    {bucket.arn}, account ") and "everyone" in why.lower()
    assert f"change the policy of bucket `{bucket.name}`" in what
    assert "ec2-open-security-group" not in done.stdout


def test_what_cannot_be_looked_at_is_said_and_hides_nothing_else(scan, opened):
    group = opened[1]
    ec2 = ("ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:DescribeManagedPrefixLists")
    done = scan("--json", may=("s3:ListAllMyBuckets", *ec2))
    assert done.returncode == 1 and "s3-public-bucket-policy on arn:aws:s3:::" in done.stderr
    assert "AccessDenied" in done.stderr
    assert group.arn in {json.loads(line)["subject"]["arn"] for line in done.stdout.splitlines()}


def test_a_control_that_does_not_exist_is_not_a_clean_scan(scan):
    done = scan("--control", "s3-publik-*")
    assert done.returncode == 2 and "there is no such control" in done.stderr and done.stdout == ""
