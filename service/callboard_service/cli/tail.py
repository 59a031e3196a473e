"""callboard tail: what happens, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from callboard_service.cli.output import Output


async def tail(
    session: Session,
    run: Annotated[
        int | None,
        typer.Argument(metavar="[RUN]", min=1, help="Follow the log of this run instead."),
    ] = None,
    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Only runs of this trigger.")] = None,
    group: AnyGroup = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only arrivals in this state; may come more than once.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(min=0, help="Go on behind the event of this number.", show_default="now"),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many events.", show_default="never")
    ] = None,
) -> None:
    """Show every change of a run's state as it happens; end with Ctrl-C.

    First come the runs that live now. A lost connection is made anew, and nothing is missed or told
    twice. With --json each message of the stream is a line; "seq" is what --after takes.
    """
    try:
        if run is not None:
            await _tail_log(session, run)
        else:
            query = {"job": job, "trigger": trigger, "group": group, "state": state}
            await _tail_events(session, query, after, count)
    except asyncio.CancelledError:
        # Ctrl-C is how it is meant to end.
        return


async def _tail_log(session: Session, run: int) -> None:
    from callboard_service.cli.waiting import follow_log

    state = await follow_log(session, run)
    session.output.note(f"run {run} {state}")


async def _tail_events(
    session: Session, query: Mapping[str, Any], after: int | None, count: int | None
) -> None:
    from callboard_service.cli.client import path_of
    from callboard_service.cli.follow import follow

    output = session.output
    path = path_of("stream")
    messages = follow(session.api, path, query, after=after, clock=session.clock, note=output.note)
    async for message in messages:
        if output.as_json:
            output.document(message)
        else:
            print_message(output, message)
        if count is not None and message["type"] != "snapshot":
            count -= 1
            if count == 0:
                return


def print_message(output: Output, message: Mapping[str, Any]) -> None:
    """A message of the stream, for people."""
    if message["type"] == "snapshot":
        for run in reversed(message["runs"]):
            output.line(run_line(output, run["started_at"] or run["created_at"], run))
    elif message.get("run") is not None:
        output.line(run_line(output, message["at"], message["run"]))
    else:
        noun, _, what = message["type"].partition(".")
        subject = message.get(noun) or {}
        output.line(_subject_line(output, message["at"], noun, what, subject))


def run_line(output: Output, at: str, run: Mapping[str, Any]) -> str:
    """`01:02:03.123  succeeded     1042  load <- nightly  0.53 s`"""
    from callboard_service.cli.text import one_line, shorten, show_json, show_span, show_time
    from callboard_service.cli.views import WIDEST, error_text, run_state

    origin = f" <- {run['trigger']}" if run["trigger"] else ""
    attempt = f" (attempt {run['attempt']})" if run["attempt"] > 1 else ""
    took = show_span(run["started_at"], run["ended_at"]) if run["ended_at"] else ""
    said = error_text(run) or show_json(run["result"])
    parts = [
        show_time(at, utc=output.utc),
        output.state(run_state(run), width=9),
        f"{run['id']:>6}",
        one_line(f"{run['job']}{origin}{attempt}"),
        took,
        one_line(shorten(said, 2 * WIDEST)),
    ]
    return "  ".join(part for part in parts if part)


def _subject_line(output: Output, at: str, noun: str, what: str, subject: Mapping[str, Any]) -> str:
    from callboard_service.cli.text import one_line, show_time

    facts = [f"{noun} {what}", str(subject.get("name", "")), *_details(noun, subject)]
    return "  ".join([show_time(at, utc=output.utc), *(one_line(fact) for fact in facts if fact)])


def _details(noun: str, subject: Mapping[str, Any]) -> Iterator[str]:
    if noun == "clock":
        whose = "the database's" if subject["source"] == "store" else f"that of {subject['node']}"
        yield f"{whose}, by {subject['by_s']:+.3f} s"
        return
    yield str(subject.get("state") or "")
    if noun == "backfill":
        done = subject["fired"] + subject["skipped"]
        yield f"#{subject['id']}, {done} of {subject['slots_total']} slots"
        if subject["failed"]:
            yield f"{subject['failed']} failed"
