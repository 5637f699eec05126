"""Trust anchors and profiles of IAM Roles Anywhere, on a stand-in of it."""

import json
import shutil
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import uuid4

import pytest

from stack import ACCOUNT, REPOSITORY

CONTROL = "rolesanywhere-trusted-certificates"

# Nobody reads it here.
AUTHORITY = {
    "sourceType": "CERTIFICATE_BUNDLE",
    "sourceData": {"x509CertificateData": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"},
}


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory):
    """With the guardrail for what is approved by its tags."""
    guardrails = tmp_path_factory.mktemp("anywhere") / "guardrails"
    shutil.copytree(REPOSITORY / "guardrails", guardrails, ignore=shutil.ignore_patterns("examples", "Makefile"))
    shutil.copy(REPOSITORY / "guardrails" / "examples" / "approved-tag.cedar", guardrails)
    return deployed(guardrails=guardrails, mode="revert")


def an_anchor(snapback, **asked) -> SimpleNamespace:
    """A new trust anchor, made by mallory."""
    client = snapback.aws.client("rolesanywhere", snapback.mallory)
    made = client.create_trust_anchor(name=f"anchor-{uuid4().hex[:8]}", source=AUTHORITY, **asked)["trustAnchor"]
    own = {"trustAnchorId": made["trustAnchorId"]}
    return SimpleNamespace(
        id=made["trustAnchorId"],
        name=made["trustAnchorId"],
        arn=made["trustAnchorArn"],
        is_enabled=lambda: client.get_trust_anchor(**own)["trustAnchor"]["enabled"],
        enable=lambda: client.enable_trust_anchor(**own),
        update=lambda **what: client.update_trust_anchor(**own, **what),
    )


def a_profile(snapback, *roles: str, **asked) -> SimpleNamespace:
    """A new profile, made by mallory."""
    client = snapback.aws.client("rolesanywhere", snapback.mallory)
    made = client.create_profile(name=f"profile-{uuid4().hex[:8]}", roleArns=list(roles), **asked)["profile"]
    own = {"profileId": made["profileId"]}
    return SimpleNamespace(
        id=made["profileId"],
        name=made["profileId"],
        arn=made["profileArn"],
        is_enabled=lambda: client.get_profile(**own)["profile"]["enabled"],
        enable=lambda: client.enable_profile(**own),
        update=lambda **what: client.update_profile(**own, **what),
    )


def is_old(snapback, anchor) -> None:
    """Has the stand-in tell that it was created before this hour, which no call of AWS's does."""
    now = datetime.now(timezone.utc)
    created = (now - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    client = snapback.aws.client("rolesanywhere", snapback.mallory)

    def say(params, **_):
        params["body"] = json.dumps({"createdAt": created}).encode()

    client.meta.events.register("before-call.rolesanywhere.UpdateTrustAnchor", say)
    assert client.update_trust_anchor(trustAnchorId=anchor.id)["trustAnchor"]["createdAt"] < now - timedelta(hours=1)


def test_what_is_created_enabled_is_disabled_with_nothing_beside_it_and_undo_enables_it(guarded):
    role = f"arn:aws:iam::{ACCOUNT}:role/app"
    with guarded.unseen():
        others = [an_anchor(guarded, enabled=True), a_profile(guarded, role, enabled=True)]
    for of in (an_anchor(guarded, enabled=True), a_profile(guarded, role, enabled=True)):
        said = guarded.announces(of, "reverted")
        assert said["control"] == CONTROL and said["severity"] == "high"
        assert not of.is_enabled() and all(other.is_enabled() for other in others)
        undone = guarded.undo(said["id"])
        assert (undone.returncode, undone.stderr) == (0, "")
        assert guarded.announces(of, "held")["control"] == CONTROL
        assert guarded.has_settled() and of.is_enabled()


def test_what_is_created_disabled_and_enabled_at_once_is_disabled(guarded):
    role = f"arn:aws:iam::{ACCOUNT}:role/app"
    for of in (an_anchor(guarded, enabled=False), a_profile(guarded, role, enabled=False)):
        of.enable()
        assert guarded.announces(of, "reverted")["control"] == CONTROL
        assert not of.is_enabled()


def test_an_operator_is_asked_about_what_may_have_been_enabled_before(guarded):
    with guarded.unseen():
        of = an_anchor(guarded, enabled=False)
        is_old(guarded, of)
    of.enable()
    said = guarded.announces(of, "asked")
    assert "whether it was disabled before is not known" in said["problem"], said
    assert of.is_enabled()
    applied = guarded.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert not of.is_enabled()


def test_a_change_of_what_is_enabled_is_told_and_not_touched(guarded):
    with guarded.unseen():
        anchor = an_anchor(guarded, enabled=True)
        profile = a_profile(guarded, f"arn:aws:iam::{ACCOUNT}:role/app", enabled=True)
    anchor.update(source=AUTHORITY)
    profile.update(roleArns=[f"arn:aws:iam::{ACCOUNT}:role/admin"])
    for of, command in ((anchor, "disable-trust-anchor --trust-anchor-id"), (profile, "disable-profile --profile-id")):
        assert f"aws rolesanywhere {command} {of.id}" in guarded.announces(of, "alerted")["why"]
    assert guarded.has_settled() and anchor.is_enabled() and profile.is_enabled()


@pytest.mark.parametrize("how", ["names", "mapping", "no mapping"])
def test_what_sessions_are_called_and_tagged_is_told_where_it_is_changed(guarded, how):
    with guarded.unseen():
        profile = a_profile(guarded, f"arn:aws:iam::{ACCOUNT}:role/app", enabled=True)
    client, field = guarded.aws.client("rolesanywhere", guarded.mallory), "x509Subject"
    if how == "names":
        profile.update(acceptRoleSessionName=True)
        said = "whose sessions take the name that whoever opens them chooses"
    elif how == "mapping":
        client.put_attribute_mapping(profileId=profile.id, certificateField=field, mappingRules=[{"specifier": "CN"}])
        said = "changed what of `x509Subject` of a certificate becomes tags"
    else:
        client.delete_attribute_mapping(profileId=profile.id, certificateField=field)
        said = "changed what of `x509Subject` of a certificate becomes tags"
    assert said in guarded.announces(profile, "alerted")["why"]
    assert guarded.has_settled() and profile.is_enabled()


def test_what_lets_nobody_in_and_what_is_approved_stays(guarded):
    disabled = an_anchor(guarded, enabled=False)
    disabled.update(name="renamed")
    approved = an_anchor(guarded, enabled=True, tags=[{"key": "exposure", "value": "approved"}])
    assert guarded.announces(approved, "alerted")["control"] == CONTROL
    assert guarded.has_settled() and approved.is_enabled()
    assert guarded.announcements_about(disabled) == []
