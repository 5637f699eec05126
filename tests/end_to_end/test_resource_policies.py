"""Resources of many services that their policies open: just what lets strangers in goes, and undo restores it."""

import json

import pytest
from botocore.exceptions import ClientError

from scene import ROWS
from stack import ACCOUNT

STRANGER = "777788889999"

# Until an operator names them, or in every mode.
ASKS = ["efs-open-file-system-policy", "backup-open-vault-policy", "opensearch-open-domain-policy"]

# Without a policy a file system lets in whoever reaches it: people are told how to delete it.
NEVER_DELETED = {"efs-open-file-system-policy": "delete-file-system-policy --region us-east-1 --file-system-id "}


def sids(thing) -> list:
    return [statement["Sid"] for statement in thing.statements()]


def test_just_what_lets_strangers_in_goes_and_undo_restores_it(snapback):
    things = {control: snapback.a_resource(control) for control in ROWS}
    others = [snapback.a_resource(control) for control in ROWS]
    for thing in things.values():
        own = thing.statement("Own", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        thing.put(own, thing.statement("Everyone", "*"))
    for other in others:
        other.put(other.statement("Stranger", {"AWS": f"arn:aws:iam::{STRANGER}:root"}))

    for control, thing in things.items():
        announced = snapback.announces(thing)
        assert announced["control"] == control, announced
        if control in ASKS:
            assert announced["outcome"] == "asked" and sids(thing) == ["Own", "Everyone"], announced
            assert snapback.apply(announced["id"]).returncode == 0
        else:
            assert announced["outcome"] == "reverted", announced
        assert sids(thing) == ["Own"], control
        undone = snapback.undo(announced["id"])
        assert undone.returncode == 0, undone.stdout + undone.stderr
    for control, other in zip(ROWS, others, strict=True):
        announced = snapback.announces(other)
        if control in ASKS and control not in NEVER_DELETED:
            assert announced["outcome"] == "asked", announced
            assert snapback.apply(announced["id"]).returncode == 0
            assert other.statements() == [], other.id
        elif control in NEVER_DELETED:
            assert announced["outcome"] == "alerted" and len(other.statements()) == 1, announced
            assert NEVER_DELETED[control] + other.id in announced["why"], announced
        else:
            assert announced["outcome"] == "reverted", announced
            assert other.statements() == [], other.id

    assert snapback.has_settled()
    for control, thing in things.items():
        assert sids(thing) == ["Own", "Everyone"], control
        assert sorted(entry["outcome"] for entry in snapback.journal_about(thing)) == ["held", "undone"], control


def test_the_function_cannot_show_a_secret_to_everyone(snapback):
    secret = snapback.a_resource("secretsmanager-open-secret-policy")
    put = snapback.as_function("PoliciesFunction", "secretsmanager").put_resource_policy
    policy = json.dumps({"Version": "2012-10-17", "Statement": [secret.statement("Everyone", "*")]})
    for is_blocked in ({}, {"BlockPublicPolicy": False}):
        with pytest.raises(ClientError, match="AccessDenied"):
            put(SecretId=secret.id, ResourcePolicy=policy, **is_blocked)
    assert secret.statements() == []


def test_the_function_cannot_open_the_journal(snapback):
    put = snapback.as_function("PoliciesFunction", "dynamodb").put_resource_policy
    table = snapback.a_resource("dynamodb-open-table-policy")
    journal = f"{table.arn.rpartition('/')[0]}/{snapback.stack.journal}"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [table.statement("Everyone", "*")]})
    with snapback.unseen():
        put(ResourceArn=table.id, Policy=policy)
        with pytest.raises(ClientError, match="AccessDenied"):
            put(ResourceArn=journal, Policy=policy)


def test_a_domain_with_fine_grained_access_control_may_let_everyone_in(snapback):
    domain = snapback.a_resource("opensearch-open-domain-policy")
    asks = {"Enabled": True, "InternalUserDatabaseEnabled": True}
    with snapback.unseen():
        domain.client.update_domain_config(DomainName=domain.id, AdvancedSecurityOptions=asks)
    domain.put(domain.statement("Everyone", "*"))
    assert snapback.has_settled()
    assert snapback.announcements_about(domain) == []
    assert sids(domain) == ["Everyone"]
