"""callboard triggers: when jobs are started."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from callboard_service.cli.arguments import Arg, ArgJson
from callboard_service.cli.command import AnyGroup, Group, api_command
from callboard_service.cli.session import Session

app = typer.Typer(help="When jobs are started.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.", show_default=False)]
SCHEDULE = "When (one of them)"
CLOCK = "By which clocks"
POLICIES = "How"


@api_command(app, "list")
async def list_triggers(
    session: Session,
    group: AnyGroup = None,
    job: Annotated[str | None, typer.Option(help="Only those that start this job.")] = None,
    state: Annotated[
        str | None,
        typer.Option(help="Only in this state: active, paused, inactive, completed, parked."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At the most.", show_default="all")
    ] = None,
) -> None:
    """List triggers by group and name."""
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import TRIGGER_COLUMNS, trigger_row

    query = {"group": group, "job": job, "state": state}
    page = await session.api.list(path_of("triggers"), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        rows = [trigger_row(trigger, utc=output.utc) for trigger in page["items"]]
        output.table(TRIGGER_COLUMNS, rows)


@api_command(app, "get")
async def get_trigger(session: Session, name: Name, group: Group = None) -> None:
    """Show a trigger."""
    from callboard_service.cli.client import path_of

    answer = await session.api.get(path_of("triggers", name), {"group": group})
    _show(session, answer.body)


@api_command(app, "create")
async def create_trigger(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(help="Its name; not with --file.", show_default=False)
    ] = None,
    job: Annotated[
        list[str] | None,
        typer.Option("--job", "-j", help="What to start; may come more than once."),
    ] = None,
    arg: Arg = None,
    arg_json: ArgJson = None,
    cron: Annotated[
        str | None,
        typer.Option(metavar="EXPRESSION", help='"0 2 * * *"', rich_help_panel=SCHEDULE),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(metavar="PERIOD", help="90, 5m, 1h30m", rich_help_panel=SCHEDULE),
    ] = None,
    delay: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD", help="So long after the last end.", rich_help_panel=SCHEDULE
        ),
    ] = None,
    months: Annotated[
        int | None,
        typer.Option(min=1, help="Every so many months, at --time.", rich_help_panel=SCHEDULE),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Every so many days, at --time.", rich_help_panel=SCHEDULE),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="2026-11-20T01:00:00Z", rich_help_panel=SCHEDULE),
    ] = None,
    when: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITIONS",
            help='When jobs have ended: "load=succeeded, check" waits for both, '
            '"any: load=failed|timed_out" for one of them; ended: any end.',
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            metavar="COUNT[/PERIOD]",
            help="When it was told of so many events, or so long after the first: 10/5m.",
            rich_help_panel=SCHEDULE,
        ),
    ] = None,
    on_demand: Annotated[
        bool, typer.Option("--on-demand", help="Only when fired.", rich_help_panel=SCHEDULE)
    ] = False,
    file: Annotated[
        str | None,
        typer.Option(help="A file with its JSON; - for stdin.", rich_help_panel=SCHEDULE),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone", "-z", help="Whose clocks.", show_default="UTC", rich_help_panel=CLOCK
        ),
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(
            help="Of --cron: vixie, quartz, aws, spring.",
            show_default="vixie",
            rich_help_panel=CLOCK,
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            metavar="HH:MM",
            help="Of --months and --days.",
            show_default="00:00",
            rich_help_panel=CLOCK,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="First day of --months and --days.",
            show_default="today",
            rich_help_panel=CLOCK,
        ),
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(
            help="Times that its zone leaves out: run or skip.",
            show_default="by the text",
            rich_help_panel=CLOCK,
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(
            help="Times that come twice: first or both.",
            show_default="by the text",
            rich_help_panel=CLOCK,
        ),
    ] = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY[:LIMIT]",
            help="While its runs are live: allow, skip, buffer_one, buffer, cancel_old, kill_old; "
            "buffer:5 keeps five waiting, allow:2 lets two live.",
            show_default="allow",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    misfire: Annotated[
        str | None,
        typer.Option(
            help="Slots that come late: skip, fire_once, fire_all.",
            show_default="fire_once",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    jitter: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD", help="Start up to so much later, by slot.", rich_help_panel=POLICIES
        ),
    ] = None,
    flexible_window: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="Start up to so much later, always alike.",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CALENDAR",
            help="Leave its slots out; may come more than once.",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CALENDAR",
            help="Only slots in it; may come more than once.",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    shift: Annotated[
        str | None,
        typer.Option(
            help="Slots left out are moved to the day before or after: previous, next.",
            show_default="skip",
            rich_help_panel=POLICIES,
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    inactive: Annotated[
        bool, typer.Option("--inactive", help="Store it without activating it.")
    ] = False,
    group: Group = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one of the same name.")
    ] = False,
) -> None:
    """Create a trigger.

    E.g. callboard triggers create nightly --cron "0 2 * * *" --zone Europe/Prague --job load
    """
    from callboard_service.cli.arguments import parse_arguments
    from callboard_service.cli.input import read_object
    from callboard_service.cli.trigger_options import (
        check_one_schedule,
        policies_of,
        schedule_of,
    )

    options = {
        "--cron": cron,
        "--every": every,
        "--delay": delay,
        "--months": months,
        "--days": days,
        "--at": at,
        "--when": when,
        "--events": events,
        "--on-demand": on_demand or None,
        "--file": file,
    }
    check_one_schedule(options)
    clock = {
        "--zone": zone,
        "--dialect": dialect,
        "--time": time,
        "--start": start,
        "--gap": gap,
        "--fold": fold,
    }
    schedule = schedule_of(options, clock)
    if file is not None:
        if name is not None or job or arg or arg_json:
            raise typer.BadParameter("the file says name, jobs and arguments", param_hint="--file")
        document = read_object(file)
    else:
        document = _document(name, schedule, job, parse_arguments(arg, arg_json))
    document |= policies_of(
        overlap=overlap,
        misfire=misfire,
        jitter=jitter,
        flexible_window=flexible_window,
        exclude=exclude,
        include=include,
        shift=shift,
    )
    if description is not None:
        document["description"] = description
    if inactive:
        document["start_on_create"] = False
    answer = await session.api.create("triggers", document, group, replace=replace)
    _show(session, answer.body)


@api_command(app, "delete")
async def delete_trigger(session: Session, name: Name, group: Group = None) -> None:
    """Delete a trigger; its ledger and its runs stay."""
    from callboard_service.cli.client import path_of

    await session.api.request("DELETE", path_of("triggers", name), query={"group": group})
    session.output.note(f"deleted the trigger {name}")


@api_command(app, "activate")
async def activate_trigger(session: Session, name: Name, group: Group = None) -> None:
    """Begin to fire."""
    await _act(session, name, group, "activate")


@api_command(app, "deactivate")
async def deactivate_trigger(session: Session, name: Name, group: Group = None) -> None:
    """Cease to fire; the trigger stays."""
    await _act(session, name, group, "deactivate")


@api_command(app, "fire")
async def fire_trigger(
    session: Session,
    name: Name,
    arg: Arg = None,
    arg_json: ArgJson = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Whatever its overlap policy says.")
    ] = False,
    group: Group = None,
) -> None:
    """Start all that it starts now, without a slot."""
    from callboard_service.cli.arguments import parse_arguments
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import RUN_COLUMNS, run_row

    body: dict[str, Any] = {"arguments": parse_arguments(arg, arg_json)}
    if allow_overlap:
        body["overlap"] = "allow"
    answer = await session.api.post(path_of("triggers", name, "fire"), body, {"group": group})
    output = session.output
    if output.as_json:
        output.document(answer.body)
    else:
        rows = [run_row(run, utc=output.utc) for run in answer.value["items"]]
        output.table(RUN_COLUMNS, rows)


@api_command(app, "tell")
async def tell_event(
    session: Session,
    name: Name,
    count: Annotated[int, typer.Option(min=1, help="How often something happened.")] = 1,
    group: Group = None,
) -> None:
    """Tell a trigger of events."""
    from callboard_service.cli.client import path_of

    path = path_of("triggers", name, "events")
    answer = await session.api.post(path, {"count": count}, {"group": group})
    _show(session, answer.body)


@api_command(app, "ledger")
async def list_ledger(
    session: Session,
    name: Name,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="At or after.", show_default="a day ago"),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Before.", show_default="now")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At the most.")] = 50,
    group: Group = None,
) -> None:
    """Show what became of its slots."""
    await _list(session, "ledger", name, {"from": since, "until": until, "group": group}, limit)


@api_command(app, "slots")
async def list_slots(
    session: Session,
    name: Name,
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="At or after.", show_default="a day ago"),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Before.", show_default="in a week")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At the most.")] = 50,
    group: Group = None,
) -> None:
    """Show what became of its slots, and those to come."""
    await _list(session, "slots", name, {"from": since, "until": until, "group": group}, limit)


async def _list(
    session: Session, what: str, name: str, query: Mapping[str, str | None], limit: int
) -> None:
    from callboard_service.cli.client import path_of
    from callboard_service.cli.views import SLOT_COLUMNS, slot_row

    page = await session.api.list(path_of("triggers", name, what), query, limit)
    output = session.output
    if output.as_json:
        output.document(page)
    else:
        output.table(SLOT_COLUMNS, [slot_row(slot, utc=output.utc) for slot in page["items"]])


async def _act(session: Session, name: str, group: str | None, verb: str) -> None:
    from callboard_service.cli.client import path_of

    answer = await session.api.post(path_of("triggers", name, verb), None, {"group": group})
    _show(session, answer.body)


def _document(
    name: str | None, schedule: dict[str, Any], jobs: list[str] | None, arguments: dict[str, Any]
) -> dict[str, Any]:
    if name is None:
        raise typer.BadParameter("a trigger needs a name", param_hint="NAME")
    if not jobs:
        raise typer.BadParameter("a trigger starts a job", param_hint="--job")
    actions = [{"job": job, "arguments": arguments} for job in jobs]
    return {"name": name, "schedule": schedule, "actions": actions}


def _show(session: Session, body: bytes) -> None:
    import json

    from callboard_service.cli.views import trigger_facts

    if session.output.as_json:
        session.output.document(body)
    else:
        session.output.facts(trigger_facts(json.loads(body), utc=session.output.utc))
