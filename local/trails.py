"""What ministack's CloudTrail lacks: tags that come with a new trail, and what CloudTrail Insights looks for; and what
CloudFormation lacks there: trails, and buckets with Object Lock.

No log file is ever delivered, so what CloudTrail may write to the trail's bucket, key and topic is not tried.
"""

from __future__ import annotations

import json

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail, s3
from ministack.services.cloudformation import provisioners

# What CloudFormation calls otherwise than CloudTrail does.
RENAMED = {"TrailName": "Name", "KMSKeyId": "KmsKeyId"}

# What CloudTrail Insights looks for, by the ARN of the trail.
insights: dict = {}


def install() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::CloudTrail::Trail"] = {"create": create, "delete": delete}
    buckets = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    buckets["create"] = with_object_lock(buckets["create"])
    played = {
        "CreateTrail": create_trail,
        "DeleteTrail": delete_trail,
        "GetInsightSelectors": get_insight_selectors,
        "PutInsightSelectors": put_insight_selectors,
    }
    cloudtrail._DISPATCH.update(played)
    extract = iam_actions.extract_resource_arn

    def named(service, method, path, headers, body, query, region, account):
        """The calls upon tags name a trail as none of the others do."""
        if service == "cloudtrail":
            asked = json.loads(body or b"{}")
            listed = [asked["ResourceId"]] if "ResourceId" in asked else asked.get("ResourceIdList", [])
            if len(listed) == 1:
                return listed[0]
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = named


def create(logical_id, props, stack):
    asked = {RENAMED.get(name, name): value for name, value in props.items() if name != "IsLogging"}
    name = asked["Name"]
    call(cloudtrail._create_trail, asked)
    if props["IsLogging"]:
        call(cloudtrail._start_logging, {"Name": name})
    return name, {"Arn": f"arn:aws:cloudtrail:{get_region()}:{get_account_id()}:trail/{name}"}


def delete(physical_id, props):
    call(cloudtrail._delete_trail, {"Name": physical_id})


def with_object_lock(create_bucket):
    def create(logical_id, props, stack):
        name, attributes = create_bucket(logical_id, props, stack)
        if props.get("ObjectLockEnabled"):
            retention = props["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
            s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}
        return name, attributes

    return create


def call(operation, asked: dict) -> None:
    status, _, answer = operation(asked)
    if status != 200:
        raise RuntimeError(json.loads(answer))


def create_trail(asked: dict) -> tuple:
    answer = cloudtrail._create_trail(asked)
    if answer[0] == 200:
        trail = cloudtrail._trails[asked["Name"]]
        logs = {name: value for name, value in asked.items() if name.startswith("CloudWatchLogs")}
        trail |= logs
        tags = asked.get("TagsList", [])
        cloudtrail._trail_tags[trail["TrailARN"]] = {tag["Key"]: tag["Value"] for tag in tags}
    return answer


def delete_trail(asked: dict) -> tuple:
    _, _, trail = cloudtrail._find_visible_trail(asked["Name"])
    if trail is not None:
        insights.pop(trail["TrailARN"], None)
    return cloudtrail._delete_trail(asked)


def get_insight_selectors(asked: dict) -> tuple:
    _, _, trail = cloudtrail._find_visible_trail(asked["TrailName"])
    if trail is None:
        return cloudtrail._err("TrailNotFoundException", f"Unknown trail: {asked['TrailName']!r}")
    arn = trail["TrailARN"]
    if not insights.get(arn):
        return cloudtrail._err("InsightNotEnabledException", f"Trail {arn} does not have Insights enabled.")
    return cloudtrail._ok({"TrailARN": arn, "InsightSelectors": insights[arn]})


def put_insight_selectors(asked: dict) -> tuple:
    _, _, trail, error = cloudtrail._find_mutable_trail(asked["TrailName"])
    if error:
        return error
    insights[trail["TrailARN"]] = asked["InsightSelectors"]
    return cloudtrail._ok({"TrailARN": trail["TrailARN"], "InsightSelectors": asked["InsightSelectors"]})
