"""IAM: what attackers do so that they can come back."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT, REGION, wait_for

# An access key that no local AWS has: there, the root user has none that IAM knows of.
ROOT_KEY = "AKIAIOSFODNN7ROOTKEY"

MAY_GET_TOKENS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetFederationToken","Resource":"*"}]}'
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


def test_a_key_that_may_have_been_in_use_is_asked_about_when_somebody_makes_it_active(snapback):
    bob = snapback.a_user()
    with snapback.unseen():
        key = bob.a_key()
    snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Active")
    said = snapback.announces(bob, "asked")
    assert "may have changed nothing" in json.dumps(said)
    assert snapback.has_settled()
    assert bob.keys() == {key: "Active"}, "whoever makes active what is in use gets nothing cut off"
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert bob.keys() == {key: "Inactive"}


def test_a_key_that_was_made_inactive_for_a_revert_is_made_so_again_when_it_is_reactivated(snapback):
    bob = snapback.a_user()
    key = bob.a_key()
    snapback.announces(bob, "reverted")
    assert snapback.has_settled()
    snapback.iam.update_access_key(UserName=bob.name, AccessKeyId=key, Status="Active")
    reverted = lambda: [one for one in snapback.announcements_about(bob) if one["outcome"] == "reverted"]  # noqa: E731
    assert wait_for(lambda: len(reverted()) == 2)
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
    assert f"aws iam update-login-profile --user-name {bob.name} " in undone.stdout
    assert f"Done. User `{bob.name}` has a console password that nobody knows" in undone.stdout
    assert "whoever may set a console password of this user can do so" in undone.stdout
    assert snapback.has_settled()
    assert bob.has_console_password()


def test_whether_a_changed_password_is_deleted_an_operator_decides(snapback):
    bob = snapback.a_user()
    with snapback.unseen():
        snapback.iam.create_login_profile(UserName=bob.name, Password="hunter2-Hunter2!")
    snapback.iam.update_login_profile(UserName=bob.name, Password="mallory-Mallory1!")
    said = snapback.announces(bob, "asked")
    assert bob.has_console_password()
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert not bob.has_console_password()


def test_a_role_that_is_opened_to_a_stranger_is_closed_by_an_operator_who_is_asked(snapback):
    role = snapback.a_role()
    stranger = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::777788889999:root"}, "Action": "sts:AssumeRole"}
    role.trust(role.own, {"Sid": "Stranger", **stranger})
    said = snapback.announces(role, "asked")
    assert (said["control"], said["resource"]) == ("iam-open-trust", role.arn)
    assert role.statements() == ["Own", "Stranger"], "in mode `revert` too, an operator applies it"
    assert "iam:UpdateAssumeRolePolicy" not in snapback.actions_of("IamWriterFunction")
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert role.statements() == ["Own"]
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert role.statements() == ["Own", "Stranger"]


EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def test_without_its_full_name_in_the_overrides_an_operator_is_asked_about_an_administrator(snapback):
    bob = snapback.a_user()
    may_put = {"Effect": "Allow", "Action": "iam:PutUserPolicy", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [may_put]})
    snapback.iam.put_user_policy(UserName=bob.name, PolicyName="reports", PolicyDocument=text)
    said = snapback.announces(bob, "asked")
    assert (said["control"], said["severity"]) == ("iam-new-administrator", "high"), said
    assert snapback.iam.list_user_policies(UserName=bob.name)["PolicyNames"] == ["reports"]
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert snapback.iam.list_user_policies(UserName=bob.name)["PolicyNames"] == []


@pytest.fixture(scope="module")
def named(deployed):
    return deployed(mode="revert", ModeOverrides="iam-new-administrator=revert,iam-federation-token=revert")


class Holder:
    """A user, a role or a group that holds policies, as a scheduled check has seen it."""

    def __init__(self, snapback, kind: str):
        self._snapback, self._kind, self._iam = snapback, kind, snapback.iam
        if kind == "group":
            self.name = f"group-{uuid4().hex[:8]}"
            with snapback.unseen():
                self._iam.create_group(GroupName=self.name)
        else:
            self.name = (snapback.a_user() if kind == "user" else snapback.a_role()).name
        self.id, self.arn = self.name, f"arn:aws:iam::{ACCOUNT}:{kind}/{self.name}"

    def call(self, name: str, by=None, **given):
        call = getattr(by or self._iam, name.replace("KIND", self._kind))
        return call(**{f"{self._kind.capitalize()}Name": self.name, **given})

    def managed(self) -> list:
        return [one["PolicyArn"] for one in self.call("list_attached_KIND_policies")["AttachedPolicies"]]

    def inline(self) -> list:
        return self.call("list_KIND_policies")["PolicyNames"]

    def boundary(self) -> str | None:
        found = self.call("get_KIND")[self._kind.capitalize()].get("PermissionsBoundary", {})
        return found.get("PermissionsBoundaryArn")

    def is_seen(self) -> None:
        self._snapback.look(self, "IamFunction")
        assert self._snapback.memory_of(self) == {"iam-new-administrator"}


def everything(snapback) -> str:
    """A new managed policy that allows everything."""
    name = f"everything-{uuid4().hex[:8]}"
    return snapback.iam.create_policy(PolicyName=name, PolicyDocument=EVERYTHING)["Policy"]["Arn"]


@pytest.fixture(scope="module")
def administrator(named) -> str:
    return everything(named)


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_a_policy_that_makes_an_administrator_is_detached_and_undo_attaches_it_again(named, administrator, kind):
    holder = Holder(named, kind)
    holder.is_seen()
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    said = named.announces(holder, "reverted")
    assert (said["control"], said["severity"]) == ("iam-new-administrator", "critical")
    assert holder.managed() == []
    undone = named.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert named.has_settled()
    assert holder.managed() == [administrator], "what an operator has restored is left alone"


def test_what_somebody_has_attached_again_is_not_undone(named, administrator):
    holder = Holder(named, "role")
    holder.is_seen()
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    said = named.announces(holder, "reverted")
    with named.unseen():
        holder.call("attach_KIND_policy", PolicyArn=administrator)
    for refused in (named.undo(said["id"]), named.undo("--since", "1h", "--resource", said["resource"])):
        told = refused.stdout + refused.stderr
        assert refused.returncode != 0 and "found: what was reverted is there already: " in told, told
        assert "It would:" not in told
    assert named.holds_on(holder) == []


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_an_inline_policy_that_makes_an_administrator_is_deleted_and_undo_puts_it_again(named, kind):
    holder = Holder(named, kind)
    with named.unseen():
        beside = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
        holder.call("put_KIND_policy", PolicyName="beside", PolicyDocument=beside)
    holder.is_seen()
    holder.call("put_KIND_policy", PolicyName="debug", PolicyDocument=EVERYTHING)
    said = named.announces(holder, "reverted")
    assert holder.inline() == ["beside"]
    undone = named.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert named.has_settled()
    assert sorted(holder.inline()) == ["beside", "debug"]


def test_a_user_is_removed_from_a_group_of_administrators_and_undo_adds_the_user_again(named, administrator):
    group, bob = Holder(named, "group"), Holder(named, "user")
    with named.unseen():
        group.call("attach_KIND_policy", PolicyArn=administrator)
    bob.is_seen()
    members = lambda: [one["UserName"] for one in named.iam.get_group(GroupName=group.name)["Users"]]  # noqa: E731
    named.iam.add_user_to_group(UserName=bob.name, GroupName=group.name)
    said = named.announces(bob, "reverted")
    assert members() == []
    undone = named.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert named.has_settled()
    assert members() == [bob.name]


@pytest.mark.parametrize("whose", ["attacker", "Terraform"])
def test_an_operator_is_asked_about_what_was_there_before_and_is_only_attached_again(named, administrator, whose):
    holder = Holder(named, "role")
    with named.unseen():
        holder.call("attach_KIND_policy", PolicyArn=administrator)
    holder.is_seen()
    by = None if whose == "attacker" else named.aws.client("iam", named.user("terraform", "iam:*"))
    holder.call("attach_KIND_policy", by, PolicyArn=administrator)
    said = named.announces(holder, "asked")
    assert "the call has changed nothing" in json.dumps(said)
    assert holder.managed() == [administrator]


def test_of_what_was_granted_since_the_check_and_left_an_operator_decides_when_it_is_granted_again(named, administrator):
    holder = Holder(named, "role")
    holder.is_seen()
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    said = named.announces(holder, "reverted")
    assert named.undo(said["id"]).returncode == 0
    assert named.has_settled()
    assert named.release(said["id"]).returncode == 0
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    assert "and left" in json.dumps(named.announces(holder, "asked"))
    assert named.has_settled()
    assert holder.managed() == [administrator]


DENIES = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_a_deny_that_was_put_since_the_check_hides_no_grant(named, administrator, kind):
    holder = Holder(named, kind)
    holder.is_seen()
    holder.call("put_KIND_policy", PolicyName="stop", PolicyDocument=DENIES)
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    said = named.announces(holder, "asked")
    assert said["control"] == "iam-new-administrator" and "a policy that denies it" in json.dumps(said)
    assert named.has_settled()
    assert (holder.inline(), holder.managed()) == (["stop"], [administrator])


def test_without_a_baseline_no_grant_hides_behind_another(named, administrator):
    other = everything(named)
    holder = Holder(named, "user")
    with named.unseen():
        for policy in (administrator, other):
            holder.call("attach_KIND_policy", PolicyArn=policy)
    time.sleep(1.1)
    holder.is_seen()
    attached = [one for one in named.calls_upon(holder) if one["eventName"] == "AttachUserPolicy"]
    for record in attached:
        named.deliver(record)
    assert "since when is not known" in named.announces(holder, "alerted")["why"]
    assert named.has_settled()
    assert len(attached) == 2 and sorted(holder.managed()) == sorted([administrator, other])


def test_no_grant_hides_behind_a_group_that_was_made_administrators_since(snapback):
    group, bob = Holder(snapback, "group"), Holder(snapback, "user")
    with snapback.unseen():
        snapback.iam.add_user_to_group(UserName=bob.name, GroupName=group.name)
    bob.is_seen()
    group.is_seen()
    policy = everything(snapback)
    group.call("attach_KIND_policy", PolicyArn=policy)
    snapback.announces(group, "asked")
    bob.call("attach_KIND_policy", PolicyArn=policy)
    said = snapback.announces(bob, "alerted")
    assert said["control"] == "iam-new-administrator" and "since when is not known" in said["why"]


def test_whoever_is_in_a_group_that_was_renamed_stays_in_it(named, administrator):
    group, bob = Holder(named, "group"), Holder(named, "user")
    with named.unseen():
        group.call("attach_KIND_policy", PolicyArn=administrator)
        named.iam.add_user_to_group(UserName=bob.name, GroupName=group.name)
    bob.is_seen()
    new_name = f"staff-{uuid4().hex[:8]}"
    renamed = SimpleNamespace(id=new_name, arn=new_name)
    named.iam.update_group(GroupName=group.name, NewGroupName=renamed.id)
    said = named.announces(renamed, "alerted")
    assert (said["control"], said["severity"]) == ("iam-renamed-identity", "high")
    named.iam.add_user_to_group(UserName=bob.name, GroupName=renamed.id)
    assert "the call has changed nothing" in json.dumps(named.announces(bob, "asked"))
    assert named.has_settled()
    assert [one["UserName"] for one in named.iam.get_group(GroupName=renamed.id)["Users"]] == [bob.name]


def test_who_takes_the_name_of_another_is_not_taken_for_them(named, administrator):
    low, high = Holder(named, "user"), Holder(named, "user")
    with named.unseen():
        high.call("attach_KIND_policy", PolicyArn=administrator)
    for user in (low, high):
        user.is_seen()
    for old, new in ((low.name, f"{low.name}-x"), (high.name, low.name)):
        named.iam.update_user(UserName=old, NewUserName=new)
        said = named.announces(SimpleNamespace(id=new, arn=new), "alerted")
        assert said["control"] == "iam-renamed-identity"
    low.call("attach_KIND_policy", PolicyArn=administrator)
    assert "not known" in json.dumps(named.announces(low, "asked"))
    assert named.has_settled()
    assert low.managed() == [administrator]


def test_of_what_was_harmless_when_it_was_granted_an_operator_decides_when_it_is_granted_again(named):
    policy = named.iam.create_policy(PolicyName=f"ops-{uuid4().hex[:8]}", PolicyDocument=READS)["Policy"]["Arn"]
    holder = Holder(named, "role")
    holder.is_seen()
    holder.call("attach_KIND_policy", PolicyArn=policy)
    assert named.has_settled()
    with named.unseen():
        named.iam.create_policy_version(PolicyArn=policy, PolicyDocument=EVERYTHING, SetAsDefault=True)
    time.sleep(1.1)
    holder.call("attach_KIND_policy", PolicyArn=policy)
    assert "and left" in json.dumps(named.announces(holder, "asked"))
    assert named.has_settled()
    assert holder.managed() == [policy]


def test_what_was_taken_away_since_and_is_granted_again_is_reverted(named, administrator):
    holder = Holder(named, "role")
    holder.is_seen()
    with named.unseen():
        holder.call("attach_KIND_policy", PolicyArn=administrator)
        time.sleep(1.1)
        holder.call("detach_KIND_policy", PolicyArn=administrator)
        time.sleep(1.1)
    holder.call("attach_KIND_policy", PolicyArn=administrator)
    named.announces(holder, "reverted")
    assert holder.managed() == []


READS = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})


@pytest.mark.parametrize("how", ["new", "older"])
def test_the_default_version_of_the_baseline_is_the_default_again_once_an_operator_applies_it(snapback, how):
    versions = [READS, EVERYTHING] if how == "new" else [EVERYTHING, READS]
    with snapback.unseen():
        made = snapback.iam.create_policy(PolicyName=f"deploy-{how}", PolicyDocument=versions[0])["Policy"]
        policy = SimpleNamespace(id=made["Arn"], arn=made["Arn"])
        if how == "older":
            snapback.iam.create_policy_version(PolicyArn=policy.arn, PolicyDocument=versions[1], SetAsDefault=True)
    default = lambda: snapback.iam.get_policy(PolicyArn=policy.arn)["Policy"]["DefaultVersionId"]  # noqa: E731
    before = default()
    snapback.look(policy, "IamWriterFunction")
    assert snapback.memory_of(policy) == {"iam-new-default-version"}
    if how == "new":
        snapback.iam.create_policy_version(PolicyArn=policy.arn, PolicyDocument=versions[1], SetAsDefault=True)
    else:
        snapback.iam.set_default_policy_version(PolicyArn=policy.arn, VersionId="v1")
    risky = default()
    said = snapback.announces(policy, "asked")
    assert (said["control"], said["severity"]) == ("iam-new-default-version", "critical")
    assert default() == risky, "in mode `revert` too, an operator applies it"
    assert "iam:SetDefaultPolicyVersion" not in snapback.actions_of("IamWriterFunction")
    snapback.look(policy, "IamWriterFunction")  # It records what is there now, and the operator's question stays open.
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert default() == before
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert default() == risky
    assert snapback.has_settled()
    assert default() == risky, "what an operator has restored is left alone"


@pytest.mark.parametrize("before", ["is_there", "is_deleted"])
def test_a_default_version_that_denies_less_is_told_of_and_an_operator_makes_the_one_before_the_default(snapback, before):
    with snapback.unseen():
        arn = snapback.iam.create_policy(PolicyName=f"locks-{before}", PolicyDocument=READS_ONLY_WITH_MFA)["Policy"]["Arn"]
    policy = SimpleNamespace(id=arn, arn=arn)
    default = lambda: snapback.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]  # noqa: E731
    snapback.look(policy, "IamWriterFunction")
    snapback.iam.create_policy_version(PolicyArn=arn, PolicyDocument=READS, SetAsDefault=True)
    if before == "is_deleted":
        snapback.iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        said = snapback.announces(policy, "alerted")
        assert "which has been deleted" in said["why"] and "MultiFactorAuthPresent" in said["why"]
        return
    said = snapback.announces(policy, "asked")
    assert (said["control"], said["severity"]) == ("iam-new-default-version", "medium")
    assert "it no longer denies what the one before denied" in said["why"]
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert default() == "v1"
    stays_undone(snapback, said, lambda: default() == "v2")


def test_of_a_default_version_without_a_baseline_people_are_told_how_to_go_back(snapback):
    with snapback.unseen():
        arn = snapback.iam.create_policy(PolicyName="unseen", PolicyDocument=READS)["Policy"]["Arn"]
    snapback.iam.create_policy_version(PolicyArn=arn, PolicyDocument=EVERYTHING, SetAsDefault=True)
    said = snapback.announces(SimpleNamespace(id=arn, arn=arn), "alerted")
    assert f"aws iam set-default-policy-version --policy-arn {arn}" in said["why"]


DENIES = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_a_policy_that_denies_is_attached_again_once_an_operator_applies_it(snapback, kind):
    holder = Holder(snapback, kind)
    with snapback.unseen():
        policy = snapback.iam.create_policy(PolicyName=f"locks-{kind}", PolicyDocument=DENIES)["Policy"]["Arn"]
        holder.call("attach_KIND_policy", PolicyArn=policy)
    holder.call("detach_KIND_policy", PolicyArn=policy)
    said = snapback.announces(holder, "asked")
    assert said["control"] == "iam-lost-deny"
    assert holder.managed() == [], "in mode `revert` too, an operator applies it"
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert holder.managed() == [policy]
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert holder.managed() == [], "what an operator has restored is left alone"


ONLY_WITH_MFA = {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*",
                 "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}  # fmt: skip
READS_ONLY_WITH_MFA = json.dumps({"Version": "2012-10-17", "Statement": [*json.loads(READS)["Statement"], ONLY_WITH_MFA]})


@pytest.mark.parametrize("how", ["deleted", "replaced"])
@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_what_an_inline_policy_denied_is_denied_again_once_an_operator_applies_it(snapback, kind, how):
    holder = Holder(snapback, kind)
    with snapback.unseen():
        holder.call("put_KIND_policy", PolicyName="limits", PolicyDocument=READS_ONLY_WITH_MFA)
    holder.is_seen()
    if how == "deleted":
        holder.call("delete_KIND_policy", PolicyName="limits")
    else:
        holder.call("put_KIND_policy", PolicyName="limits", PolicyDocument=READS)

    def statements() -> list:
        if holder.inline() == []:
            return []
        return holder.call("get_KIND_policy", PolicyName="limits")["PolicyDocument"]["Statement"]

    left = [] if how == "deleted" else json.loads(READS)["Statement"]
    said = snapback.announces(holder, "asked")
    assert said["control"] == "iam-lost-deny"
    assert statements() == left, "in mode `revert` too, an operator applies it"
    holder.is_seen()  # The baseline is now what the operator is asked about.
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert statements() == [*left, ONLY_WITH_MFA]
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert statements() == left, "what an operator has restored is left alone"


def test_a_user_is_in_a_group_that_denies_again_once_an_operator_applies_it(snapback):
    group, bob = Holder(snapback, "group"), Holder(snapback, "user")
    with snapback.unseen():
        group.call("put_KIND_policy", PolicyName="limits", PolicyDocument=READS_ONLY_WITH_MFA)
        bob.call("put_KIND_policy", PolicyName="reads", PolicyDocument=READS)
        snapback.iam.add_user_to_group(UserName=bob.name, GroupName=group.name)
    members = lambda: [one["UserName"] for one in snapback.iam.get_group(GroupName=group.name)["Users"]]  # noqa: E731
    snapback.iam.remove_user_from_group(UserName=bob.name, GroupName=group.name)
    said = snapback.announces(bob, "asked")
    assert said["control"] == "iam-lost-deny"
    assert members() == [], "in mode `revert` too, an operator applies it"
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert members() == [bob.name]
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert members() == [], "what an operator has restored is left alone"


DENIES_EVERYTHING = "arn:aws:iam::aws:policy/AWSDenyAll"


def test_a_user_whose_key_got_a_federation_token_is_locked_and_undo_releases_the_user(named):
    bob = Holder(named, "user")
    with named.unseen():
        bob.call("put_KIND_policy", PolicyName="may", PolicyDocument=MAY_GET_TOKENS)
        key = named.iam.create_access_key(UserName=bob.name)["AccessKey"]
    named.aws.client("sts", key).get_federation_token(Name="admin", Policy=EVERYTHING)
    said = named.announces(bob, "reverted")
    assert (said["control"], bob.managed()) == ("iam-federation-token", [DENIES_EVERYTHING])
    undone = named.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert named.has_settled()
    assert bob.managed() == []
    about = {(one["control"], one["outcome"]) for one in named.announcements_about(bob)}
    assert ("iam-lost-deny", "asked") not in about, "an undo is no lost protection"
    released = named.release(said["id"])
    assert released.returncode == 0, released.stderr
    bob.call("attach_KIND_policy", PolicyArn=DENIES_EVERYTHING)
    bob.call("detach_KIND_policy", PolicyArn=DENIES_EVERYTHING)
    assert named.announces(bob, "asked")["control"] == "iam-lost-deny", "and the next one is one again"


def test_the_function_can_lock_a_user_and_neither_release_nor_give_anything(named):
    bob, iam = Holder(named, "user"), named.as_function("IamFunction", "iam")
    with named.unseen():
        iam.attach_user_policy(UserName=bob.name, PolicyArn=DENIES_EVERYTHING)
        for call, policy in ((iam.attach_user_policy, BOUNDS_NOTHING), (iam.detach_user_policy, DENIES_EVERYTHING)):
            with pytest.raises(ClientError, match="AccessDenied"):
                call(UserName=bob.name, PolicyArn=policy)
    assert bob.managed() == [DENIES_EVERYTHING]


BOUNDS_NOTHING = "arn:aws:iam::aws:policy/AdministratorAccess"


@pytest.mark.parametrize("how", ["deleted", "replaced"])
@pytest.mark.parametrize("kind", ["user", "role"])
def test_the_boundary_of_the_baseline_bounds_again_once_an_operator_applies_it(snapback, kind, how):
    holder = Holder(snapback, kind)
    with snapback.unseen():
        team = snapback.iam.create_policy(PolicyName=f"team-{kind}-{how}", PolicyDocument=READS)["Policy"]["Arn"]
        holder.call("put_KIND_permissions_boundary", PermissionsBoundary=team)
    holder.is_seen()
    if how == "deleted":
        holder.call("delete_KIND_permissions_boundary")
    else:
        holder.call("put_KIND_permissions_boundary", PermissionsBoundary=BOUNDS_NOTHING)
    risky = holder.boundary()
    said = snapback.announces(holder, "asked")
    assert said["control"] == "iam-lost-boundary"
    assert holder.boundary() == risky != team, "in mode `revert` too, an operator applies it"
    assert f"iam:Put{kind.capitalize()}PermissionsBoundary" not in snapback.actions_of("IamWriterFunction")
    holder.is_seen()  # The baseline is now what the operator is asked about.
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert holder.boundary() == team
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert holder.boundary() == risky, "what an operator has restored is left alone"


def test_of_a_boundary_without_a_baseline_people_are_told_how_to_restore_it(snapback):
    holder = Holder(snapback, "role")
    with snapback.unseen():
        holder.call("put_KIND_permissions_boundary", PermissionsBoundary=BOUNDS_NOTHING)
    holder.call("delete_KIND_permissions_boundary")
    said = snapback.announces(holder, "alerted")
    assert f"aws iam put-role-permissions-boundary --role-name {holder.name}" in said["why"]


STRICT = {
    "MinimumPasswordLength": 14, "RequireSymbols": True, "RequireNumbers": True, "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True, "AllowUsersToChangePassword": True, "MaxPasswordAge": 90,
    "PasswordReusePrevention": 24, "HardExpiry": True, "ExpirePasswords": True,
}  # fmt: skip


def password_policy(snapback) -> dict | None:
    try:
        return snapback.iam.get_account_password_policy()["PasswordPolicy"]
    except snapback.iam.exceptions.NoSuchEntityException:
        return None


def set_unseen(snapback, policy: dict | None) -> None:
    with snapback.unseen():
        if policy:
            snapback.iam.update_account_password_policy(**{name: policy[name] for name in policy if name != "ExpirePasswords"})
        elif password_policy(snapback):
            snapback.iam.delete_account_password_policy()


def said_of_passwords(snapback, outcome: str) -> dict:
    """What is said last of the password policy, once all is said."""
    heard = lambda: [  # noqa: E731
        one
        for one in snapback.announcements()
        if (one.get("control"), one.get("outcome")) == ("iam-weak-password-policy", outcome)
    ]
    assert snapback.has_settled()
    assert wait_for(heard)
    return heard()[-1]


def is_restored_and_undone(snapback, before: dict | None, weaken) -> None:
    """The password policy, which is set unseen, seen by the daily check and then weakened."""
    account = SimpleNamespace(id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root")
    set_unseen(snapback, before)
    snapback.look(account, "IamWriterFunction")
    assert "iam-weak-password-policy" in snapback.memory_of(account)
    weaken()
    risky = password_policy(snapback)
    said = said_of_passwords(snapback, "asked")
    assert password_policy(snapback) == risky != before, "in mode `revert` too, an operator applies it"
    snapback.look(account, "IamWriterFunction")
    applied = snapback.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert password_policy(snapback) == before
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert password_policy(snapback) == risky, "what an operator has restored is left alone"


def test_the_password_policy_of_the_baseline_holds_again_once_an_operator_applies_it(snapback):
    assert "iam:UpdateAccountPasswordPolicy" not in snapback.actions_of("IamWriterFunction")
    is_restored_and_undone(snapback, STRICT, snapback.iam.delete_account_password_policy)
    shorten = lambda: snapback.iam.update_account_password_policy(MinimumPasswordLength=7)  # noqa: E731
    is_restored_and_undone(snapback, STRICT, shorten)


def test_a_password_policy_that_is_weaker_than_awss_own_is_told_of_and_deleted_if_there_was_none(deployed):
    snapback = deployed(mode="revert")
    snapback.iam.update_account_password_policy(RequireSymbols=True)
    assert "as short as 6 characters" in said_of_passwords(snapback, "alerted")["why"]
    shorten = lambda: snapback.iam.update_account_password_policy(MinimumPasswordLength=7)  # noqa: E731
    is_restored_and_undone(snapback, None, shorten)


def test_the_function_cannot_change_operators_and_protected_principals_and_can_change_others(deployed):
    # The local AWS checks rights upon ARNs without their paths.
    protected = f"arn:aws:iam::{ACCOUNT}:user/break-glass"
    snapback = deployed(mode="notify", Operators=f"arn:aws:iam::{ACCOUNT}:user/operator", ProtectedPrincipals=protected)
    with snapback.unseen():
        admin = snapback.aws.client("iam")
        admin.create_user(UserName="break-glass")
        of = {name: admin.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for name in ("break-glass", "operator")}
        bob = snapback.a_user()
        of[bob.name] = bob.a_key()
    iam = snapback.as_function("IamFunction", "iam")
    with snapback.unseen():
        iam.update_access_key(UserName=bob.name, AccessKeyId=of[bob.name], Status="Inactive")
        for name in ("break-glass", "operator"):
            iam.list_access_keys(UserName=name)
            with pytest.raises(ClientError, match="AccessDenied"):
                iam.update_access_key(UserName=name, AccessKeyId=of[name], Status="Inactive")
    assert bob.keys() == {of[bob.name]: "Inactive"}


def test_the_function_cannot_change_a_role_of_snapback_and_can_change_one_that_is_named_alike(deployed):
    snapback = deployed(mode="notify")
    iam, admin, alike = snapback.as_function("IamFunction", "iam"), snapback.aws.client("iam"), "snapback-S3Role-mine"
    assume = json.dumps({"Version": "2012-10-17", "Statement": []})
    with snapback.unseen():
        admin.create_role(RoleName=alike, AssumeRolePolicyDocument=assume)
        admin.put_role_policy(RoleName=alike, PolicyName="snapback", PolicyDocument=EVERYTHING)
        iam.delete_role_policy(RoleName=alike, PolicyName="snapback")
        for function in snapback.functions():
            with pytest.raises(ClientError, match="AccessDenied"):
                iam.delete_role_policy(RoleName=snapback.role_of(function), PolicyName="snapback")
    assert admin.list_role_policies(RoleName=alike)["PolicyNames"] == []


def test_a_service_that_a_role_did_not_trust_before_is_told_of_and_one_without_a_baseline_is_not(snapback):
    seen = Holder(snapback, "role")
    seen.is_seen()
    # A look at another identity may go through the whole account, so it is made afterwards.
    unseen = Holder(snapback, "role")
    of_account = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    of_service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [of_account, of_service]})
    for role in (unseen, seen):
        snapback.iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    said = snapback.announces(seen, "alerted")
    assert (said["control"], said["severity"]) == ("iam-wider-trust", "medium")
    assert "service `lambda.amazonaws.com`" in said["why"] and ACCOUNT not in said["why"].split(": it trusts")[1]
    assert snapback.has_settled()
    assert snapback.announcements_about(unseen) == []


def test_who_may_assume_a_role_of_administrators_is_told_of_and_so_is_whom_that_role_lets_in(snapback):
    ops, ci = Holder(snapback, "role"), Holder(snapback, "role")
    with snapback.unseen():
        ops.call("attach_KIND_policy", PolicyArn=everything(snapback))
    ops.is_seen()
    snapback.look(ops, "PassedRolesFunction")
    may_assume = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ops.arn}
    text = json.dumps({"Version": "2012-10-17", "Statement": [may_assume]})
    ci.call("put_KIND_policy", PolicyName="as-ops", PolicyDocument=text)
    said = snapback.announces(ci, "alerted")
    assert said["control"] == "iam-new-administrator" and f"it may assume role `{ops.name}`" in said["why"]
    mallory = snapback.a_user()
    of_mallory = {"Effect": "Allow", "Principal": {"AWS": mallory.arn}, "Action": "sts:AssumeRole"}
    snapback.iam.update_assume_role_policy(
        RoleName=ops.name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [of_mallory]})
    )
    told = lambda: [one for one in snapback.announcements_about(ops) if one["control"] == "iam-wider-trust"]  # noqa: E731
    [said] = wait_for(told)
    assert said["severity"] == "high" and mallory.name in said["why"]


def test_another_tenant_of_a_provider_is_told_of(snapback):
    provider, role = "token.actions.githubusercontent.com", Holder(snapback, "role")

    def trust(repository: str) -> None:
        subject = {"StringLike": {f"{provider}:sub": f"repo:{repository}:*"}, "StringEquals": {f"{provider}:aud": "sts.amazonaws.com"}}
        statement = {
            "Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider}"},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": subject,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        snapback.iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=policy)

    with snapback.unseen():
        trust("example/app")
    role.is_seen()
    trust("mallory/app")
    said = snapback.announces(role, "alerted")
    assert said["control"] == "iam-wider-trust" and "`repo:mallory/app:*`" in said["why"]


def test_a_role_that_everyone_of_the_account_may_assume_is_told_of(snapback):
    role = snapback.a_role()
    of_account = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    role.trust({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": of_account})
    said = snapback.announces(role, "alerted")
    assert said["control"] == "iam-wider-trust" and "everyone whom its conditions let in" in said["why"]


BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/listed"


@pytest.fixture(scope="module")
def writing(deployed):
    """A stack whose function for what amounts to administrator has the rights to it."""
    named = "iam-open-trust,iam-new-default-version,iam-lost-deny,iam-lost-boundary,iam-weak-password-policy"
    overrides = ",".join(f"{control}=revert" for control in named.split(","))
    return deployed(mode="revert", IamWriter="yes", IamWriterBoundaries=BOUNDARY, ModeOverrides=overrides)


def stays_undone(snapback, said: dict, is_risky) -> None:
    undone = snapback.undo(said["id"])
    assert undone.returncode == 0, undone.stderr
    assert snapback.has_settled()
    assert is_risky(), "what an operator has restored is left alone"


def test_with_iam_writer_a_role_that_is_opened_to_everyone_is_closed_at_once_and_undo_opens_it(writing):
    role = writing.a_role()
    role.trust(role.own, {"Sid": "Everyone", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    said = writing.announces(role, "reverted")
    assert (said["control"], said["severity"]) == ("iam-open-trust", "critical")
    assert role.statements() == ["Own"]
    stays_undone(writing, said, lambda: role.statements() == ["Own", "Everyone"])


def test_with_iam_writer_an_operator_still_decides_about_vendors_and_roles_of_the_organization(writing):
    stranger = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::777788889999:root"}, "Action": "sts:AssumeRole"}
    role = writing.a_role()
    role.trust(role.own, {"Sid": "Vendor", **stranger, "Condition": {"StringEquals": {"sts:ExternalId": "a1b2"}}})
    assert "ExternalId" in writing.announces(role, "asked")["problem"]
    assert role.statements() == ["Own", "Vendor"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [stranger]})
    writing.iam.create_role(RoleName="OrganizationAccountAccessRole", AssumeRolePolicyDocument=document)
    arn = f"arn:aws:iam::{ACCOUNT}:role/OrganizationAccountAccessRole"
    said = writing.announces(SimpleNamespace(id="OrganizationAccountAccessRole", arn=arn), "asked")
    assert "administers its accounts" in said["problem"]


def test_with_iam_writer_the_default_version_of_the_baseline_is_the_default_again(writing):
    with writing.unseen():
        arn = writing.iam.create_policy(PolicyName="deploy-writing", PolicyDocument=READS)["Policy"]["Arn"]
    policy = SimpleNamespace(id=arn, arn=arn)
    default = lambda: writing.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]  # noqa: E731
    writing.look(policy, "IamWriterFunction")
    writing.iam.create_policy_version(PolicyArn=arn, PolicyDocument=EVERYTHING, SetAsDefault=True)
    said = writing.announces(policy, "reverted")
    assert default() == "v1"
    stays_undone(writing, said, lambda: default() == "v2")


@pytest.mark.parametrize("kind", ["user", "role", "group"])
def test_with_iam_writer_what_was_denied_is_denied_again(writing, kind):
    holder = Holder(writing, kind)
    with writing.unseen():
        policy = writing.iam.create_policy(PolicyName=f"locks-writing-{kind}", PolicyDocument=DENIES)["Policy"]["Arn"]
        holder.call("attach_KIND_policy", PolicyArn=policy)
        holder.call("put_KIND_policy", PolicyName="locked", PolicyDocument=DENIES)
    holder.is_seen()
    holder.call("detach_KIND_policy", PolicyArn=policy)
    said = writing.announces(holder, "reverted")
    assert (said["control"], holder.managed()) == ("iam-lost-deny", [policy])
    stays_undone(writing, said, lambda: holder.managed() == [])
    holder.call("delete_KIND_policy", PolicyName="locked")
    assert wait_for(lambda: holder.inline() == ["locked"])
    assert writing.has_settled()


def test_with_iam_writer_a_user_is_in_the_group_again_that_denied(writing):
    user, group = Holder(writing, "user"), Holder(writing, "group")
    with writing.unseen():
        user.call("put_KIND_policy", PolicyName="reads", PolicyDocument=READS)
        group.call("put_KIND_policy", PolicyName="locked", PolicyDocument=DENIES)
        writing.iam.add_user_to_group(UserName=user.name, GroupName=group.name)
    writing.iam.remove_user_from_group(UserName=user.name, GroupName=group.name)
    groups = lambda: [one["GroupName"] for one in writing.iam.list_groups_for_user(UserName=user.name)["Groups"]]  # noqa: E731
    said = writing.announces(user, "reverted")
    assert groups() == [group.name]
    stays_undone(writing, said, lambda: groups() == [])


ALLOWS_AND_DENIES = json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"},
    ],
})  # fmt: skip


def test_with_iam_writer_nobody_gets_back_what_also_allows_before_an_operator_says_so(writing):
    user, group = Holder(writing, "user"), Holder(writing, "group")
    with writing.unseen():
        policy = writing.iam.create_policy(PolicyName="admins-writing", PolicyDocument=ALLOWS_AND_DENIES)["Policy"]["Arn"]
        user.call("put_KIND_policy", PolicyName="reads", PolicyDocument=READS)
        user.call("attach_KIND_policy", PolicyArn=policy)
        group.call("attach_KIND_policy", PolicyArn=policy)
        writing.iam.add_user_to_group(UserName=user.name, GroupName=group.name)
    user.call("detach_KIND_policy", PolicyArn=policy)
    assert "also allows something" in writing.announces(user, "asked")["problem"]
    writing.iam.remove_user_from_group(UserName=user.name, GroupName=group.name)
    asked = lambda: [one for one in writing.announcements_about(user) if f"group `{group.name}`" in one["why"]]  # noqa: E731
    assert wait_for(asked) and asked()[0]["outcome"] == "asked"
    assert user.managed() == [] and writing.iam.list_groups_for_user(UserName=user.name)["Groups"] == []


@pytest.mark.parametrize("kind", ["user", "role"])
def test_with_iam_writer_a_listed_boundary_is_put_back_and_about_any_other_an_operator_is_asked(writing, kind):
    with writing.unseen():
        if not any(one["Arn"] == BOUNDARY for one in writing.iam.list_policies(Scope="Local")["Policies"]):
            writing.iam.create_policy(PolicyName="listed", PolicyDocument=READS)
        other = writing.iam.create_policy(PolicyName=f"unlisted-{kind}", PolicyDocument=READS)["Policy"]["Arn"]
    of = {}
    for boundary in (BOUNDARY, other):
        of[boundary] = Holder(writing, kind)
        with writing.unseen():
            of[boundary].call("put_KIND_permissions_boundary", PermissionsBoundary=boundary)
        of[boundary].is_seen()
        of[boundary].call("delete_KIND_permissions_boundary")
    said = writing.announces(of[BOUNDARY], "reverted")
    assert of[BOUNDARY].boundary() == BOUNDARY
    stays_undone(writing, said, lambda: of[BOUNDARY].boundary() is None)
    assert "may not do it" in writing.announces(of[other], "asked")["problem"]
    put = getattr(writing.as_function("IamWriterFunction", "iam"), f"put_{kind}_permissions_boundary")
    with writing.unseen(), pytest.raises(ClientError, match="AccessDenied"):
        put(**{f"{kind.capitalize()}Name": of[other].name}, PermissionsBoundary=BOUNDS_NOTHING)


def test_with_iam_writer_the_password_policy_of_the_baseline_holds_again(writing):
    account = SimpleNamespace(id=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:root")
    for before, length in ((None, 6), (STRICT, 7)):
        set_unseen(writing, before)
        writing.look(account, "IamWriterFunction")
        writing.iam.update_account_password_policy(MinimumPasswordLength=length)
        said = said_of_passwords(writing, "reverted")
        assert password_policy(writing) == before
        stays_undone(writing, said, lambda: password_policy(writing) != before)


def test_with_iam_writer_a_control_that_is_not_named_still_asks(deployed):
    snapback = deployed(mode="revert", IamWriter="yes", ModeOverrides="iam-*=revert")
    role = snapback.a_role()
    role.trust(role.own, {"Sid": "Everyone", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    snapback.announces(role, "asked")
    assert role.statements() == ["Own", "Everyone"]


WRITES = {
    "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:PutGroupPolicy",
    "iam:PutRolePolicy", "iam:PutUserPolicy", "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy",
    "iam:UpdateAccountPasswordPolicy", "iam:DeleteAccountPasswordPolicy",
}  # fmt: skip


def test_without_the_parameter_the_function_can_write_nothing_of_iam(snapback, writing):
    of = {"no": snapback.actions_of("IamWriterFunction"), "yes": writing.actions_of("IamWriterFunction")}
    boundaries = {"iam:PutUserPermissionsBoundary", "iam:PutRolePermissionsBoundary"}
    assert of["yes"] - of["no"] == WRITES | boundaries
    for action in of["no"]:
        service, name = action.split(":")
        assert service != "iam" or name.startswith(("Get", "List")), action


def test_with_iam_writer_snapbacks_own_roles_operators_and_protected_principals_stay_out_of_reach(deployed):
    operator, protected = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("operator", "break-glass"))
    snapback = deployed(mode="notify", IamWriter="yes", Operators=operator, ProtectedPrincipals=protected)
    iam, admin = snapback.as_function("IamWriterFunction", "iam"), snapback.aws.client("iam")
    assume = json.dumps({"Version": "2012-10-17", "Statement": []})
    with snapback.unseen():
        for name in ("operator", "break-glass", "anybody"):
            admin.create_role(RoleName=name, AssumeRolePolicyDocument=assume)
        iam.update_assume_role_policy(RoleName="anybody", PolicyDocument=assume)
        for name in ("operator", "break-glass", *(snapback.role_of(function) for function in snapback.functions())):
            with pytest.raises(ClientError, match="AccessDenied"):
                iam.update_assume_role_policy(RoleName=name, PolicyDocument=assume)
        with pytest.raises(ClientError, match="AccessDenied"):
            snapback.as_function("IamWriterFunction", "sts").assume_role(
                RoleArn=f"arn:aws:iam::{ACCOUNT}:role/anybody", RoleSessionName="mallory"
            )


def test_in_the_account_of_a_hub_the_roles_of_a_member_stay_out_of_reach_and_others_do_not(deployed):
    hub = deployed(mode="notify", IamWriter="yes", Hub="account")
    admin, assume = hub.aws.client("iam"), json.dumps({"Version": "2012-10-17", "Statement": []})
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [reads]})
    of_member, other = (f"{hub.stack.name}-{name}" for name in ("member-iam", "reports"))
    with hub.unseen():
        for name in (of_member, other):
            admin.create_role(RoleName=name, AssumeRolePolicyDocument=assume)
            admin.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        with pytest.raises(ClientError, match="AccessDenied"):
            hub.as_function("IamWriterFunction", "iam").update_assume_role_policy(RoleName=of_member, PolicyDocument=assume)
        with pytest.raises(ClientError, match="AccessDenied"):
            hub.as_function("IamFunction", "iam").delete_role_policy(RoleName=of_member, PolicyName="own")
        hub.as_function("IamWriterFunction", "iam").update_assume_role_policy(RoleName=other, PolicyDocument=assume)
        hub.as_function("IamFunction", "iam").delete_role_policy(RoleName=other, PolicyName="own")


def test_a_device_in_the_name_of_another_user_is_told_and_no_other_is(snapback):
    bob, mine = snapback.a_user(), f"phone-{uuid4().hex[:8]}"
    for name in (mine, bob.name):
        snapback.iam.create_virtual_mfa_device(VirtualMFADeviceName=name)
    said = snapback.announces(bob, "alerted")
    assert (said["control"], said["resource"]) == ("iam-foreign-mfa-device", bob.arn)
    assert f"delete-virtual-mfa-device --serial-number arn:aws:iam::{ACCOUNT}:mfa/{bob.name}" in said["why"]
    assert snapback.has_settled() and snapback.announcements_about(SimpleNamespace(id=mine)) == []


def test_a_tag_that_a_policy_depends_on_is_told_of_with_a_baseline(snapback):
    tag, account = f"access-{uuid4().hex[:8]}", SimpleNamespace(arn=f"arn:aws:iam::{ACCOUNT}:root")
    asks = {"StringEquals": {f"aws:PrincipalTag/{tag}": "admin"}}
    of_admins = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": asks}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [of_admins]})
    holder = snapback.a_role()
    with snapback.unseen():
        snapback.iam.put_role_policy(RoleName=holder.name, PolicyName="by-tag", PolicyDocument=policy)
    early, role, other, user = snapback.a_role(), snapback.a_role(), snapback.a_role(), snapback.a_user()
    snapback.iam.tag_role(RoleName=early.name, Tags=[{"Key": tag, "Value": "admin"}])
    assert snapback.has_settled() and snapback.announcements_about(early) == []
    snapback.look(account, "IamFunction")
    snapback.iam.tag_role(RoleName=other.name, Tags=[{"Key": "cost-center", "Value": "17"}])
    snapback.iam.tag_role(RoleName=role.name, Tags=[{"Key": tag.upper(), "Value": "admin"}])
    snapback.iam.untag_user(UserName=user.name, TagKeys=[tag])
    for of in (role, user):
        said = snapback.announces(of, "alerted")
        assert said["control"] == "iam-changed-principal-tag"
        assert f"inline policy `by-tag` of role `{holder.name}` depends on tag `{tag}`" in said["why"]
    assert snapback.has_settled() and snapback.announcements_about(other) == []
