"""callboard migrate: bring a database to this program's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from callboard_service.cli.command import AsJson, run
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.output import Output
from callboard_service.cli.serve import Dsn


def migrate(
    dsn: Dsn = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is missing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply the migrations that the database lacks; each is one transaction.

    The service does it by itself when it starts; this is for doing it before.
    """
    output = Output(as_json=as_json)
    run(output, lambda: _migrate(output, dsn, dry_run))


async def _migrate(output: Output, dsn: str | None, dry_run: bool) -> ExitCode:
    from callboard_service.cli.database import open_database
    from callboard_service.cli.progress import spinner

    async with open_database(dsn) as database:
        with spinner("migrating"):
            names = await (database.missing() if dry_run else database.migrate())
    if output.as_json:
        output.document({"missing" if dry_run else "applied": names})
        return ExitCode.DONE
    for name in names:
        output.line(f"{'missing' if dry_run else 'applied'}  {name}")
    if not names:
        output.line("the schema is up to date")
    return ExitCode.DONE
