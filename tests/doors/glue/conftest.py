"""The Glue door with boto3 as its client: a service of its own, and one on the virtual clock."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from callboard import Callboard
from callboard.testing import VirtualClock, virtual_board
from callboard_service.app import build_app
from callboard_service.doors.glue import loading
from callboard_service.settings import Settings
from service.cli.processes import ServiceProcess
from support.glue import ROLE, glue_client
from support.postgres import blocking_database

Fresh = Callable[[str], str]
Script = Callable[..., str]
MakeJob = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def _own_aws_settings() -> Iterator[None]:
    """Nothing of the machine's or the user's AWS configuration is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"):
            patch.delenv(name, raising=False)
        patch.delenv("AWS_ENDPOINT_URL_GLUE", raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")
        yield


@pytest.fixture(scope="session", autouse=True)
def _model_read_once() -> Iterator[None]:
    """Every service in this process has a door of its own, which would read botocore's data."""
    load = cache(loading.load_model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "load_model", lambda operations: load(tuple(operations)))
        yield


@pytest.fixture(
    scope="session", params=["memory", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def glue_service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """`callboard serve` in a process and directory of its own, over either kind of store."""
    directory = tmp_path_factory.mktemp("glue")
    with ExitStack() as stack:
        dsn = "memory:"
        if request.param == "postgresql":
            servers = request.getfixturevalue("postgres_servers")
            dsn = stack.enter_context(blocking_database(servers[max(servers, key=int)]))
        running = ServiceProcess(directory, dsn)
        stack.callback(running.close)
        yield running


@pytest.fixture
def group() -> str:
    """The test's own group, which is the access key id of its client."""
    return f"AK{uuid.uuid4().hex[:14].upper()}"


@pytest.fixture
def glue(glue_service: ServiceProcess, group: str) -> Iterator[Any]:
    """A boto3 client of the service, alone in its group; one attempt a call."""
    client = glue_client(glue_service.url, group)
    yield client
    client.close()


@pytest.fixture
def fresh() -> Fresh:
    """Names that nobody else has: fresh("job")."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a Python script; its path, to be a ScriptLocation."""

    def write(text: str = "", name: str = "script.py") -> str:
        path = tmp_path / name
        path.write_text(dedent(text))
        return str(path)

    return write


@pytest.fixture
def make_job(glue: Any, fresh: Fresh, script: Script) -> MakeJob:
    """Create a pythonshell job that runs the text: make_job("print(1)", MaxRetries=1); its name."""

    def make(text: str = "", name: str | None = None, **members: Any) -> str:
        name = name or fresh("job")
        location = script(text, f"{uuid.uuid4().hex}.py")
        command = {"Name": "pythonshell", "ScriptLocation": location}
        glue.create_job(**{"Name": name, "Role": ROLE, "Command": command, **members})
        return name

    return make


class VirtualGlue:
    """A service in this process whose time stands still but for `clock.advance`."""

    def __init__(self, board: Callboard, clock: VirtualClock, client: Any, group: str) -> None:
        self.board = board
        self.clock = clock
        self.client = client
        self.group = group

    async def __call__(self, operation: str, **members: Any) -> Any:
        """The answer of a client's method: await virtual_glue("get_job", JobName="x").

        What it set going (runs that are due now, say) has come to rest when this returns.
        """
        method = getattr(self.client, operation)
        with self.clock.hold():
            answer = await asyncio.to_thread(method, **members)
        await self.clock.settle()
        return answer

    async def do(self, work: Callable[..., Any], /, *args: Any, **members: Any) -> Any:
        """The value of any blocking function, called in a thread while time stands still."""
        with self.clock.hold():
            found = await asyncio.to_thread(work, *args, **members)
        await self.clock.settle()
        return found


@pytest.fixture
async def virtual_glue(group: str) -> AsyncIterator[VirtualGlue]:
    """The door on the virtual clock, at 2026-01-01T00:00:00Z, over a board in memory."""
    async with virtual_board() as (board, clock):
        async with TestServer(build_app(board, Settings(), clock)) as server:
            client = glue_client(str(server.make_url("/")), group)
            try:
                yield VirtualGlue(board, clock, client, group)
            finally:
                client.close()


@pytest.fixture
def glue_job(script: Script) -> Callable[..., dict[str, Any]]:
    """Members of CreateJob for a pythonshell job that runs the text."""

    def members(name: str, text: str = "", **more: Any) -> dict[str, Any]:
        location = script(text, f"{uuid.uuid4().hex}.py")
        command = {"Name": "pythonshell", "ScriptLocation": location}
        return {"Name": name, "Role": ROLE, "Command": command, **more}

    return members
