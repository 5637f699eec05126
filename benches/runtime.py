"""Runs a program as Lambda does: starts it, plays the runtime API that it polls, and measures it from outside.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from quota import Quota

# As long as a slow machine may take with a sixteenth of a core.
PATIENCE = 120.0

# Everything else runs on the other cores.
CORE = max(os.sched_getaffinity(0))


class Failed(Exception):
    """A function ended, did not answer, or answered with an error."""


@dataclass(frozen=True)
class Handled:
    """One event, from when the function got it. Seconds of `time.perf_counter`, and of processor time."""

    begun: float
    ended: float
    cpu: float


class Function:
    """A program that waits for events, as long as the `with` lasts."""

    def __init__(
        self, command: list, folder: Path, environment: Mapping, log: Path, quota: Quota | None, late: bool
    ):
        """`late`: the quota counts from the first event on, and not from the start."""
        self.command, self.folder, self.environment, self.log = command, folder, environment, log
        self.quota, self.late = quota, late

    def __enter__(self) -> Function:
        self._api = Api(("127.0.0.1", 0), Answer)
        threading.Thread(target=self._api.serve_forever, daemon=True).start()
        environment = {
            **self.environment,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "function",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/function",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "LAMBDA_TASK_ROOT": str(self.folder),
        }
        enter = self.quota.enter if self.quota and not self.late else None
        others = os.sched_getaffinity(0)
        with open(self.log, "ab") as log:
            # What a thread may use, so may what it starts.
            os.sched_setaffinity(0, {CORE})
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                self.command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=enter,
            )  # fmt: skip
            os.sched_setaffinity(0, others)
        self.ready = self._next(self._api.polls)
        # The clock of all threads of another process: CPUCLOCK_SCHED of Linux.
        self._clock = (~self._process.pid << 3) | 2
        self.ready_cpu = time.clock_gettime(self._clock)
        if self.quota and self.late:
            self.quota.enter(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        # callgrind writes what it has counted at this signal.
        self._process.terminate()
        self._process.wait()
        self._api.end()

    def handle(self, event: Mapping) -> Handled:
        """Has it handle one event to the end."""
        cpu, begun = time.clock_gettime(self._clock), time.perf_counter()
        self._api.events.put(json.dumps(event).encode())
        path, body, ended = self._next(self._api.answers)
        if not path.endswith("/response"):
            raise Failed(f"{self.command[-1]} answered {body.decode(errors='replace')}\n{self.end_of_log()}")
        # It is idle when it asks for the next event.
        self._next(self._api.polls)
        return Handled(begun, ended, time.clock_gettime(self._clock) - cpu)

    def memory(self) -> tuple[int, int]:
        """The most that was resident so far, and how much now is not the content of a file such as the program: in
        bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        kilobytes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", status, re.MULTILINE))
        return int(kilobytes["VmHWM"]) * 1024, int(kilobytes["RssAnon"]) * 1024

    def end_of_log(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])

    def _next(self, source: queue.Queue):
        end = time.perf_counter() + PATIENCE
        while time.perf_counter() < end:
            try:
                return source.get(timeout=0.5)
            except queue.Empty:
                if self._process.poll() is not None:
                    break
        raise Failed(f"{self.command} has ended or does not answer\n{self.end_of_log()}")


class Api(ThreadingHTTPServer):
    """Lambda's runtime API, for one function."""

    daemon_threads = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.polls: queue.Queue = queue.Queue()
        self.events: queue.Queue = queue.Queue()
        self.answers: queue.Queue = queue.Queue()

    def end(self) -> None:
        # For whoever still waits for an event.
        self.events.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """A function that is ended leaves its connections as they are."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.polls.put(time.perf_counter())
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "0b6e7a54-0000-4000-8000-000000000001",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 900_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:111122223333:function:function",
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000001;Sampled=0",
        }
        self._answer(200, event, headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.answers.put((self.path, body, time.perf_counter()))
        self._answer(202, b"{}", {})

    def log_message(self, *_: object) -> None:
        """What is asked and when is kept, so it need not be printed."""

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
