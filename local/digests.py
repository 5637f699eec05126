"""CloudTrail's digests: how they are signed, and with `ListPublicKeys` the key for that.

No log file and no digest is ever delivered by itself: tests sign what they make, with `sign`. What this does not prove: that
AWS's digests have this form, beyond what its documentation says of it.
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

A_DAY = 24 * 60 * 60


def install() -> None:
    from ministack.services import cloudtrail

    def list_public_keys(call: dict):
        now = time.time()
        value, fingerprint = public_key(Path(os.environ["CLOUDTRAIL_LOG"]))
        listed = {"Value": value, "Fingerprint": fingerprint}
        validity = {"ValidityStartTime": now - 365 * A_DAY, "ValidityEndTime": now + A_DAY}
        return cloudtrail._ok({"PublicKeyList": [listed | validity]})

    cloudtrail._DISPATCH["ListPublicKeys"] = list_public_keys


def public_key(log: Path) -> tuple[str, str]:
    """The key as `ListPublicKeys` gives it, and its fingerprint."""
    public = _key(log).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return base64.b64encode(public).decode(), hashlib.md5(public, usedforsecurity=False).hexdigest()


def sign(log: Path, text: str) -> str:
    return _key(log).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()


def _key(log: Path) -> rsa.RSAPrivateKey:
    """The one key of this local AWS, which lies beside its log of calls. It is made when somebody asks for it first."""
    file = log.with_suffix(".key")
    if not file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file.write_bytes(made.private_bytes(*form))
    return serialization.load_pem_private_key(file.read_bytes(), password=None)
