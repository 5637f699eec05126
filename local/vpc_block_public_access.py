"""Stands in for Block Public Access of VPCs, which ministack does not have: its mode in each Region, and exclusions.

They are kept and given back, and an exclusion that was deleted goes on being shown, as EC2 does. That no traffic passes
is not played, nor are the minutes that EC2 takes: everything is complete at once, so what EC2 refuses meanwhile is not
refused here. This is played after EC2's documentation and proves nothing about EC2.
"""

from __future__ import annotations

import secrets
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from security_groups import Refused, answers

_modes: dict = {}
_exclusions: dict = {}


def install() -> None:
    """Answers the calls."""
    played = {
        "DescribeVpcBlockPublicAccessOptions": _describe_options,
        "ModifyVpcBlockPublicAccessOptions": _modify_options,
        "CreateVpcBlockPublicAccessExclusion": _create,
        "ModifyVpcBlockPublicAccessExclusion": _modify,
        "DeleteVpcBlockPublicAccessExclusion": _delete,
        "DescribeVpcBlockPublicAccessExclusions": _describe,
    }
    ec2._ACTION_MAP.update({operation: answers(operation, act) for operation, act in played.items()})


def _here() -> tuple:
    return get_account_id(), get_region()


def _describe_options(_: dict) -> str:
    account, region = _here()
    state, mode = ("update-complete", _modes[_here()]) if _here() in _modes else ("default-state", "off")
    return (
        f"<vpcBlockPublicAccessOptions><awsAccountId>{account}</awsAccountId><awsRegion>{region}</awsRegion>"
        f"<state>{state}</state><internetGatewayBlockMode>{mode}</internetGatewayBlockMode>"
        "</vpcBlockPublicAccessOptions>"
    )


def _modify_options(parameters: dict) -> str:
    _modes[_here()] = parameters["InternetGatewayBlockMode"]
    return _describe_options(parameters)


def _create(parameters: dict) -> str:
    account, region = _here()
    vpc, subnet = parameters.get("VpcId"), parameters.get("SubnetId")
    if (vpc is None) == (subnet is None):
        raise Refused("InvalidParameterCombination", "Either a VPC or a subnet has to be named.")
    excluded = f"vpc/{vpc}" if vpc else f"subnet/{subnet}"
    made = f"vpcbpa-exclude-{secrets.token_hex(9)[:17]}"
    _exclusions[made] = {
        "resourceArn": f"arn:aws:ec2:{region}:{account}:{excluded}",
        "internetGatewayExclusionMode": parameters["InternetGatewayExclusionMode"],
        "state": "create-complete",
    }
    ec2._tags[made] = [dict(tag) for spec in parameters.get("TagSpecifications", []) for tag in spec.get("Tags", [])]
    return _shown(made, "vpcBlockPublicAccessExclusion")


def _modify(parameters: dict) -> str:
    mode = parameters["InternetGatewayExclusionMode"]
    _live(parameters).update(internetGatewayExclusionMode=mode, state="update-complete")
    return _shown(parameters["ExclusionId"], "vpcBlockPublicAccessExclusion")


def _delete(parameters: dict) -> str:
    _live(parameters)["state"] = "delete-complete"
    return _shown(parameters["ExclusionId"], "vpcBlockPublicAccessExclusion")


def _live(parameters: dict) -> dict:
    found = _exclusions.get(parameters["ExclusionId"])
    if found is None:
        raise Refused("InvalidVpcBlockPublicAccessExclusionId.NotFound", "There is no such exclusion.")
    if found["state"].startswith("delete"):
        raise Refused("InvalidParameterValue", f"The exclusion is in {found['state']} state.")
    return found


def _describe(parameters: dict) -> str:
    wanted = parameters.get("ExclusionIds") or list(_exclusions)
    shown = "".join(_shown(one, "item") for one in wanted if one in _exclusions)
    return f"<vpcBlockPublicAccessExclusionSet>{shown}</vpcBlockPublicAccessExclusionSet>"


def _shown(exclusion: str, element: str) -> str:
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in _exclusions[exclusion].items())
    tags = "".join(
        f"<item><key>{escape(tag['Key'])}</key><value>{escape(tag.get('Value', ''))}</value></item>"
        for tag in ec2._tags.get(exclusion) or []
    )
    return f"<{element}><exclusionId>{exclusion}</exclusionId>{fields}<tagSet>{tags}</tagSet></{element}>"
