"""Stands in for `SetDefaultPolicyVersion`, which ministack does not have: versions are made the default there only as they
are made."""

from __future__ import annotations

from ministack.services import iam


def install() -> None:
    iam._IAM_HANDLERS["SetDefaultPolicyVersion"] = _set_default


def _set_default(parameters: dict) -> tuple:
    arn, wanted = iam._p(parameters, "PolicyArn"), iam._p(parameters, "VersionId")
    if iam._is_aws_managed_arn(arn):
        return iam._error(403, "AccessDenied", f"{arn} is AWS's own policy.", ns="iam")
    policy = iam._policies.get(arn)
    if not policy or wanted not in policy["Versions"]:
        return iam._error(404, "NoSuchEntity", f"Policy {arn} has no version {wanted}.", ns="iam")
    for name, version in policy["Versions"].items():
        version["IsDefaultVersion"] = name == wanted
    policy |= {"DefaultVersionId": wanted, "UpdateDate": iam._now()}
    return iam._xml(200, "SetDefaultPolicyVersionResponse", "", ns="iam")
