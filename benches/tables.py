"""Medians and quartiles as tables, and every value as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
from datetime import date
from math import ceil
from pathlib import Path

from quota import MEMORY, ONE_CORE
from stack import REPOSITORY, TARGET

# Every value, by subject, contender and row.
Samples = dict

# Where the tables of a command stand, between two lines that mark them.
PAGE = REPOSITORY / "docs" / "performance.md"
BEGIN, END = "<!-- What `UPDATE=1 {}` writes begins here. -->", "<!-- It ends here. -->"

# What is measured with each share of a core.
SHARED_ROWS = (
    "cold, start to reverted, ms",
    "cold after a start at full speed, start to reverted, ms",
    "warm, risky, handled, ms",
    "warm, benign, handled, ms",
)

# What Snapback was to be able to do before it was written.
AIMS = {
    "start to ready, ms": "4",
    "cold, start to reverted, ms": "10",
    "cold, processor, ms": "6",
    "peak memory, MB": "8",
    "uploaded, unpacked, MB": "7",
    "benign: AWS calls": "0",
}

# US East (N. Virginia), x86_64, https://aws.amazon.com/lambda/pricing/, 2024: a GB-second, and a million requests.
GIGABYTE_SECOND, MILLION_REQUESTS = 0.0000166667, 0.20


def report(samples: Samples, command: str) -> None:
    """Prints the tables, and with UPDATE=1 puts them where the documentation has them."""
    whole = {key: values for key, values in samples.items() if " MB: " not in key[2]}
    shares = {key: values for key, values in samples.items() if " MB: " in key[2]}
    parts = [
        f"`{command}`, {machine()}. Medians, and in brackets the quartiles where they differ.",
        *(rows_of(subject, whole) for subject in titles(whole)),
        *(shares_of(subject, shares) for subject in titles(shares)),
    ]
    text = "\n\n".join(parts)
    print(f"\n{text}")
    file = TARGET / f"{command.removeprefix('make ')}.json"
    file.write_text(json.dumps({"machine": machine(), "samples": nested(samples)}, indent=1), encoding="utf-8")
    print(f"\nEvery value is in {file.relative_to(REPOSITORY)}.")
    if os.environ.get("UPDATE"):
        begin = BEGIN.format(command)
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        PAGE.write_text(f"{head}{begin}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def titles(samples: Samples) -> list:
    return list(dict.fromkeys(subject for subject, _, _ in samples))


def names_of(subject: str, samples: Samples) -> list:
    return list(dict.fromkeys(name for title, name, _ in samples if title == subject))


def rows_of(subject: str, samples: Samples) -> str:
    names = names_of(subject, samples)
    rows = dict.fromkeys(row for title, _, row in samples if title == subject)
    values = {row: [in_words(samples.get((subject, name, row))) for name in names] for row in rows}
    return table([subject, *names, "aim"], [[row, *said, AIMS.get(row, "")] for row, said in values.items()])


def shares_of(subject: str, samples: Samples) -> str:
    """What the share of a core does that comes with memory, and what a million warm events cost with it."""
    heads = [
        subject, "memory, share", "cold, ms", "cold, full speed until ready, ms", "warm, ms", "benign, ms",
        "$ a million", "benign",
    ]  # fmt: skip
    found = []
    for name in names_of(subject, samples):
        for megabytes in MEMORY:
            cold, late, risky, benign = (samples[subject, name, f"{megabytes} MB: {row}"] for row in SHARED_ROWS)
            share = f"{megabytes} MB, {100 * megabytes / ONE_CORE:.0f} %"
            prices = (f"{cost(megabytes, values):.2f}" for values in (risky, benign))
            found.append([name, share, *map(in_words, (cold, late, risky, benign)), *prices])
    return table(heads, found)


def cost(megabytes: int, milliseconds: list) -> float:
    """Of a million events that take so long; Lambda bills whole milliseconds."""
    seconds = ceil(statistics.median(milliseconds)) / 1000
    return 1e6 * seconds * megabytes / 1024 * GIGABYTE_SECOND + MILLION_REQUESTS


def nested(samples: Samples) -> dict:
    found: dict = {}
    for (subject, name, row), values in samples.items():
        found.setdefault(subject, {}).setdefault(name, {})[row] = values
    return found


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    name = model[1] if model else platform.machine()
    return f"{date.today()}, {commit.stdout.strip()}, {name}, {os.cpu_count()} cores"


def in_words(values: list | None) -> str:
    if not values:
        return ""
    median = short(statistics.median(values))
    if len(values) < 2:
        return median
    low, _, high = (short(cut) for cut in statistics.quantiles(values, n=4, method="inclusive"))
    return median if low == high else f"{median} ({low}–{high})"


def short(value: float) -> str:
    """With no more digits than mean something."""
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.1g}"


def table(heads: list, rows: list) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(cells, widths, strict=True)] for cells in [heads, *rows])
    head, *rest = (f"| {' | '.join(cells)} |" for cells in padded)
    return "\n".join([head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *rest])
