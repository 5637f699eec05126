"""Databases: snapshots that are shared, and what an operator is asked about, as no function may modify a database.

RDS is moto's (`local/moto_rds.py`).
"""

import json
import shutil
from datetime import datetime, timezone
from uuid import uuid4

import pytest

from stack import ACCOUNT, REGION, REPOSITORY

STRANGER, PARTNER = "777788889999", "888899990000"


@pytest.fixture(scope="module")
def guarded(deployed, tmp_path_factory):
    """What is approved by a tag stays."""
    guardrails = tmp_path_factory.mktemp("databases") / "guardrails"
    shutil.copytree(REPOSITORY / "guardrails", guardrails, ignore=shutil.ignore_patterns("examples", "Makefile"))
    shutil.copy(REPOSITORY / "guardrails" / "examples" / "approved-tag.cedar", guardrails)
    return deployed(guardrails=guardrails, mode="revert")


class Database:
    """An instance or a cluster, protected and with backups of a week; how it came to be is none of its events."""

    def __init__(self, snapback, of: str):
        self.rds, self.is_cluster = snapback.aws.client("rds", snapback.mallory), of == "Cluster"
        self.name = self.id = f"orders-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:{'cluster' if self.is_cluster else 'db'}:{self.id}"
        self.named = {f"DB{of}Identifier": self.id}
        made = {"MasterUsername": "app", "MasterUserPassword": uuid4().hex, "BackupRetentionPeriod": 7, "DeletionProtection": True}
        with snapback.unseen():
            if self.is_cluster:
                self.rds.create_db_cluster(**self.named, Engine="aurora-postgresql", **made)
            else:
                more = {"DBInstanceClass": "db.t3.micro", "AllocatedStorage": 20, "PubliclyAccessible": False}
                self.rds.create_db_instance(**self.named, Engine="postgres", **more, **made)

    def modify(self, **what) -> None:
        modify = self.rds.modify_db_cluster if self.is_cluster else self.rds.modify_db_instance
        modify(**self.named, **what)

    def shown(self, *names: str) -> dict:
        if self.is_cluster:
            [found] = self.rds.describe_db_clusters(**self.named)["DBClusters"]
        else:
            [found] = self.rds.describe_db_instances(**self.named)["DBInstances"]
        return {name: found[name] for name in names}


class Snapshot:
    """A snapshot of an instance or of a cluster."""

    def __init__(self, snapback, of: str):
        self.rds, self.is_cluster = snapback.aws.client("rds", snapback.mallory), of == "Cluster"
        self.name = self.id = f"friday-{uuid4().hex[:8]}"
        self.arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:{'cluster-' if self.is_cluster else ''}snapshot:{self.id}"
        self.named = {"DBClusterSnapshotIdentifier" if self.is_cluster else "DBSnapshotIdentifier": self.id}
        database = Database(snapback, of)
        with snapback.unseen():
            create = self.rds.create_db_cluster_snapshot if self.is_cluster else self.rds.create_db_snapshot
            create(**self.named, **database.named)

    def share(self, *values: str) -> None:
        rds = self.rds
        modify = rds.modify_db_cluster_snapshot_attribute if self.is_cluster else rds.modify_db_snapshot_attribute
        modify(**self.named, AttributeName="restore", ValuesToAdd=[*values])

    def with_whom(self) -> set:
        if self.is_cluster:
            found = self.rds.describe_db_cluster_snapshot_attributes(**self.named)["DBClusterSnapshotAttributesResult"]
            attributes = found["DBClusterSnapshotAttributes"]
        else:
            found = self.rds.describe_db_snapshot_attributes(**self.named)["DBSnapshotAttributesResult"]
            attributes = found["DBSnapshotAttributes"]
        [values] = [one["AttributeValues"] for one in attributes if one["AttributeName"] == "restore"]
        return {*values}


@pytest.mark.parametrize("of", ["Instance", "Cluster"])
def test_a_snapshot_is_shared_with_the_event_s_strangers_no_more_and_undo_shares_it_again(guarded, of):
    snapshot = Snapshot(guarded, of)
    with guarded.unseen():
        snapshot.share(PARTNER)
    snapshot.share(ACCOUNT, STRANGER, "all")
    announced = guarded.announces(snapshot, "reverted")
    assert (announced["control"], announced["severity"]) == ("rds-shared-snapshot", "critical")
    # With whom it was shared before stays, and is said.
    assert snapshot.with_whom() == {PARTNER, ACCOUNT}
    assert PARTNER in json.dumps(announced)
    assert guarded.has_settled()
    undone = guarded.undo(announced["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    assert snapshot.with_whom() == {PARTNER, ACCOUNT, STRANGER, "all"}
    assert guarded.announces(snapshot, "held")
    assert snapshot.with_whom() == {PARTNER, ACCOUNT, STRANGER, "all"}


def test_a_snapshot_that_is_approved_by_a_tag_stays_shared(guarded):
    snapshot = Snapshot(guarded, "Instance")
    with guarded.unseen():
        snapshot.rds.add_tags_to_resource(ResourceName=snapshot.arn, Tags=[{"Key": "exposure", "Value": "approved"}])
    snapshot.share(STRANGER)
    assert "`approved-tag`" in guarded.announces(snapshot, "alerted")["why"]
    assert snapshot.with_whom() == {STRANGER}


# By control: of which database, what is done to it, and how it was.
ASKED = {
    "rds-public-instance": ("Instance", {"PubliclyAccessible": True}, {"PubliclyAccessible": False}),
    "rds-deletable-database": ("Cluster", {"DeletionProtection": False}, {"DeletionProtection": True}),
}


@pytest.mark.parametrize("control", ASKED)
def test_an_operator_is_asked_and_applies_and_undoes_it(guarded, control):
    of, risky, safe = ASKED[control]
    database = Database(guarded, of)
    database.modify(**risky)
    asked = guarded.announces(database, "asked")
    assert asked["control"] == control
    assert guarded.has_settled() and database.shown(*risky) == risky
    applied = guarded.apply(asked["id"])
    assert applied.returncode == 0, applied.stderr
    assert database.shown(*risky) == safe
    undone = guarded.undo(asked["id"])
    assert undone.returncode == 0, undone.stderr
    assert database.shown(*risky) == risky


def test_backups_are_kept_as_long_as_before_once_an_operator_says_so(guarded):
    """AWS answers with what is still so beside what waits for a maintenance window; moto with what is new. So the record is
    written by hand."""
    database = Database(guarded, "Instance")
    with guarded.unseen():
        database.modify(BackupRetentionPeriod=0)
    example = json.loads((REPOSITORY / "events" / "rds-fewer-backups" / "none.json").read_text(encoding="utf-8"))
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = example["detail"] | {"eventID": str(uuid4()), "eventTime": now, "awsRegion": REGION}
    record["userIdentity"] = record["userIdentity"] | {"accountId": ACCOUNT}
    record["recipientAccountId"] = ACCOUNT
    for told in ("requestParameters", "responseElements"):
        record[told] = record[told] | {"dBInstanceIdentifier": database.id}
    guarded.deliver(record)
    asked = guarded.announces(database, "asked")
    assert asked["control"] == "rds-fewer-backups"
    applied = guarded.apply(asked["id"])
    assert applied.returncode == 0, applied.stderr
    assert database.shown("BackupRetentionPeriod") == {"BackupRetentionPeriod": 7}
    undone = guarded.undo(asked["id"])
    assert undone.returncode == 0, undone.stderr
    assert database.shown("BackupRetentionPeriod") == {"BackupRetentionPeriod": 0}


def test_no_function_may_modify_a_database(guarded):
    """Whoever may do so may set the password of its master user."""
    database = Database(guarded, "Instance")
    rds = guarded.as_function("RdsFunction", "rds")
    with pytest.raises(rds.exceptions.ClientError, match="AccessDenied"):
        rds.modify_db_instance(DBInstanceIdentifier=database.id, MasterUserPassword=uuid4().hex)
