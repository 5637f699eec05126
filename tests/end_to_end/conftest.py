"""One local AWS and one deployment for all tests; those that need another mode or other parameters make their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proofs import Proofs
from scene import Snapback
from stack import ACCOUNT, FAULTS, REPOSITORY, SEED, LocalAws

# Long enough that an outage can end between an attempt and the next, short enough to wait for three attempts.
RETRY_SECONDS = 3.0

# The account with which the tests share buckets as friends do.
PARTNER = "444455556666"

PROOFS = Proofs()


@pytest.fixture(scope="session")
def snapback() -> Iterator[Snapback]:
    """Snapback in mode `revert`."""
    with LocalAws(retry_seconds=RETRY_SECONDS) as aws:
        snapback = Snapback(aws, aws.deploy(mode="revert", TrustedAccounts=PARTNER))
        yield snapback
        # Whatever the tests have had reverted: no revert was itself taken for a risk by any control.
        assert snapback.has_settled() and snapback.reverts_of_its_own_calls() == []
        PROOFS.add(snapback)


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
    running, made = [], []

    def deploy(
        guardrails: Path = REPOSITORY / "guardrails",
        ec2: str = "ministack",
        retry_seconds: float = RETRY_SECONDS,
        faults: tuple = FAULTS,
        **parameters: str | None,
    ) -> Snapback:
        aws = LocalAws(retry_seconds=retry_seconds, guardrails=guardrails, ec2=ec2, faults=faults)
        running.append(aws)
        aws.__enter__()
        # Trusted but where the test says otherwise.
        parameters = {"TrustedAccounts": PARTNER, **parameters}
        given = {name: value for name, value in parameters.items() if value is not None}
        made.append(Snapback(aws, aws.deploy(**given)))
        return made[-1]

    try:
        yield deploy
        for snapback in made:
            PROOFS.add(snapback)
    finally:
        for aws in running:
            aws.stop()


def pytest_report_header(config: pytest.Config) -> str:
    return f"The local AWS is adverse: SNAPBACK_ADVERSE_SEED={SEED}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    if report.failed:
        report.sections.append(("adverse AWS", f"SNAPBACK_ADVERSE_SEED={SEED} makes the same faults again."))
    return report


# Files run side by side (`-n 2 --dist loadfile`), each in a process with local AWSes of its own. What they have proven is
# told to the first process when they end.


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["proofs"] = PROOFS.told()
    elif _ran_everything(session.config) and exitstatus == pytest.ExitCode.OK and not PROOFS.are_as_recorded():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error) -> None:
    if "proofs" in getattr(node, "workeroutput", {}):
        PROOFS.hear(node.workeroutput["proofs"])


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    if _ran_everything(config):
        terminalreporter.section("what was proven, and on whose emulator")
        for line in [*PROOFS.summary(), *PROOFS.differences(), *PROOFS.never_needed()]:
            terminalreporter.write_line(line)


def _ran_everything(config: pytest.Config) -> bool:
    is_whole = [Path(given).resolve() for given in config.args] == [Path(__file__).parent]
    return is_whole and not config.option.keyword and not config.option.collectonly
