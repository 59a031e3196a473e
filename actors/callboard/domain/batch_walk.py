"""The way of a batch run through its flow: what is next, given what the instance has done.

    walk = walk_of(plan, history, run_id=run.id, reruns={"cleanup"})
    todo = walk.start()
    while not isinstance(todo, FlowEnd):
        left = walk.leave(todo, state, code)     # a RunStep or a Decide that has come to its end
        left = walk.join(todo, ends)             # a RunSplit: each of its flows was walked so, too
        ...                                      # store left.state and left.moves in one commit
        todo = left.next

Nothing here changes: a walk can be asked again, and the flows of a split walked side by side. What
an earlier run has recorded is taken again: steps that are passed, transitions, decisions. What
ended that run is looked at anew: a step that failed is executed again, a decider that said stop or
fail is asked again. A transition to `stop` with a node leads there, one without is the end behind a
step that has succeeded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from callboard.domain.batch_code import badness
from callboard.domain.batch_flow import FlowNode, FlowPlan, NodeKind, Target, Verb
from callboard.domain.batch_instance import BatchHistory
from callboard.domain.batch_step import (
    COMPLETED,
    FAILED,
    LOST,
    NOOP,
    PASSED,
    STOPPED,
    Move,
    StepExecution,
    StepState,
)
from callboard.domain.batch_way import (
    FLOW_FAILED,
    NO_TRANSITION,
    STEP_FAILED,
    Decide,
    FlowEnd,
    Left,
    Passed,
    Past,
    RunSplit,
    RunStep,
    Todo,
    Trail,
    Work,
)


@dataclass(frozen=True, slots=True)
class _Onward:
    """The flow comes to a node."""

    node: str
    trail: Trail


_Next: TypeAlias = _Onward | Todo


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The way through one flow."""

    plan: FlowPlan
    past: Past
    run_id: int
    reruns: frozenset[str]
    """Steps that a restart executes again although they have succeeded."""
    is_whole: bool = True
    """False: the flow of a split."""
    is_left: bool = False
    """Of a split that the run's way has led out of: nothing in it is tried once more."""

    def start(self, trail: Trail | None = None) -> Todo:
        if trail is None:
            worked = sum(step.run_id == self.run_id for step in self.past.steps.values())
            trail = Trail(worked=worked)
        if self.plan.start is None:
            return self._succeeded(COMPLETED, None, trail)
        return self._go(_Onward(self.plan.start, trail))

    def leave(
        self, todo: RunStep | Decide, state: StepState, code: str, *, is_stopping: bool = False
    ) -> Left:
        """Behind a step or a decider that has come to its end.

        Args:
            state: succeeded, failed or stopped; of a decider: succeeded.
            is_stopping: the run is asked to stop; a step that was stopped leads nowhere then.
        """
        worked = todo.trail.worked + isinstance(todo, RunStep)
        trail = replace(todo.trail, worked=worked, seen=None)
        if state is StepState.STOPPED and is_stopping:
            return Left(state=state, moves=(), next=_interrupted(state, code, todo.name, trail))
        target, after = self._route(self.plan.nodes[todo.name], state, code, trail)
        return self._left(todo, state, code, target, after)

    def join(self, todo: RunSplit, ends: Sequence[FlowEnd]) -> Left:
        """Behind a split, when every flow of it has ended; of the worst end if they differ."""
        worst = max(ends, key=lambda end: badness(end.state, end.code))
        trail = _joined(todo.trail, ends)
        if any(end.is_interrupted for end in ends):
            end = replace(worst, is_interrupted=True, trail=trail)
            return Left(state=worst.state, moves=(), next=end)
        move = self.past.moves.get((todo.name, todo.visit))
        is_as_before = trail.worked == todo.trail.worked
        if move is not None and is_as_before and self._holds(move):
            return Left(state=worst.state, moves=(), next=self._go(self._again(move, trail)))
        node = self.plan.nodes[todo.name]
        if not node.on and worst.state is not StepState.SUCCEEDED:
            return Left(state=worst.state, moves=(), next=replace(worst, trail=trail))
        is_again = move is not None and is_as_before
        target, after = self._route(node, worst.state, worst.code, trail, is_again=is_again)
        return self._left(todo, worst.state, worst.code, target, after)

    def stop(self, todo: Todo) -> FlowEnd:
        """The flow's end where the run is asked to stop before `todo` has begun; where it had come
        to another end than success, that one."""
        if not isinstance(todo, FlowEnd):
            return _interrupted(StepState.STOPPED, STOPPED, todo.name, todo.trail)
        if todo.state is not StepState.SUCCEEDED:
            return todo
        return _interrupted(StepState.STOPPED, STOPPED, todo.node, todo.trail)

    def fail(self, todo: Work, error_type: str, message: str) -> FlowEnd:
        """The flow's end where `todo` cannot be done: no transition leads out of that."""
        return FlowEnd(
            state=StepState.FAILED,
            code=FAILED,
            error_type=error_type,
            message=message,
            is_interrupted=True,
            node=todo.name,
            trail=todo.trail,
        )

    def _go(self, at: _Next) -> Todo:
        while isinstance(at, _Onward):
            at = self._look(self.plan.nodes[at.node], at.trail.at(at.node))
        return at

    def _look(self, node: FlowNode, trail: Trail) -> _Next:
        visit = trail.visits[node.name]
        match node.kind:
            case NodeKind.STEP:
                return self._look_at_step(node, visit, trail)
            case NodeKind.DECIDER:
                return self._look_at_decider(node, visit, trail)
            case NodeKind.SPLIT:
                return self._look_at_split(node, visit, trail)

    def _look_at_step(self, node: FlowNode, visit: int, trail: Trail) -> _Next:
        last = self.past.steps.get((node.name, visit))
        if last is None or not self._is_over(last):
            again = last is not None and last.state is StepState.SUCCEEDED
            return RunStep(name=node.name, visit=visit, is_again=again, before=last, trail=trail)
        seen = trail.by(_passed(last))
        move = self.past.moves.get((node.name, visit))
        if move is not None and (self._holds(move) or _is_plain_stop(move)):
            return self._again(move, seen)
        return self._route(node, last.state, last.exit_code, seen)[1]

    def _look_at_decider(self, node: FlowNode, visit: int, trail: Trail) -> _Next:
        move = self.past.moves.get((node.name, visit))
        if move is None or not self._holds(move):
            return Decide(name=node.name, visit=visit, trail=trail)
        return self._again(move, trail.by(_decided(move)))

    def _look_at_split(self, node: FlowNode, visit: int, trail: Trail) -> _Next:
        move = self.past.moves.get((node.name, visit))
        is_left = self.is_left or (move is not None and self._holds(move))
        flows = tuple(
            replace(self, plan=flow, is_whole=False, is_left=is_left) for flow in node.flows
        )
        return RunSplit(name=node.name, visit=visit, flows=flows, trail=trail)

    def _is_over(self, last: StepExecution) -> bool:
        """Whether the step is passed on this visit."""
        if self.is_left:
            return not self._is_rerun(last)
        if last.state in PASSED:
            return not self._is_rerun(last)
        # It failed in this very run, which was interrupted before it could end.
        return (
            last.state is StepState.FAILED and last.run_id == self.run_id and last.exit_code != LOST
        )

    def _is_rerun(self, last: StepExecution) -> bool:
        """Of a loop, the round that the instance is in."""
        return (
            last.name in self.reruns
            and last.state is StepState.SUCCEEDED
            and last.run_id != self.run_id
            and (last.name, last.visit + 1) not in self.past.steps
        )

    def _holds(self, move: Move) -> bool:
        """Whether it is taken again as it is."""
        target = Target.from_json(move.target)
        if target.node is not None and target.node not in self.plan.nodes:
            return False  # another version of the flow: the code is looked at anew
        return target.goes_on or self._is_own(move)

    def _is_own(self, move: Move) -> bool:
        return self.is_left or move.run_id == self.run_id

    def _again(self, move: Move, trail: Trail) -> _Next:
        target = Target.from_json(move.target)
        return self._arrive(target, move.node, move.code, trail, is_again=not self._is_own(move))

    def _route(
        self,
        node: FlowNode,
        state: StepState,
        code: str,
        trail: Trail,
        *,
        is_again: bool = False,
    ) -> tuple[Target | None, _Next]:
        """Where the flow leaves a node to, if by a transition, and where it comes then."""
        if not node.on:
            return None, self._in_sequence(node, state, code, trail)
        target = node.target_of(code, is_stopped=state is StepState.STOPPED)
        if target is not None:
            return target, self._arrive(target, node.name, code, trail, is_again=is_again)
        if state is StepState.STOPPED:
            return None, _interrupted(state, code, node.name, trail)
        message = f"{node.kind} {node.name!r} ended with {code!r}: no transition matches that code"
        return None, _failed(FAILED, NO_TRANSITION, message, node.name, trail)

    def _in_sequence(self, node: FlowNode, state: StepState, code: str, trail: Trail) -> _Next:
        if state is StepState.STOPPED:
            return _interrupted(state, code, node.name, trail)
        if state is StepState.FAILED:
            message = f"{node.kind} {node.name!r} has failed with exit code {code!r}"
            return _failed(code, STEP_FAILED, message, node.name, trail)
        if node.next is not None:
            return _Onward(node.next, trail)
        return self._succeeded(code, node.name, trail)

    def _arrive(
        self, target: Target, node: str, code: str, trail: Trail, *, is_again: bool
    ) -> _Next:
        """Args:
        is_again: an earlier run was led there, so it has stopped there if it had to.
        """
        value = target.value
        match target.verb:
            case Verb.TO:
                return _Onward(str(value), trail)
            case Verb.END:
                return self._succeeded(str(value), node, trail)
            case Verb.FAIL:
                message = f"{node!r} ended with {code!r}: the flow fails then"
                return _failed(str(value), FLOW_FAILED, message, node, trail)
            case Verb.STOP if not is_again:
                return FlowEnd(state=StepState.STOPPED, code=STOPPED, node=node, trail=trail)
            case Verb.STOP:
                if value is None:
                    return self._succeeded(code, node, trail)
                return _Onward(value, trail)

    def _succeeded(self, code: str, node: str | None, trail: Trail) -> FlowEnd:
        if self.is_whole and code == COMPLETED and not trail.worked:
            code = NOOP
        return FlowEnd(state=StepState.SUCCEEDED, code=code, node=node, trail=trail)

    def _left(
        self, todo: Work, state: StepState, code: str, target: Target | None, after: _Next
    ) -> Left:
        if target is None:
            return Left(state=state, moves=(), next=self._go(after))
        move = Move(node=todo.name, visit=todo.visit, code=code, target=target.to_json())
        if state is not StepState.SUCCEEDED and target.goes_on:
            state = StepState.ABANDONED
        return Left(state=state, moves=(move,), next=self._go(after))


def walk_of(
    plan: FlowPlan, history: BatchHistory, *, run_id: int, reruns: Iterable[str] = ()
) -> Walk:
    """The walk of a run of the instance.

    Args:
        run_id: 0 for a run that does not exist yet.
        reruns: names of the steps with allow_start_if_complete.
    """
    past = Past(
        steps={(step.name, step.visit): step for step in history.steps},
        moves={(move.node, move.visit): move for move in history.moves},
    )
    return Walk(plan=plan, past=past, run_id=run_id, reruns=frozenset(reruns))


def _is_plain_stop(move: Move) -> bool:
    return Target.from_json(move.target) == Target(Verb.STOP, None)


def _passed(step: StepExecution) -> Passed:
    return Passed(
        node=step.name,
        visit=step.visit,
        code=step.exit_code,
        run_id=step.run_id,
        state=step.state,
    )


def _decided(move: Move) -> Passed:
    return Passed(
        node=move.node, visit=move.visit, code=move.code, run_id=move.run_id, is_decision=True
    )


def _interrupted(state: StepState, code: str, node: str | None, trail: Trail) -> FlowEnd:
    return FlowEnd(state=state, code=code, is_interrupted=True, node=node, trail=trail)


def _failed(code: str, error_type: str, message: str, node: str, trail: Trail) -> FlowEnd:
    return FlowEnd(
        state=StepState.FAILED,
        code=code,
        error_type=error_type,
        message=message,
        node=node,
        trail=trail,
    )


def _joined(before: Trail, ends: Sequence[FlowEnd]) -> Trail:
    """Of flows side by side: no two of them have a node in common."""
    visits = dict(before.visits)
    for end in ends:
        for node, count in end.trail.visits.items():
            visits[node] = max(count, visits.get(node, 0))
    worked = before.worked + sum(end.trail.worked - before.worked for end in ends)
    return Trail(visits=visits, worked=worked)
