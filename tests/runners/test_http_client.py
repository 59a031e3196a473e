"""The guarded client, against real servers on loopback (G40, A08)."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from callboard.clock import SystemClock
from callboard.domain.egress import Egress
from callboard.domain.http_exchange import (
    Hop,
    HttpFailure,
    HttpRefused,
    HttpTimeout,
    HttpUnreachable,
    Reply,
    Request,
)
from callboard.runners.http_client import GuardedClient
from callboard.runners.http_redirect import redirected
from support.http_servers import Names, Recorder, recorder

SECRETS = (("Authorization", "Bearer x"), ("X-Api-Key", "y"), ("Accept", "text/plain"))


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with recorder() as running:
        yield running


@pytest.fixture
async def inner(server: Recorder) -> AsyncIterator[Recorder]:
    """What must not be reached: on the same port of another address."""
    async with recorder("127.0.0.2", server.port) as running:
        yield running


async def send(
    url: str,
    *allowed: str,
    names: Names | None = None,
    hops: list[Hop] | None = None,
    **fields: object,
) -> Reply:
    lookup = {} if names is None else {"lookup": names}
    fields = {"method": "GET", "timeout_s": 10.0, **fields}
    async with GuardedClient(Egress.of(allowed), clock=SystemClock(), **lookup) as client:
        request = Request(url=url, **fields)  # type: ignore[arg-type]
        return await client.send(request, on_hop=[].append if hops is None else hops.append)


async def test_an_allowed_server_answers(server: Recorder) -> None:
    server.says(text="hello", headers={"X-Own": "1"}, status=201)
    reply = await send(server.url("/a%2Fb?c=%20"), "127.0.0.1")
    assert (reply.status, reply.body, reply.header("x-own")) == (201, b"hello", "1")
    assert server.paths == ["/a%2Fb?c=%20"]
    assert not reply.is_cut


async def test_what_is_sent_arrives(server: Recorder) -> None:
    await send(server.url(), "127.0.0.1", method="PATCH", body=b"\x00\xff", headers=(("X-A", "é"),))
    (request,) = server.requests
    assert (request.method, server.bodies, request.headers["X-A"]) == ("PATCH", [b"\x00\xff"], "é")
    assert "User-Agent" not in request.headers
    assert "Content-Type" not in request.headers


# where it goes


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "localhost",
        "169.254.169.254",
        "[::ffff:10.0.0.1]",
    ],
)
async def test_closed_addresses_are_refused_in_every_spelling(server: Recorder, host: str) -> None:
    with pytest.raises(HttpRefused, match="allow it with"):
        await send(server.url(host=host))
    assert server.requests == []


async def test_a_name_is_refused_by_its_address(server: Recorder) -> None:
    with pytest.raises(HttpRefused, match=r"shop \(127\.0\.0\.1\) is a loopback address"):
        await send(server.url(host="shop"), names=Names(shop=[["127.0.0.1"]]))
    assert server.requests == []


async def test_an_allowed_name_is_reached(server: Recorder) -> None:
    reply = await send(server.url(host="shop"), "shop", names=Names(shop=[["127.0.0.1"]]))
    assert reply.status == 204
    assert server.requests[0].headers["Host"] == f"shop:{server.port}"


async def test_of_several_addresses_only_those_that_passed_are_tried(
    server: Recorder, inner: Recorder
) -> None:
    names = Names(shop=[["127.0.0.2", "::1", "127.0.0.1"]])
    assert (await send(server.url(host="shop"), "127.0.0.1", names=names)).status == 204
    assert (len(server.requests), len(inner.requests)) == (1, 0)


async def test_a_name_that_changes_its_address_is_asked_once(
    server: Recorder, inner: Recorder
) -> None:
    """DNS rebinding: the second answer would be the inner server's."""
    names = Names(shop=[["127.0.0.1"], ["127.0.0.2"]])
    await send(server.url(host="shop"), "127.0.0.1", names=names)
    assert names.asked == ["shop"]
    assert (len(server.requests), len(inner.requests)) == (1, 0)
    with pytest.raises(HttpRefused, match=r"127\.0\.0\.2"):
        await send(server.url(host="shop"), "127.0.0.1", names=names)
    assert inner.requests == []


async def test_a_name_that_changes_between_two_redirects_is_refused(
    server: Recorder, inner: Recorder
) -> None:
    server.says(status=302, headers={"Location": "/again"})
    names = Names(shop=[["127.0.0.1"], ["127.0.0.2"]])
    with pytest.raises(HttpRefused, match=r"127\.0\.0\.2"):
        await send(server.url(host="shop"), "127.0.0.1", names=names, redirects=3)
    assert inner.requests == []


def test_no_socket_is_made_for_an_address_that_was_not_judged() -> None:
    """The last line, should the connector ever find addresses by itself."""
    client = GuardedClient(Egress(), clock=SystemClock())
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))
    with pytest.raises(HttpRefused, match="was not looked at"):
        client._passed.open_socket(info)


@pytest.mark.parametrize("zone", ["", "%lo"])
def test_a_socket_is_made_for_an_address_that_passed(zone: str) -> None:
    client = GuardedClient(Egress(), clock=SystemClock())
    client._passed.add("shop", 80, (ipaddress.ip_address(f"fe80::1{zone}"),))
    info = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("fe80::1", 80, 0, 1))
    client._passed.open_socket(info).close()


async def test_the_environments_proxy_is_not_used(
    server: Recorder, inner: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, inner.url(host="127.0.0.2"))
    assert (await send(server.url(), "127.0.0.1")).status == 204
    assert inner.requests == []


@pytest.mark.parametrize("url", ["ftp://x/", "file:/etc/passwd", "http://", "x", "http://a:0/"])
async def test_what_is_no_http_is_refused(url: str) -> None:
    with pytest.raises(HttpRefused):
        await send(url)


# redirects


async def test_redirects_are_not_followed_unless_that_is_wanted(server: Recorder) -> None:
    server.says(status=302, headers={"Location": "/there"})
    assert (await send(server.url(), "127.0.0.1")).status == 302
    assert server.paths == ["/"]


async def test_every_hop_is_told(server: Recorder) -> None:
    server.says(web.Response(status=302, headers={"Location": "b?x"}), web.Response(text="end"))
    hops: list[Hop] = []
    reply = await send(server.url("/dir/a"), "127.0.0.1", redirects=3, hops=hops)
    assert (reply.body, reply.url) == (b"end", server.url("/dir/b?x"))
    assert [(hop.url, hop.status) for hop in hops] == [
        (server.url("/dir/a"), 302),
        (server.url("/dir/b?x"), 200),
    ]


async def test_a_redirect_to_a_closed_address_is_refused(server: Recorder, inner: Recorder) -> None:
    server.says(status=302, headers={"Location": inner.url(host="127.0.0.2")})
    with pytest.raises(HttpRefused, match=r"127\.0\.0\.2 is a loopback address"):
        await send(server.url(), "127.0.0.1", redirects=3)
    assert inner.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest",
        "//2130706434:{port}/",
        "http://[::ffff:127.0.0.2]:{port}/",
        "http://\uff11\uff12\uff17.0.0.2:{port}/",
        "http://user@127.0.0.2:{port}/",
        "file:/etc/passwd",
        "http://127\u30020\u30020\u30022:{port}/",
        "gopher://127.0.0.2:{port}/",
    ],
)
async def test_a_redirect_cannot_hide_its_address(
    server: Recorder, inner: Recorder, location: str
) -> None:
    server.says(status=307, headers={"Location": location.format(port=server.port)})
    with pytest.raises(HttpRefused):
        await send(server.url(), "127.0.0.1", redirects=3)
    assert inner.requests == []


async def test_redirects_come_to_an_end(server: Recorder) -> None:
    server.says(status=302, headers={"Location": "/again"})
    with pytest.raises(HttpRefused, match="more than 2 redirects"):
        await send(server.url(), "127.0.0.1", redirects=2)
    assert len(server.requests) == 3


async def test_credentials_stay_with_their_origin(server: Recorder, inner: Recorder) -> None:
    server.says(status=307, headers={"Location": inner.url(host="127.0.0.2")})
    await send(server.url(), "127.0.0.0/8", redirects=1, headers=SECRETS)
    assert server.requests[0].headers["Authorization"] == "Bearer x"
    assert {"Authorization", "X-Api-Key"} & set(inner.requests[0].headers) == set()
    assert inner.requests[0].headers["Accept"] == "text/plain"


async def test_credentials_stay_on_the_way_within_an_origin(server: Recorder) -> None:
    server.says(web.Response(status=307, headers={"Location": "/b"}), web.Response())
    await send(server.url(), "127.0.0.1", redirects=1, headers=SECRETS)
    assert server.requests[1].headers["X-Api-Key"] == "y"


async def test_cookies_are_not_kept(server: Recorder) -> None:
    server.says(
        web.Response(status=302, headers={"Location": "/b", "Set-Cookie": "a=b"}), web.Response()
    )
    await send(server.url(), "127.0.0.1", redirects=1)
    assert "Cookie" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("HEAD", 303, "HEAD"),
        ("PUT", 302, "PUT"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_methods_change_as_in_browsers(method: str, status: int, then: str) -> None:
    before = Request(
        method=method, url="http://h/a", body=b"x", headers=(("Content-Type", "text/csv"),)
    )
    after = redirected(before, status, "/b")
    assert (after.method, after.url) == (then, "http://h/b")
    assert (after.body is None) == (after.headers == ()) == (then != method)


@pytest.mark.parametrize(
    ("url", "location", "keeps"),
    [
        ("http://h/", "https://h/", True),
        ("http://h/", "http://h:80/x", True),
        ("http://h/", "http://h:8080/", False),
        ("http://h:8080/", "https://h/", False),
        ("http://h/", "http://h.evil/", False),
        ("http://h/", "https://www.h/", False),
    ],
)
def test_what_another_origin_is(url: str, location: str, keeps: bool) -> None:
    after = redirected(Request(method="GET", url=url, headers=SECRETS), 302, location)
    assert (after.headers == SECRETS) is keeps


def test_there_is_no_way_back_from_https() -> None:
    with pytest.raises(HttpRefused, match="from https to http://h/x"):
        redirected(Request(method="GET", url="https://h/"), 302, "http://h/x?secret")


# bounds


async def test_a_long_body_is_cut(server: Recorder) -> None:
    server.says(body=b"x" * 1_000_000)
    reply = await send(server.url(), "127.0.0.1", max_bytes=1000)
    assert (reply.body, reply.is_cut) == (b"x" * 1000, True)


async def test_a_body_of_just_the_limit_is_whole(server: Recorder) -> None:
    server.says(body=b"x" * 1000)
    reply = await send(server.url(), "127.0.0.1", max_bytes=1000)
    assert (len(reply.body), reply.is_cut) == (1000, False)


async def test_an_endless_body_is_cut(server: Recorder) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    server.says(flood)
    assert (await send(server.url(), "127.0.0.1")).is_cut


async def test_a_compressed_flood_is_cut(server: Recorder) -> None:
    bomb = gzip.compress(b"\x00" * 50_000_000)
    server.says(body=bomb, headers={"Content-Encoding": "gzip"})
    reply = await send(server.url(), "127.0.0.1", max_bytes=1000)
    assert (reply.body, reply.is_cut) == (b"\x00" * 1000, True)


async def test_an_answer_that_does_not_come_in_time_is_not_waited_for(server: Recorder) -> None:
    async def dawdle(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    server.says(dawdle)
    with pytest.raises(HttpTimeout, match=r"GET http://127\.0\.0\.1:\d+/a\?\.\.\.: no answer in"):
        await send(server.url("/a?key=secret"), "127.0.0.1", timeout_s=0.05)


async def test_a_name_that_is_not_found_in_time_is_not_waited_for() -> None:
    async def dawdle(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with GuardedClient(Egress(), clock=SystemClock(), lookup=dawdle) as client:
        with pytest.raises(HttpTimeout):
            await client.send(Request(method="GET", url="http://shop/", timeout_s=0.05))


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of its own for the name `shop`, with its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate")
    key, made = tmp_path / "key.pem", tmp_path / "made.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    files = ["-addext", "subjectAltName=DNS:shop", "-keyout", str(key), "-out", str(made)]
    subprocess.run([openssl, *words.split(), *files], check=True, capture_output=True)
    made.write_text(key.read_text() + made.read_text())
    return made


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Recorder]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with recorder(tls=context) as running:
        yield running


async def ask_securely(url: str, trusted: Path | None) -> Reply:
    tls = None if trusted is None else ssl.create_default_context(cafile=str(trusted))
    names = Names(shop=[["127.0.0.1"]], other=[["127.0.0.1"]])
    egress = Egress.of(["127.0.0.1"])
    async with GuardedClient(egress, clock=SystemClock(), lookup=names, tls=tls) as client:
        return await client.send(Request(method="GET", url=url))


async def test_a_server_is_known_by_its_name_not_by_its_address(
    secure: Recorder, certificate: Path
) -> None:
    url = secure.url().replace("http://127.0.0.1", "https://shop")
    assert (await ask_securely(url, certificate)).status == 204
    with pytest.raises(HttpUnreachable, match="certificate"):
        await ask_securely(url.replace("shop", "other"), certificate)
    assert len(secure.requests) == 1


async def test_a_server_that_nobody_vouches_for_is_not_asked(secure: Recorder) -> None:
    with pytest.raises(HttpUnreachable, match="certificate"):
        await ask_securely(secure.url().replace("http://127.0.0.1", "https://shop"), None)
    assert secure.requests == []


# what may fail


@pytest.mark.parametrize("url", ["http://nowhere/", "https://127.0.0.1:{port}/"])
async def test_what_cannot_be_reached_is_told(server: Recorder, url: str) -> None:
    """A name without address; TLS with a server that speaks none."""
    with pytest.raises(HttpUnreachable):
        await send(url.format(port=server.port), "127.0.0.1", names=Names())


async def test_a_port_without_a_server_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(HttpUnreachable, match="Connect call failed"):
            await send(f"http://127.0.0.1:{free.getsockname()[1]}/", "127.0.0.1")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
    ],
)
async def test_a_server_that_breaks_the_protocol_is_told(said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as broken:
        port = broken.sockets[0].getsockname()[1]
        with pytest.raises(HttpFailure) as caught:
            await send(f"http://127.0.0.1:{port}/", "127.0.0.1")
    assert type(caught.value) is HttpUnreachable
