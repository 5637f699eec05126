"""The service control policy of organization/ keeps an administrator's hands off Snapback.

The local AWS has no organizations. But a service control policy denies as any other policy does, so the administrator
here has it as a policy of his own. What AWS makes of it as a service control policy is not shown. Nor are log groups,
which the local CloudFormation names otherwise than AWS's, and keys, whose tags the local AWS does not look at.
"""

import json
from fnmatch import fnmatchcase

import botocore.session
import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT, REGION, REPOSITORY

TEXT = (REPOSITORY / "organization" / "protect-snapback.scp.json").read_text(encoding="utf-8")
STATEMENTS = json.loads(TEXT)["Statement"]

# Actions that are not the names of calls.
NO_CALLS = {
    "dynamodb": {"PartiQLDelete", "PartiQLInsert", "PartiQLUpdate"},
    "iam": {"PassRole"},
    "lambda": {"InvokeFunction"},
}

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")

EVERYONE = json.dumps({"Version": "2012-10-17", "Statement": []})


def calls(name) -> list:
    """A call upon each kind of part; `name` tells what the part of a logical id is called."""
    function, rule, role, topic = name("S3Function"), name("S3Rule"), name("S3Role"), name("Topic")
    queue = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name('GivenUpEvents')}"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}"
    key = {"pk": {"S": "stop"}, "sk": {"S": "stop"}}
    return [
        ("cloudformation", "set_stack_policy", {"StackName": name(""), "StackPolicyBody": "{}"}),
        ("cloudwatch", "set_alarm_state", {
            "AlarmName": name("S3Errors"), "StateValue": "OK", "StateReason": "all is well"}),
        ("dynamodb", "update_time_to_live", {
            "TableName": name("Journal"), "TimeToLiveSpecification": {"Enabled": False, "AttributeName": "expires"}}),
        ("dynamodb", "delete_table", {"TableName": name("Journal")}),
        ("dynamodb", "put_item", {"TableName": name("Journal"), "Item": key}),
        ("dynamodb", "delete_item", {"TableName": name("Journal"), "Key": key}),
        ("events", "disable_rule", {"Name": rule}),
        ("events", "delete_rule", {"Name": rule}),
        ("iam", "put_role_policy", {"RoleName": role, "PolicyName": "more", "PolicyDocument": EVERYONE}),
        ("iam", "delete_role_policy", {"RoleName": role, "PolicyName": "snapback"}),
        ("iam", "update_assume_role_policy", {"RoleName": role, "PolicyDocument": EVERYONE}),
        ("lambda", "put_function_concurrency", {"FunctionName": function, "ReservedConcurrentExecutions": 0}),
        ("lambda", "update_function_configuration", {"FunctionName": function, "Environment": {"Variables": {}}}),
        ("lambda", "put_function_event_invoke_config", {"FunctionName": function, "MaximumRetryAttempts": 0}),
        ("lambda", "remove_permission", {"FunctionName": function, "StatementId": "x"}),
        ("lambda", "delete_function", {"FunctionName": function}),
        ("lambda", "invoke", {"FunctionName": function, "Payload": "{}"}),
        ("sns", "set_topic_attributes", {
            "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": EVERYONE}),
        ("sns", "delete_topic", {"TopicArn": topic}),
        ("sqs", "purge_queue", {"QueueUrl": queue}),
        ("sqs", "delete_queue", {"QueueUrl": queue}),
    ]  # fmt: skip



@pytest.fixture(scope="module")
def names(snapback) -> dict:
    """What CloudFormation has called the parts."""
    found = snapback.aws.client("cloudformation").describe_stack_resources(StackName=snapback.stack.name)
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found["StackResources"]}


@pytest.fixture(scope="module")
def administrator(snapback) -> dict:
    """Somebody who may do everything, but for the policy."""
    key = snapback.user("administrator", "*")
    snapback.aws.client("iam").put_user_policy(UserName="administrator", PolicyName="scp", PolicyDocument=TEXT)
    return key


def refusal(snapback, credentials, service: str, method: str, parameters: dict) -> str | None:
    """The code with which a call is refused."""
    try:
        getattr(snapback.aws.client(service, credentials), method)(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def test_an_administrator_can_change_no_part_of_snapback(snapback, names, administrator):
    def own(logical_id: str) -> str:
        # Of queues and topics CloudFormation tells the URL and the ARN.
        return names[logical_id].replace("/", ":").rpartition(":")[2] if logical_id else snapback.stack.name

    answered = {
        f"{service} {method}": refusal(snapback, administrator, service, method, parameters)
        for service, method, parameters in calls(own)
    }
    assert {call: code for call, code in answered.items() if code not in DENIED} == {}


def test_what_is_not_snapbacks_stays_the_administrators(snapback, administrator):
    for service, method, parameters in calls(lambda logical_id: f"payroll-{logical_id or 'stack'}"):
        refused = refusal(snapback, administrator, service, method, parameters)
        assert refused not in DENIED, f"{service} {method} on payroll's part was answered with {refused}"


def test_the_deployment_role_may_change_the_parts_and_not_the_journal(snapback, names, administrator):
    iam = snapback.aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    sessions = {}
    for role in ("SnapbackDeployment", "SnapbackOperator"):
        made = iam.create_role(
            RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        iam.put_role_policy(RoleName=role, PolicyName="may", PolicyDocument=json.dumps(everything))
        iam.put_role_policy(RoleName=role, PolicyName="scp", PolicyDocument=TEXT)
        taken = snapback.aws.client("sts").assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="test")
        sessions[role] = taken["Credentials"]
    alarm = {"AlarmName": names["S3Errors"], "StateValue": "OK", "StateReason": "a test"}
    hold = {"TableName": names["Journal"], "Key": {"pk": {"S": "hold#nothing"}, "sk": {"S": "nothing"}}}
    for role, may_deploy in (("SnapbackDeployment", True), ("SnapbackOperator", False)):
        deployed = refusal(snapback, sessions[role], "cloudwatch", "set_alarm_state", alarm)
        operated = refusal(snapback, sessions[role], "dynamodb", "delete_item", hold)
        assert (deployed in DENIED, operated in DENIED) == (not may_deploy, may_deploy), role
    takeover = {"RoleName": "SnapbackDeployment", "PolicyDocument": EVERYONE}
    assert refusal(snapback, administrator, "iam", "update_assume_role_policy", takeover) in DENIED


def test_snapback_itself_goes_on_under_it(snapback, names):
    iam = snapback.aws.client("iam")
    for role in ("S3Role", "Ec2Role", "RedriveRole"):
        iam.put_role_policy(RoleName=names[role], PolicyName="scp", PolicyDocument=TEXT)
    try:
        bucket, group = snapback.a_bucket(), snapback.a_group()
        bucket.put_policy(bucket.lets_in_everyone())
        group.open(22)
        assert snapback.announces(bucket)["outcome"] == snapback.announces(group)["outcome"] == "reverted"
        assert snapback.redrive(minutes=0)["error"] is None
    finally:
        for role in ("S3Role", "Ec2Role", "RedriveRole"):
            iam.delete_role_policy(RoleName=names[role], PolicyName="scp")


def test_it_denies_only_actions_that_there_are():
    models = botocore.session.get_session()
    for statement in STATEMENTS:
        for action in statement["Action"]:
            service, pattern = action.split(":")
            known = {*models.get_service_model(service).operation_names, *NO_CALLS.get(service, ())}
            assert any(fnmatchcase(name, pattern) for name in known), action
