"""Builds Snapback for Lambda and deploys it, which is `make deploy`.

    make deploy                                             a first stack with the defaults, or an upgrade
    make deploy PARAMETERS='Mode=revert PublicPorts=none'   sets these parameters; an upgrade keeps all others
    make deploy REGION=eu-central-1 STACK=snapback-test     another Region, another stack

The parameters of a stack are kept by the stack: an upgrade passes those that are named and lets CloudFormation keep the
others. The one that the build needs as well, `Architecture`, goes to both. An environment of samconfig.toml that is named
like the Region is used for it, otherwise the environment `default`.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

import boto3
import tomlkit
from botocore.exceptions import BotoCoreError, ClientError

WORKSPACE = Path(__file__).resolve().parent.parent

# For the names of functions, roles and rules. CloudFormation makes them of the stack's name, the logical id and twelve or
# thirteen characters, and cuts them where that is too long. Snapback would no longer know its own parts.
LONGEST_NAME, RANDOM = 64, 13

# What a first deployment that failed leaves of the stack. It can be deleted, and nothing else.
FAILED = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


class Trouble(Exception):
    """What whoever deploys has to put right."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds Snapback for Lambda and deploys it.")
    parser.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="parameters of the stack to set")
    parser.add_argument("--stack", default="snapback")
    parser.add_argument("--region", help="instead of that of your AWS profile or environment")
    parser.add_argument("--yes", action="store_true", help="do not ask before the changes are made")
    arguments = parser.parse_args()
    try:
        deploy(arguments)
    except (Trouble, BotoCoreError, ClientError) as trouble:
        sys.exit(f"deploy: {trouble}")


def deploy(arguments: argparse.Namespace) -> None:
    check_name(arguments.stack)
    region = arguments.region or boto3.Session().region_name
    if not region:
        raise Trouble("no AWS Region is set. Name it with REGION=, or set AWS_REGION.")
    there = deployed(arguments.stack, region)
    environment, configured = from_samconfig(region)
    named = {**parsed(configured), **parsed(arguments.parameters)}
    architecture = named.get("Architecture") or there.get("Architecture") or "x86_64"
    print(f"{'Upgrading' if there else 'Deploying'} stack {arguments.stack} in {region}, for {architecture}", flush=True)
    for name, value in sorted(there.items()):
        print(f"    {name} stays {value!r}" if name not in named else f"    {name} {value!r} becomes {named[name]!r}")
    sys.stdout.flush()
    sam("build", "--config-env", environment, "--parameter-overrides", f"Architecture={architecture}")
    overrides = [f"{name}={quoted(value)}" for name, value in {**named, "Architecture": architecture}.items()]
    sam(
        "deploy", "--config-env", environment, "--region", region, "--stack-name", arguments.stack,
        *(["--no-confirm-changeset"] if arguments.yes else []), "--parameter-overrides", *overrides,
    )  # fmt: skip


def check_name(stack: str) -> None:
    template = (WORKSPACE / "template.yaml").read_text(encoding="utf-8")
    kinds = r"^  (\w+):\n    Type: AWS::(?:Serverless::Function|IAM::Role|Events::Rule)$"
    longest = LONGEST_NAME - len("--") - RANDOM - max(map(len, re.findall(kinds, template, re.MULTILINE)))
    if len(stack) > longest:
        raise Trouble(f"the stack's name has {len(stack)} characters. At most {longest} fit into its parts' names.")


def deployed(stack: str, region: str) -> dict[str, str]:
    """The parameters that the stack has; none if there is no such stack yet."""
    try:
        found = boto3.client("cloudformation", region_name=region).describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return {}
        raise
    if found["StackStatus"] in FAILED:
        raise Trouble(
            f"stack {stack} in {region} is {found['StackStatus']}: its first deployment failed, and it has to be deleted"
            f" first: aws cloudformation delete-stack --region {region} --stack-name {stack}\n"
            "  docs/operations.md (If the first deployment fails) says what may be left."
        )
    if found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return {}
    return {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}


def from_samconfig(region: str) -> tuple[str, list[str]]:
    """The environment for the Region, and the parameters that it sets."""
    config = tomlkit.parse((WORKSPACE / "samconfig.toml").read_text(encoding="utf-8")).unwrap()
    environment = region if region in config else "default"
    overrides = config[environment].get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    return environment, shlex.split(overrides) if isinstance(overrides, str) else list(overrides)


def parsed(parameters: list[str]) -> dict[str, str]:
    for parameter in parameters:
        if "=" not in parameter:
            raise Trouble(f"expected a parameter such as Mode=revert, found {parameter!r}")
    return dict(parameter.split("=", 1) for parameter in parameters)


def quoted(value: str) -> str:
    """As SAM reads it: it takes an empty value only in quotes."""
    return '"' + value.replace('"', '\\"') + '"'


def sam(*arguments: str) -> None:
    ended = subprocess.run(["sam", *arguments], cwd=WORKSPACE, check=False)
    if ended.returncode != 0:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
