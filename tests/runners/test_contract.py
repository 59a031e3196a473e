"""The contract of runners, tried on all of them: see contract_rows.py for how to add one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callboard.domain.job import Job
from callboard.domain.run import RunError, StopMode
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome
from callboard.runners.log import LIMIT_BYTES
from callboard.runners.program_host import LAST_CHANCE_S
from callboard.runners.result import HEAD_CHARACTERS, TRUNCATED
from runners.contract_rows import ROWS, Row
from runners.contract_server import contract_server, moved
from runners.contract_work import FLOOD_LINE, FLOOD_LINES
from runners.rig import Attempt, Rig, eventually, make_run, open_rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRACE_S = 0.05


def having(behaviour: str) -> pytest.MarkDecorator:
    """The rows that have it."""
    rows = [pytest.param(row, id=row.name) for row in ROWS if behaviour in row.jobs]
    return pytest.mark.parametrize("row", rows)


def error_of(outcome: Outcome) -> RunError:
    assert outcome.error is not None
    return outcome.error


def is_there(pid: int) -> bool:
    """Whether the system has such a process; one that has ended and was not buried is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[True, False] if sys.version_info >= (3, 12) else [True],
)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    """One for all tests, as a board lives: what one run leaves behind must not harm the next."""
    async with open_rig(eager=request.param) as rig:
        yield rig


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port() -> AsyncIterator[int]:
    """Of the server that jobs of kind http ask."""
    async with contract_server() as port:
        yield port


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The file that ends those who ignore everything else."""
    return tmp_path / "release"


@pytest_asyncio.fixture(loop_scope="module")
async def begin(rig: Rig, release: Path, port: int) -> AsyncIterator[Callable[..., Attempt]]:
    """Begins the row's job of that behaviour; what it left behind ends with the test."""

    def begin(row: Row, behaviour: str, *, timeout_s: float | None = None, **facts: Any) -> Attempt:
        arguments = {}
        if behaviour == "ignore" and row.takes_arguments:
            arguments = {"release": str(release)}
        if behaviour == "say":
            arguments = {"word": facts.pop("word")}
        job: Job = replace(row.jobs[behaviour], timeout_s=timeout_s)
        if row.is_asking:
            job = moved(job, port)
        return rig.begin(job, make_run(arguments, **facts))

    yield begin
    release.touch()  # noqa: ASYNC240 - what waits for it is in threads and on the loop
    await eventually(lambda: rig.runners.stuck == 0)


Begin = Callable[..., Attempt]


@having("succeed")
async def test_it_succeeds_with_a_result(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "succeed").outcome()
    assert outcome == Outcome(state=RunState.SUCCEEDED, result=row.result)


@having("fail")
async def test_it_fails_with_type_and_message(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "fail").outcome()
    error = error_of(outcome)
    assert (outcome.state, error.type) == (RunState.FAILED, row.failure[0])
    assert row.failure[1] in error.message


@having("talk")
async def test_its_output_is_logged_in_order(row: Row, begin: Begin) -> None:
    attempt = begin(row, "talk")
    await attempt.outcome()
    assert attempt.texts() == ["one", "two", "three"]
    assert [line.seq for line in attempt.lines] == [1, 2, 3]


@having("obey")
async def test_it_ends_when_it_is_asked_to(row: Row, begin: Begin, rig: Rig) -> None:
    attempt = begin(row, "obey")
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED
    assert rig.runners.stuck == 0


@having("obey")
async def test_a_stop_in_its_first_moment_ends_it(row: Row, begin: Begin) -> None:
    attempt = begin(row, "obey")
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


@having("ignore")
async def test_what_ignores_a_stop_is_killed_or_detached(row: Row, begin: Begin, rig: Rig) -> None:
    """T08: what is left behind is counted until it ends; what was killed gives its place free."""
    attempt = begin(row, "ignore")
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.COOPERATIVE, GRACE_S)
    outcome = await attempt.outcome()
    assert outcome.state is RunState.STOPPED
    assert (error_of(outcome).type == "Detached") is row.is_left
    assert rig.runners.stuck == row.is_left


@having("obey")
async def test_a_timeout_ends_it(row: Row, begin: Begin) -> None:
    """T07."""
    attempt = begin(row, "obey", timeout_s=0.2)
    outcome = await attempt.outcome()
    assert (outcome.state, error_of(outcome).type) == (RunState.TIMED_OUT, "TimedOut")


@having("ignore")
async def test_a_kill_after_a_timeout_leaves_it_timed_out(row: Row, begin: Begin) -> None:
    attempt = begin(row, "ignore", timeout_s=5)
    await attempt.printed("ready")
    attempt.control.time_out(GRACE_S)
    assert (await attempt.outcome()).state is RunState.TIMED_OUT


@having("ignore")
async def test_a_kill_ends_its_run_without_asking(row: Row, begin: Begin, rig: Rig) -> None:
    attempt = begin(row, "ignore")
    await attempt.printed("ready")
    attempt.control.request_stop(StopMode.KILL, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED
    assert rig.runners.stuck == row.is_left


@having("child")
async def test_a_kill_leaves_no_process_and_no_grace_passes(row: Row, begin: Begin) -> None:
    """Within a second, where the machine has nothing else to do."""
    attempt = begin(row, "child")
    await attempt.printed("pids")
    pids = [int(pid) for pid in attempt.texts()[0].split()[1:]]
    assert all(map(is_there, pids))
    attempt.control.request_stop(StopMode.KILL, 0)
    async with asyncio.timeout(LAST_CHANCE_S - 1):
        await attempt.outcome()
        await eventually(lambda: not any(map(is_there, pids)))


@having("child")
async def test_an_abandoned_one_leaves_no_process(row: Row, begin: Begin, rig: Rig) -> None:
    """The board closes hard."""
    attempt = begin(row, "child")
    await attempt.printed("pids")
    pids = [int(pid) for pid in attempt.texts()[0].split()[1:]]
    await attempt.abandon()
    await eventually(lambda: not any(map(is_there, pids)))
    assert rig.runners.stuck == 0


@having("unknown")
async def test_what_is_not_there_is_parked(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "unknown").outcome()
    assert (outcome.state, error_of(outcome).type) == (RunState.PARKED, "UnknownHandler")


@having("flood")
async def test_a_flood_of_output_is_cut(row: Row, begin: Begin) -> None:
    """R05."""
    attempt = begin(row, "flood")
    assert (await attempt.outcome()).state is RunState.SUCCEEDED
    *kept, last = attempt.texts()
    kept_bytes = sum(len(text) + 1 for text in kept)
    assert kept_bytes <= LIMIT_BYTES
    assert f"{(len(FLOOD_LINE) + 1) * FLOOD_LINES - kept_bytes} bytes" in last


@having("huge")
async def test_a_result_of_a_gigabyte_is_cut(row: Row, begin: Begin) -> None:
    """R05."""
    outcome = await begin(row, "huge").outcome()
    assert outcome.state is RunState.SUCCEEDED
    assert isinstance(outcome.result, dict)
    assert list(outcome.result) == [TRUNCATED]
    assert len(str(outcome.result)) < 2 * HEAD_CHARACTERS


@having("say")
async def test_runs_beside_each_other_do_not_mix_their_logs(row: Row, begin: Begin) -> None:
    words = ["a", "b", "c"]
    attempts = [begin(row, "say", id=10 + i, word=word) for i, word in enumerate(words)]
    for attempt, word in zip(attempts, words, strict=True):
        await attempt.outcome()
        assert attempt.texts() == [f"{word} {number}" for number in range(50)]


@having("retry")
async def test_it_may_wish_for_another_attempt(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "retry").outcome()
    assert (outcome.state, outcome.retry, outcome.after_s) == (RunState.FAILED, True, 7.0)


@having("snooze")
async def test_it_may_snooze(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "snooze").outcome()
    assert (outcome.state, outcome.after_s) == (RunState.QUEUED, 60.0)


@having("cancel")
async def test_it_may_cancel_itself(row: Row, begin: Begin) -> None:
    outcome = await begin(row, "cancel").outcome()
    assert (outcome.state, error_of(outcome).message) == (RunState.STOPPED, "withdrawn")
