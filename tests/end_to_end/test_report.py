"""`snapback report`: all its forms say what the journal says, to an auditor who may only read."""

import csv
import io
import json
import math
from collections import Counter
from html.parser import HTMLParser

import pytest

from scene import operator_policy
from stack import ACCOUNT

HOSTILE = "=<script>alert('x')</script>&\"\x1b"

VOID = {"meta", "rect", "line", "br"}


class Page(HTMLParser):
    """What a browser would make of a page: its tags, its attributes and its text."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = Counter(), set(), "", []
        self.feed(text)
        self.close()
        assert self.open == [], "every element ends"

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def auditor(snapback):
    return snapback.user_with("reporter", operator_policy(snapback.stack.name, "read"))


@pytest.fixture(scope="module")
def bucket(snapback):
    """A bucket with a revert, one that was undone and is held, and an opening that is left in place for that."""
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone(sid=HOSTILE))
    entry = snapback.announces(bucket, outcome="reverted")["id"]
    assert snapback.undo(entry, "--days", "3").returncode == 0
    snapback.announces(bucket, outcome="held")
    bucket.put_policy(bucket.lets_in_everyone("s3:PutObject"))
    assert snapback.has_settled()
    return bucket


def test_every_form_agrees_with_the_journal(snapback, bucket, auditor, tmp_path):
    def said(*words: str) -> str:
        done = snapback.operate(*words, "--resource", bucket.arn, by=auditor)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    journal = [json.loads(line) for line in said("history", "--json", "--limit", "1000").splitlines()]
    outcomes = Counter(entry["outcome"] for entry in journal)
    assert outcomes["undone"] == 1 and outcomes["reverted"] >= 1 and outcomes["held"] >= 1

    report = json.loads(said("report", "--since", "1h", "--json"))
    assert report["decisions"] == len(journal) and report["outcomes"] == outcomes
    for field, of in (("by_control", "control"), ("by_account", "account")):
        counted = {group["name"]: group["decisions"] for group in report[field]}
        assert counted == Counter(entry[of] if of in entry else entry["subject"][of] for entry in journal)
    [hold] = report["holds"]
    assert hold["resource"] == bucket.arn and hold["ends_soon"] and hold["by"].endswith("operator")
    assert report["ignored"] == [] and report["only"] == [f"resource {bucket.arn}"]

    rows = list(csv.DictReader(io.StringIO(said("report", "--since", "1h", "--csv"))))
    assert [row["entry"] for row in rows] == [entry["id"] for entry in journal]
    assert Counter(row["outcome"] for row in rows) == outcomes
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    seconds = sorted(int(row["seconds_open"]) for row in rows if row["seconds_open"])
    assert report["seconds_open"] == {
        "known": len(seconds),
        "median": seconds[math.ceil(len(seconds) * 0.5) - 1],
        "percentile_90": seconds[math.ceil(len(seconds) * 0.9) - 1],
        "longest": seconds[-1],
    }

    text = said("report", "--since", "1h")
    assert f"{len(journal)} decisions about 1 resource in 1 account and 1 Region" in text
    assert all(f"{count:>8}  {outcome}\n" in text for outcome, count in outcomes.items())
    assert f"{len(journal):>8}  {ACCOUNT}: " in text and "\x1b" not in text

    file = tmp_path / "report.html"
    assert f"The report is in {file}." in said("report", "--since", "1h", "--html", str(file))
    html = file.read_text(encoding="utf-8")
    page = Page(html)
    assert f"{len(journal)} decisions about 1 resource" in page.text
    for group in (group for field in report if field.startswith("by_") for group in report[field]):
        # What stands between backticks is shown as code.
        assert group["name"].replace("`", "") in page.text
    # A hold names the statement as JSON has it.
    assert json.dumps(HOSTILE) in page.text and "\x1b" not in html
    assert page.tags["svg"] > 3 and not {"script", "link", "img", "iframe", "object", "a"} & set(page.tags)
    assert not {"src", "href", "style", "srcset"} & page.attributes
    assert not any(name.startswith("on") for name in page.attributes)
    assert "http:" not in html and "https:" not in html and "url(" not in html and "@import" not in html


def test_a_report_of_nothing_is_a_sentence(snapback, auditor):
    empty = snapback.operate("report", "--account", "444455556666", by=auditor)
    assert empty.returncode == 0 and empty.stdout.count("\n") == 4, empty.stderr
    assert "The journal has no entries of this kind since " in empty.stdout


def test_a_report_that_cannot_be_written_says_so(snapback, auditor, tmp_path):
    nowhere = tmp_path / "nowhere" / "report.html"
    done = snapback.operate("report", "--html", str(nowhere), by=auditor)
    assert done.returncode == 2 and f"writing the report to {nowhere}" in done.stderr
    both = snapback.operate("report", "--csv", "--json", by=auditor)
    assert both.returncode == 2 and "cannot be used with" in both.stderr
