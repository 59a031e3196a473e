"""callboard backfills: slots of the past, fired now."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

app = typer.Typer(help="Slots of the past, fired now.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number.", show_default=False)]


@api_command(app, "create")
async def create_backfill(
    session: Session,
    trigger: Annotated[str, typer.Argument(help="Whose slots.", show_default=False)],
    since: Annotated[str, typer.Option("--from", metavar="INSTANT", help="Slots at or after it.")],
    until: Annotated[str, typer.Option(metavar="INSTANT", help="Slots before it.")],
    force: Annotated[bool, typer.Option("--force", help="Also slots that fired before.")] = False,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Do not wait for other runs of the trigger.")
    ] = False,
    max_concurrent: Annotated[int, typer.Option(min=1, help="Slots at once.")] = 1,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    group: Group = None,
) -> ExitCode:
    """Fire the slots of a trigger in [FROM, UNTIL) that have not fired.

    E.g. callboard backfills create nightly --from 2026-11-01T00:00:00Z --until 2026-11-08T00:00:00Z
    """
    from callboard_service.cli.backfill_progress import exit_code, follow_backfill
    from callboard_service.cli.client import path_of

    body = {
        "trigger": trigger,
        "from_at": since,
        "until_at": until,
        "force": force,
        "overlap": "allow" if allow_overlap else "trigger",
        "max_concurrent": max_concurrent,
    }
    answer = await session.api.post(path_of("backfills"), body, {"group": group})
    if not wait:
        _show(session, answer.body)
        return ExitCode.DONE
    ended = await follow_backfill(session, answer.value["id"])
    _show(session, ended.body)
    return exit_code(ended.value)


@api_command(app, "list")
async def list_backfills(
    session: Session,
    group: AnyGroup = None,
    trigger: Annotated[str | None, typer.Option(help="Only of this trigger.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only in this state: running, paused, completed, cancelled.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At the most.")] = 50,
) -> None:
    """List backfills, newest first."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import BACKFILL_COLUMNS, backfill_row

    query = {"group": group, "trigger": trigger, "state": state}
    page = await session.api.list(path_of("backfills"), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(BACKFILL_COLUMNS, [backfill_row(one, utc=output.utc) for one in page["items"]])


@api_command(app, "get")
async def get_backfill(session: Session, number: Number) -> None:
    """Show a backfill and how far it is."""
    from callboard_service.cli.client import path_of

    _show(session, (await session.api.get(path_of("backfills", number), {})).body)


@api_command(app, "follow")
async def follow(session: Session, number: Number) -> ExitCode:
    """Follow a backfill to its end; 1 unless all its slots succeeded."""
    from callboard_service.cli.backfill_progress import exit_code, follow_backfill

    ended = await follow_backfill(session, number)
    _show(session, ended.body)
    return exit_code(ended.value)


@api_command(app, "pause")
async def pause_backfill(session: Session, number: Number) -> None:
    """Fire no more of its slots for now; its live runs go on."""
    await _act(session, number, "pause", {})


@api_command(app, "resume")
async def resume_backfill(session: Session, number: Number) -> None:
    """Go on with a paused backfill."""
    await _act(session, number, "resume", {})


@api_command(app, "cancel")
async def cancel_backfill(
    session: Session,
    number: Number,
    stop_runs: Annotated[bool, typer.Option("--stop-runs", help="Also its live runs.")] = False,
) -> None:
    """Fire no more of its slots, for good."""
    await _act(session, number, "cancel", {"stop_runs": stop_runs})


async def _act(session: Session, number: int, verb: str, body: dict[str, bool]) -> None:
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("backfills", number, verb), body or None, {})
    _show(session, answer.body)


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.views import backfill_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(backfill_facts(json.loads(body), utc=session.output.utc))
