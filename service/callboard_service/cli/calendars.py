"""callboard calendars: named sets of instants that triggers leave out or keep to."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.session import Session

app = typer.Typer(help="Instants that triggers leave out or keep to.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]


@api_command(app, "list")
async def list_calendars(
    session: Session,
    group: AnyGroup = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At the most.", show_default="all")
    ] = None,
) -> None:
    """List calendars by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import CALENDAR_COLUMNS, calendar_row

    page = await session.api.list(path_of("calendars"), {"group": group}, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        rows = [calendar_row(calendar, utc=output.utc) for calendar in page["items"]]
        output.table(CALENDAR_COLUMNS, rows)


@api_command(app, "get")
async def get_calendar(session: Session, name: Name, group: Group = None) -> None:
    """Show a calendar."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("calendars", name), {"group": group})
    _show(session, answer.body)


@api_command(app, "put")
async def put_calendar(
    session: Session,
    name: Name,
    file: Annotated[
        str, typer.Argument(help="Its definition as JSON, or an iCal feed; - for stdin.")
    ],
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone",
            "-z",
            help="Of an iCal feed's days and times without a zone.",
            show_default="UTC",
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    group: Group = None,
) -> None:
    """Create a calendar, or replace the one of its name.

    E.g. {"kind": "annual", "zone": "Europe/Prague", "days": ["01-01", ["12-24", "12-26"]]}

    What "callboard calendars get NAME --json" prints is taken, too.
    """
    from callboard_service.cli.client import path_of

    body = _document(file, zone)
    if description is not None:
        body["description"] = description
    answer = await session.api.request(
        "PUT", path_of("calendars", name), query={"group": group}, body=body
    )
    _show(session, answer.body)


@api_command(app, "delete")
async def delete_calendar(session: Session, name: Name, group: Group = None) -> None:
    """Delete a calendar that no trigger obeys."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("calendars", name), query={"group": group})
    session.output.note(f"deleted the calendar {name}")


def _document(file: str, zone: str | None) -> dict[str, Any]:
    """What the API takes: from a feed, a definition, or a whole calendar."""
    from callboard_service.cli.exit_code import ExitCode
    from callboard_service.cli.failures import CliFailure
    from callboard_service.cli.input import object_in, read_bytes

    content = read_bytes(file)
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].upper().startswith(b"BEGIN:VCALENDAR"):
        if zone is not None:
            raise typer.BadParameter(
                f"{file} is no iCal feed: its JSON says the zone", param_hint="--zone"
            )
        given = object_in(content, file)
        return given if "definition" in given else {"definition": given}
    try:
        text = content.decode("utf-8-sig")
        return {"definition": {"kind": "ical", "zone": zone or "UTC", "text": text}}
    except UnicodeDecodeError:
        raise CliFailure(ExitCode.USAGE, f"{file}: is not UTF-8") from None


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.views import calendar_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(calendar_facts(json.loads(body), utc=session.output.utc))
