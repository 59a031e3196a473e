"""What a restart would do, step by step: the present flow walked by what the instance has done.

Steps that it would execute are taken to end with COMPLETED; where the flow depends on anything else
that nobody knows yet, the list says so and ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias, cast

from callboard.domain.batch_flow import FlowPlan
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_partitions import partition_name, partitions_of
from callboard.domain.batch_step import (
    COMPLETED,
    LOST,
    PASSED,
    StepCounts,
    StepExecution,
    StepState,
)
from callboard.domain.batch_walk import Walk, walk_of
from callboard.domain.batch_way import Decide, FlowEnd, Passed, RunSplit, RunStep, Todo, Trail, Work
from callboard.domain.json import Json, JsonObject


class What(StrEnum):
    """What is done with a step."""

    SKIP = "skip"
    """Nothing: it is done."""
    REPLAY = "replay"
    """A decision is taken as it was made."""
    RESUME = "resume"
    """It goes on where it got to."""
    RUN = "run"
    """It begins."""
    RUN_AGAIN = "run again"
    """It begins anew, although it succeeded."""
    DECIDE = "decide"
    """A decider is asked: nothing behind it is known."""
    SPLIT = "split"
    """The flows that follow run side by side."""
    END = "end"
    """The run ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One line of the plan."""

    name: str
    """Of the step, decider or split; of a partition `step:partition`; of the end: its code."""
    visit: int = 1
    what: What
    reason: str
    cursor: Json = None
    """Where it goes on."""
    counts: StepCounts = field(default_factory=StepCounts)
    """What all its executions have committed on this visit so far."""
    depth: int = 0
    """0; 1 in the flow of a split, or for a partition; and so on."""
    condition: str | None = None
    """What has to become of the step before it, so that the flow comes here."""

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "visit": self.visit,
            "what": self.what.value,
            "reason": self.reason,
            "cursor": self.cursor,
            "reads": self.counts.reads,
            "writes": self.counts.writes,
            "depth": self.depth,
            "condition": self.condition,
        }


def explain_restart(definition: JsonObject, history: BatchHistory) -> tuple[PlannedStep, ...]:
    """In the order of the flow; the last entry is the end, or what the rest depends on.

    Args:
        definition: the job's steps and flow as they are now, as a restart has them.
        history: of the instance, under the present names.
    """
    steps = cast("Sequence[JsonObject]", definition.get("steps") or ())
    specs = {str(step["name"]): step for step in steps}
    reruns = [name for name, step in specs.items() if step.get("allow_start_if_complete")]
    plan = FlowPlan.from_json(cast("JsonObject | None", definition.get("flow")))
    walk = walk_of(plan, history, run_id=0, reruns=reruns)
    return tuple(_Planner(specs, history).flow(walk))


Planning: TypeAlias = Generator[PlannedStep, None, FlowEnd | None]
"""Lines, and the end of the flow; None: nobody knows it yet."""


class _Planner:
    def __init__(self, specs: Mapping[str, JsonObject], history: BatchHistory) -> None:
        self._specs = specs
        self._history = history
        self._done: dict[tuple[str, int], StepCounts] = {}
        self._begun = Counter(step.name for step in history.steps)
        self._visits: dict[str, int] = {}
        for step in history.steps:
            key = (step.name, step.visit)
            self._done[key] = self._done.get(key, StepCounts()).plus(step.counts)
            self._visits[step.name] = max(step.visit, self._visits.get(step.name, 0))

    def flow(self, walk: Walk, trail: Trail | None = None, depth: int = 0) -> Planning:
        todo: Todo | None = walk.start(trail)
        condition: str | None = None
        while todo is not None:
            for passed in todo.trail.passed:
                yield replace(self._passed(passed), depth=depth)
            if isinstance(todo, FlowEnd):
                if walk.is_whole:
                    yield replace(_end(todo), condition=condition)
                return todo
            line = replace(self._line(todo), depth=depth, condition=condition)
            yield line
            todo = yield from self._behind(walk, todo, line)
            condition = _condition(walk, line)
        return None

    def _behind(
        self, walk: Walk, todo: Work, line: PlannedStep
    ) -> Generator[PlannedStep, None, Todo | None]:
        """What comes next if a step succeeds; None: that is not known."""
        match todo:
            case Decide():
                return None
            case RunSplit():
                ends = []
                for flow in todo.flows:
                    end = yield from self.flow(flow, todo.trail, line.depth + 1)
                    ends.append(end)
                known = [end for end in ends if end is not None]
                return walk.join(todo, known).next if len(known) == len(ends) else None
            case RunStep():
                if self._is_partitioned(todo) and line.what is not What.RUN_AGAIN:
                    yield from self._partitions(todo, line.depth + 1)
                # A round that comes twice without a decision has no end that anybody knows.
                is_known = todo.visit <= self._visits.get(todo.name, 0) + 1
                if line.what is What.END or not is_known:
                    return None
                return walk.leave(todo, StepState.SUCCEEDED, COMPLETED).next

    def _line(self, todo: Work) -> PlannedStep:
        match todo:
            case Decide():
                return self._decided(todo)
            case RunSplit():
                is_over = all(isinstance(flow.start(todo.trail), FlowEnd) for flow in todo.flows)
                reason = "its flows have ended" if is_over else "its flows run side by side"
                return PlannedStep(name=todo.name, visit=todo.visit, what=What.SPLIT, reason=reason)
            case RunStep():
                return self._step(todo)

    def _step(self, todo: RunStep) -> PlannedStep:
        before, reached = todo.before, self._limit_reached(todo)
        planned = PlannedStep(
            name=todo.name,
            visit=todo.visit,
            what=What.RUN,
            reason="it has not begun yet",
            counts=self._counts(todo.name, todo.visit),
        )
        if reached is not None:
            return replace(planned, what=What.END, reason=f"the run fails: {reached}")
        if before is None:
            return planned
        if todo.is_again:
            reason = f"it succeeded in run {before.run_id}, and may start if complete"
            return replace(planned, what=What.RUN_AGAIN, reason=reason)
        return _resumed(planned, before)

    def _is_partitioned(self, todo: RunStep) -> bool:
        return self._specs.get(todo.name, {}).get("kind") == "partition"

    def _partitions(self, todo: RunStep, depth: int) -> Iterator[PlannedStep]:
        manager = todo.before
        if manager is None or manager.plan is None:
            return
        known = partitions_of(self._history.steps, manager)
        for entry in manager.plan:
            name = str(entry["name"])
            planned = PlannedStep(
                name=partition_name(todo.name, name),
                visit=todo.visit,
                what=What.RUN,
                reason="it has not begun yet",
                depth=depth,
            )
            last = known.get(name)
            if last is not None:
                counts = self._counts(planned.name, todo.visit)
                planned = _resumed(replace(planned, counts=counts), last)
            yield planned

    def _passed(self, passed: Passed) -> PlannedStep:
        if passed.is_decision:
            reason = f"it said {passed.code!r} in run {passed.run_id}"
            what = What.REPLAY
        else:
            what, reason = What.SKIP, f"it succeeded in run {passed.run_id} with {passed.code!r}"
            if passed.state is not StepState.SUCCEEDED:
                reason = f"it failed in run {passed.run_id}, and the flow went on behind it"
        return PlannedStep(
            name=passed.node,
            visit=passed.visit,
            what=what,
            reason=reason,
            counts=self._counts(passed.node, passed.visit),
        )

    def _decided(self, todo: Decide) -> PlannedStep:
        move = self._history.move(todo.name, todo.visit)
        reason = "it has not been asked yet, and what follows depends on its answer"
        if move is not None:
            reason = f"it said {move.code!r} in run {move.run_id}, which that ended: it is asked "
            reason += "again, and what follows depends on its answer"
        return PlannedStep(name=todo.name, visit=todo.visit, what=What.DECIDE, reason=reason)

    def _limit_reached(self, todo: RunStep) -> str | None:
        limit = self._specs.get(todo.name, {}).get("start_limit")
        if not isinstance(limit, int):
            return None
        begun = self._begun[todo.name]
        if begun < limit:
            return None
        return f"step {todo.name!r} has begun {begun} times, and its start limit is {limit}"

    def _counts(self, name: str, visit: int) -> StepCounts:
        return self._done.get((name, visit), StepCounts())


def _resumed(planned: PlannedStep, last: StepExecution) -> PlannedStep:
    """Of a step, or a partition, that has begun."""
    if last.state in PASSED:
        reason = f"it succeeded in run {last.run_id} with {last.exit_code!r}"
        return replace(planned, what=What.SKIP, reason=reason)
    became = "was lost" if last.exit_code == LOST else f"is {last.state.value}"
    if last.state in (StepState.FAILED, StepState.STOPPED) and last.exit_code != LOST:
        became = "failed" if last.state is StepState.FAILED else "was stopped"
    reason = f"it {became} in run {last.run_id}"
    cursor = last.checkpoint.cursor
    if cursor is None and not last.checkpoint.context and last.plan is None:
        return replace(planned, what=What.RUN, reason=f"{reason} before anything was stored")
    if planned.counts.writes:
        reason += f", behind {planned.counts.writes} items written"
    return replace(planned, what=What.RESUME, reason=reason, cursor=cursor)


def _condition(walk: Walk, line: PlannedStep) -> str | None:
    """Of what comes behind a step whose exit code decides about it."""
    if line.what in (What.SPLIT, What.DECIDE) or not walk.plan.nodes[line.name].on:
        return None
    return f"if {line.name!r} ends with {COMPLETED!r}"


def _end(end: FlowEnd) -> PlannedStep:
    if end.message is not None:
        reason = f"the run has {end.state.value}: {end.message}"
    elif end.state is StepState.STOPPED:
        reason = "the flow stops the run"
    else:
        reason = f"the run has {end.state.value}"
    return PlannedStep(name=end.code, what=What.END, reason=reason)
