"""Metrics for Prometheus; each application has a registry of its own.

| metric | kind | what |
| --- | --- | --- |
| callboard_runs_ended_total{state} | counter | runs that ended on this node |
| callboard_run_duration_seconds{state} | histogram | from start to end, runs of this node |
| callboard_run_wait_seconds | histogram | from due to started, runs of this node |
| callboard_slot_lateness_seconds | histogram | from a slot to the creation of its runs (*) |
| callboard_slots_total{decision} | counter | slots decided by this node: `fired`, or why not |
| callboard_live_runs{state} | gauge | live runs (*) |
| callboard_stuck_handlers | gauge | handlers on this node that go on although their runs ended |
| callboard_mailbox_depth{actor} | gauge | messages that wait for an actor of this node |
| callboard_store_up | gauge | 1 while the database answers |
| callboard_ready | gauge | 1 while the node schedules and runs |
| callboard_shards | gauge | shards of triggers of which this node decides the slots |
| callboard_shards_taken_over_total | counter | shards that it took over from dead nodes |
| callboard_clock_skew_seconds | gauge | how far its clock is ahead of the database's |
| callboard_clock_jumps_total{source} | counter | steps of the clock of `node` or `store` |
| callboard_loop_blocked_seconds{job} | summary | blocks of the event loop, and by whose handler |
| callboard_http_requests_total{method,route,status} | counter | answered requests |
| callboard_http_request_duration_seconds{method,route} | histogram | until answered; no streams |
| callboard_stream_clients | gauge | open streams |
| callboard_loop_lag_seconds | histogram | how late the event loop rings an alarm |
| callboard_build_info{version} | gauge | 1 |

(*) of the whole database, the same on every node: take the maximum over nodes, not the sum.
A route is a path as it is registered, or a door's operation: `AWSGlue.CreateJob`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from callboard.board import Callboard, installed_version
from callboard.clock import Alarm, Clock
from callboard.domain.states import LIVE
from callboard.errors import CallboardError
from callboard.events import Event

LOOP_PROBE_S: Final = 0.5
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SLOW: Final = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


class BoardCounts(Collector):
    """What the board counts itself, as a metric with one label, or none."""

    def __init__(self, name: str, what: str, label: str | None = None) -> None:
        self._name, self._what = name, what
        self._labels = [] if label is None else [label]
        self.counts: Mapping[str, int] = {}

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._what, labels=self._labels)
        for value, count in self.counts.items():
            family.add_metric([value][: len(self._labels)], count)
        yield family


class LoopBlocks(Collector):
    """How often handlers of each job blocked the event loop, and for how long; job "": none did."""

    def __init__(self) -> None:
        self.blocks: Mapping[str, tuple[int, float]] = {}

    def collect(self) -> Iterator[SummaryMetricFamily]:
        family = SummaryMetricFamily(
            "callboard_loop_blocked_seconds",
            "Blocks of the event loop, by the job whose handler was at work",
            labels=["job"],
        )
        for job, (count, seconds) in self.blocks.items():
            family.add_metric([job], count_value=count, sum_value=seconds)
        yield family


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.runs_ended = Counter(
            "callboard_runs_ended", "Runs that ended on this node", ["state"], registry=registry
        )
        self.run_duration = Histogram(
            "callboard_run_duration_seconds",
            "From a run's start to its end",
            ["state"],
            buckets=_SLOW,
            registry=registry,
        )
        self.run_wait = Histogram(
            "callboard_run_wait_seconds",
            "From a run's due instant to its start",
            buckets=_FAST,
            registry=registry,
        )
        self.slot_lateness = Histogram(
            "callboard_slot_lateness_seconds",
            "From a slot to the creation of its runs",
            buckets=_FAST,
            registry=registry,
        )
        self.slots = BoardCounts(
            "callboard_slots", "Slots decided by this node: fired, or why skipped", "decision"
        )
        self.clock_jumps = BoardCounts(
            "callboard_clock_jumps", "Steps of clocks that this node noticed", "source"
        )
        registry.register(self.slots)
        registry.register(self.clock_jumps)
        self.loop_blocks = LoopBlocks()
        registry.register(self.loop_blocks)
        self.live_runs = Gauge(
            "callboard_live_runs", "Live runs on the whole database", ["state"], registry=registry
        )
        self.mailbox_depth = Gauge(
            "callboard_mailbox_depth", "Messages that wait", ["actor"], registry=registry
        )
        self.store_up = Gauge("callboard_store_up", "The database answers", registry=registry)
        self.ready = Gauge("callboard_ready", "The node schedules and runs", registry=registry)
        self.stuck = Gauge(
            "callboard_stuck_handlers",
            "Handlers on this node that go on although their runs have ended",
            registry=registry,
        )
        self.shards = Gauge(
            "callboard_shards",
            "Shards of triggers of which this node decides the slots",
            registry=registry,
        )
        self.taken_over = BoardCounts(
            "callboard_shards_taken_over", "Shards that this node took over from dead nodes"
        )
        registry.register(self.taken_over)
        self.clock_skew = Gauge(
            "callboard_clock_skew_seconds",
            "How far this node's clock is ahead of the database's",
            registry=registry,
        )
        self.requests = Counter(
            "callboard_http_requests",
            "Answered requests",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_duration = Histogram(
            "callboard_http_request_duration_seconds",
            "Until a request was answered",
            ["method", "route"],
            buckets=_FAST,
            registry=registry,
        )
        self.stream_clients = Gauge("callboard_stream_clients", "Open streams", registry=registry)
        self.loop_lag = Histogram(
            "callboard_loop_lag_seconds",
            "How late the event loop rings an alarm",
            buckets=_FAST,
            registry=registry,
        )
        build = Gauge("callboard_build_info", "Always 1", ["version"], registry=registry)
        build.labels(version=installed_version()).set(1)

    def observe_event(self, event: Event, node: str) -> None:
        """Count what an event tells."""
        run = event.run
        if run is None:
            return
        if event.type == "run.queued" and run.slot is not None and run.attempt == 1:
            self.slot_lateness.observe(max(0.0, (run.created_at - run.slot).total_seconds()))
        if run.node != node:
            return
        if event.type == "run.started" and run.started_at is not None:
            self.run_wait.observe(max(0.0, (run.started_at - run.due_at).total_seconds()))
        elif event.type == "run.ended":
            self.runs_ended.labels(state=run.state.value).inc()
            if run.started_at is not None and run.ended_at is not None:
                took = (run.ended_at - run.started_at).total_seconds()
                self.run_duration.labels(state=run.state.value).observe(max(0.0, took))

    def observe_request(self, method: str, route: str, status: int, took_s: float | None) -> None:
        """Count an answered request; `took_s` is None for a stream."""
        self.requests.labels(method=method, route=route, status=str(status)).inc()
        if took_s is not None:
            self.request_duration.labels(method=method, route=route).observe(took_s)

    async def exposition(self, board: Callboard, streams: int) -> bytes:
        """All figures in the text format, the gauges as of now."""
        health = board.health()
        self.slots.counts = health.slots
        self.clock_jumps.counts = health.clock_jumps
        self.loop_blocks.blocks = health.loop_blocks
        self.store_up.set(health.is_store_up)
        self.ready.set(health.is_ready)
        self.stuck.set(health.stuck)
        self.shards.set(health.shards)
        self.taken_over.counts = {"": health.shards_taken_over}
        self.clock_skew.set(health.clock_skew_s or 0.0)
        self.stream_clients.set(streams)
        for actor, depth in health.mailboxes.items():
            self.mailbox_depth.labels(actor=actor).set(depth)
        await self._count_live_runs(board)
        return generate_latest(self._registry)

    async def _count_live_runs(self, board: Callboard) -> None:
        try:
            counts = await board.count_live_runs()
        except CallboardError:
            # Old figures would look like new ones.
            self.live_runs.clear()
            return
        for state in LIVE:
            self.live_runs.labels(state=state.value).set(counts.get(state, 0))


@contextmanager
def probing_loop(metrics: Metrics, clock: Clock) -> Iterator[None]:
    """Measure the event loop's lag while the block runs."""
    alarms: list[Alarm] = []

    def ring(expected: float) -> None:
        now = clock.monotonic()
        metrics.loop_lag.observe(max(0.0, now - expected))
        alarms[:] = [set_alarm(now + LOOP_PROBE_S)]

    def set_alarm(at: float) -> Alarm:
        return clock.call_at(at, partial(ring, at))

    alarms.append(set_alarm(clock.monotonic() + LOOP_PROBE_S))
    try:
        yield
    finally:
        alarms[0].cancel()
