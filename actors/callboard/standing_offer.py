"""StandingOffer: how many runs the job store may still assign to this node unasked.

The executor's side of `changes.offer`: made by what a claim has left of its limit, used up by the
runs that are assigned, ended by whatever the store may not have heard.
"""

from __future__ import annotations

from typing import Final

from callboard.events import RunsAssigned

CLAIM_LIMIT: Final = 1000


class StandingOffer:
    """Owned by the executor; another life of it makes another one."""

    __slots__ = ("_room", "_seen", "life")

    def __init__(self, life: int) -> None:
        self.life = life
        self._seen = 0
        self._room = 0

    @property
    def room(self) -> int:
        """Runs that may still come."""
        return self._room

    @property
    def seen(self) -> int:
        """As ClaimRuns.seen."""
        return self._seen

    def use(self, message: RunsAssigned) -> bool:
        """Count the runs that were assigned; False: to an earlier life of the executor."""
        if message.life != self.life:
            return False
        self._seen = message.total  # also of a fact that was missed
        self._room -= len(message.claimed)
        return True

    def make(self, room: int, seen: int) -> None:
        """Offer what an answered claim has left, but for what was assigned since `seen`."""
        self._room = room - (self._seen - seen)

    def withdraw(self) -> None:
        """Nothing is offered, as far as this node knows."""
        self._room = 0

    def suits(self, room: int) -> bool:
        """Whether it is about what there is room for: half as much, up to twice."""
        return min(room, CLAIM_LIMIT) <= 2 * self._room <= 4 * room
