"""Members of the own organization are no strangers with `TrustMembers`: those that AWS Organizations lists as created in it."""

from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from accounts import MANAGEMENT
from scene import operator_policy, tick
from stack import REPOSITORY, wait_for

# One that was created in the organization, one that was invited to it, and one of nobody knows whom.
MEMBER, INVITED, STRANGER = "222233334444", "333344445555", "777788889999"


@pytest.fixture(scope="module")
def trusting(deployed):
    return deployed(mode="revert", TrustMembers="yes", TrustedAccounts=None)


def test_members_are_trusted_once_they_are_listed_and_invited_ones_and_strangers_are_not(trusting):
    def check() -> dict:
        return trusting.invoke("OwnFunction", tick(datetime.now(timezone.utc)))

    def opened(*accounts: str):
        bucket = trusting.a_bucket()
        bucket.put_policy(*(bucket.lets_in(account, sid=f"S{account}") for account in accounts))
        return bucket

    # The management account has not let it ask yet: nobody is a member, and with the next check people know why.
    assert [check()["error"] for _ in range(2)] == [None, None]
    account = SimpleNamespace(id="own-unlisted-members", arn="the account")
    [told] = wait_for(lambda: trusting.announcements_about(account))
    assert told["outcome"] == "alerted" and "organization/README.md" in told["why"], told
    bucket = opened(MEMBER)
    assert trusting.announces(bucket)["outcome"] == "reverted"
    assert bucket.policy_text() is None

    management = trusting.aws.client("organizations", {"AccessKeyId": MANAGEMENT, "SecretAccessKey": "test"})
    policy = REPOSITORY / "organization" / "list-accounts.policy.json"
    management.put_resource_policy(Content=policy.read_text(encoding="utf-8"))
    listed = check()
    assert listed["error"] is None, listed

    bucket, left_alone = opened(MEMBER, INVITED, STRANGER), opened(MEMBER, MANAGEMENT)
    announced = trusting.announces(bucket)
    assert (announced["control"], announced["outcome"]) == ("s3-foreign-bucket-policy", "reverted")
    assert bucket.statements() == [f"S{MEMBER}"]
    assert trusting.has_settled()
    assert trusting.announcements_about(left_alone) == [] and left_alone.statements() == [f"S{MEMBER}", f"S{MANAGEMENT}"]

    # What is undone is judged by what the entry says, which has the member among the trusted.
    undone = trusting.undo(announced["id"])
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert trusting.has_settled() and len(bucket.statements()) == 3

    scanner = trusting.user_with("scanner", operator_policy(trusting.stack.name, "read", "scan"))
    for options, is_named in [((), True), (("--trust-members",), False)]:
        done = trusting.operate("scan", "--control", "s3-foreign-bucket-policy", *options, by=scanner)
        assert (left_alone.name in done.stdout) == is_named, done.stdout + done.stderr
