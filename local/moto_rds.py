"""Has RDS answered by moto, an emulator by other authors: with whom a snapshot is shared, ministack does not know.

Permissions and CloudTrail's records stay the local AWS's. What this does not prove: moto applies every change at once, where
AWS takes minutes and has some of them wait for a maintenance window.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import urlencode

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import rds

OPERATIONS = [
    "AddTagsToResource",
    "CreateDBCluster",
    "CreateDBClusterSnapshot",
    "CreateDBInstance",
    "CreateDBSnapshot",
    "DeleteDBCluster",
    "DeleteDBInstance",
    "DescribeDBClusterSnapshotAttributes",
    "DescribeDBClusterSnapshots",
    "DescribeDBClusters",
    "DescribeDBInstances",
    "DescribeDBSnapshotAttributes",
    "DescribeDBSnapshots",
    "ListTagsForResource",
    "ModifyDBCluster",
    "ModifyDBClusterSnapshotAttribute",
    "ModifyDBInstance",
    "ModifyDBSnapshotAttribute",
]

# What a call upon one thing names it by, with its place in an ARN; the longest names first, as a call upon a snapshot may
# name its database as well.
NAMES = {
    "DBClusterSnapshotIdentifier": "cluster-snapshot",
    "DBSnapshotIdentifier": "snapshot",
    "DBClusterIdentifier": "cluster",
    "DBInstanceIdentifier": "db",
}
# Upon which things AWS asks for the right to list them.
LISTS = {
    "DescribeDBClusterSnapshots": "cluster-snapshot",
    "DescribeDBClusters": "cluster",
    "DescribeDBInstances": "db",
    "DescribeDBSnapshots": "snapshot",
}


def install() -> None:
    """Puts moto in the place of ministack for these operations, and has the rights asked for upon what AWS asks for them."""
    rds._ACTION_MAP |= dict.fromkeys(OPERATIONS, answer)
    extract = iam_actions.extract_resource_arn

    def named(service, method, path, headers, body, query, region, account):
        if service != "rds":
            return extract(service, method, path, headers, body, query, region, account)
        if "ResourceName" in query:
            return query["ResourceName"][0]
        found = ((place, query[name][0]) for name, place in NAMES.items() if name in query)
        listed = LISTS.get(query.get("Action", [""])[0])
        place, name = next(found, (listed, "*"))
        return f"arn:aws:rds:{region}:{account}:{place}:{name}" if place else "*"

    iam_actions.extract_resource_arn = named


@cache
def moto():
    # Not at the top: it takes a second, and few tests ask for it.
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app("rds").test_client()


def answer(form: dict) -> tuple:
    # moto reads the Region from where a signature has it, and the account from a header of its own.
    signature = f"AWS4-HMAC-SHA256 Credential=key/20000101/{get_region()}/rds/aws4_request"
    headers = {"Authorization": signature, "x-moto-account-id": get_account_id()}
    form_encoded = "application/x-www-form-urlencoded"
    said = moto().post("/", data=urlencode(form, doseq=True), headers=headers, content_type=form_encoded)
    return said.status_code, {"Content-Type": "text/xml"}, said.data
