"""Overlap: what becomes of a firing that comes while earlier ones of its trigger are live.

A *firing* is what one slot, or one request, starts: all runs with one trace id, their retries
included. It is live while one of its runs is queued, running, stopping or lost; parked runs do not
count. A *held* firing is a queued one that waits until those before it have ended.

| policy | nothing is live | something is live |
| --- | --- | --- |
| allow | admit | admit; with a limit: refuse once so many are live |
| skip | admit | refuse |
| buffer_one, buffer | admit | hold; refuse once 1, or `limit`, are held |
| cancel_old, kill_old | admit | stop what is live, drop what is held, hold |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from callboard.domain.trigger import OverlapPolicy, OverlapPolicyName, Trigger

DEFAULT_BUFFER: Final = 1000
"""Firings that `buffer` without a limit holds."""

STOPPING_POLICIES: Final = frozenset({OverlapPolicyName.CANCEL_OLD, OverlapPolicyName.KILL_OLD})
HOLDING_POLICIES: Final = STOPPING_POLICIES | {
    OverlapPolicyName.BUFFER_ONE,
    OverlapPolicyName.BUFFER,
}


class Answer(StrEnum):
    """What becomes of a new firing."""

    ADMIT = "admit"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A live firing of a trigger."""

    trigger_id: int
    trace_id: str
    run_ids: tuple[int, ...] = ()
    """Its live runs, ascending, parked ones left out."""
    since: datetime
    """Its slot, or when somebody asked for it."""
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The answer to a new firing, and the older ones that have to give way to it."""

    answer: Answer
    stopped: tuple[Firing, ...] = ()
    """By their trace: to be asked to stop where they run, ended where they wait."""


def admission(policy: OverlapPolicy, live: Sequence[Firing], trace_id: str) -> Admission:
    """What becomes of the firing `trace_id` beside the trigger's live ones, oldest first.

    A firing that is live already goes on as it is: a further run of it makes no second firing.
    """
    for firing in live:
        if firing.trace_id == trace_id:
            return Admission(answer=Answer.HOLD if firing.is_held else Answer.ADMIT)
    held = sum(firing.is_held for firing in live)
    match policy.policy:
        case OverlapPolicyName.ALLOW:
            has_room = policy.limit is None or len(live) < policy.limit
            return Admission(answer=Answer.ADMIT if has_room else Answer.REFUSE)
        case OverlapPolicyName.SKIP:
            return Admission(answer=Answer.REFUSE if live else Answer.ADMIT)
        case OverlapPolicyName.BUFFER_ONE:
            return Admission(answer=_buffered(live, held, 1))
        case OverlapPolicyName.BUFFER:
            return Admission(answer=_buffered(live, held, policy.limit or DEFAULT_BUFFER))
        case OverlapPolicyName.CANCEL_OLD | OverlapPolicyName.KILL_OLD:
            is_free = held == len(live)
            return Admission(answer=Answer.ADMIT if is_free else Answer.HOLD, stopped=tuple(live))


def _buffered(live: Sequence[Firing], held: int, limit: int) -> Answer:
    if not live:
        return Answer.ADMIT
    return Answer.HOLD if held < limit else Answer.REFUSE


def counts_firings(trigger: Trigger) -> bool:
    """Whether its live firings matter to a new one."""
    overlap = trigger.overlap
    return overlap.policy is not OverlapPolicyName.ALLOW or overlap.limit is not None


def is_sequenced(trigger: Trigger) -> bool:
    """Whether the end of its runs means something to it: the column of that name in SQL."""
    return trigger.schedule.kind == "delay" or trigger.overlap.policy in HOLDING_POLICIES
