"""callboard import crontab: jobs and triggers from a crontab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from callboard_service.cli.command import api_command
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from callboard_service.cli.crontab_import import ImportResult
    from callboard_service.cli.crontab_plan import Plan
    from callboard_service.cli.output import Output

app = typer.Typer(help="Jobs and triggers from elsewhere.", no_args_is_help=True)


@app.callback()
def _import() -> None:
    pass


@api_command(app, "crontab")
async def import_crontab(
    session: Session,
    file: Annotated[str, typer.Argument(help="The crontab; - for stdin.", show_default=False)],
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="Whether each line names its user, as /etc/crontab does.",
            show_default="told by the file",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone",
            "-z",
            help="What the times mean where CRON_TZ says nothing.",
            show_default="this machine's",
        ),
    ] = None,
    group: Annotated[str, typer.Option("--group", "-g", help="Whose they become.")] = "default",
    prefix: Annotated[str, typer.Option(help="Before each name.", show_default=False)] = "",
    cwd: Annotated[
        str | None,
        typer.Option(help="Where commands start, as cron does at home.", show_default="home"),
    ] = None,
    any_user: Annotated[
        bool,
        typer.Option(
            "--any-user", help="Also take lines of other users; the service's user runs them."
        ),
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Also change what has the name but came from elsewhere."),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Delete what an earlier import made of lines that are gone."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would make; needs no server.")
    ] = False,
) -> ExitCode:
    """Make a job and a trigger of each line of a crontab; again changes nothing.

    Variables, CRON_TZ, macros and % are understood. Lines that cannot be taken over are named with
    the reason, the others are imported, and the exit code is 3. What was set by hand since the last
    import, a timeout say, stays.
    """
    from callboard_service.cli.crontab_import import import_plan

    plan = _plan(session.output, file, system, zone, group, prefix, cwd, any_user)
    if dry_run:
        _show_plan(session, plan)
        return ExitCode.REFUSED if plan.problems else ExitCode.DONE
    result = await import_plan(session, plan, take_over=take_over, prune=prune)
    _show_result(session, plan, result)
    return ExitCode.REFUSED if result.problems else ExitCode.DONE


def _plan(
    output: Output,
    file: str,
    system: bool | None,
    zone: str | None,
    group: str,
    prefix: str,
    cwd: str | None,
    any_user: bool,
) -> Plan:
    import getpass
    import os
    from pathlib import Path

    from callboard_service.cli.crontab_plan import Terms, plan_import
    from callboard_service.cli.input import STDIN
    from callboard_service.cli.local_zone import local_zone
    from callboard_service.crontab import parse_crontab

    text = _text(file)
    if system is None:
        system = is_system(output, file, text)
    zone = zone or local_zone(os.environ)
    terms = Terms(
        source="stdin" if file == STDIN else str(Path(file).resolve()),
        group=group,
        prefix=prefix,
        user=getpass.getuser(),
        any_user=any_user,
        directory=cwd or os.path.expanduser("~"),
    )
    user = None if system else terms.user
    return plan_import(parse_crontab(text, system=system, zone=zone, user=user), terms)


def _text(file: str) -> str:
    from callboard_service.cli.failures import CliFailure
    from callboard_service.cli.input import read_bytes

    try:
        return read_bytes(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CliFailure(ExitCode.USAGE, f"{file}: is not UTF-8 at byte {error.start}") from None


def is_system(output: Output, file: str, text: str) -> bool:
    """Whether the file has a user column, by what it says or where it lies."""
    import pwd
    from pathlib import Path

    from callboard_service.crontab import detect_system_form, parse_crontab

    users = frozenset(entry.pw_name for entry in pwd.getpwall())
    form = detect_system_form(text, known_users=users)
    if form is not None:
        return form
    path = Path(file).resolve()
    if path == Path("/etc/crontab") or path.parent == Path("/etc/cron.d"):
        return True
    entries = parse_crontab(text, system=True).entries
    if any(entry.user in users for entry in entries):
        output.note(f"{file} is read as a user's crontab; --system reads it with a user column")
    return False


def _show_plan(session: Session, plan: Plan) -> None:
    output = session.output
    if output.as_json:
        output.document(
            {
                "jobs": [_named(plan, line.name, line.job) for line in plan.lines],
                "triggers": [_named(plan, line.name, line.trigger) for line in plan.lines],
                **_remarks(plan.problems, plan.notes),
            }
        )
        return
    rows = [
        (each.entry.line, each.name, each.entry.expression, each.entry.zone,
         _next(session, each), _command(each))
        for each in plan.lines
    ]  # fmt: skip
    output.table(("LINE", "NAME", "TIMES", "ZONE", "NEXT", "COMMAND"), rows)
    _show_remarks(output, plan.problems, plan.notes)
    output.note(f"would import {len(plan.lines)} lines; {len(plan.problems)} cannot be imported")


def _show_result(session: Session, plan: Plan, result: ImportResult) -> None:
    output = session.output
    if output.as_json:
        imported = [
            {
                "line": each.line and each.line.entry.line,
                "name": each.name,
                "group": plan.terms.group,
                "job": each.job,
                "trigger": each.trigger or None,
            }
            for each in result.imported
        ]
        output.document({"imported": imported, **_remarks(result.problems, plan.notes)})
        return
    rows = [
        (each.line.entry.line, each.name, each.line.entry.expression, each.line.entry.zone,
         each.job, each.trigger, _command(each.line))
        if each.line is not None
        else ("", each.name, "", "", each.job, each.trigger, "")
        for each in result.imported
    ]  # fmt: skip
    output.table(("LINE", "NAME", "TIMES", "ZONE", "JOB", "TRIGGER", "COMMAND"), rows)
    _show_remarks(output, result.problems, plan.notes)
    stale = sum(each.job == "stale" for each in result.imported)
    if stale:
        output.note(f"{stale} no longer in the file, and still scheduled: --prune deletes them")
    lines = sum(each.line is not None for each in result.imported)
    output.note(f"imported {lines} lines; {len(result.problems)} could not be imported")


def _named(plan: Plan, name: str, document: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "group": plan.terms.group, **document}


def _remarks(problems: Any, notes: Any) -> dict[str, Any]:
    return {
        word: [
            {"line": each.line, "column": each.column, "reason": each.reason, "fix": each.fix}
            for each in remarks
        ]
        for word, remarks in (("problems", problems), ("notes", notes))
    }


def _show_remarks(output: Output, problems: Any, notes: Any) -> None:
    from callboard_service.cli.text import one_line

    for word, remarks in (("note", notes), ("not imported", problems)):
        for each in remarks:
            output.note(f"{word}: {one_line(each)}")


def _command(line: Any) -> str:
    from callboard_service.cli.text import shorten
    from callboard_service.cli.views import WIDEST

    return shorten(line.entry.command, WIDEST)


def _next(session: Session, line: Any) -> str:
    from callboard.domain.instant import instant_to_text
    from callboard.domain.schedule import next_slot
    from callboard_service.cli.text import show_instant

    now = session.clock.now()
    slot = next_slot(line.entry.schedule, after=now, anchor=now)
    return "never" if slot is None else show_instant(instant_to_text(slot), utc=session.output.utc)
