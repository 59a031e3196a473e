"""Whatever is sent: never a 500, and nothing stored by a refused request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard import BoardConfig, Callboard, HandlerRegistry
from callboard_service.app import build_app
from callboard_service.routes import ROUTES
from callboard_service.settings import Settings

BOUNDED = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
JSON = {"Content-Type": "application/json"}

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "a", "\x00", "default", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
JOB: dict[str, Any] = {
    "name": "x",
    "group": "default",
    "kind": "python",
    "spec": {"handler": "add", "isolation": "loop"},
    "arguments": {"a": 1},
    "description": "d",
    "disabled": False,
    "retry": {"max_attempts": 2, "initial_s": 1, "factor": 2, "max_s": 3, "jitter": "full"},
    "timeout_s": 5,
    "max_concurrent_runs": 2,
    "on_crash": "retry",
    "labels": {"k": "v"},
}
TRIGGER: dict[str, Any] = {
    "name": "x",
    "schedule": {
        "kind": "cron",
        "expression": "0 0 1 1 *",
        "dialect": "vixie",
        "zone": "UTC",
        "gap": "run",
        "fold": "first",
    },
    "actions": [{"job": "add", "arguments": {}}],
    "misfire": {"policy": "skip", "coalesce": "latest", "grace_s": 1, "window_s": 5, "cap": 1},
    "overlap": {"policy": "allow", "limit": None},
    "start_at": "2030-01-01T00:00:00Z",
    "end_at": "2040-01-01T00:00:00Z",
    "max_firings": 3,
    "jitter_s": 0,
    "flexible_window_s": 60,
    "calendars": [{"calendar": "fixed", "mode": "exclude", "shift": "next"}],
    "start_on_create": True,
}
INTERVAL: dict[str, Any] = {
    **TRIGGER,
    "schedule": {"kind": "interval", "every_s": 3600, "anchor_at": "2026-01-01T00:00:00Z"},
}
CALENDAR_INTERVAL: dict[str, Any] = {
    **TRIGGER,
    "schedule": {
        "kind": "calendar_interval",
        "months": 1,
        "days": 2,
        "at_local": "02:30",
        "zone": "Europe/Prague",
        "day_overflow": "skip",
        "anchor_on": "2026-01-31",
        "gap": "skip",
        "fold": "both",
    },
}
DELAY: dict[str, Any] = {**TRIGGER, "schedule": {"kind": "delay", "after_s": 3600}}
QUARTZ: dict[str, Any] = {
    **TRIGGER,
    "schedule": {"kind": "cron", "expression": "0 H 12 ? * MON#2", "dialect": "quartz"},
}
CALENDARS: list[dict[str, Any]] = [
    {"name": "x", "group": "default", "description": "d", "definition": definition}
    for definition in (
        {"kind": "weekly", "zone": "UTC", "hours": {"mon": [["09:00", "17:00"]]}},
        {"kind": "dates", "zone": "UTC", "dates": ["2026-12-24", ["2026-12-25", "2026-12-26"]]},
        {"kind": "annual", "zone": "UTC", "days": ["01-01", ["12-24", "12-26"]]},
        {"kind": "ical", "zone": "UTC", "text": "BEGIN:VCALENDAR\nEND:VCALENDAR\n"},
        {"kind": "ranges", "ranges": [["2026-12-01T22:00:00Z", "2026-12-02T04:00:00Z"]]},
    )
]
PAUSE: dict[str, Any] = {"until": "2999-01-01T00:00:00Z"}
BULK: dict[str, Any] = {"group": "default", "job": "add", "all": False, "dry_run": True, **PAUSE}
RESUME: dict[str, Any] = {"job": "add", "all": False, "dry_run": True, "missed": "catch_up"}
BACKFILL: dict[str, Any] = {
    "trigger": "lasting",
    "group": "default",
    "from_at": "2025-01-01T00:00:00Z",
    "until_at": "2025-03-01T00:00:00Z",
    "force": True,
    "overlap": "allow",
    "max_concurrent": 2,
}
LASTING: dict[str, Any] = {
    "name": "lasting",
    "schedule": {"kind": "cron", "expression": "0 0 1 1 *", "zone": "America/New_York"},
    "actions": [{"job": "add"}],
}
RUNS: dict[str, Any] = {
    "runs": [{"job": "add", "arguments": {}, "due_at": "2100-01-01T00:00:00Z", "unique_key": "k"}]
}
STOP: dict[str, Any] = {"mode": "kill", "grace_s": 1}
BATCH: dict[str, Any] = {
    "name": "batch",
    "kind": "batch",
    "spec": {
        "handler": "shop.jobs:settle",
        "parameters": [
            {"name": "n", "type": "integer", "next": {"add": 1}},
            {"name": "note", "type": "string", "identifying": False, "required": False},
        ],
        "restartable": True,
        "steps": [{"name": "load", "kind": "chunk", "size": 3}, {"name": "out", "kind": "tasklet"}],
    },
}


def paths_in(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = document.items() if isinstance(document, dict) else []
    items = enumerate(document) if isinstance(document, list) else items
    for key, value in items:
        yield from paths_in(value, (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


def mutations(document: Any) -> st.SearchStrategy[Any]:
    """The document with something else at one to three of its places."""
    places = st.lists(st.sampled_from(list(paths_in(document))), min_size=1, max_size=3)

    def apply(given: tuple[list[tuple[Any, ...]], list[Any]]) -> Any:
        result = document
        for path, value in zip(*given, strict=False):
            try:
                result = changed(result, path, value)
            except (KeyError, IndexError, TypeError):
                pass
        return result

    return st.tuples(places, st.lists(documents, min_size=3, max_size=3)).map(apply)


class Service:
    """A running service, to be asked from functions that are not coroutines."""

    def __init__(self, run: Callable[[Coroutine[Any, Any, Any]], Any], client: Any) -> None:
        self.run = run
        self.client = client

    def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        return self.run(self._ask(method, path, **options))  # type: ignore[no-any-return]

    async def _ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.client.request(method, path, **options) as response:
            text = await response.text()
            assert response.status < 500 or response.status == 501, f"{method} {path}: {text}"
            return response.status, json.loads(text) if text.startswith("{") else text

    def stored(self) -> list[Any]:
        """What shows that a request stored something: all definitions, the newest runs."""
        limits = {"jobs": 1000, "triggers": 1000, "calendars": 1000, "backfills": 2, "runs": 2}
        return [self.ask("GET", f"/v1/{noun}?limit={n}")[1] for noun, n in limits.items()]

    def send(self, method: str, path: str, body: Any) -> int:
        """Send a body; checks that a refusal changed nothing. Something stored is deleted."""
        before = self.stored()
        data = json.dumps(body)
        status, answer = self.ask(method, path, data=data, headers=JSON)
        if status >= 400:
            assert self.stored() == before
            assert answer["code"]
            assert answer["errors"] or status not in (422, 501)
        return status


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def start() -> Any:
            handlers = HandlerRegistry(modules=())
            handlers.register("add", _add)
            config = BoardConfig(drain_s=0, executes=False)
            board = Callboard("memory:", config=config, handlers=handlers)
            await stack.enter_async_context(board)
            server = TestServer(build_app(board, Settings()))
            return await stack.enter_async_context(TestClient(server))

        client = runner.run(start())
        running = Service(runner.run, client)
        assert running.send("PUT", "/v1/jobs/add", {**JOB, "name": "add"}) == 201
        assert running.send("PUT", "/v1/calendars/fixed", {**CALENDARS[1], "name": "fixed"}) == 201
        assert running.send("PUT", "/v1/triggers/lasting", LASTING) == 201
        assert running.send("PUT", "/v1/jobs/batch", BATCH) == 201
        yield running
        runner.run(stack.aclose())


async def _add(a: int = 0) -> None:
    pass


@BOUNDED
@given(body=mutations(JOB) | documents)
def test_any_job_is_taken_or_refused(service: Service, body: Any) -> None:
    if service.send("POST", "/v1/jobs", body) == 201:
        query = urlencode({"group": body.get("group") or "default"})
        assert service.ask("DELETE", f"/v1/jobs/{body['name']}?{query}")[0] in (204, 409)


@BOUNDED
@given(
    body=st.sampled_from([TRIGGER, INTERVAL, CALENDAR_INTERVAL, DELAY, QUARTZ]).flatmap(mutations)
)
def test_any_trigger_is_taken_or_refused(service: Service, body: Any) -> None:
    if service.send("POST", "/v1/triggers", body) == 201:
        path = f"/v1/triggers/{body['name']}"
        query = urlencode({"group": body.get("group") or "default"})
        service.ask("GET", f"{path}/slots?limit=5&{query}")
        assert service.ask("DELETE", f"{path}?{query}")[0] == 204


@BOUNDED
@given(body=st.sampled_from(CALENDARS).flatmap(mutations), patch=documents)
def test_any_calendar_is_taken_or_refused(service: Service, body: Any, patch: Any) -> None:
    service.send("PATCH", "/v1/calendars/fixed", {"definition": patch})
    if service.send("POST", "/v1/calendars", body) == 201:
        query = urlencode({"group": body.get("group") or "default"})
        assert service.ask("DELETE", f"/v1/calendars/{body['name']}?{query}")[0] == 204


@BOUNDED
@given(pause=mutations(PAUSE), bulk=mutations(BULK), resume=mutations(RESUME))
def test_any_pause_is_taken_or_refused(
    service: Service, pause: Any, bulk: Any, resume: Any
) -> None:
    service.send("POST", "/v1/triggers/lasting/pause", pause)
    service.send("POST", "/v1/triggers/pause", bulk)
    service.send("POST", "/v1/triggers/resume", resume)
    service.send("POST", "/v1/triggers/lasting/resume", {})


@BOUNDED
@given(body=mutations(BACKFILL), cancel=mutations({"stop_runs": True}))
def test_any_backfill_is_taken_or_refused(service: Service, body: Any, cancel: Any) -> None:
    if service.send("POST", "/v1/backfills", body) == 201:
        newest = service.ask("GET", "/v1/backfills?limit=1")[1]["items"][0]["id"]
        service.send("POST", f"/v1/backfills/{newest}/cancel", cancel)


@BOUNDED
@given(
    on=st.dates(),
    time=st.times(),
    name=st.sampled_from(["lasting", "patched"]),
)
def test_any_instant_has_an_answer(service: Service, on: date, time: Any, name: str) -> None:
    at = f"{on.isoformat()}T{time.isoformat()}Z"
    service.ask("GET", f"/v1/triggers/{name}/explain?at={at}")
    service.ask("GET", f"/v1/triggers/{name}/slots?limit=2&from={at}")
    service.ask("GET", f"/v1/triggers/{name}/ledger?limit=2&until={at}")


@BOUNDED
@given(patch=mutations({**TRIGGER, "name": "patched"}) | documents)
def test_any_patch_is_taken_or_refused(service: Service, patch: Any) -> None:
    service.ask("PUT", "/v1/triggers/patched", json={**TRIGGER, "name": "patched"})
    service.send("PATCH", "/v1/triggers/patched", patch)
    service.send("PATCH", "/v1/jobs/add", patch)


@BOUNDED
@given(body=mutations(RUNS), start=mutations(RUNS["runs"][0]), stop=mutations(STOP))
def test_any_start_and_stop_is_taken_or_refused(
    service: Service, body: Any, start: Any, stop: Any
) -> None:
    service.send("POST", "/v1/runs", body)
    service.send("POST", "/v1/jobs/add/runs", start)
    service.send("POST", "/v1/runs/1/stop", stop)


@settings(BOUNDED, max_examples=30)
@given(
    start=mutations({"parameters": {"n": 1, "note": "x"}}) | documents,
    following=mutations({"arguments": {"note": "x"}}),
    restart=mutations({"steps": {"load": "out"}}) | documents,
    recover=mutations({"reason": "x", "force": True}),
)
def test_any_call_of_a_batch_operator_is_taken_or_refused(
    service: Service, start: Any, following: Any, restart: Any, recover: Any
) -> None:
    service.send("POST", "/v1/jobs/batch/runs", start)
    service.send("POST", "/v1/jobs/batch/runs/next", following)
    runs = service.ask("GET", "/v1/jobs/batch/runs?limit=1")[1]["items"]
    for run in runs:
        service.send("POST", f"/v1/runs/{run['id']}/recover", recover)
        service.send("POST", f"/v1/runs/{run['id']}/stop", {})
        service.send("POST", f"/v1/runs/{run['id']}/restart", restart)
        for noun in ("summary", "parameters", "restart-plan", "picture"):
            service.ask("GET", f"/v1/runs/{run['id']}/{noun}")


@settings(BOUNDED, max_examples=40)
@given(body=mutations(BATCH))
def test_any_batch_job_is_taken_or_refused(service: Service, body: Any) -> None:
    service.send("PUT", "/v1/jobs/other", body)


@BOUNDED
@given(
    data=st.binary(max_size=60).filter(lambda data: data.strip() != b"{}"),
    method=st.sampled_from(["POST", "PUT", "PATCH"]),
)
def test_any_bytes_are_refused(service: Service, data: bytes, method: str) -> None:
    path = "/v1/jobs" if method == "POST" else "/v1/jobs/add"
    assert service.ask(method, path, data=data, headers=JSON)[0] in (400, 415, 422)


@BOUNDED
@given(
    route=st.sampled_from([r for r in ROUTES if r.method == "GET" and r.name != "stream_events"]),
    names=st.lists(
        st.sampled_from(["limit", "cursor", "group", "state", "from", "until", "after", "label"])
        | st.sampled_from(["wait_s", "count", "expression", "zone", "level", "job", "disabled"])
        | st.text(max_size=8),
        max_size=4,
    ),
    values=st.lists(
        st.text(max_size=12)
        | st.integers().map(str)
        | st.sampled_from(["0", "1", "true", "* * * * *", "UTC", "2026-01-01T00:00:00Z", "null"]),
        min_size=4,
        max_size=4,
    ),
    name=st.text(min_size=1, max_size=20).filter(lambda text: text.strip(".") != ""),
)
def test_any_query_and_name_is_answered(
    service: Service, route: Any, names: list[str], values: list[str], name: str
) -> None:
    part = quote(name.encode("utf-8", "surrogatepass"), safe="")
    path = route.path.replace("{name}", part).replace("{id}", part).replace("{code}", part)
    pairs = [
        (key.encode("utf-8", "replace"), value.encode("utf-8", "replace"))
        for key, value in zip(names, values, strict=False)
    ]
    service.ask("GET", f"{path}?{urlencode(pairs)}")


latin = st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"])
header_text = st.text(latin, max_size=30).map(str.strip)


@BOUNDED
@given(
    headers=st.dictionaries(
        st.sampled_from(
            [
                "If-Match",
                "If-None-Match",
                "Idempotency-Key",
                "Accept",
                "Authorization",
                "Last-Event-ID",
                "Sec-WebSocket-Protocol",
                "Origin",
                "Content-Type",
                "Host",
            ]
        ),
        header_text | st.sampled_from(["*", '"1-1"', "W/", "0", "null", "application/json"]),
        max_size=4,
    ),
    request=st.sampled_from(
        [("GET", "/v1/jobs/add"), ("POST", "/v1/runs"), ("PUT", "/v1/jobs/add"), ("GET", "/readyz")]
    ),
)
def test_any_header_is_answered(
    service: Service, headers: dict[str, str], request: tuple[str, str]
) -> None:
    data = None if request[0] == "GET" else json.dumps(RUNS)
    service.ask(*request, data=data, headers={**JSON, **headers})
