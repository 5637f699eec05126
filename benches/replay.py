"""How fast `snapback replay` goes through a year of CloudTrail's logs, beside what inflating them alone takes.

    make bench-replay                      # a million records
    make bench-replay RECORDS=10000000     # a year of a busy account: 2 GB of disk, some minutes to invent

Prints a table and writes target/bench-replay.json. What is compared takes turns, and the median counts; all files are
in the page cache, as they have just been written. That several threads say what one says, that every record is counted,
and that all is evidence, is checked along the way.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import digests
import year

TARGET = Path(__file__).resolve().parent.parent / "target"
THREADS = os.cpu_count() or 1


class Run(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binaries", type=Path, default=TARGET / "release")
    arguments = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="year-", dir=TARGET))
    try:
        print(f"Inventing {arguments.records:,} records and their digests …", flush=True)
        year.make(folder, arguments.records)
        compare(folder, arguments, digests.make(folder))
    finally:
        shutil.rmtree(folder)


def compare(folder: Path, arguments: argparse.Namespace, certain: int) -> None:
    replay, logs = [arguments.binaries / "snapback", "replay", folder / "AWSLogs"], folder / "AWSLogs" / year.ACCOUNT / "CloudTrail"
    commands = {
        # As many at a time as there are processors: what anybody can do without us.
        f"gzip -dc, {THREADS} at a time": ["bash", "-c", f'find "$0" -name "*.gz" -print0 | xargs -0 -n 500 -P {THREADS} gzip -dc > /dev/null', logs],
        f"inflating alone, {THREADS} threads": [arguments.binaries / "examples" / "inflate", logs],
        "snapback replay, 1 thread": [*replay, "--threads", "1"],
        f"snapback replay, {THREADS} threads": [*replay, "--threads", str(THREADS)],
        f"… with --verify, {THREADS} threads": [*replay, "--threads", str(THREADS), "--verify", "--public-keys", folder / "keys.json"],
    }  # fmt: skip
    runs = {what: [] for what in commands}
    for _ in range(arguments.rounds):
        for what, command in commands.items():
            runs[what].append(run(command))
    inflating, one, many, verified = (found[0].said for what, found in runs.items() if not what.startswith("gzip"))
    assert one == many, "several threads say something else than one"
    assert many.splitlines()[-1].startswith(f"{arguments.records} events, ".encode()), many[-200:]
    assert verified.splitlines()[-1].startswith(b"evidence: ") and f" of {certain} log files".encode() in verified, verified[-300:]
    files = [file.stat().st_size for file in logs.rglob("*.gz")]
    told = {"records": arguments.records, "files": len(files), "gzipped": sum(files), "inflated": int(inflating)}
    print("{records:,} records in {files:,} files: {gzipped:,} bytes gzipped, {inflated:,} inflated".format(**told))
    print(many.splitlines()[-1].decode())
    rows = {what: row(found, told) for what, found in runs.items()}
    print(f"{'':32}{'seconds':>16}{'records/s':>12}{'MB/s':>8}{'CPU s':>8}{'peak MB':>9}")
    for what, told_row in rows.items():
        print("{:32}{seconds:>16}{records_per_second:>12,}{mb_per_second:>8,}{cpu_seconds:>8}{peak_mb:>9}".format(what, **told_row))  # fmt: skip
    (TARGET / "bench-replay.json").write_text(json.dumps({**told, "rows": rows}, indent=2) + "\n")


def row(runs: list[Run], told: dict) -> dict:
    seconds = [run.seconds for run in runs]
    median = statistics.median(seconds)
    return {
        "seconds": f"{median:.2f} ({min(seconds):.2f}–{max(seconds):.2f})",
        "records_per_second": round(told["records"] / median),
        "mb_per_second": round(told["inflated"] / median / 1e6),
        "cpu_seconds": round(statistics.median(run.cpu_seconds for run in runs), 1),
        "peak_mb": round(max(run.peak_mb for run in runs), 1),
    }


def run(command: list) -> Run:
    """A command, to its end; what it says goes into a file, so that nobody waits for us to read."""
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        assert status == 0, f"{command} ended with {status}"
        said.seek(0)
        # Linux gives kilobytes. Of a shell it is the largest of its children.
        return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, said.read())


if __name__ == "__main__":
    main()
