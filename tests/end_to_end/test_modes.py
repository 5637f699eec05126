"""The operator decides how far Snapback goes: by mode, control by control, and by an emergency stop."""

import time
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest

from accounts import MANAGEMENT
from member import Member, policy
from scene import tick
from stack import ACCOUNT, REGION, REPOSITORY, wait_for


@pytest.fixture(scope="module")
def asking(deployed):
    named = "ec2-open-security-group=revert,ec2-open-egress=revert,ec2-serial-console=off,s3-suspended-log-versioning=off"
    return deployed(mode="ask", ModeOverrides=f"ec2-*=notify,{named}")


@pytest.fixture
def asked(asking):
    """A bucket that is open to everyone, and the entry that asks whether to close it."""
    bucket = asking.a_bucket()
    text = bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
    announcement = asking.announces(bucket)
    assert announcement["outcome"] == "asked" and asking.has_settled()
    assert bucket.policy_text() == text
    return bucket, announcement["id"]


def test_what_is_asked_for_is_done_when_the_operator_applies_it(asking, asked):
    bucket, entry = asked
    before = bucket.policy_text()
    applied = asking.operate("apply", entry, "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.lets_in_everyone()["Sid"] in applied.stdout
    assert bucket.statements() == ["Partner"]
    journaled = asking.journal_about(bucket)
    assert [one["outcome"] for one in journaled] == ["reverted"]
    assert ":user/operator" in journaled[0]["body"]
    undone = asking.undo(entry)
    assert (undone.returncode, undone.stderr) == (0, "")
    assert bucket.policy_text() == before


def test_what_has_changed_since_it_was_asked_for_is_refused(asking, asked):
    bucket, entry = asked
    with asking.unseen():
        bucket.put_policy(bucket.lets_in_everyone("s3:PutObject", sid="Another"), bucket.lets_in_everyone())
    refused = asking.operate("apply", entry, "--yes")
    assert refused.returncode == 2 and "has changed since Snapback asked" in refused.stderr
    assert bucket.statements() == ["Another", "Everyone"]


def test_what_has_been_put_right_since_needs_nothing(asking, asked):
    bucket, entry = asked
    with asking.unseen():
        bucket.put_policy(bucket.lets_in("444455556666"))
    refused = asking.operate("apply", entry, "--yes")
    assert refused.returncode == 2 and "nothing to revert any more" in refused.stderr
    assert bucket.statements() == ["Partner"]


def test_nobody_applies_what_was_not_asked_for_or_without_being_asked(asking, asked):
    bucket, entry = asked
    unasked = asking.operate("apply", entry)
    assert unasked.returncode == 2 and "no terminal to ask at" in unasked.stderr
    assert bucket.statements() == ["Partner", "Everyone"]
    assert asking.operate("apply", entry, "--yes").returncode == 0
    twice = asking.operate("apply", entry, "--yes")
    assert twice.returncode == 2 and "the entry says `reverted`" in twice.stderr


def test_an_override_counts_for_the_controls_that_it_names(asking):
    group = asking.a_group()
    group.open(22)
    assert asking.announces(group)["outcome"] == "reverted"
    assert group.rules() == []


def test_what_is_opt_in_acts_where_it_is_named(asking):
    """`ec2-open-egress`"""
    group = asking.a_group()
    with asking.unseen():
        group.let_out(22, "203.0.113.0/24")
    before = group.what_it_lets_out()
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "blue"}]}]
    group.let_out(22, described={"Description": "for the audit"}, TagSpecifications=tags)
    announced = asking.announces(group)
    assert (announced["control"], announced["outcome"]) == ("ec2-open-egress", "reverted")
    assert group.what_it_lets_out() == before
    undone = asking.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    [again] = [rule for rule in group.rules(egress=True) if rule.get("CidrIpv4") == "0.0.0.0/0" and rule["FromPort"] == 22]
    assert (again["Description"], again["Tags"]) == ("for the audit", [{"Key": "team", "Value": "blue"}])
    assert asking.announces(group, "held")["control"] == "ec2-open-egress"
    assert again in group.rules(egress=True)


def test_what_is_opt_in_and_not_named_is_nobodys_business(snapback):
    group = snapback.a_group()
    rule = group.let_out(22)
    assert snapback.has_settled() and rule in group.rules(egress=True)
    assert snapback.announcements_about(group) == snapback.journal_about(group) == []


def test_a_control_that_is_off_is_not_asked(asking):
    asking.ec2.enable_serial_console_access()
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:account-setting/serial-console-access"
    setting = SimpleNamespace(id="serial-console-access", arn=arn)
    assert asking.has_settled() and asking.announcements_about(setting) == asking.journal_about(setting) == []


def test_what_is_off_is_not_remembered(asking):
    bucket = asking.a_bucket()
    asking.look(bucket)
    remembering = asking.memory_of(bucket)
    assert "s3-early-log-expiry" in remembering and "s3-suspended-log-versioning" not in remembering


def test_an_emergency_stop_ends_all_reverts_until_it_is_over(snapback):
    stopped = snapback.operate("stop", "--reason", "a drill", "--for", "1h")
    assert (stopped.returncode, stopped.stderr) == (0, "")
    try:
        bucket = snapback.a_bucket()
        text = bucket.put_policy(bucket.lets_in_everyone())
        announcement = snapback.announces(bucket)
        assert announcement["outcome"] == "would-revert"
        assert "a drill" in announcement["problem"] and ":user/operator" in announcement["problem"]
        assert snapback.has_settled() and bucket.policy_text() == text
        assert "a drill" in told_of_the_stop(snapback)
        again = snapback.operate("stop", "--reason", "a longer drill", "--for", "2h")
        assert "This changes the stop" in again.stdout and ": a drill" in again.stdout
    finally:
        started = snapback.operate("start")
    assert started.returncode == 0 and "a longer drill" in started.stdout
    assert "reverts go on again" in told_of_the_stop(snapback, "go on again")
    # What would have been reverted can still be: by whoever judges it afterwards.
    applied = snapback.operate("apply", announcement["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert bucket.policy_text() is None
    twice = snapback.operate("apply", announcement["id"], "--yes")
    assert twice.returncode == 2 and f"`snapback undo {announcement['id']}` undoes that" in twice.stderr
    assert "not stopped" in snapback.operate("start").stdout
    other = snapback.a_bucket()
    other.put_policy(other.lets_in_everyone())
    assert snapback.announces(other)["outcome"] == "reverted"


def told_of_the_stop(snapback, words: str = "is stopped") -> str:
    """What the next scheduled check makes people know."""
    assert snapback.invoke("OwnFunction", tick(datetime.now(timezone.utc)))["error"] is None
    control = SimpleNamespace(id="own-stopped-reverts", arn="the stop")
    said = wait_for(lambda: [one["why"] for one in snapback.announcements_about(control) if words in one["why"]])
    return said[-1]


def test_a_stop_must_have_a_time_to_end(snapback):
    for never in ("0s", "-1h", "soon"):
        refused = snapback.operate("stop", "--reason", "a drill", f"--for={never}")
        assert refused.returncode in (1, 2) and "--for" in refused.stderr


def test_a_unit_of_the_organization_has_a_mode_of_its_own_and_the_least_until_it_is_known_who_is_in_it(deployed):
    overrides = "ou-exam-sandboxes/*=off,ou-exam-liveunits/s3-*=revert"
    hub = deployed(mode="notify", Hub="o-exampleorgid", TrustMembers="list", ModeOverrides=overrides)
    sandbox, live = (Member(hub.aws, one, hub.stack.outputs["HubBusArn"]) for one in ("222233334444", "333344445555"))
    for member in (sandbox, live):
        member.deploy(REGION, roles="yes")

    def opens(member: Member, name: str) -> SimpleNamespace:
        bucket = SimpleNamespace(id=name, arn=f"arn:aws:s3:::{name}")
        everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{bucket.arn}/*"}
        s3 = member.client("s3")
        with hub.unseen():
            s3.create_bucket(Bucket=name)
            s3.delete_public_access_block(Bucket=name)
        s3.put_bucket_policy(Bucket=name, Policy=policy(everyone))
        return bucket

    for member in (sandbox, live):
        announced = hub.announces(opens(member, f"unlisted-{member.account}"))
        assert (announced["outcome"], announced["account"]) == ("would-revert", member.account)
        assert "which units account" in announced["problem"], announced

    management = hub.aws.client("organizations", {"AccessKeyId": MANAGEMENT, "SecretAccessKey": "test"})
    delegation = REPOSITORY / "organization" / "list-accounts.policy.json"
    management.put_resource_policy(Content=delegation.read_text(encoding="utf-8"))
    listed = hub.invoke("OwnFunction", tick(datetime.now(timezone.utc)))
    assert listed["error"] is None, listed

    left_alone = opens(sandbox, "a-bucket-of-a-sandbox")
    announced = hub.announces(opens(live, "a-bucket-that-is-live"))
    assert (announced["outcome"], announced.get("problem")) == ("reverted", None), announced
    assert hub.has_settled() and hub.announcements_about(left_alone) == []
    assert sandbox.client("s3").get_bucket_policy(Bucket=left_alone.id)["Policy"]


def test_who_has_used_up_an_hours_reverts_in_an_account_is_asked_about_there_but_for_what_is_critical(deployed):
    snapback = deployed(mode="revert", MaxRevertsPerHour="2", Hub="o-exampleorgid")
    member = Member(snapback.aws, "222233334444", snapback.stack.outputs["HubBusArn"])
    member.deploy(REGION, roles="yes")
    # The hours are those of the clock, and three reverts take seconds: they must not fall into two.
    left = 3600 - time.time() % 3600
    time.sleep(left if left < 30 else 0)
    buckets = [snapback.a_bucket() for _ in range(3)]
    announcements = []
    for bucket in buckets:
        bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
        announcements.append(snapback.announces(bucket))
    assert [one["outcome"] for one in announcements] == ["reverted", "reverted", "asked"]
    assert "has caused 2 reverts in this hour" in announcements[2]["problem"]
    assert buckets[2].statements() == ["Partner", "Everyone"]
    # The same caller has all of them in the next account, whose bucket's policy lets it write that.
    theirs = SimpleNamespace(id="a-bucket-of-a-member", arn="arn:aws:s3:::a-bucket-of-a-member")
    everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{theirs.arn}/*"}
    s3 = member.client("s3")
    with snapback.unseen():
        s3.create_bucket(Bucket=theirs.id)
        s3.delete_public_access_block(Bucket=theirs.id)
        s3.put_bucket_policy(Bucket=theirs.id, Policy=policy(everyone))
    put, caller = snapback.calls_upon(theirs)[-1], snapback.events_about(buckets[2])[-1]["userIdentity"]
    snapback.deliver({**put, "userIdentity": caller, "eventID": str(uuid4())})
    announced = snapback.announces(theirs)
    assert (announced["outcome"], announced["account"]) == ("reverted", member.account), announced
    writable = snapback.a_bucket()
    writable.put_policy(writable.lets_in_everyone("s3:PutObject"))
    critical = snapback.announces(writable)
    assert (critical["outcome"], critical["severity"]) == ("reverted", "critical")
    applied = snapback.operate("apply", announcements[2]["id"], "--yes")
    assert (applied.returncode, applied.stderr) == (0, "")
    assert buckets[2].statements() == ["Partner"]
