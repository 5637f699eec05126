"""Reads an AWS API call off the wire: which operation it is, what it was asked, what came back.

Derived from botocore's service models, which say it the other way round, for the caller. Used by the local
CloudTrail, for its records, and by the stand-ins, for the parameters of the operations they answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4

import botocore.parsers
import botocore.session
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, ServiceModel, Shape

Json = Any


@dataclass(frozen=True)
class Call:
    """One API call and its answer, as they went over the wire. Names of headers are in small letters."""

    signing_name: str
    region: str
    account: str
    method: str
    path: str
    query: Mapping[str, list]
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    identity: Mapping[str, Json]
    source_ip: str
    request_id: str = field(default_factory=lambda: str(uuid4()))
    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


def signing_name(headers: Mapping[str, str], query: Mapping[str, list]) -> str:
    """The service that a request is signed for: the fourth part of its credential's scope."""
    scope = headers.get("authorization", "").partition("Credential=")[2].partition(",")[0]
    scope = scope or (query.get("X-Amz-Credential") or [""])[0]
    parts = scope.split("/")
    # An unsigned request can only have been meant for S3.
    return parts[3] if len(parts) > 3 else "s3"


def operation_of(call: Call) -> OperationModel | None:
    """The operation that was called; None if botocore knows no such service or operation."""
    name = SERVICES_THAT_SIGN_OTHERWISE.get(call.signing_name, call.signing_name)
    if name == "s3" and call.path.startswith("/v20180820/"):
        name = "s3control"
    if name == "ses" and call.path.startswith("/v2/"):
        name = "sesv2"
    try:
        service = service_model(name)
    except UnknownServiceError:
        return None
    said = _said_operation(call)
    if said:
        return service.operation_model(said) if said in service.operation_names else None
    return _routed_operation(service, call)


def parameters_of(operation: OperationModel, call: Call) -> dict:
    """What was asked, in any protocol but that of S3, named as in the API."""
    if operation.input_shape is None:
        return {}
    if form_of(call).get("Action"):
        return form_parameters(operation, form_of(call))
    if call.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _cbor(call.body)
    return _rest_parameters(operation, call)


def form_parameters(operation: OperationModel, form: Mapping[str, list]) -> dict:
    """What was asked in a query or EC2 request, named as in the API."""
    flat = {key: values[0] for key, values in form.items()}
    return _from_form(operation.input_shape, flat, "", operation.service_model.protocol == "ec2") or {}


def labels_of(operation: OperationModel, call: Call) -> dict:
    """The parameters that stand in the path of a REST request."""
    path = operation.http["requestUri"].partition("?")[0]
    match = _pattern(path).fullmatch(call.path)
    return {name: unquote(value) for name, value in match.groupdict().items()} if match else {}


def answer_of(operation: OperationModel, call: Call) -> dict:
    """What came back, as boto3 would hand it out: with `Error` if the call failed."""
    protocol = operation.service_model.protocol
    if protocol == "smithy-rpc-v2-cbor" and call.headers.get("smithy-protocol") != "rpc-v2-cbor":
        protocol = "query" if form_of(call).get("Action") else "json"
    response = {"status_code": call.status, "headers": {}, "body": call.answer}
    try:
        answer = dict(botocore.parsers.create_parser(protocol).parse(response, operation.output_shape))
    except botocore.parsers.ResponseParserError:
        return {}
    answer.pop("ResponseMetadata", None)
    return answer


@cache
def service_model(name: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(name)


def form_of(call: Call) -> dict:
    """The parameters of a query request, whether in its body or in its address."""
    form = dict(call.query)
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form.update(parse_qs(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    return form


def wire_name(name: str, member: Shape, ec2: bool) -> str:
    """A member's name in a form."""
    if ec2 and "queryName" in member.serialization:
        return member.serialization["queryName"]
    said = member.serialization.get("name", name)
    return said[0].upper() + said[1:] if ec2 else said


def typed(shape: Shape | None, text: str) -> Json:
    """Text from XML or a form as the type that the model gives it."""
    kind = shape.type_name if shape is not None else "string"
    if kind == "boolean":
        return text.lower() == "true"
    if kind in ("integer", "long"):
        return int(text)
    if kind in ("float", "double"):
        return float(text)
    return text


# Where botocore's name of a service is not the one that requests are signed for.
SERVICES_THAT_SIGN_OTHERWISE = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "elasticloadbalancing": "elbv2",
    "email": "sesv2",
    "tagging": "resourcegroupstaggingapi",
    "es": "opensearch",
    "elasticfilesystem": "efs",
}


def _said_operation(call: Call) -> str | None:
    """The operation that a request names; REST requests name none."""
    if "x-amz-target" in call.headers:
        return call.headers["x-amz-target"].rpartition(".")[2]
    smithy = re.fullmatch(r"/service/[^/]+/operation/([^/]+)", call.path)
    if smithy:
        return smithy.group(1)
    return form_of(call).get("Action", [None])[0]


def _routed_operation(service: ServiceModel, call: Call) -> OperationModel | None:
    """The REST operation whose address fits; if several do, the one that asks for most."""
    fitting = []
    for name, method, pattern, wanted, literal in _routes(service.service_name):
        if method != call.method or not pattern.fullmatch(call.path):
            continue
        if all(key in call.query and (not value or value in call.query[key]) for key, value in wanted):
            fitting.append((len(wanted), literal, name))
    return service.operation_model(max(fitting)[2]) if fitting else None


@cache
def _routes(service_name: str) -> list:
    service, routes = service_model(service_name), []
    for name in service.operation_names:
        http = service.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        wanted = [tuple(part.partition("=")[::2]) for part in query.split("&") if part]
        literal = len(re.sub(r"\{[^}]+\}", "", path))
        routes.append((name, http["method"], _pattern(path), wanted, literal))
    return routes


@cache
def _pattern(path: str) -> re.Pattern:
    pieces = re.split(r"(\{[^}]+\})", path.rstrip("/"))
    return re.compile("".join(_piece(piece) for piece in pieces) + "/?")


def _piece(piece: str) -> str:
    if not piece.startswith("{"):
        return re.escape(piece)
    name = re.sub(r"\W", "", piece)
    return f"(?P<{name}>.+)" if piece.endswith("+}") else f"(?P<{name}>[^/]+)"


def _from_form(shape: Shape, flat: Mapping[str, str], prefix: str, ec2: bool) -> Json:
    """The value of the shape; None if the form says nothing about it."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            value = _from_form(member, flat, f"{prefix}.{wire_name(name, member, ec2)}".lstrip("."), ec2)
            if value is not None:
                found[name] = value
        return found or None
    if shape.type_name == "list":
        return _list_from_form(shape, flat, prefix, ec2)
    if shape.type_name == "map":
        return _map_from_form(shape, flat, prefix, ec2)
    return typed(shape, flat[prefix]) if prefix in flat else None


def _list_from_form(shape: Shape, flat: Mapping[str, str], prefix: str, ec2: bool) -> list | None:
    named = shape.member.serialization.get("name")
    if not ec2 and shape.serialization.get("flattened"):
        # A flattened list goes by the name of its members.
        prefix = ".".join(prefix.split(".")[:-1] + [named]) if named else prefix
    elif not ec2:
        prefix += "." + (named or "member")
    found: list = []
    while True:
        value = _from_form(shape.member, flat, f"{prefix}.{len(found) + 1}", ec2)
        if value is None:
            return found or None
        found.append(value)


def _map_from_form(shape: Shape, flat: Mapping[str, str], prefix: str, ec2: bool) -> dict | None:
    entries = prefix if shape.serialization.get("flattened") else prefix + ".entry"
    keys, values = (shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value"))
    found: dict = {}
    while f"{entries}.{len(found) + 1}.{keys}" in flat:
        entry = f"{entries}.{len(found) + 1}"
        found[flat[f"{entry}.{keys}"]] = _from_form(shape.value, flat, f"{entry}.{values}", ec2)
    return found or None


def _rest_parameters(operation: OperationModel, call: Call) -> dict:
    """The parameters of a JSON request, with those that REST puts into path, address and headers."""
    try:
        body = json.loads(call.body or b"{}")
    except ValueError:
        body = {}
    found = dict(body) if isinstance(body, dict) else {}
    payload = operation.input_shape.serialization.get("payload")
    if payload and operation.input_shape.members[payload].type_name == "structure":
        found = {payload: found}
    labels = labels_of(operation, call)
    for name, member in operation.input_shape.members.items():
        where, said = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "uri" and said in labels:
            found[name] = labels[said]
        elif where == "querystring" and said in call.query:
            values = list(call.query[said])
            found[name] = values if member.type_name == "list" else typed(member, values[0])
        elif where == "header" and said.lower() in call.headers:
            found[name] = typed(member, call.headers[said.lower()])
        elif said != name and said in found:
            found[name] = found.pop(said)
    return found


def _cbor(body: bytes) -> dict:
    parser = botocore.parsers.create_parser("smithy-rpc-v2-cbor")
    return parser.parse_data_item(parser.get_peekable_stream_from_bytes(body)) if body else {}
