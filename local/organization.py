"""Plays what an organization adds: events that cross accounts and Regions, whom a bus lets in, who is a member, what the
organization's service control policies deny, and which services it trusts.

A rule whose target is a bus of another account or Region hands on the event as it is, with the origin's account and
Region, if the bus's policy lets the rule's role in. One such hop is allowed, as on AWS.
<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html>
What EventBridge tells the policy stands there too:
<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html>

That the stand-in keeps to a bus's policy is no proof that AWS reads the policy in the same way. Nor is it one that AWS
denies what a service control policy does here: of those that are attached to an account itself, the denials count.
"""

from __future__ import annotations

import json
from contextvars import ContextVar

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region, request_scope
from ministack.services import eventbridge, organizations
from ministack.services.cloudformation import provisioners

from accounts import ACCOUNT, MANAGEMENT

ORGANIZATION = "o-exampleorgid"

# Who is in it. Everybody else belongs to whatever organization the local AWS knows them in.
MEMBERS = {MANAGEMENT, ACCOUNT, "222233334444", "333344445555"}

# As whom AWS lists who was somebody else's before, and who made the organization.
INVITED = {"333344445555", MANAGEMENT}

# The root, and the units of those that are in one.
ROOT = "r-exam"
UNITS = {"222233334444": "ou-exam-sandboxes", "333344445555": "ou-exam-liveunits"}


def install() -> None:
    play_membership()
    play_trusted_services()
    play_organizations()
    play_what_calls_are_upon()
    play_service_control_policies()
    play_bus_policies()
    play_hops()


def answered(body: dict) -> tuple:
    # Whoever sends it adds headers of its own.
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


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


def play_trusted_services() -> None:
    """Which services may act in all accounts is kept and told, in small pages; none does anything by it.
    https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnableAWSServiceAccess.html"""
    trusted: dict = {}

    def enable(asked: dict) -> tuple:
        trusted.setdefault(asked["ServicePrincipal"], 1767225600)
        return answered({})

    def disable(asked: dict) -> tuple:
        trusted.pop(asked["ServicePrincipal"], None)
        return answered({})

    def list_trusted(asked: dict) -> tuple:
        listed = [{"ServicePrincipal": name, "DateEnabled": since} for name, since in trusted.items()]
        number = int(asked.get("NextToken", 0))
        following = {"NextToken": str(number + 1)} if number + 1 < len(listed) else {}
        return answered({"EnabledServicePrincipals": listed[number : number + 1], **following})

    organizations._DISPATCH |= {
        "DisableAWSServiceAccess": disable,
        "EnableAWSServiceAccess": enable,
        "ListAWSServiceAccessForOrganization": list_trusted,
    }


def play_what_calls_are_upon() -> None:
    """What a right to call AWS Organizations has to be on, and the condition keys that it may have. An ARN has the account that
    calls in the place of the management account, as if it were that: a policy for the one is tried in the other.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html"""
    extract, request_context = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    def policy_of(asked: dict) -> dict:
        with request_scope(MANAGEMENT, get_region()):
            return organizations._policies.get(asked.get("PolicyId") or asked.get("ResourceId")) or {}

    def named(service, method, path, headers, body, query, region, account):
        if service != "organizations":
            return extract(service, method, path, headers, body, query, region, account)
        asked = json.loads(body or b"{}")
        if policy := policy_of(asked):
            whose = "aws:policy" if policy["AwsManaged"] else f"{account}:policy/{ORGANIZATION}"
            return f"arn:aws:organizations::{whose}/{policy['Type'].lower()}/{policy['Id']}"
        names = ("TargetId", "AccountId", "ChildId", "ResourceId", "OrganizationalUnitId")
        id = next((asked[name] for name in names if name in asked), None)
        if id is None:
            return "*"
        kind = {"r": "root", "ou": "ou"}.get(id.partition("-")[0], "account")
        return f"arn:aws:organizations::{account}:{kind}/{ORGANIZATION}/{id}"

    def with_keys(service, action, body, query):
        context = request_context(service, action, body, query)
        if service != "organizations":
            return context
        asked = json.loads(body or b"{}")
        kind = asked.get("Filter") or asked.get("PolicyType") or policy_of(asked).get("Type")
        keys = {"organizations:policytype": kind, "organizations:serviceprincipal": asked.get("ServicePrincipal")}
        return {**context, **{key: value for key, value in keys.items() if value}}

    iam_actions.extract_resource_arn, iam_actions.request_tag_context = named, with_keys


def play_organizations() -> None:
    """One organization for all its accounts, of which ministack makes one for each account that asks. Whoever is neither its
    management account nor administers a service for it may ask which it is, and what the organization's own policy lets it.
    https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_delegate_policies.html"""
    ensure, list_all = organizations._ensure_org, organizations._DISPATCH["ListAccounts"]
    create = organizations._DISPATCH["CreateAccount"]
    # Which services each administers.
    administrators, delegation = {}, {}

    def ensure_organization() -> None:
        is_new = "self" not in organizations._orgs
        ensure()
        if is_new and get_account_id() == MANAGEMENT:
            arn = f"arn:aws:organizations::{MANAGEMENT}"
            organizations._orgs["self"] |= {"Id": ORGANIZATION, "Arn": f"{arn}:organization/{ORGANIZATION}"}
            [root], made = organizations._roots, organizations._accounts[MANAGEMENT]
            for account in MEMBERS:
                of_account = {"Id": account, "Arn": f"{arn}:account/{ORGANIZATION}/{account}", "_ParentId": root}
                joined = "INVITED" if account in INVITED else "CREATED"
                organizations._accounts[account] = {**made, **of_account, "JoinedMethod": joined}

    def is_delegated(name: str) -> bool:
        account = get_account_id()
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{account}:root",
            principal_type="Root",
            principal_account=account,
            action=f"organizations:{name}",
            resource_arn=f"arn:aws:organizations::{MANAGEMENT}:organization/{ORGANIZATION}",
            region=get_region(),
            service_context={},
        )
        return iam_evaluator.evaluate_resource_policy(delegation.get("Content"), context).decision == "Allow"

    def of_organization(name, operation):
        def answer(asked: dict) -> tuple:
            if get_account_id() not in MEMBERS:
                return operation(asked)
            is_free = name == "DescribeOrganization" or get_account_id() in {MANAGEMENT, *administrators}
            if not (is_free or is_delegated(name)):
                return error_response_json("AccessDeniedException", "You don't have permissions to access this resource.", 400)
            with request_scope(MANAGEMENT, get_region()):
                return operation(asked)

        return answer

    def register(asked: dict) -> tuple:
        administrators.setdefault(asked["AccountId"], set()).add(asked["ServicePrincipal"])
        return answered({})

    def deregister(asked: dict) -> tuple:
        administered = administrators.get(asked["AccountId"], set())
        if asked["ServicePrincipal"] not in administered:
            return error_response_json("AccountNotRegisteredException", "You specified an account that is none.", 400)
        administered.remove(asked["ServicePrincipal"])
        if not administered:
            del administrators[asked["AccountId"]]
        return answered({})

    def list_delegated_services(asked: dict) -> tuple:
        administered = administrators.get(asked["AccountId"])
        if not administered:
            return error_response_json("AccountNotRegisteredException", "You specified an account that is none.", 400)
        listed = [{"ServicePrincipal": name, "DelegationEnabledDate": 1767225600} for name in sorted(administered)]
        return answered({"DelegatedServices": listed})

    def create_account(asked: dict) -> tuple:
        status, headers, body = create(asked)
        if status == 200 and get_account_id() == MANAGEMENT:
            MEMBERS.add(json.loads(body)["CreateAccountStatus"]["AccountId"])
        return status, headers, body

    def put_resource_policy(asked: dict) -> tuple:
        delegation.update(asked)
        return answered({})

    def list_accounts(asked: dict) -> tuple:
        """In small pages, of which the first is empty, as any may be; with the state of each account, and without the status,
        which AWS has announced to leave out from September 2026 on."""
        accounts = json.loads(list_all(asked)[2])["Accounts"]
        for account in accounts:
            path = [ORGANIZATION, ROOT, UNITS.get(account["Id"]), account["Id"]]
            account["Paths"] = ["/".join(filter(None, path)) + "/"]
            account["State"] = {"SUSPENDED": "CLOSED"}.get(account["Status"], account["Status"])
            del account["Status"]
        pages = [[], *(accounts[start : start + 2] for start in range(0, len(accounts), 2))]
        number = int(asked.get("NextToken", 0))
        following = {"NextToken": str(number + 1)} if number + 1 < len(pages) else {}
        return answered({"Accounts": pages[number], **following})

    organizations._ensure_org = ensure_organization
    organizations._DISPATCH |= {
        "CreateAccount": create_account,
        "ListAccounts": list_accounts,
        "DeregisterDelegatedAdministrator": deregister,
        "ListDelegatedServicesForAccount": list_delegated_services,
        "PutResourcePolicy": put_resource_policy,
        "RegisterDelegatedAdministrator": register,
    }
    played = {name: of_organization(name, operation) for name, operation in organizations._DISPATCH.items()}
    organizations._DISPATCH |= played


def play_service_control_policies() -> None:
    """What is attached to an account denies what its principals do, and AWS's answer says so. The management account is under
    none: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html"""
    evaluate, respond = iam_evaluator.evaluate, iam_actions.access_denied_response
    is_denied_so = ContextVar("is_denied_by_service_control_policy", default=False)

    def evaluated(context, policies, *limits):
        denying = denies(context)
        is_denied_so.set(denying is not None)
        if denying:
            return iam_evaluator.EvalResult("Deny", context.principal_arn, denying.sid, "Explicit deny")
        return evaluate(context, policies, *limits)

    def denies(context):
        account = context.principal_account
        if account not in MEMBERS - {MANAGEMENT}:
            return None
        with request_scope(MANAGEMENT, get_region()):
            attached = [id for id, targets in organizations._attachments.items() if account in targets]
            texts = [organizations._policies[id]["_Content"] for id in attached]
        statements = [statement for text in texts for statement in iam_evaluator.parse_policy_document(text)]
        return iam_evaluator._first_match(context, statements, "Deny")

    def responded(*asked, **more) -> tuple:
        status, headers, body = respond(*asked, **more)
        if is_denied_so.get():
            body = body.replace(b"in an identity-based policy", b"in a service control policy")
        return status, headers, body

    iam_evaluator.evaluate = evaluated
    iam_actions.access_denied_response = responded


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
                    return answered(answer)
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
