"""Bodies that are not what they should be: refused, and nothing stored."""

from __future__ import annotations

import gzip
import io
import json

import pytest

from support.service_calls import Client, call, reasons, refused

JSON = {"Content-Type": "application/json"}
ECHO = {"name": "echo", "kind": "command", "spec": {"argv": ["echo"]}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'name': 1}",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": 1e999}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\x00b"}',
        b'{"name": "\xff"}',
        b'\xef\xbb\xbf{"name": "x"}',
        json.dumps(ECHO).encode("utf-16"),
        b'{"name": "a", "name": "b"}',
        b'{"spec": {"argv": ["a"], "argv": ["b"]}}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"{} {}",
        b'{"timeout_s": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_not_json_is_400(client: Client, body: bytes) -> None:
    problem = await refused(client, "POST", "/v1/jobs", "malformed_json", data=body, headers=JSON)
    assert problem["detail"]


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "1", "true"])
async def test_json_that_is_no_object_is_422(client: Client, body: str) -> None:
    await refused(client, "POST", "/v1/jobs", "invalid_input", data=body, headers=JSON)
    await refused(client, "POST", "/v1/runs", "invalid_input", data=body, headers=JSON)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "a\x00b"),
        ("arguments", {"a": {"b": "\x00"}}),
        ("arguments", {"a\x00": 1}),
        ("arguments", {"n": 10**30}),
        ("max_concurrent_runs", 10**18),
        ("max_concurrent_runs", True),
        ("timeout_s", 10**300),
        ("timeout_s", "5"),
        ("labels", {"k": "v" * 2000}),
        ("labels", {"": "v"}),
        ("name", "a\nb"),
        ("name", ""),
        ("name", "x" * 256),
        ("group", "a b"),
        ("group", 5),
        ("kind", "cmd"),
        ("kind", None),
        ("spec", None),
        ("spec", {"argv": ["x"], "shell": "x"}),
        ("spec", {"argv": "echo"}),
        ("spec", {"argv": [""]}),
        ("retry", None),
        ("retry", {"initial_s": -1}),
    ],
)
async def test_wrong_value_is_422_on_its_field(client: Client, field: str, value: object) -> None:
    problem = await refused(
        client, "POST", "/v1/jobs", "invalid_input", json={**ECHO, field: value}
    )
    assert {name.partition(".")[0] for name in reasons(problem)} == {field}
    assert (await call(client, "GET", "/v1/jobs"))["items"] == []


async def test_json_deeper_than_the_store_keeps_is_422(client: Client) -> None:
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    body = {**ECHO, "arguments": {"a": deep}}
    problem = await refused(client, "POST", "/v1/jobs", "invalid_input", json=body)
    assert "deep" in problem["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/jsonx",
        "application/merge-patch+json",
    ],
)
async def test_other_content_types_are_415(client: Client, content_type: str) -> None:
    """A06: what a foreign page's form can send is not taken."""
    headers = {"Content-Type": content_type}
    data = json.dumps(ECHO)
    await refused(client, "POST", "/v1/jobs", "unsupported_media_type", data=data, headers=headers)


async def test_compressed_body_is_415(client: Client) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    data = gzip.compress(json.dumps(ECHO).encode())
    await refused(client, "POST", "/v1/jobs", "unsupported_media_type", data=data, headers=headers)


async def test_body_of_exactly_one_mebibyte_is_read(client: Client) -> None:
    frame = len(json.dumps({**ECHO, "arguments": {"a": ""}}))
    body = {**ECHO, "arguments": {"a": "x" * (2**20 - frame)}}
    assert len(json.dumps(body)) == 2**20
    await call(client, "POST", "/v1/jobs", 201, data=json.dumps(body), headers=JSON)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_body_of_more_than_one_mebibyte_is_413(client: Client, is_chunked: bool) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(17):
            yield b" " * 65536

    data = pieces() if is_chunked else io.BytesIO(b" " * (2**20 + 1))
    await refused(client, "POST", "/v1/jobs", "too_large", data=data, headers=JSON)


async def test_empty_body_is_none_where_it_may_be_left_out(client: Client, jobs: list[str]) -> None:
    await call(client, "POST", "/v1/jobs/add/runs", 201, data=b"")
    await refused(client, "POST", "/v1/runs", "unsupported_media_type", data=b"")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limt=5", "limt"),
        ("state=done", "state"),
        ("from=yesterday", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("until=2026-13-01T00:00:00Z", "until"),
        ("chain_id=0", "chain_id"),
        ("job=" + "x" * 256, "job"),
        ("job=a%00b", "job"),
        ("job=%ed%a0%80", "job"),
    ],
)
async def test_wrong_query_is_400_on_its_parameter(client: Client, query: str, field: str) -> None:
    problem = await refused(client, "GET", f"/v1/runs?{query}", "invalid_query")
    assert field in {name.partition("[")[0] for name in reasons(problem)}


@pytest.mark.parametrize(
    "cursor", ["x", "", "a" * 3000, "eyJhIjoxfQ", "Zm9v", "....", "AAAAAAAAAAAA"]
)
async def test_wrong_cursor_is_400(client: Client, cursor: str) -> None:
    for path in ("/v1/jobs", "/v1/runs", "/v1/triggers", "/v1/calendars", "/v1/backfills"):
        await refused(client, "GET", f"{path}?cursor={cursor}", "invalid_cursor")


@pytest.mark.parametrize(
    "id", ["0", "-1", "x", "1.5", "9007199254740992", "9" * 400, "%00", "\u0661", "1e3", "+1"]
)
async def test_wrong_run_id_is_404(client: Client, id: str) -> None:
    await refused(client, "GET", f"/v1/runs/{id}", "not_found")
    await refused(client, "POST", f"/v1/runs/{id}/stop", "not_found")
    await refused(client, "GET", f"/v1/runs/{id}/log", "not_found")


async def test_a_wrong_word_in_a_list_of_a_query_says_which_there_are(client: Client) -> None:
    problem = await refused(client, "GET", "/v1/runs?state=faild", "invalid_query")
    assert problem["errors"][0]["fix"].startswith("did you mean failed? use ")


async def test_a_wrong_word_is_told_with_the_nearest_and_all_others(client: Client) -> None:
    problem = await refused(client, "GET", "/v1/backfills?state=compleated", "invalid_query")
    (error,) = problem["errors"]
    assert error["reason"] == "'compleated' is not known here"
    assert error["fix"] == "did you mean completed? use running, paused, completed, cancelled"


async def test_a_wrong_word_of_any_length_is_told_in_short(client: Client) -> None:
    body = {"missed": "x" * 500_000}
    problem = await refused(client, "POST", "/v1/triggers/x/resume", "invalid_input", json=body)
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize("body", ["null", "[]", '"x"', "1", "true"])
async def test_json_that_is_no_object_is_422_for_the_features_of_time(
    client: Client, body: str
) -> None:
    for path in ("calendars", "backfills", "triggers/pause", "triggers/x/resume"):
        options = {"data": body, "headers": JSON}
        await refused(client, "POST", f"/v1/{path}", "invalid_input", **options)
