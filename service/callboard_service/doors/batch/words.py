"""Spring Batch's words for states, exit codes and types of parameters, and back.

| BatchStatus | state of a run | of a step |
| --- | --- | --- |
| STARTING | queued | |
| STARTED | running | running |
| STOPPING | stopping | |
| COMPLETED | succeeded | succeeded |
| STOPPED | stopped | stopped |
| FAILED | failed, timed_out | failed |
| ABANDONED | abandoned | abandoned |
| UNKNOWN | lost, parked | |

Exit codes are the same words; a run that has not ended has UNKNOWN where it is EXECUTING natively,
and so has a step whose node was lost under it (natively LOST).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from callboard.domain.batch_arguments import type_of_name
from callboard.domain.batch_instance import InstanceState
from callboard.domain.batch_step import COMPLETED, EXECUTING, FAILED, LOST, STOPPED, StepState
from callboard.domain.batch_value import ParameterType
from callboard.domain.states import RunState

UNKNOWN: Final = "UNKNOWN"

STATUSES: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.QUEUED: "STARTING",
        RunState.RUNNING: "STARTED",
        RunState.STOPPING: "STOPPING",
        RunState.SUCCEEDED: "COMPLETED",
        RunState.STOPPED: "STOPPED",
        RunState.FAILED: "FAILED",
        RunState.TIMED_OUT: "FAILED",
        RunState.ABANDONED: "ABANDONED",
        RunState.LOST: UNKNOWN,
        RunState.PARKED: UNKNOWN,
    }
)
RUNNING: Final = frozenset({"STARTING", "STARTED", "STOPPING"})
"""Of executions that run."""
STEP_STATUSES: Final[Mapping[StepState, str]] = MappingProxyType(
    {
        StepState.RUNNING: "STARTED",
        StepState.SUCCEEDED: "COMPLETED",
        StepState.STOPPED: "STOPPED",
        StepState.FAILED: "FAILED",
        StepState.ABANDONED: "ABANDONED",
    }
)
INSTANCE_STATUSES: Final[Mapping[InstanceState, str]] = MappingProxyType(
    {
        InstanceState.LIVE: "STARTED",
        InstanceState.SUCCEEDED: "COMPLETED",
        InstanceState.STOPPED: "STOPPED",
        InstanceState.FAILED: "FAILED",
        InstanceState.ABANDONED: "ABANDONED",
    }
)
"""Of an instance: how its last execution is, or ended."""

CLASSES: Final[Mapping[ParameterType, str]] = MappingProxyType(
    {
        ParameterType.STRING: "java.lang.String",
        ParameterType.INTEGER: "java.lang.Long",
        ParameterType.NUMBER: "java.lang.Double",
        ParameterType.BOOLEAN: "java.lang.Boolean",
        ParameterType.DATE: "java.time.LocalDate",
        ParameterType.DATETIME: "java.time.OffsetDateTime",
        ParameterType.DECIMAL: "java.math.BigDecimal",
    }
)
"""What holds a parameter of the type in Java."""
_INSTANTS: Final = frozenset(
    {
        "java.util.Date",
        "java.time.Instant",
        "java.time.OffsetDateTime",
        "java.time.ZonedDateTime",
        "java.time.LocalDateTime",
    }
)
_PACKAGES: Final = ("java.lang.", "java.math.", "java.time.")

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {state.value: word for state, word in STATUSES.items()}
    | {state.value: word for state, word in INSTANCE_STATUSES.items()}
)
_ENDED: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.SUCCEEDED: COMPLETED,
        RunState.STOPPED: STOPPED,
        RunState.FAILED: FAILED,
        RunState.TIMED_OUT: FAILED,
    }
)


def status_of_word(word: str) -> str:
    """The BatchStatus for the word of a run's or an instance's state."""
    return _WORDS.get(word, UNKNOWN)


def states_of_status(status: str) -> tuple[RunState, ...]:
    """The states of runs that have the status; none for a word that is no BatchStatus."""
    return tuple(state for state, word in STATUSES.items() if word == status)


def exit_code(state: RunState, code: str | None) -> str:
    """Of an execution; `code` is the native one, None where it has not begun."""
    if code in (None, EXECUTING):
        return _ENDED.get(state, UNKNOWN)
    return code or UNKNOWN


def step_exit_code(state: StepState, code: str) -> str:
    """Of an execution of a step."""
    return UNKNOWN if state is StepState.FAILED and code == LOST else code


def type_of_class(name: object) -> ParameterType | None:
    """The type for a class of Java, by its full name, or for a type by a native word; None: there
    is none."""
    if isinstance(name, str) and "." in name:
        return _type_of_java(name)
    return type_of_name(name)


def _type_of_java(name: str) -> ParameterType | None:
    if name in _INSTANTS:
        return ParameterType.DATETIME
    return type_of_name(name) if name.startswith(_PACKAGES) else None
