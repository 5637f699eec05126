"""Records the demo as docs/demo.svg, and the mail that its second chapter brings as docs/notification.svg.

    target/venv/bin/python local/record.py

The demo runs in a terminal of its own, so it does not matter where this is called from. What it printed is shown as it
was printed, at a reader's pace: one line after the other, and the wait for `sam deploy` cut short.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import textwrap
from itertools import groupby
from pathlib import Path

from stack import REPOSITORY, TARGET

DOCS = REPOSITORY / "docs"
HIDE_CURSOR = "\033[?25l"
CONTROL = re.compile(r"\033\[[?\d;]*[a-zA-Z]")

# Seconds until the next line comes, of a wait that is counted on one line, and of a pause before a new chapter.
LINE, WAIT, CHAPTER = 0.3, 0.1, 1.5
# Milliseconds that all of it stays to be read, before it begins again.
END = "12000"
# Columns at which the mail is wrapped: its longest line that cannot be is a link.
MAIL = 118


def main() -> None:
    with tempfile.TemporaryDirectory(dir=TARGET) as folder:
        mail = Path(folder) / "mail.json"
        printed = demo(mail)
        render(paced(printed), DOCS / "demo.svg", "--loop-delay", END)
        render([(0, as_read(**json.loads(mail.read_text())))], Path(folder), "--still-frames")
        (Path(folder) / "termtosvg_00000.svg").replace(DOCS / "notification.svg")


def demo(mail: Path) -> str:
    """What the demo prints to a terminal."""
    printed = bytearray()

    def keep(terminal: int) -> bytes:
        piece = os.read(terminal, 1024)
        printed.extend(piece)
        return piece

    status = pty.spawn([sys.executable, str(REPOSITORY / "local" / "demo.py"), "--mail", str(mail)], keep)
    if status != 0:
        sys.exit("The demo failed; nothing was recorded.")
    return printed.decode()


def paced(printed: str) -> list:
    """Pieces of it, each with the second at which it comes."""
    events, now = [], 0.0
    # A wait prints the same line again and again, until another second is counted.
    for piece, _ in groupby(re.split(r"(?<=\n)(?=[^\r])|(?=\r[^\n])", printed)):
        events.append((now, piece))
        now += WAIT if piece.startswith("\r…") else CHAPTER if piece.endswith("\n\r\n") else LINE
    return events


def as_read(to: str, subject: str, text: str) -> str:
    """A mail as its reader sees it. The access key and the user agent are those of whoever records: not for show."""
    text = re.sub(r"AKIA[0-9A-Z]{16}", "AKIAIOSFODNN7EXAMPLE", text)
    text = re.sub(r"(with Boto3/[\d.]+).*(?=, by the API)", r"\1", text)
    headers = {"From": "Snapback <no-reply@sns.amazonaws.com>", "To": to, "Subject": subject}
    lines = [f"\033[1m{name + ':':<9}{value}\033[0m" for name, value in headers.items()]
    for line in ["", *text.splitlines()]:
        indent = " " * re.match(r"(\w+:)?\s*", line).end()
        wrapped = textwrap.wrap(line, MAIL, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
        lines += wrapped or [""]
    return HIDE_CURSOR + "\r\n".join(lines)


def render(events: list, to: Path, *options: str) -> None:
    """Makes a picture of what a terminal prints, just large enough for all of it."""
    printed = CONTROL.sub("", "".join(text for _, text in events))
    width = max(len(line) for line in re.split(r"[\r\n]", printed))
    header = {"version": 2, "width": width, "height": printed.count("\n") + 1}
    with tempfile.NamedTemporaryFile("w", suffix=".cast") as cast:
        for record in [header, *([at, "o", text] for at, text in events)]:
            cast.write(json.dumps(record) + "\n")
        cast.flush()
        termtosvg = TARGET / "venv-record" / "bin" / "termtosvg"
        subprocess.run([termtosvg, "render", cast.name, to, "--template", "window_frame", *options], check=True)


if __name__ == "__main__":
    main()
