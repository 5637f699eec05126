"""In mode `notify` Snapback says what it would do, and touches nothing; and it hears what else the operator chose."""

import pytest


@pytest.fixture(scope="module")
def notifying(deployed):
    return deployed(mode="notify", PublicPorts="tcp/443,tcp/2222", NotificationEmail="you@example.com")


def test_it_says_what_it_would_take_back(notifying):
    bucket, group = notifying.a_bucket(), notifying.a_group()
    text = bucket.put_policy(bucket.lets_in_everyone())
    rule = group.open(22)
    for thing in (bucket, group):
        assert notifying.announces(thing)["outcome"] == "would-revert"
        assert [entry["outcome"] for entry in notifying.journal_about(thing)] == ["would-revert"]
    assert notifying.has_settled()
    assert bucket.policy_text() == text
    assert group.rules() == [rule]


def test_a_mail_says_it_in_words(notifying):
    group = notifying.a_group()
    group.open(22)
    entry = notifying.announces(group)["id"]
    [mail] = notifying.aws.mails_about(group.id)
    assert mail["to"] == "you@example.com"
    said = f"security group {group.id} in 111122223333 let anyone in"
    assert mail["subject"] == f"Snapback would revert [critical]: {said}"
    said = f"CRITICAL: Security group {group.id} in account 111122223333 (us-east-1) let anyone in."
    assert mail["text"].startswith(said)
    for said in ("lets in tcp/22 from 0.0.0.0/0", "has touched nothing", f"journal entry {entry}"):
        assert said in mail["text"]


def test_it_makes_no_changing_call(notifying):
    bucket, group = notifying.a_bucket(), notifying.a_group()
    bucket.put_policy(bucket.lets_in_everyone())
    group.open(22)
    assert notifying.announces(bucket) and notifying.announces(group)
    assert notifying.has_settled()
    for thing in (bucket, group):
        assert {record["userIdentity"]["type"] for record in notifying.calls_upon(thing)} == {"IAMUser"}


def test_the_operator_says_which_ports_may_be_public(notifying):
    meant, not_meant = notifying.a_group(), notifying.a_group()
    meant.open(2222)
    not_meant.open(80)
    assert notifying.announces(not_meant)["outcome"] == "would-revert"
    assert notifying.has_settled()
    assert notifying.announcements_about(meant) == []
