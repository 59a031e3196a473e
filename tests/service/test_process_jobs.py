"""A service, its database and its worker processes, all of them real."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from callboard.runners.process_runner import LAST_CHANCE_S
from runners.rig import eventually
from service.test_serve import ask, ready, running
from support.postgres import migrated

HANDLER = "runners.contract_work:have_child"


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: Any) -> Any:
    """The answer of a coroutine function as soon as there is one."""
    while not (answer := await condition()):  # noqa: ASYNC110 - another process sets no event
        await asyncio.sleep(0.02)
    return answer


async def test_a_killed_process_job_is_gone_and_no_grace_passes(
    postgres_servers: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a second, where the machine has nothing else to do."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    async with (
        migrated(postgres_servers["18"]) as dsn,
        running(tmp_path, dsn=dsn, drain_s="0") as service,
    ):
        await ready(service.url)
        body = {"kind": "python", "spec": {"handler": HANDLER, "isolation": "process"}}
        await ask(service.url, "PUT", "/v1/jobs/stubborn", json=body)
        run = await ask(service.url, "POST", "/v1/jobs/stubborn/runs")
        path = f"/v1/runs/{run['id']}"

        async def pids() -> list[int]:
            lines = (await ask(service.url, "GET", f"{path}/log"))["items"]
            return [int(pid) for line in lines for pid in line["text"].split()[1:]]

        async def ended() -> Any:
            run = await ask(service.url, "GET", path)
            return run if run["ended_at"] is not None else None

        worker, child = await until(pids)
        assert is_there(worker)
        assert is_there(child)
        await ask(service.url, "POST", f"{path}/stop", json={"mode": "kill"})
        async with asyncio.timeout(LAST_CHANCE_S - 1):
            await eventually(lambda: not is_there(worker) and not is_there(child))
        run = await until(ended)
        assert run["state"] == "stopped"
        assert "SIGKILL" in run["error"]["message"]
        again = await ask(service.url, "POST", "/v1/jobs/stubborn/runs")
        path = f"/v1/runs/{again['id']}"
        spare, _ = await until(pids)
        assert spare != worker
        service.process.terminate()
        code, errors = await service.ended()
        assert code == 0, errors
        assert not is_there(spare)
