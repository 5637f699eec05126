"""What befalls whom, out of a seed: the same for everybody who asks the same in the same order."""

from __future__ import annotations

from collections import Counter
from random import Random


class Chance:
    def __init__(self, seed: str, met: Counter | None = None):
        """`met`: where it is counted how often which kind has struck: what stands before the first blank in its name."""
        self.seed, self.met = seed, Counter() if met is None else met
        self._turns: Counter = Counter()
        self._struck: set = set()

    def random(self, what: str) -> Random:
        self._turns[what] += 1
        return Random(f"{self.seed} {what} {self._turns[what]}")

    def strikes(self, what: str, one_in: int) -> bool:
        """Whether this befalls somebody. Whom it has befallen it spares the next time."""
        if what in self._struck:
            self._struck.remove(what)
            return False
        if self.random(what).randrange(one_in):
            return False
        self._struck.add(what)
        self.met[what.partition(" ")[0]] += 1
        return True
