"""What each control was seen to do, and on whose emulator: `proofs.json`, from which `docs/controls.md` tells it.

A run of all tests must see what is recorded there, no less and no more. With `UPDATE=1` it records what it saw. It must
also have seen every action that a role has to be needed: without any one, a test would fail.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

from scene import Snapback
from stack import TARGET

RECORDED = Path(__file__).parent / "proofs.json"

# What an entry of the journal proves of its control, the least first.
OUTCOMES = ["alerted", "reverted", "undone"]

# Who answers EC2's calls and the others', the weakest proof first: our own stand-ins were written by who wrote Snapback.
PLAYERS = ["stand-in", "moto", "ministack"]


# Actions that nobody asks for here. That they are declared and called is for `tests/canned/` and `tests/template.rs`.
NOT_ASKED_FOR = {
    # AWS's services ask for them on the way, and the local ones do not: Lambda, when it writes the log and sends what a
    # function failed at; SNS, when it encrypts; EC2 and S3, when a role is passed, a tag is made with something, and
    # logs are to be delivered.
    "logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey",
    "iam:PassRole", "ec2:CreateTags", "cloudtrail:AddTags", "config:TagResource", "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
    # No test goes this way end to end yet; that they are declared and called is shown by cases with answers.
    "iam:ListRoleTags", "iam:ListSSHPublicKeys", "iam:ListServiceSpecificCredentials",
    "iam:ListSigningCertificates", "iam:ListUserTags", "iam:UpdateSSHPublicKey",
    "iam:UpdateServiceSpecificCredential", "iam:UpdateSigningCertificate", "sts:AssumeRole",
    # No emulator has these, or keeps to it.
    "ec2:DescribeTrafficMirrorTargets", "lambda:PutFunctionConcurrency",
}  # fmt: skip


# Each role may read the journal by the same statement, and the same code does it for all functions.
READS_OF_THE_JOURNAL = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}


class Proofs:
    def __init__(self) -> None:
        # The most that was seen, by control and emulator.
        self.seen: dict = {}
        # The actions that the role of each function has, and those that it was seen to need.
        self.granted: dict = {}
        self.needed: dict = {}

    def add(self, snapback: Snapback) -> None:
        """What the journal of a deployment has entries of."""
        ended, players, allowed = snapback.outcomes(), snapback.aws.players(), snapback.aws.allowed()
        for function in snapback.functions():
            self.granted.setdefault(function, set()).update(snapback.actions_of(function))
            self.needed.setdefault(function, set()).update(allowed.get(snapback.role_of(function), []))
        for control in controls():
            # Whoever answers its writes has shown that a revert is one. A control without any only looks.
            actions = control["writes"] or control["reads"]
            answered_by = {players.get(action.partition(":")[2], "ministack") for action in actions} or {"ministack"}
            # The weakest of those that were needed counts.
            player = min(answered_by, key=PLAYERS.index)
            self.seen.setdefault(control["id"], {})
            for outcome in OUTCOMES:
                if (control["id"], outcome) in ended:
                    self._see(control["id"], player, outcome)

    def told(self) -> dict:
        """What was seen, in a form that one process can tell another."""
        needed = {function: sorted(actions) for function, actions in self.needed.items()}
        granted = {function: sorted(actions) for function, actions in self.granted.items()}
        return {"seen": self.seen, "granted": granted, "needed": needed}

    def hear(self, told: dict) -> None:
        """Adds what another process has seen."""
        for control, seen in told["seen"].items():
            for player, outcome in seen.items():
                self._see(control, player, outcome)
            self.seen.setdefault(control, {})
        for function, actions in told["granted"].items():
            self.granted.setdefault(function, set()).update(actions)
            self.needed.setdefault(function, set()).update(told["needed"][function])

    def _see(self, control: str, player: str, outcome: str) -> None:
        seen = self.seen.setdefault(control, {})
        seen[player] = max(outcome, seen.get(player, outcome), key=OUTCOMES.index)

    def summary(self) -> list:
        """How many controls were seen to do what, on whose emulator."""
        counted = Counter((player, outcome) for seen in self.seen.values() for player, outcome in seen.items())
        lines = [f"{player}: {number} {outcome}" for (player, outcome), number in sorted(counted.items())]
        return [f"{len(self.seen)} controls", *lines]

    def differences(self) -> list:
        """What was not seen as it is recorded."""
        recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
        both = sorted({*recorded, *self.seen})
        return [
            f"{control}: {recorded.get(control)} is recorded, {self.seen.get(control)} was seen"
            for control in both
            if recorded.get(control) != self.seen.get(control)
        ]

    def never_needed(self) -> list:
        """Actions that a role has and no test needed."""
        needed = READS_OF_THE_JOURNAL & set().union(*self.needed.values())
        return [
            f"{function} may {action}, and no test needed it"
            for function, granted in sorted(self.granted.items())
            for action in sorted(granted - self.needed[function] - needed - NOT_ASKED_FOR)
        ]

    def are_as_recorded(self) -> bool:
        if os.environ.get("UPDATE"):
            RECORDED.write_text(json.dumps(self.seen, indent=4, sort_keys=True) + "\n", encoding="utf-8")
        return not self.differences() and not self.never_needed()


def controls() -> list:
    told = subprocess.run([TARGET / "debug" / "snapback", "controls", "--json"], capture_output=True, check=True)
    return json.loads(told.stdout)
