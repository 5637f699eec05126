"""One local AWS and one deployment for all tests; those that need another mode or other parameters make their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scene import Snapback
from stack import ACCOUNT, REPOSITORY, LocalAws

# Long enough that an outage can end between an attempt and the next, short enough to wait for three attempts.
RETRY_SECONDS = 3.0

# The account with which the tests share buckets as friends do.
PARTNER = "444455556666"


@pytest.fixture(scope="session")
def snapback() -> Iterator[Snapback]:
    """Snapback in mode `revert`."""
    with LocalAws(retry_seconds=RETRY_SECONDS) as aws:
        snapback = Snapback(aws, aws.deploy(mode="revert", TrustedAccounts=PARTNER))
        yield snapback
        # Whatever the tests have had reverted: no revert was itself taken for a risk by any control.
        assert snapback.has_settled() and snapback.reverts_of_its_own_calls() == []


@pytest.fixture
def log_bucket(snapback):
    """A bucket to which CloudTrail may deliver, with versioning on."""
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy({
            "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "s3:PutObject",
            "Resource": f"{bucket.arn}/AWSLogs/{ACCOUNT}/*",
        })  # fmt: skip
        snapback.s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture(scope="module")
def deployed() -> Iterator[Callable[..., Snapback]]:
    """Deploys Snapback with these parameters, onto a local AWS of its own; None leaves one out."""
    running = []

    def deploy(guardrails: Path = REPOSITORY / "guardrails", **parameters: str | None) -> Snapback:
        aws = LocalAws(retry_seconds=RETRY_SECONDS, guardrails=guardrails)
        running.append(aws)
        aws.__enter__()
        # Trusted but where the test says otherwise.
        parameters = {"TrustedAccounts": PARTNER, **parameters}
        return Snapback(aws, aws.deploy(**{name: value for name, value in parameters.items() if value is not None}))

    try:
        yield deploy
    finally:
        for aws in running:
            aws.stop()
