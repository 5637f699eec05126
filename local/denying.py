"""An AWS that denies everything and counts what it was asked: for a function that is to make no call, or to fail.

What it says is what each service's protocol says. It proves nothing of what AWS would have answered.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stack import ACCOUNT, REPOSITORY

# What any function has to be told to start at all, where nothing is deployed.
TOLD = {
    "SNAPBACK_JOURNAL": "journal",
    "SNAPBACK_JOURNAL_KEY": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/journal",
    "SNAPBACK_OPERATORS_KEY": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/operators",
    "SNAPBACK_JOURNAL_DAYS": "90",
    "SNAPBACK_TOPIC": f"arn:aws:sns:eu-central-1:{ACCOUNT}:topic",
    "SNAPBACK_ROLE": f"arn:aws:iam::{ACCOUNT}:role/function",
    "SNAPBACK_GUARDRAILS": str(REPOSITORY / "guardrails"),
    "SNAPBACK_RULE_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/1",
    "SNAPBACK_FUNCTION_DEAD_LETTERS": "https://sqs.eu-central-1.amazonaws.com/2",
    "SNAPBACK_DELAYED": "https://sqs.eu-central-1.amazonaws.com/4",
    "SNAPBACK_GIVEN_UP": "https://sqs.eu-central-1.amazonaws.com/3",
    "SNAPBACK_FUNCTIONS": f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:s3",
}


class DenyingAws(ThreadingHTTPServer):
    calls = 0

    @property
    def endpoint(self) -> str:
        return "http://{}:{}".format(*self.server_address)


@contextmanager
def denying_aws(host: str = "127.0.0.1") -> Iterator[DenyingAws]:
    with DenyingAws((host, 0), Denial) as aws:
        threading.Thread(target=aws.serve_forever, daemon=True).start()
        yield aws
        aws.shutdown()


class Denial(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.calls += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # The third part of the credential's scope.
        status, body = denial(self.headers["Authorization"].split("/")[3], self.path)
        self.send_response(status)
        self.send_header("x-amzn-errortype", "AccessDeniedException")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Whoever has heard of one denial does not wait for the next.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """The tests say what matters."""


def denial(service: str, path: str) -> tuple[int, bytes]:
    """Status and body of the answer."""
    said = "<Message>No.</Message>"
    is_s3_control = path.startswith("/v20180820/")
    if service == "s3" and not is_s3_control:
        return 403, f"<Error><Code>AccessDenied</Code>{said}</Error>".encode()
    if service == "ec2":
        error = f"<Error><Code>UnauthorizedOperation</Code>{said}</Error>"
        return 403, f"<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>".encode()
    if service in ("sns", "iam", "cloudformation", "rds") or is_s3_control:
        # https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
        code = "AuthorizationError" if service == "sns" else "AccessDenied"
        error = f"<Error><Type>Sender</Type><Code>{code}</Code>{said}</Error>"
        return 403, f"<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>".encode()
    return 400, json.dumps({"__type": "AccessDeniedException", "message": "No."}).encode()
