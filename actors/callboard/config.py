"""What a board can be told: one value, checked once, all faults in one error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from callboard.domain.egress import Egress
from callboard.domain.job import seconds_problem
from callboard.domain.names import name_problem
from callboard.domain.shards import Scheduling as Scheduling
from callboard.errors import FieldProblem, InvalidInput

DAY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardConfig:
    """Settings of one board; the library never reads the environment."""

    node_name: str | None = None
    """Unique among the nodes of a database; None: made of host name and process id."""
    capacity: int = 100
    """Runs on this node at once, at the most, beside those that only wait for other runs."""
    calls_limit: int = 10_000
    """Calls of the host that may be under way at once, each counted by the runs or triggers that it
    brings; more wait for their turn."""
    fires: bool = True
    """Whether this node decides slots, and moves backfills on."""
    executes: bool = True
    """Whether this node executes runs."""
    notifies: bool = True
    """Whether this node calls webhooks, and looks for missed deadlines."""
    scheduling: Scheduling = Scheduling.SHARED
    """The same on all nodes of a database."""
    modules: tuple[str, ...] | None = None
    """Modules from which handlers may be imported by name; None: any."""
    egress_allow: tuple[str, ...] = ()
    """Where http jobs, fetched scripts and webhooks may connect to besides the public internet:
    networks, hosts, host:port; see `domain.egress`."""
    lease_s: float = 15.0
    """Seconds without a sign of life after which others take a node's runs away."""
    firing_lease_s: float = 6.0
    """Seconds without a sign of life after which others decide the slots of a node's share."""
    loop_block_warn_s: float = 1.0
    """Seconds that a handler may block the event loop before it is named in log and metrics."""
    loop_block_limit_s: float = 600.0
    """Seconds of a blocked loop after which the node's lease is not renewed any more."""
    claim_ahead_s: float = 0.1
    """Runs are claimed ahead as far as this node, at its present pace, begins them within so many
    seconds; 0: only as many as there are free places."""
    poll_s: float = 5.0
    """Seconds between looks at the database where no hint came."""
    horizon_s: float = 60.0
    """Slots due within so many seconds are kept in memory."""
    clock_skew_limit_s: float = 5.0
    """The node says that it is degraded when its clock is further away from the database's."""
    rescue_every_s: float = 4.0
    """Seconds between looks for nodes that died."""
    crash_budget: int = 3
    """Nodes that may die under a run before it is parked."""
    process_runs: int = 100
    """Runs that a worker process executes (jobs with isolation process) before it is replaced."""
    drain_s: float = 30.0
    """Seconds that running handlers have when the board closes; then they are handed back."""
    log_limit_bytes: int = 1_048_576
    """Of one run's log; what comes after is counted and dropped."""
    log_flush_s: float = 0.5
    keep_runs_s: float | None = 30 * DAY_S
    """How long ended runs and their logs are kept; None: for ever."""
    keep_runs_per_job: int | None = None
    """How many ended runs of a job are kept at the most, the newest; None: any number."""
    keep_ledger_s: float | None = 90 * DAY_S
    keep_events_s: float | None = DAY_S
    """How far back a stream can be resumed."""
    prune_every_s: float = 600.0
    """Seconds between prunes at the most; history that is kept for a short time, or by number, is
    pruned more often."""

    def __post_init__(self) -> None:
        problems = tuple(self._problems())
        if problems:
            raise InvalidInput(*problems)

    def _problems(self) -> Iterator[FieldProblem]:
        if self.node_name is not None:
            problem = name_problem(self.node_name, "node_name")
            if problem is not None:
                yield problem
        if not 1 <= self.capacity <= 100_000:
            yield FieldProblem("capacity", f"{self.capacity} is outside 1 to 100000")
        if not 1 <= self.calls_limit <= 10_000:
            yield FieldProblem("calls_limit", f"{self.calls_limit} is outside 1 to 10000")
        if not 0 <= self.crash_budget <= 1000:
            yield FieldProblem("crash_budget", f"{self.crash_budget} is outside 0 to 1000")
        if not 1 <= self.process_runs <= 1_000_000:
            yield FieldProblem("process_runs", f"{self.process_runs} is outside 1 to 1000000")
        if not 1024 <= self.log_limit_bytes <= 1 << 30:
            yield FieldProblem("log_limit_bytes", "is outside 1 KiB to 1 GiB")
        if self.keep_runs_per_job is not None and not 0 <= self.keep_runs_per_job <= 10**9:
            yield FieldProblem("keep_runs_per_job", "is outside 0 to 1000000000; null: any number")
        try:
            Egress.of(self.egress_allow)
        except InvalidInput as error:
            yield from error.problems
        for name in ("lease_s", "firing_lease_s", "poll_s", "horizon_s", "rescue_every_s"):
            yield from seconds_problem(getattr(self, name), name)
        for name in ("log_flush_s", "loop_block_warn_s", "loop_block_limit_s"):
            yield from seconds_problem(getattr(self, name), name)
        yield from seconds_problem(self.claim_ahead_s, "claim_ahead_s", zero=True, maximum=60.0)
        yield from seconds_problem(self.prune_every_s, "prune_every_s")
        yield from seconds_problem(self.clock_skew_limit_s, "clock_skew_limit_s")
        yield from seconds_problem(self.drain_s, "drain_s", zero=True)
        for name in ("keep_runs_s", "keep_ledger_s", "keep_events_s"):
            value = getattr(self, name)
            if value is not None:
                yield from seconds_problem(value, name, zero=True, maximum=36_600 * DAY_S)

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_s)

    @property
    def firing_lease(self) -> timedelta:
        return timedelta(seconds=self.firing_lease_s)
