"""The service as a process: opens the board, listens, drains when it is told to stop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO

from aiohttp import web

from callboard.board import Callboard
from callboard.clock import SystemClock
from callboard.errors import CallboardError, UsageError
from callboard.runners.secrets import EnvSecrets, FileSecrets, SecretProvider
from callboard_service.app import SERVICE, build_app
from callboard_service.logs import set_up_logs
from callboard_service.settings import GOOD_TOKEN, Settings
from callboard_service.tasks import first_of

DONE: Final = 0
USAGE: Final = 2
REFUSED: Final = 3
INTERRUPTED: Final = 130
"""What shells call a process that Ctrl-C ended."""
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


class CannotServe(UsageError):
    """The service cannot start, or cannot go on, with what it was told."""


def run_service(settings: Settings, *, out: TextIO | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 stopped, 2 usage, 3 refused.

    A second signal ends the process at once.

    Args:
        out: where the line goes that says where the service listens; standard output.
    """
    set_up_logs(settings.log_format, settings.log_level)
    try:
        _import_handlers(settings)
        with asyncio.Runner(loop_factory=loop_factory(settings.loop)) as runner:
            runner.run(_serve(settings, out or sys.stdout))
    except KeyboardInterrupt:
        return INTERRUPTED
    except UsageError as error:
        print(f"callboard: {error}", file=sys.stderr)
        return USAGE
    except CallboardError as error:
        print(f"callboard: {error}", file=sys.stderr)
        return REFUSED
    return DONE


def loop_factory(loop: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The maker of event loops that the setting names; None: asyncio's own.

    Raises:
        CannotServe: uvloop is asked for, but not installed.
    """
    if loop == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if loop == "uvloop":
            raise CannotServe("uvloop is not installed: pip install 'callboard[uvloop]'") from None
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def board_of(settings: Settings) -> Callboard:
    """The board that the settings describe, not open yet."""
    secrets: dict[str, SecretProvider] = {"env": EnvSecrets(os.environ)}
    if settings.secrets_dir is not None:
        secrets["file"] = FileSecrets(settings.secrets_dir)
    return Callboard(
        settings.dsn,
        config=settings.board_config(),
        secrets=secrets,
        databases=settings.dsn_of_database,
    )


def _import_handlers(settings: Settings) -> None:
    # As `python -m` has it: handlers lie where the service is started.
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    for module in settings.handlers:
        try:
            importlib.import_module(module)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise CannotServe(f"--handlers {module}: it cannot be imported: {reason}") from error


async def _serve(settings: Settings, out: TextIO) -> None:
    if settings.token is not None and len(settings.token) < GOOD_TOKEN:
        logger.warning("the token is short; one of 32 random characters cannot be guessed")
    stopping = asyncio.Event()
    _listen_for_signals(stopping)
    board = board_of(settings)
    app = build_app(board, settings, SystemClock())
    # No signal handlers of aiohttp, and no access log: the service has its own.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=settings.drain_s)
    try:
        await board.open()
        await runner.setup()
        url = await _bind(runner, settings)
        print(
            f"Callboard listens on {url} (node {board.health().node}, store {settings.shown_dsn})",
            file=out,
            flush=True,
        )
        await first_of(_stopped(stopping), _failed(board))
    finally:
        app[SERVICE].streams.close()
        await runner.cleanup()
        await board.close()


def _listen_for_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        logger.info("stopping", extra={"event": "service.stopping"})
        stopping.set()
        for each in SIGNALS:
            loop.remove_signal_handler(each)  # the next one ends the process

    for each in SIGNALS:
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt
            loop.add_signal_handler(each, stop)


async def _bind(runner: web.AppRunner, settings: Settings) -> str:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        where = f"{settings.host}:{settings.port}"
        raise CannotServe(f"cannot listen on {where}: {reason}") from None
    address = runner.addresses[0]
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http://{host}:{address[1]}"


async def _stopped(stopping: asyncio.Event) -> None:
    await stopping.wait()


async def _failed(board: Callboard) -> None:
    raise await board.failure()
