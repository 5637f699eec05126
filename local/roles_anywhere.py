"""Stands in for IAM Roles Anywhere, which ministack does not have: trust anchors and profiles, in the shapes of its API.

They are kept and given back, and who may see and change them is enforced, apart from `iam:PassRole`. No certificate is
read, and nobody gets credentials for one. AWS does not tell whether what is created without a word of it is enabled; here
it is not.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region

from added_services import add

SERVICE = "rolesanywhere"

# By what the address of a call begins with: what it is called in answers, and in ARNs.
KINDS = {"trustanchor": ("trustAnchor", "trust-anchor"), "profile": ("profile", "profile")}

# What is made, and the tags of each, by their ARNs.
_made: dict = {}
_tags: dict = {}


def install() -> None:
    add(SERVICE, answer, named)


def named(path: str, _query: dict, _body: bytes) -> str:
    kind, *of = path.strip("/").split("/")
    return arn(kind.removesuffix("s"), of[0]) if of else "*"


def arn(kind: str, of: str) -> str:
    return f"arn:aws:{SERVICE}:{get_region()}:{get_account_id()}:{KINDS[kind][1]}/{of}"


async def answer(method: str, path: str, headers: dict, body: bytes, query: dict) -> tuple:
    asked = json.loads(body or b"{}")
    kind, *of = path.strip("/").split("/")
    if kind == "ListTagsForResource":
        return said(200, {"tags": _tags.get(query["resourceArn"][0], [])})
    kind = kind.removesuffix("s")
    if not of:
        return create(kind, asked)
    thing = _made.get(arn(kind, of[0]))
    if thing is None:
        return said(404, {"message": "The resource could not be found."}, "ResourceNotFoundException")
    if of[1:] == ["mappings"]:
        map_attributes(thing, method, asked, query)
    elif method == "DELETE":
        del _made[arn(kind, of[0])]
    elif method == "PATCH":
        thing |= asked
    elif method == "POST":
        thing["enabled"] = of[1] == "enable"
    if method != "GET":
        thing["updatedAt"] = now()
    return said(200, {KINDS[kind][0]: thing})


def map_attributes(profile: dict, method: str, asked: dict, query: dict) -> None:
    """Of one field of a certificate. To delete all specifiers of it, as a call without them does, is all that is played."""
    field = asked["certificateField"] if method == "PUT" else query["certificateField"][0]
    others = [one for one in profile.get("attributeMappings", []) if one["certificateField"] != field]
    profile["attributeMappings"] = [*others, asked] if method == "PUT" else others


def create(kind: str, asked: dict) -> tuple:
    shown, new = KINDS[kind][0], str(uuid4())
    tags = asked.pop("tags", [])
    ids = {f"{shown}Id": new, f"{shown}Arn": arn(kind, new)}
    _made[arn(kind, new)] = {"enabled": False, **asked, **ids, "createdAt": now(), "updatedAt": now()}
    _tags[arn(kind, new)] = tags
    return said(201, {shown: _made[arn(kind, new)]})


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def said(status: int, answer: dict, error: str | None = None) -> tuple:
    named = {"x-amzn-errortype": error} if error else {}
    return status, {"Content-Type": "application/json", **named}, json.dumps(answer).encode()
