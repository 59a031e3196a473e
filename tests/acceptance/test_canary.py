"""A secret is nowhere: not in the API, the stream, the tables or the service's own log."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from typing import Final

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from acceptance import canary_work
from callboard import BoardConfig, Callboard, EnvSecrets
from callboard.domain.job import Job
from callboard.domain.states import RunState
from callboard.runners.masking import Mask
from callboard_service.logs import JsonFormatter
from callboard_service.wire.events import event_message, line_message
from callboard_service.wire.runs import run_resource
from callboard_service.wire.text import encode_json

CANARIES: Final = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="*"),
    min_size=8,
    max_size=30,
).map(lambda text: f"Q7{text}")
"""Nothing else begins so."""
REFERENCE: Final = {"$secret": "env:CANARY"}
PROGRAM: Final = """
import os, sys
secret = sys.argv[1]
print(secret, repr(os.environ["TOKEN"]), sys.stdin.read())
sys.stderr.write("e" * 5000 + secret + "\\n" + secret)
sys.exit(int(sys.argv[2]))
"""
ENDS: Final = ("return", "large", "raise", "chain")


class Said(logging.Handler):
    """What the service's own log would say, as it would."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def said() -> Iterator[list[str]]:
    root, handler = logging.getLogger(), Said()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(level)


def command_job() -> Job:
    spec = {
        "argv": [sys.executable, "-c", PROGRAM, REFERENCE, "3"],
        "env": {"TOKEN": REFERENCE},
        "stdin": REFERENCE,
    }
    return Job(name="program", kind="command", spec=spec)


async def run_all(dsn: str, canary: str, *, processes: bool) -> str:
    """Everything that anybody can see of runs that tell the canary; all of them were executed."""
    environ = {"CALLBOARD_SECRET_CANARY": canary}
    board = Callboard(
        dsn, config=BoardConfig(log_flush_s=0.02), secrets={"env": EnvSecrets(environ)}
    )
    seen: list[bytes] = []
    async with board:
        jobs = [
            await board.define(canary_work.tell_all, name="thread"),
            await board.define(canary_work.tell_all_on_the_loop, name="loop"),
        ]
        if processes:
            worker = await board.define(canary_work.tell_all, name="own", isolation="process")
            jobs.append(worker)
        async with board.subscribe(snapshot=False) as subscription:
            handles = [
                await board.start(job.name, {"secret": REFERENCE, "end": end})
                for job in jobs
                for end in ENDS
            ]
            if processes:
                for isolation in ("loop", "process"):
                    done = canary_work.complete_with_it
                    job = await board.define(done, name=isolation + "-done", isolation=isolation)
                    handles.append(await board.start(job.name, {"dsn": dsn, "secret": REFERENCE}))
            program, _ = await board.replace_job(command_job())
            handles.append(await board.start(program.name))
            runs = [await handle.wait(30) for handle in handles]
            for run in runs:
                seen.append(encode_json(run_resource(run)))
                lines = await board.read_log(run.id)
                assert run.result == {"token": "***"} or any("***" in line.text for line in lines)
                seen += [line_message(line) for line in lines]
            async with asyncio.timeout(10):
                ended = set[int]()
                async for item in subscription:
                    seen.append(event_message(item))
                    told = getattr(item, "run", None)
                    if told is not None and told.state is not RunState.QUEUED and told.has_ended:
                        ended.add(told.id)
                    if len(ended) == len(runs):
                        break
        assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.FAILED}
        assert not any(run.error and "Secret" in run.error.type for run in runs)
    return b"\n".join(seen).decode()


def assert_nowhere(canary: str, *texts: str) -> None:
    """In none of its forms, nor most of it."""
    mask = Mask([canary])
    for text in texts:
        assert mask.text(text) == text
        assert canary[:-1] not in text
        assert canary[1:] not in text


@settings(
    max_examples=4,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(canary=CANARIES)
def test_a_canary_is_nowhere_to_be_seen(canary: str, said: list[str]) -> None:
    said.clear()
    seen = asyncio.run(run_all("memory:", canary, processes=False))
    assert_nowhere(canary, seen, *said)


async def test_a_canary_is_in_no_row_of_the_database(postgres_dsn: str, said: list[str]) -> None:
    canary = 'Q7"horse\\ wörd/+%'
    seen = await run_all(postgres_dsn, canary, processes=True)
    assert_nowhere(canary, seen, await dumped(postgres_dsn), *said)


async def dumped(dsn: str) -> str:
    """All rows of all tables."""
    connection = await asyncpg.connect(dsn)
    try:
        tables = await connection.fetch(
            "select tablename from pg_tables where schemaname = 'callboard'"
        )
        rows: list[str] = []
        for (table,) in tables:
            query = f'select each::text as text from callboard."{table}" as each'
            rows += [row["text"] for row in await connection.fetch(query)]
    finally:
        await connection.close()
    assert any("thread" in row for row in rows)
    return json.dumps(rows) + "\n".join(rows)


async def test_a_missing_secret_parks_the_run_until_it_is_there() -> None:
    environ: dict[str, str] = {}
    async with Callboard("memory:", secrets={"env": EnvSecrets(environ)}) as board:
        job = await board.define(canary_work.tell_all, name="thread")
        handle = await board.start(job.name, {"secret": REFERENCE, "end": "return"})
        async with board.subscribe() as subscription:
            async with asyncio.timeout(10):
                while (await board.get_run(handle.id)).state is not RunState.PARKED:
                    await subscription.arrival(board.clock, 0.05)
        parked = await board.get_run(handle.id)
        assert parked.error is not None
        assert parked.error.type == "SecretMissing"
        environ["CALLBOARD_SECRET_CANARY"] = "here-it-is"
        await board.retry_run(handle.id)
        assert (await handle.wait(10)).state is RunState.SUCCEEDED
