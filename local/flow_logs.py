"""Stands in for flow logs, of which ministack keeps half: by whom they are written, in which format, how often, and how
they lie in a bucket.

Two that record the same of the same to the same place are refused as EC2 refuses them, beside a call that succeeds.
Whoever makes one needs the right to it on what it is of, which ministack does not look at. Nothing is recorded. This is played after EC2's documentation and proves nothing about EC2.
"""

from __future__ import annotations

import secrets
from xml.sax.saxutils import escape

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from security_groups import answers

# What a flow log is asked for with, and what it is shown with.
FIELDS = {
    "TrafficType": "trafficType",
    "LogDestinationType": "logDestinationType",
    "LogDestination": "logDestination",
    "LogGroupName": "logGroupName",
    "DeliverLogsPermissionArn": "deliverLogsPermissionArn",
    "LogFormat": "logFormat",
    "MaxAggregationInterval": "maxAggregationInterval",
}
FILES = {
    "FileFormat": "fileFormat",
    "HiveCompatiblePartitions": "hiveCompatiblePartitions",
    "PerHourPartition": "perHourPartition",
}

KINDS = {"vpc": "vpc", "subnet": "subnet", "eni": "network-interface"}

_made: dict = {}


def install() -> None:
    """Puts the stand-ins in the place of ministack's own."""
    played = {"CreateFlowLogs": _create, "DescribeFlowLogs": _describe, "DeleteFlowLogs": _delete}
    ec2._ACTION_MAP.update({operation: answers(operation, act) for operation, act in played.items()})
    extract = iam_actions.extract_resource_arn

    def named(service, method, path, headers, body, query, region, account):
        action = iam_actions._query_param(query, "Action") if service == "ec2" else None
        if action == "CreateFlowLogs":
            of = iam_actions._query_param(query, "ResourceId.1")
            return f"arn:aws:ec2:{region}:{account}:{KINDS[of.split('-')[0]]}/{of}"
        if action == "DeleteFlowLogs":
            of = iam_actions._query_param(query, "FlowLogId.1")
            return f"arn:aws:ec2:{region}:{account}:vpc-flow-log/{of}"
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = named


def _here() -> dict:
    return _made.setdefault((get_account_id(), get_region()), {})


def _create(parameters: dict) -> str:
    asked = {shown: str(parameters[name]) for name, shown in FIELDS.items() if name in parameters}
    asked = {"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": "600", **asked}
    files = parameters.get("DestinationOptions") or {}
    files = {shown: str(files[name]).lower() for name, shown in FILES.items() if name in files}
    tags = [dict(tag) for spec in parameters.get("TagSpecifications") or [] for tag in spec.get("Tags", [])]
    made, refused = "", ""
    for resource in parameters["ResourceIds"]:
        log = {"of": resource, "fields": asked, "files": files}
        if log in _here().values():
            error = "<error><code>FlowLogAlreadyExists</code><message>There is one already.</message></error>"
            refused += f"<item>{error}<resourceId>{resource}</resourceId></item>"
            continue
        log_id = f"fl-{secrets.token_hex(9)[:17]}"
        _here()[log_id], ec2._tags[log_id] = log, tags
        made += f"<item>{log_id}</item>"
    return f"<flowLogIdSet>{made}</flowLogIdSet><unsuccessful>{refused}</unsuccessful>"


def _describe(parameters: dict) -> str:
    wanted = {one["Name"]: one["Values"] for one in parameters.get("Filter") or []}
    ids, of = parameters.get("FlowLogIds"), wanted.get("resource-id")
    shown = [
        _shown(log_id, log)
        for log_id, log in _here().items()
        if (not ids or log_id in ids) and (not of or log["of"] in of)
    ]
    return f"<flowLogSet>{''.join(shown)}</flowLogSet>"


def _delete(parameters: dict) -> str:
    for log_id in parameters["FlowLogIds"]:
        _here().pop(log_id, None)
        ec2._tags.pop(log_id, None)
    return "<unsuccessful/>"


def _shown(log_id: str, log: dict) -> str:
    def elements(of: dict) -> str:
        return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in of.items())

    files = f"<destinationOptions>{elements(log['files'])}</destinationOptions>" if log["files"] else ""
    tags = "".join(
        f"<item><key>{escape(tag['Key'])}</key><value>{escape(tag.get('Value', ''))}</value></item>"
        for tag in ec2._tags.get(log_id) or []
    )
    of = f"<flowLogId>{log_id}</flowLogId><resourceId>{log['of']}</resourceId><flowLogStatus>ACTIVE</flowLogStatus>"
    return f"<item>{of}{elements(log['fields'])}{files}<tagSet>{tags}</tagSet></item>"
