"""Who may speak to the service: tokens, origins, hosts (A05, A06, A07)."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import WSServerHandshakeError

from callboard.errors import InvalidInput
from callboard_service.routes import ROUTES
from callboard_service.settings import Settings
from support.service_calls import Client, call, refused

Serve = Callable[..., Awaitable[Client]]
TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATHS = sorted({(route.method, route.path) for route in ROUTES if not route.is_open})


@pytest.fixture
async def guarded(serve: Serve) -> Client:
    return await serve(token=TOKEN)


async def test_every_path_wants_the_token(guarded: Client) -> None:
    for method, path in PATHS:
        path = path.format(name="x", id=1, code="not_found", action="pause")
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with guarded.request(method, path, headers=headers) as response:
                assert response.status == 401, path
                assert (await response.json())["code"] == "unauthorized"
                assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_unknown_path_wants_the_token_too(guarded: Client) -> None:
    await refused(guarded, "GET", "/v1/nothing", "unauthorized")
    await refused(guarded, "OPTIONS", "/v1/jobs", "unauthorized")
    await refused(guarded, "GET", "/v1/nothing", "not_found", headers=BEARER)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_no_token(guarded: Client, path: str) -> None:
    await call(guarded, "GET", path)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_right_token_is_let_in(guarded: Client, scheme: str) -> None:
    await call(guarded, "GET", "/v1/jobs", headers={"Authorization": f"{scheme} {TOKEN}"})


@pytest.mark.parametrize(
    "value",
    [TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ü€"],
)
async def test_other_authorizations_are_401(guarded: Client, value: str) -> None:
    await refused(guarded, "GET", "/v1/jobs", "unauthorized", headers={"Authorization": value})


async def test_token_in_the_url_is_no_token(guarded: Client) -> None:
    await refused(guarded, "GET", f"/v1/jobs?token={TOKEN}", "unauthorized")


async def test_stream_wants_the_token(guarded: Client) -> None:
    for path in ("/v1/stream", "/v1/runs/1/log"):
        with pytest.raises(WSServerHandshakeError) as refusal:
            await guarded.ws_connect(path)
        assert refusal.value.status == 401


async def test_browser_gives_the_token_as_a_subprotocol(guarded: Client) -> None:
    encoded = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    protocols = ("callboard.v1", f"callboard.bearer.{encoded}")
    async with guarded.ws_connect("/v1/stream", protocols=protocols) as socket:
        assert socket.protocol == "callboard.v1"
        assert (await socket.receive_json())["type"] == "snapshot"
    for wrong in ("callboard.bearer.x", "callboard.bearer.", "callboard.bearer.%%"):
        with pytest.raises(WSServerHandshakeError):
            await guarded.ws_connect("/v1/stream", protocols=("callboard.v1", wrong))


async def test_a05_things_of_another_group_are_not_found(client: Client) -> None:
    job = {"name": "x", "group": "theirs", "kind": "python", "spec": {"handler": "add"}}
    trigger = {"name": "t", "schedule": {"kind": "on_demand"}, "actions": [{"job": "x"}]}
    await call(client, "POST", "/v1/jobs", 201, json=job)
    await refused(client, "POST", "/v1/triggers", "invalid_input", json=trigger)
    await call(client, "POST", "/v1/triggers?group=theirs", 201, json=trigger)
    for method, path in (
        ("GET", "/v1/jobs/x"),
        ("DELETE", "/v1/jobs/x"),
        ("POST", "/v1/jobs/x/runs"),
        ("GET", "/v1/triggers/t"),
        ("GET", "/v1/triggers/t/slots"),
        ("POST", "/v1/triggers/t/activate"),
        ("POST", "/v1/triggers/t/fire"),
    ):
        await refused(client, method, path, "not_found")
        await refused(client, method, f"{path}?group=ours", "not_found")
    bulk = {"runs": [{"job": "x"}]}
    await refused(client, "POST", "/v1/runs", "invalid_input", json=bulk)
    await call(client, "POST", "/v1/runs?group=theirs", 201, json=bulk)
    assert (await call(client, "GET", "/v1/runs?group=default"))["items"] == []


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", "10.0.0.1"])
def test_a07_reachable_address_without_a_token_is_refused(host: str) -> None:
    with pytest.raises(InvalidInput, match="CALLBOARD_TOKEN"):
        Settings(host=host)
    assert Settings(host=host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert Settings(host=host).token is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null", "file://", "x"]
)
async def test_a06_foreign_origin_is_refused(client: Client, origin: str) -> None:
    body = {"name": "x", "kind": "command", "spec": {"argv": ["x"]}}
    headers = {"Origin": origin}
    await refused(client, "POST", "/v1/jobs", "foreign_origin", headers=headers, json=body)
    await refused(client, "GET", "/v1/jobs", "foreign_origin", headers=headers)
    await refused(client, "OPTIONS", "/v1/jobs", "foreign_origin", headers=headers)
    with pytest.raises(WSServerHandshakeError) as refusal:
        await client.ws_connect("/v1/stream", headers=headers)
    assert refusal.value.status == 403
    assert (await call(client, "GET", "/v1/jobs"))["items"] == []


async def test_own_origin_is_let_in(client: Client) -> None:
    for origin in (f"http://127.0.0.1:{client.port}", f"https://127.0.0.1:{client.port}"):
        await call(client, "GET", "/v1/jobs", headers={"Origin": origin})
        async with client.ws_connect("/v1/stream", headers={"Origin": origin}) as socket:
            assert (await socket.receive_json())["type"] == "snapshot"


async def test_other_port_of_the_host_is_foreign(client: Client) -> None:
    origin = f"http://127.0.0.1:{int(client.port or 0) ^ 1}"
    await refused(client, "GET", "/v1/jobs", "foreign_origin", headers={"Origin": origin})


async def test_allowed_origin_may_read(serve: Serve) -> None:
    client = await serve(allowed_origins=("https://ops.example",))
    origin = {"Origin": "https://ops.example"}
    preflight = {**origin, "Access-Control-Request-Method": "PUT"}
    async with client.options("/v1/jobs/x", headers=preflight) as response:
        assert response.status == 204
        assert "PUT" in response.headers["Access-Control-Allow-Methods"]
    async with client.get("/v1/jobs", headers=origin) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "https://ops.example"
        assert "ETag" in response.headers["Access-Control-Expose-Headers"]
    async with client.get("/v1/jobs") as response:
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_preflight_needs_no_token_and_gives_nothing_away(serve: Serve) -> None:
    client = await serve(token=TOKEN, allowed_origins=("https://ops.example",))
    headers = {"Origin": "https://ops.example", "Access-Control-Request-Method": "GET"}
    async with client.options("/v1/jobs", headers=headers) as response:
        assert response.status == 204
        assert await response.read() == b""


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8321", "", "[", "a b"])
async def test_a06_rebound_name_is_refused(client: Client, host: str) -> None:
    await refused(client, "GET", "/v1/jobs", "foreign_host", headers={"Host": host})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:5", "localhost."])
async def test_names_of_loopback_are_let_in(client: Client, host: str) -> None:
    await call(client, "GET", "/v1/jobs", headers={"Host": host})


async def test_configured_name_is_let_in(serve: Serve) -> None:
    client = await serve(allowed_hosts=("ops.example",))
    await call(client, "GET", "/v1/jobs", headers={"Host": "ops.example:443"})
    await refused(client, "GET", "/v1/jobs", "foreign_host", headers={"Host": "evil.example"})


async def test_any_name_is_let_in_with_a_token_on_other_addresses(serve: Serve) -> None:
    client = await serve(host="0.0.0.0", token=TOKEN)
    await call(client, "GET", "/v1/jobs", headers={"Host": "ops.example", **BEARER})


async def test_answers_are_neither_sniffed_nor_kept(client: Client) -> None:
    for path in ("/v1/jobs", "/v1/jobs/none", "/"):
        async with client.get(path) as response:
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Cache-Control"] == "no-store"
