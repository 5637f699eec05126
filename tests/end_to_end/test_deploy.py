"""`make deploy`: a first deployment, and upgrades that keep what nobody names.

The build is left out, since it takes half an hour: a `sam` in front of the real one notes how it is called.
"""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

from scene import tick
from stack import REGION, REPOSITORY, SAM, LocalAws

NOTES_BUILDS = """#!/bin/sh
if [ "$1" = build ]; then echo "$*" >> '{builds}'; exit; fi
exec '{sam}' "$@" --template-file '{template}' --config-file '{config}'
"""


@pytest.fixture(scope="module")
def aws():
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def deploy(aws, tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    sam = tmp_path / "sam"
    config = REPOSITORY / "samconfig.toml"
    script = NOTES_BUILDS.format(builds=tmp_path / "builds", sam=SAM, template=aws.build(), config=config)
    sam.write_text(script, encoding="utf-8")
    sam.chmod(0o755)
    environment = aws.environment(SAM_CLI_TELEMETRY="0", __SAM_CLI_APP_DIR=str(tmp_path / "app"))
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [str(SAM.parent / "python"), str(REPOSITORY / "tools/deploy.py"), "--region", REGION, "--yes", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    return run


def parameters(aws: LocalAws) -> dict:
    [stack] = aws.client("cloudformation").describe_stacks(StackName="snapback")["Stacks"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}


def builds(folder: Path) -> list[str]:
    return (folder / "builds").read_text(encoding="utf-8").splitlines()


def test_an_upgrade_keeps_what_is_not_named(aws, deploy, tmp_path):
    first = deploy("Mode=ask", "PublicPorts=none", "TrustedAccounts=444455556666", "Architecture=arm64")
    assert first.returncode == 0, first.stdout + first.stderr
    second = deploy("Mode=revert")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "PublicPorts stays 'none'" in second.stdout
    kept = parameters(aws)
    for name, value in {
        "Mode": "revert", "PublicPorts": "none", "TrustedAccounts": "444455556666", "Architecture": "arm64", "LogDays": "400",
    }.items():  # fmt: skip
        assert kept[name] == value, name
    assert builds(tmp_path) == ["build --config-env default --parameter-overrides Architecture=arm64"] * 2
    # An empty value is a value too.
    third = deploy("TrustedAccounts=")
    assert third.returncode == 0, third.stdout + third.stderr
    assert (parameters(aws)["TrustedAccounts"], parameters(aws)["Mode"]) == ("", "revert")
    function = next(
        one for one in aws.client("lambda").list_functions()["Functions"] if "-Ec2Function-" in one["FunctionName"]
    )
    assert function["Architectures"] == ["arm64"]
    assert function["Environment"]["Variables"]["SNAPBACK_PUBLIC_PORTS"] == "none"


def test_a_stack_name_that_is_too_long_is_refused(deploy, tmp_path):
    refused = deploy("--stack", "s" * 21)
    assert refused.returncode == 1 and "21 characters. At most 20" in refused.stderr
    assert not (tmp_path / "builds").exists()


FAR = "eu-central-1"


def test_a_stack_where_no_events_of_iam_arrive_has_no_function_for_it_says_so_and_does_not_miss_it(aws):
    stack = aws.deploy(region=FAR)
    assert "us-east-1" in stack.outputs["IamIsGuardedFrom"] and "IamFunctionArn" not in stack.outputs
    listed = aws.client("cloudformation", region=FAR).list_stack_resources(StackName=stack.name)
    assert not [one for one in listed["StackResourceSummaries"] if one["LogicalResourceId"].startswith("Iam")]
    key = aws.client("kms", region=FAR).get_key_policy(KeyId=stack.outputs["JournalKeyArn"], PolicyName="default")
    assert "-SigninRole-" in key["Policy"] and "IamRole" not in key["Policy"]
    check = tick(datetime.now(timezone.utc))
    check |= {"region": FAR, "resources": [arn.replace(REGION, FAR) for arn in check["resources"]]}
    answer = aws.client("lambda", region=FAR).invoke(
        FunctionName=stack.outputs["OwnFunctionArn"], Payload=json.dumps(check)
    )
    assert "FunctionError" not in answer, answer["Payload"].read()
    journal = aws.client("dynamodb", region=FAR).scan(TableName=stack.journal, ConsistentRead=True)
    found = {item["control"]["S"] for item in journal["Items"] if item["sk"]["S"] == "entry"}
    assert found == {"own-muted-topic"}, "nobody has subscribed here, and all else is as it was deployed"
