"""Progress on a board: seen while the run goes on, told in the stream, kept at the end."""

from __future__ import annotations

from collections.abc import Callable

from callboard import Callboard, Event, RunContext, RunState, Snooze, job
from callboard.domain.run import Run
from callboard.testing import VirtualClock

COUNT = 5


def counting(clock: VirtualClock) -> Callable[..., object]:
    """A handler that says how far it is every second, twice."""

    @job(name="count")
    async def count_up(ctx: RunContext) -> None:
        for done in range(1, COUNT + 1):
            ctx.progress(done, COUNT, f"row {done}")
            ctx.progress(done, COUNT, f"row {done} again")
            await clock.sleep_until(clock.monotonic() + 1)

    return count_up


@job(name="last-words")
async def last_words(ctx: RunContext) -> None:
    ctx.progress(7)
    raise ValueError("and yet")


@job(name="again")
async def again(ctx: RunContext) -> object:
    if ctx.attempt == 1 and not ctx.arguments:
        ctx.progress(1, 2)
        return Snooze(for_=3600)
    return None


def done_of(run: Run | None) -> object:
    return None if run is None or not isinstance(run.progress, dict) else run.progress["done"]


async def test_progress_is_seen_while_the_run_goes_on(open_board, clock: VirtualClock):
    board: Callboard = await open_board()
    await board.define(counting(clock))
    async with board.subscribe(snapshot=False) as subscription:
        handle = await board.start("count")
        await clock.advance(1.9)
        said = await handle.progress()
        assert isinstance(said, dict)
        assert said == {"done": 2, "total": COUNT, "note": "row 2 again", "at": said["at"]}
        await clock.advance(5)
        run = await handle.wait(0)
        assert (run.state, done_of(run)) == (RunState.SUCCEEDED, COUNT)
        told: list[tuple[str, object]] = []
        async for event in subscription:
            assert isinstance(event, Event)
            if event.run is not None and event.run.id == handle.id:
                told.append((event.type, done_of(event.run)))
                if event.type == "run.ended":
                    break
    assert told == [
        ("run.queued", None),
        ("run.started", None),
        *(("run.progress", done) for done in range(1, COUNT + 1)),
        ("run.ended", COUNT),
    ]


async def test_the_stream_of_the_past_tells_it_as_it_was(open_board, clock: VirtualClock):
    board: Callboard = await open_board()
    await board.define(counting(clock))
    handle = await board.start("count")
    await clock.advance(9)
    other: Callboard = await open_board()
    told: list[tuple[str, object, RunState]] = []
    async with other.subscribe(after=0, snapshot=False) as past:
        async for event in past:
            assert isinstance(event, Event)
            if event.run is not None and event.run.id == handle.id:
                told.append((event.type, done_of(event.run), event.run.state))
                if event.type == "run.ended":
                    break
    assert told[2:] == [
        *(("run.progress", done, RunState.RUNNING) for done in range(1, COUNT + 1)),
        ("run.ended", COUNT, RunState.SUCCEEDED),
    ]


async def test_what_was_said_last_is_stored_before_the_end(open_board, clock: VirtualClock):
    board: Callboard = await open_board()
    await board.define(last_words)
    run = await (await board.start("last-words")).wait(1)
    assert (run.state, done_of(run)) == (RunState.FAILED, 7)


async def test_a_run_that_is_queued_again_has_none(open_board, clock: VirtualClock):
    board: Callboard = await open_board()
    await board.define(again)
    handle = await board.start("again")
    await clock.settle()
    run = await board.get_run(handle.id)
    assert (run.state, run.progress) == (RunState.QUEUED, None)
