"""CloudTrail's event history: `LookupEvents` answers from the records that `cloudtrail.py` has made.

ministack has an operation of this name, over a log of its own whose records are not CloudTrail's. What this does not
prove: that AWS has an event there after how long, and which it leaves out.
"""

from __future__ import annotations

import json
import os
from datetime import datetime

from ministack.core.responses import get_region
from ministack.services import cloudtrail

# The most that one call gives.
PAGE = 50

# The records that nobody is to hear of, so that tests can prepare what they need.
left_out: set[str] = set()


def install() -> None:
    cloudtrail._DISPATCH["LookupEvents"] = lookup_events


def lookup_events(call: dict):
    """Newest first, in pages, filtered by what Snapback filters by."""
    wanted = {one["AttributeKey"]: one["AttributeValue"] for one in call.get("LookupAttributes", [])}
    unknown = set(wanted) - {"ReadOnly", "EventName"}
    if unknown:
        return cloudtrail._err("InvalidLookupAttributesException", f"not played here: {sorted(unknown)}")
    start, end = float(call.get("StartTime", 0)), float(call.get("EndTime", "inf"))

    def is_wanted(record: dict) -> bool:
        return (
            record["eventID"] not in left_out
            and record["awsRegion"] == get_region()
            and start <= time_of(record) <= end
            and record.get("eventCategory", "Management") == "Management"
            and wanted.get("ReadOnly", said(record)) == said(record)
            and wanted.get("EventName", record["eventName"]) == record["eventName"]
        )

    with open(os.environ["CLOUDTRAIL_LOG"], encoding="utf-8") as log:
        found = sorted(filter(is_wanted, map(json.loads, log)), key=time_of, reverse=True)
    first = int(call.get("NextToken") or 0)
    most = min(int(call.get("MaxResults") or PAGE), PAGE)
    answer = {"Events": [event(record) for record in found[first : first + most]]}
    if first + most < len(found):
        answer["NextToken"] = str(first + most)
    return cloudtrail._ok(answer)


def time_of(record: dict) -> float:
    return datetime.fromisoformat(record["eventTime"]).timestamp()


def said(record: dict) -> str:
    return "true" if record.get("readOnly") else "false"


def event(record: dict) -> dict:
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "EventSource": record["eventSource"],
        "EventTime": time_of(record),
        "ReadOnly": said(record),
        "CloudTrailEvent": json.dumps(record),
    }
