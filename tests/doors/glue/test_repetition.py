"""boto3 repeats a call of which it got no answer: what it started is started once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import pytest
from aiohttp.test_utils import TestServer
from botocore.exceptions import ClientError

from callboard import Callboard
from callboard.errors import StoreUnavailable
from callboard.store.contract import RunFilter
from callboard_service import app
from callboard_service.doors.glue.door import GlueDoor
from callboard_service.doors.glue.operation import GlueCall, Operation
from callboard_service.doors.glue.operations import OPERATIONS
from callboard_service.settings import Settings
from support.glue import glue_client, post

GROUP = "repeating"
Call = Callable[..., Awaitable[Any]]


class LosesAnswers:
    """An operation that is done, but of which the first caller hears nothing good."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self.tries = 0

    async def __call__(self, call: GlueCall) -> Mapping[str, Any]:
        self.tries += 1
        answer = await self._operation(call)
        if self.tries == 1:
            raise StoreUnavailable("it did not answer in time")
        return answer


@pytest.fixture
async def board() -> AsyncIterator[Callboard]:
    async with Callboard("memory:") as opened:
        yield opened


@pytest.fixture
def losing() -> dict[str, LosesAnswers]:
    return {name: LosesAnswers(OPERATIONS[name]) for name in ("StartJobRun", "CreateJob")}


@pytest.fixture
async def call(
    board: Callboard, losing: dict[str, LosesAnswers], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Call]:
    """Calls a method of a client that tries three times."""
    table = {**OPERATIONS, **losing}
    monkeypatch.setattr(app, "GlueDoor", partial(GlueDoor, operations=table))
    async with TestServer(app.build_app(board, Settings())) as server:
        client = glue_client(str(server.make_url("/")), GROUP, attempts=3)

        async def method(name: str, **members: Any) -> Any:
            return await asyncio.to_thread(getattr(client, name), **members)

        yield method
        client.close()


async def test_a_start_whose_answer_got_lost_is_one_run(
    board: Callboard, call: Call, losing: dict[str, LosesAnswers], glue_job: Any
) -> None:
    losing["CreateJob"].tries = 1  # its answer is not lost
    await call("create_job", **glue_job("once"))
    answer = await call("start_job_run", JobName="once")
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert losing["StartJobRun"].tries == 2
    [run] = await board.list_runs(RunFilter(group=GROUP))
    assert answer["JobRunId"].endswith(f"{run.id:x}")


async def test_what_cannot_be_told_from_somebody_elses_is_not_claimed(
    call: Call, losing: dict[str, LosesAnswers], glue_job: Any
) -> None:
    """The repetition must neither say AlreadyExists of its own job, nor take another's for it."""
    with pytest.raises(ClientError, match="ThrottlingException"):
        await call("create_job", **glue_job("x"))
    assert losing["CreateJob"].tries == 1
    assert (await call("get_job", JobName="x"))["Job"]["Name"] == "x"


async def test_one_key_with_another_body_is_another_start(board: Callboard) -> None:
    job = {"Role": "r", "Command": {"Name": "pythonshell", "ScriptLocation": "x.py"}}
    key = {"amz-sdk-invocation-id": "same"}
    async with TestServer(app.build_app(board, Settings())) as server:
        send = partial(asyncio.to_thread, post, str(server.make_url("/")).rstrip("/"))
        for name in ("a", "b"):
            assert (await send("CreateJob", {"Name": name, **job})).status == 200
        starts = [{"JobName": "a"}, {"JobName": "b"}, {"JobName": "a"}]
        runs = [(await send("StartJobRun", body, headers=key)).value["JobRunId"] for body in starts]
    assert runs[0] == runs[2] != runs[1]
