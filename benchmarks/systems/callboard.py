"""Callboard: one board a process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime

from benchmarks.probe import hit
from benchmarks.systems.contract import Client, CodedTriggers, Env, System, Worker
from callboard import Action, BoardConfig, Callboard, NewRun, RunState, Trigger, every
from callboard.store.contract import RunFilter

JOB = "hit"


class _Client:
    def __init__(self, board: Callboard) -> None:
        self._board = board

    async def start(self, *, due: float = 0.0, is_timer: bool = False) -> None:
        due_at = datetime.fromtimestamp(due, UTC) if is_timer else None
        await self._board.start(JOB, {"due": due} if due else None, due_at=due_at)

    async def start_many(self, count: int, *, due: float = 0.0) -> None:
        due_at = datetime.fromtimestamp(due, UTC) if due else None
        await self._board.start_runs([NewRun(job=JOB, due_at=due_at) for _ in range(count)])

    async def waiting(self) -> int:
        return sum((await self._board.count_live_runs()).values())

    def registering(self) -> AbstractContextManager[object]:
        return nullcontext()

    async def schedule(self, number: int, due: float) -> None:
        await self._board.create_trigger(
            Trigger(
                name=f"trigger-{number}",
                schedule=every(days=1, anchor_at=datetime.fromtimestamp(due, UTC)),
                actions=(Action(job=JOB, arguments={"due": due}),),
            )
        )


class _Worker:
    def __init__(self, board: Callboard) -> None:
        self._board = board
        self._client = _Client(board)

    @property
    def client(self) -> Client:
        return self._client

    async def unfinished(self) -> int:
        return await self._client.waiting()

    async def succeeded(self, at_most: int) -> int | None:
        runs = await self._board.list_runs(RunFilter(states=(RunState.SUCCEEDED,), limit=at_most))
        return len(runs)


class _Callboard:
    name = "callboard"
    keeps = "durable, history, events"
    has_coded_triggers = False

    async def prepare(self, env: Env) -> None:
        async with _board(env.dsn, BoardConfig(fires=False, executes=False)):
            pass

    @asynccontextmanager
    async def client(self, env: Env) -> AsyncIterator[Client]:
        async with _board(env.dsn, BoardConfig(fires=False, executes=False)) as board:
            yield _Client(board)

    @asynccontextmanager
    async def worker(
        self, env: Env, triggers: CodedTriggers | None = None
    ) -> AsyncIterator[Worker]:
        async with _board(env.dsn, BoardConfig(capacity=env.concurrency)) as board:
            yield _Worker(board)

    @asynccontextmanager
    async def memory_worker(self, env: Env) -> AsyncIterator[Worker]:
        async with _board("memory:", BoardConfig(capacity=env.concurrency)) as board:
            yield _Worker(board)


@asynccontextmanager
async def _board(dsn: str, config: BoardConfig) -> AsyncIterator[Callboard]:
    async with Callboard(dsn, config=config) as board:
        await board.define(hit)
        yield board


SYSTEM: System = _Callboard()
