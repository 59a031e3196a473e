"""The spec of an http job: what is refused, and which request comes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.http_call import request_of
from callboard.domain.http_exchange import Request, header_of
from callboard.domain.http_status import is_among, retry_word
from callboard.domain.job import Job
from callboard.domain.json import check_json
from callboard.domain.run import Run
from callboard.domain.spec_http import http_problems, is_header_text
from callboard.domain.template import TemplateProblem
from callboard.errors import InvalidInput

AN_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
URL = "https://shop.example/orders"


def request(arguments: dict[str, Any] | None = None, **spec: Any) -> Request:
    run = Run(
        id=42,
        job="a-job",
        group="default",
        job_id=1,
        chain_id=40,
        attempt=3,
        arguments=arguments or {},
        trace_id="ab" * 16,
        created_at=AN_INSTANT,
        due_at=AN_INSTANT,
        slot=AN_INSTANT,
    )
    return request_of({"url": URL, **spec}, run, "00-trace-span-01")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"url": None}, "spec.url"),
        ({"url": 3}, "spec.url"),
        ({"url": "ftp://x/"}, "spec.url"),
        ({"url": "https://{{ arguments.host }}/"}, "spec.url"),
        ({"uri": URL}, "spec.uri"),
        ({"method": "get"}, "spec.method"),
        ({"method": "GET /x HTTP/1.1\r\nX: y"}, "spec.method"),
        ({"method": 3}, "spec.method"),
        ({"headers": []}, "spec.headers"),
        ({"headers": {"X Y": "z"}}, "spec.headers.X Y"),
        ({"headers": {"X\r\nY": "z"}}, "spec.headers.X\r\nY"),
        ({"headers": {"X": "a\r\nB: c"}}, "spec.headers.X"),
        ({"headers": {"X": "{{ nothing }}"}}, "spec.headers.X"),
        ({"headers": {"X": 3}}, "spec.headers.X"),
        ({"headers": {"Host": "other"}}, "spec.headers.Host"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "spec.headers.Transfer-Encoding"),
        ({"headers": {f"X{number}": "" for number in range(101)}}, "spec.headers"),
        ({"query": []}, "spec.query"),
        ({"query": {"a": {"b": 1}}}, "spec.query.a"),
        ({"query": {"a": ["{{ x }}"]}}, "spec.query.a"),
        ({"body": 3}, "spec.body"),
        ({"body": "{{"}, "spec.body"),
        ({"body": "x", "json": 1}, "spec"),
        ({"json": {"a": ["{{ x }}"]}}, "spec.json.a[0]"),
        ({"expect": 200}, "spec.expect"),
        ({"expect": {"status": 200}}, "spec.expect.status"),
        ({"expect": {"status": []}}, "spec.expect.status"),
        ({"expect": {"status": ["2x"]}}, "spec.expect.status"),
        ({"expect": {"status": [True]}}, "spec.expect.status"),
        ({"expect": {"status": [99]}}, "spec.expect.status"),
        ({"expect": {"contains": ""}}, "spec.expect.contains"),
        ({"expect": {"stats": [200]}}, "spec.expect.stats"),
        ({"timeout_s": 0}, "spec.timeout_s"),
        ({"timeout_s": 3601}, "spec.timeout_s"),
        ({"timeout_s": True}, "spec.timeout_s"),
        ({"timeout_s": float("nan")}, "spec.timeout_s"),
        ({"follow_redirects": 3}, "spec.follow_redirects"),
        ({"retry_on_status": 503}, "spec.retry_on_status"),
        ({"retry_on_status": ["503"]}, "spec.retry_on_status"),
    ],
)
def test_a_wrong_field_is_named(spec: dict[str, Any], field: str) -> None:
    assert field in [problem.field for problem in http_problems({"url": URL, **spec})]


def test_a_right_one_is_taken() -> None:
    spec = {
        "method": "PUT",
        "url": "https://shop.example/orders/{{ arguments.id }}?dry={{ arguments.dry }}",
        "headers": {"Authorization": {"$secret": "env:TOKEN"}, "X-Run": "{{ run_id }}"},
        "query": {"page": 1, "tags": ["a", "{{ arguments.tag }}"], "none": None},
        "json": {"id": "{{ arguments.id }}", "nested": [{"slot": "{{ slot }}"}]},
        "expect": {"status": [200, "3xx"], "contains": "done"},
        "timeout_s": 2.5,
        "follow_redirects": True,
        "retry_on_status": [],
    }
    assert Job(name="j", kind="http", spec=spec).kind == "http"
    assert Job(name="j", kind="http", spec={"url": {"$secret": "env:HOOK"}}).kind == "http"


def test_a_url_that_is_a_secret_is_checked_when_it_is_known() -> None:
    with pytest.raises(TemplateProblem, match="url: is not of the form"):
        request(url="hooks.example/x")


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]
    with pytest.raises(InvalidInput, match="nested"):
        Job(name="j", kind="http", spec={"url": URL, "json": value})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 999)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["{{ run_id }}", "{{ arguments.a }}", URL, "GET", "2xx", "{{"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = "method url headers query body json expect timeout_s follow_redirects retry_on_status x"


@given(st.dictionaries(st.sampled_from(FIELDS.split()), JSON), JSON)
def test_any_spec_is_refused_or_makes_a_request(spec: dict[str, Any], argument: Any) -> None:
    spec = {"url": URL, **spec}
    if any(http_problems(spec)):
        return
    try:
        check_json([spec, argument], "it")
        made = request({"a": argument}, **spec)
    except (TemplateProblem, InvalidInput):
        return
    assert made.url.isascii()
    assert all(is_header_text(value) for _, value in made.headers)


def test_without_a_body_it_is_a_get_with_the_trace() -> None:
    sent = request()
    assert (sent.method, sent.url, sent.body) == ("GET", URL, None)
    assert sent.headers == (("User-Agent", "callboard"), ("traceparent", "00-trace-span-01"))


def test_with_a_body_it_is_a_post_with_a_key_of_its_chain() -> None:
    sent = request(body="n={{ arguments.n }}", arguments={"n": 3})
    assert (sent.method, sent.body) == ("POST", b"n=3")
    assert header_of(sent.headers, "Content-Type") == "text/plain; charset=utf-8"
    assert header_of(sent.headers, "Idempotency-Key") == f"callboard-{'ab' * 16}-40"


def test_json_is_filled_with_values() -> None:
    sent = request(json={"all": "{{ arguments.all }}", "is": "{{ slot }}"}, arguments={"all": [1]})
    assert orjson.loads(sent.body or b"") == {"all": [1], "is": "2026-01-01T00:00:00Z"}
    assert header_of(sent.headers, "content-type") == "application/json"
    assert request(json=None).body == b"null"


def test_json_cannot_be_broken_by_a_value() -> None:
    sent = request(json={"a": "x{{ arguments.a }}"}, arguments={"a": '","b":"'})
    assert orjson.loads(sent.body or b"") == {"a": 'x","b":"'}


def test_the_specs_own_headers_win() -> None:
    own = {"user-agent": "me", "IDEMPOTENCY-KEY": "{{ run_id }}", "content-type": "text/csv"}
    sent = request(body="x", headers=own, method="PATCH")
    assert header_of(sent.headers, "User-Agent") == "me"
    assert header_of(sent.headers, "Idempotency-Key") == "42"
    assert len([name for name, _ in sent.headers if name.lower() == "content-type"]) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_a_method_that_may_be_repeated_needs_no_key(method: str) -> None:
    assert header_of(request(method=method).headers, "Idempotency-Key") is None


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "\x00", "\x7f"])
def test_a_value_cannot_add_a_header(value: str) -> None:
    with pytest.raises(TemplateProblem, match=r"headers\.X: .* control character"):
        request(headers={"X": "a{{ arguments.a }}"}, arguments={"a": f"{value}b"})


def test_a_list_in_the_query_gives_its_name_several_times() -> None:
    sent = request(query={"t": "{{ arguments.tags }}"}, arguments={"tags": ["a", "b"]})
    assert sent.url == f"{URL}?t=a&t=b"


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(TemplateProblem, match=r"there is no arguments\.id"):
        request(body="{{ arguments.id }}")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (429, True),
        (503, True),
        (500, None),
        (502, None),
        (408, None),
        (425, None),
        (400, False),
        (404, False),
        (409, False),
        (302, False),
    ],
)
def test_most_of_4xx_are_final(status: int, word: bool | None) -> None:
    assert retry_word(status, (429, 503)) is word


def test_statuses_are_named_one_by_one_or_by_class() -> None:
    assert [is_among(status, (200, "3xx")) for status in (200, 204, 302, 404)] == [
        True,
        False,
        True,
        False,
    ]
    assert retry_word(404, ("4xx",)) is True
    assert retry_word(429, ()) is None
