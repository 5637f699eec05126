"""Starts ministack with what Snapback needs and it lacks. `stack.py` runs this; nobody else has to.

Each stand-in is put at the narrowest place. What one plays is no proof of AWS's behaviour, only that Snapback does
what it should if AWS behaves like that:

* CloudTrail (`cloudtrail.py`): every call that changes something becomes a record and goes over the default bus to
  whatever rules were deployed. What CloudFormation does on its own behalf stays inside ministack and unrecorded.
* Lambda behind EventBridge: is invoked asynchronously, so it gets retries and its on-failure destination; a rule
  whose function is gone sends to its dead-letter queue, and says for whom it was. How long retries wait is ours to say, not AWS's minute.
* The schedule of the redrive function: it wakes as soon as an event is due that was to wait, not every five minutes.
* CloudTrail's event history (`event_history.py`), and the key of its digests (`digests.py`); trails that a template makes,
  with their tags and insights (`trails.py`).
* What AWS Config's recorders and delivery channels lack, and what one asks of the other (`config_recorders.py`).
* Mail: what SNS would send lies in `mail.jsonl` beside the log, whatever a subscription filters.
* Lambda's layers: functions run on this machine, whose /opt is not theirs, so they are told where theirs lie.
* `aws:PrincipalArn` is the role's ARN in sessions; `aws:PrincipalIsAWSService`, `dynamodb:LeadingKeys` and
  `events:TargetArn` and `secretsmanager:BlockPublicPolicy` are there.
* A rule of the default bus has no bus in its ARN, and rules go by `Rule` in the calls upon their targets.
  The bus that is described is a bus, and no rule.
* The calls upon the tags of a topic, a repository, a file system or an email identity are calls upon that, as are those upon a
  table's policy, and those upon a domain or a backup vault by their paths.
* Reading and removing a function's concurrency are actions of their own; messages in batches are not.
* Who has put an object, in what S3 announces of it.
* `AWS::Region` in the conditions of a template, which CloudFormation there takes for a word.
* A table's point-in-time recovery, which CloudFormation there leaves off whatever the template says.
* Events that cross accounts and Regions, and the organization that accounts belong to (`organization.py`).
* The account's own Block Public Access of S3, which `account_public_access.py` keeps. It is not enforced.
* Whether a bucket policy is public (`policy_status.py`), and which version of a managed policy is its default
  (`policy_versions.py`).
* Permissions boundaries among what everybody has been granted, and a password policy that is set as a whole
  (`iam_details.py`).
* Trust anchors and profiles of IAM Roles Anywhere (`roles_anywhere.py`), and the policies of vaults of Glacier and AWS
  Backup (`vault_policies.py`).
* AWS Private CA, and the policies of SES's identities, which are moto's (`moto_services.py`).
* The rules of security groups (`security_groups.py`).
* With whom EC2's things are shared, and settings of instances and of the account (`ec2_sharing_and_settings.py`).
* Block Public Access of VPCs (`vpc_block_public_access.py`), and flow logs with all their fields (`flow_logs.py`).
* All that moto has of EC2, if asked (`moto_ec2.py`).

It ends when its standard input does, so that it never outlives whoever started it, however that one ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import hashlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import (
    get_account_id,
    get_region,
    get_request_client_ip,
    request_scope,
)
from ministack.core.router import extract_access_key_id
from ministack.services import dynamodb, ec2, eventbridge, iam, lambda_svc, s3, sns, sqs, sts
from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

import account_public_access
import adversary
import cloudtrail
import config_recorders
import digests
import ec2_sharing_and_settings
import event_history
import flow_logs
import iam_details
import moto_services
import organization
import policy_status
import policy_versions
import roles_anywhere
import security_groups
import trails
import vault_policies
import vpc_block_public_access
from chance import Chance
from wire import Call, signing_name

# Where the tests put events onto the bus as CloudTrail would, which PutEvents rightly refuses to anybody.
DELIVER = ("POST", "/_local/cloudtrail")

# Where they put a message into a queue as AWS's services do, whose policies let nobody else.
SEND = ("POST", "/_local/queues")

# Where they say whether what happens from now on is delivered to anybody.
UNSEEN = ("POST", "/_local/unseen")

# Where they ask whether functions are still at work, or waiting to try again.
AT_WORK = ("GET", "/_local/lambda")

# Where they ask who answers the operations that ministack itself does not.
PLAYERS = ("GET", "/_local/players")

# Where they ask which actions roles were allowed.
ALLOWED = ("GET", "/_local/allowed")

# Where they ask how often which kind of fault has met Snapback.
FAULTS = ("GET", "/_local/faults")

faults_met: Counter = Counter()


def main() -> None:
    end_with_standard_input()
    # Before CloudTrail, which records what became of a call; before the rest, which asks for rights as AWS does.
    if os.environ["ADVERSE_SEED"]:
        seed, scale = os.environ["ADVERSE_SEED"], float(os.environ["ADVERSE_SCALE"])
        faults = os.environ["ADVERSE_FAULTS"].split(",")
        # What nobody hears of is how things were before a test begins.
        adversary.install(Chance(seed, faults_met), scale, faults, then=remember, was_long_ago=lambda: delivery.is_off)
    play_cloudtrail()
    digests.install()
    event_history.install()
    play_asynchronous_lambda()
    play_redrive_schedule()
    play_lambda_before_queues()
    play_mail()
    play_layers()
    remember_what_roles_are_allowed()
    play_principal_keys()
    play_leading_keys()
    play_parameters_as_keys()
    play_recovery()
    play_resources_of_rules()
    play_what_is_tagged()
    play_actions_upon_concurrency()
    play_batches_of_messages()
    play_requesters()
    account_public_access.install(then=remember)
    organization.install()
    trails.install()
    config_recorders.install()
    policy_status.install()
    policy_versions.install()
    iam_details.install()
    roles_anywhere.install()
    vault_policies.install()
    moto_services.install()
    play_conditions()
    play_ec2()
    app.main()


def end_with_standard_input() -> None:
    def wait() -> None:
        sys.stdin.buffer.read()
        # The functions' processes are in the group as well.
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


# CloudTrail


@dataclass
class Delivery:
    """Whether records go over the bus. They are in the history all the same."""

    is_off: bool = False


delivery = Delivery()


def play_cloudtrail() -> None:
    dispatch, shortcuts = app._dispatch_service_request, app._handle_post_body_shortcuts

    async def recorded(method, path, headers, body, query, request_id):
        answer = await dispatch(method, path, headers, body, query, request_id)
        remember(method, path, headers, body, query, request_id, answer)
        return answer

    async def deliverable(method, path, headers, body, query, request_id):
        if (method, path) == DELIVER:
            deliver(json.loads(body), is_unseen=delivery.is_off)
            return 202, {}, b""
        if (method, path) == SEND:
            message = json.loads(body)
            with request_scope(os.environ["MINISTACK_ACCOUNT_ID"], message["queue"].split(":")[3]):
                is_unchecked.set(True)
                dead_letter(**message)
            return 202, {}, b""
        if (method, path) == UNSEEN:
            delivery.is_off = json.loads(body)
            return 202, {}, b""
        if (method, path) == AT_WORK:
            return 200, {"Content-Type": "application/json"}, json.dumps(vars(at_work)).encode()
        if (method, path) == PLAYERS:
            return 200, {"Content-Type": "application/json"}, json.dumps(players).encode()
        if (method, path) == FAULTS:
            return 200, {"Content-Type": "application/json"}, json.dumps(faults_met).encode()
        if (method, path) == ALLOWED:
            roles = {role: sorted(actions) for role, actions in allowed.items()}
            return 200, {"Content-Type": "application/json"}, json.dumps(roles).encode()
        return await shortcuts(method, path, headers, body, query, request_id)

    app._dispatch_service_request = recorded
    app._handle_post_body_shortcuts = deliverable


def remember(method: str, path: str, headers: dict, body: bytes, query: dict, request_id: str, answer: tuple) -> None:
    """Records a call that was answered, and delivers the record as soon as the answer is on its way."""
    access_key = extract_access_key_id(headers, query)
    identity = caller(access_key)
    if identity is None:
        return
    status, _, content = answer
    call = Call(
        signing_name=signing_name(headers, query),
        region=get_region(),
        account=get_account_id(),
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=body or b"",
        status=status,
        answer=content if isinstance(content, bytes) else b"",
        identity=identity,
        source_ip=get_request_client_ip(),
        request_id=request_id,
    )
    try:
        record = cloudtrail.record(call)
    except Exception as error:  # A record that cannot be made must not fail the call; it is missed in the tests.
        print(f"No CloudTrail record of {method} {path}: {error!r}", flush=True)
        return
    if record is not None:
        asyncio.get_running_loop().call_soon(deliver, cloudtrail.envelope(record), call.account, delivery.is_off)


def deliver(event: dict, account: str | None = None, is_unseen: bool = False) -> None:
    """Puts an event onto an account's default bus as AWS does: with any source, and with the envelope as it is."""
    with open(os.environ["CLOUDTRAIL_LOG"], "a", encoding="utf-8") as log:
        log.write(json.dumps(event["detail"]) + "\n")
    if is_unseen:
        event_history.left_out.add(event["detail"]["eventID"])
        return
    with request_scope(account or os.environ["MINISTACK_ACCOUNT_ID"], event["region"]):
        eventbridge._dispatch_event(
            {
                "EventId": event["id"],
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "EventBusName": "default",
                "Time": event["time"],
                "Resources": event["resources"],
                "Account": event["account"],
                "Region": event["region"],
            }
        )


def caller(access_key: str) -> dict | None:
    """Who called, as a record says it; None for credentials that are nobody's, whose calls were not let in."""
    account = get_account_id()
    if not access_key:
        return {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}
    known = iam_evaluator.resolve_credential(access_key, account)
    if isinstance(known, iam_evaluator.CredentialResolutionError):
        return None
    if known.principal_type == "Root":
        return cloudtrail.identity_of_administrator(account, access_key)
    if known.principal_type == "User":
        return cloudtrail.identity_of_user(
            account, access_key, iam._users.get_scoped(account, None, known.principal_name)
        )
    role = role_of_session(account, known.principal_arn)
    if role is None:
        return {
            "type": known.principal_type,
            "principalId": known.principal_id,
            "arn": known.principal_arn,
            "accountId": account,
            "accessKeyId": access_key,
        }
    issued = (sts._sessions.get(access_key) or {}).get("IssuedAt")
    since = datetime.fromtimestamp(issued, timezone.utc) if issued else datetime.now(timezone.utc)
    return cloudtrail.identity_of_session(account, access_key, known.principal_arn, role, since)


def role_of_session(account: str, arn: str) -> dict | None:
    name = iam_evaluator._role_name_from_assumed_arn(arn) if ":assumed-role/" in arn else ""
    return iam._roles.get_scoped(account, None, name) if name else None


# Lambda behind EventBridge


@dataclass
class AtWork:
    """How much Lambda has to do."""

    events: int = 0
    attempts: int = 0
    lock = threading.Lock()

    def add(self, events: int = 0, attempts: int = 0) -> None:
        with self.lock:
            self.events += events
            self.attempts += attempts


at_work = AtWork()


def play_asynchronous_lambda() -> None:
    invoke = eventbridge._invoke_target

    def invoke_target(target, event, rule, view=None):
        arn = target.get("Arn", "")
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if queue and ":lambda:" in arn and lambda_svc._get_func_record_for_ref(arn)[0] is None:
            view = view or eventbridge._pattern_event_view(event)
            told = {"RULE_ARN": rule["Arn"], "TARGET_ARN": arn, "ERROR_CODE": "RESOURCE_NOT_FOUND"}
            dead_letter(queue, json.dumps(view.event_with_detail()), told)
            return
        invoke(target, event, rule, view)

    def invoke_lambda(arn, payload):
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function is not None:
            begin(function, config, json.loads(payload))

    eventbridge._invoke_target = invoke_target
    eventbridge._dispatch_to_lambda = invoke_lambda
    # What anybody else hands to Lambda without waiting for an answer goes the same way.
    lambda_svc.invoke_async_with_retry = lambda function, event: begin(function, function["config"], event)


def begin(function: dict, config: dict, event: dict) -> None:
    at_work.add(events=1)
    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(attempt, function, config, event), daemon=True).start()


def dead_letter(queue: str, body: str, told: dict) -> None:
    """Puts a message with these attributes into a queue, as EventBridge does with an event that it could not deliver."""
    data = {
        "QueueUrl": sqs._queue_by_arn(queue)["url"],
        "MessageBody": body,
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in told.items()},
    }
    # It is EventBridge that sends, and not who made the call.
    asked = is_aws_service.set(True)
    try:
        sqs._act_send_message(data, data["QueueUrl"])
    finally:
        is_aws_service.reset(asked)


def attempt(function: dict, config: dict, event: dict) -> None:
    """Invokes until it succeeds or attempts run out; then the event goes where failures go."""
    chosen = (function.get("event_invoke_configs") or {}).get("$LATEST") or function.get("event_invoke_config") or {}
    wait = float(os.environ["LAMBDA_ASYNC_RETRY_BASE_SECONDS"])
    try:
        for number in range(1 + int(chosen.get("MaximumRetryAttempts", 2))):
            if number:
                # AWS waits one minute, then two.
                time.sleep(wait * number)
            result = lambda_svc._execute_function(lambda_svc._execution_record_for_config(function, config), event)
            at_work.add(attempts=1)
            if not result.get("error"):
                return
        failures = chosen.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if failures:
            lambda_svc._route_async_failure(failures, config["FunctionName"], event, result)
    finally:
        at_work.add(events=-1)


# Events that wait until a function is to have them

# As long as a message that could not be handed over stays hidden, and some more.
DUE_WITHIN = 90.0

# The queues in which no failure waits.
WAITING = ("DelayedEvents", "LogFileEvents")

# One run of the redrive function takes all that is due.
redriving = threading.Lock()


def play_redrive_schedule() -> None:
    send = sqs._act_send_message

    def send_message(data, queue):
        sent = send(data, queue)
        if any(f"-{waiting}-" in queue for waiting in WAITING):
            # Whoever waits until all is settled waits for this as well.
            at_work.add(events=1)
            run, wait = contextvars.copy_context().run, float(data.get("DelaySeconds") or 0)
            threading.Thread(target=run, args=(wake_when_due, queue, sent["MessageId"], wait), daemon=True).start()
        return sent

    sqs._act_send_message = sqs._HANDLERS["SendMessage"] = send_message


def wake_when_due(queue: str, message: str, wait: float) -> None:
    """Wakes the redrive function of the same stack until it has taken the message."""
    name = queue.rpartition("/")[2].rpartition("-")[0]
    for waiting in WAITING:
        name = name.removesuffix(waiting)
    name += "RedriveFunction"
    tick = {
        "detail-type": "Scheduled Event", "source": "aws.events", "detail": {},
        "time": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }  # fmt: skip
    try:
        time.sleep(wait)
        end = time.monotonic() + DUE_WITHIN
        while time.monotonic() < end:
            with redriving:
                held = sqs._queues.get(queue)
                if held is None or all(one["id"] != message for one in held["messages"]):
                    return
                redriver = next((one for own, one in lambda_svc._functions.items() if own.startswith(name)), None)
                if redriver is None:
                    return
                record = lambda_svc._execution_record_for_config(redriver, redriver["config"])
                lambda_svc._execute_function(record, tick)
            time.sleep(0.5)
    finally:
        at_work.add(events=-1)


# Mail


def play_conditions() -> None:
    for module in (changesets, handlers, stacks):
        evaluate = module._evaluate_conditions

        def evaluated(template: dict, parameters: dict, evaluate=evaluate) -> dict:
            return evaluate(template, {"AWS::Region": {"Value": get_region()}, **parameters})

        module._evaluate_conditions = evaluated


def play_mail() -> None:
    fan_out = sns._fanout

    def with_mail(topic, number, message, subject, structure="", *more, **named):
        text = sns._resolve_message_for_protocol(message, structure, "email")
        known = sns._topic_by_arn_any_scope(topic) or {"subscriptions": []}
        with open("mail.jsonl", "a", encoding="utf-8") as mails:
            for subscribed in known["subscriptions"]:
                if subscribed["protocol"] == "email":
                    mails.write(json.dumps({"to": subscribed["endpoint"], "subject": subject, "text": text}) + "\n")
        fan_out(topic, number, message, subject, structure, *more, **named)

    sns._fanout = with_mail


# Layers


def play_layers() -> None:
    environment_of = lambda_svc._provided_worker_env

    def told_where_layers_lie(config, *more):
        environment = environment_of(config, *more)
        zips = [found for found in map(lambda_svc._resolve_layer_zip, config.get("Layers") or []) if found]
        opt = Path(os.environ["TMPDIR"]) / f"opt-{hashlib.sha256(b''.join(zips)).hexdigest()}"
        if not opt.exists():
            # Many functions may start at the same time, and none may see half of it.
            draft = Path(tempfile.mkdtemp(dir=opt.parent))
            for content in zips:
                zipfile.ZipFile(io.BytesIO(content)).extractall(draft)
            with contextlib.suppress(OSError):
                draft.rename(opt)
        own = (config.get("Environment") or {}).get("Variables") or {}
        moved = {key: f"{opt}{value[4:]}" for key, value in own.items() if value.startswith("/opt/")}
        return {**environment, **moved}

    lambda_svc._provided_worker_env = told_where_layers_lie


# Condition keys


# Actions that roles needed and their own policies allowed them.
allowed: dict = {}


def remember_what_roles_are_allowed() -> None:
    evaluate = iam_evaluator.evaluate

    def remembered(context, policies, *limits):
        result = evaluate(context, policies, *limits)
        if result.decision == "Allow" and context.principal_type == "AssumedRole":
            role = context.principal_arn.split("/")[1]
            allowed.setdefault(role, set()).add(context.action)
        return result

    iam_evaluator.evaluate = remembered


# Whether a queue's policy is left out of account: Lambda sends with the role of whatever function has failed.
is_unchecked: contextvars.ContextVar = contextvars.ContextVar("is_unchecked", default=False)


def play_lambda_before_queues() -> None:
    enforce = sqs._enforce_queue_policy

    def enforce_unless_lambda_sends(queue, action):
        if not is_unchecked.get():
            enforce(queue, action)

    sqs._enforce_queue_policy = enforce_unless_lambda_sends


# Whether a service of AWS does what is being done.
is_aws_service: contextvars.ContextVar = contextvars.ContextVar("is_aws_service", default=False)


def play_principal_keys() -> None:
    resolve = iam_evaluator._resolve_condition_key

    def resolve_key(key, context):
        if key.lower() == "aws:principalarn":
            role = role_of_session(context.principal_account, context.principal_arn)
            return role["Arn"] if role else context.principal_arn
        if key.lower() == "aws:principalisawsservice":
            return str(is_aws_service.get()).lower()
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_key


def play_leading_keys() -> None:
    """The partition keys of the items that a call names, one or many; a query needs no condition here.

    A transaction is authorized item by item, each for all keys of the call: with one that is not allowed, none is."""
    service_context = iam_actions.dynamodb_service_context

    def with_leading_keys(body):
        call = json.loads(body or b"{}")
        read = [table for table in call.get("RequestItems", {}).values() if isinstance(table, dict)]
        alike = [call, *(one for item in call.get("TransactItems", []) for one in item.values())]
        items = [one.get("Item") or one.get("Key") or {} for one in alike]
        items += [key for table in read for key in table.get("Keys", [])]
        leading = [key for item in items for key in item.get("pk", {}).values()]
        # ministack looks condition keys up in lower case.
        return {**service_context(body), **({"dynamodb:leadingkeys": leading} if leading else {})}

    iam_actions.dynamodb_service_context = with_leading_keys


def play_parameters_as_keys() -> None:
    """The targets that a call puts to a rule, and whether one lets a secret's policy be refused where that is public."""
    request_context = iam_actions.request_tag_context

    def with_parameters(service, action, body, query):
        context = request_context(service, action, body, query)
        if action == "secretsmanager:PutResourcePolicy":
            is_blocked = json.loads(body or b"{}").get("BlockPublicPolicy", False)
            return {**context, "secretsmanager:blockpublicpolicy": str(is_blocked).lower()}
        if action != "events:PutTargets":
            return context
        arns = [target.get("Arn", "") for target in json.loads(body or b"{}").get("Targets", [])]
        return {**context, "events:targetarn": arns}

    iam_actions.request_tag_context = with_parameters


# Tables


def play_recovery() -> None:
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create = handlers["create"]

    def create_with_recovery(logical_id, props, stack_name):
        made = create(logical_id, props, stack_name)
        asked = props.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
        dynamodb._pitr_settings[made[0]] = str(asked).lower() == "true"
        return made

    handlers["create"] = create_with_recovery


# Rules


def play_resources_of_rules() -> None:
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service, method, path, headers, body, query, region, account):
        found = extract(service, method, path, headers, body, query, region, account)
        if service != "events":
            return found
        call = json.loads(body or b"{}")
        if call.get("Rule"):
            bus = call.get("EventBusName", "default").rpartition("/")[2]
            of_bus = "" if bus == "default" else f"{bus}/"
            return f"arn:aws:events:{region}:{account}:rule/{of_bus}{call['Rule']}"
        if headers.get("x-amz-target", "").endswith(".DescribeEventBus"):
            return f"arn:aws:events:{region}:{account}:event-bus/{call['Name']}"
        return found.replace(":rule/default/", ":rule/")

    iam_actions.extract_resource_arn = extract_resource_arn


# Tags


def play_what_is_tagged() -> None:
    """What the calls upon tags, and upon domains and backup vaults, name it by."""
    extract = iam_actions.extract_resource_arn

    def extract_resource_arn(service, method, path, headers, body, query, region, account):
        if service == "sns" and query.get("ResourceArn"):
            return query["ResourceArn"][0]
        if service == "dynamodb" and (named := json.loads(body or b"{}").get("ResourceArn")):
            return named
        if service == "ecr" and (named := json.loads(body or b"{}").get("resourceArn")):
            return named
        if service == "elasticfilesystem" and "/resource-tags/" in path:
            return f"arn:aws:elasticfilesystem:{region}:{account}:file-system/{path.rpartition('/')[2]}"
        parts = path.strip("/").split("/")
        if service == "opensearch" and query.get("arn"):
            return query["arn"][0]
        if service == "opensearch" and parts[1:3] == ["opensearch", "domain"] and parts[3:]:
            return f"arn:aws:es:{region}:{account}:domain/{parts[3]}"
        if service == "ses" and query.get("ResourceArn"):
            return query["ResourceArn"][0]
        if service == "backup" and parts[0] == "tags":
            return unquote("/".join(parts[1:]))
        if service == "backup" and parts[0] == "backup-vaults" and parts[1:]:
            return f"arn:aws:backup:{region}:{account}:backup-vault:{parts[1]}"
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = extract_resource_arn


# Functions


def play_actions_upon_concurrency() -> None:
    action_of = iam_actions._lambda_action
    verbs = {"GET": "Get", "PUT": "Put", "DELETE": "Delete"}

    def lambda_action(method, path):
        if path.endswith("/concurrency") and method in verbs:
            return f"{verbs[method]}FunctionConcurrency"
        return action_of(method, path)

    iam_actions._lambda_action = lambda_action


def play_batches_of_messages() -> None:
    """Several messages at once take the same right as one.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html"""
    action_of = iam_actions._action_from_target

    def action_from_target(headers):
        action = action_of(headers)
        return action.removesuffix("Batch") if action and action.endswith("MessageBatch") else action

    iam_actions._action_from_target = action_from_target


# S3


def play_requesters() -> None:
    """What S3 announces says who has put it there, and the local trail puts nothing: here that is whom the object names in
    its metadata, so that tests can put log files as CloudTrail does.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    dispatch = eventbridge._dispatch_event

    def dispatched(event, *more):
        # What CloudTrail tells of S3 has that source too.
        if (event["Source"], event["DetailType"]) == ("aws.s3", "Object Created"):
            detail = json.loads(event["Detail"])
            bucket = s3._buckets.get(detail["bucket"]["name"]) or {"objects": {}}
            metadata = bucket["objects"].get(detail["object"]["key"], {}).get("metadata", {})
            requester = next((value for name, value in metadata.items() if name.lower() == "x-amz-meta-requester"), None)
            event = {**event, "Detail": json.dumps({**detail, "requester": requester or detail["requester"]})}
        return dispatch(event, *more)

    eventbridge._dispatch_event = dispatched


# EC2

# Operations by the name of who answers them, if that is not ministack.
players = {
    "CreateTrail": "stand-in",
    "DeleteBackupVaultAccessPolicy": "stand-in",
    "DeleteConfigurationRecorder": "stand-in",
    "DeleteDeliveryChannel": "stand-in",
    "DeleteEmailIdentityPolicy": "moto",
    "DeletePolicy": "moto",
    "DeleteVaultAccessPolicy": "stand-in",
    "DisableProfile": "stand-in",
    "DisableTrustAnchor": "stand-in",
    "PutAccountPublicAccessBlock": "stand-in",
    "PutBackupVaultAccessPolicy": "stand-in",
    "PutConfigurationRecorder": "stand-in",
    "PutDeliveryChannel": "stand-in",
    "PutInsightSelectors": "stand-in",
    "PutPolicy": "moto",
    "SetDefaultPolicyVersion": "stand-in",
    "SetVaultAccessPolicy": "stand-in",
    "StartConfigurationRecorder": "stand-in",
    "UpdateAccountPasswordPolicy": "stand-in",
    "UpdateEmailIdentityPolicy": "moto",
}


def play_ec2() -> None:
    play("stand-in", security_groups.install)
    play("stand-in", ec2_sharing_and_settings.install)
    play("stand-in", vpc_block_public_access.install)
    play("stand-in", flow_logs.install)
    if os.environ["EC2_PLAYED_BY"] == "moto":
        # Not at the top: it takes a second, and few tests ask for it.
        import moto_ec2

        play("moto", moto_ec2.install)


def play(player: str, install: Callable[[], None]) -> None:
    before = dict(ec2._ACTION_MAP)
    install()
    players.update({name: player for name, act in ec2._ACTION_MAP.items() if before.get(name) is not act})


if __name__ == "__main__":
    main()
