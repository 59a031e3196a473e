"""HttpRunner: jobs of kind http, as requests.

    request   of the job's spec, its placeholders filled with the run's arguments and facts
    way       by the guarded client: only where the egress guard lets it go
    log       one line for each server that answered
    stop      the request is given up, and its connection closed, as soon as that is asked
    end       by status and body: see http_reply.py

Failures: HttpStatus, HttpContent (the answer), HttpRefused (the egress guard; final), HttpTimeout,
HttpUnreachable, HttpTemplate (a placeholder without a value; final). Without aiohttp the run is
parked, type MissingExtra: another node may have it.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from callboard.clock import Clock
from callboard.domain.egress import Egress
from callboard.domain.http_call import request_of
from callboard.domain.http_exchange import (
    Hop,
    HttpFailure,
    HttpRefused,
    Reply,
    Request,
    shown_url,
)
from callboard.domain.job import Job
from callboard.domain.run import Run, RunError
from callboard.domain.states import RunState
from callboard.domain.template import TemplateProblem
from callboard.runners.contract import Outcome
from callboard.runners.control import Phase, RunControl
from callboard.runners.http_reply import reply_outcome
from callboard.runners.log import RunLog
from callboard.runners.text import cut_end, to_storable
from callboard.runners.trace import traceparent

if TYPE_CHECKING:
    from callboard.runners.http_client import GuardedClient

_CLIENT: Final = "callboard.runners.http_client"
MAX_MESSAGE_BYTES: Final = 4_096
MISSING: Final = "jobs of kind http need aiohttp on the node: pip install 'callboard[http]'"


class HttpRunner:
    """Sends requests, one client a run."""

    kind = "http"
    stuck = 0

    def __init__(
        self,
        *,
        clock: Clock,
        egress: Egress,
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Args:
        clock: one that moves with the machine's time, as other machines do.
        egress: what is allowed besides the public internet.
        hold: held while a request is under way; a virtual clock's keeps its time still meanwhile.
        """
        self._clock = clock
        self._egress = egress
        self._hold = hold

    def close(self) -> None:
        """Nothing is held between two runs."""

    async def execute(self, job: Job, run: Run, *, log: RunLog, control: RunControl) -> Outcome:
        """As Runner.execute."""
        try:
            request = request_of(job.spec, run, traceparent(run))
        except TemplateProblem as problem:
            return _failed("HttpTemplate", str(problem), retry=False)
        try:
            with self._hold():
                reply = await self._stoppable(request, log, control)
        except HttpFailure as failure:
            retry = False if isinstance(failure, HttpRefused) else None
            return _failed(type(failure).__name__, str(failure), retry=retry)
        except ModuleNotFoundError as error:
            if error.name not in ("aiohttp", "yarl"):
                raise
            return Outcome(
                state=RunState.PARKED, error=RunError(type="MissingExtra", message=MISSING)
            )
        if reply is None:
            return Outcome(state=RunState.STOPPED)
        return reply_outcome(reply, job.spec, self._clock.now())

    async def _stoppable(self, request: Request, log: RunLog, control: RunControl) -> Reply | None:
        """The answer; None: the run was asked to end before it came."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as scope:
                control.listen(lambda phase: _give_up(scope, loop))
                client_class = await _load_client()
                async with client_class(self._egress, clock=self._clock) as client:
                    return await client.send(request, on_hop=lambda hop: _log_hop(log, hop))
        except TimeoutError:
            if control.phase is Phase.GOING:
                raise
            return None


async def _load_client() -> type[GuardedClient]:
    """The class; imported in a thread at first, for that takes a third of a second.

    Raises:
        ModuleNotFoundError: aiohttp is not installed.
    """
    if _CLIENT not in sys.modules:
        await asyncio.to_thread(importlib.import_module, _CLIENT)
    from callboard.runners.http_client import GuardedClient

    return GuardedClient


def _give_up(scope: asyncio.Timeout, loop: asyncio.AbstractEventLoop) -> None:
    if not scope.expired():
        try:
            scope.reschedule(loop.time())
        except RuntimeError:  # the answer is there already
            pass


def _log_hop(log: RunLog, hop: Hop) -> None:
    log.record("INFO", f"{hop.method} {shown_url(hop.url)}: {hop.status} after {hop.seconds:.3f} s")


def _failed(type: str, message: str, *, retry: bool | None = None) -> Outcome:
    error = RunError(type=type, message=cut_end(to_storable(message), MAX_MESSAGE_BYTES))
    return Outcome(state=RunState.FAILED, error=error, retry=retry)
