"""callboard simulate: what triggers will do in the months to come, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from callboard_service.cli.command import AnyGroup
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from datetime import datetime

    from callboard.simulation import Findings, Scenario
    from callboard_service.cli.simulation_input import Given


async def simulate(
    session: Session,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Crontabs, or JSON documents of triggers, jobs and calendars as the API lists "
            "them; - for stdin. Without any: the triggers of the server.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str,
        typer.Option("--until", metavar="+PERIOD|INSTANT", help="+1y, +30d, +12h, or an instant."),
    ] = "+30d",
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="The beginning.", show_default="now"),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            "--zone",
            "-z",
            help="Whose days the load is shown by, and what a crontab means without CRON_TZ.",
            show_default="this machine's",
        ),
    ] = None,
    duration: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JOB=PERIOD",
            help="How long a run of the job takes: 90, 5m, 1h30m; * for all other jobs.",
            show_default="no time",
        ),
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Draw the load over the day and the week, as SVG."),
    ] = None,
    execute_all: Annotated[
        bool,
        typer.Option(
            "--execute-all",
            help="Execute every run, also where counting slots comes to the same; slow.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of what is left to chance.")] = 0,
    system: Annotated[
        bool | None,
        typer.Option(
            "--system/--user",
            help="Whether each line of a crontab names its user, as /etc/crontab does.",
            show_default="told by the file",
        ),
    ] = None,
    group: AnyGroup = None,
) -> ExitCode:
    """Run triggers in virtual time, and say what they did and where the load is.

    The real scheduler and job store work on a store in memory, under a clock that does not wait.
    Jobs do nothing but take their time. The same input gives the same answer. Lines of a crontab
    that cannot be read are named, and the exit code is 3.
    """
    from callboard.simulation import simulate as run_simulation
    from callboard_service.cli.progress import bar
    from callboard_service.cli.simulation_view import show_findings

    given = await _given(session, files or [], zone, group, system)
    scenario = _scenario(session, given, since, until, zone, duration, seed)
    began_at = session.clock.monotonic()
    with _quiet(), bar("simulating") as progress:
        findings = await run_simulation(
            scenario,
            execute_all=execute_all,
            on_progress=lambda share: progress(int(share * 100), 100),
        )
    if picture is not None:
        _draw(session, picture, findings)
    show_findings(session.output, scenario, findings, session.clock.monotonic() - began_at)
    return ExitCode.REFUSED if given.has_problems else ExitCode.DONE


@contextmanager
def _quiet() -> Iterator[None]:
    """What a board in memory logs, of runs that the end cut short say, concerns nobody."""
    import logging

    logger, handler = logging.getLogger("callboard"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


async def _given(
    session: Session, files: list[str], zone: str | None, group: str | None, system: bool | None
) -> Given:
    from callboard.domain.names import DEFAULT_GROUP
    from callboard_service.cli.simulation_input import CrontabTerms, read_files, read_server

    if not files:
        return await read_server(session, group)
    terms = CrontabTerms(system=system, zone=_zone(zone), group=group or DEFAULT_GROUP)
    return read_files(session.output, files, terms)


def _zone(zone: str | None) -> str:
    import os

    from callboard_service.cli.local_zone import local_zone

    return zone or local_zone(os.environ)


def _scenario(
    session: Session,
    given: Given,
    since: str | None,
    until: str,
    zone: str | None,
    duration: list[str] | None,
    seed: int,
) -> Scenario:
    from callboard.domain.instant import instant_from_text
    from callboard.simulation import Scenario
    from callboard_service.cli.arguments import parse_period

    now = session.clock.now().replace(microsecond=0)
    start = now if since is None else instant_from_text(since, "from")
    durations: dict[str, float] = {}
    for text in duration or []:
        job, sign, period = text.partition("=")
        if not sign or not job:
            raise typer.BadParameter(f"{text!r} is not JOB=PERIOD", param_hint="--duration")
        durations[job] = parse_period(period, "--duration")
    return Scenario(
        triggers=tuple(given.triggers),
        jobs=tuple(given.jobs),
        calendars=tuple(given.calendars),
        since=start,
        until=end_of(until, start),
        durations=durations,
        seed=seed,
        zone=_zone(zone),
    )


def end_of(text: str, start: datetime) -> datetime:
    """`+1y` (the same date and time of a later year), `+30d`, `+1h30m` after the start, or an
    instant.

    Raises:
        InvalidInput: on `until`.
        typer.BadParameter: no period.
    """
    from datetime import timedelta

    from callboard.domain.instant import instant_from_text
    from callboard.errors import invalid
    from callboard_service.cli.arguments import parse_period

    if not text.startswith("+"):
        return instant_from_text(text, "until")
    number = text[1:].removesuffix("y")
    try:
        if text.endswith("y") and number.isascii() and number.isdigit():
            return _years_later(start, int(number))
        return start + timedelta(seconds=parse_period(text[1:], "--until"))
    except (OverflowError, ValueError):
        raise invalid("until", f"{text} is beyond the calendar") from None


def _years_later(start: datetime, years: int) -> datetime:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        if (start.month, start.day) != (2, 29):
            raise
        return start.replace(year=start.year + years, day=28)


def _draw(session: Session, name: str, findings: Findings) -> None:
    from pathlib import Path

    from callboard_service.cli.failures import CliFailure
    from callboard_service.cli.load_picture import load_picture

    try:
        Path(name).write_text(load_picture(findings), encoding="utf-8")
    except OSError as error:
        raise CliFailure(ExitCode.USAGE, f"--picture: {name}: {error.strerror or error}") from None
    session.output.note(f"the load is drawn in {name}")
