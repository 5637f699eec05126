"""Keys of AWS KMS: opened by a policy or a grant, and taken out of use."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property

import pytest

from scene import Snapback
from stack import ACCOUNT, REGION, REPOSITORY, wait_for

STRANGER = "arn:aws:iam::777788889999:root"
REVERTS = ["kms-open-key-policy", "kms-foreign-grant", "kms-unusable-key", "kms-stopped-rotation"]


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory):
    """Each control that reverts is named: none of them does so by the mode alone. What is approved by a tag stays."""
    guardrails = tmp_path_factory.mktemp("keys") / "guardrails"
    shutil.copytree(REPOSITORY / "guardrails", guardrails, ignore=shutil.ignore_patterns("examples", "Makefile"))
    shutil.copy(REPOSITORY / "guardrails" / "examples" / "approved-tag.cedar", guardrails)
    overrides = ",".join(f"{control}=revert" for control in REVERTS)
    return deployed(guardrails=guardrails, mode="revert", ModeOverrides=overrides)


@dataclass
class Key:
    snapback: Snapback
    id: str

    @property
    def name(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{self.id}"

    @cached_property
    def client(self):
        """As mallory."""
        return self.snapback.aws.client("kms", self.snapback.mallory)

    def policy(self) -> list:
        return json.loads(self.client.get_key_policy(KeyId=self.id, PolicyName="default")["Policy"])["Statement"]

    def put(self, *statements: dict) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.client.put_key_policy(KeyId=self.id, PolicyName="default", Policy=policy)

    def grants(self) -> list:
        """Without what KMS names anew."""
        listed = self.client.list_grants(KeyId=self.id)["Grants"]
        return [(one["GranteePrincipal"], one["Operations"], one.get("Constraints")) for one in listed]

    def state(self) -> str:
        return self.client.describe_key(KeyId=self.id)["KeyMetadata"]["KeyState"]

    def rotated(self) -> int | None:
        """Every so many days."""
        status = self.client.get_key_rotation_status(KeyId=self.id)
        return status["RotationPeriodInDays"] if status["KeyRotationEnabled"] else None

    def tells(self, control: str) -> dict:
        """What is said of it by this control, which has reverted what was done to it."""
        said = self.snapback.announces(self, "reverted")
        assert said["control"] == control, said
        assert self.snapback.has_settled()
        return said

    def is_undone(self, said: dict) -> None:
        """And held: what undoing does is not reverted."""
        undone = self.snapback.undo(said["id"])
        assert (undone.returncode, undone.stderr) == (0, "")
        assert self.snapback.announces(self, "held")["control"] == said["control"]
        assert self.snapback.has_settled()


def allows(principal, *actions: str, **more) -> dict:
    return {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*", **more}


ACCOUNT_DECIDES = allows({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "kms:*", Sid="Account")


def a_key(snapback, *tags: dict) -> Key:
    """A key that the account's IAM decides about, and that nobody was told of."""
    with snapback.unseen():
        client = snapback.aws.client("kms", snapback.mallory)
        key = Key(snapback, client.create_key(Tags=tags)["KeyMetadata"]["KeyId"])
        key.put(ACCOUNT_DECIDES)
    return key


@pytest.fixture
def known(guarded) -> Key:
    """A key that is rotated and was seen by a scheduled check."""
    key = a_key(guarded)
    with guarded.unseen():
        key.client.enable_key_rotation(KeyId=key.id, RotationPeriodInDays=180)
    assert guarded.look(key, "KmsFunction")["error"] is None
    assert guarded.memory_of(key) == {"kms-unusable-key", "kms-stopped-rotation"}
    return key


def test_a_stranger_in_a_key_policy_goes_and_those_beside_it_stay(guarded):
    key, app = a_key(guarded), allows({"AWS": guarded.a_role().arn}, "kms:Decrypt", Sid="App")
    stranger = allows({"AWS": STRANGER}, "kms:Decrypt", "kms:CreateGrant", Sid="Stranger")
    key.put(ACCOUNT_DECIDES, stranger, app)
    opened = key.policy()
    said = key.tells("kms-open-key-policy")
    assert key.policy() == [one for one in opened if one["Sid"] != "Stranger"]
    key.is_undone(said)
    assert key.policy() == opened


def test_where_nobody_could_manage_the_key_any_more_nothing_is_touched(guarded):
    key = a_key(guarded)
    key.put(allows({"AWS": f"arn:aws:iam::{ACCOUNT}:user/mallory"}, "kms:*"), allows("*", "kms:*"))
    about = lambda: {one["control"]: one for one in guarded.announcements_about(key)}  # noqa: E731
    assert wait_for(lambda: len(about()) == 2), about()
    controls = about()
    assert set(controls) == {"kms-open-key-policy", "kms-undelegated-key"}
    assert "nobody of the account could manage the key" in controls["kms-open-key-policy"]["why"]
    assert guarded.has_settled() and len(key.policy()) == 2


def test_a_key_that_is_approved_stays_open(guarded):
    key = a_key(guarded, {"TagKey": "exposure", "TagValue": "approved"})
    key.put(ACCOUNT_DECIDES, allows({"AWS": STRANGER}, "kms:Decrypt", Sid="Stranger"))
    assert "`approved-tag`" in guarded.announces(key, "alerted")["why"]
    assert guarded.has_settled() and len(key.policy()) == 2


def test_the_grant_of_a_stranger_is_revoked_and_no_other(guarded):
    key = a_key(guarded)
    own, service = guarded.a_role().arn, f"rds.{REGION}.amazonaws.com"
    for grantee in (own, service):
        key.client.create_grant(KeyId=key.id, GranteePrincipal=grantee, Operations=["Decrypt"])
    beside = key.grants()
    context = {"EncryptionContextSubset": {"department": "payroll"}}
    asked = {"Operations": ["Decrypt", "GenerateDataKey"], "Constraints": context}
    key.client.create_grant(KeyId=key.id, GranteePrincipal=STRANGER, **asked)
    opened = key.grants()
    said = key.tells("kms-foreign-grant")
    assert len(opened) == 3 and key.grants() == beside
    key.is_undone(said)
    assert sorted(map(str, key.grants())) == sorted(map(str, opened))


def test_a_disabled_key_is_enabled_and_undo_disables_it(known):
    known.client.disable_key(KeyId=known.id)
    said = known.tells("kms-unusable-key")
    assert known.state() == "Enabled"
    known.is_undone(said)
    assert known.state() == "Disabled"


def test_the_deletion_of_a_key_is_cancelled_and_undo_schedules_it(known):
    known.client.schedule_key_deletion(KeyId=known.id, PendingWindowInDays=7)
    said = known.tells("kms-unusable-key")
    assert known.state() == "Enabled"
    known.is_undone(said)
    assert known.state() == "PendingDeletion"


def test_a_key_is_rotated_as_often_as_before(known):
    known.client.disable_key_rotation(KeyId=known.id)
    said = known.tells("kms-stopped-rotation")
    assert known.rotated() == 180
    known.is_undone(said)
    assert known.rotated() is None


def test_without_a_baseline_an_operator_is_asked_and_cancelling_leaves_the_key_disabled(guarded):
    key = a_key(guarded)
    key.client.disable_key(KeyId=key.id)
    said = guarded.announces(key, "asked")
    assert "whether it was enabled before is not known" in said["problem"], said
    applied = guarded.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert key.state() == "Enabled"
    other = a_key(guarded)
    other.client.schedule_key_deletion(KeyId=other.id, PendingWindowInDays=7)
    other.tells("kms-unusable-key")
    assert other.state() == "Disabled"


def test_the_function_can_use_no_key(guarded):
    """Whatever a key's policy says."""
    key = a_key(guarded)
    with guarded.unseen():
        key.put(ACCOUNT_DECIDES, allows({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "kms:*"))
    kms = guarded.as_function("KmsFunction", "kms")
    blob = key.client.encrypt(KeyId=key.id, Plaintext=b"secret")["CiphertextBlob"]
    with pytest.raises(kms.exceptions.ClientError, match="AccessDenied"):
        kms.decrypt(KeyId=key.id, CiphertextBlob=blob)
    with pytest.raises(kms.exceptions.ClientError, match="AccessDenied"):
        kms.create_grant(KeyId=key.id, GranteePrincipal=STRANGER, Operations=["Decrypt"])
