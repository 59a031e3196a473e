"""/v1/cron/preview."""

from __future__ import annotations

import pytest

from support.service_calls import Client, call, reasons, refused


async def test_preview_describes_and_lists_slots(client: Client) -> None:
    query = "expression=30+2+*+*+*&zone=Europe/Prague&from=2026-03-28T00:00:00Z&count=3"
    preview = await call(client, "GET", f"/v1/cron/preview?{query}")
    assert preview["description"] == "At 02:30 (Europe/Prague)"
    assert (preview["gap"], preview["fold"]) == ("run", "first")
    assert preview["slots"] == [
        {"slot": "2026-03-28T01:30:00Z", "local": "2026-03-28T02:30:00+01:00", "marks": []},
        {
            "slot": "2026-03-29T01:00:00Z",
            "local": "2026-03-29T03:00:00+02:00",
            "marks": ["dst_gap"],
        },
        {"slot": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "marks": []},
    ]


async def test_slots_are_strictly_after_from(client: Client) -> None:
    query = "expression=0+0+*+*+*&from=2026-01-01T00:00:00Z&count=1"
    preview = await call(client, "GET", f"/v1/cron/preview?{query}")
    assert [slot["slot"] for slot in preview["slots"]] == ["2026-01-02T00:00:00Z"]


async def test_c01_day_fields_are_a_union(client: Client) -> None:
    query = "expression=0+0+13+*+5&from=2026-01-01T00:00:00Z&count=4"
    preview = await call(client, "GET", f"/v1/cron/preview?{query}")
    assert [slot["slot"][:10] for slot in preview["slots"]] == [
        "2026-01-02",
        "2026-01-09",
        "2026-01-13",
        "2026-01-16",
    ]
    assert preview["warnings"]


async def test_policies_can_be_chosen(client: Client) -> None:
    query = "expression=30+2+*+*+*&zone=Europe/Prague&gap=skip&from=2026-03-28T12:00:00Z&count=1"
    preview = await call(client, "GET", f"/v1/cron/preview?{query}")
    assert preview["slots"][0]["slot"] == "2026-03-30T00:30:00Z"


async def test_wrong_text_and_zone_are_named_with_place_and_fix(client: Client) -> None:
    query = "expression=61+*+*+*+*&zone=Europe/Pragu"
    problem = await refused(client, "GET", f"/v1/cron/preview?{query}", "invalid_input")
    said = reasons(problem)
    assert set(said) == {"expression", "zone"}
    assert "column 1" in said["expression"]
    assert any("Europe/Prague" in error["fix"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("dialect", "expression"),
    [("quartz", "0 30 9 ? * 2"), ("aws", "cron(30 9 ? * MON *)"), ("spring", "0 30 9 * * MON")],
)
async def test_every_dialect_is_previewed(client: Client, dialect: str, expression: str) -> None:
    params = {"expression": expression, "dialect": dialect, "from": "2026-11-20T00:00:00Z"}
    answer = await call(client, "GET", "/v1/cron/preview", params=params)
    assert answer["slots"][0]["slot"] == "2026-11-23T09:30:00Z"


async def test_an_unknown_dialect_is_refused_with_the_known_ones(client: Client) -> None:
    query = "expression=0+0+*+*+*&dialect=klingon"
    problem = await refused(client, "GET", f"/v1/cron/preview?{query}", "invalid_input")
    (error,) = problem["errors"]
    assert error["field"] == "dialect"
    assert "quartz" in error["fix"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "expression=*+*+*+*+*&count=0",
        "expression=*+*+*+*+*&count=1001",
        "expression=*+*+*+*+*&from=now",
        "expression=*+*+*+*+*&gap=maybe",
        "expression=*+*+*+*+*&expresion=x",
        "expression=*%00",
    ],
)
async def test_wrong_query_is_400(client: Client, query: str) -> None:
    await refused(client, "GET", f"/v1/cron/preview?{query}", "invalid_query")


@pytest.mark.parametrize("instant", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
async def test_ends_of_time_are_answered(client: Client, instant: str) -> None:
    query = f"expression=*+*+*+*+*&zone=Asia/Tokyo&from={instant}&count=1"
    preview = await call(client, "GET", f"/v1/cron/preview?{query}")
    assert len(preview["slots"]) <= 1


async def test_ten_kilobytes_of_text_are_refused(client: Client) -> None:
    query = "expression=" + "1," * 3500
    problem = await refused(client, "GET", f"/v1/cron/preview?{query}", "invalid_input")
    assert set(reasons(problem)) == {"expression"}
