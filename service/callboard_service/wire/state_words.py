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

GLUE: Final[Mapping[RunState, str]] = MappingProxyType(
    {
        RunState.QUEUED: "STARTING",
        RunState.RUNNING: "RUNNING",
        RunState.STOPPING: "STOPPING",
        RunState.SUCCEEDED: "SUCCEEDED",
        RunState.FAILED: "FAILED",
        RunState.TIMED_OUT: "TIMEOUT",
        RunState.STOPPED: "STOPPED",
        RunState.ABANDONED: "STOPPED",
        RunState.LOST: "ERROR",
        RunState.PARKED: "ERROR",
    }
)
"""AWS Glue's words."""
GLUE_WAITING: Final = "WAITING"
"""Its other word for a queued run: one that has to wait for its turn."""


def _by_word(words: Mapping[RunState, str]) -> dict[str, tuple[RunState, ...]]:
    return {
        word: tuple(state for state, its in words.items() if its == word) for word in words.values()
    }


_SHORT: Final = _by_word(SHORT)
_OF_WORD: Final[Mapping[str, tuple[RunState, ...]]] = MappingProxyType(
    {
        **_SHORT,
        **{word.upper(): states for word, states in _SHORT.items()},
        **_by_word(GLUE),
        GLUE_WAITING: (RunState.QUEUED,),
        **{state.value: (state,) for state in RunState},
    }
)
"""Where a word is ours and others', it is ours: `running` is without those that are stopping."""

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
