"""The command `callboard`: its commands and groups."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli import (
    backfills,
    batch,
    bulk_runs,
    calendars,
    import_crontab,
    jobs,
    pauses,
    queues,
    runs,
    triggers,
    webhooks,
    workflows,
)
from callboard_service.cli.command import api_command
from callboard_service.cli.doctor import doctor
from callboard_service.cli.exit_code import HELP
from callboard_service.cli.explain import explain
from callboard_service.cli.migrate import migrate
from callboard_service.cli.next_slots import next_slots
from callboard_service.cli.nodes import nodes
from callboard_service.cli.serve import serve
from callboard_service.cli.simulate import simulate
from callboard_service.cli.start import start
from callboard_service.cli.tail import tail
from callboard_service.cli.translate import translate

HERE = "On this machine"
CLIENT = "Through a server"


def build_app() -> typer.Typer:
    """The command line."""
    app = typer.Typer(
        name="callboard",
        help="The job scheduler in which every promised slot is accounted for.",
        epilog=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_callboard)
    app.command("serve", rich_help_panel=HERE)(serve)
    app.command("migrate", rich_help_panel=HERE)(migrate)
    app.command("doctor", rich_help_panel=HERE)(doctor)
    app.command("next", rich_help_panel=HERE)(next_slots)
    app.command("translate", rich_help_panel=HERE)(translate)
    api_command(app, "simulate", panel=HERE)(simulate)
    app.add_typer(jobs.app, name="jobs", rich_help_panel=CLIENT)
    app.add_typer(triggers.app, name="triggers", rich_help_panel=CLIENT)
    app.add_typer(runs.app, name="runs", rich_help_panel=CLIENT)
    app.add_typer(batch.app, name="batch", rich_help_panel=CLIENT)
    app.add_typer(workflows.app, name="workflows", rich_help_panel=CLIENT)
    app.add_typer(calendars.app, name="calendars", rich_help_panel=CLIENT)
    app.add_typer(webhooks.app, name="webhooks", rich_help_panel=CLIENT)
    app.add_typer(queues.app, name="queues", rich_help_panel=CLIENT)
    app.add_typer(backfills.app, name="backfills", rich_help_panel=CLIENT)
    for name, work in (
        ("start", start),
        ("log", runs.show_log),
        ("stop", runs.stop),
        ("release", bulk_runs.release),
        ("retry", bulk_runs.retry),
        ("pause", pauses.pause),
        ("resume", pauses.resume),
        ("explain", explain),
        ("tail", tail),
        ("nodes", nodes),
    ):
        api_command(app, name, panel=CLIENT)(work)
    app.add_typer(import_crontab.app, name="import", rich_help_panel=CLIENT)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"callboard {version('callboard')}")
        raise typer.Exit


def _callboard(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    pass
