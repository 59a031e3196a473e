"""callboard queues: capacities, rates and pauses that the runs of several jobs share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.session import Session

app = typer.Typer(
    help="What the runs of several jobs share: capacity, rate, pause.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]


@api_command(app, "list")
async def list_queues(
    session: Session,
    group: AnyGroup = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At the most.", show_default="all")
    ] = None,
) -> None:
    """List queues by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.queue_view import QUEUE_COLUMNS, queue_row

    page = await session.api.list(path_of("queues"), {"group": group}, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(QUEUE_COLUMNS, [queue_row(each, utc=output.utc) for each in page["items"]])


@api_command(app, "get")
async def get_queue(session: Session, name: Name, group: Group = None) -> None:
    """Show a queue, and how many runs wait and run in it."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("queues", name), {"group": group})
    _show(session, answer.body)


@api_command(app, "put")
async def put_queue(
    session: Session,
    name: Name,
    capacity: Annotated[
        int | None,
        typer.Option("--capacity", "-c", help="Runs at once.", show_default="any number"),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="RUNS/SECONDS", help="Starts within a time, e.g. 10/60.", show_default="any"
        ),
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Its runs wait.")] = False,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    group: Group = None,
) -> None:
    """Create a queue, or replace the one of its name.

    E.g. callboard queues put mail --capacity 5 --rate 100/60

    Jobs join it by naming it ("queue": "mail"); what runs already goes on.
    """
    from callboard_service.cli.client import path_of

    body: dict[str, Any] = {
        "capacity": capacity,
        "rate_limit": None if rate is None else _rate(rate),
        "paused": paused,
        "description": description,
    }
    answer = await session.api.request(
        "PUT", path_of("queues", name), query={"group": group}, body=body
    )
    _show(session, answer.body)


@api_command(app, "pause")
async def pause_queue(session: Session, name: Name, group: Group = None) -> None:
    """Let no run of a queue begin until it is resumed; those that run go on."""
    await _change(session, name, "pause", group)


@api_command(app, "resume")
async def resume_queue(session: Session, name: Name, group: Group = None) -> None:
    """Let the runs of a queue begin again."""
    await _change(session, name, "resume", group)


@api_command(app, "delete")
async def delete_queue(session: Session, name: Name, group: Group = None) -> None:
    """Delete a queue that no job names."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("queues", name), query={"group": group})
    session.output.note(f"deleted the queue {name}")


async def _change(session: Session, name: str, verb: str, group: str | None) -> None:
    from callboard_service.cli.client import path_of

    path = path_of("queues", name, verb)
    answer = await session.api.request("POST", path, query={"group": group})
    _show(session, answer.body)


def _rate(text: str) -> dict[str, float]:
    """10/60: ten within a minute."""
    runs, _, seconds = text.partition("/")
    try:
        return {"runs": int(runs), "per_s": float(seconds)}
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not like 10/60 (ten starts within 60 seconds)", param_hint="--rate"
        ) from None


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.queue_view import queue_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(queue_facts(json.loads(body), utc=session.output.utc))
