"""The resource type of a trail, which CloudFormation lacks there: it makes the trail by ministack's own CloudTrail.

No log file is ever delivered, so what CloudTrail may write to the trail's bucket and key is not tried.
"""

from __future__ import annotations

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail
from ministack.services.cloudformation import provisioners

# What CloudFormation calls otherwise than CloudTrail does.
RENAMED = {"TrailName": "Name", "KMSKeyId": "KmsKeyId"}


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = {"create": create, "delete": delete}


def create(logical_id, props, stack):
    asked = {RENAMED.get(name, name): value for name, value in props.items() if name != "IsLogging"}
    name = asked["Name"]
    call(cloudtrail._create_trail, asked)
    if props["IsLogging"]:
        call(cloudtrail._start_logging, {"Name": name})
    return name, {"Arn": f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}"}


def delete(physical_id, props):
    call(cloudtrail._delete_trail, {"Name": physical_id})


def call(operation, asked: dict) -> None:
    status, _, answer = operation(asked)
    if status != 200:
        raise RuntimeError(json.loads(answer))
