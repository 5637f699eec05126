"""Whom the exposure engine says that a policy lets in is whom the local AWS lets in.

The engine (`snapback explain policy`) and its other tests are by one hand, the enforcement of ministack is by another,
and here it is the judge. A policy is put on a door (a bucket, a queue, a role) and everyone tries the door; then what
the engine would leave of the policy is put there, and everyone tries again. Nothing is deployed, so no function wakes.

ministack 1.5.33 enforces, as AWS documents it, what is tried here: policies of buckets and queues and the trust of
roles; for users and role sessions of several accounts, on buckets also for calls without a signature; `Deny` before
`Allow`; the operators of strings, ARNs, addresses and booleans, also negated, `Null`, `…IfExists`, `ForAllValues:` and
`ForAnyValue:`; `aws:PrincipalAccount`, `aws:PrincipalArn` (for sessions it is launcher.py that does),
`aws:PrincipalOrgID`, `aws:SourceIp` and `aws:SecureTransport`; and that an account that is named decides for itself
whom of its own it lets in.

About what it does not enforce, nothing is shown here:

* `NotPrincipal` never matches, and the trust of a role must not have it. Services, canonical users and identity
  providers get in nowhere; of variables (`${…}`) the text is compared.
* A bucket does not tell users and roles of another account apart but takes all for its root. Cases that name them are
  left to queues and roles, and these let nobody try without a signature, which AWS's queues do.
* Without a signature, `aws:PrincipalAccount` and `aws:PrincipalArn` are there, as "" and "*". Where it matters that a
  key is absent, the key is `aws:PrincipalOrgID`.
* ARN operators compare the text as a whole, not part by part. An account is an organization by itself, or in none.
* Whom the trust of a role of the own account names needs an identity policy as well, which AWS does not ask for.
* Everyone calls from 127.0.0.1, and not by a VPC or a service. Callers have no tags, calls no `aws:UserAgent`.
* Any text is taken for a policy and kept byte for byte. Whether AWS takes what the engine leaves is not shown.
"""

from __future__ import annotations

import json
import random
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from botocore.handlers import json_decode_policies

from stack import ACCOUNT, TARGET, LocalAws

SNAPBACK = TARGET / "debug" / "snapback"

# Accounts: a trusted one; one of a trusted organization; a foreign one that policies name; two that no policy names,
# one of which is of an organization that nobody trusts.
TRUSTED, MEMBER, FOREIGN = "444455556666", "666677778888", "777788889999"
UNKNOWN, ORGANIZED = "400011112222", "999900001111"

# Written in policies for organizations, whose ids the local AWS makes up.
OURS, THEIRS = "o-ours", "o-theirs"

FRIENDS = {"own", "trusted", "trusted role", "member"}
STRANGERS = {"anonymous", "foreign", "unknown", "organized role"}
EVERYONE = FRIENDS | STRANGERS

UNTRUSTED = {"foreign", "public"}

# What is drawn by it has everything in it that `test_of_a_sample…` asks for.
SEED, SAMPLE = 5, 25


# Those who try


class World:
    """A local AWS with the callers in it."""

    def __init__(self, aws: LocalAws):
        self.aws = aws
        self.organization = self._organization_of(MEMBER)
        self.other_organization = self._organization_of(ORGANIZED)
        # Of organizations that no policy names.
        self._organization_of(ACCOUNT)
        self._organization_of(TRUSTED)
        self.callers = {
            # Nothing but the door's policy lets it in. It may assume roles because the local AWS asks for that.
            "own": self._user(ACCOUNT, "own", "sts:AssumeRole"),
            "trusted": self._user(TRUSTED, "trusted"),
            "trusted role": self._session(TRUSTED),
            "member": self._user(MEMBER, "member"),
            "foreign": self._user(FOREIGN, "foreign"),
            "unknown": self._user(UNKNOWN, "unknown"),
            "organized role": self._session(ORGANIZED),
        }

    def root(self, account: str) -> dict | None:
        return None if account == ACCOUNT else {"AccessKeyId": account, "SecretAccessKey": "test"}

    def _user(self, account: str, name: str, action: str = "*") -> dict:
        iam = self.aws.client("iam", self.root(account))
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=may(action))
        return iam.create_access_key(UserName=name)["AccessKey"]

    def _session(self, account: str) -> dict:
        """Of the role `reader`."""
        iam, sts = self.aws.client("iam", self.root(account)), self.aws.client("sts", self.root(account))
        role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=text_of(allow(account, action="sts:*")))
        iam.put_role_policy(RoleName="reader", PolicyName="may", PolicyDocument=may("*"))
        return sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="reading")["Credentials"]

    def _organization_of(self, account: str) -> str:
        # Asking for it makes it.
        organizations = self.aws.client("organizations", self.root(account))
        return organizations.describe_organization()["Organization"]["Id"]


def may(action: str) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})


# What they try


class Door:
    """Something with a policy, and one call that it lets people make."""

    service: str
    # As the engine calls it.
    kind = "resource"
    # What is tried, two patterns that mean it, and another call.
    actions: dict[str, str]
    resource: str | None = None
    takes_anonymous_calls = False
    tells_names_apart = True

    def __init__(self, world: World):
        self.world = world
        self.clients = {name: world.aws.client(self.service, keys) for name, keys in world.callers.items()}
        self.owner = world.aws.client(self.service)
        self.tried: dict[str | None, set[str]] = {}

    def put(self, text: str | None) -> None:
        raise NotImplementedError

    def text(self) -> str | None:
        raise NotImplementedError

    def enter(self, client) -> None:
        raise NotImplementedError

    def policy(self, *statements: dict) -> str:
        """A policy of these statements, with the door's actions, its resource, and the organizations that there are."""
        own = {"Resource": self.resource} if self.resource else {}
        filled = [{**statement, "Action": self.actions[statement["Action"]], **own} for statement in statements]
        return self.with_organizations(text_of(*filled))

    def with_organizations(self, text: str) -> str:
        return text.replace(OURS, self.world.organization).replace(THEIRS, self.world.other_organization)

    def lets_in(self) -> set[str]:
        """Who gets in now."""
        return {name for name, client in self.clients.items() if gets_in(self.enter, client)}

    def lets_in_by(self, text: str | None) -> set[str]:
        """Who gets in once this is the policy; the same policy is not tried twice."""
        self.put(text)
        if text not in self.tried:
            self.tried[text] = self.lets_in()
        return self.tried[text]

    def knows(self) -> set[str]:
        """Who can try at all."""
        return EVERYONE if self.takes_anonymous_calls else EVERYONE - {"anonymous"}


class Bucket(Door):
    service = "s3"
    actions = {"this": "s3:GetObject", "some": "s3:Get*", "all": "*", "other": "s3:PutObject"}
    takes_anonymous_calls = True
    tells_names_apart = False

    def __init__(self, world: World):
        super().__init__(world)
        self.resource = "arn:aws:s3:::door/*"
        self.owner.create_bucket(Bucket="door")
        self.owner.delete_public_access_block(Bucket="door")
        self.owner.put_object(Bucket="door", Key="a.txt", Body=b"hello")

    def put(self, text: str | None) -> None:
        if text is None:
            self.owner.delete_bucket_policy(Bucket="door")
        else:
            self.owner.put_bucket_policy(Bucket="door", Policy=text)

    def text(self) -> str | None:
        try:
            return self.owner.get_bucket_policy(Bucket="door")["Policy"]
        except ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchBucketPolicy"
            return None

    def enter(self, client) -> None:
        client.get_object(Bucket="door", Key="a.txt")

    def lets_in(self) -> set[str]:
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(f"{self.world.aws.endpoint}/door/a.txt").read()
        except urllib.error.HTTPError as error:
            assert error.code == 403
            return super().lets_in()
        return super().lets_in() | {"anonymous"}


class Queue(Door):
    service = "sqs"
    # To deny all would lock out the owner, who could not put another policy.
    actions = {
        "this": "sqs:SendMessage",
        "some": "sqs:SendMessage*",
        "all": "sqs:*Message*",
        "other": "sqs:ReceiveMessage",
    }

    def __init__(self, world: World):
        super().__init__(world)
        self.url = self.owner.create_queue(QueueName="door")["QueueUrl"]
        self.resource = self._attribute("QueueArn")

    def put(self, text: str | None) -> None:
        self.owner.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": text or ""})

    def text(self) -> str | None:
        return self._attribute("Policy") or None

    def enter(self, client) -> None:
        client.send_message(QueueUrl=self.url, MessageBody="hello")

    def _attribute(self, name: str) -> str | None:
        answer = self.owner.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return answer.get("Attributes", {}).get(name)


class Role(Door):
    kind = "trust"
    service = "sts"
    actions = {"this": "sts:AssumeRole", "some": "sts:Assume*", "all": "*", "other": "sts:TagSession"}

    def __init__(self, world: World):
        super().__init__(world)
        self.iam = world.aws.client("iam")
        # boto3 would hand out the policy read and understood, and not its text.
        self.iam.meta.events.unregister("after-call.iam", json_decode_policies)
        role = self.iam.create_role(RoleName="door", AssumeRolePolicyDocument=text_of(deny("*", action="sts:*")))
        self.arn = role["Role"]["Arn"]

    def put(self, text: str | None) -> None:
        assert text is not None, "a role has a trust policy, always"
        self.iam.update_assume_role_policy(RoleName="door", PolicyDocument=text)

    def text(self) -> str | None:
        return urllib.parse.unquote(self.iam.get_role(RoleName="door")["Role"]["AssumeRolePolicyDocument"])

    def enter(self, client) -> None:
        client.assume_role(RoleArn=self.arn, RoleSessionName="trying")


def gets_in(enter: Callable, client) -> bool:
    try:
        enter(client)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True


DOORS = [Bucket, Queue, Role]


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[type[Door], Door]]:
    # Nothing of Snapback is deployed: what is measured is how an emulator enforces a policy, and what the engine leaves
    # of one, byte for byte. An AWS that shows another text would only stand in between.
    with LocalAws(adverse=False) as aws:
        world = World(aws)
        yield {kind: kind(world) for kind in DOORS}


@pytest.fixture(params=DOORS, ids=lambda kind: kind.__name__.lower())
def door(request, doors) -> Door:
    return doors[request.param]


# What the engine says


@dataclass(frozen=True)
class Judgement:
    exposure: str
    # With the bytes that the engine gave; nothing if it leaves nothing.
    without: str | None
    is_untrusted: bool


def judged(door: Door, text: str) -> Judgement:
    command = [
        str(SNAPBACK), "explain", "policy", "-", "--json", "--kind", door.kind, "--account", ACCOUNT,
        "--trust-account", TRUSTED, "--trust-organization", door.world.organization,
    ]  # fmt: skip
    environment = door.world.aws.environment()
    done = subprocess.run(command, env=environment, input=text.encode(), capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    answer = done.stdout.decode()
    # Within a string, each quotation mark would have a backslash before it.
    start = answer.index('"without":') + len('"without":')
    without, end = json.JSONDecoder().raw_decode(answer, start)
    exposure = json.loads(answer)["exposure"]
    return Judgement(exposure, answer[start:end] if without else None, done.returncode == 1)


# Policies


def allow(principal: str | list | dict, condition: dict | None = None, action: str = "this") -> dict:
    return statement("Allow", principal, condition, action)


def deny(principal: str | list | dict, condition: dict | None = None, action: str = "all") -> dict:
    return statement("Deny", principal, condition, action)


def statement(effect: str, principal: str | list | dict, condition: dict | None, action: str) -> dict:
    named = principal if principal == "*" or isinstance(principal, dict) else {"AWS": principal}
    said = {"Effect": effect, "Principal": named, "Action": action}
    return {**said, "Condition": condition} if condition else said


def text_of(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def user(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def account(*ids: str) -> dict:
    return {"StringEquals": {"aws:PrincipalAccount": list(ids)}}


def calls_from(*ranges: str) -> dict:
    return {"IpAddress": {"aws:SourceIp": list(ranges)}}


def role(pattern: str) -> dict:
    return {"ArnLike": {"aws:PrincipalArn": pattern}}


# What AWS's documentation says of some policies


@dataclass(frozen=True)
class Case:
    statements: tuple[dict, ...]
    exposure: str
    lets_in: set[str]
    # Who still gets in without those who are not trusted.
    keeps: set[str]
    # Whether it names users or roles of other accounts.
    names: bool = False


def case(*statements: dict, exposure: str, lets_in: set[str], keeps: set[str], names: bool = False) -> Case:
    return Case(statements, exposure, lets_in, keeps, names)


def fine(*statements: dict, exposure: str, lets_in: set[str], names: bool = False) -> Case:
    """All stay."""
    return Case(statements, exposure, lets_in, lets_in, names)


NOBODY: set[str] = set()
OF_TRUSTED = {"trusted", "trusted role"}
OF_ORGANIZATIONS = {"own", "member", "organized role", *OF_TRUSTED}

CASES = {
    "everyone": case(allow("*"), exposure="public", lets_in=EVERYONE, keeps=NOBODY),
    "everyone in a list": case(allow([TRUSTED, "*"]), exposure="public", lets_in=EVERYONE, keeps=OF_TRUSTED),
    "everyone beside a trusted account": case(
        allow(TRUSTED), allow({"AWS": "*"}), exposure="public", lets_in=EVERYONE, keeps=OF_TRUSTED
    ),
    "a trusted account": fine(allow(f"arn:aws:iam::{TRUSTED}:root"), exposure="account", lets_in=OF_TRUSTED),
    "an own user": fine(allow(user(ACCOUNT, "own")), exposure="account", lets_in={"own"}),
    "a foreign account": case(allow(FOREIGN), exposure="foreign", lets_in={"foreign"}, keeps=NOBODY),
    "a foreign account in a list": case(
        allow([TRUSTED, f"arn:aws:iam::{FOREIGN}:root", user(ACCOUNT, "own")]),
        exposure="foreign",
        lets_in={"own", "foreign", *OF_TRUSTED},
        keeps={"own", *OF_TRUSTED},
    ),
    "a foreign user in a list": case(
        allow([user(FOREIGN, "foreign"), user(TRUSTED, "trusted"), user(ACCOUNT, "own")]),
        exposure="foreign",
        lets_in={"own", "trusted", "foreign"},
        keeps={"own", "trusted"},
        names=True,
    ),
    "a foreign role": case(
        allow(f"arn:aws:iam::{ORGANIZED}:role/reader"),
        exposure="foreign",
        lets_in={"organized role"},
        keeps=NOBODY,
        names=True,
    ),
    # Organizations
    "a trusted organization": fine(
        allow("*", {"StringEquals": {"aws:PrincipalOrgID": OURS}}), exposure="organization", lets_in={"member"}
    ),
    "names of operators and keys in any case": fine(
        allow("*", {"stringequals": {"AWS:principalORGid": OURS}}), exposure="organization", lets_in={"member"}
    ),
    "another organization beside it": case(
        allow("*", {"StringEquals": {"aws:PrincipalOrgID": [OURS, THEIRS]}}),
        exposure="foreign",
        lets_in={"member", "organized role"},
        keeps={"member"},
    ),
    "any organization": case(
        allow("*", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        exposure="public",
        lets_in=OF_ORGANIZATIONS,
        keeps=NOBODY,
    ),
    "an organization that is called o-*": fine(
        allow("*", {"StringEquals": {"aws:PrincipalOrgID": "o-*"}}), exposure="none", lets_in=NOBODY
    ),
    "a trusted organization, if there is one": case(
        allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": OURS}}),
        exposure="public",
        lets_in={"member", *EVERYONE - OF_ORGANIZATIONS},
        keeps=NOBODY,
    ),
    "none but a trusted organization": case(
        allow("*", {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": OURS}}),
        exposure="public",
        lets_in={"member", *EVERYONE - OF_ORGANIZATIONS},
        keeps=NOBODY,
    ),
    "a trusted organization among others": fine(
        allow("*", {"ForAnyValue:StringEquals": {"aws:PrincipalOrgID": OURS}}),
        exposure="organization",
        lets_in={"member"},
    ),
    "no organization": case(
        allow("*", {"Null": {"aws:PrincipalOrgID": "true"}}),
        exposure="public",
        lets_in=EVERYONE - OF_ORGANIZATIONS,
        keeps=NOBODY,
    ),
    "a trusted organization, and it is there": fine(
        allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": OURS}, "Null": {"aws:PrincipalOrgID": "false"}}),
        exposure="organization",
        lets_in={"member"},
    ),
    # Accounts and ARNs
    "accounts in a condition": case(
        allow("*", account(TRUSTED, FOREIGN)),
        exposure="foreign",
        lets_in={"foreign", *OF_TRUSTED},
        keeps=OF_TRUSTED,
    ),
    "all accounts but one": case(
        allow("*", {"StringNotEquals": {"aws:PrincipalAccount": FOREIGN}}),
        exposure="public",
        lets_in=EVERYONE - {"foreign"},
        keeps=NOBODY,
    ),
    "accounts that begin with a digit": case(
        allow("*", {"StringLike": {"aws:PrincipalAccount": ["4*", "9*"]}}),
        exposure="public",
        lets_in={"unknown", "organized role", *OF_TRUSTED},
        keeps=NOBODY,
    ),
    "roles of a trusted account": fine(
        allow("*", role(f"arn:aws:iam::{TRUSTED}:role/*")), exposure="account", lets_in={"trusted role"}, names=True
    ),
    "a role of any account": case(
        allow("*", role("arn:aws:iam::*:role/reader")),
        exposure="public",
        lets_in={"trusted role", "organized role"},
        keeps=NOBODY,
        names=True,
    ),
    "a foreign account that a condition keeps out": fine(
        allow([FOREIGN, TRUSTED], account(TRUSTED)), exposure="account", lets_in=OF_TRUSTED
    ),
    # Addresses
    "everyone from somewhere": case(
        allow("*", calls_from("127.0.0.0/16")), exposure="foreign", lets_in=EVERYONE, keeps=NOBODY
    ),
    "everyone from somewhere else": case(
        allow("*", calls_from("203.0.113.0/24")), exposure="foreign", lets_in=NOBODY, keeps=NOBODY
    ),
    "the world in two halves": case(
        allow("*", calls_from("0.0.0.0/1", "128.0.0.0/1")), exposure="public", lets_in=EVERYONE, keeps=NOBODY
    ),
    "the world with host bits": case(
        allow("*", calls_from("203.0.113.254/0")), exposure="public", lets_in=EVERYONE, keeps=NOBODY
    ),
    "the world but somewhere": case(
        allow("*", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        exposure="public",
        lets_in=EVERYONE,
        keeps=NOBODY,
    ),
    "a trusted account from anywhere": fine(
        allow(TRUSTED, calls_from("0.0.0.0/0")), exposure="account", lets_in=OF_TRUSTED
    ),
    "accounts from somewhere": case(
        allow("*", {**account(TRUSTED, FOREIGN), **calls_from("127.0.0.0/16")}),
        exposure="foreign",
        lets_in={"foreign", *OF_TRUSTED},
        keeps=OF_TRUSTED,
    ),
    # Deny
    "everyone, and nobody": fine(allow("*", action="some"), deny("*"), exposure="none", lets_in=NOBODY),
    "all denied but trusted accounts": fine(
        allow("*"),
        deny("*", {"StringNotEquals": {"aws:PrincipalAccount": [ACCOUNT, TRUSTED]}}),
        exposure="account",
        lets_in={"own", *OF_TRUSTED},
    ),
    "all denied but a trusted organization": fine(
        allow("*", action="all"),
        deny("*", {"StringNotEquals": {"aws:PrincipalOrgID": OURS}}),
        exposure="organization",
        lets_in={"member"},
    ),
    "all denied but trusted roles": fine(
        allow("*"),
        deny("*", {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::{TRUSTED}:role/*"}}),
        exposure="account",
        lets_in={"trusted role"},
        names=True,
    ),
    "all denied but a foreign account": case(
        allow("*"),
        deny("*", {"StringNotEquals": {"aws:PrincipalAccount": FOREIGN}}),
        exposure="foreign",
        lets_in={"foreign"},
        keeps=NOBODY,
    ),
    "all denied that are of some other organization": case(
        allow("*"),
        deny("*", {"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgID": OURS}}),
        exposure="public",
        lets_in={"member", *EVERYONE - OF_ORGANIZATIONS},
        keeps=NOBODY,
    ),
    "a foreign account denied": case(
        allow("*"), deny(FOREIGN), exposure="public", lets_in=EVERYONE - {"foreign"}, keeps=NOBODY
    ),
    "another call denied": case(
        allow("*", action="all"),
        deny("*", {"StringNotEquals": {"aws:PrincipalOrgID": OURS}}, action="other"),
        exposure="public",
        lets_in=EVERYONE,
        keeps=NOBODY,
    ),
    "calls denied that are encrypted": case(
        allow("*"),
        deny("*", {"Bool": {"aws:SecureTransport": "true"}}),
        exposure="public",
        lets_in=EVERYONE,
        keeps=NOBODY,
    ),
    "calls denied that are not encrypted": case(
        allow("*"),
        deny("*", {"Bool": {"aws:SecureTransport": "false"}}),
        exposure="public",
        lets_in=NOBODY,
        keeps=NOBODY,
    ),
    "a deny beside a foreign account stays": case(
        allow([TRUSTED, FOREIGN]),
        deny("*", {"StringNotEquals": {"aws:PrincipalAccount": [FOREIGN, UNKNOWN]}}),
        allow(UNKNOWN),
        exposure="foreign",
        lets_in={"foreign", "unknown"},
        keeps=NOBODY,
    ),
}


@pytest.mark.parametrize(
    ("door", "name"),
    [
        pytest.param(kind, name, id=f"{kind.__name__.lower()}-{name}")
        for kind in DOORS
        for name, case in CASES.items()
        if kind.tells_names_apart or not case.names
    ],
    indirect=["door"],
)
def test_the_engine_agrees_with_enforcement(door, name):
    case = CASES[name]
    policy = door.policy(*case.statements)
    judgement = judged(door, policy)
    assert door.lets_in_by(policy) == case.lets_in & door.knows()
    assert judgement.exposure == case.exposure
    assert judgement.is_untrusted == (case.exposure in UNTRUSTED)
    assert door.lets_in_by(judgement.without) == case.keeps & door.knows()
    assert is_quiet(door, judgement.without)


def test_before_there_is_a_policy_nobody_gets_in(door):
    nothing = door.policy(deny("*")) if door.kind == "trust" else None
    assert door.lets_in_by(nothing) == NOBODY


# There and back


def test_what_stays_goes_there_and_back_byte_for_byte(door):
    # Nobody formats a policy like this: whoever rewrites it as a whole keeps its meaning and not its bytes.
    action = door.actions["this"].replace("s", "\\u0073", 1)
    upon = f', "Resource"\t:["{door.resource}"]' if door.resource else ""
    everyone = f'{{"Effect":"Allow","Principal":{{"AWS":["*"]}},"Action":"{action}"{upon}}}'
    friends = (
        f'{{ "Sid" : "Friends",\n\t"Principal" : {{"AWS":[ "{TRUSTED}" , "{FOREIGN}"]}},'
        f'  "Action":\t["{action}"], "Effect":"Allow"{upon} }}'
    )
    denial = f'{{"Effect":"Deny", "Principal":"*", "Action":"{door.actions["other"]}"{upon}}}'
    text = (
        f'{{"Statement" :[ {everyone},\n\n{denial}\n,{friends} ], "Id":"d\\u00e9j\u00e0 vu",\n"Version":"2012-10-17"}}'
    )
    door.put(text)
    assert door.text() == text
    judgement = judged(door, text)
    assert judgement.without == text.replace(f"{everyone},\n\n", "").replace(f' , "{FOREIGN}"', "")
    assert door.lets_in_by(judgement.without) == OF_TRUSTED
    assert is_quiet(door, judgement.without)


def test_where_nothing_stays_there_is_no_policy(door):
    judgement = judged(door, door.policy(allow("*"), allow(FOREIGN)))
    if door.kind == "trust":
        [left] = json.loads(judgement.without)["Statement"]
        assert (left["Effect"], left["Principal"]) == ("Deny", {"AWS": "*"})
    else:
        assert judgement.without is None
    assert door.lets_in_by(judgement.without) == NOBODY
    assert is_quiet(door, judgement.without)


def is_quiet(door: Door, without: str | None) -> bool:
    """Whether this is what the door has for a policy now, and nothing more would be taken out of it."""
    if without is None:
        return door.text() is None
    text = door.text()
    again = judged(door, text)
    return text == without and not again.is_untrusted and again.without == without


# Policies that nobody thought of


NAMES_OF_OTHERS = [f"arn:aws:iam::{TRUSTED}:role/reader", user(TRUSTED, "trusted"), user(FOREIGN, "foreign")]
PRINCIPALS = [
    "*", "*", ACCOUNT, user(ACCOUNT, "own"), TRUSTED, f"arn:aws:iam::{TRUSTED}:root", FOREIGN,
    f"arn:aws:iam::{FOREIGN}:root", *NAMES_OF_OTHERS,
]  # fmt: skip

VALUES = {
    ("StringEquals", "aws:PrincipalAccount"): [ACCOUNT, TRUSTED, FOREIGN],
    ("StringLike", "aws:PrincipalAccount"): [TRUSTED, FOREIGN, "*", "4*"],
    ("StringEquals", "aws:PrincipalOrgID"): [OURS, THEIRS],
    ("StringLike", "aws:PrincipalOrgID"): [OURS, THEIRS, "o-*"],
    ("ArnLike", "aws:PrincipalArn"): [
        f"arn:aws:iam::{TRUSTED}:*", user(ACCOUNT, "own"), f"arn:aws:iam::{FOREIGN}:*", "arn:aws:iam::*:*",
    ],
    ("IpAddress", "aws:SourceIp"): ["127.0.0.0/16", "203.0.113.0/24", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0"],
}  # fmt: skip

WILDCARDS = ["*", "4*", "o-*", "arn:aws:iam::*:*"]

NEGATED = {
    "StringEquals": "StringNotEquals",
    "StringLike": "StringNotLike",
    "ArnLike": "ArnNotLike",
    "IpAddress": "NotIpAddress",
}


def test_of_a_sample_no_stranger_stays_and_no_friend_goes(door):
    drawn = random.Random(f"{SEED} {type(door).__name__}")
    seen = Counter()
    for _ in range(SAMPLE):
        statements = a_policy(drawn, door)
        policy = door.policy(*statements)
        before = door.lets_in_by(policy)
        judgement = judged(door, policy)

        assert judgement.is_untrusted == (judgement.exposure in UNTRUSTED), policy
        assert judgement.is_untrusted or not before & STRANGERS, policy
        if "anonymous" in before and "aws:SourceIp" not in policy:
            assert judgement.exposure == "public", policy
        if not judgement.is_untrusted:
            assert judgement.without == policy

        after = door.lets_in_by(judgement.without)
        assert after <= before - STRANGERS, (policy, judgement.without)
        assert is_quiet(door, judgement.without), (policy, judgement.without)
        for friend in before - STRANGERS - after:
            assert not could_have_stayed(door, friend, after, statements), (friend, policy, judgement.without)
            seen["only with strangers"] += 1

        seen["strangers"] += bool(before & STRANGERS)
        seen["friends alone"] += bool(before) and not before & STRANGERS and not judgement.is_untrusted
        seen["friends kept"] += bool(before & STRANGERS) and bool(after)
        seen[judgement.exposure] += 1
    # A sample in which one of these hardly ever happens would show little.
    often = ("strangers", "friends alone", "friends kept", "only with strangers", "public", "foreign", "account")
    assert all(seen[what] >= 3 for what in often), seen


def a_policy(drawn: random.Random, door: Door) -> list[dict]:
    principals = [name for name in PRINCIPALS if door.tells_names_apart or name not in NAMES_OF_OTHERS]
    statements = [an_allow(drawn, principals) for _ in range(drawn.choice([1, 1, 2, 3]))]
    if drawn.random() < 0.4:
        statements.insert(drawn.randrange(len(statements) + 1), a_deny(drawn, principals))
    return statements


def an_allow(drawn: random.Random, principals: list[str]) -> dict:
    named = drawn.sample(principals, drawn.choice([1, 1, 2, 3]))
    condition: dict = {}
    for _ in range(drawn.choice([0, 0, 1, 1, 2])):
        (operator, key), values = drawn.choice(list(VALUES.items()))
        # Only this key is absent from any call.
        forms = ["{}"] * 5 + ["{}IfExists", "ForAllValues:{}", "ForAnyValue:{}"]
        form = drawn.choice(forms) if key == "aws:PrincipalOrgID" else "{}"
        operator = NEGATED[operator] if drawn.random() < 0.1 else operator
        # Beside others who are named, a value that means everyone stays: whether they need it is not worked out.
        values = values if len(named) == 1 else [value for value in values if value not in WILDCARDS]
        condition.setdefault(form.format(operator), {})[key] = drawn.sample(values, drawn.choice([1, 1, 2]))
    action = drawn.choice(["this", "this", "this", "some", "all", "other"])
    return allow(named[0] if len(named) == 1 else named, condition, action)


def a_deny(drawn: random.Random, principals: list[str]) -> dict:
    action = drawn.choice(["this", "all", "all", "other"])
    if drawn.random() < 0.2:
        return deny(drawn.choice(principals), action=action)
    (operator, key), values = drawn.choice(list(VALUES.items()))
    form = drawn.choice(["{}", "{}", "{}IfExists", "ForAnyValue:{}"]) if key == "aws:PrincipalOrgID" else "{}"
    condition = {form.format(NEGATED[operator]): {key: drawn.sample(values, drawn.choice([1, 2]))}}
    return deny("*", condition, action)


def could_have_stayed(door: Door, friend: str, after: set[str], statements: list[dict]) -> bool:
    """Whether taking other parts out of a statement keeps this friend as well as those who are still let in."""
    # A `Deny` of some calls does not keep strangers from the others, which are not tried.
    denies = [denial for denial in statements if denial["Effect"] == "Deny" and denial["Action"] == "all"]
    for statement in (statement for statement in statements if statement["Effect"] == "Allow"):
        still = after & door.lets_in_by(door.policy(statement, *denies))
        for parts in ways_to_part(statement):
            lets_in = [door.lets_in_by(door.policy(part, *denies)) for part in parts]
            kept = set().union(*(those for those in lets_in if not those & STRANGERS))
            if friend in kept and still <= kept:
                return True
    return False


def ways_to_part(statement: dict) -> Iterator[list[dict]]:
    """The statement as one for each principal of its list, and as one for each value of a condition."""
    principals = statement["Principal"] if statement["Principal"] == "*" else statement["Principal"]["AWS"]
    if isinstance(principals, list):
        yield [{**statement, "Principal": {"AWS": principal}} for principal in principals]
    condition = statement.get("Condition", {})
    for operator, keys in condition.items():
        for key, values in keys.items():
            if len(values) > 1:
                with_value = [{**condition, operator: {**keys, key: [value]}} for value in values]
                yield [{**statement, "Condition": narrowed} for narrowed in with_value]
