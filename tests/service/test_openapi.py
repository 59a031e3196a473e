"""The OpenAPI document and the pages, made from the route table."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from callboard_service.problem_codes import PROBLEM_CODES
from callboard_service.routes import ROUTES
from support.service_calls import Client, call, refused


@pytest.fixture
async def document(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = await call(client, "GET", "/openapi.json")
    return found


async def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_document_has_every_route(document: dict[str, Any]) -> None:
    listed = {(m.upper(), path) for path, item in document["paths"].items() for m in item}
    assert listed == {(route.method, route.path) for route in ROUTES}


async def test_instants_of_answers_say_their_format(document: dict[str, Any]) -> None:
    told = document["components"]["schemas"]
    for shape, field in (("NodeResource", "lease_until"), ("RunResource", "created_at")):
        assert told[shape]["properties"][field]["format"] == "date-time"
    slot = told["RunResource"]["properties"]["slot"]["anyOf"]
    assert {"type": "string", "format": "date-time"} in slot


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/([^'\"]+)", str(document)))
    assert names <= set(document["components"]["schemas"])


async def test_requests_refuse_unknown_fields_in_the_document_too(document: dict[str, Any]) -> None:
    jobs = ("JobInput", "StartInput", "NewRunsInput", "StopInput", "Retry")
    time = ("TriggerInput", "CalendarInput", "CalendarRuleDocument", "BackfillInput", "CancelInput")
    pauses = ("PauseInput", "ResumeInput", "GroupPauseInput", "BulkPauseInput", "BulkResumeInput")
    schedules = ("CronSchedule", "DelaySchedule", "CalendarIntervalSchedule", "FireInput")
    batch = ("NextInput", "RestartInput", "RecoverInput")
    for name in (*jobs, *time, *pauses, *schedules, *batch):
        assert document["components"]["schemas"][name]["additionalProperties"] is False


async def test_fields_of_limits_deadlines_and_progress_say_what_they_are(
    document: dict[str, Any],
) -> None:
    told = document["components"]["schemas"]
    limits = ("RateLimitForm", "ConcurrencyForm", "Retry", "DeadlinesForm", "ProgressResource")
    silent = {
        f"{name}.{field}"
        for name in limits
        for field, schema in told[name]["properties"].items()
        if "description" not in str(schema)
    }
    of_jobs = ("queue_timeout_s", "chain_timeout_s", "concurrency", "rate_limit", "queue")
    fields = told["JobInput"]["properties"]
    silent |= {field for field in of_jobs if "description" not in str(fields[field])}
    assert silent == set()


async def test_how_a_webhook_signs_is_told(document: dict[str, Any]) -> None:
    secret = document["components"]["schemas"]["WebhookInput"]["properties"]["secret"]
    assert "HMAC-SHA256" in str(secret)
    assert "Callboard-Signature" in str(secret)


async def test_answers_are_as_the_document_says(client: Client, document: dict[str, Any]) -> None:
    body = {"name": "x", "kind": "command", "spec": {"argv": ["x"]}}
    job = await call(client, "POST", "/v1/jobs", 201, json=body)
    assert set(document["components"]["schemas"]["JobResource"]["properties"]) == set(job)


def test_operations_have_names_of_their_own() -> None:
    names = [route.name for route in ROUTES]
    assert len(names) == len(set(names))


def test_every_code_of_the_table_is_known() -> None:
    assert {code for route in ROUTES for code in route.problems} <= set(PROBLEM_CODES)


def test_whatever_takes_a_body_may_refuse_its_fields() -> None:
    taking = [route for route in ROUTES if route.body is not None]
    assert [route.name for route in taking if "invalid_input" not in route.problems] == []


async def test_type_of_every_problem_leads_to_a_page(client: Client) -> None:
    for code in PROBLEM_CODES:
        async with client.get(f"/problems/{code}") as response:
            assert response.status == 200
            assert response.content_type == "text/html"
            assert code in await response.text()


async def test_unknown_problem_is_404(client: Client) -> None:
    await refused(client, "GET", "/problems/nothing", "not_found")


class Outline(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.assets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [given["href"]] if tag == "a" and given.get("href") else []
        self.headings += [tag] if re.fullmatch("h[1-6]", tag) else []
        self.assets += [tag] if tag in ("script", "link", "img", "iframe") else []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_page_is_well_formed_and_loads_nothing(client: Client) -> None:
    async with client.get("/") as response:
        assert response.content_type == "text/html"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        page = Outline(await response.text())
    assert page.open == []
    assert page.assets == []
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == "h1"
    assert page.headings.count("h1") == 1
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


async def test_page_shows_every_endpoint(client: Client) -> None:
    async with client.get("/") as response:
        text = await response.text()
    for route in ROUTES:
        assert f"{route.method} {route.path}" in text


async def test_every_kind_of_event_is_told_on_the_page_and_in_the_document(
    client: Client, document: dict[str, Any]
) -> None:
    told = document["paths"]["/v1/stream"]["get"]["description"]
    page = await (await client.get("/")).text()
    types = "run.queued job.changed trigger.changed calendar.deleted backfill.changed clock.jumped"
    for name in types.split():
        assert f"`{name}`" in told
        assert f"<code>{name}</code>" in page
