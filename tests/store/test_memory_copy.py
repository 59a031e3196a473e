"""The memory store's copies of runs are what dataclasses.replace makes."""

from dataclasses import replace

import pytest

from callboard.domain.run import RunError
from callboard.domain.states import RunState
from callboard.store.memory_copy import changed
from support.factories import NOW, make_job, make_run

RUN = make_run(7, make_job(), arguments={"a": [1]}, unique_key="k", slot=NOW)


def test_a_copy_without_changes_is_equal() -> None:
    copy = changed(RUN)
    assert copy == RUN
    assert copy is not RUN


def test_a_copy_has_the_changes_and_the_rest_of_the_original() -> None:
    error = RunError(type="Boom", message="no")
    copy = changed(RUN, state=RunState.FAILED, error=error)
    assert copy == replace(RUN, state=RunState.FAILED, error=error)
    assert RUN.state is RunState.QUEUED


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        changed(RUN, colour="red")
