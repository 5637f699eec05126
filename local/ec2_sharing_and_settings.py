"""Stands in for what ministack's EC2 lacks of sharing and of settings.

With whom snapshots are shared is kept in both forms of the call; endpoint services have permissions and whether
connections have to be accepted, and nothing else, and those are listed of which either was ever set;
VPC endpoints have policies; instances have options of their metadata service; and the account has its switches, in each Region. What AWS does on
account of them is not played: a snapshot can be shared with everyone whatever Block Public Access says, and a switch
that AWS takes ten minutes for is turned at once. Errors have EC2's codes; this is played after EC2's documentation and
proves nothing about EC2.

Who may do it is ministack's to enforce. It gives snapshots and AMIs an ARN with an account, which EC2's have not, and
others none at all; both are put right here.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from security_groups import Refused, answers

# Where each switch is read, what its answer calls it, and how it is as long as nobody has turned it.
SWITCHES = {
    "SnapshotBlockPublicAccess": ("GetSnapshotBlockPublicAccessState", "state", "unblocked"),
    "ImageBlockPublicAccess": ("GetImageBlockPublicAccessState", "imageBlockPublicAccessState", "unblocked"),
    "EbsEncryptionByDefault": ("GetEbsEncryptionByDefault", "ebsEncryptionByDefault", "false"),
    "SerialConsoleAccess": ("GetSerialConsoleAccessStatus", "serialConsoleAccessEnabled", "false"),
    "AllowedImagesSettings": ("GetAllowedImagesSettings", "state", "disabled"),
}

# Parameters that name a resource which ministack does not know, or knows with an account that it has not.
RESOURCES = {
    "SnapshotId": ("", "snapshot"),
    "ImageId": ("", "image"),
    "ServiceId": (None, "vpc-endpoint-service"),
    "VpcEndpointId": (None, "vpc-endpoint"),
    "NetworkAclId": (None, "network-acl"),
    "PrefixListId": (None, "prefix-list"),
    "ExclusionId": (None, "vpc-block-public-access-exclusion"),
}

_turned: dict = {}
_permitted: dict = {}
_accepting: dict = {}
_options: dict = {}


def install() -> None:
    """Puts the stand-ins in the place of ministack's own."""
    played = {
        "ModifySnapshotAttribute": _modify_snapshot,
        "DescribeSnapshotAttribute": _describe_snapshot,
        "ModifyVpcEndpointServicePermissions": _modify_permissions,
        "DescribeVpcEndpointServicePermissions": _describe_permissions,
        "ModifyVpcEndpointServiceConfiguration": _modify_service,
        "DescribeVpcEndpointServiceConfigurations": _describe_services,
        "ModifyInstanceMetadataOptions": _modify_options,
    }
    for switch, (read, called, before) in SWITCHES.items():
        played[read] = lambda _, switch=switch, called=called, before=before: _shown(switch, called, before)
        for verb, is_on in (("Enable", True), ("Disable", False)):
            turn = lambda p, switch=switch, called=called, is_on=is_on: _turn(p, switch, called, is_on)  # noqa: E731
            played[f"{verb}{switch}"] = turn
    ec2._ACTION_MAP.update({operation: answers(operation, act) for operation, act in played.items()})
    describe = ec2._ACTION_MAP["DescribeSnapshots"]
    ec2._ACTION_MAP["DescribeSnapshots"] = lambda form: _describe_snapshots(form, describe)
    modify = ec2._ACTION_MAP["ModifyVpcEndpoint"]
    ec2._ACTION_MAP["ModifyVpcEndpoint"] = lambda form: _modify_endpoint(form, modify)
    show_endpoint = ec2._vpce_fields_xml
    ec2._vpce_fields_xml = lambda endpoint, tag="item": _with_policy(show_endpoint(endpoint, tag), endpoint, tag)
    show = ec2._instance_xml
    ec2._instance_xml = lambda instance: _with_options(show(instance), instance["InstanceId"])
    _name_resources()


def _name_resources() -> None:
    extract = iam_actions.extract_resource_arn

    def named(service, method, path, headers, body, query, region, account):
        if service == "ec2":
            for parameter, (of_account, kind) in RESOURCES.items():
                value = iam_actions._query_param(query, parameter)
                if value:
                    owner = account if of_account is None else of_account
                    return f"arn:aws:ec2:{region}:{owner}:{kind}/{value}"
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = named


# Switches


def _shown(switch: str, called: str, before: str) -> str:
    return f"<{called}>{_turned.get((get_account_id(), get_region(), switch), before)}</{called}>"


def _turn(parameters: dict, switch: str, called: str, is_on: bool) -> str:
    named = ("State", "ImageBlockPublicAccessState", "AllowedImagesSettingsState")
    mode = next((parameters[name] for name in named if name in parameters), None)
    if switch.endswith("BlockPublicAccess"):
        value = mode if is_on else "unblocked"
    elif switch == "AllowedImagesSettings":
        value = mode if is_on else "disabled"
    else:
        value = "true" if is_on else "false"
    if value is None:
        raise Refused("MissingParameter", "The request must contain the mode.")
    _turned[get_account_id(), get_region(), switch] = value
    return f"<{called}>{value}</{called}>"


# Snapshots


def _snapshot(parameters: dict) -> dict:
    snapshot = ec2._snapshots.get(parameters["SnapshotId"])
    if snapshot is None:
        raise Refused("InvalidSnapshot.NotFound", f"The snapshot '{parameters['SnapshotId']}' does not exist.")
    return snapshot


def _modify_snapshot(parameters: dict) -> str:
    permissions = _snapshot(parameters).setdefault("CreateVolumePermissions", [])
    asked = parameters.get("CreateVolumePermission") or {}
    flat = [{"UserId": user} for user in parameters.get("UserIds") or []]
    flat += [{"Group": group} for group in parameters.get("GroupNames") or []]
    asked = asked or {parameters.get("OperationType", "").capitalize(): flat}
    for one in asked.get("Add") or []:
        if one not in permissions:
            permissions.append(one)
    gone = asked.get("Remove") or []
    permissions[:] = [one for one in permissions if one not in gone]
    return "<return>true</return>"


def _describe_snapshot(parameters: dict) -> str:
    permissions = _snapshot(parameters).get("CreateVolumePermissions", [])
    items = "".join(
        f"<item><userId>{one['UserId']}</userId></item>" if "UserId" in one else "<item><group>all</group></item>"
        for one in permissions
    )
    return (
        f"<snapshotId>{parameters['SnapshotId']}</snapshotId><createVolumePermission>{items}</createVolumePermission>"
    )


def _describe_snapshots(form: dict, describe: Callable[[dict], tuple]) -> tuple:
    """ministack shows all, whoever is asked about."""
    if form.get("RestorableBy.1") != ["all"]:
        return describe(form)
    everyone = {"Group": "all"}
    public = [one for one, found in ec2._snapshots.items() if everyone in found.get("CreateVolumePermissions", [])]
    if not public:
        return ec2._xml(200, "DescribeSnapshotsResponse", "<snapshotSet/>")
    return describe({**form, **{f"SnapshotId.{at}": [one] for at, one in enumerate(public, 1)}})


# Endpoint services


def _modify_permissions(parameters: dict) -> str:
    allowed = _permitted.setdefault((get_account_id(), parameters["ServiceId"]), [])
    allowed += [one for one in parameters.get("AddAllowedPrincipals") or [] if one not in allowed]
    gone = parameters.get("RemoveAllowedPrincipals") or []
    allowed[:] = [one for one in allowed if one not in gone]
    return "<return>true</return>"


def _describe_permissions(parameters: dict) -> str:
    allowed = _permitted.get((get_account_id(), parameters["ServiceId"]), [])
    items = "".join(f"<item><principal>{escape(one)}</principal></item>" for one in allowed)
    return f"<allowedPrincipals>{items}</allowedPrincipals>"


def _modify_service(parameters: dict) -> str:
    if "AcceptanceRequired" in parameters:
        is_required = str(parameters["AcceptanceRequired"]).lower()
        _accepting[get_account_id(), parameters["ServiceId"]] = is_required
    return "<return>true</return>"


def _describe_services(parameters: dict) -> str:
    of_account = [service for account, service in {**_permitted, **_accepting} if account == get_account_id()]
    asked = parameters.get("ServiceIds") or of_account
    for service in asked:
        if service not in of_account:
            raise Refused("InvalidVpcEndpointServiceId.NotFound", f"The Vpc Endpoint Service '{service}' does not exist")
    items = "".join(
        f"<item><serviceId>{one}</serviceId>"
        f"<acceptanceRequired>{_accepting.get((get_account_id(), one), 'true')}</acceptanceRequired></item>"
        for one in asked
    )
    return f"<serviceConfigurationSet>{items}</serviceConfigurationSet>"


# VPC endpoints

FULL_ACCESS = (
    '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'
)


def _modify_endpoint(form: dict, modify: Callable[[dict], tuple]) -> tuple:
    endpoint = ec2._vpc_endpoints.get(form["VpcEndpointId"][0])
    if endpoint is not None and "PolicyDocument" in form:
        endpoint["PolicyDocument"] = form["PolicyDocument"][0]
    if endpoint is not None and form.get("ResetPolicy") == ["true"]:
        endpoint["PolicyDocument"] = FULL_ACCESS
    return modify(form)


def _with_policy(xml: str, endpoint: dict, tag: str) -> str:
    head, _, _ = xml.rpartition(f"</{tag}>")
    policy = escape(endpoint.get("PolicyDocument", FULL_ACCESS))
    return f"{head}<policyDocument>{policy}</policyDocument></{tag}>"


# Instances

NAMES = {
    "HttpTokens": "httpTokens",
    "HttpPutResponseHopLimit": "httpPutResponseHopLimit",
    "HttpEndpoint": "httpEndpoint",
    "InstanceMetadataTags": "instanceMetadataTags",
}


def _modify_options(parameters: dict) -> str:
    instance = parameters["InstanceId"]
    if instance not in ec2._instances:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{instance}' does not exist")
    _of_instance(instance).update({name: parameters[name] for name in NAMES if name in parameters})
    shown = _shown_options(instance).replace("metadataOptions>", "instanceMetadataOptions>")
    return f"<instanceId>{instance}</instanceId>{shown}"


def _of_instance(instance: str) -> dict:
    of_new = {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 2,
        "HttpEndpoint": "enabled",
        "InstanceMetadataTags": "disabled",
    }
    return _options.setdefault(instance, of_new)


def _shown_options(instance: str) -> str:
    options = _of_instance(instance)
    inner = "".join(f"<{called}>{options[name]}</{called}>" for name, called in NAMES.items())
    return f"<metadataOptions><state>applied</state>{inner}</metadataOptions>"


def _with_options(xml: str, instance: str) -> str:
    head, _, _ = xml.rpartition("</item>")
    return f"{head}{_shown_options(instance)}</item>"
