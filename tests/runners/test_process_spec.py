"""What is decided of process jobs before a worker comes into it."""

from __future__ import annotations

from typing import Any

import pytest

import callboard
from callboard.config import BoardConfig
from callboard.definition import definition_of, to_job
from callboard.domain.job import Job
from callboard.errors import InvalidInput
from callboard.runners.worker_start import worker_environ
from runners.process_rig import job


def test_the_workers_environment_leaves_out_what_is_callboards() -> None:
    made = worker_environ({"A": "1", "CALLBOARD_SECRET_X": "s", "PYTHONPATH": "/x"}, "mark")
    assert set(made) == {"A", "CALLBOARD_EXECUTION", "PYTHONPATH"}


@pytest.mark.parametrize("limits", [{"memory_mb": 0}, {"nonsense": 1}, 7])
def test_bad_limits_are_refused(limits: Any) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.limits"):
        job("pid", limits=limits)


def test_a_function_may_say_that_it_needs_a_process_with_limits() -> None:
    @callboard.job(isolation="process", limits={"memory_mb": 512})
    def load() -> None: ...

    made = to_job(definition_of(load), "shop:load", {})
    expected = {"handler": "shop:load", "isolation": "process", "limits": {"memory_mb": 512}}
    assert made.spec == expected


def test_limits_need_a_process() -> None:
    with pytest.raises(InvalidInput, match=r'spec\.limits.*isolation to "process"'):
        Job(name="j", kind="python", spec={"handler": "a:b", "limits": {"cpu_s": 1}})


@pytest.mark.parametrize("count", [0, 1_000_001])
def test_a_worker_executes_at_least_one_run(count: int) -> None:
    with pytest.raises(InvalidInput, match="process_runs"):
        BoardConfig(process_runs=count)
