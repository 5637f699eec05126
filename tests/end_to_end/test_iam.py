"""IAM: what attackers do so that they can come back."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import uuid4

from stack import ACCOUNT, REGION, wait_for

# An access key that no local AWS has: there, the root user has none that IAM knows of.
ROOT_KEY = "AKIAIOSFODNN7ROOTKEY"

MAY_MAKE_KEYS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"*"}]}'


def test_a_key_made_for_another_user_is_made_inactive_and_undo_makes_it_active_again(snapback):
    bob = snapback.a_user()
    key = bob.a_key()
    said = snapback.announces(bob, "reverted")
    assert (said["control"], said["resource"]) == ("iam-new-credential", bob.arn)
    assert bob.keys() == {key: "Inactive"}
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert bob.keys() == {key: "Active"}
    assert snapback.has_settled()
    assert bob.keys() == {key: "Active"}, "what an operator has restored is left alone"
    snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Inactive")
    snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Active")
    assert snapback.has_settled()
    assert bob.keys() == {key: "Active"}


def test_an_old_key_that_is_reactivated_is_made_inactive_again(snapback):
    bob = snapback.a_user()
    with snapback.unseen():
        key = bob.a_key()
        snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Inactive")
    snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Active")
    snapback.announces(bob, "reverted")
    assert bob.keys() == {key: "Inactive"}


def test_keys_that_users_make_for_themselves_are_announced_and_stay(snapback):
    carol = snapback.a_user()
    with snapback.unseen():
        snapback.iam.put_user_policy(UserName=carol.name, PolicyName="keys", PolicyDocument=MAY_MAKE_KEYS)
        first = snapback.iam.create_access_key(UserName=carol.name)["AccessKey"]
    own = snapback.aws.client("iam", first)
    second = own.create_access_key(UserName=carol.name)["AccessKey"]["AccessKeyId"]
    said = snapback.announces(carol, "alerted")
    assert second in said["why"]
    assert carol.keys()[second] == "Active"


def test_a_key_of_root_is_announced_with_what_root_has_to_do(snapback):
    snapback.deliver(root_makes_a_key())
    said = wait_for(lambda: [one for one in snapback.announcements_about(SimpleNamespace(id=ROOT_KEY)) if one["outcome"] == "alerted"])
    assert said and "assume-root" in said[0]["why"]


def root_makes_a_key() -> dict:
    return {
        "eventVersion": "1.11", "eventTime": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "awsRegion": REGION, "eventID": str(uuid4()),
        "userIdentity": {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT},
        "requestParameters": None, "responseElements": {"accessKey": {"accessKeyId": ROOT_KEY, "status": "Active"}},
        "recipientAccountId": ACCOUNT, "eventType": "AwsApiCall", "eventCategory": "Management",
    }  # fmt: skip


def test_a_console_password_that_is_set_for_another_user_is_deleted_and_undo_gives_a_new_one(snapback):
    bob = snapback.a_user()
    snapback.iam.create_login_profile(UserName=bob.name, Password="hunter2-Hunter2!")
    said = snapback.announces(bob, "reverted")
    assert (said["control"], said["resource"]) == ("iam-new-console-password", bob.arn)
    assert not bob.has_console_password()
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert bob.has_console_password()


def test_whether_a_changed_password_is_deleted_an_operator_decides(snapback):
    bob = snapback.a_user()
    with snapback.unseen():
        snapback.iam.create_login_profile(UserName=bob.name, Password="hunter2-Hunter2!")
    snapback.iam.update_login_profile(UserName=bob.name, Password="mallory-Mallory1!")
    said = snapback.announces(bob, "asked")
    assert bob.has_console_password()
    applied = snapback.operate("apply", said["id"], "--yes")
    assert applied.returncode == 0, applied.stderr
    assert not bob.has_console_password()


def test_a_role_that_is_opened_to_a_stranger_is_closed_by_an_operator_who_is_asked(snapback):
    role = snapback.a_role()
    stranger = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::777788889999:root"}, "Action": "sts:AssumeRole"}
    role.trust(role.own, {"Sid": "Stranger", **stranger})
    said = snapback.announces(role, "asked")
    assert (said["control"], said["resource"]) == ("iam-open-trust", role.arn)
    assert role.statements() == ["Own", "Stranger"], "in mode `revert` too, an operator applies it"
    assert "iam:UpdateAssumeRolePolicy" not in snapback.actions_of("IamFunction")
    applied = snapback.operate("apply", said["id"], "--yes")
    assert applied.returncode == 0, applied.stderr
    assert role.statements() == ["Own"]
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert role.statements() == ["Own", "Stranger"]


def test_a_user_that_is_made_administrator_is_announced_with_the_way_and_the_command(snapback):
    bob = snapback.a_user()
    may_put = {"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [may_put]})
    snapback.iam.put_user_policy(UserName=bob.name, PolicyName="reports", PolicyDocument=text)
    said = snapback.announces(bob, "alerted")
    assert (said["control"], said["severity"]) == ("iam-new-administrator", "high"), said
    assert "aws iam delete-user-policy" in said["why"]
    assert snapback.has_settled()
    assert snapback.iam.list_user_policies(UserName=bob.name)["PolicyNames"] == ["reports"]
