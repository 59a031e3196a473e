"""Whatever is sent to the door: never a 5xx, always an AWS answer with the id of the request."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import botocore.session
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callboard.testing import virtual_board
from callboard_service.app import build_app
from callboard_service.doors.glue import tokens
from callboard_service.doors.glue.operations import OPERATIONS
from callboard_service.settings import Settings

BOUNDED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CONTENT_TYPE = "application/x-amz-json-1.1"

# What a header may hold as far as the client lets it.
LATIN = st.characters(min_codepoint=32, max_codepoint=255, exclude_categories=["Cc"])
ODD = ("", "\x00", "a\nb", "x" * 300, "jr_zz", "\ud800", "cron()", "arn:aws:glue:x")
KNOWN = (
    "there",
    "jr_" + "0" * 64,
    "wr_" + "f" * 64,
    "arn:aws:glue:us-east-1:123456789012:job/there",
    "cron(0 12 * * ? *)",
    "SUCCEEDED",
)
texts = st.text(max_size=20) | st.sampled_from(ODD) | st.sampled_from(KNOWN)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-1, 300)
    | st.floats()
    | texts
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def shaped(shape: Any, depth: int = 4) -> st.SearchStrategy[Any]:
    """Mostly what the service model says of a shape; sometimes anything."""
    match shape.type_name:
        case "structure" if depth:
            members = {name: shaped(of, depth - 1) for name, of in shape.members.items()}
            required = {name: members[name] for name in shape.required_members}
            optional = {name: each for name, each in members.items() if name not in required}
            right: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=optional)
            if len(optional) > 6:
                few = st.sampled_from(sorted(optional)).flatmap(
                    lambda name: st.fixed_dictionaries(required, optional={name: optional[name]})
                )
                right = few | few | right
        case "list" if depth:
            right = st.lists(shaped(shape.member, depth - 1), max_size=3)
        case "map" if depth:
            right = st.dictionaries(texts, shaped(shape.value, depth - 1), max_size=3)
        case "boolean":
            right = st.booleans()
        case "integer" | "long" | "timestamp":
            right = st.integers(-1, 11000)
        case "double" | "float":
            right = st.floats(allow_nan=False, allow_infinity=False)
        case "string":
            right = texts | st.sampled_from(list(shape.enum) or ["there"])
        case _:
            right = st.none()
    # One in many is anything at all: what is wrong deep inside has to be reached first.
    return st.integers(0, 15).flatmap(lambda n: documents if n == 0 else right)


@cache
def glue_model() -> Any:
    return botocore.session.Session().get_service_model("glue")


def requests_of(operation: str) -> st.SearchStrategy[Any]:
    return shaped(glue_model().operation_model(operation).input_shape)


class Door:
    """A service on a loop of its own, for tests that are no coroutines."""

    def __init__(self, client: TestClient[Any, Any], run: Callable[..., Any]) -> None:
        self._client = client
        self._run = run

    def tell(
        self, target: str | None, data: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and JSON of the answer, which is an AWS one."""
        return self._run(self._told(target, data, headers or {}))  # type: ignore[no-any-return]

    async def _told(
        self, target: str | None, data: bytes, headers: dict[str, str]
    ) -> tuple[int, Any]:
        named = {} if target is None else {"X-Amz-Target": target}
        told = {"Content-Type": CONTENT_TYPE, **named, **headers}
        async with self._client.post("/", data=data, headers=told) as answer:
            text = await answer.text()
            assert answer.status in (200, 400), f"{target} {data!r}: {answer.status} {text}"
            assert answer.headers["x-amzn-RequestId"]
            assert answer.headers["Content-Type"] == CONTENT_TYPE
            body = json.loads(text)
            if answer.status == 400:
                assert body["__type"].endswith("Exception")
                assert body["Message"]
            return answer.status, body


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """The door on the virtual clock, with a job and a trigger in it; unverified."""
    loop = asyncio.new_event_loop()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(work)

    async def opened(stack: AsyncExitStack) -> TestClient[Any, Any]:
        board, clock = await stack.enter_async_context(virtual_board())
        app = build_app(board, Settings(), clock)
        return await stack.enter_async_context(TestClient(TestServer(app)))

    stack = AsyncExitStack()
    try:
        door = Door(run(opened(stack)), run)
        command = {"Name": "pythonshell", "ScriptLocation": "/nowhere/x.py"}
        job = {"Name": "there", "Role": "r", "Command": command}
        assert door.tell("AWSGlue.CreateJob", json.dumps(job).encode())[0] == 200
        trigger = {"Name": "there", "Type": "ON_DEMAND", "Actions": [{"JobName": "there"}]}
        assert door.tell("AWSGlue.CreateTrigger", json.dumps(trigger).encode())[0] == 200
        assert door.tell("AWSGlue.CreateWorkflow", b'{"Name": "there"}')[0] == 200
        yield door
    finally:
        run(stack.aclose())
        loop.close()


@given(data=st.binary(max_size=200), target=st.sampled_from(sorted(OPERATIONS)))
@BOUNDED
def test_any_bytes(door: Door, data: bytes, target: str) -> None:
    door.tell(f"AWSGlue.{target}", data)


@given(document=documents, target=st.sampled_from(sorted(OPERATIONS)))
@BOUNDED
def test_any_json(door: Door, document: Any, target: str) -> None:
    door.tell(f"AWSGlue.{target}", json.dumps(document).encode())


@given(target=st.text(LATIN, max_size=60))
@BOUNDED
def test_any_target(door: Door, target: str) -> None:
    status, body = door.tell(target.strip(), b"{}")
    assert (status, body["__type"]) == (400, "UnknownOperationException")


@given(
    st.dictionaries(
        st.sampled_from(["Authorization", "X-Amz-Date", "Content-Type", "amz-sdk-invocation-id"]),
        st.text(LATIN, max_size=80).map(str.strip)
        | st.sampled_from(
            [
                "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/glue/aws4_request",
                "AWS4-HMAC-SHA256 Credential=/////, SignedHeaders=, Signature=",
                "AWS4-HMAC-SHA256 Credential=" + "k" * 300 + "/x, SignedHeaders=host, Signature=0",
                "20260101T000000Z",
            ]
        ),
        min_size=1,
    )
)
@BOUNDED
def test_any_headers(door: Door, headers: dict[str, str]) -> None:
    door.tell("AWSGlue.ListJobs", b"{}", headers)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_any_request_of_the_model(door: Door, operation: str) -> None:
    @given(requests_of(operation))
    @settings(BOUNDED, max_examples=10)
    def tell(request: Any) -> None:
        door.tell(f"AWSGlue.{operation}", json.dumps(request).encode())

    tell()


LISTS = sorted(name for name in OPERATIONS if name.startswith(("List", "Get")) and name[-1] == "s")


@given(operation=st.sampled_from(LISTS), place=documents, is_whole=st.booleans())
@BOUNDED
def test_any_token_that_looks_right(door: Door, operation: str, place: Any, is_whole: bool) -> None:
    """A token is no secret, so anybody can make one up, with its digest."""
    told = [operation, place] if is_whole else place
    body = {"NextToken": token_of(told), "JobName": "there", "Name": "there"}
    door.tell(f"AWSGlue.{operation}", json.dumps(body).encode())


def token_of(told: Any) -> str:
    """The token that would be given for such a content."""
    packed = json.dumps(told).encode()
    return base64.urlsafe_b64encode(tokens._digest(packed) + packed).decode()
