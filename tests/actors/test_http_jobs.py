"""Jobs of kind http on a whole board: retries, secrets, the egress guard's setting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from callboard import BoardConfig, Callboard, Job, RetryPolicy, Run, RunState
from callboard.domain.job import Jitter
from callboard.store.contract import RunFilter
from support.http_servers import Recorder, recorder

TOKEN = "s3cret-tok3n/with+signs"
PATIENCE_S = 20.0


class Vault:
    def get(self, key: str) -> str:
        return {"token": TOKEN}[key]


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with recorder() as running:
        yield running


@pytest.fixture
async def board() -> AsyncIterator[Callboard]:
    config = BoardConfig(drain_s=0, egress_allow=("127.0.0.1",))
    async with Callboard(config=config, secrets={"vault": Vault()}) as opened:
        yield opened


async def create(board: Callboard, url: str, attempts: int = 1, **spec: Any) -> None:
    retry = RetryPolicy(max_attempts=attempts, initial_s=0, jitter=Jitter.NONE)
    await board.create_job(Job(name="ask", kind="http", spec={"url": url, **spec}, retry=retry))


async def chain_of(board: Callboard) -> list[Run]:
    """All attempts of one start, the first one first, when all have ended."""
    first = await (await board.start("ask")).wait(PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            runs = await board.list_runs(RunFilter(chain_id=first.id))
            if all(run.has_ended for run in runs):
                return sorted(runs, key=lambda run: run.id)
            await asyncio.sleep(0.01)


async def test_a_busy_server_is_asked_again_when_it_says(
    board: Callboard, server: Recorder
) -> None:
    server.says(
        web.Response(status=503, headers={"Retry-After": "0"}),
        web.Response(status=429, headers={"Retry-After": "0"}),
        web.Response(text="done"),
    )
    await create(board, server.url(), attempts=3, method="POST")
    runs = await chain_of(board)
    assert [run.state for run in runs] == [RunState.FAILED, RunState.FAILED, RunState.SUCCEEDED]
    assert len({request.headers["Idempotency-Key"] for request in server.requests}) == 1
    assert len({request.headers["traceparent"] for request in server.requests}) == 3


async def test_retry_after_delays_the_next_attempt(board: Callboard, server: Recorder) -> None:
    server.says(status=503, headers={"Retry-After": "600"})
    await create(board, server.url(), attempts=2)
    first = await (await board.start("ask")).wait(PATIENCE_S)
    _, second = sorted(await board.list_runs(RunFilter(chain_id=first.id)), key=lambda run: run.id)
    assert first.ended_at is not None
    assert (second.due_at - first.ended_at).total_seconds() == pytest.approx(600, abs=1)


async def test_a_request_that_is_wrong_is_not_made_again(
    board: Callboard, server: Recorder
) -> None:
    server.says(status=404, text="no such order")
    await create(board, server.url(), attempts=3)
    (run,) = await chain_of(board)
    assert run.error is not None
    assert (run.error.type, run.error.message) == ("HttpStatus", "status 404: no such order")


async def test_a_closed_address_is_not_tried_again(board: Callboard, server: Recorder) -> None:
    """G40"""
    await create(board, server.url().replace("127.0.0.1", "127.0.0.2"), attempts=3)
    (run,) = await chain_of(board)
    assert run.error is not None
    assert run.error.type == "HttpRefused"


async def test_a_secret_reaches_the_server_and_nobody_else(
    board: Callboard, server: Recorder
) -> None:
    async def parrot(request: web.Request) -> web.Response:
        return web.Response(text=f"you said {request.headers['Authorization']}")

    server.says(parrot)
    reference = {"$secret": "vault:token"}
    await create(board, server.url(), headers={"Authorization": reference}, json={"key": reference})
    (run,) = await chain_of(board)
    assert run.state is RunState.SUCCEEDED
    assert server.requests[0].headers["Authorization"] == TOKEN
    assert TOKEN.encode() in server.bodies[0]
    assert isinstance(run.result, dict)
    assert run.result["body"] == "you said ***"
    log = await board.read_log(run.id)
    assert TOKEN not in repr((run, log, await board.get_job("default", "ask")))


async def test_a_url_may_be_a_secret(board: Callboard, server: Recorder) -> None:
    """As the address of a chat's hook is; what is logged of it is masked."""

    class Hooks:
        def get(self, key: str) -> str:
            return server.url("/hooks/T0K3N")

    config = BoardConfig(drain_s=0, egress_allow=("127.0.0.1",))
    async with Callboard(config=config, secrets={"hooks": Hooks()}) as other:
        job = Job(name="ask", kind="http", spec={"url": {"$secret": "hooks:chat"}})
        await other.create_job(job)
        (run,) = await chain_of(other)
        assert run.state is RunState.SUCCEEDED
        assert "T0K3N" not in repr((run, await other.read_log(run.id)))
    assert server.paths == ["/hooks/T0K3N"]
