"""What is common to all kinds: verdicts, results, and the faults of handlers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

import pytest

from callboard.clock import SystemClock
from callboard.domain.job import Job
from callboard.domain.run import Run, RunError, StopMode
from callboard.domain.states import RunState
from callboard.errors import AlreadyExists
from callboard.runners.contract import Outcome, Runners
from callboard.runners.control import Phase, RunControl, StopCause
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.log import RunLog
from callboard.testing import VirtualClock
from runners.rig import Rig, make_run, python_job


class Plugin:
    """A runner as somebody else may write it."""

    kind = "python"
    stuck = 0

    def __init__(self, end: Outcome | BaseException | None) -> None:
        self.end = end

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        if self.end is None:
            stopped = asyncio.Event()
            control.listen(lambda phase: stopped.set())
            await stopped.wait()
            return Outcome(state=RunState.FAILED, error=RunError(type="Ended", message="asked"))
        if isinstance(self.end, BaseException):
            raise self.end
        return self.end

    def close(self) -> None: ...


def rig_of(end: Outcome | BaseException | None = None) -> Rig:
    return Rig(Runners([Plugin(end)]), HandlerRegistry(), SystemClock())


def error_type(outcome: Outcome) -> str | None:
    return None if outcome.error is None else outcome.error.type


async def returned(value: Any) -> Outcome:
    outcome, _ = await rig_of(Outcome(state=RunState.SUCCEEDED, result=value)).execute(python_job())
    return outcome


Point = namedtuple("Point", "x y")


class Colour(str, Enum):  # noqa: UP042 - its str() is not its value
    RED = "red"


class Level(IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        (True, True),
        ({"rows": [1, 2.5, "č", None]}, {"rows": [1, 2.5, "č", None]}),
        ((1, Point(2, 3)), [1, [2, 3]]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        ([Colour.RED, Level.LOW], ["red", 1]),
    ],
)
async def test_json_is_kept_as_plain_values(value: object, kept: object) -> None:
    outcome = await returned(value)
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, kept)
    assert type(outcome.result) is type(kept)


@dataclass
class Report:
    rows: int


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"when": datetime(2026, 1, 1, tzinfo=UTC)}, "result.when: is a datetime"),
        ([1, Report(2)], "result[1]: is a Report"),
        ({1: 2}, "the key 1, which is not a string"),
        ({"x": float("nan")}, "result.x: is nan"),
        ({"x": {1, 2}}, "result.x: is a set"),
        (b"bytes", "result: is a bytes"),
        (2**64, "beyond 64 bits"),
        ("a\x00b", "NUL"),
        ({"\ud800": 1}, "surrogate"),
    ],
)
async def test_what_is_not_json_fails_the_run_and_says_where(value: object, where: str) -> None:
    outcome = await returned(value)
    assert (outcome.state, error_type(outcome)) == (RunState.FAILED, "ResultNotJson")
    assert outcome.error is not None
    assert where in outcome.error.message
    assert outcome.result is None


def endless() -> list[object]:
    items: list[object] = [1]
    items.append(items)
    items.append(items)
    return items


@pytest.mark.parametrize(
    "value", ["x" * 1_100_000, [0] * 600_000, {"k": ["č" * 600_000]}, [["x" * 1000]] * 1100]
)
async def test_of_a_result_over_the_limit_the_beginning_is_kept(value: Any) -> None:
    """R05: what it did is done, so the run has succeeded."""
    outcome = await returned(value)
    assert (outcome.state, outcome.error) == (RunState.SUCCEEDED, None)
    assert isinstance(outcome.result, dict)
    told = outcome.result["$truncated"]
    assert told["limit"] == 1_048_576
    assert told["bytes"] is None or told["bytes"] > told["limit"]
    assert json.dumps(value, ensure_ascii=False).startswith(told["head"][:1000])
    assert len(told["head"]) <= 1024


async def test_a_result_of_a_gigabyte_costs_nothing() -> None:
    """R05: its parts are all the same one, so that the test has room for it."""
    outcome = await returned([["x" * 1_048_576] * 32] * 32)
    assert isinstance(outcome.result, dict)
    told = outcome.result["$truncated"]
    assert (told["bytes"], told["head"][:5]) == (None, '[["xx')


async def test_a_result_that_contains_itself_fails_the_run() -> None:
    assert (await returned(endless())).state is RunState.FAILED


async def test_a_result_at_the_limit_is_kept() -> None:
    text = "x" * (1_048_576 - 2)
    assert (await returned(text)).result == text


async def test_an_unknown_handler_parks_the_run(rig: Rig) -> None:
    outcome, _ = await rig.execute(python_job("cb_no_such_module:load"))
    assert (outcome.state, error_type(outcome)) == (RunState.PARKED, "UnknownHandler")
    assert outcome.error is not None
    assert "there is no module 'cb_no_such_module'" in outcome.error.message


async def test_an_unknown_kind_parks_the_run() -> None:
    rig = Rig(Runners(), HandlerRegistry(), SystemClock())
    outcome, _ = await rig.execute(python_job())
    assert (outcome.state, error_type(outcome)) == (RunState.PARKED, "UnknownKind")


async def test_a_run_whose_arguments_do_not_fit_is_parked(rig: Rig) -> None:
    outcome, _ = await rig.call(lambda source: None, sauce="s3")
    assert (outcome.state, error_type(outcome)) == (RunState.PARKED, "ArgumentMismatch")


async def test_a_runner_that_raises_fails_the_run() -> None:
    outcome, _ = await rig_of(ValueError("a bug in a plug-in")).execute(python_job())
    assert (outcome.state, error_type(outcome)) == (RunState.FAILED, "ValueError")


async def test_a_run_that_is_to_stop_is_not_parked() -> None:
    """The table of states knows no way from stopping to parked."""
    parked = Outcome(state=RunState.PARKED, error=RunError(type="X", message=""))

    class Stopping(Plugin):
        async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
            control.request_stop(StopMode.COOPERATIVE, 30)
            return parked

    rig = Rig(Runners([Stopping(None)]), HandlerRegistry(), SystemClock())
    outcome, _ = await rig.execute(python_job())
    assert (outcome.state, error_type(outcome)) == (RunState.STOPPED, "X")


async def test_a_failure_after_a_stop_is_a_stop() -> None:
    attempt = rig_of().begin(python_job())
    await asyncio.sleep(0)
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    outcome = await attempt.outcome()
    assert (outcome.state, error_type(outcome)) == (RunState.STOPPED, "Ended")


async def test_a_failure_after_the_timeout_is_a_timeout_that_tells_of_it() -> None:
    outcome, _ = await rig_of().execute(python_job(timeout_s=0.01))
    assert (outcome.state, error_type(outcome)) == (RunState.TIMED_OUT, "TimedOut")
    assert outcome.error is not None
    assert outcome.error.message == "it took longer than 0.01 s; Ended: asked"


async def test_no_alarm_is_left_when_the_run_has_ended(virtual: VirtualClock) -> None:
    rig = Rig(Runners([Plugin(Outcome(state=RunState.SUCCEEDED))]), HandlerRegistry(), virtual)
    attempt = rig.begin(python_job(timeout_s=5))
    await attempt.outcome()
    attempt.control.close()
    assert virtual.next_alarm is None


def test_a_kind_has_one_runner() -> None:
    with pytest.raises(AlreadyExists):
        Runners([Plugin(None), Plugin(None)])


async def test_the_first_cause_of_an_end_stays(virtual: VirtualClock) -> None:
    control = RunControl(virtual)
    control.time_out(10)
    control.request_stop(StopMode.COOPERATIVE, 10)
    assert control.cause is StopCause.TIMEOUT


async def test_a_second_stop_can_only_shorten_the_grace(virtual: VirtualClock) -> None:
    control = RunControl(virtual)
    control.request_stop(StopMode.COOPERATIVE, 10)
    control.request_stop(StopMode.COOPERATIVE, 100)
    control.request_stop(StopMode.COOPERATIVE, 5)
    phases: list[Phase] = []
    control.listen(phases.append)
    await virtual.advance(4.9)
    assert phases == [Phase.ASKED]
    await virtual.advance(0.1)
    assert phases == [Phase.ASKED, Phase.KILLED]
    assert virtual.next_alarm is None


async def test_a_late_listener_hears_of_the_present_phase(virtual: VirtualClock) -> None:
    control = RunControl(virtual)
    control.request_stop(StopMode.KILL, 10)
    heard: list[Phase] = []
    control.listen(heard.append)
    assert heard == [Phase.KILLED]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


def deep(level: int) -> None:
    if level == 0:
        raise ValueError("x" * 1_000_000)
    try:
        deep(level - 1)
    except ValueError as error:
        raise ValueError(f"at {level}") from error


async def test_an_error_that_cannot_say_itself_is_kept_all_the_same(rig: Rig) -> None:
    async def load() -> None:
        raise Unspeakable

    outcome, _ = await rig.call(load)
    assert error_type(outcome) == f"{__name__}.Unspeakable"
    assert outcome.error is not None
    assert "__str__ raised RuntimeError" in outcome.error.message


async def test_a_huge_error_is_cut_with_a_mark(rig: Rig) -> None:
    async def load() -> None:
        deep(0)

    async def nested() -> None:
        deep(90)

    outcome, _ = await rig.call(load)
    assert outcome.error is not None
    assert len(outcome.error.message) < 5_000
    assert "bytes left out" in outcome.error.message
    outcome, _ = await rig.call(nested)
    assert outcome.error is not None
    assert outcome.error.traceback is not None
    assert len(outcome.error.traceback) < 66_000
    assert "bytes left out" in outcome.error.traceback
    assert outcome.error.traceback.endswith("ValueError: at 90\n")


async def test_nul_in_an_error_is_replaced(rig: Rig) -> None:
    async def load() -> None:
        raise ValueError("a\x00b\udc80")

    outcome, _ = await rig.call(load)
    assert outcome.error is not None
    assert outcome.error.message == "a\ufffdb\ufffd"
    assert "\x00" not in (outcome.error.traceback or "")


async def test_an_endless_recursion_fails_the_run(rig: Rig) -> None:
    def load() -> None:
        load()

    outcome, _ = await rig.call(load)
    assert error_type(outcome) == "RecursionError"


async def test_causes_and_groups_are_told_without_our_frames(rig: Rig) -> None:
    def load() -> None:
        try:
            raise ExceptionGroup("two", [ValueError("one"), KeyError("other")])
        except ExceptionGroup as group:
            raise RuntimeError("because") from group

    outcome, _ = await rig.call(load)
    assert outcome.error is not None
    text = outcome.error.traceback or ""
    assert all(word in text for word in ("ValueError: one", "KeyError: 'other'", "because"))
    assert "callboard/runners" not in text


FAULTS: dict[str, Any] = {
    "raises": (lambda: 1 / 0, RunState.FAILED),
    "is not JSON": (lambda: object(), RunState.FAILED),
    "exits": (lambda: sys.exit(3), RunState.FAILED),
    "interrupts": (lambda: (_ for _ in ()).throw(KeyboardInterrupt), RunState.FAILED),
    "prints": (lambda: print("x" * 100_000_000), RunState.SUCCEEDED),
    "recurses": (lambda: deep(10**6), RunState.FAILED),
    "exhausts memory": (lambda: "x" * (sys.maxsize // 2), RunState.FAILED),
}


@pytest.mark.parametrize("isolation", ["loop", "thread"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_after_a_fault_the_next_run_succeeds(rig: Rig, fault: str, isolation: str) -> None:
    handler, state = FAULTS[fault]
    outcome, _ = await rig.call(handler, isolation=isolation)
    assert outcome.state is state
    following, _ = await rig.call(lambda: "fine", isolation=isolation)
    assert following.result == "fine"


async def test_a_run_that_blocks_the_loop_ends_as_it_should(rig: Rig) -> None:
    """T06, from the runner's side: nothing is lost, the next one runs."""
    import time

    outcome, _ = await rig.call(lambda: time.sleep(0.2), isolation="loop")
    assert outcome.state is RunState.SUCCEEDED


async def test_arguments_of_the_run_are_what_the_handler_gets(rig: Rig) -> None:
    rig.registry.register("the-handler", lambda **words: words)
    attempt = rig.begin(python_job(), make_run({"a": {"b": [1]}}))
    assert (await attempt.outcome()).result == {"a": {"b": [1]}}
