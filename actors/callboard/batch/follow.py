"""The way of a run through its flow, with the flows of splits side by side."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from callboard.batch.activity import Activity
from callboard.batch.side_by_side import side_by_side
from callboard.domain.batch_step import Move
from callboard.domain.batch_walk import Walk
from callboard.domain.batch_way import Decide, FlowEnd, Left, RunSplit, RunStep, Todo, Trail, Work


class PutDown(BaseException):
    """The way ends here for now: the run goes on elsewhere, from this boundary on."""


class Follower(Protocol):
    """Who does the work that a walk comes to. PutDown ends a walk when the flows beside it have
    come to boundaries of their own; all else that is raised ends these, too: the run is not held
    any more."""

    @property
    def is_stopping(self) -> bool:
        """Whether the run is asked to stop."""
        ...

    @property
    def activity(self) -> Activity:
        """Which of the run's flows work."""
        ...

    async def execute(self, walk: Walk, todo: RunStep) -> Left | FlowEnd:
        """Begin, execute and end the step; `walk.leave` says with what. `walk.fail` where it
        cannot begin."""
        ...

    async def decide(self, walk: Walk, todo: Decide) -> Left | FlowEnd:
        """Ask the decider and record the move; `walk.fail` where it raises."""
        ...

    async def record(self, moves: tuple[Move, ...]) -> None: ...


async def follow(walk: Walk, steps: Follower, trail: Trail | None = None) -> FlowEnd:
    """How the flow ended, when everything on its way has.

    Raises:
        PutDown: it has not.
    """
    todo: Todo = walk.start(trail)
    while not isinstance(todo, FlowEnd):
        if steps.is_stopping:
            return walk.stop(todo)
        after = await _do(walk, steps, todo)
        todo = after if isinstance(after, FlowEnd) else after.next
    # A flow of a split ends as it did: its split is left, and then the run is stopped.
    return walk.stop(todo) if walk.is_whole and steps.is_stopping else todo


async def _do(walk: Walk, steps: Follower, todo: Work) -> Left | FlowEnd:
    match todo:
        case RunStep():
            return await steps.execute(walk, todo)
        case Decide():
            return await steps.decide(walk, todo)
        case RunSplit():
            return await _split(walk, steps, todo)


async def _split(walk: Walk, steps: Follower, todo: RunSplit) -> Left | FlowEnd:
    """All flows are awaited, whichever fails or is put down."""
    works = [partial(_beside, flow, steps, todo.trail) for flow in todo.flows]
    found = await side_by_side(works, name=f"split.{todo.name}", activity=steps.activity)
    ends = [end for end in found if end is not None]
    if len(ends) < len(found):
        if steps.is_stopping:  # asked meanwhile: a stop goes first
            return walk.stop(todo)
        raise PutDown
    left = walk.join(todo, ends)
    if left.moves:
        await steps.record(left.moves)
    return left


async def _beside(walk: Walk, steps: Follower, trail: Trail) -> FlowEnd | None:
    """As `follow`; None: it was put down."""
    try:
        return await follow(walk, steps, trail)
    except PutDown:
        return None
