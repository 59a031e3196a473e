"""The service inside a host's own aiohttp application."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from callboard import Callboard
from callboard_service.app import build_app
from support.service_calls import call, refused

EXAMPLE = Path(__file__).parents[2] / "examples" / "embed_aiohttp.py"


@pytest.fixture
def example() -> ModuleType:
    if not EXAMPLE.exists():
        pytest.skip("the examples are not here")
    spec = importlib.util.spec_from_file_location("embed_aiohttp", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_example_runs_as_it_stands(example: ModuleType) -> None:
    async with TestClient(TestServer(example.make_app())) as client:
        ordered = await call(client, "POST", "/reports/me@example.org", 202)
        run = await call(client, "GET", f"/callboard/v1/runs/{ordered['run']}?wait_s=10")
        assert run["result"] == {"sent_to": "me@example.org"}
        trigger = await call(client, "GET", "/callboard/v1/triggers/daily-report")
        assert trigger["state"] == "active"


async def test_mounted_service_keeps_to_its_prefix(board: Callboard) -> None:
    host = web.Application()

    async def home(request: web.Request) -> web.Response:
        return web.Response(text="the host's")

    host.router.add_get("/", home)
    host.add_subapp("/callboard/", build_app(board))
    async with TestClient(TestServer(host)) as client:
        body = {"kind": "command", "spec": {"argv": ["x"]}}
        async with client.put("/callboard/v1/jobs/x", json=body) as response:
            assert response.headers["Location"] == "/callboard/v1/jobs/x"
        async with client.get("/", headers={"Origin": "http://other.example"}) as response:
            assert await response.text() == "the host's"
        await refused(client, "GET", "/callboard/nothing", "not_found")
        await refused(client, "PUT", "/callboard/v1/jobs", "method_not_allowed")
        async with client.get("/callboard/") as response:
            assert "Callboard" in await response.text()
        async with client.ws_connect("/callboard/v1/stream") as socket:
            assert (await socket.receive_json())["type"] == "snapshot"
        async with client.get("/nothing") as response:
            assert response.content_type == "text/plain"


async def test_body_limit_is_the_services_own(board: Callboard) -> None:
    host = web.Application(client_max_size=100)
    host.add_subapp("/callboard/", build_app(board))
    async with TestClient(TestServer(host)) as client:
        body = {"kind": "command", "spec": {"argv": ["x" * 1000]}}
        await call(client, "PUT", "/callboard/v1/jobs/x", 201, json=body)
