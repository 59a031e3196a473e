"""Copies with other values in some fields."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from callboard.domain.amend import amended
from callboard.domain.trigger import TriggerState
from support.factories import NOW, after, make_trigger


def test_a_copy_is_what_replace_gives():
    trigger = make_trigger()
    changes = {"next_slot": after(7200), "last_slot": NOW, "state": TriggerState.PAUSED}
    assert amended(trigger, **changes) == replace(trigger, **changes)


def test_the_value_itself_stays():
    trigger = make_trigger(firings=3)
    amended(trigger, firings=4)
    assert trigger.firings == 3


def test_a_copy_is_frozen_like_its_value():
    copy = amended(make_trigger(), firings=4)
    with pytest.raises(FrozenInstanceError):
        copy.firings = 5  # type: ignore[misc]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    name: str
    corners: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Coloured(Shape):
    colour: str = "red"


def test_a_value_of_a_class_with_a_frozen_base_can_be_amended():
    value = Coloured(name="square", corners=4)
    copy = amended(value, corners=3, colour="blue")
    assert copy == Coloured(name="square", corners=3, colour="blue")
    assert value == Coloured(name="square", corners=4)
    with pytest.raises(FrozenInstanceError):
        copy.colour = "green"  # type: ignore[misc]


def test_a_field_that_is_not_there_is_refused():
    with pytest.raises(AttributeError, match="firing"):
        amended(make_trigger(), firing=4)
