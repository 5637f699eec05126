"""Has two services answered by moto, an emulator by other authors: AWS Private CA, which ministack does not have, and version
2 of SES, of whose identities it has no policies.

Permissions and CloudTrail's records stay the local AWS's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

from ministack import app
from ministack.core.responses import get_account_id, get_region
from ministack.services import ses_v2

from added_services import add


def install() -> None:
    add("acm-pca", answering("acmpca"), _named)
    ses_v2.handle_request = answering("sesv2")
    # On this way nobody would hear of a call.
    app._handle_ses_v2_request = _left_to_the_dispatcher


def _named(_path: str, _query: dict, body: bytes) -> str:
    asked = json.loads(body or b"{}")
    return asked.get("ResourceArn") or asked.get("CertificateAuthorityArn") or "*"


async def _left_to_the_dispatcher(*_asked) -> None:
    return None


def answering(service: str) -> Callable:
    async def answer(method: str, path: str, headers: dict, body: bytes, query: dict) -> tuple:
        # moto reads the Region from where a signature has it, and the account from a header of its own.
        signature = f"AWS4-HMAC-SHA256 Credential=key/20000101/{get_region()}/{service}/aws4_request"
        passed = {name: headers[name] for name in ("content-type", "x-amz-target") if name in headers}
        told = {**passed, "Authorization": signature, "x-moto-account-id": get_account_id()}
        said = _moto(service).open(path, method=method, data=body, headers=told, query_string=query)
        named = {name: said.headers[name] for name in ("x-amzn-errortype",) if name in said.headers}
        return said.status_code, {"Content-Type": said.content_type, **named}, said.data

    return answer


@cache
def _moto(service: str):
    # Not at the top: it takes a second, and few tests ask for it.
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app(service).test_client()
