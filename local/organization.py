"""Plays what an organization adds: events that cross accounts and Regions, whom a bus lets in, and who is a member.

A rule whose target is a bus of another account or Region hands on the event as it is, with the origin's account and
Region, if the bus's policy lets the rule's role in. One such hop is allowed, as on AWS.
<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html>
What EventBridge tells the policy stands there too:
<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html>

That the stand-in keeps to a bus's policy is no proof that AWS reads the policy in the same way.
"""

from __future__ import annotations

import json

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

ORGANIZATION = "o-exampleorgid"

# Who is in it. Everybody else belongs to whatever organization the local AWS knows them in.
MEMBERS = {"222233334444", "333344445555"}


def install() -> None:
    play_membership()
    play_bus_policies()
    play_hops()


def play_membership() -> None:
    """To which organization principals and resources belong."""
    resolve = iam_evaluator._resolve_condition_key

    def resolve_key(key, context):
        account = {
            "aws:principalorgid": context.principal_account,
            "aws:resourceorgid": iam_evaluator._account_from_arn(context.resource_arn),
        }.get(key.lower())
        return ORGANIZATION if account in MEMBERS else resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_key


def play_bus_policies() -> None:
    """The resource type that CloudFormation lacks there."""

    def create(logical_id, props, stack):
        policy = {"Version": "2012-10-17", "Statement": [{"Sid": props["StatementId"], **props["Statement"]}]}
        eventbridge._event_bus_policies[props["EventBusName"]] = policy
        return f"{props['EventBusName']}|{props['StatementId']}", {}

    def delete(physical_id, props):
        eventbridge._event_bus_policies.pop(physical_id.partition("|")[0], None)

    provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {"create": create, "delete": delete}


def play_hops() -> None:
    to_bus, put_events = eventbridge._dispatch_to_event_bus, eventbridge._put_events

    def to_any_bus(spec, event, rule, path, payload=None):
        if (spec.account_id, spec.region) == (get_account_id(), get_region()):
            return to_bus(spec, event, rule, path, payload)
        bus = spec.resource.partition("/")[2]
        # Whoever forwards is a rule's role.
        if event.get("_IsForwarded") or not lets_in(spec, bus, event["Source"], is_rule=True):
            print(f"The bus {bus} of {spec.account_id} did not take an event of {get_account_id()}", flush=True)
            return None
        forwarded = {**event, "EventBusName": bus, "_DispatchPath": [], "_IsForwarded": True}
        with request_scope(spec.account_id, spec.region):
            return eventbridge._dispatch_event(forwarded)

    def put_to_any_bus(data, allow_aws_source=False):
        """What is put to another account's bus is refused unless its policy lets that in."""
        entries = data.get("Entries", [])
        for entry in entries:
            arn = entry.get("EventBusName", "")
            if arn.startswith("arn:") and arn.split(":")[4] != get_account_id():
                spec = eventbridge.parse_arn(arn)
                bus = spec.resource.partition("/")[2]
                if not lets_in(spec, bus, entry.get("Source", ""), is_rule=False):
                    refused = {"ErrorCode": "AccessDeniedException", "ErrorMessage": f"not authorized on {arn}"}
                    answer = {"FailedEntryCount": len(entries), "Entries": [refused] * len(entries)}
                    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()
        return put_events(data, allow_aws_source)

    eventbridge._dispatch_to_event_bus = to_any_bus
    eventbridge._put_events = put_to_any_bus


def lets_in(spec, bus: str, source: str, is_rule: bool) -> bool:
    """Whether the policy of a bus lets the calling account in."""
    policy = eventbridge._event_bus_policies.get_scoped(spec.account_id, spec.region, bus)
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{account}:role/forwarder",
        principal_type="AssumedRole",
        principal_account=account,
        action="events:PutEvents",
        resource_arn=f"arn:aws:events:{spec.region}:{spec.account_id}:event-bus/{bus}",
        region=spec.region,
        service_context={"events:eventbusinvocation": str(is_rule).lower(), "events:source": source},
    )
    return iam_evaluator.evaluate_resource_policy(policy, context).decision == "Allow"
