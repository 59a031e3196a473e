"""Jobs of kind http, from spec to outcome, against a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from callboard.clock import SystemClock
from callboard.domain.egress import Egress
from callboard.domain.job import Job
from callboard.domain.json import Json
from callboard.domain.run import RunError, StopMode
from callboard.domain.states import RunState
from callboard.runners.contract import Outcome, Runners
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.http import HttpRunner
from runners.rig import TRACE_ID, Attempt, Rig, eventually, make_run
from support.http_servers import Recorder, recorder


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with recorder() as running:
        yield running


@pytest.fixture
def rig() -> Rig:
    return rig_with("127.0.0.1")


def rig_with(*allowed: str) -> Rig:
    runner = HttpRunner(clock=SystemClock(), egress=Egress.of(allowed))
    return Rig(Runners([runner]), HandlerRegistry(), SystemClock())


def http_job(url: str, *, run_timeout_s: float | None = None, **spec: Json) -> Job:
    return Job(name="a-job", kind="http", spec={"url": url, **spec}, timeout_s=run_timeout_s)


async def outcome_of(rig: Rig, url: str, **spec: Json) -> Outcome:
    outcome, _ = await rig.execute(http_job(url, **spec))
    return outcome


def failure(outcome: Outcome) -> RunError:
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    return outcome.error


async def never(request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def until_asked(server: Recorder) -> None:
    async with asyncio.timeout(10):
        while not server.requests:  # noqa: ASYNC110 - the server sets no event
            await asyncio.sleep(0.005)


async def test_status_headers_and_body_are_the_result(rig: Rig, server: Recorder) -> None:
    server.says(text="done", headers={"ETag": '"1"', "X-Secret": "no"})
    outcome, attempt = await rig.execute(http_job(server.url("/a?key=1")))
    assert outcome.state is RunState.SUCCEEDED
    assert isinstance(outcome.result, dict)
    headers = outcome.result.pop("headers")
    assert outcome.result == {"status": 200, "body": "done"}
    assert headers["etag"] == '"1"'
    assert "x-secret" not in headers
    (line,) = attempt.texts("log")
    assert line.startswith(f"GET {server.url('/a')}?...: 200 after ")


async def test_a_body_of_json_is_told_as_json(rig: Rig, server: Recorder) -> None:
    server.says(body=b'{"id": [1, 2]}', headers={"Content-Type": "application/vnd.x+json"})
    result: Any = (await outcome_of(rig, server.url())).result
    assert result["body"] == {"id": [1, 2]}


@pytest.mark.parametrize("body", [b'{"id": ', b"[" * 100 + b"]" * 100, b'"\\u0000"', b"\xff"])
async def test_json_that_is_none_is_told_as_text(rig: Rig, server: Recorder, body: bytes) -> None:
    server.says(body=body, headers={"Content-Type": "application/json"})
    result: Any = (await outcome_of(rig, server.url())).result
    assert result["body"] == body.decode(errors="replace")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; charset=iso-8859-2", "žluť".encode("iso-8859-2")),
        ("text/plain; charset=klingon", "žluť".encode()),
        ("text/plain; charset=base64", "žluť".encode()),
        ("text/plain", "žluť".encode()),
    ],
)
async def test_text_is_read_by_its_charset(
    rig: Rig, server: Recorder, kind: str, body: bytes
) -> None:
    server.says(body=body, headers={"Content-Type": kind})
    result: Any = (await outcome_of(rig, server.url())).result
    assert result["body"] == "žluť"


async def test_a_body_that_is_too_long_ends_with_a_mark(rig: Rig, server: Recorder) -> None:
    """R05"""
    server.says(body=b"x\x00" * 1_000_000, headers={"Content-Type": "application/json"})
    result: Any = (await outcome_of(rig, server.url())).result
    assert result["body"].endswith("x\ufffd [... only 65536 bytes were kept]")
    assert result["body_is_cut"] is True


async def test_the_request_is_filled_with_arguments_and_facts(rig: Rig, server: Recorder) -> None:
    job = http_job(
        server.url("/{{ arguments.id }}"),
        method="POST",
        headers={"X-Run": "{{ job }}/{{ run_id }}"},
        query={"day": "{{ slot }}", "n": "{{ attempt }}"},
        json={"items": "{{ arguments.items }}"},
    )
    attempt = rig.begin(job, make_run({"id": "a/b", "items": [1, {"x": 2}]}, attempt=2))
    assert (await attempt.outcome()).state is RunState.SUCCEEDED
    (request,) = server.requests
    assert request.raw_path == "/a%2Fb?n=2"
    assert server.bodies == [b'{"items":[1,{"x":2}]}']
    assert request.headers["X-Run"] == "a-job/42"
    assert request.headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert request.headers["Idempotency-Key"] == f"callboard-{TRACE_ID}-42"


async def test_a_placeholder_without_a_value_is_final(rig: Rig, server: Recorder) -> None:
    outcome = await outcome_of(rig, server.url("/{{ arguments.id }}"))
    assert failure(outcome).type == "HttpTemplate"
    assert failure(outcome).message == "there is no arguments.id"
    assert outcome.retry is False
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "retry"), [(500, None), (404, False), (429, True), (503, True), (408, None)]
)
async def test_another_status_fails_with_what_the_server_says(
    rig: Rig, server: Recorder, status: int, retry: bool | None
) -> None:
    server.says(status=status, text="no such thing " * 1000)
    outcome = await outcome_of(rig, server.url())
    error = failure(outcome)
    assert error.type == "HttpStatus"
    assert error.message.startswith(f"status {status}: no such thing no such")
    assert len(error.message) < 1100
    assert outcome.retry is retry


async def test_which_statuses_are_right_is_the_jobs_word(rig: Rig, server: Recorder) -> None:
    server.says(status=404)
    ok = await outcome_of(rig, server.url(), expect={"status": [200, "4xx"]})
    assert ok.state is RunState.SUCCEEDED
    again = await outcome_of(rig, server.url(), retry_on_status=[404])
    assert again.retry is True


async def test_a_body_without_the_expected_text_fails(rig: Rig, server: Recorder) -> None:
    server.says(text="error: none")
    spec: Any = {"expect": {"contains": "all done"}}
    error = failure(await outcome_of(rig, server.url(), **spec))
    assert error.type == "HttpContent"
    assert error.message == "status 200, but the body does not contain 'all done': error: none"
    server.says(text="it is all done")
    assert (await outcome_of(rig, server.url(), **spec)).state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("status", "value", "after_s"),
    [
        (429, "7", 7.0),
        (503, "999999", 3600.0),
        (500, "7", 7.0),
        (404, "7", None),
        (429, "x", None),
    ],
)
async def test_retry_after_is_obeyed(
    rig: Rig, server: Recorder, status: int, value: str, after_s: float | None
) -> None:
    server.says(status=status, headers={"Retry-After": value})
    assert (await outcome_of(rig, server.url())).after_s == after_s


async def test_retry_after_may_be_a_date(rig: Rig, server: Recorder) -> None:
    headers = {
        "Date": "Thu, 01 Jan 2026 12:00:00 GMT",
        "Retry-After": "Thu, 01 Jan 2026 12:01:00 GMT",
    }
    server.says(status=503, headers=headers)
    assert (await outcome_of(rig, server.url())).after_s == 60.0


async def test_a_redirect_that_is_not_followed_says_where_to(rig: Rig, server: Recorder) -> None:
    server.says(status=302, headers={"Location": "/there"})
    outcome = await outcome_of(rig, server.url())
    assert "status 302 to /there (set follow_redirects" in failure(outcome).message
    assert outcome.retry is False


async def test_redirects_are_followed_when_that_is_wanted(rig: Rig, server: Recorder) -> None:
    server.says(web.Response(status=302, headers={"Location": "/b"}), web.Response(text="b"))
    outcome, attempt = await rig.execute(http_job(server.url("/a"), follow_redirects=True))
    assert outcome.state is RunState.SUCCEEDED
    assert [text.rsplit(" after", 1)[0] for text in attempt.texts()] == [
        f"GET {server.url('/a')}: 302",
        f"GET {server.url('/b')}: 200",
    ]


async def test_a_closed_address_is_final_and_says_how_to_allow_it(server: Recorder) -> None:
    """G40, A08"""
    outcome = await outcome_of(rig_with(), server.url())
    error = failure(outcome)
    assert error.type == "HttpRefused"
    assert "127.0.0.1 is a loopback address: allow it with '127.0.0.1'" in error.message
    assert outcome.retry is False
    assert server.requests == []


async def test_what_does_not_answer_may_be_tried_again(rig: Rig, server: Recorder) -> None:
    server.says(never)
    outcome = await outcome_of(rig, server.url(), timeout_s=0.05)
    assert (failure(outcome).type, outcome.retry) == ("HttpTimeout", None)
    outcome = await outcome_of(rig, server.url().replace("http:", "https:"))
    assert (failure(outcome).type, outcome.retry) == ("HttpUnreachable", None)


@pytest.mark.parametrize("mode", StopMode)
async def test_a_stop_gives_the_request_up(rig: Rig, server: Recorder, mode: StopMode) -> None:
    server.says(never)
    attempt = rig.begin(http_job(server.url()))
    await until_asked(server)
    attempt.control.request_stop(mode, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED


async def test_a_stop_before_the_first_step_sends_nothing(rig: Rig, server: Recorder) -> None:
    attempt = rig.begin(http_job(server.url()))
    attempt.control.request_stop(StopMode.COOPERATIVE, 30)
    assert (await attempt.outcome()).state is RunState.STOPPED
    assert server.requests == []


async def test_the_runs_timeout_ends_it(rig: Rig, server: Recorder) -> None:
    server.says(never)
    outcome, _ = await rig.execute(http_job(server.url(), run_timeout_s=0.1))
    assert outcome.state is RunState.TIMED_OUT


async def test_an_abandoned_one_ends_without_a_word(rig: Rig, server: Recorder) -> None:
    server.says(never)
    attempt: Attempt = rig.begin(http_job(server.url()))
    await until_asked(server)
    await attempt.abandon()


async def test_without_aiohttp_the_run_is_parked(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "callboard.runners.http_client", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    outcome = await outcome_of(rig, "http://127.0.0.1/")
    assert outcome.state is RunState.PARKED
    assert outcome.error is not None
    assert outcome.error.type == "MissingExtra"
    assert "callboard[http]" in outcome.error.message


def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with recorder() as server:
            server.says(web.Response(status=302, headers={"Location": "/b"}), never)
            rig = rig_with("127.0.0.1")
            attempt = rig.begin(http_job(server.url("/a"), follow_redirects=True))
            await attempt.printed("/a: 302")
            attempt.control.request_stop(StopMode.COOPERATIVE, 30)
            assert (await attempt.outcome()).state is RunState.STOPPED
            assert failure(await outcome_of(rig, "http://127.0.0.2/")).type == "HttpRefused"
            server.says(text="done")
            assert (await outcome_of(rig, server.url())).state is RunState.SUCCEEDED

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_many_runs_at_once_leave_no_socket_behind(rig: Rig, server: Recorder) -> None:
    server.says(text="x" * 100_000)
    before = len(os.listdir("/proc/self/fd"))
    attempts = [rig.begin(http_job(server.url(f"/{number}"))) for number in range(50)]
    outcomes = [await attempt.outcome() for attempt in attempts]
    assert {outcome.state for outcome in outcomes} == {RunState.SUCCEEDED}
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before)
