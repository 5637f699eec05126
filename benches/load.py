"""A storm: so many risky changes in so many accounts at once, and whether each of them is reverted once.

    make bench-load
    make bench-load EVENTS=500 ACCOUNTS=20

One hub guards the accounts, each with what organization/member.yaml deploys. In all of them, the policies of buckets let
everyone in: each a call in that account, recorded, forwarded to the hub, and reverted with the role that it has there. At
the end bucket by bucket is checked that nothing was lost, and that each was reverted once, journaled once and told once.

What this does not tell: how many AWS would run at the same time, and its throttling. The local AWS works on the same cores,
and takes most of them; so the processor time of the functions alone is told as well.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "local"), str(REPOSITORY / "tests" / "end_to_end")]

from accounts import MANAGEMENT  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from member import Member, policy  # noqa: E402
from scene import Snapback  # noqa: E402
from stack import REGION, TARGET, LocalAws, Trouble, end_like_ctrl_c_when_terminated, wait_for  # noqa: E402

# How many callers there are at the same time, and how many events the functions may have before callers wait: enough that
# no core ever waits for one, and fewer than the local AWS has executions for.
CALLERS = 8
AT_WORK = 16

# As long as a slow machine may take for the last events.
PATIENCE = 600.0

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Work:
    """Seconds of processor time so far."""

    functions: float
    aws: float

    def since(self, before: Work) -> Work:
        return Work(self.functions - before.functions, self.aws - before.aws)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000, help="risky changes in all (10000)")
    parser.add_argument("--accounts", type=int, default=100, help="accounts in which they are made (100)")
    parser.add_argument("--debug", action="store_true", help="with the functions as `cargo build` leaves them")
    arguments = parser.parse_args()
    end_like_ctrl_c_when_terminated()
    binaries = TARGET / ("debug" if arguments.debug else "release")
    try:
        with LocalAws(say=say, binaries=binaries, adverse=False, pace=100) as aws:
            hub = Snapback(aws, aws.deploy(mode="revert", Hub="o-exampleorgid"))
            members = deployed(hub, arguments.accounts)
            buckets = made(hub, members, arguments.events)
            storm(hub, buckets)
            check(hub, buckets)
    except KeyboardInterrupt:
        sys.exit("interrupted")
    except Trouble as trouble:
        sys.exit(str(trouble))


def say(line: str) -> None:
    print(line, flush=True)


def deployed(hub: Snapback, number: int) -> list[Member]:
    """New accounts of the organization, with forwarding and roles."""
    organizations = hub.aws.client("organizations", {"AccessKeyId": MANAGEMENT, "SecretAccessKey": "test"})
    bus = hub.stack.outputs["HubBusArn"]

    def member(of: int) -> Member:
        name = f"account-{of}"
        created = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        member = Member(hub.aws, created["CreateAccountStatus"]["AccountId"], bus)
        member.deploy(REGION, roles="yes")
        return member

    begun = time.monotonic()
    with hub.unseen(), ThreadPoolExecutor(CALLERS) as callers:
        members = list(callers.map(member, range(number)))
    say(f"{number} accounts have forwarding rules and roles after {time.monotonic() - begun:.0f} s.")
    return members


def made(hub: Snapback, members: list[Member], number: int) -> dict[str, Member]:
    """So many buckets that nothing but their policies protects, and whose they are."""
    buckets = {f"bucket-{of}": members[of % len(members)] for of in range(number)}
    clients = {member.account: member.client("s3") for member in members}

    def make(bucket: tuple) -> None:
        name, member = bucket
        s3 = clients[member.account]
        s3.create_bucket(Bucket=name)
        s3.delete_public_access_block(Bucket=name)

    with hub.unseen(), ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(make, buckets.items()))
    return buckets


def storm(hub: Snapback, buckets: dict[str, Member]) -> None:
    """Opens all of them, as fast as the functions can follow, and tells how fast that was."""
    clients = {member.account: member.client("s3") for member in buckets.values()}
    room, is_over = threading.Semaphore(AT_WORK), threading.Event()
    opened = threading.Lock()
    done = begun_so_far = 0

    def make_room() -> None:
        """Lets as many more begin as functions have ended."""
        nonlocal done
        while not is_over.wait(0.02):
            with opened:
                ended = begun_so_far - hub.aws.at_work()["events"]
            for _ in range(ended - done):
                room.release()
            done = max(done, ended)

    def open_it(bucket: tuple) -> None:
        nonlocal begun_so_far
        name, member = bucket
        everyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        room.acquire()
        clients[member.account].put_bucket_policy(Bucket=name, Policy=policy(everyone))
        with opened:
            begun_so_far += 1

    before, begun = work(hub), time.monotonic()
    threading.Thread(target=make_room, daemon=True).start()
    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(open_it, buckets.items()))
    wait_for(lambda: hub.aws.at_work()["events"] == 0, patience=PATIENCE)
    seconds, spent = time.monotonic() - begun, work(hub).since(before)
    is_over.set()
    cores, number = len(os.sched_getaffinity(0)), len(buckets)
    accounts = len({member.account for member in buckets.values()})
    of_one = spent.functions / number
    say(f"{number:,} events of {accounts} accounts in {seconds:.0f} s: {number / seconds:.1f} a second.")
    say(f"Processor time: functions {spent.functions:.1f} s, the local AWS {spent.aws:.1f} s, of {cores * seconds:.0f} s "
        f"that {cores} cores had.")  # fmt: skip
    say(f"The functions take {1000 * of_one:.1f} ms for an event: by themselves they would saturate {cores} cores with "
        f"{cores / of_one:.0f} events a second.")  # fmt: skip


def work(hub: Snapback) -> Work:
    """What the functions and the local AWS have worked so far. Those that have ended count to who has started them."""
    functions = aws = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8")
        except OSError:
            continue
        # Its name may have anything in it.
        name, _, fields = text.partition("(")[2].rpartition(")")
        fields = fields.split()
        if int(fields[2]) != hub.aws.group:
            continue
        own, ended = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
        if int(stat.parent.name) == hub.aws.group:
            aws, functions = aws + own, functions + ended
        else:
            functions += own
    return Work(functions / TICKS, aws / TICKS)


def check(hub: Snapback, buckets: dict[str, Member]) -> None:
    """Nothing was lost, and nothing was done twice."""
    clients = {member.account: member.client("s3") for member in buckets.values()}

    def is_open(bucket: tuple) -> bool:
        name, member = bucket
        try:
            return bool(clients[member.account].get_bucket_policy(Bucket=name)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
            return False

    with ThreadPoolExecutor(CALLERS) as callers:
        left = [name for (name, _), still in zip(buckets.items(), callers.map(is_open, buckets.items())) if still]
    wait_for(lambda: len(hub.announcements()) >= len(buckets), patience=PATIENCE)
    told = Counter(one["resource"].rpartition(":")[2] for one in hub.announcements() if one["outcome"] == "reverted")
    entries = Counter(one["resource"].rpartition(":")[2] for one in hub.entries() if one["outcome"] == "reverted")
    written: Counter = Counter()
    with open(hub.aws.cloudtrail_log, encoding="utf-8") as records:
        for record in map(json.loads, records):
            # What Snapback writes in members, it writes in a session of this name.
            if record["eventName"] == "DeleteBucketPolicy" and record["userIdentity"].get("arn", "").endswith("/snapback"):
                written[record["requestParameters"]["bucketName"]] += 1
    once = dict.fromkeys(buckets, 1)
    problems = [f"{len(left)} buckets are open: {left[:5]}"] if left else []
    for what, counted in {"was written": written, "was journaled": entries, "was told": told}.items():
        wrong = {name: counted[name] for name in once.keys() | counted.keys() if counted[name] != once.get(name, 0)}
        if wrong:
            problems.append(f"how often it {what} is not once for {len(wrong)}: {dict(list(wrong.items())[:5])}")
    waiting = {queue: number for queue, number in hub.waiting().items() if number}
    if waiting:
        problems.append(f"messages wait: {waiting}")
    if problems:
        raise Trouble("\n".join(problems))
    say(f"Nothing was lost: each of {len(buckets):,} buckets was closed once, journaled once and told once.")


if __name__ == "__main__":
    main()
