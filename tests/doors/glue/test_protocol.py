"""AWS JSON 1.1 at the door: targets, bodies, errors, repetitions, guards, figures."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, partial
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard import Callboard
from callboard.errors import (
    AlreadyExists,
    Conflict,
    NotFound,
    Overloaded,
    StaleVersion,
    StoreUnavailable,
    TransactionConflict,
    invalid,
)
from callboard_service import app
from callboard_service.doors.glue import faults, loading
from callboard_service.doors.glue.door import PATHS, GlueDoor
from callboard_service.doors.glue.model import GlueModel, load_model
from callboard_service.doors.glue.operation import GlueCall
from callboard_service.routes import ROUTES
from callboard_service.settings import Settings
from support.glue_door import TYPE, Answer, post, refused
from support.service_calls import Client, call

Serve = Callable[..., Awaitable[Client]]


class Operations:
    """Operations that tell what reached them, and do what the test says."""

    def __init__(self) -> None:
        self.calls: list[GlueCall] = []
        self.answer: Mapping[str, Any] = {}
        self.error: Exception | None = None
        self.has_begun = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def __call__(self, call: GlueCall) -> Mapping[str, Any]:
        self.calls.append(call)
        self.has_begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.answer

    @property
    def last(self) -> GlueCall:
        return self.calls[-1]


NAMES = ("GetJobs", "GetJob", "CreateJob", "StartJobRun", "StartTrigger", "TagResource")


@cache
def _model() -> GlueModel:
    return load_model(NAMES)


def put_behind_the_door(operations: Operations, patch: pytest.MonkeyPatch) -> None:
    """What is built from now on has these operations, and a model that is loaded once for all."""
    table = dict.fromkeys(NAMES, operations)
    patch.setattr(app, "GlueDoor", partial(GlueDoor, operations=table))
    patch.setattr(loading, "load_model", lambda _: _model())


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Operations:
    found = Operations()
    put_behind_the_door(found, monkeypatch)
    return found


@pytest.fixture
async def board() -> AsyncIterator[Callboard]:
    async with Callboard("memory:") as opened:
        yield opened


@pytest.fixture
async def serve(board: Callboard, operations: Operations) -> AsyncIterator[Serve]:
    """Starts a service with the given settings; a client for it."""
    async with AsyncExitStack() as stack:

        async def start(**settings_: Any) -> Client:
            server = TestServer(app.build_app(board, Settings(**settings_)))
            return await stack.enter_async_context(TestClient(server))

        yield start


@pytest.fixture
async def client(serve: Serve) -> Client:
    return await serve()


@pytest.mark.parametrize("path", PATHS)
async def test_the_door_is_at_the_root_and_at_glue(
    client: Client, operations: Operations, path: str
) -> None:
    answer = await post(client, "GetJobs", {"MaxResults": 3}, path=path)
    assert (answer.status, answer.body) == (200, {})
    assert (operations.last.operation, operations.last.request) == ("GetJobs", {"MaxResults": 3})


async def test_the_native_pages_stay_where_they_are(client: Client) -> None:
    async with client.get("/") as response:
        assert response.content_type == "text/html"
    document = await call(client, "GET", "/openapi.json")
    assert "post" not in document["paths"]["/"]
    assert "/glue" not in document["paths"]
    assert all(not route.path.startswith("/glue") for route in ROUTES)


async def test_without_the_setting_there_is_no_door(serve: Serve) -> None:
    client = await serve(glue=False)
    for path, status in (("/", 405), ("/glue", 404)):
        async with client.post(path, headers={"X-Amz-Target": "AWSGlue.GetJobs"}) as response:
            assert response.status == status
            assert response.content_type == "application/problem+json"


async def test_each_answer_has_a_request_id_of_its_own(client: Client) -> None:
    answers = [await post(client, "GetJobs"), await post(client, "GetJobs")]
    answers.append(await post(client, "GetJobs", {"MaxResults": 0}))
    assert len({each.headers["x-amzn-RequestId"] for each in answers}) == 3


async def test_answers_are_written_as_aws_writes_them(
    client: Client, operations: Operations
) -> None:
    at = datetime(2026, 1, 1, 1, 0, 0, 375000, timezone(timedelta(hours=1)))
    operations.answer = {
        "Jobs": ({"CreatedOn": at, "Description": None, "Arguments": {"a": None, "b": ""}},),
        "NextToken": None,
        "Count": 0,
    }
    answer = await post(client, "GetJobs")
    assert answer.body == {
        "Jobs": [{"CreatedOn": 1767225600.375, "Arguments": {"b": ""}}],
        "Count": 0,
    }


async def test_text_that_utf8_has_no_form_for_is_answered_all_the_same(
    client: Client, operations: Operations
) -> None:
    operations.answer = {"Text": "\ud800"}
    assert (await post(client)).body == {"Text": "\ud800"}


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-Amz-Target": None}, "no X-Amz-Target"),
        ({"X-Amz-Target": ""}, "not an operation of AWSGlue"),
        ({"X-Amz-Target": "GetJobs"}, "'GetJobs' is not an operation of AWSGlue"),
        ({"X-Amz-Target": "AWSGlue."}, "not an operation of AWSGlue"),
        ({"X-Amz-Target": "AWSGlue.getJobs"}, "Glue has no operation 'getJobs'"),
        ({"X-Amz-Target": "AWSGlue.GetJobs.x"}, "Glue has no operation"),
        ({"X-Amz-Target": "DynamoDB_20120810.ListTables"}, "'DynamoDB_20120810.ListTables' is not"),
        ({"Content-Type": None}, "the content type is 'none'"),
        ({"Content-Type": "application/json"}, "the content type is 'application/json'"),
        ({"Content-Type": "text/plain"}, "the content type is 'text/plain'"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "the content type"),
        ({"Content-Type": f"{TYPE}; charset=utf-16"}, "utf-16"),
    ],
)
async def test_what_asks_for_no_operation_of_glue_is_an_unknown_operation(
    client: Client, operations: Operations, headers: dict[str, str | None], told: str
) -> None:
    message = await refused(client, "UnknownOperationException", headers=headers)
    assert told in message
    assert operations.calls == []


async def test_two_targets_are_an_unknown_operation(client: Client) -> None:
    headers = [("X-Amz-Target", "AWSGlue.GetJobs")] * 2 + [("Content-Type", TYPE)]
    async with client.post("/", data=b"{}", headers=headers) as response:
        assert (await response.json(content_type=TYPE))["__type"] == "UnknownOperationException"


async def test_the_charset_may_be_said(client: Client) -> None:
    answer = await post(client, headers={"Content-Type": f"{TYPE}; charset=UTF-8"})
    assert answer.status == 200


@pytest.mark.parametrize("operation", ["GetCrawlers", "CreateDatabase", "GetJobRuns"])
async def test_operations_that_callboard_has_not_are_named(client: Client, operation: str) -> None:
    """GetJobRuns is not in this test's table."""
    message = await refused(client, "OperationNotSupportedException", operation, {"Any": [1]})
    assert message == f"Callboard does not have Glue's operation {operation}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b'{"MaxResults": 1, "MaxResults": 2}',
        b'{"MaxResults": NaN}',
        b'{"MaxResults": 1e999}',
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
        b'{"NextToken": "\\ud800"}',
        b'{"NextToken": "\xff"}',
        '{"MaxResults": 1}'.encode("utf-16"),
        b'{"X": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"X": ' * 2000 + b"1" + b"}" * 2000,
        b'{"MaxResults": "ten"}',
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_a_body_that_cannot_be_read_is_a_serialization_error(
    client: Client, operations: Operations, body: bytes
) -> None:
    assert await refused(client, "SerializationException", "GetJobs", body)
    assert operations.calls == []


async def test_what_breaks_a_constraint_is_a_validation_error(client: Client) -> None:
    message = await refused(client, "ValidationException", "GetJob", {"JobName": ""})
    assert message == (
        "1 validation error detected: Value '' at 'jobName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


async def test_a_body_that_is_too_large_is_refused(client: Client, operations: Operations) -> None:
    body = json.dumps({"NextToken": "x" * 2**20}).encode()
    await refused(client, "RequestEntityTooLargeException", "GetJobs", body)
    assert operations.calls == []


async def test_a_compressed_body_is_refused(client: Client) -> None:
    headers = {"Content-Encoding": "gzip"}
    await refused(
        client, "SerializationException", "GetJobs", gzip.compress(b"{}"), headers=headers
    )


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (NotFound("job", "x"), "EntityNotFoundException", 400),
        (AlreadyExists("job", "x"), "AlreadyExistsException", 400),
        (invalid("timeout_s", "is negative"), "InvalidInputException", 400),
        (Conflict("job_full", "full"), "ConcurrentRunsExceededException", 400),
        (Conflict("workflow_full", "full"), "ConcurrentRunsExceededException", 400),
        (Conflict("workflow_not_running", "over"), "IllegalWorkflowStateException", 400),
        (Conflict("workflow_live", "live"), "IllegalWorkflowStateException", 400),
        (Conflict("start_trigger", "two"), "InvalidInputException", 400),
        (StaleVersion("job", "x", expected=1, present=2), "ConcurrentModificationException", 400),
        (TransactionConflict("again"), "ConcurrentModificationException", 400),
        (Overloaded("store", 1), "ThrottlingException", 400),
        (StoreUnavailable("away"), "InternalServiceException", 500),
        (faults.limit_exceeded("too many"), "ResourceNumberLimitExceededException", 400),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_errors_of_the_library_have_their_codes(
    client: Client, operations: Operations, error: Exception, code: str, status: int
) -> None:
    operations.error = error
    answer = await post(client)
    assert (answer.code, answer.status, answer.message) == (code, status, str(error))


async def test_a_bug_is_an_incident_without_its_inside(
    client: Client, operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    operations.error = KeyError("inner secret")
    answer = await post(client)
    assert (answer.code, answer.status) == ("InternalServiceException", 500)
    assert "inner secret" not in answer.message
    [line] = [each for each in caplog.records if getattr(each, "event", "") == "http.incident"]
    assert line.incident in answer.message  # type: ignore[attr-defined]


async def test_a_service_that_has_no_room_throttles(
    client: Client, board: Callboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_room() -> None:
        raise Overloaded("store", 1)

    monkeypatch.setattr(board, "check_room", check_room)
    answer = await post(client)
    assert (answer.code, answer.status) == ("ThrottlingException", 400)
    assert answer.headers["Retry-After"] == "1"


async def test_without_botocore_the_answer_says_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "load_model", load_model)
    for name in ("botocore.loaders", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    message = await refused(client, "OperationNotSupportedException")
    assert "pip install 'callboard[glue]'" in message


async def test_the_model_is_loaded_once_for_all_who_wait_for_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Any] = []

    def load(names: Collection[str]) -> GlueModel:
        loads.append(names)
        return _model()

    monkeypatch.setattr(loading, "load_model", load)
    answers = await asyncio.gather(*(post(client) for _ in range(8)))
    assert [each.status for each in answers] == [200] * 8
    assert len(loads) == 1


def repeated(invocation: str) -> dict[str, str]:
    return {"amz-sdk-invocation-id": invocation}


START = {"JobName": "etl"}


async def test_a_call_that_the_sdk_repeats_is_done_once(
    client: Client, operations: Operations
) -> None:
    operations.answer = {"Name": "1"}
    first = await post(client, "StartTrigger", {"Name": "t"}, headers=repeated("a"))
    operations.answer = {"Name": "2"}
    again = await post(client, "StartTrigger", {"Name": "t"}, headers=repeated("a"))
    other = await post(client, "StartTrigger", {"Name": "t"}, headers=repeated("b"))
    assert [each.body["Name"] for each in (first, again, other)] == ["1", "1", "2"]
    assert len(operations.calls) == 2
    assert again.headers["Content-Type"] == TYPE


async def test_a_start_has_the_key_by_which_its_runs_are_found_again(
    client: Client, operations: Operations
) -> None:
    await post(client, "StartJobRun", START, headers=repeated("a"))
    key = operations.last.key
    await post(client, "StartJobRun", START, headers=repeated("b"))
    assert key is not None
    assert operations.last.key not in (None, key)


async def test_what_is_only_read_is_read_each_time(client: Client, operations: Operations) -> None:
    for _ in range(2):
        await post(client, "GetJobs", headers=repeated("a"))
    assert len(operations.calls) == 2


async def test_one_invocation_id_in_two_operations_or_groups_is_not_the_same_call(
    client: Client, operations: Operations
) -> None:
    credential = "AWS4-HMAC-SHA256 Credential=alice/20260101/x/glue/aws4_request"
    for operation in ("StartJobRun", "TagResource"):
        body = {**START, "ResourceArn": "arn:aws:glue:x:1:job/etl", "TagsToAdd": {}}
        await post(client, operation, body, headers=repeated("a"))
        alice = {**repeated("a"), "Authorization": credential}
        await post(client, operation, body, headers=alice)
    assert len(operations.calls) == 4


async def test_refusals_are_not_kept(client: Client, operations: Operations) -> None:
    for error in (Overloaded("store", 1), faults.already_exists("taken"), NotFound("job", "etl")):
        operations.error = error
        assert (await post(client, "StartTrigger", {"Name": "t"}, headers=repeated("a"))).code
    operations.error = None
    assert (await post(client, "StartTrigger", {"Name": "t"}, headers=repeated("a"))).status == 200


async def test_a_repetition_while_the_first_is_in_work_is_told_to_come_again(
    client: Client, operations: Operations
) -> None:
    operations.gate = asyncio.Event()
    body = {"Name": "t"}
    first = asyncio.ensure_future(post(client, "StartTrigger", body, headers=repeated("a")))
    await operations.has_begun.wait()
    await refused(client, "ThrottlingException", "StartTrigger", body, headers=repeated("a"))
    operations.gate.set()
    assert (await first).status == 200
    assert len(operations.calls) == 1


async def test_a_repetition_after_an_unclear_end_of_what_may_be_done_twice_is_done(
    client: Client, operations: Operations
) -> None:
    operations.error = StoreUnavailable("away")
    body = {"ResourceArn": "arn:aws:glue:x:1:job/etl", "TagsToAdd": {}}
    assert (await post(client, "TagResource", body, headers=repeated("a"))).status == 500
    operations.error = None
    assert (await post(client, "TagResource", body, headers=repeated("a"))).status == 200


async def test_an_invocation_id_that_is_no_text_is_refused(client: Client) -> None:
    headers = repeated("x" * 256)
    assert await refused(
        client, "InvalidInputException", "StartTrigger", {"Name": "t"}, headers=headers
    )


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_foreign_pages_are_refused_in_the_shape_of_aws(
    client: Client, operations: Operations, headers: dict[str, str | None]
) -> None:
    assert await refused(client, "AccessDeniedException", headers=headers)
    assert operations.calls == []


async def test_figures_and_log_name_the_operation(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await post(client, "GetJobs")
    await post(client, "GetCrawlers")
    await post(client, "Nonsense")
    lines = [each for each in caplog.records if getattr(each, "event", "") == "http.request"]
    routes = [line.route for line in lines]  # type: ignore[attr-defined]
    assert routes == ["AWSGlue.GetJobs", "AWSGlue.GetCrawlers", "/"]
    async with client.get("/metrics") as response:
        text = await response.text()
    assert 'method="POST",route="AWSGlue.GetJobs",status="200"} 1.0' in text
    assert "Nonsense" not in text


async def test_the_door_can_be_mounted_in_another_application(
    board: Callboard, operations: Operations
) -> None:
    host = web.Application()
    host.add_subapp("/board/", app.build_app(board, Settings()))
    async with TestClient(TestServer(host)) as client:
        assert (await post(client, path="/board/glue")).status == 200
        assert (await post(client, path="/board/")).status == 200


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Requests to one service from tests that are not asynchronous."""
    stack = AsyncExitStack()

    async def begin() -> Client:
        board = await stack.enter_async_context(Callboard("memory:"))
        server = TestServer(app.build_app(board, Settings()))
        return await stack.enter_async_context(TestClient(server))

    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        put_behind_the_door(Operations(), patch)
        client = runner.run(begin())
        yield lambda **options: runner.run(post(client, **options))
        runner.run(stack.aclose())


HEADER_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@settings(deadline=None, max_examples=60)
@given(
    target=HEADER_TEXT | st.sampled_from(["AWSGlue.GetJob", "AWSGlue.CreateJob"]),
    authorization=HEADER_TEXT | st.just("AWS4-HMAC-SHA256 Credential=a/1/x/glue/aws4_request"),
    body=st.binary(max_size=60) | st.sampled_from([b"{}", b'{"JobName":"x"}']),
)
def test_any_request_gets_an_answer_of_aws_and_never_a_fault_of_ours(
    ask: Ask, target: str, authorization: str, body: bytes
) -> None:
    headers = {"X-Amz-Target": target, "Authorization": authorization}
    assert ask(body=body, headers=headers).status in (200, 400)


async def test_instants_are_of_the_services_clock(client: Client, operations: Operations) -> None:
    await post(client)
    assert operations.last.clock.now().tzinfo is UTC
