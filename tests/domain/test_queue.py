"""Queues: what a definition may say."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.limits import RateLimit
from callboard.domain.queue import Queue
from callboard.errors import InvalidInput


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"group": "a" * 300}, "group"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 1_000_001}, "capacity"),
        ({"description": "x" * 10_001}, "description"),
        ({"rate_limit": RateLimit(runs=0, per_s=1)}, "rate_limit.runs"),
        ({"rate_limit": RateLimit(runs=1, per_s=10**7)}, "rate_limit.per_s"),
    ],
)
def test_a_queue_is_refused_by_the_field_that_is_wrong(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Queue(**{"name": "q", **fields})
    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_queue_without_limits_has_none() -> None:
    assert not Queue(name="q").is_limited
    assert Queue(name="q", paused=True).is_limited
    assert Queue(name="q", capacity=1).is_limited
    assert Queue(name="q", rate_limit=RateLimit(runs=1, per_s=1)).is_limited
