"""What may be asked for when a run is created."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from callboard.domain.run import NewRun, merge_arguments
from callboard.errors import InvalidInput


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"arguments": {"a": {1, 2}}}, "arguments.a"),
        ({"arguments": {"a": {"b": "\x00"}}}, "arguments.a.b"),
        ({"unique_key": ""}, "unique_key"),
        ({"unique_key": "k" * 256}, "unique_key"),
        ({"due_at": datetime(2026, 1, 1)}, "due_at"),  # noqa: DTZ001 - that is the point
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as caught:
        NewRun(job="j", **fields)
    assert caught.value.problems[0].field == field


def test_given_arguments_lie_over_the_defaults():
    assert merge_arguments({"a": 1, "b": 1}, {"b": 2, "c": 2}) == {"a": 1, "b": 2, "c": 2}
