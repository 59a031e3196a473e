"""callboard tail: what happens, as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from callboard_service.cli.command import AnyGroup
from callboard_service.cli.runs import Raw
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from callboard.clock import Clock
    from callboard_service.cli.live_runs import LiveRuns
    from callboard_service.cli.live_table import Picture
    from callboard_service.cli.output import Output
    from callboard_service.tasks import Group

PROGRESS: Final = "run.progress"
DRAW_S: Final = 0.25
MOST_LOGS: Final = 50
"""Logs that are followed at once, each by a connection."""


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
    logs: Annotated[
        bool, typer.Option("--logs", "-l", help="Show what the runs write, too, as it comes.")
    ] = False,
    raw: Raw = False,
) -> None:
    """Show what happens to runs as it happens; end with Ctrl-C.

    First come the runs that live now. On a terminal a table below shows what runs at present, and
    how far it is. A lost connection is made anew, and nothing is missed or told twice. With --json
    each message of the stream is a line; "seq" is what --after takes. With --logs the lines of logs
    come between them, each with its "run_id".
    """
    try:
        if run is not None:
            await _tail_log(session, run, raw=raw)
        else:
            query = {"job": job, "trigger": trigger, "group": group, "state": state}
            await _tail_events(session, query, after, count, _Logs(session, raw) if logs else None)
    except asyncio.CancelledError:
        # Ctrl-C is how it is meant to end.
        return


async def _tail_log(session: Session, run: int, *, raw: bool) -> None:
    from callboard_service.cli.waiting import follow_log

    state = await follow_log(session, run, raw=raw)
    session.output.note(f"run {run} {state}")


async def _tail_events(
    session: Session,
    query: Mapping[str, Any],
    after: int | None,
    count: int | None,
    logs: _Logs | None,
) -> None:
    from callboard_service.cli.live_runs import LiveRuns
    from callboard_service.cli.live_table import live_table
    from callboard_service.tasks import Group, first_of

    output, clock, live = session.output, session.clock, LiveRuns()
    # The table would take apart what is to come to the letter.
    if output.as_json or not output.is_terminal or (logs is not None and logs.raw):
        async with Group() as group:
            await _show_events(session, query, after, count, live, logs, group)
        return
    with live_table(live) as picture:
        async with Group() as group:
            await first_of(
                _show_events(session, query, after, count, live, logs, group),
                _draw(picture, clock),
            )


async def _draw(picture: Picture, clock: Clock) -> None:
    while True:
        picture.draw(clock.now())
        await clock.sleep_until(clock.monotonic() + DRAW_S)


async def _show_events(
    session: Session,
    query: Mapping[str, Any],
    after: int | None,
    count: int | None,
    live: LiveRuns,
    logs: _Logs | None,
    group: Group,
) -> None:
    from callboard_service.cli.client import path_of
    from callboard_service.cli.follow import follow

    output = session.output
    path = path_of("stream")
    messages = follow(session.api, path, query, after=after, clock=session.clock, note=output.note)
    async for message in messages:
        for run in live.hear(message):
            if logs is not None:
                logs.follow(run.id, group)
        if output.as_json:
            output.document(message)
        elif not (output.is_terminal and message["type"] == PROGRESS):
            print_message(output, message)
        if count is not None and message["type"] != "snapshot":
            count -= 1
            if count == 0:
                return


class _Logs:
    """The logs of the runs that are executed, each from where it was seen last."""

    def __init__(self, session: Session, raw: bool) -> None:
        self._session = session
        self.raw = raw
        self._is_told = False
        self._seen: dict[int, int] = {}

    def follow(self, run_id: int, group: Group) -> None:
        """Show what the run writes, unless that is done already."""
        if run_id in group:
            return
        if len(group) < MOST_LOGS:
            group.begin(run_id, self._show(run_id))
        elif not self._is_told:
            self._is_told = True
            self._session.output.note(f"only the logs of {MOST_LOGS} runs are shown at once")

    async def _show(self, run_id: int) -> None:
        from callboard_service.cli.client import path_of
        from callboard_service.cli.failures import CliFailure
        from callboard_service.cli.follow import follow

        session, path = self._session, path_of("runs", run_id, "log")
        lines = follow(
            session.api,
            path,
            {},
            after=self._seen.get(run_id, 0),
            clock=session.clock,
            note=lambda text: None,
        )
        try:
            async for line in lines:
                if line["type"] == "end":
                    return
                self._seen[run_id] = line["seq"]
                self._print(run_id, line)
        except CliFailure:
            return  # its history is pruned, or the server is gone: the stream says so

    def _print(self, run_id: int, line: Mapping[str, Any]) -> None:
        from callboard_service.cli.views import log_text

        output = self._session.output
        if output.as_json:
            output.document({**line, "run_id": run_id})
        else:
            output.written(f"{run_id:>6} | {log_text(line)}", raw=self.raw)


def print_message(output: Output, message: Mapping[str, Any]) -> None:
    """A message of the stream, for people."""
    if message["type"] == "snapshot":
        for run in reversed(message["runs"]):
            output.line(run_line(output, run["started_at"] or run["created_at"], run))
    elif message.get("run") is not None:
        line = progress_line if message["type"] == PROGRESS else run_line
        output.line(line(output, message["at"], message["run"]))
    else:
        noun, _, what = message["type"].partition(".")
        subject = message.get(noun) or {}
        output.line(_subject_line(output, message["at"], noun, what, subject))


def run_line(output: Output, at: str, run: Mapping[str, Any]) -> str:
    """`01:02:03.123  succeeded     1042  load <- nightly  0.53 s`"""
    from callboard_service.cli.text import one_line, shorten, show_span, show_time
    from callboard_service.cli.views import WIDEST, error_text, result_text, run_state

    origin = f" <- {run['trigger']}" if run["trigger"] else ""
    attempt = f" (attempt {run['attempt']})" if run["attempt"] > 1 else ""
    took = show_span(run["started_at"], run["ended_at"]) if run["ended_at"] else ""
    said = error_text(run) or result_text(run["result"])
    parts = [
        show_time(at, utc=output.utc),
        output.state(run_state(run), width=9),
        f"{run['id']:>6}",
        one_line(f"{run['job']}{origin}{attempt}"),
        took,
        one_line(shorten(said, 2 * WIDEST)),
    ]
    return "  ".join(part for part in parts if part)


def progress_line(output: Output, at: str, run: Mapping[str, Any]) -> str:
    """`01:02:03.123  progress      1042  load  40 % (4 of 10), copying`"""
    from callboard_service.cli.text import harmless, one_line, show_time
    from callboard_service.cli.views import progress_text

    said = harmless(progress_text(run["progress"]))
    parts = [show_time(at, utc=output.utc), f"{'progress':9}", f"{run['id']:>6}"]
    return "  ".join([*parts, one_line(run["job"]), said])


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
    if noun == "step":
        yield f"{subject['step']} of run {subject['run_id']}, {subject['counts']['writes']} written"
    if noun == "backfill":
        done = subject["fired"] + subject["skipped"]
        yield f"#{subject['id']}, {done} of {subject['slots_total']} slots"
        if subject["failed"]:
            yield f"{subject['failed']} failed"
