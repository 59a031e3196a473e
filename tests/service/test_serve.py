"""The service as a process of its own: starting, refusing to start, stopping."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

RUN = """
import os, sys
from callboard.errors import InvalidInput
from callboard_service.serve import run_service
from callboard_service.settings import load_settings
try:
    settings = load_settings(os.environ)
except InvalidInput as error:
    print(error, file=sys.stderr)
    sys.exit(2)
sys.exit(run_service(settings))
"""
DEADLINE_S = 30


class Process:
    """A service that was started, and where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path, url: str) -> None:
        self.process = process
        self.url = url
        self._directory = directory

    async def ended(self) -> tuple[int, str]:
        """Exit code and standard error."""
        async with asyncio.timeout(DEADLINE_S):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors_of(self._directory)


def errors_of(directory: Path) -> str:
    return (directory / "stderr").read_text()


async def start(directory: Path, **settings: str) -> asyncio.subprocess.Process:
    given = {f"CALLBOARD_{name.upper()}": value for name, value in settings.items()}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CALLBOARD_")}
    # To a file: a pipe that nobody empties would stop the service.
    with (directory / "stderr").open("wb") as errors:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RUN,
            cwd=directory,
            env={**inherited, "CALLBOARD_PORT": "0", "CALLBOARD_DSN": "memory:", **given},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )


@asynccontextmanager
async def running(directory: Path, **settings: str) -> AsyncIterator[Process]:
    process = await start(directory, **settings)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode()
        assert line.startswith("Callboard listens on http://127.0.0.1:"), errors_of(directory)
        yield Process(process, directory, line.split()[3])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def refused(directory: Path, **settings: str) -> tuple[int, str]:
    return await Process(await start(directory, **settings), directory, "").ended()


async def ask(url: str, method: str, path: str, **options: Any) -> Any:
    async with aiohttp.ClientSession() as session:
        async with session.request(method, url + path, **options) as response:
            assert response.status < 300, await response.text()
            return await response.json()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_service_runs_and_stops_on_sigterm(tmp_path: Path, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    async with running(tmp_path, loop=loop, node_id="a1") as service:
        body = {"kind": "command", "spec": {"argv": ["echo", "hello"]}}
        await ask(service.url, "PUT", "/v1/jobs/hello", json=body)
        run = await ask(service.url, "POST", "/v1/jobs/hello/runs?wait_s=20")
        assert (run["state"], run["node"]) == ("succeeded", "a1")
        service.process.send_signal(signal.SIGTERM)
        code, err = await service.ended()
    assert code == 0, err
    lines = [json.loads(line) for line in err.splitlines()]
    assert {"http.request", "run.ended", "service.stopping"} <= {
        line.get("event") for line in lines
    }
    assert not [line for line in lines if line["level"] in ("warning", "error")]


async def test_stream_gets_a_last_word_on_sigint(tmp_path: Path) -> None:
    async with running(tmp_path) as service, aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{service.url}/v1/stream") as stream:
            await stream.receive_json()
            service.process.send_signal(signal.SIGINT)
            assert (await stream.receive_json())["reason"] == "stopping"
        assert (await service.ended())[0] == 0


async def test_running_work_may_end_before_the_service_does(tmp_path: Path) -> None:
    async with running(tmp_path, dsn=f"embedded:{tmp_path / 'data'}") as service:
        await ready(service.url)
        marker = tmp_path / "done"
        script = f"sleep 0.5; touch {marker}"
        body = {"kind": "command", "spec": {"shell": script}}
        await ask(service.url, "PUT", "/v1/jobs/slow", json=body)
        run = await ask(service.url, "POST", "/v1/jobs/slow/runs")
        while (await ask(service.url, "GET", f"/v1/runs/{run['id']}"))["state"] != "running":
            pass
        service.process.send_signal(signal.SIGTERM)
        code, err = await service.ended()
    assert code == 0, err
    assert marker.exists()


async def ready(url: str) -> None:
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{url}/readyz") as response:
                if response.status == 200:
                    return


async def test_handlers_of_the_working_directory_are_found(tmp_path: Path) -> None:
    (tmp_path / "shop_jobs.py").write_text("def load(n=1):\n    return n * 2\n")
    async with running(tmp_path, handlers="shop_jobs") as service:
        body = {"kind": "python", "spec": {"handler": "shop_jobs:load"}}
        await ask(service.url, "PUT", "/v1/jobs/load", json=body)
        path, given = "/v1/jobs/load/runs?wait_s=20", {"arguments": {"n": 21}}
        assert (await ask(service.url, "POST", path, json=given))["result"] == 42


async def test_a07_reachable_address_without_a_token_refuses_to_start(tmp_path: Path) -> None:
    code, err = await refused(tmp_path, host="0.0.0.0")
    assert code == 2
    assert "CALLBOARD_TOKEN" in err


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"handlers": "no_such_module_here"}, "no_such_module_here"),
        ({"dsn": "mysql://x"}, "dsn"),
    ],
)
async def test_wrong_words_end_with_2(tmp_path: Path, settings: dict[str, str], word: str) -> None:
    code, err = await refused(tmp_path, **settings)
    assert code == 2, err
    assert word in err
    assert "Traceback" not in err


async def test_taken_port_ends_with_a_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, err = await refused(tmp_path, port=port)
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in err
    assert "Traceback" not in err
