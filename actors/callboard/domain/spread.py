"""When the runs of a slot start: jitter and flexible window spread them behind the slot."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b

from callboard.domain.instant import instant_to_text
from callboard.domain.trigger import Trigger

_SPACE = 2**64


def starts_at(trigger: Trigger, slot: datetime, now: datetime) -> datetime:
    """The due time of a slot's runs when the slot is decided at `now`: never before `now`."""
    if not (trigger.jitter_s or trigger.flexible_window_s):
        return max(now, slot)
    return max(now, slot + offset_of(trigger, slot))


def offset_of(trigger: Trigger, slot: datetime) -> timedelta:
    """How much later than its slot a run starts: jitter and flexible window together.

    Jitter is the slot's own, in [0, jitter_s); the other is the same for all slots of the trigger,
    in [0, flexible_window_s). Both depend on names and instants only: every node, every attempt
    and every day gives the same.
    """
    offset = timedelta()
    if trigger.jitter_s:
        offset += _part_of(trigger.jitter_s, "jitter", trigger, instant_to_text(slot))
    if trigger.flexible_window_s:
        offset += _part_of(trigger.flexible_window_s, "window", trigger)
    return offset


def _part_of(length_s: float, kind: str, trigger: Trigger, *more: str) -> timedelta:
    text = "\0".join((kind, trigger.group, trigger.name, *more))
    share = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
    # Whole numbers, rounded down: the end itself is never reached.
    return timedelta(microseconds=share * round(length_s * 1_000_000) // _SPACE)
