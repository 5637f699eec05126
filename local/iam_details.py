"""Stands in for what ministack leaves out of two calls of IAM: `GetAccountAuthorizationDetails` does not tell permissions
boundaries there, and `UpdateAccountPasswordPolicy` keeps what a call does not name."""

from __future__ import annotations

from ministack.services import iam


def install() -> None:
    iam._IAM_HANDLERS["GetAccountAuthorizationDetails"] = _with_boundaries(iam._IAM_HANDLERS["GetAccountAuthorizationDetails"])
    iam._IAM_HANDLERS["UpdateAccountPasswordPolicy"] = _anew(iam._IAM_HANDLERS["UpdateAccountPasswordPolicy"])


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


def _anew(answer):
    """Each parameter that is not given goes back to its default, which for the length is 6:
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccountPasswordPolicy.html"""

    def answer_anew(parameters: dict) -> tuple:
        iam._account_password_policy["policy"] = {"MinimumPasswordLength": 6}
        return answer(parameters)

    return answer_anew
