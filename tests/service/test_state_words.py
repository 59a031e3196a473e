"""The words of other systems for the states of a run."""

from __future__ import annotations

from typing import get_args

from callboard.domain.states import RunState
from callboard_service.wire.state_words import SHORT, StateWord, states_of


def test_every_state_has_a_short_word_and_is_found_by_it() -> None:
    for state in RunState:
        if (word := SHORT[state]) != "running":
            assert state in states_of([word])


def test_every_word_means_something() -> None:
    assert all(states_of([word]) for word in get_args(StateWord))


def test_our_own_words_mean_themselves() -> None:
    assert [states_of([state.value]) for state in RunState] == [(state,) for state in RunState]


def test_words_for_the_same_state_are_one_state() -> None:
    assert states_of(["stopped", "STOP", "STOPPED"]) == (RunState.STOPPED, RunState.ABANDONED)
