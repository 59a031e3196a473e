"""callboard runs: what was started, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from callboard_service.cli.command import AnyGroup, api_command
from callboard_service.cli.session import Session

app = typer.Typer(help="What was started, and what became of it.", no_args_is_help=True)

Raw = Annotated[
    bool,
    typer.Option("--raw", help="What runs write to the letter: colours, and all that may be evil."),
]
MOST_ATTEMPTS: Final = 50
"""Of a chain that are shown, the newest."""
RunId = Annotated[int, typer.Argument(metavar="RUN", min=1, help="Its number.")]


@api_command(app, "list")
async def list_runs(
    session: Session,
    job: Annotated[str | None, typer.Option(help="Only of this job.")] = None,
    trigger: Annotated[str | None, typer.Option(help="Only of this trigger.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only in this state; may come more than once.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="Created at or after.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="INSTANT", help="Created before.")] = None,
    chain: Annotated[
        int | None, typer.Option(min=1, help="Only the attempts that began with this run.")
    ] = None,
    group: AnyGroup = None,
    limit: Annotated[int, typer.Option(min=1, help="At the most.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="next_cursor of the list before.", show_default=False)
    ] = None,
) -> None:
    """List runs, newest first."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import RUN_COLUMNS, run_row

    query = {
        "job": job,
        "trigger": trigger,
        "state": state,
        "from": since,
        "until": until,
        "chain_id": None if chain is None else str(chain),
        "group": group,
        "cursor": cursor,
    }
    page = await session.api.list(path_of("runs"), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
        return
    output.table(RUN_COLUMNS, [run_row(run, utc=output.utc) for run in page["items"]])
    if page["next_cursor"] is not None:
        output.note(f"older ones: --cursor {page['next_cursor']}, or a higher --limit")


@api_command(app, "get")
async def get_run(session: Session, run: RunId) -> None:
    """Show a run, and the other attempts of its chain."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("runs", run))
    show_run(session, answer.body)
    if not session.output.as_json:
        await _show_chain(session, answer.value["chain_id"])


@api_command(app, "log")
async def show_log(
    session: Session,
    run: RunId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    level: Annotated[
        str | None,
        typer.Option(help="Only what was logged at it or above: debug, info, warning, error."),
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only lines with this text in them, in any case.")
    ] = None,
    stream: Annotated[str | None, typer.Option(help="Only of stdout, stderr or log.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only lines above this number.")] = 0,
    raw: Raw = False,
) -> None:
    """Show what a run wrote: its stdout on stdout, the rest on stderr."""
    query = {"level": level, "search": search, "stream": stream}
    if follow:
        from callboard_service.cli.waiting import follow_log

        state = await follow_log(session, run, after=after, query=query, raw=raw)
        session.output.note(f"run {run} {state}")
    else:
        await _print_log(session, run, {**query, "after": str(after)}, raw=raw)


@api_command(app, "stop")
async def stop(
    session: Session,
    run: RunId,
    kill: Annotated[bool, typer.Option("--kill", help="Do not ask it first.")] = False,
    grace_s: Annotated[
        float | None,
        typer.Option(
            "--grace-s",
            min=0,
            help="Seconds until one that was asked is killed.",
            show_default="30; a batch run ends its chunk",
        ),
    ] = None,
) -> None:
    """Stop a run: it is asked to end, and killed when its grace is over."""
    from callboard_service.cli.client import path_of

    body = {"mode": "kill" if kill else "cooperative", "grace_s": grace_s}
    answer = await session.api.post(path_of("runs", run, "stop"), body)
    show_run(session, answer.body)


@api_command(app, "retry")
async def retry(session: Session, run: RunId) -> None:
    """Try a run again that ended without success; release a parked one."""
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("runs", run, "retry"))
    show_run(session, answer.body)


@api_command(app, "abandon")
async def abandon(session: Session, run: RunId) -> None:
    """Give up a failed or stopped run."""
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("runs", run, "abandon"))
    show_run(session, answer.body)


def show_run(session: Session, body: bytes) -> None:
    """Print one run."""
    import json

    from callboard_service.cli.views import run_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(run_facts(json.loads(body), utc=session.output.utc))


async def _show_chain(session: Session, chain_id: int) -> None:
    """The attempts of a chain, the first one on top; nothing where there is only one."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import ATTEMPT_COLUMNS, attempt_row

    output = session.output
    page = await session.api.list(path_of("runs"), {"chain_id": str(chain_id)}, MOST_ATTEMPTS)
    if len(page["items"]) > 1:
        output.line("")
        rows = [attempt_row(run, utc=output.utc) for run in reversed(page["items"])]
        output.table(ATTEMPT_COLUMNS, rows)


async def _print_log(
    session: Session, run: int, query: Mapping[str, str | None], *, raw: bool
) -> None:
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import log_text

    output = session.output
    page = await session.api.list(path_of("runs", run, "log"), query, None)
    if output.as_json:
        output.document(page)
        return
    for line in page["items"]:
        output.written(log_text(line), to_stderr=line["stream"] != "stdout", raw=raw)
