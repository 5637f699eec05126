"""Makes the local AWS as unforgiving as the real one.

What AWS was seen to do and no emulator does: it shows policies otherwise than they were put, and in another order each
time; it calls principals that are no more by their ids, and refuses the policies that it has shown; it throttles, it
has no time for two writes at once, it shows what was before, and somebody else was faster. Each of these names who has
met it.

What policies look like, whom they may name and what roles may do holds for everybody. Faults meet Snapback alone, its
functions and its command: whoever calls with AWS's SDK for Rust. The tests call with Python's, and see what is there.

Nothing here is left to the moment. What befalls a call follows from the seed, the operation, and how often that was
called: `SNAPBACK_ADVERSE_SEED` says which seed. No fault follows another of its kind at once, so that whoever tries
again can succeed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, unescape

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, s3, sqs

import authorization
from chance import Chance
from policies_as_shown import UNIQUE_ID, as_shown, parsed, principals, root_of
from wire import Call, labels_of, operation_of, parameters_of, signing_name

# One call in so many is throttled, and one write in so many meets another write.
THROTTLED, CONFLICTING, RACING = 40, 5, 4

# How long reads flap after a write, in seconds of AWS's: S3's settings up to two minutes
# (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/s3/bucket.go), SQS too (…/sqs/wait.go),
# and IAM (…/iam/consts.go).
FLAPPING = {"s3": 120, "sqs": 120, "iam": 120}

# https://github.com/smithy-lang/smithy-rs, aws-runtime's retries/classifiers.rs, lists which codes mean this; which
# service uses which is in botocore's models and each service's page of common errors.
THROTTLES = {
    "s3": ("SlowDown", 503),
    "ec2": ("RequestLimitExceeded", 503),
    "sns": ("Throttling", 400),
    "sqs": ("RequestThrottled", 403),
    "iam": ("Throttling", 400),
    "cloudformation": ("Throttling", 400),
    "cloudtrail": ("ThrottlingException", 400),
    "config": ("ThrottlingException", 400),
    "lambda": ("TooManyRequestsException", 429),
    "kms": ("ThrottlingException", 400),
    "events": ("ThrottlingException", 400),
    "dynamodb": ("ThrottlingException", 400),
    "rolesanywhere": ("ThrottlingException", 429),
}

# The settings of a bucket that S3 keeps beside each other, by the name in the address of their calls.
SETTINGS = {
    "policy", "acl", "publicAccessBlock", "ownershipControls", "versioning", "lifecycle", "logging", "replication",
}  # fmt: skip

# What two writes at once get.
CONFLICTS = {
    # https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/s3/service_package.go
    **dict.fromkeys(
        [
            ("s3", f"{verb}Bucket{what}")
            for verb in ("Put", "Delete")
            for what in ("Policy", "Acl", "OwnershipControls", "Versioning", "Logging", "Replication")
        ]
        + [("s3", "PutPublicAccessBlock"), ("s3", "DeletePublicAccessBlock"), ("s3", "PutBucketLifecycleConfiguration")],
        ("OperationAborted", 409, "A conflicting conditional operation is currently in progress against this resource."),
    ),
    # botocore's model of sns: a topic that is encrypted, as ours is.
    ("sns", "Publish"): ("KMSThrottling", 400, "The request was denied due to request throttling."),
    # botocore's model of events.
    **dict.fromkeys(
        [("events", name) for name in ("EnableRule", "PutTargets", "RemoveTargets", "PutPermission")],
        ("ConcurrentModificationException", 400, "There is concurrent modification on a rule, target or policy."),
    ),
    # botocore's model of cloudtrail.
    **dict.fromkeys(
        [
            ("cloudtrail", name)
            for name in ("CreateTrail", "PutEventSelectors", "PutInsightSelectors", "StartLogging", "UpdateTrail")
        ],
        ("ConflictException", 400, "The operation cannot be performed while another one on the trail is under way."),
    ),
    # botocore's model of lambda.
    **dict.fromkeys(
        [("lambda", "PutFunctionConcurrency"), ("lambda", "DeleteFunctionConcurrency")],
        ("ResourceConflictException", 409, "The operation cannot be performed at this time. An update is in progress."),
    ),
    ("dynamodb", "UpdateTable"): ("ResourceInUseException", 400, "Attempt to change a resource which is still in use."),
    ("dynamodb", "UpdateContinuousBackups"): (
        "ContinuousBackupsUnavailableException", 400, "Backups are being enabled for the table. Please retry later.",
    ),  # fmt: skip
    # https://github.com/hashicorp/terraform-provider-aws/issues/43528: the last modification still runs.
    ("ec2", "ModifyManagedPrefixList"): (
        "IncorrectState", 400, "The request cannot be completed: the prefix list is in state modify-in-progress.",
    ),  # fmt: skip
}  # fmt: skip

# Somebody else, or an earlier attempt whose answer was lost, has just done it: the call finds it done.
# https://github.com/getmoto/moto/blob/master/tests/test_ec2/test_security_groups.py (verified on AWS),
# https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ec2/errors.go
RACES = {
    "RevokeSecurityGroupIngress": "InvalidSecurityGroupRuleId.NotFound",
    "RevokeSecurityGroupEgress": "InvalidSecurityGroupRuleId.NotFound",
    "AuthorizeSecurityGroupIngress": "InvalidPermission.Duplicate",
    "AuthorizeSecurityGroupEgress": "InvalidPermission.Duplicate",
    "DeleteNetworkAclEntry": "InvalidNetworkAclEntry.NotFound",
    "CreateNetworkAclEntry": "NetworkAclEntryAlreadyExists",
}

# How each service refuses a policy that names nobody it knows. S3:
# https://github.com/ministryofjustice/analytical-platform/issues/4932; IAM, KMS, Secrets Manager, ECR, EFS: the
# Terraform provider's role.go, key.go, secret_policy.go, repository_policy.go, file_system_policy.go; SNS:
# https://github.com/hashicorp/terraform-provider-aws/issues/26041; SQS:
# https://github.com/hashicorp/terraform-provider-aws/issues/42209
REFUSALS = {
    "s3": ("MalformedPolicy", "Invalid principal in policy"),
    "iam": ("MalformedPolicyDocument", 'Invalid principal in policy: "AWS":"{}"'),
    "kms": ("MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."),
    "sns": ("InvalidParameter", "Invalid parameter: Policy Error: PrincipalNotFound"),
    "sqs": ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    "secretsmanager": ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal."),
    "ecr": ("InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"),
    "elasticfilesystem": ("InvalidPolicyException", "Policy contains invalid Principal block."),
}  # fmt: skip

# Where an answer holds a policy, by the name of the member or element. IAM's policies of identities stay as they were
# put (LocalStack's test_put_role_policy_encoding): only what roles trust is among these.
MEMBERS = {"Policy", "policyText", "ResourcePolicy", "PolicyInJson", "policyDocument", "AssumeRolePolicyDocument"}
ELEMENTS = re.compile(r"(<(?:AssumeRolePolicyDocument|Policy)>|<key>Policy</key>\s*<value>|<Name>Policy</Name>\s*<Value>)([^<]+)(<)")


def install(
    chance: Chance, scale: float, faults: Collection[str], then: Callable[..., None], was_long_ago: Callable[[], bool]
) -> None:
    """`scale`: how long a second of AWS's is here. `faults`: the kinds that meet Snapback. `then` is told of a call that
    was answered, and how; whoever wraps this is told of the answers that are given here. `was_long_ago`: whether what is
    being written counts as having been there for long."""
    adversary = Adversary(chance, scale, faults, was_long_ago)
    dispatch, control = app._dispatch_service_request, app._handle_s3_control_request

    async def on_the_way(method, path, headers, body, query, request_id):
        async def go() -> tuple:
            return await dispatch(method, path, headers, body, query, request_id)

        def done(answer: tuple) -> None:
            then(method, path, headers, body, query, request_id, answer)

        return await adversary.answer(_call(method, path, headers, body, query, request_id), go, done)

    async def on_the_way_to_s3_control(path, method, body, query, request_id, headers=None):
        async def go() -> tuple:
            return await control(path, method, body, query, request_id, headers)

        if not path.startswith("/v20180820/"):
            return await go()
        # No race is about S3.
        return await adversary.answer(_call(method, path, headers or {}, body, query, request_id), go, lambda _: None)

    app._dispatch_service_request = on_the_way
    app._handle_s3_control_request = on_the_way_to_s3_control
    authorization.install()


class Adversary:
    def __init__(self, chance: Chance, scale: float, faults: Collection[str], was_long_ago: Callable[[], bool]):
        self.chance, self.scale, self.faults, self.was_long_ago = chance, scale, faults, was_long_ago
        # What roles and users that are no more were called by: their ids, by their ARNs.
        self.dead: dict = {}
        # What reads showed before a write, and until when they still may.
        self.before: dict = {}

    async def answer(self, call: Call, go, done) -> tuple:
        operation = operation_of(call)
        if operation is None:
            return await go()
        service, name = call.signing_name, operation.name
        asked = parameters_of(operation, call) if service != "s3" else labels_of(operation, call)
        self.remember_the_dead(service, name, asked)
        nobody = self.nobody_among(policy_put(service, name, asked, call))
        if nobody and service in REFUSALS:
            code, message = REFUSALS[service]
            return error(service, code, 400, message.format(nobody), call)
        self.remember_what_was(service, name, call, asked)
        if is_snapbacks(call):
            fault = self.fault(service, name, call) or self.old(call)
            if fault:
                return fault
            if name in RACES and self.strikes(f"race {name}", RACING):
                answer = await go()
                if answer[0] != 200:
                    return answer
                # What is done has a record of its own: of whoever was faster, or of the attempt whose answer was lost.
                done(answer)
                return error(service, RACES[name], 400, "Somebody else was faster.", call)
            return self.shown(service, name, self.with_old_policy(service, name, asked, await go()))
        return self.shown(service, name, await go())

    def fault(self, service: str, name: str, call: Call) -> tuple | None:
        if service in THROTTLES and self.strikes(f"throttle {service} {name}", THROTTLED):
            code, status = THROTTLES[service]
            return error(service, code, status, "Rate exceeded", call)
        if (service, name) in CONFLICTS and self.strikes(f"conflict {service} {name}", CONFLICTING):
            code, status, message = CONFLICTS[service, name]
            return error(service, code, status, message, call)
        return None

    def strikes(self, what: str, one_in: int) -> bool:
        return what.partition(" ")[0] in self.faults and self.chance.strikes(what, one_in)

    def shown(self, service: str, name: str, answer: tuple) -> tuple:
        """The answer with its policies as AWS shows them."""
        status, headers, content = answer
        # What a table keeps comes back as it was put, under a checksum.
        if status != 200 or not isinstance(content, bytes) or service == "dynamodb":
            return answer

        def show(text: str) -> str:
            return as_shown(service, text, self.chance.random(f"read {service} {name}"), self.name_of)

        if (service, name) == ("s3", "GetBucketPolicy"):
            return status, headers, show(content.decode()).encode()
        if content.startswith(b"{"):
            return status, headers, json.dumps(_in_members(json.loads(content), show)).encode()
        if content.startswith(b"<"):
            return status, headers, ELEMENTS.sub(lambda found: found[1] + _in_element(found[2], show) + found[3], content.decode()).encode()
        return answer

    def remember_what_was(self, service: str, name: str, call: Call, asked: dict) -> None:
        """Keeps what is there before a setting of a bucket or a queue, or what a role trusts, is written."""
        setting = setting_of(call)
        if setting and call.method in ("PUT", "DELETE"):
            # By S3's own code, past whoever asks for permission.
            was = s3._dispatch("GET", call.path.strip("/"), "", {}, b"", {setting: [""]})
            self.keep((call.path, setting), service, was)
        elif name == "SetQueueAttributes" and "Policy" in (asked.get("Attributes") or {}):
            queue = sqs._queues.get(asked.get("QueueUrl")) or {"attributes": {}}
            self.keep((service, asked.get("QueueUrl")), service, queue["attributes"].get("Policy"))
        elif name == "UpdateAssumeRolePolicy" and iam._roles.get(asked.get("RoleName")):
            was = iam._roles.get(asked["RoleName"])["AssumeRolePolicyDocument"]
            self.keep((service, asked["RoleName"]), service, was)

    def keep(self, of: tuple, service: str, was) -> None:
        if self.was_long_ago():
            self.before.pop(of, None)
        else:
            self.before[of] = (time.monotonic() + FLAPPING[service] * self.scale, was)

    def flaps(self, of: tuple) -> bool:
        """Whether a read comes soon after a write, and shows what was before it: now this, now that."""
        return of in self.before and time.monotonic() < self.before[of][0] and self.strikes(f"old {of[0]}", 2)

    def old(self, call: Call) -> tuple | None:
        """What a bucket's setting was before."""
        of = (call.path, setting_of(call))
        return self.shown("s3", "GetBucketPolicy", self.before[of][1]) if call.method == "GET" and self.flaps(of) else None

    def with_old_policy(self, service: str, name: str, asked: dict, answer: tuple) -> tuple:
        """The answer with the policy that a queue or a role had before."""
        status, headers, content = answer
        queue, role = (service, asked.get("QueueUrl")), (service, asked.get("RoleName"))
        if status == 200 and name == "GetQueueAttributes" and content.startswith(b"{") and self.flaps(queue):
            said, policy = json.loads(content), self.before[queue][1]
            said["Attributes"] = {key: one for key, one in said.get("Attributes", {}).items() if key != "Policy"}
            said["Attributes"].update({"Policy": policy} if policy else {})
            return status, headers, json.dumps(said).encode()
        if status == 200 and name == "GetRole" and self.flaps(role):
            was = f"<AssumeRolePolicyDocument>{quote(self.before[role][1], safe='')}</AssumeRolePolicyDocument>"
            shown = re.sub(r"<AssumeRolePolicyDocument>[^<]*</AssumeRolePolicyDocument>", lambda _: was, content.decode())
            return status, headers, shown.encode()
        return answer

    def remember_the_dead(self, service: str, name: str, asked: dict) -> None:
        found = None
        if (service, name) == ("iam", "DeleteRole"):
            found = iam._roles.get(asked.get("RoleName"))
        elif (service, name) == ("iam", "DeleteUser"):
            found = iam._users.get(asked.get("UserName"))
        if found:
            self.dead[found["Arn"]] = found.get("RoleId") or found.get("UserId")

    def name_of(self, principal: str) -> str:
        """How AWS calls it by now: who is no more, by its id."""
        return self.dead[principal] if principal in self.dead and not exists(principal) else root_of(principal)

    def nobody_among(self, text: str | None) -> str | None:
        """The first that a policy names and that is not there. Of other accounts it is not known who is there."""
        policy = parsed(text) if text else None
        named = principals(policy) if policy else []
        return next((one for one in named if is_gone(one)), None)


def setting_of(call: Call) -> str | None:
    """Which of a bucket's settings a call is about. An object has an ACL as well."""
    is_of_bucket = call.signing_name == "s3" and call.path.strip("/").count("/") == 0
    return next((one for one in call.query if one in SETTINGS), None) if is_of_bucket else None


def is_gone(principal: str) -> bool:
    if UNIQUE_ID.fullmatch(principal):
        return not any(one.get("RoleId", one.get("UserId")) == principal for store in (iam._roles, iam._users) for one in store.values())
    return re.match(rf"arn:aws:iam::{get_account_id()}:(role|user)/", principal) is not None and not exists(principal)


def exists(arn: str) -> bool:
    kind, name = arn.split(":")[5].split("/")[0], arn.rpartition("/")[2]
    found = (iam._roles if kind == "role" else iam._users).get(name)
    return found is not None and found["Arn"] == arn


def policy_put(service: str, name: str, asked: dict, call: Call) -> str | None:
    """The policy that a call puts, if it does."""
    if (service, name) == ("s3", "PutBucketPolicy"):
        return call.body.decode("utf-8", "replace")
    if service == "s3" and name == "PutAccessPointPolicy":
        found = re.search(rb"<Policy>(.*)</Policy>", call.body, re.DOTALL)
        return unescape(found[1].decode(), {"&quot;": '"', "&#34;": '"'}) if found else None
    if name == "SetTopicAttributes":
        return asked.get("AttributeValue") if asked.get("AttributeName") == "Policy" else None
    if name in ("SetQueueAttributes", "CreateQueue", "CreateTopic"):
        return (asked.get("Attributes") or {}).get("Policy")
    if name in ("CreateRole", "UpdateAssumeRolePolicy"):
        return asked.get("AssumeRolePolicyDocument") or asked.get("PolicyDocument")
    if name in ("PutKeyPolicy", "CreateKey", "PutFileSystemPolicy"):
        return asked.get("Policy")
    return asked.get("ResourcePolicy") or asked.get("policyText") if name in ("PutResourcePolicy", "SetRepositoryPolicy") else None


def is_snapbacks(call: Call) -> bool:
    return "aws-sdk-rust/" in call.headers.get("user-agent", "")


def error(service: str, code: str, status: int, message: str, call: Call) -> tuple:
    """An error in the protocol that the call came in."""
    if call.path.startswith("/v20180820/"):
        return s3.s3control_error(code, message, status)
    _, headers, content = iam_actions.access_denied_response(
        service, "", "", call.request_id, error_code=code, message=message, headers=dict(call.headers)
    )
    return status, headers, content


def _call(method, path, headers, body, query, request_id) -> Call:
    return Call(
        signing_name=signing_name(headers, query), region=get_region(), account=get_account_id(), method=method,
        path=path, query=query, headers=headers, body=body or b"", status=0, answer=b"", identity={}, source_ip="",
        request_id=request_id,
    )  # fmt: skip


def _in_members(value, show):
    if isinstance(value, dict):
        return {
            name: show(one) if name in MEMBERS and isinstance(one, str) else _in_members(one, show)
            for name, one in value.items()
        }
    return [_in_members(one, show) for one in value] if isinstance(value, list) else value


def _in_element(text: str, show) -> str:
    """IAM's documents are encoded as addresses are (RFC 3986): GetRole in the same recordings."""
    if text.startswith("%7B"):
        return quote(show(unquote(text)), safe="")
    return escape(show(unescape(text, {"&quot;": '"', "&#34;": '"', "&apos;": "'"})), {'"': "&quot;"})
