"""The life of a run: every state, every change of state, in one table.

    queued -> running -> succeeded | failed | timed_out | stopped
    running -> stopping -> stopped
    running -> queued
    queued -> stopped | timed_out | failed
    running | stopping -> lost -> queued | failed | stopped | parked
    queued | running -> parked -> queued | stopped
    failed | timed_out | stopped -> abandoned

A run that was asked to stop may still end in any way: its own end wins over the wish. One that
waits times out when its queue timeout, or that of its chain, is over. One that a trigger started
while its job was full is refused, where it may not wait: it has failed. One that is handed back, or
snoozes, goes from running to queued as the attempt that it was. `lost` is where a run stands
between the end of its lease and the crash policy's decision. The diagram in ARCHITECTURE.md is
generated from this table and the checks in SQL are tested against it.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

from callboard.errors import Conflict


class RunState(StrEnum):
    """What a run is doing; the words are the same in SQL, JSON and Python."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    STOPPED = "stopped"
    LOST = "lost"
    ABANDONED = "abandoned"
    PARKED = "parked"


class RunEvent(StrEnum):
    """What may happen to a run; the infinitive of the change."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time_out"
    REQUEST_STOP = "request_stop"
    STOP = "stop"
    REFUSE = "refuse"
    LOSE = "lose"
    REQUEUE = "requeue"
    PARK = "park"
    ABANDON = "abandon"


_S, _E = RunState, RunEvent

TRANSITIONS: Final = MappingProxyType(
    {
        _S.QUEUED: MappingProxyType(
            {
                _E.CLAIM: _S.RUNNING,
                _E.TIME_OUT: _S.TIMED_OUT,
                _E.STOP: _S.STOPPED,
                _E.REFUSE: _S.FAILED,
                _E.PARK: _S.PARKED,
            }
        ),
        _S.RUNNING: MappingProxyType(
            {
                _E.SUCCEED: _S.SUCCEEDED,
                _E.FAIL: _S.FAILED,
                _E.TIME_OUT: _S.TIMED_OUT,
                _E.REQUEST_STOP: _S.STOPPING,
                _E.STOP: _S.STOPPED,
                _E.LOSE: _S.LOST,
                _E.REQUEUE: _S.QUEUED,
                _E.PARK: _S.PARKED,
            }
        ),
        _S.STOPPING: MappingProxyType(
            {
                _E.SUCCEED: _S.SUCCEEDED,
                _E.FAIL: _S.FAILED,
                _E.TIME_OUT: _S.TIMED_OUT,
                _E.STOP: _S.STOPPED,
                _E.LOSE: _S.LOST,
            }
        ),
        _S.LOST: MappingProxyType(
            {_E.REQUEUE: _S.QUEUED, _E.FAIL: _S.FAILED, _E.STOP: _S.STOPPED, _E.PARK: _S.PARKED}
        ),
        _S.PARKED: MappingProxyType({_E.REQUEUE: _S.QUEUED, _E.STOP: _S.STOPPED}),
        _S.SUCCEEDED: MappingProxyType({}),
        _S.FAILED: MappingProxyType({_E.ABANDON: _S.ABANDONED}),
        _S.TIMED_OUT: MappingProxyType({_E.ABANDON: _S.ABANDONED}),
        _S.STOPPED: MappingProxyType({_E.ABANDON: _S.ABANDONED}),
        _S.ABANDONED: MappingProxyType({}),
    }
)

LIVE: Final = frozenset({_S.QUEUED, _S.RUNNING, _S.STOPPING, _S.LOST, _S.PARKED})
"""States of runs that have not ended."""

ENDED: Final = frozenset(RunState) - LIVE
"""States of runs that have ended; only `abandon` may still change one."""

UNSUCCESSFUL: Final = ENDED - {_S.SUCCEEDED}
"""States of ended runs that an operator may have tried again."""

ON_NODE: Final = frozenset({_S.RUNNING, _S.STOPPING})
"""States in which a node holds the run."""


class IllegalTransition(Conflict):
    """The run's state does not know this event."""

    def __init__(self, state: RunState, event: RunEvent) -> None:
        self.state = state
        self.event = event
        verb = event.value.replace("_", " ")
        super().__init__("illegal_transition", f"cannot {verb} a run that is {state.value}")


def advance(state: RunState, event: RunEvent) -> RunState:
    """The state after `event`.

    Raises:
        IllegalTransition: the table has no such change.
    """
    after = TRANSITIONS[state].get(event)
    if after is None:
        raise IllegalTransition(state, event)
    return after


def may_become(before: RunState, after: RunState) -> bool:
    """Whether one step of the table leads from `before` to `after`."""
    return after in TRANSITIONS[before].values()


def to_mermaid() -> str:
    """The table as a Mermaid state diagram, states and events in the table's order."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for before, events in TRANSITIONS.items():
        lines += [f"    {before} --> {after}: {event}" for event, after in events.items()]
    lines += [f"    {state} --> [*]" for state in RunState if state in ENDED]
    return "\n".join(lines)
