"""Many triggers in one request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final

import msgspec

from callboard.domain.trigger import Trigger, TriggerState
from callboard_service.wire.fields import Faults, read_value
from callboard_service.wire.triggers import TriggerInput, read_trigger

MOST_TRIGGERS: Final = 1000
"""Triggers created by one request at the most."""
_PLAIN: Final = {"name": "x", "schedule": {"kind": "on_demand"}, "actions": [{"job": "x"}]}


class NewTriggersInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Triggers to create, all or none."""

    triggers: Annotated[list[TriggerInput], msgspec.Meta(min_length=1, max_length=MOST_TRIGGERS)]


class _Listed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The same, before anybody looks into them: each is read alone, and all that is wrong told."""

    triggers: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MOST_TRIGGERS)]


def read_triggers(raw: object, in_group: Callable[[Any], Any]) -> list[Trigger]:
    """The triggers that a request describes, in its order; inactive ones are to stay so.

    Args:
        in_group: the document of one trigger, in the group that the request is about.
    Raises:
        InvalidInput, NotSupportedYet: at triggers[i].
    """

    def build(given: _Listed) -> list[Trigger]:
        faults = Faults()
        read: list[Trigger] = []
        for index, each in enumerate(given.triggers):
            work = partial(_read, in_group, each)
            trigger = faults.attempt(work, None, under=f"triggers[{index}]")
            read += [] if trigger is None else [trigger]
        faults.raise_any()
        return read

    return read_value(raw, _Listed, build, stand_in={"triggers": [_PLAIN]})


def _read(in_group: Callable[[Any], Any], raw: Any) -> Trigger | None:
    trigger, activate = read_trigger(in_group(raw))
    return trigger if activate else replace(trigger, state=TriggerState.INACTIVE)
