"""Stands in for what ministack leaves out of IAM: `GetAccountAuthorizationDetails` does not tell permissions boundaries there,
nor AWS's own policies, `UpdateAccountPasswordPolicy` keeps what a call does not name, no call has the condition keys `iam:PolicyARN`,
`iam:PermissionsBoundary` and `kms:BypassPolicyLockoutSafetyCheck`, there is no `AWSDenyAll` among AWS's own policies, and nothing can be renamed."""

from __future__ import annotations

import json
from urllib.parse import quote

from ministack.core import iam_actions
from ministack.services import iam

# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSDenyAll.html
DENY_ALL = {"Version": "2012-10-17", "Statement": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}]}


def install() -> None:
    arn = f"{iam._AWS_MANAGED_POLICY_PREFIX}AWSDenyAll"
    iam._aws_managed_policies[arn] = iam._make_aws_managed_record("AWSDenyAll", json.dumps(DENY_ALL), "Deny all access.")
    iam_actions.request_tag_context = _with_arns(iam_actions.request_tag_context)
    details = iam._IAM_HANDLERS["GetAccountAuthorizationDetails"]
    iam._IAM_HANDLERS["GetAccountAuthorizationDetails"] = _with_policies_of_aws(_with_boundaries(details))
    iam._IAM_HANDLERS["UpdateUser"] = _renaming("User", iam._users, (iam._user_inline_policies, iam._login_profiles))
    iam._IAM_HANDLERS["UpdateGroup"] = _renaming("Group", iam._groups, (iam._group_inline_policies,))
    iam._IAM_HANDLERS["UpdateAccountPasswordPolicy"] = _anew(iam._IAM_HANDLERS["UpdateAccountPasswordPolicy"])


def _renaming(kind: str, all, beside: tuple):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html: all that it has stays with it, and so does its id."""

    def rename(parameters: dict) -> tuple:
        old = iam._p(parameters, f"{kind}Name")
        new = iam._p(parameters, f"New{kind}Name") or old
        if old not in all:
            return iam._error(404, "NoSuchEntity", f"The {kind.lower()} with name {old} cannot be found.", ns="iam")
        if new != old and new in all:
            return iam._error(409, "EntityAlreadyExists", f"{kind} with name {new} already exists.", ns="iam")
        identity = all.pop(old)
        path = iam._p(parameters, "NewPath") or identity["Path"]
        account = identity["Arn"].split(":")[4]
        arn = f"arn:aws:iam::{account}:{kind.lower()}{path}{new}"
        all[new] = {**identity, f"{kind}Name": new, "Path": path, "Arn": arn}
        for named in beside:
            if old in named:
                named[new] = named.pop(old)
        if kind == "User":
            for key in iam._access_keys.values():
                key["UserName"] = new if key["UserName"] == old else key["UserName"]
            for group in iam._groups.values():
                group["Users"] = [new if name == old else name for name in group["Users"]]
        return iam._xml(200, f"Update{kind}Response", "", ns="iam")

    return rename


def _with_boundaries(answer):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UserDetail.html"""

    def answer_with_boundaries(parameters: dict) -> tuple:
        status, headers, body = answer(parameters)
        text = body.decode() if isinstance(body, bytes) else body
        for kind, held in (("User", iam._users), ("Role", iam._roles)):
            for identity in held.values():
                if boundary := identity.get("PermissionsBoundary"):
                    id = f"<{kind}Id>{identity[f'{kind}Id']}</{kind}Id>"
                    shown = "<PermissionsBoundaryType>PermissionsBoundaryPolicy</PermissionsBoundaryType>"
                    shown += f"<PermissionsBoundaryArn>{boundary}</PermissionsBoundaryArn>"
                    text = text.replace(id, f"{id}<PermissionsBoundary>{shown}</PermissionsBoundary>")
        return status, headers, text.encode() if isinstance(body, bytes) else text

    return answer_with_boundaries


def _with_policies_of_aws(answer):
    """Of AWS's own policies it tells those that are attached: https://github.com/cloudquery/cloudquery/pull/13322"""

    def answer_with_policies(parameters: dict) -> tuple:
        status, headers, body = answer(parameters)
        if "AWSManagedPolicy" not in (iam._p(parameters, f"Filter.member.{n}") for n in range(1, 6)):
            return status, headers, body
        holders = [*iam._users.values(), *iam._roles.values(), *iam._groups.values()]
        attached = {arn for holder in holders for arn in holder.get("AttachedPolicies", [])}
        known = [(arn, iam._aws_managed_policies[arn]) for arn in sorted(attached) if arn in iam._aws_managed_policies]
        shown = "".join(_policy_detail(arn, policy) for arn, policy in known)
        text = (body.decode() if isinstance(body, bytes) else body).replace("</Policies>", f"{shown}</Policies>")
        return status, headers, text.encode() if isinstance(body, bytes) else text

    return answer_with_policies


def _policy_detail(arn: str, policy: dict) -> str:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ManagedPolicyDetail.html"""
    default = policy["DefaultVersionId"]
    version = f"<Document>{quote(policy['Versions'][default]['Document'], safe='')}</Document><VersionId>{default}</VersionId>"
    versions = f"<PolicyVersionList><member>{version}<IsDefaultVersion>true</IsDefaultVersion></member></PolicyVersionList>"
    return f"<member><Arn>{arn}</Arn><DefaultVersionId>{default}</DefaultVersionId>{versions}</member>"


def _with_arns(request_context):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#available-keys-for-iam"""

    def with_arns(service, action, body, query):
        context = request_context(service, action, body, query)
        if action == "kms:PutKeyPolicy":
            # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
            skips = json.loads(body or b"{}").get("BypassPolicyLockoutSafetyCheck")
            return context if skips is None else {**context, "kms:bypasspolicylockoutsafetycheck": str(skips).lower()}
        if service != "iam":
            return context
        # ministack looks condition keys up in lower case.
        named = {f"iam:{name.lower()}": iam._p(query, name) for name in ("PolicyArn", "PermissionsBoundary")}
        return {**context, **{key: arn for key, arn in named.items() if arn}}

    return with_arns


def _anew(answer):
    """Each parameter that is not given goes back to its default, which for the length is 6:
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html"""

    def answer_anew(parameters: dict) -> tuple:
        iam._account_password_policy["policy"] = {"MinimumPasswordLength": 6}
        return answer(parameters)

    return answer_anew
