"""LiveRuns: the runs that are executed now and how far they are, as the stream tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from callboard_service.cli.text import parse_instant

ON_NODE: Final = ("running", "stopping")
Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A run that is executed now."""

    id: int
    job: str
    state: str
    node: str | None
    started_at: datetime
    done: float | None = None
    total: float | None = None
    note: str = ""
    said_at: datetime | None = None

    @property
    def share(self) -> float | None:
        """From 0 to 1; None: it does not say."""
        if self.done is None or not self.total:
            return None
        return min(1.0, self.done / self.total)

    @property
    def per_s(self) -> float | None:
        """How much it does in a second, over all of its time; None: it does not say."""
        if not self.done or self.said_at is None:
            return None
        took_s = (self.said_at - self.started_at).total_seconds()
        return self.done / took_s if took_s > 0 else None

    def left_s(self, now: datetime) -> float | None:
        """Seconds until it is done if it goes on like this; None: nobody knows."""
        per_s = self.per_s
        if self.done is None or not self.total or per_s is None or self.said_at is None:
            return None
        since_s = max(0.0, (now - self.said_at).total_seconds())
        return max(0.0, (self.total - self.done) / per_s - since_s)


class LiveRuns:
    """Kept by the messages of a stream, in their order."""

    def __init__(self) -> None:
        self._runs: dict[int, LiveRun] = {}

    def __iter__(self) -> Iterator[LiveRun]:
        """Those that began first, first."""
        return iter(sorted(self._runs.values(), key=lambda run: (run.started_at, run.id)))

    def __len__(self) -> int:
        return len(self._runs)

    def hear(self, message: Message) -> list[LiveRun]:
        """Take note of a message; the runs that it says are executed."""
        if message["type"] == "snapshot":
            self._runs.clear()
            found = [self._see(run) for run in message["runs"]]
        else:
            found = [self._see(message["run"])] if message.get("run") is not None else []
        return [run for run in found if run is not None]

    def _see(self, run: Mapping[str, Any]) -> LiveRun | None:
        if run["state"] not in ON_NODE or run["started_at"] is None:
            self._runs.pop(run["id"], None)
            return None
        seen = self._runs[run["id"]] = live_run(run)
        return seen


def live_run(run: Mapping[str, Any]) -> LiveRun:
    """The run of a resource of the API."""
    said = run["progress"] or {}
    at = said.get("at")
    return LiveRun(
        id=run["id"],
        job=run["job"],
        state=run["state"],
        node=run["node"],
        started_at=parse_instant(run["started_at"]),
        done=said.get("done"),
        total=said.get("total"),
        note=said.get("note") or "",
        said_at=None if at is None else parse_instant(at),
    )
