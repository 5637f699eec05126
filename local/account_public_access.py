"""Stands in for the account's own Block Public Access of S3, which ministack does not have.

It is kept and given back, and who may see and change it is enforced. That it overrides buckets' policies is not
played. AWS is called for it at a host that begins with the account's id, which does not resolve here; the header
`x-amz-account-id` says the same and is what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

from ministack import app
from ministack.core.responses import get_account_id
from ministack.services import s3

ACCESS_POINTS = "/v20180820/accesspoint/"
PATH = "/v20180820/configuration/publicAccessBlock"
SETTINGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

_of_account: dict = {}


def install(then: Callable[..., None]) -> None:
    """Answers the calls; `then` is told of each, as ministack's own recording does not reach so far."""
    handle = app._handle_s3_control_request

    async def answered(path, method, body, query, request_id, headers=None):
        if path.startswith(ACCESS_POINTS):
            answer = await handle(path, method, body, query, request_id, headers)
            then(method, path, headers, body, query, request_id, answer)
            return answer
        if path != PATH or method not in ("GET", "PUT", "DELETE"):
            return await handle(path, method, body, query, request_id, headers)
        verb = "Get" if method == "GET" else "Put"
        answer = (
            app._enforce_data_plane("s3", f"s3:{verb}AccountPublicAccessBlock", headers, query, request_id)
            or s3.s3control_account_error(headers)
            or _answer(method, body)
        )
        then(method, path, headers, body, query, request_id, answer)
        return answer

    app._handle_s3_control_request = answered


def _answer(method: str, body: bytes) -> tuple:
    account = get_account_id()
    if method == "DELETE":
        _of_account.pop(account, None)
        return 204, {}, b""
    if method == "PUT":
        root = ElementTree.fromstring(body)
        said = {child.tag.rpartition("}")[2]: (child.text or "").strip() == "true" for child in root}
        _of_account[account] = {name: said.get(name, False) for name in SETTINGS}
        return 200, {}, b""
    if account not in _of_account:
        message = "The public access block configuration was not found"
        return s3.s3control_error("NoSuchPublicAccessBlockConfiguration", message, 404, {"AccountId": account})
    settings = "".join(f"<{name}>{str(value).lower()}</{name}>" for name, value in _of_account[account].items())
    name = "PublicAccessBlockConfiguration"
    answer = f'<{name} xmlns="{s3.S3CONTROL_NS}">{settings}</{name}>'
    return 200, {"Content-Type": "application/xml"}, answer.encode()
