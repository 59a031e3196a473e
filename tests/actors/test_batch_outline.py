"""The outline of a history, by which a run begins or is restarted, decides as the whole would."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_mapping import mapping_problems
from callboard.domain.batch_refusal import definition_refusal, running_of
from callboard.domain.batch_step import Move, StepState
from callboard.store.memory import MemoryStore
from callboard.testing import VirtualClock
from support.batch import held_run, make_step
from support.factories import NOW

NAMES = ("a", "b", "d")
KINDS = ("tasklet", "chunk", "partition")

names = st.sampled_from(NAMES)
steps = st.tuples(names, st.integers(1, 3), st.booleans(), st.sampled_from([*StepState]))
"""Name, visit, whether it is a partition of that step, and what became of it."""
moves = st.tuples(names, st.integers(1, 3), st.sampled_from("AB"), names)
definitions = st.lists(st.tuples(names, st.sampled_from(KINDS)), unique_by=lambda step: step[0])
mappings = st.dictionaries(names, st.none() | names, max_size=2)


def definition(said: list[tuple[str, str]]) -> dict[str, Any]:
    return definition_of_spec({"steps": [{"name": name, "kind": kind} for name, kind in said]})


async def stored(done: list[Any], ways: list[Any]) -> tuple[BatchHistory, BatchHistory]:
    """All that an instance has done, and its outline."""
    store = MemoryStore(clock=VirtualClock())
    held = await held_run(store)
    async with store.begin() as tx:
        for number, (name, visit, is_part, state) in enumerate(done):
            changes = {"name": f"{name}:{number}", "manager_id": 1} if is_part else {"name": name}
            over = None if state is StepState.RUNNING else NOW
            await tx.insert_step(
                make_step(held, visit=visit, state=state, ended_at=over, **changes)
            )
        made = [Move(node=n, visit=v, code=c, target={"to": t}) for n, v, c, t in ways]
        await tx.put_moves(held.instance.id, made)
    whole = await store.get_batch_history(held.instance.id)
    assert whole is not None
    async with store.begin() as tx:
        return whole, BatchHistory(
            instance=whole.instance,
            steps=tuple(await tx.outline_of_instance(held.instance.id)),
            moves=tuple(await tx.ways_of_instance(held.instance.id)),
        )


@settings(max_examples=40)
@given(st.lists(steps, max_size=8), st.lists(moves, max_size=6), definitions, definitions, mappings)
def test_the_outline_decides_as_the_whole(
    done: list[Any], ways: list[Any], before: Any, now: Any, mapping: dict[str, Any]
) -> None:
    whole, outline = asyncio.run(stored(done, ways))
    old, new = definition(before), definition(now)
    assert running_of(outline.steps) == running_of(whole.steps)
    problems = [
        {problem.field + problem.reason for problem in mapping_problems(mapping, each, old, new)}
        for each in (whole, outline)
    ]
    assert problems[0] == problems[1]
    if not problems[0]:
        refusals = [definition_refusal(each, old, new, mapping) for each in (whole, outline)]
        assert _differences(refusals[0]) == _differences(refusals[1])


def _differences(refusal: Any) -> Any:
    return None if refusal is None else sorted(map(str, refusal.facts["differences"]))
