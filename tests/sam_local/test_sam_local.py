"""`sam local invoke` with every sample event, and a real revert on the local AWS from within a container.

    make sam-local                                   # every event, a few seconds each
    make sam-local EVENTS='s3-public-bucket-*/*'     # some

It needs a Docker engine on this machine and pulls no image: the binaries of `cargo build` want the libraries of the
machine that built them, so the image in which they run is made of those (`image`). What AWS's own image would bring
besides is not tried here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest

from denying import TOLD, denying_aws
from scene import Snapback, event
from stack import KEPT, REPOSITORY, ROOT, SAM, TARGET, LocalAws, Trouble, functions

IMAGE = "snapback-sam-local"

# SAM puts its emulator into the image with these, and starts it with the first.
PROGRAMS = ("sh", "mv", "chmod")

# Which authorities TLS trusts, so that the SDK can be set up; the local AWS speaks plain HTTP.
BUNDLES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))

FUNCTIONS = functions()
EVENTS = sorted((REPOSITORY / "events").glob(os.environ.get("EVENTS") or "*/*.json"))

# The events are about the parts of a stack of this name, any of whose keys may be one; SAM has its own ideas.
NAMED = {"SNAPBACK_GUARDRAILS": "/opt/guardrails", "SNAPBACK_STACK": "snapback", "SNAPBACK_KEYS": ""}

NO_ENGINE = """
No Docker engine answers: {}
`sam local invoke` runs functions in containers. On Debian and Ubuntu, as root:

    apt-get install --no-install-recommends docker.io && dockerd &

where the kernel lets containers be: one that is itself in a container may need `dockerd --storage-driver vfs
--iptables=false`. DOCKER_HOST says where an engine listens that does so elsewhere.
"""


def docker(*arguments: str, **more) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, **more).stdout.strip()


def images() -> set:
    """The names of the images there are of ours and of SAM's."""
    form = "{{.Repository}}:{{.Tag}}"
    listed = (docker("images", "--format", form, name) for name in (IMAGE, "samcli/lambda-provided"))
    return {name for names in listed for name in names.split()}


@pytest.fixture(scope="session")
def engine() -> None:
    try:
        docker("version")
    except FileNotFoundError as error:
        pytest.exit(NO_ENGINE.format(error), returncode=1)
    except subprocess.CalledProcessError as error:
        pytest.exit(NO_ENGINE.format(error.stderr.strip()), returncode=1)


@pytest.fixture(scope="session")
def image(engine) -> Iterator[str]:
    """An image of this machine's own files: what the functions are linked with, and what SAM calls."""
    programs = [Path(shutil.which(program)) for program in PROGRAMS]
    before = images()
    linked = [*programs, *(TARGET / "debug" / f"snapback-{function}" for function in FUNCTIONS)]
    told = "".join(subprocess.check_output(["ldd", file], text=True) for file in linked)
    libraries = re.findall(r"(/\S+) \(0x", told)
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w", dereference=True) as files:
            for file in programs:
                files.add(file, f"bin/{file.name}")
            for file in {*libraries, *map(str, filter(Path.exists, BUNDLES))}:
                files.add(file)
        archive.seek(0)
        docker("import", "-", IMAGE, stdin=archive)
    yield IMAGE
    # With it go those that SAM has made from it; it goes also where a run that was ended has left it.
    docker("rmi", *(images() - before | {f"{IMAGE}:latest"}))


@pytest.fixture(scope="session")
def gateway(image) -> str:
    """The address at which containers reach this machine: where their default route leads, lowest byte first."""
    routes = docker("run", "--rm", image, "sh", "-c", "while read -r route; do echo $route; done < /proc/net/route")
    [hexadecimal] = re.findall(r"^\S+ 00000000 (\S+)", routes, re.MULTILINE)
    return str(ip_address(bytes.fromhex(hexadecimal)[::-1]))


class Sam:
    """`sam local invoke` of the functions as `cargo build` left them."""

    def __init__(self, aws: LocalAws, image: str):
        template = aws.build()
        # Only a variable that the template has can be given another value.
        told = re.sub(r"^( *)SNAPBACK_LOG: .*$", r"\g<0>\n\1AWS_ENDPOINT_URL: none", template.read_text(), flags=re.M)
        template.write_text(told)
        self._directory, self._template, self._image = aws.directory, template, image

    def invoke(self, function: str, payload: str, environment: dict) -> object:
        """The function's answer: an error is an object with `errorType` and `errorMessage`, and None a success."""
        # SAM hands its own credentials and Region on, and all else as the function's variables.
        keys = {name for name in environment if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL"}
        credentials = {name: environment[name] for name in keys}
        variables = {name: value for name, value in environment.items() if name not in keys}
        command = [
            SAM, "local", "invoke", function, "--template", self._template, "--event", "-", "--skip-pull-image",
            "--invoke-image", self._image, "--region", environment["AWS_REGION"], "--env-vars",
        ]  # fmt: skip
        kept = {name: os.environ[name] for name in (*KEPT, "DOCKER_HOST") if name in os.environ}
        here = {"HOME": str(self._directory), "SAM_CLI_TELEMETRY": "0"}
        with tempfile.NamedTemporaryFile("w", suffix=".json", dir=self._directory) as told:
            json.dump({function: variables}, told)
            told.flush()
            done = subprocess.run(
                [*command, told.name], input=payload, env={**kept, **here, **ROOT, **credentials}, cwd=self._directory,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise Trouble(done.stderr)
        return json.loads(done.stdout)


@pytest.fixture(scope="session")
def snapback(gateway) -> Iterator[Snapback]:
    with LocalAws(host=gateway) as aws:
        yield Snapback(aws, aws.deploy(mode="revert"))


@pytest.fixture(scope="session")
def sam(snapback, image) -> Sam:
    return Sam(snapback.aws, image)


def test_a_public_policy_is_taken_back(snapback, sam):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone())
    [record] = snapback.events_about(bucket)
    assert sam.invoke("S3Function", json.dumps(event(record)), snapback.environment_of("S3Function")) is None
    assert bucket.policy_text() is None
    assert snapback.announces(bucket)["outcome"] == "reverted"


def test_an_open_security_group_is_closed(snapback, sam):
    group = snapback.a_group()
    with snapback.unseen():
        group.open(22)
    [record] = snapback.events_about(group)
    assert sam.invoke("Ec2Function", json.dumps(event(record)), snapback.environment_of("Ec2Function")) is None
    assert group.rules() == []
    assert snapback.announces(group)["outcome"] == "reverted"


def test_the_one_that_redrives_finds_the_queues_empty(snapback, sam):
    tick = json.dumps({"time": "2026-01-31T12:00:00Z"})
    assert sam.invoke("RedriveFunction", tick, snapback.environment_of("RedriveFunction")) is None


def test_every_sample_event_is_handled(gateway, sam, capsys):
    """Benign ones end well, without one call; the others find an AWS that denies everything, and say so."""
    replayed = subprocess.check_output([TARGET / "debug" / "snapback", "replay", "--json", REPOSITORY / "events"])
    suspected = {line["eventID"] for line in map(json.loads, replayed.splitlines()) if line["suspicion"]}
    with denying_aws(gateway) as denying, denying_aws(gateway) as unasked:

        def is_handled(file: Path) -> bool:
            function, sample = file.parent.name.partition("-")[0], json.loads(file.read_text())
            is_suspicious = sample["detail"].get("eventID", sample["id"]) in suspected
            aws = denying if is_suspicious else unasked
            environment = {**TOLD, **NAMED, "AWS_REGION": sample["region"], "AWS_ENDPOINT_URL": aws.endpoint}
            answer = sam.invoke(FUNCTIONS[function], file.read_text(), environment)
            said = "" if answer is None else answer["errorMessage"]
            denied = said.startswith(f"{function}-") and re.search("AccessDenied|UnauthorizedOperation", said)
            is_right = bool(denied) if is_suspicious else answer is None
            with capsys.disabled():
                came = "handled" if is_right else f"NOT HANDLED: {answer}"
                print(f"{file.relative_to(REPOSITORY)}: {came}", flush=True)
            return is_right

        with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
            handled = dict(zip(EVENTS, side_by_side.map(is_handled, EVENTS)))
        assert handled
        assert [file for file, is_right in handled.items() if not is_right] == []
        assert unasked.calls == 0
