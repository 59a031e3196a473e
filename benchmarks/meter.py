"""CPU time and memory of this process, CPU time of the PostgreSQL server, and of all the rest."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Clocks at one moment, all in seconds."""

    wall: float
    client_cpu: float
    server_cpu: float | None
    """None: the server's processes cannot be seen from here."""
    machine_cpu: float | None
    """All cores together, whoever used them; None where the system does not tell."""

    @classmethod
    def take(cls, postmaster: int | None) -> Self:
        times = os.times()
        return cls(
            server_cpu=server_cpu_s(postmaster),
            machine_cpu=machine_cpu_s(),
            client_cpu=times.user + times.system,
            wall=time.perf_counter(),
        )

    def since(self, before: Reading) -> Span:
        return Span(
            wall_s=self.wall - before.wall,
            client_cpu_s=self.client_cpu - before.client_cpu,
            server_cpu_s=_difference(self.server_cpu, before.server_cpu),
            machine_cpu_s=_difference(self.machine_cpu, before.machine_cpu),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What passed between two readings."""

    wall_s: float
    client_cpu_s: float
    server_cpu_s: float | None
    machine_cpu_s: float | None

    def cost_of(self, count: int) -> dict[str, float]:
        """CPU microseconds for each of `count` pieces of work."""
        costs = {"cpu_client_us": self.client_cpu_s / count * 1e6}
        if self.server_cpu_s is not None:
            costs["cpu_server_us"] = self.server_cpu_s / count * 1e6
        return {**costs, **self._noise()}

    def load(self) -> dict[str, float]:
        """Percent of one core."""
        loads = {"idle_client_pct": 100 * self.client_cpu_s / self.wall_s}
        if self.server_cpu_s is not None:
            loads["idle_server_pct"] = 100 * self.server_cpu_s / self.wall_s
        return loads

    def _noise(self) -> dict[str, float]:
        """Percent of the machine that strangers took meanwhile: such a sample is worth less."""
        if self.machine_cpu_s is None:
            return {}
        others = self.machine_cpu_s - self.client_cpu_s - (self.server_cpu_s or 0.0)
        cores = (os.cpu_count() or 1) * self.wall_s
        return {"others_pct": min(100.0, max(0.0, 100 * others / cores))}


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def machine_cpu_s() -> float | None:
    """CPU seconds that all processes of the machine have used; Linux only."""
    try:
        words = (PROC / "stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(word) for word in words[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def server_cpu_s(postmaster: int | None) -> float | None:
    """CPU seconds of a postmaster, its living children and those it has buried.

    Linux only; ticks are 10 ms, so read it over spans of at least a few tenths of a second.
    """
    if postmaster is None:
        return None
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and (fields := stat_fields(int(entry.name))) is not None:
            if int(entry.name) == postmaster:
                total += sum(fields[11:15])
            elif fields[1] == postmaster:
                total += sum(fields[11:13])
    return total / tick


def stat_fields(pid: int) -> list[int] | None:
    """The numbers of /proc/PID/stat after the state, from the fourth column's place on.

    Index 1 is the parent, 11 to 14 are utime, stime, cutime and cstime in ticks. None: gone, or
    no Linux.
    """
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The name, in parentheses, may hold spaces and parentheses of its own.
    rest = text.rpartition(")")[2].split()
    return [0, *(int(field) for field in rest[1:16])]


def rss_mb() -> float:
    """Memory of this process in MB; 0 where the system does not tell."""
    try:
        pages = int((PROC / "self" / "statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
