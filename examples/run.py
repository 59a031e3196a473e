"""Callboard with the examples scheduled: what `make run` starts.

The service runs in this process, on an embedded PostgreSQL in `data/`. The crontab and the handlers
beside this file are defined through its API, which changes nothing when they are there already, and
what happens is shown as `callboard tail` would. Ctrl-C stops it in order; after `kill -9` the next
start goes on where this one was.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import io
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import handlers

from callboard import every
from callboard.clock import SystemClock
from callboard.definition import definition_of, handler_name, to_job
from callboard.domain.schedule import schedule_to_json
from callboard.errors import InvalidInput
from callboard_service.cli.client import ApiClient, path_of
from callboard_service.cli.crontab_import import ImportResult, import_plan
from callboard_service.cli.crontab_plan import Terms, plan_import
from callboard_service.cli.exit_code import ExitCode
from callboard_service.cli.failures import CliFailure
from callboard_service.cli.follow import follow
from callboard_service.cli.local_zone import local_zone
from callboard_service.cli.output import Output
from callboard_service.cli.session import Session
from callboard_service.cli.tail import print_message
from callboard_service.crontab import parse_crontab
from callboard_service.serve import run_service
from callboard_service.settings import Settings, load_settings
from callboard_service.wire.jobs import job_document

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
CRONTAB = HERE / "crontab"
READY_S = 120.0
POLL_S = 0.1
USAGE = 2

SCHEDULES: dict[Callable[..., Any], tuple[float, dict[str, Any]]] = {
    handlers.greet: (5, {"name": "Prospero"}),
    handlers.compare_prices: (10, {"title": "The Winter's Tale"}),
    handlers.shrink_covers: (15, {}),
    handlers.send_orders: (10, {}),
}
"""What is started every so many seconds, with which arguments."""
AT_ONCE = ("greet", "shrink_covers", "supplier-prices")
"""Jobs that are also started at each start, so that nobody waits for the first lines."""


def main() -> int:
    """Serve until Ctrl-C; the exit code."""
    try:
        settings = read_settings()
    except InvalidInput as error:
        print(f"examples/run.py: {error}", file=sys.stderr)
        return USAGE
    if settings.port and not is_free(settings):
        print(taken(settings), file=sys.stderr)
        return USAGE
    # Commands look for python3 in PATH: this one will do.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    announcement = Announcement()
    audience = Audience(settings, announcement)
    audience.start()
    try:
        return run_service(settings, out=announcement) or audience.code
    finally:
        audience.stop()


def read_settings() -> Settings:
    """From the command line, over CALLBOARD_PORT and the like; but never another database."""
    parser = argparse.ArgumentParser(description="Callboard with the examples scheduled.")
    parser.add_argument("--data", type=Path, default=DATA, help="directory of the database")
    parser.add_argument("--port", help="default: CALLBOARD_PORT, or 8321; 0: any free one")
    given = parser.parse_args()
    arguments = {
        "dsn": f"embedded:{given.data}",
        "port": given.port,
        "handlers": ["handlers"],
        "drain_s": 10,
        "log_level": os.environ.get("CALLBOARD_LOG_LEVEL", "warning"),
    }
    return load_settings(os.environ, arguments)


def is_free(settings: Settings) -> bool:
    """Whether the port can be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
        except OSError:
            return False
    return True


def taken(settings: Settings) -> str:
    """What to do about a port that is not free."""
    return (
        f"Port {settings.port} on {settings.host} is taken: perhaps Callboard runs already.\n"
        f"  look:              curl http://{settings.host}:{settings.port}/healthz\n"
        f"  on another port:   CALLBOARD_PORT={settings.port + 1} make run"
    )


class Announcement(io.StringIO):
    """Takes the line in which the service says where it listens."""

    def __init__(self) -> None:
        super().__init__()
        self._is_over = threading.Event()

    def write(self, text: str) -> int:
        length = super().write(text)
        if "\n" in text:
            self._is_over.set()
        return length

    def give_up(self) -> None:
        """Let nobody wait for it any longer."""
        self._is_over.set()

    def url(self) -> str | None:
        """The service's URL, once it listens; None when it will not."""
        self._is_over.wait()
        return next((word for word in self.getvalue().split() if word.startswith("http")), None)


class Audience:
    """A thread that defines the examples through the API, and then shows what happens."""

    def __init__(self, settings: Settings, announcement: Announcement) -> None:
        self._settings = settings
        self._announcement = announcement
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="audience", daemon=True)
        self.code = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it, wherever it is."""
        self._announcement.give_up()
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join(timeout=5)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        url = self._announcement.url()
        if url is None:
            return
        try:
            self._task = self._loop.create_task(present(url, self._settings))
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except (CliFailure, TimeoutError) as error:
            print(f"examples/run.py: {error}", file=sys.stderr)
            self.code = 1
            os.kill(os.getpid(), signal.SIGTERM)


async def present(url: str, settings: Settings) -> None:
    """Define the examples, say what to try, show what happens; until it is cancelled."""
    async with ApiClient(url, settings.token) as api:
        session = Session(api=api, output=Output(), clock=SystemClock())
        while True:
            await until_ready(api)
            try:
                result = await schedule_crontab(session)
                await define_handlers(api)
                introduce(url, settings, result)
                for name in AT_ONCE:
                    await api.post(path_of("jobs", name, "runs"), {})
                await show_events(session)
            except CliFailure as failure:
                # The service is this process: either it stops, and this is cancelled soon, or its
                # database is away for a while.
                if failure.code is not ExitCode.UNREACHABLE:
                    raise


async def show_events(session: Session) -> None:
    """As `callboard tail`."""
    # What is said of a lost connection helps nobody here.
    async for message in follow(
        session.api,
        path_of("stream"),
        {},
        after=None,
        clock=session.clock,
        note=lambda text: None,
    ):
        print_message(session.output, message)


async def until_ready(api: ApiClient) -> None:
    """Return when the service is ready."""
    async with asyncio.timeout(READY_S):
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await api.get("/readyz")
                return
            except CliFailure:
                pass


async def schedule_crontab(session: Session) -> ImportResult:
    """As `callboard import crontab examples/crontab --take-over --prune`."""
    user = getpass.getuser()
    zone = local_zone(os.environ)
    file = parse_crontab(CRONTAB.read_text("utf-8"), system=False, zone=zone, user=user)
    terms = Terms(
        source=str(CRONTAB),
        group="default",
        prefix="",
        user=user,
        any_user=False,
        directory=str(HERE),
    )
    return await import_plan(session, plan_import(file, terms), take_over=True, prune=True)


async def define_handlers(api: ApiClient) -> None:
    """A job for each handler, and a trigger for each job."""
    for handler, (seconds, arguments) in SCHEDULES.items():
        job = to_job(definition_of(handler), handler_name(handler), {})
        await api.request("PUT", path_of("jobs", job.name), body=job_document(job))
        trigger = {
            "schedule": schedule_to_json(every(seconds=seconds)),
            "actions": [{"job": job.name, "arguments": arguments}],
        }
        name = f"{job.name}-every-{seconds}s"
        await api.request("PUT", path_of("triggers", name), body=trigger)


def introduce(url: str, settings: Settings, result: ImportResult) -> None:
    """Say what runs, and what to try."""
    token = ' -H "Authorization: Bearer $CALLBOARD_TOKEN"' if settings.token else ""
    where = f"CALLBOARD_URL={url} " if settings.port != Settings().port else ""
    print(
        f"""
Callboard is up at {url} (open it in a browser), its data in {settings.dsn.partition(":")[2]}
{len(result.imported)} lines of examples/crontab and {len(SCHEDULES)} handlers are scheduled.
Ctrl-C stops it. Or kill -9 it, and start it again: nothing is missing, nothing doubled.

In another terminal:
  {where}{Path(sys.executable).with_name("callboard")} start greet --arg name=Ada --wait
  curl -s{token} '{url}/v1/runs?state=failed&limit=3'
  curl -s{token} -X POST '{url}/v1/jobs/greet/runs?wait_s=10' \\
       -H 'Content-Type: application/json' -d '{{"arguments": {{"name": "Ada"}}}}'
  curl -sN{token} -H 'Accept: text/event-stream' {url}/v1/stream
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
