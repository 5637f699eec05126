"""What the tests talk about: a deployed Snapback, an ordinary user who does risky things, and an operator.

Nothing here sleeps for a fixed time and calls that proof. Something that must happen is waited for; that nothing
happened is known once the functions have handled to the end every event that woke them (`Snapback.has_settled`).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import count
from uuid import uuid4

from botocore.exceptions import ClientError

from policies_as_shown import meaning
from stack import ACCOUNT, REGION, REPOSITORY, TARGET, LocalAws, Stack, resources, wait_for

# What wakes a function that watches a service: what is done to Snapback itself has tests of its own.
WATCHED = {
    name
    for rule, one in resources("AWS::Events::Rule").items()
    if "detail" in one["Properties"].get("EventPattern", {}) and not rule.startswith("Own")
    # The rule for root's calls names none: nobody is root here, but where a test says so.
    for name in one["Properties"]["EventPattern"]["detail"].get("eventName", [])
}

# What the local AWS does not tell its policies of a key.
UNKNOWN = {"kms:ResourceAliases", "aws:ResourceTag/application"}


def operator_policy(stack: str, *commands: str, account: str = ACCOUNT) -> list:
    """The statements of the policies in docs/ for these commands of an operator, as far as the local AWS knows them."""
    patterns = [f"operator-policy-{command}{more}.json" for command in commands for more in ("", "-*")]
    files = sorted(file for pattern in patterns for file in (REPOSITORY / "docs").glob(pattern))
    assert len(files) >= len(commands)
    return [statement for file in files for statement in _known(file.read_text(encoding="utf-8"), stack, account)]


def _known(policy: str, stack: str, account: str) -> Iterator[dict]:
    # It knows no variables, and a key that is called by its alias it takes for the alias.
    for name, value in {"${aws:PrincipalAccount}": account, "snapback": stack, ":key/*": ":*"}.items():
        policy = policy.replace(name, value)
    for statement in json.loads(policy)["Statement"]:
        # Across the policies, there are statements of the same name.
        del statement["Sid"]
        if any(UNKNOWN & set(keys) for keys in statement.get("Condition", {}).values()):
            del statement["Condition"]
        yield statement


# What a session is called in which a test acts with a function's rights.
BORROWED = "test"

_number = count(1)


class Snapback:
    """Snapback, deployed; with a queue that hears what it announces."""

    def __init__(self, aws: LocalAws, stack: Stack):
        self.aws, self.stack, self._is_unseen = aws, stack, False
        self.mallory = self.user("mallory", "s3:*", "ec2:*", "iam:*", "sns:*", "sqs:*", *(f"{row.service}:*" for row in ROWS.values()), "events:PutEvents", "cloudtrail:*", "config:*", "logs:*", "rolesanywhere:*", "kms:*")
        self.operator = self.user_with("operator", operator_policy(stack.name, "read", "stop", "undo", "apply"))
        self.s3, self.ec2 = aws.client("s3", self.mallory), aws.client("ec2", self.mallory)
        self.s3control, self.iam = aws.client("s3control", self.mallory), aws.client("iam", self.mallory)
        self._sqs = aws.client("sqs")
        self._heard: list = []
        self._made: set = set()
        self._dead: list = []
        self._queue = self._subscribed_queue()

    def user(self, name: str, *actions: str) -> dict:
        """A new IAM user who may do these actions; its access key, of which no function knows how it came to be."""
        with self.unseen():
            return self.aws.user(name, *actions)

    def user_with(self, name: str, statements: list) -> dict:
        """The same with a policy of these statements."""
        with self.unseen():
            return self.aws.user_with(name, statements)

    # What there is to do risky things to

    def a_user(self) -> User:
        """A new IAM user without a credential."""
        with self.unseen():
            return User(self, f"user-{next(_number)}-{uuid4().hex[:8]}")

    def a_bucket(self) -> Bucket:
        """A new bucket that nothing but its policy protects; how it came to be that is none of its events."""
        name = f"bucket-{next(_number)}-{uuid4().hex[:8]}"
        with self.unseen():
            self.s3.create_bucket(Bucket=name)
            self.s3.delete_public_access_block(Bucket=name)
        bucket = Bucket(self, name)
        self._made |= {record["eventID"] for record in self.calls_upon(bucket)}
        return bucket

    def a_bucket_with_acls(self, *on: str) -> Bucket:
        """The same, but its ACL counts; and these settings of its Block Public Access are on."""
        bucket = self.a_bucket()
        with self.unseen():
            rule = {"ObjectOwnership": "BucketOwnerPreferred"}
            self.s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls={"Rules": [rule]})
            if on:
                bucket.block(*on)
        self._made |= {record["eventID"] for record in self.calls_upon(bucket)}
        return bucket

    def a_group(self) -> Group:
        name = f"group-{next(_number)}-{uuid4().hex[:8]}"
        return Group(self, name, self.ec2.create_security_group(GroupName=name, Description=name)["GroupId"])

    def a_prefix_list(self, *ranges: str) -> str:
        entries = [{"Cidr": cidr} for cidr in ranges]
        name = f"list-{next(_number)}"
        made = self.ec2.create_managed_prefix_list(
            PrefixListName=name, MaxEntries=len(ranges), AddressFamily="IPv4", Entries=entries
        )
        return made["PrefixList"]["PrefixListId"]

    def a_topic(self) -> Topic:
        client = self.aws.client("sns", self.mallory)
        return Topic(client, client.create_topic(Name=f"topic-{next(_number)}")["TopicArn"])

    def a_queue(self) -> Queue:
        client, name = self.aws.client("sqs", self.mallory), f"queue-{next(_number)}"
        return Queue(client, client.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")

    def a_resource(self, control: str) -> Resource:
        """One of what the control of resource policies is about."""
        row = ROWS[control]
        client, name = self.aws.client(row.client, self.mallory), f"{row.client}-{next(_number)}-{uuid4().hex[:8]}"
        with self.unseen():
            return Resource(client, row, row.make(client, name))

    def a_role(self) -> Role:
        """A new role that only its own account may assume."""
        with self.unseen():
            return Role(self, f"role-{next(_number)}-{uuid4().hex[:8]}")

    # What it said and wrote down

    def announcements(self) -> list:
        """What was announced so far, for machines."""
        self._heard += [json.loads(body) for body in self.received(self._queue)]
        return [json.loads(message["Message"]) for message in self._heard]

    def announcements_about(self, thing: Bucket | Group) -> list:
        """The same, of a thing."""
        return [message for message in self.announcements() if thing.id in json.dumps(message)]

    def announces(self, thing: Bucket | Group, outcome: str | None = None) -> dict:
        """The first announcement about it, or the first of this outcome, which is waited for."""

        def heard() -> list:
            about = self.announcements_about(thing)
            return [one for one in about if outcome in (None, one["outcome"])]

        found = wait_for(heard)
        assert found, f"not announced about {thing.arn}: {outcome or 'anything'}\n{self._log()}"
        return found[0]

    def attributes_of_announcement(self, announcement_id: str) -> dict:
        for message in self._heard:
            if json.loads(message["Message"]).get("id") == announcement_id:
                return {name: value["Value"] for name, value in message["MessageAttributes"].items()}
        raise AssertionError(f"{announcement_id} was not announced")

    def entries(self) -> list:
        """All entries in the journal."""
        return [item for item in self._journal() if item["sk"] == "entry"]

    def journal_about(self, thing: Bucket | Group) -> list:
        """Its entries in the journal."""
        return [item for item in self.entries() if item.get("resource") == thing.arn]

    def outcomes(self) -> set:
        """How the entries in the journal have ended: pairs of control and outcome."""
        return {(item["control"], item["outcome"]) for item in self.entries()}

    def reverts_of_its_own_calls(self) -> list:
        """What a control has put right and the same control took back. Another one may find its own part of what is left
        before the event that opened both comes to it."""
        roles = {self.role_of(function) for function in self.functions()}
        entries = [json.loads(item["body"]) for item in self._journal() if "body" in item and item["sk"] == "entry"]

        def is_own(actor: dict) -> bool:
            return (actor["role"] or "").rpartition("/")[2] in roles and actor["session"] != BORROWED

        def was_done(entry: dict) -> bool:
            """Two events that come to the same at once both plan it, and the second finds it so already."""
            return any("done" in change for change in entry["applied"])

        def follows_itself(entry: dict) -> bool:
            same = (other for other in entries if other["control"] == entry["control"] and was_done(other))
            same = (other for other in same if other["subject"]["arn"] == entry["subject"]["arn"])
            return any(other["decided_at"] < entry["decided_at"] for other in same)

        done = (entry for entry in entries if was_done(entry))
        return [entry for entry in done if is_own(entry["event"]["actor"]) and follows_itself(entry)]

    def holds_on(self, thing: Bucket | Group) -> list:
        return [item for item in self._journal() if item["pk"] == f"hold#{thing.arn}"]

    def _journal(self) -> list:
        scan = self.aws.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.stack.journal, ConsistentRead=True)
        # Each value is wrapped in its type: {"S": "…"}.
        return [
            {name: [*value.values()][0] for name, value in item.items()} for page in pages for item in page["Items"]
        ]

    def dead_letters_about(self, thing: Bucket | Group) -> list:
        """Events about it that a function gave up on."""
        # Only the redriver and operators may take them away.
        redriver = self.as_function("RedriveFunction", "sqs")
        queue = self.stack.outputs["FunctionDeadLettersUrl"]
        self._dead += [json.loads(body) for body in self.received(queue, redriver)]
        return [letter for letter in self._dead if thing.id in json.dumps(letter)]

    def waiting(self) -> dict:
        """How many messages each queue of the stack holds, hidden ones included."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def number(queue: str) -> int:
            counted = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=wanted)["Attributes"]
            return sum(int(counted[name]) for name in wanted)

        queues = ("RuleDeadLetters", "FunctionDeadLetters", "GivenUpEvents")
        return {queue: number(self.stack.outputs[f"{queue}Url"]) for queue in queues}

    def redrive(self, minutes: float) -> dict:
        """Wakes the redrive function as its schedule would that many minutes from now."""
        return self.invoke("RedriveFunction", tick(datetime.now(timezone.utc) + timedelta(minutes=minutes)))

    def look(self, thing, function: str = "S3Function") -> dict:
        """Wakes a function as its schedule would, at the hour at which it is the thing's turn."""
        hour = hashlib.sha256(thing.arn.encode()).digest()[0] % 24
        answer = self.invoke(function, tick(datetime.now(timezone.utc).replace(hour=hour)))
        # CloudTrail tells whole seconds: what happens in this one may have happened before the look.
        looked = int(time.time())
        wait_for(lambda: int(time.time()) > looked)
        return answer

    def memory_of(self, thing) -> set:
        """The controls that remember something of it."""
        return {item["sk"] for item in self._journal() if item["pk"].lower() == f"memory#{thing.arn}".lower()}

    def received(self, queue: str, by=None) -> Iterator[str]:
        """The messages that wait in a queue, which are taken out of it."""
        sqs = by or self._sqs
        while True:
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                return
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]

    # What happened, in CloudTrail's words

    def events_about(self, thing: Bucket | Group) -> list:
        """Records of watched calls upon it that succeeded, oldest first."""
        about = [record for record in self.calls_upon(thing) if record["eventID"] not in self._made]
        return [record for record in about if self._is_watched(record)]

    def calls_upon(self, thing: Bucket | Group) -> list:
        """Records of all changing calls upon it, also those that failed."""
        return [record for record in self._records() if thing.id in json.dumps(record)]

    def deliver(self, record: dict, **envelope) -> None:
        """Puts a record on the bus as CloudTrail would; what is given replaces a field of its envelope."""
        self.aws.deliver({**event(record), **envelope})

    def invoke(self, function: str, payload: dict) -> dict:
        """Hands an event straight to a function, past EventBridge, and waits for its answer."""
        answer = self.aws.client("lambda").invoke(
            FunctionName=self.stack.outputs[f"{function}Arn"], Payload=json.dumps(payload)
        )
        return {"error": answer.get("FunctionError"), "payload": json.loads(answer["Payload"].read() or b"null")}

    def has_settled(self) -> bool:
        """Waits until every event that woke a function was handled to the end, retries and all."""
        return bool(wait_for(lambda: self.aws.at_work()["events"] == 0))

    @contextmanager
    def tried(self) -> Iterator[None]:
        """Waits, after what is done meanwhile, until a function has ended an attempt."""
        before = self.aws.at_work()["attempts"]
        yield
        assert wait_for(lambda: self.aws.at_work()["attempts"] > before)

    def as_function(self, function: str, service: str):
        """A client that has the rights of the function's role."""
        arn = self.aws.client("iam").get_role(RoleName=self.role_of(function))["Role"]["Arn"]
        session = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName=BORROWED)
        return self.aws.client(service, session["Credentials"])

    def functions(self) -> list:
        """The logical ids of the functions."""
        return [name.removesuffix("Arn") for name in self.stack.outputs if name.endswith("FunctionArn")]

    def actions_of(self, function: str) -> set:
        """The actions that the function's role has."""
        policy = self.aws.client("iam").get_role_policy(RoleName=self.role_of(function), PolicyName="snapback")
        statements = policy["PolicyDocument"]["Statement"]
        actions = [statement["Action"] for statement in statements if statement["Effect"] == "Allow"]
        return {name for said in actions for name in (said if isinstance(said, list) else [said])}

    def role_of(self, function: str) -> str:
        """The name of the function's role."""
        role = function.replace("Function", "Role")
        cloudformation = self.aws.client("cloudformation")
        described = cloudformation.describe_stack_resource(StackName=self.stack.name, LogicalResourceId=role)
        return described["StackResourceDetail"]["PhysicalResourceId"]

    def environment_of(self, function: str) -> dict:
        """What Lambda gives to a function: its variables, and credentials of its role."""
        configuration = self.aws.client("lambda").get_function_configuration(
            FunctionName=self.stack.outputs[f"{function}Arn"]
        )
        session = self.aws.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName=BORROWED)
        keys = session["Credentials"]
        return {
            **configuration["Environment"]["Variables"],
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_SESSION_TOKEN": keys["SessionToken"],
        }

    def environment_here(self, function: str) -> dict:
        """The same for a function on this machine, whose /opt is not Lambda's."""
        return {**self.environment_of(function), "SNAPBACK_GUARDRAILS": str(self.aws.layer / "guardrails")}

    # What an operator does

    def undo(self, *entry_or_options: str) -> subprocess.CompletedProcess:
        self._wait_until_complete(*entry_or_options)
        return self.operate("undo", *entry_or_options, "--yes")

    def apply(self, entry_id: str) -> subprocess.CompletedProcess:
        self._wait_until_complete(entry_id)
        return self.operate("apply", entry_id, "--yes")

    def _wait_until_complete(self, *entries: str) -> None:
        """People are told first, and only then is the entry completed. No operator is as quick as a test."""
        wait_for(lambda: not any(self._is_pending(entry) for entry in entries), patience=10)

    def _is_pending(self, entry_id: str) -> bool:
        of_it = (item for item in self.entries() if item["pk"] == f"entry#{entry_id}")
        return any(item["outcome"] == "pending" for item in of_it)

    def release(self, entry_id: str) -> subprocess.CompletedProcess:
        return self.operate("release", entry_id)

    def history(self, *options: str) -> subprocess.CompletedProcess:
        return self.operate("history", *options)

    def operate(self, *words: str, by: dict | None = None) -> subprocess.CompletedProcess:
        """Runs a command of `snapback` that needs the journal, by the operator or whoever is given."""
        by = by or self.operator
        words = (str(TARGET / "debug" / "snapback"), *words, "--journal", self.stack.journal)
        keys = {
            "AWS_ACCESS_KEY_ID": by["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": by["SecretAccessKey"],
        }
        done = subprocess.run(words, env=self.aws.environment(**keys), capture_output=True, text=True, check=False)
        # That it waits until AWS must show how it is is no trouble.
        said = done.stderr.splitlines(keepends=True)
        done.stderr = "".join(line for line in said if not line.startswith("snapback: AWS may show until"))
        return done

    # What goes wrong

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What is done meanwhile wakes no function; within what is unseen already, nothing changes."""
        if self._is_unseen:
            yield
            return
        self.aws.deliver_nothing(True)
        self._is_unseen = True
        try:
            yield
        finally:
            self._is_unseen = False
            self.aws.deliver_nothing(False)

    @contextmanager
    def role_without(self, function: str, *actions: str) -> Iterator[None]:
        """The function's role lacks these actions meanwhile."""
        iam, role = self.aws.client("iam"), self.role_of(function)
        policy = iam.get_role_policy(RoleName=role, PolicyName="snapback")["PolicyDocument"]
        stripped = json.loads(json.dumps(policy))
        for statement in (one for one in stripped["Statement"] if one["Effect"] == "Allow"):
            said = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            statement["Action"] = [action for action in said if action not in actions]
        stripped["Statement"] = [one for one in stripped["Statement"] if one.get("Action", one.get("NotAction"))]
        assert stripped != policy, f"the role of {function} never had {actions}"
        iam.put_role_policy(RoleName=role, PolicyName="snapback", PolicyDocument=json.dumps(stripped))
        try:
            yield
        finally:
            iam.put_role_policy(RoleName=role, PolicyName="snapback", PolicyDocument=json.dumps(policy))

    @contextmanager
    def without_key(self) -> Iterator[None]:
        """The key that seals holds is disabled meanwhile, which nobody hears of who would enable it."""
        kms, key = self.aws.client("kms"), self.stack.outputs["OperatorsKeyArn"]
        with self.unseen():
            kms.disable_key(KeyId=key)
        try:
            yield
        finally:
            kms.enable_key(KeyId=key)

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Nobody can publish to the topic meanwhile."""
        sns = self.aws.client("sns")
        policy = sns.get_topic_attributes(TopicArn=self.stack.topic)["Attributes"]["Policy"]
        outage = json.loads(policy)
        outage["Statement"].append(
            {"Sid": "Outage", "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": self.stack.topic}
        )
        sns.set_topic_attributes(TopicArn=self.stack.topic, AttributeName="Policy", AttributeValue=json.dumps(outage))
        try:
            yield
        finally:
            sns.set_topic_attributes(TopicArn=self.stack.topic, AttributeName="Policy", AttributeValue=policy)

    # How it is known

    def _records(self) -> list:
        text = self.aws.cloudtrail_log.read_text(encoding="utf-8")
        # The last line may still be being written.
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    @staticmethod
    def _is_watched(record: dict) -> bool:
        return record["eventName"] in WATCHED and "errorCode" not in record

    def _subscribed_queue(self) -> str:
        url = self._sqs.create_queue(QueueName=f"heard-{self.stack.name}")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        may = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        # Snapback tells of whoever subscribes to it.
        with self.unseen():
            self.aws.client("sns").subscribe(TopicArn=self.stack.topic, Protocol="sqs", Endpoint=arn)
        return url

    def _log(self) -> str:
        return "\n".join(self.aws.log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])


class Bucket:
    def __init__(self, snapback: Snapback, name: str):
        self._s3, self.name, self.id, self.arn = snapback.s3, name, name, f"arn:aws:s3:::{name}"

    def put_policy(self, *statements: dict) -> str:
        """Puts a policy of these statements; the text that means it."""
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.put_policy_text(text)
        return meaning(text)

    def put_policy_text(self, text: str) -> None:
        self._s3.put_bucket_policy(Bucket=self.name, Policy=text)

    def policy_text(self) -> str | None:
        """The text that means its policy, whichever of them S3 shows."""
        try:
            return meaning(self._s3.get_bucket_policy(Bucket=self.name)["Policy"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchBucketPolicy"
            return None

    def delete_policy(self) -> None:
        self._s3.delete_bucket_policy(Bucket=self.name)

    def statements(self) -> list:
        """The names of the statements in its policy."""
        text = self.policy_text()
        return [statement["Sid"] for statement in json.loads(text)["Statement"]] if text else []

    def block(self, *on: str) -> None:
        """Puts its Block Public Access with these settings on and the others off."""
        self._s3.put_public_access_block(
            Bucket=self.name, PublicAccessBlockConfiguration={setting: True for setting in on}
        )

    def blocks(self) -> set | None:
        """The settings of its Block Public Access that are on; None if it has no Block Public Access."""
        try:
            found = self._s3.get_public_access_block(Bucket=self.name)["PublicAccessBlockConfiguration"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration"
            return None
        return {setting for setting, is_on in found.items() if is_on}

    def acl(self) -> list:
        """What its ACL grants to whom."""
        grants = self._s3.get_bucket_acl(Bucket=self.name)["Grants"]
        return [(grant["Grantee"].get("URI") or grant["Grantee"]["ID"], grant["Permission"]) for grant in grants]

    def lets_in_everyone(self, action: str = "s3:GetObject", sid: str = "Everyone") -> dict:
        return {"Sid": sid, "Effect": "Allow", "Principal": "*", "Action": action, "Resource": f"{self.arn}/*"}

    def lets_in(self, account: str, sid: str = "Partner") -> dict:
        principal = {"AWS": f"arn:aws:iam::{account}:root"}
        return {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": principal,
            "Action": "s3:GetObject",
            "Resource": f"{self.arn}/*",
        }


class Group:
    def __init__(self, snapback: Snapback, name: str, group_id: str):
        self._ec2, self.name, self.id = snapback.ec2, name, group_id
        self.arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group_id}"

    def open(self, port: int, cidr: str = "0.0.0.0/0", **more) -> dict:
        """Opens a TCP port; the rule that this made."""
        source = {"CidrIpv6": cidr} if ":" in cidr else {"CidrIp": cidr}
        sources = {"Ipv6Ranges" if ":" in cidr else "IpRanges": [{**source, **more.pop("described", {})}]}
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sources}
        return self.authorize(IpPermissions=[permission], **more)[0]

    def authorize(self, **parameters) -> list:
        return self._ec2.authorize_security_group_ingress(GroupId=self.id, **parameters)["SecurityGroupRules"]

    def modify(self, rule: dict, **to) -> None:
        change = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": to}
        self._ec2.modify_security_group_rules(GroupId=self.id, SecurityGroupRules=[change])

    def let_out(self, port: int, cidr: str = "0.0.0.0/0", **more) -> dict:
        """Opens the way out to a TCP port; the rule that this made."""
        ranges = [{"CidrIp": cidr, **more.pop("described", {})}]
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}
        made = self._ec2.authorize_security_group_egress(GroupId=self.id, IpPermissions=[permission], **more)
        return made["SecurityGroupRules"][0]

    def rules(self, egress: bool = False) -> list:
        found = self._ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.id]}])
        return [rule for rule in found["SecurityGroupRules"] if rule["IsEgress"] == egress]

    def rule_ids(self) -> set:
        return {rule["SecurityGroupRuleId"] for rule in self.rules()}

    def what_it_lets_in(self, egress: bool = False) -> list:
        """Its rules, ids aside, in an order of their own."""
        own = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
        bare = [{key: value for key, value in rule.items() if key not in own} for rule in self.rules(egress)]
        return sorted(bare, key=lambda rule: json.dumps(rule, sort_keys=True))

    def what_it_lets_out(self) -> list:
        return self.what_it_lets_in(egress=True)


class User:
    def __init__(self, snapback: Snapback, name: str):
        self._iam, self.name, self.id = snapback.iam, name, name
        self.arn = self._iam.create_user(UserName=name, Path="/staff/")["User"]["Arn"]

    def a_key(self) -> str:
        """Creates an access key for the user; its id."""
        return self._iam.create_access_key(UserName=self.name)["AccessKey"]["AccessKeyId"]

    def keys(self) -> dict:
        """The status of each of its access keys."""
        keys = self._iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in keys}

    def has_console_password(self) -> bool:
        try:
            return bool(self._iam.get_login_profile(UserName=self.name)["LoginProfile"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchEntity"
            return False


class Role:
    def __init__(self, snapback: Snapback, name: str):
        self._iam, self.name, self.id = snapback.iam, name, name
        own = {"Sid": "Own", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [own]})
        made = self._iam.create_role(RoleName=name, Path="/team/", AssumeRolePolicyDocument=document)
        self.arn, self.own = made["Role"]["Arn"], own

    def trust(self, *statements: dict) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self._iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=document)

    def statements(self) -> list:
        """The names of the statements of its trust policy."""
        trust = self._iam.get_role(RoleName=self.name)["Role"]["AssumeRolePolicyDocument"]
        return [statement.get("Sid") for statement in trust["Statement"]]


@dataclass
class Topic:
    client: object
    arn: str

    @property
    def id(self) -> str:
        return self.arn

    def put(self, *statements: dict) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client.set_topic_attributes(TopicArn=self.arn, AttributeName="Policy", AttributeValue=policy)

    def add_permission(self, account: str) -> None:
        self.client.add_permission(TopicArn=self.arn, Label="partner", AWSAccountId=[account], ActionName=["Publish"])

    def remove_permission(self, label: str) -> None:
        self.client.remove_permission(TopicArn=self.arn, Label=label)

    def statements(self) -> list:
        return json.loads(self.client.get_topic_attributes(TopicArn=self.arn)["Attributes"]["Policy"])["Statement"]


@dataclass
class Queue:
    client: object
    url: str
    arn: str

    @property
    def id(self) -> str:
        return self.arn.rpartition(":")[2]

    def put(self, *statements: dict) -> None:
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self.client.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def add_permission(self, account: str) -> None:
        self.client.add_permission(QueueUrl=self.url, Label="partner", AWSAccountIds=[account], Actions=["SendMessage"])

    def remove_permission(self, label: str) -> None:
        self.client.remove_permission(QueueUrl=self.url, Label=label)

    def statements(self) -> list:
        answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["Policy"])
        policy = answer.get("Attributes", {}).get("Policy")
        return json.loads(policy)["Statement"] if policy else []


@dataclass(frozen=True)
class Row:
    """How a service without anything beside its resource policies is asked."""

    client: str
    # What IAM calls it.
    service: str
    # What stands before its name in its ARN.
    path: str
    # What is granted.
    action: str
    # Makes one, and says by what the calls know it.
    make: Callable
    # The call that puts a policy, or what makes it; what it calls the resource and the policy.
    put: tuple
    # The call that gets it, or what makes it; what the answer calls it, and the codes that say that there is none.
    get: tuple
    names_resource: bool = True


@dataclass
class Resource:
    client: object
    row: Row
    id: str

    @property
    def arn(self) -> str:
        own = f"arn:aws:{self.row.service}:{REGION}:{ACCOUNT}:{self.row.path}"
        return self.id if self.id.startswith("arn:") else own + self.id

    def statement(self, sid: str, principal) -> dict:
        resource = {"Resource": self.id if self.id.startswith("arn:") else "*"} if self.row.names_resource else {}
        return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": self.row.action, **resource}

    def put(self, *statements: dict) -> None:
        call, resource, policy = self.row.put
        text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if callable(call):
            call(self.client, self.id, text)
        else:
            getattr(self.client, call)(**{resource: self.id, policy: text})

    def statements(self) -> list:
        call, policy, *absent = self.row.get
        try:
            if callable(call):
                answer = call(self.client, self.id)
            else:
                answer = getattr(self.client, call)(**{self.row.put[1]: self.id})
        except ClientError as error:
            assert error.response["Error"]["Code"] in absent, error
            return []
        return json.loads(answer.get(policy) or "{}").get("Statement", [])


def _log_policy(client, name: str) -> dict:
    found = client.describe_resource_policies()["resourcePolicies"]
    return next((policy for policy in found if policy["policyName"] == name), {})


def _a_stream(client, name: str) -> str:
    client.create_stream(StreamName=name, ShardCount=1)
    client.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    return client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]


def _an_authority(client, _name: str) -> str:
    subject = {"CommonName": "example.com"}
    configuration = {"KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": subject}
    made = client.create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT"
    )
    # moto takes that for a certificate; AWS would ask for one.
    client.update_certificate_authority(CertificateAuthorityArn=made["CertificateAuthorityArn"], Status="ACTIVE")
    return made["CertificateAuthorityArn"]


def _a_table(client, name: str) -> str:
    key = {"AttributeName": "id"}
    made = client.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{**key, "AttributeType": "S"}], KeySchema=[{**key, "KeyType": "HASH"}],
    )  # fmt: skip
    return made["TableDescription"]["TableArn"]


def _an_identity(client, name: str) -> str:
    identity = f"{name}.example.com"
    client.create_email_identity(EmailIdentity=identity)
    client.create_email_identity_policy(EmailIdentity=identity, PolicyName="own", Policy="{}")
    return f"{identity}/partner"


def _put_sending_policy(client, id: str, text: str) -> None:
    identity, name = id.split("/")
    client.create_email_identity_policy(EmailIdentity=identity, PolicyName=name, Policy=text)


def _sending_policy(client, id: str) -> dict:
    identity, name = id.split("/")
    policies = client.get_email_identity_policies(EmailIdentity=identity)["Policies"]
    assert policies["own"] == "{}", "the identity's other policy"
    return {"Policy": policies.get(name)}


def _domain_policy(client, name: str) -> dict:
    return client.describe_domain_config(DomainName=name)["DomainConfig"]["AccessPolicies"]


# By control.
ROWS = {
    "acmpca-open-authority-policy": Row(
        "acm-pca",
        "acm-pca",
        "certificate-authority/",
        "acm-pca:IssueCertificate",
        _an_authority,
        ("put_policy", "ResourceArn", "Policy"),
        ("get_policy", "Policy", "ResourceNotFoundException"),
    ),
    "ses-open-identity-policy": Row(
        "sesv2",
        "ses",
        "identity/",
        "ses:SendEmail",
        _an_identity,
        (_put_sending_policy, "", ""),
        (_sending_policy, "Policy"),
    ),
    "glacier-open-vault-policy": Row(
        "glacier",
        "glacier",
        "vaults/",
        "glacier:InitiateJob",
        lambda client, name: client.create_vault(vaultName=name) and name,
        (lambda client, name, text: client.set_vault_access_policy(vaultName=name, policy={"Policy": text}), "", ""),
        (lambda client, name: client.get_vault_access_policy(vaultName=name)["policy"], "Policy", "ResourceNotFoundException"),
    ),
    "opensearch-open-domain-policy": Row(
        "opensearch",
        "es",
        "domain/",
        "es:ESHttpGet",
        lambda client, name: client.create_domain(DomainName=name[:28])["DomainStatus"]["DomainName"],
        ("update_domain_config", "DomainName", "AccessPolicies"),
        (_domain_policy, "Options"),
    ),
    "dynamodb-open-table-policy": Row(
        "dynamodb",
        "dynamodb",
        "table/",
        "dynamodb:GetItem",
        _a_table,
        ("put_resource_policy", "ResourceArn", "Policy"),
        ("get_resource_policy", "Policy", "PolicyNotFoundException"),
    ),
    "backup-open-vault-policy": Row(
        "backup",
        "backup",
        "backup-vault:",
        "backup:CopyFromBackupVault",
        lambda client, name: client.create_backup_vault(BackupVaultName=name)["BackupVaultName"],
        ("put_backup_vault_access_policy", "BackupVaultName", "Policy"),
        ("get_backup_vault_access_policy", "Policy", "ResourceNotFoundException"),
    ),
    "secretsmanager-open-secret-policy": Row(
        "secretsmanager",
        "secretsmanager",
        "secret:",
        "secretsmanager:GetSecretValue",
        lambda client, name: client.create_secret(Name=name, SecretString="example")["ARN"],
        ("put_resource_policy", "SecretId", "ResourcePolicy"),
        ("get_resource_policy", "ResourcePolicy"),
    ),
    "ecr-open-repository-policy": Row(
        "ecr",
        "ecr",
        "repository/",
        "ecr:BatchGetImage",
        lambda client, name: client.create_repository(repositoryName=name)["repository"]["repositoryName"],
        ("set_repository_policy", "repositoryName", "policyText"),
        ("get_repository_policy", "policyText", "RepositoryPolicyNotFoundException"),
        names_resource=False,
    ),
    "efs-open-file-system-policy": Row(
        "efs",
        "elasticfilesystem",
        "file-system/",
        "elasticfilesystem:ClientMount",
        lambda client, name: client.create_file_system(CreationToken=name)["FileSystemId"],
        ("put_file_system_policy", "FileSystemId", "Policy"),
        ("describe_file_system_policy", "Policy", "PolicyNotFound"),
    ),
    "logs-open-resource-policy": Row(
        "logs",
        "logs",
        "resource-policy:",
        "logs:PutLogEvents",
        lambda client, name: name,
        ("put_resource_policy", "policyName", "policyDocument"),
        (_log_policy, "policyDocument"),
    ),
    "kinesis-open-stream-policy": Row(
        "kinesis",
        "kinesis",
        "stream/",
        "kinesis:GetRecords",
        _a_stream,
        ("put_resource_policy", "ResourceARN", "Policy"),
        ("get_resource_policy", "Policy"),
    ),
}


def event(record: dict) -> dict:
    """The envelope that a record comes in."""
    kinds = {
        "AwsServiceEvent": "Service Event",
        "AwsConsoleSignIn": "Console Sign In",
        "AwsConsoleSignin": "Console Signin",
    }
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": f"AWS {kinds.get(record.get('eventType'), 'API Call')} via CloudTrail",
        "source": "aws." + record["eventSource"].partition(".")[0],
        "account": record.get("recipientAccountId"),
        "time": record.get("eventTime"),
        "region": record.get("awsRegion"),
        "resources": [],
        "detail": record,
    }


def tick(at: datetime, rule: str = "schedule") -> dict:
    """What a schedule sends at a time. Nothing of it but the time is believed."""
    return {
        "version": "0", "id": str(uuid4()), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": ACCOUNT, "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"], "detail": {},
    }  # fmt: skip
