"""What a batch run comes to on its way through its flow; who walks is `batch_walk`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from callboard.domain.batch_step import Move, StepExecution, StepState

if TYPE_CHECKING:
    from callboard.domain.batch_walk import Walk

NO_TRANSITION: Final = "NO_TRANSITION"
"""Type of the run's error: an exit code that the flow does not know."""
FLOW_FAILED: Final = "FLOW_FAILED"
"""A transition to `fail`."""
STEP_FAILED: Final = "STEP_FAILED"
"""A step without transitions has failed; whoever executed it knows its own error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A node that the flow has gone by, for what an earlier attempt recorded of it."""

    node: str
    visit: int
    code: str
    run_id: int
    """Which recorded it."""
    is_decision: bool = False
    state: StepState = StepState.SUCCEEDED


@dataclass(frozen=True, slots=True)
class _Seen:
    passed: Passed
    before: _Seen | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """How a flow came to where it is."""

    visits: Mapping[str, int] = field(default_factory=dict)
    """How often it has come to each node, by name."""
    worked: int = 0
    """Steps that the run has executed."""
    seen: _Seen | None = field(default=None, repr=False, compare=False)
    """The last one of `passed`; a chain, for a loop may pass very many."""

    @property
    def passed(self) -> tuple[Passed, ...]:
        """Since the last piece of work, in order."""
        found: list[Passed] = []
        seen = self.seen
        while seen is not None:
            found.append(seen.passed)
            seen = seen.before
        return tuple(reversed(found))

    def at(self, node: str) -> Trail:
        return replace(self, visits={**self.visits, node: self.visits.get(node, 0) + 1})

    def by(self, passed: Passed) -> Trail:
        return replace(self, seen=_Seen(passed, self.seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStep:
    """Execute a step: begin it, then `leave`."""

    name: str
    visit: int
    is_again: bool = False
    """It has succeeded, and begins with nothing of what it knew."""
    before: StepExecution | None = None
    """Its last execution on this visit."""
    trail: Trail = Trail()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Ask a decider, then `leave` with its answer as the code."""

    name: str
    visit: int
    trail: Trail = Trail()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSplit:
    """Walk all of its flows, each from `flow.start(todo.trail)`, then `join`."""

    name: str
    visit: int
    flows: tuple[Walk, ...]
    trail: Trail = Trail()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEnd:
    """How a flow ends; of the whole one: how its run does."""

    state: StepState
    """Succeeded, failed or stopped."""
    code: str
    error_type: str | None = None
    """Of a failed one; the error of the step that made it fail says more, where there is one."""
    message: str | None = None
    is_interrupted: bool = False
    """Not the flow's own end: a step was stopped or could not begin, a decider raised. No
    transition leads out of it."""
    node: str | None = None
    """Where it ended."""
    trail: Trail = Trail()


Work: TypeAlias = RunStep | Decide | RunSplit
Todo: TypeAlias = Work | FlowEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is stored of a node's end, in one commit, and what comes next."""

    state: StepState
    """As it ended; abandoned, where the flow goes on behind one that has failed or was stopped."""
    moves: tuple[Move, ...]
    next: Todo


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the instance has done, by name and visit."""

    steps: Mapping[tuple[str, int], StepExecution]
    """The last execution of each."""
    moves: Mapping[tuple[str, int], Move]
