"""An ordinary API call that lets strangers in is taken back, announced, and can be undone."""

import json

from policies_as_shown import meaning
from stack import ACCOUNT, wait_for


def test_a_public_policy_is_taken_back(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    announced = snapback.announces(bucket)
    assert announced["control"] == "s3-public-bucket-policy"
    assert announced["outcome"] == "reverted"
    assert bucket.policy_text() is None


def test_an_open_security_group_is_closed(snapback):
    group = snapback.a_group()
    group.open(22)
    announced = snapback.announces(group)
    assert announced["control"] == "ec2-open-security-group"
    assert announced["outcome"] == "reverted"
    assert group.rules() == []


def test_it_is_journaled_and_said_who_did_it(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    announced = snapback.announces(bucket)
    [entry] = snapback.journal_about(bucket)
    assert entry["pk"] == f"entry#{announced['id']}"
    assert (entry["control"], entry["outcome"]) == ("s3-public-bucket-policy", "reverted")
    assert (entry["account"], entry["region"]) == (ACCOUNT, "us-east-1")
    assert "mallory" in json.dumps(announced)
    assert announced["undo"].startswith(f"snapback undo {announced['id']} ")
    attributes = snapback.attributes_of_announcement(announced["id"])
    assert attributes == {
        "control": "s3-public-bucket-policy",
        "severity": announced["severity"],
        "account": ACCOUNT,
        "region": "us-east-1",
        "outcome": "reverted",
    }


def test_another_statement_stays_as_it_is(snapback):
    bucket = snapback.a_bucket()
    # Nobody formats a policy like this, and S3 does not show it like this. That Snapback keeps its bytes is a law.
    partner = (
        '{ "Effect":"Allow",\n\t"Principal" : {"AWS" : "arn:aws:iam::444455556666:root"},'
        ' "Action": ["s3:Get\\u004fbject"],'
        f' "Resource":"{bucket.arn}/*" , "Sid" :"Partner"}}'
    )
    public = json.dumps(bucket.lets_in_everyone())
    bucket.put_policy_text(f'{{"Version" : "2012-10-17",  "Statement": [{public}, {partner}] }}')
    assert snapback.announces(bucket)["outcome"] == "reverted"
    assert bucket.statements() == ["Partner"]
    assert bucket.policy_text() == meaning(f'{{"Version": "2012-10-17", "Statement": [{partner}]}}')


def test_another_rule_stays_as_it_is(snapback):
    group = snapback.a_group()
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "blue"}]}]
    office = group.open(22, "198.51.100.0/24", described={"Description": "the office"}, TagSpecifications=tags)
    web = group.open(443)
    group.open(22)
    assert snapback.announces(group)["outcome"] == "reverted"
    kept = {rule["SecurityGroupRuleId"]: rule for rule in group.rules()}
    assert kept == {office["SecurityGroupRuleId"]: office, web["SecurityGroupRuleId"]: web}


def test_of_one_call_only_the_open_rules_are_revoked(snapback):
    group = snapback.a_group()
    group.authorize(
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 22,
                "ToPort": 22,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8"}],
            },
            {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        ]
    )
    assert snapback.announces(group)["outcome"] == "reverted"
    assert {(rule.get("CidrIpv4"), rule["FromPort"]) for rule in group.rules()} == {
        ("10.0.0.0/8", 22),
        ("0.0.0.0/0", 443),
    }


def test_flat_parameters_and_a_group_called_by_its_name(snapback):
    group = snapback.a_group()
    snapback.ec2.authorize_security_group_ingress(
        GroupName=group.name, CidrIp="203.0.113.9/0", IpProtocol="tcp", FromPort=3389, ToPort=3389
    )
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == []


def test_a_rule_that_is_changed_into_an_open_one(snapback):
    group = snapback.a_group()
    rule = group.open(22, "198.51.100.0/24")
    group.modify(rule, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIpv4="0.0.0.0/0")
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == []


def test_the_world_in_two_halves(snapback):
    group = snapback.a_group()
    halves = [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}]
    group.authorize(IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": halves}])
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == []


def test_the_world_in_a_prefix_list(snapback):
    group = snapback.a_group()
    everything = snapback.a_prefix_list("0.0.0.0/1", "128.0.0.0/1")
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": everything}]}
    group.authorize(IpPermissions=[permission])
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == []


def test_what_block_public_access_neutralises_is_left_alone(snapback):
    bucket = snapback.a_bucket()
    snapback.s3.put_public_access_block(
        Bucket=bucket.name, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    text = bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.has_settled()
    assert bucket.policy_text() == text
    assert snapback.announcements_about(bucket) == []


def test_so_is_what_the_account_neutralises(snapback):
    bucket = snapback.a_bucket()
    account = {"AccountId": ACCOUNT}
    with snapback.unseen():
        snapback.s3control.put_public_access_block(
            PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}, **account
        )
    try:
        text = bucket.put_policy(bucket.lets_in_everyone())
        assert snapback.has_settled()
    finally:
        with snapback.unseen():
            snapback.s3control.delete_public_access_block(**account)
    assert bucket.policy_text() == text
    assert snapback.announcements_about(bucket) == []


def test_its_own_calls_start_no_loop(snapback):
    bucket, group = snapback.a_bucket(), snapback.a_group()
    bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"))
    group.open(22)
    assert snapback.announces(bucket) and snapback.announces(group)
    # Its own PutBucketPolicy is an event as well, and wakes it.
    assert wait_for(lambda: len(snapback.events_about(bucket)) == 2)
    assert snapback.has_settled()
    callers = [record["userIdentity"]["type"] for record in snapback.events_about(bucket)]
    assert callers == ["IAMUser", "AssumedRole"]
    assert len(snapback.announcements_about(bucket)) == len(snapback.journal_about(bucket)) == 1
    assert len(snapback.announcements_about(group)) == len(snapback.journal_about(group)) == 1


def test_undo_puts_a_policy_back_and_it_stays(snapback):
    bucket = snapback.a_bucket()
    before = bucket.put_policy(bucket.lets_in("444455556666"), bucket.lets_in_everyone())
    announced = snapback.announces(bucket)
    assert bucket.policy_text() != before
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert bucket.policy_text() == before
    assert sorted(entry["outcome"] for entry in snapback.journal_about(bucket)) == ["held", "undone"]
    assert [one["outcome"] for one in snapback.announcements_about(bucket)] == ["reverted", "held"]


def test_undo_puts_a_rule_back_and_it_stays(snapback):
    group = snapback.a_group()
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "blue"}]}]
    with snapback.unseen():
        group.open(443)
        group.open(22, described={"Description": "for the audit"}, TagSpecifications=tags)
    before = group.what_it_lets_in()
    snapback.deliver(snapback.events_about(group)[-1])
    announced = snapback.announces(group)
    assert group.what_it_lets_in() != before
    undone = snapback.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert snapback.has_settled()
    assert group.what_it_lets_in() == before
    assert sorted(entry["outcome"] for entry in snapback.journal_about(group)) == ["held", "undone"]
    assert [one["outcome"] for one in snapback.announcements_about(group)] == ["reverted", "held"]


def test_undo_holds_exactly_that_grant(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.undo(snapback.announces(bucket)["id"]).returncode == 0
    assert snapback.has_settled()
    bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in_everyone("s3:*", sid="Everything"))
    assert wait_for(lambda: len(snapback.announcements_about(bucket)) == 3)
    assert bucket.statements() == ["Everyone"]


def test_release_ends_what_undo_holds(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    announced = snapback.announces(bucket)
    assert snapback.undo(announced["id"]).returncode == 0
    assert snapback.has_settled()
    released = snapback.release(announced["id"])
    assert released.returncode == 0, released.stdout + released.stderr
    assert bucket.statements() == ["Everyone"]
    assert snapback.has_settled()
    bucket.put_policy(bucket.lets_in_everyone())
    assert wait_for(lambda: bucket.policy_text() is None)


def test_undo_refuses_when_somebody_has_changed_it_since(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    announced = snapback.announces(bucket)
    since = bucket.put_policy(bucket.lets_in("444455556666"))
    undone = snapback.undo(announced["id"])
    assert undone.returncode != 0
    assert "no longer what Snapback left" in undone.stderr and "Make the change by hand" in undone.stderr
    # It was read before anything was shown or asked, and what was read is what is said.
    assert undone.stdout.count("---") == 0 and "Partner" in undone.stderr
    assert bucket.policy_text() == since


def test_what_is_undone_cannot_be_undone_again(snapback):
    group = snapback.a_group()
    group.open(22)
    announced = snapback.announces(group)
    assert snapback.undo(announced["id"]).returncode == 0
    rules = group.rule_ids()
    again = snapback.undo(announced["id"])
    assert again.returncode != 0
    assert "undone already" in again.stderr
    assert snapback.has_settled()
    assert group.rule_ids() == rules


def test_what_comes_back_again_and_again_is_said_more_seldom(snapback):
    bucket = snapback.a_bucket()
    for times in range(1, 6):
        bucket.put_policy(bucket.lets_in_everyone())
        assert wait_for(lambda times=times: len(snapback.journal_about(bucket)) == times)
        assert snapback.has_settled() and bucket.policy_text() is None
    said = [(one["outcome"], (one["repeat"] or {}).get("times")) for one in snapback.announcements_about(bucket)]
    assert sorted(said) == [("reverted", 1), ("reverted", 2), ("reverted", 3)]
    assert [one["outcome"] for one in snapback.journal_about(bucket)] == ["reverted"] * 5


def test_a_burst_is_taken_back_one_by_one(snapback):
    buckets, groups = [snapback.a_bucket() for _ in range(10)], [snapback.a_group() for _ in range(10)]
    for bucket, group in zip(buckets, groups):
        bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"))
        group.open(22)
    for thing in [*buckets, *groups]:
        assert snapback.announces(thing)["outcome"] == "reverted"
    assert snapback.has_settled()
    assert [bucket.statements() for bucket in buckets] == [["Partner"]] * len(buckets)
    assert [group.rules() for group in groups] == [[]] * len(groups)
    for thing in [*buckets, *groups]:
        assert len(snapback.announcements_about(thing)) == 1
        assert snapback.dead_letters_about(thing) == []


def test_a_burst_upon_one_thing_ends_closed(snapback):
    group = snapback.a_group()
    for port in range(2000, 2020):
        group.open(port)
    assert wait_for(lambda: group.rules() == []), group.rules()
    assert snapback.has_settled()
    assert group.rules() == []
    assert snapback.dead_letters_about(group) == []
