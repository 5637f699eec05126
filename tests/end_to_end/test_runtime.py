"""The functions as Lambda runs them: their binaries under AWS's own runtime interface emulator, with the sample events.

The emulator speaks Lambda's runtime API and comes with SAM. Two kinds of AWS stand behind it: one that counts calls and
denies each of them, and the local one. It does not prove what only Lambda does: the sandbox, memory and time limits,
processor time by memory, and the optimised binaries of `sam build`.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from denying import TOLD, DenyingAws, denying_aws
from scene import event
from stack import REGION, REPOSITORY, ROOT, TARGET, free_port, functions, wait_for

MACHINE = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
EMULATOR = next((TARGET / "venv-sam").glob(f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}"))

# Proxies of the environment are for the world outside.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# The functions with controls, by what the names of these begin with.
FUNCTIONS = tuple(functions())


class Emulator:
    """One function, started when the first event comes, that handles one event after the other."""

    def __init__(self, function: str, environment: dict, log: Path):
        self.log, self._port, runtime = log, free_port(), free_port()
        command = [
            EMULATOR, "--runtime-interface-emulator-address", f"127.0.0.1:{self._port}",
            "--runtime-api-address", f"127.0.0.1:{runtime}", TARGET / "debug" / f"snapback-{function}",
        ]  # fmt: skip
        environment = {"AWS_LAMBDA_FUNCTION_NAME": function, "PATH": os.environ["PATH"], **environment}
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            )

    def invoke(self, payload: bytes) -> object:
        """The function's answer: an error is an object with `errorType` and `errorMessage`, and None a success."""
        address = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"

        def answer() -> tuple | None:
            try:
                with DIRECT.open(urllib.request.Request(address, payload), timeout=30) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
            except urllib.error.URLError:
                return None  # It does not listen yet.

        status, body = wait_for(answer, give_up=lambda: self._process.poll() is not None)
        return json.loads(body) if status == 200 else f"status {status}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def denying() -> Iterator[DenyingAws]:
    with denying_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def emulator(tmp_path_factory) -> Iterator[Callable[..., Emulator]]:
    """Starts a function with an environment; the same ones are the same emulator."""
    running: dict = {}

    def start(function: str, **environment: str) -> Emulator:
        key = (function, *sorted(environment.items()))
        if key not in running:
            log = tmp_path_factory.mktemp("emulator") / "log"
            running[key] = Emulator(function, {**ROOT, "AWS_EC2_METADATA_DISABLED": "true", **environment}, log)
        return running[key]

    yield start
    for one in running.values():
        one.stop()


@pytest.fixture(scope="module")
def suspected() -> set:
    """Which control suspects which sample event, as `snapback replay` says: pairs of control and event id."""
    command = [TARGET / "debug" / "snapback", "replay", "--json", REPOSITORY / "events"]
    lines = subprocess.run(command, capture_output=True, check=False).stdout.splitlines()
    return {(line["control"], line["eventID"]) for line in map(json.loads, lines) if line["suspicion"]}


@pytest.fixture(scope="module")
def controls() -> dict:
    """The ids of the controls of each function, as `snapback controls` says."""
    command = [TARGET / "debug" / "snapback", "controls", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    of = {function: [one["id"] for one in listed if one["function"].lower() == f"{function}function"] for function in FUNCTIONS}
    assert sum(map(len, of.values())) == len(listed)
    return of


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_sample_event_is_handled_and_only_a_suspicious_one_makes_a_call(
    function, controls, emulator, denying, suspected
):
    handled = {True: 0, False: 0}
    for file in sorted(file for id in controls[function] for file in (REPOSITORY / "events" / id).glob("*.json")):
        sample, before = json.loads(file.read_text()), denying.calls
        here = {**TOLD, "AWS_REGION": sample["region"], "AWS_ENDPOINT_URL": denying.endpoint}
        answer = emulator(function, **here).invoke(file.read_bytes())
        # Another function may suspect it as well: that is nothing to this one. Which keys are Snapback's own, the command
        # does not know, and what Insights find it passes over: of those the answer itself tells.
        id = sample["detail"].get("eventID", sample["id"])
        is_suspicious = any((control, id) in suspected for control in controls[function])
        if file.parent.name in ("own-disabled-key", "trail-insight"):
            is_suspicious = answer is not None
        handled[is_suspicious] += 1
        if is_suspicious:
            # It can neither be judged nor told, so it has failed, with the control's name and what AWS said.
            said = answer["errorMessage"]
            assert said.startswith(tuple(controls[function])), (file, said)
            assert re.search("AccessDenied|UnauthorizedOperation|AuthorizationError", said), (file, said)
            assert denying.calls > before, file
        else:
            assert (answer, denying.calls - before) == (None, 0), file
    # Of what may be done to a trail, or to trust anchors and profiles, nearly all is looked at.
    assert handled[True] >= 5 and handled[False] >= {"trail": 1, "rolesanywhere": 2}.get(function, 5)


NO_EVENT = "expected an EventBridge event with `source`, `detail-type` and `detail`"


@pytest.mark.parametrize(
    ("function", "refusal"), [*((one, NO_EVENT) for one in FUNCTIONS), ("redrive", "event has no `time`")]
)
@pytest.mark.parametrize("payload", [b'{"Records": []}', b"[]", b"7"])
def test_what_is_no_event_is_refused_with_what_is_missing(function, refusal, payload, emulator, denying):
    before = denying.calls
    refusing = emulator(function, **TOLD, AWS_REGION=REGION, AWS_ENDPOINT_URL=denying.endpoint)
    assert refusal in refusing.invoke(payload)["errorMessage"]
    assert denying.calls == before


@pytest.mark.parametrize("function", [*FUNCTIONS, "redrive"])
def test_a_missing_setting_fails_the_start_and_is_named(function, emulator):
    missing = "SNAPBACK_JOURNAL"
    told = {name: value for name, value in TOLD.items() if name != missing}
    starting = emulator(function, **told, AWS_REGION=REGION)
    assert starting.invoke(b"{}") == "status 502"
    log = starting.log.read_text()
    assert "INIT RTDONE(status: error)" in log
    assert f"environment variable {missing}: expected the name of the journal's table, found `nothing`" in log


def test_a_public_policy_is_taken_back(snapback, emulator):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    [record] = snapback.events_about(bucket)
    answer = emulator("s3", **snapback.environment_here("S3Function")).invoke(json.dumps(event(record)).encode())
    assert answer is None and bucket.policy_text() is None
    assert snapback.announces(bucket)["outcome"] == "reverted"


def test_an_open_security_group_is_closed(snapback, emulator):
    group = snapback.a_group()
    with snapback.unseen():
        group.open(22)
    [record] = snapback.events_about(group)
    answer = emulator("ec2", **snapback.environment_here("Ec2Function")).invoke(json.dumps(event(record)).encode())
    assert answer is None and group.rules() == []
    assert snapback.announces(group)["outcome"] == "reverted"


def test_an_old_event_is_only_told(snapback, emulator):
    group = snapback.a_group()
    with snapback.unseen():
        group.open(22)
    [record] = snapback.events_about(group)
    old = json.dumps(event({**record, "eventTime": "2026-01-31T12:00:00Z"})).encode()
    assert emulator("ec2", **snapback.environment_here("Ec2Function")).invoke(old) is None
    assert snapback.announces(group)["outcome"] == "would-revert" and len(group.rules()) == 1


def test_the_one_that_redrives_finds_the_queues_empty(snapback, emulator):
    tick = json.dumps({"detail-type": "Scheduled Event", "time": "2026-01-31T12:00:00Z"}).encode()
    assert emulator("redrive", **snapback.environment_here("RedriveFunction")).invoke(tick) is None
