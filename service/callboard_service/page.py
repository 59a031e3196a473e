"""The pages for browsers: the API and its problems, made from the same tables as the API itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, Final

from callboard_service.call import Route
from callboard_service.openapi import codes_of
from callboard_service.page_types import fields_table, marked, type_name, type_sections
from callboard_service.problem_code import ProblemCode
from callboard_service.problem_codes import PROBLEM_CODES
from callboard_service.wire.fields import fields_of
from callboard_service.wire.schedules import SCHEDULES
from callboard_service.wire.triggers import TriggerInput

_STYLE: Final = """
:root { color-scheme: light dark; }
:root { --line: light-dark(#ccc, #555); --soft: light-dark(#f4f4f4, #222); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 1.8rem 0 0.3rem; font-size: 1rem; }
p { margin: 0.3rem 0; }
code, pre { font: 0.9em ui-monospace, monospace; background: var(--soft); border-radius: 3px; }
code { padding: 0.1em 0.3em; }
pre { padding: 0.8rem; overflow-x: auto; }
table { border-collapse: collapse; margin: 0.5rem 0; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.2rem 0.6rem 0.2rem 0; }
th, td { border-bottom: 1px solid var(--line); }
caption { text-align: left; }
dt { font-weight: 600; margin-top: 0.6rem; }
a:focus-visible { outline: 3px solid; outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
"""
_CONVENTIONS: Final = """
Bodies are JSON; instants are RFC 3339, durations numbers of seconds.
Names are unique within a group; `?group=` names another one than `default`.
Lists give `items` and `next_cursor`; send that as `?cursor=` with the same filters.
Single resources have an `ETag`; with it as `If-Match`, what somebody else changed in between is \
not overwritten.
A POST with an `Idempotency-Key` that is sent again within 24 hours is answered as the first time, \
and done once.
A PUT takes what a GET gave: read-only fields may stay in it, of which `version` and `state` have \
to be the present ones.
Where the service has a token, send `Authorization: Bearer ...` with everything but `/healthz` and \
`/readyz`. A browser's WebSocket offers the protocols `callboard.v1` and `callboard.bearer.` \
followed by the token in base64url.
Problems are `application/problem+json`; programs go by their `code`.
The stream is JSON messages with a `type`: first `snapshot` (the live runs), then every event with \
the next `seq`, a `heartbeat` now and then, and `closing` with the `after` to resume from when the \
server ends it. Over Server-Sent Events the `id:` is the `seq`, and `Last-Event-ID` resumes.
The log's stream is messages of type `line`, then `end` with the state of the run.
"""
_EXAMPLE: Final = """curl -X PUT localhost:8321/v1/jobs/hello -H 'Content-Type: application/json' \\
     -d '{"kind": "command", "spec": {"argv": ["echo", "hello"]}}'
curl -X POST 'localhost:8321/v1/jobs/hello/runs?wait_s=10'
curl -N localhost:8321/v1/stream -H 'Accept: text/event-stream'"""


def api_page(routes: Sequence[Route[Any]], version: str) -> str:
    """The reference of all endpoints, as HTML."""
    sections = _sections(routes)
    return _page(
        "Callboard API",
        f"<p>Version {escape(version)}. The same as a document for programs: "
        '<a href="openapi.json">openapi.json</a>.</p>'
        f"{_contents(sections)}"
        f"<pre><code>{escape(_EXAMPLE)}</code></pre>"
        '<h2 id="conventions">Conventions</h2>'
        + _list(_CONVENTIONS.strip().splitlines())
        + "".join(_section(name, members) for name, members in sections.items())
        + '<h2 id="types">Types</h2>'
        + type_sections(_types_of(routes))
        + '<h2 id="problems">Problems</h2><dl>'
        + "".join(_problem_item(code) for code in PROBLEM_CODES.values())
        + "</dl>",
    )


def problem_page(code: ProblemCode) -> str:
    """What a code means, as HTML."""
    return _page(
        code.title,
        f"<p><code>{code.code}</code>, status {code.status}</p>"
        f"<p>{escape(code.meaning)}</p><p>{escape(code.remedy)}</p>"
        '<p><a href="../">All of the API</a></p>',
    )


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        '<a class="skip" href="#content">Skip to the content</a>'
        f'<main id="content"><h1>{escape(title)}</h1>{content}</main></body></html>\n'
    )


def _sections(routes: Iterable[Route[Any]]) -> dict[str, list[Route[Any]]]:
    found: dict[str, list[Route[Any]]] = {}
    for route in routes:
        parts = route.path.strip("/").split("/")
        found.setdefault(parts[1] if parts[0] == "v1" else "service", []).append(route)
    return found


def _types_of(routes: Iterable[Route[Any]]) -> Iterator[Any]:
    for route in routes:
        yield route.body
        yield from route.answers.values()
        shape: Any = route.query
        yield from (field.type for field in fields_of(shape).values())
        if route.body is TriggerInput:
            yield from SCHEDULES


def _contents(sections: Iterable[str]) -> str:
    names = ["conventions", *sections, "types", "problems"]
    links = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in names)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _section(name: str, routes: Iterable[Route[Any]]) -> str:
    return f'<h2 id="{name}">{name}</h2>' + "".join(_endpoint(route) for route in routes)


def _endpoint(route: Route[Any]) -> str:
    parts = [
        f'<h3 id="{route.name}"><code>{_title(route)}</code></h3><p>{escape(route.summary)}.</p>'
    ]
    if route.about:
        parts.append(_list(route.about))
    parts.append(fields_table("Query", route.query))
    if route.body is not None:
        optional = " (may be left out)" if route.body_optional else ""
        parts.append(f"<p>Takes {type_name(route.body)}{optional}.</p>")
    answers = ", ".join(
        f"{status} {type_name(kind) if kind is not None else 'without a body'}"
        for status, kind in route.answers.items()
    )
    if route.also:
        answers += f", or {' or '.join(route.also)} where Accept begins with it"
    codes = ", ".join(
        f'<a href="#problem-{code}">{code}</a>'
        for code in codes_of(route)
        if code in route.problems
    )
    parts.append(f"<p>Answers {answers}{f'; problems {codes}' if codes else ''}.</p>")
    return "".join(parts)


def _list(statements: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{marked(each)}</li>' for each in statements)}</ul>"


def _problem_item(code: ProblemCode) -> str:
    return (
        f'<dt id="problem-{code.code}"><a href="problems/{code.code}">{code.code}</a> '
        f"({code.status})</dt><dd>{escape(code.meaning)} {escape(code.remedy)}</dd>"
    )


def _title(route: Route[Any]) -> str:
    return escape(f"{route.method} {route.path}")
