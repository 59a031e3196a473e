"""The workloads: what each measures, its size, and which way is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure of a workload beside its main one."""

    key: str
    label: str
    """With a place for the figure: `p99 {} ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the systems are asked to do."""

    name: str
    title: str
    """`{count}` stands for the size of the run."""
    unit: str
    is_more_better: bool
    count: int
    least: int
    """The size below which `--scale` does not go."""
    also: tuple[Metric, ...] = ()
    lead_rate: float | None = None
    """Systems are to begin at an instant, and have a second for so many registrations until it."""

    def size(self, scale: float) -> int:
        return max(self.least, round(self.count * scale))


_REGISTER: Final = Metric(key="register_per_s", label="registered {}/s")
_IDLE: Final = (
    Metric(key="idle_client_pct", label="idle CPU {} %"),
    Metric(key="idle_server_pct", label="server {} %"),
    Metric(key="rss_mb", label="RSS {} MB"),
)

WORKLOADS: Final[Sequence[Workload]] = (
    Workload(
        name="W1",
        title="{count} starts, one at a time by 100 submitters, each durable when it returns",
        unit="starts/s",
        is_more_better=True,
        count=20_000,
        least=100,
    ),
    Workload(
        name="W1b",
        title="{count} starts in calls of 1,000, each durable when it returns",
        unit="starts/s",
        is_more_better=True,
        count=20_000,
        least=100,
    ),
    Workload(
        name="W2",
        title="{count} queued no-op runs drained by one process, 100 at once, all recorded",
        unit="runs/s",
        is_more_better=True,
        count=20_000,
        least=100,
    ),
    Workload(
        name="W3",
        title="{count} starts at 50/s into an idle node: call to first line of the handler, p50",
        unit="ms",
        is_more_better=False,
        count=1_000,
        least=20,
        also=(Metric(key="p99_ms", label="p99 {} ms"), Metric(key="max_ms", label="max {} ms")),
    ),
    Workload(
        name="W4",
        title="{count} one-shot timers due over one second: lateness, p99",
        unit="ms",
        is_more_better=False,
        count=10_000,
        least=50,
        also=(Metric(key="p50_ms", label="p50 {} ms"), _REGISTER, *_IDLE),
        lead_rate=600.0,
    ),
    Workload(
        name="W4c",
        title="{count} one-shot timers due over one second: lateness, p99",
        unit="ms",
        is_more_better=False,
        count=100_000,
        least=50,
        also=(Metric(key="p50_ms", label="p50 {} ms"), _REGISTER, *_IDLE),
        lead_rate=1_400.0,
    ),
    Workload(
        name="W4d",
        title="{count} one-shot timers registered in calls of 1,000",
        unit="timers/s",
        is_more_better=True,
        count=20_000,
        least=100,
    ),
    Workload(
        name="W4b",
        title="{count} recurring triggers due at one instant: lateness, p99",
        unit="ms",
        is_more_better=False,
        count=10_000,
        least=50,
        also=(Metric(key="p50_ms", label="p50 {} ms"), _REGISTER, *_IDLE),
        lead_rate=600.0,
    ),
    Workload(
        name="W5",
        title="{count} no-op runs started in bulk and drained, on the store in memory",
        unit="runs/s",
        is_more_better=True,
        count=20_000,
        least=100,
        also=(Metric(key="rss_mb", label="RSS {} MB"),),
    ),
)
