"""A share of a processor core, as Lambda gives it with memory: a quota of the kernel's scheduler.

Lambda says that 1,769 MB are one whole core, and that the share is proportional to the memory
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). It does not say in which slices it comes:
assumed are 20 ms.
"""

from __future__ import annotations

import os
from pathlib import Path

ONE_CORE = 1769

# The least that Lambda offers, what it takes for a whole core, and what lies between.
MEMORY = (128, 256, 512, ONE_CORE)

# Microseconds.
SLICE = 20_000

VERSION_1 = Path("/sys/fs/cgroup/cpu")
VERSION_2 = Path("/sys/fs/cgroup")


class Quota:
    """The share of a core that a function with so much memory has, as long as the `with` lasts."""

    def __init__(self, megabytes: int):
        self.microseconds = round(SLICE * min(megabytes / ONE_CORE, 1))
        is_old = (VERSION_1 / "cpu.cfs_quota_us").exists()
        self._group = (VERSION_1 if is_old else VERSION_2) / f"snapback-bench-{os.getpid()}"
        self._settings = (
            {"cpu.cfs_period_us": SLICE, "cpu.cfs_quota_us": self.microseconds}
            if is_old
            else {"cpu.max": f"{self.microseconds} {SLICE}"}
        )

    def __enter__(self) -> Quota:
        """Raises OSError where this is not allowed."""
        self._group.mkdir()
        try:
            for name, value in self._settings.items():
                (self._group / name).write_text(str(value), encoding="utf-8")
        except OSError:
            self._group.rmdir()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._group.rmdir()

    def enter(self, process: int = 0) -> None:
        """Puts a process in, or the one that calls this."""
        (self._group / "cgroup.procs").write_text(str(process), encoding="utf-8")
