"""CloudTrail's digests for the logs that `year.py` invents: one an hour and Region, each signed, and the key for them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BUCKET = "example-logs"
AN_HOUR = timedelta(hours=1)


def make(folder: Path) -> int:
    """Makes the digests beside the log files, and `keys.json` in the folder; how many log files they name for certain: all but
    those of each last digest, whose signature no other digest has."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    listed = {"Fingerprint": hashlib.md5(public, usedforsecurity=False).hexdigest(), "Value": base64.b64encode(public).decode()}
    (folder / "keys.json").write_text(json.dumps({"PublicKeyList": [listed]}))
    certain = 0
    for region in sorted(folder.glob("AWSLogs/*/CloudTrail/*")):
        by_hour: dict[datetime, list[Path]] = {}
        for file in sorted(region.rglob("*.json.gz")):
            at = datetime.strptime(file.name.split("_")[3], "%Y%m%dT%H%MZ").replace(tzinfo=timezone.utc)
            by_hour.setdefault(at.replace(minute=0), []).append(file)
        hour, last, before = min(by_hour), max(by_hour), {}
        while hour <= last:
            before = digest(folder, region, hour, by_hour.get(hour, []), before, listed["Fingerprint"], key)
            hour += AN_HOUR
        certain += sum(len(files) for hour, files in by_hour.items() if hour < last)
    return certain


def digest(folder: Path, region: Path, start: datetime, files: list, before: dict, fingerprint: str, key) -> dict:
    end, account = start + AN_HOUR, region.parent.parent.name
    name = f"{account}_CloudTrail-Digest_{region.name}_all_us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz"
    path = region.parent.parent / "CloudTrail-Digest" / region.name / f"{end:%Y/%m/%d}" / name
    own = path.relative_to(folder).as_posix()
    text = json.dumps({
        "awsAccountId": account, "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}", "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "digestS3Bucket": BUCKET, "digestS3Object": own, "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA", "previousDigestS3Object": before.get("key"),
        "previousDigestHashValue": before.get("hash"), "previousDigestSignature": before.get("signature"),
        "logFiles": [named(folder, file) for file in files],
    })  # fmt: skip
    hashed = hashlib.sha256(text.encode()).hexdigest()
    signed = f"{end:%Y-%m-%dT%H:%M:%SZ}\n{BUCKET}/{own}\n{hashed}\n{before.get('signature', 'null')}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()).hex()
    return {"key": own, "hash": hashed, "signature": signature}


def named(folder: Path, file: Path) -> dict:
    hashed = hashlib.sha256(gzip.decompress(file.read_bytes())).hexdigest()
    own = file.relative_to(folder).as_posix()
    return {"s3Bucket": BUCKET, "s3Object": own, "hashValue": hashed, "hashAlgorithm": "SHA-256"}
