"""Shows Snapback at work on an AWS on this machine: two risky changes, two reverts, one undo.

    target/venv/bin/python local/demo.py            # the story, then everything is gone again
    target/venv/bin/python local/demo.py --stay     # the story, then it goes on running for you to try things
    target/venv/bin/python local/demo.py --stay --mode ask      # no story: it asks, and you answer
    target/venv/bin/python local/demo.py --mail F   # the story, and the mail of its second chapter in the file F

All that happens is real: the real template, deployed with `sam deploy`; the functions that `cargo build` made; API
calls of an ordinary IAM user; permissions enforced. Only the AWS is played.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from policies_as_shown import meaning
from stack import (
    REGION,
    TARGET,
    LocalAws,
    Stack,
    Trouble,
    end_like_ctrl_c_when_terminated,
    wait_for,
)

BUCKET, OBJECT = "customer-data", "customers.csv"
PARTNER = "444455556666"

# Of the announcements' lines.
WIDTH = 92


@contextmanager
def out_of_sight(aws: LocalAws) -> Iterator[None]:
    """Nobody hears of what is made here on the way: it is not what the story is about."""
    aws.deliver_nothing(True)
    try:
        yield
    finally:
        aws.deliver_nothing(False)


def unseen(aws: LocalAws, name: str, *actions: str) -> dict:
    """A user whom nobody sees being made, as Snapback would make the new access key inactive; that key."""
    with out_of_sight(aws):
        return aws.user(name, *actions)


def main() -> None:
    parser = argparse.ArgumentParser(description="Snapback at work on a local AWS.")
    parser.add_argument("--stay", action="store_true", help="leave it running until Ctrl-C")
    parser.add_argument("--mode", choices=["notify", "ask", "revert"], default="revert", help="with --stay")
    parser.add_argument("--mail", type=Path, metavar="FILE", help="keep the mail about port 22, as JSON")
    arguments = parser.parse_args()
    play(lambda aws: tell(aws, arguments.stay, arguments.mode, arguments.mail))


def play(story: Callable[[LocalAws], None]) -> None:
    """Tells a story on a local AWS, and takes everything down again."""
    end_like_ctrl_c_when_terminated()
    try:
        with LocalAws() as aws:
            story(aws)
        done("Everything is taken down again: no process and no file is left but target/.")
    except KeyboardInterrupt:
        print()
        done("Everything is taken down.")
    except Trouble as trouble:
        sys.exit(red(f"\n{trouble}"))


def tell(aws: LocalAws, stay: bool, mode: str, mail: Path | None) -> None:
    print(bold("Snapback reverts risky changes to an AWS account, seconds after they were made."))
    print("You will see it on an AWS that runs on this machine; nothing leaves it.\n")
    done("A local AWS runs: ministack, with permissions enforced and a CloudTrail of our own")
    with in_company("Deploying template.yaml with `sam deploy`"):
        stack = aws.deploy(mode=mode, TrustedAccounts=PARTNER, NotificationEmail="you@example.com")
    inbox = Inbox(aws, stack)
    done(f"Deployed in mode `{mode}`; an SQS queue of yours is subscribed to what it announces")

    if mode == "revert":
        a_bucket_is_made_public(aws, inbox)
        announced = port_22_is_opened(aws, inbox)
        it_was_meant_after_all(aws, announced)
        if mail:
            [told, *_] = aws.mails_about(announced["group"])
            mail.write_text(json.dumps(told))
        print(dim("\nOn AWS, add CloudTrail's delivery time; here it reports at once."))
    if stay:
        try_it_yourself(aws, inbox, mode)


def a_bucket_is_made_public(aws: LocalAws, inbox: Inbox) -> None:
    chapter(1, "A bucket is made public")
    s3 = aws.client("s3", unseen(aws, "mallory", "s3:*"))
    # Else Snapback may close the bucket by its Block Public Access, and the policy stay.
    with out_of_sight(aws):
        s3.create_bucket(Bucket=BUCKET)
        s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=OBJECT, Body=b"name,card\n")
    policy = [
        allow("PartnerReads", {"AWS": f"arn:aws:iam::{PARTNER}:root"}),
        allow("EveryoneReads", "*"),
    ]
    stranger = Stranger(f"{aws.endpoint}/{BUCKET}/{OBJECT}")
    stranger.tries()
    say("mallory, an IAM user, puts a policy on a bucket that has no Block Public Access:")
    began = time.monotonic()
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))
    for statement in policy:
        marked = red if statement["Principal"] == "*" else str
        print(
            "      " + marked(f"{statement['Sid']:<14} {json.dumps(statement['Principal']):<44} {statement['Action']}")
        )
    announced = inbox.next_about(BUCKET)
    shut_out = stranger.gives_up()
    left = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    sids = [statement["Sid"] for statement in json.loads(left)["Statement"]]
    kept = json.dumps({"Version": "2012-10-17", "Statement": policy[:1]})
    if not shut_out or meaning(left) != meaning(kept):
        raise Trouble(f"The bucket is not as the revert should leave it. Its policy now: {left}")
    say(f"A stranger without credentials asked for {OBJECT} all the while:")
    for at, status in stranger.seen:
        what = red("200 OK, it can be read") if status == 200 else green("403 Forbidden")
        print(f"      {max(at - began, 0):5.2f} s  {what}" + ("  (before)" if at < began else ""))
    say("What is left of the policy, as it was put: " + green(", ".join(sids)))
    show(announced)


def port_22_is_opened(aws: LocalAws, inbox: Inbox) -> dict:
    chapter(2, "Port 22 is opened to the world")
    bob = unseen(aws, "bob", "ec2:*")
    ec2 = aws.client("ec2", bob)
    group = ec2.create_security_group(GroupName="web", Description="The web servers")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[port(443, "0.0.0.0/0", "HTTPS for all")])
    say(f"bob, an IAM user, adds a rule to security group {group}, which so far had one:")
    began = time.monotonic()
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[port(22, "0.0.0.0/0", "only for the migration")])
    print("      tcp/443 from 0.0.0.0/0  HTTPS for all\n      " + red("tcp/22  from 0.0.0.0/0  only for the migration"))
    if not wait_for(lambda: rules(ec2, group) == ["tcp/443 from 0.0.0.0/0  HTTPS for all"]):
        raise Trouble("Port 22 was not closed again.")
    say(f"{time.monotonic() - began:.2f} s later:")
    print("      " + green("\n      ".join(rules(ec2, group))))
    announced = inbox.next_about(group)
    show(announced)
    return {**announced, "group": group}


def it_was_meant_after_all(aws: LocalAws, announced: dict) -> None:
    chapter(3, "It was meant after all: undo")
    operator = unseen(aws, 
        "operator",
        "ec2:DescribeSecurityGroupRules",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateTags",
        "dynamodb:*",
        "kms:GenerateMac",
        "kms:VerifyMac",
    )
    say("The operator, with rights that Snapback's own functions do not have, types the command from the announcement:")
    undo(aws, operator, f"{announced['undo']} --yes")
    there = rules(aws.client("ec2"), announced["group"])
    if len(there) != 2:
        raise Trouble("The rule that was restored did not stay.")
    say("Snapback saw that call too, and leaves in place what an operator has restored:")
    print("      " + green("\n      ".join(there)))


def undo(aws: LocalAws, operator: dict, line: str) -> None:
    """Types a command with an operator's access key, and waits until Snapback has heard of what it did."""
    keys = {"AWS_ACCESS_KEY_ID": operator["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": operator["SecretAccessKey"]}
    print(bold(f"      $ {line}"))
    _, *arguments = shlex.split(line)
    command = [str(TARGET / "debug" / "snapback"), *arguments]
    undone = subprocess.run(command, env=aws.environment(**keys), capture_output=True, text=True, check=False)
    if undone.returncode != 0:
        raise Trouble(f"snapback undo failed:\n{undone.stdout}{undone.stderr}")
    print(dim("      " + undone.stdout.strip().splitlines()[-1]))
    # The undo is a risky call like the one before; Snapback hears of it, and must let it be.
    wait_for(lambda: aws.at_work()["events"] == 0)


def try_it_yourself(aws: LocalAws, inbox: Inbox, mode: str) -> None:
    you = unseen(aws, "you", "*")
    chapter(4 if mode == "revert" else 1, "Your turn")
    say("In another terminal, as an ordinary IAM user of this AWS:")
    for key, value in {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "SNAPBACK_PACE": aws.pace,
        "AWS_ACCESS_KEY_ID": you["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": you["SecretAccessKey"],
        "PATH": f"{TARGET}/debug:$PATH",
    }.items():
        print(f"export {key}={value}")
    print("unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN SNAPBACK_JOURNAL")
    print(dim("# An aws CLI before 1.29 or 2.13 does not read AWS_ENDPOINT_URL:"))
    print(dim('# add --endpoint-url "$AWS_ENDPOINT_URL" to each of its commands.'))
    say("Open a port, or a bucket. A new bucket blocks public access, so that goes first:")
    print("aws ec2 create-security-group --group-name mine --description 'To try Snapback'")
    print("aws ec2 authorize-security-group-ingress --group-name mine --protocol tcp --port 3389 --cidr 0.0.0.0/0")
    print("aws s3api create-bucket --bucket mine")
    print("aws s3api delete-public-access-block --bucket mine")
    everyone = {**allow("EveryoneReads", "*"), "Resource": "arn:aws:s3:::mine/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    print(f"aws s3api put-bucket-policy --bucket mine --policy '{policy}'")
    if mode == "revert":
        say("What it made of that, and what is open now:")
    else:
        say(f"In mode `{mode}` nothing is reverted until you run the `snapback apply` that it announces. What is open now:")
    print("snapback history")
    print(f"snapback scan --trust-account {PARTNER}  # SAM's bucket refuses plain HTTP, so it cannot be checked here")
    print(f"snapback replay {aws.cloudtrail_log}")
    if mode == "revert":
        say("`make local MODE=ask` begins again in mode `ask`: Snapback only asks, and you apply.")
    say(f"Its mails, each a line of JSON: {aws.mail}")
    say("What Snapback announces appears here as well. Ctrl-C takes everything down.")
    for announced in inbox.forever():
        show(announced)


class Inbox:
    """A queue that is subscribed to the topic."""

    def __init__(self, aws: LocalAws, stack: Stack):
        self._sqs = aws.client("sqs")
        self._url = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        may = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        aws.client("sns").subscribe(TopicArn=stack.topic, Protocol="sqs", Endpoint=arn)

    def next_about(self, name: str) -> dict:
        announced = wait_for(lambda: next((one for one in self._new() if name in json.dumps(one)), None))
        if announced is None:
            raise Trouble(f"Nothing was announced about {name}.")
        return announced

    def forever(self) -> Iterator[dict]:
        while True:
            yield from self._new()
            time.sleep(0.2)

    def _new(self) -> Iterator[dict]:
        for message in self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(json.loads(message["Body"])["Message"])


class Stranger:
    """Somebody without credentials who asks for an object again and again."""

    def __init__(self, url: str):
        self._url = url
        self._enough = threading.Event()
        # When the answer changed, and to what.
        self.seen: list = []

    def tries(self) -> None:
        self._ask()
        self._thread = threading.Thread(target=self._keep_asking, daemon=True)
        self._thread.start()

    def gives_up(self) -> bool:
        """Stops once shut out; whether that came about."""
        wait_for(lambda: self.seen[-1][1] != 200)
        self._enough.set()
        self._thread.join()
        return self.seen[-1][1] != 200

    def _keep_asking(self) -> None:
        while not self._enough.wait(0.01):
            self._ask()

    def _ask(self) -> None:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self._url) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        if not self.seen or self.seen[-1][1] != status:
            self.seen.append((time.monotonic(), status))


def allow(sid: str, principal: object) -> dict:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }


def port(number: int, cidr: str, description: str) -> dict:
    return {
        "IpProtocol": "tcp",
        "FromPort": number,
        "ToPort": number,
        "IpRanges": [{"CidrIp": cidr, "Description": description}],
    }


def rules(ec2, group: str) -> list:
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [
        f"tcp/{rule['FromPort']:<3} from {rule['CidrIpv4']}  {rule['Description']}"
        for rule in found
        if not rule["IsEgress"]
    ]


# What it looks like


def show(announced: dict) -> None:
    """An announcement as it arrived."""
    actor = announced["event"]["actor"]
    caller = actor if isinstance(actor, str) else actor.get("arn")
    fields = {
        "what": f"{announced['outcome']}, severity {announced['severity']}, {announced['control']}",
        "why": announced["why"],
        "who": f"{announced['event']['name']} by {caller}" if caller else announced["event"]["name"],
        "where": f"{announced['resource']} in account {announced['account']}, {announced['region']}",
        "problem": announced.get("problem") or "",
        "left open": "; ".join(announced.get("left") or []),
        # On one line, however long: it is there to be copied.
        "apply with": announced.get("apply") or "",
        "undo with": announced.get("undo") or "",
    }
    say("What arrived in your queue:")
    for name, text in fields.items():
        lines = [text] if name.endswith(" with") else textwrap.wrap(text, WIDTH, break_on_hyphens=False)
        for at, line in enumerate(filter(None, lines)):
            print(f"      {dim('│')} {dim(f'{name if at == 0 else str():<10}')} {line}")


def chapter(number: int, title: str) -> None:
    print(f"\n{bold(f'{number}  {title}')}")


def say(line: str) -> None:
    print(f"   {line}", flush=True)


STARTED = time.monotonic()


def done(line: str) -> None:
    print(f"{green('✓')} {line} {dim(f'({time.monotonic() - STARTED:.1f} s)')}", flush=True)


@contextmanager
def in_company(doing: str) -> Iterator[None]:
    """Says what takes its time, as long as it does."""
    over = threading.Event()
    company = threading.Thread(target=keep_company, args=(over, doing))
    company.start()
    try:
        yield
    finally:
        over.set()
        company.join()


def keep_company(over: threading.Event, doing: str) -> None:
    """Says what takes its time, and on a terminal for how long already."""
    if not sys.stdout.isatty():
        print(f"… {doing}", flush=True)
        return
    began = time.monotonic()
    while not over.wait(0.1):
        print(f"\r… {doing} ({time.monotonic() - began:.0f} s)", end="", flush=True)
    print("\r\033[K", end="", flush=True)


def _colour(code: str):
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return (lambda text: text) if plain else (lambda text: f"\033[{code}m{text}\033[0m")


bold, dim, red, green = _colour("1"), _colour("2"), _colour("31"), _colour("32")


if __name__ == "__main__":
    main()
