"""Parameters as requests give them: in the query, as a form, as JSON, as properties."""

from __future__ import annotations

from typing import Any

import pytest

from callboard import Callboard
from doors.batch.asking import refused
from doors.batch.conftest import Client
from support.batch_shop import Shop
from support.service_calls import call

COUNT = "/api/jobs/count/executions"
PLAIN = "/api/jobs/plain/executions"
ODD = "a,b = c\nd\té \u65e5\u672c\u8a9e \\ # !"
TEXT = {"Content-Type": "text/plain; charset=utf-8"}


async def values(client: Client, path: str, **options: Any) -> dict[str, Any]:
    """The values of the parameters that a start has."""
    execution = await call(client, "POST", path, 202, **options)
    found = await call(client, "GET", f"/api/executions/{execution['id']}/parameters")
    assert found == execution["jobParameters"]
    return {name: each["value"] for name, each in found.items()}


@pytest.mark.parametrize(
    "options",
    [
        {"params": {"n": "5", "note": ODD}},
        {"data": {"n": "5", "note": ODD}},
        {"json": {"parameters": {"n": 5, "note": ODD}}},
        {"json": {"parameters": {"n": "5", "note": {"value": ODD}}}},
        {"json": {"parameters": {"n": {"value": "5", "type": "java.lang.Long"}, "note": ODD}}},
        {"params": {"n": "5"}, "json": {"parameters": {"note": ODD}}},
    ],
    ids=["query", "form", "json", "texts", "typed", "both"],
)
async def test_a_text_comes_back_as_it_was_given(client: Client, shop: Shop, options: Any):
    """Case 14."""
    assert await values(client, COUNT, **options) == {"n": 5, "note": ODD}


async def test_properties_come_back_as_they_were_given(
    client: Client, board: Callboard, shop: Shop
):
    """Case 14, from one execution to the next."""
    given = {"n": 5, "note": ODD, "at": "2026-01-05T10:20:30.000001Z"}
    execution = await call(client, "POST", COUNT, 202, json={"parameters": given})
    path = f"/api/executions/{execution['id']}/parameters"
    async with client.get(path, headers={"Accept": "text/properties"}) as response:
        assert response.content_type == "text/properties"
        text = await response.text()
    assert text.startswith("n=5,java.lang.Long,true\n")
    body = {"name": "again", "kind": "batch", "spec": dict(await _spec(board))}
    await call(client, "POST", "/v1/jobs", 201, json=body)
    again = "/api/jobs/again/executions"
    data = text.encode()
    assert await values(client, again, data=data, headers=TEXT) == given


async def _spec(board: Callboard) -> Any:
    return (await board.get_job("default", "count")).spec


@pytest.mark.parametrize(
    ("text", "value", "type", "identifying"),
    [
        ("x=1", "1", "java.lang.String", True),
        ("x=1,java.lang.Long", 1, "java.lang.Long", True),
        ("x=1,java.lang.Long,false", 1, "java.lang.Long", False),
        ("x=1.5,java.lang.Double,true", 1.5, "java.lang.Double", True),
        ("x=true,java.lang.Boolean", True, "java.lang.Boolean", True),
        ("x=2026-01-05,java.time.LocalDate", "2026-01-05", "java.time.LocalDate", True),
        (
            "x=2026-01-05T10:20,java.time.LocalDateTime",
            "2026-01-05T10:20:00Z",
            "java.time.OffsetDateTime",
            True,
        ),
        ("x=12.50,java.math.BigDecimal", "12.5", "java.math.BigDecimal", True),
        ("x=a,b,c,java.lang.String,false", "a,b,c", "java.lang.String", False),
        ("x(long)=1", 1, "java.lang.Long", True),
        ("-x(long)=1", 1, "java.lang.Long", False),
        ("+x(double)=1", 1.0, "java.lang.Double", True),
        ("x(date)=2026/01/05", "2026-01-05", "java.time.LocalDate", True),
        ("x=a,b.csv", "a,b.csv", "java.lang.String", True),
        ("x=a,true", "a,true", "java.lang.String", True),
        ("x=Smith,string", "Smith,string", "java.lang.String", True),
    ],
)
async def test_spring_s_notation_is_understood(
    client: Client, shop: Shop, text: str, value: Any, type: str, identifying: bool
):
    execution = await call(client, "POST", PLAIN, 202, data=text.encode(), headers=TEXT)
    assert execution["jobParameters"] == {
        "x": {"value": value, "type": type, "identifying": identifying}
    }


async def test_a_documented_parameter_can_be_sent_as_it_was_shown(client: Client, shop: Shop):
    given = {
        "x": {"value": 1, "type": "java.lang.Long", "identifying": False},
        "y": {"value": "2026-01-05T10:20:30Z", "type": "java.time.OffsetDateTime"},
        "z": {"value": "1.25", "type": "java.math.BigDecimal", "identifying": "true"},
    }
    execution = await call(client, "POST", PLAIN, 202, json={"parameters": given})
    shown = execution["jobParameters"]
    assert {name: each["type"] for name, each in shown.items()} == {
        name: each["type"] for name, each in given.items()
    }
    problem = await refused(
        client, "POST", PLAIN, 409, "INSTANCE_ALREADY_EXISTS", json={"parameters": shown}
    )
    assert problem["lastJobExecutionId"] == execution["id"]


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"json": []}, [""]),
        ({"json": {"n": 5}}, ["n"]),
        ({"json": {"parameters": [5]}}, ["parameters"]),
        ({"json": {"parameters": {"n": None}}}, ["parameters.n"]),
        ({"json": {"parameters": {"n": [5]}}}, ["parameters.n"]),
        ({"json": {"parameters": {"n": {"value": 5, "type": "int128"}}}}, ["parameters.n"]),
        ({"json": {"parameters": {"n": {"value": 5, "identifying": "x"}}}}, ["parameters.n"]),
        ({"json": {"parameters": {"n": 5, "note": "\0"}}}, ["parameters.note"]),
        ({"json": {"parameters": {"n": 2**63}}}, ["parameters.n"]),
        ({"params": [("n", "1"), ("n", "2")]}, ["parameters.n"]),
        ({"params": {"n": "1"}, "json": {"parameters": {"n": 1}}}, ["parameters.n"]),
        ({"data": b"n=5\nn=6", "headers": TEXT}, ["parameters.n"]),
        ({"params": {"n": ""}}, ["parameters.n"]),
        ({"params": {"": "5", "n": "1"}}, ["parameters."]),
        ({"params": {"n": "1,java.lang.String"}}, ["parameters.n"]),
        ({"params": {"n": "1,java.lang.Long,false"}}, ["parameters.n"]),
    ],
)
async def test_what_is_wrong_is_refused_by_its_field(
    client: Client, shop: Shop, options: Any, fields: list[str]
):
    is_given = fields[0].startswith("parameters")
    code = "INVALID_PARAMETERS" if is_given else "INVALID_INPUT"
    problem = await refused(client, "POST", COUNT, 422, code, **options)
    assert [each["field"] for each in problem["errors"]] == fields
    assert await call(client, "GET", COUNT) == []


async def test_bytes_that_are_not_utf_8_are_refused(client: Client, shop: Shop):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for data, headers in ((b"n=\xff", TEXT), (b"n=\xff", form)):
        await refused(client, "POST", COUNT, 400, "MALFORMED_REQUEST", data=data, headers=headers)
    problem = await refused(
        client, "POST", COUNT, 422, "INVALID_PARAMETERS", data=b"n=%ff", headers=form
    )
    assert problem["errors"][0]["field"] == "parameters.n"


async def test_bodies_of_other_types_are_refused(client: Client, shop: Shop):
    for kind in ("application/xml", "multipart/form-data; boundary=x", "text/plain; charset=cp037"):
        await refused(
            client,
            "POST",
            COUNT,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            data=b"n=5",
            headers={"Content-Type": kind},
        )
    json = {"Content-Type": "application/json"}
    for data in (b"{", b'{"parameters": {"n": 1, "n": 2}}', b'{"parameters": {"n": NaN}}'):
        await refused(client, "POST", COUNT, 400, "MALFORMED_JSON", data=data, headers=json)
