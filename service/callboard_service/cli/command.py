"""How a coroutine becomes a command: its common options, its event loop, its exit code.

Only typer is imported here and in the files of the commands; what a command needs is imported when
it runs, so that `callboard --help` costs little.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.output import Output
from callboard_service.cli.session import Session

if TYPE_CHECKING:
    from callboard_service.cli.failures import CliFailure

DEFAULT_URL: Final = "http://127.0.0.1:8321"

Url = Annotated[
    str,
    typer.Option("--url", envvar="CALLBOARD_URL", help="The server.", rich_help_panel="Server"),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="CALLBOARD_TOKEN",
        help="Its bearer token; better in the environment, where other users cannot see it.",
        show_default=False,
        rich_help_panel="Server",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON, as the API has it.", rich_help_panel="Output"),
]
Utc = Annotated[
    bool,
    typer.Option("--utc", help="Show times in UTC, not in local time.", rich_help_panel="Output"),
]
Group = Annotated[
    str | None,
    typer.Option("--group", "-g", help="The owner.", show_default="default"),
]
AnyGroup = Annotated[
    str | None,
    typer.Option("--group", "-g", help="Only of this owner.", show_default="all"),
]

Work = Callable[..., Coroutine[Any, Any, "ExitCode | None"]]

_COMMON: Final = (
    ("url", Url, DEFAULT_URL),
    ("token", Token, None),
    ("as_json", AsJson, False),
    ("utc", Utc, False),
)


def api_command(app: typer.Typer, name: str, *, panel: str | None = None) -> Callable[[Work], Work]:
    """Make `async def work(session, ...)` the command `name`, with the options that all have."""

    def decorate(work: Work) -> Work:
        def command(
            *, url: str, token: str | None, as_json: bool, utc: bool, **given: object
        ) -> None:
            output = Output(as_json=as_json, utc=utc)
            run(output, lambda: _with_session(work, given, url, token, output))

        _dress(command, work)
        app.command(name, rich_help_panel=panel)(command)
        return work

    return decorate


def run(output: Output, work: Callable[[], Coroutine[Any, Any, ExitCode | None]]) -> None:
    """Run the coroutine to its end and leave with its exit code.

    Raises:
        typer.Exit
    """
    import asyncio

    from callboard.errors import CallboardError
    from callboard_service.cli.failures import CliFailure

    try:
        code = asyncio.run(work())
    except (CliFailure, CallboardError) as error:
        failure = error if isinstance(error, CliFailure) else _failure_of(error)
        output.failure(failure)
        raise typer.Exit(failure.code) from None
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    raise typer.Exit(code or ExitCode.DONE)


def _failure_of(error: Exception) -> CliFailure:
    """The library's own errors, in commands that need no server."""
    from callboard.errors import InvalidInput, StoreUnavailable, UsageError
    from callboard_service.cli.failures import CliFailure, invalid_input

    if isinstance(error, InvalidInput):
        return invalid_input(error)
    if isinstance(error, UsageError):
        return CliFailure(ExitCode.USAGE, str(error))
    if isinstance(error, StoreUnavailable):
        return CliFailure(ExitCode.UNREACHABLE, str(error))
    return CliFailure(ExitCode.REFUSED, str(error))


async def _with_session(
    work: Work, given: dict[str, object], url: str, token: str | None, output: Output
) -> ExitCode | None:
    from callboard.clock import SystemClock
    from callboard_service.cli.client import ApiClient

    async with ApiClient(url, token) as api:
        return await work(Session(api=api, output=output, clock=SystemClock()), **given)


def _dress(command: Callable[..., None], work: Work) -> None:
    """Give the command the work's parameters but the session, then the common ones."""
    _, *own = inspect.signature(work, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter(name, keyword, annotation=kind, default=default)
        for name, kind, default in _COMMON
    ]
    parameters = [each.replace(kind=keyword) for each in own] + common
    command.__doc__ = work.__doc__
    command.__name__ = work.__name__
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
