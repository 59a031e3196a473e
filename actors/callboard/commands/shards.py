"""The scheduler's role among nodes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from callboard.domain.shards import Scheduling
from callboard.runtime import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a node has."""

    own: frozenset[int]
    """Its shards; its own until the lease that was renewed with them ends."""
    taken_over: int = 0
    """How many of them were taken just now from nodes whose lease had ended."""
    scheduling: Scheduling = Scheduling.SHARED
    """How the nodes share the role at present; the oldest one's setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareShards(Command[Share | None]):
    """Prolong the lease of the node's shards, and take or release some for a fair division.

    None: the epoch is over.
    """

    epoch: int
    lease: timedelta
    scheduling: Scheduling
    is_new: bool = False
    """Whether others are told at once that they have to share with one more."""
    former: int | None = None
    """The node's epoch before this one, under which it has nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndFiring(Command[None]):
    """Give up all shards of the node, for others to take at once."""

    epoch: int
