"""The offer: free places of this node's executor, for runs that are started here."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from callboard.commands import ClaimRuns, HandBack


class Offer:
    """Places that stand empty, and what is on its way to them.

    A run goes to a place in the same commit that creates it. The executor learns of it by a
    message, and says with its next claim how many it has got: the others count against its room.
    """

    def __init__(self) -> None:
        self.epoch: int | None = None
        self.life = 0
        """The executor's that made it."""
        self.room = 0
        self.assigned = 0
        """Runs that were assigned to this life of the executor."""
        self._on_way: deque[int] = deque()
        """Ids of the last of them, which it may not have got yet."""

    def claimable(self, claim: ClaimRuns) -> int:
        """How many runs the claim may give; it ends the offer there was."""
        self.withdraw()
        return max(0, claim.limit - len(self._waiting(claim.life, claim.seen)))

    def make(self, claim: ClaimRuns, room: int) -> None:
        """Offer what a claim has left, where it says so."""
        if claim.standing:
            self.epoch, self.life, self.room = claim.epoch, claim.life, room

    def withdraw(self) -> None:
        """Assign no more runs."""
        self.epoch, self.room = None, 0

    def assign(self, run_ids: Sequence[int]) -> None:
        """Take note of runs that were created for these places."""
        self.assigned += len(run_ids)
        self._on_way.extend(run_ids)
        self.room = max(0, self.room - len(run_ids))

    def kept(self, command: HandBack) -> frozenset[int]:
        """Runs that a hand-back leaves to the node; it ends the offer."""
        self.withdraw()
        return command.keep.union(self._waiting(command.life, command.seen))

    def _waiting(self, life: int, seen: int) -> deque[int]:
        """What is on its way to this life of the executor."""
        if life != self.life or seen > self.assigned:
            self.life, self.assigned = life, seen  # one of us was born again
            self._on_way.clear()
        while len(self._on_way) > self.assigned - seen:
            self._on_way.popleft()
        return self._on_way
