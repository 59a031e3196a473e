"""The README's snippets do what it says they do."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import pytest

from callboard import Callboard
from callboard.batch import BatchJob
from support.postgres import database

ROOT = Path(__file__).parents[2]
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
README = (ROOT / "README.md").read_text() if (ROOT / "README.md").exists() else ""
PYTHON = [text for kind, text in BLOCKS.findall(README) if kind == "python"]
SHELL = [text for kind, text in BLOCKS.findall(README) if kind == "sh"]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service as the README's second terminal finds it."""
    service = subprocess.Popen(
        [sys.executable, "-m", "callboard_service", "serve", "--dsn", "memory:", "--port", "0"],
        cwd=tmp_path_factory.mktemp("service"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert service.stdout is not None
    said = service.stdout.readline()
    assert "listens" in said
    yield next(word for word in said.split() if word.startswith("http"))
    service.terminate()
    service.communicate(timeout=30)


def run(script: str, url: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("curl -s", "curl -sS --fail-with-body")],
        cwd=ROOT,
        env={**os.environ, "CALLBOARD_URL": url, "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readme_has_its_snippets():
    assert len(PYTHON) == 2
    assert len(SHELL) == 5


@pytest.mark.parametrize("text", PYTHON, ids=["embedding", "batch"])
def test_a_python_snippet_runs(text: str):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for promised in re.findall(r"# (\{.*\})$", text, re.MULTILINE):
        assert promised in done.stdout


@pytest.fixture
def settlement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BatchJob:
    """The README's batch job, imported from a file of that name."""
    (tmp_path / "settlement.py").write_text(PYTHON[1])
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("settlement")
    monkeypatch.delitem(sys.modules, "settlement")
    found: BatchJob = module.settlement
    return found


async def test_the_batch_job_does_its_work(
    settlement: BatchJob, postgres_servers: Mapping[str, str]
):
    async with database(postgres_servers[max(postgres_servers, key=int)]) as dsn:
        shop = await asyncpg.connect(dsn)
        await shop.execute(
            "create table orders (id int8, day date, total int);"
            "create table settled (id int8 primary key, total int);"
            "insert into orders select n, '2026-01-05', n from generate_series(1, 2500) as n"
        )
        async with Callboard(dsn) as board:
            await board.define(settlement)
            run = await board.operator.start("settlement", {"day": "2026-01-05"})
            run = await board.operator.wait(run.id, timeout_s=60)
            assert run.state == "succeeded", run.error
            (step,) = await board.operator.steps(run.id)
            assert (step.counts.writes, step.counts.commits) == (2500, 3)
        assert await shop.fetchval("select count(*) from settled") == 2500
        await shop.close()


def test_the_shell_snippets_run_one_after_the_other(url: str):
    answers = run(SHELL[0], url)
    assert '"state":"succeeded"' in answers
    assert "02:30" in answers
    said = run(SHELL[1], url)
    assert "hello" in said
    assert "02:30" in said
    timed = run(SHELL[2], url)
    assert "cron(30 9 ? * " in timed
    assert "left out by the calendar holidays" in timed
    assert "completed" in timed
    lived = run(SHELL[3], url)
    assert "hello, world" in lived
    assert "100 in 60 s" in lived
    glue = run(SHELL[4], url)
    assert "3 of 3 succeeded" in glue
    assert "nightly" in glue


def test_the_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_api_page_is_there(url: str):
    with urlopen(url + "/") as page:
        assert b"/v1/jobs" in page.read()
