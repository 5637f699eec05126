"""In mode `notify` Snapback says what it would do, and touches nothing."""
import pytest


@pytest.fixture(scope="module")
def notifying(deployed):
    return deployed(mode="notify")


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


def test_it_makes_no_changing_call(notifying):
    bucket, group = notifying.a_bucket(), notifying.a_group()
    bucket.put_policy(bucket.lets_in_everyone())
    group.open(22)
    assert notifying.announces(bucket) and notifying.announces(group)
    assert notifying.has_settled()
    callers = [record["userIdentity"]["type"] for thing in (bucket, group) for record in notifying.events_about(thing)]
    assert callers == ["IAMUser", "IAMUser"]
