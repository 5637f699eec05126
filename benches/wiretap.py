"""Stands between a function and the local AWS: ends TLS, as AWS does, and keeps which calls were made and when.

Each service has a loopback address of its own, as on AWS each has a host of its own, so that a function needs as many
connections as it would there. It answers as soon as the local AWS does, or not before AWS would (`latency.py`). Times are
those of this process, seconds of `time.perf_counter`.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import botocore

import latency
import wire
from stack import REGION, TARGET, wait_for

# The services that functions and peers call, by the names that SDKs take endpoints for.
SERVICES = (
    "S3", "S3_CONTROL", "EC2", "DYNAMODB", "KMS", "SNS", "SQS", "STS", "IAM", "LAMBDA", "EVENTBRIDGE",
    "CLOUDFORMATION", "CLOUDWATCH",
)  # fmt: skip

PYTHON = TARGET / "venv-bench" / "bin" / "python"


@dataclass
class Call:
    """One call, and when AWS has answered it."""

    asked: wire.Call | None
    begun: float
    answered: float | None = None

    @property
    def name(self) -> str:
        """`DynamoDB.GetItem`, as the tests against canned answers call it."""
        operation = wire.operation_of(self.asked)
        if operation is None:
            return f"{self.asked.signing_name}.?"
        return f"{operation.service_model.service_id.replace(' ', '')}.{operation.name}"


class Wiretap:
    """AWS over TLS, as long as the `with` lasts."""

    def __init__(self, port: int, folder: Path, has_latencies: bool = False):
        """`port`: that of the local AWS; what is made goes into the folder."""
        self.port, self.folder, self.has_latencies = port, folder, has_latencies
        self.calls: list[Call] = []
        self.connections = 0
        self._servers: list[ThreadingHTTPServer] = []

    def __enter__(self) -> Wiretap:
        hosts = [f"127.0.0.{number}" for number in range(2, 2 + len(SERVICES))]
        command = [PYTHON, "-m", "trustme", "--quiet", "--dir", self.folder, "--identities", "127.0.0.1", *hosts]
        subprocess.run(command, check=True)
        # Functions on AWS have the usual roots to go through as well.
        usual = Path(botocore.__file__).parent / "cacert.pem"
        self.roots = self.folder / "roots.pem"
        self.roots.write_bytes(usual.read_bytes() + (self.folder / "client.pem").read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        self.endpoints = {"AWS_ENDPOINT_URL": self._serve("", "127.0.0.1", context)}
        for service, host in zip(SERVICES, hosts, strict=True):
            self.endpoints[f"AWS_ENDPOINT_URL_{service}"] = self._serve(service, host, context)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def environment(self) -> dict:
        """Where AWS is, and whom to trust, for any SDK."""
        return {**self.endpoints, "SSL_CERT_FILE": str(self.roots), "AWS_CA_BUNDLE": str(self.roots)}

    def since(self, mark: int) -> list[Call]:
        """The calls since there were so many. Answers that are on their way are waited for."""
        calls = self.calls[mark:]
        wait_for(lambda: all(call.answered for call in calls))
        return calls

    def _serve(self, service: str, host: str, context: ssl.SSLContext) -> str:
        server = Server((host, 0), Answer)
        server.tap, server.service = self, service
        # The handshake is made by the thread of the connection, so that others need not wait for it.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._servers.append(server)
        return f"https://{host}:{server.server_port}"


class Server(ThreadingHTTPServer):
    tap: Wiretap
    service: str
    daemon_threads = True

    def handle_error(self, request, client_address) -> None:
        """A function that ends leaves its connections as they are."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write for each answer, at once: what an answer waits for should be the local AWS.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.tap.connections += 1
        if self.server.tap.has_latencies:
            time.sleep(latency.HANDSHAKE / 1000)

    def answer(self) -> None:
        call = Call(None, time.perf_counter())
        self.server.tap.calls.append(call)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        local = HTTPConnection("127.0.0.1", self.server.tap.port)
        local.request(self.command, self.path, body, dict(self.headers))
        response = local.getresponse()
        content = response.read()
        local.close()
        if self.server.tap.has_latencies:
            # What the emulator has taken is part of it.
            time.sleep(max(0.0, call.begun + latency.of(self.server.service) - time.perf_counter()))
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()
        call.asked = self._asked(body, response.status, content)
        call.answered = time.perf_counter()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_: object) -> None:
        """The calls are kept, so they need not be printed."""

    def _asked(self, body: bytes, status: int, content: bytes) -> wire.Call:
        headers = {name.lower(): value for name, value in self.headers.items()}
        address = urlsplit(self.path)
        # The service that a request is signed for is the fourth part of its credential's scope.
        scope = headers.get("authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
        return wire.Call(
            signing_name=scope[3] if len(scope) > 3 else "",
            region=REGION, account="", method=self.command, path=address.path,
            query=parse_qs(address.query, keep_blank_values=True), headers=headers, body=body, status=status,
            answer=content, identity={}, source_ip="",
        )  # fmt: skip
