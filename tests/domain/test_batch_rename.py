"""Other names for the steps of an instance."""

from __future__ import annotations

from typing import Any

import pytest

from callboard.domain.batch_rename import renamed_moves, renamed_step
from callboard.domain.batch_step import Move, StepExecution
from support.factories import NOW


def step(name: str, manager_id: int | None = None) -> StepExecution:
    return StepExecution(
        id=1, instance_id=1, run_id=1, name=name, manager_id=manager_id, started_at=NOW
    )


@pytest.mark.parametrize(
    ("name", "manager_id", "renamed"),
    [
        ("a", None, "b"),
        ("b", None, "a"),
        ("c", None, "c"),
        ("a:north", 1, "b:north"),
        ("a:a:x", 1, "b:a:x"),
        ("c:a", 1, "c:a"),
        ("gone", None, None),
        ("gone:north", 1, None),
    ],
)
def test_a_step_goes_by_its_new_name(name: str, manager_id: int | None, renamed: str) -> None:
    found = renamed_step(step(name, manager_id), {"a": "b", "b": "a", "gone": None})
    assert (found and found.name) == renamed


@pytest.mark.parametrize(
    ("target", "renamed"),
    [
        ({"to": "a"}, {"to": "b"}),
        ({"stop": "a"}, {"stop": "b"}),
        ({"stop": None}, {"stop": None}),
        ({"end": "a"}, {"end": "a"}),
        ({"fail": "gone"}, {"fail": "gone"}),
        ({"to": "gone"}, None),
        ({"stop": "gone"}, None),
    ],
)
def test_a_move_leads_to_the_new_name(target: dict[str, Any], renamed: Any) -> None:
    moves = renamed_moves([Move(node="c", code="X", target=target)], {"a": "b", "gone": None})
    assert [move.target for move in moves] == ([] if renamed is None else [renamed])


def test_a_move_leaves_from_the_new_name_unless_that_is_dropped() -> None:
    moves = [Move(node=node, code="X", target={"end": "X"}) for node in ("a", "gone", "c")]
    assert [move.node for move in renamed_moves(moves, {"a": "b", "gone": None})] == ["b", "c"]
