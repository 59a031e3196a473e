"""Whatever is sent to the door: never a 5xx, and every refusal is a problem that names its code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard_service.app import build_app
from callboard_service.doors.batch.operations import OPERATIONS
from callboard_service.settings import Settings
from doors.batch.jobs import Works, seed_job
from support.batch_shop import Shop

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STARTS = ("start", "next", "executions")
CLASSES = ("java.lang.Long", "java.util.Date", "long", "decimal", "java.lang.Object", "")
ODD = ("", "\x00", "a\nb", "x" * 300, "1,java.lang.Long", "(long)", "-", "2026-01-05T10:20", "%")
texts = st.text(max_size=12) | st.sampled_from(ODD)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
typed = st.fixed_dictionaries(
    {"value": values},
    optional={"type": values | st.sampled_from(CLASSES), "identifying": values},
)
names = st.sampled_from(["n", "at", "note", "n(long)", "-n"]) | texts
jobs = st.sampled_from(["count", "plain", "brutalizedSystemJob"]) | texts.filter(bool)
queries = st.lists(st.tuples(names, texts), max_size=3)
ids = st.sampled_from(["1", "2", "3", "99", "0"]) | texts.filter(bool)


class Door:
    """A client of the door that looks at every answer."""

    def __init__(self, client: TestClient[Any, Any], run: Callable[..., Any]) -> None:
        self._client = client
        self._run = run

    def ask(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        kind: str | None = None,
        query: list[tuple[str, str]] | None = None,
    ) -> int:
        status: int = self._run(self._asked(method, path, data, kind, query or []))
        return status

    async def _asked(
        self,
        method: str,
        path: str,
        data: bytes | None,
        kind: str | None,
        query: list[tuple[str, str]],
    ) -> int:
        said = "&".join(f"{quoted(name)}={quoted(text)}" for name, text in query)
        url = URL(f"{path}?{said}" if said else path, encoded=True)
        headers = {} if kind is None else {"Content-Type": kind}
        async with self._client.request(method, url, data=data, headers=headers) as answer:
            text = await answer.text()
            assert answer.status < 500, f"{method} {url} {data!r}: {answer.status} {text}"
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
                problem = json.loads(text)
                assert problem["status"] == answer.status
                assert problem["code"]
                assert problem["errors"] or answer.status != 422
            return answer.status


def quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def path_of(template: str, part: str) -> str:
    return template.replace("{name}", quoted(part)).replace("{id}", quoted(part))


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    loop = asyncio.new_event_loop()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(work)

    async def opened(stack: AsyncExitStack) -> TestClient[Any, Any]:
        handlers = HandlerRegistry(modules=())
        config = BoardConfig(drain_s=0)
        board = Callboard("memory:", config=config, handlers=handlers)
        await stack.enter_async_context(board)
        shop = Shop()
        for job in (shop.count(), shop.plain(), seed_job(Works())):
            await board.define(job)
        app = build_app(board, Settings())
        return await stack.enter_async_context(TestClient(TestServer(app)))

    stack = AsyncExitStack()
    try:
        yield Door(run(opened(stack)), run)
    finally:
        run(stack.aclose())
        loop.close()


@given(
    given=st.dictionaries(names, values | typed, max_size=4),
    query=queries,
    job=jobs,
    what=st.sampled_from(STARTS),
)
@BOUNDED
def test_any_parameters(
    door: Door, given: dict[str, Any], query: list[tuple[str, str]], job: str, what: str
) -> None:
    data = json.dumps({"parameters": given}).encode()
    path = path_of(f"/api/jobs/{{name}}/{what}", job)
    door.ask("POST", path, data, "application/json", query)


@given(data=st.binary(max_size=60) | texts.map(lambda text: text.encode("utf-8", "replace")))
@BOUNDED
def test_any_body(door: Door, data: bytes) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", None):
        door.ask("POST", "/api/jobs/count/executions", data, kind)


@given(operation=st.sampled_from(OPERATIONS), part=ids, query=queries, body=values)
@BOUNDED
def test_any_request(
    door: Door, operation: Any, part: str, query: list[tuple[str, str]], body: Any
) -> None:
    path = path_of(operation.path, part)
    if operation.method == "GET":
        door.ask("GET", path, query=query)
    else:
        door.ask("POST", path, json.dumps(body).encode(), "application/json", query)
