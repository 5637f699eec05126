"""Who is measured: Snapback's functions, thirty lines of boto3, and Cloud Custodian, each as Lambda would run it."""

from __future__ import annotations

import io
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scene import Snapback
from stack import REPOSITORY, TARGET
from wiretap import PYTHON, Wiretap

RELEASE, DEBUG = TARGET / "release", TARGET / "debug"
PEERS = REPOSITORY / "benches" / "peers"

# What the peers may do, which is more than they need.
PEERS_MAY = ("s3:*", "ec2:*", "sns:Publish", "sts:*", "iam:ListAccountAliases")


@dataclass(frozen=True)
class Stage:
    """Where all of them work: the same deployment on the same local AWS, over the same TLS."""

    scene: Snapback
    tap: Wiretap
    # Where Snapback's functions are.
    binaries: Path
    # The access key of the peers, and the topic that they announce to.
    peer: dict
    topic: str

    @classmethod
    def set(cls, scene: Snapback, tap: Wiretap, binaries: Path) -> Stage:
        topic = scene.aws.client("sns").create_topic(Name="peers")["TopicArn"]
        return cls(scene, tap, binaries, scene.aws.user("peer", *PEERS_MAY), topic)


@dataclass(frozen=True)
class Contender:
    name: str
    command: list
    folder: Path
    environment: dict
    # What is uploaded, in bytes.
    unpacked: int
    zipped: int


def snapback(stage: Stage, service: str) -> Contender:
    """A function with the role, the settings and the guardrails that the template gives it."""
    binary = stage.binaries / f"snapback-{service}"
    environment = environment_of(stage, stage.scene.environment_here(f"{service.capitalize()}Function"))
    return Contender("Snapback", [str(binary)], stage.binaries, environment, *sizes({"bootstrap": binary.read_bytes()}))


def boto3(stage: Stage, service: str) -> Contender:
    handler = PEERS / f"boto3_{service}.py"
    return python(stage, "boto3, 30 lines", f"{handler.stem}.run", PEERS, {handler.name: handler.read_bytes()})


def custodian(stage: Stage, service: str) -> Contender:
    """Its package as it makes it itself, unpacked as Lambda does."""
    subprocess.run([PYTHON, PEERS / "custodian.py", stage.scene.aws.directory], check=True)
    package, folder = (stage.scene.aws.directory / f"custodian-{service}{end}" for end in (".zip", ""))
    with zipfile.ZipFile(package) as files:
        files.extractall(folder)
        content = {name: files.read(name) for name in files.namelist()}
    return python(stage, "Cloud Custodian 0.9.53", "custodian_policy.run", folder, content)


def python(stage: Stage, name: str, handler: str, folder: Path, content: dict) -> Contender:
    """A handler under AWS's own runtime client. Modules are compiled once and not at each start, as on Lambda's
    read-only folder, which is in favour of what is large."""
    keys = {"AWS_ACCESS_KEY_ID": stage.peer["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": stage.peer["SecretAccessKey"]}
    environment = environment_of(stage, {**keys, "TOPIC": stage.topic})
    return Contender(name, [str(PYTHON), "-m", "awslambdaric", handler], folder, environment, *sizes(content))


def environment_of(stage: Stage, given: dict) -> dict:
    """What is given, and where the tap is, as on Lambda, where no variable names a file that is not there."""
    environment = stage.scene.aws.environment(**{**given, **stage.tap.environment()})
    return {name: value for name, value in environment.items() if not name.endswith("_FILE") or Path(value).exists()}


def sizes(content: dict) -> tuple[int, int]:
    """Unpacked, and as a zip, in bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as files:
        for name, data in content.items():
            files.writestr(name, data)
    return sum(map(len, content.values())), len(packed.getvalue())
