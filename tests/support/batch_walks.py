"""An instance of a batch job that is walked without executing anything: what its runs would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from callboard.domain.batch_flow import FlowPlan
from callboard.domain.batch_instance import BatchHistory, BatchInstance
from callboard.domain.batch_step import LOST, STOPPED, Move, StepExecution, StepState
from callboard.domain.batch_walk import Walk, walk_of
from callboard.domain.batch_way import Decide, FlowEnd, Left, RunSplit, RunStep, Trail

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
Outcome = tuple[StepState, str]
S: Final = StepState


def says(**codes: Any) -> Callable[[str, int], Outcome]:
    """What a step or a decider ends with, `name=code` or `name=[code of each visit]`; FAILED and
    what begins with `!` fails; COMPLETED where nothing is said."""

    def outcome(name: str, visit: int) -> Outcome:
        code = codes.get(name, "COMPLETED")
        if isinstance(code, list):
            code = code[min(visit, len(code)) - 1]
        has_failed = code.startswith(("FAILED", "!"))
        return (S.FAILED if has_failed else S.SUCCEEDED, code.lstrip("!"))

    return outcome


class Cut(Exception):
    """The node died: whatever was not stored is gone."""


class TooLong(Exception):
    """The flow has no end."""


@dataclass
class Simulated:
    """Steps and moves as they would be stored.

    Attributes:
        outcome: what a step on a visit ends with, or a decider answers.
        events_left: how many starts and ends of steps happen before the interruption.
        is_stop: interrupted by a stop, not by a crash.
    """

    plan: FlowPlan
    outcome: Callable[[str, int], Outcome]
    reruns: frozenset[str] = frozenset()
    steps: dict[int, StepExecution] = field(default_factory=dict)
    moves: dict[tuple[str, int], Move] = field(default_factory=dict)
    log: list[tuple[str, int, str]] = field(default_factory=list)
    events_left: int = 10_000
    is_stop: bool = False
    is_stopping: bool = False
    run_id: int = 0
    budget: int = 300

    @property
    def history(self) -> BatchHistory:
        return BatchHistory(
            instance=BatchInstance(job="shop", key="k", parameters={}),
            steps=tuple(self.steps.values()),
            moves=tuple(self.moves.values()),
        )

    def run(self, run_id: int) -> FlowEnd:
        """To its end; a step that an earlier holder left running has been lost."""
        self.run_id = run_id
        self.is_stopping = False
        for step in list(self.steps.values()):
            if step.state is S.RUNNING:
                self.steps[step.id] = replace(step, state=S.FAILED, exit_code=LOST)
        return self._follow(
            walk_of(self.plan, self.history, run_id=run_id, reruns=self.reruns), None
        )

    def _follow(self, walk: Walk, trail: Trail | None) -> FlowEnd:
        todo = walk.start(trail)
        while not isinstance(todo, FlowEnd):
            if self.is_stopping:
                return walk.stop(todo)
            if isinstance(todo, RunSplit):
                left = walk.join(todo, [self._follow(flow, todo.trail) for flow in todo.flows])
                self._record(left.moves)
            else:
                left = (
                    self._step(walk, todo) if isinstance(todo, RunStep) else self._ask(walk, todo)
                )
            todo = left.next
        return walk.stop(todo) if walk.is_whole and self.is_stopping else todo

    def _step(self, walk: Walk, todo: RunStep) -> Left:
        id = len(self.steps) + 1
        step = StepExecution(
            id=id,
            instance_id=1,
            run_id=self.run_id,
            name=todo.name,
            visit=todo.visit,
            started_at=AT,
        )
        self.steps[id] = step
        self._happens()
        if self.is_stopping:
            left = walk.leave(todo, S.STOPPED, STOPPED, is_stopping=True)
            self.steps[id] = replace(step, state=left.state, exit_code=STOPPED)
            return left
        state, code = self.outcome(todo.name, todo.visit)
        self.log.append((todo.name, todo.visit, code))
        left = walk.leave(todo, state, code)
        self.steps[id] = replace(step, state=left.state, exit_code=code)
        self._record(left.moves)
        self._happens()
        return left

    def _ask(self, walk: Walk, todo: Decide) -> Left:
        code = self.outcome(todo.name, todo.visit)[1]
        self.log.append((todo.name, todo.visit, code))
        left = walk.leave(todo, S.SUCCEEDED, code)
        self._record(left.moves)
        return left

    def _record(self, moves: tuple[Move, ...]) -> None:
        for move in moves:
            self.moves[move.node, move.visit] = replace(move, run_id=self.run_id)

    def _happens(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise TooLong
        self.events_left -= 1
        if self.events_left == 0:
            if not self.is_stop:
                raise Cut
            self.is_stopping = True
