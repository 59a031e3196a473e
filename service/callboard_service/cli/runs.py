"""callboard runs: what was started, and what became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import AnyGroup, api_command
from callboard_service.cli.session import Session

app = typer.Typer(help="What was started, and what became of it.", no_args_is_help=True)

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
    """Show a run."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("runs", run))
    show_run(session, answer.body)


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
    after: Annotated[int, typer.Option(min=0, help="Only lines above this number.")] = 0,
) -> None:
    """Show what a run wrote: its stdout on stdout, the rest on stderr."""
    if follow:
        from callboard_service.cli.waiting import follow_log

        state = await follow_log(session, run, after=after, level=level)
        session.output.note(f"run {run} {state}")
    else:
        await _print_log(session, run, level, after)


@api_command(app, "stop")
async def stop(
    session: Session,
    run: RunId,
    kill: Annotated[bool, typer.Option("--kill", help="Do not ask it first.")] = False,
    grace_s: Annotated[
        float, typer.Option("--grace-s", min=0, help="Seconds until one that was asked is killed.")
    ] = 30,
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


async def _print_log(session: Session, run: int, level: str | None, after: int) -> None:
    from callboard_service.cli.client import path_of

    output = session.output
    query = {"level": level, "after": str(after)}
    page = await session.api.list(path_of("runs", run, "log"), query, None)
    if output.as_json:
        output.document(page)
        return
    for line in page["items"]:
        output.raw(line["text"], to_stderr=line["stream"] != "stdout")
