"""Plays CloudTrail: turns one API call, as it went over the wire, into the record that AWS would keep of it.

Nothing in here knows the local AWS. `record` is a function from a `Call` to a record, so its shapes are tested
against records written by hand. They are derived from botocore's service models and bent where CloudTrail bends
them:

* names begin with a small letter, also those that look odd then (`dBSnapshotIdentifier`);
* EC2 wraps lists as `{"items": [...]}` and writes an empty one as `{}`; its newer operations are wrapped in
  `{"<Operation>Request": {...}}` with the names of the wire and a `tag` that counts list members;
* S3 turns headers and subresources of the request into members, and JSON or XML bodies into objects;
* the policy documents of all other services stay the strings that they were.

What is unknown is left out rather than invented. That Snapback understands these records proves nothing about
AWS; records written by hand after the shapes seen there go through the same loop in the end-to-end tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4
from xml.etree import ElementTree

from botocore.model import OperationModel, Shape

from wire import (
    Call,
    Json,
    answer_of,
    form_of,
    form_parameters,
    labels_of,
    operation_of,
    parameters_of,
    typed,
    wire_name,
)


def record(call: Call) -> dict | None:
    """The record of the call; None where management events have none: reading, and data events."""
    operation = operation_of(call)
    if operation is None or is_read_only(operation) or is_data_event(operation):
        return None
    prefix = operation.service_model.endpoint_prefix
    source = SOURCES.get(prefix, prefix)
    failure = _failure(operation, call) if call.status >= 300 else {}
    made = {
        "eventVersion": "1.11",
        "userIdentity": dict(call.identity),
        "eventTime": call.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{source}.amazonaws.com",
        "eventName": EVENT_NAMES.get((prefix, operation.name), operation.name),
        "awsRegion": "us-east-1" if source in GLOBAL_SERVICES else call.region,
        "sourceIPAddress": call.source_ip,
        "userAgent": _user_agent(source, call),
        **failure,
        "requestParameters": _request_parameters(operation, call, failure),
        "responseElements": None if failure else _response_elements(operation, call),
        "requestID": _request_id(call),
        "eventID": str(uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": call.account,
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": CIPHER_SUITE,
            "clientProvidedHostHeader": _host(operation, call),
        },
    }
    if source == "s3":
        made["additionalEventData"] = {
            "SignatureVersion": "SigV4",
            "CipherSuite": CIPHER_SUITE,
            "bytesTransferredIn": len(call.body),
            "AuthenticationMethod": "AuthHeader",
            "bytesTransferredOut": len(call.answer),
        }
    bucket = labels_of(operation, call).get("Bucket") if source == "s3" else None
    if bucket:
        arn = f"arn:aws:s3:::{bucket}"
        made["resources"] = [{"accountId": call.account, "type": "AWS::S3::Bucket", "ARN": arn}]
    return made


def envelope(record: Mapping[str, Json]) -> dict:
    """The EventBridge event in which a record travels."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws." + record["eventSource"].partition(".")[0],
        "account": record["recipientAccountId"],
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    }


def identity_of_administrator(account: str, access_key: str) -> dict:
    """Who has the local AWS's own key, with which all is set up. On AWS nobody deploys as root, so it passes for a role."""
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLELOCAL0000:local",
        "arn": f"arn:aws:sts::{account}:assumed-role/Administrator/local",
        "accountId": account,
        "accessKeyId": access_key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLELOCAL0000",
                "arn": f"arn:aws:iam::{account}:role/Administrator",
                "accountId": account,
                "userName": "Administrator",
            },
            "attributes": {"creationDate": "2026-01-01T00:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def identity_of_user(account: str, access_key: str, user: Mapping[str, Json]) -> dict:
    """A user with an access key; `user` as IAM's GetUser gives it."""
    return {
        "type": "IAMUser",
        "principalId": user["UserId"],
        "arn": user["Arn"],
        "accountId": account,
        "accessKeyId": access_key,
        "userName": user["UserName"],
    }


def identity_of_session(account: str, access_key: str, arn: str, role: Mapping[str, Json], since: datetime) -> dict:
    """A session of a role, `arn` its own; `role` as IAM's GetRole gives it."""
    return {
        "type": "AssumedRole",
        "principalId": f"{role['RoleId']}:{arn.rpartition('/')[2]}",
        "arn": arn,
        "accountId": account,
        "accessKeyId": access_key,
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": role["RoleId"],
                "arn": role["Arn"],
                "accountId": account,
                "userName": role["RoleName"],
            },
            "attributes": {"creationDate": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "mfaAuthenticated": "false"},
        },
    }


def is_read_only(operation: OperationModel) -> bool:
    return bool(READING.match(operation.name)) and operation.name not in READING_IN_NAME_ONLY


def is_data_event(operation: OperationModel) -> bool:
    prefix = operation.service_model.endpoint_prefix
    if prefix == "s3" and "{Key+}" in operation.http["requestUri"]:
        return True
    return operation.name in DATA_EVENTS.get(prefix, ())


# What CloudTrail knows and botocore's models do not.

CIPHER_SUITE = "TLS_AES_128_GCM_SHA256"

# Their calls are recorded in us-east-1 wherever they come from.
GLOBAL_SERVICES = {"iam", "organizations", "cloudfront", "route53"}

# Beyond so many bytes CloudTrail keeps only a note that there was something.
LARGEST_PARAMETERS = 100 * 1024

# Whose calls are recorded under another name than the one with which their addresses begin. Where the account's own
# settings for S3 are recorded was not seen; S3's documentation says there.
SOURCES = {"s3-control": "s3", "api.ecr": "ecr", "email": "ses"}

EVENT_NAMES = {
    ("s3", "PutPublicAccessBlock"): "PutBucketPublicAccessBlock",
    ("s3", "DeletePublicAccessBlock"): "DeleteBucketPublicAccessBlock",
    ("s3", "PutBucketLifecycleConfiguration"): "PutBucketLifecycle",
    ("s3", "PutBucketNotificationConfiguration"): "PutBucketNotification",
    ("s3-control", "PutPublicAccessBlock"): "PutAccountPublicAccessBlock",
    ("s3-control", "DeletePublicAccessBlock"): "DeleteAccountPublicAccessBlock",
    ("lambda", "AddPermission"): "AddPermission20150331v2",
    ("lambda", "RemovePermission"): "RemovePermission20150331v2",
    ("lambda", "CreateFunction"): "CreateFunction20150331",
    ("lambda", "DeleteFunction"): "DeleteFunction20150331",
    ("lambda", "UpdateFunctionCode"): "UpdateFunctionCode20150331v2",
    ("lambda", "UpdateFunctionConfiguration"): "UpdateFunctionConfiguration20150331v2",
    ("lambda", "PutFunctionConcurrency"): "PutFunctionConcurrency20171031",
    ("lambda", "DeleteFunctionConcurrency"): "DeleteFunctionConcurrency20171031",
}

READING = re.compile(
    "Get|List|Describe|Head|BatchGet|Search|Lookup|Select|Query|Scan|Test|Validate|Simulate|Assume|Decode"
)

# EventBridge delivers these two although they are named like reading.
READING_IN_NAME_ONLY = {"GetFederationToken", "GetSessionToken"}

DATA_EVENTS = {
    "dynamodb": {
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "BatchWriteItem",
        "TransactWriteItems",
        "ExecuteStatement",
        "BatchExecuteStatement",
        "ExecuteTransaction",
    },
    "events": {"PutEvents"},
    "kms": {"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"},
    "lambda": {"Invoke", "InvokeAsync", "InvokeWithResponseStream"},
    "logs": {"PutLogEvents", "FilterLogEvents", "StartQuery"},
    "monitoring": {"PutMetricData"},
    "s3": {"DeleteObjects"},
    "sns": {"Publish", "PublishBatch"},
    "sqs": {
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
        "DeleteMessageBatch",
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
    },
}

# The operations of EC2 that are recorded in the wrapped form, as far as that was seen.
WRAPPED = {
    "ModifySecurityGroupRules",
    "ModifyInstanceMetadataOptions",
    "ModifyVpcEndpoint",
    "CreateFlowLogs",
    "DeleteFlowLogs",
    "EnableSerialConsoleAccess",
    "DisableSerialConsoleAccess",
    "CreateManagedPrefixList",
    "ModifyManagedPrefixList",
    "DeleteManagedPrefixList",
}

# Lists that the records of EC2's older operations name otherwise than the API.
EC2_LISTS = {
    "TagSpecifications": "tagSpecificationSet",
    "InstanceIds": "instancesSet",
    "Resources": "resourcesSet",
    "Tags": "tagSet",
}

# Lists that they show even when the request has none.
EC2_LISTS_ALWAYS_SHOWN = {"IpPermissions", "UserIdGroupPairs", "IpRanges", "Ipv6Ranges", "PrefixListIds"}

S3_HEADERS = {
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-object-ownership",
    "x-amz-bucket-object-lock-enabled",
    "x-amz-confirm-remove-self-bucket-access",
}

# Elsewhere the record of a denied call has lost its parameters.
PARAMETERS_SURVIVE_DENIAL = {"ec2", "s3", "s3-control", "guardduty", "eks"}


# The members of a record


def _request_parameters(operation: OperationModel, call: Call, failure: dict) -> Json:
    service = operation.service_model
    if failure.get("errorCode") == "AccessDenied" and service.endpoint_prefix not in PARAMETERS_SURVIVE_DENIAL:
        return None
    parameters: Json
    if operation.input_shape is None:
        parameters = None
    elif service.endpoint_prefix in ("s3", "s3-control"):
        parameters = _s3_parameters(operation, call)
    elif service.protocol == "ec2":
        parameters = _ec2_parameters(operation, form_parameters(operation, form_of(call)))
    else:
        parameters = _lowered(operation.input_shape, parameters_of(operation, call)) or None
    size = len(json.dumps(parameters))
    if size > LARGEST_PARAMETERS:
        return {"omitted": True, "originalSize": size, "reason": "requestParameters too large"}
    return parameters


def _response_elements(operation: OperationModel, call: Call) -> Json:
    service = operation.service_model
    if service.endpoint_prefix in ("s3", "s3-control") or operation.output_shape is None:
        return None
    if service.protocol == "ec2":
        return _ec2_response(operation, call)
    return _lowered(operation.output_shape, answer_of(operation, call)) or None


def _failure(operation: OperationModel, call: Call) -> dict:
    error = answer_of(operation, call).get("Error", {})
    code = error.get("Code") or str(call.status)
    if operation.service_model.protocol == "ec2":
        code = ("Client." if call.status < 500 else "Server.") + code
    elif code == "AccessDeniedException":
        code = "AccessDenied"
    elif operation.service_model.endpoint_prefix != "s3":
        code = _name_of_error(operation, code)
    return {"errorCode": code, "errorMessage": error.get("Message", "")}


def _name_of_error(operation: OperationModel, code: str) -> str:
    """IAM says `NoSuchEntity` on the wire, CloudTrail `NoSuchEntityException`, which is the name in the model."""
    for shape in operation.error_shapes:
        if shape.metadata.get("error", {}).get("code") == code:
            return shape.name
    return code


def _request_id(call: Call) -> str:
    said = re.search(rb"<[Rr]equestI[dD]>([^<]+)</", call.answer)
    return said.group(1).decode() if said else call.request_id


def _user_agent(source: str, call: Call) -> str:
    agent = call.headers.get("user-agent", "")
    return f"[{agent}]" if source == "s3" else agent


def _host(operation: OperationModel, call: Call) -> str:
    """The host that the call would have gone to at AWS; the local one says nothing."""
    prefix = operation.service_model.endpoint_prefix
    if prefix in GLOBAL_SERVICES:
        return f"{prefix}.amazonaws.com"
    if prefix == "s3-control":
        return f"{call.account}.s3-control.{call.region}.amazonaws.com"
    bucket = labels_of(operation, call).get("Bucket") if prefix == "s3" else None
    return f"{bucket + '.' if bucket else ''}{prefix}.{call.region}.amazonaws.com"


def _lowered(shape: Shape, value: Json) -> Json:
    """The value with names as CloudTrail writes them. The keys of a map are data and stay as they are."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = {name: shape.members[name] for name in value if name in shape.members}
        return {
            _lower(name): _lowered(member, value[name])
            for name, member in members.items()
            if member.type_name != "blob" and not member.metadata.get("sensitive")
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_lowered(shape.member, inner) for inner in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _lowered(shape.value, inner) for key, inner in value.items()}
    return _spoken(value) if isinstance(value, datetime) else value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _spoken(time: datetime) -> str:
    return f"{time:%b} {time.day}, {time.year} {time.hour % 12 or 12}:{time:%M:%S %p}"


# EC2


def _ec2_parameters(operation: OperationModel, parameters: dict) -> dict:
    if operation.name in WRAPPED:
        return {f"{operation.name}Request": _wrapped(operation.input_shape, parameters) or ""}
    return _itemised(operation.input_shape, parameters)


def _itemised(shape: Shape, value: dict) -> dict:
    found = {}
    for name, member in shape.members.items():
        inner = value.get(name)
        if member.type_name == "list" and (inner is not None or name in EC2_LISTS_ALWAYS_SHOWN):
            found[_ec2_name(name, member)] = _items(name, member, inner or [])
        elif inner is not None:
            found[_ec2_name(name, member)] = _itemised(member, inner) if member.type_name == "structure" else inner
    return found


def _items(name: str, shape: Shape, values: list) -> dict:
    if not values:
        return {}
    if shape.member.name == "TagSpecification":
        # The list of tags in it is the one list without items.
        return {
            "items": [
                {
                    "resourceType": one.get("ResourceType"),
                    "tags": [{"key": tag["Key"], "value": tag.get("Value", "")} for tag in one.get("Tags", [])],
                }
                for one in values
            ]
        }
    if shape.member.type_name != "structure":
        # A list of ids becomes a list of objects that hold one id each.
        of_one = _lower(shape.serialization.get("name") or shape.member.serialization.get("name") or name)
        return {"items": [{of_one: value} for value in values]}
    return {"items": [_itemised(shape.member, value) for value in values]}


def _ec2_name(name: str, member: Shape) -> str:
    if member.type_name == "list" and name in EC2_LISTS:
        return EC2_LISTS[name]
    said = member.serialization.get("name", name)
    # A name with a capital is the one in the form, where lists are in the singular.
    return _lower(name) if member.type_name == "list" and said[0].isupper() else _lower(said)


def _wrapped(shape: Shape, value: Json) -> Json:
    if shape.type_name != "structure":
        return value
    found = {}
    for name, member in shape.members.items():
        if name not in value:
            continue
        inner = value[name]
        if member.type_name == "list":
            tagged = [
                {**_wrapped(member.member, one), "tag": at} if isinstance(one, dict) else {"content": one, "tag": at}
                for at, one in enumerate(inner, 1)
            ]
            found[wire_name(name, member, ec2=True)] = tagged[0] if len(tagged) == 1 else tagged
        else:
            found[wire_name(name, member, ec2=True)] = _wrapped(member, inner)
    return found


def _ec2_response(operation: OperationModel, call: Call) -> dict:
    root = ElementTree.fromstring(call.answer)
    found = _ec2_tree(root, operation.output_shape, operation.name in WRAPPED)
    if operation.name in WRAPPED:
        return {_local(root): {**found, "xmlns": _namespace(root)}}
    if "return" in found:
        found["_return"] = found.pop("return")
    return found


def _ec2_tree(element: ElementTree.Element, shape: Shape | None, wrapped: bool) -> Json:
    if shape is not None and shape.type_name == "list":
        items = [_ec2_tree(item, shape.member, wrapped) for item in element]
        if wrapped:
            return {"item": items[0] if len(items) == 1 else items} if items else ""
        return {"items": items} if items else {}
    if len(element):
        return {_local(child): _ec2_tree(child, _member(shape, _local(child)), wrapped) for child in element}
    text = (element.text or "").strip()
    # Operations that return nothing but success have no such member in the model.
    return text == "true" if _local(element) == "return" else typed(shape, text) if text else ""


def _member(shape: Shape | None, name_on_wire: str) -> Shape | None:
    for name, member in getattr(shape, "members", {}).items():
        if member.serialization.get("name", name) == name_on_wire:
            return member
    return None


# S3


def _s3_parameters(operation: OperationModel, call: Call) -> dict:
    found: dict = {"Host": _host(operation, call)}
    labels = labels_of(operation, call)
    bucket = labels.get("Bucket")
    if bucket:
        found["bucketName"] = bucket
    if operation.service_model.endpoint_prefix == "s3-control":
        # How access points are told was not seen.
        found.update(labels)
    for key, values in call.query.items():
        # SDKs add x-id for their own logs; a signature in the address is no parameter either.
        if key != "x-id" and not key.lower().startswith("x-amz-"):
            found[key] = values[0]
    found.update({header: call.headers[header] for header in sorted(S3_HEADERS) if header in call.headers})
    found.update(_s3_body(operation, call.body))
    return found


def _s3_body(operation: OperationModel, body: bytes) -> dict:
    """The body as an object; nothing if it cannot be read, as S3 did not read it either."""
    try:
        if operation.name == "PutBucketPolicy":
            return {"bucketPolicy": json.loads(body)}
        root = ElementTree.fromstring(body)
    except (ValueError, ElementTree.ParseError):
        return {}
    value = _xml_object(root)
    if isinstance(value, dict) and _namespace(root):
        value["xmlns"] = _namespace(root)
    return {_local(root): value}


def _xml_object(element: ElementTree.Element) -> Json:
    """XML as an object; a member that occurs once is itself, not a list of one."""
    if not len(element) and not element.attrib:
        text = (element.text or "").strip()
        return {"true": True, "false": False}.get(text, text)
    found: dict = {"xsi:type" if key.endswith("}type") else key: value for key, value in element.attrib.items()}
    for child in element:
        name, value = _local(child), _xml_object(child)
        if name not in found:
            found[name] = value
        else:
            found[name] = [*found[name], value] if isinstance(found[name], list) else [found[name], value]
    return found


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _namespace(element: ElementTree.Element) -> str:
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""
