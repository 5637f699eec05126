"""Has EC2 answered by moto, an emulator by other authors, as far as moto has it.

What a control does is thereby tried on a second understanding of EC2. Where moto lacks an operation, ministack or a
stand-in of ours answers as ever. Permissions and CloudTrail's records stay the local AWS's.
"""

from __future__ import annotations

from urllib.parse import urlencode

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2
from moto.core.utils import camelcase_to_underscores
from moto.ec2.responses import EC2Response
from moto.moto_server.werkzeug_app import create_backend_app


def install() -> None:
    """Puts moto in the place of all that it has."""
    moto = create_backend_app("ec2").test_client()

    def answer(form: dict) -> tuple:
        # moto reads the Region from where a signature has it, and the account from a header of its own.
        signature = f"AWS4-HMAC-SHA256 Credential=key/20000101/{get_region()}/ec2/aws4_request"
        headers = {"Authorization": signature, "x-moto-account-id": get_account_id()}
        form_encoded = "application/x-www-form-urlencoded"
        said = moto.post("/", data=urlencode(form, doseq=True), headers=headers, content_type=form_encoded)
        return said.status_code, {"Content-Type": "text/xml"}, said.data

    for operation in [*ec2._ACTION_MAP]:
        if hasattr(EC2Response, camelcase_to_underscores(operation)):
            ec2._ACTION_MAP[operation] = answer
