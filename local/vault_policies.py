"""Stands in for the access policies of vaults: those of Glacier, which ministack does not have at all, and those of AWS Backup,
whose vaults it has without one. In the shapes of their APIs.

They are kept and given back, and who may see and change them is enforced. Nobody is let in or kept out by one.
"""

from __future__ import annotations

import json

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import backup

from added_services import add

# Of Glacier: the tags of each vault. Of both: policies, by the service and the name of the vault.
_vaults: dict = {}
_policies: dict = {}


def install() -> None:
    add("glacier", glacier, lambda path, _query, _body: arn(path))
    handle = backup.handle_request

    async def handled(method, path, headers, body, query):
        kind, name, *of = path.strip("/").split("/")[:3] if path.count("/") > 2 else ("", "")
        if kind == "backup-vaults" and of == ["access-policy"] and name in backup._vaults:
            about = {"BackupVaultName": name}
            return access_policy(("backup", name), method, body, lambda policy: {**about, "Policy": policy})
        return await handle(method, path, headers, body, query)

    app.SERVICE_HANDLERS["backup"] = handled


def arn(path: str) -> str:
    """https://docs.aws.amazon.com/amazonglacier/latest/dev/amazon-glacier-accessing.html"""
    _account, _vaults, *of = path.strip("/").split("/")
    return f"arn:aws:glacier:{get_region()}:{get_account_id()}:vaults/{of[0]}" if of else "*"


async def glacier(method: str, path: str, _headers: dict, body: bytes, _query: dict) -> tuple:
    _account, _kind, *of = path.strip("/").split("/")
    if not of:
        listed = [{"VaultName": name, "VaultARN": arn(f"/-/vaults/{name}")} for name in sorted(_vaults)]
        return said(200, {"VaultList": listed, "Marker": None})
    name, *more = of
    if not more and method == "PUT":
        _vaults[name] = {}
        return said(201, {})
    if name not in _vaults:
        return absent(f"Vault not found for ARN: {arn(path)}")
    if more == ["tags"] and method == "GET":
        return said(200, {"Tags": _vaults[name]})
    if more == ["tags"]:
        _vaults[name] |= json.loads(body)["Tags"]
        return said(204, {})
    if more == ["access-policy"]:
        return access_policy(("glacier", name), method, body, lambda policy: {"Policy": policy})
    return said(400, {"code": "InvalidParameterValueException", "message": f"{method} {path} is not played here"})


def access_policy(of: tuple, method: str, body: bytes, shown) -> tuple:
    if method == "PUT":
        _policies[of] = json.loads(body)["Policy"]
        return said(204 if of[0] == "glacier" else 200, None)
    if method == "DELETE":
        _policies.pop(of, None)
        return said(204 if of[0] == "glacier" else 200, None)
    if of not in _policies:
        return absent(f"No vault access policy is set for: {of[1]}")
    return said(200, shown(_policies[of]))


def absent(message: str) -> tuple:
    return said(404, {"code": "ResourceNotFoundException", "type": "Client", "message": message}, "ResourceNotFoundException")


def said(status: int, answer: dict | None, error: str | None = None) -> tuple:
    named = {"x-amzn-errortype": error} if error else {}
    body = b"" if answer is None else json.dumps(answer).encode()
    return status, {"Content-Type": "application/json", **named}, body
