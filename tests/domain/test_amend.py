"""Copies with other values in some fields."""

from __future__ import annotations

from dataclasses import replace

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


def test_a_field_that_is_not_there_is_refused():
    with pytest.raises(KeyError, match="firing"):
        amended(make_trigger(), firing=4)
