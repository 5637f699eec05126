"""How AWS shows a policy that was put, service by service, and whom it refuses in one.

Pure functions from text to text. What is known of each service was read from recorded answers of AWS and from what
tools had to handle, which stand beside it; where nothing is known, the text stays as it was put.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from random import Random

# Recorded answers: https://github.com/cloud-custodian/cloud-custodian/tree/main/tests/data/placebo
# (test_s3_*, test_sns_*, test_sqs_*, test_kms_*, test_secretsmanager_*, test_efs_*, test_ec2_iam_role_*), and the
# snapshots that LocalStack validated on AWS: https://github.com/localstack/localstack/tree/main/tests/aws/services
COMPACT = {"s3", "sns", "sqs", "iam", "lambda", "logs", "events", "dynamodb"}
INDENTED = {"kms", "secretsmanager", "ecr", "elasticfilesystem", "glue"}

# S3's fixed order: the same recordings, test_s3_*/s3.GetBucketPolicy_*.
OF_POLICY = ("Version", "Id", "Statement")
OF_STATEMENT = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")

LISTS = ("Action", "NotAction", "Resource", "NotResource")
PRINCIPALS = ("Principal", "NotPrincipal")

# Of a role, of a user: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
UNIQUE_ID = re.compile(r"(AROA|AIDA)[A-Z0-9]{8,}")


def as_shown(service: str, text: str, random: Random, name_of: Callable[[str], str]) -> str:
    """The text as the service shows it. `name_of` says how a principal is called by now."""
    policy = parsed(text)
    if policy is None or service not in COMPACT | INDENTED:
        return text
    for statement in _statements(policy):
        _show(statement, service, random, name_of)
    if service == "s3":
        statements = policy["Statement"]
        many = statements if isinstance(statements, list) else [statements]
        policy["Statement"] = [_in_order(statement, OF_STATEMENT) for statement in many]
        policy = _in_order(policy, OF_POLICY)
    if service == "logs" and "Version" not in policy:
        # https://github.com/localstack/localstack/blob/main/tests/aws/services/logs/test_logs_resource_policies.py
        policy = {"Version": "2008-10-17", **policy}
    if service in INDENTED:
        return json.dumps(policy, indent=2, separators=(",", " : "))
    return json.dumps(policy, separators=(",", ":"))


def meaning(text: str) -> str:
    """The same for all texts that AWS may show of one policy."""
    policy = parsed(text)
    if policy is None:
        return text
    shown = parsed(as_shown("s3", text, Random(0), root_of))
    for statement in _statements(shown):
        conditions = statement.get("Condition")
        of_conditions = conditions.values() if isinstance(conditions, dict) else []
        of_principals = [statement[name] for name in PRINCIPALS if name in statement]
        for within in [statement, *of_conditions, *of_principals]:
            if isinstance(within, dict):
                within.update({name: sorted(one, key=json.dumps) for name, one in within.items() if isinstance(one, list)})
    return json.dumps(shown)


def root_of(principal: str) -> str:
    """An account is shown as its root:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
    return f"arn:aws:iam::{principal}:root" if re.fullmatch(r"\d{12}", principal) else principal


def parsed(text: str) -> dict | None:
    """The policy; None if it is none, or names a member twice and would not be the same once it was written again."""

    def once(pairs: list) -> dict:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a member is named twice")
        return dict(pairs)

    try:
        policy = json.loads(text, object_pairs_hook=once)
    except (ValueError, TypeError):
        return None
    is_policy = isinstance(policy, dict) and isinstance(policy.get("Statement"), (dict, list))
    return policy if is_policy else None


def principals(policy: dict) -> Iterator[str]:
    """Whom it names of IAM."""
    for statement in _statements(policy):
        for said in PRINCIPALS:
            named = statement.get(said)
            if isinstance(named, dict):
                yield from (one for one in _many(named.get("AWS", [])) if isinstance(one, str))


def _show(statement: dict, service: str, random: Random, name_of: Callable[[str], str]) -> None:
    for name in LISTS:
        # Logs keeps lists of one here: LocalStack's test_logs_resource_policies.py, as above.
        if name in statement and not (service == "logs" and name == "Resource"):
            statement[name] = _scalar(statement[name])
    for name in PRINCIPALS:
        if isinstance(statement.get(name), dict):
            statement[name] = {
                kind: _scalar(_shuffled(named, kind, random, name_of)) for kind, named in statement[name].items()
            }
    conditions = statement.get("Condition")
    if isinstance(conditions, dict):
        for keys in (one for one in conditions.values() if isinstance(one, dict)):
            keys.update({key: _scalar(values) for key, values in keys.items()})


def _shuffled(named, kind: str, random: Random, name_of: Callable[[str], str]):
    """Principals have no order: the same trust policy in five orders over five reads without a write between them
    (test_ec2_iam_role_filter_by_role_name); S3: https://github.com/ansible/ansible/issues/42532; SQS: LocalStack's
    test_sqs_permission_lifecycle sorts them; SNS, KMS and others:
    https://github.com/hashicorp/terraform-provider-aws/issues/11801."""
    if not isinstance(named, list):
        return name_of(named) if kind == "AWS" and isinstance(named, str) else named
    shown = [name_of(one) if kind == "AWS" and isinstance(one, str) else one for one in named]
    random.shuffle(shown)
    return shown


def _in_order(members: dict, order: tuple) -> dict:
    rank = {name: place for place, name in enumerate(order)}
    return dict(sorted(members.items(), key=lambda member: rank.get(member[0], len(order))))


def _statements(policy: dict) -> list:
    return [one for one in _many(policy["Statement"]) if isinstance(one, dict)]


def _many(value) -> list:
    return value if isinstance(value, list) else [value]


def _scalar(value):
    return value[0] if isinstance(value, list) and len(value) == 1 else value
