"""The URL of an http job: where values may stand, and what they cannot change."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.domain.http_url import UrlTemplate
from callboard.domain.json import Json
from callboard.domain.template import TemplateProblem, as_text

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()


def fill(url: str, query: dict[str, Json] | None = None, **arguments: Any) -> str:
    return UrlTemplate.of(url).url({"arguments": arguments, "run_id": 7}, query)


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("https://shop.example", "https://shop.example/"),
        ("HTTP://Shop.Example:8080/A", "http://shop.example:8080/A"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ("http://h/a b/ž?q=ä&c", "http://h/a%20b/%C5%BE?q=%C3%A4&c"),
        ("http://h/a%2Fb", "http://h/a%2Fb"),
        ("http://h/{{ arguments.x }}/{{ run_id }}", "http://h/a%2Fb%3Fc/7"),
        ("http://h/?x={{ arguments.x }}", "http://h/?x=a%2Fb%3Fc"),
        ("http://h?x=1", "http://h/?x=1"),
    ],
)
def test_values_are_percent_encoded(url: str, filled: str) -> None:
    assert fill(url, x="a/b?c") == filled


def test_a_query_may_be_given_by_name() -> None:
    query: dict[str, Json] = {"a b": "c&d", "n": 3, "many": ["x", 1], "none": None}
    assert fill("http://h/p?z=1", query) == "http://h/p?z=1&a%20b=c%26d&n=3&many=x&many=1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "is not of the form"),
        ("shop.example/x", "is not of the form"),
        ("ftp://shop.example/x", "is not of the form"),
        ("file:/etc/passwd", "is not of the form"),
        ("http:///x", "is not a host"),
        ("https://{{ arguments.host }}/", "placeholder in its host"),
        ("{{ arguments.url }}", "is not of the form"),
        ("https://user:secret@shop.example/", "headers.Authorization"),
        ("http://h:0/", "port 0 is outside"),
        ("http://h:99999/", "port 99999 is outside"),
        ("http://h:x/", "is not a host"),
        ("http://sh op/", "is not a host"),
        ("http://ⓛocalhost/", "is not a host"),
        ("http://127。0。0。1/", "is not a host"),
        ("http://[::1/", "is not a host"),
        ("http://[:::1]/", "is not an IPv6 address"),
        ("http://a\\@b/", "has a user"),
        ("http://a\\b/", "is not a host"),
        ("http://h/\r\nHost: x", "control character"),
        ("http://h/#part", "fragment"),
        ("http://h/{{ x }}", "is not a placeholder"),
        ("http://h/" + "x" * 8000, "is longer than"),
    ],
)
def test_what_is_no_url_is_refused_with_the_reason(url: str, words: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        UrlTemplate.of(url)
    assert words in str(caught.value)


@pytest.mark.parametrize("value", ["", ".", "..", "../admin", "a/../b", "..\\x", None])
def test_a_value_cannot_lead_out_of_its_part_of_the_path(value: str | None) -> None:
    with pytest.raises(TemplateProblem, match=r"arguments\.x would make"):
        fill("https://h/users/{{ arguments.x }}/profile", x=value)


def test_two_values_cannot_do_it_together() -> None:
    with pytest.raises(TemplateProblem, match="would make"):
        fill("https://h/.{{ arguments.x }}/y", x=".")
    with pytest.raises(TemplateProblem, match="would make"):
        fill("https://h/%2e{{ arguments.x }}/y", x=".")


@given(SCALARS, SCALARS, SCALARS)
def test_no_value_changes_another_part_of_the_url(a: Json, b: Json, c: Json) -> None:
    url = "https://h:8443/x/{{ arguments.a }}/y?q={{ arguments.b }}&z=1"
    try:
        parts = urlsplit(fill(url, {"c": c}, a=a, b=b))
    except UnicodeEncodeError:
        return  # half a surrogate pair: arguments cannot have one
    except TemplateProblem:
        return
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "h:8443", "")
    _, first, value, last = parts.path.split("/")
    assert (first, unquote(value), last) == ("x", as_text(a), "y")
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    assert names == ["q", "z"] + ([] if c is None else ["c"])


@given(st.text())
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        template = UrlTemplate.of(text)
    except TemplateProblem:
        return
    host = urlsplit(template.origin).hostname
    assert host
    assert host.isascii()
