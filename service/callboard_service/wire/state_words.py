"""What other systems call the states of a run, where ours are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from callboard.domain.states import RunState

SHORT: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.QUEUED: "start",
        RunState.RUNNING: "running",
        RunState.STOPPING: "running",
        RunState.SUCCEEDED: "complete",
        RunState.STOPPED: "stop",
        RunState.ABANDONED: "stop",
        RunState.FAILED: "fail",
        RunState.TIMED_OUT: "fail",
        RunState.LOST: "fail",
        RunState.PARKED: "fail",
    }
)
"""Five words for the states: those in which tables of Glue-like jobs were kept before."""

GLUE: Final[Mapping[str, tuple[RunState, ...]]] = MappingProxyType(
    {
        "STARTING": (RunState.QUEUED,),
        "WAITING": (RunState.QUEUED,),
        "RUNNING": (RunState.RUNNING,),
        "STOPPING": (RunState.STOPPING,),
        "STOPPED": (RunState.STOPPED, RunState.ABANDONED),
        "SUCCEEDED": (RunState.SUCCEEDED,),
        "FAILED": (RunState.FAILED,),
        "TIMEOUT": (RunState.TIMED_OUT,),
        "ERROR": (RunState.LOST, RunState.PARKED),
    }
)
"""AWS Glue's words."""

_OF_WORD: Final[Mapping[str, tuple[RunState, ...]]] = MappingProxyType(
    {
        **{
            word: tuple(state for state, short in SHORT.items() if short == word)
            for word in ("start", "complete", "stop", "fail")
        },
        **GLUE,
        "START": (RunState.QUEUED,),
        "COMPLETE": (RunState.SUCCEEDED,),
        "STOP": (RunState.STOPPED, RunState.ABANDONED),
        "FAIL": tuple(state for state, short in SHORT.items() if short == "fail"),
        **{state.value: (state,) for state in RunState},
    }
)
"""`running` is ours, so it is without those that are stopping."""

StateWord: TypeAlias = Literal[
    "queued",
    "running",
    "stopping",
    "succeeded",
    "failed",
    "timed_out",
    "stopped",
    "lost",
    "abandoned",
    "parked",
    "start",
    "complete",
    "stop",
    "fail",
    "START",
    "COMPLETE",
    "STOP",
    "FAIL",
    "STARTING",
    "WAITING",
    "RUNNING",
    "STOPPING",
    "SUCCEEDED",
    "FAILED",
    "TIMEOUT",
    "STOPPED",
    "ERROR",
]
"""A word for some of the states."""


def states_of(words: Iterable[StateWord]) -> tuple[RunState, ...]:
    """The states that the words mean, each once."""
    return tuple(dict.fromkeys(state for word in words for state in _OF_WORD[word]))
