"""Who may call: signatures of version 4 by configured access keys, or nobody's on loopback."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from callboard import Callboard
from callboard.errors import InvalidInput
from callboard.testing import VirtualClock
from callboard_service import app
from callboard_service.doors.glue import loading
from callboard_service.doors.glue.authorization import claimed_key_id, read_authorization
from callboard_service.doors.glue.credentials import read_credentials
from callboard_service.doors.glue.door import GlueDoor
from callboard_service.doors.glue.faults import GlueFault
from callboard_service.doors.glue.model import GlueModel, load_model
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.settings import Settings
from support.glue_door import TYPE, Answer, post, refused, signed
from support.service_calls import Client

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
KEY, SECRET = "AKIAALICE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY%s"
FILE = f"""
[alice]
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
region = eu-west-1

[default]
aws_access_key_id=bob@ops
aws_secret_access_key=x=y
"""
Serve = Callable[..., Awaitable[Client]]
Ask = Callable[..., Awaitable[Answer]]


async def tell_group(call: GlueCall) -> Mapping[str, Any]:
    return {"Group": call.group}


@cache
def _model() -> GlueModel:
    return load_model(["GetJobs"])


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(FILE)
    return path


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """Starts a service whose clock stands at NOW; a client for it."""
    door = partial(GlueDoor, operations={"GetJobs": tell_group})
    monkeypatch.setattr(app, "GlueDoor", door)
    monkeypatch.setattr(loading, "load_model", lambda _: _model())
    async with AsyncExitStack() as stack:

        async def start(**settings: Any) -> Client:
            board = await stack.enter_async_context(Callboard("memory:"))
            application = app.build_app(board, Settings(**settings), VirtualClock(start=NOW))
            return await stack.enter_async_context(TestClient(TestServer(application)))

        yield start


@pytest.fixture
async def client(serve: Serve, keys: Path) -> Client:
    """Of a service that takes the keys of FILE alone."""
    return await serve(glue_credentials=str(keys))


def sign(client: Client, **changed: Any) -> dict[str, str]:
    """The headers of GetJobs with the body `{}`, signed by alice."""
    usual = {"key": KEY, "secret": SECRET, "at": NOW, "data": b"{}"}
    return signed(client, "GetJobs", **{**usual, **changed})


@pytest.mark.parametrize("path", ["/", "/glue", "/glue/", "/glue?b=2&a=%20x"])
async def test_a_signed_call_is_its_access_keys(client: Client, path: str) -> None:
    answer = await post(client, path=path, headers=sign(client, path=path))
    assert (answer.status, answer.body) == (200, {"Group": KEY})


async def test_a_call_that_is_signed_by_the_books_steps_is_let_in(client: Client) -> None:
    """Nothing of botocore's on the client's side."""
    host = f"{client.host}:{client.port}"
    canonical = "\n".join(
        [
            *("POST", "/glue", ""),
            *(f"content-type:{TYPE}", f"host:{host}"),
            *("x-amz-date:20260101T120000Z", "x-amz-target:AWSGlue.GetJobs", ""),
            "content-type;host;x-amz-date;x-amz-target",
            hashlib.sha256(b"{}").hexdigest(),
        ]
    )
    scope = "20260101/mars-north-1/glue/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n20260101T120000Z\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers: dict[str, str | None] = {
        "X-Amz-Date": "20260101T120000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},"
        f"SignedHeaders=content-type;host;x-amz-date;x-amz-target,Signature={signature}",
    }
    assert (await post(client, path="/glue", headers=headers)).status == 200


async def test_each_key_is_a_group_of_its_own(client: Client) -> None:
    answer = await post(client, headers=sign(client, key="bob@ops", secret="x=y"))
    assert answer.body == {"Group": "bob@ops"}


@pytest.mark.parametrize("off", [timedelta(minutes=-4, seconds=-59), timedelta(minutes=5)])
async def test_clocks_may_be_5_minutes_apart(client: Client, off: timedelta) -> None:
    assert (await post(client, headers=sign(client, at=NOW + off))).status == 200


async def test_more_headers_may_be_signed(client: Client) -> None:
    more = {"User-Agent": "sdk  of   mine", "X-Amz-Security-Token": "any", "X-Two": "a  b"}
    headers = sign(client, headers=more)
    assert (await post(client, headers={**more, **headers})).status == 200


async def test_a_call_that_is_not_signed_is_refused(client: Client) -> None:
    message = await refused(client, "MissingAuthenticationTokenException")
    assert message == "Missing Authentication Token"


async def test_a_bearer_token_is_no_signature(client: Client) -> None:
    headers = {"Authorization": "Bearer x"}
    await refused(client, "IncompleteSignatureException", headers=headers)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda a: a.replace("Signature=", "Sig="), "requires 'Signature' parameter"),
        (lambda a: a.replace("SignedHeaders=", "Headers="), "requires 'SignedHeaders' parameter"),
        (lambda a: a.split(" ")[0], "is not one key=value pair"),
        (lambda a: f"{a}, nonsense", "is not one key=value pair"),
        (lambda a: f"{a}, Signature=1", "is not one key=value pair"),
        (lambda a: a.replace("/eu-west-1", ""), "Credential is not"),
        (lambda a: a.replace("aws4_request", "aws5_request"), "Credential is not"),
        (lambda a: a.replace("content-type;", ";;"), "SignedHeaders is not"),
        (lambda a: a.replace("host;", ""), "the header host must be among"),
        (lambda a: a.replace(";x-amz-target", ""), "the header x-amz-target must be among"),
        (lambda a: a.replace(";x-amz-date", ""), "the header x-amz-date must be among"),
        (lambda a: a.replace("HMAC", "ECDSA-P256"), "not of AWS4-HMAC-SHA256"),
    ],
)
async def test_a_signature_that_cannot_be_read_is_incomplete(
    client: Client, change: Callable[[str], str], told: str
) -> None:
    headers = sign(client)
    headers["Authorization"] = change(headers["Authorization"])
    assert told in await refused(client, "IncompleteSignatureException", headers=headers)


@pytest.mark.parametrize("date", [None, "yesterday", "20260101", "20261301T000000Z"])
async def test_without_an_instant_a_signature_is_incomplete(
    client: Client, date: str | None
) -> None:
    headers = {**sign(client), "X-Amz-Date": date}
    assert "X-Amz-Date" in await refused(client, "IncompleteSignatureException", headers=headers)


async def test_an_access_key_that_nobody_has_is_refused(client: Client) -> None:
    message = await refused(
        client, "UnrecognizedClientException", headers=sign(client, key="AKIAMALLORY")
    )
    assert message == "The security token included in the request is invalid."


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "guessed"},
        {"secret": SECRET.lower()},
        {"data": b'{"MaxResults": 1}'},
        {"path": "/glue"},
        {"headers": {"X-Amz-Target": "AWSGlue.DeleteJob"}},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"X-Other": "signed, but not sent"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_signature_of_something_else_is_invalid(
    client: Client, changed: dict[str, Any]
) -> None:
    headers = sign(client, **changed)
    for name in ("Host", "X-Other"):
        headers.pop(name, None)
    headers["X-Amz-Target"] = "AWSGlue.GetJobs"
    message = await refused(client, "InvalidSignatureException", headers=headers)
    assert message.startswith("The request signature we calculated does not match")


async def test_a_body_is_not_let_in_by_a_signed_checksum_of_another(client: Client) -> None:
    for checksum in ("0" * 64, "UNSIGNED-PAYLOAD"):
        headers = sign(client, headers={"X-Amz-Content-SHA256": checksum})
        message = await refused(client, "InvalidSignatureException", headers=headers)
        assert "x-amz-content-sha256" in message
    right = {"X-Amz-Content-SHA256": hashlib.sha256(b"{}").hexdigest()}
    assert (await post(client, headers=sign(client, headers=right))).status == 200


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (
            NOW - timedelta(minutes=5, seconds=1),
            (
                "Signature expired: 20260101T115459Z is now earlier than 20260101T115500Z "
                "(20260101T120000Z - 5 min.)"
            ),
        ),
        (
            NOW + timedelta(minutes=5, seconds=1),
            (
                "Signature not yet current: 20260101T120501Z is still later than 20260101T120500Z "
                "(20260101T120000Z + 5 min.)"
            ),
        ),
    ],
)
async def test_an_old_or_coming_signature_is_invalid(
    client: Client, at: datetime, told: str
) -> None:
    assert await refused(client, "InvalidSignatureException", headers=sign(client, at=at)) == told


async def test_a_signature_for_another_service_or_day_is_invalid(client: Client) -> None:
    headers = sign(client, service="s3")
    assert "'glue'" in await refused(client, "InvalidSignatureException", headers=headers)
    headers = sign(client)
    headers["Authorization"] = headers["Authorization"].replace("/20260101/", "/20260102/")
    assert "X-Amz-Date" in await refused(client, "InvalidSignatureException", headers=headers)


async def test_a_signed_header_that_is_no_text_is_refused(client: Client) -> None:
    headers = sign(client, headers={"X-Odd": "a"})
    async with client.post(
        "/",
        data=b"{}",
        headers={**headers, "X-Odd": b"\xff".decode("utf-8", "surrogateescape")},
        skip_auto_headers=["Content-Type"],
    ) as response:
        assert response.status == 400


@pytest.mark.parametrize(
    "settings", [{"token": "0123456789abcdef"}, {"host": "0.0.0.0", "token": "0123456789abcdef"}]
)
async def test_without_keys_nobody_may_call_where_others_could_reach_it(
    serve: Serve, settings: dict[str, Any]
) -> None:
    client = await serve(**settings)
    for headers in (sign(client), {"Authorization": f"Bearer {settings['token']}"}, {}):
        message = await refused(client, "UnrecognizedClientException", headers=headers)
        assert "--glue-credentials" in message


async def test_with_keys_the_services_token_is_not_asked_for(serve: Serve, keys: Path) -> None:
    client = await serve(glue_credentials=str(keys), token="0123456789abcdef")
    assert (await post(client, headers=sign(client))).status == 200
    async with client.get("/v1/jobs") as response:
        assert response.status == 401


@pytest.mark.parametrize(
    ("authorization", "group"),
    [
        (None, "default"),
        ("Bearer x", "default"),
        ("AWS4-HMAC-SHA256 nonsense", "default"),
        ("AWS4-HMAC-SHA256 Credential=alice/20200101/x/glue/aws4_request", "alice"),
        ("AWS4-HMAC-SHA256 Credential=t\u00e9st/20200101/x/glue/aws4_request", "default"),
        (f"AWS4-HMAC-SHA256 Credential={'k' * 129}/20200101/x/glue/aws4_request", "default"),
    ],
)
async def test_on_loopback_the_key_is_taken_as_it_is_told(
    serve: Serve, authorization: str | None, group: str
) -> None:
    client = await serve()
    answer = await post(client, headers={"Authorization": authorization})
    assert answer.body == {"Group": group}


def test_a_file_of_keys_is_as_aws_has_it(keys: Path) -> None:
    assert read_credentials(str(keys)) == {KEY: SECRET, "bob@ops": "x=y"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no access key"),
        ("[a]\n", "[a] in"),
        ("[a]\naws_access_key_id = A\n", "no aws_secret_access_key"),
        ("[a]\naws_secret_access_key = hunter22\n", "no aws_access_key_id"),
        ("[a]\naws_access_key_id = A B\naws_secret_access_key = hunter22\n", "'A B'"),
        ("aws_secret_access_key = hunter22\n", "not an INI file"),
        ("[a\nhunter22", "not an INI file"),
        ("[a]\nhunter22", "not an INI file"),
        (FILE + FILE.replace("alice", "b").replace("[default]", "[c]"), f"{KEY!r} comes twice"),
    ],
)
def test_what_is_wrong_with_a_file_of_keys_is_told_without_its_secrets(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(InvalidInput) as refusal:
        read_credentials(str(path))
    assert told in str(refusal.value)
    assert "hunter22" not in str(refusal.value)
    assert {each.field for each in refusal.value.problems} == {"glue_credentials"}


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\xff\xfe")
    for path in (tmp_path, tmp_path / "keys", tmp_path / "none"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_credentials(str(path))


@given(text=st.text() | st.text().map(lambda text: f"AWS4-HMAC-SHA256 {text}"))
def test_any_header_is_understood_or_refused(text: str) -> None:
    assert claimed_key_id(text) != ""
    try:
        told = read_authorization(text)
    except GlueFault as fault:
        assert fault.code in (  # noqa: PT017 - it need not be raised
            "MissingAuthenticationTokenException",
            "IncompleteSignatureException",
        )
    else:
        assert told.signed_headers
