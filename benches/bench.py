"""What Snapback takes of time, processor, memory and calls, beside thirty lines of boto3 and Cloud Custodian.

    make bench
    make bench-latencies
    make bench-calls

All answer the same events on the same local AWS over TLS, in turn, pinned to a core on which nothing else runs, and
each answer is checked. Tables go to the terminal, with every single value they go into target/bench.json.

The second adds to each call what AWS takes to answer it (`latency.py`), so that chains are compared and not the
emulator. The third only counts calls and connections, which takes no build as it is deployed.

What this does not tell: the network to AWS, where each call is a round trip, and the time of CloudTrail, EventBridge
and Lambda themselves.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "local"), str(REPOSITORY / "tests" / "end_to_end")]

import contenders  # noqa: E402
from contenders import Contender, Stage  # noqa: E402
from happenings import SUBJECTS, Happening, Subject  # noqa: E402
from quota import MEMORY, Quota  # noqa: E402
from runtime import CORE, Failed, Function, Handled  # noqa: E402
from scene import Snapback  # noqa: E402
from stack import TARGET, LocalAws, Trouble, end_like_ctrl_c_when_terminated  # noqa: E402
from tables import Samples, report  # noqa: E402
from wiretap import Call, Wiretap  # noqa: E402

# What is throttled takes its time, so only this is.
THROTTLED = ("s3", "ec2")

# What does not depend on how fast anything is.
COUNTS = (
    "cold, connections", "AWS calls before the revert", "AWS calls in all", "warm, AWS calls in all",
    "calls before the revert, one after the other", "benign: AWS calls", "benign, denies nothing: AWS calls",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a function did upon one event."""

    handled: Handled
    calls: list[Call]
    # When AWS had answered the call that takes the risk away, and how many calls had begun before it.
    reverted: float | None
    before: list[Call]


def main() -> None:
    arguments = parsed()
    end_like_ctrl_c_when_terminated()
    # The local AWS is started from here, so it keeps off it too.
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {CORE} or {CORE})
    samples: Samples = defaultdict(list)
    try:
        with stage(arguments) as there:
            if arguments.calls:
                race(there, {subject: [contenders.snapback(there, subject)] for subject in SUBJECTS}, samples, 1)
                print_counts(samples)
                return
            field = {subject: list(who(there, subject)) for subject in SUBJECTS}
            race(there, field, defaultdict(list), 1)
            for number in range(arguments.rounds):
                say(f"round {number + 1} of {arguments.rounds}")
                race(there, field, samples, arguments.warm)
            if arguments.latencies:
                report(samples, "make bench-latencies")
                return
            count_instructions(there, field, samples)
            for number in range(arguments.throttled):
                say(f"round {number + 1} of {arguments.throttled} with shares of a core")
                throttle(there, field, samples)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except (Failed, Trouble) as trouble:
        sys.exit(str(trouble))
    report(samples, "make bench")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="cold starts of each (10)")
    parser.add_argument("--warm", type=int, default=5, help="further events after each cold start (5)")
    parser.add_argument("--throttled", type=int, default=3, help="cold starts with each share of a core (3)")
    parser.add_argument("--latencies", action="store_true", help="each call takes as long as on AWS")
    parser.add_argument("--calls", action="store_true", help="only count, with the functions as `cargo build` leaves them")
    return parser.parse_args()


@contextmanager
def stage(arguments: argparse.Namespace) -> Iterator[Stage]:
    """A deployment whose functions nothing wakes but what is measured here."""
    # What is measured is Snapback, beside others that do not try again.
    binaries = contenders.DEBUG if arguments.calls else contenders.RELEASE
    with LocalAws(say=say, binaries=binaries, adverse=False, pace=100) as aws:
        scene = Snapback(aws, aws.deploy(mode="revert"))
        with scene.unseen(), Wiretap(aws.port, aws.directory, arguments.latencies) as tap:
            yield Stage.set(scene, tap, binaries)


def who(there: Stage, subject: str) -> Iterator[Contender]:
    yield contenders.snapback(there, subject)
    if subject in ("s3", "ec2"):
        yield contenders.boto3(there, subject)
        yield contenders.custodian(there, subject)


def race(there: Stage, field: dict, samples: Samples, warm: int) -> None:
    """Everyone starts once and handles some events."""
    for name, runners in field.items():
        subject = SUBJECTS[name]
        for runner in runners:
            for row, values in run(there, subject, runner, warm).items():
                samples[subject.title, runner.name, row] += values


def run(there: Stage, subject: Subject, runner: Contender, warm: int) -> Samples:
    found: Samples = defaultdict(list)
    first, connections = subject.risky(there.scene), there.tap.connections
    with started(there, runner) as function:
        found["start to ready, ms"].append((function.ready - function.started) * 1000)
        cold = answer(there, subject, function, first)
        found["cold, processor, ms"].append((function.ready_cpu + cold.handled.cpu) * 1000)
        found["cold, connections"].append(there.tap.connections - connections)
        if cold.reverted:
            found["cold, start to reverted, ms"].append((cold.reverted - function.started) * 1000)
            found["of that, calls were under way, ms"].append(under_way(cold.before, cold.reverted) * 1000)
            found["AWS calls before the revert"].append(len(cold.before))
        found["AWS calls in all"].append(len(cold.calls))
        # What waits for queues takes the time that it waits.
        for _ in range(warm if subject.reverts else 0):
            again = answer(there, subject, function, subject.risky(there.scene))
            found["warm, event to reverted, ms"].append((again.reverted - again.handled.begun) * 1000)
            found["warm, event to handled, ms"].append((again.handled.ended - again.handled.begun) * 1000)
            found["warm, AWS calls in all"].append(len(again.calls))
            found["warm, processor, ms"].append(again.handled.cpu * 1000)
            # Only now that there are connections is a call under way when the function means it to be.
            found["calls before the revert, one after the other"].append(one_after_the_other(again.before))
        for title, happens in subject.benign.items():
            harmless = answer(there, subject, function, happens(there.scene))
            found[f"{title}: handled, ms"].append((harmless.handled.ended - harmless.handled.begun) * 1000)
            found[f"{title}: processor, ms"].append(harmless.handled.cpu * 1000)
            found[f"{title}: AWS calls"].append(len(harmless.calls))
        peak, own = function.memory()
        found["peak memory, MB"].append(peak / 1e6)
        found["memory of its own, MB"].append(own / 1e6)
    found["uploaded, unpacked, MB"], found["uploaded, zipped, MB"] = [runner.unpacked / 1e6], [runner.zipped / 1e6]
    return found


def print_counts(samples: Samples) -> None:
    for (title, _, row), values in samples.items():
        if row in COUNTS:
            print(f"{title}: {row}: {', '.join(str(value) for value in values)}")


def started(there: Stage, runner: Contender, quota: Quota | None = None, late: bool = False) -> Function:
    log = there.scene.aws.directory / "functions.log"
    return Function(runner.command, runner.folder, runner.environment, log, quota, late)


def answer(there: Stage, subject: Subject, function: Function, happening: Happening) -> Answer:
    mark = len(there.tap.calls)
    handled = function.handle(happening.event)
    calls = there.tap.since(mark)
    if not happening.is_settled():
        raise Failed(f"{function.command} has not left it as it should be:\n{function.end_of_log()}")
    done = [call for call in calls if call.name in subject.reverts and call.asked.status < 300]
    before = [call for call in calls if done and call.begun < done[0].begun]
    return Answer(handled, calls, done[0].answered if done else None, before)


def under_way(before: list[Call], reverted: float) -> float:
    """How long at least one call was under way until then; the rest of the time is the function's own."""
    time, end = 0.0, 0.0
    last = max(call.answered for call in before)
    for begun, answered in sorted([(call.begun, call.answered) for call in before] + [(last, reverted)]):
        time += max(0.0, answered - max(begun, end))
        end = max(end, answered)
    return time


def one_after_the_other(calls: list[Call]) -> int:
    """The longest chain of calls of which each began when the one before was answered: on AWS, round trips."""
    number, end = 0, 0.0
    for call in sorted(calls, key=lambda call: call.answered):
        if call.begun >= end:
            number, end = number + 1, call.answered
    return number


def count_instructions(there: Stage, field: dict, samples: Samples) -> None:
    """Of a cold start and one event: they do not depend on what else the machine does. Python would take minutes."""
    if not shutil.which("valgrind"):
        say("instructions are not counted: valgrind is not installed")
        return
    for name, (snapback, *_) in field.items():
        subject = SUBJECTS[name]
        file = TARGET / f"callgrind.{name}"
        counting = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}", *snapback.command]
        with started(there, replace(snapback, command=counting)) as function:
            answer(there, subject, function, subject.risky(there.scene))
        [collected] = re.findall(r"^totals: (\d+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        samples[subject.title, snapback.name, "cold, instructions, millions"].append(int(collected) / 1e6)


def throttle(there: Stage, field: dict, samples: Samples) -> None:
    """Everyone starts once with each share of a core, and once with that share from the first event on."""
    for megabytes in MEMORY:
        try:
            with Quota(megabytes) as quota:
                for name in THROTTLED:
                    for runner in field[name]:
                        for late in (False, True):
                            for row, values in run_throttled(there, SUBJECTS[name], runner, quota, late).items():
                                samples[SUBJECTS[name].title, runner.name, f"{megabytes} MB: {row}"] += values
        except OSError as error:
            say(f"shares of a core are left out, as they may not be set here: {error}")
            return


def run_throttled(there: Stage, subject: Subject, runner: Contender, quota: Quota, late: bool) -> Samples:
    found: Samples = defaultdict(list)
    happening = subject.risky(there.scene)
    with started(there, runner, quota, late) as function:
        cold = answer(there, subject, function, happening)
        row = "cold after a start at full speed" if late else "cold"
        found[f"{row}, start to reverted, ms"].append((cold.reverted - function.started) * 1000)
        for title, happens in {"risky": subject.risky, "benign": subject.benign["benign"]}.items():
            warm = answer(there, subject, function, happens(there.scene)).handled
            found[f"warm, {title}, handled, ms"].append((warm.ended - warm.begun) * 1000)
    return found


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
