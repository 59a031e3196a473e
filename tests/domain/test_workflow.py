"""What a workflow can be: its texts and their bounds."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.workflow import MAX_PROPERTIES, MAX_TEXTS, Workflow
from callboard.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ([], "properties", "is a list, not a mapping"),
        ({"a": 1}, "properties.a", "is a int, not a text"),
        ({"": "x"}, "properties", "has the key '', which is not a text of 1 to 255 characters"),
        ({"a": "x\0"}, "properties.a", "contains a NUL character, which jsonb cannot keep"),
        ({"a": "\ud800"}, "properties.a", "contains half of a surrogate pair"),
        (
            {str(n): "" for n in range(MAX_PROPERTIES + 1)},
            "properties",
            f"has more than {MAX_PROPERTIES} entries",
        ),
        (
            {"a": "x" * MAX_TEXTS},
            "properties",
            f"has {MAX_TEXTS + 1} characters, more than {MAX_TEXTS}",
        ),
    ],
    ids=["list", "number", "key", "nul", "surrogate", "many", "long"],
)
def test_properties_are_some_texts(given: Any, field: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Workflow(name="w", properties=given)
    assert [(each.field, each.reason) for each in refused.value.problems] == [(field, reason)]


def test_properties_may_be_as_long_as_is_said() -> None:
    Workflow(name="w", properties={"a": "x" * (MAX_TEXTS - 1)})
