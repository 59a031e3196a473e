"""Log lines of the service."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from callboard.domain.states import RunState
from callboard.events import Event
from callboard_service.logs import (
    MOST_KNOWN,
    JsonFormatter,
    OnceInAWhile,
    TextFormatter,
    set_up_logs,
)
from callboard_service.metrics import Metrics
from callboard_service.watcher import note
from support.factories import NOW, make_job, make_run
from support.service_calls import Client, call


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_json_line_has_the_facts_as_fields(root: logging.Logger) -> None:
    out = io.StringIO()
    set_up_logs("auto", "info", out)
    logging.getLogger("callboard.x").info("run ended", extra={"event": "run.ended", "run_id": 7})
    line = json.loads(out.getvalue())
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "callboard.x",
        "message": "run ended",
        "event": "run.ended",
        "run_id": 7,
    }


def said(name: str, message: str, at: float, **facts: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": name, "msg": message, "created": at, "levelno": logging.INFO, **facts}
    )


def test_what_the_library_waits_for_is_said_once_in_a_while() -> None:
    once = OnceInAWhile()
    passed = [once.filter(said("callboard.pulse", "no answer", at)) for at in range(0, 70, 10)]
    assert passed == [True, False, False, True, False, False, True]
    assert once.filter(said("callboard.pulse", "refused", 61))


def test_lines_of_requests_runs_handlers_and_warnings_are_never_left_out() -> None:
    once = OnceInAWhile()
    for _ in range(2):
        assert once.filter(said("callboard.x", "run ended", 1, event="run.ended"))
        assert once.filter(said("callboard.x", "lost", 1, levelno=logging.WARNING))
        assert once.filter(said("shop.jobs", "an order", 1))
        assert once.filter(said("callboard_service.serve", "stopping", 1))


def test_lines_remembered_are_bounded() -> None:
    once = OnceInAWhile()
    for number in range(3 * MOST_KNOWN):
        assert once.filter(said("callboard.x", f"line {number}", 1))
    assert len(once._said_at) == MOST_KNOWN
    assert once.filter(said("callboard.x", "line 0", 1))


def test_exception_stays_in_its_line(root: logging.Logger) -> None:
    out = io.StringIO()
    set_up_logs("json", "info", out)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (text,) = out.getvalue().splitlines()
    assert "ValueError" in json.loads(text)["exception"]


def test_text_line_cannot_be_forged() -> None:
    record = logging.makeLogRecord({"msg": "request", "levelname": "INFO", "path": "/a\nERROR b"})
    assert "\n" not in TextFormatter().format(record)
    assert "\n" not in JsonFormatter().format(record)


def test_level_is_respected(root: logging.Logger) -> None:
    out = io.StringIO()
    set_up_logs("text", "warning", out)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    assert out.getvalue().count("\n") == 1


def test_a_run_that_killed_nodes_is_told_when_it_is_parked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    job = make_job(id=1)
    for crashes in (0, 4):
        run = make_run(7, job, state=RunState.PARKED, crashes=crashes)
        note(Event(seq=1, type="run.parked", at=NOW, run=run), Metrics(), "a")
    (line,) = caplog.records
    assert line.levelname == "WARNING"
    assert (line.__dict__["run_id"], line.__dict__["crashes"]) == (7, 4)


async def test_one_line_a_request_and_one_a_run(
    client: Client, jobs: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = await call(client, "POST", "/v1/jobs/add/runs?wait_s=10", 201)

    def lines(event: str) -> list[dict[str, object]]:
        return [r.__dict__ for r in caplog.records if r.__dict__.get("event") == event]

    while not lines("run.ended"):
        await call(client, "GET", "/healthz")
    (ended,) = lines("run.ended")
    assert (ended["run_id"], ended["state"], ended["trace_id"]) == (
        run["id"],
        "succeeded",
        run["trace_id"],
    )
    starts = [line for line in lines("http.request") if line["route"] == "/v1/jobs/{name}/runs"]
    assert [(line["status"], line["method"], line["path"]) for line in starts] == [
        (201, "POST", "/v1/jobs/add/runs")
    ]
