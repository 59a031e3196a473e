"""Callboard: the object that starts, holds and stops the actors of one node."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from random import Random, SystemRandom  # noqa: TID251 - the one place that makes a generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import pykka

from callboard.adopter import Adopter
from callboard.backfiller import Backfiller
from callboard.batch.database import Databases
from callboard.batch.job import BatchJob
from callboard.batch.runner import BatchRunner, Workshop
from callboard.batch_journal import BatchJournal
from callboard.clock import Clock, SystemClock, next_turn
from callboard.commands import StartRuns
from callboard.config import BoardConfig
from callboard.definition import Definition, definition_of, handler_name, to_job
from callboard.domain.egress import Egress
from callboard.domain.http_exchange import Reply, Request
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.names import DEFAULT_GROUP
from callboard.domain.node import Node
from callboard.domain.run import NewRun
from callboard.domain.schedule import Schedule
from callboard.domain.trigger import Action, Trigger
from callboard.errors import (
    BugError,
    CallboardError,
    InvalidInput,
    StoreUnavailable,
    UsageError,
)
from callboard.evaluator import Evaluator
from callboard.events import Fact, ShardsChanged
from callboard.executor import Executor
from callboard.health import Health as Health
from callboard.heart import Heart, Told
from callboard.job_store import JobStore
from callboard.leader import Leader
from callboard.notifier import Notifier
from callboard.operations import Operations
from callboard.operations.asking import ANSWER_S
from callboard.operations.turnstile import Turnstile
from callboard.postman import Postman
from callboard.pruner import Pruner
from callboard.pulse import BEATS_PER_LEASE
from callboard.registrar import Registrar, this_node
from callboard.rescuer import Rescuer
from callboard.resident import resident_mb
from callboard.run_handle import RunHandle as RunHandle
from callboard.runners.contract import Runners
from callboard.runners.handlers import HandlerRegistry
from callboard.runners.plugins import Plugins, load_plugins
from callboard.runners.running import RunningHandlers
from callboard.runners.secrets import SecretProvider, Secrets
from callboard.runners.standard import standard_runners
from callboard.runners.vitals import NodeVitals
from callboard.runtime import AskTimeout, Command, HandlerCancelled, RestartPolicy, ask, stop
from callboard.scheduler import Scheduler
from callboard.standing import Standing
from callboard.store.contract import Store
from callboard.store.contract_chunks import ChunkLine
from callboard.store.dsn import open_foreign_line, open_store
from callboard.stream import Stream
from callboard.supervisor import Close, Factory, GetChildren, Supervisor
from callboard.timekeeper import Timekeeper
from callboard.trace_ids import TraceIds
from callboard.transactional import started_on

if TYPE_CHECKING:
    import asyncpg

R = TypeVar("R")

UNANSWERED: Final = (pykka.ActorDeadError, AskTimeout, HandlerCancelled)
"""What may have been done by the job store all the same."""
READY_S: Final = 60.0
READY_POLL_S: Final = 0.02
RUNS_PER_TURN: Final = 1000
"""Runs of a bulk start that are looked at before others have their turn on the loop."""

logger = logging.getLogger(__name__)


def installed_version() -> str:
    """Of the distribution; 0 when the sources run without being installed."""
    try:
        return version("callboard")
    except PackageNotFoundError:
        return "0"


class Callboard(Operations):
    """A node: `async with Callboard("postgresql://...") as board`.

    Any number of boards may share a database, also in one process.
    """

    def __init__(
        self,
        dsn: str = "memory:",
        *,
        config: BoardConfig | None = None,
        handlers: HandlerRegistry | None = None,
        pool: asyncpg.Pool[Any] | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        environ: Mapping[str, str] | None = None,
        secrets: Mapping[str, SecretProvider] | None = None,
        runners: Sequence[object] = (),
        databases: Mapping[str, Any] | None = None,
    ) -> None:
        """Args:
        dsn: `postgresql://...`, `embedded:PATH` or `memory:`; not used with `pool` or `store`.
        handlers: functions known by name; others are imported by `module:function`.
        pool: the host's own, which stays the host's.
        environ: what commands inherit a little of; the process's own by default.
        secrets: where the values of references come from, by the name of the provider.
        runners: of further kinds of jobs, beside those of installed packages; see
            `runners.plugins`.
        databases: of applications, DSNs or asyncpg pools by name, which batch jobs write to
            besides the board's own; pools stay the host's.
        """
        self.clock = clock or SystemClock()
        self.config = config or BoardConfig()
        self.handlers = handlers or HandlerRegistry(modules=self.config.modules)
        self._store = store or open_store(dsn, clock=self.clock, pool=pool)
        self._rng = rng or SystemRandom()
        self._environ = os.environ if environ is None else environ
        self._node = this_node(
            self.config.node_name,
            version=installed_version(),
            capacity=self.config.capacity,
            fires=self.config.fires,
            executes=self.config.executes,
        )
        self._supervisor: pykka.ActorRef[Any] | None = None
        self._actors: Mapping[str, pykka.ActorRef[Any]] = {}
        self._standing = Standing()
        self._running = RunningHandlers()
        self._turnstile = Turnstile(self.config.calls_limit)
        self._offered = tuple(runners)
        self._databases = Databases(
            own=lambda: self._store.chunk_line(),
            others=databases or {},
            open_line=self._open_foreign_line,
        )
        self._secrets = Secrets(secrets, clock=self.clock)
        self._plugins: Plugins | None = None
        self._failure: CallboardError | None = None
        self._failed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.open()
        try:
            await self.wait_ready(READY_S)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the actors. The database may be away: they go on trying to reach it."""
        if self._supervisor is not None:
            raise UsageError("this board is open already")
        self._failure = None
        self._plugins = load_plugins(self._offered)
        self._supervisor = Supervisor.start(
            factories=self._factories(),
            policy=RestartPolicy(),
            observe=self._observe,
            on_failure=self._on_failure,
            clock=self.clock,
        )
        self._actors = await ask(self._supervisor, GetChildren())

    async def wait_ready(self, timeout_s: float | None = None) -> None:
        """Return when the store answers and this node is registered.

        Raises:
            StoreUnavailable: not within the time; it says what is missing.
            CallboardError: the board failed for good (SchemaMismatch, node name in use).
        """
        deadline = None if timeout_s is None else self.clock.monotonic() + timeout_s
        while not (health := self.health()).is_ready:
            if self._failure is not None:
                raise self._failure
            now = self.clock.monotonic()
            if deadline is not None and now >= deadline:
                raise StoreUnavailable("; ".join(health.reasons))
            await self.clock.sleep_until(now + READY_POLL_S)

    async def close(self) -> None:
        """Stop firing, let running handlers end (`drain_s`), hand back the rest, stop."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        if supervisor.is_alive():
            await ask(supervisor, Close(drain_s=self.config.drain_s), timeout=None)
            await stop(supervisor)
        if self._plugins is not None:
            self._plugins.end()
            self._plugins = None
        await self._databases.close()
        self._actors = {}
        self._standing = Standing()

    async def failure(self) -> CallboardError:
        """Wait until the board cannot go on; why."""
        await self._failed.wait()
        return self._failure or BugError("a board failed without a reason")

    def health(self) -> Health:
        """How the board is now; asks nobody."""
        standing = self._standing
        reasons = []
        if self._failure is not None:
            reasons.append(str(self._failure))
        if not standing.is_store_up:
            reasons.append(standing.store_reason)
        if standing.node is None:
            reasons.append(standing.node_reason)
        return Health(
            is_ready=not reasons,
            reasons=tuple(reasons),
            warnings=tuple(self._warnings()),
            node=self._node.name,
            epoch=self._epoch(),
            is_store_up=standing.is_store_up,
            clock_skew_s=standing.skew_s,
            clock_jumps=standing.clock_jumps,
            loop_blocks=standing.loop_blocks,
            shards=len(standing.shards),
            shards_taken_over=standing.taken_over,
            slots=standing.slots,
            mailboxes={
                name: len(cast(Sized, ref.actor_inbox)) for name, ref in self._actors.items()
            },
            stuck=self._running.stuck,
        )

    def _warnings(self) -> Iterator[str]:
        skew_s = self._standing.skew_s
        if skew_s is not None and abs(skew_s) > self.config.clock_skew_limit_s:
            where = "ahead of" if skew_s > 0 else "behind"
            yield f"this node's clock is {abs(skew_s):.1f} s {where} the database's"
        if stuck := self._running.stuck:
            yield f"handlers left behind that do not end: {stuck} of {self.config.capacity} places"
        for kind, why in self._plugins.broken.items() if self._plugins is not None else ():
            yield f"the runner of kind {kind} does not load: {why}"

    def present(self) -> datetime:
        """The store's present, by which slots and runs are due, as far as this node knows it."""
        present = self._standing.present
        return self.clock.now() if present is None else present.now(self.clock.monotonic())

    # embedding

    async def define(self, handler: Callable[..., Any] | BatchJob | str, **fields: Any) -> Job:
        """Store a function, one named `module:function`, or a batch job; again changes nothing.

        Fields are those of `callboard.job`, `name` and `disabled` included, and win over what the
        function's decorator says.
        """
        if isinstance(handler, BatchJob):
            made = handler.to_job(fields)
            self.handlers.put(handler.reference, handler)
            return (await self.replace_job(made))[0]
        if isinstance(handler, str):
            definition = Definition(name=handler.rpartition(":")[2], fields={})
            reference = handler
        else:
            definition, reference = definition_of(handler), handler_name(handler)
            self.handlers.register(reference, handler)
        job, _ = await self.replace_job(to_job(definition, reference, fields))
        return job

    async def schedule(
        self,
        name: str,
        schedule: Schedule,
        job: str | Callable[..., Any] | BatchJob | Sequence[Action],
        arguments: JsonObject | None = None,
        *,
        group: str = DEFAULT_GROUP,
        **fields: Any,
    ) -> Trigger:
        """Store a trigger, active; again changes nothing. Other fields are those of Trigger.

        Args:
            schedule: `cron("0 2 * * *", zone="Europe/Prague")`, `every(minutes=5)`, `at(instant)`.
            job: a job's name, a function that was defined, or several actions.
        """
        if isinstance(job, str | BatchJob) or callable(job):
            job = [Action(job=_job_name(job), arguments=arguments or {})]
        trigger = Trigger(name=name, group=group, schedule=schedule, actions=tuple(job), **fields)
        stored, _ = await self.replace_trigger(trigger)
        return stored

    async def start(
        self,
        job: str | Callable[..., Any] | BatchJob,
        arguments: JsonObject | None = None,
        *,
        group: str = DEFAULT_GROUP,
        due_at: datetime | None = None,
        unique_key: str | None = None,
        priority: int | None = None,
        connection: Any = None,
    ) -> RunHandle:
        """Start a run; it is committed when this returns.

        Args:
            connection: of the caller, to this board's database: the run begins its life when the
                caller's transaction is committed. See `callboard.transactional.start`.
            due_at: not before this instant; None: at once.
            unique_key: at most one live run of the job has it; another start gets that run.
            priority: another than the job's.
        """
        new = NewRun(
            job=_job_name(job),
            group=group,
            arguments=arguments,
            due_at=due_at,
            unique_key=unique_key,
            priority=priority,
        )
        if connection is not None:
            if not self._store.has_callers:
                raise UsageError("there are no connections to a board in memory: use PostgreSQL")
            (run_id,) = await self._store.allocate_run_ids(1)
            return RunHandle(self, await started_on(connection, new, run_id), is_promised=True)
        try:
            (run,) = await self._ask(StartRuns(runs=(new,)))
        except InvalidInput as error:
            raise error.within("runs[0]") from None
        return RunHandle(self, run)

    async def start_many(
        self,
        job: str | Callable[..., Any],
        arguments: Iterable[JsonObject],
        *,
        group: str = DEFAULT_GROUP,
        due_at: datetime | None = None,
    ) -> list[RunHandle]:
        """Start a run of the job for each of the arguments: all or none, in one commit.

        In the order given; all are committed when this returns. Runs of several jobs, or with keys,
        are for `start_runs`. Raises InvalidInput at runs[i].arguments.

        Args:
            due_at: not before this instant; None: at once.
        """
        name = _job_name(job)
        wanted: list[NewRun] = []
        for index, each in enumerate(arguments):
            try:
                wanted.append(NewRun(job=name, group=group, arguments=each, due_at=due_at))
            except InvalidInput as error:
                raise error.under(f"runs[{index}]") from None
            if index % RUNS_PER_TURN == RUNS_PER_TURN - 1:
                await next_turn()
        return [RunHandle(self, run) for run in await self.start_runs(wanted)]

    # wiring

    def _actor(self, name: str) -> pykka.ActorRef[Any]:
        ref = self._actors.get(name)
        if ref is None:
            raise StoreUnavailable("the board is not open")
        return ref

    def _observe(self, fact: Fact) -> None:
        self._standing = self._standing.after(fact)

    def _registered(self) -> Node | None:
        return self._standing.node

    def _epoch(self) -> int | None:
        return self._standing.node.epoch if self._standing.node else None

    def _share(self) -> ShardsChanged | None:
        standing = self._standing
        if standing.firing_epoch is None:
            return None
        return ShardsChanged(epoch=standing.firing_epoch, own=standing.shards)

    def _on_failure(self, error: CallboardError) -> None:
        logger.error("this board cannot go on: %s", error)
        self._failure = error
        self._failed.set()

    def _factories(self) -> dict[str, Factory]:
        """Makers of the actors, in the order of their start; stopped in the other direction."""
        factories: dict[str, Factory] = {
            "job_store": self._make_job_store,
            "stream": self._make_stream,
            "registrar": self._make_registrar,
            "rescuer": self._make_rescuer,
            "pruner": self._make_pruner,
        }
        if self._store.has_callers:
            factories["adopter"] = self._make_adopter
        if self.config.executes or self.config.fires:
            factories["timekeeper"] = self._make_timekeeper
        if self.config.notifies:
            factories["notifier"] = self._make_notifier
        if self.config.executes:
            factories["executor"] = self._make_executor
        if self.config.fires:
            factories["leader"] = self._make_leader
            factories["scheduler"] = self._make_scheduler
            factories["backfiller"] = self._make_backfiller
            factories["evaluator"] = self._make_evaluator
        return factories

    def _make_job_store(self, supervisor: Supervisor) -> JobStore:
        return JobStore(
            store=self._store,
            publish=supervisor.publish,
            new_trace_id=TraceIds(self._rng),
            clock=self.clock,
        )

    def _make_notifier(self, supervisor: Supervisor) -> Notifier:
        postman = Postman(
            send=self._send_http, resolve=self._secrets.value, rng=self._rng, clock=self.clock
        )
        return Notifier(
            job_store=supervisor.child("job_store"),
            postman=postman,
            poll_s=self.config.poll_s,
            clock=self.clock,
        )

    async def _send_http(self, request: Request) -> Reply:
        # Needs aiohttp, which not every board has.
        from callboard.runners.http_client import GuardedClient

        egress = Egress.of(self.config.egress_allow)
        async with GuardedClient(egress, clock=self.clock) as client:
            return await client.send(request)

    def _make_adopter(self, supervisor: Supervisor) -> Adopter:
        return Adopter(
            job_store=supervisor.child("job_store"), poll_s=self.config.poll_s, clock=self.clock
        )

    def _make_stream(self, supervisor: Supervisor) -> Stream:
        return Stream(
            job_store=supervisor.child("job_store"), poll_s=self.config.poll_s, clock=self.clock
        )

    def _make_registrar(self, supervisor: Supervisor) -> Registrar:
        return Registrar(
            job_store=supervisor.child("job_store"),
            publish=supervisor.publish,
            node=self._node,
            registered=self._registered,
            lease=self.config.lease,
            clock=self.clock,
            make_heart=self._make_heart if self.clock.database_now() is None else None,
            vitals=self._make_vitals(),
        )

    def _make_heart(self, post: Callable[[Told], None]) -> Heart:
        return Heart(
            line=self._store.lease_line(),
            post=post,
            lease=self.config.lease,
            block_warn_s=self.config.loop_block_warn_s,
            block_limit_s=self.config.loop_block_limit_s,
            vitals=self._make_vitals(),
            clock=self.clock,
        )

    def _make_vitals(self) -> NodeVitals:
        return NodeVitals(
            running=self._running,
            resident_mb=resident_mb,
            present=self.present,
            older_than_s=self.config.lease_s / BEATS_PER_LEASE,
            stuck=lambda: self._running.stuck,
        )

    def _make_rescuer(self, supervisor: Supervisor) -> Rescuer:
        return Rescuer(
            job_store=supervisor.child("job_store"),
            own_epoch=self._epoch,
            every_s=self.config.rescue_every_s,
            lease=self.config.lease,
            crash_budget=self.config.crash_budget,
            clock=self.clock,
        )

    def _make_timekeeper(self, supervisor: Supervisor) -> Timekeeper:
        return Timekeeper(
            job_store=supervisor.child("job_store"), poll_s=self.config.poll_s, clock=self.clock
        )

    def _make_pruner(self, supervisor: Supervisor) -> Pruner:
        return Pruner(job_store=supervisor.child("job_store"), config=self.config, clock=self.clock)

    def _make_executor(self, supervisor: Supervisor) -> Executor:
        return Executor(
            job_store=supervisor.child("job_store"),
            make_runners=partial(self._make_runners, supervisor.child("job_store")),
            config=self.config,
            node=self._registered,
            rng=self._rng,
            clock=self.clock,
            running=self._running,
            secrets=self._secrets,
        )

    def _make_leader(self, supervisor: Supervisor) -> Leader:
        return Leader(
            job_store=supervisor.child("job_store"),
            publish=supervisor.publish,
            registered=self._registered,
            lease=self.config.firing_lease,
            scheduling=self.config.scheduling,
            clock=self.clock,
        )

    def _make_scheduler(self, supervisor: Supervisor) -> Scheduler:
        return Scheduler(
            job_store=supervisor.child("job_store"),
            publish=supervisor.publish,
            horizon_s=self.config.horizon_s,
            tick_s=self.config.poll_s,
            clock=self.clock,
            share=self._share(),
        )

    def _make_evaluator(self, supervisor: Supervisor) -> Evaluator:
        return Evaluator(
            job_store=supervisor.child("job_store"), poll_s=self.config.poll_s, clock=self.clock
        )

    def _make_backfiller(self, supervisor: Supervisor) -> Backfiller:
        return Backfiller(
            job_store=supervisor.child("job_store"), poll_s=self.config.poll_s, clock=self.clock
        )

    def _make_runners(self, job_store: pykka.ActorRef[Any]) -> Runners:
        runners = standard_runners(
            self.handlers,
            capacity=self.config.capacity,
            environ=self._environ,
            runs_per_worker=self.config.process_runs,
            hold=getattr(self.clock, "hold", nullcontext),
            egress=Egress.of(self.config.egress_allow),
        )
        runners.add(BatchRunner(self._workshop(job_store)))
        for runner in self._plugins.runners if self._plugins is not None else ():
            runners.add(runner)
        return runners

    def _workshop(self, job_store: pykka.ActorRef[Any]) -> Workshop:
        async def tell(command: Command[R]) -> R:
            try:
                return await ask(job_store, command, timeout=ANSWER_S)
            except UNANSWERED as error:
                raise StoreUnavailable(f"the job store did not answer: {error}") from error

        return Workshop(
            registry=self.handlers,
            journal=BatchJournal(tell, self.clock),
            databases=self._databases,
            clock=self.clock,
            rng=self._rng,
            capacity=self.config.capacity,
            hold=getattr(self.clock, "hold", nullcontext),
        )

    async def _open_foreign_line(self, database: Any) -> ChunkLine:
        origin = await self._store.batch_origin()
        return open_foreign_line(database, origin=origin, clock=self.clock)


def _job_name(job: str | Callable[..., Any] | BatchJob) -> str:
    if isinstance(job, BatchJob):
        return job.name
    return job if isinstance(job, str) else definition_of(job).name
