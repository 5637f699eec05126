"""Stands in for the rules of security groups, where ministack is not like EC2.

There, the rule is the unit: each source of a permission becomes a rule with an id of its own, which is new whenever
it is authorized; the same rule twice is `InvalidPermission.Duplicate`, a rule that is not there cannot be revoked,
and a call is done as a whole or not at all. ministack keeps permissions as they were sent, derives one id from all
their sources, and takes duplicates and misses for success. It has no prefix lists in rules and executes dry runs.

The rules stay where ministack keeps them, one source to each, so that whatever else reads them still can. Errors
have EC2's codes; this is played after EC2's documentation and proves nothing about EC2.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape

from ministack.services import ec2

from wire import form_parameters, service_model

INGRESS, EGRESS = "IpPermissions", "IpPermissionsEgress"

# What a permission lists its sources under, what names one source, and what a rule's XML calls it.
SOURCES = {
    "IpRanges": ("CidrIp", "cidrIpv4"),
    "Ipv6Ranges": ("CidrIpv6", "cidrIpv6"),
    "PrefixListIds": ("PrefixListId", "prefixListId"),
    "UserIdGroupPairs": ("GroupId", "referencedGroupId"),
}

# EC2 takes protocols by number and shows these by name.
PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


class Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400):
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def install() -> None:
    """Puts the stand-ins in the place of ministack's own."""
    ec2._ACTION_MAP.update(
        {
            "AuthorizeSecurityGroupIngress": answers(
                "AuthorizeSecurityGroupIngress", lambda p: _authorize(p, INGRESS)
            ),
            "AuthorizeSecurityGroupEgress": answers("AuthorizeSecurityGroupEgress", lambda p: _authorize(p, EGRESS)),
            "RevokeSecurityGroupIngress": answers("RevokeSecurityGroupIngress", lambda p: _revoke(p, INGRESS)),
            "RevokeSecurityGroupEgress": answers("RevokeSecurityGroupEgress", lambda p: _revoke(p, EGRESS)),
            "ModifySecurityGroupRules": answers("ModifySecurityGroupRules", _modify),
            "DescribeSecurityGroupRules": answers("DescribeSecurityGroupRules", _describe),
        }
    )
    by_id = ec2._ACTION_MAP["DescribeSecurityGroups"]
    ec2._ACTION_MAP["DescribeSecurityGroups"] = lambda form: _describe_by_name(form, by_id)
    show = ec2._sg_xml
    ec2._sg_xml = lambda group: show({**group, INGRESS: _merged(group[INGRESS]), EGRESS: _merged(group[EGRESS])})


def answers(operation: str, act: Callable[[dict], str]) -> Callable[[dict], tuple]:
    model = service_model("ec2").operation_model(operation)

    def answer(form: dict) -> tuple:
        try:
            parameters = form_parameters(model, form)
            if parameters.get("DryRun"):
                raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
            return ec2._xml(200, f"{operation}Response", act(parameters))
        except Refused as refused:
            return ec2._error(refused.code, escape(refused.message), refused.status)

    return answer


def _authorize(parameters: dict, direction: str) -> str:
    group = _group(parameters)
    wanted = list(_rules_in(parameters, group, direction))
    if not wanted:
        raise Refused("MissingParameter", "Either 'ipPermissions' or 'ipProtocol' should be provided.")
    _refuse_duplicates(group[direction] + wanted)
    tags = [
        {"Key": tag["Key"], "Value": tag.get("Value", "")}
        for spec in parameters.get("TagSpecifications", [])
        if spec.get("ResourceType") == "security-group-rule"
        for tag in spec.get("Tags", [])
    ]
    for rule in wanted:
        rule["SecurityGroupRuleId"] = "sgr-" + secrets.token_hex(9)[:17]
        group[direction].append(rule)
        if tags:
            ec2._tags[rule["SecurityGroupRuleId"]] = [dict(tag) for tag in tags]
    return f"<return>true</return>{_rule_set('securityGroupRuleSet', group, direction, wanted)}"


def _revoke(parameters: dict, direction: str) -> str:
    group = _group(parameters)
    ids = parameters.get("SecurityGroupRuleIds")
    if ids:
        gone = [_rule_by_id(group, direction, rule_id) for rule_id in ids]
    else:
        gone = [_same_rule(group, direction, rule) for rule in _rules_in(parameters, group, direction)]
    shown = _rule_set("revokedSecurityGroupRuleSet", group, direction, gone)
    group[direction] = [rule for rule in group[direction] if rule not in gone]
    for rule in gone:
        ec2._tags.pop(ec2._sg_rule_id(group["GroupId"], direction == EGRESS, rule), None)
    return f"<return>true</return>{shown}"


def _modify(parameters: dict) -> str:
    group = _group(parameters)
    updates = []
    for update in parameters.get("SecurityGroupRules", []):
        direction = EGRESS if _has(group, EGRESS, update["SecurityGroupRuleId"]) else INGRESS
        old = _rule_by_id(group, direction, update["SecurityGroupRuleId"])
        new = {
            **_rule_from_request(update.get("SecurityGroupRule", {})),
            "SecurityGroupRuleId": update["SecurityGroupRuleId"],
        }
        updates.append((direction, old, new))
    for direction in (INGRESS, EGRESS):
        changed = [(old, new) for where, old, new in updates if where == direction]
        after = [next((new for old, new in changed if old is rule), rule) for rule in group[direction]]
        _refuse_duplicates(after)
    for direction, old, new in updates:
        group[direction][group[direction].index(old)] = new
    return "<return>true</return>"


def _describe(parameters: dict) -> str:
    filters = {one["Name"]: set(one.get("Values", [])) for one in parameters.get("Filters", [])}
    ids = set(parameters.get("SecurityGroupRuleIds", []))
    found = [
        (group, direction, rule)
        for group in ec2._security_groups.values()
        for direction in (INGRESS, EGRESS)
        for rule in _identified(group, direction)
    ]
    unknown = ids - {rule["SecurityGroupRuleId"] for _, _, rule in found}
    if unknown:
        raise _no_such_rule(sorted(unknown)[0])
    return "<securityGroupRuleSet>{}</securityGroupRuleSet>".format(
        "".join(
            _rule_xml(group, direction, rule)
            for group, direction, rule in found
            if (not ids or rule["SecurityGroupRuleId"] in ids) and _passes(filters, group, rule)
        )
    )


def _describe_by_name(form: dict, by_id: Callable[[dict], tuple]) -> tuple:
    names = form_parameters(service_model("ec2").operation_model("DescribeSecurityGroups"), form).get("GroupNames", [])
    try:
        ids = [_group({"GroupName": name})["GroupId"] for name in names]
    except Refused as refused:
        return ec2._error(refused.code, escape(refused.message), refused.status)
    return by_id({**form, **{f"GroupId.{at}": [group_id] for at, group_id in enumerate(ids, 1)}})


def _passes(filters: dict, group: dict, rule: dict) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in ec2._tags.get(rule["SecurityGroupRuleId"]) or []}
    known = {
        "group-id": {group["GroupId"]},
        "security-group-rule-id": {rule["SecurityGroupRuleId"]},
        "tag-key": set(tags),
    }
    known.update({f"tag:{key}": {value} for key, value in tags.items()})
    return all(known.get(name, set()) & wanted for name, wanted in filters.items())


# Groups


def _group(parameters: dict) -> dict:
    group_id, name = parameters.get("GroupId"), parameters.get("GroupName")
    if group_id:
        group = ec2._security_groups.get(group_id)
        if group is None:
            raise Refused("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        return group
    for group in ec2._security_groups.values():
        # A name alone means a group of the default VPC.
        if name and group["GroupName"] == name and group["VpcId"] == ec2._DEFAULT_VPC_ID:
            return group
    vpc = f" in default VPC '{ec2._DEFAULT_VPC_ID}'"
    raise Refused("InvalidGroup.NotFound", f"The security group '{name}' does not exist{vpc}")


# Rules


def _rules_in(parameters: dict, group: dict, direction: str) -> Iterator[dict]:
    """The rules that a request means, whether it lists permissions or has the flat parameters of one."""
    permissions = parameters.get("IpPermissions") or []
    if not permissions and (parameters.get("CidrIp") or parameters.get("SourceSecurityGroupName")):
        permissions = [_flat_permission(parameters)]
    for permission in permissions:
        frame = _frame(permission)
        for sources in SOURCES:
            for source in permission.get(sources) or []:
                yield {**frame, **{each: [] for each in SOURCES}, sources: [_source(source)]}


def _flat_permission(parameters: dict) -> dict:
    permission = {key: parameters[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in parameters}
    if parameters.get("CidrIp"):
        return {**permission, "IpRanges": [{"CidrIp": parameters["CidrIp"]}]}
    source = _group({"GroupName": parameters["SourceSecurityGroupName"]})
    return {"IpProtocol": "-1", **permission, "UserIdGroupPairs": [{"GroupId": source["GroupId"]}]}


def _rule_from_request(request: dict) -> dict:
    """The rule that ModifySecurityGroupRules asks for; what it leaves out is not kept from before."""
    found = {**_frame(request), **{each: [] for each in SOURCES}}
    for sources, (name, _) in SOURCES.items():
        asked = request.get({"CidrIp": "CidrIpv4", "GroupId": "ReferencedGroupId"}.get(name, name))
        if asked:
            said = {"Description": request["Description"]} if request.get("Description") else {}
            found[sources] = [_source({name: asked, **said})]
    return found


def _frame(permission: dict) -> dict:
    protocol = str(permission.get("IpProtocol", "-1")).lower()
    frame = {"IpProtocol": PROTOCOLS.get(protocol, protocol)}
    # All protocols have no ports; EC2 ignores those that are sent along.
    if frame["IpProtocol"] != "-1":
        frame.update({key: permission[key] for key in ("FromPort", "ToPort") if key in permission})
    return frame


def _source(source: dict) -> dict:
    for name in ("CidrIp", "CidrIpv6"):
        if name in source:
            return {**source, name: _without_host_bits(source[name])}
    if "GroupName" in source and "GroupId" not in source:
        return {**source, "GroupId": _group({"GroupName": source["GroupName"]})["GroupId"]}
    return dict(source)


def _without_host_bits(cidr: str) -> str:
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        raise Refused("InvalidParameterValue", f"CIDR block {cidr} is malformed") from None


def _identified(group: dict, direction: str) -> list:
    """The rules of a group, each with an id: those made with the group or by CloudFormation have none yet."""
    for rule in group[direction]:
        rule.setdefault("SecurityGroupRuleId", ec2._sg_rule_id(group["GroupId"], direction == EGRESS, rule))
    return group[direction]


def _has(group: dict, direction: str, rule_id: str) -> bool:
    return any(rule["SecurityGroupRuleId"] == rule_id for rule in _identified(group, direction))


def _rule_by_id(group: dict, direction: str, rule_id: str) -> dict:
    for rule in _identified(group, direction):
        if rule["SecurityGroupRuleId"] == rule_id:
            return rule
    raise _no_such_rule(rule_id)


def _no_such_rule(rule_id: str) -> Refused:
    return Refused("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{rule_id}' does not exist")


def _same_rule(group: dict, direction: str, wanted: dict) -> dict:
    for rule in group[direction]:
        if _meaning(rule) == _meaning(wanted):
            return rule
    raise Refused("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")


def _refuse_duplicates(rules: list) -> None:
    seen = set()
    for rule in rules:
        if _meaning(rule) in seen:
            peer = _peer(rule)
            raise Refused(
                "InvalidPermission.Duplicate",
                f'the specified rule "peer: {peer}, {_protocol_and_ports(rule)}, ALLOW" already exists',
            )
        seen.add(_meaning(rule))


def _meaning(rule: dict) -> tuple:
    """What makes two rules the same: all but their ids, descriptions and tags."""
    return (rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1), _peer(rule))


def _peer(rule: dict) -> str:
    for sources, (name, _) in SOURCES.items():
        for source in rule.get(sources) or []:
            return source[name]
    return ""


def _protocol_and_ports(rule: dict) -> str:
    if rule["IpProtocol"] == "-1":
        return "ALL"
    return f"{rule['IpProtocol'].upper()}, from port: {rule.get('FromPort', -1)}, to port: {rule.get('ToPort', -1)}"


def _merged(rules: list) -> list:
    """Rules as permissions, as DescribeSecurityGroups shows them: one to each protocol and range of ports."""
    permissions: dict = {}
    for rule in rules:
        key = (rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"))
        frame = {name: value for name, value in rule.items() if name in ("IpProtocol", "FromPort", "ToPort")}
        permission = permissions.setdefault(key, {**frame, **{each: [] for each in SOURCES}})
        for sources in SOURCES:
            permission[sources] += rule.get(sources) or []
    return list(permissions.values())


# XML


def _rule_set(name: str, group: dict, direction: str, rules: list) -> str:
    return (
        f"<{name}>{''.join(_rule_xml(group, direction, rule, name.startswith('revoked')) for rule in rules)}</{name}>"
    )


def _rule_xml(group: dict, direction: str, rule: dict, revoked: bool = False) -> str:
    rule_id = ec2._sg_rule_id(group["GroupId"], direction == EGRESS, rule)
    said = {
        "securityGroupRuleId": rule_id,
        "groupId": group["GroupId"],
        "groupOwnerId": None if revoked else group["OwnerId"],
        "isEgress": "true" if direction == EGRESS else "false",
        "ipProtocol": rule["IpProtocol"],
        "fromPort": rule.get("FromPort", -1),
        "toPort": rule.get("ToPort", -1),
    }
    tail = ""
    for sources, (name, called) in SOURCES.items():
        for source in rule.get(sources) or []:
            if sources == "UserIdGroupPairs" and not revoked:
                owner = source.get("UserId") or group["OwnerId"]
                referenced = f"<groupId>{escape(source[name])}</groupId><userId>{owner}</userId>"
                tail += f"<referencedGroupInfo>{referenced}</referencedGroupInfo>"
            else:
                said[called] = source[name]
            said["description"] = source.get("Description")
    if not revoked:
        said["securityGroupRuleArn"] = ec2._sg_rule_arn(rule_id)
        tail += _tags_xml(ec2._tags.get(rule_id))
    inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in said.items() if value is not None)
    return f"<item>{inner}{tail}</item>"


def _tags_xml(tags: list | None) -> str:
    if not tags:
        return ""
    items = "".join(f"<item><key>{escape(t['Key'])}</key><value>{escape(t['Value'])}</value></item>" for t in tags)
    return f"<tagSet>{items}</tagSet>"
