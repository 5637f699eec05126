"""Medians and quartiles as tables for people, and every value as JSON."""

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

# How many calls each control makes. A test records them, and fails when they are others.
COUNTED = REPOSITORY / "tests" / "canned" / "snapshots" / "canned__counted__calls_until_the_revert_are_recorded.snap"

# US East (N. Virginia), x86_64, https://aws.amazon.com/lambda/pricing/, 2024: a GB-second, and a million requests.
GIGABYTE_SECOND, MILLION_REQUESTS = 0.0000166667, 0.20


def report(samples: Samples) -> None:
    subjects = list(dict.fromkeys(subject for subject, _, _ in samples))
    whole = {key: values for key, values in samples.items() if " MB: " not in key[2]}
    print(f"{machine()}\n\nMedians, and in brackets the quartiles where they differ.")
    for subject in subjects:
        print_rows(subject, whole)
    shares = {key: values for key, values in samples.items() if " MB: " in key[2]}
    for subject in dict.fromkeys(subject for subject, _, _ in shares):
        print_shares(subject, shares)
    print_counted()
    write(samples)


def print_rows(subject: str, samples: Samples) -> None:
    names = list(dict.fromkeys(name for title, name, _ in samples if title == subject))
    rows = dict.fromkeys(row for title, _, row in samples if title == subject)
    print_table(
        [subject, *names],
        [[row, *(in_words(samples.get((subject, name, row))) for name in names)] for row in rows],
    )


def print_shares(subject: str, samples: Samples) -> None:
    """The share of a core that comes with memory, and what a million warm events cost with it."""
    names = list(dict.fromkeys(name for title, name, _ in samples if title == subject))
    rows = []
    for name in names:
        for megabytes in MEMORY:
            def of(row: str, name=name, megabytes=megabytes) -> list:
                return samples[subject, name, f"{megabytes} MB: {row}"]

            rows.append([
                name, f"{megabytes} MB, {100 * megabytes / ONE_CORE:.0f} %",
                in_words(of("cold, start to reverted, ms")),
                in_words(of("cold after a start at full speed, start to reverted, ms")),
                in_words(of("warm, risky, handled, ms")),
                in_words(of("warm, benign, handled, ms")),
                *(f"{cost(megabytes, of(f'warm, {kind}, handled, ms')):.2f}" for kind in ("risky", "benign")),
            ])  # fmt: skip
    heads = [
        subject, "share of a core", "cold, ms", "cold, started at full speed, ms", "warm, ms", "warm, benign, ms",
        "$ a million", "$ a million, benign",
    ]  # fmt: skip
    print_table(heads, rows)


def cost(megabytes: int, milliseconds: list) -> float:
    """Of a million events that take so long; Lambda bills whole milliseconds."""
    seconds = ceil(statistics.median(milliseconds)) / 1000
    return 1e6 * seconds * megabytes / 1024 * GIGABYTE_SECOND + MILLION_REQUESTS


def print_counted() -> None:
    text = COUNTED.read_text(encoding="utf-8")
    before = {control: int(number) for control, number in re.findall(r"^(\S+): (\d+) before", text, re.MULTILINE)}
    worst = max(before.values())
    names = ", ".join(control for control, number in before.items() if number == worst)
    print(f"\nAWS calls before the revert, of {len(before)} controls: median {statistics.median(before.values()):g}, "
          f"at most {worst} ({names}).")
    [benign] = re.findall(r"^benign: (.*)$", text, re.MULTILINE)
    print(f"AWS calls for a benign event: {benign}.")


def write(samples: Samples) -> None:
    nested: dict = {}
    for (subject, name, row), values in samples.items():
        nested.setdefault(subject, {}).setdefault(name, {})[row] = values
    file = TARGET / "bench.json"
    file.write_text(json.dumps({"machine": machine(), "samples": nested}, indent=1), encoding="utf-8")
    print(f"\nEvery value is in {file.relative_to(REPOSITORY)}.")


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return f"{date.today()}, {commit.stdout.strip()}, {model[1] if model else platform.machine()}, {os.cpu_count()} cores"


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
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def print_table(heads: list, rows: list) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    print()
    for number, cells in enumerate([heads, *rows]):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
