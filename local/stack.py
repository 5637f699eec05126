"""Snapback on a local AWS: starts the one, builds and deploys the other, takes both down.

    with LocalAws() as aws:
        stack = aws.deploy(mode="revert")
        aws.client("s3").create_bucket(...)

Everything is under target/local; nothing is left there, and no process, when the `with` ends, however it ends. Any
number can run at the same time. As a program it starts, deploys, says how to reach it and waits for Ctrl-C:

    target/venv/bin/python local/stack.py --mode revert
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore.session
import yaml
from botocore.config import Config
from botocore.loaders import create_loader

from accounts import ACCOUNT

REPOSITORY = Path(__file__).resolve().parent.parent
TARGET = REPOSITORY / "target"
TEMPLATE = REPOSITORY / "template.yaml"
SAM = TARGET / "venv-sam" / "bin" / "sam"

REGION = "us-east-1"

# ministack takes these for the root of ACCOUNT.
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

# What of the caller's environment programs need to run at all. Nothing else gets in: no profile, no proxy, no key.
KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "RUST_BACKTRACE")

# boto3 reads its descriptions of the services once, not once for each client.
LOADER = create_loader()

# What the adverse AWS does follows from it (`adversary.py`). The same each time, so that a test that fails now failed
# because of what was changed; `make soak` draws another one each time. Empty, and AWS is not adverse.
SEED = os.environ.get("SNAPBACK_ADVERSE_SEED", "1")

# The kinds of faults that meet Snapback (`adversary.py`), unless a test says otherwise.
FAULTS = ("throttle", "conflict", "race", "old")

# How long every wait is, in percent of what it is on AWS: Snapback's, and how long reads show what was before.
PACE = 1

# A slow machine may need this long; waiting ends as soon as there is something to wait for no more.
PATIENCE = 60.0


class _Template(yaml.SafeLoader):
    """Reads `!Ref`, `!Sub` and the like as what stands behind them."""


def _behind(loader: yaml.SafeLoader, _: str, node: yaml.Node):
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Template.add_multi_constructor("!", _behind)


def resources(kind: str) -> dict:
    """The resources of a type in template.yaml, by their logical ids."""
    all_there_are = yaml.load(TEMPLATE.read_text(encoding="utf-8"), _Template)["Resources"]
    return {name: one for name, one in all_there_are.items() if one["Type"] == kind}


def functions() -> dict:
    """The functions that have controls: their logical ids, by what the ids of their controls begin with."""
    binaries = {
        one["Metadata"]["BuildProperties"]["Binary"].removeprefix("snapback-"): name
        for name, one in resources("AWS::Serverless::Function").items()
    }
    # They have no controls: they hand on what the others failed at, and what log files tell of, and look what is heard of.
    del binaries["redrive"], binaries["logfiles"], binaries["coverage"]
    return binaries


class Trouble(Exception):
    """Something the person at the terminal has to know, in words for them."""


@dataclass(frozen=True)
class Stack:
    """A deployed Snapback."""

    name: str
    outputs: Mapping[str, str]

    @property
    def journal(self) -> str:
        return self.outputs["JournalTable"]

    @property
    def topic(self) -> str:
        return self.outputs["TopicArn"]


class LocalAws:
    """The local AWS: one process of ministack with the stand-ins of launcher.py."""

    def __init__(
        self,
        retry_seconds: float = 1.0,
        say: Callable[[str], None] = lambda line: None,
        binaries: Path = TARGET / "debug",
        guardrails: Path = REPOSITORY / "guardrails",
        ec2: str = "ministack",
        host: str = "127.0.0.1",
        adverse: bool = True,
        faults: tuple = FAULTS,
        pace: int = PACE,
    ):
        """`retry_seconds`: what Lambda waits before its first retry; AWS waits a minute. `ec2`: whose EC2 answers,
        ministack's or moto's. `host`: where it listens. `adverse`: whether it is as unforgiving as the real one;
        `faults`: of which kinds meet Snapback. `pace`: how long waits are, in percent."""
        self.faults_met = faults
        self.pace = pace
        self.seed = SEED if adverse else ""
        self.ec2 = ec2
        self.host = host
        self.guardrails = guardrails
        self.retry_seconds = retry_seconds
        self.say = say
        self.binaries = binaries
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> LocalAws:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def cloudtrail_log(self) -> Path:
        """Every record so far, as JSON Lines; `snapback replay` reads it."""
        return self.directory / "cloudtrail.jsonl"

    @property
    def mail(self) -> Path:
        """What SNS would have sent to people, a line each."""
        return self.directory / "mail.jsonl"

    @property
    def log(self) -> Path:
        """What the local AWS and the functions had to say."""
        return self.directory / "local-aws.log"

    @property
    def layer(self) -> Path:
        """What Lambda would unpack into /opt."""
        return self.directory / "build" / "layer"

    def environment(self, **more: str) -> dict:
        """The environment in which AWS means this local one, to any SDK and tool, and nothing else can be meant."""
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        return {
            **kept,
            **ROOT,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.directory / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.directory / "no-credentials"),
            "HOME": str(self.directory),
            "TMPDIR": str(self.directory / "tmp"),
            "SNAPBACK_PACE": str(self.pace),
            **more,
        }

    def client(self, service: str, credentials: Mapping[str, str] | None = None, region: str = REGION):
        """A boto3 client, of root unless other credentials are given as IAM's CreateAccessKey gives them."""
        keys = credentials or {
            "AccessKeyId": ROOT["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": ROOT["AWS_SECRET_ACCESS_KEY"],
        }
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)
        session = boto3.session.Session(
            botocore_session=core,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            region_name=region,
        )
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        client = session.client(service, endpoint_url=self.endpoint, config=config)
        # S3 Control puts the account in front of the host, which does not resolve here.
        client.meta.events.register("before-sign.s3-control", self._to_our_host)
        return client

    def user(self, name: str, *actions: str) -> dict:
        """A new IAM user who may do these actions; its access key."""
        return self.user_with(name, [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}])

    def user_with(self, name: str, statements: list) -> dict:
        """A new IAM user whose policy has these statements; its access key."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        may = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps(may))
        return iam.create_access_key(UserName=name)["AccessKey"]

    def deliver(self, event: Mapping) -> None:
        """Puts an event onto the bus as only CloudTrail can."""
        request = urllib.request.Request(
            f"{self.endpoint}/_local/cloudtrail", json.dumps(event).encode(), method="POST"
        )
        _open(request)

    def dead_letter(self, queue: str, body: str, **attributes: str) -> None:
        """Puts a message into the queue of this ARN, as only AWS's services can."""
        message = {"queue": queue, "body": body, "told": attributes}
        _open(urllib.request.Request(f"{self.endpoint}/_local/queues", json.dumps(message).encode(), method="POST"))

    def deliver_nothing(self, is_off: bool) -> None:
        """Whether what happens from now on goes over the bus. It is recorded all the same."""
        request = urllib.request.Request(f"{self.endpoint}/_local/unseen", json.dumps(is_off).encode(), method="POST")
        _open(request)

    def at_work(self) -> dict:
        """How many `events` the functions still have to handle, and how many `attempts` have ended so far."""
        return json.loads(_open(urllib.request.Request(f"{self.endpoint}/_local/lambda")))

    def players(self) -> dict:
        """Who answers the operations that ministack itself does not: `moto`, or a `stand-in` of ours."""
        return json.loads(_open(urllib.request.Request(f"{self.endpoint}/_local/players")))

    def allowed(self) -> dict:
        """The actions that roles needed so far, and that their policies allowed."""
        return json.loads(_open(urllib.request.Request(f"{self.endpoint}/_local/allowed")))

    def faults(self) -> dict:
        """How often which kind of fault has met Snapback."""
        return json.loads(_open(urllib.request.Request(f"{self.endpoint}/_local/faults")))

    def mails_about(self, words: str) -> list[dict]:
        """What SNS would have sent to people: each has `to`, `subject` and `text`."""
        mails = self.mail.read_text(encoding="utf-8").splitlines()
        return [mail for mail in map(json.loads, mails) if words in mail["text"]]

    def build(self) -> Path:
        """What `sam build` would leave, but with the binaries that `cargo build` made: the template to deploy."""
        folder = self.directory / "build"
        folder.mkdir(exist_ok=True)

        def with_binary(found: re.Match) -> str:
            function = found["function"]
            binary = self.binaries / f"snapback-{function}"
            if not binary.exists():
                raise Trouble(f"{binary} is not there yet; `cargo build` makes it.")
            code = folder / function
            code.mkdir(exist_ok=True)
            bootstrap = code / "bootstrap"
            bootstrap.unlink(missing_ok=True)
            os.link(binary, bootstrap)  # a copy for each local AWS would be gigabytes
            return f"{found['before']}{code}"

        # Two functions may be built from one folder, each as another binary.
        code_uri = re.compile(
            r"(?P<before>Binary: snapback-(?P<function>[a-z0-9]+)\b(?:(?!Binary:).)*?CodeUri:\s*)functions/[a-z0-9]+/?\s*?$",
            re.MULTILINE | re.DOTALL,
        )
        template, count = code_uri.subn(with_binary, TEMPLATE.read_text(encoding="utf-8"))
        if count == 0:
            raise Trouble(f"No function of {TEMPLATE.name} has a binary and a CodeUri under functions/.")
        template, count = re.subn(r'^(\s*SNAPBACK_PACE:\s*)"100"$', rf'\g<1>"{self.pace}"', template, flags=re.MULTILINE)
        if count != 1:
            raise Trouble(f"{TEMPLATE.name} does not set SNAPBACK_PACE to 100.")
        self._build_layer()
        template, count = re.subn(
            r"^(\s*ContentUri:\s*)guardrails\s*$", rf"\g<1>{self.layer}", template, flags=re.MULTILINE
        )
        if count != 1:
            raise Trouble(f"{TEMPLATE.name} has no layer with ContentUri guardrails.")
        built = folder / "template.yaml"
        built.write_text(template, encoding="utf-8")
        return built

    def _build_layer(self) -> None:
        """What the layer's build leaves: the guardrails, checked and marked."""
        guardrails, command = self.layer / "guardrails", TARGET / "debug" / "snapback"
        guardrails.mkdir(parents=True, exist_ok=True)
        for file in [*self.guardrails.glob("*.cedar"), *self.guardrails.glob("trusted.json")]:
            shutil.copy2(file, guardrails)
        if not command.exists():
            raise Trouble(f"{command} is not there yet; `cargo build` makes it.")
        check = [command, "guardrails", "check", self.guardrails, "--mark", guardrails]
        checked = subprocess.run(check, capture_output=True, text=True, check=False)
        if checked.returncode != 0:
            raise Trouble(f"The guardrails are broken.\n{checked.stderr}")

    def deploy(
        self, mode: str = "revert", name: str = "snapback", region: str = REGION, **parameters: str
    ) -> Stack:
        """Deploys template.yaml as users do, with `sam deploy`; again with the same name, it is an update."""
        if not SAM.exists():
            raise Trouble(f"{SAM} is not there yet; `make demo` installs it.")
        template = self.build()
        overrides = [f"{key}={value}" for key, value in {"Mode": mode, **parameters}.items()]
        self.say(f"sam deploy --stack-name {name} --parameter-overrides {' '.join(overrides)}")
        command = [
            str(SAM), "deploy", "--template-file", str(template), "--stack-name", name, "--resolve-s3",
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
            "--region", region, "--parameter-overrides", *overrides,
        ]  # fmt: skip
        environment = self.environment(SAM_CLI_TELEMETRY="0", __SAM_CLI_APP_DIR=str(self.directory / "sam"))
        done = subprocess.run(
            command, env=environment, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise Trouble(f"sam deploy failed:\n{done.stdout}\n{self._end_of_log()}")
        described = self.client("cloudformation", region=region).describe_stacks(StackName=name)["Stacks"][0]
        return Stack(name, {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])})

    def stop(self) -> None:
        if self._process is not None:
            # The functions' processes are in the launcher's group and end with it.
            _kill_group(self._process)
            self._process = None
        if hasattr(self, "directory") and self.directory.exists():
            if self.log.exists():
                self.log.replace(TARGET / "local" / "last.log")
            shutil.rmtree(self.directory, ignore_errors=True)

    def _start(self) -> None:
        (TARGET / "local").mkdir(parents=True, exist_ok=True)
        _remove_leftovers()
        self.directory = Path(tempfile.mkdtemp(prefix=f"run-{os.getpid()}-", dir=TARGET / "local"))
        (self.directory / "tmp").mkdir()
        # Someone else may take the port between our looking and the launcher's binding: then look again.
        for _ in range(5):
            self.port = free_port(self.host)
            if self._launch():
                return
        raise Trouble(f"The local AWS does not start.\n{self._end_of_log()}")

    def _launch(self) -> bool:
        environment = self.environment(
            GATEWAY_PORT=str(self.port),
            BIND_HOST=self.host,
            MINISTACK_ACCOUNT_ID=ACCOUNT,
            MINISTACK_REGION=REGION,
            AUTH="true",
            IOT_MTLS_ENABLED="0",
            LAMBDA_ASYNC_RETRY_BASE_SECONDS=str(self.retry_seconds),
            CLOUDTRAIL_LOG=str(self.cloudtrail_log),
            EC2_PLAYED_BY=self.ec2,
            ADVERSE_SEED=self.seed,
            ADVERSE_SCALE=str(self.pace / 100),
            ADVERSE_FAULTS=",".join(self.faults_met),
            PYTHONDONTWRITEBYTECODE="1",
        )
        with open(self.log, "ab") as log:
            # The pipe at its standard input is never written to; it ends when this process does.
            self._process = subprocess.Popen(
                [sys.executable, str(REPOSITORY / "local" / "launcher.py")], env=environment, cwd=self.directory,
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return wait_for(self._is_healthy, give_up=lambda: not self.is_running()) is True

    @property
    def group(self) -> int:
        """The group of processes that it and the functions are."""
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _is_healthy(self) -> bool:
        try:
            _open(urllib.request.Request(f"{self.endpoint}/_ministack/health"))
        except OSError:
            return False
        # It might be somebody else's who answers.
        return self.is_running()

    def _to_our_host(self, request, **_: object) -> None:
        request.url = self.endpoint + "/" + request.url.split("/", 3)[3]

    def _end_of_log(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(["The end of the log of the local AWS:", *lines[-30:]])


def wait_for(look: Callable, give_up: Callable[[], bool] = lambda: False, patience: float = PATIENCE):
    """What `look` finds, as soon as it finds something; None if it does not."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        if give_up():
            return None
        time.sleep(0.02)
    return None


def end_like_ctrl_c_when_terminated() -> None:
    """So that `with` blocks are left in order also when someone sends SIGTERM or closes the terminal."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)


def _open(request: urllib.request.Request) -> bytes:
    # Proxies of the environment are for the world outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE) as response:
        return response.read()


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _remove_leftovers() -> None:
    """The folders of runs that were killed before they could tidy up."""
    for folder in (TARGET / "local").glob("run-*-*"):
        try:
            os.kill(int(folder.name.split("-")[1]), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except PermissionError:
            pass


def _kill_group(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    if process.stdin:
        process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Snapback on a local AWS, until Ctrl-C.")
    parser.add_argument("--mode", choices=["notify", "revert"], default="revert")
    arguments = parser.parse_args()
    end_like_ctrl_c_when_terminated()
    try:
        with LocalAws(say=lambda line: print(line, flush=True)) as aws:
            print("The local AWS runs; deploying Snapback.", flush=True)
            stack = aws.deploy(mode=arguments.mode)
            told = {"AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": aws.endpoint, "SNAPBACK_PACE": aws.pace}
            for key, value in {**ROOT, **told}.items():
                print(f"export {key}={value}")
            for key, value in stack.outputs.items():
                print(f"# {key}: {value}")
            print("Ctrl-C ends it.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except Trouble as trouble:
        sys.exit(str(trouble))


if __name__ == "__main__":
    main()
